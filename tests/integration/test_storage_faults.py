"""What disks do to a node: full, read-only, cut, swapped, with flipped bits, without the files beside the store. Each is
told with what to do, or is healed, and nothing wrong is ever taken for right (RELIABILITY F11 to F21).
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from click.testing import Result

from node.clock import ManualClock
from node.digest import OriginDigest
from node.errors import DansyncError
from node.findings import Scrub
from node.scrub import finish, scrub
from node.store import Store
from ops.rehearsal.nodes import NodeProcess, free_port
from tests.identities import Tree
from tests.integration.test_command_line import daemon, environment
from tests.integration.test_command_line import dansync as process
from tests.integration.test_demo import scrape
from tests.integration.test_identity import ok, started, wait_until
from tests.unit.node.stores import NOW_MS, add_persons, all_commits, change_phone, new_store
from tests.unit.ops.cli.command_line import commune, dansync, document

UNUSABLE = 3

LEAVE_A_LOG = """
import os, pathlib, random, sys
from node.clock import SystemClock
from node.store import Store
path = pathlib.Path(sys.argv[1])
store = Store.open(path, clock=SystemClock(), source=random.SystemRandom())
for number in range(int(sys.argv[2])):
    with store.capture(author="lan", kind="register", recorded_at=number) as capture:
        capture.connection.execute(
            "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)",
            (capture.origin, store.new_row_id(number), f"Person {number}"),
        )
os._exit(0)  # the power goes: nobody moves the log into the store
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A commune with one commit in its store, and six more in the log beside it."""
    folder = commune(tmp_path / "tran-phu")
    write_and_die(folder)
    return folder


def write_and_die(folder: Path, commits: int = 6) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVE_A_LOG, str(folder / "store.db"), str(commits)], env=environment(), check=False
    )
    assert done.returncode == 0
    assert (folder / "store.db-wal").stat().st_size > 0


def record(folder: Path) -> Result:
    return dansync("record", "person", folder, "--name", "Trần Thị Ánh", "--sex", "F")


def seq(folder: Path) -> int:
    (own,) = document("status", folder)["own"]
    return int(own["seq"])


def alarms(folder: Path) -> list[str]:
    return [alarm["code"] for alarm in document("status", folder)["alarms"]]


def checkpointed(folder: Path) -> Path:
    """Everything is in the store's own file."""
    assert record(folder).exit_code == 0
    assert not (folder / "store.db-wal").exists()
    return folder / "store.db"


def refused(result: Result, *words: str) -> None:
    """Exit code 3, what is wrong, and a command that helps."""
    assert result.exit_code == UNUSABLE, result.output
    for word in (*words, "Error: ", "What to do: "):
        assert word in result.output, result.output


# --- the files beside the store --------------------------------------------------------------------------------------


def test_what_is_in_the_log_when_the_power_goes_is_there_again(folder: Path) -> None:
    assert seq(folder) == 7 and alarms(folder) == []


def test_shared_memory_that_is_gone_is_made_anew(folder: Path) -> None:
    (folder / "store.db-shm").unlink()
    assert seq(folder) == 7
    assert record(folder).exit_code == 0
    assert (seq(folder), alarms(folder)) == (8, [])


def test_a_log_that_is_gone_is_missed_and_work_goes_on(folder: Path) -> None:
    (folder / "store.db-wal").unlink()
    result = record(folder)
    assert result.exit_code == 0, result.output
    assert "Commits are missing: the register ends at commit 1, and commit 7 was made here before" in result.output
    assert "dansync status" in result.output
    assert (seq(folder), alarms(folder)) == (2, ["commits_missing"])
    assert "Commits are missing" not in record(folder).output, "said once; the alarm stays"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_bit_that_flips_in_the_log_drops_commits_and_is_told(share: float, folder: Path) -> None:
    """SQLite ends its log where a checksum is wrong, and says nothing (RELIABILITY 0.2)."""
    log = folder / "store.db-wal"
    content = bytearray(log.read_bytes())
    content[int(len(content) * share)] ^= 1
    log.write_bytes(bytes(content))
    result = record(folder)
    assert result.exit_code == 0 and "Commits are missing" in result.output
    assert alarms(folder) == ["commits_missing"]
    assert dansync("scrub", folder).exit_code == 0, "what is there is sound"


def test_a_running_node_says_at_its_start_that_commits_are_missing(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    assert dansync("init", folder, "--node-id", "p", "--tier", "province").exit_code == 0
    assert dansync("ca", "init", folder).exit_code == 0
    write_and_die(folder)
    (folder / "store.db-wal").unlink()
    with daemon(folder) as (running, _said):
        assert alarms(folder) == ["commits_missing"]
        running.terminate()
        _out, said = running.communicate()
    assert running.returncode == 0, "it went on working"
    assert "commits are missing: the store ends at " in said


# --- the store's file ------------------------------------------------------------------------------------------------


def test_a_store_without_content_is_refused(folder: Path) -> None:
    checkpointed(folder).write_bytes(b"")
    for result in (dansync("status", folder), record(folder), dansync("scrub", folder)):
        refused(result, "is empty, and there was one before", "dansync restore FOLDER --from FILE")


def test_a_store_that_is_gone_is_refused(folder: Path) -> None:
    checkpointed(folder).unlink()
    refused(dansync("status", folder), "is gone, and there was one before", "dansync restore FOLDER --from FILE")


@pytest.mark.parametrize("pages", [0.5, 1, 2, 5.25, 20, 40])
def test_a_store_that_was_cut_is_refused_or_found_out(pages: float, folder: Path) -> None:
    path = checkpointed(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(4_096 * pages)])
    refused(dansync("scrub", folder) if dansync("status", folder).exit_code == 0 else dansync("status", folder))
    result = dansync("scrub", folder)
    assert result.exit_code == UNUSABLE and "dansync restore" in result.output


def test_a_store_that_lost_its_last_pages_is_found_out_by_a_scrub(folder: Path) -> None:
    path = checkpointed(folder)
    for pages in range(1, 4):
        path.write_bytes(path.read_bytes()[:-4_096])
        result = dansync("scrub", folder)
        assert result.exit_code == UNUSABLE and "dansync restore" in result.output, pages


@pytest.mark.parametrize("command", ["status", "record", "run"])
def test_another_node_s_store_is_refused(command: str, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert dansync("init", other, "--node-id", "other", "--tier", "commune").exit_code == 0
    assert dansync("ca", "init", other).exit_code == 0
    checkpointed(folder)
    shutil.copyfile(folder / "store.db", other / "store.db")
    if command == "run":
        done = process("run", other)
        assert done.returncode == UNUSABLE
        text = done.stderr
    else:
        result = record(other) if command == "record" else dansync("status", other)
        refused(result)
        text = result.output
    assert "has the settings of other and the store of tran-phu" in text and "dansync restore" in text


def test_an_older_copy_of_the_store_is_found_out_by_the_witness(folder: Path) -> None:
    path = checkpointed(folder)
    old = path.read_bytes()
    checkpointed(folder)
    path.write_bytes(old)
    assert "the register ends at commit 8, and commit 9 was made here before" in record(folder).output


# --- flipped bits ----------------------------------------------------------------------------------------------------


def state_of(path: Path) -> tuple[Scrub, OriginDigest, list[object]]:
    store = Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(1), mode="read")
    try:
        found = finish(scrub(store))
        origin = store.own_origin()
        return found, store.digest(origin), list(all_commits(store, origin))
    finally:
        store.close()


def test_no_flipped_bit_makes_a_wrong_row_or_commit_that_is_taken_for_right(tmp_path: Path) -> None:
    """Plain SQLite returns wrong rows in four of five cases (RELIABILITY 0.3): the scrub finds each of them."""
    store = new_store(tmp_path)
    for number in range(6):
        rows = add_persons(store, [f"Nguyễn Văn {number}-{n}" for n in range(100)])
        change_phone(store, rows[0], "0900")
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    path = tmp_path / "c.db"
    whole = path.read_bytes()
    _found, digest, commits = state_of(path)
    source = random.Random(11)
    counts = {"badly told": 0, "refused": 0, "found": 0, "harmless": 0}
    for _ in range(300):
        spoilt = bytearray(whole)
        spoilt[source.randrange(len(whole))] ^= 1 << source.randrange(8)
        path.write_bytes(bytes(spoilt))
        try:
            found, digest_now, commits_now = state_of(path)
        except DansyncError as error:
            counts["refused" if error.exit_code == UNUSABLE and error.hint else "badly told"] += 1
            continue
        if found.sound:
            assert (digest_now, commits_now) == (digest, commits)
            counts["harmless"] += 1
        else:
            counts["found"] += 1
    assert counts["found"] > 30 and not counts["badly told"], counts


def test_a_command_that_meets_a_flipped_bit_says_so_or_works(folder: Path) -> None:
    """Whatever it is, never "something unexpected": a person gets an error of the store, or what was asked for."""
    path = checkpointed(folder)
    whole = path.read_bytes()
    used = [at for at, value in enumerate(whole) if value]
    source = random.Random(5)
    for _ in range(60):
        spoilt = bytearray(whole)
        at = source.choice(used)
        spoilt[at] ^= 1 << source.randrange(8)
        for command in (("status", folder), ("log", folder), ("log", "prove", folder), ("scrub", folder)):
            path.write_bytes(bytes(spoilt))
            result = dansync(*command)
            assert result.exit_code in (0, 2, UNUSABLE), (at, command, result.output)
            if result.exit_code == UNUSABLE and command[0] == "status":
                assert "dansync restore" in result.output or "node.toml" in result.output


def test_a_commit_whose_content_cannot_be_read_is_listed_all_the_same(folder: Path) -> None:
    path = checkpointed(folder)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"person\x00")  # in the changeset of the newest commit: the name of its table
    content[at - 1] = 0xFF
    path.write_bytes(bytes(content))
    assert dansync("log", folder).exit_code == 0
    assert dansync("log", "prove", folder).exit_code == UNUSABLE


# --- read-only -------------------------------------------------------------------------------------------------------


@contextmanager
def immutable(path: Path) -> Iterator[None]:
    """A file that nobody can write, not even root."""
    done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("chattr +i does not work here (it takes root and a file system that has it)")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], capture_output=True, check=True)


def test_a_store_that_may_not_be_written_is_told_and_nothing_lost(folder: Path) -> None:
    path = checkpointed(folder)
    with immutable(path):
        refused(record(folder), "cannot be opened for this use", "may be written by this user")
        assert seq(folder) == 8, "it can still be looked at"
    assert record(folder).exit_code == 0
    assert (seq(folder), alarms(folder)) == (9, [])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here (it takes root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    for option in ("ro", "rw"):
        subprocess.run(["mount", "-o", f"remount,{option}", str(disk)], capture_output=True, check=True)
        if option == "ro":
            yield


def test_a_disk_that_went_read_only_is_told_by_every_command(disk: Path) -> None:
    folder = commune(disk / "c")
    assert record(folder).exit_code == 0
    assert dansync("ca", "init", folder).exit_code == 0
    before = seq(folder)
    with read_only(disk):
        refused(record(folder), "cannot be")
        done = process("run", folder)
        assert done.returncode == UNUSABLE, done.stderr
        assert "cannot be" in done.stderr and "What to do: " in done.stderr
    assert record(folder).exit_code == 0
    assert (seq(folder), alarms(folder)) == (before + 1, [])


# --- a full disk -----------------------------------------------------------------------------------------------------


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing fits on the disk any more."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 512, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    yield
    filler.unlink()


def test_recording_on_a_full_disk_is_refused_and_goes_on_once_there_is_room(disk: Path) -> None:
    folder = commune(disk / "c")
    assert record(folder).exit_code == 0
    with full(disk):
        refused(record(folder), "is full", "Free some space")
    assert record(folder).exit_code == 0
    assert (seq(folder), alarms(folder)) == (3, [])
    assert dansync("scrub", folder).exit_code == 0


def test_a_log_that_is_open_on_a_full_disk_loses_nothing_that_was_recorded(disk: Path) -> None:
    folder = commune(disk / "c")
    write_and_die(folder, 3)
    with full(disk):
        refused(record(folder), "is full", "Free some space")
        assert seq(folder) == 4, "it can still be looked at"
    assert record(folder).exit_code == 0
    assert (seq(folder), alarms(folder)) == (5, [])


def test_a_backup_to_a_full_disk_leaves_nothing_there(disk: Path, folder: Path) -> None:
    with full(disk):
        result = dansync("backup", folder, "--to", disk / "b")
        refused(result, "no room", "Free some space")
        assert sorted(path.name for path in disk.iterdir()) == ["filler"]
    assert dansync("backup", folder, "--to", disk / "b").exit_code == 0


def test_a_restore_onto_a_full_disk_leaves_the_store_that_is_there(disk: Path, tmp_path: Path) -> None:
    folder = commune(disk / "c")
    assert dansync("backup", folder, "--to", tmp_path / "b").exit_code == 0
    assert record(folder).exit_code == 0
    with full(disk):
        refused(dansync("restore", folder, "--from", tmp_path / "b"), "no room", "Free some space")
    assert seq(folder) == 2
    assert dansync("restore", folder, "--from", tmp_path / "b").exit_code == 0
    assert seq(folder) == 1


def test_a_parent_whose_disk_is_full_acknowledges_nothing_and_heals(disk: Path, tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    tree = Tree(tmp_path / "tree", "hub")
    child = tree.add("child")
    hub_folder = disk / "hub"
    config = tree.root.config(listen=f"127.0.0.1:{port}", metrics=f"127.0.0.1:{metrics}")
    child.config(parent=f"127.0.0.1:{port}")
    origin = child.store.own_origin()
    tree.close()
    shutil.copytree(tree.root.folder, hub_folder)
    hub = NodeProcess(type(config)(hub_folder, *(getattr(config, name) for name in config.__slots__[1:])))
    hub.start()
    try:
        hub.wait_ready()
        ok("run", child.folder, "--drain")
        for number in range(3):
            ok("record", "person", child.folder, "--id", f"P{number}", "--name", "Lê Văn Bình", "--sex", "M")
        with full(disk):
            done = process("run", child.folder, "--drain")
            assert done.returncode == 6, done.stderr
            assert "did not take everything" in done.stderr
            found = document("status", child.folder)
            assert found["backlog"]["commits"] == 3, "nothing was said to be there"
            assert hub.running, "it waits for room"
        ok("run", child.folder, "--drain")
        assert document("status", child.folder)["backlog"]["commits"] == 0
        assert hub.running
        assert scrape(metrics)["dansync_log_commits{whose=relayed}"] == 4
    finally:
        hub.stop()
    found, *_rest = state_of(hub_folder / "store.db")
    assert found.sound and origin in {item.origin for item in found.origins}


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_a_commune_that_lost_its_disk_has_everything_back_from_its_backup_and_its_parent(tmp_path: Path) -> None:
    port = free_port()
    tree = Tree(tmp_path, "hub")
    child = tree.add("child")
    hub = NodeProcess(tree.root.config(listen=f"127.0.0.1:{port}"))
    child.config(parent=f"127.0.0.1:{port}")
    origin = child.store.own_origin()
    child.store.close()
    hub.start()
    try:
        hub.wait_ready()
        ok("record", "person", child.folder, "--id", "P1", "--name", "Lê Văn Bình", "--sex", "M")
        with daemon(child.folder):  # a backup is made beside a running node
            ok("backup", child.folder, "--to", tmp_path / "b")
        ok("record", "person", child.folder, "--id", "P2", "--name", "Trần Thị Ánh", "--sex", "F")
        ok("run", child.folder, "--drain")
        (child.folder / "store.db").write_bytes(b"noise" * 1_000)
        done = process("run", child.folder, "--drain")
        assert done.returncode == UNUSABLE and "dansync restore" in done.stderr
        found = ok("restore", child.folder, "--from", tmp_path / "b")
        assert found["missing"] == [{"origin": found["heads"][0]["origin"], "from": 3, "to": 3}]  # type: ignore[index]
        ok("run", child.folder, "--drain")
        status = document("status", child.folder)
        assert [own["seq"] for own in status["own"]] == [3]
        codes = {alarm["code"] for alarm in status["alarms"]}
        assert {"restored_from_backup", "commits_missing", "restored"} <= codes, codes
        ok("record", "person", child.folder, "--id", "P3", "--name", "Và tiếp tục", "--sex", "F")
        ok("run", child.folder, "--drain")
    finally:
        hub.stop()
    again = Store.open(child.folder / "store.db", clock=ManualClock(NOW_MS), source=random.Random(1))
    assert tree.root.store.digest(origin) == again.digest(origin)
    assert again.digest(origin).rows == 3
    again.close()
    tree.root.store.close()


def test_a_commune_that_lost_its_machine_goes_on_with_a_new_one(tmp_path: Path) -> None:
    """The backup holds the register, and no key: the new machine is enrolled with a new invitation."""
    root, old, new, backup = tmp_path / "p", tmp_path / "old", tmp_path / "new", tmp_path / "b"
    port = free_port()
    ok("init", root, "--node-id", "p", "--tier", "province", "--listen", f"127.0.0.1:{port}")
    ok("ca", "init", root)
    commune_of = ("--node-id", "c", "--tier", "commune", "--parent-node-id", "p", "--parent", f"127.0.0.1:{port}")
    hub = started(root)
    try:
        for folder, invitation in ((old, tmp_path / "1.inv"), (new, tmp_path / "2.inv")):
            ok("init", folder, *commune_of)
            if folder == new:
                ok("restore", folder, "--from", backup)
            ok("node", "invite", root, "c", "--tier", "commune", "--out", invitation)
            ok("enroll", folder, invitation)
            if folder == old:
                ok("record", "household", folder, "--id", "H1")
                ok("run", folder, "--drain")
                ok("backup", folder, "--to", backup)
                ok("record", "household", folder, "--id", "H2")
                ok("run", folder, "--drain")
                shutil.rmtree(folder)
        ok("run", new, "--drain")
        ok("record", "household", new, "--id", "H3")
        ok("run", new, "--drain")
        status = document("status", new)
        assert [own["seq"] for own in status["own"]] == [4] and status["backlog"]["commits"] == 0
        assert [alarm["code"] for alarm in status["alarms"] if alarm["code"] == "fork"] == []
    finally:
        hub.stop()
    found, *_rest = state_of(new / "store.db")
    assert found.sound


def test_a_running_node_scrubs_by_itself_and_says_what_it_found(tmp_path: Path) -> None:
    metrics = free_port()
    assert dansync("init", tmp_path / "p", "--node-id", "p", "--tier", "province").exit_code == 0
    assert dansync("ca", "init", tmp_path / "p").exit_code == 0
    assert record(tmp_path / "p").exit_code == 0
    settings = tmp_path / "p" / "node.toml"
    text = settings.read_text(encoding="utf-8").replace(
        'metrics_listen = ""', f'metrics_listen = "127.0.0.1:{metrics}"'
    )
    settings.write_text(text + "scrub_interval_s = 1\n", encoding="utf-8")
    store = Store.open(tmp_path / "p" / "store.db", clock=ManualClock(NOW_MS), source=random.Random(1))
    with daemon(tmp_path / "p"):
        wait_until(lambda: "dansync_scrub_age_seconds{}" in scrape(metrics))
        assert scrape(metrics)["dansync_rotten_origins{}"] == 0
        store.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        store.connection.execute("UPDATE person SET full_name = 'rot'")
        wait_until(lambda: scrape(metrics)["dansync_rotten_origins{}"] == 1)
        ok("scrub", tmp_path / "p", "--repair")
        assert scrape(metrics)["dansync_rotten_origins{}"] == 0
        assert "dansync_backup_age_seconds{}" not in scrape(metrics)
        ok("backup", tmp_path / "p", "--to", tmp_path / "b")
        assert scrape(metrics)["dansync_backup_age_seconds{}"] >= 0
    store.close()
