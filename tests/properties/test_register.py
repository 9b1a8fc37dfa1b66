"""Laws of the register, over random sequences of reports about a few people.

The machine keeps no model of its own beyond the list of reports: the laws compare the store with itself (a row with its
recomputation, a repeated report with the first) and with a second store that got the same reports in another order.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.ids import RowId
from node.interchange.values import EventRow, PersonRow
from node.register.effects import with_effects
from node.register.lookup import person_events
from node.register.records import PersonRecord, source_text
from tests.unit.register.office import Office, event, person

PEOPLE = ("P0", "P1", "P2")
KINDS = ("death", "move_out", "marriage", "divorce", "correction", "end_temporary", "confirm", "dispute")

names = st.sampled_from(PEOPLE)
days = st.integers(min_value=1, max_value=28)
residences = st.sampled_from(("", "permanent", "temporary", "absent"))
phones = st.sampled_from(("", "1", "2"))


def _without_ids(one: PersonRecord) -> PersonRecord:
    return replace(one, id=RowId(b""), created_by=None if one.created_by is None else RowId(b""))


def _after_its_references(row: EventRow) -> tuple[bool, int]:
    """An order that differs from that of the reports and still names nobody and nothing too early."""
    number = int(row.event_id[1:])
    if row.kind == "cancel":
        return True, number
    return False, number if row.kind in {"birth", "move_in"} else -number


class Register(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.office = Office(Path(self.folder.name))
        self.effective = 0
        self.people_rows: list[PersonRow] = []
        self.reports: list[EventRow] = []

    @initialize(residence=residences)
    def people(self, residence: str) -> None:
        self.people_rows = [person(name, full_name=f"Nguyễn {name}", residence=residence, phone="0") for name in PEOPLE]
        for row in self.people_rows:
            self.office.add(row)
            self.effective += 1

    def _names(self) -> list[str]:
        return [*PEOPLE, *(row.person_id for row in self.reports if row.kind in {"birth", "move_in"})]

    def _add(self, row: EventRow) -> None:
        recorded = self.office.add(row)
        assert recorded.is_new
        self.reports.append(row)
        self.effective += 1

    def _next(self) -> str:
        return f"E{len(self.reports)}"

    @rule(kind=st.sampled_from(KINDS), name=names, other=names, day=days, residence=residences, phone=phones)
    def report(self, kind: str, name: str, other: str, day: int, residence: str, phone: str) -> None:
        self._add(
            event(
                kind,
                self._next(),
                name,
                other=other if kind in {"marriage", "divorce"} else "",
                recorded_at=f"2025-06-{day:02}T08:00:00+07:00",
                residence=residence,
                phone=phone,
            )
        )

    @rule(kind=st.sampled_from(("birth", "move_in")), day=days, residence=residences)
    def arrival(self, kind: str, day: int, residence: str) -> None:
        recorded_at = f"2025-06-{day:02}T08:00:00+07:00"
        self._add(event(kind, self._next(), f"Q{len(self.reports)}", recorded_at=recorded_at, residence=residence))

    @precondition(lambda self: self.reports)
    @rule(data=st.data(), day=days)
    def cancel(self, data: st.DataObject, day: int) -> None:
        target = data.draw(st.sampled_from(self.reports))
        recorded_at = f"2025-06-{day:02}T08:00:00+07:00"
        self._add(event("cancel", self._next(), target.person_id, reason=target.event_id, recorded_at=recorded_at))

    @precondition(lambda self: self.reports)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.reports))
        assert not self.office.add(row).is_new

    @invariant()
    def every_new_report_is_one_commit(self) -> None:
        assert self.office.commits == self.effective

    @invariant()
    def every_row_is_its_own_recomputation(self) -> None:
        connection, origin = self.office.store.connection, self.office.origin
        for name in self._names():
            one = self.office.person(name)
            events = person_events(connection, origin, one.id)
            random.Random(len(events)).shuffle(events)
            assert with_effects(one, events) == one, source_text(one)

    def teardown(self) -> None:
        """Last law: arrivals and reports first, then cancels, in whatever order they came, give the same people."""
        with tempfile.TemporaryDirectory() as folder:
            other = Office(Path(folder), seed=2)
            for row in self.people_rows:
                other.add(row)
            for report in sorted(self.reports, key=_after_its_references):
                other.add(report)
            for name in self._names():
                assert _without_ids(other.person(name)) == _without_ids(self.office.person(name))
            other.store.close()
        self.office.store.close()
        self.folder.cleanup()


Register.TestCase.settings = settings(max_examples=40, stateful_step_count=20)
TestRegister = Register.TestCase
