"""What an operator wants to know of sticks: when a file was last given to a neighbour, and taken from one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa

from node.ids import NodeId
from node.schema import meta, sql
from node.store import Store

Way = Literal["given", "taken"]

_PREFIX: Final = "courier "  # in front of the way and the neighbour's name, as keys of the table meta
_VALUE: Final = struct.Struct(">qqQ")
_SELECT: Final = sql(
    sa.select(meta.c.key, meta.c.value).where(meta.c.key.startswith(sa.bindparam("prefix"))).order_by(meta.c.key)
)
_UPSERT: Final = (
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


@dataclass(frozen=True, slots=True)
class Trip:
    """The last file of one kind. ``at_ms`` here, ``made_at_ms`` by the clock of whoever packed it (the newest of all
    that were taken); ``commits`` that were in it, or that were new here.
    """

    way: Way
    peer: NodeId
    at_ms: int
    made_at_ms: int
    commits: int


def note(store: Store, trip: Trip) -> None:
    """Remember the last one."""
    known = next((item for item in trips(store) if (item.way, item.peer) == (trip.way, trip.peer)), trip)
    value = _VALUE.pack(trip.at_ms, max(trip.made_at_ms, known.made_at_ms), trip.commits)
    with store.database.transaction() as connection:
        connection.execute(_UPSERT, {"key": f"{_PREFIX}{trip.way} {trip.peer}", "value": value})


def trips(store: Store) -> tuple[Trip, ...]:
    return tuple(_read(store))


def _read(store: Store) -> Iterator[Trip]:
    with store.database.snapshot() as connection:
        rows = list(connection.execute(_SELECT, {"prefix": _PREFIX}))
    for key, value in rows:
        _courier, way, peer = str(key).split(" ", 2)
        at_ms, made_at_ms, commits = _VALUE.unpack(bytes(value))
        yield Trip("given" if way == "given" else "taken", NodeId(peer), at_ms, made_at_ms, commits)
