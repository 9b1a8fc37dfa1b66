"""Decisions in letters: the only module that knows the generated code of ``dansync.decisions.v1``.

A letter is opened in two steps: who says so first, and what it says only once its signature was found good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from google.protobuf.message import DecodeError

from conflict.decisions import Decision
from dansync.decisions.v1 import decisions_pb2
from node import limits
from node.decision_rows import from_row, row_id, to_row
from node.errors import FrameRefused, LetterRefused
from node.fields import at_most, exact, text
from node.ids import ID_BYTES, NodeId, OriginId

_SIGNATURE_BYTES_MAX: Final = 512
_SHORT: Final = (
    *("decision_id", "case_ref", "state", "outcome", "decided_by", "authority", "score", "parameters_hash", "as_of"),
    "undoes",
)
_NUMBERS: Final = ("depth", "parameters_version")


@dataclass(frozen=True, slots=True)
class Signed:
    """``content`` is what is signed, not opened yet."""

    signer: NodeId
    signature: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """What one register is told. ``unit``: whose requests these are; ``is_question``: nothing is decided yet."""

    authority_origin: OriginId
    to_origin: OriginId
    unit: str
    is_question: bool
    decision: Decision
    as_of: date


def encode_signed(signed: Signed) -> bytes:
    return decisions_pb2.Decision(
        signer=signed.signer, signature=signed.signature, content=signed.content
    ).SerializeToString()


def encode_notice(notice: Notice) -> bytes:
    row = to_row(notice.decision, notice.authority_origin, notice.as_of)
    message = decisions_pb2.DecisionContent(
        authority_origin=notice.authority_origin,
        to_origin=notice.to_origin,
        unit=notice.unit,
        question=notice.is_question,
        **{name: row[name] for name in (*_SHORT, *_NUMBERS, "evidence")},
    )
    return message.SerializeToString(deterministic=True)


def decode_signed(body: bytes) -> Signed:
    """Raises ``FrameRefused``."""
    message = decisions_pb2.Decision()
    _parse(message.ParseFromString, body)
    return Signed(
        NodeId(text(message.signer, "signer")),
        at_most(message.signature, _SIGNATURE_BYTES_MAX, "signature"),
        message.content,
    )


def decode_notice(content: bytes) -> Notice:
    """What a letter says, once its signature is found good. Raises ``FrameRefused``; ``LetterRefused`` if words in it
    are not known to this release.
    """
    message = decisions_pb2.DecisionContent()
    _parse(message.ParseFromString, content)
    row = {name: text(getattr(message, name), name) for name in _SHORT}
    row |= {name: getattr(message, name) for name in _NUMBERS}
    try:
        made = from_row(row | {"evidence": message.evidence})
        row_id(made.id)
        as_of = date.fromisoformat(row["as_of"])
    except ValueError as error:
        raise LetterRefused(f"a decision cannot be read ({error}); install the newest release of dansync") from error
    return Notice(
        OriginId(exact(message.authority_origin, (ID_BYTES,), "authority_origin")),
        OriginId(exact(message.to_origin, (ID_BYTES,), "to_origin")),
        text(message.unit, "unit"),
        message.question,
        made,
        as_of,
    )


def _parse(parse_from: Callable[[bytes], int], data: bytes) -> None:
    if len(data) > limits.DECISION_BYTES_MAX:
        raise FrameRefused("oversized", f"A letter has {len(data)} bytes.")
    try:
        parse_from(data)
    except (DecodeError, RecursionError, ValueError) as error:
        raise FrameRefused("malformed", f"A letter cannot be read ({error}).") from error
