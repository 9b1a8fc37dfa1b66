"""The simulated disk is as nasty as it must be and not nastier: SQLite keeps its word on it where SQLite gives one.

Each failure names the seed or the number of the call that replays it.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import apsw
import pytest

from node.witness import WitnessFile
from tests.simulation.disk import (
    SECTOR_BYTES,
    DeviceError,
    Fault,
    IoErrorKind,
    MemoryDisk,
    PowerLoss,
    Snapshot,
    Survival,
    bury,
    seeded_sqlite,
)

STORE = "store.db"
WITNESS = "store.db.witness"

ALL_LOST = Survival(everything=0, prefix=0, subset=0, torn=0)
ALL_KEPT = Survival(nothing=0, prefix=0, subset=0, torn=0)
ALL_TORN = Survival(nothing=0, everything=0, prefix=0, subset=0, write_torn=1)


@pytest.fixture
def disk() -> Iterator[MemoryDisk]:
    with MemoryDisk("commune", random.Random(1)) as disk:
        yield disk


def open_store(disk: MemoryDisk, journal: str = "wal", synchronous: str = "FULL") -> apsw.Connection:
    """A connection with a small cache and short checkpoints, so that everything happens often."""
    connection = apsw.Connection(STORE, vfs=disk.vfs)
    try:
        if journal == "wal":
            connection.pragma("locking_mode", "exclusive")
        assert connection.pragma("journal_mode", journal) == journal
        connection.pragma("synchronous", synchronous)
        connection.pragma("wal_autocheckpoint", 12)
        connection.pragma("cache_size", 8)
        connection.execute("CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    except BaseException:
        bury(connection)
        raise
    return connection


def body(number: int) -> bytes:
    return number.to_bytes(4, "big") * (1 + number * 37 % 1500)


def commit_next(connection: apsw.Connection, number: int) -> None:
    """One commit: add an entry, drop the one from eight commits ago."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO entry VALUES (?, ?)", (number, body(number)))
    connection.execute("DELETE FROM entry WHERE number = ?", (number - 8,))
    connection.execute("COMMIT")


def commit_until_power_loss(connection: apsw.Connection, after: int) -> int:
    """Returns the number of the last acknowledged commit; the first one made is ``after`` + 1."""
    try:
        while True:
            commit_next(connection, after + 1)
            after += 1
    except PowerLoss:
        return after


def last_whole(connection: apsw.Connection) -> int:
    """The number of the last commit, 0 if none. Raises ``AssertionError`` unless all is as that commit left it."""
    assert connection.pragma("integrity_check") == "ok"
    rows = connection.execute("SELECT number, body FROM entry ORDER BY number").fetchall()
    last = rows[-1][0] if rows else 0
    assert isinstance(last, int)
    assert rows == [(number, body(number)) for number in range(max(1, last - 7), last + 1)]
    return last


@dataclass
class Toll:
    """What many power losses did to one setting."""

    losses: int = 0
    forgotten: int = 0
    corrupt: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    counters: Counter[Fault] = field(default_factory=Counter)


def outages(journal: str, synchronous: str, seeds: int, losses_per_disk: int = 4) -> Toll:
    """Work and lose power at a random operation, several times on each disk, whatever the code is doing."""
    toll = Toll()
    for seed in range(seeds):
        rng = random.Random(seed)
        with MemoryDisk("commune", rng) as disk:
            for _ in range(losses_per_disk):
                if not _outage(disk, rng, journal, synchronous, toll, seed):
                    break
            toll.counters += disk.counters
    return toll


def _outage(disk: MemoryDisk, rng: random.Random, journal: str, synchronous: str, toll: Toll, seed: int) -> bool:
    """One life of the machine, its end, and a look at what is left. False if this store cannot go on."""
    acknowledged = begun = -1
    disk.fuse = rng.randint(1, 160)
    connection = None
    try:
        with disk.running():
            connection = open_store(disk, journal, synchronous)
            acknowledged = begun = last_whole(connection)
            while True:
                begun += 1
                commit_next(connection, begun)
                acknowledged = begun
    except PowerLoss:
        if connection is not None:
            bury(connection)
    disk.power_on(rng)
    toll.losses += 1
    toll.struck[str(disk.struck)] += 1
    connection = None
    try:
        connection = open_store(disk, journal, synchronous)
        last = last_whole(connection)
    except (AssertionError, apsw.CorruptError, apsw.NotADBError, apsw.SQLError):
        toll.corrupt += 1
        return False
    finally:
        if connection is not None:
            connection.close()
    assert acknowledged < 0 or last <= begun, f"seed {seed}: a commit that nobody made"
    toll.forgotten += last < acknowledged
    return True


def test_full_loses_no_acknowledged_commit_wherever_the_power_goes() -> None:
    toll = outages("wal", "FULL", seeds=250)
    assert toll.losses == 1000
    assert (toll.forgotten, toll.corrupt) == (0, 0)
    for call in ("write", "sync"):
        assert toll.struck[f"{call} {STORE}-wal"] > 10, "inside a commit"
        assert toll.struck[f"{call} {STORE}"] > 10, "inside a checkpoint"
    for fault in (Fault.POWER_LOSS, Fault.LOST_WRITE, Fault.TORN_WRITE, Fault.REORDERED_WRITE, Fault.GARBAGE_SECTOR):
        assert toll.counters[fault] > 50, f"{fault} never happened, so this proves little"
    assert toll.counters[Fault.LOST_CREATION] and toll.counters[Fault.UNDONE_DELETION]


def test_normal_forgets_acknowledged_commits_but_corrupts_none() -> None:
    toll = outages("wal", "NORMAL", seeds=60)
    assert toll.forgotten > 30
    assert toll.corrupt == 0


def test_off_corrupts() -> None:
    assert outages("wal", "OFF", seeds=60).corrupt > 10


def test_a_rollback_journal_with_extra_loses_no_acknowledged_commit() -> None:
    toll = outages("delete", "EXTRA", seeds=75)
    assert (toll.losses, toll.forgotten, toll.corrupt) == (300, 0, 0)
    assert toll.struck[f"delete {STORE}-journal"]


def test_a_rollback_journal_with_full_forgets_when_its_deletion_is_undone() -> None:
    toll = outages("delete", "FULL", seeds=60)
    assert toll.forgotten > 0, "FULL does not sync the folder (https://sqlite.org/pragma.html#pragma_synchronous)"
    assert toll.corrupt == 0
    assert toll.counters[Fault.UNDONE_DELETION]


def test_a_killed_process_forgets_nothing_even_without_syncs() -> None:
    for operations in range(1, 120):
        with MemoryDisk("commune", random.Random(operations)) as disk:
            connection = open_store(disk, synchronous="OFF")
            disk.fuse = operations
            acknowledged = commit_until_power_loss(connection, 0)
            bury(connection)
            disk.restart()
            connection = open_store(disk)
            assert last_whole(connection) - acknowledged in {0, 1}, f"killed at operation {operations}"
            connection.close()
            assert disk.counters == {Fault.PROCESS_KILL: 1}


def test_what_a_killed_process_left_unsynced_is_still_lost_with_the_power(disk: MemoryDisk) -> None:
    disk.write("note", b"synced")
    disk.write("note", b"cached", sync=False)
    disk.restart()
    assert disk.read("note") == b"cached"
    disk.cut_power()
    disk.power_on(random.Random(1), ALL_LOST)
    assert disk.read("note") == b"synced"


# Power.


def test_after_the_fuse_everything_fails_until_power_is_on(disk: MemoryDisk) -> None:
    connection = open_store(disk)
    witness = disk.witness(WITNESS)
    disk.fuse = 1
    with pytest.raises(PowerLoss):
        commit_next(connection, 1)
    assert not disk.on
    with pytest.raises(PowerLoss):
        connection.execute("SELECT * FROM entry").fetchall()
    for attempt in (lambda: disk.read("x"), lambda: disk.write("x", b""), witness.read, lambda: disk.names):
        with pytest.raises(PowerLoss):
            attempt()
    with pytest.raises(PowerLoss):
        apsw.Connection("another.db", vfs=disk.vfs).pragma("user_version", 1)
    bury(connection)
    disk.power_on(random.Random(1))
    connection = open_store(disk)
    assert last_whole(connection) in {0, 1}
    connection.close()


def test_a_connection_of_before_the_power_loss_stays_dead(disk: MemoryDisk) -> None:
    ghost = open_store(disk)
    witness = disk.witness(WITNESS)
    disk.cut_power()
    disk.power_on(random.Random(1))
    before = disk.snapshot()
    with pytest.raises(PowerLoss):
        commit_next(ghost, 1)
    with pytest.raises(PowerLoss):
        witness.write(0, b"late")
    bury(ghost)
    assert disk.snapshot() == before


def test_its_locks_die_with_the_process(disk: MemoryDisk) -> None:
    ghost = open_store(disk)
    disk.restart()
    connection = open_store(disk)
    commit_next(connection, 1)
    bury(ghost)
    connection.close()


def test_a_power_loss_that_the_code_hides_is_still_a_power_loss(disk: MemoryDisk) -> None:
    def hide() -> None:
        with disk.running(), contextlib.suppress(PowerLoss):
            commit_next(connection, 1)

    def rename() -> None:
        with disk.running():
            try:
                commit_next(connection, 1)
            except PowerLoss:
                raise ValueError("all is well") from None

    for careless in (hide, rename):
        connection = open_store(disk)
        disk.fuse = 2
        with pytest.raises(PowerLoss, match=r"write store\.db-wal"):
            careless()
        bury(connection)
        disk.power_on(random.Random(1), ALL_LOST)


def test_the_fuse_counts_over_all_files(disk: MemoryDisk) -> None:
    disk.fuse = 8
    disk.write("a", b"1")  # truncate, write, sync
    disk.write("b", b"1")
    assert disk.fuse == 2
    disk.delete("a", sync_folder=True)
    with pytest.raises(PowerLoss):
        disk.delete("b", sync_folder=True)
    assert disk.struck == "delete b"


# What is left.


def test_sectors_of_one_write_are_torn(disk: MemoryDisk) -> None:
    kinds: set[tuple[bool, bool]] = set()
    for seed in range(40):
        disk.write("page", b"\x00" * 4096)
        disk.write("page", b"\x01" * 4096 + b"\x02" * 4096, sync=False)
        disk.cut_power()
        disk.power_on(random.Random(seed), ALL_TORN)
        content = disk.read("page")
        sectors = {content[start : start + SECTOR_BYTES] for start in range(0, 4096, SECTOR_BYTES)}
        assert sectors <= {b"\x00" * SECTOR_BYTES, b"\x01" * SECTOR_BYTES} or disk.counters[Fault.GARBAGE_SECTOR]
        kinds.add((len(sectors) > 1, len(content) == 8192))
    assert (True, True) in kinds
    assert disk.counters[Fault.TORN_WRITE] == 40
    assert disk.counters[Fault.GARBAGE_SECTOR]


def test_a_write_within_one_sector_is_never_torn(disk: MemoryDisk) -> None:
    for seed in range(40):
        disk.write("slot", b"\x00" * 1024)
        disk.witness("slot").read()
        unsynced = disk.file("slot", create=False)
        unsynced.write(600, b"\x01" * 128)
        disk.cut_power()
        disk.power_on(random.Random(seed), ALL_TORN)
        assert disk.read("slot")[600:728] in {b"\x00" * 128, b"\x01" * 128}
    assert not disk.counters[Fault.TORN_WRITE]


def test_a_new_name_needs_a_sync(disk: MemoryDisk) -> None:
    found = set()
    for seed in range(20):
        disk.write("new", b"text", sync=False)
        disk.cut_power()
        disk.power_on(random.Random(seed), ALL_KEPT)
        found.add(disk.exists("new"))
        if disk.exists("new"):
            disk.delete("new", sync_folder=True)
    assert found == {True, False}
    assert disk.counters[Fault.LOST_CREATION]


def test_a_deletion_without_a_synced_folder_may_be_undone(disk: MemoryDisk) -> None:
    found = set()
    for seed in range(20):
        disk.write("old", b"text")
        disk.delete("old", sync_folder=False)
        disk.cut_power()
        disk.power_on(random.Random(seed))
        found.add(disk.read("old") if disk.exists("old") else None)
    assert found == {b"text", None}
    disk.write("old", b"text")
    disk.delete("old", sync_folder=True)
    disk.cut_power()
    disk.power_on(random.Random(1))
    assert not disk.exists("old")


# I/O errors.


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "sticky"])
@pytest.mark.parametrize("kind", [IoErrorKind.ERROR, IoErrorKind.FULL, IoErrorKind.SYNC])
def test_an_io_error_at_any_call_leaves_the_store_consistent(kind: IoErrorKind, sticky: bool) -> None:
    failed = 0
    for call in range(1, 1000):
        with MemoryDisk("commune", random.Random(call)) as disk:
            open_store(disk).close()
            disk.io_error_kind, disk.io_error_sticky, disk.io_error_at = kind, sticky, call
            acknowledged = _work_until_error(disk, commits=20)
            struck = sum(disk.counters.values())
            disk.io_error_at = None
            connection = open_store(disk)
            last = last_whole(connection)
            connection.close()
            assert last in {acknowledged, acknowledged + 1}, f"call {call}: {acknowledged} acknowledged, {last} there"
            if not struck:
                break
            failed += 1
    else:
        pytest.fail("the sweep does not end")
    assert failed > 10


def test_a_short_read_is_rot_that_the_store_may_build_on() -> None:
    damaged = struck = 0
    for call in range(1, 40):
        with MemoryDisk("commune", random.Random(call)) as disk:
            open_store(disk).close()
            disk.io_error_kind, disk.io_error_at = IoErrorKind.SHORT, call
            _work_until_error(disk, commits=20)
            disk.io_error_at = None
            struck += disk.counters[Fault.IO_SHORT]
            connection = open_store(disk)
            try:
                last_whole(connection)
            except AssertionError:
                damaged += 1
            connection.close()
    assert 0 < damaged < struck


def _work_until_error(disk: MemoryDisk, commits: int) -> int:
    """Returns the number of acknowledged commits. The connection is closed as a careful program does it."""
    connection: apsw.Connection | None = None
    acknowledged = 0
    try:
        connection = open_store(disk)
        while acknowledged < commits:
            commit_next(connection, acknowledged + 1)
            acknowledged += 1
    except (apsw.IOError, apsw.FullError, apsw.CantOpenError, apsw.CorruptError):
        pass  # corrupt: half of a page was read
    finally:
        if connection is not None:
            bury(connection)
    return acknowledged


def test_errors_come_with_their_own_codes(disk: MemoryDisk) -> None:
    codes = []
    for kind in (IoErrorKind.ERROR, IoErrorKind.FULL, IoErrorKind.SYNC):
        connection = open_store(disk)
        disk.io_error_kind, disk.io_error_at = kind, 1
        with pytest.raises(apsw.Error) as caught:
            commit_next(connection, 1)
        codes.append(vars(caught.value)["extendedresult"])
        bury(connection)
    assert codes == [apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_FULL, apsw.SQLITE_IOERR_FSYNC]
    assert disk.counters == {Fault.IO_ERROR: 1, Fault.IO_FULL: 1, Fault.IO_SYNC: 1}


def test_after_a_failed_sync_the_next_one_does_not_bring_the_data(disk: MemoryDisk) -> None:
    lost = 0
    for _ in range(20):
        disk.write("note", b"old")
        disk.io_error_kind, disk.io_error_at = IoErrorKind.SYNC, 1
        with pytest.raises(DeviceError):
            disk.write("note", b"new")
        disk.witness("note").write(3, b"!")
        assert disk.read("note") == b"new!"
        disk.cut_power()
        disk.power_on(random.Random(1))
        lost += disk.read("note") != b"new!"
    assert 0 < lost < 20


# Rot, backups, clones.


def test_a_flipped_bit_in_the_log_silently_removes_later_commits(disk: MemoryDisk) -> None:
    connection = open_store(disk)
    connection.pragma("wal_autocheckpoint", 0)
    for number in range(1, 6):
        commit_next(connection, number)
    before = disk.snapshot()
    disk.restart()
    bury(connection)
    bit = disk.flip_bit(f"{STORE}-wal", random.Random(3))
    after = disk.snapshot()
    pairs = zip(before.files[f"{STORE}-wal"], after.files[f"{STORE}-wal"], strict=True)
    assert {index: old ^ new for index, (old, new) in enumerate(pairs) if old != new} == {bit // 8: 1 << bit % 8}
    connection = open_store(disk)
    assert last_whole(connection) < 5
    connection.close()
    assert disk.counters[Fault.BIT_FLIP] == 1


def test_an_old_backup_takes_the_place_of_everything(disk: MemoryDisk) -> None:
    connection = open_store(disk)
    commit_next(connection, 1)
    backup = disk.snapshot()
    commit_next(connection, 2)
    disk.write("later", b"")
    disk.restore(backup)
    bury(connection)
    assert disk.snapshot() == backup
    disk.cut_power()
    disk.power_on(random.Random(1), ALL_LOST)
    connection = open_store(disk)
    assert last_whole(connection) == 1
    connection.close()
    assert disk.counters[Fault.RESTORE] == 1


def test_a_backup_on_another_disk_is_a_clone(disk: MemoryDisk) -> None:
    connection = open_store(disk)
    commit_next(connection, 1)
    with MemoryDisk("commune", random.Random(2)) as other:
        other.restore(disk.snapshot())
        twin = open_store(other)
        commit_next(twin, 2)
        assert (last_whole(connection), last_whole(twin)) == (1, 2)
        twin.close()
    connection.close()


def test_a_disk_may_be_wiped(disk: MemoryDisk) -> None:
    disk.write("note", b"text")
    disk.restore(Snapshot({}))
    assert disk.names == []


# The witness file.


def test_the_witness_is_durable_when_the_write_returns(disk: MemoryDisk) -> None:
    witness: WitnessFile = disk.witness(WITNESS)
    assert witness.read() == b""
    witness.write(128, b"b" * 128)
    witness.write(0, b"a" * 128)
    disk.cut_power()
    disk.power_on(random.Random(1), ALL_LOST)
    assert disk.witness(WITNESS).read() == b"a" * 128 + b"b" * 128


def test_a_witness_write_that_the_power_loss_strikes_is_old_or_new(disk: MemoryDisk) -> None:
    found = set()
    for seed in range(40):
        rng = random.Random(seed)
        disk.witness(WITNESS).write(0, b"a" * 128 + b"b" * 128)
        witness = disk.witness(WITNESS)
        disk.fuse = rng.randint(1, 2)
        with pytest.raises(PowerLoss):
            witness.write(128, b"c" * 128)
        disk.power_on(rng)
        found.add(disk.read(WITNESS))
    assert found == {b"a" * 128 + b"b" * 128, b"a" * 128 + b"c" * 128}


def test_a_witness_on_a_full_disk_raises_an_os_error(disk: MemoryDisk) -> None:
    disk.io_error_kind, disk.io_error_at = IoErrorKind.FULL, 1
    with pytest.raises(OSError, match="simulated failure of write"):
        disk.witness(WITNESS).write(0, b"a" * 128)


def test_store_and_witness_share_the_fuse(disk: MemoryDisk) -> None:
    connection = open_store(disk)
    witness = disk.witness(WITNESS)
    disk.fuse = 100
    commit_next(connection, 1)
    left = disk.fuse
    witness.write(0, b"a" * 128)
    assert disk.fuse == left - 2
    connection.close()


# Repetition and housekeeping.


def _run(seed: int) -> tuple[list[Snapshot], str | None, Counter[Fault], int]:
    rng = random.Random(seed)
    left = []
    with seeded_sqlite(rng), MemoryDisk("commune", rng) as disk:
        for _ in range(3):
            connection = None
            disk.fuse = rng.randint(30, 90)
            try:
                connection = open_store(disk)
                number = last_whole(connection)
                while True:
                    number += 1
                    commit_next(connection, number)
            except PowerLoss:
                if connection is not None:
                    bury(connection)
            disk.power_on(rng)
            left.append(disk.snapshot())
        return left, disk.struck, disk.counters, disk.operations


def test_the_same_seed_leaves_the_same_bytes() -> None:
    assert _run(7) == _run(7)
    assert _run(7) != _run(8)


def test_sql_dates_come_from_the_clock_given() -> None:
    with MemoryDisk("commune", random.Random(1), now_ms=lambda: 951_782_400_500) as disk:
        connection = open_store(disk)
        assert connection.execute("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").fetchall() == [
            ("2000-02-29 00:00:00.500",)
        ]
        connection.close()


def test_disks_are_apart_and_leave_nothing_registered() -> None:
    before = apsw.vfs_names()
    with MemoryDisk("one", random.Random(1)) as one, MemoryDisk("two", random.Random(1)) as two:
        left, right = open_store(one), open_store(two)
        commit_next(left, 1)
        one.fuse = 1
        with pytest.raises(PowerLoss):
            commit_next(left, 2)
        commit_next(right, 1)
        assert last_whole(right) == 1
        bury(left)
        right.close()
    assert apsw.vfs_names() == before


def test_a_disk_with_an_open_connection_is_not_unregistered() -> None:
    disk = MemoryDisk("commune", random.Random(1))
    connection = open_store(disk)
    with pytest.raises(RuntimeError, match=r"store\.db"):
        disk.close()
    connection.close()
    disk.close()
    disk.close()


def test_a_second_writer_finds_the_store_busy(disk: MemoryDisk) -> None:
    first, second = open_store(disk, "delete"), open_store(disk, "delete")
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(apsw.BusyError):
        second.execute("BEGIN IMMEDIATE")
    assert last_whole(second) == 0
    first.execute("COMMIT")
    commit_next(second, 1)
    assert last_whole(first) == 1
    first.close()
    second.close()
