"""Sheets and households: companions, margins, one to one, and what goes to a person."""

from __future__ import annotations

from conflict import assignment
from conflict.assignment import assign
from conflict.linking import Party, find_links
from conflict.links import Link
from conflict.parameters import current_parameters
from tests.unit.conflict.people import SHORT, arrival, record

PARAMETERS = current_parameters()


def linked(*parties: Party) -> dict[tuple[str, str], Link]:
    everybody = {party.ref: party for party in parties}
    candidates = {ref: everybody for ref, party in everybody.items() if party.description.departed is None}
    return {(link.a, link.b): link for link in find_links(everybody, candidates, PARAMETERS)}


WIFE = {"full_name": "Nguyễn Thị Hoa", "sex": "F", "birth_date": "1980", "ethnicity": "Kinh"}
HUSBAND = {"full_name": "Nguyễn Văn Hùng", "sex": "M", "birth_date": "1978", "ethnicity": "Kinh"}


def test_a_household_in_common_raises_what_each_of_them_scores() -> None:
    alone = linked(arrival("away:w", WIFE), record("home:w", WIFE, "home:h"))
    together = linked(
        arrival("away:w", WIFE, "away:s"),
        arrival("away:m", HUSBAND, "away:s"),
        record("home:w", WIFE, "home:h", left=True),
        record("home:m", HUSBAND, "home:h", left=True),
    )
    bits = [found["away:w", "home:w"].bits for found in (alone, together)]
    assert bits[1] > bits[0]


def test_two_records_that_fit_alike_are_for_a_person() -> None:
    found = linked(
        arrival("away:a", SHORT),
        record("home:1", SHORT | {"personal_id": "052184003417"}, "home:h"),
        record("home:2", SHORT | {"personal_id": "001184999111"}, "home:g"),
    )
    assert {link.verdict for link in found.values() if not link.hard} == {"review"}


def test_two_records_of_one_person_are_no_rivals() -> None:
    found = linked(
        arrival("away:a", SHORT | {"personal_id": "052184003417"}),
        record("home:1", SHORT | {"personal_id": "052184003417"}, "home:h"),
        record("home:2", SHORT | {"personal_id": "052184003417"}, "home:g"),
    )
    assert {pair for pair, link in found.items() if link.verdict == "automatic"} == {
        ("away:a", "home:1"),
        ("away:a", "home:2"),
    }


def test_the_same_report_twice_is_one_person_and_not_two_rivals() -> None:
    said = SHORT | {"personal_id": "052184003417"}
    found = linked(
        arrival("away:a", said, "away:s"), arrival("away:b", said, "away:s"), record("home:1", said, "home:h")
    )
    assert {pair for pair, link in found.items() if link.verdict == "automatic"} == {
        ("away:a", "away:b"),
        ("away:a", "home:1"),
        ("away:b", "home:1"),
    }


def test_nobody_is_linked_to_a_stranger() -> None:
    assert linked(arrival("away:a", WIFE), record("home:m", HUSBAND)) == {}


def test_nothing_is_linked_where_nothing_is_said() -> None:
    assert linked(arrival("away:a", {}), record("home:m", {})) == {}


def test_a_group_over_the_limit_is_not_solved() -> None:
    many = [f"r{number}" for number in range(assignment.SIDE_MAX + 1)]
    assert assign(many, ["c"], {}) is None


def test_a_whole_barracks_goes_to_a_person() -> None:
    """Namesakes without dates: more of them than the exact method takes."""
    count = assignment.SIDE_MAX + 1
    people = [SHORT | {"birth_date": f"{1950 + number}-07-19"} for number in range(count)]
    found = linked(
        *(arrival(f"away:{at}", person, "away:s") for at, person in enumerate(people)),
        *(record(f"home:{at}", person, "home:h") for at, person in enumerate(people)),
    )
    assert {link.verdict for link in found.values()} <= {"review", "apart"}


def test_an_assignment_prefers_the_best_total_to_the_best_pair() -> None:
    gains = {("a", "x"): 10.0, ("a", "y"): 9.0, ("b", "x"): 9.0, ("b", "y"): 1.0}
    made = assign(["a", "b"], ["x", "y"], gains)
    assert made is not None
    assert {(one.row, one.column, one.margin) for one in made} == {("a", "y", 7.0), ("b", "x", 7.0)}


def test_an_assignment_that_could_be_turned_round_has_no_margin() -> None:
    gains = dict.fromkeys([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], 5.0)
    made = assign(["a", "b"], ["x", "y"], gains)
    assert made is not None
    assert [one.margin for one in made] == [0.0, 0.0]


VAGUE = {"full_name": "Trần Hồng Lan", "birth_date": "1984"}


def test_one_report_under_two_ids_is_linked_however_little_it_says() -> None:
    twice = [Party(f"away:{ref}", arrival("", VAGUE).description, report="away 2025-05-03 Lan") for ref in "ab"]
    assert linked(*twice)["away:a", "away:b"].verdict == "automatic"
    assert linked(*(Party(party.ref, party.description) for party in twice)) == {}


def test_a_report_that_is_there_twice_takes_nobody_s_place() -> None:
    one, other = (Party(f"away:{ref}", arrival("", SHORT).description, report="away Lan") for ref in "ab")
    found = linked(one, other, record("home:1", SHORT, "home:h"))
    assert {found["away:a", "home:1"].verdict, found["away:b", "home:1"].verdict} == {"automatic"}
