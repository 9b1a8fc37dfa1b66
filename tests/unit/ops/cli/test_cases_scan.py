"""``cases scan``: standing records are compared on demand alone, and what is found waits for a visit (RESOLVER 3)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from hub.desk.scanning import NUMBER_RECORDS_MAX
from hub.desk.view import view_of
from tests.unit.hub.desk.town import PEOPLE, Town
from tests.unit.ops.cli.command_line import dansync, document

LAN = PEOPLE[0]
AS_OF = date(2025, 6, 30)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    for member in found.district.tree.members.values():
        member.config()
    yield found
    found.close()


def hub(town: Town) -> Path:
    return town.district.tree.root.folder


def twice(town: Town) -> None:
    town.person("A", LAN)
    town.person("B", LAN)
    town.person("C", PEOPLE[6])
    town.bring()


def cases(town: Town) -> list[tuple[str, str, str]]:
    return [(case.case, case.state, case.outcome) for case in view_of((town.store,), AS_OF).cases()]


def counted(town: Town) -> list[tuple[tuple[str, ...], str]]:
    return [(row.refs, row.unit) for row in view_of((town.store,), AS_OF).residents()]


def pairs(found: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(double["a"], double["b"]) for double in found["doubles"]]


def test_who_stands_in_two_registers_under_one_number_is_found_and_nothing_is_written(town: Town) -> None:
    twice(town)
    before = counted(town)
    found = document("cases", "scan", hub(town))
    assert pairs(found) == [("A:p0", "B:p0")]
    assert (found["doubles"][0]["sure"], found["recorded"]) == (True, 0)
    assert (cases(town), counted(town)) == ([], before)


def test_recorded_it_is_a_dispute_that_is_named_by_the_records_and_counts_once(town: Town) -> None:
    twice(town)
    assert document("cases", "scan", hub(town), "--record")["recorded"] == 1
    assert cases(town) == [("A:p0", "disputed", "undecided")]
    assert [refs for refs, _ in counted(town)] == [("A:p0", "B:p0"), ("C:p0",)]
    assert document("cases", "scan", hub(town))["doubles"] == []


def test_the_dispute_waits_for_a_person_until_it_is_ruled_on(town: Town) -> None:
    twice(town)
    dansync("cases", "scan", hub(town), "--record")
    town.desk().decide()
    listed = document("cases", "list", hub(town))["cases"]
    assert [line["case"] for line in listed] == ["A:p0"]
    assert "visit the home of A:p0" in dansync("cases", "show", hub(town), "A:p0").output


def test_what_a_scan_has_recorded_is_undone_like_any_ruling(town: Town) -> None:
    twice(town)
    before = counted(town)
    dansync("cases", "scan", hub(town), "--record")
    assert dansync("cases", "undo", hub(town), "A:p0").exit_code == 0
    assert (cases(town), counted(town)) == ([], before)


def test_two_people_under_one_number_are_not_one(town: Town) -> None:
    town.person("A", LAN)
    town.person("B", PEOPLE[6] | {"personal_id": LAN["personal_id"]})
    town.bring()
    assert document("cases", "scan", hub(town))["doubles"] == []


def test_a_number_that_many_share_is_a_placeholder(town: Town) -> None:
    for _ in range(NUMBER_RECORDS_MAX + 1):
        town.person("A", LAN)
    town.bring()
    assert document("cases", "scan", hub(town))["doubles"] == []


def test_arrivals_are_compared_anyway_and_no_scan_tells_them(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", LAN, place="A")
    town.bring()
    assert document("cases", "scan", hub(town))["doubles"] == []


def test_within_a_commune_forms_without_a_number_are_found_too_and_are_for_a_person(town: Town) -> None:
    form = {name: LAN[name] for name in ("full_name", "sex", "birth_date")} | {"mother_name": "Lê Thị Xuân"}
    for name in "AAB":
        town.person(name, form)
    town.bring()
    assert document("cases", "scan", hub(town))["doubles"] == []
    found = document("cases", "scan", hub(town), "--commune", "A", "--record")
    assert (pairs(found), found["recorded"]) == ([("A:p0", "A:p1")], 0)
    both = document("cases", "scan", hub(town), "--commune", "A", "--commune", "B")
    assert pairs(both) == [("A:p0", "A:p1"), ("A:p0", "B:p0"), ("A:p1", "B:p0")]
    assert "record ruling" in dansync("cases", "scan", hub(town), "--commune", "A").output


def test_two_forms_of_one_commune_are_closed_into_one(town: Town) -> None:
    town.person("A", LAN)
    town.person("A", LAN)
    town.bring()
    dansync("cases", "scan", hub(town), "--record")
    assert cases(town) == [("A:p0", "settled", "duplicate")]
    assert counted(town) == [(("A:p0", "A:p1"), "A")]


def test_a_register_that_is_not_here_cannot_be_scanned(town: Town) -> None:
    result = dansync("cases", "scan", hub(town), "--commune", "nowhere")
    assert result.exit_code == 2 and "origin list" in result.stderr
