"""Whose child a node is, and whom it dials.

*Whose child it is* the authority says (``registered_node`` in the reference data), and every node comes to hear of it.
*Whom it dials* follows from that and from what somebody has set at the node itself:

- the parent that the reference data name, at the address that came along with the move, or at the one that was set here
  for this parent;
- then the parent that was set here by hand (``dansync parent``), if it is another one: the old parent may be gone for
  ever before it could pass on the word, and then only people know. The new one says the rest in the first session;
- before anything is known, the parent that the node was made for. Also after a move as long as no address of the new
  parent is known: the node stays with the old one until it is told.

They are tried in turn; a dial to the wrong place does no harm, because a certificate says who is there, and a parent
that has not heard, or knows better, says so (``not_below``: wait; ``moved``: go elsewhere).
"""

from __future__ import annotations

from dataclasses import dataclass

from node.ids import NodeId
from node.reference import Reference, RegisteredNode
from node.store import Store


@dataclass(frozen=True, slots=True)
class Parent:
    """Where a parent listens (host:port), and which node it must be."""

    address: str
    node_id: NodeId


def ways(registered: RegisteredNode | None, here: Parent, *, by_hand: bool) -> tuple[Parent, ...]:
    """Whom to dial, the best first; empty at a root. ``registered`` is this node in the reference data, ``here`` what
    its settings say, ``by_hand`` that somebody has named this parent after the node was made.
    """
    found: list[Parent] = []
    if registered is not None and registered.parent_node_id:
        parent = registered.parent_node_id
        if registered.parent_address:
            found.append(Parent(registered.parent_address, parent))
        if here.address and here.node_id == parent:
            found.append(here)
    if here.address and here.node_id and (by_hand or not found):
        found.append(here)
    return tuple(dict.fromkeys(found))


def founding_parent(store: Store) -> NodeId:
    """The parent that this node's own register was begun for; '' at a root, or if there is no register yet."""
    own = store.own_origins()
    return next(
        (
            profile.parent_node_id
            for origin, profile in store.profiles().items()
            if origin in own and profile.node_id == store.node_id and not profile.purpose
        ),
        NodeId(""),
    )


def parent_of(store: Store, reference: Reference) -> NodeId:
    """The node above: what the authority says, before that what this node's own register says. '' at a root."""
    registered = reference.parent_of(store.node_id)
    return founding_parent(store) if registered is None else registered
