"""What a hub decides reaches every register that is asked, once, and comes back as a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conflict.claims import EventRef
from hub.desk.desk import CaseDesk
from hub.desk.outbox import deliveries, deliveries_of_case
from node import limits
from node.chain import KIND_DECISION
from node.identity.keys import NodeKey
from node.ids import Seq
from node.limits import DAY_MS
from tests.unit.hub.desk.town import PEOPLE
from tests.unit.hub.desk.valley import Valley

LAN = PEOPLE[0]


@pytest.fixture
def valley(tmp_path: Path) -> Iterator[Valley]:
    found = Valley(tmp_path)
    yield found
    found.close()


def moved(valley: Valley) -> None:
    """Lan left A and is at C, in the other district, and both say so."""
    valley.person("a", "p0", LAN)
    valley.event("a", "move_out", "p0", other_place="c")
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()


def decision_commits(valley: Valley, name: str) -> list[str]:
    commits = valley.member(name).store.read_commits(valley.origin(name), Seq(0))
    return [commit.tag for commit in commits if commit.kind == KIND_DECISION]


def test_a_move_between_districts_reaches_both_communes(valley: Valley) -> None:
    moved(valley)
    valley.decide()
    assert valley.lines("a") == [("close", "a:p0", "applied")]
    assert valley.lines("c") == [("count", "c:n0", "applied")]
    assert valley.lines("b") == []
    (made,) = valley.decisions("p")
    assert decision_commits(valley, "a") == decision_commits(valley, "c") == [made.id]


def test_the_receipt_climbs_to_whoever_decided(valley: Valley) -> None:
    moved(valley)
    valley.desk("p").decide()
    (made,) = valley.decisions("p")
    store = valley.member("p").store
    assert [(d.to_origin, d.received) for d in deliveries(store.connection, made.id)] == sorted(
        [(valley.origin("a"), False), (valley.origin("c"), False)]
    )
    valley.travel()
    assert [d.received for d in deliveries(store.connection, made.id)] == [True, True]


def test_a_case_says_who_was_asked_and_who_has_it(valley: Valley) -> None:
    valley.person("a", "p0", LAN)
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.desk("p").decide()
    store, origin, case = valley.member("p").store, valley.origin("p"), EventRef("c:e1")
    assert {(d.is_question, d.received) for d in deliveries_of_case(store.connection, origin, case)} == {(True, False)}
    valley.travel()
    assert {(d.is_question, d.received) for d in deliveries_of_case(store.connection, origin, case)} == {(True, True)}
    valley.event("a", "confirm", "p0")
    valley.travel()
    valley.decide()
    case = valley.decisions("p")[0].case
    assert {(d.is_question, d.received) for d in deliveries_of_case(store.connection, origin, case)} == {(False, True)}


def test_a_receipt_is_no_evidence(valley: Valley) -> None:
    moved(valley)
    valley.decide()
    before = valley.decisions("p")
    valley.clock.advance_ms(DAY_MS)
    valley.decide()
    assert valley.decisions("p") == before
    assert len(decision_commits(valley, "a")) == 1


def test_what_the_officer_wrote_stays_as_it_was(valley: Valley) -> None:
    moved(valley)
    store = valley.member("a").store
    rows = [store.connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("person", "event", "household")]
    valley.decide()
    after = [
        store.connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("person", "event", "household")
    ]
    assert valley.lines("a") != []
    assert after == rows


def test_whoever_is_named_as_the_old_office_is_asked_and_its_answer_settles_the_case(valley: Valley) -> None:
    valley.person("a", "p0", LAN)
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.decide()
    assert valley.decisions("p") == []
    assert valley.lines("a") == [("answer", "a:p0", "open")]
    valley.event("a", "confirm", "p0", reason="left in March")
    assert valley.lines("a") == [("answer", "a:p0", "answered")]
    valley.travel()
    valley.decide()
    assert len(valley.decisions("p")) == 1
    assert valley.lines("a") == [("answer", "a:p0", "over"), ("close", "a:p0", "applied")] or valley.lines("a") == [
        ("close", "a:p0", "applied"),
        ("answer", "a:p0", "over"),
    ]


def test_a_question_is_over_once_the_silence_has_settled_it_on_the_same_claims(valley: Valley) -> None:
    valley.person("a", "p0", LAN)
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.decide()
    valley.clock.advance_ms(40 * DAY_MS)
    valley.decide()
    assert sorted(valley.lines("a")) == [("answer", "a:p0", "over"), ("close", "a:p0", "applied")]


def test_a_question_that_nobody_asks_any_more_is_withdrawn(valley: Valley) -> None:
    valley.person("a", "p0", LAN)
    arrival = valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.decide()
    assert valley.lines("a") == [("answer", "a:p0", "open")]
    assert arrival.is_new
    other = {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "personal_id": "052075000001"}
    valley.event("c", "correction", "n0", other)
    valley.travel()
    valley.decide()
    assert valley.lines("a") == [("answer", "a:p0", "over")]


def test_a_question_that_was_withdrawn_is_asked_again_when_it_is_right_again(valley: Valley) -> None:
    valley.person("a", "p0", LAN)
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.decide()
    other = {"full_name": "Lê Quốc Khánh", "sex": "M", "birth_date": "1975-05-05", "personal_id": "052075000001"}
    valley.event("c", "correction", "n0", other)
    valley.travel()
    valley.decide()
    valley.event("c", "correction", "n0", LAN)
    valley.travel()
    valley.decide()
    assert sorted(valley.lines("a")) == [("answer", "a:p0", "open"), ("answer", "a:p0", "over")]


def test_both_offices_that_contradict_each_other_are_told_to_go_and_look(valley: Valley) -> None:
    moved(valley)
    valley.decide()
    valley.event("a", "dispute", "p0", reason="still lives here")
    valley.travel()
    valley.decide()
    assert ("visit", "a:p0", "open") in valley.lines("a")
    assert ("reopen", "a:p0", "applied") in valley.lines("a")
    assert ("close", "a:p0", "over") in valley.lines("a")
    assert ("visit", "c:n0", "open") in valley.lines("c")


def test_a_decision_that_another_process_wrote_without_a_key_is_sent_by_the_next_who_has_one(valley: Valley) -> None:
    moved(valley)

    assert CaseDesk(valley.member("p").store).decide() == 1
    assert valley.letters("p") == []
    valley.desk("p").catch_up()
    valley.travel()
    assert valley.lines("a") == [("close", "a:p0", "applied")]


def test_a_commune_that_lost_a_letter_without_anybody_seeing_it_is_written_to_again(valley: Valley) -> None:
    moved(valley)
    valley.desk("p").decide()
    valley.visit("d1")
    lost = [letter for letter in valley.letters("d1") if letter[0] == "decision"]
    assert lost == [("decision", "")]
    with valley.member("d1").store.database.transaction() as connection:
        connection.execute("UPDATE letter SET state = 'sent', sent_to = 'a'")  # a had it, and is an older copy now
    valley.travel()
    valley.desk("p").catch_up()
    valley.travel()
    assert valley.lines("a") == []
    valley.clock.advance_ms(limits.REMINDER_MS + 1)
    valley.desk("p").catch_up()
    valley.travel()
    assert valley.lines("a") == [("close", "a:p0", "applied")]
    assert decision_commits(valley, "c") == decision_commits(valley, "a")


def test_whoever_has_said_that_it_came_is_not_written_to_again(valley: Valley) -> None:
    moved(valley)
    valley.decide()
    valley.clock.advance_ms(limits.REMINDER_MS + 1)
    desk = valley.desk("p")
    desk.catch_up()
    assert desk.posted == 0


def test_a_hub_with_another_key_writes_once_more_and_nothing_is_applied_twice(valley: Valley) -> None:
    moved(valley)
    valley.decide()
    desk = CaseDesk(valley.member("p").store, key=NodeKey.generate())
    desk.catch_up()
    assert desk.posted == 2
    assert len(decision_commits(valley, "a")) == 1
