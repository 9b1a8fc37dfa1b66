"""What deserves a warning: facts that contradict each other, kept as codes beside the row, never a reason to refuse it.

Codes are words of a closed set, joined by blanks in a row's ``warnings`` column. Dates are YYYY, YYYY-MM or YYYY-MM-DD;
what a partial date leaves open is never held against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from conflict.personal_number import disagreements
from conflict.text import legacy_encoding
from node.interchange.values import EventRow
from node.register.effects import TEMPORARY, standing_events
from node.register.found import Found
from node.register.records import ARRIVALS, DEAD, LEFT, POSITION, VOID, Columns, EventRecord, PersonRecord

FUTURE_DATE: Final = "future_date"  # the event is dated after it was written down
FUTURE_BIRTH: Final = "future_birth"  # a birth date after the day of writing
BEFORE_BIRTH: Final = "before_birth"  # the event is dated before the person's birth
BEFORE_ARRIVAL: Final = "before_arrival"  # the event is dated before the arrival that brought the person
SECOND_DEATH: Final = "second_death"  # a death of one who is recorded dead
SECOND_MOVE_OUT: Final = "second_move_out"  # a departure of one who has left
PERSON_DEAD: Final = "person_dead"  # something that only the living do, not dated before the death
PERSON_LEFT: Final = "person_left"  # something about one who has left, recorded where it should not be known
PERSON_VOID: Final = "person_void"  # about a person whose arrival was withdrawn
PERSON_KNOWN: Final = "person_known"  # an arrival of a person who is in the register with the same content
OTHER_DEAD: Final = "other_person_dead"
OTHER_VOID: Final = "other_person_void"
SPOUSE_IS_SELF: Final = "spouse_is_self"
ALREADY_MARRIED: Final = "already_married"
NOT_MARRIED: Final = "not_married"
MOTHER_NOT_FEMALE: Final = "mother_not_female"
MOTHER_TOO_YOUNG: Final = "mother_too_young"  # younger than MOTHER_YEARS_MIN at the birth
BIRTH_DATE_DIFFERS: Final = "birth_date_differs"  # a newborn's birth date is not the date of the birth
NOT_TEMPORARY: Final = "not_temporary"  # the end of a temporary stay of one who has none
EMPTY_CORRECTION: Final = "empty_correction"
ALREADY_WITHDRAWN: Final = "already_withdrawn"
WITHDRAWS_CANCEL: Final = "withdraws_cancel"
OTHER_PERSONS_EVENT: Final = "other_persons_event"  # a cancel names another person than the event that it withdraws
ID_SEX: Final = "personal_id_sex"
ID_BIRTH_YEAR: Final = "personal_id_birth_year"
LEGACY_ENCODING: Final = "legacy_encoding"

MOTHER_YEARS_MIN: Final = 12

_ALIVE_ONLY: Final = frozenset({"marriage", "divorce", "move_out", "move_in", "birth", "end_temporary"})
_PRESENT_ONLY: Final = frozenset({"death", "marriage", "divorce", "end_temporary"})
_ABOUT_PAPER: Final = frozenset({"cancel", "correction", "confirm", "dispute", "ruling"})
"""Kinds that may be dated at any time of a life and after it."""
_UNMARRIED: Final = frozenset({"single", "divorced", "widowed"})

_SEX: Final = POSITION["sex"]
_BIRTH_DATE: Final = POSITION["birth_date"]
_PERSONAL_ID: Final = POSITION["personal_id"]
_TEXTS: Final = tuple(
    POSITION[name] for name in ("full_name", "ethnicity", "relationship", "father_name", "mother_name")
)


def earliest(date: str) -> str:
    """The first day that a partial date can mean. ISO dates order as text."""
    return date + "-01-01"[len(date) - 4 :]


def latest(date: str) -> str:
    """A text not before the last day that a partial date can mean, and before the next one."""
    return date + "-12-31"[len(date) - 4 :]


def joined(codes: Iterable[str]) -> str:
    """The content of a ``warnings`` column: every code once, sorted."""
    return " ".join(sorted(set(codes)))


def text_warnings(texts: Iterable[str]) -> list[str]:
    return [LEGACY_ENCODING] if any(text and not text.isascii() and legacy_encoding(text) for text in texts) else []


def column_warnings(columns: Columns, day: str) -> list[str]:
    """What contradicts itself within a person's values; ``day`` is the day of writing."""
    codes = text_warnings([columns[position] for position in _TEXTS])
    birth_date, personal_id = columns[_BIRTH_DATE], columns[_PERSONAL_ID]
    if birth_date and earliest(birth_date) > day:
        codes.append(FUTURE_BIRTH)
    if personal_id:
        codes.extend(disagreements(personal_id, columns[_SEX], birth_date))
    return codes


def event_warnings(row: EventRow, found: Found, *, is_new: bool) -> list[str]:
    """What is odd about a report, given what the register says; ``is_new``: it brings the person."""
    day = row.recorded_at[:10]
    codes = column_warnings(row.columns, day)
    if row.event_date and earliest(row.event_date) > day:
        codes.append(FUTURE_DATE)
    if row.kind in ARRIVALS and row.columns[_BIRTH_DATE] and _before(row.event_date, row.columns[_BIRTH_DATE]):
        codes.append(BEFORE_BIRTH)
    if found.person is not None and not is_new:
        codes.extend(_of_person(row, found.person, found.about))
    if found.other is not None:
        codes.extend(_of_other(row, found.person, found.other))
    if row.kind == "birth" and row.columns[_BIRTH_DATE] and _apart(row.event_date, row.columns[_BIRTH_DATE]):
        codes.append(BIRTH_DATE_DIFFERS)
    if row.kind == "correction" and not any(row.columns) and not row.household_id:
        codes.append(EMPTY_CORRECTION)
    if found.target is not None:
        codes.extend(_of_target(found, found.target))
    return codes


def _of_person(row: EventRow, person: PersonRecord, about: Sequence[EventRecord]) -> list[str]:
    codes = []
    if row.kind in ARRIVALS:
        codes.append(PERSON_KNOWN)
    if person.state == VOID and row.kind != "cancel":
        codes.append(PERSON_VOID)
    if person.state == DEAD:
        if row.kind == "death":
            codes.append(SECOND_DEATH)
        elif row.kind in _ALIVE_ONLY and not _before_death(row.event_date, person, about):
            codes.append(PERSON_DEAD)
    if person.state == LEFT:
        if row.kind == "move_out":
            codes.append(SECOND_MOVE_OUT)
        elif row.kind in _PRESENT_ONLY:
            codes.append(PERSON_LEFT)
    if row.kind not in _ABOUT_PAPER and row.kind not in ARRIVALS:
        if _before(row.event_date, person.columns[_BIRTH_DATE]):
            codes.append(BEFORE_BIRTH)
        arrival = next((event for event in about if event.id == person.created_by), None)
        if arrival is not None and _before(row.event_date, arrival.event_date):
            codes.append(BEFORE_ARRIVAL)
    status = person.value("marital_status")
    if row.kind == "marriage" and status == "married":
        codes.append(ALREADY_MARRIED)
    if row.kind == "divorce" and status in _UNMARRIED:
        codes.append(NOT_MARRIED)
    if row.kind == "end_temporary" and person.value("residence") != TEMPORARY:
        codes.append(NOT_TEMPORARY)
    return codes


def _of_other(row: EventRow, person: PersonRecord | None, other: PersonRecord) -> list[str]:
    codes = []
    if other.state == DEAD and row.kind in _ALIVE_ONLY:
        codes.append(OTHER_DEAD)
    if other.state == VOID:
        codes.append(OTHER_VOID)
    if person is not None and person.id == other.id:
        codes.append(SPOUSE_IS_SELF)
    elif row.kind == "marriage" and other.value("marital_status") == "married":
        codes.append(ALREADY_MARRIED)
    elif row.kind == "divorce" and other.value("marital_status") in _UNMARRIED:
        codes.append(NOT_MARRIED)
    if row.kind == "birth":
        if other.value("sex") == "M":
            codes.append(MOTHER_NOT_FEMALE)
        birth_date = other.value("birth_date")
        if birth_date and row.event_date and int(row.event_date[:4]) - int(birth_date[:4]) < MOTHER_YEARS_MIN:
            codes.append(MOTHER_TOO_YOUNG)
    return codes


def _of_target(found: Found, target: EventRecord) -> list[str]:
    codes = []
    if found.target_withdrawn:
        codes.append(ALREADY_WITHDRAWN)
    if target.kind == "cancel":
        codes.append(WITHDRAWS_CANCEL)
    if found.person is not None and found.person.id not in found.target_persons:
        codes.append(OTHER_PERSONS_EVENT)
    return codes


def _before(date: str, other: str) -> bool:
    """Whether one partial date lies before another whatever they leave open."""
    return bool(date and other) and latest(date) < earliest(other)


def _apart(date: str, other: str) -> bool:
    return _before(date, other) or _before(other, date)


def _before_death(date: str, person: PersonRecord, about: Sequence[EventRecord]) -> bool:
    deaths = [event for event in standing_events(about) if event.kind == "death" and event.person_id == person.id]
    return any(_before(date, death.event_date) for death in deaths)
