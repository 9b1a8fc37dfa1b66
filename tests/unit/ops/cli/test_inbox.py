"""``inbox`` as an officer meets it: what was decided, what is asked, and how the answer is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conflict.decisions import Action
from node.clock import SystemClock
from node.inbox import Standing
from node.users import set_role
from ops.cli.inbox import STANDINGS, WHAT
from tests.unit.hub.desk.town import PEOPLE
from tests.unit.hub.desk.valley import Valley
from tests.unit.ops.cli.command_line import dansync, document

LAN = PEOPLE[0]


@pytest.fixture
def valley(tmp_path: Path) -> Iterator[Valley]:
    found = Valley(tmp_path, now_ms=SystemClock().wall_ms())  # the command line has the machine's clock
    for member in found.tree.members.values():
        member.config()
    yield found
    found.close()


@pytest.fixture
def asked(valley: Valley) -> Valley:
    """Lan arrived at C and says that she comes from A, which has said nothing."""
    valley.person("a", "p0", LAN)
    valley.event("c", "move_in", "n0", LAN, other_place="a")
    valley.travel()
    valley.decide()
    return valley


@pytest.fixture
def settled(asked: Valley) -> Valley:
    """A has confirmed, and it was decided."""
    asked.event("a", "confirm", "p0")
    asked.travel()
    asked.decide()
    return asked


def folder(valley: Valley, name: str = "a") -> Path:
    return valley.member(name).folder


def listed(valley: Valley, name: str = "a", *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document("inbox", "list", folder(valley, name), *more)["items"]
    return found


def kinds(valley: Valley, name: str = "a") -> list[str]:
    rows = valley.member(name).store.connection.execute("SELECT kind FROM event ORDER BY id").fetchall()
    return [str(row[0]) for row in rows]


def test_what_waits_for_a_person_is_listed_with_the_person_and_who_asks(asked: Valley) -> None:
    (line,) = listed(asked)
    assert (line["standing"], line["action"], line["person"], line["authority"]) == ("open", "answer", "p0", "p")
    said = dansync("inbox", "list", folder(asked)).output
    assert "Trần Thị Hồng Lan (p0)" in said and "has this person left?" in said


def test_an_empty_inbox_says_so(asked: Valley) -> None:
    assert "The inbox is empty." in dansync("inbox", "list", folder(asked, "b")).output


def test_status_counts_what_waits_for_a_person(asked: Valley) -> None:
    assert document("status", folder(asked))["inbox"] == {"to_do": 1}
    assert "1 request waits in the inbox" in dansync("status", folder(asked)).output
    (line,) = listed(asked)
    document("inbox", "answer", folder(asked), line["id"], "left")
    assert document("status", folder(asked))["inbox"] == {"to_do": 0}


def test_an_item_says_why_and_how_to_answer_it(asked: Valley) -> None:
    (line,) = listed(asked)
    said = dansync("inbox", "show", folder(asked), line["id"]).output
    assert f"dansync inbox answer {folder(asked)} {line['id']} left" in said.replace("\n", "")
    assert document("inbox", "show", folder(asked), line["id"])["words"] != []


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("confirm",), "confirm"),
        (("dispute",), "dispute"),
        (("answer", "left"), "confirm"),
        (("answer", "here"), "dispute"),
    ],
)
def test_what_the_office_says_is_recorded_as_its_report(asked: Valley, arguments: tuple[str, ...], kind: str) -> None:
    (line,) = listed(asked)
    command, *says = arguments
    found = document("inbox", command, folder(asked), line["id"], *says, "--reason", "asked the neighbours")
    assert (found["kind"], found["item"]["standing"]) == (kind, "answered")
    assert kinds(asked) == [kind]


def test_the_answer_climbs_and_settles_the_case(asked: Valley) -> None:
    (line,) = listed(asked)
    document("inbox", "answer", folder(asked), line["id"], "left")
    asked.travel()
    asked.decide()
    assert [(item["action"], item["standing"]) for item in listed(asked)] == [("close", "applied")]
    assert [(item["action"], item["standing"]) for item in listed(asked, "c")] == [("count", "applied")]
    assert len(listed(asked, "a", "--all")) == 2


def test_what_is_over_is_not_answered_any_more(settled: Valley) -> None:
    (over,) = [item for item in listed(settled, "a", "--all") if item["standing"] == "over"]
    assert dansync("inbox", "confirm", folder(settled), over["id"]).exit_code == 2


def test_an_item_that_asks_for_something_else_is_no_visit(asked: Valley) -> None:
    (line,) = listed(asked)
    assert dansync("inbox", "visit", folder(asked), line["id"], "found").exit_code == 2


def test_an_unknown_item_is_refused_with_the_command_that_lists_them(asked: Valley) -> None:
    refused = dansync("inbox", "show", folder(asked), "0123")
    assert refused.exit_code == 2 and "dansync inbox list" in refused.output


@pytest.mark.parametrize(("name", "says", "kind"), [
    ("a", "found", "dispute"), ("a", "not-found", "confirm"), ("c", "found", "confirm"), ("c", "not-found", "dispute"),
])  # fmt: skip
def test_a_visit_means_at_the_old_place_what_is_the_opposite_at_the_new_one(
    settled: Valley, name: str, says: str, kind: str
) -> None:
    settled.event("a", "dispute", "p0", reason="still lives here")
    settled.travel()
    settled.decide()
    (line,) = [item for item in listed(settled, name) if item["action"] == "visit" and item["standing"] == "open"]
    assert document("inbox", "visit", folder(settled, name), line["id"], says)["kind"] == kind


def test_who_may_not_record_may_not_answer(asked: Valley) -> None:
    set_role(asked.member("a").store, "mai", "operator", by="tester")
    set_role(asked.member("a").store, "lan", "viewer", by="mai")
    name = asked.inbox("a")[0].id
    refused = dansync("inbox", "confirm", folder(asked), name, environment={"DANSYNC_USER": "lan"})
    assert refused.exit_code == 8


def test_every_request_and_every_standing_has_words() -> None:
    assert set(WHAT) == set(Action)
    assert set(STANDINGS) == set(Standing)


# --- later entries ---------------------------------------------------------------------------------------------------


def test_an_entry_that_says_that_somebody_who_moved_lives_here_is_refused_with_the_new_place(settled: Valley) -> None:
    refused = dansync("record", "correction", folder(settled), "--person", "p0", "--residence", "permanent")
    assert refused.exit_code == 4
    assert "c:n0" in refused.output and "dansync inbox list" in refused.output
    assert kinds(settled) == ["confirm"]


@pytest.mark.parametrize("kind", ["marriage", "death"])
def test_a_marriage_or_a_death_after_the_move_is_recorded_and_said_to_go_to_the_new_place(
    settled: Valley, kind: str
) -> None:
    found = document("record", kind, folder(settled), "--person", "p0", "--date", "2026-02-01")
    assert found["new"] and "settled_elsewhere" in found["warnings"]


def test_a_correction_of_the_person_is_recorded(settled: Valley) -> None:
    found = document("record", "correction", folder(settled), "--person", "p0", "--phone", "0905")
    assert found["warnings"] == ["settled_elsewhere"]


def test_the_same_report_again_is_still_the_same_after_the_move(asked: Valley) -> None:
    arguments = ("record", "death", folder(asked), "--person", "p0", "--date", "2026-02", "--id", "d1")
    document(*arguments, "--recorded-at", "2026-02-03T08:00:00+07:00")
    asked.event("a", "confirm", "p0")
    asked.travel()
    asked.decide()
    assert document(*arguments, "--recorded-at", "2026-02-03T08:00:00+07:00")["new"] is False


def test_somebody_who_moved_does_not_become_the_head_of_a_household_here(settled: Valley) -> None:
    assert dansync("record", "household", folder(settled), "--id", "H1", "--head", "p0").exit_code == 4


def test_the_office_may_always_dispute_and_then_enter_what_it_likes(settled: Valley) -> None:
    (line,) = listed(settled)
    assert document("inbox", "dispute", folder(settled), line["id"])["kind"] == "dispute"
    settled.travel()
    settled.decide()
    assert ("reopen", "applied") in [(item["action"], item["standing"]) for item in listed(settled)]
    found = document("record", "correction", folder(settled), "--person", "p0", "--residence", "permanent")
    assert found["warnings"] == []
