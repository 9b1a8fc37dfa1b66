"""Which unit took over from which, as reference data tell it: pairs of nodes, and names by which a node is meant."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from conflict.places import Place, PlaceBook
from conflict.reforms import NO_REFORM, Reform, Reformed, Succession, Successions, Unit
from tests.unit.conflict.settling import PLACES, arrival, cases, out, persons, record, settle

BEFORE, AFTER = date(2025, 6, 20), date(2025, 7, 20)
LATER = date(2025, 12, 30)


def reform(*told: str, **names: str) -> Reform:
    """'21550 > 21551': codes of 2008 and of July 2025; names are those of old codes (n21550) and new ones (m21551)."""
    pairs = [pair.split(" > ") for pair in told]
    successions = frozenset(Succession(Unit(old, "2008-01-01"), Unit(new, "2025-07-01")) for old, new in pairs)
    days = {"n": "2008-01-01", "m": "2025-07-01"}
    return Reform(successions, tuple(sorted((Unit(key[1:], days[key[0]]), name) for key, name in names.items())))


def place(node_id: str, code: str, day: str = "2008-01-01", name: str = "") -> Place:
    return Place(node_id, "P", "commune", code, day, name)


@pytest.mark.parametrize(
    ("nodes", "told", "expected"),
    [
        ([place("A", "1"), place("M", "9", "2025-07-01")], ["1 > 9"], {("A", "M")}),
        (
            [place("A", "1"), place("B", "2"), place("M", "9", "2025-07-01")],
            ["1 > 9", "2 > 9"],
            {("A", "M"), ("B", "M")},
        ),
        ([place("A", "1"), place("M", "1", "2025-07-01")], ["1 > 1"], {("A", "M")}),
        ([place("A", "1"), place("B", "2")], ["1 > 9", "2 > 9"], set()),
        ([place("A", "1", ""), place("M", "9", "")], ["1 > 9"], {("A", "M")}),
        ([place("A", "1"), place("M", "9", "2025-07-01")], ["1 > 8", "1 > 9"], {("A", "8@2025-07-01"), ("A", "M")}),
        ([place("A", "1")], ["7 > 9"], set()),
    ],
    ids=["one", "a merger", "one code", "nobody keeps it", "every era", "a part that nobody keeps", "strangers"],
)
def test_a_reform_becomes_pairs_of_nodes(nodes: list[Place], told: list[str], expected: set[tuple[str, str]]) -> None:
    assert PlaceBook(nodes, reform(*told)).successions == Successions(frozenset(expected))
    assert PlaceBook(reversed(nodes), reform(*reversed(told))).successions == Successions(frozenset(expected))


def test_a_chain_of_reforms_reaches_over_a_unit_that_nobody_keeps() -> None:
    chain = (Unit("1", "2008-01-01"), Unit("5", "2024-10-01"), Unit("9", "2025-07-01"))
    told = Reform(frozenset(Succession(old, new) for old, new in pairwise(chain)))
    book = PlaceBook([place("A", "1"), place("M", "9", "2025-07-01")], told)
    assert book.successions.newest("A") == "M"
    assert book.named("5", BEFORE).node_id == "M"


def test_successions_in_a_circle_end() -> None:
    told = Reform(
        frozenset({Succession(Unit("1", "2008"), Unit("2", "2008")), Succession(Unit("2", "2008"), Unit("1", "2008"))})
    )
    assert list(Reformed(told, []).aliases()) == []
    assert PlaceBook([place("A", "1")], told).successions.newest("A") == "A"


def test_without_a_reform_nothing_is_known() -> None:
    assert PlaceBook(PLACES).successions == PlaceBook(PLACES, NO_REFORM).successions == Successions()


def test_more_nodes_keep_the_reform() -> None:
    book = PlaceBook([place("A", "1")], reform("1 > 9")).with_places([place("M", "9", "2025-07-01")])
    assert book.successions.newest("A") == "M"


# --- the cases of RESOLVER 5, read from reference data ---------------------------------------------------------------

MERGED = reform("21550 > 21550", "21553 > 21550", "21999 > 21550", n21999="Nhơn Châu")
TREE = PlaceBook((*PLACES, Place("M", "P", "commune", "21550", "2025-07-01", "Quy Nhơn Đông")), MERGED)


def test_61_an_abolished_unit_that_no_node_keeps_is_meant_by_code_and_by_name() -> None:
    assert TREE.named("21999", BEFORE).node_id == "M"
    assert TREE.named("Nhơn Châu", AFTER).node_id == "M"
    there = record("C:n", arrival("e2", "08-03", "Nhơn Châu"), places=TREE)
    outcome = settle(record("M:p", places=TREE), there, links="M:p C:n", as_of=LATER, places=TREE)
    assert persons(outcome) == ["C:n M:p: C resident"]
    assert cases(outcome) == ["C:e2: settled moved auto at P"]


def test_61_a_node_that_did_not_take_the_new_code_answers_for_it() -> None:
    book = PlaceBook([place("A", "21550", name="Nhơn Lý")], reform("21550 > 21551", m21551="Quy Nhơn Đông"))
    assert book.named("21551", AFTER).node_id == "A"
    assert book.named("Quy Nhơn Đông", AFTER).node_id == "A"
    assert book.named("21551", BEFORE).node_id == "", "the code meant nothing then"


def test_62_a_unit_that_was_split_names_nobody_and_both_parts_are_the_place() -> None:
    nodes = (*PLACES, place("S", "21700", "2025-07-01"), place("T", "21701", "2025-07-01"))
    book = PlaceBook(nodes, reform("21690 > 21700", "21690 > 21701", "21550 > 21700", "21550 > 21701"))
    assert book.named("21690", BEFORE).node_id == ""
    assert book.successions.newest("A") == "A"
    assert book.successions.is_one_place("A", "S") and book.successions.is_one_place("A", "T")


def test_63_a_departure_before_and_an_arrival_after_the_reform_meet() -> None:
    origin = record("A:p", out("e1", "06-28", "21600"), places=TREE)
    there = record("C:n", arrival("e2", "07-03", "21550"), places=TREE)
    assert there.claims[0].place.node_id == "M"
    outcome = settle(origin, there, links="A:p C:n", as_of=LATER, places=TREE)
    assert cases(outcome) == ["A:e1 C:e2: settled moved auto at P"]


def test_64_if_only_the_unit_changed_nobody_moved() -> None:
    again = record("M:n", arrival("e2", "07-10", "Nhơn Lý"), places=TREE)
    outcome = settle(record("A:p"), again, links="A:p M:n", as_of=LATER, places=TREE)
    assert persons(outcome) == ["A:p M:n: M resident"]
    assert cases(outcome) == []


def test_66_one_code_means_two_units_by_the_day_and_the_reform_joins_them() -> None:
    assert (TREE.named("21550", BEFORE).node_id, TREE.named("21550", AFTER).node_id) == ("A", "M")
    assert TREE.successions.is_one_place("A", "M") and not TREE.successions.is_one_place("C", "M")


def test_68_two_merged_communes_that_both_hold_a_person_have_one_form_too_many() -> None:
    twice = (record("A:p", number="1"), record("B:q", number="1"))
    outcome = settle(*twice, links="A:p B:q", as_of=LATER, places=TREE)
    assert persons(outcome) == ["A:p B:q: M resident"]


def test_70_an_old_code_that_arrives_months_later_is_read_by_its_day() -> None:
    there = record("C:n", arrival("e2", "06-03", "21999", recorded="2025-11-01T08:00:00"), places=TREE)
    assert there.claims[0].place.node_id == "M"
