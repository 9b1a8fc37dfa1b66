"""``backup``, ``restore`` and ``scrub`` as an operator meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from node.backup import SUFFIX
from node.replay import triggers_off
from ops.cli.options import opened
from ops.i18n import use
from tests.unit.ops.cli.command_line import COMMUNE, commune, dansync, document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A commune with a person in it."""
    folder = commune(tmp_path / "tran-phu")
    record(folder, "Trần Thị Ánh")
    return folder


def record(folder: Path, name: str) -> None:
    result = dansync("record", "person", folder, "--name", name, "--sex", "F")
    assert result.exit_code == 0, result.output


def seq(folder: Path) -> int:
    (own,) = document("status", folder)["own"]
    return int(own["seq"])


def rot(folder: Path, statement: str = "UPDATE person SET phone = 'rot'") -> None:
    with (
        opened(folder, call="status") as (_config, store),
        store.database.transaction() as connection,
        triggers_off(connection),
    ):
        connection.execute(statement)


# --- backup ----------------------------------------------------------------------------------------------------------


def test_a_backup_says_what_it_holds_and_what_not(folder: Path, tmp_path: Path) -> None:
    result = dansync("backup", folder, "--to", tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert "tran-phu" in result.output and "2 commits" in result.output and "whole" in result.output
    assert "does not hold the node's key" in result.output and "invitation" in result.output
    assert "authority" not in result.output
    found = document("backup", folder, "--to", tmp_path / "c")
    assert (found["node_id"], [head["seq"] for head in found["heads"]]) == ("tran-phu", [2])


def test_the_authority_is_told_to_keep_its_folder_elsewhere(tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert dansync("init", root, "--node-id", "root", "--tier", "province").exit_code == 0
    assert dansync("ca", "init", root).exit_code == 0
    assert f"keep a copy of {root / 'authority'} elsewhere" in dansync("backup", root, "--to", tmp_path / "b").output


def test_status_shows_the_last_backup_and_the_last_scrub(folder: Path, tmp_path: Path) -> None:
    before = dansync("status", folder).output
    assert "never (make one with: dansync backup)" in before and "not yet" in before
    found = document("backup", folder, "--to", tmp_path / "b")
    assert dansync("scrub", folder).exit_code == 0
    shown = document("status", folder)
    assert shown["backed_up_at"] == found["taken_at"]
    assert shown["scrubbed_at"] >= shown["backed_up_at"] and shown["rotten"] == []
    assert "0 seconds ago" in dansync("status", folder).output or "second" in dansync("status", folder).output


def test_a_folder_of_backups_keeps_the_newest(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "disk"
    to.mkdir()
    old = to / f"tran-phu-20200101T000000Z{SUFFIX}"
    Path(document("backup", folder, "--to", to)["path"]).rename(old)
    found = document("backup", folder, "--to", to, "--keep", 1)
    assert found["removed"] == [str(old)]
    assert [str(path) for path in to.iterdir()] == [found["path"]]


def test_keep_needs_a_folder_and_a_file_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    assert dansync("backup", folder, "--to", tmp_path / "b", "--keep", 3).exit_code == 2
    assert not (tmp_path / "b").exists()
    (tmp_path / "b").write_text("mine", encoding="ascii")
    result = dansync("backup", folder, "--to", tmp_path / "b")
    assert result.exit_code == 2 and "already a file" in result.output
    assert (tmp_path / "b").read_text(encoding="ascii") == "mine"


def test_a_store_that_rotted_gives_no_backup(folder: Path, tmp_path: Path) -> None:
    rot(folder)
    result = dansync("backup", folder, "--to", tmp_path / "b")
    assert result.exit_code == 3 and "dansync scrub" in result.output
    assert not list(tmp_path.glob("b*"))


# --- restore ---------------------------------------------------------------------------------------------------------


def test_a_restored_node_has_its_register_back_and_says_what_is_missing(folder: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    assert dansync("backup", folder, "--to", backup).exit_code == 0
    record(folder, "Lê Văn Bình")
    record(folder, "Lê Văn Chi")
    (folder / "store.db").write_bytes((folder / "store.db").read_bytes()[:5_000])
    broken = dansync("status", folder)
    assert broken.exit_code == 3 and "dansync restore" in broken.output
    dry = dansync("restore", folder, "--from", backup, "--dry-run")
    assert dry.exit_code == 0 and "Nothing was changed" in dry.output
    assert "Commits 3 to 4 were made here and are not in it." in dry.output
    assert not list(folder.glob("aside-*"))
    result = dansync("restore", folder, "--from", backup)
    assert result.exit_code == 0, result.output
    assert "The store was restored as it was" in result.output
    (aside,) = folder.glob("aside-*")
    assert str(aside) in result.output.replace("\n", "")
    assert "dansync enroll" in result.output and "dansync run" in result.output
    assert seq(folder) == 2
    record(folder, "Lê Văn Bình")
    codes = {alarm["code"] for alarm in document("status", folder)["alarms"]}
    assert codes == {"commits_missing", "restored_from_backup"}


def test_a_restore_that_is_repeated_changes_nothing(folder: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    assert dansync("backup", folder, "--to", backup).exit_code == 0
    assert document("restore", folder, "--from", backup)["restored"]
    again = document("restore", folder, "--from", backup)
    assert again["already"] and not again["restored"]
    assert len(list(folder.glob("aside-*"))) == 1


def test_a_running_node_is_not_restored(folder: Path, tmp_path: Path) -> None:
    assert dansync("backup", folder, "--to", tmp_path / "b").exit_code == 0
    with FileLock(folder / "daemon.lock"):
        result = dansync("restore", folder, "--from", tmp_path / "b")
    assert result.exit_code == 3 and "already running" in result.output


def test_another_node_s_backup_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert dansync("init", other, *("--node-id", "other"), *COMMUNE[2:]).exit_code == 0
    assert dansync("backup", other, "--to", tmp_path / "b").exit_code == 0
    result = dansync("restore", folder, "--from", tmp_path / "b")
    assert result.exit_code == 8 and "backup of node other" in result.output
    assert seq(folder) == 2


def test_a_backup_that_was_damaged_is_refused_and_nothing_changed(folder: Path, tmp_path: Path) -> None:
    backup = tmp_path / "b"
    assert dansync("backup", folder, "--to", backup).exit_code == 0
    content = bytearray(backup.read_bytes())
    content[content.index("Trần Thị Ánh".encode())] ^= 1
    backup.write_bytes(bytes(content))
    result = dansync("restore", folder, "--from", backup)
    assert result.exit_code == 3 and "not sound" in result.output
    assert not list(folder.glob("aside-*")) and seq(folder) == 2


def test_who_may_restore_stands_in_the_backup(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANSYNC_USER", "boss")
    assert dansync("user", "add", folder, "boss", "--role", "authority").exit_code == 0
    assert dansync("user", "add", folder, "lan", "--role", "viewer").exit_code == 0
    assert dansync("backup", folder, "--to", tmp_path / "b").exit_code == 0
    (folder / "store.db").unlink()
    monkeypatch.setenv("DANSYNC_USER", "lan")
    assert dansync("restore", folder, "--from", tmp_path / "b").exit_code == 8
    monkeypatch.setenv("DANSYNC_USER", "boss")
    assert dansync("restore", folder, "--from", tmp_path / "b").exit_code == 0


def test_init_does_not_make_a_register_in_the_place_of_one_that_is_gone(folder: Path) -> None:
    (folder / "store.db").unlink()
    result = dansync("init", folder, *COMMUNE)
    assert result.exit_code == 3 and "there was one before" in result.output and "dansync restore" in result.output


# --- scrub -----------------------------------------------------------------------------------------------------------


def test_a_sound_store_is_said_to_be_sound(folder: Path) -> None:
    result = dansync("scrub", folder)
    assert result.exit_code == 0 and "Everything is sound." in result.output
    found = document("scrub", folder, "--thorough")
    assert found["sound"] and [item["verdict"] for item in found["origins"]] == ["sound"]


def test_rot_is_shown_and_put_right_on_request(folder: Path) -> None:
    rot(folder)
    result = dansync("scrub", folder)
    assert result.exit_code == 3
    assert "ROT: rows are not what the log says" in result.output
    assert "it is not as the log has it" in result.output and "--repair" in result.output
    status = dansync("status", folder)
    assert "Rot: 1 register is not what its log says" in status.output and "rot_found" in status.output
    (known,) = document("status", folder)["rotten"]
    assert (known["verdict"], known["rows"]) == ("rot", 1)
    mended = dansync("scrub", folder, "--repair")
    assert mended.exit_code == 0, mended.output
    assert "1 row was put back as the log has it." in mended.output and "Everything is sound." in mended.output
    assert document("status", folder)["rotten"] == []


def test_a_log_that_rotted_needs_a_backup(folder: Path) -> None:
    rot(folder, "UPDATE change_log SET author = 'x' WHERE seq = 1")
    result = dansync("scrub", folder, "--repair")
    assert result.exit_code == 3
    assert "ROT: the log is not what its hashes say" in result.output and "dansync restore" in result.output
    result = dansync("scrub", folder, "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["origins"][0]["verdict"] == "log_rot"


def test_all_of_it_speaks_vietnamese(folder: Path, tmp_path: Path) -> None:
    rot(folder)
    try:
        for arguments in (("scrub", folder), ("status", folder), ("backup", folder, "--to", tmp_path / "b")):
            text = dansync(*arguments, language="vi").output
            assert not {"Rot:", "register", "Backup", "whole", "restore the"} & set(text.split()), text
    finally:
        use("en")
