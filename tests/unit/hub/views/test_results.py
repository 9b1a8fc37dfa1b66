"""What a parent sees, from real stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date
from itertools import permutations
from pathlib import Path

import pytest

from conflict.balance import residuals
from conflict.claims import PersonRef
from conflict.links import Link
from hub.views.replicas import replicas
from hub.views.results import StayTask, View
from node.errors import UsageError
from node.ids import id_text
from node.store import Store
from tests.unit.hub.views.small_register import Commune, Event, make_store, replicate, rule

AS_OF = date(2025, 6, 30)

A = Commune(
    "A",
    persons=(("p10", "permanent"), ("p9", "permanent"), ("-hand", "absent"), ("n1", "permanent"), ("g", "temporary")),
    events=(
        Event("e1", "move_out", "2025-05-01", "p10", place="B"),
        Event("e2", "birth", "2025-05-10", "n1", other="p10"),
        Event("e3", "death", "2025-05-11", "p9"),
        Event("c1", "cancel", "2025-05-12", "p9", target="e3"),
        Event("e4", "move_in", "2024-05-12", "g", residence="temporary"),
        Event("-byhand", "correction", "2025-05-12", "p9"),
    ),
)
B = Commune(
    "B",
    persons=(("p1", "permanent"), ("p2", "permanent")),
    events=(
        Event("e1", "move_in", "2025-05-03", "p1", place="A"),
        Event("e2", "move_in", "2025-05-04", "p2", place="A"),
        Event("e3", "cancel", "2025-05-05", "p2", target="e2"),
    ),
)
A1 = Commune("A-1", persons=(("p1", "permanent"),))
CHILDREN = (A, B, A1)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def parent_of(stack: ExitStack, path: Path, children: tuple[Commune, ...]) -> Store:
    path.mkdir()
    parent = stack.enter_context(closing(make_store(path / "P", Commune("P", parent_id=""))))
    for child in children:
        with closing(make_store(path / child.node_id, child)) as store:
            replicate(parent, store)
    return parent


def test_residents_come_in_the_order_of_their_refs_with_unit_and_status(stack: ExitStack, tmp_path: Path) -> None:
    rows = list(View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF).residents())
    assert [row.person for row in rows] == sorted(row.person for row in rows)
    found = {row.person: (row.unit, row.status) for row in rows}
    by_hand = next(ref for ref in found if len(ref) == len("A:") + 36)
    assert found.pop(by_hand) == ("A", "away")
    assert found == {
        "A-1:p1": ("A-1", "resident"),
        "A:g": ("", "temporary"),
        "A:n1": ("A", "in_transit"),
        "A:p10": ("A", "in_transit"),
        "A:p9": ("A", "resident"),
        "B:p1": ("B", "resident"),
        "B:p2": ("", "void"),
    }


def test_cases_come_in_the_order_of_their_names(stack: ExitStack, tmp_path: Path) -> None:
    rows = list(View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF).cases())
    assert [(row.case, row.state.value, row.settled_at, row.refs) for row in rows] == [
        ("A:e1", "open-out", "P", ("A:e1",)),
        ("A:e4", "settled", "P", ("A:e4",)),
        ("B:e1", "open-in", "P", ("B:e1",)),
        ("B:e2", "cancelled", "P", ("B:e2", "B:e3")),
    ]


def test_the_order_in_which_origins_arrive_does_not_show(stack: ExitStack, tmp_path: Path) -> None:
    results = []
    for number, order in enumerate(permutations(CHILDREN)):
        store = parent_of(stack, tmp_path / str(number), order)
        view = View([store], AS_OF)
        results.append((list(view.residents()), list(view.cases()), list(view.balance()), list(replicas(store))))
    assert all(result == results[0] for result in results)


def test_the_balance_shows_exactly_the_moves_that_are_open(stack: ExitStack, tmp_path: Path) -> None:
    rows = list(View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF).balance())
    assert residuals(rows) == {("A", "2025-05"): -1, ("P", "2025-05"): -1}  # A:p10 is on the way
    last = {row.unit: row.count for row in rows if row.flow == "stock_end" and row.month == "2025-06"}
    assert last == {"A": 4, "A-1": 1, "B": 1, "P": 6}


def test_a_child_sees_itself_as_the_top(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(closing(make_store(tmp_path / "A", A)))
    assert {row.settled_at for row in View([store], AS_OF).cases()} == {"A"}


def test_several_roots_are_seen_as_one(stack: ExitStack, tmp_path: Path) -> None:
    apart = [stack.enter_context(closing(make_store(tmp_path / c.node_id, c))) for c in CHILDREN]
    together = View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF)
    for order in permutations(apart):
        assert list(View(order, AS_OF).residents()) == list(together.residents())
    flows = {(row.unit, row.flow.value, row.other_unit) for row in View(apart, AS_OF).balance() if row.other_unit}
    assert flows == {("A", "departures", "B"), ("B", "arrivals", "A")}


def test_one_origin_in_two_roots_is_refused(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(closing(make_store(tmp_path / "A", A)))
    with pytest.raises(UsageError, match="hold the origin"):
        list(View([store, store], AS_OF).residents())


ONE_PERSON = (Link("A:p10", "B:p1", 20.0, "automatic"),)


def test_linked_records_are_one_row_under_the_smallest_ref(stack: ExitStack, tmp_path: Path) -> None:
    view = View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF, links=ONE_PERSON)
    rows = {row.person: row for row in view.residents()}
    assert rows[PersonRef("A:p10")].refs == ("A:p10", "B:p1")
    assert rows[PersonRef("A:p10")].unit == "B"
    assert "B:p1" not in rows


def test_a_newborn_of_a_linked_mother_counts_where_she_does(stack: ExitStack, tmp_path: Path) -> None:
    view = View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF, links=ONE_PERSON)
    assert {row.person: row.unit for row in view.residents()}[PersonRef("A:n1")] == "B"


def test_with_links_both_halves_of_a_move_are_one_case(stack: ExitStack, tmp_path: Path) -> None:
    view = View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF, links=ONE_PERSON)
    assert [(row.case, row.state.value, row.outcome.value, row.score, row.refs) for row in view.cases()] == [
        ("A:e1", "settled", "moved", 20.0, ("A:e1", "B:e1")),
        ("A:e4", "settled", "stayed", None, ("A:e4",)),
        ("B:e2", "cancelled", "cancelled", None, ("B:e2", "B:e3")),
    ]
    assert [decision.case for decision in view.decisions()] == ["A:e1"]


def test_an_arrival_that_was_searched_for_in_vain_is_somebody_new(stack: ExitStack, tmp_path: Path) -> None:
    view = View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF, links=())
    found = {str(row.case): (row.state.value, row.outcome.value) for row in view.cases()}
    assert found["B:e1"] == ("settled", "new_entry")
    assert found["A:e1"] == ("open-out", "undecided")


def test_once_a_move_is_settled_only_the_newborn_s_way_is_unexplained(stack: ExitStack, tmp_path: Path) -> None:
    rows = list(View([parent_of(stack, tmp_path / "t", CHILDREN)], AS_OF, links=ONE_PERSON).balance())
    # A:n1 was born at A after its mother had gone, and counts with her at B: a birth there, a resident here.
    assert residuals(rows) == {("A", "2025-05"): 1, ("B", "2025-05"): -1}
    last = {row.unit: row.count for row in rows if row.flow == "stock_end" and row.month == "2025-06"}
    assert last == {"A": 2, "A-1": 1, "B": 2, "P": 5}


def test_a_ruling_in_a_store_is_heard(stack: ExitStack, tmp_path: Path) -> None:
    parent = parent_of(stack, tmp_path / "t", CHILDREN)
    rule(parent, "A:p10", "B:p1", "different", "2025-06-01T08:00:00+00:00")
    view = View([parent], AS_OF, links=ONE_PERSON)
    assert {str(row.case): row.decided_by.value for row in view.cases()}["B:e1"] == "person"
    assert "B:p1" in {row.person for row in view.residents()}


def test_a_stay_without_end_is_a_task_after_six_months(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(closing(make_store(tmp_path / "A", A)))
    assert list(View([store], date(2024, 11, 11)).stay_tasks()) == []
    assert list(View([store], date(2024, 11, 12)).stay_tasks()) == [StayTask(PersonRef("A:g"), date(2024, 11, 12))]


def test_a_mother_who_is_not_here_yet_does_not_stop_the_view(stack: ExitStack, tmp_path: Path) -> None:
    gap = Commune(
        "A",
        persons=(("n1", "permanent"), ("m", "permanent")),
        events=(Event("e2", "birth", "2025-05-10", "n1", other="m"),),
    )
    store = stack.enter_context(closing(make_store(tmp_path / "A", gap)))
    parent = stack.enter_context(closing(make_store(tmp_path / "P", Commune("P", parent_id=""))))
    store.connection.execute("DROP TRIGGER person_guard_delete")
    store.connection.execute("DELETE FROM person WHERE source_id = 'm'")
    replicate(parent, store)
    assert [(row.person, row.unit) for row in View([parent], AS_OF).residents()] == [("A:n1", "A")]


def test_what_is_read_in_one_snapshot_is_of_one_moment(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(closing(make_store(tmp_path / "A", A)))
    view = View([store], AS_OF)
    with view.snapshot():
        residents = iter(view.residents())
        next(residents)
        assert len(list(view.cases())) == 2
        assert len(list(residents)) == 4
    assert not store.connection.in_transaction


def test_replicas_name_every_origin_that_a_node_holds(stack: ExitStack, tmp_path: Path) -> None:
    parent = parent_of(stack, tmp_path / "t", CHILDREN)
    rows = list(replicas(parent))
    assert [row.node_id for row in rows] == ["P"] * 4
    assert [row.rows for row in sorted(rows, key=lambda row: row.rows)] == [0, 1, 5, 11]
    with closing(make_store(tmp_path / "again", A)) as child:
        (own,) = replicas(child)
        (copy,) = [row for row in rows if row.origin == own.origin]
        assert (own.head_seq, own.head_hash, own.rows, own.digest) == (
            copy.head_seq,
            copy.head_hash,
            copy.rows,
            copy.digest,
        )
        assert own.node_id == "A"


def test_quarantined_rows_are_counted_once_each(stack: ExitStack, tmp_path: Path) -> None:
    store = stack.enter_context(closing(make_store(tmp_path / "A", A)))
    origin = store.own_origin()
    row_id = store.connection.execute("SELECT id FROM person WHERE source_id = 'p9'").fetchall()[0][0]
    with store.database.transaction() as connection:
        for seq in (5, 6):
            connection.execute(
                "INSERT INTO quarantine VALUES (?, ?, 'person', ?, 'conflict', '', 0)", (origin, seq, row_id)
            )
    (row,) = replicas(store)
    assert (row.rows, row.quarantined) == (10, 1)
    assert id_text(row.origin)
