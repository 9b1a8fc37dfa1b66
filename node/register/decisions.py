"""What a report asks of the register: pure functions from a report and what the store says of those concerned, to rows.

A report is rejected (``RegisterError``, nothing is written) if a value cannot be read, a reference is unknown or an id
was used before with other content. Everything else becomes rows, with warnings beside them (FORMAT, rules of reading):
a report is a claim, and refusing one loses it. The same report again gives the rows that are there.

A name in a report is a source's id or the UUID of a record that was made by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from node.errors import RegisterError
from node.ids import RowId
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register import checks
from node.register.effects import Values, entered_values
from node.register.found import Found
from node.register.records import ARRIVALS, REGISTERED, EventRecord, HouseholdRecord, PersonRecord
from node.schema import PERSON_COLUMNS

Mint = Callable[[], RowId]

KINDS: Final = frozenset(
    {
        "birth",
        "death",
        "marriage",
        "divorce",
        "move_out",
        "move_in",
        "cancel",
        "correction",
        "end_temporary",
        "confirm",
        "dispute",
        "ruling",
    }
)
RULINGS: Final = frozenset({"same", "different"})


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """The rows that an event asks for. The rows of the persons concerned follow from ``effects.with_effects``."""

    event: EventRecord
    person: PersonRecord | None = None
    """A person who is new."""
    household: HouseholdRecord | None = None
    """A household that is new."""


# --- households ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HouseholdValues:
    hamlet: str
    address: str
    head_person_id: RowId | None


_BARE: Final = HouseholdValues("", "", None)


def household_values(record: HouseholdRecord) -> HouseholdValues:
    return HouseholdValues(record.hamlet, record.address, record.head_person_id)


def entered_household(record: HouseholdRecord) -> HouseholdValues:
    """The household as it was first entered."""
    if not record.entered:
        return household_values(record)
    before: dict[str, str] = json.loads(record.entered)
    head = before.get("head_person_id")
    return HouseholdValues(
        before.get("hamlet", record.hamlet),
        before.get("address", record.address),
        record.head_person_id if head is None else RowId(bytes.fromhex(head)) if head else None,
    )


def new_household(row: HouseholdRow, head: RowId | None, mint: Mint) -> HouseholdRecord:
    warnings = checks.joined(checks.text_warnings((row.hamlet, row.address)))
    return HouseholdRecord(mint(), row.household_id, row.hamlet, row.address, head, "", warnings, "")


def named_household(name: str, mint: Mint) -> HouseholdRecord:
    """A household that households.csv lacks: the first row that names it creates it."""
    return HouseholdRecord(mint(), name, "", "", None, "", "", "")


def known_household(row: HouseholdRow, head: RowId | None, known: HouseholdRecord) -> HouseholdRecord:
    """A household whose id is there already. Raises ``RegisterError`` if it was entered with other content.

    One that was only named so far is filled in, and so is a head who was not there yet.
    """
    given, now, first = (
        HouseholdValues(row.hamlet, row.address, head),
        household_values(known),
        entered_household(known),
    )
    if given in {now, first}:
        return known
    awaited = replace(now, head_person_id=None)
    if not known.entered and now in {_BARE, replace(given, head_person_id=None)}:
        warnings = checks.joined(checks.text_warnings((row.hamlet, row.address)))
        return replace(
            known, hamlet=given.hamlet, address=given.address, head_person_id=given.head_person_id, warnings=warnings
        )
    if row.head_person_id and head is None and given == awaited == now:
        return known
    raise _used("household_id", row.household_id)


def with_head(known: HouseholdRecord, head: RowId) -> HouseholdRecord:
    """The household with the head whom its row named before the person was there."""
    return replace(known, head_person_id=head)


def changed_household(
    known: HouseholdRecord, *, hamlet: str | None = None, address: str | None = None, head: RowId | None = None
) -> HouseholdRecord:
    """The household with new values; None leaves a value as it is."""
    first = entered_household(known)
    now = HouseholdValues(
        known.hamlet if hamlet is None else hamlet,
        known.address if address is None else address,
        known.head_person_id if head is None else head,
    )
    before: dict[str, str] = {}
    if first.hamlet != now.hamlet:
        before["hamlet"] = first.hamlet
    if first.address != now.address:
        before["address"] = first.address
    if first.head_person_id != now.head_person_id:
        before["head_person_id"] = "" if first.head_person_id is None else first.head_person_id.hex()
    return replace(
        known,
        hamlet=now.hamlet,
        address=now.address,
        head_person_id=now.head_person_id,
        warnings=checks.joined(checks.text_warnings((now.hamlet, now.address))),
        entered=json.dumps(before, ensure_ascii=False, separators=(",", ":")) if before else "",
    )


# --- persons ---------------------------------------------------------------------------------------------------------


def new_person(row: PersonRow, household: RowId | None, mint: Mint, *, day: str) -> PersonRecord:
    """A person who is entered; ``day`` (YYYY-MM-DD) is the day of entering."""
    columns = row.columns
    warnings = checks.joined((*row.warnings, *checks.column_warnings(columns, day)))
    return PersonRecord(mint(), row.person_id, household, columns, REGISTERED, warnings, None, "")


def require_same_person(row: PersonRow, household: RowId | None, known: PersonRecord) -> None:
    """Raises ``RegisterError`` unless the row says what was entered, or what stands there now."""
    given = Values(household, row.columns)
    first = entered_values(known)
    if given == first or given == Values(known.household_id, known.columns):
        return
    column = next(
        (name for name, new, old in zip(PERSON_COLUMNS, given.columns, first.columns, strict=True) if new != old), ""
    )
    raise _used("person_id", row.person_id, f"{column or 'household_id'} differs")


# --- events ----------------------------------------------------------------------------------------------------------


def require_same_event(row: EventRow, found: Found, known: EventRecord) -> None:
    """Raises ``RegisterError`` unless the row is the report that is there under this id."""
    given = _event(row, found, known.id, warnings=known.warnings)
    if replace(given, source_id=known.source_id) != known or (row.household_id and found.household is None):
        raise _used("event_id", row.event_id)


def decide_event(row: EventRow, found: Found, mint: Mint) -> EventOutcome:
    """The rows of a new report. Raises ``RegisterError`` if it is rejected."""
    _require_references(row, found)
    event_id = mint()
    household = named_household(row.household_id, mint) if row.household_id and found.household is None else None
    if household is not None:
        found = replace(found, household=household)
    person = None
    if row.kind in ARRIVALS:
        candidate = _arrival(row, found, event_id, mint)
        if found.person is None:
            person = candidate
            found = replace(found, person=person)
        else:
            _require_same_arrival(row, candidate, found.person)
    warnings = checks.joined((*row.warnings, *checks.event_warnings(row, found, is_new=person is not None)))
    return EventOutcome(_event(row, found, event_id, warnings=warnings), person, household)


def _require_references(row: EventRow, found: Found) -> None:
    if row.kind not in KINDS:
        raise RegisterError(
            f"There is no kind of event called {row.kind!r}.",
            column="kind",
            value=row.kind,
            hint=f"Use one of: {', '.join(sorted(KINDS))}.",
        )
    if row.kind == "ruling":
        _require_ruling(row)
        return
    if row.kind == "cancel" and found.target is None:
        raise _unknown("reason", row.reason, "The event that is withdrawn", "Give the id of an event of this node.")
    may_be_empty = row.kind == "cancel" or (row.kind in ARRIVALS and not row.event_id)
    if found.person is None and (row.person_id or not may_be_empty) and not (row.kind in ARRIVALS and row.person_id):
        raise _unknown("person_id", row.person_id, "The person", "Enter the person first.")
    if row.other_person_id and found.other is None:
        raise _unknown(
            "other_person_id", row.other_person_id, "The other person", "Leave it empty if registered elsewhere."
        )


def _require_ruling(row: EventRow) -> None:
    for column, value in (("person_id", row.person_id), ("other_person_id", row.other_person_id)):
        node_id, _, person_id = value.partition(":")
        if not node_id or not person_id:
            raise RegisterError(
                f"A ruling names both persons as node_id:person_id; {value!r} is none.", column=column, value=value
            )
    if row.reason not in RULINGS:
        raise RegisterError(f"A ruling says same or different, not {row.reason!r}.", column="reason", value=row.reason)


def _arrival(row: EventRow, found: Found, event_id: RowId, mint: Mint) -> PersonRecord:
    """The person as a birth or an arrival gives it. A newborn without a household of its own joins the mother's."""
    household = None if found.household is None else found.household.id
    if household is None and row.kind == "birth" and found.other is not None:
        household = found.other.household_id
    warnings = checks.joined(checks.column_warnings(row.columns, row.recorded_at[:10]))
    return PersonRecord(mint(), row.person_id, household, row.columns, REGISTERED, warnings, event_id, "")


def _require_same_arrival(row: EventRow, candidate: PersonRecord, known: PersonRecord) -> None:
    given = Values(candidate.household_id, candidate.columns)
    if given != entered_values(known) and given != Values(known.household_id, known.columns):
        raise _used("person_id", row.person_id, "an arrival gives a new id")


def withdrawal(row: EventRow, found: Found, mint: Mint) -> EventRecord:
    """The cancel of the entry of ``found.person``: its target is the person."""
    assert found.person is not None
    return replace(_event(row, found, mint(), warnings=""), target_event_id=found.person.id)


def _event(row: EventRow, found: Found, event_id: RowId, *, warnings: str) -> EventRecord:
    """The event's row: what was written, references resolved."""
    is_ruling = row.kind == "ruling"
    return EventRecord(
        id=event_id,
        source_id=row.event_id,
        kind=row.kind,
        event_date=row.event_date,
        recorded_at=row.recorded_at,
        person_id=None if found.person is None else found.person.id,
        household_id=None if found.household is None else found.household.id,
        group_id=row.group_id,
        other_place=row.other_place,
        other_person_id=None if found.other is None else found.other.id,
        target_event_id=None if found.target is None else found.target.id,
        person_ref=row.person_id if is_ruling else "",
        other_person_ref=row.other_person_id if is_ruling else "",
        reason=row.reason,
        columns=row.columns,
        warnings=warnings,
    )


# --- rejections ------------------------------------------------------------------------------------------------------


def _used(column: str, value: str, detail: str = "") -> RegisterError:
    return RegisterError(
        f"The id {value} is already used with different content{f' ({detail})' if detail else ''}.",
        column=column,
        value=value,
        hint="Give the record an id of its own; to change what is there, record a correction.",
    )


def _unknown(column: str, value: str, what: str, hint: str) -> RegisterError:
    message = f"{what} {value!r} is not known here." if value else f"{what} is missing."
    return RegisterError(message, column=column, value=value, hint=hint)
