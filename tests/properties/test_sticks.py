"""Sticks and links in any order: a seeded year of three tiers in which files are lost, kept, carried late and twice.

Laws: nothing is lost, what is acknowledged is on the parent's disk, nobody is alarmed, and once everything has been
carried all copies are equal.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.courier.delivery import take_delivery
from node.courier.parcel import Parcel
from node.ids import OriginId
from tests.identities import Member, Tree
from tests.sessions import Parent, drain
from tests.unit.courier.carrying import cargo, receipt, same, sender, take
from tests.unit.node.stores import NOW_MS, add_persons

STEPS = 60


@dataclass
class Year:
    """root <- d <- a, b. Every file that was ever written stays on some stick."""

    folder: Path
    source: random.Random
    cargos: list[tuple[Member, Path]] = field(default_factory=list)  # to whom, what
    receipts: list[tuple[Member, Path]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = ManualClock(NOW_MS)
        self.tree = Tree(self.folder, clock=self.clock)
        self.root = self.tree.root
        self.d = self.tree.add("d")
        self.communes = [self.tree.add(name, "d") for name in ("a", "b")]
        drain(self.d, Parent(self.root))  # somebody must know whose communes they are
        for commune in self.communes:
            for path in receipt(self.d, commune, self.folder).files:
                take_delivery(sender(commune), Parcel.open(path, commune.identity))

    @property
    def edges(self) -> list[tuple[Member, Member]]:
        return [(self.d, self.root), *((commune, self.d) for commune in self.communes)]

    # --- what may happen ---------------------------------------------------------------------------------------------

    def record(self) -> None:
        member = self.source.choice([self.d, *self.communes])
        add_persons(member.store, [f"person {self.source.randrange(10**6)}" for _ in range(self.source.randint(1, 4))])

    def enrol(self) -> None:
        self.tree.authority.invite(self.communes[0].identity.node_id, self.d.identity.node_id, "x", by="lan")

    def export(self) -> None:
        child, parent = self.source.choice(self.edges)
        packed = cargo(child, self.folder, everything=self.source.random() < 0.1)
        self.cargos += [(parent, path) for path in packed.files]

    def arrive(self) -> None:
        """Any file that was ever written turns up; mostly a young one."""
        if not self.cargos:
            return
        parent, path = self.source.choice(self.cargos[-4:] if self.source.random() < 0.7 else self.cargos)
        taken = take(parent, path)
        assert {item.code for item in taken.origins} <= {"", "gap"}
        child = self.tree.members[taken.child]
        self.receipts += [(child, file) for file in receipt(parent, child, self.folder, taken).files]

    def return_(self) -> None:
        if not self.receipts:
            return
        child, path = self.source.choice(self.receipts[-4:] if self.source.random() < 0.7 else self.receipts)
        delivered = take_delivery(sender(child), Parcel.open(path, child.identity))
        assert not [note for note in delivered.notes if note.code != "gap"]

    def connect(self) -> None:
        child, parent = self.source.choice(self.edges)
        assert drain(child, Parent(parent)) == "done"

    def cut(self) -> None:
        """A link that is lost at some frame."""
        child, parent = self.source.choice(self.edges)
        session = Parent(parent).meet(child).start()
        for _ in range(self.source.randrange(12)):
            if session.child_end.outbox:
                session.parent_end.receive_frame(session.child_end.encode(session.child_end.outbox.popleft()))
            elif session.parent_end.outbox:
                session.child_end.receive_frame(session.parent_end.encode(session.parent_end.outbox.popleft()))
            elif session.parent.hub.queued:
                session.parent.hub.apply_group()
        session.child_end.link_lost()
        session.parent_end.link_lost()

    def wait(self) -> None:
        self.clock.advance_ms(self.source.randrange(86_400_000))

    # --- what must hold ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        for child, parent in self.edges:
            for origin, word in child.store.acknowledged().items():
                assert word.seq <= parent.store.head(origin).seq, "acknowledged and not there"
        for member in self.tree.members.values():
            assert not member.store.alarms() and not member.store.quarantined_rows()
            assert not [state for state in member.store.states() if state.halted]

    def carry_all(self, *, by_stick: bool) -> None:
        for child, parent in reversed(self.edges):
            if not by_stick:
                assert drain(child, Parent(parent)) == "done"
                continue
            for _ in range(2):
                taken = [take(parent, path) for path in cargo(child, self.folder).files]
                for path in receipt(parent, child, self.folder, *taken).files:
                    take_delivery(sender(child), Parcel.open(path, child.identity))

    def origins(self) -> list[OriginId]:
        return [member.store.own_origin() for member in (self.d, *self.communes)]


def live(folder: Path, seed: int) -> None:
    source = random.Random(seed)
    year = Year(folder, source)
    acts: list[Callable[[], None]] = [
        *(year.record, year.record, year.export, year.export, year.arrive, year.arrive, year.arrive),
        *(year.return_, year.return_, year.connect, year.cut, year.wait, year.enrol),
    ]
    done: list[str] = []
    try:
        for _ in range(STEPS):
            act = source.choice(acts)
            done.append(act.__name__)
            act()
            year.check()
        year.carry_all(by_stick=source.random() < 0.7)
        year.check()
        for member in (year.d, *year.communes):
            assert same(member, year.root, member.store.own_origin())
            assert (
                member.store.acknowledged()[member.store.own_origin()].seq
                == member.store.head(member.store.own_origin()).seq
            )
        for origin in year.origins():
            assert same(year.d, year.root, origin)
    except AssertionError as error:
        error.add_note(f"seed {seed}: {' '.join(done)}")
        raise
    finally:
        year.tree.close()


@pytest.mark.parametrize("seed", range(12))
def test_sticks_and_links_in_any_order_end_equal(seed: int, tmp_path: Path) -> None:
    live(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_300))
def test_many_years_of_sticks(seed: int, tmp_path: Path) -> None:
    live(tmp_path, seed)
