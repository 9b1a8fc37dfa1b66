from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from node.interchange import values
from node.register import checks
from ops.cli.record import record
from ops.cli.warning_words import WORDS
from tests.unit.ops.cli.command_line import commune, dansync, document

KINDS = {kind.replace("_", "-") for kind in values.KINDS}


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """A commune with a household H1, a woman P1 and a man P2."""
    folder = commune(tmp_path)
    document("record", "household", folder, "--id", "H1")
    document("record", "person", folder, "--id", "P1", "--household", "H1", "--name", "Lê Thị Hoa", "--sex", "F")
    document("record", "person", folder, "--id", "P2", "--household", "H1", "--name", "Trần Văn Bình", "--sex", "M")
    return folder


def test_every_kind_of_event_has_a_subcommand() -> None:
    assert set(record.commands) == KINDS | {"household", "person"}


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("birth", ("--name", "Trần An", "--sex", "M", "--date", "2026-02-01", "--mother", "P1")),
        ("death", ("--person", "P1", "--date", "2026-02")),
        ("marriage", ("--person", "P1", "--spouse", "P2", "--date", "2026-02-01")),
        ("divorce", ("--person", "P1", "--date", "2026-02-01")),
        ("move-out", ("--person", "P1", "--date", "2026", "--to", "Phường Lê Lợi", "--group", "G")),
        ("move-in", ("--name", "Ngô Tú", "--date", "2026-02-01", "--from", "21553", "--residence", "temporary")),
        ("correction", ("--person", "P1", "--birth-date", "1990")),
        ("confirm", ("--person", "P1", "--reason", "left")),
        ("dispute", ("--person", "P1", "--reason", "lives here")),
        ("end-temporary", ("--person", "P1", "--date", "2026-02-01")),
        ("ruling", ("--person", "a:1", "--other", "b:2", "--says", "same")),
    ],
)
def test_each_event_is_one_commit_by_its_author(register: Path, kind: str, arguments: tuple[str, ...]) -> None:
    found = document("record", kind, register, *arguments, "--author", "lan")
    assert found["new"] is True and found["id"]
    assert found["commit"] == 5
    last = document("log", register, "--limit", 1)["commits"][0]
    assert (last["author"], last["kind"], last["rows"]["event"]) == ("lan", "register", 1)


def test_an_event_is_withdrawn_by_its_printed_id(register: Path) -> None:
    event = document("record", "death", register, "--person", "P1", "--date", "2026-02-01")["id"]
    assert document("record", "cancel", register, "--event", event, "--person", "P1")["new"] is True


def test_the_same_event_again_changes_nothing(register: Path) -> None:
    event = ("--person", "P1", "--date", "2026-02-01", "--id", "E1", "--recorded-at", "2026-02-02T08:00:00+07:00")
    same = ("record", "death", register, *event)
    first, second = document(*same), document(*same)
    assert second["new"] is False and second["commit"] is None and second["id"] == first["id"]
    assert "recorded before" in dansync(*same).stdout


def test_a_household_is_changed(register: Path) -> None:
    assert document("record", "household", register, "--change", "H1", "--head", "P1")["commit"] == 5
    assert dansync("record", "household", register, "--change", "H1", "--id", "H2").exit_code == 2


def test_warnings_are_said_in_words_and_the_event_is_recorded(register: Path) -> None:
    document("record", "death", register, "--person", "P1", "--date", "2026-02-01")
    result = dansync("record", "death", register, "--person", "P1", "--date", "2026-02-02")
    assert result.exit_code == 0
    assert "a death of the person is recorded already" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("death", "--person", "P9", "--date", "2026-01-01"),
        ("death", "--person", "P1", "--date", "someday"),
        ("birth", "--date", "2026-01-01", "--sex", "X"),
        ("cancel", "--event", "E9"),
        ("household", "--id", "H2", "--head", "P9"),
        ("household", "--change", "H9", "--hamlet", "x"),
        ("person", "--name", "a\0b"),
        ("death", "--person", "P1", "--date", "2026-01-01", "--recorded-at", "now"),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_written(register: Path, arguments: tuple[str, ...]) -> None:
    result = dansync("record", arguments[0], register, *arguments[1:])
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: ") and "Traceback" not in result.output
    assert document("status", register)["own"][0]["seq"] == 4


def test_a_refused_event_is_an_error_document_with_json(register: Path) -> None:
    result = dansync("record", "death", register, "--person", "P9", "--date", "2026-01-01", "--json")
    assert json.loads(result.stdout)["error"] == {
        "kind": "RegisterError",
        "message": "The person 'P9' is not known here.",
        "hint": "Enter the person first.",
        "exit_code": 4,
    }
    assert not result.stderr


def test_every_warning_code_has_words() -> None:
    tree = ast.parse(Path(checks.__file__).read_text(encoding="utf-8"))
    codes = {
        node.value.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    assert codes | {values.OLD_CARD_IN_PERSONAL_ID} <= set(WORDS)
