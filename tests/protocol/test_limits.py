"""What a session takes at most: batches and bytes under way, and heads."""

from __future__ import annotations

from itertools import pairwise

import pytest

from node import limits
from node.protocol.actions import Apply, Close, Load, ParentAction, Send
from node.protocol.assembly import cut
from node.protocol.child import ChildSession
from node.protocol.messages import BatchNumber, Refuse
from node.protocol.parent import LookedUp, ParentSession
from tests.protocol.words import batch, head, header, heads, hello, origin, welcome, zero

A = origin("a")
CHAIN = [head("a", seq) for seq in range(8)]
CROWD = (head("b", 1),) * limits.HEADS_PER_FRAME_MAX
CROWDS = limits.HEADS_MAX // limits.HEADS_PER_FRAME_MAX


def codes(actions: list[ParentAction]) -> list[str]:
    return [action.code for action in actions if isinstance(action, Close)]


def child() -> ChildSession:
    session = ChildSession(follow=False)
    session.start(hello(), [CHAIN[-1]], [], 0)
    session.receive(welcome(), 0)
    session.receive(heads(relayed=(zero(A),)), 0)
    return session


def parent() -> ParentSession:
    session = ParentSession(0)
    session.receive(hello(), 0)
    session.receive(heads(own=(CHAIN[-1],)), 0)
    session.looked_up(LookedUp(welcome(), (zero(A),), ()), 0)
    return session


def send(session: ParentSession, number: int, size: int) -> list[ParentAction]:
    """A batch of one commit, in as many frames as it takes; what the last one leads to."""
    sizes = {"wire_bytes": size, "raw_bytes": min(size, limits.BATCH_BYTES_MAX)}
    announced = header(CHAIN[number - 1], CHAIN[number], **sizes)
    actions: list[ParentAction] = []
    for frame in cut(BatchNumber(number), announced, bytes(size)):
        actions = session.receive(frame, number * 1_000)
    return actions


def test_a_child_with_a_window_full_of_bytes_waits() -> None:
    session = child()
    actions = session.located({A: zero(A).hash}, {}, 0)
    loads = 0
    for previous, to in pairwise(CHAIN):
        if not any(isinstance(action, Load) for action in actions):
            break
        loads += 1
        actions = session.loaded(
            header(previous, to, wire_bytes=limits.BATCH_BYTES_MAX), bytes(limits.BATCH_BYTES_MAX), 0
        )
    assert loads == limits.WINDOW_BYTES_MAX // limits.BATCH_BYTES_MAX < limits.WINDOW_BATCHES_MAX


def test_a_parent_takes_no_more_bytes_than_its_window() -> None:
    session = parent()
    for number in (1, 2):
        assert isinstance(send(session, number, limits.BATCH_WIRE_BYTES_MAX)[0], Apply)
    assert codes(send(session, 3, 1)) == ["window"]


def test_an_answer_makes_room_in_the_window_of_bytes() -> None:
    session = parent()
    for number in range(1, len(CHAIN)):
        assert isinstance(send(session, number, limits.BATCH_WIRE_BYTES_MAX)[0], Apply), number
        session.applied(BatchNumber(number), 0, 0)


def test_a_batch_behind_another_hash_is_refused() -> None:
    session = parent()
    other = head("b", 1)
    frame = batch(1, zero(A), CHAIN[1], previous_hash=other.hash)
    (action,) = session.receive(frame, 0)
    assert isinstance(action, Apply) and action.payload == b""
    (answer,) = session.refused(action.batch, "", "", 0)
    assert isinstance(answer, Send) and isinstance(answer.message, Refuse) and answer.message.code == "gap"


def test_a_child_may_not_name_origins_without_end() -> None:
    session = ParentSession(0)
    session.receive(hello(), 0)
    for _ in range(CROWDS):
        assert session.receive(heads(own=CROWD, last=False), 0) == []
    assert codes(session.receive(heads(relayed=CROWD[:1], last=False), 0)) == ["oversized"]


def test_a_parent_may_not_name_origins_without_end() -> None:
    session = ChildSession(follow=False)
    session.start(hello(), [], [], 0)
    session.receive(welcome(), 0)
    for _ in range(CROWDS):
        assert session.receive(heads(relayed=CROWD, last=False), 0) == []
    closed = session.receive(heads(relayed=CROWD[:1], last=False), 0)[-1]
    assert isinstance(closed, Close) and closed.code == "oversized"


@pytest.mark.parametrize("answered", [True, False])
def test_new_heads_wait_for_the_answer_to_the_last_ones(answered: bool) -> None:
    session = parent()
    session.receive(heads(relayed=CROWD[:1]), 0)
    if answered:
        session.looked_up(LookedUp(welcome(), (zero(origin("b")),), ()), 0)
    assert codes(session.receive(heads(relayed=(head("c", 1),)), 0)) == ([] if answered else ["out_of_turn"])
