"""The store's layer: opening, schema steps, guard, capture, chain, witness, tickets, digest, and what the world does to them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import branch, database, limits, tickets
from node.chain import KIND_REGISTER, Commit, Head, check_chain, commit_hash
from node.clock import ManualClock
from node.database import ForeignRow, open_database, require_sqlite, run_steps
from node.digest import digest_rows, encode_row
from node.errors import CommitRefused, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreTooNew, UsageError
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, RowId, Seq
from node.schema import CAPTURED_NAMES, SCHEMA_VERSION, STEPS, SchemaStep
from node.store import PURPOSE_REFERENCE, Store
from node.witness import DiskWitnessFile, Witness
from tests.unit.node.stores import (
    INSERT_EVENT,
    INSERT_PERSON,
    NOW_MS,
    add_persons,
    all_commits,
    change_phone,
    new_store,
    people,
    profile,
)

OTHER = OriginId(bytes(range(16)))
ROW = RowId(bytes(range(16)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path)
    yield store
    store.close()


def again(path: Path, **more: object) -> Store:
    return Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(7), **more)  # type: ignore[arg-type]


def elsewhere(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Another process with another SQLite library."""
    return subprocess.run(
        [sys.executable, "-c", f"import sqlite3, sys\n{script}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


# --- opening ---------------------------------------------------------------------------------------------------------


def test_every_setting_is_as_it_should_be(store: Store) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 0, "recursive_triggers": 1}
    assert {name: store.connection.pragma(name) for name in expected} == expected


def test_a_setting_that_sqlite_ignores_is_refused() -> None:
    connection = apsw.Connection(":memory:")
    with pytest.raises(StoreError, match="did not accept the setting journal_mode") as caught:
        database._configure(connection, "write", exclusive=False, cache_kib=100)
    assert "local disk" in caught.value.hint
    connection.close()


def test_an_old_sqlite_is_refused_and_the_one_in_use_is_not() -> None:
    require_sqlite(database.sqlite_version())
    with pytest.raises(StoreError, match=r"3\.51\.2") as caught:
        require_sqlite((3, 51, 2))
    assert "upgrade apsw" in caught.value.hint


def test_a_store_of_a_newer_release_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    new_store(tmp_path).close()
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", SCHEMA_VERSION + 1)
    connection.close()
    before = path.read_bytes()
    for mode in ("write", "read"):
        with pytest.raises(StoreTooNew, match=f"schema version {SCHEMA_VERSION + 1}"):
            again(path, mode=mode)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look like one" * 40, b"\0" * 8_192])
def test_a_file_that_is_no_store_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        again(path)
    assert path.read_bytes() == content


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE accounts (name)")
    connection.close()
    with pytest.raises(StoreDamaged, match="not a dansync store"):
        again(path)
    with pytest.raises(StoreDamaged, match="not a dansync store"):
        Store.create(path, profile(), clock=ManualClock(0), source=random.Random(0))


def test_no_store_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store") as caught:
        again(tmp_path / "c.db")
    assert "dansync init" in caught.value.hint


def test_a_store_that_was_never_completed_is_completed_by_making_it_again(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    open_database(path, "create").close()  # the power went before the first commit
    with pytest.raises(StoreDamaged, match="never completed"):
        again(path)
    made = Store.create(path, profile(), clock=ManualClock(NOW_MS), source=random.Random(1))
    assert made.head(made.own_origin()).seq == 1
    made.close()


def test_making_a_store_again_opens_it_for_the_same_profile_only(tmp_path: Path) -> None:
    first = new_store(tmp_path)
    origin = first.own_origin()
    first.close()
    second = new_store(tmp_path)
    assert second.own_origin() == origin
    second.close()
    with pytest.raises(UsageError, match="already belongs to node c"):
        Store.create(tmp_path / "c.db", profile("d"), clock=ManualClock(0), source=random.Random(0))


# --- schema steps ----------------------------------------------------------------------------------------------------

STEP = SchemaStep(SCHEMA_VERSION + 1, ("ALTER TABLE person ADD COLUMN blood_group TEXT NOT NULL DEFAULT ''",))


def test_a_schema_step_runs_once_and_changes_no_digest(store: Store) -> None:
    add_persons(store, ["An", "Bình"])
    before = store.digest(store.own_origin())
    assert run_steps(store.database, (*STEPS, STEP)) == STEP.to_version
    assert run_steps(store.database, (*STEPS, STEP)) == STEP.to_version
    assert store.digest(store.own_origin()) == before
    with pytest.raises(StoreTooNew):
        run_steps(store.database, STEPS)


def test_a_crash_inside_a_schema_step_leaves_the_version_before_it(store: Store) -> None:
    broken = replace(STEP, statements=(*STEP.statements, "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(apsw.SQLError):
        run_steps(store.database, (*STEPS, broken))
    assert store.connection.pragma("user_version") == SCHEMA_VERSION
    assert run_steps(store.database, (*STEPS, STEP)) == STEP.to_version


# --- the guard -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", CAPTURED_NAMES)
def test_no_captured_row_changes_outside_a_capture(table: str, store: Store) -> None:
    origin = store.own_origin()
    with pytest.raises(ForeignRow):
        store.connection.execute(f"INSERT INTO {table} (origin, id) VALUES (?,?)", (origin, ROW))
    assert store.connection.execute(f"SELECT count(*) FROM {table} WHERE id = ?", (ROW,)).fetchall() == [(0,)]


def test_a_capture_writes_no_other_origin_deletes_nothing_and_changes_no_event(store: Store) -> None:
    origin = store.own_origin()
    (row,) = add_persons(store, ["An"])
    for statement, values, error in (
        (INSERT_PERSON, (OTHER, ROW, "x", ""), ForeignRow),
        ("DELETE FROM person WHERE id = ?", (row,), apsw.ConstraintError),
        ("UPDATE person SET origin = ? WHERE id = ?", (OTHER, row), ForeignRow),
    ):
        with (
            pytest.raises(error),
            store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture,
        ):
            capture.connection.execute(statement, values)
    with store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture:
        capture.connection.execute(INSERT_EVENT, (origin, ROW, "birth", "2026"))
    with (
        pytest.raises(apsw.ConstraintError, match="never changed"),
        store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture,
    ):
        capture.connection.execute("UPDATE event SET kind = 'death'")
    assert people(store, origin) == {row: ("An", "")}
    assert store.head(origin).seq == 3


def test_a_stray_tool_may_read_and_fails_closed_when_it_writes(store: Store, tmp_path: Path) -> None:
    add_persons(store, ["Nguyễn Thị An"])
    path = tmp_path / "c.db"
    read = elsewhere(
        "print(sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True).execute('SELECT full_name FROM person').fetchall())",
        path,
    )
    assert "Nguyễn Thị An" in read.stdout
    for statement in (
        "UPDATE person SET full_name = 'x'",
        "DELETE FROM person",
        "INSERT INTO person (origin, id) VALUES (x'00', x'01')",
    ):
        wrote = elsewhere("c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()", path, statement)
        assert wrote.returncode == 1
        assert "no such function: dansync_guard" in wrote.stderr or "never deleted" in wrote.stderr
    assert list(people(store, store.own_origin()).values()) == [("Nguyễn Thị An", "")]


# --- capture ---------------------------------------------------------------------------------------------------------


def test_one_transaction_is_one_commit_and_seq_has_no_gaps(store: Store) -> None:
    origin = store.own_origin()
    add_persons(store, ["a", "b", "c"])
    with store.capture(author="x", kind=KIND_REGISTER, recorded_at=0):
        pass  # nothing changes
    with pytest.raises(ZeroDivisionError), store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture:
        capture.connection.execute(INSERT_PERSON, (origin, ROW, "x", str(1 / (len(ROW) - 16))))
    add_persons(store, ["d"])
    assert [commit.seq for commit in all_commits(store, origin)] == [1, 2, 3]
    assert sorted(name for name, _ in people(store, origin).values()) == ["a", "b", "c", "d"]
    assert check_chain(Head(origin, Seq(0), GENESIS_HASH), all_commits(store, origin)) == store.head(origin)


def test_a_change_that_is_taken_back_inside_is_no_commit(store: Store) -> None:
    (row,) = add_persons(store, ["a"])
    head = store.head(store.own_origin())
    with store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture:
        for phone in ("1", ""):
            capture.connection.execute("UPDATE person SET phone = ? WHERE id = ?", (phone, row))
    assert capture.commit is None
    assert store.head(store.own_origin()) == head


def test_a_commit_that_is_too_large_is_refused_and_nothing_of_it_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMIT_BYTES_MAX", 1_000)
    with pytest.raises(CommitRefused, match="the limit is 1000") as caught:
        add_persons(store, ["x" * 100] * 50)
    assert caught.value.code == "oversized"
    assert people(store, store.own_origin()) == {}
    assert store.head(store.own_origin()).seq == 1


def test_captures_do_not_nest(store: Store) -> None:
    with (
        pytest.raises((AssertionError, apsw.SQLError)),
        store.capture(author="x", kind=KIND_REGISTER, recorded_at=0),
        store.capture(author="x", kind=KIND_REGISTER, recorded_at=0),
    ):
        pass


def test_a_second_origin_has_a_chain_of_its_own(store: Store) -> None:
    register = store.own_origin()
    reference = store.begin_origin(replace(profile(), purpose=PURPOSE_REFERENCE))
    store.trust(reference, b"key")
    assert store.own_origin() == register, "reference data are no register"
    add_persons(store, ["a"])
    assert (store.head(register).seq, store.head(reference).seq) == (2, 1)


# --- the chain -------------------------------------------------------------------------------------------------------


def test_the_hash_of_a_commit_is_fixed_for_ever() -> None:
    value = commit_hash(GENESIS_HASH, OTHER, Seq(1), 1, 1_750_000_000_000, "lan", "register", "", b"changeset")
    assert value.hex() == "ae7d3440b3ad801816e0d192ed3daca672eb2f62319800a4553db089fa9e37a5"


WORDS = st.text(max_size=6)


@given(st.tuples(WORDS, WORDS, WORDS, st.binary(max_size=8)), st.tuples(WORDS, WORDS, WORDS, st.binary(max_size=8)))
def test_two_commits_have_one_hash_only_if_they_are_equal(
    one: tuple[str, str, str, bytes], other: tuple[str, str, str, bytes]
) -> None:
    def hashed(parts: tuple[str, str, str, bytes]) -> Hash:
        return commit_hash(GENESIS_HASH, OTHER, Seq(1), 1, 0, *parts)

    assert (hashed(one) == hashed(other)) == (one == other)


def chain_of(store: Store) -> tuple[Head, list[Commit]]:
    add_persons(store, ["a"])
    add_persons(store, ["b"])
    origin = store.own_origin()
    return Head(origin, Seq(0), GENESIS_HASH), all_commits(store, origin)


def test_what_is_wrong_with_a_chain_has_a_code(store: Store) -> None:
    start, (one, two, three) = chain_of(store)
    for commits, code in (
        ([two], "gap"),
        ([one, three], "gap"),
        ([one, one], "gap"),
        ([one, replace(two, author="mallory")], "wrong_chain"),
        ([one, replace(two, hash=Hash(bytes(32)))], "wrong_chain"),
        ([replace(one, origin=OTHER)], "foreign"),
    ):
        with pytest.raises(CommitRefused) as caught:
            check_chain(start, commits)
        assert caught.value.code == code
    assert check_chain(start, []) == start


def test_an_alarm_that_every_session_would_raise_anew_is_written_once(store: Store) -> None:
    origin = store.own_origin()
    for _ in range(3):
        store.raise_alarm("origin_unknown_here", origin, "the parent has more", again=False)
    store.raise_alarm("origin_unknown_here", None, "the parent has more", again=False)
    store.raise_alarm("origin_unknown_here", origin, "something else", again=False)
    assert len(store.alarms()) == 3
    store.raise_alarm("stale_ticket", None, "restored")
    store.raise_alarm("stale_ticket", None, "restored")
    assert len(store.alarms()) == 5, "what happened twice is said twice"
    with store.database.transaction() as connection:
        connection.execute("UPDATE alarm SET cleared_at = 1 WHERE code = 'origin_unknown_here'")
    store.raise_alarm("origin_unknown_here", origin, "the parent has more", again=False)
    assert len(store.alarms()) == 3, "somebody saw to it, and there it is again"


# --- the witness -----------------------------------------------------------------------------------------------------


def test_the_witness_follows_the_commit(store: Store, tmp_path: Path) -> None:
    add_persons(store, ["a"])
    assert Witness(DiskWitnessFile(f"{tmp_path / 'c.db'}.witness")).heads() == {
        store.own_origin(): store.head(store.own_origin())
    }


def test_commits_that_are_gone_are_alarmed_and_the_node_goes_on(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add_persons(store, ["a"])
    store.close()
    old = (tmp_path / "c.db").read_bytes()
    store = again(tmp_path / "c.db")
    add_persons(store, ["b"])
    incarnation = store.incarnation
    store.close()
    (tmp_path / "c.db").write_bytes(old)  # yesterday's copy; the witness is today's
    store = again(tmp_path / "c.db")
    assert [(loss.found.seq, loss.witnessed.seq) for loss in store.missing] == [(2, 3)]
    assert [alarm.code for alarm in store.alarms()] == ["commits_missing"]
    assert store.incarnation != incarnation
    add_persons(store, ["c"])
    store.close()
    store = again(tmp_path / "c.db")
    assert not store.missing, "said once"
    store.close()


def test_a_witness_of_a_commit_that_was_put_aside_is_no_loss_and_is_set_right(tmp_path: Path) -> None:
    """A node is killed after it has changed over to its parent's history and before it has told the witness."""
    store = new_store(tmp_path)
    origin = store.own_origin()
    for name in ("a", "b"):
        add_persons(store, [name])
    _, kept, aside = all_commits(store, origin)
    incarnation = store.incarnation
    with store.database.transaction() as connection:
        branch.keep_aside(connection, [aside], 1)
        connection.execute("DELETE FROM change_log WHERE origin = ? AND seq = 3", (origin,))
        connection.execute("UPDATE origin_head SET seq = 2, hash = ? WHERE origin = ?", (kept.hash, origin))
    store.close()
    store = again(tmp_path / "c.db")
    assert not store.missing and not store.alarms()
    assert store.incarnation == incarnation
    assert Witness(DiskWitnessFile(f"{tmp_path / 'c.db'}.witness")).heads() == {origin: kept.head}
    store.close()


def test_a_torn_witness_remembers_the_commit_before(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.db.witness"
    add_persons(store, ["a"])
    add_persons(store, ["b"])
    content = bytearray(path.read_bytes())
    newest = 128 * (store.head(store.own_origin()).seq % 2)
    content[newest + 40] ^= 1
    path.write_bytes(bytes(content))
    (head,) = Witness(DiskWitnessFile(str(path))).heads().values()
    assert head.seq == 2


def test_a_witness_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    path = tmp_path / "c.db.witness"
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="witness file"):
        again(tmp_path / "c.db")


# --- tickets ---------------------------------------------------------------------------------------------------------


def test_a_ticket_is_current_previous_or_stale(store: Store) -> None:
    with store.database.transaction() as connection:

        def verdict(value: bytes) -> str:
            return tickets.verdict(connection, "c", value)

        assert verdict(b"") == verdict(b"x") == "none_yet"
        tickets.keep(connection, "c", b"1", beside=b"")
        assert (verdict(b"1"), verdict(b""), verdict(b"x")) == ("current", "previous", "stale")
        tickets.keep(connection, "c", b"2", beside=b"")  # the first one was lost on its way
        assert (verdict(b"2"), verdict(b""), verdict(b"1")) == ("current", "previous", "stale")
        tickets.confirm(connection, "c", b"2")
        assert (verdict(b"2"), verdict(b"")) == ("current", "stale")
        tickets.keep(connection, "c", b"3", beside=b"2")
        tickets.keep(connection, "c", b"4", beside=b"2")
        assert (verdict(b"4"), verdict(b"2"), verdict(b"3")) == ("current", "previous", "stale")
        assert tickets.verdict(connection, "other", b"4") == "none_yet"


# --- the digest ------------------------------------------------------------------------------------------------------

VALUES = st.one_of(st.text(max_size=5), st.binary(max_size=5), st.integers(-5, 5), st.none())
ROWS = st.lists(st.tuples(st.binary(min_size=4, max_size=4), VALUES, VALUES), max_size=8, unique_by=lambda row: row[0])


@given(ROWS, ROWS)
def test_digests_are_equal_exactly_if_the_rows_are(
    one: list[tuple[bytes, object, object]], other: list[tuple[bytes, object, object]]
) -> None:
    def value(rows: list[tuple[bytes, object, object]]) -> Hash:
        content = sorted(((b"o", *row) for row in rows), key=lambda row: row[1])
        names = (b"origin", b"id", b"a", b"b")
        return digest_rows([("t", names, (b"", b"", "", ""), content)], counted=("t",)).value  # type: ignore[list-item]

    def told(rows: list[tuple[bytes, object, object]]) -> set[tuple[object, ...]]:
        return {(row[0], type(row[1]), row[1], type(row[2]), row[2]) for row in rows}

    assert (value(one) == value(other)) == (told(one) == told(other))


@given(st.lists(VALUES, min_size=2, max_size=2), st.lists(VALUES, min_size=2, max_size=2))
def test_no_two_rows_look_alike(one: list[object], other: list[object]) -> None:
    def encoded(values: list[object]) -> bytes:
        return encode_row((b"a", b"b"), (object(), object()), tuple(values))  # type: ignore[arg-type]

    same = [(type(value), value) for value in one] == [(type(value), value) for value in other]
    assert (encoded(one) == encoded(other)) == same


def test_the_way_to_the_same_rows_does_not_show_in_the_digest(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    (row,) = add_persons(store, ["a"])
    before = store.digest(store.own_origin())
    change_phone(store, row, "1")
    assert store.digest(store.own_origin()) != before
    change_phone(store, row, "")
    assert store.digest(store.own_origin()) == before
    store.close()


def test_a_row_that_rots_shows_in_the_digest(store: Store) -> None:
    add_persons(store, ["a", "b"])
    origin = store.own_origin()
    before = store.digest(origin)
    store.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    store.connection.execute("UPDATE person SET full_name = 'c' WHERE full_name = 'b'")
    assert store.digest(origin).value != before.value
    assert len(set(store.digest(origin).buckets) ^ set(before.buckets)) == 2, "one bucket of each"


# --- what the world does ---------------------------------------------------------------------------------------------


def test_a_full_disk_writes_nothing_of_the_step_and_heals(store: Store) -> None:
    origin = store.own_origin()
    store.connection.pragma("max_page_count", int(store.connection.pragma("page_count")))
    with pytest.raises(StoreFull, match="what was recorded before is safe") as caught:
        add_persons(store, ["x" * 3_000] * 40)
    assert caught.value.retry
    assert (people(store, origin), store.head(origin).seq) == ({}, 1)
    store.connection.pragma("max_page_count", 1 << 30)
    add_persons(store, ["x" * 3_000] * 40)
    assert store.head(origin).seq == 2


def test_a_store_that_another_process_is_writing_is_busy_and_says_so(store: Store, tmp_path: Path) -> None:
    script = (
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "c.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        store.connection.set_busy_timeout(0)
        with pytest.raises(StoreBusy, match="another process") as caught:
            add_persons(store, ["a"])
        assert caught.value.retry
    finally:
        holder.communicate()
    add_persons(store, ["a"])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.create(tmp_path / "none" / "c.db", profile(), clock=ManualClock(0), source=random.Random(0))


def test_a_node_s_name_does_not_come_from_nowhere(store: Store) -> None:
    assert store.node_id == "c"
    with pytest.raises(StoreDamaged, match="no register of node d"):
        store.own_origin_of(NodeId("d"))


def test_a_store_without_the_register_that_it_began_with_is_damaged(tmp_path: Path) -> None:
    """One bit in the table of heads is enough; found by flipping bits at random."""
    store = new_store(tmp_path)
    store.connection.execute("UPDATE origin_head SET own = 0")
    with pytest.raises(StoreDamaged, match="no register of its own") as caught:
        store.own_origin()
    assert "dansync restore" in caught.value.hint
    store.close()
