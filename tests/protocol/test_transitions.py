"""The table is the law: what it does not list ends the session, what it lists is taken, on both sides and in any state."""

from __future__ import annotations

import pytest

from node.protocol.actions import Close, Send
from node.protocol.child import ChildSession
from node.protocol.messages import ChildMessage, Drained, Finish, ParentMessage
from node.protocol.parent import LookedUp, ParentSession
from node.protocol.transitions import CHILD_TAKES, PARENT_TAKES, ChildState, ParentState
from tests.protocol.words import A1, CHILD_SAYS, PARENT_SAYS, batch, head, header, heads, hello, origin, welcome, zero

ZERO = zero(origin("a"))


def child_in(state: ChildState) -> ChildSession:
    """A child of one origin with one commit, led to a state by the shortest way."""
    session = ChildSession(follow=False)
    if state is ChildState.NEW:
        return session
    session.start(hello(), [A1], [], 0)
    if state is ChildState.GREETED:
        return session
    if state is ChildState.CLOSED:
        session.violated("malformed", "")
        return session
    session.receive(welcome(), 0)
    if state is ChildState.WELCOMED:
        return session
    session.receive(heads(relayed=(ZERO,)), 0)
    if state is ChildState.LOCATING:
        return session
    session.located({A1.origin: ZERO.hash}, {}, 0)
    session.loaded(header(ZERO, A1), b"body", 0)
    if state is ChildState.FINISHING:
        session.stop("shutdown")
    return session


def parent_in(state: ParentState) -> ParentSession:
    session = ParentSession(0)
    if state is ParentState.NEW:
        return session
    if state is ParentState.CLOSED:
        session.violated("malformed", "")
        return session
    session.receive(hello(), 0)
    if state is ParentState.GREETED:
        return session
    session.receive(heads(own=(A1,)), 0)
    if state is ParentState.STREAMING:
        session.looked_up(LookedUp(welcome(), (ZERO,), ()), 0)
    return session


@pytest.mark.parametrize("state", ChildState)
def test_the_way_to_a_state_of_the_child_leads_there(state: ChildState) -> None:
    assert child_in(state).state is state


@pytest.mark.parametrize("state", ParentState)
def test_the_way_to_a_state_of_the_parent_leads_there(state: ParentState) -> None:
    assert parent_in(state).state is state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(state, message, id=f"{state.value}-{type(message).__name__}")
        for state, taken in CHILD_TAKES.items()
        for message in PARENT_SAYS
        if type(message) not in taken and state is not ChildState.CLOSED
    ],
)
def test_what_the_child_does_not_take_ends_the_session(state: ChildState, message: ParentMessage) -> None:
    session = child_in(state)
    told, closed = session.receive(message, 0)
    assert isinstance(told, Send) and isinstance(told.message, Finish) and told.message.code == "out_of_turn"
    assert isinstance(closed, Close) and (closed.code, closed.clean) == ("out_of_turn", False)
    assert session.state is ChildState.CLOSED


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(state, message, id=f"{state.value}-{type(message).__name__}")
        for state, taken in PARENT_TAKES.items()
        for message in CHILD_SAYS
        if type(message) not in taken and state is not ParentState.CLOSED
    ],
)
def test_what_the_parent_does_not_take_ends_the_session(state: ParentState, message: ChildMessage) -> None:
    session = parent_in(state)
    told, closed = session.receive(message, 0)
    assert isinstance(told, Send) and isinstance(told.message, Finish) and told.message.code == "out_of_turn"
    assert isinstance(closed, Close) and (closed.code, closed.clean) == ("out_of_turn", False)
    assert session.state is ParentState.CLOSED


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(state, message, id=f"{state.value}-{type(message).__name__}")
        for state, taken in CHILD_TAKES.items()
        for message in PARENT_SAYS
        if type(message) in taken
        # a second answer to heads is taken only when the child has announced some more
        and not (state is ChildState.STREAMING and type(message) is type(heads()))
    ],
)
def test_what_the_child_takes_does_not_break_a_rule(state: ChildState, message: ParentMessage) -> None:
    assert "out_of_turn" not in [
        action.code for action in child_in(state).receive(message, 0) if isinstance(action, Close)
    ]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(state, message, id=f"{state.value}-{type(message).__name__}")
        for state, taken in PARENT_TAKES.items()
        for message in CHILD_SAYS
        if type(message) in taken
    ],
)
def test_what_the_parent_takes_does_not_break_a_rule(state: ParentState, message: ChildMessage) -> None:
    closed = [action.code for action in parent_in(state).receive(message, 0) if isinstance(action, Close)]
    assert closed == (["done"] if isinstance(message, Finish) else [])


@pytest.mark.parametrize("message", PARENT_SAYS, ids=lambda message: type(message).__name__)
def test_a_closed_child_does_nothing_more(message: ParentMessage) -> None:
    session = child_in(ChildState.CLOSED)
    assert session.receive(message, 0) == []
    assert session.tick(10**9) == session.stop("done") == session.violated("malformed", "") == []
    assert session.located({}, {}, 0) == session.loaded(None, b"", 0) == session.advanced([A1], [], 0) == []


@pytest.mark.parametrize("message", CHILD_SAYS, ids=lambda message: type(message).__name__)
def test_a_closed_parent_does_nothing_more(message: ChildMessage) -> None:
    session = parent_in(ParentState.CLOSED)
    assert session.receive(message, 0) == []
    assert (
        session.tick(10**9)
        == session.stop("done")
        == session.violated("malformed", "")
        == session.minted(b"t", 0)
        == []
    )
    assert session.looked_up(LookedUp(welcome(), (), ()), 0) == []


def test_what_was_applied_when_the_session_was_over_is_not_answered() -> None:
    session = parent_in(ParentState.STREAMING)
    session.receive(batch(1, ZERO, A1), 0)
    session.receive(batch(2, A1, head("a", 2)), 0)
    session.violated("malformed", "")
    frame = batch(1, ZERO, A1)
    assert session.applied(frame.batch, 0, 0) == []
    assert session.refused(batch(2, A1, head("a", 2)).batch, "wrong_chain", "", 0) == []


def test_drained_before_everything_is_answered_is_out_of_turn() -> None:
    session = parent_in(ParentState.STREAMING)
    session.receive(batch(1, ZERO, A1), 0)
    closed = session.receive(Drained(), 0)[-1]
    assert isinstance(closed, Close) and closed.code == "out_of_turn"


@pytest.mark.parametrize(
    "state", [s for s in ChildState if s not in {ChildState.NEW, ChildState.CLOSED, ChildState.FINISHING}]
)
def test_a_child_that_stops_takes_what_is_still_under_way(state: ChildState) -> None:
    session = child_in(state)
    session.stop("shutdown")
    later: list[ParentMessage] = [welcome(ticket_verdict="stale")] if state is ChildState.GREETED else []
    if state in {ChildState.GREETED, ChildState.WELCOMED}:
        later.append(heads(relayed=(ZERO,)))
    later.append(Finish(code="shutdown", detail=""))
    closed = [action for message in later for action in session.receive(message, 0) if isinstance(action, Close)]
    assert [action.code for action in closed] == ["shutdown"]
