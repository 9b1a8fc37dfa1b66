"""The replicas of one store: one row for each origin that it holds, its own included (FORMAT, replicas.csv).

Two nodes hold the same register rows of an origin if and only if the digests are equal. It is computed from the
rows as they lie on the disk now, so this view is also the scrub.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node.ids import Hash, NodeId, OriginId, Seq
from node.store import Store


@dataclass(frozen=True, slots=True)
class ReplicaRow:
    """One row of replicas.csv. ``rows`` and ``digest`` leave out the ``quarantined`` rows, which are counted here."""

    node_id: NodeId
    origin: OriginId
    head_seq: Seq
    head_hash: Hash
    rows: int
    digest: Hash
    quarantined: int


def replicas(store: Store) -> Iterator[ReplicaRow]:
    """What a store holds, in the order of the origins' ids, all of one moment."""
    with store.database.snapshot():
        node_id = store.node_id
        for state in sorted(store.states(), key=lambda state: state.head.origin):
            head = state.head
            digest = store.digest(head.origin)
            held_back = len(store.quarantined(head.origin))
            yield ReplicaRow(node_id, head.origin, head.seq, head.hash, digest.rows, digest.value, held_back)
