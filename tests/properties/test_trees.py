"""Small trees in which anything happens end with equal copies, and nothing is lost without a report.

Hypothesis draws a tree (two to four tiers, two to six nodes) and what happens in it: people record, sessions come to their
end or are cut after some frames, disks are copied, become an older copy, change places with a clone or are lost for good,
machines lose power, registers change hands or end. The world, its model and its checks are the simulator's
(``tests/simulation``); a failure shrinks to the few steps that it takes. ``HYPOTHESIS_PROFILE=soak`` runs many more.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import ClassVar, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from node.ids import OriginId
from node.reference import Reference
from tests.simulation.disk import Snapshot
from tests.simulation.machine import Machine
from tests.simulation.model import Held
from tests.simulation.world import World

NODES_MAX: Final = 6
TIERS_MAX: Final = 4
COPIES_MAX: Final = 3
"""Of one disk; the oldest goes."""

numbers = st.integers(0, NODES_MAX - 1)
"""A node, or whatever there is of something, counted around."""
seeds = st.integers(0, 2**16)
seldom = st.integers(0, 3)
"""0: it happens. What ends a register would otherwise leave little to look at."""


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    """Each node and its parent, the root first."""
    tree, depth = {"n0": ""}, {"n0": 1}
    for number in range(1, draw(st.integers(2, NODES_MAX))):
        parent = draw(st.sampled_from([name for name in tree if depth[name] < TIERS_MAX]))
        tree[f"n{number}"] = parent
        depth[f"n{number}"] = depth[parent] + 1
    return tree


class Trees(RuleBasedStateMachine):
    """The rules; each takes numbers and finds what they mean in the tree that was drawn."""

    happened: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[str, list[tuple[Snapshot, Held]]] = {}
        self.admitted = 0
        self.root_copies_at: list[int] = []

    @initialize(tree=trees())
    def begin(self, tree: dict[str, str]) -> None:
        self.world = World(0, tree=tree)
        self.copies = {name: [] for name in tree}
        self.world.settle()
        self.copy_all()

    # --- which -----------------------------------------------------------------------------------------------------

    def _machine(self, number: int) -> Machine:
        return list(self.world.machines.values())[number % len(self.world.machines)]

    def _child(self, number: int) -> Machine:
        """Not the root."""
        return list(self.world.machines.values())[1 + number % (len(self.world.machines) - 1)]

    @property
    def _root(self) -> Machine:
        return self.world.machines[self.world.root]

    def _copy_number(self, machine: Machine, number: int) -> int | None:
        """Which copy of a disk; None if there is none that may be put back.

        The authority's own is not put back to before it admitted somebody: a machine of which no disk knows that it was
        let in has to be invited again, and no session can do that.
        """
        copies = self.copies[machine.name]
        usable = [
            place
            for place in range(len(copies))
            if machine is not self._root or self.root_copies_at[place] == self.admitted
        ]
        return usable[number % len(usable)] if usable else None

    # --- people ----------------------------------------------------------------------------------------------------

    @rule(number=numbers, records=st.integers(1, 3), seed=seeds)
    def record(self, number: int, records: int, seed: int) -> None:
        self._work(self._machine(number), records, seed)

    @rule(seed=seeds)
    def everybody_records(self, seed: int) -> None:
        for machine in self.world.machines.values():
            self._work(machine, 1, seed)

    def _work(self, machine: Machine, records: int, seed: int) -> None:
        self.world.rng.seed(seed)
        for _ in range(records):
            self.world.people.write(machine)

    @precondition(lambda self: self._root.up)
    @rule(which=numbers, heir=numbers)
    def hand_over(self, which: int, heir: int) -> None:
        """A register gets another holder, whether the old one has heard of it or not."""
        origin = self._ruled(which)
        if origin is not None and self.world.owner[origin] != self._child(heir).name:
            self.world.people.hand_over_to(origin, self._child(heir).name)
            self.world.observe(self._root)

    @precondition(lambda self: self._root.up)
    @rule(which=numbers, seldom=seldom)
    def retire(self, which: int, seldom: int) -> None:
        origin = None if seldom else self._ruled(which)
        if origin is not None:
            self.world.people.end(origin)
            self.world.observe(self._root)

    def _ruled(self, which: int) -> OriginId | None:
        """A register that the authority knows and that somebody below it holds."""
        world = self.world
        world.checks.ask_for_owners()
        reference = Reference(self._root.running)
        known = [
            origin
            for origin, owner in world.owner.items()
            if owner != world.root
            and origin not in world.retired
            and reference.holder(origin) is not None
            and world.checks.seq_at(world.root, origin) > 0
        ]
        return known[which % len(known)] if known else None

    # --- links -----------------------------------------------------------------------------------------------------

    @rule(number=numbers)
    def drain(self, number: int) -> None:
        self.world.links.converse(self._child(number).name)

    @rule(number=numbers, frames=st.integers(1, 40), half_open=st.booleans())
    def cut(self, number: int, frames: int, *, half_open: bool) -> None:
        """The link goes after so many frames; the parent may not have noticed when the child dials anew."""
        self.world.links.converse(self._child(number).name, frames=frames, half_open=half_open)

    @rule()
    def meet(self) -> None:
        """Everybody who can has a session, the lowest nodes first."""
        for name in reversed(self.world.tree):
            self.world.links.converse(name)

    # --- disks -----------------------------------------------------------------------------------------------------

    @rule(number=numbers)
    def copy(self, number: int) -> None:
        machine = self._machine(number)
        if machine.up:
            self._keep(machine, machine.image())

    @rule()
    def copy_all(self) -> None:
        """The night's backup."""
        for number in range(len(self.world.machines)):
            self.copy(number)

    def _keep(self, machine: Machine, image: tuple[Snapshot, Held]) -> None:
        copies = self.copies[machine.name]
        copies.append(image)
        if machine is self._root:
            self.root_copies_at.append(self.admitted)
        if len(copies) > COPIES_MAX:
            self._drop_copy(machine, 0)

    def _drop_copy(self, machine: Machine, place: int) -> tuple[Snapshot, Held]:
        if machine is self._root:
            self.root_copies_at.pop(place)
        return self.copies[machine.name].pop(place)

    @rule(number=numbers, which=numbers, records=st.integers(0, 3), seed=seeds, sent=st.booleans())
    def restore(self, number: int, which: int, records: int, seed: int, *, sent: bool) -> None:
        """The disk becomes an older copy of itself; what it had is gone, unless it was ``sent``. People go on working."""
        machine = self._machine(number)
        place = self._copy_number(machine, which)
        if place is not None:
            self._send(machine, seed, sent=sent)
            self._put_back(machine, self.copies[machine.name][place])
            self._work(machine, records, seed)

    @rule(number=numbers, which=numbers, records=st.integers(0, 3), seed=seeds, sent=st.booleans())
    def swap(self, number: int, which: int, records: int, seed: int, *, sent: bool) -> None:
        """The disk changes places with a copy of it: two machines with one identity, used in turns."""
        machine = self._machine(number)
        place = self._copy_number(machine, which)
        if place is not None and machine.up:
            self.world.note("swap")
            image = self._drop_copy(machine, place)
            self._send(machine, seed, sent=sent)
            self._keep(machine, machine.image())
            self._put_back(machine, image)
            self._work(machine, records, seed)

    def _send(self, machine: Machine, seed: int, *, sent: bool) -> None:
        """Somebody records a thing that the copy will not have, and it climbs as far as it can."""
        if sent:
            self._work(machine, 1, seed)
            self.meet()

    def _put_back(self, machine: Machine, image: tuple[Snapshot, Held]) -> None:
        self.world.note("restore")
        self.world.mishaps.put_back(machine, image)
        self.world.boot(machine, faults=False)

    @rule(number=numbers, seed=seeds)
    def power(self, number: int, seed: int) -> None:
        """It goes, or comes back."""
        machine = self._machine(number)
        self.world.rng.seed(seed)
        if machine.up:
            self.world.note(f"power-loss {machine.name}")
            machine.disk.cut_power()
            self.world.down(machine)
        else:
            self.world.boot(machine, faults=False)

    @precondition(lambda self: self._root.up)
    @rule(number=numbers, seldom=seldom)
    def lose(self, number: int, seldom: int) -> None:
        """A database is gone for good, with every copy; another machine is admitted in its place, with nothing."""
        if seldom:
            return
        machine = self._child(number)
        self.world.mishaps.lose(machine)
        self.copies[machine.name].clear()
        self.world.people.admit_anew(machine)
        self.admitted += 1

    # --- who lies below whom ---------------------------------------------------------------------------------------

    @precondition(lambda self: self._root.up)
    @rule(number=numbers, parent=numbers)
    def move(self, number: int, parent: int) -> None:
        """A node gets another parent, with whatever lies below it; somebody tells it at its own machine."""
        child, above = self._child(number).name, self._machine(parent).name
        if child not in self.world.path_up(above) and self.world.tree[child] != above:
            self.world.care.move_to(child, above)

    @rule(number=numbers)
    def prune(self, number: int) -> None:
        """What may go from a log goes. Older copies of the authority's disk are not put back after that."""
        machine = self._machine(number)
        if machine.up:
            self.copies[self.world.root].clear()
            self.root_copies_at.clear()
            self.world.care.prune_at(machine)

    # --- what must hold --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, 60, 86_400)))
    def time_goes_by(self, seconds: int) -> None:
        self.world.clock.advance_ms(seconds * 1_000)

    @invariant()
    def every_head_is_one_that_a_holder_has_made(self) -> None:
        if hasattr(self, "world"):
            self.world.checks.check()

    def teardown(self) -> None:
        """Everybody comes back and meets; then copies are equal, and what some disk still holds is accounted for."""
        if not hasattr(self, "world"):
            return
        try:
            for machine in self.world.machines.values():
                if not machine.up:
                    self.world.boot(machine, faults=False)
            self.world.settle()
            self.world.checks.check_rows()
            self.world.checks.check_former_holders()
        finally:
            self.world.close()
            Trees.happened.update(self.world.fired)


PROFILES: Final = {"ci": (60, 25), "explore": (500, 30), "soak": (5_000, 50)}
"""Examples, and at most so many steps of each."""
MUST_HAPPEN: Final = (
    *(
        "cut",
        "finished",
        "half-open",
        "hand-over",
        "retire",
        "restore",
        "swap",
        "lost",
        "power-loss",
        "moved",
        "pruned",
    ),
    *("healed-restored", "healed-fork"),
)
"""A fault that never came is a test that fails (RELIABILITY A)."""
RARE: Final = ("healed-trunk", "healed-branch")
"""Relays that fork take more steps than a short run is likely to draw; the longer profiles have to meet them too."""


def test_small_trees_end_equal_and_nothing_is_lost_without_a_report() -> None:
    profile = os.environ.get("HYPOTHESIS_PROFILE", "ci")
    examples, steps = PROFILES[profile]
    Trees.happened.clear()
    run_state_machine_as_test(
        Trees,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
    expected = MUST_HAPPEN if profile == "ci" else (*MUST_HAPPEN, *RARE)
    never = [what for what in expected if not Trees.happened[what]]
    assert not never, f"never happened: {never}; what did: {Trees.happened}"
