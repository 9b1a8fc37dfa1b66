"""Standing records that look like one person, on demand (RESOLVER 3): nobody compares them otherwise.

Two ways to look. By number: all records of the view under one personal number whose name and date of birth agree.
Within communes: everybody who stands there with everybody else, numbers or not, for a restore or a merge may have left
two forms of one person. Arrivals and newborns are left out, for the desk compares these by itself.

Nothing is decided here. A pair is ``sure`` if number, name and date of birth agree; whoever rules such a pair to be one
person puts it in dispute, until somebody has visited both homes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import apsw

from conflict.blocking import BlockIndex
from conflict.comparison import Field
from conflict.levels import Birth, Number
from conflict.linking import Party, Search
from conflict.parameters import Parameters
from conflict.rulings import Pair, pair
from conflict.score import Score, verdict
from hub.desk.descriptions import Descriptions
from hub.desk.families import PersonKey
from node.ids import NodeId, OriginId, RowId

NUMBER_RECORDS_MAX: Final = 20
"""Records under one number that are compared with each other. More are a placeholder, such as twelve zeros."""

_SHARED = (
    "SELECT personal_id, origin, id FROM person WHERE personal_id IN (SELECT personal_id FROM person "
    "WHERE personal_id <> '' AND state <> 'void' GROUP BY personal_id HAVING count(*) > 1) ORDER BY personal_id"
)
_OF_ORIGIN = "SELECT origin, id FROM person WHERE origin = ? AND state <> 'void' ORDER BY id"


@dataclass(frozen=True, slots=True)
class Double:
    """Two records that may be one person, with what was compared."""

    a: str
    b: str
    scored: Score
    sure: bool

    @property
    def pair(self) -> Pair:
        return pair(self.a, self.b)


def by_number(
    connection: apsw.Connection, descriptions: Descriptions, nodes: Mapping[OriginId, NodeId], parameters: Parameters
) -> list[Double]:
    """The sure pairs of the whole view, sorted."""
    groups: dict[str, list[Party]] = defaultdict(list)
    rows: list[tuple[Any, ...]] = connection.execute(_SHARED).fetchall()
    for number, origin, row_id in rows:
        party = _standing(descriptions, (OriginId(origin), RowId(row_id))) if OriginId(origin) in nodes else None
        if party is not None:
            groups[number].append(party)
    found: list[Double] = []
    for group in groups.values():
        if len(group) <= NUMBER_RECORDS_MAX:
            found += _compared(
                {party.ref: party for party in group}, combinations(sorted(p.ref for p in group), 2), parameters
            )
    return sorted((double for double in found if double.sure), key=lambda double: double.pair)


def within(
    connection: apsw.Connection, descriptions: Descriptions, origins: Collection[OriginId], parameters: Parameters
) -> list[Double]:
    """All pairs of the records of some origins that a person should look at, sorted."""
    parties: dict[str, Party] = {}
    index = BlockIndex()
    for origin in sorted(origins):
        rows: list[tuple[Any, ...]] = connection.execute(_OF_ORIGIN, (origin,)).fetchall()
        for row in rows:
            party = _standing(descriptions, (OriginId(row[0]), RowId(row[1])))
            if party is not None:
                parties[party.ref] = party
                index.add(party.ref, party.description)
    pairs = {
        pair(ref, other)
        for ref, party in parties.items()
        for other in index.candidates(party.description, apart_from=(ref,)).refs
    }
    return sorted(_compared(parties, sorted(pairs), parameters), key=lambda double: double.pair)


def _standing(descriptions: Descriptions, key: PersonKey) -> Party | None:
    """A record that nobody compares by itself."""
    described = descriptions.read(*key)
    return None if described is None or described.is_newcomer else described.party


def _compared(
    parties: Mapping[str, Party], pairs: Iterable[tuple[str, str]], parameters: Parameters
) -> Iterator[Double]:
    search = Search(parties, parameters)
    for a, b in pairs:
        scored = search.plain(a, b)
        if verdict(scored, parameters) != "apart":
            yield Double(a, b, scored, _is_sure(search, a, b, scored))


def _is_sure(search: Search, a: str, b: str, scored: Score) -> bool:
    levels = {item.field: item.level for item in scored.evidence}
    agree = levels.get(Field.NUMBER) == Number.SAME and levels.get(Field.BIRTH) in {Birth.SAME_DAY, Birth.SAME_MONTH}
    return agree and search.is_one(a, b)
