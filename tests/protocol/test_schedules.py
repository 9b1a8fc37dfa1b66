"""Any interleaving of commits, deliveries, cuts and waiting: what is acknowledged is there, and all of it arrives."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node import limits
from node.protocol.transitions import ChildState, ParentState
from tests.protocol.pair import Pair
from tests.protocol.words import origin

ORIGINS = tuple(map(origin, "abcde"))
OWN = frozenset(ORIGINS[:2])


class Schedules(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(batch_commits=2)
        self.recorded = 0

    # --- the world -----------------------------------------------------------------------------------------------------

    @rule(which=st.sampled_from(ORIGINS), count=st.integers(1, 12))
    def record(self, which: bytes, count: int) -> None:
        words = [f"w{self.recorded + number}" for number in range(count)]
        self.recorded += count
        found = next(known for known in ORIGINS if known == which)
        self.pair.record(found, words, own=found in OWN)

    @rule(follow=st.booleans())
    def connect(self, follow: bool) -> None:
        self.pair.connect(follow=follow)

    @rule()
    def cut(self) -> None:
        self.pair.cut()

    @precondition(lambda self: self.pair.up)
    @rule(count=st.integers(1, 6))
    def up(self, count: int) -> None:
        for _ in range(min(count, len(self.pair.up))):
            self.pair.deliver_up()

    @precondition(lambda self: self.pair.down)
    @rule(count=st.integers(1, 6))
    def down(self, count: int) -> None:
        for _ in range(min(count, len(self.pair.down))):
            self.pair.deliver_down()

    @precondition(lambda self: self.pair.queue)
    @rule()
    def apply(self) -> None:
        self.pair.apply()

    @rule(by_ms=st.sampled_from([1, 1_000, 4_000, 16_000, 61_000]))
    def wait(self, by_ms: int) -> None:
        self.pair.tick(by_ms)

    @precondition(lambda self: self.pair.child_session is not None)
    @rule()
    def stop(self) -> None:
        self.pair.stop("shutdown")

    # --- what always holds ----------------------------------------------------------------------------------------------

    @invariant()
    def what_is_acknowledged_is_at_the_parent(self) -> None:
        for which, head in self.pair.child.acknowledged.items():
            assert self.pair.parent.log.hash_at(which, head.seq) == head.hash

    @invariant()
    def the_parent_has_a_beginning_of_every_chain(self) -> None:
        for which in self.pair.parent.log.origins:
            have = self.pair.parent.log.words(which)
            assert have == self.pair.child.log.words(which)[: len(have)]

    @invariant()
    def the_window_is_kept(self) -> None:
        assert len(self.pair.queue) <= limits.WINDOW_BATCHES_MAX

    @invariant()
    def nobody_breaks_a_rule(self) -> None:
        ends = [end.code for end in (self.pair.child_closed, self.pair.parent_closed) if end is not None]
        assert set(ends) <= {"done", "shutdown", "hello_timeout", "ack_timeout", "idle_timeout"}
        assert not self.pair.child.alarms and not self.pair.parent.alarms and not self.pair.child.halted

    def teardown(self) -> None:
        pair = self.pair
        pair.drain()
        assert pair.child_closed is not None and pair.child_closed.clean
        assert pair.child_session is not None and pair.child_session.state is ChildState.CLOSED
        assert pair.parent_session is not None and pair.parent_session.state is ParentState.CLOSED
        assert pair.parent.log == pair.child.log
        assert pair.child.acknowledged == {which: pair.child.log.head(which) for which in pair.child.acknowledged}
        for which in pair.child.log.origins:
            assert [w for name, w in pair.parent.applied if origin(name) == which] == pair.child.log.words(which)


TestSchedules = Schedules.TestCase
TestSchedules.settings = settings(max_examples=200, stateful_step_count=40)
