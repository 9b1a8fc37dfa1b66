"""The rows of the register as values: what a lookup returns, a decision makes and a write takes.

A record holds the row without its origin, in the order of the table's columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from node.ids import RowId, id_text
from node.schema import PERSON_COLUMNS

Columns = tuple[str, ...]
"""The values of ``node.schema.PERSON_COLUMNS``, in that order; '' where nothing is known."""

COLUMN_COUNT: Final = len(PERSON_COLUMNS)
NO_COLUMNS: Final[Columns] = ("",) * COLUMN_COUNT
POSITION: Final = {name: position for position, name in enumerate(PERSON_COLUMNS)}

PersonState = Literal["", "left", "dead", "void"]
REGISTERED: Final = ""
LEFT: Final = "left"
DEAD: Final = "dead"
VOID: Final = "void"

ARRIVALS: Final = frozenset({"birth", "move_in"})
"""The kinds of event that bring a person into the register."""


@dataclass(frozen=True, slots=True)
class HouseholdRecord:
    id: RowId
    source_id: str
    hamlet: str
    address: str
    head_person_id: RowId | None
    state: str
    warnings: str
    entered: str


@dataclass(frozen=True, slots=True)
class PersonRecord:
    id: RowId
    source_id: str
    household_id: RowId | None
    columns: Columns
    state: PersonState
    warnings: str
    created_by: RowId | None
    entered: str

    def value(self, column: str) -> str:
        return self.columns[POSITION[column]]


@dataclass(frozen=True, slots=True)
class EventRecord:
    id: RowId
    source_id: str
    kind: str
    event_date: str
    recorded_at: str
    person_id: RowId | None
    household_id: RowId | None
    group_id: str
    other_place: str
    other_person_id: RowId | None
    target_event_id: RowId | None
    person_ref: str
    other_person_ref: str
    reason: str
    columns: Columns
    warnings: str

    def value(self, column: str) -> str:
        return self.columns[POSITION[column]]


def source_text(record: HouseholdRecord | PersonRecord | EventRecord) -> str:
    """The id as the source gave it; the UUID of a record that was made by hand."""
    return record.source_id or id_text(record.id)
