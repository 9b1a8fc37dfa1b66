"""Families: what has to be settled together around some persons, read row by row and never by going through a register.

Records hang together by links, by rulings, by the mother of a newborn and by the sheet of a household
(``conflict.components``). A family is all that can be reached.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from conflict.claims import Record
from conflict.links import Link
from conflict.places import PlaceBook
from conflict.rulings import Ruling
from hub.views.records import record_of, rulings_about
from node.ids import NodeId, OriginId, RowId, id_from_text

PersonKey = tuple[OriginId, RowId]

_LINKS = (
    "SELECT q.origin, q.person_id, l.bits, l.verdict, l.hard FROM desk_party AS p "
    "JOIN (SELECT a AS one, b AS other, bits, verdict, hard FROM candidate_link "
    "UNION ALL SELECT b, a, bits, verdict, hard FROM candidate_link) AS l ON l.one = p.number "
    "JOIN desk_party AS q ON q.number = l.other WHERE p.origin = ? AND p.person_id = ? AND l.verdict <> 'taken'"
)
_CHILDREN = "SELECT person_id FROM event WHERE origin = ? AND other_person_id = ? AND kind = 'birth'"
_MOTHERS = "SELECT other_person_id FROM event WHERE origin = ? AND person_id = ? AND kind = 'birth'"
_ON_SHEET = "SELECT person_id FROM event WHERE origin = ? AND group_id = ? AND group_id <> ''"
_BY_SOURCE = "SELECT id FROM person WHERE origin = ? AND source_id = ? AND source_id <> ''"
_BY_ID = "SELECT id FROM person WHERE origin = ? AND id = ? AND source_id = ''"


@dataclass(frozen=True, slots=True)
class Family:
    """Records in the order of their refs, and all that holds between them."""

    records: tuple[Record, ...]
    links: tuple[Link, ...]
    rulings: tuple[Ruling, ...]


@dataclass(slots=True)
class Families:
    """Collects families through one connection."""

    connection: apsw.Connection
    nodes: Mapping[OriginId, NodeId]
    places: PlaceBook
    members: set[PersonKey] = field(default_factory=set)
    _records: dict[PersonKey, Record] = field(default_factory=dict)
    _ruled: dict[str, tuple[Ruling, ...]] = field(default_factory=dict)

    def of(self, person: PersonKey) -> Family:
        """The family of a person; ``members`` has everybody of all families that were asked for."""
        members = {person}
        queue = [person]
        pending: list[tuple[PersonKey, PersonKey, float, Any, str]] = []

        def add(persons: Iterable[PersonKey]) -> None:
            fresh = set(persons) - members
            members.update(fresh)
            queue.extend(sorted(fresh))

        while queue:
            key = queue.pop()
            record = self._record(key)
            if record is None:
                continue
            for *other, bits, verdict, hard in self._rows(_LINKS, key):
                there: PersonKey = (OriginId(other[0]), RowId(other[1]))
                pending.append((key, there, bits, verdict, hard))
                if verdict != "apart":
                    add((there,))
            add(self._relatives(key, record))
        self.members |= members
        records = [record for key in members if (record := self._record(key)) is not None]
        refs = {record.ref for record in records}
        ruled = {r for ref in refs for r in self._rulings(ref) if refs.issuperset(r.pair)}
        return Family(
            tuple(sorted(records, key=lambda record: record.ref)),
            tuple(sorted(set(self._named(pending, members)), key=lambda link: (link.a, link.b))),
            tuple(sorted(ruled, key=lambda ruling: ruling.ref)),
        )

    def concerned_by(self, claims: Collection[str]) -> Iterator[PersonKey]:
        """The members about whom one of the claims is. A case of standing records alone is named by these."""
        for key, record in self._records.items():
            if record.ref in claims or any(claim.ref in claims for claim in record.claims):
                yield key

    def _record(self, key: PersonKey) -> Record | None:
        if key not in self._records and key[0] in self.nodes:
            found = record_of(self.connection, key[0], self.nodes[key[0]], key[1], self.places)
            if found is not None:
                self._records[key] = found
        return self._records.get(key)

    def _rulings(self, ref: str) -> tuple[Ruling, ...]:
        if ref not in self._ruled:
            self._ruled[ref] = tuple(rulings_about(self.connection, self.nodes, ref))
        return self._ruled[ref]

    def _relatives(self, key: PersonKey, record: Record) -> Iterator[PersonKey]:
        """Those whose result borrows from this record's, or it from theirs."""
        origin, row_id = key
        for statement, value in ((_CHILDREN, row_id), (_MOTHERS, row_id)):
            for (other,) in self._rows(statement, (origin, value)):
                if other is not None:
                    yield origin, RowId(other)
        for sheet in {claim.group for claim in record.claims if claim.group}:
            for (other,) in self._rows(_ON_SHEET, (origin, sheet)):
                if other is not None:
                    yield origin, RowId(other)
        for ruling in self._rulings(record.ref):
            yield from keys_of(self.connection, self.nodes, ruling.pair)

    def _named(
        self, pending: Iterable[tuple[PersonKey, PersonKey, float, Any, str]], members: Collection[PersonKey]
    ) -> Iterator[Link]:
        """Links by the refs of the records; one whose other end is not of the family holds nothing together."""
        for one, other, bits, verdict, hard in pending:
            ours, theirs = self._records.get(one), self._records.get(other)
            if ours is not None and theirs is not None and other in members:
                a, b = sorted((ours.ref, theirs.ref))
                yield Link(a, b, bits, verdict, tuple(hard.split()))

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, values).fetchall()


def names_in(family: Family) -> set[str]:
    """Every name that a case of a family can bear: a claim, what withdraws one, or a record."""
    claims = (claim for record in family.records for claim in record.claims)
    return {record.ref for record in family.records}.union(*((claim.ref, *claim.withdrawn_by) for claim in claims))


def keys_of(connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], refs: Iterable[str]) -> Iterator[PersonKey]:
    """The rows that refs name: one each, if anybody."""
    for ref in refs:
        node_id, _, name = ref.partition(":")
        for origin in sorted(origin for origin, known in nodes.items() if known == node_id):
            rows = connection.execute(_BY_SOURCE, (origin, name)).fetchall()
            if not rows:
                try:
                    rows = connection.execute(_BY_ID, (origin, id_from_text(name))).fetchall()
                except ValueError:
                    continue
            for (row_id,) in rows:
                yield origin, RowId(row_id)  # type: ignore[arg-type]


_UNSETTLED: Final = (
    "SELECT origin, person_id FROM desk_unsettled WHERE day <= ? ORDER BY day, origin, person_id LIMIT ?"
)
_ALL_UNSETTLED: Final = "SELECT origin, person_id FROM desk_unsettled ORDER BY origin, person_id"
_SETTLED: Final = "DELETE FROM desk_unsettled WHERE origin = ? AND person_id = ?"
_AT_ONCE: Final = (
    "INSERT INTO desk_unsettled (origin, person_id, day) VALUES (?,?,'') "
    "ON CONFLICT (origin, person_id) DO UPDATE SET day = ''"
)
_LATER: Final = "INSERT INTO desk_unsettled (origin, person_id, day) VALUES (?,?,?) ON CONFLICT DO NOTHING"


def look_again(connection: apsw.Connection, persons: Iterable[PersonKey]) -> None:
    """The cases of these persons have to be looked at."""
    connection.executemany(_AT_ONCE, persons)


def look_again_on(connection: apsw.Connection, persons: Iterable[PersonKey], day: str) -> None:
    """Not before a day: a waiting time may be over then."""
    connection.executemany(_LATER, ((origin, row_id, day) for origin, row_id in persons))


def due(connection: apsw.Connection, day: str, count: int) -> list[PersonKey]:
    """Those whose cases have to be looked at by a day."""
    return [(OriginId(row[0]), RowId(row[1])) for row in connection.execute(_UNSETTLED, (day, count)).fetchall()]  # type: ignore[arg-type]


def unsettled(connection: apsw.Connection) -> list[PersonKey]:
    """All whose cases have to be looked at, now or later: whose case is open is among them."""
    rows: list[tuple[Any, ...]] = connection.execute(_ALL_UNSETTLED).fetchall()
    return [(OriginId(row[0]), RowId(row[1])) for row in rows]


def looked_at(connection: apsw.Connection, persons: Iterable[PersonKey]) -> None:
    connection.executemany(_SETTLED, persons)
