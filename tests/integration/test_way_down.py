"""A decision goes down and its answer climbs: a province, two districts and three communes, real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.rehearsal.nodes import NodeProcess, free_port
from tests.integration.test_identity import ok, started, wait_until

PARENTS = {"d1": "p", "d2": "p", "a": "d1", "b": "d1", "c": "d2"}
LAN = ("--name", "Trần Thị Hồng Lan", "--sex", "F", "--birth-date", "1984-07-19", "--personal-id", "052184003417")


class Tree:
    """All of them run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("p", "d1", "d2")}
        self.nodes: dict[str, NodeProcess] = {}
        ok("init", self["p"], "--node-id", "p", "--tier", "province", "--listen", self.address("p"))
        ok("ca", "init", self["p"])
        self.start("p")
        for name, parent in PARENTS.items():
            path = folder / f"{name}.invitation"
            ok("node", "invite", self["p"], name, "--tier", "x", "--parent", parent, "--out", path)
            listen = ("--listen", self.address(name)) if name in self.ports else ()
            dials = ("--parent-node-id", parent, "--parent", self.address(parent))
            ok("init", self[name], "--node-id", name, "--tier", "x", *dials, *listen)
            ok("enroll", self[name], path)
            self.start(name)

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def start(self, name: str) -> None:
        self.nodes[name] = started(self[name])

    def inbox(self, name: str) -> list[dict[str, Any]]:
        found: Any = ok("inbox", "list", self[name])["items"]
        return list(found)

    def actions(self, name: str) -> list[tuple[str, str]]:
        return [(item["action"], item["standing"]) for item in self.inbox(name)]

    def told(self, case: str) -> set[tuple[str, bool, bool]]:
        found: Any = ok("cases", "show", self["p"], case)["told"]
        return {(item["unit"], item["question"], item["received"]) for item in found}

    def close(self) -> None:
        for node in reversed(self.nodes.values()):
            node.stop()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    found = Tree(tmp_path)
    yield found
    found.close()


def test_a_move_between_districts_is_decided_above_applied_at_both_ends_and_answered(tree: Tree) -> None:
    ok("record", "person", tree["a"], "--id", "p0", *LAN)
    ok("record", "move-in", tree["c"], "--id", "e1", "--person", "n0", *LAN, "--date", "2026-03-04", "--from", "a")
    wait_until(lambda: tree.actions("a") == [("answer", "open")] or bool(tree.inbox("a")))
    (item,) = [line for line in tree.inbox("a") if line["standing"] != "over"]
    assert (item["person"], item["authority"]) == ("p0", "p")
    ok("inbox", "confirm", tree["a"], item["id"], "--reason", "left in March")
    ok("record", "move-out", tree["a"], "--person", "p0", "--date", "2026-03-01", "--to", "c")
    wait_until(lambda: ("close", "applied") in tree.actions("a"))
    wait_until(lambda: ("count", "applied") in tree.actions("c"))
    assert tree.actions("b") == []
    wait_until(lambda: tree.told("c:e1") >= {("a", False, True), ("c", False, True)})
    shown = ok("inbox", "show", tree["c"], next(line["id"] for line in tree.inbox("c") if line["action"] == "count"))
    assert shown["authority"] == "p"
    for name in tree.nodes:
        assert not ok("status", tree[name])["alarms"], name
