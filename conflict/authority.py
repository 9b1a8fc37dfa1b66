"""Which node decides a case: the lowest that sees all of it with closing evidence, otherwise the top (DESIGN 5).

Closing evidence is an equal personal number, or that the place which the arrival names lies below that node, so that
nobody above could know better. It depends on the tree as it is now: when a district is dissolved, or two provinces
become one, the same case is somebody else's, and nothing else about it changes (RESOLVER 65, 67).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from conflict.places import PlaceBook


def lowest_common(units: Collection[str], places: PlaceBook) -> str:
    """The lowest node above all units that is no leaf; empty if no node of the view sees them all."""
    lineages = [places.lineage(unit) for unit in sorted(set(units))]
    shared = set(lineages[0]).intersection(*lineages[1:])
    for node in lineages[0]:
        if node in shared and (places.has_children(node) or len(lineages[0]) == 1):
            return node
    return ""


def top(unit: str, places: PlaceBook) -> str:
    """The root of the tree that a unit stands in."""
    return places.lineage(unit)[-1]


def authority(
    units: Collection[str], named: Iterable[str], places: PlaceBook, *, numbers_agree: bool, is_open: bool
) -> tuple[str, bool]:
    """(node, whether it decides on closing evidence). ``is_open``: something is still to be found or ruled."""
    lowest = lowest_common(units, places)
    roots = sorted(top(unit, places) for unit in units)
    if not lowest:
        return roots[0], False
    is_below = any(lowest in places.lineage(node) for node in named if node in places)
    if numbers_agree or (is_below and not is_open):
        return lowest, True
    return roots[0], False
