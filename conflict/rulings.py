"""Rulings: what a person decided about two records, and how long it holds (RESOLVER 3, 6).

Of two rulings on one pair the higher authority's holds, of one authority the later in its log. A "same" holds until
somebody rules otherwise. A "different" names the claims that the reviewer saw: another claim about the two that
states something personal which none of those did reopens the question, which then waits for another ruling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from conflict.claims import Claim, EventRef, PersonRef
from conflict.places import PlaceBook

Pair = tuple[PersonRef, PersonRef]


@dataclass(frozen=True, slots=True)
class Ruling:
    """``authority`` is the node that recorded it, ``position`` its place in that node's log.

    ``seen`` are the claims that the reviewer saw; None: all that were written down by then.
    """

    ref: EventRef
    a: PersonRef
    b: PersonRef
    same: bool
    authority: str
    recorded: datetime
    position: int = 0
    seen: frozenset[EventRef] | None = None
    withdrawn_by: tuple[EventRef, ...] = ()
    """The cancels in force against it: then it rules nothing, as if nobody had spoken (RESOLVER 33)."""

    @property
    def pair(self) -> Pair:
        return pair(self.a, self.b)


def pair(a: str, b: str) -> Pair:
    """Two refs in one order."""
    return (PersonRef(a), PersonRef(b)) if a <= b else (PersonRef(b), PersonRef(a))


def rank(ruling: Ruling, places: PlaceBook) -> tuple[int, int, datetime, EventRef]:
    """The order of weight: the greatest holds. A node that is nearer to the root weighs more."""
    return -len(places.lineage(ruling.authority)), ruling.position, ruling.recorded, ruling.ref


def prevailing(rulings: Iterable[Ruling], places: PlaceBook) -> dict[Pair, Ruling]:
    """The ruling that holds for each pair."""
    found: dict[Pair, Ruling] = {}
    for ruling in sorted(rulings, key=lambda r: rank(r, places)):
        if ruling.a != ruling.b and not ruling.withdrawn_by:
            found[ruling.pair] = ruling
    return found


def is_reopened(ruling: Ruling, sides: Mapping[PersonRef, Iterable[Claim]]) -> bool:
    """True if a "different" no longer holds. ``sides`` has the claims about each of its two persons: those of the
    record, and of its repeats at the same office (RESOLVER 6).
    """
    if ruling.same:
        return False
    claims = [claim for ref in ruling.pair for claim in sides.get(ref, ())]
    seen = ruling.seen
    if seen is None:
        seen = frozenset(claim.ref for claim in claims if claim.recorded <= ruling.recorded)
    known = {said for claim in claims if claim.ref in seen for said in claim.said}
    return any(not known.issuperset(claim.said) for claim in claims if claim.ref not in seen)
