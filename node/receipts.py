"""Receipts on request: what a parent has on its disk, said and signed once more.

Acknowledgements come with receipts as batches are stored, and one whose answer was lost never comes again. A node that
is to go asks for one for each head that it has, so that it can prove that nothing is only there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import apsw
import sqlalchemy as sa

from node import branch, changelog
from node.chain import Head
from node.identity.keys import NodeKey, verifies
from node.identity.statements import receipt_statement
from node.ids import Hash, NodeId, OriginId, Seq
from node.reference import Reference
from node.schema import acknowledged, sql
from node.store import Store


@dataclass(frozen=True, slots=True)
class Receipt:
    """A parent's word that commits 1 to ``head`` are on its disk; at Unix ms."""

    head: Head
    at_ms: int
    signature: bytes


_KEEP: Final = (
    "INSERT INTO acknowledged "
    "(peer, origin, seq, hash, quarantined, acknowledged_at, receipt_seq, receipt_hash, receipt_at_ms, receipt) "
    "VALUES (:peer, :origin, :seq, :hash, 0, :now, :seq, :hash, :at_ms, :receipt) "
    "ON CONFLICT (peer, origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
    "acknowledged_at = excluded.acknowledged_at, receipt_seq = excluded.receipt_seq, "
    "receipt_hash = excluded.receipt_hash, receipt_at_ms = excluded.receipt_at_ms, receipt = excluded.receipt "
    "WHERE excluded.seq >= acknowledged.receipt_seq"
)
_FORGET: Final = "UPDATE acknowledged SET receipt_seq = 0, receipt = x'' WHERE peer = :peer AND origin = :origin"
_SELECT: Final = sql(
    sa.select(
        acknowledged.c.origin,
        acknowledged.c.receipt_seq,
        acknowledged.c.receipt_hash,
        acknowledged.c.receipt_at_ms,
        acknowledged.c.receipt,
    ).where(acknowledged.c.peer == sa.bindparam("peer"), acknowledged.c.receipt_seq > 0)
)


def confirm(store: Store, key: NodeKey, points: Iterable[Head]) -> list[Receipt]:
    """The parent's side: a receipt for each commit that is on our chain of its origin; for others none.

    Whoever names the hash of a commit has the commit, so that answering gives nothing away.
    """
    at_ms = store.clock.wall_ms()
    found = [point for point in points if point.seq and store.hash_at(point.origin, point.seq) == point.hash]
    return [
        Receipt(point, at_ms, key.sign(receipt_statement(store.node_id, point.origin, point.seq, point.hash, at_ms)))
        for point in found
    ]


def keep(store: Store, peer: NodeId, receipts: Sequence[Receipt]) -> None:
    """Write receipts down; ``log prove`` compares the log with them too. An older one takes no newer one's place,
    unless that is for a commit that has left the log and is kept beside it: of the log it says nothing any more.
    """
    now = store.clock.wall_ms()
    before = kept(store, peer)
    with store.database.transaction() as connection:
        for item in receipts:
            known = before.get(item.head.origin)
            if known is not None and _has_left(connection, known.head):
                connection.execute(_FORGET, {"peer": peer, "origin": item.head.origin})
            connection.execute(
                _KEEP,
                {
                    "peer": peer,
                    "origin": item.head.origin,
                    "seq": item.head.seq,
                    "hash": item.head.hash,
                    "now": now,
                    "at_ms": item.at_ms,
                    "receipt": item.signature,
                },
            )


def _has_left(connection: apsw.Connection, head: Head) -> bool:
    there = changelog.hash_at(connection, head.origin, head.seq)
    return there != head.hash and branch.is_aside(connection, head)


def sound(reference: Reference, peer: NodeId, item: Receipt) -> bool:
    """Whether the parent itself has signed it."""
    head = item.head
    statement = receipt_statement(peer, head.origin, head.seq, head.hash, item.at_ms)
    return any(verifies(key, statement, item.signature) for key in reference.public_keys(peer))


def kept(store: Store, peer: NodeId) -> dict[OriginId, Receipt]:
    """The newest receipt of each origin from one parent, as it is stored: it may not be sound."""
    with store.database.snapshot() as connection:
        return {
            OriginId(row[0]): Receipt(Head(OriginId(row[0]), Seq(row[1]), Hash(row[2])), row[3], bytes(row[4]))
            for row in connection.execute(_SELECT, {"peer": peer})
        }
