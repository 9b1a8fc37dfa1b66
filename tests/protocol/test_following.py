"""A child that stays: new commits, new origins and new tickets in mid-session."""

from __future__ import annotations

import pytest

from node import limits
from node.ids import OriginId
from node.protocol.messages import Drained, Heads, Ticket
from node.protocol.transitions import ChildState
from tests.protocol.pair import Pair
from tests.protocol.words import heads, origin

A, B, C = origin("a"), origin("b"), origin("c")


def following(*, batch_commits: int = 2) -> Pair:
    pair = Pair(batch_commits=batch_commits)
    pair.record(A, ["a1"])
    pair.connect(follow=True)
    pair.settle()
    assert pair.child_closed is None
    return pair


def taken(pair: Pair, kind: type) -> int:
    return sum(isinstance(entry.taken, kind) for entry in pair.journal)


def test_new_commits_climb_in_the_same_session() -> None:
    pair = following()
    for number in range(2, 20):
        pair.record(A, [f"a{number}"])
        pair.settle()
    assert pair.parent.log == pair.child.log
    assert pair.child.acknowledged[A].seq == 19
    assert pair.child_closed is None


def test_commits_that_come_faster_than_answers_climb_in_order() -> None:
    pair = following()
    for number in range(2, 60):
        pair.record(A, [f"a{number}"])
        pair.settle(frames=1, apply=number % 3 == 0)
    pair.settle()
    assert pair.parent.log == pair.child.log


def test_a_new_origin_is_announced_and_climbs_in_the_same_session() -> None:
    pair = following()
    pair.record(B, ["b1", "b2", "b3"], own=False)
    pair.record(C, ["c1"])
    pair.settle()
    assert pair.parent.log == pair.child.log
    assert pair.child.acknowledged.keys() == {A, B, C}
    assert pair.child_closed is None and pair.parent_closed is None


def test_an_origin_that_appears_while_the_session_opens_climbs_too() -> None:
    for frames in range(8):
        pair = Pair()
        pair.record(A, ["a1"])
        pair.connect(follow=True)
        pair.settle(frames=frames)
        pair.record(B, ["b1"], own=False)
        pair.settle()
        assert pair.parent.log == pair.child.log, frames


def test_a_new_origin_that_is_refused_does_not_stop_the_others() -> None:
    pair = following()
    pair.parent.objections = {B: "not_enrolled"}
    pair.record(B, ["b1"], own=False)
    pair.record(A, ["a2"])
    pair.settle()
    assert pair.child.halted == {B: "not_enrolled"}
    assert pair.parent.log.words(A) == ["a1", "a2"]
    assert pair.child_closed is None


def test_heads_that_nobody_asked_for_end_the_session() -> None:
    pair = following()
    pair.down.append(heads())
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.code == "out_of_turn"


def test_a_following_child_asks_for_a_ticket_at_most_once_in_an_interval() -> None:
    pair = following()
    assert pair.parent.minted == 1
    pair.record(A, ["a2"])
    pair.settle()
    assert pair.parent.minted == 1
    for second in range(1, limits.TICKET_INTERVAL_MS // 1_000 + 1):
        assert pair.parent.minted == 1, second
        pair.tick(1_000)
        pair.settle()
    assert pair.parent.minted == 2
    assert pair.child.ticket == pair.parent.tickets[-1]


def test_a_following_child_without_work_asks_for_no_ticket() -> None:
    pair = following()
    for _ in range(300):
        pair.tick(1_000)
        pair.settle()
    assert (pair.parent.minted, taken(pair, Drained)) == (1, 1)


def test_a_following_child_that_stops_ends_the_session() -> None:
    pair = following()
    pair.stop("shutdown")
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.code == "shutdown"
    assert pair.parent_closed is not None and pair.parent_closed.code == "shutdown"


def test_what_is_under_way_when_the_child_stops_is_still_acknowledged() -> None:
    pair = following()
    pair.record(A, ["a2"])
    pair.settle(apply=False)
    pair.apply()
    pair.stop("shutdown")
    pair.settle()
    assert pair.child.acknowledged[A].seq == 2
    assert pair.child_closed is not None and pair.child_closed.code == "shutdown"


@pytest.mark.parametrize(("which", "word"), [(A, "a2"), (B, "b1")], ids=["a commit", "an origin"])
def test_a_draining_child_sends_what_comes_meanwhile_before_it_finishes(which: OriginId, word: str) -> None:
    reference = Pair()
    reference.record(A, ["a1"])
    reference.connect()
    total = reference.settle()
    for frames in range(total - 1):  # the last frame is the parent's Finish
        pair = Pair()
        pair.record(A, ["a1"])
        pair.connect()
        pair.settle(frames=frames)
        finishing = pair.child_session is not None and pair.child_session.state is ChildState.FINISHING
        pair.record(which, [word])
        pair.settle()
        assert pair.child_closed is not None and pair.child_closed.clean
        if finishing:
            continue
        assert pair.parent.log == pair.child.log, frames
        assert pair.child.acknowledged[which] == pair.child.log.head(which), frames


def test_a_lost_ticket_is_no_stale_one() -> None:
    pair = following()
    pair.cut()
    pair.connect()
    for _ in range(20):
        if any(isinstance(message, Ticket) for message in pair.down):
            break
        pair.settle(frames=1)
    assert pair.parent.minted == 2
    pair.drain()
    assert pair.child.alarms == pair.parent.alarms == []
    assert pair.child_closed is not None and pair.child_closed.clean


def test_a_ticket_from_before_the_last_session_is_stale_and_alarms_both_sides() -> None:
    pair = following()
    old = pair.child.ticket
    pair.drain()
    pair.child.ticket = old
    pair.drain()
    assert pair.child.alarms == pair.parent.alarms == ["stale_ticket"]
    assert pair.child_closed is not None and pair.child_closed.clean


def test_an_origin_that_the_parent_has_from_this_child_and_the_child_lacks_is_alarmed() -> None:
    pair = following()
    pair.drain()
    restored = Pair()
    restored.parent = pair.parent
    restored.record(B, ["b1"])
    restored.drain()
    assert restored.child.alarms == ["stale_ticket", "origin_unknown_here"]
    assert restored.parent.log.words(B) == ["b1"]


def test_heads_come_to_the_parent_once_for_each_announcement() -> None:
    pair = following()
    pair.record(B, ["b1"], own=False)
    pair.settle()
    pair.record(B, ["b2"], own=False)
    pair.settle()
    announced = [entry for entry in pair.journal if entry.side == "parent" and isinstance(entry.taken, Heads)]
    assert len(announced) == 2


def test_a_parents_history_that_was_put_aside_before_a_cut_takes_the_place_of_ours_though_no_batch_comes() -> None:
    pair = Pair()
    pair.record(A, ["a1", "a2", "x3", "x4"])
    pair.parent.log.append(A, ["a1", "a2", "a3"])
    pair.child.spool[A] = (2, ["a3"])
    pair.drain()
    assert pair.child_closed is not None and pair.child_closed.clean
    assert pair.parent.log == pair.child.log
    assert pair.child.log.words(A)[:3] == ["a1", "a2", "a3"] and len(pair.child.log.words(A)) == 5
