"""Entries on persons who count elsewhere by a decision (RESOLVER 3, 51): refused, or recorded and routed.

What says that the person lives here is refused, with the place where the person is now: it would contradict the
decision without disputing it. Everything else is a claim like any other, a marriage, a correction, a death: it is
recorded with a warning and climbs, and those above put it to the record to which it belongs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import apsw

from conflict.decisions import Action, Ask
from node.errors import RegisterError
from node.ids import OriginId
from node.inbox import told_of
from node.interchange.values import EventRow
from node.register.lookup import find_person
from node.register.records import POSITION, PersonRecord, source_text

SETTLED_ELSEWHERE: Final = "settled_elsewhere"
_RESIDENCE: Final = POSITION["residence"]
_WORD_OF_THE_OFFICE: Final = frozenset({"confirm", "dispute", "cancel", "ruling"})
"""What the office says of the decision itself, or takes back: never routed."""


def checked(connection: apsw.Connection, origin: OriginId, row: EventRow) -> EventRow:
    """The report as it is to be recorded. Raises ``RegisterError`` if it may not be made here any more."""
    if row.kind in _WORD_OF_THE_OFFICE or not row.person_id:
        return row
    person = find_person(connection, origin, row.person_id)
    closed = None if person is None else closing(connection, origin, person)
    if person is None or closed is None:
        return row
    if _says_lives_here(row):
        raise moved_away(person, closed, column="kind", value=row.kind)
    return replace(row, warnings=(*row.warnings, SETTLED_ELSEWHERE))


def require_lives_here(connection: apsw.Connection, origin: OriginId, name: str, column: str) -> None:
    """Somebody becomes the head of a household. Raises ``RegisterError`` if the person counts elsewhere."""
    person = find_person(connection, origin, name) if name else None
    closed = None if person is None else closing(connection, origin, person)
    if person is not None and closed is not None:
        raise moved_away(person, closed, column=column, value=name)


def closing(connection: apsw.Connection, origin: OriginId, person: PersonRecord) -> Ask | None:
    """What closed a record; None if it is open."""
    told = told_of(connection, origin, person)
    return told if told is not None and told.action is Action.CLOSE else None


def moved_away(person: PersonRecord, closed: Ask, *, column: str, value: str) -> RegisterError:
    place = closed.successor.partition(":")[0] or closed.unit
    return RegisterError(
        f"Person {source_text(person)} has moved: by a decision this person counts at {place}, as {closed.successor}.",
        column=column,
        value=value,
        hint="Have it recorded there. If the person lives here, dispute the decision: dansync inbox list FOLDER",
    )


def _says_lives_here(row: EventRow) -> bool:
    if row.kind == "correction":
        return bool(row.household_id or row.columns[_RESIDENCE])
    return row.kind == "end_temporary"
