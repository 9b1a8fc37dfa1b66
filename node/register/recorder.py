"""Records reports inside one transaction: looks up whom a report names, lets ``decisions`` decide, keeps the rows for
writing.

The one way into the register for both doors, ``operations`` (one report a commit) and ``importing`` (hundreds).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from node.chain import Commit
from node.errors import RegisterError
from node.ids import OriginId, RowId
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register import decisions
from node.register.decisions import Mint
from node.register.effects import with_effects
from node.register.found import Found
from node.register.records import EventRecord, HouseholdRecord, PersonRecord
from node.register.working import Working

ROWS_PER_REPORT_MAX: Final = 6
"""Rows that one report can change at most: its own, a household, a person, two persons concerned, a new head."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a report. ``is_new`` is false if it was there already; then nothing was written."""

    id: RowId
    is_new: bool
    warnings: tuple[str, ...]
    person_id: RowId | None = None
    """The person concerned, or created."""
    household_id: RowId | None = None
    head_awaited: bool = False
    """The household's head is not in the register yet."""
    commit: Commit | None = None
    """The commit of a single operation; None if nothing had to be written."""


class Recorder:
    """The reports of one transaction on one origin. ``prepare_*`` first, then record each, then ``write`` once."""

    __slots__ = ("_day", "_mint", "_working")

    def __init__(self, connection: apsw.Connection, origin: OriginId, mint: Mint, *, day: str) -> None:
        """``day`` (YYYY-MM-DD) is the day of writing for reports that carry none."""
        self._working = Working(connection, origin)
        self._mint = mint
        self._day = day

    # --- loading -----------------------------------------------------------------------------------------------------

    def prepare_households(self, rows: Sequence[HouseholdRow]) -> None:
        self.prepare_names((row.household_id for row in rows), (row.head_person_id for row in rows))

    def prepare_names(self, households: Iterable[str], persons: Iterable[str]) -> None:
        self._working.load_households(_names(households))
        self._working.load_persons(_names(persons))

    def prepare_persons(self, rows: Sequence[PersonRow], households: Collection[RowId] = ()) -> None:
        self._working.load_households(_names(row.household_id for row in rows), households)
        self._working.load_persons(_names(row.person_id for row in rows))

    def prepare_events(self, rows: Sequence[EventRow], households: Collection[RowId] = ()) -> None:
        self._working.load_households(_names(row.household_id for row in rows), households)
        events = [row.event_id for row in rows]
        events.extend(row.reason for row in rows if row.kind == "cancel")
        persons = [row.person_id for row in rows if row.kind != "ruling"]
        persons.extend(row.other_person_id for row in rows if row.kind != "ruling")
        self._working.load_events(_names(events), _names(persons))

    # --- recording ---------------------------------------------------------------------------------------------------

    def household(self, row: HouseholdRow) -> Recorded:
        """Create a household, or find it there. Raises ``RegisterError``.

        A head who is not in the register is awaited: the caller decides whether it may still come.
        """
        head = self._working.persons.named(row.head_person_id) if row.head_person_id else None
        head_id = None if head is None else head.id
        known = self._working.households.named(row.household_id) if row.household_id else None
        if known is None:
            record = decisions.new_household(row, head_id, self._mint)
        else:
            record = decisions.known_household(row, head_id, known)
        if record is not known:
            self._working.households.put(record)
        awaited = bool(row.head_person_id) and record.head_person_id is None
        return _recorded(record, is_new=record is not known, household_id=record.id, head_awaited=awaited)

    def change_household(
        self, name: str, *, hamlet: str | None, address: str | None, head_person_id: str | None
    ) -> Recorded:
        """Replace values of a household; None leaves one as it is. Raises ``RegisterError``."""
        known = self._working.households.named(name)
        if known is None:
            raise RegisterError(
                f"The household {name!r} is not known here.", column="household_id", value=name, hint="Create it first."
            )
        head = self._working.persons.named(head_person_id) if head_person_id else None
        if head_person_id and head is None:
            raise unknown_head(head_person_id)
        record = decisions.changed_household(
            known, hamlet=hamlet, address=address, head=None if head is None else head.id
        )
        if record != known:
            self._working.households.put(record)
        return _recorded(record, is_new=record != known, household_id=record.id)

    def set_head(self, household: RowId, head: RowId) -> None:
        """Give a household the head whom it awaited."""
        record = self._working.households.records[household]
        if record.head_person_id is None:
            self._working.households.put(decisions.with_head(record, head))

    def person(self, row: PersonRow) -> Recorded:
        """Enter a person, or find the person there. Raises ``RegisterError``."""
        household = self._working.households.named(row.household_id) if row.household_id else None
        known = self._working.persons.named(row.person_id) if row.person_id else None
        if known is not None:
            decisions.require_same_person(row, None if household is None else household.id, known)
            return _recorded(known, is_new=False, person_id=known.id, household_id=known.household_id)
        if row.household_id and household is None:
            household = decisions.named_household(row.household_id, self._mint)
            self._working.households.put(household)
        record = decisions.new_person(row, None if household is None else household.id, self._mint, day=self._day)
        self._working.persons.put(record)
        return _recorded(record, is_new=True, person_id=record.id, household_id=record.household_id)

    def event(self, row: EventRow) -> Recorded:
        """Record an event and compute the persons concerned anew, or find the event there. Raises ``RegisterError``."""
        working = self._working
        found = self._found(row)
        known = working.events.named(row.event_id) if row.event_id else None
        if known is not None:
            decisions.require_same_event(row, found, known)
            return _recorded(known, is_new=False, person_id=known.person_id, household_id=known.household_id)
        outcome = decisions.decide_event(row, found, self._mint)
        if outcome.household is not None:
            working.households.put(outcome.household)
        if outcome.person is not None:
            working.persons.put(outcome.person)
        self._put(outcome.event)
        event = outcome.event
        return _recorded(event, is_new=True, person_id=event.person_id, household_id=event.household_id)

    def withdraw_entry(self, row: EventRow, person_id: RowId) -> Recorded:
        """Record the cancel of the entry of a person whom no event has brought: the person is void as long as it
        stands. The target of such a cancel is the person.
        """
        found = Found(self._working.persons.records[person_id])
        event = decisions.withdrawal(row, found, self._mint)
        self._put(event)
        return _recorded(event, is_new=True, person_id=person_id)

    def _put(self, event: EventRecord) -> None:
        """Add an event and compute the persons concerned anew."""
        working = self._working
        for person_id in sorted(working.put_event(event)):
            before = working.persons.records[person_id]
            after = with_effects(before, working.about(person_id))
            if after != before:
                working.persons.put(after)

    def _found(self, row: EventRow) -> Found:
        working = self._working
        household = working.households.named(row.household_id) if row.household_id else None
        if row.kind == "ruling":
            return Found(household=household)
        person = working.persons.named(row.person_id) if row.person_id else None
        other = working.persons.named(row.other_person_id) if row.other_person_id else None
        about = () if person is None else working.about(person.id)
        target = working.events.named(row.reason) if row.kind == "cancel" and row.reason else None
        if target is None:
            return Found(person, other, household, about=about)
        return Found(person, other, household, target, about, working.is_withdrawn(target.id), working.touched(target))

    # --- writing -----------------------------------------------------------------------------------------------------

    def changed_rows(self) -> int:
        return self._working.changed_rows()

    def write(self) -> None:
        self._working.write()


def unknown_head(name: str) -> RegisterError:
    return RegisterError(
        f"The head of the household, {name!r}, is not known here.",
        column="head_person_id",
        value=name,
        hint="Enter the person first, or leave the column empty.",
    )


def _names(names: Iterable[str]) -> Collection[str]:
    """The names without repetition, in their order."""
    return dict.fromkeys(name for name in names if name)


def _recorded(
    record: HouseholdRecord | PersonRecord | EventRecord,
    *,
    is_new: bool,
    person_id: RowId | None = None,
    household_id: RowId | None = None,
    head_awaited: bool = False,
) -> Recorded:
    return Recorded(record.id, is_new, tuple(record.warnings.split()), person_id, household_id, head_awaited)
