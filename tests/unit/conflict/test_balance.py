"""The register balance of a small tree, counted by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from itertools import count

from conflict.balance import Balance, BalanceRow, Flow, residuals
from conflict.claims import PersonRef, Record
from conflict.policy import DEFAULT_POLICY
from conflict.standing import standing
from tests.unit.conflict.history import TREE, claim, record

AS_OF = date(2025, 3, 20)


def balance(*records: Record, as_of: date = AS_OF) -> list[BalanceRow]:
    counted = Balance(as_of, DEFAULT_POLICY)
    for number, subject in zip(count(), records, strict=False):
        named = replace(subject, ref=PersonRef(f"{subject.unit}:p{number}"))
        counted.add(named, standing(named, as_of, DEFAULT_POLICY))
    return list(counted.rows(TREE))


def of(rows: list[BalanceRow], unit: str) -> dict[str, str]:
    """A node's months as start +births -deaths +arrivals -departures =end."""
    months: dict[str, dict[Flow, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.unit == unit:
            months[row.month][row.flow] += row.count
    return {m: "{} +{} -{} +{} -{} ={}".format(*(f[flow] for flow in Flow)) for m, f in months.items()}


EMIGRANT = record(claim("e1", "move_out", "2025-02-10", to="Lào"))
ARRIVAL = record(claim("e2", "move_in", "2025-03-05", to="B"))
NEWBORN = record(claim("e3", "birth", "2025-02-20"))
DEAD = record(claim("e4", "death", "2025-03-01"))


def test_a_month_begins_with_what_was_registered_and_ends_with_who_lives_there() -> None:
    rows = balance(record(), record(), EMIGRANT, ARRIVAL, NEWBORN, DEAD)
    assert of(rows, "A") == {"2025-02": "4 +1 -0 +0 -1 =4", "2025-03": "4 +0 -1 +1 -0 =4"}
    assert residuals(rows) == {}


def test_every_node_of_the_tree_has_every_month_and_a_parent_has_the_sums() -> None:
    rows = balance(
        record(),
        EMIGRANT,
        replace(ARRIVAL, unit="B", claims=(claim("e2", "move_in", "2025-03-05", to="A"),)),
        replace(record(), unit="P"),
    )
    assert of(rows, "E") == {"2025-02": "0 +0 -0 +0 -0 =0", "2025-03": "0 +0 -0 +0 -0 =0"}
    assert of(rows, "D") == {"2025-02": "2 +0 -0 +0 -1 =1", "2025-03": "1 +0 -0 +1 -0 =2"}
    assert of(rows, "P") == {"2025-02": "3 +0 -0 +0 -1 =2", "2025-03": "2 +0 -0 +1 -0 =3"}
    assert {row.tier for row in rows if row.unit == "D"} == {"district"}


def test_a_move_between_two_communes_is_both_flows_of_their_parent() -> None:
    rows = balance(record(claim("e1", "move_out", "2025-02-10", to="Nhơn Hội")), replace(ARRIVAL, unit="E"))
    flows = {(r.flow.value, r.other_unit, r.count) for r in rows if r.unit == "P" and r.other_unit}
    assert flows == {("departures", "B", 1), ("arrivals", "B", 1)}


def test_other_unit_is_the_node_that_is_named_exactly_or_outside_or_nobody() -> None:
    places = ("B", "21553", "Lào", "somewhere", "")
    rows = balance(*(record(claim("e1", "move_out", "2025-02-10", to=to)) for to in places))
    found = {row.other_unit: row.count for row in rows if row.unit == "A" and row.flow is Flow.DEPARTURES and row.count}
    assert found == {"B": 2, "outside": 1, "": 2}


def test_withdrawn_events_stays_and_local_moves_are_no_flows() -> None:
    rows = balance(
        record(claim("e1", "move_out", "2025-01-10", withdrawn_by=("c",))),
        record(claim("e1", "move_in", "2025-01-10", withdrawn_by=("c",)), claim("e2", "death", "2025-01-11")),
        record(claim("e1", "death", "2025-01-10", withdrawn_by=("c",))),
        record(claim("e1", "move_in", "2025-01-10", residence="temporary"), residence="temporary"),
        record(claim("e1", "move_out", "2025-01-10"), residence="temporary"),
        record(claim("e1", "move_out", "2025-01-10", to="A")),
        record(claim("e1", "move_out", "2025-01-10", residence="absent"), residence="absent"),
    )
    assert of(rows, "A") == {"2025-03": "4 +0 -0 +0 -0 =4"}


def test_a_repeated_report_is_one_flow() -> None:
    twice = record(
        claim("e1", "move_out", "2025-01-10", to="Lào"),
        claim("e2", "move_out", "2025-02-10", to="Lào"),
        claim("e3", "death", "2025-03-10"),
        claim("e4", "death", "2025-03-11"),
    )
    assert of(balance(twice), "A") == {
        "2025-02": "1 +0 -0 +0 -1 =0",
        "2025-03": "0 +0 -1 +0 -0 =0",  # died abroad: reported here, and the difference shows
    }


def test_an_open_departure_is_one_too_many_until_it_lapses() -> None:
    rows = balance(record(claim("e1", "move_out", "2025-01-10", to="B")), as_of=date(2025, 7, 31))
    assert of(rows, "A")["2025-01"] == "1 +0 -0 +0 -1 =1"
    assert of(rows, "A")["2025-07"] == "1 +0 -0 +0 -0 =0"
    assert {key: value for key, value in residuals(rows).items() if key[0] == "A"} == {
        ("A", "2025-01"): -1,
        ("A", "2025-07"): 1,
    }


def test_a_month_begins_where_the_one_before_ended() -> None:
    rows = balance(record(claim("e1", "move_out", "2024-12-31", to="B")), EMIGRANT, NEWBORN, as_of=date(2025, 9, 1))
    for unit in "ABDEP":
        starts = [row.count for row in rows if row.unit == unit and row.flow is Flow.STOCK_START]
        ends = [row.count for row in rows if row.unit == unit and row.flow is Flow.STOCK_END]
        assert starts[1:] == ends[:-1]
        assert len(starts) == 10


def test_a_mistyped_year_does_not_fill_the_file() -> None:
    rows = balance(record(claim("e1", "death", "1025-01-10")), NEWBORN)
    assert list(of(rows, "A")) == ["1025-01", "2025-02", "2025-03"]


def test_a_newborn_counts_where_the_mother_does_in_every_month() -> None:
    mother = record(claim("e1", "move_out", "2025-03-10", to="Lào"))
    rows = balance(mother, record(claim("e2", "birth", "2025-02-10"), mother=mother))
    assert of(rows, "A") == {"2025-02": "1 +1 -0 +0 -0 =2", "2025-03": "2 +0 -0 +0 -1 =0"}
