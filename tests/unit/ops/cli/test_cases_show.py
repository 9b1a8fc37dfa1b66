"""``cases list`` and ``cases show`` as a reviewer reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.schema import PERSON_COLUMNS
from ops.cli.case_words import COLUMNS, STATES, STATUSES
from tests.unit.hub.desk.town import PEOPLE, Town
from tests.unit.ops.cli.command_line import dansync, document

LAN = PEOPLE[0]
VAGUE = {"full_name": "Trần Thị Hồng Lan", "birth_date": "1984"}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    for member in found.district.tree.members.values():
        member.config()
    yield found
    found.close()


def shown(town: Town, case: str) -> str:
    town.bring()
    result = dansync("cases", "show", town.district.tree.root.folder, case)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_doubtful_arrival_shows_how_to_rule_and_never_that_it_is_somebody_new(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", VAGUE, place="A")
    text = shown(town, "B:e1")
    assert "cases decide" in text and "a person has to look" in text
    assert "somebody new" not in text and "cases undo" not in text
    assert "B:n0: waits for a ruling, is not counted" in text


def test_a_dispute_shows_who_has_to_give_way(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", LAN, place="A")
    town.event("A", "dispute", "p0", reason="still here")
    text = shown(town, "B:e1")
    assert "gives way" in text and "linked by themselves" in text
    assert " same" not in text.splitlines()[-1]


def test_a_settled_case_shows_where_the_person_counts_and_how_to_take_it_back(town: Town) -> None:
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", LAN, place="A")
    text = shown(town, "A:e1")
    assert "A:p0 = B:n0: counts at B" in text
    assert "cases undo" in text and "cases decide" not in text


def test_a_ruling_is_shown_with_whoever_made_it(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", VAGUE, place="A")
    town.bring()
    dansync("cases", "decide", town.district.tree.root.folder, "B:e1", "same")
    assert "d1 ruled that A:p0 and B:n0 are one person" in shown(town, "B:e1")
    found = document("cases", "show", town.district.tree.root.folder, "B:e1")
    assert [(ruling["same"], ruling["authority"]) for ruling in found["rulings"]] == [(True, "d1")]


def test_no_line_of_a_table_is_wider_than_a_terminal(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", VAGUE, place="A")
    text = shown(town, "B:e1")
    table = text[text.index("Field") :].splitlines()[:6]
    assert max(map(len, table)) <= 80


def test_every_column_state_and_status_has_words() -> None:
    assert list(COLUMNS) == list(PERSON_COLUMNS)
    assert len(STATES) == 8 and len(STATUSES) == 9
