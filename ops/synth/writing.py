"""The four files of the bundle, written as the rows come."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from node.interchange.bundle import EVENTS, HOUSEHOLDS, PERSONS
from node.interchange.values import TopologyRow
from ops.synth.people import Household

TOPOLOGY_HEADER = ("node_id", "tier", "parent_id", "admin_code", "valid_from", "name")


class RowFile:
    """One CSV file: UTF-8, LF, RFC 4180. Use as a context; closed, it is whole."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(header)
        self.count = 0

    def write(self, row: Sequence[str]) -> None:
        self._writer.writerow(row)
        self.count += 1

    def write_all(self, rows: Iterable[Sequence[str]]) -> None:
        for row in rows:
            self.write(row)

    def close(self) -> None:
        self._file.close()


class BundleFiles:
    def __init__(self, folder: Path) -> None:
        self._topology = RowFile(folder / "topology.csv", TOPOLOGY_HEADER)
        self._households = RowFile(folder / "households.csv", HOUSEHOLDS.names)
        self._persons = RowFile(folder / "persons.csv", PERSONS.names)
        self._events = RowFile(folder / "events.csv", EVENTS.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._topology, self._households, self._persons, self._events):
            file.close()

    @property
    def household_count(self) -> int:
        return self._households.count

    @property
    def person_count(self) -> int:
        return self._persons.count

    def topology(self, rows: Iterable[TopologyRow]) -> None:
        for row in rows:
            self._topology.write((row.node_id, row.tier, row.parent_id, row.admin_code, row.valid_from, row.name))

    def household(self, household: Household, node_id: str) -> None:
        """The first member heads it; a collective household has no head."""
        head = household.members[0].person_id if household.kind == "family" else ""
        self._households.write((node_id, household.household_id, household.hamlet, household.address, head))

    def person(self, row: Sequence[str]) -> None:
        self._persons.write(row)

    def events(self, rows: Iterable[Sequence[str]]) -> None:
        self._events.write_all(rows)
