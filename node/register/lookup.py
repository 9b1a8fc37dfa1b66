"""Reading register rows of one origin by the names that a source or an operator uses for them, many at a time.

A name is a source's own id or, for a record made by hand, its UUID; the source's id wins. Each function runs one or two
statements however many names it is given: they travel as one JSON array.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final

import apsw
import sqlalchemy as sa

from node.ids import OriginId, RowId, id_from_text
from node.register.records import COLUMN_COUNT, EventRecord, HouseholdRecord, PersonRecord
from node.schema import PERSON_COLUMNS, event, household, person, sql

HOUSEHOLD_FIELDS: Final = ("source_id", "hamlet", "address", "head_person_id", "state", "warnings", "entered")
PERSON_FIELDS: Final = ("source_id", "household_id", *PERSON_COLUMNS, "state", "warnings", "created_by", "entered")
EVENT_FIELDS: Final = (
    "source_id",
    "kind",
    "event_date",
    "recorded_at",
    "person_id",
    "household_id",
    "group_id",
    "other_place",
    "other_person_id",
    "target_event_id",
    "person_ref",
    "other_person_ref",
    "reason",
    *PERSON_COLUMNS,
    "warnings",
)


def _by_source(table: sa.Table, fields: Sequence[str]) -> str:
    names = sa.func.json_each(sa.bindparam("names")).table_valued("value")
    statement = sa.select(table.c.id, *(table.c[name] for name in fields)).where(
        table.c.origin == sa.bindparam("origin"),
        table.c.source_id.in_(sa.select(names.c.value)),
        sa.text(f"{table.name}.source_id <> ''"),
    )
    return _through_index(statement, table, "source")


def _by_id(table: sa.Table, fields: Sequence[str]) -> str:
    return sql(sa.select(table.c.id, *(table.c[name] for name in fields)).where(*_in_ids(table, "id")))


def _by_reference(table: sa.Table, fields: Sequence[str], column: str, index: str) -> str:
    statement = sa.select(table.c.id, *(table.c[name] for name in fields)).where(*_in_ids(table, column))
    return _through_index(statement.where(sa.text(f"{table.name}.{column} IS NOT NULL")), table, index)


def _in_ids(table: sa.Table, column: str) -> tuple[sa.ColumnElement[bool], ...]:
    ids = sa.func.json_each(sa.bindparam("ids")).table_valued("value")
    return table.c.origin == sa.bindparam("origin"), table.c[column].in_(sa.select(sa.func.unhex(ids.c.value)))


def _through_index(statement: sa.Select[Any], table: sa.Table, index: str) -> str:
    """Name the index: without statistics SQLite reads the whole origin instead. A partial index serves only statements
    that repeat its condition word for word; naming it turns a mismatch into an error. Core has no word for this.
    """
    return sql(statement).replace(f"FROM {table.name} ", f"FROM {table.name} INDEXED BY {table.name}_by_{index} ", 1)


_HOUSEHOLDS_BY_SOURCE: Final = _by_source(household, HOUSEHOLD_FIELDS)
_HOUSEHOLDS_BY_ID: Final = _by_id(household, HOUSEHOLD_FIELDS)
_PERSONS_BY_SOURCE: Final = _by_source(person, PERSON_FIELDS)
_PERSONS_BY_ID: Final = _by_id(person, PERSON_FIELDS)
_EVENTS_BY_SOURCE: Final = _by_source(event, EVENT_FIELDS)
_EVENTS_BY_ID: Final = _by_id(event, EVENT_FIELDS)
_EVENTS_ABOUT: Final = tuple(
    _by_reference(event, EVENT_FIELDS, column, index)
    for column, index in (("person_id", "person"), ("other_person_id", "other_person"), ("target_event_id", "target"))
)

_PERSON_COLUMNS_AT: Final = 3
_EVENT_COLUMNS_AT: Final = 14

Row = tuple[Any, ...]


def household_record(row: Row) -> HouseholdRecord:
    return HouseholdRecord(*row)


def person_record(row: Row) -> PersonRecord:
    end = _PERSON_COLUMNS_AT + COLUMN_COUNT
    return PersonRecord(*(*row[:_PERSON_COLUMNS_AT], row[_PERSON_COLUMNS_AT:end], *row[end:]))


def event_record(row: Row) -> EventRecord:
    end = _EVENT_COLUMNS_AT + COLUMN_COUNT
    return EventRecord(*(*row[:_EVENT_COLUMNS_AT], row[_EVENT_COLUMNS_AT:end], *row[end:]))


def uuid_of(name: str) -> RowId | None:
    """The id that a name spells as a UUID, if it is one."""
    if len(name) != 36:
        return None
    try:
        return RowId(id_from_text(name))
    except ValueError:
        return None


class Lookup:
    """Reads the rows of one origin, inside the caller's transaction or snapshot."""

    __slots__ = ("_connection", "_origin")

    def __init__(self, connection: apsw.Connection, origin: OriginId) -> None:
        self._connection = connection
        self._origin = origin

    def households(self, names: Collection[str]) -> list[HouseholdRecord]:
        return [household_record(row) for row in self._named(_HOUSEHOLDS_BY_SOURCE, _HOUSEHOLDS_BY_ID, names)]

    def households_by_id(self, ids: Iterable[RowId]) -> list[HouseholdRecord]:
        return [household_record(row) for row in self._identified(_HOUSEHOLDS_BY_ID, ids)]

    def persons(self, names: Collection[str]) -> list[PersonRecord]:
        return [person_record(row) for row in self._named(_PERSONS_BY_SOURCE, _PERSONS_BY_ID, names)]

    def persons_by_id(self, ids: Iterable[RowId]) -> list[PersonRecord]:
        return [person_record(row) for row in self._identified(_PERSONS_BY_ID, ids)]

    def events(self, names: Collection[str]) -> list[EventRecord]:
        return [event_record(row) for row in self._named(_EVENTS_BY_SOURCE, _EVENTS_BY_ID, names)]

    def events_by_id(self, ids: Iterable[RowId]) -> list[EventRecord]:
        return [event_record(row) for row in self._identified(_EVENTS_BY_ID, ids)]

    def events_about(self, persons: Collection[RowId], events: Collection[RowId] = ()) -> list[EventRecord]:
        """All events that name one of these persons; the cancels of those and of ``events``; the cancels of these."""
        found: dict[RowId, EventRecord] = {}
        for statement in _EVENTS_ABOUT[:2]:
            for row in self._identified(statement, persons):
                record = event_record(row)
                found[record.id] = record
        fresh: Collection[RowId] = (*found, *events)
        while fresh:
            cancels = [event_record(row) for row in self._identified(_EVENTS_ABOUT[2], fresh)]
            fresh = [record.id for record in cancels if record.id not in found]
            found.update((record.id, record) for record in cancels)
        return list(found.values())

    def _named(self, by_source: str, by_id: str, names: Collection[str]) -> Iterator[Row]:
        if not names:
            return
        missing = set(names)
        parameters = {"origin": self._origin, "names": json.dumps(list(names), ensure_ascii=False)}
        for row in self._connection.execute(by_source, parameters):
            missing.discard(row[1])
            yield row
        ids = {row_id for row_id in map(uuid_of, missing) if row_id is not None}
        yield from self._identified(by_id, ids)

    def _identified(self, statement: str, ids: Iterable[RowId]) -> Iterator[Row]:
        wanted = [row_id.hex() for row_id in ids]
        if wanted:
            yield from self._connection.execute(statement, {"origin": self._origin, "ids": json.dumps(wanted)})


def find_person(connection: apsw.Connection, origin: OriginId, text: str) -> PersonRecord | None:
    """The person that a source id or a UUID names, or None."""
    return next(iter(Lookup(connection, origin).persons((text,))), None)


def find_household(connection: apsw.Connection, origin: OriginId, text: str) -> HouseholdRecord | None:
    """The household that a source id or a UUID names, or None."""
    return next(iter(Lookup(connection, origin).households((text,))), None)


def find_event(connection: apsw.Connection, origin: OriginId, text: str) -> EventRecord | None:
    """The event that a source id or a UUID names, or None."""
    return next(iter(Lookup(connection, origin).events((text,))), None)


def person_events(connection: apsw.Connection, origin: OriginId, person_id: RowId) -> list[EventRecord]:
    """All events about one person and the cancels that touch them, in no particular order."""
    return Lookup(connection, origin).events_about((person_id,))
