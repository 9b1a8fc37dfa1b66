"""How a parent's head of an origin relates to ours: the decision of DESIGN 3, for own and for relayed origins."""

from __future__ import annotations

import enum

from node.chain import Head
from node.ids import Hash


class Relation(enum.Enum):
    """Values are the codes under which a relation that stops an origin is shown."""

    RESUME = "resume"
    RESTORED = "restored"  # own, and the parent is ahead on our chain or beyond it: we come from an older copy
    FORK = "fork"  # own, and the parent's head is not on our chain
    RELAY_BEHIND = "relay_behind"  # relayed, and the parent has more than we have: what is missing comes from there
    DIVERGED = "diverged"  # relayed, and the parent's head is not on our chain


def relate(local: Head, parent: Head, hash_here: Hash | None, *, own: bool) -> Relation:
    """``hash_here`` is what our log has at the parent's seq: the zero hash at 0, None where it has nothing."""
    assert local.origin == parent.origin
    if parent.seq > local.seq:
        return Relation.RESTORED if own else Relation.RELAY_BEHIND
    if hash_here == parent.hash:
        return Relation.RESUME
    return Relation.FORK if own else Relation.DIVERGED


EXPLANATIONS = {
    Relation.RESTORED: (
        "the parent has commits of this origin that are missing here: this store comes from an older copy"
    ),
    Relation.FORK: "the parent has other commits at the same place: this store was restored and then written to",
    Relation.DIVERGED: "the parent's copy of this relayed origin has another history than ours",
}
