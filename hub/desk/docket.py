"""What a reviewer sees: the open cases in the order in which they matter, and one case with the comparison behind it.

Nothing is decided here. Cases are computed from the rows as they are now, for those families alone that have one open,
or that the reviewer asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import apsw

from conflict.cases import Case
from conflict.claims import EventRef, PersonRef
from conflict.decisions import Decision
from conflict.linking import Party, Search
from conflict.links import Link
from conflict.parameters import Parameters
from conflict.places import PlaceBook
from conflict.reviewing import Task, review_queue
from conflict.rulings import Ruling, prevailing
from conflict.score import Score
from conflict.settlement import Outcome
from conflict.standing import CanonicalPerson
from hub.desk.descriptions import Descriptions
from hub.desk.families import Family, PersonKey, keys_of
from node.ids import NodeId, OriginId, RowId, id_from_text
from node.schema import PERSON_COLUMNS

_PERSON_OF_EVENT = "SELECT person_id FROM event WHERE origin = ? AND source_id = ? AND source_id <> ''"
_PERSON_OF_ID = "SELECT person_id FROM event WHERE origin = ? AND id = ?"
_VALUES = f"SELECT {', '.join(PERSON_COLUMNS)} FROM person WHERE origin = ? AND id = ?"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records of a case, and why they may be one person. ``scored`` is None where one of them is nobody now."""

    link: Link
    scored: Score | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One case: what it is, what it asks for, and the records that are compared, with what they say."""

    case: Case
    decision: Decision | None
    comparisons: tuple[Comparison, ...]
    records: dict[PersonRef, dict[str, str]]
    rulings: tuple[Ruling, ...] = ()
    """Those in force on two of the records."""
    persons: tuple[CanonicalPerson, ...] = ()
    """Who the records are held to be."""


def tasks(outcomes: Iterable[Outcome]) -> tuple[Task, ...]:
    """All that waits for a person, the greatest effect first, then the oldest (RESOLVER 74)."""
    found = {decision.id: decision for outcome in outcomes for decision in outcome.decisions}
    return review_queue(found.values())


def persons_of_event(connection: apsw.Connection, nodes: dict[OriginId, NodeId], ref: str) -> list[PersonKey]:
    """Whom an event is about, by its ref; nobody if there is no such event here."""
    node_id, _, name = ref.partition(":")
    found: list[PersonKey] = []
    for origin in sorted(origin for origin, known in nodes.items() if known == node_id):
        rows: list[tuple[Any, ...]] = connection.execute(_PERSON_OF_EVENT, (origin, name)).fetchall()
        if not rows:
            try:
                rows = connection.execute(_PERSON_OF_ID, (origin, id_from_text(name))).fetchall()
            except ValueError:
                continue
        found.extend((origin, RowId(row[0])) for row in rows if row[0] is not None)
    return found


def case_file(
    connection: apsw.Connection,
    nodes: dict[OriginId, NodeId],
    descriptions: Descriptions,
    parameters: Parameters,
    family: Family,
    outcome: Outcome,
    ref: str,
    places: PlaceBook,
) -> CaseFile | None:
    """The case of that name, or the one that an event is in; None if it is in none."""
    case = next((case for case in outcome.cases if ref in case.refs), None)
    if case is None:
        return None
    decision = next((d for d in outcome.decisions if d.case == case.case), None)
    concerned = _concerned(family, case.refs, decision)
    parties: dict[str, Party] = {}
    values: dict[PersonRef, dict[str, str]] = {}
    for record in sorted(concerned):
        for origin, row_id in keys_of(connection, nodes, (record,)):
            row = connection.execute(_VALUES, (origin, row_id)).fetchall()
            values[record] = {c: str(v) for c, v in zip(PERSON_COLUMNS, row[0], strict=True) if v}
            described = descriptions.read(origin, row_id)
            if described is not None:
                parties[described.party.ref] = described.party
    search = Search(parties, parameters)
    links = [link for link in family.links if link.a in concerned and link.b in concerned]
    rulings = prevailing((r for r in family.rulings if concerned.issuperset(r.pair)), places)
    return CaseFile(
        case,
        decision,
        tuple(Comparison(link, _scored(search, link)) for link in links),
        values,
        tuple(ruling for _, ruling in sorted(rulings.items())),
        tuple(person for person in outcome.persons if not concerned.isdisjoint(person.refs)),
    )


def _concerned(family: Family, refs: Iterable[EventRef], decision: Decision | None) -> set[PersonRef]:
    """The records whose claims a case has, those that it speaks of, and whom these may be."""
    claims = set(refs)
    found = {record.ref for record in family.records if any(claim.ref in claims for claim in record.claims)}
    if decision is not None:
        found |= {ask.ref for ask in decision.asks} | {PersonRef(ask.successor) for ask in decision.asks}
    pairs = [(link.a, link.b) for link in family.links] + [ruling.pair for ruling in family.rulings]
    near = {PersonRef(ref) for pair in pairs if found.intersection(pair) for ref in pair}
    return (found | near) - {PersonRef("")}


def _scored(search: Search, link: Link) -> Score | None:
    """The score behind a link: with companions, if that is how it was judged."""
    if link.a not in search.parties or link.b not in search.parties:
        return None
    found = [search.plain(link.a, link.b)]
    for a, b in ((link.a, link.b), (link.b, link.a)):
        found += [search.accompanied(a, b, together=together) for together in (True, False)]
    return min(found, key=lambda scored: abs(scored.bits - link.bits))


def days_open(task: Task, today: date) -> int | None:
    """How long a case has waited; None if nobody knows since when."""
    return None if task.since == date.min else max((today - task.since).days, 0)
