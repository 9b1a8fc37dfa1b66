"""``cases undo``: what was there before stands again, and nothing is deleted (RESOLVER 33, 72)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from conflict.cases import State
from conflict.standing import Status
from hub.desk.decisions import read_decisions
from hub.desk.view import view_of
from node.ids import NodeId
from node.interchange.values import EventRow, PersonRow
from node.register.importing import NodeImport
from tests.unit.hub.desk.town import PEOPLE, Town, columns
from tests.unit.ops.cli.command_line import dansync, document

LAN = PEOPLE[0]
VAGUE = {"full_name": "Trần Thị Hồng Lan", "birth_date": "1984"}
AS_OF = date(2025, 6, 30)
Results = tuple[list[object], list[object]]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    for member in found.district.tree.members.values():
        member.config()
    yield found
    found.close()


def hub(town: Town) -> Path:
    return town.district.tree.root.folder


def results(town: Town) -> Results:
    """Residents and cases, but for what was taken back: that stays on record, as an audit."""
    view = view_of((town.store,), AS_OF)
    residents: list[object] = [row for row in view.residents() if row.status != Status.VOID]
    cases: list[object] = [row for row in view.cases() if row.state is not State.CANCELLED]
    return residents, cases


def moved(town: Town) -> Results:
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", LAN, place="A")
    town.bring()
    return results(town)


def doubtful(town: Town) -> Results:
    """Somebody who may be Lan waits for a ruling."""
    town.person("A", LAN)
    town.arrive("B", VAGUE, place="A")
    town.bring()
    found = results(town)
    assert [case.state for case in view_of((town.store,), AS_OF).cases()] == [State.PROPOSED]
    return found


@pytest.mark.parametrize("verdict", ["same", "different"])
def test_case_33_undoing_a_ruling_leaves_what_was_there_before(town: Town, verdict: str) -> None:
    before = doubtful(town)
    dansync("cases", "decide", hub(town), "B:e1", verdict)
    assert results(town) != before
    found = document("cases", "undo", hub(town), "B:e1")
    assert found["withdraws"].startswith("d1:")
    assert results(town) == before


def test_case_33_undoing_the_later_of_two_rulings_brings_the_earlier_one_back(town: Town) -> None:
    doubtful(town)
    dansync("cases", "decide", hub(town), "B:e1", "same")
    before = results(town)
    dansync("cases", "decide", hub(town), "B:e1", "different", "--one", "A:p0", "--other", "B:n0")
    assert results(town) != before
    dansync("cases", "undo", hub(town), "B:e1")
    assert results(town) == before


def test_case_33_a_link_that_is_undone_parts_the_records_and_later_events_go_back(town: Town) -> None:
    before = moved(town)
    town.event("B", "death", "n0")
    town.bring()
    assert document("cases", "undo", hub(town), "A:e1")["withdraws"] == ""
    view = {row.person: row.status for row in view_of((town.store,), AS_OF).residents()}
    assert view == {"A:p0": "in_transit", "B:n0": "dead"}
    assert before[0] != results(town)[0]


def test_case_33_the_undoing_of_a_link_can_be_undone(town: Town) -> None:
    before = moved(town)
    dansync("cases", "undo", hub(town), "A:e1")
    assert results(town) != before
    dansync("cases", "undo", hub(town), "B:e2")
    assert results(town) == before


def test_a_dry_run_writes_nothing_and_tells_what_comes(town: Town) -> None:
    before = moved(town)
    head = town.store.head(town.store.own_origin_of(town.store.node_id))
    foreseen = document("cases", "undo", hub(town), "A:e1", "--dry-run")
    assert (results(town), town.store.head(head.origin)) == (before, head)
    dansync("cases", "undo", hub(town), "A:e1")
    view = view_of((town.store,), AS_OF)
    assert [person["refs"] for person in foreseen["then"]["persons"]] == [list(row.refs) for row in view.residents()]
    assert [case["case"] for case in foreseen["then"]["cases"]] == [case.case for case in view.cases()]


def test_what_was_decided_is_taken_back_with_the_cancel_as_its_evidence(town: Town) -> None:
    doubtful(town)
    dansync("cases", "decide", hub(town), "B:e1", "same")
    town.desk().decide()
    (made,) = read_decisions(town.store.connection)
    cancel = document("cases", "undo", hub(town), "B:e1")["recorded"]
    town.desk().decide()
    (undone,) = [decision for decision in read_decisions(town.store.connection) if decision.undoes]
    assert undone.undoes == made.id
    assert f"d1:{cancel}" in undone.claims


def test_a_ruling_of_another_node_is_undone_there(town: Town) -> None:
    doubtful(town)
    ruling = EventRow(
        *("A", "r1", "ruling", "2025-06-14", "2025-06-14T08:00:00+07:00", "A:p0", "", "", "", "B:n0", "same"),
        columns=columns({}),
    )
    town.record("A", ruling)
    town.bring()
    result = dansync("cases", "undo", hub(town), "B:e1")
    assert result.exit_code == 2
    assert "A has ruled on A:p0 and B:n0" in result.stderr


def test_of_several_pairs_one_has_to_be_named(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", LAN, place="A")
    town.arrive("C", LAN, place="A")
    town.bring()
    result = dansync("cases", "undo", hub(town), "B:e1")
    assert result.exit_code == 2 and "A:p0 and B:n0" in result.stderr
    assert dansync("cases", "undo", hub(town), "B:e1", "--one", "B:n0", "--other", "A:p0").exit_code == 0


def test_where_nothing_was_linked_there_is_nothing_to_undo(town: Town) -> None:
    town.arrive("B", LAN, place="A")
    town.bring()
    result = dansync("cases", "undo", hub(town), "B:e1")
    assert result.exit_code == 2 and "record cancel" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("B:e1", "--import", "x")])
def test_either_a_case_or_an_import_is_undone(town: Town, arguments: tuple[str, ...]) -> None:
    assert dansync("cases", "undo", hub(town), *arguments).exit_code == 2


def wrong_batch(town: Town) -> str:
    """Somebody at B imports the bundle of another place: arrivals of people who never left, and corrections."""
    store = town.communes["B"].store
    run = NodeImport(store, author="import", rejected=lambda row, error: pytest.fail(f"{row}: {error}"))
    run.persons([PersonRow(NodeId("B"), "w0", "", columns(PEOPLE[6]))])
    day = ("2025-06-01", "2025-06-01T08:00:00+07:00")
    blank = EventRow(*("B", "w1", "move_in", *day, "wn", "", "", "A", "", ""), columns=columns(PEOPLE[2]))
    run.events([blank, replace(blank, event_id="w2", kind="death", person_id="n0", other_place="")]).feed()
    town.bring()
    return run.finish().import_id


def test_case_72_a_wrong_batch_is_undone_as_a_unit(town: Town) -> None:
    town.person("A", PEOPLE[2])
    before = moved_beside(town)
    import_id = wrong_batch(town)
    wrong = results(town)
    assert wrong != before
    folder = town.district.tree.members["B"].folder
    said = dansync("cases", "undo", folder, "--import", import_id, "--dry-run").output
    assert "would be withdrawn" in said and "move_in: 1" in said and "persons who were entered: 1" in said
    town.bring()
    assert results(town) == wrong
    undone = document("cases", "undo", folder, "--import", import_id)
    town.bring()
    assert results(town) == before
    dansync("cases", "undo", folder, "--import", undone["undo"])
    town.bring()
    assert results(town) == wrong


def moved_beside(town: Town) -> Results:
    town.person("A", LAN)
    town.event("A", "move_out", "p1", other_place="B")
    town.arrive("B", LAN, place="A")
    town.bring()
    return results(town)


def test_case_72_a_batch_is_undone_where_it_was_imported(town: Town) -> None:
    moved(town)
    import_id = wrong_batch(town)
    result = dansync("cases", "undo", hub(town), "--import", import_id)
    assert result.exit_code == 2 and "was made at B" in result.stderr
    folder = town.district.tree.members["B"].folder
    dansync("cases", "undo", folder, "--import", import_id)
    assert "withdrawn already" in dansync("cases", "undo", folder, "--import", import_id).output


def test_it_speaks_vietnamese(town: Town) -> None:
    moved(town)
    said = dansync("cases", "undo", hub(town), "A:e1", "--dry-run", language="vi").output
    assert "would" not in said and "A:p0" in said


def test_case_72_a_batch_of_rulings_is_undone_too(town: Town) -> None:
    before = doubtful(town)
    day = ("2025-06-01", "2025-06-01T08:00:00+07:00")
    row = EventRow(*("d1", "r1", "ruling", *day, "A:p0", "", "", "", "B:n0", "same"), columns=columns({}))
    origin = town.desk().own_register()
    run = NodeImport(town.store, author="x", rejected=lambda row, error: pytest.fail(f"{row}: {error}"), origin=origin)
    run.events([row]).feed()
    assert results(town) != before
    document("cases", "undo", hub(town), "--import", run.finish().import_id)
    assert results(town) == before
