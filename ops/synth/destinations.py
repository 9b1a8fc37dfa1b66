"""Where people move to: the kinds of move, how many of each are still to come, and which communes they lead to."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from ops.synth.families import spread
from ops.synth.units import Commune, Units

WITHIN: Final = "within_commune"
BETWEEN_COMMUNES: Final = "between_communes"
BETWEEN_DISTRICTS: Final = "between_districts"
BETWEEN_PROVINCES: Final = "between_provinces"
ABROAD: Final = "abroad"
FROM_OUTSIDE: Final = "from_outside"

SHARES: Final = {
    WITHIN: 0.10,
    BETWEEN_COMMUNES: 0.28,
    BETWEEN_DISTRICTS: 0.25,
    BETWEEN_PROVINCES: 0.24,
    ABROAD: 0.05,
    FROM_OUTSIDE: 0.08,
}
"""Of the moves, counted per person. Where a kind is impossible its share goes to the others."""

TREE_KINDS: Final = (BETWEEN_COMMUNES, BETWEEN_DISTRICTS, BETWEEN_PROVINCES)


class Destinations:
    """Chooses the next move's kind, so that the shares come out, and its destination."""

    def __init__(self, units: Units, moves: int, rng: random.Random) -> None:
        self._rng = rng
        self._by_parent: defaultdict[str, list[Commune]] = defaultdict(list)
        self._by_province: defaultdict[str, list[Commune]] = defaultdict(list)
        for commune in units.communes:
            self._by_parent[commune.parents[0]].append(commune)
            self._by_province[commune.province_code].append(commune)
        self._all = units.communes
        kinds = [kind for kind in SHARES if self._exists(kind)]
        self.left = moves
        self._left = dict(zip(kinds, spread(moves, [SHARES[kind] for kind in kinds]), strict=True))

    def _exists(self, kind: str) -> bool:
        return kind not in TREE_KINDS or any(self.reachable(commune, kind) for commune in self._all)

    def reachable(self, origin: Commune, kind: str) -> list[Commune]:
        """The communes to which a move of this kind can lead."""
        match kind:
            case "between_communes":
                return [other for other in self._by_parent[origin.parents[0]] if other is not origin]
            case "between_districts":
                near = self._by_province[origin.province_code]
                return [other for other in near if other.parents[0] != origin.parents[0]]
            case "between_provinces":
                return [other for other in self._all if other.province_code != origin.province_code]
            case _:
                return []

    def next_kind(self, origin: Commune, kinds: Iterable[str]) -> str:
        """One of ``kinds`` by what is left of each; '' if none of them is possible from here."""
        possible = [
            kind for kind in kinds if kind in self._left and (kind not in TREE_KINDS or self.reachable(origin, kind))
        ]
        if not possible:
            return ""
        return self._rng.choices(possible, [self._pull(kind) for kind in possible])[0]

    def _pull(self, kind: str) -> float:
        """What is left of a kind; more for going abroad, which few stories can lead to."""
        return max(self._left[kind], 0) * (3 if kind == ABROAD else 1) + 0.01

    def choose(self, origin: Commune, kind: str) -> Commune:
        """Towns draw more people than villages."""
        found = self.reachable(origin, kind)
        return self._rng.choices(found, [commune.weight**2 for commune in found])[0]

    def relation(self, origin: Commune, destination: Commune) -> str:
        """Which kind of move leads from one commune to another."""
        if origin is destination:
            return WITHIN
        if origin.parents[0] == destination.parents[0]:
            return BETWEEN_COMMUNES
        return BETWEEN_DISTRICTS if origin.province_code == destination.province_code else BETWEEN_PROVINCES

    def is_next(self, kind: str) -> bool:
        """Whether the next move should be of this kind, by its share of what is left."""
        return self._rng.random() * self.left < self._left.get(kind, 0)

    def done(self, kind: str, count: int = 1) -> None:
        self.left -= count
        self._left[kind] = self._left.get(kind, 0) - count
