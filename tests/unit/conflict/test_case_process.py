"""Decisions, their revision and what people see of them: the cases 17, 33 and 71 to 75 of RESOLVER 5."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from conflict.asymmetry import asymmetry
from conflict.cases import Fact
from conflict.claims import EventRef, PersonRef
from conflict.decisions import (
    Action,
    Decision,
    Parameters,
    decision_id,
    in_force,
    revise,
    seen_by,
    supersedes,
    undo,
)
from conflict.differences import differences, hold
from conflict.explanation import RULES, Why
from conflict.reviewing import review_queue
from tests.unit.conflict.settling import arrival, cases, confirm, link, out, persons, record, ruling, settle

A = record("A:p", out("e1", "05-01", "B"))
B = record("B:n", arrival("e2", "05-03", "A", says=("name=Trần Thị Ánh", "personal_id=052190000001")))
ONE = "A:p B:n"


def decided() -> Decision:
    (decision,) = settle(A, B, links=ONE).decisions
    return decision


def with_claims(*claims: str, version: int = 0, depth: int = 1) -> Decision:
    refs = tuple(EventRef(claim) for claim in sorted(claims))
    parameters = Parameters(version, str(version))
    return replace(
        decided(),
        id=decision_id(refs[0], refs, parameters),
        case=refs[0],
        claims=refs,
        parameters=parameters,
        depth=depth,
    )


def test_a_decision_is_named_by_its_case_its_claims_and_its_parameters() -> None:
    parameters = Parameters(1, "h")
    claims = [EventRef("A:e1"), EventRef("B:e2")]
    name = decision_id(claims[0], claims, parameters)
    assert name == decision_id(claims[0], [*reversed(claims), claims[0]], parameters)
    others = {
        decision_id(claims[1], claims, parameters),
        decision_id(claims[0], claims[:1], parameters),
        decision_id(claims[0], claims, Parameters(1, "other")),
        decision_id(claims[0], [EventRef("A:e1B"), EventRef(":e2")], parameters),
    }
    assert len(others | {name}) == 5


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (with_claims("A:1", "A:2"), with_claims("A:1"), True),
        (with_claims("A:1"), with_claims("A:1", "A:2"), False),
        (with_claims("A:1", version=2), with_claims("A:1", version=1), True),
        (with_claims("A:1", version=1), with_claims("A:1", version=2), False),
        (with_claims("A:1", "A:2", version=1), with_claims("A:1", version=2), True),
        (with_claims("A:1", "A:2", depth=1), with_claims("A:1", "A:3", depth=2), True),
        (with_claims("A:1", "A:2", depth=2), with_claims("A:1", "A:3", depth=1), False),
        (with_claims("A:1"), with_claims("A:2"), False),
        (with_claims("A:1"), with_claims("A:1"), False),
    ],
)
def test_a_decision_supersedes_one_that_knows_less(new: Decision, old: Decision, *, expected: bool) -> None:
    assert supersedes(new, old) is expected


def test_one_of_several_decisions_about_a_claim_is_always_in_force() -> None:
    circle = [
        with_claims("A:1", "A:2", depth=1),
        with_claims("A:1", "A:2", "A:3", depth=3),
        with_claims("A:2", "A:4", depth=2),
    ]
    assert [decision.claims for decision in in_force(circle)] == [("A:2", "A:4")]


def test_case_17_a_correction_takes_the_decision_back_where_no_other_takes_its_place() -> None:
    after = settle(A, record("B:n", arrival("e2", "05-03", "A", cancelled="06-20")), links=ONE)
    (sent,) = revise([decided()], after.decisions, [EventRef("B:e2.c")])
    assert sent.undoes == decided().id
    assert [(ask.unit, ask.action, ask.ref) for ask in sent.asks] == [("A", Action.REOPEN, "A:p")]
    assert supersedes(sent, decided())


def test_case_17_a_decision_from_more_claims_takes_the_place_of_the_old_one() -> None:
    after = settle(record("A:p", out("e1", "05-01", "B"), confirm("e3", "06-01")), B, links=ONE)
    (sent,) = revise([decided()], after.decisions, [EventRef("A:e3")])
    assert not sent.undoes
    assert supersedes(sent, decided())
    assert revise([decided()], [decided()], []) == ()


def test_case_33_undoing_a_decision_reopens_what_it_closed_and_deletes_nothing() -> None:
    undone = undo(decided(), [EventRef("N:r1")], "N", 1)
    assert set(decided().claims) < set(undone.claims)
    assert in_force([decided(), undone]) == (undone,)
    apart = settle(A, B, links=ONE, rulings=[ruling("A:p", "B:n", "different")])
    sent = revise([decided()], apart.decisions, [EventRef("N:r1")])
    assert [decision.undoes for decision in sent] == [decided().id, ""]


def test_case_35_a_ruling_takes_the_place_of_the_proposal_whatever_the_ids() -> None:
    proposed = settle(A, B, links="A:p? B:n")
    for name in ("r1", "r2", "r3", "r4"):
        no = ruling("A:p", "B:n", "different", name=name)
        ruled = settle(A, B, links="A:p? B:n", rulings=[no])
        sent = revise(proposed.decisions, ruled.decisions, [no.ref])
        known = in_force([*proposed.decisions, *sent])
        assert {ask.action for decision in known for ask in decision.asks if ask.ref == "B:n"} <= {
            Action.COUNT,
            Action.REOPEN,
        }
        assert set(ruled.decisions) <= set(known)


def test_every_ruling_that_a_household_s_case_rests_on_is_in_its_evidence() -> None:
    records = [
        *(record(f"A:p{n}", out(f"o{n}", "05-01", "B", group="g")) for n in (1, 2)),
        *(record(f"B:n{n}", arrival(f"i{n}", "05-03", "A", group="h")) for n in (1, 2)),
    ]
    said = [ruling(f"A:p{n}", f"B:n{n}", "same", name=f"r{n}") for n in (1, 2)]
    (decision,) = settle(*records, rulings=said).decisions
    assert decision.claims == ("A:o1", "A:o2", "B:i1", "B:i2", "N:r1", "N:r2")


def test_a_reopened_ruling_is_part_of_the_evidence_of_the_new_question() -> None:
    no = ruling("A:p", "B:n", "different", seen=frozenset())
    (decision,) = settle(A, B, links=ONE, rulings=[no]).decisions
    assert no.ref in decision.claims


def test_case_71_a_unit_that_only_ever_reports_arrivals_shows() -> None:
    outcome = settle(
        A,
        B,
        record("B:q"),
        record("A:m", arrival("e8", "05-03", "B")),
        links="A:p B:n, B:q A:m",
    )
    rows = {row.unit: row for row in asymmetry(outcome.decisions)}
    assert (rows["A"].arrivals, rows["A"].left, rows["A"].announced, rows["A"].only_arrivals) == (1, 1, 1, False)
    assert (rows["B"].arrivals, rows["B"].left, rows["B"].announced, rows["B"].only_arrivals) == (1, 1, 0, True)


def test_case_72_a_wrong_batch_that_was_voided_changes_nobody() -> None:
    wrong = [record(f"B:n{n}", arrival(f"i{n}", "05-03", "A"), state="void") for n in range(3)]
    stayed = [record(f"A:p{n}") for n in range(3)]
    outcome = settle(*stayed, *wrong, links=", ".join(f"A:p{n} B:n{n}" for n in range(3)))
    assert persons(outcome)[:3] == [f"A:p{n}: A resident" for n in range(3)]
    assert {text.split(": ")[1] for text in persons(outcome)[3:]} == {"- void"}
    assert outcome.decisions == ()


def test_case_73_a_decision_never_tells_what_papers_say() -> None:
    text = repr(settle(A, B, links=ONE).decisions)
    assert "Trần" not in text
    assert "052190000001" not in text


def test_case_73_of_a_protected_person_an_office_sees_its_own_records_only() -> None:
    shown = seen_by(decided(), "A", frozenset({PersonRef("B:n")}))
    assert "B:" not in repr(shown)
    assert [(ask.action, ask.ref) for ask in shown.asks] == [(Action.CLOSE, "A:p")]
    assert seen_by(decided(), "A") == decided()


def test_case_74_the_review_queue_is_ordered_by_effect_and_then_by_age() -> None:
    outcome = settle(
        *(record(f"A:{n}") for n in ("p", "q", "r")),
        record("B:n", arrival("e1", "05-03", "A")),
        record("B:m", arrival("e2", "04-03", "A")),
        record("B:k", arrival("e3", "06-03", "A")),
        record("C:k", arrival("e4", "06-10", "A")),
        record("A:s"),
        links="A:p? B:n, A:q? B:m, A:r B:k, A:r C:k",
    )
    queue = review_queue(outcome.decisions)
    assert [(task.decision.case, task.effect) for task in queue] == [("B:e3", 3), ("B:e2", 1), ("B:e1", 1)]
    assert [task.since for task in queue[1:]] == [date(2025, 4, 3), date(2025, 5, 3)]


def test_case_75_new_weights_give_a_list_first_and_decide_nothing_silently() -> None:
    before = settle(A, B, links=ONE)
    after = settle(A, B, links=[link("A:p", "B:n", 8.0, "review")])
    (difference,) = differences(before.decisions, after.decisions)
    assert difference.case == "A:e1"
    assert [state.value for state, _ in difference.after] == ["proposed"]
    assert hold(before.decisions, after.decisions, frozenset()) == before.decisions
    assert differences(before.decisions, before.decisions) == ()


def test_case_75_new_claims_do_decide_again() -> None:
    before = settle(A, B, links=ONE)
    more = record("A:p", out("e1", "05-01", "B"), confirm("e3", "06-01"))
    after = settle(more, B, links=[link("A:p", "B:n", 8.0, "review")])
    assert hold(before.decisions, after.decisions, frozenset({EventRef("B:e2")})) == after.decisions


def test_every_fact_and_reason_has_a_rule() -> None:
    assert set(RULES) == {*Fact, *Why}


def test_every_decision_names_the_rule_of_each_step() -> None:
    codes = [(why.code, why.rule) for why in decided().reasons]
    assert codes == [
        ("arrived", "RESOLVER 3"),
        ("found", "RESOLVER 3"),
        ("agreed", "RESOLVER 1"),
        ("closing", "DESIGN 5"),
    ]
    assert cases(settle(A, B, links=ONE)) == ["A:e1 B:e2: settled moved auto at D"]
