"""The command line as people and supervisors meet it: real processes, signals, pipes, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.identities import Tree

COMMAND = (sys.executable, "-m", "ops.cli.main")
ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "DANSYNC"))}
    return kept | {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "proto"))), "GRPC_VERBOSITY": "NONE"} | more


def dansync(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=environment(**more),
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@contextmanager
def daemon(folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running node and what it says of itself when it is ready."""
    process = subprocess.Popen(
        [*COMMAND, "run", str(folder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    )
    watchdog = threading.Timer(DEADLINE_SECONDS, process.kill)  # a read below then ends, and the test fails
    watchdog.start()
    try:
        assert process.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            line = process.stdout.readline()
            assert line, f"the node ended with {process.wait()} before it was ready"
            text += line
        yield process, json.loads(text)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def province(tmp_path: Path) -> Path:
    done = dansync("init", tmp_path / "p", "--node-id", "p", "--tier", "province", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stderr
    done = dansync("ca", "init", tmp_path / "p")
    assert done.returncode == 0, done.stderr
    return tmp_path / "p"


def test_a_node_announces_itself_and_ends_in_good_order_on_sigterm(province: Path) -> None:
    with daemon(province) as (process, said):
        assert said["node_id"] == "p" and said["pid"] == process.pid
        assert not said["listen"].endswith(":0")
        status = json.loads(dansync("status", province, "--json").stdout)
        assert status["running"] is True and status["daemon"]["listen"] == said["listen"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert json.loads(dansync("status", province, "--json").stdout)["running"] is False
    assert not (province / "daemon.json").exists()


def test_a_killed_node_is_not_taken_for_running(province: Path) -> None:
    with daemon(province) as (process, _):
        process.kill()
        process.wait(DEADLINE_SECONDS)
    assert json.loads(dansync("status", province, "--json").stdout)["running"] is False


def test_a_second_daemon_is_refused_with_exit_code_3(province: Path) -> None:
    with daemon(province):
        second = dansync("run", province)
    assert second.returncode == 3
    assert "already running" in second.stderr and "dansync status" in second.stderr


def test_a_commune_drains_to_its_parent_and_both_say_so(province: Path, tmp_path: Path) -> None:
    with daemon(province) as (_, said):
        commune = tmp_path / "c"
        dansync(
            *("init", commune, "--node-id", "c", "--tier", "commune"),
            *("--parent-node-id", "p", "--parent", said["listen"]),
        )
        invited = dansync("node", "invite", province, "c", "--tier", "commune", "--out", tmp_path / "c.invitation")
        assert invited.returncode == 0, invited.stderr
        enrolled = dansync("enroll", commune, tmp_path / "c.invitation", "--json")
        assert enrolled.returncode == 0, enrolled.stderr
        assert json.loads(enrolled.stdout)["authority"] == "p"
        dansync("record", "household", commune, "--id", "H1")
        drained = dansync("run", commune, "--drain", "--json")
        assert drained.returncode == 0, drained.stderr
        assert json.loads(drained.stdout) == {"node_id": "c", "drained": True}
        below = json.loads(dansync("status", commune, "--json").stdout)
        above = json.loads(dansync("status", province, "--json").stdout)
    assert below["backlog"] == {"commits": 0, "oldest_at": 0}
    assert below["own"][0]["acknowledged"]["seq"] == 2
    assert [(child["node_id"], child["commits"]) for child in above["children"]] == [("c", 2)]


def test_a_parent_that_is_away_has_exit_code_6_and_nothing_is_lost(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    child = tree.add("c")
    child.config(parent="127.0.0.1:1")
    tree.close()
    done = dansync("run", child.folder, "--drain")
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    assert json.loads(dansync("status", child.folder, "--json").stdout)["backlog"]["commits"] == 1


def test_a_node_that_is_not_enrolled_does_not_run_and_says_how_to_enrol(tmp_path: Path) -> None:
    dansync("init", tmp_path / "c", "--node-id", "c", "--tier", "commune")
    done = dansync("run", tmp_path / "c")
    assert done.returncode == 8
    assert "not enrolled" in done.stderr and "dansync enroll" in done.stderr


def test_a_broken_chain_has_exit_code_3(province: Path) -> None:
    spoil = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute(\"UPDATE change_log SET author = 'mallory'\"); c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", spoil, str(province / "store.db")], check=True)
    done = dansync("log", province, "--verify")
    assert done.returncode == 3
    assert "broken after commit 0" in done.stderr


def test_piped_output_is_plain_utf8_whatever_the_locale(province: Path) -> None:
    done = dansync("status", province, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", DANSYNC_LANG="vi")
    assert done.returncode == 0, done.stderr
    assert "Nhật ký riêng" in done.stdout and "\x1b" not in done.stdout
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_a_reader_who_leaves_causes_no_complaint(province: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "log", str(province), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(),
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(DEADLINE_SECONDS) == 0
    assert said == ""


def test_the_environment_chooses_the_language(tmp_path: Path) -> None:
    assert dansync("status", tmp_path, LANG="vi_VN.UTF-8").stderr.startswith("Lỗi: ")
    assert dansync("status", tmp_path, LANG="en_US.UTF-8").stderr.startswith("Error: ")
