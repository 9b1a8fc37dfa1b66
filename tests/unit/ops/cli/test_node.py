from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from filelock import FileLock

from ops.config import load_config
from tests.unit.ops.cli.command_line import COMMUNE, commune, dansync, document


def contents(folder: Path) -> dict[str, bytes]:
    """All but what SQLite puts beside a store when somebody reads it."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith(("-shm", "-wal"))}


def test_init_makes_a_node_that_status_can_read(tmp_path: Path) -> None:
    folder = commune(tmp_path / "n")
    found = document("status", folder)
    assert (found["node_id"], found["tier"], found["unit_code"]) == ("tran-phu", "commune", "21550")
    assert found["own"][0]["seq"] == 1
    assert found["running"] is False


def test_init_writes_the_settings(tmp_path: Path) -> None:
    dansync(
        "init", tmp_path, *COMMUNE, "--parent-node-id", "p", "--parent", "h:1", "--listen", "l:2", "--metrics", "m:3"
    )
    config = load_config(tmp_path)
    assert (config.parent_address, config.listen, config.metrics_listen) == ("h:1", "l:2", "m:3")


def test_init_refuses_a_folder_that_has_a_node_and_changes_nothing(tmp_path: Path) -> None:
    folder = commune(tmp_path / "n")
    before = contents(folder)
    result = dansync("init", folder, "--node-id", "other", "--tier", "commune")
    assert result.exit_code == 2
    assert "already a node" in result.stderr and "What to do:" in result.stderr
    assert contents(folder) == before


def test_an_interrupted_init_goes_on_when_it_is_run_again(tmp_path: Path) -> None:
    folder = commune(tmp_path / "n")
    for path in folder.glob("store.db*"):
        path.unlink()  # as if the power had failed after the settings
    assert dansync("init", folder, *COMMUNE).exit_code == 0
    assert document("status", folder)["own"][0]["seq"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--node-id", "a b", "--tier", "commune"),
        ("--node-id", "a:b", "--tier", "commune"),
        ("--node-id", "a", "--tier", " "),
        ("--node-id", "a", "--tier", "commune", "--unit-code", "1234"),
        ("--node-id", "a", "--tier", "commune", "--unit-valid-from", "yesterday"),
        ("--node-id", "a", "--tier", "commune", "--listen", "7000"),
        ("--node-id", "a", "--tier", "commune", "--listen", "host:70000"),
        ("--node-id", "a", "--tier", "commune", "--parent", "host:7000"),
        ("--node-id", "a", "--tier", "commune", "--parent-node-id", "a"),
        ("--tier", "commune"),
    ],
)
def test_init_refuses_wrong_values_and_makes_no_folder(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = dansync("init", tmp_path / "n", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert not (tmp_path / "n").exists()


def test_a_folder_that_cannot_be_written_is_said_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = dansync("init", tmp_path / "file" / "n", *COMMUNE)
    assert result.exit_code == 2
    assert "Traceback" not in result.output and len(result.stderr.splitlines()) == 2


def test_run_without_a_node_says_how_to_make_one(tmp_path: Path) -> None:
    result = dansync("run", tmp_path)
    assert result.exit_code == 2
    assert "dansync init" in result.stderr


def test_a_root_has_nobody_to_drain_to(tmp_path: Path) -> None:
    assert dansync("run", commune(tmp_path), "--drain").exit_code == 2


def test_status_says_that_the_daemon_runs_and_where(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    presence = {
        "pid": os.getpid(),
        "listen": "127.0.0.1:7000",
        "parent": "",
        "metrics": "",
        "started_at": 1_700_000_000_000,
    }
    (folder / "daemon.json").write_text(json.dumps(presence))
    assert document("status", folder)["daemon"] is None  # left behind by one that was killed
    with FileLock(folder / "daemon.lock"):
        found = document("status", folder)
        assert found["running"] is True
        assert found["daemon"]["pid"] == os.getpid()
        assert f"running, pid {os.getpid()}" in dansync("status", folder).stdout


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_presence_file_is_no_daemon(tmp_path: Path, content: str) -> None:
    folder = commune(tmp_path)
    (folder / "daemon.json").write_text(content)
    assert document("status", folder)["running"] is False


def test_who_only_looks_never_takes_the_lock_of_a_daemon_that_starts(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    document("status", folder)
    assert not (folder / "daemon.lock").exists()


def test_status_counts_what_the_parent_has_not_acknowledged(tmp_path: Path) -> None:
    dansync("init", tmp_path, *COMMUNE, "--parent-node-id", "p", "--parent", "h:1")
    assert document("status", tmp_path)["backlog"]["commits"] == 1
    shown = dansync("status", tmp_path).stdout
    assert "1 commit, the oldest waits for" in shown


def test_settings_and_store_of_two_nodes_are_refused(tmp_path: Path) -> None:
    folder = commune(tmp_path / "a")
    settings = (folder / "node.toml").read_text()
    (folder / "node.toml").write_text(settings.replace("tran-phu", "le-loi"))
    result = dansync("status", folder)
    assert result.exit_code == 3
    assert "Put the right one back" in result.stderr


def test_a_damaged_store_has_exit_code_3(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    (folder / "store.db").write_bytes(b"this is no database, whatever its name says" * 200)
    result = dansync("status", folder, "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["error"]["kind"] == "StoreDamaged"


def test_a_log_shows_its_newest_commits_last(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    for number in range(5):
        assert dansync("record", "household", folder, "--id", f"H{number}", "--author", "lan").exit_code == 0
    commits = document("log", folder, "--limit", 2)["commits"]
    assert [commit["seq"] for commit in commits] == [5, 6]
    assert commits[-1] | {"author": "lan", "rows": {"household": 1}} == commits[-1]
    assert [commit["seq"] for commit in document("log", folder, "--after", 1, "--limit", 3)["commits"]] == [2, 3, 4]


def test_a_whole_chain_is_verified(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    found = document("log", folder, "--verify")
    assert found["whole"] is True and found["commits"] == 1
    assert found["hash"] == document("status", folder)["own"][0]["hash"]


def test_the_log_of_an_unknown_origin_is_refused(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    assert dansync("log", folder, "--origin", "nobody").exit_code == 2
    assert dansync("log", folder, "--origin", "00000000-0000-7000-8000-000000000000").exit_code == 2
    assert dansync("log", folder, "--origin", "tran-phu").exit_code == 0
