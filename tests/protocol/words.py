"""Short words for messages: every field has a value, a test names the ones that it is about.

A field that is added to a message gets its value here and nowhere else.
"""

from __future__ import annotations

import hashlib
from typing import Any

from node.chain import Head
from node.ids import GENESIS_HASH, Hash, Incarnation, LetterId, NodeId, OriginId, Seq, UnitCode
from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    BatchHeader,
    BatchNumber,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    Letter,
    ParentMessage,
    Refuse,
    States,
    StateStatement,
    Ticket,
    TicketStored,
    Verified,
    Want,
    Welcome,
)
from node.protocol.post import cut_letter


def origin(letter: str) -> OriginId:
    return OriginId(letter.encode() * 16)


def letter(which: OriginId) -> str:
    return which[:1].decode()


def link(previous: Hash, word: str) -> Hash:
    """The hash of a commit that says only one word."""
    return Hash(hashlib.sha256(previous + word.encode()).digest())


def zero(which: OriginId) -> Head:
    return Head(which, Seq(0), GENESIS_HASH)


def head(name: str, seq: int) -> Head:
    """The head of a chain whose commits are a1, a2, a3 ..."""
    value = GENESIS_HASH
    for number in range(1, seq + 1):
        value = link(value, f"{name}{number}")
    return Head(origin(name), Seq(seq), value)


def hello(**changes: Any) -> Hello:
    values: dict[str, Any] = {
        "protocol_version_min": 1,
        "protocol_version_max": 1,
        "schema_version": 1,
        "node_id": NodeId("c1"),
        "incarnation": Incarnation(b"i" * 16),
        "reference_hash": b"",
        "ticket": b"",
        "unit_code": UnitCode("21550"),
        "unit_valid_from": "2025-07-01",
        "release": "test",
    }
    return Hello(**(values | changes))


def welcome(**changes: Any) -> Welcome:
    values: dict[str, Any] = {
        "protocol_version": 1,
        "schema_version": 1,
        "node_id": NodeId("d1"),
        "incarnation": Incarnation(b"j" * 16),
        "reference_hash": b"",
        "ticket_verdict": "none_yet",
        "release": "test",
    }
    return Welcome(**(values | changes))


def heads(*, own: tuple[Head, ...] = (), relayed: tuple[Head, ...] = (), last: bool = True) -> Heads:
    return Heads(own=own, relayed=relayed, last=last)


def header(previous: Head, to: Head, **changes: Any) -> BatchHeader:
    values: dict[str, Any] = {
        "origin": to.origin,
        "previous_seq": previous.seq,
        "previous_hash": previous.hash,
        "seq": to.seq,
        "hash": to.hash,
        "commits": to.seq - previous.seq,
        "raw_bytes": 4,
        "wire_bytes": 4,
        "signer": NodeId("c1"),
        "signature": b"",
    }
    return BatchHeader(**(values | changes))


def batch(number: int, previous: Head, to: Head, payload: bytes = b"body", **changes: Any) -> BatchFrame:
    """A whole batch in one frame."""
    sizes = {"raw_bytes": len(payload), "wire_bytes": len(payload)}
    return BatchFrame(
        batch=BatchNumber(number), header=header(previous, to, **(sizes | changes)), payload=payload, last=True
    )


def acknowledge(number: int, to: Head, *, applied: int = 1, quarantined: int = 0) -> Acknowledge:
    return Acknowledge(batch=BatchNumber(number), head=to, applied=applied, quarantined=quarantined)


def refuse(which: OriginId, code: str = "gap", *, detail: str = "", number: int | None = None) -> Refuse:
    return Refuse(origin=which, code=code, detail=detail, batch=None if number is None else BatchNumber(number))


def letter_to(which: OriginId, body: bytes = b"body", *, number: int = 1) -> Letter:
    return Letter(id=LetterId(bytes([number]) * 16), to_origin=which, kind="branch", body=body)


A1 = head("a", 1)
(LETTER_FRAME,) = cut_letter(letter_to(origin("a")))
STATEMENT = StateStatement(A1, Hash(b"d" * 32), 1, 0, NodeId("c1"), b"s")

CHILD_SAYS: tuple[ChildMessage, ...] = (
    hello(),
    heads(own=(A1,)),
    batch(1, zero(origin("a")), A1),
    States((STATEMENT,)),
    Drained(),
    TicketStored(ticket=b"t"),
    Heartbeat(),
    LETTER_FRAME,
    Want(have=zero(origin("r"))),
    Finish(code="done", detail=""),
)
"""One message of every kind that a child may send."""

PARENT_SAYS: tuple[ParentMessage, ...] = (
    welcome(),
    heads(relayed=(zero(origin("a")),)),
    acknowledge(1, A1),
    refuse(origin("a")),
    Verified(A1, "equal"),
    Ticket(ticket=b"t"),
    Heartbeat(),
    LETTER_FRAME,
    Finish(code="done", detail=""),
)
"""One message of every kind that a parent may send."""
