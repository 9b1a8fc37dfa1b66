"""``quarantine`` as an officer meets it: what it says, in which language, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.authorisation import PERSON_ROLES
from node.ids import RowId, Seq
from node.quarantine import commit_of
from node.replay import WHOLE_ORIGIN, Quarantined, store_quarantine
from node.store import Store
from node.users import set_role
from ops.cli.held_words import REASONS, shown, why
from ops.i18n import use
from tests.unit.node.exchange import NOW_MS, Exchange
from tests.unit.node.stores import people
from tests.unit.ops.cli.command_line import dansync, document


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    for member in world.tree.members.values():
        member.config()
    yield world
    world.close()


@pytest.fixture
def row(world: Exchange) -> RowId:
    """A row of the district's copy that has rotted; commits c:3 and c:4 on it are held back."""
    row = world.person("Trần Thị Ánh")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("0900", row)
    world.phone("0901", row)
    world.climb()
    return row


def test_a_node_that_holds_nothing_back_says_so(world: Exchange) -> None:
    assert "Nothing is held back." in dansync("quarantine", "list", world.d.folder).output
    assert document("quarantine", "list", world.d.folder) | {"now": 0} == {
        "held": [],
        "commits": 0,
        "ended": {"retry": 0, "replaced": 0, "left_log": 0},
        "now": 0,
    }
    for call in ("retry", "replace"):
        result = dansync("quarantine", call, world.d.folder, "--all")
        assert result.exit_code == 0 and "Nothing is held back." in result.output


@pytest.mark.usefixtures("row")
def test_the_list_has_a_line_for_what_hangs_together(world: Exchange) -> None:
    shown_list = dansync("quarantine", "list", world.d.folder)
    assert shown_list.exit_code == 0, shown_list.output
    assert "c:3" in shown_list.output and "c:4" not in shown_list.output
    assert "The rows here are not as the commit" in shown_list.output
    (line,) = document("quarantine", "list", world.d.folder)["held"]
    assert (line["id"], line["rows"], line["behind"], line["commits"]) == ("c:3", 1, 1, [3, 4])
    assert (line["reason"], line["quarantined_at"], line["asked_of"]) == ("conflict", NOW_MS, "")


def test_show_tells_an_officer_whose_it_is_which_person_and_what_does_not_fit(world: Exchange, row: RowId) -> None:
    result = dansync("quarantine", "show", world.d.folder, "c:3")
    assert result.exit_code == 0, result.output
    assert "clerk, 2026-" in result.output, "who made it, and when"
    assert "person Trần Thị Ánh" in result.output
    assert "person Trần Thị Ánh: phone is 'rot' here; the commit found empty" in result.output
    assert "Held back behind it:" in result.output and "c:4" in result.output
    assert "dansync quarantine replace" in result.output and "dansync quarantine retry" in result.output
    behind = dansync("quarantine", "show", world.d.folder, "c:4").output
    assert "It waits for:" in behind and "that an earlier commit, which is held back" in behind
    found = document("quarantine", "show", world.d.folder, "c:3")
    assert found["author"] == "clerk" and [item["id"] for item in found["held_back_behind"]] == ["c:4"]
    assert found["rows"][0]["name"] == "person Trần Thị Ánh" and found["row_set"]["behind"] == 1
    assert found["rows"][0]["id"].replace("-", "") == row.hex()


def test_a_row_that_is_gone_is_named_as_the_log_first_had_it(world: Exchange) -> None:
    row = world.person("Lê Văn Bình")
    world.climb()
    world.rot(world.d, row, None)
    world.phone("1", row)
    world.climb()
    assert (
        "person Lê Văn Bình: there is no such row here" in dansync("quarantine", "show", world.d.folder, "c:3").output
    )


def test_retry_says_what_stands_in_the_way_and_that_nothing_was_changed(world: Exchange, row: RowId) -> None:
    result = dansync("quarantine", "retry", world.d.folder, "c:4")
    assert result.exit_code == 4
    assert "c:3 is still held back." in result.output and "phone is 'rot' here" in result.output
    assert "Nothing was changed there." in result.output and "dansync quarantine replace" in result.output
    world.rot(world.d, row, "")
    done = dansync("quarantine", "retry", world.d.folder, "c:4", environment={"DANSYNC_USER": "lan"})
    assert done.exit_code == 0 and "c:3: 2 commits were applied." in done.output
    assert world.equal()
    past = dansync("quarantine", "show", world.d.folder, "c:3").output
    assert "c:3 is not held back any more." in past and "it was applied after all (lan)" in past
    assert "2 commits applied after all" in dansync("quarantine", "list", world.d.folder).output


@pytest.mark.usefixtures("row")
def test_replace_asks_the_holder_and_the_list_says_whom(world: Exchange) -> None:
    result = dansync("quarantine", "replace", world.d.folder, "c:3")
    assert result.exit_code == 0, result.output
    assert "c:3: 1 row was asked of node c." in result.output
    (line,) = document("quarantine", "list", world.d.folder)["held"]
    assert line["asked_of"] == "c"
    assert "node c," in dansync("quarantine", "show", world.d.folder, "c:3").output
    world.climb()
    assert world.equal()
    assert "1 of its rows were taken from node c" in dansync("quarantine", "show", world.d.folder, "c:3").output
    assert "1 of its rows were taken" in dansync("quarantine", "show", world.d.folder, "c:4").output
    ended = document("quarantine", "show", world.d.folder, "c:3")["ended"]
    assert [(item["how"], item["by"], item["at_seq"]) for item in ended] == [("replaced", "c", 4)]


@pytest.mark.usefixtures("row")
def test_status_counts_what_is_held_back(world: Exchange) -> None:
    text = dansync("status", world.d.folder).output
    assert "Quarantine: 2 commits are not applied, 1 rows are held back" in text
    assert "dansync quarantine list" in text
    found = document("status", world.d.folder)
    assert found["quarantine"]["commits"] == 2 and found["quarantine"]["oldest_at"] == NOW_MS


def _whole(store: Store, world: Exchange) -> None:
    """A commit that nobody can read."""
    with store.database.transaction() as connection:
        commit = commit_of(connection, world.origin, Seq(2))
        store_quarantine(connection, [Quarantined(commit, "malformed", "it cannot be read", (WHOLE_ORIGIN,))], NOW_MS)


@pytest.mark.usefixtures("row")
def test_what_cannot_be_named_by_rows_is_refused_alone_and_told_among_all(world: Exchange) -> None:
    _whole(world.d.store, world)
    result = dansync("quarantine", "replace", world.d.folder, "c:2")
    assert result.exit_code == 2 and "All of the register" in result.output
    every = dansync("quarantine", "replace", world.d.folder, "--all")
    assert every.exit_code == 4 and "c:2: All of the register" in every.output
    assert "all" in dansync("quarantine", "list", world.d.folder).output
    assert "all of the register" in dansync("quarantine", "show", world.d.folder, "c:2").output


def test_of_a_large_commit_the_first_rows_are_named_and_json_lists_all(world: Exchange) -> None:
    last = world.person(*(f"Nguyễn {number}" for number in range(30)))
    world.climb()
    world.rot(world.d, last, "rot")
    world.phone("1", *people(world.c.store, world.origin))
    world.climb()
    text = dansync("quarantine", "show", world.d.folder, "c:3").output
    assert "... and 10 more" in text and text.count("person Nguyễn") == 21, "twenty rows, and the one that does not fit"
    rows = document("quarantine", "show", world.d.folder, "c:3")["rows"]
    assert len({row["id"] for row in rows}) == 30 and sum(bool(row["name"]) for row in rows) == 20


@pytest.mark.parametrize("which", ["c", "c:", ":3", "c:x", "c:-1", "c:9" + "9" * 30, "nobody:3", "c:2", "c:99"])
@pytest.mark.parametrize("call", ["show", "retry", "replace"])
@pytest.mark.usefixtures("row")
def test_what_is_no_id_is_refused_with_a_hint(world: Exchange, call: str, which: str) -> None:
    result = dansync("quarantine", call, world.d.folder, which)
    assert result.exit_code == 2 and "What to do:" in result.output


@pytest.mark.parametrize("call", ["retry", "replace"])
@pytest.mark.usefixtures("row")
def test_one_or_all_has_to_be_said(world: Exchange, call: str) -> None:
    for arguments in ([], ["c:3", "--all"]):
        result = dansync("quarantine", call, world.d.folder, *arguments)
        assert result.exit_code == 2 and "Name one commit" in result.output


@pytest.mark.usefixtures("row")
def test_it_speaks_vietnamese(world: Exchange) -> None:
    for arguments in (("list",), ("show", "c:3"), ("retry", "c:3"), ("replace", "c:3"), ("show", "c:3")):
        english = dansync("quarantine", arguments[0], world.d.folder, *arguments[1:]).output
        said = dansync("quarantine", arguments[0], world.d.folder, *arguments[1:], language="vi").output
        assert said != english and "held back" not in said and "commit found" not in said, said


@pytest.mark.parametrize("role", PERSON_ROLES)
@pytest.mark.usefixtures("row")
def test_everybody_may_look_and_operators_may_mend(world: Exchange, role: str) -> None:
    set_role(world.d.store, "keeper", "operator", by="tester")
    set_role(world.d.store, "lan", role, by="tester")
    who = {"DANSYNC_USER": "lan"}
    assert dansync("quarantine", "list", world.d.folder, environment=who).exit_code == 0
    allowed = role in ("operator", "authority")
    assert (dansync("quarantine", "retry", world.d.folder, "c:3", environment=who).exit_code == 4) is allowed
    assert (dansync("quarantine", "replace", world.d.folder, "c:3", environment=who).exit_code == 0) is allowed


def test_every_reason_has_its_words() -> None:
    source = (Path(__file__).parents[4] / "node" / "replay.py").read_text()
    for reason in ("schema_newer", "malformed", "unknown_table", "columns", "foreign_row", "deletion", "rewritten"):
        assert f'"{reason}"' in source and reason in REASONS
    for reason in ("conflict", "count", "behind_quarantine"):
        assert f'"{reason}"' in source and reason in REASONS
    use("en")
    assert why("flood", "the archive is wet") == "flood: the archive is wet"


def test_values_are_shown_so_that_empty_ones_can_be_seen() -> None:
    use("en")
    assert [shown(value) for value in (None, "", "x", 7, b"\1\2")] == ["empty", "empty", "'x'", "'7'", "0102"]
