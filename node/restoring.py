"""Restoring a node: a backup takes the place of its store.

What was there is moved aside and never deleted. The new file is finished beside the old one first, and takes its place
by renaming; interrupted anywhere, the folder holds the old store, untouched, or the finished new one under a name of
its own, and then says so until the restore is run again. The witness stays as it is: it remembers commits that the
backup lacks, so the node says at its next start what is missing (``commits_missing``), and gets it back from its
parent.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.backup import FACT_BACKUP, Backup, stamp, sync_file, told, verify
from node.clock import Clock
from node.database import RESTORING_SUFFIX, require_unused
from node.encryption import StoreKey
from node.errors import DansyncError, HoldingError
from node.ids import NodeId
from node.secret import sync_folder
from node.store import Store
from node.witness import DiskWitnessFile, Missing, Witness

FACT_RESTORED: Final = "restored"  # from which backup this store was restored, and when
ASIDE: Final = "aside-"
_BESIDE: Final = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a restore would do. ``missing``: commits that were made here, by the witness, and are not in the backup;
    ``done``: the store is this backup already.
    """

    backup: Backup
    missing: tuple[Missing, ...]
    done: bool


def plan(path: Path, file: Path, node_id: NodeId, *, key: StoreKey | None, clock: Clock, source: random.Random) -> Plan:
    """Look through a backup and compare it with what is in its place now. Changes nothing.

    Raises ``HoldingError`` if it is another node's, and what ``backup.verify`` raises.
    """
    backup = verify(file, key, clock=clock, source=source)
    if backup.node_id != node_id:
        raise HoldingError(
            f"{file} is a backup of node {backup.node_id}, and this is the folder of node {node_id}.",
            hint="Name a backup of this node.",
        )
    copy = Store.open(file, clock=clock, source=source, mode="inspect", key=key)
    try:
        witnessed = Witness(DiskWitnessFile(f"{path}.witness")).heads()
        own = [
            (head, copy.hash_at(head.origin, witnessed[head.origin].seq))
            for head in backup.own_heads
            if head.origin in witnessed
        ]
    finally:
        copy.close()
    missing = tuple(Witness(DiskWitnessFile(f"{path}.witness")).missing(own))
    return Plan(backup, missing, _is_done(path, backup, key, clock, source))


def _is_done(path: Path, backup: Backup, key: StoreKey | None, clock: Clock, source: random.Random) -> bool:
    """The store was restored from this backup, and nothing has come since."""
    try:
        store = Store.open(path, clock=clock, source=source, mode="inspect", key=key)
    except DansyncError:
        return False
    try:
        value = store.fact(FACT_RESTORED)
        heads = {state.head for state in store.states()}
        return value is not None and json.loads(value)["taken_at"] == backup.taken_at and heads == set(backup.heads)
    except DansyncError:
        return False
    finally:
        store.close()


def restore(path: Path, found: Plan, *, key: StoreKey | None, clock: Clock, source: random.Random) -> Path | None:
    """Put a backup in the place of a store that nobody uses. Returns the folder to which what was there was moved; None
    if nothing was.

    Raises ``StoreBusy`` if somebody uses it, ``StoreFull``, ``StoreError``. Run again after an interruption, it goes
    on.
    """
    *_, aside = steps(path, found, key=key, clock=clock, source=source)
    return aside


def steps(
    path: Path, found: Plan, *, key: StoreKey | None, clock: Clock, source: random.Random
) -> Generator[Path | None, None, None]:
    """The steps of ``restore``, one at a time: each leaves a folder that can be started or says what to do."""
    require_unused(path, key)
    now = clock.wall_ms()
    ready = path.with_name(path.name + RESTORING_SUFFIX)
    part = path.with_name(f"{ready.name}.part")
    with told(path):
        _prepare(part, found.backup, key, clock, source)
        yield None
        sync_file(part)
        part.replace(ready)
        sync_folder(path.parent)
        yield None
        # The store itself first: without it nothing opens the folder. The log beside it must be gone before the new
        # file comes, or SQLite would take it for that one's.
        aside = _aside(path, now)
        for name in (path.name + end for end in _BESIDE):
            if aside is not None and path.with_name(name).exists():
                path.with_name(name).rename(aside / name)
                yield aside
        if aside is not None:
            sync_folder(aside)
        sync_folder(path.parent)
        ready.rename(path)
        sync_folder(path.parent)
    yield aside


def _prepare(part: Path, backup: Backup, key: StoreKey | None, clock: Clock, source: random.Random) -> None:
    """The backup as the store that it will be: another incarnation, and a word about it for people."""
    part.with_name(f"{part.name}-journal").unlink(missing_ok=True)  # of a try that was interrupted
    shutil.copyfile(backup.path, part)
    store = Store.open(part, clock=clock, source=source, mode="copy", key=key)
    try:
        with store.database.transaction():
            now = clock.wall_ms()
            store.renew_incarnation()
            store.forget_fact(FACT_BACKUP)
            store.keep_fact(FACT_RESTORED, json.dumps({"taken_at": backup.taken_at, "restored_at": now}).encode())
            store.alarm_now(
                "restored_from_backup",
                None,
                f"this store was restored from the backup {stamp(backup.taken_at)}; what was written since then comes "
                "back from the parent, as far as it was sent",
                now,
            )
    finally:
        store.close()


def _aside(path: Path, now: int) -> Path | None:
    """The folder for what is there now; the one of an interrupted try, if that has moved the store and not all."""
    there = [path.with_name(path.name + end) for end in _BESIDE]
    if not any(file.exists() for file in there):
        return None
    if not path.exists():
        earlier = sorted(folder for folder in path.parent.glob(f"{ASIDE}*") if (folder / path.name).exists())
        if earlier and not (earlier[-1] / there[1].name).exists():
            return earlier[-1]
    number = 1
    while (folder := path.parent / f"{ASIDE}{stamp(now)}{f'-{number}' if number > 1 else ''}").exists():
        number += 1
    folder.mkdir(0o700)
    return folder
