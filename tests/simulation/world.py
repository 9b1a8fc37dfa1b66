"""A small three-tier tree on simulated disks and links: the product's stores, machines and shells, driven by one seed.

Safety first: records, sessions, cut links, lost, doubled and late frames, power loss inside any handler, disks that become an
older copy of themselves or change places with a clone, registers that change hands. After each step the log guarantees are
checked (RELIABILITY E2). Rows of copies rot, so that commits cannot be applied there: somebody puts them right and tries again,
or takes them from their holder. Then all faults end and everything must climb within a bounded number of steps, rows equal at every
tier, and nothing that a disk still holds may be missing without a report.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import apsw
import sqlalchemy as sa

from hub.authority import Authority, found
from hub.session import Hub, ParentEndpoint, Peer
from node import limits
from node.capture import Capture
from node.chain import KIND_REGISTER, Head
from node.clock import ManualClock
from node.enrolment import OriginClaim
from node.errors import FrameRefused, HoldingError, StoreBusy, StoreError, UsageError
from node.identity.certificates import Certificate, CertificateAuthority
from node.identity.keys import NodeKey
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, RowId, Seq, UnitCode
from node.mail import Mail
from node.quarantine import RowSet, held_commits, row_sets, wanted
from node.reference import Reference
from node.replay import RowKey, triggers_off
from node.rows import ask_for_rows
from node.schema import COLUMN_NAMES, person, sql
from node.session import ChildEndpoint
from node.store import Profile, Store
from tests.simulation.disk import MemoryDisk, PowerLoss, Snapshot, bury
from tests.simulation.model import COLUMNS, Held, OriginModel, Row, Violation, Write

ROOT: Final = "p"
TREE: Final = {"p": "", "d1": "p", "d2": "p", "c1": "d1", "c2": "d1", "c3": "d2"}
START_MS: Final = 1_750_000_000_000
DRAIN_STEPS_MAX: Final = 4_000

_INSERT: Final = "INSERT INTO person (origin, id, full_name, phone) VALUES (?,?,?,?)"
_UPDATE: Final = "UPDATE person SET phone = ? WHERE origin = ? AND id = ?"
_DELETE: Final = "DELETE FROM person WHERE origin = ? AND id = ?"
_SELECT_PERSON: Final = "SELECT * FROM person WHERE origin = ? AND id = ?"
_ROT: Final = {column: f"UPDATE person SET {column} = ? WHERE origin = ? AND id = ?" for column in COLUMNS}
_SELECT_LOG: Final = "SELECT seq, hash, tag FROM change_log WHERE origin = :which AND seq > :after ORDER BY seq"
_SELECT_HASHES: Final = "SELECT hash FROM change_log UNION ALL SELECT hash FROM side_commit"
_SELECT_ACKNOWLEDGED: Final = "SELECT origin, hash FROM acknowledged WHERE peer = :which"
_SELECT_LOST: Final = (
    "SELECT h.origin, f.kind, f.row_id, f.column_name, f.lost FROM healing_finding f JOIN healing h ON h.id = f.healing"
)
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
    retire: float = 0.05
    backup: float = 0.6
    restore: float = 0.5
    rot: float = 0.4
    mend: float = 0.3
    frame_dropped: float = 0.004
    frame_doubled: float = 0.004
    frame_delayed: float = 0.05


_PEACE: Final = Rates(
    frame_dropped=0,
    frame_doubled=0,
    frame_delayed=0,
    hand_over=0,
    retire=0,
    backup=0,
    restore=0,
    rot=0,
    tick_ms=(100, 500),
)


@dataclass(slots=True)
class Link:
    """A session between two nodes and what is under way in it, as frames."""

    child: str
    parent: str
    child_end: ChildEndpoint
    parent_end: ParentEndpoint
    told: dict[OriginId, Hash] = field(default_factory=dict)
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)


@dataclass(frozen=True, slots=True)
class Rot:
    """A row of a copy of which a value changed behind the store's back; ``column`` is '' if all of it is gone."""

    machine: str
    origin: OriginId
    row_id: RowId
    before: tuple[apsw.SQLiteValue, ...]
    column: str
    after: str


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
        self.held = Held()
        self.images: list[tuple[Snapshot, Held]] = []
        self.suspect: set[tuple[OriginId, RowId]] = set()
        """Rows that may have rotted here; all others must be the holder's."""
        self.asked: set[tuple[OriginId, RowId]] = set()

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
        self.records = 0
        self.retired: set[OriginId] = set()
        self.met: set[str] = set()
        self.rot_seen: list[Rot] = []
        self.models: dict[OriginId, OriginModel] = {}
        self.owner: dict[OriginId, str] = {}
        self.links: dict[str, Link] = {}
        self.trace = hashlib.sha256()
        self.machines = {name: Machine(name, self) for name in TREE}
        for machine in self.machines.values():
            machine.start()
            assert machine.store is not None
            origin = machine.store.own_origin()
            self.models[origin] = OriginModel(origin)
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
        for machine in self.machines.values():
            self.observe(machine)
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
            (rates.backup, self.backup),
            (rates.restore, self.restore),
            (rates.rot, self.rot),
            (rates.mend, self.mend),
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
                for (kind,) in machine.store.connection.execute("SELECT kind FROM healing"):
                    self.fired[f"healed-{kind}"] += 1
                for (how,) in machine.store.connection.execute("SELECT how FROM quarantine_end"):
                    self.fired[f"quarantine-{how}"] += 1
        for machine in self.machines.values():
            if machine.store is not None:
                bury(machine.store.connection)
            machine.disk.close()

    # --- steps -----------------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Somebody records one thing, in one to three rows, on what the screen shows. It may be a former holder, who has
        not heard of it.
        """
        self._record(self.machines[self.rng.choice(list(TREE))])

    def _record(self, machine: Machine) -> None:
        store = machine.store
        if store is None:
            return
        own = [state.head.origin for state in store.states() if state.own and state.head.origin != self.reference]
        if not own:
            return
        origin = self.rng.choice(own)
        former = self.owner[origin] != machine.name
        rows = self.rows_at(store, origin)
        machines = self.machines.values()
        self.records += 1
        tag = f"record {self.records}"
        writes: list[Write] = []
        changes: list[tuple[str, tuple[str | bytes, ...]]] = []
        for number in range(self.rng.randint(1, 3)):
            value = f"{self.records}.{number}"
            if rows and self.rng.random() < 0.5:
                hot = [row_id for row_id in sorted(rows) if any((origin, row_id) in m.suspect for m in machines)]
                hot = hot or sorted(rows)[:2]  # people come back to the same few
                row_id = self.rng.choice(hot if self.rng.random() < 0.6 else sorted(rows))
                seen = rows[row_id][1]
                changes.append((_UPDATE, (value, origin, row_id)))
                writes.append(Write(tag, row_id, COLUMNS[1], value, seen))
                rows[row_id] = (rows[row_id][0], value)
            else:
                row_id = store.new_row_id(self.clock.wall_ms())
                changes.append((_INSERT, (origin, row_id, value, "")))
                writes.append(Write(tag, row_id, COLUMNS[0], value, ""))
                rows[row_id] = (value, "")
        self.models[origin].recorded(tag, writes)

        def work() -> None:
            try:
                with self._capture(store, origin, tag) as capture:
                    for statement, values in changes:
                        capture.connection.execute(statement, values)
            except HoldingError:
                if not former and store.head(origin).seq and self._holds(store, origin):
                    raise
                self.note("former-holder-refused" if former else "still-on-its-way")
            except StoreBusy:
                self.note("held-while-healing")
            else:
                if capture.commit is None:
                    raise Violation("durable: a change was taken for none")
                if former:
                    self.note("former-holder-unaware")

        self.handle(machine, work, f"record {machine.name}")

    def _holds(self, store: Store, origin: OriginId) -> bool:
        """Whether a store's own reference data say that it may write the origin now."""
        holding = Reference(store).holder(origin)
        return holding is not None and holding.node_id == store.node_id and store.head(origin).seq >= holding.from_seq

    def rows_at(self, store: Store, origin: OriginId) -> dict[RowId, Row]:
        return {
            RowId(row[0]): (str(row[1]), str(row[2])) for row in store.connection.execute(_SELECT, {"which": origin})
        }

    def _capture(self, store: Store, origin: OriginId, tag: str) -> AbstractContextManager[Capture]:
        return store.capture(
            author="clerk", kind=KIND_REGISTER, recorded_at=self.clock.wall_ms(), origin=origin, tag=tag
        )

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
            if owner.startswith("c")
            and not self.machines[owner].up
            and origin not in self.retired
            and self.seq_at(ROOT, origin) > 0
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
        origin, machine = self.rng.choice(dead)
        decide(origin, machine)
        self.observe(root)

    def _hand_over(self, origin: OriginId, machine: Machine) -> None:
        heirs = [name for name in TREE if name.startswith("c") and name != machine.name]
        heir = self.rng.choice(heirs)
        self.authority.hand_over(origin, NodeId(heir), by="clerk")
        self.owner[origin] = heir
        self.note(f"hand-over {machine.name} {heir}")

    def _retire(self, origin: OriginId) -> None:
        self.authority.retire(origin, by="clerk")
        self.retired.add(origin)
        self.note("retire")

    def backup(self) -> None:
        """Somebody copies the disk of a running machine, well enough for the copy to be whole."""
        machine = self.machines[self.rng.choice(list(TREE))]
        if machine.store is None or machine.disk.fuse is not None:
            return
        machine.store.connection.pragma("wal_checkpoint(truncate)")
        machine.images.append((machine.disk.snapshot(), machine.held.copy()))
        self.note("backup")

    def restore(self) -> None:
        """The disk becomes an older copy of itself; what was on it is gone, or is a clone that may come back."""
        machine = self.machines[self.rng.choice(list(TREE))]
        if not machine.images:
            return
        image, held = machine.images.pop(self.rng.randrange(len(machine.images)))
        if machine.store is not None and machine.disk.fuse is None and self.rng.random() < 0.5:
            machine.store.connection.pragma("wal_checkpoint(truncate)")
            machine.images.append((machine.disk.snapshot(), machine.held.copy()))
            self.note("clone")
        self.note("restore")
        if machine.store is not None:
            self.down(machine)
        machine.disk.restore(image)
        machine.held = held
        machine.asked.clear()
        machine.suspect |= {(rot.origin, rot.row_id) for rot in self.rot_seen if rot.machine == machine.name}
        if self.rng.random() < 0.6:  # people go on working before there is a link
            self.boot(machine)
            for _ in range(self.rng.randint(1, 3)):
                self._record(machine)

    def rot(self) -> None:
        """A row of a copy changes, or is gone, without anybody having touched it."""
        machine = self.machines[self.rng.choice([name for name in TREE if not name.startswith("c")])]
        store = machine.store
        if store is None:
            return
        copies = [
            state.head.origin
            for state in store.states()
            if not state.own and state.head.origin != self.reference and self.rows_at(store, state.head.origin)
        ]
        if not copies:
            return
        origin = self.rng.choice(copies)
        row_id = self.rng.choice(sorted(self.rows_at(store, origin)))
        before = store.connection.execute(_SELECT_PERSON, (origin, row_id)).fetchall()[0]
        column = self.rng.choice(("", *COLUMNS))
        rot = Rot(machine.name, origin, row_id, before, column, f"rot {len(self.rot_seen)}")
        self.rot_seen.append(rot)
        machine.suspect.add((origin, row_id))

        def work() -> None:
            with store.database.transaction() as connection, triggers_off(connection):
                if column:
                    connection.execute(_ROT[column], (rot.after, origin, row_id))
                else:
                    connection.execute(_DELETE, (origin, row_id))
            self.note("row-rotten" if column else "row-gone")

        self.handle(machine, work, f"rot {machine.name}")

    def mend(self) -> None:
        """Somebody looks after what is held back: puts the rows right and tries again, or asks their holder for them."""
        machine = self.machines[self.rng.choice(list(TREE))]
        store = machine.store
        if store is None:
            return
        sets = row_sets(held_commits(store.connection))
        if not sets:
            if self.rates is _PEACE:
                self._compare_with_holder(machine, store)
            elif machine.suspect:  # somebody has compared copies
                origin, row_id = self.rng.choice(sorted(machine.suspect))
                if origin not in self.retired:
                    self.handle(machine, partial(self._ask, machine, store, origin, [("person", row_id)]), "ask")
            return
        row_set = self.rng.choice(sets)
        if self.rng.random() < 0.5 or row_set.origin in self.retired:
            self.handle(machine, lambda: self._put_right(machine, store, row_set), f"retry {machine.name}")
        else:
            self.handle(machine, lambda: self._ask(machine, store, row_set.origin, row_set.keys), f"ask {machine.name}")

    def _put_right(self, machine: Machine, store: Store, row_set: RowSet) -> None:
        """The rows that rotted as they were before, from a backup; others are left as they are. Or nobody does that, and
        tries all the same.
        """
        rotten = () if self.rng.random() < 0.3 else tuple(reversed(self.rot_seen))
        with store.database.transaction() as connection, triggers_off(connection):
            for rot in rotten:
                if (rot.machine, rot.origin) != (machine.name, row_set.origin) or (
                    ("person", rot.row_id) not in row_set.keys
                ):
                    continue
                here = self.rows_at(store, rot.origin).get(rot.row_id)
                if here is None and not rot.column:
                    marks = ", ".join("?" * len(rot.before))
                    connection.execute(f"INSERT INTO person VALUES ({marks})", rot.before)
                elif here is not None and rot.column and here[COLUMNS.index(rot.column)] == rot.after:
                    good = rot.before[COLUMN_NAMES["person"].index(rot.column)]
                    connection.execute(_ROT[rot.column], (good, rot.origin, rot.row_id))
        (outcome,) = store.retry_quarantined(by="clerk", sets=[row_set])
        if outcome.obstacle is None:
            machine.suspect -= {(row_set.origin, row_id) for _, row_id in row_set.keys} - {
                (rot.origin, rot.row_id) for rot in self.rot_seen if rot.column == COLUMNS[0]
            }  # no commit looks at that column
        self.note("tried-again" if outcome.obstacle is None else "still-in-the-way")

    def _ask(self, machine: Machine, store: Store, origin: OriginId, keys: Sequence[RowKey]) -> None:
        pending = wanted(store.connection, origin)
        if all(key in pending for key in keys) and self.rng.random() < 0.9:
            return
        try:
            ask_for_rows(store, Mail(store, Reference(store)), origin, keys)
        except UsageError:
            self.note("nobody-to-ask")
        else:
            machine.asked |= {(origin, row_id) for _, row_id in keys}
            self.note("asked-for-rows")

    def _answered(self, machine: Machine) -> None:
        """Rows that were asked for and are not waited for any more are the holder's."""
        if not machine.asked or machine.store is None:
            return
        for origin in {origin for origin, _ in machine.asked}:
            pending = wanted(machine.store.connection, origin)
            here = {(of, row_id) for of, row_id in machine.asked if of == origin and ("person", row_id) not in pending}
            machine.asked -= here
            machine.suspect -= here

    def _compare_with_holder(self, machine: Machine, store: Store) -> None:
        """A copy that is as far as its holder and differs, though nothing is held back: rot that no commit has met."""
        for origin in sorted(self.owner):
            holder = self.machines[self.owner[origin]].store
            if origin == self.reference or machine.name not in self.copies(origin) or holder in (None, store):
                continue
            assert holder is not None
            here, there = self.rows_at(store, origin), self.rows_at(holder, origin)
            if store.head(origin) != holder.head(origin) or here == there:
                continue
            apart = [row_id for row_id in sorted(here.keys() | there) if here.get(row_id) != there.get(row_id)]
            if not machine.suspect.issuperset((origin, row_id) for row_id in apart):
                raise Violation(f"reliable: {machine.name} has rows that are not its child's, and they did not rot")
            keys: list[RowKey] = [("person", row_id) for row_id in apart]
            self.handle(machine, partial(self._ask, machine, store, origin, keys), f"ask {machine.name}")
            return

    def connect(self) -> None:
        child = self.machines[self.rng.choice([name for name, parent in TREE.items() if parent])]
        parent = self.machines[child.parent]
        if child.store is None or parent.hub is None or not parent.up or child.name in self.links:
            return
        store, hub = child.store, parent.hub
        follow = self.rates is not _PEACE and self.rng.random() < 0.5
        certificate = child.certificate
        assert certificate is not None
        peer = Peer(certificate.node_id, certificate.serial, certificate.not_after_ms)

        def work() -> None:
            endpoint = ChildEndpoint(store, key=child.key, follow=follow, release="simulated")
            link = Link(child.name, parent.name, endpoint, ParentEndpoint(hub, peer))
            link.told = self.acknowledged(link)
            self.links[child.name] = link
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
            if not upward:
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
                self.met.add(link.child)
            self.drop_link(link)

    def acknowledged(self, link: Link) -> dict[OriginId, Hash]:
        store = self.machines[link.child].store
        assert store is not None
        rows = store.connection.execute(_SELECT_ACKNOWLEDGED, {"which": link.parent})
        return {OriginId(row[0]): Hash(row[1]) for row in rows}

    def told(self, link: Link) -> None:
        """What the child has written down as acknowledged is a promise of its parent: the commit is on its disk."""
        if self.machines[link.child].store is None:
            return
        for origin, value in self.acknowledged(link).items():
            if value not in (link.told.get(origin), GENESIS_HASH) and value not in self.machines[link.parent].held.tags:
                raise Violation(f"receipt-true: {link.parent} acknowledged a commit that it has not")
            link.told[origin] = value

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
        self.observe(machine)
        self._answered(machine)
        for link in list(self.links.values()):
            self.ship(link)

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
        if machine.store is not None:
            bury(machine.store.connection)
        machine.store = machine.hub = None
        for link in list(self.links.values()):
            if machine.name in (link.child, link.parent):
                self.drop_link(link)

    def drop_link(self, link: Link) -> None:
        """The child dials anew at once; the parent may not have noticed yet, and what it has queued is still applied."""
        if self.machines[link.child].up:  # else nobody is there to notice
            link.child_end.link_lost()
        if self.rng.random() < 0.5:
            link.parent_end.link_lost()
        else:
            self.note("half-open")
        self.links.pop(link.child, None)

    def boot(self, machine: Machine) -> None:
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
        there = {bytes(row[0]) for row in machine.store.connection.execute(_SELECT_HASHES)}
        if gone := machine.held.tags.keys() - there:
            raise Violation(f"durable: {machine.name} has lost {len(gone)} commits that were on its disk")

    # --- checks ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Cheap checks, after every step: every head anywhere is one that a holder has made."""
        for machine in self.machines.values():
            if machine.store is not None:
                for state in machine.store.states():
                    self.models[state.head.origin].require_minted(state.head, machine.name)

    def drain(self) -> None:
        """No more faults. Everything must be at the root, in a bounded number of steps."""
        self.rates = _PEACE
        for link in list(self.links.values()):
            self.drop_link(link)
        self._all_up()
        self._climb()
        self.check_rows()
        self.check_former_holders()

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
        while not (self._all_up() and self.settled()):
            steps += 1
            if steps > DRAIN_STEPS_MAX:
                raise Violation(f"live: not drained after {DRAIN_STEPS_MAX} steps: {self.lag()}")
            steps_of_peace = (
                self.connect,
                *[self.deliver] * 6,
                *[self.apply] * 2,
                *[self.advance] * 2,
                self.tick,
                self.mend,
            )
            self.rng.choice(steps_of_peace)()
            self.check()

    def lag(self) -> dict[str, str]:
        return {
            name: " ".join(f"{origin[-2:].hex()}:{self.seq_at(name, origin)}" for origin in self.models)
            + f" letters {self._letters(name)}"
            for name in TREE
        }

    def seq_at(self, name: str, origin: OriginId) -> int:
        store = self.machines[name].store
        return 0 if store is None else store.head(origin).seq

    def settled(self) -> bool:
        """Everybody has met its parent, no letter is under way, and every copy is its owner's."""
        if self.met != {name for name, parent in TREE.items() if parent} or any(map(self._letters, TREE)):
            return False
        self._ask_for_owners()
        for origin in self.owner:
            stores = [store for name in self.copies(origin) if (store := self.machines[name].store) is not None]
            if len({store.head(origin) for store in stores}) > 1 or any(store.quarantined(origin) for store in stores):
                return False
            if origin not in self.retired and len({store.digest(origin).value for store in stores}) > 1:
                return False
        return True

    def _letters(self, name: str) -> int:
        store = self.machines[name].store
        assert store is not None
        return Mail(store, Reference(store)).unread()

    def _ask_for_owners(self) -> None:
        """Who holds what, as the authority has it now: it may have been restored to before it ruled."""
        store = self.machines[ROOT].store
        assert store is not None
        reference = Reference(store)
        self.retired.clear()
        for origin in self.owner:
            holdings = reference.holdings(origin)
            if holdings:
                self.owner[origin] = next(str(held.node_id) for held in reversed(holdings) if held.node_id)
                if not holdings[-1].node_id:
                    self.retired.add(origin)

    def copies(self, origin: OriginId) -> list[str]:
        """Who must have it in the end: the holder and all above it; reference data, everybody. Of a retired register,
        the root: whoever held it may have more, and not everybody above its last holder may have it.
        """
        if origin == self.reference:
            return list(TREE)
        return [ROOT] if origin in self.retired else path_up(self.owner[origin])

    def check_former_holders(self) -> None:
        """Everybody has heard by now who holds what: whoever held it before is refused."""
        self.clock.advance_ms(limits.HEALING_HOLD_MS + 1)  # a hold of one that died while it healed ends by itself
        for machine in self.machines.values():
            store = machine.store
            assert store is not None
            for origin in store.own_origins():
                if origin == self.reference or (self.owner[origin] == machine.name and origin not in self.retired):
                    continue
                try:
                    with self._capture(store, origin, "too late") as capture:
                        capture.connection.execute(_INSERT, (origin, store.new_row_id(self.clock.wall_ms()), "x", ""))
                except HoldingError:
                    self.note("former-holder-refused")
                else:
                    raise Violation(f"owner-only: {machine.name} may write what is no longer its own")

    def check_rows(self) -> None:
        """Row for row, at every tier: the digests against each other, the rows against what was ever written."""
        for machine in self.machines.values():
            self.observe(machine)
        for origin in self.owner:
            digests = set()
            names = self.copies(origin)
            for name in names:
                store = self.machines[name].store
                assert store is not None
                digests.add(store.digest(origin).value)
                if store.quarantined(origin):
                    raise Violation(f"reliable: {name} holds back rows of {self.owner[origin]}")
            if len(digests) > 1:
                raise Violation(f"reliable: the digests of {self.owner[origin]} differ along the way up")
            if origin == self.reference or origin in self.retired:
                continue
            store = self.machines[names[0]].store
            assert store is not None
            alive = {
                tag
                for machine in self.machines.values()
                for value, tag in machine.held.tags.items()
                if machine.held.origins[value] == origin
            }
            self.models[origin].require(self.rows_at(store, origin), alive, names[0])


def path_up(name: str) -> list[str]:
    """The node and its ancestors."""
    result = [name]
    while TREE[result[-1]]:
        result.append(TREE[result[-1]])
    return result


def void(_: list[Head]) -> None:
    """Heads that nobody here waits for: children are asked to look for news by ``advance``."""
