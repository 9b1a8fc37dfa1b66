"""Snapshots: the rows of an origin at one commit, in chunks, proved by the holder's signed word (DESIGN 3).

A snapshot stands for the history before its commit where that was pruned, or never came: the log is whole from there
on, and the rows can be rebuilt from it and the commits behind it. It lies in the store, so it is as safe as the rows
and as secret, and a power loss finds whole chunks. Made here of rows that were found equal to what their holder says
(``node.pruning``), or taken from a neighbour (``node.snapshot_desk``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, cast

import apsw
import sqlalchemy as sa

from node import limits
from node.chain import Head
from node.codec import compress, decompress_at_most
from node.digest import OriginDigest, digest_rows
from node.errors import FrameRefused
from node.ids import Hash, NodeId, OriginId, RowId, Seq
from node.protocol.messages import SnapshotOffer, StateStatement
from node.rows_wire import SentRow, Value, decode_rows, encode_rows
from node.schema import CAPTURED_TABLES, COLUMN_DEFAULTS, COLUMN_NAMES, REGISTER_TABLES, SCHEMA_VERSION, snapshot, sql

_FIELDS: Final = (
    *("origin", "seq", "hash", "digest", "rows", "stated_at", "signer", "signature"),
    *("schema_version", "chunks", "root", "made_at", "whole"),
)
_SELECT: Final = sql(
    sa.select(*(snapshot.c[name] for name in _FIELDS))
    .where(snapshot.c.origin == sa.bindparam("which"))
    .order_by(snapshot.c.seq.desc())
)
_INSERT: Final = f"INSERT INTO snapshot ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))})"
_INSERT_CHUNK: Final = "INSERT OR REPLACE INTO snapshot_chunk (origin, seq, chunk, payload) VALUES (?,?,?,?)"
_SELECT_CHUNK: Final = "SELECT payload FROM snapshot_chunk WHERE origin = ? AND seq = ? AND chunk = ?"
_COUNT_CHUNKS: Final = "SELECT count(*) FROM snapshot_chunk WHERE origin = ? AND seq = ?"
_DELETE: Final = (
    "DELETE FROM snapshot_chunk WHERE origin = ? AND seq = ?",
    "DELETE FROM snapshot WHERE origin = ? AND seq = ?",
)
_SET_WHOLE: Final = "UPDATE snapshot SET whole = 1, chunks = ?, root = ? WHERE origin = ? AND seq = ?"
_SELECT_ROWS: Final = {
    table.name: sql(sa.select(*table.columns).where(table.c.origin == sa.bindparam("which")).order_by(table.c.id))
    for table in CAPTURED_TABLES
}
_COUNTED: Final = frozenset(table.name for table in REGISTER_TABLES)
_NO_HASH: Final = Hash(bytes(32))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One that is kept here. ``whole``: all of it is here and proved; else it is still coming."""

    offer: SnapshotOffer
    made_at: int
    whole: bool

    @property
    def head(self) -> Head:
        return self.offer.head


def kept(connection: apsw.Connection, origin: OriginId) -> list[Snapshot]:
    """What is kept of an origin, the newest first."""
    return [_snapshot(row) for row in connection.execute(_SELECT, {"which": origin})]


def whole(connection: apsw.Connection, origin: OriginId) -> list[Snapshot]:
    """Those whose rows are all here, the newest first."""
    return [item for item in kept(connection, origin) if item.whole and item.offer.chunks]


def _snapshot(row: tuple[apsw.SQLiteValue, ...]) -> Snapshot:
    origin, seq, hash_, digest, rows, stated_at, signer, signature, version, chunks, root, made_at, whole_ = row
    head = Head(OriginId(cast("bytes", origin)), Seq(cast("int", seq)), Hash(cast("bytes", hash_)))
    statement = StateStatement(
        head,
        Hash(cast("bytes", digest)),
        cast("int", rows),
        cast("int", stated_at),
        NodeId(cast("str", signer)),
        cast("bytes", signature),
    )
    offer = SnapshotOffer(statement, cast("int", chunks), Hash(cast("bytes", root)), cast("int", version))
    return Snapshot(offer, cast("int", made_at), bool(whole_))


# --- writing ----------------------------------------------------------------------------------------------------------


def make(connection: apsw.Connection, statement: StateStatement, now_ms: int) -> Snapshot:
    """A snapshot of the rows as they stand, inside the caller's transaction, which knows that they are what the
    statement says. Memory: one chunk.
    """
    head = statement.head
    begin(connection, SnapshotOffer(statement, 0, _NO_HASH, SCHEMA_VERSION), now_ms)
    hashes = hashlib.sha256()
    count = 0
    for rows in _chunks(connection, head.origin):
        payload = compress(encode_rows(rows))
        hashes.update(hashlib.sha256(payload).digest())
        store_chunk(connection, head, count, payload)
        count += 1
    connection.execute(_SET_WHOLE, (count, hashes.digest(), head.origin, head.seq))
    return kept(connection, head.origin)[0]


def _chunks(connection: apsw.Connection, origin: OriginId) -> Iterator[list[SentRow]]:
    part: list[SentRow] = []
    size = 0
    for table in COLUMN_NAMES:
        for row in connection.execute(_SELECT_ROWS[table], {"which": origin}):
            values = cast("tuple[Value, ...]", tuple(row))
            part.append(SentRow(table, RowId(cast("bytes", row[1])), values))
            size += sum(len(value.encode()) if isinstance(value, str) else 16 for value in values)
            if size >= limits.SNAPSHOT_CHUNK_BYTES:
                yield part
                part, size = [], 0
    if part:
        yield part


def begin(connection: apsw.Connection, offer: SnapshotOffer, now_ms: int) -> None:
    """A snapshot that will come chunk by chunk; one at the same commit is forgotten."""
    head, statement = offer.head, offer.statement
    forget(connection, head)
    connection.execute(
        _INSERT,
        (
            *(head.origin, head.seq, head.hash, statement.digest, statement.rows, statement.stated_at_ms),
            *(statement.signer, statement.signature, offer.schema_version, offer.chunks, offer.root, now_ms, 0),
        ),
    )


def store_chunk(connection: apsw.Connection, head: Head, chunk: int, payload: bytes) -> None:
    connection.execute(_INSERT_CHUNK, (head.origin, head.seq, chunk, payload))


def complete(connection: apsw.Connection, offer: SnapshotOffer) -> None:
    """All of it is here and proved."""
    connection.execute(_SET_WHOLE, (offer.chunks, offer.root, offer.head.origin, offer.head.seq))


def strip(connection: apsw.Connection, head: Head) -> None:
    """Let the rows go; that the chain passed here, and who signed it, stays as an anchor."""
    connection.execute(_DELETE[0], (head.origin, head.seq))
    connection.execute(_SET_WHOLE, (0, _NO_HASH, head.origin, head.seq))


def forget(connection: apsw.Connection, head: Head) -> None:
    for statement in _DELETE:
        connection.execute(statement, (head.origin, head.seq))


# --- reading ----------------------------------------------------------------------------------------------------------


def chunks_here(connection: apsw.Connection, head: Head) -> int:
    """How many chunks are stored; they come in order."""
    row = connection.execute(_COUNT_CHUNKS, (head.origin, head.seq)).fetchone()
    assert row is not None
    return cast("int", row[0])


def find_chunk(connection: apsw.Connection, head: Head, chunk: int) -> bytes | None:
    """None if it is not there: the snapshot has made room for a newer one."""
    row = connection.execute(_SELECT_CHUNK, (head.origin, head.seq, chunk)).fetchone()
    return None if row is None else cast("bytes", row[0])


def chunk_at(connection: apsw.Connection, head: Head, chunk: int) -> bytes:
    found = find_chunk(connection, head, chunk)
    assert found is not None, "a chunk that is not there"
    return found


def rows_of(connection: apsw.Connection, offer: SnapshotOffer) -> Iterator[SentRow]:
    """The rows, in the order of tables and ids; one chunk at a time is in memory.

    Raises ``FrameRefused`` if a chunk cannot be read or a row does not belong there.
    """
    last = (-1, b"")
    order = {name: number for number, name in enumerate(COLUMN_NAMES)}
    for chunk in range(offer.chunks):
        payload = chunk_at(connection, offer.head, chunk)
        for row in decode_rows(decompress_at_most(payload, limits.SNAPSHOT_CHUNK_BYTES_MAX)):
            place = (order.get(row.table, -1), bytes(row.row_id))
            if place[0] < 0 or row.values is None or row.values[:2] != (offer.head.origin, row.row_id) or place <= last:
                raise FrameRefused("malformed", "A snapshot holds a row that does not belong there.")
            if len(row.values) > len(COLUMN_NAMES[row.table]):
                raise FrameRefused("malformed", "A snapshot holds a column that this release does not know.")
            last = place
            yield row


def root_of(connection: apsw.Connection, offer: SnapshotOffer) -> Hash:
    """SHA-256 over the hashes of the chunks as they are stored."""
    hashes = hashlib.sha256()
    for chunk in range(offer.chunks):
        hashes.update(hashlib.sha256(chunk_at(connection, offer.head, chunk)).digest())
    return Hash(hashes.digest())


def digest_of(connection: apsw.Connection, offer: SnapshotOffer) -> OriginDigest:
    """The digest of the rows in it. Raises ``FrameRefused``."""
    tables = groupby(rows_of(connection, offer), key=lambda row: row.table)
    return digest_rows(
        (
            (
                table,
                tuple(name.encode() for name in COLUMN_NAMES[table]),
                COLUMN_DEFAULTS[table],
                (_filled(row) for row in rows),
            )
            for table, rows in tables
        ),
        counted=_COUNTED,
    )


def _filled(row: SentRow) -> tuple[Value, ...]:
    """All columns that this release knows: an older holder has fewer."""
    assert row.values is not None
    return (*row.values, *COLUMN_DEFAULTS[row.table][len(row.values) :])


def copy_rows(connection: apsw.Connection, offer: SnapshotOffer, target: apsw.Connection) -> None:
    """Put the rows into tables that have none of the origin, with the triggers off there. Raises ``FrameRefused``."""
    for table, rows in groupby(rows_of(connection, offer), key=lambda row: row.table):
        names = COLUMN_NAMES[table]
        target.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", map(_filled, rows)
        )
