"""Taking over an origin: what the reference data says of holdings, and what this node does about it.

A holding that names this node, or a node below it, for an origin that another node wrote before, makes this node expect
the origin; its earlier commits come from the parent. Until they are here, nobody writes. A node that held the origin
before keeps what it has and writes no more: what it had not sent is kept for healing (``node.holding`` refuses).

A node that lost its store and has a new one takes over from itself: everything that it holds, and that nodes below it
hold, from the first commit on and as far as the parent has it. Below another parent than before, that one does not have
it either, and takes it from its own parent first.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.chain import Head
from node.ids import NodeId, OriginId
from node.mending import mend
from node.reference import Reference
from node.store import OriginState, Store


def prepare(store: Store, reference: Reference) -> bool:
    """Expect the origins that were handed to this node or to one below it. True if there are new ones. Those that
    nobody else held before come up by themselves. A copy that becomes the register is first made what its log says:
    what has rotted in it would be the truth from then on. That takes as long as replaying its log.
    """
    node_id = store.node_id
    states = {state.head.origin: state for state in store.states()}
    new = False
    anew = store.restoring
    for holding in reference.current_holdings():
        asked = holding.subject in store.wanted_below
        if not holding.node_id or (holding.number == 0 and not anew and not asked):
            continue  # it comes up by itself, or nobody writes it any more
        state = states.get(holding.subject)
        if holding.node_id == node_id:
            if state is None or not state.own:
                if state is not None:
                    mend(store, state.head, None)
                store.adopt(holding.subject, own=True, via="")
                new = True
        else:
            hop = reference.next_hop(node_id, holding.node_id)
            if hop is not None and state is None:
                store.adopt(holding.subject, own=False, via=hop)
                new = True
    return new


def unfinished(store: Store, reference: Reference) -> tuple[Head, ...]:
    """What was taken over, here or below, and is not all here yet: how far it is."""
    node_id = store.node_id
    heads = {state.head.origin: state.head for state in store.states()}
    anew = store.restoring
    return tuple(
        heads[holding.subject]
        for holding in reference.current_holdings()
        if holding.subject in heads
        and (
            anew
            or heads[holding.subject].seq < holding.from_seq
            or (holding.subject in store.wanted_below and not heads[holding.subject].seq)
        )
        and (holding.node_id == node_id or reference.next_hop(node_id, holding.node_id) is not None)
    )


def held_here(store: Store, reference: Reference) -> list[Head]:
    """How far the registers are that this node holds now. One that was handed on before any of it had come is none."""
    return [
        state.head
        for state in store.states()
        if state.own and ((holding := reference.holder(state.head.origin)) is None or holding.node_id == store.node_id)
    ]


def missing_origins(
    reference: Reference, here: NodeId, states: Sequence[OriginState]
) -> tuple[tuple[OriginId, NodeId], ...]:
    """Registered origins of nodes below ``here`` of which nothing has come yet; the child that should bring each."""
    known = {state.head.origin for state in states if state.head.seq}
    found: list[tuple[OriginId, NodeId]] = []
    for holding in reference.current_holdings():
        hop = reference.next_hop(here, holding.node_id) if holding.node_id else None
        if hop is not None and holding.subject not in known:
            found.append((holding.subject, hop))
    return tuple(found)


def departed_origins(store: Store, reference: Reference) -> frozenset[OriginId]:
    """Origins that came through this node once and whose holder does not belong below it any more."""
    found: set[OriginId] = set()
    for state in store.states():
        if state.own or state.flow:
            continue
        holder = reference.last_holder(state.head.origin)
        if holder is not None and holder != store.node_id and reference.next_hop(store.node_id, holder) is None:
            found.add(state.head.origin)
    return frozenset(found)
