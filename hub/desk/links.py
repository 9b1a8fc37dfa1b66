"""Links between records, kept in a table and brought up to date where something has changed, and nowhere else.

What an arrival is linked to depends on its candidates, on those who came on the same sheet, and on whoever else wants
the same records. ``_Closure`` collects all of that around what has changed; the pure comparison (``conflict.linking``)
then judges it as a whole, and its links take the place of those before. Whoever else wants a record has a link to it in
the table, or waits, and will draw in what it meets. So once nobody waits the table holds what one judgement of the
whole register would say, whatever the order in which anything came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from conflict.linking import Party, Search, households_left, judge, strong_pairs
from conflict.links import Link
from conflict.parameters import Parameters
from hub.desk.descriptions import Descriptions
from hub.desk.families import PersonKey, look_again
from hub.desk.keys import Found, Keys, unpack
from node.ids import NodeId, OriginId, RowId, id_text

TAKEN: Final = "taken"
"""The verdict of a pair that is apart only as long as other links stand as they do."""

_WAITING = "SELECT party FROM desk_waiting ORDER BY party LIMIT ?"
_WAIT_NO_MORE = "DELETE FROM desk_waiting WHERE party = ?"
_PARTY = "SELECT origin, person_id, arrival, sheet, keys, glance FROM desk_party WHERE number = ?"
_HOUSEHOLD = (
    "SELECT d.number FROM desk_party AS one JOIN person AS p ON p.origin = one.origin AND p.id = one.person_id "
    "JOIN person AS q ON q.origin = p.origin AND q.household_id = p.household_id "
    "JOIN desk_party AS d ON d.origin = q.origin AND d.person_id = q.id WHERE one.number = ?"
)
_IS_ARRIVAL = "SELECT 1 FROM desk_party WHERE number = ? AND arrival = 1"
_LINKED = "SELECT b FROM candidate_link WHERE a = ?1 UNION SELECT a FROM candidate_link WHERE b = ?1"
_STORED = "SELECT a, b, bits, verdict, hard FROM candidate_link WHERE a = ?1 OR b = ?1"
_DROP = "DELETE FROM candidate_link WHERE a = ? AND b = ?"
_KEEP = "INSERT INTO candidate_link (a, b, bits, verdict, hard) VALUES (?,?,?,?,?)"
_SET_SHARING = (
    "UPDATE desk_party SET left_out = ?1, candidates = ?2 WHERE number = ?3 AND (left_out <> ?1 OR candidates <> ?2)"
)
_ALL = (
    "SELECT one.origin, one.person_id, p.source_id, two.origin, two.person_id, q.source_id, bits, verdict, hard "
    "FROM candidate_link JOIN desk_party AS one ON one.number = a JOIN desk_party AS two ON two.number = b "
    "JOIN person AS p ON p.origin = one.origin AND p.id = one.person_id "
    "JOIN person AS q ON q.origin = two.origin AND q.id = two.person_id WHERE verdict <> 'taken'"
)


@dataclass(frozen=True, slots=True)
class _Known:
    """A party of the table as it is described now."""

    number: int
    party: Party
    is_arrival: bool
    sheet: int
    keys: frozenset[int]
    glance: str


@dataclass(slots=True)
class _Closure:
    """What hangs together with the parties that wait. ``members`` are complete once ``grow`` is over."""

    connection: apsw.Connection
    keys: Keys
    descriptions: Descriptions
    parameters: Parameters
    members: set[int] = field(default_factory=set)
    candidates: dict[str, frozenset[str]] = field(default_factory=dict)
    sharing: dict[int, Found] = field(default_factory=dict)
    search: Search = field(init=False)
    numbers: dict[str, int] = field(default_factory=dict)
    _parties: dict[str, Party] = field(default_factory=dict)
    _known: dict[int, _Known | None] = field(default_factory=dict)
    _strong: dict[frozenset[int], dict[int, set[int]]] = field(default_factory=dict)
    _queue: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.search = Search(self._parties, self.parameters)

    def grow(self, start: Iterable[int]) -> None:
        self._add(start)
        while self._queue:
            number = self._queue.pop()
            self._add(row[0] for row in self.connection.execute(_LINKED, (number,)))
            if (known := self._arrival(number)) is not None:
                self._add_sheet(known)

    def arrivals(self) -> dict[str, frozenset[str]]:
        """The candidates of each arrival that hangs together."""
        found = {}
        for number in self.members:
            if (known := self._arrival(number)) is not None:
                found[known.party.ref] = self.candidates[known.party.ref]
        return found

    def _arrival(self, number: int) -> _Known | None:
        """None for everybody else, who need not be read for that: nearly all of a register that has just come."""
        if number not in self._known and self.connection.execute(_IS_ARRIVAL, (number,)).fetchone() is None:
            return None
        known = self.known(number)
        return known if known is not None and known.is_arrival else None

    def known(self, number: int) -> _Known | None:
        """None for a party that is nobody any more."""
        if number not in self._known:
            self._known[number] = self._read(number)
        return self._known[number]

    def _read(self, number: int) -> _Known | None:
        row = self.connection.execute(_PARTY, (number,)).fetchone()
        if row is None or not row[4]:
            return None
        described = self.descriptions.read(OriginId(row[0]), RowId(row[1]))
        if described is None:
            return None
        ref = described.party.ref
        self._parties[ref], self.numbers[ref] = described.party, number
        return _Known(number, described.party, bool(row[2]), int(row[3]), unpack(row[4]), str(row[5]))

    def _add(self, numbers: Iterable[int]) -> None:
        fresh = set(numbers) - self.members
        self.members |= fresh
        self._queue.extend(sorted(fresh))

    def _add_sheet(self, known: _Known) -> None:
        """All who came along, and whom they can be."""
        sheet = self._sheet(known)
        self._add(sheet)
        for number, others in self._strong_of(sheet).items():
            self._add((number, *others))
        for number in sheet:
            if (found := self.sharing.get(number)) is not None:
                self._add(found.unseen)

    def _sheet(self, known: _Known) -> frozenset[int]:
        return self.keys.on_sheet(known.sheet) | {known.number}

    def _strong_of(self, sheet: frozenset[int]) -> dict[int, set[int]]:
        """Whom the arrivals of a sheet can be, by their numbers."""
        if sheet not in self._strong:
            here = [known for number in sorted(sheet) if (known := self.known(number)) is not None]
            self._find_candidates(here)
            candidates = {known.party.ref: self.candidates[known.party.ref] for known in here}
            found: dict[int, set[int]] = {}
            for arrival, other in strong_pairs(self.search, candidates):
                found.setdefault(self.numbers[arrival], set()).add(self.numbers[other])
            self._strong[sheet] = found
        return self._strong[sheet]

    def _find_candidates(self, sheet: Sequence[_Known]) -> None:
        """Whom the arrivals of a whole sheet may be: by what is said of themselves, or of a household from which
        another one of them may have come.
        """
        for known in sheet:
            found = self.keys.candidates(known.keys, known.glance, apart_from=known.number)
            self.sharing[known.number] = found
            self.candidates[known.party.ref] = self._refs(found.numbers)
        if len(sheet) < 2:
            return
        likely = {known.party.ref: self.candidates[known.party.ref] for known in sheet}
        members: set[int] = set()
        for ref in households_left(self.search, likely):
            members.update(row[0] for row in self.connection.execute(_HOUSEHOLD, (self.numbers[ref],)))
        for known in sheet:
            self.candidates[known.party.ref] |= self._refs(members & self.sharing[known.number].sharing)

    def _refs(self, numbers: Iterable[int]) -> frozenset[str]:
        return frozenset(known.party.ref for number in numbers if (known := self.known(number)) is not None)


class Links:
    """The table of links of one store, inside the caller's transaction."""

    def __init__(self, connection: apsw.Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys

    def settle_some(self, descriptions: Descriptions, parameters: Parameters, count: int) -> int:
        """Look again at the links of up to ``count`` of the parties that wait, with all that hangs together with them.
        Returns how many are looked at now; 0 if nobody waits.
        """
        waiting = [int(row[0]) for row in self._connection.execute(_WAITING, (count,))]
        if not waiting:
            return 0
        closure = _Closure(self._connection, self._keys, descriptions, parameters)
        closure.grow(waiting)
        judged = judge(closure.search, closure.arrivals())
        before = {tuple(row) for number in closure.members for row in self._connection.execute(_STORED, (number,))}
        after = {
            (closure.numbers[link.a], closure.numbers[link.b], link.bits, verdict, " ".join(link.hard))
            for links, verdict_of in ((judged.links, None), (judged.taken, TAKEN))
            for link in links
            for verdict in (verdict_of or link.verdict,)
        }
        self._connection.executemany(_DROP, ((row[0], row[1]) for row in before - after))
        self._connection.executemany(_KEEP, after - before)
        changed = {number for row in before ^ after for number in row[:2]}
        look_again(self._connection, (self._person(number) for number in sorted(changed)))
        self._connection.executemany(
            _SET_SHARING, ((found.left_out, len(found.sharing), number) for number, found in closure.sharing.items())
        )
        self._connection.executemany(_WAIT_NO_MORE, ((number,) for number in closure.members))
        return len(closure.members)

    def _person(self, number: int) -> PersonKey:
        row: tuple[Any, ...] = self._connection.execute(_PARTY, (number,)).fetchall()[0]
        return OriginId(row[0]), RowId(row[1])


def read_links(connection: apsw.Connection, nodes: dict[OriginId, NodeId]) -> Iterator[Link]:
    """The links that the table holds, by the refs of the records, in no order."""
    for one, row_id, source, two, other_id, other_source, bits, verdict, hard in connection.execute(_ALL):
        if OriginId(one) in nodes and OriginId(two) in nodes:
            a = f"{nodes[OriginId(one)]}:{source or id_text(row_id)}"
            b = f"{nodes[OriginId(two)]}:{other_source or id_text(other_id)}"
            yield Link(a, b, bits, verdict, tuple(hard.split()))
