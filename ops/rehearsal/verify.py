"""The proof at the end: every copy of every origin, at every tier, has its owner's head and its owner's digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.errors import StoreDamaged
from node.ids import OriginId
from node.interchange.topology import Topology
from node.store import Store


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of one origin. ``equal``: head and digest are the owner's."""

    node_id: str
    owner: str
    origin: OriginId
    seq: int
    rows: int
    digest: bytes
    equal: bool


def holders_of_copies(topology: Topology, node_id: str, *, reference: bool) -> list[str]:
    """Who should hold a copy of what a node writes: those above it; of reference data, those below it."""
    if not reference:
        return list(topology.ancestors(node_id))
    return [row.node_id for row in topology.top_down() if node_id in topology.ancestors(row.node_id)]


def compare(topology: Topology, stores: Mapping[str, Store]) -> list[Copy]:
    """Every copy that should exist, owners first, in the order of the tree."""
    copies: list[Copy] = []
    for row in topology.top_down():
        owner = stores[row.node_id]
        for origin in owner.own_origins():
            head, digest = owner.head(origin), owner.digest(origin)
            copies.append(Copy(row.node_id, row.node_id, origin, head.seq, digest.rows, digest.value, equal=True))
            reference = origin == owner.reference_origin()
            for holder in holders_of_copies(topology, row.node_id, reference=reference):
                there, copy = stores[holder].head(origin), stores[holder].digest(origin)
                equal = there == head and copy == digest
                copies.append(Copy(holder, row.node_id, origin, there.seq, copy.rows, copy.value, equal=equal))
    return copies


def require_equal(copies: list[Copy]) -> None:
    """Raises ``StoreDamaged`` naming the first copy that is not its owner's."""
    wrong = [copy for copy in copies if not copy.equal]
    if wrong:
        first = wrong[0]
        raise StoreDamaged(
            f"{len(wrong)} copies differ from their owners', "
            f"the first at {first.node_id} of {first.owner} (commit {first.seq}).",
            hint="This is a bug of dansync: keep the work folder and the seed, and report them.",
        )
