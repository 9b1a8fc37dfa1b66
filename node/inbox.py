"""The inbox of a register: what authorities have decided, or ask, on its persons, and what is left for somebody to do.

It is read from the rows (``node.decision_letters`` writes them): nothing else is kept, so a register that was restored
or handed over has the inbox that it had. A question is answered by whatever the office reports of the person after it:
a claim on which the question does not rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import apsw

from conflict.claims import PersonRef
from conflict.decisions import Action, Ask, Decision, in_force
from conflict.instructions import Received, groups, instruction, open_questions
from node.decision_rows import COLUMNS, ask_id, from_row, row_id
from node.errors import UsageError
from node.ids import OriginId, RowId
from node.register.lookup import Lookup, person_events
from node.register.records import PersonRecord, source_text

ANSWERS: Final = frozenset({"confirm", "dispute", "move_out", "death", "cancel", "end_temporary"})
"""What an office may report of a person that answers a question about where the person is."""
FOR_A_PERSON: Final = frozenset({Action.ANSWER, Action.VISIT})
"""What nobody but a person can do. All else holds as soon as it has come."""
ID_LENGTH: Final = 12
"""Digits of an item's name: unique in practice, and a longer beginning may be given."""

_SELECT = f"SELECT {', '.join(COLUMNS)}, question FROM applied_decision WHERE origin = :origin"
_ASKS = "SELECT person_id, ref FROM applied_ask WHERE origin = :origin AND decision = :decision AND id = :id"
_ABOUT = (
    f"SELECT DISTINCT {', '.join(f'd.{name}' for name in COLUMNS)}, d.question "
    "FROM applied_ask AS a INDEXED BY applied_ask_by_person "
    "JOIN applied_decision AS d ON d.origin = a.origin AND d.id = a.decision "
    "WHERE a.origin = :origin AND a.person_id = :person AND a.person_id IS NOT NULL"
)


class Standing(StrEnum):
    """How an item stands."""

    OPEN = "open"  # somebody has to answer, or to go and look
    ANSWERED = "answered"  # the office has said something since; the authority will settle it
    APPLIED = "applied"  # it holds, and nothing is to be done
    OVER = "over"  # something later took its place, or it was taken back


@dataclass(frozen=True, slots=True)
class Item:
    """One request about one record. ``answers`` are the events that answer it, by their names here."""

    id: str
    origin: OriginId
    person_id: RowId | None
    ask: Ask
    decision: Decision
    is_question: bool
    as_of: date
    standing: Standing
    answers: tuple[str, ...] = ()


def received(connection: apsw.Connection, origin: OriginId) -> list[Received]:
    """All that came for a register. What a newer release wrote is left out."""
    return list(_received(connection.execute(_SELECT, {"origin": origin}).fetchall()))


def _received(rows: list[tuple[Any, ...]]) -> Iterator[Received]:
    for *values, question in rows:
        row = dict(zip(COLUMNS, values, strict=True))
        try:
            yield Received(from_row(row), bool(question), date.fromisoformat(row["as_of"]))
        except ValueError:
            continue


def items(connection: apsw.Connection, origin: OriginId) -> list[Item]:
    """The inbox: what is open first, then what was decided last."""
    found: list[Item] = []
    for group in groups(received(connection, origin)):
        counting = {made.id for made in in_force(r.decision for r in group if not r.is_question)}
        asked = {item.id for item in open_questions(group)}
        for item in group:
            if not (item.is_question and item.decision.undoes):
                found += _items_of(connection, origin, item, holds=item.id in counting | asked)
    return sorted(found, key=lambda item: (item.standing is not Standing.OPEN, -item.as_of.toordinal(), item.id))


def _items_of(connection: apsw.Connection, origin: OriginId, item: Received, *, holds: bool) -> Iterator[Item]:
    which = row_id(item.decision.id)
    for ask in item.decision.asks:
        name = ask_id(which, ask)
        values = {"origin": origin, "decision": which, "id": name}
        rows: list[tuple[Any, ...]] = connection.execute(_ASKS, values).fetchall()
        for person_id, _ in rows:
            state = Standing.APPLIED if holds else Standing.OVER
            answers: tuple[str, ...] = ()
            if holds and ask.action in FOR_A_PERSON:
                answers = _answers(connection, origin, person_id, item.decision, ask)
                state = Standing.ANSWERED if answers else Standing.OPEN
            yield Item(
                *(name.hex(), origin, person_id, ask, item.decision, item.is_question, item.as_of, state, answers)
            )


def _answers(
    connection: apsw.Connection, origin: OriginId, person_id: RowId | None, made: Decision, ask: Ask
) -> tuple[str, ...]:
    if person_id is None:
        return ()
    names = sorted(source_text(e) for e in person_events(connection, origin, person_id) if e.kind in ANSWERS)
    return tuple(name for name in names if f"{ask.unit}:{name}" not in made.claims)


def open_requests(connection: apsw.Connection, origins: Iterable[OriginId]) -> int:
    """How many items wait for a person."""
    return sum(item.standing is Standing.OPEN for origin in origins for item in items(connection, origin))


def find(connection: apsw.Connection, origin: OriginId, text: str) -> Item:
    """The item whose name begins so. Raises ``UsageError``."""
    wanted = text.lower()
    found = [item for item in items(connection, origin) if wanted and item.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{text} is the beginning of {len(found)} items of the inbox." if found else f"There is no item {text} here.",
        hint="Give one as it stands in: dansync inbox list FOLDER",
    )


def told_of(connection: apsw.Connection, origin: OriginId, person: PersonRecord) -> Ask | None:
    """What holds for a record by the decisions that came; None if none did."""
    rows = connection.execute(_ABOUT, {"origin": origin, "person": person.id}).fetchall()
    if not rows:
        return None
    refs = connection.execute(
        "SELECT ref FROM applied_ask INDEXED BY applied_ask_by_person "
        "WHERE origin = ? AND person_id = ? AND person_id IS NOT NULL LIMIT 1",
        (origin, person.id),
    ).fetchall()
    return instruction(_received(rows), PersonRef(str(refs[0][0])))


def person_named(connection: apsw.Connection, origin: OriginId, row: RowId) -> PersonRecord | None:
    """Whom an item is about."""
    return next(iter(Lookup(connection, origin).persons_by_id((row,))), None)
