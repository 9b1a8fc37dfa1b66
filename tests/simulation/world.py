"""A small tree on simulated disks and links: the product's stores, machines and shells, driven by one seed.

Safety first: records, sessions, cut links, lost, doubled and late frames, power loss inside any handler, disks that
become an older copy of themselves or change places with a clone, whole disks that are lost, registers that change hands,
communes that get another parent, districts that are dissolved, logs that are pruned, copies that are taken anew, sticks
that are carried. After each step the log guarantees are checked (RELIABILITY E2). Rows of copies rot, so that commits
cannot be applied there: somebody puts them right and tries again, or takes them from their holder. Then all faults end
and everything must climb within a bounded number of steps, rows equal at every tier; nothing that a disk still holds
may be missing without a report, and a dissolved node has nothing left.

``World`` holds the machines and runs their handlers. What happens to them stands in modules of its own: ``people``,
``care``, ``mishaps``, ``replacing``, ``decay``, ``deciding`` and ``links``, each with steps that draw and with acts that
are told what to do; ``checks`` has what must hold.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from hub.authority import Authority, found
from node.chain import Head
from node.clock import ManualClock
from node.enrolment import OriginClaim
from node.errors import StoreError
from node.identity.certificates import CertificateAuthority
from node.identity.keys import NodeKey
from node.ids import Hash, NodeId, OriginId, RowId, Seq, UnitCode
from tests.simulation.care import Care
from tests.simulation.checks import Checks
from tests.simulation.decay import Decay
from tests.simulation.deciding import Deciding
from tests.simulation.disk import PowerLoss
from tests.simulation.links import Links
from tests.simulation.machine import Machine
from tests.simulation.mishaps import Mishaps
from tests.simulation.model import OriginModel, Violation
from tests.simulation.people import People
from tests.simulation.rates import PEACE, Rates
from tests.simulation.replacing import Replacing
from tests.simulation.sticks import Sticks

__all__ = ["TREE", "Rates", "World"]

TREE: Final = {"p": "", "d1": "p", "d2": "p", "c1": "d1", "c2": "d1", "c3": "d2"}
"""Each node and its parent, the root first."""
START_MS: Final = 1_750_000_000_000
DRAIN_STEPS_MAX: Final = 4_000
SETTLE_ROUNDS_MAX: Final = 25
DRAIN_ROUNDS_MAX: Final = 2  # dansync drain asks again as long as something is left

_SELECT_LOG: Final = "SELECT seq, hash, tag FROM change_log WHERE origin = :which AND seq > :after ORDER BY seq"
_SELECT_HASHES: Final = "SELECT hash FROM change_log UNION ALL SELECT hash FROM side_commit"
_SELECT_LOST: Final = (
    "SELECT h.origin, f.kind, f.row_id, f.column_name, f.lost FROM healing_finding f JOIN healing h ON h.id = f.healing"
)


class World:
    """The tree, its links and its model. ``run`` is the whole life of one seed."""

    def __init__(self, seed: int, rates: Rates | None = None, tree: Mapping[str, str] = TREE) -> None:
        self.seed = seed
        self.rates = rates or Rates()
        self.tree = dict(tree)
        self.root = next(iter(self.tree))
        self.communes = self.leaves
        self.rng = random.Random(seed)
        self.clock = ManualClock(START_MS)
        self.fired: Counter[str] = Counter()
        self.records = 0
        self.retired: set[OriginId] = set()
        self.met: set[str] = set()
        self.models: dict[OriginId, OriginModel] = {}
        self.owner: dict[OriginId, str] = {}
        self.trace = hashlib.sha256()
        self.people = People(self)
        self.mishaps = Mishaps(self)
        self.decay = Decay(self)
        self.care = Care(self)
        self.replacing = Replacing(self)
        self.deciding = Deciding(self)
        self.sticks = Sticks(self)
        self.links = Links(self)
        self.checks = Checks(self)
        self.machines = {name: Machine(name, self) for name in self.tree}
        for machine in self.machines.values():
            machine.start()
            origin = machine.running.own_origin()
            self.models[origin] = OriginModel(origin)
            self.owner[origin] = machine.name
        self.certificates = CertificateAuthority.create(
            "simulated", START_MS, NodeKey.derived(random.Random(f"{seed} authority"))
        )
        self.reference = self._enrol()

    @property
    def leaves(self) -> list[str]:
        """Nodes without a child: communes."""
        parents = set(self.tree.values())
        return [name for name in self.tree if name not in parents]

    def path_up(self, name: str) -> list[str]:
        """The node and its ancestors."""
        result = [name]
        while self.tree[result[-1]]:
            result.append(self.tree[result[-1]])
        return result

    def _enrol(self) -> OriginId:
        """The root founds its authority and admits everybody, before any fault."""
        root = self.machines[self.root]
        root.certificate = found(root.running, self.certificates, root.key.public, by="clerk", serial=1)
        reference = root.running.reference_origin()
        assert reference is not None
        self.models[reference] = OriginModel(reference)
        self.owner[reference] = self.root
        for number, machine in enumerate(self.machines.values(), 2):
            if machine.name == self.root:
                continue
            claim = OriginClaim(machine.running.own_origin(), UnitCode(""), "")
            machine.certificate = self.authority.admit(
                *(NodeId(machine.name), NodeId(machine.parent), "tier", machine.key.public, [claim]),
                by="clerk",
                serial=number,
            )
            machine.running.trust(reference, root.key.public)
        for machine in self.machines.values():
            self.observe(machine)
        return reference

    def open_for_business(self) -> None:
        """Before the first fault everybody has heard of everybody, as after the days in which a tree is set up."""
        rates, self.rates = self.rates, PEACE
        self._climb()
        self.rates = rates

    @property
    def authority(self) -> Authority:
        return Authority(self.machines[self.root].running, self.certificates)

    # --- the life of a seed ----------------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        """Faults for ``steps`` steps, then none, until everything is where it belongs. Raises ``Violation``."""
        try:
            self.open_for_business()
            for _ in range(steps):
                self.step()
            self.drain()
        finally:
            self.close()

    def step(self) -> None:
        rates = self.rates
        choices: list[tuple[float, Callable[[], None]]] = [
            (rates.record, self.people.record),
            (rates.connect, self.links.connect),
            (rates.deliver, self.links.deliver),
            (rates.apply, self.links.apply),
            (rates.advance, self.links.advance),
            (rates.cut, self.links.cut),
            (rates.power, self.mishaps.power),
            (rates.kill, self.mishaps.kill),
            (rates.fuse, self.mishaps.fuse),
            (rates.tick, self.links.tick),
            (rates.hand_over, self.people.hand_over),
            (rates.retire, self.people.retire),
            (rates.backup, self.mishaps.backup),
            (rates.restore, self.mishaps.restore),
            (rates.rot, self.decay.rot),
            (rates.mend, self.decay.mend),
            (rates.prune, self.care.prune),
            (rates.anew, self.care.take_anew),
            (rates.move, self.care.move),
            (rates.stick, self.sticks.carry),
            (rates.reimage, self.replacing.reimage),
            (rates.dissolve, self.replacing.dissolve),
            (rates.decide, self.deciding.decide),
            (rates.casework, self.deciding.casework),
        ]
        action = self.rng.choices([action for _, action in choices], [weight for weight, _ in choices])[0]
        action()
        self.checks.check()

    def note(self, what: str) -> None:
        self.fired[what.split(maxsplit=1)[0]] += 1
        self.trace.update(what.encode() + b"\n")

    def close(self) -> None:
        for machine in self.machines.values():
            if machine.store is not None:
                for (kind,) in machine.store.connection.execute("SELECT kind FROM healing"):
                    self.fired[f"healed-{kind}"] += 1
                for (how,) in machine.store.connection.execute("SELECT how FROM quarantine_end"):
                    self.fired[f"quarantine-{how}"] += 1
        for machine in self.machines.values():
            machine.stop()
            machine.disk.close()
        self.sticks.close()

    # --- machines --------------------------------------------------------------------------------------------------

    def handle(self, machine: Machine, work: Callable[[], None], what: str) -> None:
        """Run a handler of a machine; the power may go at any write inside it."""
        self.trace.update(what.encode() + b"\n")
        try:
            with machine.disk.running():
                work()
        except PowerLoss:
            self.note(f"power-loss-inside {what}")
            self.down(machine)
        except StoreError:
            if machine.disk.on:
                raise
            self.note(f"power-loss-inside {what}")
            self.down(machine)
        self.observe(machine)
        self.decay.answered(machine)
        for link in list(self.links.open.values()):
            self.links.ship(link)

    def observe(self, machine: Machine) -> None:
        """Take down what this disk holds now; and what its node may write has been made."""
        store = machine.store
        if store is None:
            return
        held = machine.held
        if len(store.changed_over) != held.changed_over:
            held.changed_over = len(store.changed_over)
            held.heads.clear()
        findings = store.connection.execute("SELECT count(*) FROM healing_finding").fetchall()[0][0]
        assert isinstance(findings, int)
        if findings != held.findings:
            held.findings = findings
            for origin, kind, row_id, column, lost in store.connection.execute(_SELECT_LOST):
                if kind == "lost_value":
                    self.models[OriginId(origin)].reported.add((RowId(row_id), str(column), str(lost)))
        for floor in self.care.floors(machine).values():
            if floor.hash not in held.tags:
                self.care.inherit(machine, floor)
        for state in store.states():
            head = state.head
            before = held.heads.get(head.origin)
            if before == head:
                continue
            held.heads[head.origin] = head
            after = 0 if before is None else before.seq
            for seq, value, tag in store.connection.execute(_SELECT_LOG, {"which": head.origin, "after": after}):
                assert isinstance(value, bytes) and isinstance(seq, int)
                held.tags[Hash(value)], held.origins[Hash(value)] = str(tag), head.origin
                if state.own:
                    self.models[head.origin].minted[Hash(value)] = Seq(seq)

    def down(self, machine: Machine) -> None:
        machine.stop()
        for link in list(self.links.open.values()):
            if machine.name in (link.child, link.parent):
                self.links.drop(link)

    def boot(self, machine: Machine, *, faults: bool = True) -> None:
        """Start a machine, power and all; with ``faults`` the power may go again while it starts."""
        if not machine.disk.on:
            machine.disk.power_on(self.rng)
        if faults and self.rng.random() < 0.1:
            machine.disk.fuse = self.rng.randint(1, 10)
        self.handle(machine, machine.start, f"boot {machine.name}")
        if not machine.up:
            return
        assert machine.store is not None
        if machine.store.missing:
            raise Violation(f"durable: {machine.name} misses commits that its witness saw")
        there = {bytes(row[0]) for row in machine.store.connection.execute(_SELECT_HASHES)}
        floors = self.care.floors(machine)
        gone = {value for value in machine.held.tags.keys() - there if not self._was_pruned(floors, machine, value)}
        if gone:
            raise Violation(f"durable: {machine.name} has lost {len(gone)} commits that were on its disk")

    def _was_pruned(self, floors: Mapping[OriginId, Head], machine: Machine, value: Hash) -> bool:
        origin = machine.held.origins[value]
        floor = floors.get(origin)
        return floor is not None and self.models[origin].minted.get(value, floor.seq + 1) <= floor.seq

    # --- the end ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """No more faults. Everything must be at the root, in a bounded number of steps."""
        self.rates = PEACE
        for link in list(self.links.open.values()):
            self.links.drop(link)
        self._all_up()
        self._climb()
        self._let_dissolved_nodes_go()
        self.checks.check_rows()
        self.checks.check_letters()
        self.deciding.require_that_all_were_told()
        self.checks.check_former_holders()

    def _let_dissolved_nodes_go(self) -> None:
        """Where districts have ended, what they still have goes to its holders, and nothing may be left."""
        ended = sorted(self.replacing.dissolved())
        for _ in range(DRAIN_ROUNDS_MAX):
            for name in ended:
                self.replacing.send_the_rest(self.machines[name])
            if ended:
                self._climb()
        self.replacing.require_drained()

    def settle(self, rounds_max: int = SETTLE_ROUNDS_MAX) -> int:
        """Whole sessions, the lowest nodes first, until everything is where it belongs; returns how many rounds that
        took. No faults, and nothing is drawn.
        """
        self.met.clear()
        for round_number in range(1, rounds_max + 1):
            for name in reversed(self.tree):
                self.links.converse(name)
                self.checks.check()
            if self.checks.settled():
                return round_number
        raise Violation(f"live: not settled after {rounds_max} rounds: {self.checks.lag()}")

    def _all_up(self) -> bool:
        """Start whoever may start."""
        for machine in self.machines.values():
            machine.disk.fuse = None
            while not machine.up:
                self.boot(machine)
                machine.disk.fuse = None
        return all(machine.up for machine in self.machines.values())

    def _climb(self) -> None:
        steps = 0
        self.met.clear()
        while not (self._all_up() and self.checks.settled()):
            steps += 1
            if steps > DRAIN_STEPS_MAX:
                raise Violation(f"live: not drained after {DRAIN_STEPS_MAX} steps: {self.checks.lag()}")
            steps_of_peace = (
                self.links.connect,
                *[self.links.deliver] * 6,
                *[self.links.apply] * 2,
                *[self.links.advance] * 2,
                self.links.tick,
                self.decay.mend,
            )
            self.rng.choice(steps_of_peace)()
            self.checks.check()
