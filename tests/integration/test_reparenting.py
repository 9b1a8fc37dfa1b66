"""Nodes that get another parent, districts that end, PCs that are new: real processes, from the command line."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.clock import SystemClock
from node.store import Store
from ops.config import load_config
from ops.rehearsal.nodes import NodeProcess, free_port
from tests.integration.test_command_line import dansync
from tests.integration.test_identity import ok, seq_at, started, wait_until


class Province:
    """root above the districts d and e; the commune c belongs to d. All but the commune run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("root", "d", "e")}
        self.nodes: dict[str, NodeProcess] = {}
        ok("init", self["root"], "--node-id", "root", "--tier", "province", "--listen", self.address("root"))
        ok("ca", "init", self["root"])
        self.start("root")
        for name, parent in (("d", "root"), ("e", "root"), ("c", "d")):
            self.join(name, parent)
            if name in self.ports:
                self.start(name)
        self.origin = str(self.status("c")["own"][0]["origin"])  # type: ignore[index]

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def status(self, name: str) -> dict[str, object]:
        return ok("status", self[name])

    def invitation(self, name: str, parent: str) -> Path:
        path = self.folder / f"{name}.{len(list(self.folder.glob('*.invitation')))}.invitation"
        ok("node", "invite", self["root"], name, "--tier", "x", "--parent", parent, "--out", path)
        return path

    def join(self, name: str, parent: str) -> None:
        ok(
            *("init", self[name], "--node-id", name, "--tier", "x", "--parent-node-id", parent),
            *("--parent", self.address(parent)),
            *(("--listen", self.address(name)) if name in self.ports else ()),
        )
        ok("enroll", self[name], self.invitation(name, parent))

    def start(self, name: str) -> None:
        self.nodes[name] = started(self[name])

    def stop(self, *names: str) -> None:
        for name in names:
            self.nodes.pop(name).stop()

    def record(self, *ids: str, at: str = "c") -> None:
        for name in ids:
            ok("record", "household", self[at], "--id", name)

    def has(self, name: str, seq: int) -> bool:
        return seq_at(self[name], self.origin) == seq

    def drain(self, name: str) -> tuple[int, dict[str, object]]:
        done = dansync("drain", self[name], "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def knows_parent(self, name: str, node: str, parent: str) -> bool:
        rows = ok("node", "list", self[name])["nodes"]
        assert isinstance(rows, list)
        return any((row["node_id"], row["parent_node_id"]) == (node, parent) for row in rows)

    def close(self) -> None:
        for node in reversed(self.nodes.values()):
            node.stop()


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    province = Province(tmp_path)
    yield province
    province.close()


def drains_in_vain(words: str, folder: Path) -> None:
    """The parent says so to a node that drains; on a busy machine a link may be cut before it has come to say it."""
    for _ in range(8):
        result = dansync("run", folder, "--drain")
        assert result.returncode == 6, result.stderr
        if words in result.stderr:
            return
    raise AssertionError(result.stderr)


def test_a_commune_goes_to_another_parent_without_a_hand_on_it_and_back_again(province: Province) -> None:
    """Online, both ways: to the province when its district ends, to a district when one begins."""
    province.start("c")
    province.record("H1", "H2")
    wait_until(lambda: province.has("root", 3))
    seen_by_d = 3
    for parent in ("root", "e", "d"):
        ok("node", "move", province["root"], "c", "--to", parent, "--address", province.address(parent))
        wait_until(lambda parent=parent: province.status("c")["parent_node_id"] == parent)  # type: ignore[misc]
        seq = seq_at(province["c"], province.origin)
        province.record(f"H{seq}")
        wait_until(lambda seq=seq: province.has("root", seq + 1))  # type: ignore[misc]
        if parent != "d":
            assert province.has("d", seen_by_d), "the old parent keeps what it had, and gets no more"
    wait_until(lambda: province.has("d", 6))
    assert not province.status("c")["alarms"] and not province.status("root")["alarms"]
    assert not province.status("d")["alarms"] and not province.status("e")["alarms"]


def test_a_commune_whose_old_parent_is_gone_for_ever_is_told_by_hand(province: Province) -> None:
    province.start("c")
    province.record("H1")
    wait_until(lambda: province.has("root", 2))
    province.stop("d")
    province.record("H2", "H3")
    ok("node", "move", province["root"], "c", "--to", "e")
    wait_until(lambda: province.knows_parent("e", "c", "e"))
    assert province.has("root", 2)
    told = ok("parent", province["c"], "--node-id", "e", "--address", province.address("e"))
    assert told["dials"] == [{"node_id": "e", "address": province.address("e")}]
    wait_until(lambda: province.has("root", 4))
    assert province.knows_parent("c", "c", "e"), "the new parent has said the rest"
    assert not province.status("c")["alarms"]


def test_a_commune_that_was_told_too_early_waits_for_the_authority(province: Province) -> None:
    province.record("H1")
    ok("parent", province["c"], "--node-id", "e", "--address", province.address("e"))
    drains_in_vain("moved", province["c"])
    ok("node", "move", province["root"], "c", "--to", "e")
    wait_until(lambda: province.knows_parent("e", "c", "e"))
    ok("run", province["c"], "--drain")
    assert province.has("e", 2)


# --- a district that ends --------------------------------------------------------------------------------------------


def lines(proof: dict[str, object]) -> dict[str, tuple[str, int, int]]:
    """Node that began a log: how it stands, its length, up to where it is signed for."""
    found = proof["origins"]
    assert isinstance(found, list)
    return {row["node_id"]: (row["state"], row["seq"], (row["receipt"] or {"seq": 0})["seq"]) for row in found}


def test_a_district_that_ends_gives_everything_away_and_proves_it(province: Province) -> None:
    province.start("c")
    province.record("H1", "H2")
    wait_until(lambda: province.has("root", 3))
    refused = dansync("node", "dissolve", province["root"], "d")
    assert refused.returncode == 2 and "1 nodes still belong below d: c" in refused.stderr
    ok("node", "move", province["root"], "c", "--to", "root", "--address", province.address("root"))
    wait_until(lambda: province.status("c")["parent_node_id"] == "root")
    province.record("H3")
    wait_until(lambda: province.has("root", 4))
    ok("record", "household", province["d"], "--id", "D1")
    early, proof = province.drain("d")
    assert early == 0 and not proof["final"], "nothing is left, and more may come: it was not dissolved"
    ended = ok("node", "dissolve", province["root"], "d", "--reason", "no district tier")
    assert [row["holder"] for row in ended["origins"]] == ["root"]  # type: ignore[attr-defined]
    wait_until(lambda: bool(province.drain("d")[1]["final"]))
    code, proof = province.drain("d")
    assert (code, proof["left"], proof["final"], proof["letters"]) == (0, False, True, 0)
    assert lines(proof) == {"d": ("signed", 2, 2), "c": ("signed", 3, 3)}
    shown = dansync("drain", province["d"])
    assert "node root has signed for every log" in shown.stdout and "node revoke" in shown.stdout
    late = dansync("record", "household", province["d"], "--id", "late")
    assert late.returncode == 8 and "written by node root" in late.stderr
    taken = dansync("node", "move", province["root"], "c", "--to", "d")
    assert taken.returncode == 2 and "was dissolved" in taken.stderr


def test_what_only_a_district_that_ends_has_still_climbs_from_there(province: Province) -> None:
    """The commune's PC is gone, and the district had not sent everything."""
    province.record("H1")
    ok("run", province["c"], "--drain")
    wait_until(lambda: province.has("root", 2))
    province.stop("root")
    province.record("H2", "H3")
    ok("run", province["c"], "--drain")
    assert province.has("d", 4)
    (province["c"] / "store.db").unlink()
    unreachable = dansync("drain", province["d"], "--seconds", "0", "--json")
    assert unreachable.returncode == 6
    province.stop("d")
    province.start("root")
    ok("node", "move", province["root"], "c", "--to", "root", "--address", province.address("root"))
    ok("node", "dissolve", province["root"], "d")
    code, proof = province.drain("d")
    assert (code, proof["final"]) == (0, True)
    assert lines(proof)["c"] == ("signed", 4, 4)
    assert province.has("root", 4)


def test_a_proof_is_refused_where_something_is_left(province: Province) -> None:
    province.stop("d")
    ok("record", "household", province["d"], "--id", "D1")
    ok("node", "move", province["root"], "c", "--to", "root", "--address", province.address("root"))
    ok("node", "dissolve", province["root"], "d", "--retire")
    code, proof = province.drain("d")
    assert (code, proof["left"], proof["final"]) == (4, True, False)
    assert lines(proof)["d"][0] == "left"
    shown = dansync("drain", province["d"])
    assert shown.returncode == 4
    assert "d: the register was retired before commits" in shown.stdout and "they are only here" in shown.stdout


# --- PCs that are new ------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    """Source ids of all households in a store, each as often as it is there."""
    config = load_config(folder)
    store = Store.open(config.store_path, clock=SystemClock(), source=random.Random(0), mode="read")
    try:
        return [str(row[0]) for row in store.connection.execute("SELECT source_id FROM household ORDER BY source_id")]
    finally:
        store.close()


def test_a_new_pc_gets_its_register_from_the_parent_and_the_old_disk_is_healed_when_it_turns_up(
    province: Province,
) -> None:
    old, aside = province["c"], province.folder / "aside"
    province.record("H1", "H2")
    ok("run", old, "--drain")
    wait_until(lambda: province.has("root", 3))
    province.record("unsent")
    shutil.move(old, aside)  # the PC is gone

    token = province.invitation("c", "d")
    arguments = ("restore", old, "--from-parent", token, "--parent", province.address("d"))
    done = ok(*arguments)
    register = done["origins"][0]  # type: ignore[index]
    assert len(done["origins"]) == 1  # type: ignore[arg-type]
    assert (register["origin"], register["own"], register["seq"]) == (province.origin, True, 3)
    assert names(old) == ["H1", "H2"]
    again = ok(*arguments)
    assert again == done, "done again, it changes nothing"
    assert not province.status("c")["alarms"] and not province.status("c")["halted"]
    province.record("H3")
    ok("run", old, "--drain")
    wait_until(lambda: province.has("root", 4))

    # The old disk is put into a PC: it is not this node any more, until the authority invites it.
    drains_in_vain("another machine has enrolled as node c since", aside)
    ok("enroll", aside, province.invitation("c", "d"))
    ok("run", aside, "--drain")
    assert names(aside) == ["H1", "H2", "H3", "unsent"], "what both had, and what only it had"
    wait_until(lambda: names(province["root"]) == ["H1", "H2", "H3", "unsent"])
    drains_in_vain("another machine has enrolled as node c since", old)


def test_a_restore_that_was_interrupted_goes_on_and_nobody_writes_meanwhile(province: Province) -> None:
    province.record("H1")
    ok("run", province["c"], "--drain")
    wait_until(lambda: province.has("root", 2))
    shutil.move(province["c"], province.folder / "aside")
    token = province.invitation("c", "d")
    province.stop("d")
    arguments = ("restore", province["c"], "--from-parent", token, "--parent", province.address("d"))
    assert dansync(*arguments).returncode == 6
    early = dansync("record", "household", province["c"], "--id", "early")
    assert early.returncode == 3, early.stderr
    runs = dansync("run", province["c"])
    assert runs.returncode == 8 and "not enrolled yet" in runs.stderr
    province.start("d")
    ok(*arguments)
    province.record("H2")
    ok("run", province["c"], "--drain")
    wait_until(lambda: names(province["root"]) == ["H1", "H2"])


def test_a_district_on_a_new_machine_gets_what_is_below_it_too(province: Province) -> None:
    province.start("c")
    province.record("H1", "H2")
    wait_until(lambda: province.has("root", 3))
    province.stop("d")
    shutil.move(province["d"], province.folder / "aside")
    token = province.invitation("d", "root")
    done = ok(
        *("restore", province["d"], "--from-parent", token, "--parent", province.address("root")),
        *("--listen", province.address("d")),
    )
    assert {(row["own"], row["seq"]) for row in done["origins"]} == {(True, 1), (False, 3)}  # type: ignore[attr-defined]
    province.start("d")
    province.record("H3")
    wait_until(lambda: province.has("root", 4))
    assert province.has("d", 4)
    assert not province.status("d")["halted"]


def test_a_restore_where_nothing_was_ever_sent_says_so(province: Province) -> None:
    shutil.move(province["c"], province.folder / "aside")
    token = province.invitation("c", "d")
    done = dansync("restore", province["c"], "--from-parent", token, "--parent", province.address("d"))
    assert done.returncode == 4 and "had never sent anything" in done.stderr


def test_a_store_that_is_there_is_not_restored_over(province: Province) -> None:
    token = province.invitation("c", "d")
    done = dansync("restore", province["c"], "--from-parent", token)
    assert done.returncode == 2 and "There is a store of node c already" in done.stderr
    other = dansync("restore", province["d"], "--from-parent", token)
    assert other.returncode == 2 and "There is already a node in" in other.stderr
