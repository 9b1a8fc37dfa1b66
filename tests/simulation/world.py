"""A small three-tier tree on simulated disks and links: the product's stores, machines and shells, driven by one seed.

Safety first: records, sessions, cut links, lost, doubled and late frames, power loss inside any handler. After each step the
log guarantees are checked (RELIABILITY E2). Then all faults end and everything must climb within a bounded number of
steps, rows equal at every tier to a model that never looked at a store.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from hub.authority import Authority, found
from hub.session import Hub, ParentEndpoint, Peer
from node import limits
from node.capture import Capture
from node.chain import KIND_REGISTER, Head
from node.clock import ManualClock
from node.enrolment import OriginClaim
from node.errors import FrameRefused, HoldingError, StoreError
from node.identity.certificates import Certificate, CertificateAuthority
from node.identity.keys import NodeKey
from node.ids import NodeId, OriginId, RowId, Seq, UnitCode
from node.schema import person, sql
from node.session import ChildEndpoint
from node.store import Profile, Store
from tests.simulation.disk import MemoryDisk, PowerLoss, bury
from tests.simulation.model import OriginModel, Receipts, Row, Violation

ROOT: Final = "p"
TREE: Final = {"p": "", "d1": "p", "d2": "p", "c1": "d1", "c2": "d1", "c3": "d2"}
START_MS: Final = 1_750_000_000_000
DRAIN_STEPS_MAX: Final = 4_000

_INSERT: Final = "INSERT INTO person (origin, id, full_name, phone) VALUES (?,?,?,?)"
_UPDATE: Final = "UPDATE person SET phone = ? WHERE origin = ? AND id = ?"
_SELECT: Final = sql(
    sa.select(person.c.id, person.c.full_name, person.c.phone).where(person.c.origin == sa.bindparam("which"))
)


@dataclass(frozen=True, slots=True)
class Rates:
    """Weights of the steps of the safety phase; the chance of a fault for each delivered frame."""

    record: float = 3
    connect: float = 2
    deliver: float = 14
    apply: float = 5
    advance: float = 1
    cut: float = 0.4
    power: float = 0.5
    kill: float = 0.2
    fuse: float = 0.8
    tick: float = 0.6
    tick_ms: tuple[int, ...] = (100, 3_000, limits.ACK_TIMEOUT_MS + 1)
    hand_over: float = 1.0
    retire: float = 0.1
    frame_dropped: float = 0.004
    frame_doubled: float = 0.004
    frame_delayed: float = 0.05


_PEACE: Final = Rates(frame_dropped=0, frame_doubled=0, frame_delayed=0, hand_over=0, retire=0, tick_ms=(100, 500))


@dataclass(slots=True)
class Link:
    """A session between two nodes and what is under way in it, as frames."""

    child: str
    parent: str
    child_end: ChildEndpoint
    parent_end: ParentEndpoint
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)


class Machine:
    """One node: its disk survives, its process does not."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.parent = TREE[name]
        self.world = world
        self.disk = MemoryDisk(name, random.Random(f"{world.seed} {name}"), now_ms=world.clock.wall_ms)
        self.store: Store | None = None
        self.hub: Hub | None = None
        self.starts = 0
        self.key = NodeKey.derived(random.Random(f"{world.seed} {name} key"))
        self.certificate: Certificate | None = None
        self.banished_until: Seq | None = None
        """Does not start before its parent knows this commit of the reference data: its register was handed over."""

    def start(self) -> None:
        """Boot. Power may go here too."""
        self.starts += 1
        source = random.Random(f"{self.world.seed} {self.name} {self.starts}")
        witness = self.disk.witness("store.db.witness")
        if self.starts == 1:
            profile = Profile(NodeId(self.name), NodeId(self.parent), "tier", "", "", self.name)
            store = Store.create(
                "store.db", profile, clock=self.world.clock, source=source, vfs=self.disk.vfs, witness_file=witness
            )
        else:
            store = Store.open(
                "store.db", clock=self.world.clock, source=source, vfs=self.disk.vfs, witness_file=witness
            )
        self.store = store
        self.hub = Hub(store, self.key, source, "simulated")

    @property
    def up(self) -> bool:
        return self.store is not None


class World:
    """The tree, its links and its model. ``run`` is the whole life of one seed."""

    def __init__(self, seed: int, rates: Rates | None = None) -> None:
        self.seed = seed
        self.rates = rates or Rates()
        self.rng = random.Random(seed)
        self.clock = ManualClock(START_MS)
        self.fired: Counter[str] = Counter()
        self.receipts = Receipts()
        self.models: dict[OriginId, OriginModel] = {}
        self.owner: dict[OriginId, str] = {}
        self.former: dict[OriginId, set[str]] = {}
        self.links: dict[str, Link] = {}
        self.trace = hashlib.sha256()
        self.machines = {name: Machine(name, self) for name in TREE}
        for machine in self.machines.values():
            machine.start()
            assert machine.store is not None
            origin = machine.store.own_origin()
            model = OriginModel(origin)
            model.committed(machine.store.head(origin), {})
            self.models[origin] = model
            self.owner[origin] = machine.name
        self.certificates = CertificateAuthority.create(
            "simulated", START_MS, NodeKey.derived(random.Random(f"{seed} authority"))
        )
        self.reference = self._enrol()

    def _enrol(self) -> OriginId:
        """The root founds its authority and admits everybody, before any fault."""
        root = self.machines[ROOT]
        assert root.store is not None
        root.certificate = found(root.store, self.certificates, root.key.public, by="clerk", serial=1)
        reference = root.store.reference_origin()
        assert reference is not None
        self.models[reference] = OriginModel(reference)
        self.owner[reference] = ROOT
        for number, machine in enumerate(self.machines.values(), 2):
            if machine.name == ROOT:
                continue
            assert machine.store is not None
            claim = OriginClaim(machine.store.own_origin(), UnitCode(""), "")
            machine.certificate = self.authority.admit(
                *(NodeId(machine.name), NodeId(machine.parent), "tier", machine.key.public, [claim]),
                by="clerk",
                serial=number,
            )
            machine.store.trust(reference, root.key.public)
        self._model_reference(reference)
        return reference

    def open_for_business(self) -> None:
        """Before the first fault everybody has heard of everybody, as after the days in which a tree is set up."""
        rates, self.rates = self.rates, _PEACE
        self._climb()
        self.rates = rates

    @property
    def authority(self) -> Authority:
        store = self.machines[ROOT].store
        assert store is not None
        return Authority(store, self.certificates)

    def _model_reference(self, reference: OriginId) -> None:
        """Take what the authority has decided into the model."""
        store, model = self.machines[ROOT].store, self.models[reference]
        assert store is not None
        while commits := store.read_commits(reference, Seq(model.seq)):
            for commit in commits:
                model.committed(commit.head, {})

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
            (rates.record, self.record),
            (rates.connect, self.connect),
            (rates.deliver, self.deliver),
            (rates.apply, self.apply),
            (rates.advance, self.advance),
            (rates.cut, self.cut),
            (rates.power, self.power),
            (rates.kill, self.kill),
            (rates.fuse, self.fuse),
            (rates.tick, self.tick),
            (rates.hand_over, self.hand_over),
            (rates.retire, self.retire),
        ]
        action = self.rng.choices([action for _, action in choices], [weight for weight, _ in choices])[0]
        action()
        self.check()

    def note(self, what: str) -> None:
        self.fired[what.split(maxsplit=1)[0]] += 1
        self.trace.update(what.encode() + b"\n")

    def close(self) -> None:
        for machine in self.machines.values():
            if machine.store is not None:
                bury(machine.store.connection)
            machine.disk.close()

    # --- steps -----------------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Somebody records one thing, in one to three rows."""
        machine = self.machines[self.rng.choice(list(TREE))]
        if machine.store is None:
            return
        own = [state.head.origin for state in machine.store.states() if state.own]
        origin = self.rng.choice([known for known in own if known != self.reference])
        if self.owner[origin] != machine.name:
            self._record_in_vain(machine, origin)
            return
        model = self.models[origin]
        rows = dict(model.rows)
        changes: list[tuple[str, tuple[str | bytes, ...]]] = []
        for _ in range(self.rng.randint(1, 3)):
            if rows and self.rng.random() < 0.4:
                row_id = self.rng.choice(sorted(rows))
                phone = str(self.rng.randrange(10**6))
                changes.append((_UPDATE, (phone, origin, row_id)))
                rows[row_id] = (rows[row_id][0], phone)
            else:
                row_id = machine.store.new_row_id(self.clock.wall_ms())
                name = f"person {self.rng.randrange(1000)}"
                changes.append((_INSERT, (origin, row_id, name, "")))
                rows[row_id] = (name, "")

        def work() -> None:
            assert machine.store is not None
            model.in_doubt = rows
            try:
                with self._capture(machine.store, origin) as capture:
                    for statement, values in changes:
                        capture.connection.execute(statement, values)
            except HoldingError:
                model.in_doubt = None
                if machine.store.head(origin).seq == model.seq:
                    raise
                self.note("still-on-its-way")
                return
            model.in_doubt = None
            if capture.commit is None:
                if rows != model.rows:
                    raise Violation("durable: a change was taken for none")
            else:
                model.committed(capture.commit.head, rows)

        self.handle(machine, work, f"record {machine.name}")

    def _capture(self, store: Store, origin: OriginId) -> AbstractContextManager[Capture]:
        return store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=self.clock.wall_ms(), origin=origin)

    def _record_in_vain(self, machine: Machine, origin: OriginId) -> None:
        """A former holder, who may not have heard of it: what it records must reach nobody."""
        store = machine.store
        assert store is not None

        def work() -> None:
            row_id = store.new_row_id(self.clock.wall_ms())
            try:
                with self._capture(store, origin) as capture:
                    capture.connection.execute(_INSERT, (origin, row_id, "nobody", ""))
            except HoldingError:
                self.note("former-holder-refused")
            else:
                self.note("former-holder-unaware")

        self.handle(machine, work, f"record {machine.name} in vain")

    def hand_over(self) -> None:
        """The PC of a commune has died; another one takes its register over, and the old one comes back one day."""
        self._rule(self._hand_over)

    def retire(self) -> None:
        """A commune ends; nobody writes its register any more."""
        self._rule(lambda origin, _machine: self._retire(origin))

    def _rule(self, decide: Callable[[OriginId, Machine], None]) -> None:
        root = self.machines[ROOT]
        dead = [
            (origin, self.machines[owner])
            for origin, owner in sorted(self.owner.items())
            if owner.startswith("c") and not self.machines[owner].up and self._all_equal_above(origin)
        ]
        if not root.up or not dead or root.disk.fuse is not None:
            return
        origin, machine = self.rng.choice(dead)
        decide(origin, machine)
        self._model_reference(self.reference)
        machine.banished_until = Seq(self.models[self.reference].seq)

    def _all_equal_above(self, origin: OriginId) -> bool:
        """No relay has more than the authority knows: what is under way may not be lost (that is healed elsewhere)."""
        above = path_up(self.owner[origin])[1:]
        if any(not self.machines[name].up for name in above):
            return False
        if any(origin in hub.queued_origins for name in above if (hub := self.machines[name].hub) is not None):
            return False
        return len({self.seq_at(name, origin) for name in above}) == 1 and self.seq_at(above[0], origin) > 0

    def _hand_over(self, origin: OriginId, machine: Machine) -> None:
        former = self.former.setdefault(origin, set())
        former.add(machine.name)  # who comes back to what it held before has a fork to heal
        heirs = [name for name in TREE if name.startswith("c") and name not in former]
        if not heirs:
            return
        heir = self.rng.choice(heirs)
        holding = self.authority.hand_over(origin, NodeId(heir), by="clerk")
        self.models[origin].cut_back(holding.from_seq)
        self.owner[origin] = heir
        self.receipts.forget(origin)
        self.note(f"hand-over {machine.name} {heir}")

    def _retire(self, origin: OriginId) -> None:
        holding = self.authority.retire(origin, by="clerk")
        self.models[origin].cut_back(holding.from_seq)
        self.owner[origin] = ROOT  # nobody below has to have it any more
        self.receipts.forget(origin)
        self.note("retire")

    def connect(self) -> None:
        child = self.machines[self.rng.choice([name for name, parent in TREE.items() if parent])]
        parent = self.machines[child.parent]
        if child.store is None or parent.hub is None or not parent.up or child.name in self.links:
            return
        store, hub = child.store, parent.hub
        follow = self.rng.random() < 0.5
        certificate = child.certificate
        assert certificate is not None
        peer = Peer(certificate.node_id, certificate.serial, certificate.not_after_ms)

        def work() -> None:
            endpoint = ChildEndpoint(store, key=child.key, follow=follow, release="simulated")
            self.links[child.name] = Link(child.name, parent.name, endpoint, ParentEndpoint(hub, peer))
            endpoint.start()

        self.handle(child, work, f"connect {child.name}")

    def deliver(self) -> None:
        """One frame of one link arrives, if there is one; it may be lost, doubled or overtaken by time."""
        busy = [
            link
            for link in self.links.values()
            if link.up or link.down or link.child_end.outbox or link.parent_end.outbox
        ]
        if not busy:
            return
        link = self.rng.choice(sorted(busy, key=lambda item: item.child))
        self.ship(link)
        upward = bool(link.up) and (not link.down or self.rng.random() < 0.5)
        queue = link.up if upward else link.down
        if not queue:
            return
        chance = self.rng.random()
        frame = queue.popleft()
        if chance < self.rates.frame_dropped:
            self.note("dropped")
            return
        if chance < self.rates.frame_dropped + self.rates.frame_doubled:
            queue.appendleft(frame)
            self.note("doubled")
        elif chance < self.rates.frame_dropped + self.rates.frame_doubled + self.rates.frame_delayed:
            queue.appendleft(frame)
            self.note("delayed")
            self.clock.advance_ms(self.rng.randint(1, 2_000))
            return
        self.arrive(link, frame, upward=upward)

    def arrive(self, link: Link, frame: bytes, *, upward: bool) -> None:
        machine = self.machines[link.parent if upward else link.child]

        def work() -> None:
            end = link.parent_end if upward else link.child_end
            try:
                end.receive_frame(frame)
            except FrameRefused as error:
                end.violated(error.code, error.message)
            self.told(link)

        self.handle(machine, work, f"deliver {link.child} {'up' if upward else 'down'}")

    def ship(self, link: Link) -> None:
        """What the ends want to send is on its way from now on."""
        while link.child_end.outbox:
            link.up.append(link.child_end.encode(link.child_end.outbox.popleft()))
        while link.parent_end.outbox:
            link.down.append(link.parent_end.encode(link.parent_end.outbox.popleft()))
        if link.child_end.closed is not None and not link.up and not link.down:
            if link.child_end.closed.clean:
                self.note("finished")
            self.drop_link(link)

    def told(self, link: Link) -> None:
        """What the child has written down as acknowledged is a promise of its parent."""
        store = self.machines[link.child].store
        if store is not None:
            for origin, receipt in store.acknowledged().items():
                self.receipts.told(link.parent, origin, receipt.seq)

    def apply(self) -> None:
        waiting = [m for m in self.machines.values() if m.hub is not None and m.up and m.hub.queued]
        if not waiting:
            return
        machine = self.rng.choice(waiting)
        hub = machine.hub
        assert hub is not None
        self.handle(machine, lambda: void(hub.apply_group()), f"apply {machine.name}")

    def advance(self) -> None:
        """A child looks for news in its own store, as the daemon does."""
        if not self.links:
            return
        link = self.links[self.rng.choice(sorted(self.links))]
        self.handle(self.machines[link.child], link.child_end.wake, f"advance {link.child}")
        if link.child in self.links:
            self.handle(self.machines[link.parent], link.parent_end.wake, f"notify {link.parent}")

    def cut(self) -> None:
        if not self.links:
            return
        link = self.links[self.rng.choice(sorted(self.links))]
        self.note(f"cut {link.child}")
        self.drop_link(link)

    def power(self) -> None:
        """The power goes between two steps, or comes back."""
        machine = self.machines[self.rng.choice(list(TREE))]
        if machine.up:
            self.note(f"power-loss {machine.name}")
            machine.disk.cut_power()
            self.down(machine)
        else:
            self.boot(machine)

    def kill(self) -> None:
        machine = self.machines[self.rng.choice(list(TREE))]
        if machine.up:
            self.note(f"killed {machine.name}")
            machine.disk.restart()
            self.down(machine)
            self.boot(machine)

    def fuse(self) -> None:
        """The power will go inside some handler."""
        machine = self.machines[self.rng.choice(list(TREE))]
        if machine.up and machine.disk.fuse is None:
            machine.disk.fuse = self.rng.randint(1, 25)

    def tick(self) -> None:
        self.clock.advance_ms(self.rng.choice(self.rates.tick_ms))
        for link in list(self.links.values()):
            self.handle(self.machines[link.child], link.child_end.tick, f"tick {link.child}")
            if link.child in self.links:
                self.handle(self.machines[link.parent], link.parent_end.tick, f"tick {link.parent}")

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
        for link in list(self.links.values()):
            self.ship(link)

    def down(self, machine: Machine) -> None:
        if machine.store is not None:
            bury(machine.store.connection)
        machine.store = machine.hub = None
        for link in list(self.links.values()):
            if machine.name in (link.child, link.parent):
                self.drop_link(link)

    def drop_link(self, link: Link) -> None:
        """The child dials anew at once; the parent may not have noticed yet, and what it has queued is still applied."""
        link.child_end.link_lost()
        if self.rng.random() < 0.5:
            link.parent_end.link_lost()
        else:
            self.note("half-open")
        self.links.pop(link.child, None)

    def boot(self, machine: Machine) -> None:
        if machine.banished_until is not None:
            if self.seq_at(machine.parent, self.reference) < machine.banished_until:
                return
            machine.banished_until = None
        if not machine.disk.on:
            machine.disk.power_on(self.rng)
        if self.rng.random() < 0.1:
            machine.disk.fuse = self.rng.randint(1, 10)
        self.handle(machine, machine.start, f"boot {machine.name}")
        if not machine.up:
            return
        assert machine.store is not None
        if machine.store.missing:
            raise Violation(f"durable: {machine.name} misses commits that its witness saw")
        heads = {state.head.origin: state.head for state in machine.store.states()}
        for own, owner in self.owner.items():
            if owner == machine.name and own != self.reference and own in heads:
                self._found_at_start(own, heads[own])
        self.receipts.require(machine.name, heads)

    def _found_at_start(self, own: OriginId, head: Head) -> None:
        model = self.models[own]
        if head.seq >= model.held_since:
            model.found_at_start(head)

    # --- checks ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Cheap checks, after every step: every head anywhere is on its owner's chain; receipts are true."""
        for machine in self.machines.values():
            if machine.store is None:
                continue
            heads = {}
            for state in machine.store.states():
                heads[state.head.origin] = state.head
                if not state.own or self.owner[state.head.origin] == machine.name:
                    self.models[state.head.origin].require(state.head, machine.name)
            self.receipts.require(machine.name, heads)

    def drain(self) -> None:
        """No more faults. Everything must be at the root, in a bounded number of steps."""
        self.rates = _PEACE
        for link in list(self.links.values()):
            self.drop_link(link)
        self._all_up()
        self._climb()
        self.check_rows()

    def _all_up(self) -> bool:
        """Start whoever may start."""
        for machine in self.machines.values():
            machine.disk.fuse = None
            while not machine.up:
                self.boot(machine)
                machine.disk.fuse = None
                if machine.banished_until is not None:
                    break
        return all(machine.up for machine in self.machines.values())

    def _climb(self) -> None:
        steps = 0
        while not (self._all_up() and self.settled()):
            steps += 1
            if steps > DRAIN_STEPS_MAX:
                raise Violation(f"live: not drained after {DRAIN_STEPS_MAX} steps: {self.lag()}")
            steps_of_peace = (self.connect, *[self.deliver] * 6, *[self.apply] * 2, *[self.advance] * 2, self.tick)
            self.rng.choice(steps_of_peace)()
            self.check()

    def lag(self) -> dict[str, int]:
        return {
            name: sum(
                model.seq - self.seq_at(name, origin)
                for origin, model in self.models.items()
                if name in self.copies(origin)
            )
            for name in TREE
        }

    def seq_at(self, name: str, origin: OriginId) -> int:
        store = self.machines[name].store
        return 0 if store is None else store.head(origin).seq

    def settled(self) -> bool:
        return all(
            self.seq_at(name, origin) == self.models[origin].seq
            for origin in self.owner
            for name in self.copies(origin)
        )

    def copies(self, origin: OriginId) -> list[str]:
        """Who must have it in the end: the holder and all above it; reference data, everybody."""
        return list(TREE) if origin == self.reference else path_up(self.owner[origin])

    def check_rows(self) -> None:
        """Row for row, at every tier, against the model; and the digests against each other."""
        for origin, owner in self.owner.items():
            digests = set()
            for name in self.copies(origin):
                store = self.machines[name].store
                assert store is not None
                found: dict[RowId, Row] = {
                    RowId(row[0]): (str(row[1]), str(row[2]))
                    for row in store.connection.execute(_SELECT, {"which": origin})
                }
                if found != self.models[origin].rows:
                    raise Violation(f"reliable: {name} has other rows of {owner} than {owner} wrote")
                digests.add(store.digest(origin).value)
                if store.quarantined(origin):
                    raise Violation(f"reliable: {name} holds back rows of {owner}")
            if len(digests) != 1:
                raise Violation(f"reliable: the digests of {owner} differ along the way up")


def path_up(name: str) -> list[str]:
    """The node and its ancestors."""
    result = [name]
    while TREE[result[-1]]:
        result.append(TREE[result[-1]])
    return result


def void(_: list[Head]) -> None:
    """Heads that nobody here waits for: children are asked to look for news by ``advance``."""
