"""A session that drains: everything once and in order, whatever is cut, lost or doubled on the way."""

from __future__ import annotations

import pytest

from node import limits
from node.protocol.child import pieces
from node.protocol.messages import Acknowledge, BatchFrame, Heads, Refuse
from node.protocol.transitions import ChildState, ParentState
from tests.protocol.pair import Pair
from tests.protocol.words import batch, head, heads, origin, zero

A, B, C = origin("a"), origin("b"), origin("c")
LONG = "z" * (limits.FRAME_PAYLOAD_BYTES_MAX + 1)  # a commit that does not fit one frame


def village(*, batch_commits: int = 2) -> Pair:
    """A child with an own origin of seven commits, one of which spans frames, and a relayed one of three."""
    pair = Pair(batch_commits=batch_commits)
    pair.record(A, ["a1", "a2", f"a3{LONG}", "a4", "a5", "a6", "a7"])
    pair.record(B, ["b1", "b2", "b3"], own=False)
    return pair


def assert_equal(pair: Pair) -> None:
    """The parent has everything once and in order, and the child knows it."""
    assert pair.parent.log == pair.child.log
    for which in pair.child.log.origins:
        applied = [word for name, word in pair.parent.applied if origin(name) == which]
        assert applied == pair.child.log.words(which)
        assert pair.child.acknowledged[which] == pair.child.log.head(which)


def test_a_drained_session_ends_clean_on_both_sides() -> None:
    pair = village()
    pair.drain()
    assert pair.child_closed is not None and pair.child_closed.clean and pair.child_closed.code == "done"
    assert pair.parent_closed is not None and pair.parent_closed.clean and pair.parent_closed.code == "done"
    assert pair.child_session is not None and pair.child_session.state is ChildState.CLOSED
    assert pair.parent_session is not None and pair.parent_session.state is ParentState.CLOSED
    assert_equal(pair)


def test_a_node_without_origins_drains_at_once() -> None:
    pair = Pair()
    pair.drain()
    assert pair.child_closed is not None and pair.child_closed.clean


def test_the_second_session_sends_nothing_again() -> None:
    pair = village()
    pair.drain()
    before = list(pair.parent.applied)
    pair.journal.clear()
    pair.drain()
    assert pair.parent.applied == before
    assert not any(isinstance(entry.taken, BatchFrame) for entry in pair.journal)


def _frames(*, lazily: bool) -> int:
    pair = village()
    pair.connect()
    return _settle(pair, None, lazily=lazily)


def _settle(pair: Pair, frames: int | None, *, lazily: bool) -> int:
    """``lazily``: the parent applies only when the link is quiet, so that the window fills."""
    if lazily:
        return pair.settle(frames=frames)
    count = 0
    while frames is None or count < frames:
        while pair.queue:
            pair.apply()
        moved = pair.settle(frames=1, apply=False)
        if not moved and not pair.queue:
            break
        count += moved
    return count


@pytest.mark.parametrize("lazily", [False, True], ids=["applied at once", "applied late"])
def test_a_cut_at_any_frame_loses_and_doubles_nothing(lazily: bool) -> None:
    for frames in range(_frames(lazily=lazily) + 1):
        pair = village()
        pair.connect()
        assert _settle(pair, frames, lazily=lazily) == frames
        pair.drain()
        assert_equal(pair)
        assert not pair.child.halted and not pair.child.alarms and not pair.parent.alarms, frames


def test_a_cut_between_storing_and_answering_loses_and_doubles_nothing() -> None:
    pair = village()
    pair.connect()
    pair.settle(apply=False)
    while pair.queue:
        pair.apply()
    assert any(isinstance(message, Acknowledge) for message in pair.down)
    pair.cut()
    assert not pair.child.acknowledged.get(A) or pair.child.acknowledged[A].seq == 0
    pair.drain()
    assert_equal(pair)


def test_any_number_of_cuts_ends_in_equality() -> None:
    pair = village(batch_commits=1)
    for frames in (3, 1, 4, 7, 9, 5, 11, 2):
        pair.connect()
        pair.settle(frames=frames)
        pair.cut()
    pair.drain()
    assert_equal(pair)


# --- acknowledgements -------------------------------------------------------------------------------------------------


def _with_answers_under_way() -> Pair:
    pair = village()
    pair.connect()
    pair.settle(apply=False)
    while pair.queue:
        pair.apply()
    return pair


def test_a_doubled_acknowledgement_ends_the_session_and_the_next_one_heals() -> None:
    pair = _with_answers_under_way()
    pair.down.appendleft(pair.down[0])
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.code == "out_of_turn"
    pair.drain()
    assert_equal(pair)


def test_a_lost_acknowledgement_ends_the_session_and_the_next_one_heals() -> None:
    pair = _with_answers_under_way()
    pair.down.popleft()
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.code == "out_of_turn"
    pair.drain()
    assert_equal(pair)


def test_an_acknowledgement_of_another_head_is_not_kept() -> None:
    pair = _with_answers_under_way()
    answer = pair.down.popleft()
    assert isinstance(answer, Acknowledge)
    pair.down.appendleft(Acknowledge(answer.batch, head("a", 7), answer.applied, answer.quarantined))
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.code == "out_of_turn"
    assert A not in pair.child.acknowledged


def test_quarantined_commits_are_acknowledged_and_counted() -> None:
    pair = village()
    pair.parent.quarantines = {"a2", "b3"}
    pair.drain()
    assert_equal(pair)
    assert pair.child.quarantined == {A: 1, B: 1}
    answers = [entry.taken for entry in pair.journal if isinstance(entry.taken, Acknowledge)]
    assert sum(answer.applied for answer in answers) == 8
    assert sum(answer.quarantined for answer in answers) == 2


# --- window and turns -------------------------------------------------------------------------------------------------


def test_the_window_is_used_and_never_exceeded() -> None:
    pair = Pair(batch_commits=1)
    pair.record(A, [f"a{n}" for n in range(40)])
    pair.record(B, [f"b{n}" for n in range(40)])
    pair.connect()
    widest = 0
    while True:
        pair.settle(apply=False)
        widest = max(widest, len(pair.queue))
        if not pair.queue:
            break
        pair.apply()
    assert widest == limits.WINDOW_BATCHES_MAX
    assert_equal(pair)


def test_a_child_that_ignores_the_window_is_finished() -> None:
    pair = Pair(batch_commits=1)
    pair.record(A, [f"a{n}" for n in range(8)])
    pair.connect()
    pair.settle(apply=False)
    assert len(pair.queue) == limits.WINDOW_BATCHES_MAX
    last = pair.queue[-1]
    pair.up.append(batch(last.batch + 1, last.header.head, head("a", last.header.seq + 1)))
    pair.deliver_up()
    assert pair.parent_closed is not None and pair.parent_closed.code == "window"


def test_origins_take_turns() -> None:
    pair = Pair(batch_commits=1)
    pair.record(A, [f"a{n}" for n in range(30)])
    pair.record(B, [f"b{n}" for n in range(5)])
    pair.record(C, ["c0"], own=False)
    pair.drain()
    names = [name for name, _ in pair.parent.applied]
    assert names[:11] == list("abcabababab")
    assert_equal(pair)


@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_batches_of_one_origin_come_in_order(size: int) -> None:
    pair = Pair(batch_commits=size)
    pair.record(A, [f"a{n}" for n in range(20)])
    pair.record(B, [f"b{n}" for n in range(9)], own=False)
    pair.drain()
    assert_equal(pair)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_refused_origin_does_not_stop_the_others() -> None:
    pair = village()
    pair.parent.objections = {A: "not_enrolled"}
    pair.drain()
    assert pair.child.halted == {A: "not_enrolled"}
    assert pair.parent.log.words(A) == []
    assert pair.parent.log.words(B) == ["b1", "b2", "b3"]
    assert pair.child_closed is not None and pair.child_closed.clean


def test_an_origin_that_is_taken_again_climbs_and_is_released() -> None:
    pair = village()
    pair.parent.objections = {A: "not_enrolled"}
    pair.drain()
    pair.parent.objections = {}
    pair.drain()
    assert pair.child.halted == {}
    assert_equal(pair)


def test_every_batch_behind_a_refused_one_is_answered_with_a_refusal() -> None:
    pair = village(batch_commits=1)
    pair.connect()
    pair.settle(apply=False)
    pair.parent.log.append(A, ["somebody else's"])  # the parent has meanwhile other commits: nothing of a fits
    pair.settle()
    refusals = [entry.taken for entry in pair.journal if isinstance(entry.taken, Refuse)]
    assert {refusal.code for refusal in refusals} == {"wrong_chain"}
    assert {refusal.batch is None for refusal in refusals} == {False}
    assert pair.child.halted == {A: "wrong_chain"}
    assert pair.parent.log.words(B) == ["b1", "b2", "b3"]
    assert pair.child_closed is not None and pair.child_closed.clean


def test_an_origin_that_was_not_announced_is_refused_with_its_batch() -> None:
    pair = Pair()
    pair.record(A, ["a1"])
    pair.connect()
    pair.settle(frames=4)
    pair.up.clear()
    pair.up.append(batch(1, zero(C), head("c", 1)))
    pair.deliver_up()
    pair.apply()
    answer = pair.down[-1]
    assert isinstance(answer, Refuse) and (answer.code, answer.batch) == ("not_enrolled", 1)


def test_a_batch_that_leaves_a_gap_is_refused_and_so_are_those_behind_it() -> None:
    pair = Pair(batch_commits=1)
    pair.record(A, ["a1", "a2", "a3"])
    pair.connect()
    pair.settle(frames=4)
    pair.up.clear()
    pair.up.append(batch(1, head("a", 1), head("a", 2)))
    pair.up.append(batch(2, zero(A), head("a", 1)))
    pair.settle(frames=2, apply=False)
    pair.apply()
    pair.apply()
    assert [(type(m), getattr(m, "code", "")) for m in pair.down] == [(Refuse, "gap"), (Refuse, "gap")]
    assert pair.parent.log.words(A) == []


# --- the wrong parent -------------------------------------------------------------------------------------------------


def test_a_child_that_is_newer_than_its_parent_holds_its_commits() -> None:
    pair = village()
    pair.child.schema_version = 2
    pair.drain()
    assert pair.child_closed is not None and pair.child_closed.code == "parent_older"
    assert pair.parent_closed is not None and pair.parent_closed.code == "parent_older"
    assert pair.parent.log.words(A) == []
    pair.parent.schema_version = 2
    pair.drain()
    assert_equal(pair)


# --- many heads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, limits.HEADS_PER_FRAME_MAX, limits.HEADS_PER_FRAME_MAX + 1])
@pytest.mark.parametrize("own", [True, False])
def test_heads_are_cut_into_frames_and_the_last_one_says_so(count: int, own: bool) -> None:
    some = [head("a", 1)] * count
    parts = pieces(some if own else [], [] if own else some)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert sum(len(part.own) for part in parts) == (count if own else 0)
    assert sum(len(part.relayed) for part in parts) == (0 if own else count)
    assert all(len(part.own) + len(part.relayed) <= limits.HEADS_PER_FRAME_MAX for part in parts)


def test_heads_in_several_frames_open_one_session() -> None:
    pair = village()
    pair.connect()
    sent = [message for message in pair.up if isinstance(message, Heads)]
    pair.up.pop()
    pair.up.extend([heads(own=sent[0].own, last=False), heads(last=False), heads(relayed=sent[-1].relayed, last=True)])
    pair.settle()
    assert pair.child_closed is not None and pair.child_closed.clean
