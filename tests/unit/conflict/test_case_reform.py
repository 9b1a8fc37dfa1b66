"""Administrative change: the cases 61 to 70 of RESOLVER 5."""

from __future__ import annotations

from datetime import date

from conflict.places import Place, PlaceBook
from conflict.reforms import Successions
from tests.unit.conflict.settling import PLACES, arrival, cases, out, persons, record, settle

AFTER = PlaceBook(
    (
        *(place for place in PLACES if place.node_id not in {"A", "B"}),
        Place("A", "D", "commune", "21550", "2008-01-01", "Nhơn Lý"),
        Place("B", "D", "commune", "21553", "2008-01-01", "Nhơn Hội"),
        Place("M", "P", "commune", "21550", "2025-07-01", "Quy Nhơn Đông"),
    )
)
MERGER = Successions(frozenset({("A", "M"), ("B", "M")}))
LATER = date(2025, 12, 30)


def test_case_61_an_origin_that_is_named_by_an_abolished_unit_is_the_unit_that_took_over() -> None:
    merged = record("M:p", places=AFTER)
    there = record("C:n", arrival("e2", "08-03", "Nhơn Lý"), places=AFTER)
    outcome = settle(merged, there, links="M:p C:n", as_of=LATER, places=AFTER, successions=MERGER)
    assert persons(outcome) == ["C:n M:p: C resident"]
    assert cases(outcome) == ["C:e2: settled moved auto at P"]


def test_case_62_a_unit_that_was_split_names_both_parts_and_the_record_decides() -> None:
    split = Successions(frozenset({("A", "B"), ("A", "C")}))
    outcome = settle(
        record("B:p", out("e1", "05-01")),
        record("F:n", arrival("e2", "05-03", "A")),
        links="B:p F:n",
        successions=split,
    )
    assert persons(outcome) == ["B:p F:n: F resident"]
    assert split.newest("A") == "A"


def test_case_63_a_departure_before_and_an_arrival_after_a_reform_meet() -> None:
    origin = record("A:p", out("e1", "06-28", "21600"), places=AFTER)
    there = record("C:n", arrival("e2", "07-03", "Nhơn Lý"), places=AFTER)
    outcome = settle(origin, there, links="A:p C:n", as_of=LATER, places=AFTER)
    assert persons(outcome) == ["A:p C:n: C resident"]
    assert cases(outcome) == ["A:e1 C:e2: settled moved auto at P"]


def test_case_64_if_only_the_unit_changed_nobody_moved() -> None:
    again = record("M:n", arrival("e2", "07-10", "Nhơn Lý"), places=AFTER)
    outcome = settle(record("A:p"), again, links="A:p M:n", as_of=LATER, places=AFTER, successions=MERGER)
    assert persons(outcome) == ["A:p M:n: M resident"]
    assert cases(outcome) == []


def test_case_65_what_became_intra_province_is_settled_there_and_nothing_else_changes() -> None:
    united = PlaceBook([*(p for p in PLACES if p.node_id != "F"), Place("F", "P", "commune", "23500", "", "Ia Dom")])
    records = (record("A:p", out("e1", "05-01", "F")), record("F:n", arrival("e2", "05-03", "A")))
    before, after = settle(*records, links="A:p F:n"), settle(*records, links="A:p F:n", places=united)
    assert cases(before) == ["A:e1 F:e2: settled moved auto at N"]
    assert cases(after) == ["A:e1 F:e2: settled moved auto at P"]
    assert persons(before) == persons(after)
    assert [d.id for d in before.decisions] == [d.id for d in after.decisions]


def test_case_66_one_code_means_two_units_by_the_day_that_it_was_written() -> None:
    for day, named in (("06-20", "A"), ("07-20", "M")):
        there = record("C:n", arrival("e2", day, "21550"), places=AFTER)
        assert there.claims[0].place.node_id == named


def test_case_67_the_open_cases_of_a_dissolved_district_are_its_parent_s() -> None:
    dissolved = PlaceBook(
        [
            *(p for p in PLACES if p.node_id not in {"D", "A", "B"}),
            Place("A", "P", "commune", "", "", "Nhơn Lý"),
            Place("B", "P", "commune", "", "", "Nhơn Hội"),
        ]
    )
    records = (record("A:p"), record("B:n", arrival("e2", "06-20", "A")))
    assert cases(settle(*records, links="A:p B:n")) == ["B:e2: matched undecided - at D"]
    assert cases(settle(*records, links="A:p B:n", places=dissolved)) == ["B:e2: matched undecided - at P"]


def test_case_68_two_merged_communes_that_both_hold_a_person_have_one_form_too_many() -> None:
    twice = (record("A:p", number="1"), record("B:q", number="1"))
    outcome = settle(*twice, links="A:p B:q", as_of=LATER, places=AFTER, successions=MERGER)
    assert persons(outcome) == ["A:p B:q: M resident"]
    assert cases(outcome) == ["A:p B:q: settled duplicate auto at P"]


def test_case_69_a_split_without_a_list_of_households_leaves_everybody_where_they_are_registered() -> None:
    split = Successions(frozenset({("A", "B"), ("A", "C")}))
    assert persons(settle(record("A:p"), successions=split)) == ["A:p: A resident"]


def test_case_70_old_codes_that_arrive_months_later_are_read_by_the_day_they_were_written_about() -> None:
    late = record("A:p", out("e1", "06-01", "21553", recorded="2025-11-01T08:00:00"), places=AFTER)
    there = record("B:n", arrival("e2", "06-03", "21550", recorded="2025-11-01T08:00:00"), places=AFTER)
    outcome = settle(late, there, links="A:p B:n", as_of=LATER, places=AFTER)
    assert cases(outcome) == ["A:e1 B:e2: settled moved auto at D"]
