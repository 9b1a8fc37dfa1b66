"""A hub and three communes whose people move about: real stores and register operations, the wire left out."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hub.desk.desk import CaseDesk
from node.errors import RegisterError
from node.ids import NodeId
from node.interchange.values import EventRow, PersonRow
from node.register.operations import record_event, record_person
from node.schema import PERSON_COLUMNS
from tests.unit.hub.district import Commune, District

PEOPLE: tuple[dict[str, str], ...] = (
    {"full_name": "Trần Thị Hồng Lan", "sex": "F", "birth_date": "1984-07-19", "personal_id": "052184003417"},
    {"full_name": "Trần Thị Hồng Lam", "sex": "F", "birth_date": "1984-07-19"},
    {"full_name": "Nguyễn Văn Hùng", "sex": "M", "birth_date": "1990-02-01", "father_name": "Nguyễn Văn Bình"},
    {"full_name": "Nguyễn Văn Hưng", "sex": "M", "birth_date": "1990-02-01", "father_name": "Nguyễn Văn Bình"},
    {"full_name": "Nguyễn Văn Hùng", "sex": "M", "birth_date": "1990", "mother_name": "Lê Thị Xuân"},
    {"full_name": "Đinh Y Thảo", "sex": "F", "birth_date": "2001-11-30", "personal_id": "052301009999"},
    {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "old_card_id": "211223344"},
    {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "phone": "0905123456"},
)
NAMES = ("A", "B", "C")


def columns(values: dict[str, str]) -> tuple[str, ...]:
    return tuple(values.get(name, "") for name in PERSON_COLUMNS)


class Town:
    """``source`` draws what happens next."""

    def __init__(self, folder: Path, source: random.Random) -> None:
        self.district = District(folder)
        self.store = self.district.store
        self.communes: dict[str, Commune] = {name: self.district.commune(name) for name in NAMES}
        self._source = source
        self._persons: dict[str, list[str]] = {name: [] for name in NAMES}
        self._events: dict[str, list[str]] = {name: [] for name in NAMES}
        self._day = 0

    def desk(self, **options: int) -> CaseDesk:
        return CaseDesk(self.store, **options)  # type: ignore[arg-type]

    def close(self) -> None:
        self.district.close()

    # --- what communes write -----------------------------------------------------------------------------------------

    def person(self, name: str, values: dict[str, str], *, household: str = "") -> str:
        """One who lives there; returns the id."""
        person_id = f"p{len(self._persons[name])}"
        row = PersonRow(NodeId(name), person_id, household, columns(values))
        record_person(self.communes[name].store, row, author="clerk")
        self._persons[name].append(person_id)
        return person_id

    def event(self, name: str, kind: str, person: str, values: dict[str, str] | None = None, **more: Any) -> str:
        """One event; returns its id."""
        self._day += 1
        event_id = f"e{self._day}"
        day = f"2025-{1 + self._day // 28 % 12:02d}-{1 + self._day % 28:02d}"
        blank = EventRow(name, event_id, kind, day, f"{day}T08:00:00+07:00", person, "", "", "", "", "", columns({}))
        self.record(name, replace(blank, columns=columns(values or {}), **more))
        self._events[name].append(event_id)
        return event_id

    def record(self, name: str, row: EventRow) -> None:
        record_event(self.communes[name].store, row, author="clerk")

    def arrive(self, name: str, values: dict[str, str], *, place: str = "", group: str = "", home: str = "") -> str:
        """Somebody moves in; returns the person's id."""
        person_id = f"n{len(self._persons[name])}"
        self.event(name, "move_in", person_id, values, other_place=place, group_id=group, household_id=home)
        self._persons[name].append(person_id)
        return person_id

    def anything(self) -> None:
        """Something happens at a commune."""
        source = self._source
        name = source.choice(NAMES)
        values = dict(source.choice(PEOPLE))
        for column in list(values):
            if column != "full_name" and source.random() < 0.4:
                del values[column]
        if source.random() < 0.2:
            values["full_name"] = source.choice(PEOPLE)["full_name"]
        home, group = source.choice(("", "h1", "h2")), source.choice(("", "s1", "s2"))
        try:
            match source.randrange(6):
                case 0 | 1:
                    self.person(name, values, household=home)
                case 2 | 3:
                    self.arrive(name, values, place=source.choice((*NAMES, "")), group=group, home=home)
                case 4:
                    self.event(name, "move_out", source.choice(self._persons[name]), other_place=source.choice(NAMES))
                case _:
                    self._repair(name, values)
        except (IndexError, RegisterError):  # nobody lives there yet; or the report is of no use
            pass

    def _repair(self, name: str, values: dict[str, str]) -> None:
        if self._source.random() < 0.5:
            self.event(name, "correction", self._source.choice(self._persons[name]), values)
        else:
            self.event(name, "cancel", "", reason=self._source.choice(self._events[name]))

    # --- what reaches the hub ----------------------------------------------------------------------------------------

    def bring(self, names: Iterable[str] = NAMES, count: int = 500) -> None:
        """Up to ``count`` more commits of each commune reach the hub."""
        for name in names:
            commune = self.communes[name]
            known = self.store.head(commune.origin).seq
            if commune.store.head(commune.origin).seq > known:
                self.district.applied(commune.work(known, count))
