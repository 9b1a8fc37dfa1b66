"""The rows that one transaction looks at and changes: loaded together, decided one after another, written together.

A bulk import would drown in single lookups, so everything that a group of reports names is loaded first. Decisions then
see earlier ones of the same transaction, because records are replaced here at once; ``write`` sends the net effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final, Generic, TypeVar

import apsw
import sqlalchemy as sa

from node.ids import OriginId, RowId
from node.register.effects import concerned
from node.register.lookup import EVENT_FIELDS, HOUSEHOLD_FIELDS, PERSON_FIELDS, Lookup, uuid_of
from node.register.records import EventRecord, HouseholdRecord, PersonRecord
from node.schema import event, household, person, sql

Record = TypeVar("Record", HouseholdRecord, PersonRecord, EventRecord)


class Table(Generic[Record]):
    """The records of one table that are at hand, by id and by source id."""

    __slots__ = ("_loaded", "_names", "_updated", "records")

    def __init__(self) -> None:
        self.records: dict[RowId, Record] = {}
        self._loaded: set[RowId] = set()
        self._updated: dict[RowId, None] = {}
        self._names: dict[str, RowId] = {}

    def load(self, records: Iterable[Record]) -> list[Record]:
        """Take records from the store; returns those that were not at hand."""
        fresh = [record for record in records if record.id not in self.records]
        for record in fresh:
            self._loaded.add(record.id)
            self._keep(record)
        return fresh

    def put(self, record: Record) -> None:
        """Add a new record, or replace one."""
        if record.id in self._loaded:
            self._updated[record.id] = None
        self._keep(record)

    def _keep(self, record: Record) -> None:
        self.records[record.id] = record
        if record.source_id:
            self._names[record.source_id] = record.id

    def named(self, name: str) -> Record | None:
        """The record of a source id, or of a UUID."""
        row_id = self._names.get(name) or uuid_of(name)
        return None if row_id is None else self.records.get(row_id)

    def inserts(self) -> Iterator[Record]:
        return (record for row_id, record in self.records.items() if row_id not in self._loaded)

    def updates(self) -> Iterator[Record]:
        return (self.records[row_id] for row_id in self._updated)

    def changed(self) -> int:
        return len(self.records) - len(self._loaded) + len(self._updated)


class Working:
    """The working set of one transaction on one origin."""

    __slots__ = (
        "_about",
        "_cancels",
        "_connection",
        "_lookup",
        "_origin",
        "_touched",
        "events",
        "households",
        "persons",
    )

    def __init__(self, connection: apsw.Connection, origin: OriginId) -> None:
        self._connection = connection
        self._origin = origin
        self._lookup = Lookup(connection, origin)
        self.households: Table[HouseholdRecord] = Table()
        self.persons: Table[PersonRecord] = Table()
        self.events: Table[EventRecord] = Table()
        self._about: dict[RowId, list[EventRecord]] = {}
        self._cancels: dict[RowId, list[RowId]] = {}
        self._touched: dict[RowId, frozenset[RowId]] = {}

    # --- loading -----------------------------------------------------------------------------------------------------

    def load_households(self, names: Collection[str], ids: Collection[RowId] = ()) -> None:
        self.households.load(self._lookup.households(names))
        self.households.load(self._lookup.households_by_id(ids))

    def load_persons(self, names: Collection[str]) -> None:
        self.persons.load(self._lookup.persons(names))

    def load_events(self, event_names: Collection[str], person_names: Collection[str]) -> None:
        """Load events and persons by name, with all that is needed to compute the persons anew.

        That is: what the events withdraw, the persons whom they name, and every event about all these persons.
        """
        self._load_with_targets(self._lookup.events(event_names))
        self.load_persons(person_names)
        named_by_events = {one for record in self.events.records.values() for one in concerned(record)}
        self.persons.load(self._lookup.persons_by_id(named_by_events - self.persons.records.keys()))
        self._load_with_targets(self._lookup.events_about(self.persons.records, self.events.records))
        for record in self.events.records.values():
            self._relate(record)

    def _load_with_targets(self, records: Iterable[EventRecord]) -> None:
        fresh = self.events.load(records)
        while fresh:
            targets = {record.target_event_id for record in fresh if record.target_event_id is not None}
            fresh = self.events.load(self._lookup.events_by_id(targets - self.events.records.keys()))

    # --- events about persons ----------------------------------------------------------------------------------------

    def touched(self, record: EventRecord) -> frozenset[RowId]:
        """The persons whose rows an event bears upon: those it names and those its target bears upon."""
        known = self._touched.get(record.id)
        if known is None:
            known = frozenset(concerned(record))
            target = self.events.records.get(record.target_event_id) if record.target_event_id is not None else None
            if target is not None:
                known |= self.touched(target)
            self._touched[record.id] = known
        return known

    def _relate(self, record: EventRecord) -> None:
        for one in self.touched(record):
            self._about.setdefault(one, []).append(record)
        if record.target_event_id is not None:
            self._cancels.setdefault(record.target_event_id, []).append(record.id)

    def is_withdrawn(self, event_id: RowId) -> bool:
        """Whether a cancel that stands withdraws the event."""
        return any(not self.is_withdrawn(cancel) for cancel in self._cancels.get(event_id, ()))

    def about(self, person_id: RowId) -> list[EventRecord]:
        """All events that bear upon a person who was loaded with ``load_events``, or who is new."""
        return self._about.get(person_id, [])

    def put_event(self, record: EventRecord) -> frozenset[RowId]:
        """Add a new event; returns the persons to compute anew."""
        self.events.put(record)
        self._relate(record)
        return self.touched(record)

    # --- writing -----------------------------------------------------------------------------------------------------

    def changed_rows(self) -> int:
        return self.households.changed() + self.persons.changed() + self.events.changed()

    def write(self) -> None:
        """Send all changes to the store, in the order in which they were made."""
        send, origin = self._connection.executemany, self._origin
        if self.households.records:
            send(_INSERT_HOUSEHOLD, [(origin, one.id, *_household_values(one)) for one in self.households.inserts()])
            send(_UPDATE_HOUSEHOLD, [(*_household_values(one), origin, one.id) for one in self.households.updates()])
        if self.persons.records:
            send(_INSERT_PERSON, [(origin, one.id, *_person_values(one)) for one in self.persons.inserts()])
            send(_UPDATE_PERSON, [(*_person_values(one), origin, one.id) for one in self.persons.updates()])
        if self.events.records:
            send(_INSERT_EVENT, [(origin, one.id, *_event_values(one)) for one in self.events.inserts()])


Value = str | bytes | None


def _household_values(one: HouseholdRecord) -> tuple[Value, ...]:
    return one.source_id, one.hamlet, one.address, one.head_person_id, one.state, one.warnings, one.entered


def _person_values(one: PersonRecord) -> tuple[Value, ...]:
    return one.source_id, one.household_id, *one.columns, one.state, one.warnings, one.created_by, one.entered


def _event_values(one: EventRecord) -> tuple[Value, ...]:
    return (
        one.source_id,
        one.kind,
        one.event_date,
        one.recorded_at,
        one.person_id,
        one.household_id,
        one.group_id,
        one.other_place,
        one.other_person_id,
        one.target_event_id,
        one.person_ref,
        one.other_person_ref,
        one.reason,
        *one.columns,
        one.warnings,
    )


# Named parameters bind in the order of their first appearance, so that rows can be given as tuples, which is faster.
def _insert(table: sa.Table, fields: tuple[str, ...]) -> str:
    return sql(sa.insert(table).values({name: sa.bindparam(name) for name in ("origin", "id", *fields)}))


def _update(table: sa.Table, fields: tuple[str, ...]) -> str:
    return sql(
        sa.update(table)
        .values({name: sa.bindparam(name) for name in fields})
        .where(table.c.origin == sa.bindparam("which_origin"), table.c.id == sa.bindparam("which_id"))
    )


_INSERT_HOUSEHOLD: Final = _insert(household, HOUSEHOLD_FIELDS)
_UPDATE_HOUSEHOLD: Final = _update(household, HOUSEHOLD_FIELDS)
_INSERT_PERSON: Final = _insert(person, PERSON_FIELDS)
_UPDATE_PERSON: Final = _update(person, PERSON_FIELDS)
_INSERT_EVENT: Final = _insert(event, EVENT_FIELDS)
