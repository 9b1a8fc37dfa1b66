"""Rebuilding an origin's rows from its own log, apart from the store, and putting rows right by it.

The log is proved by its hashes, so what is replayed from it is what the holder wrote, whatever happened to the rows
since. That is how a copy that differs from the holder's statement is mended down to the row without asking anybody, and
how a holder finds out that its own rows have rotted. The rebuilt rows lie in memory: they are never written in plain
text beside an encrypted store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, cast

import apsw
import sqlalchemy as sa

from node import changelog, snapshots
from node.chain import Head, check_chain
from node.database import Database, scratch_database
from node.digest import origin_digest
from node.errors import CommitRefused, FrameRefused
from node.ids import Hash, OriginId, RowId
from node.replay import Replay, Row, RowKey, triggers_off
from node.schema import CAPTURED_TABLES, COLUMN_NAMES, sql

_PAGE: Final = 500
_SELECT: Final = {
    table.name: sql(sa.select(*table.columns).where(table.c.origin == sa.bindparam("which")).order_by(table.c.id))
    for table in CAPTURED_TABLES
}
_DELETE: Final = {name: f"DELETE FROM {name} WHERE origin = ? AND id = ?" for name in COLUMN_NAMES}
_INSERT: Final = {
    name: f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for name, columns in COLUMN_NAMES.items()
}


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that is not as the log says; None: there is no such row."""

    key: RowKey
    here: Row | None
    there: Row | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that differ; empty if one side has no such row."""
        if self.here is None or self.there is None:
            return ()
        names = COLUMN_NAMES[self.key[0]]
        return tuple(name for name, a, b in zip(names, self.here, self.there, strict=True) if a != b)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The rows of one origin at ``head``, as its log makes them; ``digest`` is theirs."""

    database: Database
    head: Head
    digest: Hash


@contextlib.contextmanager
def rebuilt(connection: apsw.Connection, head: Head) -> Iterator[Rebuilt | None]:
    """The rows of an origin at its head, from the snapshot at its floor and the log behind it; None if the log is not
    whole, or holds what cannot be applied.

    Run it inside one snapshot of the store. Takes memory in proportion to the origin: about 1 KiB a person.
    """
    scratch = scratch_database()
    try:
        with scratch.transaction():
            whole = _replay(connection, scratch.connection, head)
        if whole:
            yield Rebuilt(scratch, head, origin_digest(scratch.connection, head.origin).value)
        else:
            yield None
    finally:
        scratch.close()


def _replay(connection: apsw.Connection, scratch: apsw.Connection, head: Head) -> bool:
    """All of the log, each commit proved by its hash, on what stood at its floor."""
    position = changelog.floor_of(connection, head.origin)
    if position.seq and not lay_floor(connection, scratch, position):
        return False
    replay = Replay(scratch, {})
    while position.seq < head.seq:
        page = list(changelog.read_commits(connection, head.origin, position.seq, count=_PAGE))
        try:
            position = check_chain(position, page)
        except CommitRefused:
            return False
        if not page:
            return False
        replay.apply(page)
        if replay.quarantined:
            return False
    return position == head


def lay_floor(connection: apsw.Connection, scratch: apsw.Connection, floor: Head) -> bool:
    """The rows of the snapshot at the floor, if they are still those that were signed."""
    found = next((item for item in snapshots.whole(connection, floor.origin) if item.head == floor), None)
    if found is None:
        return False
    try:
        with triggers_off(scratch):
            snapshots.copy_rows(connection, found.offer, scratch)
    except FrameRefused:
        return False
    return origin_digest(scratch, floor.origin).value == found.offer.statement.digest


def differences(connection: apsw.Connection, there: Rebuilt) -> Iterator[RowDifference]:
    """The rows of a store that are not as the log makes them."""
    for table in COLUMN_NAMES:
        ours = _rows(connection, table, there.head.origin)
        yield from _table_differences(table, ours, _rows(there.database.connection, table, there.head.origin))


def _rows(connection: apsw.Connection, table: str, origin: OriginId) -> Iterator[tuple[RowId, Row]]:
    for row in connection.execute(_SELECT[table], {"which": origin}):
        yield RowId(cast("bytes", row[1])), cast("Row", tuple(row))


def _table_differences(
    table: str, ours: Iterator[tuple[RowId, Row]], theirs: Iterator[tuple[RowId, Row]]
) -> Iterator[RowDifference]:
    here, there = next(ours, None), next(theirs, None)
    while here is not None or there is not None:
        if there is None or (here is not None and here[0] < there[0]):
            assert here is not None
            yield RowDifference((table, here[0]), here[1], None)
            here = next(ours, None)
        elif here is None or there[0] < here[0]:
            yield RowDifference((table, there[0]), None, there[1])
            there = next(theirs, None)
        else:
            if here[1] != there[1]:
                yield RowDifference((table, here[0]), here[1], there[1])
            here, there = next(ours, None), next(theirs, None)


def put_right(connection: apsw.Connection, found: Iterable[RowDifference]) -> int:
    """Make rows what the log says, inside the caller's transaction. Returns how many."""
    count = 0
    rows = list(found)
    with triggers_off(connection):
        for table in sorted({item.key[0] for item in rows}):
            connection.execute(f"REINDEX {table}")  # an index entry of the row before it rotted would stop its deletion
        for item in rows:
            table, _ = item.key
            row = item.here or item.there
            assert row is not None
            connection.execute(_DELETE[table], row[:2])
            if item.there is not None:
                connection.execute(_INSERT[table], item.there)
            count += 1
    return count
