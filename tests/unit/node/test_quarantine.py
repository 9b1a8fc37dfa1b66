"""What is held back hangs together in row sets, is tried again whole or not at all, and leaves a record when it ends."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import database, schema
from node.ids import OriginId, RowId, Seq
from node.quarantine import (
    BEHIND,
    Held,
    commit_of,
    differences,
    ended,
    first_version,
    held_commits,
    left_log,
    replaced,
    row_sets,
    tally,
)
from node.replay import WHOLE_ORIGIN, excerpt, inspect
from node.schema import SchemaStep
from node.store import Store
from tests.unit.node.exchange import NOW_MS, Exchange
from tests.unit.node.stores import people


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


def held(seq: int, *rows: str, origin: bytes = b"o" * 16) -> Held:
    return Held(OriginId(origin), Seq(seq), BEHIND, "", NOW_MS, tuple(("person", RowId(row.encode())) for row in rows))


# --- what hangs together -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commits", "expected"),
    [
        ([], []),
        ([held(1, "a")], [[1]]),
        ([held(1, "a"), held(2, "b"), held(3, "a")], [[1, 3], [2]]),
        ([held(1, "a"), held(2, "b"), held(3, "a", "b")], [[1, 2, 3]]),
        (
            [held(1, "a"), held(2, "b"), held(3, "c"), held(4, "c", "b"), held(5, "a", "d"), held(6, "d")],
            [[1, 5, 6], [2, 3, 4]],
        ),
        ([held(1, "a"), held(1, "a", origin=b"p" * 16)], [[1], [1]]),
    ],
)
def test_commits_that_share_rows_make_one_row_set(commits: list[Held], expected: list[list[int]]) -> None:
    assert [[item.seq for item in found.commits] for found in row_sets(commits)] == expected


def test_where_a_whole_origin_is_held_back_all_of_it_hangs_together() -> None:
    whole = Held(OriginId(b"o" * 16), Seq(2), "malformed", "", NOW_MS, (WHOLE_ORIGIN,))
    (found,) = row_sets([held(1, "a"), whole, held(3, "b")])
    assert found.whole_origin and [item.seq for item in found.commits] == [1, 2, 3]


def test_an_excerpt_holds_the_changes_of_some_rows_and_no_others(world: Exchange) -> None:
    row = world.person("An", "Bình", "Chi")
    commit = commit_of(world.c.store.connection, world.origin, world.c.store.head(world.origin).seq)
    changeset, count = excerpt(commit.changeset, {("person", row)})
    assert count == 1
    assert inspect(replace(commit, changeset=changeset)).keys == (("person", row),)


# --- trying again ------------------------------------------------------------------------------------------------------


def test_a_row_that_was_put_right_lets_everything_behind_it_be_applied(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.phone("2", row)
    world.climb()
    assert world.seqs(world.d) == [3, 4] and world.equal(world.p.store)
    world.rot(world.d, row, "")
    (outcome,) = world.d.store.retry_quarantined(by="lan")
    assert outcome.obstacle is None
    assert world.seqs(world.d) == [] and world.equal()
    past = ended(world.d.store.connection)
    assert [(item.seq, item.how, item.by, item.rows, item.rest) for item in past] == [
        (4, "retry", "lan", 1, 0),
        (3, "retry", "lan", 1, 0),
    ]
    assert past[1].reason == "conflict" and past[1].quarantined_at == NOW_MS
    assert tally(world.d.store.connection).ended == {"retry": 2, "replaced": 0, "left_log": 0}
    assert world.codes(world.d)[-1] == "quarantine_ended"
    assert world.d.store.head(world.origin).seq == 4, "the log keeps every commit"


def test_what_still_cannot_be_applied_changes_nothing_and_says_what_stands_in_the_way(world: Exchange) -> None:
    one, two = world.person("An"), world.person("Bình")
    world.climb()
    world.rot(world.d, one, "rot")
    world.rot(world.d, two, "rot too")
    world.phone("1", one)
    world.phone("2", one, two)
    world.climb()
    assert [item.reason for item in world.held(world.d)] == ["conflict", BEHIND]
    world.rot(world.d, one, "")
    before = people(world.d.store, world.origin)
    (outcome,) = world.d.store.retry_quarantined()
    assert outcome.obstacle is not None and outcome.obstacle.seq == 5
    assert outcome.obstacle.reason == "conflict", "it waits for nobody now, it does not fit itself"
    assert people(world.d.store, world.origin) == before, "all or nothing"
    assert [(item.seq, item.reason) for item in world.held(world.d)] == [(4, "conflict"), (5, "conflict")]
    assert ended(world.d.store.connection) == ()
    (what,) = differences(
        world.d.store.connection,
        commit_of(world.d.store.connection, world.origin, outcome.obstacle.seq),
        [("person", two)],
    )
    assert (what.kind, what.column, what.expected, what.found) == ("differs", "phone", "", "rot too")


def test_row_sets_are_tried_apart(world: Exchange) -> None:
    one, two = world.person("An"), world.person("Bình")
    world.climb()
    for row in (one, two):
        world.rot(world.d, row, "rot")
        world.phone("1", row)
    world.climb()
    assert len(world.sets(world.d)) == 2
    world.rot(world.d, two, "")
    outcomes = world.d.store.retry_quarantined()
    assert [outcome.obstacle is None for outcome in outcomes] == [False, True]
    assert world.seqs(world.d) == [4]


def test_a_missing_row_is_named_and_told_as_the_log_first_had_it(world: Exchange) -> None:
    row = world.person("Trần Thị Ánh")
    world.climb()
    world.rot(world.d, row, None)
    world.phone("1", row)
    world.climb()
    connection = world.d.store.connection
    (what,) = differences(
        connection, commit_of(connection, world.origin, world.held(world.d)[0].seq), [("person", row)]
    )
    assert what.kind == "missing"
    version = first_version(connection, world.origin, ("person", row))
    assert version is not None and version["full_name"] == "Trần Thị Ánh"
    assert first_version(connection, world.origin, ("person", RowId(b"x" * 16))) is None


def test_a_row_that_should_be_new_and_is_there_is_told(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    connection = world.d.store.connection
    (what,) = differences(
        connection, commit_of(connection, world.origin, world.c.store.head(world.origin).seq), [("person", row)]
    )
    assert what.kind == "exists"


# --- by itself ---------------------------------------------------------------------------------------------------------


def _with_one_held(world: Exchange) -> None:
    """The district holds back a commit whose cause is gone."""
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.climb()
    world.rot(world.d, row, "")


def _reopened(world: Exchange) -> Store:
    return Store.open(world.d.folder / "store.db", clock=world.clock, source=random.Random(0))


def test_a_schema_step_tries_again_by_itself(world: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_one_held(world)
    store = _reopened(world)
    assert held_commits(store.connection), "opening alone does not"
    store.close()
    steps = (*schema.STEPS, SchemaStep(2, ("ALTER TABLE person ADD COLUMN nickname TEXT NOT NULL DEFAULT ''",)))
    run = database.run_steps
    monkeypatch.setattr(database, "run_steps", lambda opened: run(opened, steps))
    store = _reopened(world)
    assert not held_commits(store.connection)
    assert [item.how for item in ended(store.connection)] == ["retry"]
    store.close()


# --- parts of commits ----------------------------------------------------------------------------------------------------


def test_of_a_commit_whose_rows_were_replaced_in_part_the_rest_is_tried_again(world: Exchange) -> None:
    one, two = world.person("An"), world.person("Bình")
    world.climb()
    for row in (one, two):
        world.rot(world.d, row, "rot")
    world.phone("1", one, two)
    world.climb()
    head = world.c.store.head(world.origin)
    with world.d.store.database.transaction() as connection:
        replaced(connection, world.origin, {("person", one)}, head.seq, NOW_MS, by="c")
    world.rot(world.d, one, "1")
    (left,) = world.held(world.d)
    assert left.keys == (("person", two),)
    world.rot(world.d, two, "")
    assert world.d.store.retry_quarantined()[0].obstacle is None
    assert world.equal()
    assert [(item.how, item.rows, item.rest) for item in reversed(ended(world.d.store.connection))] == [
        ("replaced", 1, 1),
        ("retry", 1, 0),
    ]
    assert tally(world.d.store.connection).ended["replaced"] == 0, "it was not the end of the commit"


def test_replacing_ends_nothing_behind_the_holders_commit(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.phone("2", row)
    world.climb()
    first, second = world.held(world.d)
    with world.d.store.database.transaction() as connection:
        assert replaced(connection, world.origin, {("person", row)}, first.seq, NOW_MS, by="c") == 1
    assert world.seqs(world.d) == [second.seq]


def test_commits_that_leave_the_log_leave_a_record(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.climb()
    (only,) = world.held(world.d)
    with world.d.store.database.transaction() as connection:
        left_log(connection, world.origin, only.seq, NOW_MS)
        assert held_commits(connection), "it stays in the log"
        left_log(connection, world.origin, Seq(only.seq - 1), NOW_MS)
    assert not world.held(world.d)
    assert [item.how for item in ended(world.d.store.connection)] == ["left_log"]


def test_the_oldest_age_and_the_counts_add_up(world: Exchange) -> None:
    assert tally(world.d.store.connection).oldest_at == 0
    one, two = world.person("An"), world.person("Bình")
    world.climb()
    for row in (one, two):
        world.rot(world.d, row, "rot")
        world.phone("1", row)
        world.climb()
        world.clock.advance_ms(60_000)
    found = tally(world.d.store.connection)
    assert (found.commits, found.oldest_at) == (2, NOW_MS)
