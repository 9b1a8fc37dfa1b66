"""What is a move and what is none: the cases 53 to 60 of RESOLVER 5."""

from __future__ import annotations

from datetime import date

import pytest

from conflict.places import PlaceBook
from conflict.policy import DEFAULT_POLICY
from conflict.standing import stay_verify_day
from tests.unit.conflict.settling import PLACES, arrival, cases, dispute, out, persons, record, said, settle

STAY = record("B:n", arrival("e2", "05-03", "A", residence="temporary"), residence="temporary")
THERE = record("B:n", arrival("e2", "05-03", "A"))
ONE = "A:p B:n"


def test_case_53_a_temporary_stay_is_no_move() -> None:
    away = record("A:p", out("e1", "05-01", "B", residence="temporary"), residence="absent")
    outcome = settle(away, STAY, links=ONE)
    assert persons(outcome) == ["A:p B:n: A away"]
    assert cases(outcome) == ["B:e2: settled stayed auto at D"]


def test_case_54_a_departure_for_good_and_a_temporary_arrival_are_one_visit() -> None:
    outcome = settle(record("A:p", out("e1", "05-01", "B")), STAY, links=ONE)
    assert persons(outcome) == ["A:p B:n: A away"]
    assert cases(outcome) == ["A:e1 B:e2: settled stayed auto at D"]


def test_case_54_the_end_of_the_visit_told_as_a_departure_belongs_to_it() -> None:
    ended = record(
        "B:n",
        arrival("e2", "05-03", "A", residence="temporary"),
        out("e3", "06-01", "A"),
        residence="temporary",
    )
    outcome = settle(record("A:p", out("e1", "05-01", "B")), ended, links=ONE)
    assert persons(outcome) == ["A:p B:n: A away"]
    assert cases(outcome) == ["A:e1 B:e2 B:e3: settled stayed auto at D"]


def test_case_54_a_stay_long_before_does_not_answer_a_departure() -> None:
    early = record("B:n", arrival("e2", "2024-05-03", "A", residence="temporary"), residence="temporary")
    outcome = settle(record("A:p", out("e1", "05-01")), early, links=ONE)
    assert persons(outcome) == ["A:p B:n: A in_transit"]


def test_case_55_a_stay_that_was_never_closed_becomes_a_task_and_never_permanent() -> None:
    stay = record("B:n", arrival("e2", "2020-05-03", "A", residence="temporary"), residence="temporary")
    assert persons(settle(record("A:p"), stay, links=ONE)) == ["A:p B:n: A resident"]
    assert persons(settle(stay)) == ["B:n: - temporary"]
    assert stay_verify_day(stay, date(2025, 6, 30), DEFAULT_POLICY) == date(2020, 11, 3)


def test_case_56_a_departure_withdrawn_while_an_arrival_stands_is_a_dispute_dated_at_the_cancel() -> None:
    origin = record("A:p", out("e1", "05-01", "B", cancelled="05-20"))
    outcome = settle(origin, THERE, links=ONE)
    assert persons(outcome) == ["A:p B:n: B resident"]
    assert cases(outcome) == ["A:e1 A:e1.c B:e2: disputed undecided - at D"]
    (decision,) = outcome.decisions
    assert date(2025, 5, 20) in {why.day for why in decision.reasons if why.code == "contested"}


def test_case_56_a_departure_withdrawn_before_the_arrival_is_a_case_of_its_own() -> None:
    origin = record("A:p", out("e1", "04-01", "B", cancelled="04-20"))
    outcome = settle(origin, THERE, links=ONE)
    assert cases(outcome) == ["A:e1 A:e1.c: cancelled cancelled auto at D", "B:e2: settled moved auto at D"]


def test_case_56_a_withdrawn_arrival_leaves_the_person_where_they_were() -> None:
    outcome = settle(record("A:p"), record("B:n", arrival("e2", "05-03", "A", cancelled="05-20")), links=ONE)
    assert persons(outcome) == ["A:p: A resident", "B:n: - void"]


def test_case_57_abroad_and_back_are_two_cases_of_one_person() -> None:
    back = record("A:n", arrival("e2", "05-03", "Lào"))
    outcome = settle(record("A:p", out("e1", "03-01", "Lào")), back, links="A:p A:n")
    assert persons(outcome) == ["A:n A:p: A resident"]
    assert cases(outcome) == ["A:e1: settled moved auto at D", "A:e2: settled moved auto at N"]


def test_case_58_a_wrong_destination_in_the_departure_does_not_matter() -> None:
    for place in ("C", "F", "Lào", "somewhere"):
        outcome = settle(record("A:p", out("e1", "05-01", place)), THERE, links=ONE)
        assert persons(outcome) == ["A:p B:n: B resident"]
        assert cases(outcome) == ["A:e1 B:e2: settled moved auto at D"]


def test_case_59_a_move_inside_the_commune_is_no_case() -> None:
    inside = record("A:n", arrival("e2", "05-03", "A"))
    outcome = settle(record("A:p", out("e1", "05-01", "A")), inside)
    assert persons(outcome) == ["A:n: A resident", "A:p: A resident"]
    assert cases(outcome) == []


def test_case_59_its_two_records_are_one_person_who_is_counted_once() -> None:
    inside = record("A:n", arrival("e2", "05-03", "A"))
    outcome = settle(record("A:p", out("e1", "05-01", "A")), inside, links="A:p A:n")
    assert persons(outcome) == ["A:n A:p: A resident"]


@pytest.mark.parametrize(
    ("ref", "node"),
    [("B:n", "D"), ("C:n", "P"), ("F:n", "N")],
    ids=["one district", "two districts", "two provinces"],
)
def test_case_60_the_lowest_node_that_sees_both_ends_settles(ref: str, node: str) -> None:
    there = record(ref, arrival("e2", "05-03", "A"))
    outcome = settle(record("A:p", out("e1", "05-01")), there, links=f"A:p {ref}")
    assert outcome.cases[0].settled_at == node


@pytest.mark.parametrize(
    ("place", "number", "node"),
    [
        ("", "", "N"),
        ("somewhere", "", "N"),
        ("F", "", "N"),
        ("", "052300000001", "D"),
        ("C", "", "N"),
        ("A", "", "D"),
    ],
)
def test_case_60_without_closing_evidence_the_case_climbs(place: str, number: str, node: str) -> None:
    origin = record("A:p", out("e1", "05-01"), number=number)
    there = record("B:n", arrival("e2", "05-03", place), number=number)
    assert settle(origin, there, links=ONE).cases[0].settled_at == node


def test_several_roots_without_a_common_parent_still_have_an_authority() -> None:
    origin = record("A:p", out("e1", "05-01"))
    forest = PlaceBook(place for place in PLACES if place.node_id != "N")
    there = record("F:n", arrival("e2", "05-03", "A"))
    assert settle(origin, there, links="A:p F:n", places=forest).cases[0].settled_at == "P"


def test_a_paper_in_hand_is_no_departure_yet() -> None:
    outcome = settle(record("A:p", out("e1", "08-01", "B")))
    assert persons(outcome) == ["A:p: A resident"]


def test_the_end_of_a_stay_belongs_to_the_stay() -> None:
    ended = record(
        "B:n",
        arrival("e2", "05-03", "A", residence="temporary"),
        said("e3", "end_temporary", "06-01"),
        residence="temporary",
    )
    outcome = settle(record("A:p", dispute("e9", "05-10")), ended, links=ONE)
    assert cases(outcome) == ["B:e2 B:e3: settled stayed auto at D"]
