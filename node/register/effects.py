"""What events make of a person: the row is a pure function of what was entered and of the events that stand.

The row of a person is never edited step by step. Whenever an event about the person is recorded, the row is computed
anew from the values as entered and from all events that are not withdrawn, in the order of recorded_at, then event id
(FORMAT). So a cancel restores what was there before, whatever was recorded since, and events that come late fall into
their place.

``PersonRecord.entered`` makes the first values recoverable from the row alone: a JSON object that holds, for each
column whose value differs now, the value as entered.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from node.ids import RowId
from node.register.records import (
    ARRIVALS,
    DEAD,
    LEFT,
    POSITION,
    REGISTERED,
    VOID,
    Columns,
    EventRecord,
    PersonRecord,
    PersonState,
    source_text,
)
from node.schema import PERSON_COLUMNS

PERMANENT: Final = "permanent"
TEMPORARY: Final = "temporary"
ABSENT: Final = "absent"

_RESIDENCE: Final = POSITION["residence"]
_MARITAL_STATUS: Final = POSITION["marital_status"]
_HOUSEHOLD: Final = "household_id"
_MARITAL: Final = {"marriage": "married", "divorce": "divorced"}


@dataclass(frozen=True, slots=True)
class Values:
    """The part of a person's row that events may change, apart from the state."""

    household_id: RowId | None
    columns: Columns


def order_key(event: EventRecord) -> tuple[datetime, str]:
    """Events happen at their node in the order of recorded_at, then event id (FORMAT)."""
    return datetime.fromisoformat(event.recorded_at), source_text(event)


def withdrawn(events: Collection[EventRecord]) -> frozenset[RowId]:
    """The ids of the events that a standing cancel withdraws. A cancel that is itself withdrawn no longer stands.

    A cancel names an event that is already there, so chains end.
    """
    cancels: dict[RowId, list[RowId]] = {}
    for event in events:
        if event.target_event_id is not None:
            cancels.setdefault(event.target_event_id, []).append(event.id)
    if not cancels:
        return frozenset()
    known: dict[RowId, bool] = {}

    def is_withdrawn(event_id: RowId) -> bool:
        if event_id not in known:
            known[event_id] = any(not is_withdrawn(cancel) for cancel in cancels.get(event_id, ()))
        return known[event_id]

    return frozenset(target for target in cancels if is_withdrawn(target))


def standing_events(events: Sequence[EventRecord]) -> list[EventRecord]:
    """The events that are not withdrawn, in the order in which they happened at their node."""
    gone = withdrawn(events)
    return sorted((event for event in events if event.id not in gone), key=order_key)


def entered_values(person: PersonRecord) -> Values:
    """The row as it was first entered (or as the birth or arrival gave it)."""
    if not person.entered:
        return Values(person.household_id, person.columns)
    before: dict[str, str] = json.loads(person.entered)
    columns = tuple(before.get(name, value) for name, value in zip(PERSON_COLUMNS, person.columns, strict=True))
    if _HOUSEHOLD not in before:
        return Values(person.household_id, columns)
    household = before[_HOUSEHOLD]
    return Values(RowId(bytes.fromhex(household)) if household else None, columns)


def with_values(person: PersonRecord, entered: Values, now: Values, state: PersonState) -> PersonRecord:
    """The row with the values of ``now``, from which ``entered`` can be read back."""
    before = {
        name: old for name, old, new in zip(PERSON_COLUMNS, entered.columns, now.columns, strict=True) if old != new
    }
    if entered.household_id != now.household_id:
        before[_HOUSEHOLD] = "" if entered.household_id is None else entered.household_id.hex()
    text = json.dumps(before, ensure_ascii=False, separators=(",", ":")) if before else ""
    return replace(person, household_id=now.household_id, columns=now.columns, state=state, entered=text)


def with_effects(person: PersonRecord, events: Sequence[EventRecord]) -> PersonRecord:
    """The person's row as the events about this person make it. Idempotent; the order of ``events`` does not matter.

    ``events`` are all those that name the person (as the person or as the other one), every cancel that withdraws one
    of them, and every cancel of these. Warnings are left as they are.

    The rules: ``void`` if the birth or arrival that created the person is withdrawn and no other stands, or if a cancel
    that stands withdraws the entry of a person whom none created (its target is the person); else ``dead`` if a death
    stands; else ``left`` if the last of the departures and arrivals that stand is a permanent departure or
    the end of a temporary stay; else registered.
    """
    entered = entered_values(person)
    standing = standing_events(events)
    values, here = entered, True
    for event in standing:
        values, here = _after(values, event, person.id, here=here)
    mine = [event for event in standing if event.person_id == person.id]
    state: PersonState = REGISTERED if here else LEFT
    if any(event.kind == "death" for event in mine):
        state = DEAD
    if person.created_by is not None and not any(event.kind in ARRIVALS for event in mine):
        state = VOID
    if person.id in withdrawn(events):
        state = VOID
    return with_values(person, entered, values, state)


def _after(values: Values, event: EventRecord, person_id: RowId, *, here: bool) -> tuple[Values, bool]:
    """What one standing event makes of values and presence."""
    if event.kind in _MARITAL:
        return _replaced(values, _MARITAL_STATUS, _MARITAL[event.kind]), here
    if event.person_id != person_id:  # a mother at a birth: nothing in her row changes
        return values, here
    match event.kind:
        case "birth" | "move_in":
            return values, True
        case "move_out" if is_absence(event, values.columns[_RESIDENCE]):
            return _replaced(values, _RESIDENCE, ABSENT), here
        case "move_out":
            return values, False
        case "end_temporary":
            return values, here and values.columns[_RESIDENCE] != TEMPORARY
        case "correction":
            columns = tuple(new or old for new, old in zip(event.columns, values.columns, strict=True))
            return Values(event.household_id or values.household_id, columns), here
        case _:
            return values, here


def is_absence(event: EventRecord, residence: str) -> bool:
    """Whether a departure is an absence only: it says so, and the person is not a temporary resident who goes."""
    return residence != TEMPORARY and event.columns[_RESIDENCE] in {TEMPORARY, ABSENT}


def _replaced(values: Values, position: int, value: str) -> Values:
    columns = (*values.columns[:position], value, *values.columns[position + 1 :])
    return Values(values.household_id, columns)


def concerned(event: EventRecord) -> Iterable[RowId]:
    """The persons that an event names."""
    return (person for person in (event.person_id, event.other_person_id) if person is not None)
