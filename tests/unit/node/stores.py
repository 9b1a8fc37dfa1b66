"""Stores in memory-like files for tests of the store's layer, and rows as the tests write them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from node.chain import KIND_REGISTER, Commit
from node.clock import ManualClock
from node.ids import NodeId, OriginId, RowId
from node.store import Profile, Store

NOW_MS = 1_750_000_000_000
INSERT_PERSON = "INSERT INTO person (origin, id, full_name, phone) VALUES (?,?,?,?)"
UPDATE_PHONE = "UPDATE person SET phone = ? WHERE origin = ? AND id = ?"
INSERT_EVENT = "INSERT INTO event (origin, id, kind, event_date) VALUES (?,?,?,?)"


def profile(name: str = "c") -> Profile:
    return Profile(NodeId(name), NodeId(""), "commune", "21550", "2020-01-01", name)


def new_store(folder: Path, name: str = "c") -> Store:
    folder.mkdir(parents=True, exist_ok=True)
    return Store.create(folder / f"{name}.db", profile(name), clock=ManualClock(NOW_MS), source=random.Random(name))


def add_persons(store: Store, names: Sequence[str], *, origin: OriginId | None = None) -> list[RowId]:
    """One commit with a person for each name."""
    which = store.own_origin() if origin is None else origin
    ids = [store.new_row_id(NOW_MS) for _ in names]
    with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=NOW_MS, origin=which) as capture:
        for row_id, name in zip(ids, names, strict=True):
            capture.connection.execute(INSERT_PERSON, (which, row_id, name, ""))
    return ids


def change_phone(store: Store, row_id: RowId, phone: str) -> None:
    origin = store.own_origin()
    with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=NOW_MS) as capture:
        capture.connection.execute(UPDATE_PHONE, (phone, origin, row_id))


def all_commits(store: Store, origin: OriginId) -> list[Commit]:
    found: list[Commit] = []
    while page := store.read_commits(origin, found[-1].seq if found else type(store.head(origin).seq)(0)):
        found += page
    return found


def people(store: Store, origin: OriginId) -> dict[RowId, tuple[str, str]]:
    rows = store.connection.execute("SELECT id, full_name, phone FROM person WHERE origin = ?", (origin,))
    return {RowId(row[0]): (str(row[1]), str(row[2])) for row in rows}
