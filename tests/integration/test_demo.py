"""The demo in a short form, with a viewer who kills a node, looked at by an independent reader; and the metrics of a node
that works.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from node.chain import KIND_REGISTER
from node.errors import UsageError
from node.schema import CAPTURED_NAMES
from ops.demo import DemoOptions, DemoResult, run_demo
from ops.rehearsal import processes
from ops.rehearsal.inprocess import Progress
from ops.rehearsal.nodes import NodeProcess, free_port
from ops.rehearsal.processes import ProcessTree
from tests.identities import Tree

SECONDS = 60.0
READER = Path(__file__).parent / "crash" / "reader.py"


@dataclass(frozen=True, slots=True)
class Shown:
    """A demo that was played once, what was printed, and the folder that it left."""

    result: DemoResult
    text: str
    killed: int
    folder: Path

    def stores(self) -> dict[str, Any]:
        """All that lies in the stores, as another process reads it, with nothing of the product."""
        paths = {row.node_id: str(self.folder / "nodes" / row.node_id / "store.db") for row in self.result.rows}
        request = json.dumps({"do": "all", "paths": paths, "tables": list(CAPTURED_NAMES)}) + "\n"
        reader = subprocess.run(
            [sys.executable, str(READER)], input=request, capture_output=True, text=True, check=True, timeout=SECONDS
        )
        found: dict[str, Any] = json.loads(reader.stdout)
        return found

    def rows_of(self, name: str) -> list[dict[str, str]]:
        text = (self.folder / "bundle" / name).read_text(encoding="utf-8")
        return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A small demo with a viewer who kills two nodes while it runs."""
    trees: list[ProcessTree] = []
    killed: list[int] = []
    invite = processes.ProcessTree.invite

    def inviting(self: ProcessTree, progress: Progress) -> None:
        invite(self, progress)
        trees.append(self)

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

    folder = tmp_path_factory.mktemp("demo")
    console = Console(file=io.StringIO(), width=100)
    options = DemoOptions(persons=200, moves=30, seconds=4, districts=1, communes=2, keep=folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(processes.ProcessTree, "invite", inviting)
        watching = threading.Thread(target=viewer)
        watching.start()
        result = run_demo(options, console)
        watching.join()
    return Shown(result, console.file.getvalue(), len(killed), folder)  # type: ignore[attr-defined]


def test_a_node_killed_by_the_viewer_loses_and_repeats_nothing(shown: Shown) -> None:
    assert shown.killed == 2
    assert shown.text.count("was killed from outside; it starts again") >= 1
    assert shown.result.equal
    assert len(shown.result.rows) == 9
    assert "every one equal to its owner's" in shown.text
    assert all(len(line) <= 100 for line in shown.text.splitlines() if "│" in line or "──" in line)


def test_every_parents_copy_is_its_childrens_for_an_independent_reader(shown: Shown) -> None:
    stores = shown.stores()
    parents = {row["node_id"]: row["parent_id"] for row in shown.rows_of("topology.csv")}
    compared = 0
    for node_id, found in stores.items():
        assert not found["faults"] and found["integrity"] == "ok" and not found["held"], node_id
        above = parents[node_id]
        while above:
            for origin in found["own"]:
                assert stores[above]["rows"][origin] == found["rows"][origin], f"{node_id} at {above}"
                assert stores[above]["heads"][origin] == found["heads"][origin], f"{node_id} at {above}"
                compared += 1
            above = parents[above]
    assert compared == 4 * 3 + 2 * 2 + 2  # of the communes, the districts and the provinces


def test_everybody_living_counts_once_where_the_truth_has_them(shown: Shown) -> None:
    living = {
        row["true_person"]: row["known_unit"] for row in shown.rows_of("truth/residents.csv") if row["known_unit"]
    }
    found = shown.result.count
    assert found.persons == len(living) > 200
    assert found.communes == dict(Counter(living.values()))
    assert sum(found.communes.values()) == found.stock == found.persons
    assert not found.twice and not found.missing


def test_no_record_of_anybody_is_left_out_of_the_count(shown: Shown) -> None:
    stores = shown.stores()
    written = {f"{node}:{name}" for node in stores for name in _person_ids(stores[node])}
    assert written == {row["ref"] for row in shown.rows_of("truth/persons.csv")}


def test_each_person_of_the_story_counts_at_one_place_and_is_shown_as_the_offices_spell_them(shown: Shown) -> None:
    story = shown.result.story
    assert [row.is_right for row in story] == [True] * len(story)
    spelled = max(story, key=lambda row: len({line.name for line in row.lines}))
    assert len({line.name for line in spelled.lines}) == 3
    stores = shown.stores()
    for row in story:
        for ref, line in zip(row.member.refs, row.lines, strict=True):
            node_id, _, name = ref.partition(":")
            own = "".join(text for table in _own_rows(stores[node_id]) for text in table.get("person", ()))
            assert line.node_id == node_id and name in own and repr(line.name) in own, ref
            assert line.name in shown.text


def test_twins_stay_two_and_what_is_doubtful_is_counted_once_until_it_is_ruled(shown: Shown) -> None:
    rows = {row.member.true_person: row for row in shown.result.story}
    assert rows["demo-pham-anh"].unit != rows["demo-pham-ánh"].unit
    for name, words in (("demo-lan", "waits for a ruling"), ("demo-huy", "both homes are visited")):
        assert words in rows[name].why
        assert [line.counts for line in rows[name].lines] == [True, False]


def test_every_register_that_a_decision_speaks_of_has_taken_it_down(shown: Shown) -> None:
    stores = shown.stores()
    owed = []
    for found in stores.values():
        for table in _own_rows(found):
            for row in map(ast.literal_eval, table.get("decision", ())):
                asks = json.loads(row[-1])["asks"]
                owed += [(unit, row[1]) for unit in {unit for unit, action, *_ in asks if action != "rule"}]
    taken = {
        (node_id, ast.literal_eval(row)[1])
        for node_id, found in stores.items()
        for table in _own_rows(found)
        for row in table.get("applied_decision", ())
    }
    assert len(owed) > 20
    assert set(owed) <= taken


def test_one_case_is_explained_as_the_command_has_it(shown: Shown) -> None:
    assert "old card: the same" in shown.text
    case = next(row.member.event for row in shown.result.story if row.member.true_person == "demo-sau")
    told = subprocess.run(
        [sys.executable, "-m", "ops.cli.main", "cases", "show", str(shown.folder / "nodes" / "vn"), case],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
        env={**os.environ, "LANGUAGE": "en"},
    ).stdout
    lines = [line for line in told.splitlines() if "bits" in line]
    assert len(lines) > 8
    assert [line for line in lines if line not in shown.text] == []


def test_the_demo_keeps_out_of_a_folder_that_has_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        run_demo(DemoOptions(keep=tmp_path), Console(file=io.StringIO()))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def _own_rows(found: dict[str, Any]) -> list[dict[str, list[str]]]:
    return [found["rows"].get(origin, {}) for origin in found["own"]]


def _person_ids(found: dict[str, Any]) -> list[str]:
    names = [name for origin in found["own"] for name in found["ids"].get(origin, ())]
    return [name.removeprefix("person ") for name in names if name.startswith("person ")]


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
