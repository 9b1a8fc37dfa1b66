"""Rows in letters: the only module that knows the generated code of ``dansync.rows.v1``.

An answer is opened in two steps: who says so first, and what it says only once its signature was found good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from dansync.rows.v1 import rows_pb2
from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.fields import at_most, exact, text
from node.ids import HASH_BYTES, ID_BYTES, Hash, NodeId, OriginId, RowId, Seq

Value = str | bytes | int | None
_SEQ_MAX: Final = (1 << 63) - 1  # SQLite's integers are signed
_SIGNATURE_BYTES_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class RowsWanted:
    """``asker_origin`` gets the answer; ``head`` is how far it has the origin whose rows it wants. ``request``: 16
    bytes, new for each request, so that a second one is another letter.
    """

    asker_origin: OriginId
    head: Head
    request: bytes
    rows: tuple[tuple[str, RowId], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows as they stand at ``head``; ``content`` is what is signed, not opened yet."""

    head: Head
    signer: NodeId
    signature: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class SentRow:
    """``values`` of all columns, the origin and the id first; None: the holder has no such row."""

    table: str
    row_id: RowId
    values: tuple[Value, ...] | None

    @property
    def key(self) -> tuple[str, RowId]:
        return self.table, self.row_id


@dataclass(frozen=True, slots=True)
class Content:
    """``origin_digest`` covers the whole origin at the same commit."""

    asker_origin: OriginId
    request: bytes
    origin_digest: Hash
    rows: tuple[SentRow, ...]


# --- encoding --------------------------------------------------------------------------------------------------------


def encode_wanted(wanted: RowsWanted) -> bytes:
    message = rows_pb2.RowsWanted(
        asker_origin=wanted.asker_origin,
        origin=wanted.head.origin,
        seq=wanted.head.seq,
        hash=wanted.head.hash,
        request=wanted.request,
    )
    for table, row_id in wanted.rows:
        message.rows.add(table=table, id=row_id)
    return message.SerializeToString()


def encode_content(content: Content) -> bytes:
    message = rows_pb2.RowsContent(
        asker_origin=content.asker_origin, request=content.request, origin_digest=content.origin_digest
    )
    for row in content.rows:
        _write_row(message.rows.add(table=row.table, id=row.row_id), row)
    return message.SerializeToString()


def _write_value(target: rows_pb2.Value, value: Value) -> None:
    match value:
        case str():
            target.text = value
        case bytes():
            target.blob = value
        case int():
            target.integer = value
        case None:
            pass


def encode_rows(rows: Sequence[SentRow]) -> bytes:
    """A piece of a snapshot."""
    message = rows_pb2.RowsChunk()
    for row in rows:
        _write_row(message.rows.add(table=row.table, id=row.row_id), row)
    return message.SerializeToString()


def _write_row(target: rows_pb2.Row, row: SentRow) -> None:
    for value in row.values or ():
        _write_value(target.values.add(), value)


def encode_answer(answer: Answer) -> bytes:
    return rows_pb2.Rows(
        origin=answer.head.origin,
        seq=answer.head.seq,
        hash=answer.head.hash,
        signer=answer.signer,
        signature=answer.signature,
        content=answer.content,
    ).SerializeToString()


# --- decoding --------------------------------------------------------------------------------------------------------


def _parse(parse_from: Callable[[bytes], int], data: bytes, size: int) -> None:
    if len(data) > size:
        raise FrameRefused("oversized", f"A letter has {len(data)} bytes.")
    try:
        parse_from(data)
    except (DecodeError, RecursionError, ValueError) as error:
        raise FrameRefused("malformed", f"A letter cannot be read ({error}).") from error


def decode_wanted(body: bytes) -> RowsWanted:
    """Raises ``FrameRefused``."""
    message = rows_pb2.RowsWanted()
    _parse(message.ParseFromString, body, limits.ROWS_WANTED_BYTES_MAX)
    if not 0 < len(message.rows) <= limits.ROWS_PER_LETTER_MAX:
        raise FrameRefused("oversized", f"A letter asks for {len(message.rows)} rows.")
    return RowsWanted(
        _origin(message.asker_origin, "asker_origin"),
        _head(message),
        exact(message.request, (ID_BYTES,), "request"),
        tuple((text(row.table, "table"), _row_id(row.id)) for row in message.rows),
    )


def decode_answer(body: bytes) -> Answer:
    """Raises ``FrameRefused``."""
    message = rows_pb2.Rows()
    _parse(message.ParseFromString, body, limits.LETTER_BYTES_MAX)
    return Answer(
        _head(message),
        NodeId(text(message.signer, "signer")),
        at_most(message.signature, _SIGNATURE_BYTES_MAX, "signature"),
        message.content,
    )


def decode_rows(data: bytes) -> tuple[SentRow, ...]:
    """A piece of a snapshot. Raises ``FrameRefused``."""
    message = rows_pb2.RowsChunk()
    _parse(message.ParseFromString, data, limits.SNAPSHOT_CHUNK_BYTES_MAX)
    return tuple(_sent_row(row) for row in message.rows)


def _sent_row(row: rows_pb2.Row) -> SentRow:
    return SentRow(text(row.table, "table"), _row_id(row.id), _values(row.values))


def decode_content(content: bytes) -> Content:
    """What an answer says, once its signature is found good. Raises ``FrameRefused``."""
    message = rows_pb2.RowsContent()
    _parse(message.ParseFromString, content, limits.LETTER_BYTES_MAX)
    if len(message.rows) > limits.ROWS_PER_LETTER_MAX:
        raise FrameRefused("oversized", f"A letter holds {len(message.rows)} rows.")
    return Content(
        _origin(message.asker_origin, "asker_origin"),
        exact(message.request, (ID_BYTES,), "request"),
        Hash(exact(message.origin_digest, (HASH_BYTES,), "origin_digest")),
        tuple(map(_sent_row, message.rows)),
    )


def _values(values: Sequence[rows_pb2.Value]) -> tuple[Value, ...] | None:
    if len(values) > limits.ROW_COLUMNS_MAX:
        raise FrameRefused("oversized", f"A row has {len(values)} columns.")
    return tuple(_value(value) for value in values) or None


def _value(value: rows_pb2.Value) -> Value:
    match value.WhichOneof("value"):
        case "text":
            return value.text
        case "blob":
            return value.blob
        case "integer":
            return value.integer
        case _:
            return None


def _head(message: rows_pb2.RowsWanted | rows_pb2.Rows) -> Head:
    if message.seq > _SEQ_MAX:
        raise FrameRefused("malformed", "A sequence number is beyond its range.")
    hash_ = Hash(exact(message.hash, (HASH_BYTES,), "hash"))
    return Head(_origin(message.origin, "origin"), Seq(message.seq), hash_)


def _origin(value: bytes, name: str) -> OriginId:
    return OriginId(exact(value, (ID_BYTES,), name))


def _row_id(value: bytes) -> RowId:
    return RowId(exact(value, (ID_BYTES,), "id"))
