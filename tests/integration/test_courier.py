"""Sticks between real processes: a three-tier tree in which one commune never has a link, not even to be enrolled, and
what happens when it gets one.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.config import load_config, save_config
from ops.rehearsal.nodes import NodeProcess, free_port
from tests.integration.test_command_line import dansync
from tests.integration.test_identity import ok, seq_at, started, wait_until


class Trees:
    """root (listens) <- d (dials and listens) <- near (has a link), far (has none, and was enrolled by stick)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stick = folder / "stick"
        self.root, self.d, self.near, self.far = (folder / name for name in ("root", "d", "near", "far"))
        self.running: dict[Path, NodeProcess] = {}
        self.district_address = ""

    def found(self) -> None:
        """Make the nodes, start those that listen, and enrol all of them."""
        folder = self.folder
        root_port, district_port = free_port(), free_port()
        ok("init", self.root, "--node-id", "root", "--tier", "province", "--listen", f"127.0.0.1:{root_port}")
        ok("ca", "init", self.root)
        self.start(self.root)
        self.stick.mkdir()
        self.district_address = f"127.0.0.1:{district_port}"
        for place, parent, port, listen in (
            (self.d, "root", root_port, district_port),
            (self.near, "d", district_port, 0),
        ):
            ok(
                *("init", place, "--node-id", place.name, "--tier", "x", "--parent-node-id", parent),
                *("--parent", f"127.0.0.1:{port}"),
                *(("--listen", f"127.0.0.1:{listen}") if listen else ()),
            )
            invitation = folder / f"{place.name}.inv"
            ok("node", "invite", self.root, place.name, "--tier", "x", "--parent", parent, "--out", invitation)
            ok("enroll", place, invitation)
            if listen:
                self.start(place)
        ok("init", self.far, "--node-id", "far", "--tier", "x", "--parent-node-id", "d")
        invitation, request, answer = folder / "far.inv", self.stick / "far.request", self.stick / "far.answer"
        ok("node", "invite", self.root, "far", "--tier", "x", "--parent", "d", "--out", invitation)
        ok("enroll", self.far, invitation, "--request", request)
        ok("node", "answer", self.root, request, "--out", answer)
        ok("enroll", self.far, invitation, "--answer", answer)

    def connect(self, place: Path) -> None:
        """Somebody has laid a line."""
        config = load_config(place)
        save_config(type(config)(config.folder, config.node_id, self.district_address))

    def start(self, place: Path) -> None:
        self.running[place] = started(place)

    def stop(self, place: Path) -> None:
        self.running.pop(place).stop()

    def close(self) -> None:
        for node in reversed(list(self.running.values())):
            node.stop()

    # --- what people do ----------------------------------------------------------------------------------------------

    def household(self, place: Path, *names: str) -> None:
        for name in names:
            ok("record", "household", place, "--id", name)

    def up(self, place: Path, *options: object) -> list[str]:
        return files(ok("courier", "export", place, "--to", self.stick, *options))

    def take(self, place: Path, *paths: str) -> dict[str, Any]:
        return ok("courier", "import", place, *paths)

    def trip(self, child: Path, parent: Path) -> dict[str, Any]:
        """There and back."""
        taken = self.take(parent, *self.up(child))
        self.take(child, *taken["receipts"])
        return taken

    # --- what can be seen --------------------------------------------------------------------------------------------

    def origin(self, place: Path) -> str:
        return str(status(place)["own"][0]["origin"])

    def copies(self, place: Path, origin: str) -> tuple[str, ...]:
        """Head, rows, digest and quarantine of one origin as a node has it."""
        out = self.folder / f"result-{place.name}"
        ok("export", place, out)
        with (out / "replicas.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["origin"] == origin]
        assert len(rows) == 1
        return tuple(value for name, value in sorted(rows[0].items()) if name not in {"node", "node_id"})

    def quiet(self, *places: Path) -> bool:
        found = [status(place) for place in places]
        return not any(item["alarms"] or item["halted"] or item["quarantined_rows"] for item in found)


def files(said: dict[str, Any]) -> list[str]:
    found: list[str] = said["files"]
    return found


def status(place: Path) -> dict[str, Any]:
    return ok("status", place)


@pytest.fixture
def trees(tmp_path: Path) -> Iterator[Trees]:
    made = Trees(tmp_path)
    try:
        made.found()
        yield made
    finally:
        made.close()


def test_a_commune_without_a_link_is_equal_at_every_tier(trees: Trees) -> None:
    far, near, d, root = trees.far, trees.near, trees.d, trees.root
    origin, other = trees.origin(far), trees.origin(near)
    trees.household(far, "H1", "H2")
    refused = dansync("courier", "export", far, "--to", trees.stick)
    assert refused.returncode == 2 and "--for far" in refused.stderr
    # The district's daemon runs all the time: it sends on what the stick has brought.
    wait_until(lambda: "far" in str(ok("origin", "list", d)["origins"]))
    trees.take(far, *trees.up(d, "--for", "far"))
    trees.household(near, "N1")
    ok("run", near, "--drain")
    taken = trees.trip(far, d)
    assert taken["files"][0]["commits"] == 3 and not taken["refused"]
    trees.household(far, "H3")
    # Once more as people do it: the whole stick, with old files and those of others on it.
    trees.up(far)
    assert [item["from"] for item in trees.take(d, str(trees.stick))["files"]] == ["far"] * 2
    assert {item["from"] for item in trees.take(far, str(trees.stick))["files"]} == {"d"}
    assert trees.take(root, str(trees.stick))["files"] == []
    wait_until(lambda: seq_at(root, origin) == 4 and seq_at(root, other) == 2)
    assert trees.copies(far, origin) == trees.copies(d, origin) == trees.copies(root, origin)
    assert trees.copies(near, other) == trees.copies(root, other)
    mine = status(far)
    assert mine["own"][0]["acknowledged"]["seq"] == 4 and mine["backlog"]["commits"] == 0
    assert {(item["way"], item["peer"]) for item in mine["sticks"]} == {("given", "d"), ("taken", "d")}
    assert ok("log", "prove", far)
    assert trees.quiet(far, near, d, root)


def test_stick_then_wire_then_stick(trees: Trees) -> None:
    far, d, root = trees.far, trees.d, trees.root
    origin = trees.origin(far)
    wait_until(lambda: "far" in str(ok("origin", "list", d)["origins"]))
    trees.take(far, *trees.up(d, "--for", "far"))
    trees.household(far, "H1")
    lost = trees.up(far)  # somebody sits on this stick for months
    trees.trip(far, d)
    trees.household(far, "H2")
    trees.connect(far)
    ok("run", far, "--drain")
    wait_until(lambda: seq_at(d, origin) == 3)
    trees.household(far, "H3")
    trees.trip(far, d)
    again = trees.take(d, *lost)
    assert again["files"][0]["commits"] == 0 and not again["refused"]
    trees.take(far, *again["receipts"])
    ok("run", far, "--drain")
    wait_until(lambda: seq_at(root, origin) == 4)
    assert trees.copies(far, origin) == trees.copies(d, origin) == trees.copies(root, origin)
    assert status(far)["own"][0]["acknowledged"]["seq"] == 4
    assert trees.quiet(far, d, root)


def test_a_district_without_a_link_carries_its_communes(trees: Trees) -> None:
    far, near, d, root = trees.far, trees.near, trees.d, trees.root
    origins = [trees.origin(place) for place in (far, near, d)]
    wait_until(lambda: "far" in str(ok("origin", "list", d)["origins"]))
    trees.stop(d)
    # Its line is dead from now on; its port still serves the communes.
    config = load_config(d)
    save_config(type(config)(config.folder, config.node_id, "", config.listen))
    trees.start(d)
    trees.take(far, *trees.up(d, "--for", "far"))
    trees.household(far, "H1", "H2")
    trees.trip(far, d)
    trees.household(near, "N1")
    ok("run", near, "--drain")
    said = trees.trip(d, root)
    assert {row["origin"] for row in said["files"][0]["origins"]} == set(origins[:2]), "its own one had gone by wire"
    for place, origin in zip((far, near, d), origins, strict=True):
        assert trees.copies(place, origin) == trees.copies(d, origin) == trees.copies(root, origin)
    # A revocation comes down by stick as well.
    ok("node", "revoke", root, "near", "--reason", "stolen")
    trees.trip(d, root)
    assert "revoked" in str(ok("node", "list", d))
    assert trees.quiet(far, d, root)


def test_files_that_cannot_be_taken_are_named_and_do_not_hold_up_the_others(trees: Trees) -> None:
    far, d, root = trees.far, trees.d, trees.root
    wait_until(lambda: "far" in str(ok("origin", "list", d)["origins"]))
    trees.take(far, *trees.up(d, "--for", "far"))
    trees.household(far, "H1")
    (good,) = trees.up(far)
    broken = trees.stick / "broken.courier"
    broken.write_bytes(Path(good).read_bytes()[:-3])
    other = trees.stick / "note.txt"
    other.write_text("milk, bread")
    done = dansync("courier", "import", d, broken, good, other, trees.stick / "gone", "--json")
    said = json.loads(done.stdout)
    assert done.returncode in {2, 4}
    assert [item["commits"] for item in said["files"]] == [2]
    assert sorted(item["code"] for item in said["refused"]) == ["", "damaged", "no_courier_file"]
    alone = dansync("courier", "import", d, broken)
    assert alone.returncode == 4 and "damaged" in alone.stderr and "export again" in alone.stderr
    wrong = dansync("courier", "import", root, good)
    assert wrong.returncode == 4 and "for node d; this is node root" in wrong.stderr
    vietnamese = dansync("courier", "import", root, good, DANSYNC_LANG="vi")
    assert "Tệp dành cho nút d; đây là nút root." in vietnamese.stderr
    ok("node", "revoke", root, "far", "--reason", "stolen")
    wait_until(lambda: "revoked" in str(ok("node", "list", d)))
    trees.household(far, "H2")
    (stolen,) = trees.up(far)
    gone = dansync("courier", "import", d, stolen)
    assert gone.returncode == 8 and "was revoked" in gone.stderr
    shutil.rmtree(trees.stick)


def test_an_enrolment_by_stick_proves_itself(tmp_path: Path) -> None:
    root, far, other = (tmp_path / name for name in ("root", "far", "other"))
    ok("init", root, "--node-id", "root", "--tier", "province")
    ok("ca", "init", root)
    for place in (far, other):
        ok("init", place, "--node-id", place.name, "--tier", "x", "--parent-node-id", "root")
        ok(
            "node",
            "invite",
            root,
            place.name,
            "--tier",
            "x",
            "--needs-approval",
            "--out",
            tmp_path / f"{place.name}.inv",
        )
        ok("enroll", place, tmp_path / f"{place.name}.inv", "--request", tmp_path / f"{place.name}.request")
    request = tmp_path / "far.request"
    said = [ok("node", "answer", root, request, "--out", tmp_path / "1.answer")["state"]]
    waiting = dansync("enroll", far, tmp_path / "far.inv", "--answer", tmp_path / "1.answer")
    assert waiting.returncode == 8 and "a person there decides" in waiting.stderr
    ok("node", "approve", root, "far")
    said += [ok("node", "answer", root, request, "--out", tmp_path / f"{i}.answer")["state"] for i in (2, 3)]
    assert said == ["pending", "issued", "issued"], "an answer may be lost"
    foreign = dansync("enroll", other, tmp_path / "other.inv", "--answer", tmp_path / "2.answer")
    assert foreign.returncode == 8 and "not for this node" in foreign.stderr
    torn = tmp_path / "torn"
    torn.write_bytes((tmp_path / "2.answer").read_bytes()[:-1])
    for path, words in ((torn, "damaged or was cut"), (request, "no answer"), (tmp_path / "gone", "cannot be read")):
        done = dansync("enroll", far, tmp_path / "far.inv", "--answer", path)
        assert done.returncode in {2, 8} and words in done.stderr
    assert dansync("node", "answer", root, torn, "--out", tmp_path / "x").returncode == 8
    assert dansync("node", "answer", root, request, "--out", tmp_path / "2.answer").returncode == 2, "it exists"
    ok("enroll", far, tmp_path / "far.inv", "--answer", tmp_path / "3.answer")
    ok("courier", "export", far, "--to", tmp_path)
    ok("courier", "import", root, tmp_path)
    ok("courier", "import", far, tmp_path)
    assert status(far)["own"][0]["acknowledged"]["seq"] == 1
