"""What people do in the simulated world: they record, and the authority hands registers over or ends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from random import Random
from typing import TYPE_CHECKING, Final

from node.capture import Capture
from node.chain import KIND_REGISTER
from node.enrolment import OriginClaim
from node.errors import HoldingError, StoreBusy
from node.identity.certificates import make_request
from node.identity.keys import NodeKey
from node.identity.statements import join_statement
from node.ids import NodeId, OriginId, UnitCode
from node.reference import Reference
from node.store import Store
from tests.simulation.machine import Machine, rows_at
from tests.simulation.model import COLUMNS, OriginModel, Violation, Write

if TYPE_CHECKING:
    from tests.simulation.world import World

INSERT: Final = "INSERT INTO person (origin, id, full_name, phone) VALUES (?,?,?,?)"
UPDATE: Final = "UPDATE person SET phone = ? WHERE origin = ? AND id = ?"

Change = tuple[str, tuple[str | bytes, ...]]
"""A statement and its values."""


class People:
    """Clerks at every machine, and the one at the authority."""

    def __init__(self, world: World) -> None:
        self.world = world

    def record(self) -> None:
        """Somebody records one thing, in one to three rows, on what the screen shows. It may be a former holder, who has
        not heard of it.
        """
        world = self.world
        self.write(world.machines[world.rng.choice(list(world.tree))])

    def write(self, machine: Machine) -> None:
        world = self.world
        store = machine.store
        if store is None:
            return
        own = [state.head.origin for state in store.states() if state.own and state.head.origin != world.reference]
        if not own:
            return
        origin = world.rng.choice(own)
        rows = rows_at(store, origin)
        machines = world.machines.values()
        world.records += 1
        tag = f"record {world.records}"
        writes: list[Write] = []
        changes: list[Change] = []
        for number in range(world.rng.randint(1, 3)):
            value = f"{world.records}.{number}"
            if rows and world.rng.random() < 0.5:
                hot = [row_id for row_id in sorted(rows) if any((origin, row_id) in m.suspect for m in machines)]
                hot = hot or sorted(rows)[:2]  # people come back to the same few
                row_id = world.rng.choice(hot if world.rng.random() < 0.6 else sorted(rows))
                seen = rows[row_id][1]
                changes.append((UPDATE, (value, origin, row_id)))
                writes.append(Write(tag, row_id, COLUMNS[1], value, seen))
                rows[row_id] = (rows[row_id][0], value)
            else:
                row_id = store.new_row_id(world.clock.wall_ms())
                changes.append((INSERT, (origin, row_id, value, "")))
                writes.append(Write(tag, row_id, COLUMNS[0], value, ""))
                rows[row_id] = (value, "")
        self.commit(machine, origin, changes, writes)

    def commit(
        self, machine: Machine, origin: OriginId, changes: Sequence[Change], writes: list[Write], tag: str = ""
    ) -> None:
        """One captured transaction at a machine; ``writes`` is what the model hears of it."""
        world = self.world
        store = machine.running
        tag = tag or writes[0].tag
        former = world.owner[origin] != machine.name
        world.models[origin].recorded(tag, writes)

        def work() -> None:
            try:
                with self.capture(store, origin, tag) as capture:
                    for statement, values in changes:
                        capture.connection.execute(statement, values)
            except HoldingError:
                if not former and store.head(origin).seq and self._holds(store, origin):
                    raise
                world.note("former-holder-refused" if former else "still-on-its-way")
            except StoreBusy:
                world.note("held-while-healing")
            else:
                if capture.commit is None:
                    raise Violation("durable: a change was taken for none")
                if former:
                    world.note("former-holder-unaware")

        world.handle(machine, work, f"record {machine.name}")

    def _holds(self, store: Store, origin: OriginId) -> bool:
        """Whether a store's own reference data say that it may write the origin now."""
        holding = Reference(store).holder(origin)
        return holding is not None and holding.node_id == store.node_id and store.head(origin).seq >= holding.from_seq

    def capture(self, store: Store, origin: OriginId, tag: str) -> AbstractContextManager[Capture]:
        world = self.world
        return store.capture(
            author="clerk", kind=KIND_REGISTER, recorded_at=world.clock.wall_ms(), origin=origin, tag=tag
        )

    def hand_over(self) -> None:
        """The PC of a commune has died; another one takes its register over, and the old one comes back one day."""
        self._rule(self._hand_over)

    def retire(self) -> None:
        """A commune ends; nobody writes its register any more."""
        self._rule(lambda origin, _machine: self.end(origin))

    def _rule(self, decide: Callable[[OriginId, Machine], None]) -> None:
        world = self.world
        root = world.machines[world.root]
        dead = [
            (origin, world.machines[owner])
            for origin, owner in sorted(world.owner.items())
            if owner in world.leaves
            and not world.machines[owner].up
            and origin not in world.retired
            and world.checks.seq_at(world.root, origin) > 0
        ]
        if root.store is None or not dead or root.disk.fuse is not None:
            return
        reference = Reference(root.store)  # a restored root may not know yet what it has ruled
        dead = [
            (origin, machine)
            for origin, machine in dead
            if (holding := reference.holder(origin)) is not None and holding.node_id == machine.name
        ]
        if not dead:
            return
        origin, machine = world.rng.choice(dead)
        decide(origin, machine)
        world.observe(root)

    def _hand_over(self, origin: OriginId, machine: Machine) -> None:
        world = self.world
        heirs = [name for name in world.communes if name != machine.name]
        self.hand_over_to(origin, world.rng.choice(heirs))

    def hand_over_to(self, origin: OriginId, heir: str) -> None:
        """The authority rules: another node writes the register from what is known at the root."""
        world = self.world
        before = world.owner[origin]
        world.authority.hand_over(origin, NodeId(heir), by="clerk")
        world.owner[origin] = heir
        world.note(f"hand-over {before} {heir}")

    def admit_anew(self, machine: Machine) -> None:
        """A machine with an empty disk is invited in the place of one that is lost. What the old one wrote is at those
        above, and nobody writes it any more; its own register begins anew.
        """
        world = self.world
        world.checks.ask_for_owners()
        old = [origin for origin, owner in world.owner.items() if owner == machine.name and origin not in world.retired]
        with machine.disk.running():
            machine.start()
        store = machine.running
        store.trust(world.reference, world.machines[world.root].key.public)
        for origin in old:
            self.end(origin)
        mine = store.own_origin()
        world.models[mine] = OriginModel(mine)
        world.owner[mine] = machine.name
        authority, name = world.authority, NodeId(machine.name)
        key = NodeKey.derived(Random(f"{world.seed} {machine.name} {machine.lives} invitation"))
        invitation = authority.invite(name, NodeId(machine.parent), "tier", by="clerk", key=key)
        request = make_request(machine.key, name)
        proof = key.sign(join_statement(request))
        answer = authority.enrol(invitation.certificate, request, proof, [OriginClaim(mine, UnitCode(""), "")])
        assert answer.certificate is not None, answer
        machine.certificate = answer.certificate
        world.observe(machine)
        world.observe(world.machines[world.root])

    def end(self, origin: OriginId) -> None:
        """The authority rules: nobody writes the register any more."""
        world = self.world
        world.authority.retire(origin, by="clerk")
        world.retired.add(origin)
        world.note("retire")
