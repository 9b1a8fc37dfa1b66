"""Administrative reforms: which unit took over from which, and what that makes of the nodes of a tree (RESOLVER 61-70).

A unit is a code together with the day from which the code means it; nodes say of themselves which unit they keep. A
reform is told about units, also about such as no node keeps any more, or none keeps yet. Here it becomes pairs of
nodes, for the settlement, and names by which a report may still mean a node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

REFORMS: Final = (date(2025, 7, 1),)
"""Days on which codes changed their meaning: the districts were dissolved, provinces and communes merged and
numbered anew.
"""


def era(day: date) -> int:
    """The number of reforms up to a day; codes are compared within one era only."""
    return sum(reform <= day for reform in REFORMS)


def since(valid_from: str) -> date | None:
    """The first day that YYYY, YYYY-MM or YYYY-MM-DD can mean; None, for every era, if it says none."""
    try:
        return date.fromisoformat(f"{valid_from}-01-01"[:10]) if valid_from else None
    except ValueError:
        return None  # a profile comes from another node: no view may fail on it


@dataclass(frozen=True, slots=True)
class Successions:
    """Which unit took over from which: (old node, new node), as a reform ordered it (RESOLVER 61-64)."""

    pairs: frozenset[tuple[str, str]] = frozenset()
    _after: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        after: dict[str, tuple[str, ...]] = {}
        for old, new in sorted(self.pairs):
            after[old] = (*after.get(old, ()), new)
        object.__setattr__(self, "_after", after)

    def is_one_place(self, a: str, b: str) -> bool:
        """True if the two are one unit, or one took over from the other."""
        return a == b or (a, b) in self.pairs or (b, a) in self.pairs

    def newest(self, unit: str) -> str:
        """The unit that a unit has become; itself where nobody took over or several did (RESOLVER 69)."""
        seen = {unit}
        while True:
            following = self._after.get(unit, ())
            if len(following) != 1 or following[0] in seen:
                return unit
            unit = following[0]
            seen.add(unit)


NO_SUCCESSIONS: Final = Successions()


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """``valid_from`` is YYYY, YYYY-MM, YYYY-MM-DD or empty: the code means it in every era."""

    code: str
    valid_from: str

    @property
    def key(self) -> tuple[str, int | None]:
        """Equal for the same code in the same era."""
        day = since(self.valid_from)
        return self.code, None if day is None else era(day)


@dataclass(frozen=True, slots=True, order=True)
class Succession:
    """``new`` took over from ``old``, wholly or in part."""

    old: Unit
    new: Unit


@dataclass(frozen=True, slots=True)
class Reform:
    """What reference data say. ``names`` are those of the units, as far as they are told."""

    successions: frozenset[Succession] = frozenset()
    names: tuple[tuple[Unit, str], ...] = ()


NO_REFORM: Final = Reform()


@dataclass(frozen=True, slots=True, order=True)
class Alias:
    """A unit that no node keeps, and the node that answers for it now."""

    unit: Unit
    name: str
    node_id: str


class Reformed:
    """A reform as a tree sees it. ``kept``: each node with the unit that it says it keeps."""

    def __init__(self, reform: Reform, kept: Iterable[tuple[str, Unit]]) -> None:
        self._after: dict[Unit, list[Unit]] = defaultdict(list)
        self._before: dict[Unit, list[Unit]] = defaultdict(list)
        for succession in sorted(reform.successions):
            self._after[succession.old].append(succession.new)
            self._before[succession.new].append(succession.old)
        self._names = dict(reform.names)
        keepers: dict[str, list[tuple[str, Unit]]] = defaultdict(list)
        for node_id, unit in kept:
            keepers[unit.code].append((node_id, unit))
        self._keepers = {unit: _keepers(unit, keepers) for unit in {*self._after, *self._before}}

    def successions(self) -> Successions:
        """Pairs of nodes. A part of a split that no node keeps stands for itself, so that the rest of the unit is not
        taken for the whole.
        """
        pairs = set()
        for unit, nodes in self._keepers.items():
            for node_id in nodes:
                pairs |= {(node_id, new) for new in self._heirs(unit) if new != node_id}
        return Successions(frozenset(pairs))

    def _heirs(self, unit: Unit) -> Iterator[str]:
        parts = self._after.get(unit, [])
        for part in parts:
            nodes = self._keepers[part] or self._reached(part, self._after)
            if nodes:
                yield from nodes
            elif len(parts) > 1:
                yield f"{part.code}@{part.valid_from}"

    def aliases(self) -> Iterator[Alias]:
        """Who answers for units that no node keeps: the one node of those that took over, or else of those before."""
        for unit in sorted(unit for unit, nodes in self._keepers.items() if not nodes):
            for way in (self._after, self._before):
                nodes = self._reached(unit, way)
                if nodes:
                    if len(nodes) == 1:
                        yield Alias(unit, self._names.get(unit, ""), next(iter(nodes)))
                    break

    def _reached(self, unit: Unit, way: Mapping[Unit, list[Unit]]) -> frozenset[str]:
        """The nodes of the next units that any node keeps, one way through the successions."""
        found: set[str] = set()
        seen, queue = {unit}, [unit]
        while queue:
            for following in way.get(queue.pop(), ()):
                if following in seen:
                    continue
                seen.add(following)
                found |= self._keepers[following]
                if not self._keepers[following]:
                    queue.append(following)
        return frozenset(found)


def _keepers(unit: Unit, keepers: Mapping[str, Iterable[tuple[str, Unit]]]) -> frozenset[str]:
    """The nodes that keep a unit; one that says no day keeps its code in every era."""
    here = keepers.get(unit.code, ())
    return frozenset(node_id for node_id, kept in here if unit.key == kept.key or None in (unit.key[1], kept.key[1]))
