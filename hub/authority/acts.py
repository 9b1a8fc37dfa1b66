"""Writing reference data: rows of the reference origin, inside one captured transaction an act."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from node.capture import Capture
from node.chain import KIND_ADMINISTRATION
from node.errors import UsageError
from node.ids import OriginId, RowId
from node.schema import REFERENCE_TABLES, sql
from node.store import Store

Value = str | bytes | int

_TABLES: Final = {table.name: table for table in REFERENCE_TABLES}


class Act:
    """One act under way."""

    def __init__(self, store: Store, origin: OriginId, capture: Capture, now_ms: int) -> None:
        self._store = store
        self._origin = origin
        self._capture = capture
        self._now_ms = now_ms

    def insert(self, table: str, **values: Value) -> RowId:
        """A new row; returns its id."""
        row_id = self._store.new_row_id(self._now_ms)
        names = ("origin", "id", *values)
        statement = sql(sa.insert(_TABLES[table]).values({name: sa.bindparam(name) for name in names}))
        self._capture.connection.execute(statement, {"origin": self._origin, "id": row_id, **values})
        return row_id

    def update(self, table: str, row_id: RowId, **values: Value) -> None:
        """Change some columns of a row."""
        columns = _TABLES[table].c
        statement = sql(
            sa.update(_TABLES[table])
            .where(columns.origin == sa.bindparam("which_origin"), columns.id == sa.bindparam("which_id"))
            .values({name: sa.bindparam(name) for name in values})
        )
        self._capture.connection.execute(statement, {"which_origin": self._origin, "which_id": row_id, **values})


def require_authority(store: Store) -> OriginId:
    """The origin that this node's acts are written to. Raises ``UsageError`` where it is not the authority."""
    origin = store.reference_origin()
    if origin is None or origin not in store.own_origins():
        raise UsageError(
            f"Node {store.node_id} is not the authority of its tree.",
            hint="Run this at the root of the tree, where dansync ca init was run.",
        )
    return origin


@contextlib.contextmanager
def act(store: Store, *, by: str, what: str) -> Iterator[Act]:
    """One act of the authority: all of it, or nothing. ``what`` stands in the log as the tag.

    Raises ``UsageError`` where this node is not the authority.
    """
    origin = require_authority(store)
    now_ms = store.clock.wall_ms()
    with store.capture(author=by, kind=KIND_ADMINISTRATION, tag=what, recorded_at=now_ms, origin=origin) as capture:
        yield Act(store, origin, capture, now_ms)
