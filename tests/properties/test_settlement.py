"""Laws of the settlement over random evidence: the invariants I1 to I5 of RESOLVER 2, and what follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import TypeVar, get_args

from hypothesis import given
from hypothesis import strategies as st

from conflict import cases as one_sided
from conflict.balance import Balance, BalanceRow, Flow, residuals
from conflict.cases import State
from conflict.claims import Claim, EventRef, PersonRef, Record
from conflict.components import candidate_neighbours, components, family_neighbours
from conflict.decisions import Decision, in_force, undo
from conflict.journeys import Setting, journey
from conflict.links import Link, Verdict
from conflict.places import ABROAD, NOBODY, Named, Place, PlaceBook
from conflict.policy import DEFAULT_POLICY
from conflict.rulings import Ruling
from conflict.settlement import Outcome, resolve, standings
from conflict.standing import COUNTED, CanonicalPerson, Status, standing
from hub.views.resolution import add_to_balance, resolution

T = TypeVar("T")

AS_OF = date(2025, 6, 30)
VERDICTS: Sequence[Verdict] = (*get_args(Verdict), "automatic")
UNITS = ("A", "B", "C", "F")


def tree(parents: dict[str, str]) -> PlaceBook:
    """Communes below the given parents, and all parents below one root."""
    middle = sorted(set(parents.values()) - {"N"})
    return PlaceBook(
        [
            Place("N", "", "nation", "", "", ""),
            *(Place(node, "N", "province", "", "", "") for node in middle),
            *(Place(unit, parent, "commune", "", "", "") for unit, parent in parents.items()),
        ]
    )


PLACES = tree({"A": "P", "B": "P", "C": "P", "F": "N"})
TREES = st.fixed_dictionaries({unit: st.sampled_from(("N", "P", "Q")) for unit in UNITS}).map(tree)
DAYS = st.dates(date(2024, 6, 1), date(2025, 8, 30))
DESTINATIONS = st.sampled_from((NOBODY, ABROAD, *(Named(unit) for unit in UNITS)))
KINDS = st.sampled_from(("death", "move_out", "move_out", "confirm", "dispute", "end_temporary"))


class World:
    """Some records with what is known about them."""

    def __init__(self, records: list[Record], links: list[Link], rulings: list[Ruling]) -> None:
        self.records, self.links, self.rulings = records, links, rulings

    def settled(self, places: PlaceBook = PLACES) -> Outcome:
        return resolve(self.records, self.links, self.rulings, DEFAULT_POLICY, places, AS_OF)

    def __repr__(self) -> str:
        return f"World({self.records}, {self.links}, {self.rulings})"


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    found: list[Record] = []
    for number in range(draw(st.integers(1, 5))):
        unit = draw(st.sampled_from(UNITS))
        made_by = draw(st.sampled_from(("", "birth", "move_in", "move_in")))
        kinds = [made_by] * bool(made_by) + draw(st.lists(KINDS, max_size=3))
        claims = tuple(_claim(draw, EventRef(f"{unit}:e{number}.{n}"), kind) for n, kind in enumerate(kinds))
        mothers = [record for record in found if record.unit == unit]
        mother = draw(st.sampled_from((None, *mothers))) if made_by == "birth" else None
        residence = draw(st.sampled_from(("", "permanent", "permanent", "temporary", "absent")))
        number_of = draw(st.sampled_from(("", "1")))
        found.append(Record(PersonRef(f"{unit}:p{number}"), unit, residence, "", claims, mother, number_of))
    return found


def _claim(draw: st.DrawFn, ref: EventRef, kind: str) -> Claim:
    day = draw(DAYS)
    written = datetime.combine(day, time(8), UTC) + timedelta(days=draw(st.integers(0, 90)))
    is_withdrawn = draw(st.integers(0, 6)) == 0
    return Claim(
        ref,
        kind,
        day,
        written,
        draw(DESTINATIONS) if kind.startswith("move") else NOBODY,
        draw(st.sampled_from(("", "", "temporary"))) if kind == "move_in" else "",
        (EventRef(f"{ref}.c"),) if is_withdrawn else (),
        day + timedelta(days=draw(st.integers(0, 60))) if is_withdrawn else None,
        draw(st.sampled_from(("", "g1", "g2"))) if kind.startswith("move") else "",
        draw(st.sampled_from(((), ("name=Lan",), ("name=Hoa", "personal_id=1")))),
    )


@st.composite
def worlds(draw: st.DrawFn, *, rulings: bool = True) -> World:
    found = draw(records())
    refs = [record.ref for record in found]
    links: list[Link] = []
    said: list[Ruling] = []
    for number, (a, b) in enumerate((a, b) for i, a in enumerate(refs) for b in refs[i + 1 :]):
        if draw(st.integers(0, 4)):
            verdict = draw(st.sampled_from(VERDICTS))
            hard = ("sex",) if verdict == "apart" and draw(st.booleans()) else ()
            links.append(Link(a, b, draw(st.sampled_from((7.0, 18.0, 25.5))), verdict, hard))
        if rulings and draw(st.integers(0, 5)) == 0:
            written = datetime.combine(draw(DAYS), time(8), UTC)
            same, at = draw(st.booleans()), draw(st.sampled_from(("N", "P")))
            said.append(Ruling(EventRef(f"{at}:r{number}"), a, b, same, at, written))
    return World(found, links, said)


def brief(outcome: Outcome) -> tuple[object, ...]:
    """What may not depend on where in the tree anything stands."""
    return outcome.persons, [(c.refs, c.state, c.outcome, c.decided_by, c.score) for c in outcome.cases]


@given(worlds(), DAYS)
def test_i1_every_record_is_in_one_person_who_counts_once_or_says_why_not(world: World, day: date) -> None:
    outcome = world.settled()
    refs = [ref for person in outcome.persons for ref in person.refs]
    assert sorted(refs) == sorted(record.ref for record in world.records)
    for person in outcome.persons:
        assert (person.standing.unit in UNITS) == (person.standing.status in COUNTED)
    now = Setting(AS_OF, min(day, AS_OF), DEFAULT_POLICY, PLACES)
    for there in standings(world.records, world.links, world.rulings, now).values():
        assert (there.unit in UNITS) == (there.status in COUNTED)


@given(worlds())
def test_i1_a_doubtful_arrival_is_left_out_only_beside_somebody_it_may_be(world: World) -> None:
    outcome = world.settled()
    for person in outcome.persons:
        if person.standing.status is Status.PROPOSED:
            assert any(link.a in person.refs or link.b in person.refs for link in world.links) or world.rulings


@given(worlds(), st.randoms(use_true_random=False))
def test_i2_neither_order_nor_repeats_show(world: World, random: Random) -> None:
    def mixed(values: Sequence[T]) -> list[T]:
        again = [*values, *values[:2]]
        random.shuffle(again)
        return again

    shuffled = [replace(record, claims=tuple(mixed(record.claims))) for record in mixed(world.records)]
    other = World(shuffled, mixed(world.links), mixed(world.rulings))
    assert other.settled() == world.settled()


@given(worlds(rulings=False), TREES)
def test_i2_where_the_tiers_stand_changes_who_decides_and_nothing_else(world: World, places: PlaceBook) -> None:
    assert brief(world.settled(places)) == brief(world.settled())


@given(worlds())
def test_i2_a_family_settled_alone_comes_out_as_among_all(world: World) -> None:
    whole = world.settled()
    neighbours = family_neighbours(world.records, candidate_neighbours(world.links, world.rulings))
    persons: list[CanonicalPerson] = []
    cases: list[one_sided.Case] = []
    decisions: list[Decision] = []
    for refs in components((record.ref for record in world.records), neighbours):
        alone = World([r for r in world.records if r.ref in refs], world.links, world.rulings).settled()
        persons += alone.persons
        cases += alone.cases
        decisions += alone.decisions
    assert sorted(persons, key=lambda p: p.person) == list(whole.persons)
    assert sorted(cases, key=lambda c: c.case) == list(whole.cases)
    assert sorted(decisions, key=lambda d: d.case) == list(whole.decisions)


@given(worlds())
def test_i3_every_decision_names_its_evidence_and_can_be_undone(world: World) -> None:
    outcome = world.settled()
    assert len({decision.id for decision in outcome.decisions}) == len(outcome.decisions)
    for decision in outcome.decisions:
        assert decision.claims
        assert decision.reasons
        assert all(why.rule for why in decision.reasons)
        undone = undo(decision, [EventRef("N:r99")], "N", 1)
        assert in_force([decision, undone]) == (undone,)


@given(worlds())
def test_i4_what_is_already_known_changes_nothing(world: World) -> None:
    outcome = world.settled()
    assert world.settled() == outcome
    again = World([*world.records, *world.records], [*world.links, *world.links], [*world.rulings, *world.rulings])
    assert again.settled() == outcome


@given(worlds())
def test_an_event_is_in_at_most_one_case(world: World) -> None:
    refs = [ref for case in world.settled().cases for ref in case.refs]
    assert len(refs) == len(set(refs))


@given(worlds())
def test_no_departure_and_no_arrival_is_lost(world: World) -> None:
    """Every report of a move out of or into a unit is in a case, as one side sees it or with the other."""
    cased = {ref for case in world.settled().cases for ref in case.refs}
    alone = {
        ref
        for record in world.records
        for case in one_sided.cases(record, AS_OF, DEFAULT_POLICY, PLACES)
        for ref in case.refs
    }
    moves = {claim.ref for record in world.records for claim in record.claims if claim.kind in {"move_in", "move_out"}}
    assert alone & moves <= cased


@given(worlds())
def test_nothing_that_is_kept_apart_is_in_one_person(world: World) -> None:
    outcome = world.settled()
    person_of = {ref: person for person in outcome.persons for ref in person.refs}
    ruled = {ruling.pair for ruling in world.rulings if ruling.same}
    for link in world.links:
        if link.hard and not ruled:
            assert person_of[PersonRef(link.a)] is not person_of[PersonRef(link.b)]
    for ruling in world.rulings:
        if not ruling.same:
            assert person_of[ruling.a] is not person_of[ruling.b]


@given(records())
def test_without_links_every_side_is_seen_as_it_sees_itself(found: list[Record]) -> None:
    outcome = resolve(found, (), (), DEFAULT_POLICY, PLACES, AS_OF, searched=False)
    assert [person.standing for person in outcome.persons] == [
        standing(record, AS_OF, DEFAULT_POLICY) for record in sorted(found, key=lambda r: r.ref)
    ]
    alone = [case for record in found for case in one_sided.cases(record, AS_OF, DEFAULT_POLICY, PLACES)]
    assert list(outcome.cases) == sorted(alone, key=lambda case: case.case)


@given(worlds(rulings=False))
def test_a_settled_case_asks_for_one_count_and_closes_the_rest(world: World) -> None:
    for decision in world.settled().decisions:
        if decision.state is State.SETTLED:
            counted = {ask.ref for ask in decision.asks if ask.action == "count"}
            assert counted
            assert all(ask.successor in counted for ask in decision.asks if ask.action == "close")


@st.composite
def travellers(draw: st.DrawFn) -> World:
    """People whose moves are written down at both ends on one day."""
    found: list[Record] = []
    links: list[Link] = []
    for number in range(draw(st.integers(1, 4))):
        way = draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=4))
        way = [unit for i, unit in enumerate(way) if i == 0 or way[i - 1] != unit]
        days = sorted(draw(st.lists(st.dates(date(2024, 6, 1), AS_OF), min_size=4, max_size=4, unique=True)))
        for step, unit in enumerate(way):
            claims = []
            if step:
                claims.append(_report(f"{unit}:i{number}.{step}", "move_in", days[step - 1], way[step - 1]))
            if step + 1 < len(way):
                claims.append(_report(f"{unit}:o{number}.{step}", "move_out", days[step], way[step + 1]))
            found.append(Record(PersonRef(f"{unit}:p{number}.{step}"), unit, "permanent", "", tuple(claims)))
            if step:
                links.append(Link(found[-2].ref, found[-1].ref, 20.0, "automatic"))
    return World(found, links, [])


def _report(ref: str, kind: str, day: date, place: str) -> Claim:
    return Claim(EventRef(ref), kind, day, datetime.combine(day, time(8), UTC), Named(place))


def balanced(world: World) -> list[BalanceRow]:
    balance = Balance(AS_OF, DEFAULT_POLICY)
    found = resolution(world.records, world.links, world.rulings, DEFAULT_POLICY, PLACES, AS_OF)
    for record in world.records:
        if record.ref not in found.touched:
            balance.add(record, standing(record, AS_OF, DEFAULT_POLICY))
    add_to_balance(balance, found, world.links, world.rulings, Setting(AS_OF, AS_OF, DEFAULT_POLICY, PLACES))
    return list(balance.rows(PLACES))


@given(travellers())
def test_i5_once_settled_the_register_balances_and_departures_to_a_unit_are_its_arrivals(world: World) -> None:
    assert {case.state for case in world.settled().cases} <= {State.SETTLED}
    rows = balanced(world)
    assert residuals(rows) == {}
    left: Counter[str] = Counter()
    came: Counter[str] = Counter()
    for row in rows:
        if row.unit in UNITS and row.flow is Flow.DEPARTURES:
            left[row.other_unit] += row.count
        elif row.unit in UNITS and row.flow is Flow.ARRIVALS:
            came[row.unit] += row.count
    assert +left == +came


@given(worlds())
def test_i5_the_stock_of_the_last_month_is_the_number_of_residents_whatever_was_reported(world: World) -> None:
    residents = Counter(person.standing.unit for person in world.settled().persons if person.standing.unit)
    rows = balanced(world)
    last = max(row.month for row in rows)
    stock = Counter(
        {row.unit: row.count for row in rows if row.flow is Flow.STOCK_END and row.month == last and row.unit in UNITS}
    )
    assert +stock == residents


@given(records(), DAYS)
def test_the_state_of_a_move_follows_from_its_facts_by_the_one_table(found: list[Record], day: date) -> None:
    setting = Setting(AS_OF, min(day, AS_OF), DEFAULT_POLICY, PLACES)
    for _, judgement in journey(found, setting).moves:
        state: State | None = None
        for _, fact in judgement.facts:
            state = one_sided.next_state(state, fact)
        assert state is judgement.state
        assert judgement.holder is None or state is not State.OPEN_OUT
