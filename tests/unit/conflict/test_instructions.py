"""What an office is told of one record: which word counts, and which question is still open."""

from __future__ import annotations

import itertools
from datetime import date

from conflict.cases import DecidedBy, Outcome, State
from conflict.claims import EventRef, PersonRef
from conflict.decisions import Action, Ask, Decision, Parameters, undo
from conflict.explanation import Why, reason
from conflict.instructions import Received, groups, instruction, open_questions, standing

DAY = date(2026, 1, 1)
REF = PersonRef("a:p0")


def made(
    name: str,
    claims: str,
    action: Action = Action.CLOSE,
    *,
    ref: PersonRef = REF,
    state: State = State.SETTLED,
    depth: int = 1,
    undoes: str = "",
    day: date | None = None,
) -> Decision:
    refs = tuple(EventRef(claim) for claim in sorted(claims.split()))
    ask = Ask(ref.partition(":")[0], action, ref, PersonRef("c:n0") if action is Action.CLOSE else "")
    why = () if day is None else (reason(Why.CLOSING, "x", day=day),)
    return Decision(
        name, refs[0], refs, Parameters(1, "h"), state, Outcome.MOVED, DecidedBy.AUTO, "p", depth, None, (ask,), why, undoes
    )  # fmt: skip


def decision(item: Decision) -> Received:
    return Received(item, False, DAY)


def question(item: Decision, as_of: date = DAY) -> Received:
    return Received(item, True, as_of)


def test_nothing_came_and_nothing_holds() -> None:
    assert instruction((), REF) is None


def test_a_decision_holds_until_one_that_knows_more_takes_its_place() -> None:
    first, second = decision(made("1", "x y")), decision(made("2", "x y z", Action.COUNT))
    for order in itertools.permutations((first, second)):
        assert instruction(order, REF) == second.decision.asks[0]
    assert instruction((first,), REF) == first.decision.asks[0]


def test_what_was_taken_back_holds_no_more() -> None:
    first = made("1", "x y")
    back = undo(first, [EventRef("z")], "p", 1)
    for order in itertools.permutations((decision(first), decision(back))):
        assert instruction(order, REF) is None
        assert standing(order) == ()


def test_of_two_moves_of_one_record_the_later_one_counts() -> None:
    there = decision(made("1", "x y", Action.CLOSE, day=date(2026, 1, 1)))
    back = decision(made("2", "u v", Action.COUNT, day=date(2026, 5, 1)))
    for order in itertools.permutations((there, back)):
        assert instruction(order, REF) == back.decision.asks[0]


def test_who_is_not_counted_until_it_is_ruled_on_is_held_by_an_open_question_alone() -> None:
    held = question(made("q", "x", Action.HOLD, state=State.PROPOSED))
    ruled = decision(made("1", "x r", Action.COUNT))
    assert instruction((held,), REF) == held.decision.asks[0]
    assert instruction((held, ruled), REF) == ruled.decision.asks[0]


def test_a_question_is_over_once_a_decision_rests_on_the_same_claims() -> None:
    asked = question(made("q", "x y", Action.ANSWER, state=State.MATCHED))
    assert open_questions((asked,)) == (asked,)
    assert open_questions((asked, decision(made("1", "x y")))) == ()
    assert open_questions((asked, decision(made("1", "x z")))) == (asked,)


def test_a_question_is_over_when_it_is_withdrawn_and_another_one_is_not() -> None:
    asked, other = question(made("q", "x y", Action.ANSWER)), question(made("r", "u", Action.ANSWER))
    back = question(made("w", "x y z", Action.REOPEN, undoes="q"))
    for order in itertools.permutations((asked, other, back)):
        assert open_questions(order) == (other,)


def test_what_takes_a_decision_back_answers_no_question() -> None:
    settled = made("1", "x y")
    asked = question(made("q", "x y", Action.VISIT, state=State.DISPUTED), date(2026, 2, 1))
    back = decision(undo(settled, [EventRef("y")], "p", 1))
    assert open_questions((asked, back)) == (asked,)


def test_of_two_questions_on_the_same_claims_the_later_one_is_open() -> None:
    first, second = question(made("q", "x", Action.ANSWER)), question(made("r", "x", Action.VISIT), date(2026, 2, 1))
    for order in itertools.permutations((first, second)):
        assert open_questions(order) == (second,)


def test_only_what_shares_claims_is_looked_at_together() -> None:
    one, two, three = decision(made("1", "x y")), decision(made("2", "y z")), decision(made("3", "u"))
    assert {tuple(item.id for item in group) for group in groups((three, two, one))} == {("1", "2"), ("3",)}
