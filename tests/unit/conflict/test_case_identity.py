"""Who is one person, as the settlement takes it from links and rulings: the cases 31 to 35 of RESOLVER 5."""

from __future__ import annotations

from itertools import permutations

import pytest

from conflict.links import Link
from conflict.rulings import Ruling
from conflict.settlement import Outcome
from tests.unit.conflict.settling import arrival, cases, link, out, persons, record, ruling, settle

A = record("A:p", out("e1", "05-01", "B"))
B = record("B:n", arrival("e2", "05-03", "A", says=("name=Lan",)))
ONE = "A:p B:n"
PROPOSED = ["A:p: A in_transit", "B:n: - proposed"]


def test_case_18_twins_of_whom_one_moved_wait_for_a_person_if_the_link_does_not_tell_them_apart() -> None:
    outcome = settle(A, record("A:q"), B, links="A:p? B:n, A:q? B:n")
    assert persons(outcome) == ["A:p: A in_transit", "A:q: A resident", "B:n: - proposed"]
    assert cases(outcome) == ["A:e1 B:e2: proposed undecided - at N"]


def test_case_18_twins_who_both_moved_are_one_case_and_nobody_is_merged() -> None:
    twin, other = record("A:q", out("e3", "05-01", "B")), record("B:m", arrival("e4", "05-03", "A"))
    outcome = settle(A, twin, B, other, links="A:p? B:n, A:q? B:n, A:p? B:m, A:q? B:m")
    assert persons(outcome) == [
        "A:p: A in_transit",
        "A:q: A in_transit",
        "B:m: - proposed",
        "B:n: - proposed",
    ]
    assert cases(outcome) == ["A:e1 A:e3 B:e2 B:e4: proposed undecided - at N"]


def test_case_31_a_duplicate_in_one_commune_found_by_the_move_joins_the_mover() -> None:
    outcome = settle(A, record("A:q"), B, links="A:p B:n, A:q B:n")
    assert persons(outcome) == ["A:p A:q B:n: B resident"]
    assert cases(outcome) == ["A:e1 B:e2: settled duplicate auto at D"]
    closed = {(a.ref, a.successor) for d in outcome.decisions for a in d.asks if a.action.value == "close"}
    assert closed == {("A:p", "B:n"), ("A:q", "B:n")}


def test_case_31_an_arrival_at_the_office_that_already_has_the_person_is_a_second_form() -> None:
    outcome = settle(record("A:p"), record("A:n", arrival("e2", "05-03", "F")), links="A:p A:n")
    assert persons(outcome) == ["A:n A:p: A resident"]
    assert cases(outcome) == ["A:e2: settled duplicate auto at N"]


def test_case_32_two_homes_are_one_counting_unit_and_one_temporary_presence() -> None:
    second = record("B:n", arrival("e2", "05-03", "A", residence="temporary"), residence="temporary")
    outcome = settle(record("A:p"), second, links=ONE)
    assert persons(outcome) == ["A:p B:n: A resident"]
    assert cases(outcome) == ["B:e2: settled stayed auto at D"]


def test_case_33_a_wrong_merge_is_undone_and_later_events_go_back_to_their_records() -> None:
    died = record("A:p", out("e1", "05-01", "B"), *())
    lives = record("B:n", arrival("e2", "05-03", "A"), out("e3", "06-01", "Lào"))
    merged = settle(died, lives, links=ONE)
    assert persons(merged) == ["A:p B:n: - abroad"]
    apart = settle(died, lives, links=ONE, rulings=[ruling("A:p", "B:n", "different", day="06-20")])
    assert persons(apart) == ["A:p: A in_transit", "B:n: - abroad"]
    assert cases(apart) == [
        "A:e1: open-out undecided - at N",
        "B:e2: settled new_entry person at N",
        "B:e3: settled moved auto at D",
    ]


LINKS_34 = (link("A:p", "B:n", 18.0), link("B:n", "C:m", 17.0), link("A:p", "C:m", -9.0, "apart", ["sex"]))


@pytest.mark.parametrize("links", list(permutations(LINKS_34)))
def test_case_34_the_weaker_link_that_breaks_a_hard_fact_is_refused(links: tuple[Link, ...]) -> None:
    outcome = settle(A, B, record("C:m", arrival("e5", "05-20", "B")), links=links)
    assert persons(outcome) == ["A:p B:n: B resident", "C:m: - proposed"]
    assert cases(outcome) == ["A:e1 B:e2: settled moved auto at D", "C:e5: proposed undecided - at N"]


@pytest.mark.parametrize("flipped", [False, True])
def test_case_34_equal_links_are_taken_in_the_order_of_their_ids(*, flipped: bool) -> None:
    links = [link("A:p", "B:n"), link("C:m", "B:n"), link("A:p", "C:m", -9.0, "apart", ["sex"])]
    outcome = settle(A, B, record("C:m"), links=reversed(links) if flipped else links)
    assert persons(outcome)[0] == "A:p B:n: B resident"


NO = ruling("A:p", "B:n", "different", day="06-01")


def settled_apart(outcome: Outcome) -> bool:
    return persons(outcome) == ["A:p: A in_transit", "B:n: B resident"]


def test_case_35_a_reviewer_s_no_persists() -> None:
    outcome = settle(A, B, links=ONE, rulings=[NO])
    assert settled_apart(outcome)
    assert cases(outcome) == ["A:e1: open-out undecided - at N", "B:e2: settled new_entry person at N"]


def test_case_35_more_of_the_same_evidence_does_not_reopen_it() -> None:
    again = record(
        "B:n",
        arrival("e2", "05-03", "A", says=("name=Lan",)),
        arrival("e9", "05-03", "A", says=("name=Lan",), recorded="2025-06-20T08:00:00"),
    )
    assert settled_apart(settle(A, again, links=ONE, rulings=[NO]))


def test_case_35_new_personal_evidence_reopens_it_and_it_is_proposed_until_ruled_again() -> None:
    more = record(
        "B:n",
        arrival("e2", "05-03", "A", says=("name=Lan",)),
        arrival("e9", "05-03", "A", says=("personal_id=052300000001",), recorded="2025-06-20T08:00:00"),
    )
    outcome = settle(A, more, links=ONE, rulings=[NO])
    assert persons(outcome) == PROPOSED
    assert "reopened" in {why.code for d in outcome.decisions for why in d.reasons}
    again = settle(A, more, links=ONE, rulings=[NO, ruling("A:p", "B:n", "same", day="06-25", name="r2")])
    assert persons(again) == ["A:p B:n: B resident"]
    assert cases(again) == ["A:e1 B:e2 B:e9: settled moved person at N"]


def test_case_35_the_same_arrival_under_another_id_joins_the_record_that_was_ruled_on() -> None:
    again = record("B:n2", arrival("e8", "05-03", "A", says=("name=Lan",)))
    outcome = settle(A, B, again, links="A:p B:n, A:p B:n2", rulings=[NO])
    assert persons(outcome) == ["A:p: A in_transit", "B:n B:n2: B resident"]


def test_case_35_claims_that_were_named_as_seen_do_not_reopen_it_and_others_do() -> None:
    named = ruling("A:p", "B:n", "different", day="06-01", seen=frozenset())
    assert persons(settle(A, B, links=ONE, rulings=[named])) == PROPOSED


@pytest.mark.parametrize(
    ("rulings", "is_one"),
    [
        ([ruling("A:p", "B:n", "same", at="N"), ruling("A:p", "B:n", "different", at="D", day="06-20")], True),
        ([ruling("A:p", "B:n", "different", at="N"), ruling("A:p", "B:n", "same", at="D", day="06-20")], False),
        ([ruling("A:p", "B:n", "same", at="D"), ruling("A:p", "B:n", "different", at="D", day="06-20")], False),
        (
            [
                ruling("A:p", "B:n", "same", at="D", position=9),
                ruling("A:p", "B:n", "different", at="D", day="06-20", position=8),
            ],
            True,
        ),
    ],
)
def test_the_higher_authority_s_ruling_holds_and_of_one_authority_the_later_in_its_log(
    rulings: list[Ruling], *, is_one: bool
) -> None:
    for order in (rulings, rulings[::-1]):
        assert (len(settle(A, B, links="", rulings=order).persons) == 1) is is_one


def test_a_ruling_joins_what_no_link_joined_and_is_named_as_deciding() -> None:
    outcome = settle(A, B, rulings=[ruling("A:p", "B:n", "same", at="D")])
    assert persons(outcome) == ["A:p B:n: B resident"]
    assert cases(outcome) == ["A:e1 B:e2: settled moved person at D"]
    assert outcome.decisions[0].claims == ("A:e1", "B:e2", "D:r1")


def test_a_doubtful_arrival_is_not_counted_and_the_departure_it_may_answer_does_not_lapse() -> None:
    left = record("A:p", out("e1", "2024-11-01", "B"))
    outcome = settle(left, B, links="A:p? B:n")
    assert persons(outcome) == PROPOSED
    assert cases(outcome) == ["A:e1 B:e2: proposed undecided - at N"]


def test_two_standing_records_that_are_one_are_disputed_and_named_by_their_persons() -> None:
    outcome = settle(record("A:p", number="052300000001"), record("B:q", number="052300000001"), links="A:p B:q")
    assert persons(outcome) == ["A:p B:q: A resident"]
    assert cases(outcome) == ["A:p B:q: disputed undecided - at D"]
