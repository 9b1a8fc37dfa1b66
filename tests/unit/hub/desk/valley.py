"""A province, two districts and three communes, with real sessions: what people write climbs, what is decided comes down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from conflict.decisions import Decision
from hub.desk.decisions import read_decisions
from hub.desk.desk import CaseDesk
from node.clock import ManualClock
from node.ids import NodeId, OriginId
from node.inbox import Item, items
from node.interchange.values import EventRow, PersonRow
from node.register.operations import day_text, moment_text, record_event, record_person
from node.register.recorder import Recorded
from tests.identities import Member, Tree
from tests.sessions import Parent
from tests.unit.hub.desk.town import columns

NOW_MS = 1_790_000_000_000
PARENTS = {"d1": "p", "d2": "p", "a": "d1", "b": "d1", "c": "d2"}


class Valley:
    """``p`` above ``d1`` (``a``, ``b``) and ``d2`` (``c``)."""

    def __init__(self, folder: Path, *, now_ms: int = NOW_MS) -> None:
        self.clock = ManualClock(now_ms)
        self.tree = Tree(folder, "p", clock=self.clock)
        for name, parent in PARENTS.items():
            self.tree.add(name, parent)
        self.parents = {name: Parent(self.tree.members[name]) for name in ("p", "d1", "d2")}
        self.numbers = 0
        self.travel()

    def member(self, name: str) -> Member:
        return self.tree.members[name]

    def origin(self, name: str) -> OriginId:
        return self.member(name).store.own_origin_of(NodeId(name))

    def visit(self, child: str) -> None:
        session = self.parents[PARENTS[child]].meet(self.member(child), follow=True).start().run()
        for _ in range(3):
            session.parent_end.tick()
            session.child_end.tick()
            session.run()
        session.child_end.link_lost()
        session.parent_end.link_lost()

    def travel(self) -> None:
        """Sessions everywhere, until what was written anywhere is where it belongs."""
        for _ in range(3):
            for child in ("a", "b", "c", "d1", "d2"):
                self.visit(child)

    def desk(self, name: str) -> CaseDesk:
        member = self.member(name)
        return CaseDesk(member.store, key=member.key)

    def decide(self) -> None:
        """Every hub does its casework, and everything travels."""
        for name in self.parents:
            self.desk(name).decide()
        self.travel()

    # --- what communes write -----------------------------------------------------------------------------------------

    def person(self, name: str, person_id: str, values: dict[str, str]) -> None:
        record_person(self.member(name).store, PersonRow(NodeId(name), person_id, "", columns(values)), author="clerk")

    def event(self, name: str, kind: str, person: str, values: dict[str, str] | None = None, **more: Any) -> Recorded:
        self.numbers += 1
        now = self.clock.wall_ms()
        blank = EventRow(
            *(name, f"e{self.numbers}", kind, day_text(now), moment_text(now), person, "", "", "", "", ""), columns({})
        )
        row = replace(blank, columns=columns(values or {}), **more)
        return record_event(self.member(name).store, row, author="clerk", origin=self.origin(name))

    # --- what came of it ---------------------------------------------------------------------------------------------

    def inbox(self, name: str) -> list[Item]:
        return items(self.member(name).store.connection, self.origin(name))

    def lines(self, name: str) -> list[tuple[str, str, str]]:
        """Action, person and standing of each item."""
        return [(item.ask.action.value, item.ask.ref, item.standing.value) for item in self.inbox(name)]

    def decisions(self, name: str) -> list[Decision]:
        return read_decisions(self.member(name).store.connection)

    def alarms(self, name: str) -> list[str]:
        return [alarm.code for alarm in self.member(name).store.alarms()]

    def letters(self, name: str) -> list[tuple[str, str]]:
        rows = self.member(name).store.connection.execute("SELECT kind, state FROM letter ORDER BY position")
        return [(str(row[0]), str(row[1])) for row in rows]

    def close(self) -> None:
        self.tree.close()
