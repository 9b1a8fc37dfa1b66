"""The demo in a short form, with a viewer who kills a node; and the metrics of a node that works."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from node.chain import KIND_REGISTER
from ops.demo import DemoOptions, run_demo
from ops.rehearsal import processes
from ops.rehearsal.inprocess import Progress
from ops.rehearsal.nodes import NodeProcess, free_port
from ops.rehearsal.processes import ProcessTree
from tests.identities import Tree

SECONDS = 60.0


def test_a_node_killed_by_the_viewer_loses_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trees: list[ProcessTree] = []
    invite = processes.ProcessTree.invite

    def inviting(self: ProcessTree, progress: Progress) -> None:
        invite(self, progress)
        trees.append(self)

    monkeypatch.setattr(processes.ProcessTree, "invite", inviting)
    killed: list[int] = []

    def viewer() -> None:
        deadline = time.monotonic() + SECONDS
        while not trees and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)  # into the recording; where exactly does not matter
        for node in list(trees[0].nodes.values())[1:4:2]:
            pid = node.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    watching = threading.Thread(target=viewer)
    watching.start()
    console = Console(file=io.StringIO(), width=100)
    options = DemoOptions(persons=200, moves=30, seconds=4, districts=1, communes=2)
    result = run_demo(options, console)
    watching.join()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(killed) == 2
    assert shown.count("was killed from outside; it starts again") >= 1
    assert result.equal
    assert len(result.rows) == 9
    assert "every one equal to its owner's" in shown
    assert all(len(line) <= 100 for line in shown.splitlines() if "│" in line or "──" in line)


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_metrics_say_what_climbed_and_what_waits(tmp_path: Path) -> None:
    hub_port, hub_metrics, child_metrics = free_port(), free_port(), free_port()
    tree = Tree(tmp_path)
    member = tree.add("child")
    store = member.store
    hub = NodeProcess(tree.root.config(listen=f"127.0.0.1:{hub_port}", metrics=f"127.0.0.1:{hub_metrics}"))
    child = NodeProcess(member.config(parent=f"127.0.0.1:{hub_port}", metrics=f"127.0.0.1:{child_metrics}"))
    try:
        child.start()
        child.wait_ready()
        for number in range(3):
            with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=store.clock.wall_ms()) as capture:
                row = (capture.origin, store.new_row_id(number), "Trần")
                capture.connection.execute("INSERT INTO person (origin, id, full_name) VALUES (?,?,?)", row)
        assert scrape(child_metrics)["dansync_backlog_commits{}"] == 4, "the hub is not there yet"
        hub.start()
        hub.wait_ready()
        deadline = time.monotonic() + SECONDS
        while scrape(child_metrics)["dansync_backlog_commits{}"] and time.monotonic() < deadline:
            time.sleep(0.1)
        seen = scrape(hub_metrics)
        assert seen["dansync_child_commits{child=child}"] == 4
        assert seen["dansync_applied_commits_total{outcome=applied}"] == 4
        assert seen["dansync_applied_commits_total{outcome=quarantined}"] == 0
        assert seen["dansync_children_connected{}"] == 1
        assert seen["dansync_received_bytes_total{side=children}"] > 200
        assert scrape(child_metrics)["dansync_parent_connected{}"] == 1
        assert scrape(child_metrics)["dansync_reference_commits{}"] == seen["dansync_reference_commits{}"] > 0
        assert child.stop() == 0
        assert hub.stop() == 0
    finally:
        tree.close()
        child.stop()
        hub.stop()


def test_a_second_daemon_on_one_folder_is_refused(tmp_path: Path) -> None:
    tree = Tree(tmp_path, "lonely")
    first = NodeProcess(tree.root.config())
    tree.close()
    first.start()
    first.wait_ready()
    second = NodeProcess(first.config)
    second.start()
    assert second.wait() == 3
    assert "already running" in (first.config.folder / "node.log").read_text(encoding="utf-8")
    assert first.running
    assert first.stop() == 0
