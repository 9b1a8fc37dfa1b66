"""A commune's office for tests: one store, a clock that stands where it is put, and short words for reports."""

from __future__ import annotations

import random
from pathlib import Path

from node.clock import ManualClock
from node.ids import NodeId, OriginId
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register import operations
from node.register.lookup import find_event, find_household, find_person
from node.register.recorder import Recorded
from node.register.records import EventRecord, HouseholdRecord, PersonRecord
from node.schema import PERSON_COLUMNS
from node.store import Profile, Store

NODE = NodeId("c1")
NOW_MS = 1_750_000_000_000  # 2025-06-15T22:06:40+07:00
MORNING = "2025-06-01T08:00:00+07:00"


def columns(**values: str) -> tuple[str, ...]:
    unknown = values.keys() - set(PERSON_COLUMNS)
    assert not unknown, unknown
    return tuple(values.get(name, "") for name in PERSON_COLUMNS)


def household(household_id: str, hamlet: str = "", address: str = "", head: str = "") -> HouseholdRow:
    return HouseholdRow(NODE, household_id, hamlet, address, head)


def person(person_id: str, household_id: str = "", **values: str) -> PersonRow:
    return PersonRow(NODE, person_id, household_id, columns(**values))


def event(
    kind: str,
    event_id: str = "",
    person_id: str = "",
    *,
    event_date: str = "2025-06-01",
    recorded_at: str = MORNING,
    household_id: str = "",
    group_id: str = "",
    other_place: str = "",
    other: str = "",
    reason: str = "",
    **values: str,
) -> EventRow:
    return EventRow(
        NODE,
        event_id,
        kind,
        event_date,
        recorded_at,
        person_id,
        household_id,
        group_id,
        other_place,
        other,
        reason,
        columns(**values),
    )


class Office:
    """Records reports one by one and reads back what stands in the register."""

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        self.clock = ManualClock(NOW_MS)
        self.path = folder / "node.db"
        profile = Profile(NODE, NodeId("d1"), "commune", "21550", "2025-07-01", "Xã Một")
        self.store = Store.create(self.path, profile, clock=self.clock, source=random.Random(seed))

    @property
    def origin(self) -> OriginId:
        return self.store.own_origin()

    @property
    def commits(self) -> int:
        """Commits after the profile."""
        return self.store.head(self.origin).seq - 1

    def add(self, row: HouseholdRow | PersonRow | EventRow) -> Recorded:
        match row:
            case HouseholdRow():
                return operations.record_household(self.store, row, author="clerk")
            case PersonRow():
                return operations.record_person(self.store, row, author="clerk")
            case EventRow():
                return operations.record_event(self.store, row, author="clerk")

    def household(self, name: str) -> HouseholdRecord:
        found = find_household(self.store.connection, self.origin, name)
        assert found is not None
        return found

    def person(self, name: str) -> PersonRecord:
        found = find_person(self.store.connection, self.origin, name)
        assert found is not None
        return found

    def event(self, name: str) -> EventRecord:
        found = find_event(self.store.connection, self.origin, name)
        assert found is not None
        return found

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return self.store.connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()

    def counts(self) -> tuple[int, int, int]:
        return len(self.rows("household")), len(self.rows("person")), len(self.rows("event"))
