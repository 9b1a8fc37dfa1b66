"""The digest of an origin: one value that is equal if and only if two copies of its register rows are equal (DESIGN 2).

It is computed from the rows themselves each time, never kept along the way, so it is the comparison between copies and
the scrub for bit rot at once. A row enters as its (column, value) pairs that differ from the column's default: a schema
step that appends a column changes no digest. Rows are taken in key order and grouped into buckets by the time prefix of
the id, so that a difference can be narrowed down without sending all rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import apsw
import sqlalchemy as sa

from node.ids import Hash, OriginId, RowId
from node.schema import CAPTURED_TABLES, COLUMN_DEFAULTS, REGISTER_TABLES, sql

BUCKET_BYTES: Final = 3  # id bytes that name a bucket: 2**24 ms = 4.7 hours of record making
_ROWS_A_READ: Final = 1_000

Value = str | bytes | int | None


@dataclass(frozen=True, slots=True)
class OriginDigest:
    """``value`` covers all captured tables; ``rows`` counts the register's (household, person, event), quarantined ones
    left out.
    """

    value: Hash
    rows: int
    buckets: tuple[tuple[str, bytes, Hash], ...]  # (table, id prefix, hash)


def encode_row(names: tuple[bytes, ...], defaults: tuple[Value, ...], row: tuple[Value, ...]) -> bytes:
    """A row: column name, type, length and content of each value that is not the default. Injective."""
    parts = bytearray()
    for name, default, value in zip(names, defaults, row, strict=True):
        if value == default:
            continue
        if isinstance(value, str):
            content, kind = value.encode(), b"t"
        elif isinstance(value, bytes):
            content, kind = value, b"b"
        elif value is None:
            content, kind = b"", b"n"
        else:
            content, kind = str(value).encode(), b"i"
        parts += b"%b=%b%d:" % (name, kind, len(content))
        parts += content
    parts += b"\n"
    return bytes(parts)


def digest_rows(
    tables: Iterable[tuple[str, tuple[bytes, ...], tuple[Value, ...], Iterable[tuple[Value, ...]]]],
    *,
    counted: Collection[str],
    left_out: Callable[[str, RowId], bool] | None = None,
) -> OriginDigest:
    """Digest of rows, per table (name, column names, defaults, rows in key order); the id is the second column."""
    buckets: list[tuple[str, bytes, Hash]] = []
    rows = 0
    for table, names, defaults, content in tables:
        current: bytes | None = None
        state = hashlib.sha256()
        for row in content:
            row_id = row[1]
            assert isinstance(row_id, bytes)
            if left_out is not None and left_out(table, RowId(row_id)):
                continue
            prefix = row_id[:BUCKET_BYTES]
            if prefix != current:
                if current is not None:
                    buckets.append((table, current, Hash(state.digest())))
                current = prefix
                state = hashlib.sha256()
            state.update(encode_row(names, defaults, row))
            rows += table in counted
        if current is not None:
            buckets.append((table, current, Hash(state.digest())))
    total = hashlib.sha256()
    for table, prefix, value in buckets:
        total.update(table.encode() + b"\0" + prefix + value)
    return OriginDigest(Hash(total.digest()), rows, tuple(buckets))


_COLUMNS: Final = {table.name: tuple(column.name for column in table.columns) for table in CAPTURED_TABLES}
_NAMES: Final = {table: tuple(name.encode() for name in names) for table, names in _COLUMNS.items()}
_SELECTS: Final = {
    table.name: sql(sa.select(*table.columns).where(table.c.origin == sa.bindparam("origin")).order_by(table.c.id))
    for table in CAPTURED_TABLES
}
_COUNTED: Final = frozenset(table.name for table in REGISTER_TABLES)


def origin_digest(
    connection: apsw.Connection, origin: OriginId, *, left_out: Callable[[str, RowId], bool] | None = None
) -> OriginDigest:
    """Digest of one origin's rows in a store. Run it inside one snapshot of the store."""
    return digest_rows(
        (
            (table, _NAMES[table], COLUMN_DEFAULTS[table], connection.execute(_SELECTS[table], {"origin": origin}))
            for table in _COLUMNS
        ),
        counted=_COUNTED,
        left_out=left_out,
    )
