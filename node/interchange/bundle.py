"""A bundle: the folder with its four files, read row by row (FORMAT, version 1).

References to persons and households are not looked up here: they may be in the node's store already, so the register
operations judge them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, TypeVar

from node.interchange import values as v
from node.interchange.table import Columns, Reject, RejectSink, rows
from node.interchange.topology import Topology
from node.interchange.values import EventRow, HouseholdRow, PersonRow, TopologyRow, ValueRefused
from node.schema import PERSON_COLUMNS

TOPOLOGY: Final = Columns(("node_id", "tier", "parent_id", "admin_code", "name"), ("valid_from",))
HOUSEHOLDS: Final = Columns(("node_id", "household_id", "hamlet", "address", "head_person_id"))
PERSONS: Final = Columns(("node_id", "person_id", "household_id", *PERSON_COLUMNS))
EVENTS: Final = Columns(
    (
        *(
            "node_id",
            "event_id",
            "kind",
            "event_date",
            "recorded_at",
            "person_id",
            "household_id",
            "group_id",
            "other_place",
        ),
        *("other_person_id", "reason", *PERSON_COLUMNS),
    )
)
FILES: Final = {"topology.csv": TOPOLOGY, "households.csv": HOUSEHOLDS, "persons.csv": PERSONS, "events.csv": EVENTS}

VIETNAM: Final = timezone(timedelta(hours=7))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).astimezone(VIETNAM)
CLOCK_TOLERANCE_MS: Final = 3652 * 86_400_000  # ten years: clocks further off the median do not move the as-of

Row = TypeVar("Row", HouseholdRow, PersonRow, EventRow)


class Bundle:
    """An opened bundle. Reading a file again gives its rows, and its rejects, again.

    Raises ``BundleError`` when the topology is refused, or when a file is missing, not UTF-8 or lacks a column.
    """

    def __init__(self, folder: Path, rejected: RejectSink) -> None:
        self.folder = folder
        self._rejected = rejected
        self.topology = Topology(self._topology_rows())

    def _topology_rows(self) -> Iterator[TopologyRow]:
        path = self.folder / "topology.csv"
        for line, row in rows(path, TOPOLOGY, self._rejected):
            node_id, tier, parent_id, admin_code, name, valid_from = row
            try:
                yield TopologyRow(
                    v.read_node_id("node_id", node_id),
                    v.read_text("tier", tier),
                    v.read_node_id("parent_id", parent_id) if parent_id.strip() else "",
                    v.read_text("admin_code", admin_code),
                    v.read_date("valid_from", valid_from),
                    v.read_text("name", name),
                    line,
                )
            except ValueRefused as error:
                self._rejected(Reject(path.name, line, error.column, error.value, error.reason))

    def households(self, node_id: str | None = None) -> Iterator[HouseholdRow]:
        """Rows of households.csv, of one node or of all."""
        return self._rows("households.csv", node_id, _household)

    def persons(self, node_id: str | None = None) -> Iterator[PersonRow]:
        """Rows of persons.csv, of one node or of all."""
        return self._rows("persons.csv", node_id, _person)

    def events(self, node_id: str | None = None) -> list[EventRow]:
        """Rows of events.csv in the order in which they happened at their nodes: recorded_at, then event_id."""
        return sorted(self._rows("events.csv", node_id, _event), key=event_order)

    def _rows(self, name: str, node_id: str | None, read: Callable[[int, Sequence[str]], Row]) -> Iterator[Row]:
        path = self.folder / name
        for line, row in rows(path, FILES[name], self._rejected):
            written = row[0].strip()
            if node_id is not None and written != node_id and written in self.topology:
                continue
            if written not in self.topology:
                self._rejected(Reject(name, line, "node_id", row[0], "is not a node of topology.csv"))
                continue
            try:
                yield read(line, row)
            except ValueRefused as error:
                self._rejected(Reject(name, line, error.column, error.value, error.reason))

    def instants(self) -> list[int]:
        """recorded_at of every readable event, as Unix milliseconds."""
        result: list[int] = []
        for _, row in rows(self.folder / "events.csv", EVENTS, lambda _: None):
            try:
                result.append(v.instant_ms(row[EVENTS.names.index("recorded_at")].strip()))
            except ValueError:
                continue
        return result

    def as_of_ms(self) -> int | None:
        """The greatest recorded_at, clocks more than ten years off the median left out; None without events."""
        instants = self.instants()
        if not instants:
            return None
        median = statistics.median_low(instants)
        return max(instant for instant in instants if abs(instant - median) <= CLOCK_TOLERANCE_MS)

    def first_day(self) -> str:
        """The day of the first recorded_at, YYYY-MM-DD: what an empty valid_from means. '' without events."""
        instants = self.instants()
        return "" if not instants else local_day(min(instants)).isoformat()


def event_order(row: EventRow) -> tuple[int, str]:
    """Sort key of events at one node."""
    return row.instant_us, row.event_id


def local_day(instant_ms: int) -> date:
    """The calendar day of an instant in Vietnam."""
    return (_EPOCH + timedelta(milliseconds=instant_ms)).date()  # fromtimestamp fails before 1970 on Windows


def _household(line: int, row: Sequence[str]) -> HouseholdRow:
    node_id, household_id, hamlet, address, head = row
    return HouseholdRow(
        node_id.strip(),
        v.read_id("household_id", household_id),
        v.read_text("hamlet", hamlet),
        v.read_text("address", address),
        v.read_text("head_person_id", head),
        (),
        line,
    )


def _person(line: int, row: Sequence[str]) -> PersonRow:
    columns, warnings = v.read_person_columns(row[3:])
    return PersonRow(
        row[0].strip(), v.read_id("person_id", row[1]), v.read_text("household_id", row[2]), columns, warnings, line
    )


def _event(line: int, row: Sequence[str]) -> EventRow:
    columns, warnings = v.read_person_columns(row[11:])
    return EventRow(
        row[0].strip(),
        v.read_id("event_id", row[1]),
        v.read_kind("kind", row[2]),
        v.read_required_date("event_date", row[3]),
        v.read_instant("recorded_at", row[4]),
        v.read_id("person_id", row[5]),
        v.read_text("household_id", row[6]),
        v.read_text("group_id", row[7]),
        v.read_text("other_place", row[8]),
        v.read_text("other_person_id", row[9]),
        v.read_text("reason", row[10]),
        columns,
        warnings,
        line,
    )
