"""Whether a node's daemon runs, and where: its lock says whether, a small file beside it says the rest.

A daemon that was killed leaves the file behind, so it counts only while its process lives and the lock is held.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from filelock import FileLock, Timeout

from ops.config import NodeConfig

PRESENCE_NAME: Final = "daemon.json"


@dataclass(frozen=True, slots=True)
class Presence:
    """A daemon at work. ``listen`` is the address that it really got; ``started_at`` is Unix ms."""

    pid: int
    listen: str
    parent: str
    metrics: str
    started_at: int


@contextlib.contextmanager
def announced(config: NodeConfig, presence: Presence) -> Iterator[None]:
    """Say where the daemon is while it works. The daemon's lock is held meanwhile."""
    path = config.folder / PRESENCE_NAME
    with contextlib.suppress(OSError):  # only what `status` shows depends on it
        path.write_text(json.dumps(asdict(presence)), encoding="utf-8")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def presence(config: NodeConfig) -> Presence | None:
    """What the running daemon said of itself; None if none runs."""
    try:
        there = Presence(**json.loads((config.folder / PRESENCE_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return there if _is_alive(there.pid) and _is_locked(config) else None


def _is_alive(pid: int) -> bool:
    """Whether there may be such a process.

    Asked first, so that nobody who only looks ever holds the lock of a daemon that is about to start.
    """
    if sys.platform == "win32":  # there, signal 0 is Ctrl+C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's
    return True


def _is_locked(config: NodeConfig) -> bool:
    if not config.lock_path.exists():
        return False
    lock = FileLock(config.lock_path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False  # a folder that we may only read; its daemon is not ours
    lock.release()
    return False
