"""Replaying others' commits: everything sound is applied, and only what is not is held back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from node import limits
from node.chain import KIND_REGISTER, Commit
from node.database import open_database
from node.ids import OriginId, RowId
from node.replay import WHOLE_ORIGIN, Replay, RowKey, bulk_ids, inspect, triggers_off
from node.schema import SCHEMA_VERSION, create_statements
from node.store import Store
from tests.unit.node.stores import (
    INSERT_EVENT,
    INSERT_PERSON,
    NOW_MS,
    UPDATE_PHONE,
    add_persons,
    all_commits,
    change_phone,
    new_store,
    people,
)

MANY = limits.MERGE_ROWS_MAX * 20
STRANGER = OriginId(bytes.fromhex("0197aaaaaaaa7000800000000000beef"))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path, "child")
    yield store
    store.close()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path, "parent")
    yield store
    store.close()


def replay(parent: Store, *commits: Commit, held: dict[OriginId, set[RowKey]] | None = None) -> Replay:
    with parent.database.transaction() as connection:
        replayed = Replay(connection, {} if held is None else held)
        replayed.apply(commits)
    return replayed


def reasons(replayed: Replay) -> list[tuple[int, str]]:
    return [(entry.commit.seq, entry.reason) for entry in replayed.quarantined]


def made(commit: Commit, work: Callable[[apsw.Connection], None], before: Callable[[apsw.Connection], None]) -> Commit:
    """The commit with a changeset that another tool has made: ``work`` on tables without guards, after ``before``."""
    connection = apsw.Connection(":memory:")
    for statement in create_statements():
        if "TRIGGER" not in statement:
            connection.execute(statement)
    connection.execute("CREATE TABLE gossip (origin BLOB NOT NULL, id BLOB NOT NULL, text, PRIMARY KEY (origin, id))")
    before(connection)
    session = apsw.Session(connection, "main")
    session.attach()
    work(connection)
    changeset = session.changeset()
    session.close()
    connection.close()
    return replace(commit, changeset=changeset)


def rows(origin: OriginId, count: int, *, start: int = 0) -> list[tuple[bytes, bytes, str, str]]:
    return [(origin, id_of(number), f"person {number}", "") for number in range(start, start + count)]


def id_of(number: int) -> RowId:
    return RowId(bytes.fromhex("0197bbbbbbbb70008000") + number.to_bytes(6, "big"))


def nothing(_connection: apsw.Connection) -> None:
    """No rows before."""


def test_bulk_and_single_commits_leave_the_same_rows_as_their_owner_has(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    ids = add_persons(child, [f"Nguyễn {number}" for number in range(MANY)])
    for number in range(30):
        change_phone(child, ids[number % 7], str(number))
        add_persons(child, [f"Trần {number}"])
    replayed = replay(parent, *all_commits(child, origin))
    assert not replayed.quarantined
    assert parent.digest(origin) == child.digest(origin)
    assert replayed.rows == 1 + MANY + 60


@pytest.mark.parametrize("seed", range(8))
def test_any_mixture_of_commits_of_two_origins_ends_equal(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    owners = [new_store(tmp_path, name) for name in ("a", "b")]
    parent = new_store(tmp_path, "parent")
    for owner in owners:
        ids: list[RowId] = []
        for _ in range(25):
            if ids and rng.random() < 0.5:
                change_phone(owner, rng.choice(ids), str(rng.randrange(10**6)))
            else:
                ids += add_persons(owner, [f"Lê {n}" for n in range(rng.choice((1, 2, 9, 40, 120)))])
    queues = [all_commits(owner, owner.own_origin()) for owner in owners]
    mixed: list[Commit] = []
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        mixed.append(queue.pop(0))
    assert not replay(parent, *mixed).quarantined
    for owner in owners:
        assert parent.digest(owner.own_origin()) == owner.digest(owner.own_origin())
    for store in (*owners, parent):
        store.close()


Work = Callable[[apsw.Connection, OriginId], None]


def _insert(count: int, of: OriginId | None = None) -> Work:
    return lambda connection, origin: void(connection.executemany(INSERT_PERSON, rows(of or origin, count)))


def _delete(connection: apsw.Connection, origin: OriginId) -> None:
    connection.execute("DELETE FROM person WHERE origin = ?", (origin,))


def _rewrite_event(connection: apsw.Connection, _origin: OriginId) -> None:
    connection.execute("UPDATE event SET kind = 'death'")


def _gossip(count: int) -> Work:
    return lambda connection, origin: void(
        connection.executemany("INSERT INTO gossip VALUES (?,?,?)", [row[:3] for row in rows(origin, count)])
    )


def _one_foreign_among_many(connection: apsw.Connection, origin: OriginId) -> None:
    connection.executemany(INSERT_PERSON, rows(origin, MANY))
    connection.execute(INSERT_PERSON, (STRANGER, id_of(5), "nobody's", ""))


def _one_foreign_hidden_by_a_look_alike(connection: apsw.Connection, origin: OriginId) -> None:
    """A value that looks like one more insert of the origin makes up for the foreign row in the bytes."""
    look_alike = b"\x12\x00\x04\x10" + origin + b"\x04\x10" + id_of(7)
    connection.executemany(INSERT_PERSON, rows(origin, MANY))
    connection.execute(INSERT_PERSON, (STRANGER, id_of(5), "nobody's", ""))
    connection.execute("UPDATE person SET household_id = ? WHERE origin = ? AND id = ?", (look_alike, origin, id_of(0)))


def _a_foreign_update_hidden_by_a_look_alike(connection: apsw.Connection, origin: OriginId) -> None:
    look_alike = b"\x12\x00\x04\x10" + origin + b"\x04\x10" + id_of(7)
    connection.executemany(INSERT_PERSON, rows(origin, MANY, start=100))
    connection.execute("UPDATE person SET phone = 'x' WHERE origin = ?", (STRANGER,))
    connection.execute(
        "UPDATE person SET household_id = ? WHERE origin = ? AND id = ?", (look_alike, origin, id_of(100))
    )


def _an_id_that_is_none(connection: apsw.Connection, origin: OriginId) -> None:
    look_alike = b"\x12\x00\x04\x10" + origin + b"\x04\x10" + id_of(7)
    connection.executemany(INSERT_PERSON, rows(origin, MANY))
    connection.execute(INSERT_PERSON, (origin, id_of(3) + b"long", "odd", ""))
    connection.execute("UPDATE person SET household_id = ? WHERE origin = ? AND id = ?", (look_alike, origin, id_of(0)))


def _with_a_stranger(connection: apsw.Connection, _origin: OriginId) -> None:
    connection.execute(INSERT_PERSON, (STRANGER, id_of(1), "stranger", ""))


def _with_person_and_event(connection: apsw.Connection, origin: OriginId) -> None:
    connection.executemany(INSERT_PERSON, rows(origin, 2))
    connection.execute(INSERT_EVENT, (origin, id_of(9), "birth", "2026"))


def no_rows(_connection: apsw.Connection, _origin: OriginId) -> None:
    """Nothing there before."""


REFUSED: dict[str, tuple[Work, Work, str]] = {
    "a table that is not the register's": (no_rows, _gossip(1), "unknown_table"),
    "many rows of a table that is not the register's": (no_rows, _gossip(MANY), "unknown_table"),
    "somebody else's row": (no_rows, _insert(1, STRANGER), "foreign_row"),
    "somebody else's rows, many": (no_rows, _insert(MANY, STRANGER), "foreign_row"),
    "one foreign row among many own ones": (no_rows, _one_foreign_among_many, "foreign_row"),
    "a foreign row that a look-alike hides": (no_rows, _one_foreign_hidden_by_a_look_alike, "foreign_row"),
    "a foreign change that a look-alike hides": (
        _with_a_stranger,
        _a_foreign_update_hidden_by_a_look_alike,
        "foreign_row",
    ),
    "an id of another length": (no_rows, _an_id_that_is_none, "foreign_row"),
    "a deletion": (_with_person_and_event, _delete, "deletion"),
    "a changed event": (_with_person_and_event, _rewrite_event, "rewritten"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_commit_may_not_do_is_held_back_whole(what: str, child: Store, parent: Store) -> None:
    origin = child.own_origin()
    before, work, reason = REFUSED[what]
    template = all_commits(child, origin)[0]
    commit = made(template, lambda c: work(c, origin), lambda c: before(c, origin))
    with triggers_off(parent.connection), parent.database.transaction() as connection:
        before(connection, origin)
    own, strangers = people(parent, origin), people(parent, STRANGER)
    replayed = replay(parent, commit)
    assert reasons(replayed) == [(1, reason)]
    assert replayed.rows == 0
    assert people(parent, origin) == own
    assert people(parent, STRANGER) == strangers


def test_more_columns_than_known_here_are_held_back(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    template = all_commits(child, origin)[0]
    for count in (1, MANY):
        wider = made(
            template,
            lambda c, count=count: _insert(count)(c, origin),  # type: ignore[misc]
            lambda c: void(c.execute("ALTER TABLE person ADD COLUMN shoe_size TEXT NOT NULL DEFAULT ''")),
        )
        assert reasons(replay(parent, wider)) == [(1, "columns")]


def test_a_newer_schema_version_holds_the_whole_origin(child: Store, parent: Store) -> None:
    commit = replace(all_commits(child, child.own_origin())[0], schema_version=SCHEMA_VERSION + 1)
    replayed = replay(parent, commit)
    assert [entry.keys for entry in replayed.quarantined] == [(WHOLE_ORIGIN,)]


@pytest.mark.parametrize("damage", ["cut", "noise", "empty"])
def test_a_changeset_that_cannot_be_read_is_held_back(damage: str, child: Store, parent: Store) -> None:
    add_persons(child, ["An"] * MANY)
    commit = all_commits(child, child.own_origin())[1]
    spoilt = {
        "cut": commit.changeset[: len(commit.changeset) // 2],
        "noise": b"\x00" * 5_000,
        "empty": b"",
    }[damage]
    assert reasons(replay(parent, replace(commit, changeset=spoilt))) == [(2, "malformed")]


def test_later_commits_on_held_rows_wait_and_others_go_on(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    (first,) = add_persons(child, ["Hoa"])
    (second,) = add_persons(child, ["Lan"])
    change_phone(child, first, "1")
    change_phone(child, second, "2")
    commits = all_commits(child, origin)
    replayed = replay(parent, *(commit for commit in commits if commit.seq != 2))  # the insert of Hoa is missing
    assert reasons(replayed) == [(4, "conflict")]
    assert people(parent, origin) == {second: ("Lan", "2")}
    held = {origin: set(replayed.quarantined[0].keys)}
    change_phone(child, first, "3")
    change_phone(child, second, "4")
    later = replay(parent, *all_commits(child, origin)[5:], held=held)
    assert reasons(later) == [(6, "behind_quarantine")]
    assert people(parent, origin) == {second: ("Lan", "4")}


def test_in_a_merged_group_only_the_culprit_is_held_back(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    ids = [add_persons(child, [f"Mai {number}"])[0] for number in range(6)]
    commits = all_commits(child, origin)
    twice = replace(commits[3], seq=type(commits[3].seq)(8))  # the same insert once more
    replayed = replay(parent, *commits, twice)
    assert reasons(replayed) == [(8, "conflict")]
    assert set(people(parent, origin)) == set(ids)


def test_a_wrong_old_value_is_found(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    (row,) = add_persons(child, ["Thu"])
    commits = all_commits(child, origin)
    replay(parent, *commits)
    with triggers_off(parent.connection), parent.database.transaction() as connection:
        connection.execute(UPDATE_PHONE, ("rot", origin, row))
    change_phone(child, row, "1")
    assert reasons(replay(parent, all_commits(child, origin)[-1])) == [(3, "conflict")]
    assert people(parent, origin) == {row: ("Thu", "rot")}


def test_a_bulk_commit_that_repeats_a_row_is_held_back_whole(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    add_persons(child, [f"Bùi {number}" for number in range(MANY)])
    bulk = all_commits(child, origin)[1]
    replay(parent, *all_commits(child, origin))
    before = people(parent, origin)
    again = replay(parent, replace(bulk, seq=type(bulk.seq)(3)))
    assert reasons(again) == [(3, "conflict")]
    assert people(parent, origin) == before


def test_a_refused_commit_does_not_hold_back_what_came_before_it(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    (row,) = add_persons(child, ["Vy"])
    (lost,) = add_persons(child, ["lost"])
    change_phone(child, row, "1")
    change_phone(child, lost, "2")
    commits = [commit for commit in all_commits(child, origin) if commit.seq != 3]
    bad = made(
        replace(commits[-1], seq=type(commits[-1].seq)(6)),
        lambda c: void(c.execute("DELETE FROM person WHERE id = ?", (row,))),
        lambda c: void(c.execute(INSERT_PERSON, (origin, row, "Vy", "1"))),
    )
    replayed = replay(parent, *commits, bad)
    assert reasons(replayed) == [(5, "conflict"), (6, "deletion")]
    assert people(parent, origin) == {row: ("Vy", "1")}


def test_too_many_held_rows_hold_the_whole_origin(child: Store, parent: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUARANTINE_ROWS_MAX", 10)
    origin = child.own_origin()
    template = all_commits(child, origin)[0]
    commit = made(template, lambda c: _one_foreign_among_many(c, origin), nothing)
    (entry,) = replay(parent, commit).quarantined
    assert entry.keys == (WHOLE_ORIGIN,)


def test_an_older_changeset_with_fewer_columns_applies_with_the_defaults(tmp_path: Path, child: Store) -> None:
    origin = child.own_origin()
    add_persons(child, [f"Đỗ {number}" for number in range(MANY)])
    (single,) = add_persons(child, ["Đỗ"])
    database = open_database(tmp_path / "newer.db", "create")
    with triggers_off(database.connection):
        database.connection.execute("ALTER TABLE person ADD COLUMN shoe_size TEXT NOT NULL DEFAULT '41'")
        with database.transaction() as connection:
            replayed = Replay(connection, {})
            replayed.apply(all_commits(child, origin))
    assert not replayed.quarantined
    found = list(database.connection.execute("SELECT count(*), min(shoe_size) FROM person"))
    assert found == [(MANY + 1, "41")]
    assert single in {row[0] for row in database.connection.execute("SELECT id FROM person")}
    database.close()


def test_the_short_and_the_long_way_see_the_same(child: Store) -> None:
    origin = child.own_origin()
    ids = add_persons(child, [f"Phạm {number}" for number in range(50)])
    bulk = all_commits(child, origin)[1]
    assert sorted(bulk_ids(bulk)) == ids
    seen = inspect(bulk)
    assert seen.refusal is None
    assert sorted(seen.keys) == [("person", row_id) for row_id in ids]


def test_several_tables_in_one_bulk_commit_apply(child: Store, parent: Store) -> None:
    origin = child.own_origin()
    with child.capture(author="clerk", kind=KIND_REGISTER, recorded_at=NOW_MS) as capture:
        capture.connection.executemany(INSERT_PERSON, rows(origin, MANY))
        capture.connection.executemany(INSERT_EVENT, [(origin, id_of(n), "birth", "2026") for n in range(MANY)])
    assert not replay(parent, *all_commits(child, origin)).quarantined
    assert parent.digest(origin) == child.digest(origin)


def void(_result: object) -> None:
    """What a statement returns is of no use here."""
