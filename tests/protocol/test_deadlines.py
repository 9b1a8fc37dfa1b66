"""Timeouts and heartbeats, with time as a number."""

from __future__ import annotations

import pytest

from node import limits
from node.protocol.actions import Close, Send
from node.protocol.child import ChildSession
from node.protocol.messages import Finish, Heartbeat
from node.protocol.parent import LookedUp, ParentSession
from tests.protocol.pair import Pair
from tests.protocol.words import batch, head, heads, hello, origin, welcome, zero

A, B = origin("a"), origin("b")
ZERO, A1 = zero(A), head("a", 1)
SECOND = 1_000


def drained() -> Pair:
    """A child that follows and has drained; the link is quiet."""
    pair = Pair(batch_commits=1)
    pair.record(A, ["a1"])
    pair.connect(follow=True)
    pair.settle()
    return pair


def child_code(pair: Pair) -> str:
    return "" if pair.child_closed is None else pair.child_closed.code


# --- the child --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("welcomed", [False, True])
def test_a_parent_that_does_not_answer_hello_is_given_up(welcomed: bool) -> None:
    session = ChildSession(follow=True)
    session.start(hello(), [A1], [], 0)
    if welcomed:
        session.receive(welcome(), 9 * SECOND)
    assert not any(isinstance(action, Close) for action in session.tick(limits.HELLO_TIMEOUT_MS))
    (closed,) = session.tick(limits.HELLO_TIMEOUT_MS + 1)
    assert isinstance(closed, Close) and closed.code == "hello_timeout"


def test_a_parent_that_does_not_acknowledge_is_given_up() -> None:
    pair = drained()
    pair.record(A, ["a2"])
    pair.tick(limits.ACK_TIMEOUT_MS)
    assert child_code(pair) == ""
    pair.tick(1)
    assert child_code(pair) == "ack_timeout"


@pytest.mark.parametrize("quiet", [9, 10, 11, 14])
def test_the_wait_for_an_acknowledgement_begins_when_the_batch_is_sent(quiet: int) -> None:
    """A parent that is idle speaks every 15 seconds only; what is recorded in between must not look overdue."""
    pair = drained()
    pair.tick(quiet * SECOND)
    pair.record(A, ["a2"])
    pair.tick(1 * SECOND)
    assert child_code(pair) == ""
    pair.settle()
    assert pair.child.acknowledged[A] == pair.child.log.head(A)


def test_a_parent_that_is_busy_is_waited_for() -> None:
    pair = drained()
    pair.record(A, ["a2"])
    for _ in range(60):
        pair.tick(SECOND)
        pair.settle(apply=False)
    assert child_code(pair) == ""
    pair.settle()
    assert pair.child.acknowledged[A] == pair.child.log.head(A)


def test_a_parent_that_does_not_give_a_ticket_is_given_up() -> None:
    pair = Pair()
    pair.connect()
    pair.settle(frames=4)
    assert len(pair.up) == 1  # Drained
    pair.tick(limits.ACK_TIMEOUT_MS + 1)
    assert child_code(pair) == "ack_timeout"


def test_a_parent_that_does_not_answer_finish_is_given_up() -> None:
    pair = drained()
    pair.stop("shutdown")
    pair.tick(limits.ACK_TIMEOUT_MS + 1)
    assert child_code(pair) == "ack_timeout"


def test_a_child_that_stops_after_a_quiet_while_waits_for_the_answer() -> None:
    pair = drained()
    for _ in range(14):
        pair.tick(SECOND)
    pair.stop("shutdown")
    pair.tick(SECOND)
    assert child_code(pair) == ""
    pair.settle()
    assert child_code(pair) == "shutdown"


def test_a_silent_parent_is_given_up() -> None:
    pair = drained()
    session = pair.child_session
    assert session is not None
    start = pair.now_ms
    assert not any(isinstance(action, Close) for action in session.tick(start + limits.IDLE_TIMEOUT_MS))
    (closed,) = session.tick(start + limits.IDLE_TIMEOUT_MS + 1)
    assert isinstance(closed, Close) and closed.code == "idle_timeout"


def test_a_child_before_its_start_has_no_deadlines() -> None:
    assert ChildSession(follow=True).tick(10**9) == []


# --- the parent -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("greeted", [False, True])
def test_a_child_that_does_not_complete_its_hello_is_finished(greeted: bool) -> None:
    session = ParentSession(0)
    if greeted:
        session.receive(hello(), 9 * SECOND)
        session.receive(heads(last=False), 9 * SECOND)
    assert not any(isinstance(action, Close) for action in session.tick(limits.HELLO_TIMEOUT_MS))
    told, closed = session.tick(limits.HELLO_TIMEOUT_MS + 1)
    assert isinstance(told, Send) and told.message == Finish("hello_timeout", "no complete Hello came in time")
    assert isinstance(closed, Close) and closed.code == "hello_timeout"


def streaming() -> ParentSession:
    session = ParentSession(0)
    session.receive(hello(), 0)
    session.receive(heads(own=(A1,)), 0)
    session.looked_up(LookedUp(welcome(), (ZERO,), ()), 0)
    return session


def test_a_silent_child_is_finished() -> None:
    session = streaming()
    assert not any(isinstance(action, Close) for action in session.tick(limits.IDLE_TIMEOUT_MS))
    closed = session.tick(limits.IDLE_TIMEOUT_MS + 1)[-1]
    assert isinstance(closed, Close) and closed.code == "idle_timeout"


def test_an_idle_parent_says_that_it_lives() -> None:
    session = streaming()
    assert session.tick(limits.HEARTBEAT_INTERVAL_MS - 1) == []
    assert session.tick(limits.HEARTBEAT_INTERVAL_MS) == [Send(Heartbeat())]
    assert session.tick(limits.HEARTBEAT_INTERVAL_MS + 1) == []


def test_a_parent_that_applies_says_so_more_often() -> None:
    session = streaming()
    session.receive(batch(1, ZERO, A1), 0)
    assert session.tick(limits.BUSY_HEARTBEAT_INTERVAL_MS - 1) == []
    assert session.tick(limits.BUSY_HEARTBEAT_INTERVAL_MS) == [Send(Heartbeat())]
    session.applied(batch(1, ZERO, A1).batch, 0, limits.BUSY_HEARTBEAT_INTERVAL_MS)
    assert session.tick(2 * limits.BUSY_HEARTBEAT_INTERVAL_MS) == []


def test_a_parent_that_looks_up_says_so_more_often() -> None:
    session = ParentSession(0)
    session.receive(hello(), 0)
    session.receive(heads(own=(A1,)), 0)
    assert session.tick(limits.BUSY_HEARTBEAT_INTERVAL_MS) == [Send(Heartbeat())]


def test_the_busy_interval_is_well_below_the_wait_for_an_acknowledgement() -> None:
    assert limits.BUSY_HEARTBEAT_INTERVAL_MS * 2 < limits.ACK_TIMEOUT_MS
    assert limits.HEARTBEAT_INTERVAL_MS * 2 < limits.IDLE_TIMEOUT_MS


def test_frames_are_counted_by_the_second() -> None:
    session = streaming()
    for second in (1, 2):
        for _ in range(limits.FRAMES_PER_SECOND_MAX):
            assert session.receive(Heartbeat(), second * SECOND) == []
    told, closed = session.receive(Heartbeat(), 2 * SECOND + 999)
    assert isinstance(told, Send) and isinstance(told.message, Finish) and told.message.code == "too_many_frames"
    assert isinstance(closed, Close) and closed.code == "too_many_frames"


@pytest.mark.parametrize(
    ("least", "most", "taken"), [(1, 1, True), (1, 9, True), (0, 1, True), (2, 9, False), (0, 0, False)]
)
def test_versions_must_overlap(least: int, most: int, taken: bool) -> None:
    session = ParentSession(0)
    actions = session.receive(hello(protocol_version_min=least, protocol_version_max=most), 0)
    codes = [action.code for action in actions if isinstance(action, Close)]
    assert codes == ([] if taken else ["protocol_version"])


# --- both -------------------------------------------------------------------------------------------------------------


def test_heartbeats_keep_a_quiet_link_for_hours() -> None:
    pair = drained()
    for _ in range(2 * 3600):
        pair.tick(SECOND)
        pair.settle()
    assert pair.child_closed is None and pair.parent_closed is None
    beats = sum(isinstance(entry.taken, Heartbeat) for entry in pair.journal)
    assert beats <= 2 * 2 * 3600 * SECOND / limits.HEARTBEAT_INTERVAL_MS + 2
