"""Laws of the views over random registers: every ref once, counted once, and a balance that explains itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conflict import cases as case_rules
from conflict.balance import Balance, Flow, residuals
from conflict.claims import Claim, EventRef, PersonRef, Record
from conflict.places import ABROAD, NOBODY, Named, Place, PlaceBook
from conflict.policy import DEFAULT_POLICY
from conflict.standing import COUNTED, standing

AS_OF = date(2025, 6, 30)
UNITS = ("A", "B", "C")
PLACES = PlaceBook(
    [Place("P", "", "province", "", "", ""), *(Place(unit, "P", "commune", "", "", "") for unit in UNITS)]
)

DAYS = st.dates(date(2024, 1, 1), date(2025, 8, 30))
DESTINATIONS = st.sampled_from((NOBODY, ABROAD, *(Named(unit) for unit in UNITS)))
KINDS = st.sampled_from(("death", "move_out", "move_out", "confirm", "dispute", "end_temporary"))


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    found: list[Record] = []
    for number in range(draw(st.integers(1, 6))):
        unit = draw(st.sampled_from(UNITS))
        made_by = draw(st.sampled_from(("", "birth", "move_in")))
        kinds = [made_by] * bool(made_by) + draw(st.lists(KINDS, max_size=4))
        claims = tuple(_claim(draw, EventRef(f"{unit}:e{number}.{n}"), kind) for n, kind in enumerate(kinds))
        mothers = [record for record in found if record.unit == unit]
        mother = draw(st.sampled_from((None, *mothers))) if made_by == "birth" else None
        residence = draw(st.sampled_from(("", "permanent", "temporary", "absent")))
        found.append(Record(PersonRef(f"{unit}:p{number}"), unit, residence, "", claims, mother))
    return found


def _claim(draw: st.DrawFn, ref: EventRef, kind: str) -> Claim:
    day = draw(DAYS)
    written = datetime.combine(day, time(8), UTC) + timedelta(days=draw(st.integers(0, 90)))
    withdrawn = (EventRef(f"{ref}.c"),) if draw(st.integers(0, 5)) == 0 else ()
    residence = draw(st.sampled_from(("", "", "temporary"))) if kind == "move_in" else ""
    return Claim(
        ref, kind, day, written, draw(DESTINATIONS) if kind.startswith("move") else NOBODY, residence, withdrawn
    )


def counted(found: list[Record]) -> Balance:
    balance = Balance(AS_OF, DEFAULT_POLICY)
    for record in found:
        balance.add(record, standing(record, AS_OF, DEFAULT_POLICY))
    return balance


@given(records(), DAYS)
def test_a_record_counts_in_one_unit_or_says_why_in_none(found: list[Record], day: date) -> None:
    for record in found:
        now = standing(record, AS_OF, DEFAULT_POLICY, day=day)
        assert now is None or (now.unit != "") == (now.status in COUNTED)
    assert all(standing(record, AS_OF, DEFAULT_POLICY) is not None for record in found)


@given(records())
def test_the_order_of_records_and_claims_does_not_show(found: list[Record]) -> None:
    reversed_claims = [
        Record(r.ref, r.unit, r.residence, r.state, tuple(reversed(r.claims)), r.mother) for r in reversed(found)
    ]
    assert list(counted(found).rows(PLACES)) == list(counted(reversed_claims).rows(PLACES))
    for one, other in zip(found, reversed(reversed_claims), strict=True):
        assert standing(one, AS_OF, DEFAULT_POLICY) == standing(other, AS_OF, DEFAULT_POLICY)
        assert set(case_rules.cases(one, AS_OF, DEFAULT_POLICY, PLACES)) == set(
            case_rules.cases(other, AS_OF, DEFAULT_POLICY, PLACES)
        )


@given(records())
def test_an_event_is_in_at_most_one_case(found: list[Record]) -> None:
    refs = Counter(
        ref for r in found for case in case_rules.cases(r, AS_OF, DEFAULT_POLICY, PLACES) for ref in case.refs
    )
    assert all(number == 1 for number in refs.values())


@given(records())
def test_the_last_stock_is_the_number_of_residents(found: list[Record]) -> None:
    residents = Counter(s.unit for r in found if (s := standing(r, AS_OF, DEFAULT_POLICY)) is not None and s.unit)
    last = {row.unit: row.count for row in counted(found).rows(PLACES) if row.flow is Flow.STOCK_END}
    assert {unit: number for unit, number in last.items() if number and unit != "P"} == residents
    assert last["P"] == residents.total()


@given(records())
def test_a_parent_is_the_sum_of_its_communes(found: list[Record]) -> None:
    sums: Counter[tuple[str, Flow, str]] = Counter()
    for row in counted(found).rows(PLACES):
        sums[row.month, row.flow, row.other_unit] += row.count if row.unit != "P" else -row.count
    assert set(sums.values()) <= {0}


@given(
    st.lists(
        st.tuples(st.sampled_from(UNITS), st.sampled_from(("stay", "birth", "death", "arrival", "emigrant")), DAYS)
    )
)
def test_births_deaths_arrivals_and_emigration_balance_in_every_month(people: list[tuple[str, str, date]]) -> None:
    kinds = {"stay": "", "birth": "birth", "death": "death", "arrival": "move_in", "emigrant": "move_out"}
    found = []
    for number, (unit, what, day) in enumerate(people):
        written = datetime.combine(day, time(8), UTC)
        ref = EventRef(f"{unit}:e{number}")
        place = ABROAD if what == "emigrant" else NOBODY
        claims = (Claim(ref, kinds[what], day, written, place),) if kinds[what] else ()
        found.append(Record(PersonRef(f"{unit}:p{number}"), unit, "permanent", "", claims))
    assert residuals(counted(found).rows(PLACES)) == {}


@given(st.lists(st.tuples(st.sampled_from(UNITS), DAYS), min_size=1))
def test_open_departures_explain_the_whole_difference(leavers: list[tuple[str, date]]) -> None:
    found = []
    for number, (unit, day) in enumerate(leavers):
        claim = Claim(EventRef(f"{unit}:e{number}"), "move_out", day, datetime.combine(day, time(8), UTC))
        found.append(Record(PersonRef(f"{unit}:p{number}"), unit, "permanent", "", (claim,)))
    difference: Counter[str] = Counter()
    for (unit, _), value in residuals(counted(found).rows(PLACES)).items():
        difference[unit] += value
    in_transit = Counter(
        r.unit
        for r in found
        if r.claims[0].day <= AS_OF
        and standing(r, AS_OF, DEFAULT_POLICY) == standing(r, r.claims[0].day, DEFAULT_POLICY)
    )
    assert {unit: -number for unit, number in in_transit.items()} == {
        unit: value for unit, value in difference.items() if value and unit != "P"
    }
