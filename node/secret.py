"""Writing a file with a secret in it: a key, an invitation. It appears whole or not at all, and only its owner can read
it; whoever is interrupted can try again.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path


def write_secret(path: Path, data: bytes) -> None:
    """Make a new file of mode 0600, durable on return. Raises ``FileExistsError`` if there is one, and ``OSError``."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    temporary = path.with_name(f".{path.name}.part")
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # of a try that was killed
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _name(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def _name(temporary: Path, path: Path) -> None:
    """Never over a file that somebody else has made meanwhile, where the file system has links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Make a rename durable, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
