"""What a hub decides stands in its own log, once, and follows from the rows alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from conflict.cases import Outcome, State
from conflict.claims import Record
from conflict.decisions import Action, Decision, in_force, parameters_of
from conflict.parameters import Thresholds, current_parameters
from conflict.places import PlaceBook
from conflict.policy import DEFAULT_POLICY
from conflict.settlement import resolve
from hub.desk.decisions import read_decisions, resting_on_records
from hub.desk.desk import CaseDesk
from hub.desk.outbox import ENDED
from hub.views.records import read_rulings, records
from hub.views.tree import places_seen
from node.chain import KIND_DECISION
from node.decision_rows import from_row, to_row
from node.ids import OriginId, Seq
from node.interchange.bundle import local_day
from node.interchange.values import EventRow
from node.limits import DAY_MS
from node.reference import Reference
from node.register.operations import record_event
from node.store import PURPOSE_REGISTER, Store
from tests.unit.hub.desk.town import PEOPLE, Town, columns

LAN = PEOPLE[0]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    yield found
    found.close()


def moved(town: Town) -> None:
    """Lan left A and is at B, and both say so."""
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", LAN, place="A")
    town.bring()


def decided(store: Store) -> list[Decision]:
    """What is in force and was not taken back."""
    return [made for made in in_force(read_decisions(store.connection)) if not made.undoes]


def decision_commits(store: Store) -> int:
    return sum(
        commit.kind == KIND_DECISION for commit in store.read_commits(store.own_origin_of(store.node_id), Seq(0))
    )


def test_a_settled_move_is_decided_in_the_log_of_the_hub(town: Town) -> None:
    moved(town)
    assert town.desk().decide() == 1
    (made,) = read_decisions(town.store.connection)
    assert (made.state, made.outcome, made.authority) == (State.SETTLED, Outcome.MOVED, "d1")
    assert {(ask.unit, ask.action, ask.ref) for ask in made.asks} >= {
        ("A", Action.CLOSE, "A:p0"),
        ("B", Action.COUNT, "B:n0"),
    }
    assert decision_commits(town.store) == 1


def test_nothing_is_decided_twice_also_not_by_a_desk_that_was_made_anew(town: Town) -> None:
    moved(town)
    desk = town.desk()
    desk.decide()
    assert desk.decide() == 0
    desk.forget()
    assert desk.decide() == 0
    assert CaseDesk(town.store).decide() == 0
    assert decision_commits(town.store) == 1


def test_a_late_word_of_the_old_office_takes_the_decision_back(town: Town) -> None:
    moved(town)
    desk = town.desk()
    desk.decide()
    (before,) = decided(town.store)
    town.event("A", "dispute", "p0", reason="still lives here")
    town.bring()
    assert desk.decide() == 1
    assert decided(town.store) == []
    undone = next(made for made in read_decisions(town.store.connection) if made.undoes)
    assert undone.undoes == before.id
    assert {(ask.unit, ask.action) for ask in undone.asks} == {("A", Action.REOPEN)}


def test_a_decision_that_knows_more_takes_the_place_of_one_that_knew_less(town: Town) -> None:
    moved(town)
    desk = town.desk()
    desk.decide()
    town.event("A", "move_out", "p0", other_place="B")
    town.bring()
    desk.decide()
    (now,) = decided(town.store)
    assert now.claims == ("A:e1", "A:e3", "B:e2")
    assert len(read_decisions(town.store.connection)) == 2


def test_a_correction_that_takes_the_link_away_takes_the_decision_back(town: Town) -> None:
    moved(town)
    desk = town.desk()
    desk.decide()
    other = {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "personal_id": "052075000001"}
    town.event("B", "correction", "n0", other)
    town.bring()
    desk.decide()
    assert [made.outcome for made in decided(town.store)] == [Outcome.NEW_ENTRY]


def test_an_arrival_that_was_somebody_new_is_a_move_once_the_record_that_was_left_comes(town: Town) -> None:
    desk = town.desk()
    town.arrive("B", LAN, place="A")
    town.bring()
    desk.decide()
    assert [made.outcome for made in decided(town.store)] == [Outcome.NEW_ENTRY]
    town.person("A", LAN)
    town.bring()
    desk.decide()
    assert [made.outcome for made in decided(town.store)] == [Outcome.MOVED]


def test_what_was_taken_back_and_is_right_again_is_decided_under_another_name(town: Town) -> None:
    desk = town.desk()
    town.arrive("B", LAN, place="A")
    town.bring()
    desk.decide()
    (first,) = decided(town.store)
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.bring()
    desk.decide()
    assert [made.outcome for made in decided(town.store)] == [Outcome.MOVED]
    town.event("A", "dispute", "p0", reason="still lives here")
    town.bring()
    desk.decide()
    assert decided(town.store) == []
    other = {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "personal_id": "052075000001"}
    town.event("A", "correction", "p0", other)
    town.bring()
    desk.decide()
    (again,) = [made for made in decided(town.store) if made.case == first.case]
    assert said(again) == said(first)
    assert again.id != first.id
    assert desk.decide() == 0


def test_new_parameters_alone_decide_no_settled_case_again(town: Town) -> None:
    moved(town)
    town.desk().decide()
    before = decided(town.store)
    stricter = replace(current_parameters(), version=2, thresholds=Thresholds(60.0, 50.0, 6.0))
    desk = CaseDesk(town.store, stricter)
    assert desk.decide() == 0
    assert desk.links() == ()
    assert decided(town.store) == before
    town.event("B", "confirm", "n0", reason="lives here")
    town.bring()
    desk.decide()
    assert decided(town.store) != before


def test_a_waiting_time_that_is_over_is_seen_on_its_day(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    day = "2025-06-10"
    town.event("B", "move_in", "n0", LAN, other_place="A", event_date=day, recorded_at=f"{day}T08:00:00+07:00")
    town.bring()
    before = desk.decide()
    town.district.clock.advance_ms(40 * DAY_MS)
    assert (before, desk.decide()) == (0, 1)
    assert [made.outcome for made in decided(town.store)] == [Outcome.MOVED]


def test_a_ruling_at_the_hub_decides_what_waited_for_it(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", {"full_name": "Trần Thị Hồng Lan", "birth_date": "1984"}, place="C")
    town.bring()
    assert desk.decide() == 0
    ruling = EventRow(
        *("d1", "r1", "ruling", "2025-06-14", "2025-06-14T08:00:00+07:00", "A:p0", "", "", "", "B:n0", "same"),
        columns=columns({}),
    )
    record_event(town.store, ruling, author="reviewer", origin=town.store.own_origin_of(town.store.node_id))
    desk.decide()
    (made,) = decided(town.store)
    assert (made.outcome, made.decided_by) == (Outcome.MOVED, "person")
    assert "d1:r1" in made.claims


def everything_at_once(store: Store, *, ended: bool = True) -> list[Decision]:
    """What one settlement of all records decides."""
    profiles = {o: p for o, p in store.profiles().items() if p.purpose == PURPOSE_REGISTER}
    places = PlaceBook(places_seen(profiles.values(), Reference(store)))
    found: list[Record] = list(records(store.connection, profiles, places))
    outcome = resolve(
        found,
        CaseDesk(store).links(),
        tuple(read_rulings(store.connection, profiles)),
        DEFAULT_POLICY,
        places,
        local_day(store.clock.wall_ms()),
        parameters=parameters_of(DEFAULT_POLICY, current_parameters().version, current_parameters().hash),
    )
    claims_of = {record.ref: [claim.ref for claim in record.claims] for record in found}
    decisions = [resting_on_records(made, claims_of) for made in outcome.decisions]
    return [made for made in decisions if not ended or (made.state in ENDED and made.authority == "d1")]


def said(made: Decision) -> tuple[object, ...]:
    """A decision without its name: one that was taken back and is right again has another one."""
    return made.case, made.state, made.outcome, made.decided_by, made.asks


@pytest.mark.parametrize("seed", range(6))
def test_what_is_decided_piece_by_piece_is_what_one_settlement_decides(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    town = Town(tmp_path, source)
    desk = town.desk()
    for _ in range(50):
        town.anything()
        if source.random() < 0.4:
            town.bring(source.choice("ABC"), count=source.randint(1, 4))
        if source.random() < 0.3:
            desk.decide()
    town.bring()
    desk.decide()
    expected = everything_at_once(town.store)
    assert set(map(said, decided(town.store))) == set(map(said, expected)), f"replay with seed {seed}"
    assert expected != []
    assert desk.decide() == 0
    town.close()


def test_a_decision_is_read_as_it_was_written(town: Town) -> None:
    moved(town)
    town.desk().catch_up()
    for made in everything_at_once(town.store, ended=False):
        assert from_row(to_row(made, OriginId(bytes(16)), date(2025, 6, 15))) == made


def derived(store: Store) -> dict[str, set[tuple[object, ...]]]:
    """All that the desk keeps, by the records and not by the numbers that it has given them."""
    who = {row[0]: row[1:] for row in store.connection.execute("SELECT number, origin, person_id FROM desk_party")}
    found: dict[str, set[tuple[object, ...]]] = {
        table: set(store.connection.execute(f"SELECT * FROM {table}"))
        for table in ("desk_mark", "desk_unread", "desk_waiting", "desk_unsettled", "desk_decision")
    }
    found["desk_party"] = set(
        store.connection.execute(
            "SELECT origin, person_id, arrival, sheet, keys, left_out FROM desk_party WHERE keys <> x''"
        )
    )
    found["block_key"] = {
        (row[0], row[1], who[row[2]]) for row in store.connection.execute("SELECT key, arrival, party FROM block_key")
    }
    found["candidate_link"] = {
        (frozenset((who[row[0]], who[row[1]])), *row[2:])
        for row in store.connection.execute("SELECT a, b, bits, verdict, hard FROM candidate_link")
    }
    return found


@pytest.mark.parametrize("seed", range(4))
def test_all_that_is_derived_comes_out_the_same_when_it_is_made_anew_from_the_logs(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    town = Town(tmp_path, source)
    desk = town.desk()
    for _ in range(50):
        town.anything()
        if source.random() < 0.4:
            town.bring(source.choice("ABC"), count=source.randint(1, 4))
        if source.random() < 0.3:
            desk.decide()
    town.bring()
    desk.decide()
    before, in_the_log = derived(town.store), read_decisions(town.store.connection)
    desk.forget()
    assert not any(derived(town.store).values())
    assert desk.decide() == 0
    assert derived(town.store) == before, f"replay with seed {seed}"
    assert read_decisions(town.store.connection) == in_the_log
    town.close()
