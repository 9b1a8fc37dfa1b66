"""``parameters`` at the command line: the list first, then what is in force."""

from __future__ import annotations

import json
import random
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conflict.parameters import Thresholds, current_parameters, rendered, to_document
from tests.unit.hub.desk.town import PEOPLE, Town
from tests.unit.ops.cli.command_line import dansync, document

STRICTER = replace(current_parameters(), version=2, source="test", thresholds=Thresholds(60.0, 50.0, 6.0))
PERSON = ("--name", "Trần Thị Ánh", "--sex", "F", "--birth-date", "1990-02-01", "--personal-id", "052190004217")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root below which somebody has left A and arrived at B."""
    town = Town(tmp_path, random.Random(1))
    town.person("A", PEOPLE[0])
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", PEOPLE[0], place="A")
    town.bring()
    folder = town.district.tree.root.config().folder
    town.close()
    return folder


def written(path: Path, **changes: Any) -> Path:
    path.write_text(rendered(to_document(replace(STRICTER, **changes))), encoding="utf-8")
    return path


def in_force(folder: Path) -> list[int]:
    return [line["version"] for line in document("parameters", "list", folder)["parameters"] if line["in_force"]]


def test_the_release_brings_what_is_in_force(root: Path) -> None:
    (line,) = document("parameters", "list", root)["parameters"]
    assert (line["number"], line["version"], line["in_force"]) == (0, current_parameters().version, True)
    assert line["hash"] == current_parameters().hash


def test_a_trial_lists_what_would_be_decided_otherwise_and_introduces_nothing(root: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "w.json")
    found = document("parameters", "introduce", root, file, "--dry-run")
    assert found["number"] is None
    (change,) = found["settled"]
    assert change["before"]["state"] == "settled"
    assert change["claims"] == ["A:e1", "B:e2"]
    assert in_force(root) == [1]
    shown = dansync("parameters", "introduce", root, file, "--dry-run").stdout
    assert "A:e1" in shown and "They keep their decision" in shown and "Nothing was introduced" in shown


def test_a_list_that_is_not_empty_has_to_be_accepted(root: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "w.json")
    refused = dansync("parameters", "introduce", root, file)
    assert refused.exit_code == 2
    assert "A:e1" in refused.stdout and "--yes" in refused.stderr
    assert in_force(root) == [1]
    accepted = document("parameters", "introduce", root, file, "--yes")
    assert accepted["number"] == 1
    assert in_force(root) == [2]


def test_weights_that_change_no_case_need_no_acceptance(root: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "w.json", thresholds=current_parameters().thresholds)
    assert document("parameters", "introduce", root, file)["number"] == 1


def test_the_same_file_twice_is_refused(root: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "w.json")
    document("parameters", "introduce", root, file, "--yes")
    again = dansync("parameters", "introduce", root, file, "--yes")
    assert again.exit_code == 2 and "in force already" in again.stderr


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"version": "x"}', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_holds_no_parameters_is_refused_by_name(content: bytes, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "w.json"
    file.write_bytes(content)
    result = dansync("parameters", "introduce", root, file, "--yes")
    assert result.exit_code == 2, result.output
    assert "w.json" in result.stderr and "What to do:" in result.stderr
    assert in_force(root) == [1]


def test_nobody_but_the_root_introduces(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    dansync("init", folder, "--node-id", "tran-phu", "--tier", "commune", "--unit-code", "21550")
    result = dansync("parameters", "introduce", folder, written(tmp_path / "w.json"))
    assert result.exit_code == 2 and "not the authority" in result.stderr


def test_an_estimate_is_a_new_file_that_is_not_written_again_and_can_be_introduced(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.json"
    found = document("parameters", "estimate", root, "--out", out)
    assert (found["version"], found["pairs"]) == (2, 2)
    assert stat.S_IMODE(out.stat().st_mode) == 0o444
    assert json.loads(out.read_text(encoding="utf-8"))["source"].startswith("EM on the register of d1, ")
    assert in_force(root) == [1]
    before = out.read_bytes()
    again = dansync("parameters", "estimate", root, "--out", out)
    assert again.exit_code == 2 and "already a file" in again.stderr
    assert out.read_bytes() == before
    assert document("parameters", "introduce", root, out, "--yes")["hash"] == found["hash"]
    assert in_force(root) == [2]


def test_where_nobody_has_two_records_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    dansync("init", folder, "--node-id", "tran-phu", "--tier", "commune", "--unit-code", "21550")
    dansync("record", "person", folder, *PERSON)
    result = dansync("parameters", "estimate", folder, "--out", tmp_path / "w.json")
    assert result.exit_code == 2 and "nothing to learn from" in result.stderr
    assert not (tmp_path / "w.json").exists()
