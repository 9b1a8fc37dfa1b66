from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.integration.small_bundle import write_small_bundle
from tests.unit.ops.cli.command_line import dansync, document

RESULT_FILES = {"residents.csv", "cases.csv", "balance.csv", "replicas.csv"}


@pytest.fixture
def node(tmp_path: Path) -> Path:
    document("init", tmp_path / "n", "--node-id", "c0", "--tier", "commune")
    return tmp_path / "n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_small_bundle(tmp_path / "bundle")


def spoil(bundle: Path) -> None:
    """One person of c0 gets an impossible sex."""
    path = bundle / "persons.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    next(row for row in rows if row["node_id"] == "c0")["sex"] = "?"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_an_import_records_the_rows_of_this_node(node: Path, bundle: Path) -> None:
    found = document("import", node, bundle)
    assert found["rejected"] == 0 and found["counts"]["person"]["new"] > 0
    assert document("status", node)["own"][0]["seq"] == 1 + found["commits"]


def test_the_same_import_again_changes_nothing(node: Path, bundle: Path) -> None:
    document("import", node, bundle)
    again = document("import", node, bundle)
    assert again["commits"] == 0
    assert all(counts["new"] == 0 for counts in again["counts"].values())


def test_rejected_rows_are_listed_and_the_others_recorded(node: Path, bundle: Path) -> None:
    spoil(bundle)
    result = dansync("import", node, bundle)
    assert result.exit_code == 0
    assert "rows were rejected" in result.stderr
    with (node / "rejected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert ("persons.csv", "sex", "?") in {(row["file"], row["column"], row["value"]) for row in rows}


def test_strict_turns_rejected_rows_into_exit_code_7(node: Path, bundle: Path) -> None:
    spoil(bundle)
    assert dansync("import", node, bundle, "--strict").exit_code == 7


def test_a_clean_import_leaves_no_old_list_of_rejects(node: Path, bundle: Path) -> None:
    (node / "rejected.csv").write_text("of last week")
    document("import", node, bundle)
    assert not (node / "rejected.csv").exists()


def test_a_bundle_without_this_node_names_those_it_has(node: Path, bundle: Path) -> None:
    result = dansync("import", node, bundle, "--node", "nobody")
    assert result.exit_code == 2
    assert "--node NAME: nation" in result.stderr


@pytest.mark.parametrize("content", [b"", b"node_id,tier\n", "node_id,t\xecer\n".encode("latin-1")])
def test_a_file_that_cannot_be_read_refuses_the_bundle(node: Path, bundle: Path, content: bytes) -> None:
    (bundle / "topology.csv").write_bytes(content)
    result = dansync("import", node, bundle, "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["error"]["kind"] == "BundleError"
    assert document("status", node)["own"][0]["seq"] == 1


def test_export_writes_the_result_bundle(node: Path, bundle: Path, tmp_path: Path) -> None:
    document("import", node, bundle)
    found = document("export", node, tmp_path / "out", "--as-of", "2026-01-01")
    assert {path.name for path in (tmp_path / "out").iterdir()} == RESULT_FILES
    assert found["as_of"] == "2026-01-01" and found["replicas"] == 1


def test_export_into_a_file_is_refused(node: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert dansync("export", node, tmp_path / "out").exit_code == 2
    assert dansync("export", node, tmp_path / "out" / "deeper").exit_code == 2


def test_rehearse_writes_the_result_bundle_and_proves_the_copies(bundle: Path, tmp_path: Path) -> None:
    found = document("rehearse", bundle, "--out", tmp_path / "out", "--in-process")
    assert found["nodes"] == 9 and found["rejected"] == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} >= RESULT_FILES


def test_rehearse_is_strict_only_if_asked(bundle: Path, tmp_path: Path) -> None:
    spoil(bundle)
    arguments = ("rehearse", bundle, "--out", tmp_path / "out", "--in-process")
    assert dansync(*arguments).exit_code == 0
    assert dansync(*arguments, "--strict").exit_code == 7
