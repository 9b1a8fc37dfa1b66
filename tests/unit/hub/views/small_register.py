"""Small stores for the tests of views: one node, rows as the register operations write them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from node.chain import Commit
from node.clock import ManualClock
from node.ids import NodeId, OriginId, RowId, Seq
from node.store import Profile, Store

_PERSON = "INSERT INTO person (origin, id, source_id, full_name, residence, state) VALUES (?, ?, ?, ?, ?, ?)"
_EVENT = (
    "INSERT INTO event (origin, id, source_id, kind, event_date, recorded_at, person_id, other_place, other_person_id,"
    " target_event_id, residence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Event:
    source_id: str
    kind: str
    day: str
    person: str
    place: str = ""
    other: str = ""
    target: str = ""
    residence: str = ""


@dataclass(frozen=True, slots=True)
class Commune:
    """What one node registers; a source id that begins with ``-`` stands for a row made by hand."""

    node_id: str
    parent_id: str = "P"
    persons: tuple[tuple[str, str], ...] = ()  # source id, residence
    events: tuple[Event, ...] = ()


def make_store(path: Path, commune: Commune, *, seed: int = 1) -> Store:
    """A store whose ids depend on ``seed`` and the commune alone."""
    source = random.Random(f"{seed} {commune.node_id}")
    profile = Profile(NodeId(commune.node_id), NodeId(commune.parent_id), "commune", "", "", f"Place {commune.node_id}")
    store = Store.create(path, profile, clock=ManualClock(1_000), source=source)
    if not commune.persons:
        return store
    origin = store.own_origin()
    ids: dict[str, RowId | None] = {"": None}
    with store.capture(author="a", kind="register", recorded_at=0) as capture:
        for name, residence in commune.persons:
            ids[name] = store.new_row_id(0)
            capture.connection.execute(_PERSON, (origin, ids[name], _source(name), name, residence, ""))
        for event in commune.events:
            ids[event.source_id] = store.new_row_id(0)
        for event in commune.events:
            row = (
                origin,
                ids[event.source_id],
                _source(event.source_id),
                event.kind,
                event.day,
                f"{event.day}T08:00:00+07:00",
                ids[event.person],
                event.place,
                ids[event.other],
                ids[event.target],
                event.residence,
            )
            capture.connection.execute(_EVENT, row)
    return store


def rule(store: Store, one: str, other: str, verdict: str, recorded_at: str) -> None:
    """A reviewer's ruling in the store's own origin."""
    with store.capture(author="a", kind="register", recorded_at=0) as capture:
        capture.connection.execute(
            "INSERT INTO event (origin, id, source_id, kind, recorded_at, person_ref, other_person_ref, reason)"
            " VALUES (?, ?, 'r1', 'ruling', ?, ?, ?, ?)",
            (store.own_origin(), store.new_row_id(0), recorded_at, one, other, verdict),
        )


def _source(name: str) -> str:
    return "" if name.startswith("-") else name


def replicate(parent: Store, child: Store) -> None:
    """Bring everything that a store holds to another one, as replication leaves it: the same rows, heads and profile."""
    for state in child.states():
        copy_origin(parent, child, state.head.origin)


def copy_origin(parent: Store, child: Store, origin: OriginId) -> None:
    commits: list[Commit] = child.read_commits(origin, Seq(0))
    with parent.database.transaction() as connection:
        parent.database.guard.origin = origin
        try:
            for table in ("origin_profile", "household", "person", "event"):
                rows = child.connection.execute(f"SELECT * FROM {table} WHERE origin = ?", (origin,)).fetchall()
                for row in rows:
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        finally:
            parent.database.guard.origin = None
        head = commits[-1]
        connection.execute(
            "INSERT INTO origin_head (origin, seq, hash, own, via) VALUES (?, ?, ?, 0, ?)",
            (origin, head.seq, head.hash, child.node_id),
        )
