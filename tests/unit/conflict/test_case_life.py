"""Births and deaths around a move: the cases 45 to 52 of RESOLVER 5."""

from __future__ import annotations

from datetime import date

import pytest

from conflict.claims import Record
from tests.unit.conflict.settling import (
    arrival,
    birth,
    cases,
    confirm,
    death,
    dispute,
    out,
    persons,
    record,
    settle,
)

MOTHER = record("A:m", out("e1", "05-01", "B"))
HERE = record("B:m", arrival("e2", "05-03", "A"))
BABY = record("A:b", birth("e3", "05-02"), mother=MOTHER)
ONE = "A:m B:m"


def test_case_45_a_newborn_counts_where_the_mother_counts_whoever_recorded_it() -> None:
    assert persons(settle(MOTHER, HERE, BABY, links=ONE)) == ["A:b: B resident", "A:m B:m: B resident"]
    born_here = record("B:b", birth("e4", "05-10"), mother=HERE)
    stays = record("A:m", dispute("e5", "05-05"))
    assert persons(settle(stays, HERE, born_here, links=ONE)) == ["A:m B:m: A resident", "B:b: A resident"]


def test_case_45_it_follows_her_until_it_has_a_move_of_its_own() -> None:
    child = record("A:b", birth("e3", "05-02"), out("e6", "05-20", "C"), mother=MOTHER)
    there = record("C:b", arrival("e7", "05-21", "A"))
    assert persons(settle(MOTHER, HERE, child, links=ONE))[0] == "A:b: A in_transit"
    assert persons(settle(MOTHER, HERE, child, there, links=f"{ONE}, A:b C:b"))[0] == "A:b C:b: C resident"


@pytest.mark.parametrize(
    ("mother", "expected"),
    [
        pytest.param((record("A:m", out("e1", "2024-05-01")),), "A:b: A resident", id="she lapsed at home"),
        pytest.param(
            (MOTHER, record("B:m", arrival("e2", "05-03", "A"), death("e9", "06-01"))),
            "A:b: B resident",
            id="she died there",
        ),
        pytest.param(
            (MOTHER, record("B:m", arrival("e2", "05-03", "A"), out("e9", "06-01", "Lào"))),
            "A:b: - abroad",
            id="she went abroad",
        ),
    ],
)
def test_case_45_a_newborn_stays_where_a_lost_mother_last_counted(mother: tuple[Record, ...], expected: str) -> None:
    baby = record("A:b", birth("e3", "05-02"), mother=mother[0])
    assert persons(settle(*mother, baby, links=ONE))[0] == expected


def test_case_45_the_newborn_of_a_doubtful_arrival_counts_where_it_was_recorded() -> None:
    born_here = record("B:b", birth("e4", "05-10"), mother=HERE)
    assert persons(settle(MOTHER, HERE, born_here, links="A:m? B:m"))[1] == "B:b: B resident"


def test_case_46_a_birth_reported_twice_is_one_birth_and_no_case() -> None:
    twice = record("C:b", birth("e5", "05-02"))
    outcome = settle(MOTHER, HERE, BABY, twice, links=f"{ONE}, A:b C:b")
    assert persons(outcome) == ["A:b C:b: B resident", "A:m B:m: B resident"]
    assert cases(outcome) == ["A:e1 B:e2: settled moved auto at D"]


def test_case_47_one_child_more_on_the_sheet_closes_the_old_record() -> None:
    child = record("B:b", arrival("e8", "05-03", "A"))
    outcome = settle(MOTHER, HERE, BABY, child, links=f"{ONE}, A:b B:b")
    assert persons(outcome) == ["A:b B:b: B resident", "A:m B:m: B resident"]
    assert "B:e8: settled moved auto at D" in cases(outcome)


def test_case_48_a_death_before_any_arrival_cancels_the_departure() -> None:
    outcome = settle(record("A:p", out("e1", "05-01", "B"), death("e2", "05-02")))
    assert persons(outcome) == ["A:p: - dead"]
    assert cases(outcome) == ["A:e1 A:e2: cancelled cancelled auto at D"]


def test_case_49_a_death_reported_by_the_origin_after_settling_counts() -> None:
    origin = record("A:p", out("e1", "05-01", "B"), death("e9", "06-01"))
    outcome = settle(origin, record("B:n", arrival("e2", "05-03", "A")), links="A:p B:n")
    assert persons(outcome) == ["A:p B:n: - dead"]
    assert cases(outcome) == ["A:e1 B:e2: settled moved auto at D"]


def test_case_49_a_death_dated_before_a_settled_arrival_is_disputed_and_the_person_counted() -> None:
    origin = record("A:p", out("e1", "05-01", "B"), death("e9", "05-02", recorded="2025-06-01T08:00:00"))
    outcome = settle(origin, record("B:n", arrival("e2", "05-03", "A")), links="A:p B:n")
    assert persons(outcome) == ["A:p B:n: B resident"]
    assert cases(outcome) == ["A:e1 A:e9 B:e2: disputed undecided - at D"]


def test_case_49_if_both_places_report_the_death_the_person_is_dead_whatever_the_days() -> None:
    origin = record("A:p", out("e1", "05-01", "B"), death("e9", "05-02", recorded="2025-06-01T08:00:00"))
    there = record("B:n", arrival("e2", "05-03", "A"), death("e8", "05-03"))
    assert persons(settle(origin, there, links="A:p B:n")) == ["A:p B:n: - dead"]


@pytest.mark.parametrize("verdict", ["A:p B:n", "A:p? B:n"])
def test_case_50_the_arrival_of_somebody_recorded_dead_waits_for_a_person_and_revives_nobody(verdict: str) -> None:
    outcome = settle(record("A:p", death("e9", "04-01")), record("B:n", arrival("e2", "05-03", "A")), links=verdict)
    assert persons(outcome) == ["A:p: - dead", "B:n: - proposed"]
    assert [case.state.value for case in outcome.cases] == ["proposed"]
    assert {a.action.value for d in outcome.decisions for a in d.asks} == {"hold", "rule"}


def test_case_50_a_death_told_by_one_of_two_rival_arrivals_leaves_the_dispute_open() -> None:
    outcome = settle(
        record("B:n", arrival("e1", "05-03", "F"), death("e3", "05-04")),
        record("C:n", arrival("e2", "05-10", "F")),
        links="B:n C:n",
    )
    assert persons(outcome) == ["B:n C:n: C resident"]
    assert cases(outcome) == ["B:e1 B:e3 C:e2: disputed undecided - at N"]


def test_case_50_also_a_death_that_is_dated_before_the_rival_s_own_arrival() -> None:
    outcome = settle(
        record("B:n", arrival("e1", "05-03", "F"), death("e3", "05-01")),
        record("C:n", arrival("e2", "05-10", "F")),
        links="B:n C:n",
    )
    assert persons(outcome) == ["B:n C:n: C resident"]
    assert [case.state.value for case in outcome.cases] == ["disputed"]


def test_case_51_a_later_entry_at_the_origin_is_routed_to_the_record_that_counts() -> None:
    (decision,) = settle(
        record("A:p", out("e1", "05-01", "B"), confirm("e9", "06-20")),
        record("B:n", arrival("e2", "05-03", "A")),
        links="A:p B:n",
    ).decisions
    assert decision.routed(record("A:p").ref) == "B:n"
    assert decision.routed(record("B:n").ref) == "B:n"


def test_case_52_a_stillbirth_during_a_move_counts_nowhere() -> None:
    baby = record("A:b", birth("e3", "05-02"), death("e4", "05-02"), mother=MOTHER)
    assert persons(settle(MOTHER, HERE, baby, links=ONE)) == ["A:b: - dead", "A:m B:m: B resident"]


def test_a_newborn_whose_mother_is_not_among_the_records_follows_her_as_her_office_knows_her() -> None:
    assert persons(settle(BABY, as_of=date(2025, 5, 20))) == ["A:b: A in_transit"]
