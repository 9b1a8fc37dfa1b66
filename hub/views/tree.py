"""The tree as a node knows it: what its registers say of themselves, and where they stand now by the reference data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from conflict.places import Place
from conflict.reforms import Reform
from hub.views.records import place_of
from node.ids import NodeId
from node.reference import Reference
from node.store import PURPOSE_REGISTER, Profile

_DEPTH_MAX: Final = 64


def places_seen(profiles: Iterable[Profile], reference: Reference) -> list[Place]:
    """The nodes whose registers are here, each below its parent of now."""
    found = [place_of(profile) for profile in profiles if profile.purpose == PURPOSE_REGISTER]
    parents = {place.node_id: reference.parent_of(NodeId(place.node_id)) for place in found}
    return [
        place if (parent := parents[place.node_id]) is None else replace(place, parent_id=parent) for place in found
    ]


def reform_seen(references: Iterable[Reference]) -> Reform:
    """Which unit took over from which, by all reference data that are seen."""
    found = [reference.reform() for reference in references]
    return Reform(
        frozenset().union(*(reform.successions for reform in found)),
        tuple(sorted({pair for reform in found for pair in reform.names})),
    )


def places_above(here: NodeId, known: Iterable[Place], reference: Reference) -> tuple[Place, ...]:
    """The nodes above this one. What they say of themselves is not here, so that they are known by their ids alone."""
    parents = {place.node_id: place.parent_id for place in known}
    above = parent_of(here, parents.get(here, ""), reference)
    found: list[Place] = []
    while above and above not in parents and len(found) < _DEPTH_MAX:
        node = reference.node(NodeId(above))
        higher = "" if node is None else node.parent_node_id
        found.append(Place(above, higher, "" if node is None else node.tier, "", "", ""))
        above = higher
    return tuple(found)


def parent_of(here: NodeId, founded_below: str, reference: Reference) -> str:
    """The parent of this node; what it said when it was founded, as long as no reference data tell. '' at the top."""
    parent = reference.parent_of(here)
    return founded_below if parent is None else parent
