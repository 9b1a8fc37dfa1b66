"""A backup: one file with a consistent copy of a store, proved by opening it (RELIABILITY 0.12).

It is made beside a running node by VACUUM INTO, which reads in one transaction and keeps the store's encryption, under
a name of its own; it gets its place only after it was synced, opened again and looked through. What it holds is the
store: registers, logs, heads. It does not hold the node's private key, nor the key of an encrypted store.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypedDict

import apsw

from node.chain import Head
from node.clock import Clock
from node.database import explained
from node.encryption import PLAIN_HEADER, StoreKey, header_of
from node.errors import DansyncError, StoreDamaged, StoreError, StoreFull, UsageError
from node.ids import NodeId, OriginId
from node.schema import SCHEMA_VERSION
from node.scrub import finish, scrub_origin
from node.secret import sync_folder
from node.store import Store

FACT_BACKUP: Final = "backup"  # in a copy: that it is one, of whom, when and at which heads
FACT_BACKED_UP: Final = "backed_up_at"  # in a store: when the last backup of it was finished, Unix ms
SUFFIX: Final = ".dansync-backup"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_PART: Final = ".part"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was opened and looked through. ``taken_at`` is Unix ms; ``schema_version`` that of the file."""

    path: Path
    node_id: NodeId
    taken_at: int
    heads: tuple[Head, ...]
    own: frozenset[OriginId]
    size_bytes: int
    encrypted: bool
    schema_version: int

    @property
    def own_heads(self) -> tuple[Head, ...]:
        return tuple(head for head in self.heads if head.origin in self.own)


def stamp(unix_ms: int) -> str:
    """A time as names of files have it, UTC."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=unix_ms)).strftime(_STAMP)


def backed_up_at(store: Store) -> int | None:
    """When the last backup of this store was finished, Unix ms; None if none ever was."""
    value = store.fact(FACT_BACKED_UP)
    return None if value is None else int(value)


# --- taking ---------------------------------------------------------------------------------------------------------


def take(store: Store, to: Path, *, key: StoreKey | None, source: random.Random) -> Backup:
    """Copy a store, which others may be writing, to a file, or into a folder under a name with the time.

    Raises ``UsageError`` if there is such a file, ``StoreDamaged`` if the copy does not hold what it should (then the
    store does not either), ``StoreFull``, ``StoreError``. A file that is not a whole backup never has its name.
    """
    now = store.clock.wall_ms()
    target = to / f"{store.node_id}-{stamp(now)}{SUFFIX}" if to.is_dir() else to
    if target.exists():
        raise UsageError(
            f"There is already a file {target}. It was not touched.",
            hint="Give another name, or a folder: each backup in it gets a name with the time.",
        )
    part = target.with_name(target.name + _PART)
    try:
        with told(target):
            for leftover in (part, part.with_name(f"{part.name}-journal")):  # of a try that was interrupted
                leftover.unlink(missing_ok=True)
            _vacuum(store, part)
            _mark(part, key, store.clock, source, now)
            sync_file(part)
            backup = verify(part, key, clock=store.clock, source=source)
            part.rename(target)
            sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return replace(backup, path=target)


def _vacuum(store: Store, part: Path) -> None:
    with explained(store.database.path):
        try:
            store.connection.execute("VACUUM INTO ?", (str(part),)).fetchall()
        except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError) as error:  # the store itself is open
            raise StoreError(
                f"{part.with_suffix('')} cannot be written ({error}).",
                hint="Check that its folder exists, and that this user may write there.",
            ) from error


@contextlib.contextmanager
def told(target: Path) -> Iterator[None]:
    """Problems of the place where a copy goes, in words about that place."""
    try:
        yield
    except StoreFull as error:
        raise _no_room(target) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _no_room(target) from error
        raise StoreError(
            f"{target} cannot be written ({error.strerror}).",
            hint="Check that its folder exists, and that this user may write there.",
        ) from error


def _no_room(target: Path) -> StoreFull:
    return StoreFull(
        f"There is no room on the disk for {target}. Nothing was changed.", hint="Free some space and try again."
    )


def _mark(path: Path, key: StoreKey | None, clock: Clock, source: random.Random, now: int) -> None:
    """Write into the copy that it is one."""
    copy = Store.open(path, clock=clock, source=source, mode="copy", key=key)
    try:
        text = json.dumps({"node_id": copy.node_id, "taken_at": now, "heads": _heads_text(copy)})
        copy.keep_fact(FACT_BACKUP, text.encode())
    finally:
        copy.close()


def _heads_text(store: Store) -> list[list[object]]:
    return [[state.head.origin.hex(), int(state.head.seq), state.head.hash.hex()] for state in store.states()]


def sync_file(path: Path) -> None:
    """What was written to a file is on the disk when this returns."""
    descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- verifying ------------------------------------------------------------------------------------------------------


def verify(path: Path, key: StoreKey | None, *, clock: Clock, source: random.Random) -> Backup:
    """Open a backup and look through it: SQLite's own check of all pages, every log against its hashes and its head,
    the rows of own origins against their log. Changes nothing.

    Raises ``StoreDamaged`` if something is wrong with it, ``UsageError`` if it is no backup, ``StoreError`` if it
    cannot be opened.
    """
    if not path.is_file():
        raise UsageError(f"There is no backup at {path}.", hint="Name the file that dansync backup has made.")
    if key is not None and header_of(path) == PLAIN_HEADER:
        raise StoreError(
            f"Encryption is configured, and the backup {path} is a plain file: it was made before.",
            hint="Take the setting encryption out of node.toml, restore, and encrypt again with: dansync encrypt",
        )
    copy = Store.open(path, clock=clock, source=source, mode="inspect", key=key)
    try:
        return _looked_through(copy, path, encrypted=key is not None)
    except StoreDamaged as error:
        raise _spoilt(path, error.message) from error
    finally:
        copy.close()


def _looked_through(copy: Store, path: Path, *, encrypted: bool) -> Backup:
    mark = _mark_of(copy, path)
    with copy.database.snapshot() as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if found != [("ok",)]:
        raise StoreDamaged(str(found[0][0]))
    if _heads_text(copy) != mark["heads"]:
        raise StoreDamaged("its heads are not those at which it was made")
    states = copy.states()
    version = int(copy.connection.pragma("user_version"))
    for state in states:
        look_at_rows = state.own and version == SCHEMA_VERSION
        sound = finish(scrub_origin(copy, state.head, own=state.own, rows=look_at_rows))
        if sound.verdict == "log_rot":
            raise StoreDamaged(sound.detail)
        if sound.verdict == "rot":
            raise StoreDamaged(f"rows are not what the log says: {sound.detail}")
    return Backup(
        path,
        copy.node_id,
        mark["taken_at"],
        tuple(state.head for state in states),
        own=frozenset(state.head.origin for state in states if state.own),
        size_bytes=path.stat().st_size,
        encrypted=encrypted,
        schema_version=version,
    )


def read_mark(path: Path, key: StoreKey | None, *, clock: Clock, source: random.Random) -> tuple[NodeId, int]:
    """Whose backup a file says that it is, and when it was taken, without looking through it.

    Raises ``UsageError`` if it is no backup, and ``StoreError``.
    """
    copy = Store.open(path, clock=clock, source=source, mode="inspect", key=key)
    try:
        return copy.node_id, _mark_of(copy, path)["taken_at"]
    finally:
        copy.close()


class _Mark(TypedDict):
    node_id: str
    taken_at: int
    heads: list[list[object]]


def _mark_of(copy: Store, path: Path) -> _Mark:
    value = copy.fact(FACT_BACKUP)
    if value is None:
        raise UsageError(
            f"{path} is a store, and no backup that dansync backup has made.",
            hint="A file that was copied by hand may lack what was in its write-ahead log; name a backup.",
        )
    try:
        mark = json.loads(value)
        return _Mark(node_id=str(mark["node_id"]), taken_at=int(mark["taken_at"]), heads=list(mark["heads"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _spoilt(path, "what it says of itself cannot be read") from error


def _spoilt(path: Path, detail: str) -> StoreDamaged:
    return StoreDamaged(
        f"The copy {path} is not sound: {detail}",
        hint="If it was made just now, look at the store: dansync scrub FOLDER. Else take another backup.",
    )


# --- keeping a few ----------------------------------------------------------------------------------------------------


def prune(taken: Backup, keep: int, *, key: StoreKey | None, clock: Clock, source: random.Random) -> list[Path]:
    """Remove all but the newest ``keep`` backups of a node from the folder of the one that was just taken, which stays
    whatever the clock says. Only files with the names that ``take`` gives and that are backups of this node are
    touched. Returns what was removed.
    """
    pattern = re.compile(re.escape(taken.node_id) + r"-\d{8}T\d{6}Z" + re.escape(SUFFIX))
    found = sorted(
        path
        for path in taken.path.parent.iterdir()
        if pattern.fullmatch(path.name) and path != taken.path and _is_of(path, taken.node_id, key, clock, source)
    )
    removed = found[: max(len(found) - (keep - 1), 0)]
    for path in removed:
        path.unlink()
    return removed


def _is_of(path: Path, node_id: NodeId, key: StoreKey | None, clock: Clock, source: random.Random) -> bool:
    try:
        return read_mark(path, key, clock=clock, source=source)[0] == node_id
    except DansyncError:
        return False
