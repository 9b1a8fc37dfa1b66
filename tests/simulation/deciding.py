"""What hubs decide in the simulated world: rows of their own log, and letters to the registers that are asked. In the end every
decision that is in a hub's log stands in each of these registers, once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Final

import apsw

from conflict.cases import DecidedBy, Outcome, State
from conflict.claims import EventRef, PersonRef
from conflict.decisions import Action, Ask, Decision, Parameters
from hub.desk.desk import CaseDesk
from hub.desk.outbox import Outbox, note_unsent
from node import limits
from node.chain import KIND_DECISION
from node.decision_rows import COLUMNS, from_row, row_id, to_row
from node.errors import HoldingError, StoreBusy
from node.ids import NodeId, OriginId, RowId, id_text
from node.mail import Mail
from node.reference import Reference
from node.store import PURPOSE_REGISTER, Store
from tests.simulation.machine import Machine, rows_at
from tests.simulation.model import Violation

if TYPE_CHECKING:
    from tests.simulation.world import World

DAY: Final = date(2026, 1, 1)
DESK_STEPS_MAX: Final = 2_000
_INSERT: Final = f"INSERT INTO decision ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
_DECISIONS: Final = f"SELECT {', '.join(COLUMNS)} FROM decision WHERE origin = ?"
_APPLIED: Final = "SELECT id FROM applied_decision WHERE origin = ?"
_COMMITS: Final = "SELECT tag FROM change_log WHERE origin = ? AND kind = ?"


class Deciding:
    """Every hub decides for itself; the draws say on whom."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made = 0
        self.asked: dict[str, set[OriginId]] = {}
        """The registers that a decision asks, by its name."""

    @property
    def hubs(self) -> list[str]:
        return [name for name in self.world.tree if name not in self.world.leaves]

    def decide(self) -> None:
        """Some hub decides on one or two persons in registers below it."""
        machine = self.world.machines[self.world.rng.choice(self.hubs)]
        if machine.up:
            self.decide_at(machine)

    def decide_at(self, machine: Machine) -> None:
        world, store = self.world, machine.running
        below = self._persons_below(store)
        if not below:
            return
        chosen = [world.rng.choice(below) for _ in range(world.rng.randint(1, 2))]
        made = self._decision(machine.name, chosen)
        self.asked[made.id] = {origin for origin, _, _ in chosen}
        own = store.own_origin_of(NodeId(machine.name))

        def work() -> None:
            now = world.clock.wall_ms()
            try:
                with store.capture_beside(author="", kind=KIND_DECISION, recorded_at=now, origin=own) as capture:
                    capture.connection.execute(_INSERT, to_row(made, own, DAY))
                    note_unsent(capture.connection, own, row_id(made.id))
                    self._outbox(machine, capture.connection, own).send_some()
            except StoreBusy:
                world.note("held-while-healing")
            except HoldingError:
                world.note("still-on-its-way")
            else:
                world.note(f"decided {machine.name}")

        world.handle(machine, work, f"decide {machine.name}")

    def _outbox(self, machine: Machine, connection: apsw.Connection, own: OriginId) -> Outbox:
        store = machine.running
        nodes = {o: p.node_id for o, p in store.profiles().items() if p.purpose == PURPOSE_REGISTER}
        return Outbox(store, connection, Mail(store, Reference(store)), machine.key, own, nodes)

    def _persons_below(self, store: Store) -> list[tuple[OriginId, NodeId, RowId]]:
        """Those whom this store knows, in registers that somebody below it writes."""
        reference = Reference(store)
        found: list[tuple[OriginId, NodeId, RowId]] = []
        for origin, profile in sorted(store.profiles().items()):
            holder = reference.holder(origin)
            if holder is None or not holder.node_id or reference.next_hop(store.node_id, holder.node_id) is None:
                continue
            found += [(origin, profile.node_id, row) for row in sorted(rows_at(store, origin))[:4]]
        return found

    def _decision(self, authority: str, chosen: list[tuple[OriginId, NodeId, RowId]]) -> Decision:
        self.made += 1
        name = hashlib.sha256(f"{self.world.seed} {self.made}".encode()).hexdigest()
        refs = [(node, PersonRef(f"{node}:{id_text(row)}")) for _, node, row in chosen]
        asks = {Ask(node, Action.CLOSE if number else Action.COUNT, ref) for number, (node, ref) in enumerate(refs)}
        claim = EventRef(f"{refs[0][0]}:case {self.made}")
        return Decision(
            *(
                name,
                claim,
                (claim,),
                Parameters(1, ""),
                State.SETTLED,
                Outcome.MOVED,
                DecidedBy.AUTO,
                authority,
                1,
                None,
            ),
            asks=tuple(sorted(asks)),
            reasons=(),
        )

    def casework(self) -> None:
        """Some hub looks at what has come."""
        machine = self.world.machines[self.world.rng.choice(self.hubs)]
        if machine.up:
            self._look(machine)

    def look(self) -> bool:
        """Every hub does its casework, after so long a time that whoever has not answered is written to again. True if
        anybody was.
        """
        if self.made:
            self.world.clock.advance_ms(limits.REMINDER_MS << limits.REMINDERS_DOUBLED_MAX)
        machines = [self.world.machines[name] for name in self.hubs if self.made]
        return sum(self._look(machine) for machine in machines if machine.up) > 0

    def _look(self, machine: Machine) -> int:
        desk = CaseDesk(machine.running, key=machine.key)

        def work() -> None:
            for _ in range(DESK_STEPS_MAX):
                if not desk.step():
                    return
            raise Violation("live: a desk does not come to an end")

        self.world.handle(machine, work, f"casework {machine.name}")
        return desk.posted

    def require_that_all_were_told(self) -> None:
        """Each decision that is in the log of whoever made it has reached every register that it asks, exactly once."""
        world = self.world
        for name in self.hubs:
            store = world.machines[name].running
            own = CaseDesk(store).own_register()
            if own is None:
                continue  # its disk was lost after another node had taken over its register
            for values in store.connection.execute(_DECISIONS, (own,)).fetchall():
                made = from_row(dict(zip(COLUMNS, values, strict=True)))
                for origin in self.asked[made.id] - world.retired:
                    self._require_applied(made, origin)
                    world.note("told")

    def _require_applied(self, made: Decision, origin: OriginId) -> None:
        owner = self.world.owner[origin]
        store = self.world.machines[owner].running
        if row_id(made.id) not in {bytes(row[0]) for row in store.connection.execute(_APPLIED, (origin,))}:
            raise Violation(f"told: {owner} has not heard of a decision of {made.authority}")
        tags = Counter(str(row[0]) for row in store.connection.execute(_COMMITS, (origin, KIND_DECISION)))
        if tags[made.id] > 1:
            raise Violation(f"told: {owner} has applied a decision {tags[made.id]} times")
