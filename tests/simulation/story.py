"""Restores and clones told as text: commands on a chain of four nodes, and what stands at each once all have met.

    record commune An 0900     the commune writes down a person of its own, or a new phone
    birth commune Lan          it records a birth, unless it sees it in its register already
    copy commune               somebody copies its disk
    restore commune            its disk becomes that copy; what came after is gone
    swap commune               its disk and the copy change places: two machines with one identity, used in turns
    off nation, on nation      a machine without power
    lose district              its database is gone for good, with every copy of it
    admit district             another machine in its place, with an empty store, invited and enrolled anew
    meet commune district      a session of each with its parent, in this order
    settle                     sessions of all until everything is where it belongs; says what stands then

Whatever the text says, ``settle`` demands that all copies are equal, that every value that a disk still holds stands in the
register or in a report, and that a birth that stands there twice has been found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from node.ids import OriginId, RowId
from node.reports import findings_of, reports
from tests.simulation.disk import Snapshot
from tests.simulation.machine import Machine, rows_at
from tests.simulation.model import COLUMNS, Held, Violation, Write
from tests.simulation.people import INSERT, UPDATE, Change
from tests.simulation.world import World

CHAIN: Final = {"nation": "", "province": "nation", "district": "province", "commune": "district"}
"""Each node and its parent."""
DAY_MS: Final = 24 * 3_600_000

_INSERT_BIRTH: Final = (
    "INSERT INTO event (origin, id, kind, event_date, full_name, birth_date) VALUES (?,?,'birth',?,?,?)"
)
_SELECT_BIRTHS: Final = "SELECT id, full_name FROM event WHERE origin = ? AND kind = 'birth' ORDER BY full_name, id"
_SELECT_TWINS: Final = "SELECT row_id, other_row_id FROM healing_finding WHERE kind = 'typed_twice'"
_BORN: Final = "2025-06-01"


class Story:
    """One world; ``perform`` takes a command and returns what there is to say of it."""

    def __init__(self) -> None:
        self.world = World(0, tree=CHAIN)
        self.world.settle()
        self.copies: dict[str, tuple[Snapshot, Held]] = {}
        self.twins: set[RowId] = set()
        """Events of which somebody was told, at whatever disk was in use then, that they may stand twice."""

    def close(self) -> None:
        self.world.close()

    def perform(self, line: str) -> Iterator[str]:
        command, *words = line.split()
        match command, words:
            case "record", [name, person, phone]:
                yield from self._record(self._machine(name), person, phone)
            case "birth", [name, child]:
                yield from self._birth(self._machine(name), child)
            case "copy", [name]:
                self.copies[name] = self._machine(name).image()
            case "restore", [name]:
                self._put_back(self._machine(name))
            case "swap", [name]:
                machine = self._machine(name)
                before = machine.image()
                self._put_back(machine)
                self.copies[name] = before
            case "off", [name]:
                self._machine(name).disk.cut_power()
                self.world.down(self._machine(name))
            case "on", [name]:
                self.world.boot(self._machine(name), faults=False)
            case "lose", [name]:
                self.world.mishaps.lose(self._machine(name))
            case "admit", [name]:
                self.world.people.admit_anew(self._machine(name))
            case "meet", names:
                for name in names:
                    end = self.world.links.converse(name) or "nobody answers"
                    if end != "done":
                        yield f"{name}: {end}"
            case "settle", []:
                yield from self._settle()
            case _:
                raise AssertionError(f"unknown command: {line}")
        self._hear_of_twins()
        self.world.clock.advance_ms(60_000)

    def _machine(self, name: str) -> Machine:
        return self.world.machines[name]

    def _put_back(self, machine: Machine) -> None:
        self.world.mishaps.put_back(machine, self.copies[machine.name])
        self.world.boot(machine, faults=False)
        self.world.clock.advance_ms(DAY_MS)

    # --- what people write -----------------------------------------------------------------------------------------

    def _own(self, machine: Machine) -> OriginId:
        """The register that people at this node write."""
        return next(
            origin
            for origin in machine.running.own_origins()
            if origin != self.world.reference and origin not in self.world.retired
        )

    def _record(self, machine: Machine, person: str, phone: str) -> Iterator[str]:
        store, origin = machine.running, self._own(machine)
        known = {name: row_id for row_id, (name, _) in rows_at(store, origin).items()}
        tag = f"{self.world.records}"
        if person in known:
            row_id, seen = known[person], rows_at(store, origin)[known[person]][1]
            self._commit(
                machine, origin, [(UPDATE, (phone, origin, row_id))], [Write(tag, row_id, "phone", phone, seen)]
            )
            return
        row_id = store.new_row_id(self.world.clock.wall_ms())
        writes = [Write(tag, row_id, COLUMNS[0], person, ""), Write(tag, row_id, COLUMNS[1], phone, "")]
        self._commit(machine, origin, [(INSERT, (origin, row_id, person, phone))], writes)
        yield from ()

    def _birth(self, machine: Machine, child: str) -> Iterator[str]:
        store, origin = machine.running, self._own(machine)
        if child in {name for _, name in self._births(machine, origin)}:
            yield f"{machine.name} has the birth of {child}"
            return
        row_id, event_id = (store.new_row_id(self.world.clock.wall_ms()) for _ in range(2))
        changes: list[Change] = [
            (INSERT, (origin, row_id, child, "")),
            (_INSERT_BIRTH, (origin, event_id, _BORN, child, _BORN)),
        ]
        self._commit(machine, origin, changes, [Write(f"{self.world.records}", row_id, COLUMNS[0], child, "")])

    def _commit(self, machine: Machine, origin: OriginId, changes: list[Change], writes: list[Write]) -> None:
        self.world.records += 1
        self.world.people.commit(machine, origin, changes, writes)

    def _births(self, machine: Machine, origin: OriginId) -> list[tuple[RowId, str]]:
        return [(RowId(row[0]), str(row[1])) for row in machine.running.connection.execute(_SELECT_BIRTHS, (origin,))]

    # --- what stands -----------------------------------------------------------------------------------------------

    def _settle(self) -> Iterator[str]:
        world = self.world
        world.settle()
        world.checks.check_rows()
        self._hear_of_twins()
        self._require_that_twins_are_found()
        for origin, owner in world.owner.items():
            if origin != world.reference and origin not in world.retired:
                yield self._register(origin, owner)
        for machine in world.machines.values():
            yield from self._node(machine)

    def _register(self, origin: OriginId, owner: str) -> str:
        """``settle`` has made sure that it is equal at every node above."""
        machine = self._machine(owner)
        rows = sorted(" ".join(filter(None, row)) for row in rows_at(machine.running, origin).values())
        count = machine.running.head(origin).seq
        return f"{owner}'s register, {count} commits: {', '.join(rows) or 'nobody'}"

    def _node(self, machine: Machine) -> Iterator[str]:
        store = machine.running
        codes = Counter(alarm.code for alarm in reversed(store.alarms()))
        if codes:
            yield f"{machine.name} alarms: " + ", ".join(
                code if count == 1 else f"{code} x{count}" for code, count in codes.items()
            )
        for report in reversed(reports(store.connection)):
            whose = self.world.owner[report.origin]
            yield (
                f"{machine.name} healed {whose if whose in CHAIN else 'reference'}'s register, {report.kind}: "
                f"{report.came} came, {report.aside} put aside, {report.redone} done again"
            )
            for item in findings_of(store.connection, report.id):
                finding = item.finding
                name = rows_at(store, report.origin).get(finding.row_id, ("?", ""))[0]
                if finding.kind == "typed_twice":
                    twins = dict(self._births(machine, report.origin))
                    yield f"  {twins[finding.row_id]}: typed in twice"
                elif finding.kind == "lost_value":
                    yield f"  {name}: {finding.column} left at {finding.kept}, {finding.lost} was written too"
                else:
                    yield f"  {name}: {finding.column} {finding.lost} was not done again"

    def _require_that_twins_are_found(self) -> None:
        world = self.world
        for origin, owner in world.owner.items():
            if origin == world.reference or origin in world.retired:
                continue
            births = self._births(self._machine(owner), origin)
            for child, count in Counter(name for _, name in births).items():
                if count > 1 and not self.twins.issuperset(row_id for row_id, name in births if name == child):
                    raise Violation(f"reported: the birth of {child} stands {count} times, and nobody was told")

    def _hear_of_twins(self) -> None:
        for machine in self.world.machines.values():
            if machine.store is not None:
                for row in machine.store.connection.execute(_SELECT_TWINS):
                    self.twins |= {RowId(row[0]), RowId(row[1])}
