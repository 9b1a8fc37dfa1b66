"""Backups and restoring: what a copy must hold to be called one, and that no interruption leaves a folder in between."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from node import backup
from node.backup import SUFFIX, backed_up_at, prune, read_mark, take, verify
from node.chain import Head
from node.clock import ManualClock
from node.errors import (
    DansyncError,
    HoldingError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    UsageError,
)
from node.ids import NodeId
from node.replay import triggers_off
from node.restoring import Plan, plan, restore, steps
from node.store import Store
from tests.unit.node.stores import NOW_MS, add_persons, new_store, people, profile

SOURCE = random.Random(7)
CLOCK = ManualClock(NOW_MS + 60_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path / "node")
    add_persons(store, ["An", "Bình"])
    yield store
    store.close()


def taken(store: Store, to: Path) -> backup.Backup:
    return take(store, to, key=None, source=SOURCE)


def looked_at(path: Path) -> backup.Backup:
    return verify(path, None, clock=CLOCK, source=SOURCE)


def again(path: Path) -> Store:
    return Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(7))


def names(store: Store) -> set[str]:
    return {name for name, _ in people(store, store.own_origin()).values()}


# --- taking ----------------------------------------------------------------------------------------------------------


def test_a_backup_holds_what_the_store_holds_and_says_what_it_is(store: Store, tmp_path: Path) -> None:
    found = taken(store, tmp_path / "b")
    assert found.path == tmp_path / "b"
    assert (found.node_id, found.taken_at, found.encrypted) == ("c", NOW_MS, False)
    assert found.heads == tuple(state.head for state in store.states()) == found.own_heads
    assert found.size_bytes == (tmp_path / "b").stat().st_size
    assert looked_at(tmp_path / "b") == found
    assert read_mark(tmp_path / "b", None, clock=CLOCK, source=SOURCE) == ("c", NOW_MS)


def test_a_backup_is_one_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    found = taken(store, tmp_path / "to")
    assert found.path.name == f"c-20250615T150640Z{SUFFIX}"
    looked_at(found.path)
    assert [path.name for path in (tmp_path / "to").iterdir()] == [found.path.name]


def test_what_others_write_meanwhile_is_whole_or_not_in_it(store: Store, tmp_path: Path) -> None:
    other = again(tmp_path / "node" / "c.db")
    heads = [store.head(store.own_origin())]
    for number in range(5):
        add_persons(other, [str(number)])
        heads.append(other.head(other.own_origin()))
        assert taken(store, tmp_path / str(number)).heads == (heads[-1],)
    other.close()


def test_a_file_that_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="ascii")
    with pytest.raises(UsageError, match="already a file") as caught:
        taken(store, tmp_path / "letter.txt")
    assert "folder" in caught.value.hint
    assert (tmp_path / "letter.txt").read_text(encoding="ascii") == "dear"


def test_what_an_interrupted_try_left_is_in_nobody_s_way(store: Store, tmp_path: Path) -> None:
    for end in ("", "-journal"):
        (tmp_path / f"b.part{end}").write_bytes(b"half")
    taken(store, tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "node"]


def test_a_place_that_cannot_be_written_is_told_and_nothing_left(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        taken(store, tmp_path / "none" / "b")
    (tmp_path / "b.part").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        taken(store, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_no_room_for_a_backup_is_told_of_the_place_where_it_goes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backup, "sync_file", full)
    with pytest.raises(StoreFull, match=f"no room on the disk for {tmp_path / 'b'}"):
        taken(store, tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE person SET full_name = 'x' WHERE full_name = 'An'",
        "UPDATE change_log SET author = 'x' WHERE seq = 1",
        "DELETE FROM change_log WHERE seq = 2",
    ],
)
def test_a_store_that_has_rotted_gives_no_backup(statement: str, store: Store, tmp_path: Path) -> None:
    with store.database.transaction() as connection, triggers_off(connection):
        connection.execute(statement)
    with pytest.raises(StoreDamaged, match="not sound") as caught:
        taken(store, tmp_path / "b")
    assert "dansync scrub" in caught.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["node"]


def test_a_store_knows_when_it_was_backed_up_last(store: Store, tmp_path: Path) -> None:
    assert backed_up_at(store) is None
    found = taken(store, tmp_path / "b")
    store.keep_fact(backup.FACT_BACKED_UP, str(found.taken_at).encode())
    assert backed_up_at(store) == NOW_MS


# --- verifying -------------------------------------------------------------------------------------------------------


def test_every_bit_that_flips_in_a_row_or_a_log_spoils_a_backup(store: Store, tmp_path: Path) -> None:
    add_persons(store, ["Zymurgy"] * 3)
    path = taken(store, tmp_path / "b").path
    whole = path.read_bytes()
    places = [at for at in range(len(whole)) if whole.startswith(b"Zymurgy", at)]
    assert len(places) == 6
    for at in places:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1
        path.write_bytes(bytes(spoilt))
        with pytest.raises(StoreDamaged, match="not sound"):
            looked_at(path)
    path.write_bytes(whole)
    looked_at(path)


@pytest.mark.parametrize("size", [0, 10, 4_096, 20_000, -1])
def test_a_backup_that_was_cut_is_refused(size: int, store: Store, tmp_path: Path) -> None:
    path = taken(store, tmp_path / "b").path
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    with pytest.raises(StoreError):
        looked_at(path)


def test_only_a_backup_is_taken_for_one(store: Store, tmp_path: Path) -> None:
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    shutil.copyfile(tmp_path / "node" / "c.db", tmp_path / "copy")
    with pytest.raises(UsageError, match="no backup that dansync backup has made"):
        looked_at(tmp_path / "copy")
    with pytest.raises(UsageError, match="no backup at"):
        looked_at(tmp_path / "nothing")
    (tmp_path / "text").write_text("text " * 2_000, encoding="ascii")
    with pytest.raises(StoreDamaged):
        looked_at(tmp_path / "text")


def test_a_backup_that_was_written_to_is_none_any_more(store: Store, tmp_path: Path) -> None:
    path = taken(store, tmp_path / "b").path
    copy = again(path)
    add_persons(copy, ["Mallory"])
    copy.close()
    with pytest.raises(StoreDamaged, match="its heads are not those at which it was made"):
        looked_at(path)


@pytest.mark.parametrize("mark", ["", "no JSON", "{}", "[]", '{"node_id": "c", "taken_at": "x", "heads": []}'])
def test_a_backup_whose_word_about_itself_cannot_be_read_is_refused(mark: str, store: Store, tmp_path: Path) -> None:
    path = taken(store, tmp_path / "b").path
    copy = Store.open(path, clock=CLOCK, source=SOURCE, mode="copy")
    copy.keep_fact(backup.FACT_BACKUP, mark.encode())
    copy.close()
    with pytest.raises(StoreDamaged, match="what it says of itself cannot be read"):
        looked_at(path)


def test_looking_at_a_backup_leaves_it_as_it_is(store: Store, tmp_path: Path) -> None:
    path = taken(store, tmp_path / "b").path
    before = path.read_bytes()
    looked_at(path)
    assert path.read_bytes() == before


# --- keeping a few ---------------------------------------------------------------------------------------------------


def test_the_newest_backups_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    clock = ManualClock(NOW_MS)
    store = Store.create(tmp_path / "c.db", profile(), clock=clock, source=random.Random(1))
    other = Store.create(tmp_path / "d.db", profile("d"), clock=clock, source=random.Random(2))
    to = tmp_path / "to"
    to.mkdir()
    strange = to / f"c-20200101T000000Z{SUFFIX}"
    strange.write_text("no backup", encoding="ascii")
    foreign = taken(other, to).path
    disguised = foreign.rename(to / f"c-20200102T000000Z{SUFFIX}")  # the name of c, and the content of d
    made = []
    for _ in range(4):
        clock.advance_ms(1_000)
        found = taken(store, to)
        made.append(found.path)
        removed = prune(found, 2, key=None, clock=clock, source=SOURCE)
        assert len(removed) == (len(made) > 2)
    assert set(to.iterdir()) == {strange, disguised, *made[-2:]}
    store.close()
    other.close()


def test_a_clock_that_went_back_does_not_cost_the_newest_backup(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    (tmp_path / "to").mkdir()
    older = taken(store, tmp_path / "to")
    store.clock = ManualClock(0)
    newest = taken(store, tmp_path / "to")
    assert prune(newest, 1, key=None, clock=CLOCK, source=SOURCE) == [older.path]
    assert newest.path.exists()
    store.close()


# --- restoring -------------------------------------------------------------------------------------------------------


def planned(folder: Path, file: Path, node_id: str = "c") -> Plan:
    return plan(folder / "c.db", file, NodeId(node_id), key=None, clock=CLOCK, source=SOURCE)


def restored(folder: Path, file: Path) -> Path | None:
    return restore(folder / "c.db", planned(folder, file), key=None, clock=CLOCK, source=SOURCE)


@pytest.fixture
def old(store: Store, tmp_path: Path) -> Path:
    """A backup; after it, two more commits were made, and the store was closed."""
    path = taken(store, tmp_path / "b").path
    add_persons(store, ["Chi"])
    add_persons(store, ["Dung"])
    store.close()
    return path


def test_a_restored_store_is_the_backup_and_says_what_is_missing(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    found = planned(folder, old)
    assert [(loss.found.seq, loss.witnessed.seq) for loss in found.missing] == [(2, 4)]
    before = again(folder / "c.db")
    incarnation = before.incarnation
    before.close()
    aside = restored(folder, old)
    assert aside == folder / "aside-20250615T150740Z"
    store = again(folder / "c.db")
    assert names(store) == {"An", "Bình"}
    assert [alarm.code for alarm in store.alarms()] == ["commits_missing", "restored_from_backup"]
    assert store.incarnation != incarnation
    add_persons(store, ["and it goes on"])
    store.close()
    kept = again(aside / "c.db")
    assert names(kept) == {"An", "Bình", "Chi", "Dung"}, "what was there is kept, and can be opened"
    kept.close()


def test_a_restored_store_is_no_backup_any_more(old: Path, tmp_path: Path) -> None:
    restored(tmp_path / "node", old)
    with pytest.raises(UsageError, match="no backup"):
        looked_at(tmp_path / "node" / "c.db")


def test_a_restore_that_is_repeated_has_nothing_to_do_until_something_is_written(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    assert not planned(folder, old).done
    restored(folder, old)
    assert planned(folder, old).done
    store = again(folder / "c.db")
    add_persons(store, ["Chi"])
    store.close()
    assert not planned(folder, old).done


@pytest.mark.parametrize("spoil", ["gone", "empty", "cut", "noise"])
def test_whatever_became_of_the_store_it_is_kept_and_replaced(spoil: str, old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    path = folder / "c.db"
    content = {"empty": b"", "cut": path.read_bytes()[:9_000], "noise": b"noise" * 2_000}.get(spoil)
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        again(path)
    assert "dansync restore" in caught.value.hint
    aside = restored(folder, old)
    assert (aside is None) == (spoil == "gone")
    assert aside is None or (aside / "c.db").read_bytes() == content
    store = again(path)
    assert names(store) == {"An", "Bình"}
    store.close()


def test_another_node_s_backup_is_refused(old: Path, tmp_path: Path) -> None:
    with pytest.raises(HoldingError, match="backup of node c, and this is the folder of node d"):
        planned(tmp_path / "node", old, "d")


def test_a_store_that_somebody_uses_is_not_replaced(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    user = again(folder / "c.db")
    with pytest.raises(StoreBusy, match="in use by another process"):
        restored(folder, old)
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == []
    add_persons(user, ["still here"])
    user.close()
    restored(folder, old)


def test_no_room_for_the_restored_store_leaves_the_old_one(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_from: Path, _to: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "node"
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StoreFull, match="no room"):
        restored(folder, old)
    store = again(folder / "c.db")
    assert names(store) == {"An", "Bình", "Chi", "Dung"}
    store.close()


def leave_a_log_behind(folder: Path) -> None:
    """A process that was killed leaves its write-ahead log and the file of its shared memory."""
    store = again(folder / "c.db")
    add_persons(store, ["Em"])
    for end in ("", "-wal", "-shm"):
        shutil.copyfile(folder / f"c.db{end}", folder / f"kept{end}")
    store.close()
    for end in ("", "-wal", "-shm"):
        (folder / f"kept{end}").rename(folder / f"c.db{end}")


def test_a_restore_that_is_cut_anywhere_leaves_a_store_or_says_what_to_do(old: Path, tmp_path: Path) -> None:
    everybody = {"An", "Bình", "Chi", "Dung", "Em"}
    count = 0
    while True:
        folder = tmp_path / f"node{count}"
        shutil.copytree(tmp_path / "node", folder)
        leave_a_log_behind(folder)
        work = steps(folder / "c.db", planned(folder, old), key=None, clock=CLOCK, source=SOURCE)
        done = len([None for _ in zip(range(count), work, strict=False)])
        work.close()  # the power goes
        if done < count:
            break
        assert said(folder) in (everybody, {"An", "Bình"}, "dansync restore")
        restored(folder, old)
        store = again(folder / "c.db")
        assert names(store) == {"An", "Bình"}
        store.close()
        assert not (folder / "c.db.restoring").exists() and not (folder / "c.db.restoring.part").exists()
        kept = [aside for aside in folder.glob("aside-*") if (aside / "c.db").exists()]
        assert any(opened_names(aside) == everybody for aside in kept), "nothing of what was there is lost"
        count += 1
    assert count == 7


def said(folder: Path) -> set[str] | str:
    """What the store holds, or the command that the error names."""
    try:
        return opened_names(folder)
    except DansyncError as error:
        return "dansync restore" if error.exit_code == 3 and "dansync restore" in error.hint else str(error)


def opened_names(aside: Path) -> set[str]:
    store = again(aside / "c.db")
    try:
        return names(store)
    finally:
        store.close()


def test_what_a_second_try_finds_unmoved_goes_where_the_first_has_moved_the_rest(old: Path, tmp_path: Path) -> None:
    """A store without its log would be an older one."""
    folder = tmp_path / "node"
    leave_a_log_behind(folder)
    work = steps(folder / "c.db", planned(folder, old), key=None, clock=CLOCK, source=SOURCE)
    for _ in range(3):
        next(work)
    work.close()
    assert not (folder / "c.db").exists() and (folder / "c.db-wal").exists()
    for mode in ("write", "create"):
        with pytest.raises(StoreError, match=r"A restore of the store .* was interrupted"):
            again(folder / "c.db") if mode == "write" else new_store(folder)
    aside = restore(folder / "c.db", planned(folder, old), key=None, clock=ManualClock(NOW_MS + 120_000), source=SOURCE)
    assert aside == folder / "aside-20250615T150740Z"
    assert sorted(path.name for path in aside.iterdir()) == ["c.db", "c.db-shm", "c.db-wal"]
    assert "Em" in opened_names(aside)


def test_a_store_that_is_gone_is_not_made_anew(store: Store, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "node" / "c.db"
    for spoil in (path.unlink, lambda: path.write_bytes(b"")):
        spoil()
        with pytest.raises(StoreDamaged, match="there was one before") as caught:
            new_store(tmp_path / "node")
        assert "dansync restore" in caught.value.hint


def test_the_witness_of_a_machine_that_never_knew_the_register_misses_nothing(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new machine"
    folder.mkdir()
    Store.create(folder / "c.db", profile(), clock=CLOCK, source=random.Random(99)).close()
    found = planned(folder, old)
    assert found.missing == ()
    restored(folder, old)
    store = again(folder / "c.db")
    assert [alarm.code for alarm in store.alarms()] == ["restored_from_backup"]
    assert isinstance(store.head(store.own_origin()), Head)
    store.close()


def test_vacuum_into_needs_no_writing_connection(store: Store, tmp_path: Path) -> None:
    reader = Store.open(tmp_path / "node" / "c.db", clock=store.clock, source=SOURCE, mode="read")
    with pytest.raises(apsw.ReadOnlyError):
        reader.connection.execute("DELETE FROM alarm")
    taken(reader, tmp_path / "b")
    reader.close()
