"""Order and one-sidedness: the cases 1 to 17 of RESOLVER 5."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from conflict.claims import Record
from conflict.settlement import Outcome
from tests.unit.conflict.settling import (
    arrival,
    cases,
    confirm,
    dispute,
    out,
    persons,
    record,
    settle,
)


def moved(*, origin: Record | None = None, arrived: Record | None = None) -> tuple[Record, Record]:
    return (
        origin or record("A:p", out("e1", "05-01", "B")),
        arrived or record("B:n", arrival("e2", "05-03", "A")),
    )


ONE = "A:p B:n"
SETTLED = ["A:e1 B:e2: settled moved auto at D"]


def check(outcome: Outcome, expected_persons: list[str], expected_cases: list[str]) -> None:
    assert persons(outcome) == expected_persons
    assert cases(outcome) == expected_cases


def test_case_01_an_arrival_before_its_departure_is_settled_when_both_are_there() -> None:
    origin, arrived = moved(origin=record("A:p", out("e1", "05-10", "B", recorded="2025-06-20T08:00:00")))
    check(settle(origin, arrived, links=ONE), ["A:p B:n: B resident"], SETTLED)


@pytest.mark.parametrize(
    ("as_of", "expected", "state"),
    [
        (date(2025, 10, 27), "A:p: A in_transit", "open-out undecided -"),
        (date(2025, 10, 28), "A:p: - lapsed", "lapsed lapsed auto"),
    ],
)
def test_case_02_a_departure_that_nobody_confirms_counts_at_the_origin_until_it_lapses(
    as_of: date, expected: str, state: str
) -> None:
    check(settle(record("A:p", out("e1", "05-01", "B")), as_of=as_of), [expected], [f"A:e1: {state} at N"])


@pytest.mark.parametrize(
    ("as_of", "state"),
    [
        (date(2025, 6, 1), "matched undecided -"),
        (date(2025, 6, 2), "settled moved auto"),
    ],
)
def test_case_03_an_arrival_nobody_announced_closes_the_ghost_when_the_origin_stays_silent(
    as_of: date, state: str
) -> None:
    outcome = settle(*moved(origin=record("A:p")), links=ONE, as_of=as_of)
    check(outcome, ["A:p B:n: B resident"], [f"B:e2: {state} at D"])


def test_case_03_the_origin_is_asked_and_then_told_to_close_its_record() -> None:
    for as_of, expected in ((date(2025, 5, 20), "answer"), (date(2025, 6, 20), "close")):
        (decision,) = settle(*moved(origin=record("A:p")), links=ONE, as_of=as_of).decisions
        assert [(a.unit, a.action.value, a.ref, a.successor) for a in decision.asks_of("A")] == [
            ("A", expected, "A:p", "B:n")
        ]


def test_case_03_has_left_is_an_answer() -> None:
    origin = record("A:p", confirm("e3", "05-05"))
    outcome = settle(*moved(origin=origin), links=ONE, as_of=date(2025, 5, 6))
    check(outcome, ["A:p B:n: B resident"], ["A:e3 B:e2: settled moved auto at D"])


@pytest.mark.parametrize(
    ("place", "as_of", "state"),
    [
        ("A", date(2025, 6, 1), "open-in undecided -"),
        ("A", date(2025, 6, 2), "settled new_entry auto"),
        ("Sài Gòn", date(2025, 5, 4), "settled new_entry auto"),
    ],
)
def test_case_04_an_arrival_of_whom_nobody_knows_counts_and_is_matched_to_nobody(
    place: str, as_of: date, state: str
) -> None:
    outcome = settle(record("A:p"), record("B:n", arrival("e2", "05-03", place)), as_of=as_of)
    check(outcome, ["A:p: A resident", "B:n: B resident"], [f"B:e2: {state} at N"])


def test_case_04_it_stays_open_while_the_search_goes_on() -> None:
    outcome = settle(record("B:n", arrival("e2", "05-03", "A")), searched=False)
    assert cases(outcome) == ["B:e2: open-in undecided - at N"]


def test_case_05_dates_a_few_days_apart_settle_on_the_date_of_the_arrival_and_keep_both() -> None:
    (decision,) = settle(*moved(origin=record("A:p", out("e1", "05-08", "B"))), links=ONE).decisions
    assert decision.claims == ("A:e1", "B:e2")
    assert (decision.reasons[0].code, decision.reasons[0].day) == ("arrived", date(2025, 5, 3))


def test_case_06_a_late_report_is_read_by_its_own_date() -> None:
    late = record("B:n", arrival("e2", "05-03", "A", recorded="2025-06-29T08:00:00"))
    then = record("C:m", arrival("e3", "06-10", "B"))
    left = record("B:n", *(), arrival("e2", "05-03", "A", recorded="2025-06-29T08:00:00"), out("e4", "06-09", "C"))
    check(settle(*moved(arrived=late), links=ONE), ["A:p B:n: B resident"], SETTLED)
    outcome = settle(record("A:p", out("e1", "05-01", "B")), left, then, links="A:p B:n, B:n C:m")
    assert persons(outcome) == ["A:p B:n C:m: C resident"]


def test_case_07_a_second_departure_after_settling_is_corroboration() -> None:
    origin = record("A:p", out("e1", "05-01", "B"), out("e9", "06-01", "B"))
    outcome = settle(*moved(origin=origin), links=ONE)
    check(outcome, ["A:p B:n: B resident"], ["A:e1 A:e9 B:e2: settled moved auto at D"])


@pytest.mark.parametrize("links", ["A:p B:n, A:p B:n2", "A:p B:n, B:n B:n2"])
def test_case_08_the_same_arrival_twice_is_one_case(links: str) -> None:
    again = record("B:n2", arrival("e8", "05-04", "A"))
    outcome = settle(*moved(), again, links=links)
    check(outcome, ["A:p B:n B:n2: B resident"], ["A:e1 B:e2 B:e8: settled moved auto at D"])


def test_case_08_the_same_row_twice_changes_nothing() -> None:
    assert settle(*moved(), *moved(), links=f"{ONE}, {ONE}") == settle(*moved(), links=ONE)


def test_case_10_an_absurd_clock_changes_no_settlement() -> None:
    for recorded in ("1970-01-01T00:00:00", "2099-01-01T00:00:00"):
        origin = record("A:p", out("e1", "05-01", "B", recorded=recorded))
        check(settle(*moved(origin=origin), links=ONE), ["A:p B:n: B resident"], SETTLED)


CHAIN = (
    record("A:p", out("e1", "03-01", "B")),
    record("B:n", arrival("e2", "03-03", "A"), out("e3", "04-01", "C")),
    record("C:n", arrival("e4", "04-03", "B")),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_case_11_a_chain_is_two_cases_whatever_order_it_is_reported_in(order: tuple[int, ...]) -> None:
    outcome = settle(*(CHAIN[i] for i in order), links="A:p B:n, B:n C:n")
    check(
        outcome,
        ["A:p B:n C:n: C resident"],
        ["A:e1 B:e2: settled moved auto at D", "B:e3 C:e4: settled moved auto at P"],
    )


def test_case_12_a_chain_whose_middle_is_missing_joins_its_ends() -> None:
    outcome = settle(CHAIN[0], CHAIN[2], links="A:p C:n")
    check(outcome, ["A:p C:n: C resident"], ["A:e1 C:e4: settled moved auto at P"])


def test_case_12_the_middle_s_missing_departure_is_asked_for() -> None:
    middle = record("B:n", arrival("e2", "03-03", "A"))
    outcome = settle(CHAIN[0], middle, CHAIN[2], links="A:p B:n, B:n C:n", as_of=date(2025, 4, 20))
    check(
        outcome,
        ["A:p B:n C:n: C resident"],
        ["A:e1 B:e2: settled moved auto at D", "C:e4: matched undecided - at P"],
    )


def test_case_13_there_and_back_is_the_same_person() -> None:
    back = record("A:q", arrival("e5", "04-03", "B"))
    outcome = settle(CHAIN[0], CHAIN[1], back, links="A:p B:n, B:n A:q")
    check(
        outcome,
        ["A:p A:q B:n: A resident"],
        ["A:e1 B:e2: settled moved auto at D", "A:e5 B:e3: settled moved auto at D"],
    )


def test_case_13_also_if_the_other_place_never_wrote_anything() -> None:
    outcome = settle(CHAIN[0], record("A:q", arrival("e5", "04-03", "B")), links="A:p A:q")
    check(outcome, ["A:p A:q: A resident"], ["A:e1 A:e5: settled moved auto at D"])


TWO_INS = (
    record("A:p", out("e1", "03-01", "B")),
    record("B:n", arrival("e2", "03-03", "A")),
    record("C:n", arrival("e4", "03-20", "A")),
)
BOTH = "A:p B:n, A:p C:n"


def test_case_14_two_arrivals_for_one_departure_are_disputed_and_counted_once() -> None:
    check(
        settle(*TWO_INS, links=BOTH),
        ["A:p B:n C:n: B resident"],
        ["A:e1 B:e2 C:e4: disputed undecided - at P"],
    )


def test_case_14_the_later_one_wins_if_the_earlier_place_reports_a_departure() -> None:
    left = record("B:n", arrival("e2", "03-03", "A"), out("e3", "03-25"))
    check(
        settle(TWO_INS[0], left, TWO_INS[2], links=BOTH),
        ["A:p B:n C:n: C resident"],
        ["A:e1 B:e2: settled moved auto at D", "B:e3 C:e4: settled moved auto at P"],
    )


def test_case_14_an_office_that_says_never_came_gives_way() -> None:
    gone = record("B:n", arrival("e2", "03-03", "A"), dispute("e5", "04-01"))
    outcome = settle(TWO_INS[0], gone, TWO_INS[2], links=BOTH)
    check(outcome, ["A:p B:n C:n: C resident"], ["A:e1 B:e2 B:e5 C:e4: settled moved auto at P"])


@pytest.mark.parametrize(
    ("first", "second", "unit"),
    [
        pytest.param("03-03", "03-20", "C", id="nothing settled before: the latest evidence"),
        pytest.param("03-03", "04-20", "B", id="the first was silent for thirty days"),
        pytest.param("03-03", "03-03", "B", id="one day: the smaller claim id"),
    ],
)
def test_case_15_two_arrivals_without_a_departure_are_disputed(first: str, second: str, unit: str) -> None:
    records = (record("B:n", arrival("e2", first, "F")), record("C:n", arrival("e4", second, "F")))
    outcome = settle(*records, links="B:n C:n")
    check(outcome, [f"B:n C:n: {unit} resident"], ["B:e2 C:e4: disputed undecided - at N"])


def test_case_15_two_arrivals_contend_over_a_standing_record_too() -> None:
    outcome = settle(record("A:p"), *TWO_INS[1:], links=BOTH)
    check(outcome, ["A:p B:n C:n: A resident"], ["B:e2 C:e4: disputed undecided - at P"])


def test_case_15_two_confirmations_the_later_counts() -> None:
    records = (
        record("B:n", arrival("e2", "03-03", "F"), confirm("e6", "05-01")),
        record("C:n", arrival("e4", "03-20", "F"), confirm("e7", "04-01")),
    )
    outcome = settle(*records, links="B:n C:n")
    check(outcome, ["B:n C:n: B resident"], ["B:e2 B:e6 C:e4 C:e7: disputed undecided - at N"])


@pytest.mark.parametrize(
    ("day", "unit"),
    [
        pytest.param("05-13", "A", id="within thirty days: where last settled, the origin"),
        pytest.param("06-20", "B", id="after thirty days of silence: the destination"),
    ],
)
def test_case_16_still_lives_here_is_a_dispute_and_a_task_for_a_visit(day: str, unit: str) -> None:
    outcome = settle(*moved(origin=record("A:p", dispute("e3", day))), links=ONE)
    check(outcome, [f"A:p B:n: {unit} resident"], ["A:e3 B:e2: disputed undecided - at D"])
    (decision,) = outcome.decisions
    assert {(ask.unit, ask.action.value) for ask in decision.asks} == {("A", "visit"), ("B", "visit")}


def test_case_16_a_later_departure_or_confirm_of_the_same_origin_ends_it() -> None:
    for word in (out("e9", "05-20"), confirm("e9", "05-20")):
        origin = record("A:p", dispute("e3", "05-13"), word)
        outcome = settle(*moved(origin=origin), links=ONE)
        check(outcome, ["A:p B:n: B resident"], ["A:e3 A:e9 B:e2: settled moved auto at D"])


def test_case_16_a_dispute_after_both_halves_leaves_the_person_at_the_destination() -> None:
    origin = record("A:p", out("e1", "05-01", "B"), dispute("e3", "05-20"))
    outcome = settle(*moved(origin=origin), links=ONE)
    check(outcome, ["A:p B:n: B resident"], ["A:e1 A:e3 B:e2: disputed undecided - at D"])


def test_case_16_the_destination_that_says_never_came_disputes_it() -> None:
    arrived = record("B:n", arrival("e2", "05-03", "A"), dispute("e4", "05-10"))
    outcome = settle(*moved(origin=record("A:p"), arrived=arrived), links=ONE)
    check(outcome, ["A:p B:n: A resident"], ["B:e2 B:e4: disputed undecided - at D"])


def test_case_17_a_late_correction_reopens_and_revises() -> None:
    before = settle(*moved(), links=ONE)
    arrived = record("B:n", arrival("e2", "05-03", "A", cancelled="06-20"))
    after = settle(*moved(arrived=arrived), links=ONE)
    check(
        after,
        ["A:p: A in_transit", "B:n: - void"],
        ["A:e1: open-out undecided - at N", "B:e2 B:e2.c: cancelled cancelled auto at D"],
    )
    assert before.decisions and not after.decisions
