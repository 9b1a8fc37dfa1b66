"""What new weights are learned from: pairs, strangers and households of the register that a hub holds.

Everything is drawn by a seed from the tables of the desk, so that a register of any size costs the same, and the same
register gives the same file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import apsw

from conflict.description import Description
from conflict.sampling import Drawn, Pair
from hub.desk.descriptions import Described, Descriptions
from hub.desk.keys import Keys, unpack
from node.ids import OriginId, RowId

ARRIVALS_MAX: Final = 20_000
STRANGERS: Final = 50_000
HOUSEHOLDS_MAX: Final = 20_000
PEOPLE_MAX: Final = 100_000
"""How much is looked at, at most; the rest changes the result by less than what is rounded away."""
KEPT_MAX: Final = 50_000
"""Descriptions that are kept in memory (about 100 MB)."""

_PARTIES = "SELECT number, origin, person_id, arrival FROM desk_party WHERE keys <> x'' ORDER BY origin, person_id"
_HOUSEHOLDS = (
    "SELECT origin, household_id FROM person WHERE household_id IS NOT NULL GROUP BY origin, household_id "
    "HAVING count(*) > 1 ORDER BY origin, household_id"
)
_MEMBERS = "SELECT id FROM person WHERE origin = ? AND household_id = ? ORDER BY id LIMIT 30"
_T = TypeVar("_T")
_Party = tuple[int, OriginId, RowId, int]


@dataclass(frozen=True, slots=True)
class Register:
    """The records of a register by their numbers at the desk."""

    parties: Mapping[int, _Party]
    arrivals: tuple[int, ...]


def register_of(connection: apsw.Connection) -> Register:
    """All records that can be compared. After the desk has caught up."""
    rows: list[tuple[Any, ...]] = connection.execute(_PARTIES).fetchall()
    parties = {row[0]: (row[0], OriginId(row[1]), RowId(row[2]), row[3]) for row in rows}
    return Register(parties, tuple(number for number, *_, arrival in parties.values() if arrival))


class Sampling:
    """Draws from one register through one connection, inside one snapshot."""

    def __init__(self, connection: apsw.Connection, descriptions: Descriptions, keys: Keys, rng: random.Random) -> None:
        self._connection = connection
        self._descriptions = descriptions
        self._keys = keys
        self._rng = rng
        self._register = register_of(connection)
        self._kept: dict[int, Described | None] = {}

    def draw(self) -> Drawn:
        return Drawn(self._pairs(), self._strangers(), self._households(), self._people())

    def _pairs(self) -> Iterator[Pair]:
        """Arrivals with everybody who shares a key with them."""
        for number in self._some(self._register.arrivals, ARRIVALS_MAX):
            here = self._described(number)
            keys = self._connection.execute("SELECT keys FROM desk_party WHERE number = ?", (number,)).fetchall()
            if here is None:
                continue
            for other in sorted(self._keys.sharing(unpack(keys[0][0]), apart_from=number).refs):  # type: ignore[arg-type]
                there = self._described(other)
                if there is not None:
                    yield here.description, there.description

    def _strangers(self) -> Iterator[Pair]:
        """The few that are one person do not matter."""
        everybody = tuple(self._register.parties)
        for _ in range(STRANGERS if self._register.arrivals else 0):
            one, other = self._rng.choice(self._register.arrivals), self._rng.choice(everybody)
            here, there = self._described(one), self._described(other)
            if here is not None and there is not None and one != other:
                yield here.description, there.description

    def _households(self) -> Iterator[list[Description]]:
        homes = [(OriginId(row[0]), row[1]) for row in self._connection.execute(_HOUSEHOLDS).fetchall()]  # type: ignore[arg-type]
        for origin, home in self._some(tuple(homes), HOUSEHOLDS_MAX):
            rows = self._connection.execute(_MEMBERS, (origin, home)).fetchall()
            found = (self._descriptions.read(origin, RowId(row[0])) for row in rows)  # type: ignore[arg-type]
            yield [each.description for each in found if each is not None and not each.is_newcomer]

    def _people(self) -> Iterator[Description]:
        """Those whose words are counted: nobody twice because of a move."""
        for number in self._some(tuple(self._register.parties), PEOPLE_MAX):
            found = self._described(number)
            if found is not None and not found.is_newcomer:
                yield found.description

    def _some(self, everything: tuple[_T, ...], count: int) -> list[_T]:
        return list(everything) if len(everything) <= count else self._rng.sample(everything, count)

    def _described(self, number: int) -> Described | None:
        if number not in self._kept:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            party = self._register.parties.get(number)
            self._kept[number] = None if party is None else self._descriptions.read(party[1], party[2])
        return self._kept[number]
