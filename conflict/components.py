"""Which records are one person, and what hangs together and is decided together (RESOLVER 1; DESIGN 5).

A component is what can be reached over candidate links and rulings. All of it is looked at again when anything in it
changes, and nothing outside it: ``component`` is a union over a neighbourhood, so that a caller need only know the
neighbours of what was touched.

Inside a component, records are joined into persons from the surest link down. A link that would put together what a
hard fact or a ruling keeps apart is refused, and a person looks at it (RESOLVER 34). Equal links are taken in the order
of their refs, so no order of input shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from conflict.claims import MOVE_IN, Claim, PersonRef, Record, in_order
from conflict.links import Link
from conflict.names import parse_name
from conflict.places import PlaceBook
from conflict.rulings import Pair, Ruling, is_reopened, pair, prevailing

Neighbours = Callable[[PersonRef], Iterable[PersonRef]]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two records, of different persons so far, that may be one: a person has to look. ``reopened`` names a ruling
    that new evidence has put in question.
    """

    a: PersonRef
    b: PersonRef
    bits: float
    refused: bool = False
    reopened: Ruling | None = None


@dataclass(frozen=True, slots=True)
class Identities:
    """``persons``: each one's refs, sorted; every ref in exactly one. ``rulings``: those that hold."""

    persons: tuple[tuple[PersonRef, ...], ...]
    doubts: tuple[Doubt, ...]
    rulings: tuple[Ruling, ...]


def component(start: Iterable[PersonRef], neighbours: Neighbours) -> frozenset[PersonRef]:
    """Everything that can be reached from ``start``, itself included."""
    found = set(start)
    waiting = list(found)
    while waiting:
        for ref in neighbours(waiting.pop()):
            if ref not in found:
                found.add(ref)
                waiting.append(ref)
    return frozenset(found)


def components(refs: Iterable[PersonRef], neighbours: Neighbours) -> Iterator[tuple[PersonRef, ...]]:
    """All components, in the order of their smallest refs, each sorted."""
    seen: set[PersonRef] = set()
    for ref in sorted(set(refs)):
        if ref not in seen:
            found = component((ref,), neighbours)
            seen |= found
            yield tuple(sorted(found))


def candidate_neighbours(links: Iterable[Link], rulings: Iterable[Ruling]) -> Neighbours:
    """Who hangs together by a candidate link, one above the lower threshold, or by a ruling of either kind."""
    found: dict[PersonRef, set[PersonRef]] = defaultdict(set)
    pairs = [pair(link.a, link.b) for link in links if link.verdict != "apart"]
    for a, b in (*pairs, *(ruling.pair for ruling in rulings)):
        found[a].add(b)
        found[b].add(a)
    return lambda ref: found.get(ref, ())


def family_neighbours(records: Iterable[Record], candidates: Neighbours) -> Neighbours:
    """As ``candidates``, and also over what one person's result borrows from another's: the mother of a newborn, and
    the sheet on which a household goes together. What changes is looked at with all of it.
    """
    found: dict[PersonRef, set[PersonRef]] = defaultdict(set)
    sheets: dict[tuple[str, str], PersonRef] = {}
    for record in records:
        others = [record.mother.ref] if record.mother is not None else []
        others.extend(sheets.setdefault((record.unit, c.group), record.ref) for c in record.claims if c.group)
        for other in others:
            found[record.ref].add(other)
            found[other].add(record.ref)
    return lambda ref: (*candidates(ref), *found.get(ref, ()))


def identities(
    records: Mapping[PersonRef, Record], links: Iterable[Link], rulings: Iterable[Ruling], places: PlaceBook
) -> Identities:
    """The persons among some records. Links and rulings that name other records have no effect."""
    known = sorted(
        (link for link in links if link.a in records and link.b in records and link.a != link.b),
        key=lambda link: (-link.bits, pair(link.a, link.b), link.verdict, link.hard),
    )
    held = prevailing((r for r in rulings if r.a in records and r.b in records), places)
    groups = _Groups(records)
    for twice in _repeats(records.values(), known):
        groups.join(*twice, held)  # one arrival under two ids is one record, also for a ruling on one of them
    sides = {ref: [c for other in groups.of(ref) for c in records[other].claims] for ruled in held for ref in ruled}
    reopened = {ruled: ruling for ruled, ruling in held.items() if is_reopened(ruling, sides)}
    groups.forbid(ruled for ruled, ruling in held.items() if not ruling.same)
    for ruled in sorted(ruled for ruled, ruling in held.items() if ruling.same):
        groups.join(*ruled, held)
    groups.forbid(pair(link.a, link.b) for link in known if link.hard and pair(link.a, link.b) not in held)
    doubts = {r: Doubt(*r, _bits(known, r), reopened=ruling) for r, ruling in sorted(reopened.items())}
    apart = {ruled for ruled, ruling in held.items() if not ruling.same and ruled not in reopened}
    for link in known:
        linked = pair(link.a, link.b)
        if linked in held or link.hard or link.verdict == "apart" or groups.are_one(*linked):
            continue
        if link.verdict == "automatic" and groups.join(*linked, held):
            continue
        # What a person ruled apart is no doubt, whichever of their records the link compares.
        if not any(pair(a, b) in apart for a in groups.of(linked[0]) for b in groups.of(linked[1])):
            doubts.setdefault(linked, Doubt(*linked, link.bits, refused=link.verdict == "automatic"))
    persons = tuple(sorted(groups.all()))
    holding = tuple(r for ruled, r in sorted(held.items()) if ruled not in reopened)
    return Identities(persons, tuple(d for d in doubts.values() if not groups.are_one(d.a, d.b)), holding)


def _bits(links: list[Link], ruled: Pair) -> float:
    return max((link.bits for link in links if pair(link.a, link.b) == ruled), default=0.0)


def _repeats(records: Iterable[Record], links: list[Link]) -> Iterator[Pair]:
    """Arrivals that one office wrote down twice, under two ids: the same words of the same day, or two that compare
    as one person (RESOLVER 8).
    """
    units: dict[PersonRef, str] = {}
    words: dict[tuple[object, ...], PersonRef] = {}
    for record in sorted(records, key=lambda r: r.ref):
        arrival = first_arrival(record)
        if arrival is None:
            continue
        units[record.ref] = record.unit
        if arrival.said and _says_who(arrival):
            key = (record.unit, arrival.day, arrival.place, arrival.group, arrival.said)
            first = words.setdefault(key, record.ref)
            if first != record.ref:
                yield pair(first, record.ref)
    for link in links:
        a, b = pair(link.a, link.b)
        if link.verdict == "automatic" and not link.hard and units.get(a) is not None and units.get(a) == units.get(b):
            yield a, b


def _says_who(arrival: Claim) -> bool:
    """Whether the words tell one person from another: two newborns on one sheet may be called "Trai"."""
    said = dict(text.partition("=")[::2] for text in arrival.said)
    return "full_name" not in said or "personal_id" in said or parse_name(said["full_name"]).says_anything


def first_arrival(record: Record) -> Claim | None:
    """The arrival that made a record, None for one that was there before or was born there."""
    found = in_order(c for c in record.claims if c.kind == MOVE_IN and c.stands)
    return found[0] if found else None


class _Groups:
    """Disjoint sets of refs, some pairs of which may never be in one."""

    def __init__(self, refs: Iterable[PersonRef]) -> None:
        self._group = {ref: {ref} for ref in refs}
        self._forbidden: dict[PersonRef, set[PersonRef]] = defaultdict(set)

    def forbid(self, pairs: Iterable[Pair]) -> None:
        for a, b in pairs:
            self._forbidden[a].add(b)
            self._forbidden[b].add(a)

    def of(self, ref: PersonRef) -> set[PersonRef]:
        return self._group[ref]

    def are_one(self, a: PersonRef, b: PersonRef) -> bool:
        return b in self._group[a]

    def join(self, a: PersonRef, b: PersonRef, held: Mapping[Pair, Ruling]) -> bool:
        """Put two groups together; False, and nothing, if a fact or a ruling keeps any two members apart."""
        one, other = self._group[a], self._group[b]
        if one is other:
            return True
        small, large = sorted((one, other), key=len)
        for ref in small:
            if not large.isdisjoint(self._forbidden[ref]):
                return False
            if any(not held[p].same for third in large if (p := pair(ref, third)) in held):
                return False
        large |= small
        for ref in small:
            self._group[ref] = large
        return True

    def all(self) -> Iterator[tuple[PersonRef, ...]]:
        for ref, group in self._group.items():
            if ref == min(group):
                yield tuple(sorted(group))
