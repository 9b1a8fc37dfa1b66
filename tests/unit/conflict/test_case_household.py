"""Households as units: the cases 36 to 44 of RESOLVER 5."""

from __future__ import annotations

from conflict.claims import Record
from conflict.households import FAMILY_MEMBERS_MAX
from tests.unit.conflict.settling import arrival, birth, cases, confirm, death, out, persons, record, settle


def member(number: int, *, leaves: bool = True, arrives: bool = True, sheet: str = "g1", to: str = "B") -> list[Record]:
    """One member's two records."""
    left = [out(f"o{number}", "05-01", to, group=sheet)] if leaves else []
    records = [record(f"A:p{number}", *left)]
    if arrives:
        records.append(record(f"{to}:n{number}", arrival(f"i{number}", "05-03", "A", group="h1")))
    return records


def links(*numbers: int, to: str = "B") -> str:
    return ", ".join(f"A:p{n} {to}:n{n}" for n in numbers)


def test_case_36_a_whole_household_is_one_case() -> None:
    outcome = settle(*member(1), *member(2), *member(3), links=links(1, 2, 3))
    assert cases(outcome) == ["A:o1 A:o2 A:o3 B:i1 B:i2 B:i3: settled moved auto at D"]
    (decision,) = outcome.decisions
    assert len([a for a in decision.asks if a.action.value == "count"]) == 3


def test_case_36_one_who_is_missing_on_a_sheet_does_not_block_the_others() -> None:
    outcome = settle(*member(1), *member(2), *member(3, arrives=False), links=links(1, 2))
    assert persons(outcome) == ["A:p1 B:n1: B resident", "A:p2 B:n2: B resident", "A:p3: A in_transit"]
    assert cases(outcome) == ["A:o1 A:o2 B:i1 B:i2: settled moved auto at D", "A:o3: open-out undecided - at N"]
    silent = settle(*member(1), *member(2), *member(3, leaves=False), links=links(1, 2, 3))
    assert cases(silent) == ["A:o1 A:o2 B:i1 B:i2 B:i3: settled moved auto at D"]


def test_case_37_who_stays_behind_stays() -> None:
    outcome = settle(*member(1), *member(2), record("A:p3"), links=links(1, 2))
    assert persons(outcome)[2] == "A:p3: A resident"


def test_case_38_the_head_dies_and_the_others_move() -> None:
    head = record("A:p1", out("o1", "05-01", "B", group="g1"), death("d1", "05-02"))
    outcome = settle(head, *member(2), links=links(2))
    assert persons(outcome) == ["A:p1: - dead", "A:p2 B:n2: B resident"]
    assert cases(outcome) == ["A:d1 A:o1: cancelled cancelled auto at D", "A:o2 B:i2: settled moved auto at D"]


def test_case_39_two_destinations_are_two_cases() -> None:
    outcome = settle(*member(1), *member(2, to="C"), links=f"{links(1)}, {links(2, to='C')}")
    assert cases(outcome) == ["A:o1 B:i1: settled moved auto at D", "A:o2 C:i2: settled moved auto at P"]


def test_case_40_several_sheets_of_one_household_are_one_case() -> None:
    outcome = settle(*member(1), *member(2, sheet="g2"), links=links(1, 2))
    assert cases(outcome) == ["A:o1 A:o2 B:i1 B:i2: settled moved auto at D"]


def test_case_41_a_confirmation_at_the_new_home_is_no_second_move() -> None:
    bride = record("B:n1", arrival("i1", "05-03", "A"), confirm("m1", "05-10"))
    outcome = settle(record("A:p1", out("o1", "05-01", "B")), bride, links=links(1))
    assert cases(outcome) == ["A:o1 B:i1 B:m1: settled moved auto at D"]


def test_case_42_a_child_claimed_by_both_parents_is_disputed_and_the_parents_are_not() -> None:
    child = (record("A:p3"), record("B:n3", arrival("i3", "05-03", "A", group="h1")))
    claimed = record("C:n3", arrival("j3", "05-04", "A", group="h2"))
    outcome = settle(
        *member(1), *member(2, to="C"), *child, claimed, links="A:p1 B:n1, A:p2 C:n2, A:p3 B:n3, A:p3 C:n3"
    )
    assert persons(outcome) == ["A:p1 B:n1: B resident", "A:p2 C:n2: C resident", "A:p3 B:n3 C:n3: A resident"]
    assert "B:i3 C:j3: disputed undecided - at P" in cases(outcome)


def test_case_43_a_child_moves_to_its_grandparents() -> None:
    born = record("A:p1", birth("b1", "2020-01-01"), out("o1", "05-01", "B"), mother=record("A:m"))
    outcome = settle(born, record("A:m"), record("B:n1", arrival("i1", "05-03", "A")), links=links(1))
    assert persons(outcome) == ["A:m: A resident", "A:p1 B:n1: B resident"]


def test_case_44_the_sheet_of_a_dormitory_makes_no_family() -> None:
    numbers = range(10, 11 + FAMILY_MEMBERS_MAX)
    records = [r for n in numbers for r in member(n)]
    assert len(settle(*records, links=links(*numbers)).cases) == len(numbers)
    family = list(numbers)[:-1]
    records = [r for n in family for r in member(n)]
    assert len(settle(*records, links=links(*family)).cases) == 1
