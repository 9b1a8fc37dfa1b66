"""The next batch of an origin to send, upward or downward: as many commits as fit, ending where a holder has signed.

A holder signs the head of what it sends. Everybody else passes commits on as they came, and can end a batch only at a
head that the holder has signed, because a relay cannot sign (DESIGN 3). Every node stored whole batches, so from any
head that a neighbour has, the next signed one lies within a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from node import limits
from node.chain import Commit, Head
from node.codec import encode_batch
from node.database import explained
from node.identity.keys import NodeKey
from node.identity.statements import batch_statement
from node.ids import NodeId, Seq
from node.protocol.messages import BatchHeader
from node.reference import Reference
from node.schema import batch_signature, sql
from node.store import Store

_SELECT_SIGNED = sql(
    sa.select(batch_signature.c.seq, batch_signature.c.signer, batch_signature.c.signature)
    .where(
        batch_signature.c.origin == sa.bindparam("origin"),
        batch_signature.c.seq > sa.bindparam("after"),
        batch_signature.c.seq <= sa.bindparam("last"),
    )
    .order_by(batch_signature.c.seq.desc())
    .limit(1)
)


def next_batch(
    store: Store, reference: Reference, key: NodeKey, previous: Head, *, last: Seq | None = None
) -> tuple[BatchHeader, bytes] | None:
    """Header and payload of what follows ``previous``; None if the log has nothing there that somebody signed. Nothing
    behind commit ``last`` goes in: asked again while the log grows, the answer is the same.
    """
    count = limits.BATCH_COMMITS_MAX if last is None else min(limits.BATCH_COMMITS_MAX, last - previous.seq)
    commits = store.read_commits(previous.origin, previous.seq, count=count)
    if not commits or commits[0].seq != previous.seq + 1:
        return None
    if _signs(store, reference, commits):
        head = commits[-1].head
        signature = key.sign(batch_statement(head.origin, head.seq, head.hash))
        return encode_batch(previous, commits, signer=store.node_id, signature=signature)
    with explained(store.database.path):
        row = store.connection.execute(
            _SELECT_SIGNED, {"origin": previous.origin, "after": previous.seq, "last": commits[-1].seq}
        ).fetchone()
    if row is None:
        return _up_to_a_handover(reference, previous, commits)
    signed = commits[: Seq(row[0]) - previous.seq]
    return encode_batch(previous, signed, signer=NodeId(row[1]), signature=bytes(row[2]))


def _up_to_a_handover(
    reference: Reference, previous: Head, commits: Sequence[Commit]
) -> tuple[BatchHeader, bytes] | None:
    """Where a log was cut at a handover, the holder's signature stood behind it. The holding names the commit by its
    hash, which is the authority's word for all that leads there.
    """
    points = {(held.from_seq, held.from_hash): held for held in reference.holdings(previous.origin)}
    for number in range(len(commits), 0, -1):
        last = commits[number - 1]
        if (last.seq, last.hash) in points:
            made = reference.holding_at(last.origin, last.seq)
            signer = NodeId("") if made is None else made.node_id
            return encode_batch(previous, commits[:number], signer=signer, signature=b"")
    return None


def _signs(store: Store, reference: Reference, commits: Sequence[Commit]) -> bool:
    """Whether this node made the last of these commits: it held the origin then, and may have handed it over since."""
    last = commits[-1]
    if last.origin not in store.own_origins():
        return False
    holding = reference.holding_at(last.origin, last.seq)
    return holding is None or holding.node_id == store.node_id
