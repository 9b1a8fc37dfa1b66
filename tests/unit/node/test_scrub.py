"""Scrub: rot is found in rows, logs and pages, told where it is, and put right from the log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from node import limits
from node.chain import KIND_REGISTER
from node.clock import ManualClock
from node.digest import OriginDigest
from node.errors import StoreDamaged
from node.findings import OriginScrub, Scrub, keep, known_scrubs, scrubbed_at
from node.ids import OriginId
from node.replay import Quarantined, store_quarantine, triggers_off
from node.scrub import finish, scrub
from node.scrub_mending import mend
from node.store import Store
from tests.unit.node.exchange import Exchange
from tests.unit.node.stores import INSERT_EVENT, NOW_MS, add_persons, all_commits, change_phone, new_store, people


def scrubbed(store: Store, *, thorough: bool = False) -> Scrub:
    found = finish(scrub(store, thorough=thorough))
    keep(store, found)
    return found


def rot(store: Store, statement: str, *values: str | bytes | int) -> None:
    """Rows change behind the store's back."""
    with store.database.transaction() as connection, triggers_off(connection):
        connection.execute(statement, values)


def codes(store: Store) -> list[str]:
    return [alarm.code for alarm in reversed(store.alarms())]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path)
    add_persons(store, ["An", "Bình"])
    change_phone(store, add_persons(store, ["Chi"])[0], "0900")
    yield store
    store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


# --- looking ---------------------------------------------------------------------------------------------------------


def test_a_store_that_nothing_has_happened_to_is_sound(store: Store) -> None:
    found = scrubbed(store)
    assert found.sound and [item.verdict for item in found.origins] == ["sound"]
    assert found.origins[0].digest == store.digest(store.own_origin()).value
    assert found.origins[0].head == store.head(store.own_origin())
    assert scrubbed_at(store) == NOW_MS and store.alarms() == []


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE person SET full_name = 'Anh' WHERE full_name = 'An'", "differs"),
        ("UPDATE person SET full_name = CAST(x'ff41' AS TEXT) WHERE full_name = 'An'", "differs"),
        ("DELETE FROM person WHERE full_name = 'An'", "missing"),
        ("INSERT INTO person (origin, id, full_name) SELECT origin, x'00', 'X' FROM origin_head", "extra"),
    ],
    ids=["a letter", "no text any more", "gone", "from nowhere"],
)
def test_a_row_that_is_not_what_the_log_says_is_named(statement: str, kind: str, store: Store) -> None:
    rot(store, statement)
    found = scrubbed(store)
    (item,) = found.rotten
    assert item.verdict == "rot" and not found.sound
    (row,) = item.rotten
    assert (row.table, row.kind) == ("person", kind)
    assert (row.expected is None) == (kind == "extra")
    (alarm,) = store.alarms()
    assert (alarm.code, alarm.origin) == ("rot_found", store.own_origin())
    assert alarm.detail.startswith("1 rows are not what the log says: person 1 (")


def test_rot_is_found_the_first_time_and_between_two_commits(store: Store) -> None:
    """The head has moved since the last scrub: no digest of then can tell."""
    scrubbed(store)
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'An'")
    add_persons(store, ["Dung"])
    (item,) = scrubbed(store).rotten
    assert [row.row_id for row in item.rotten] == [
        row_id for row_id, (name, _) in people(store, store.own_origin()).items() if name == "An"
    ]


def test_where_nothing_changed_no_log_is_replayed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    scrubbed(store)
    monkeypatch.setattr("node.scrub.Replay", lambda *_: pytest.fail("replayed"))
    assert scrubbed(store).sound


def test_a_digest_that_changed_under_the_same_head_is_looked_into(store: Store) -> None:
    scrubbed(store)
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'An'")
    assert len(scrubbed(store).rotten[0].rotten) == 1


def test_rot_that_is_known_is_alarmed_once(store: Store) -> None:
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'An'")
    scrubbed(store)
    scrubbed(store)
    assert codes(store) == ["rot_found"]
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'Bình'")
    scrubbed(store)
    assert codes(store) == ["rot_found", "rot_found"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE change_log SET changeset = x'5400' WHERE seq = 2",
        "UPDATE change_log SET author = 'mallory' WHERE seq = 2",
        "UPDATE change_log SET author = CAST(x'ff41' AS TEXT) WHERE seq = 2",
        "DELETE FROM change_log WHERE seq = 2",
        "DELETE FROM change_log WHERE seq = 4",
        "UPDATE origin_head SET hash = x'0000000000000000000000000000000000000000000000000000000000000000'",
    ],
    ids=["content", "author", "no text any more", "middle", "end", "head"],
)
def test_a_log_that_is_not_what_its_hashes_say_is_told(statement: str, store: Store) -> None:
    scrubbed(store)
    store.connection.execute(statement)
    (item,) = scrubbed(store).rotten
    assert item.verdict == "log_rot"
    assert codes(store) == ["rot_found"] and "the log is not what its hashes say" in store.alarms()[0].detail


def test_what_is_held_back_is_no_rot(store: Store) -> None:
    origin = store.own_origin()
    commit = all_commits(store, origin)[1]
    (row,) = (row_id for row_id, (name, _) in people(store, origin).items() if name == "An")
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'An'")
    with store.database.transaction() as connection:
        store_quarantine(connection, [Quarantined(commit, "conflict", "", (("person", row),))], NOW_MS)
    found = scrubbed(store)
    assert found.sound
    assert found.origins[0].digest == store.digest(origin).value
    with store.database.transaction() as connection:
        store_quarantine(connection, [Quarantined(commit, "malformed", "", (("", b""),))], NOW_MS)  # type: ignore[arg-type]
    assert [item.verdict for item in scrubbed(store).origins] == ["held"]


def test_a_log_that_does_not_reach_back_proves_by_the_digest_of_the_last_scrub(store: Store) -> None:
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM change_log WHERE seq < 3")
    assert [item.verdict for item in scrubbed(store).origins] == ["unproven"]
    assert [item.verdict for item in scrubbed(store).origins] == ["sound"]
    rot(store, "UPDATE person SET phone = '1' WHERE full_name = 'An'")
    (item,) = scrubbed(store).rotten
    assert item.verdict == "rot" and not item.rotten
    assert "rows have changed without a commit" in store.alarms()[0].detail


def test_an_older_row_that_comes_out_of_quarantine_is_no_rot_where_only_a_digest_tells(world: Exchange) -> None:
    row = world.person("Trần Thị Ánh")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("0900", row)
    world.climb()
    scrubbed(world.d.store)
    world.rot(world.d, row, "")
    world.d.store.retry_quarantined()
    assert world.origin not in known_scrubs(world.d.store.connection), "more rows count now"
    assert scrubbed(world.d.store).sound


def test_many_rows_and_commits_are_looked_at_in_slices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRUB_SLICE_ROWS", 3)
    monkeypatch.setattr(limits, "SCRUB_SLICE_COMMITS", 2)
    add_persons(store, [f"n{number}" for number in range(20)])
    assert scrubbed(store, thorough=True).sound
    rot(store, "UPDATE person SET phone = 'x' WHERE full_name IN ('n0', 'n9', 'n19')")
    rot(store, "DELETE FROM person WHERE full_name IN ('n3', 'n10')")
    (item,) = scrubbed(store).rotten
    assert sorted(row.kind for row in item.rotten) == ["differs"] * 3 + ["missing"] * 2


def test_somebody_may_write_between_any_two_slices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCRUB_SLICE_ROWS", 2)
    monkeypatch.setattr(limits, "SCRUB_SLICE_COMMITS", 2)
    (row,) = add_persons(store, ["Dung"])
    work = scrub(store)
    for number in range(200):
        assert not store.connection.in_transaction, "a slice ends with its read"
        try:
            next(work)
        except StopIteration as end:
            found = end.value
            break
        if number < 40:  # they write as much as a slice holds: it catches up once they pause
            change_phone(store, row, str(number)) if number % 2 else add_persons(store, [str(number)])
    else:
        pytest.fail("it never ends")
    assert found.sound


@pytest.mark.usefixtures("store")
def test_a_scrub_that_only_reads_works_on_a_reading_connection(tmp_path: Path) -> None:
    reader = Store.open(tmp_path / "c.db", clock=ManualClock(NOW_MS), source=random.Random(1), mode="read")
    assert finish(scrub(reader)).sound
    reader.close()


def test_a_bit_that_flips_in_the_file_is_found_and_mended(tmp_path: Path) -> None:
    """The name stands twice in the file: in the row and in the log. Each page of rows is hit in turn."""
    store = new_store(tmp_path)
    add_persons(store, ["Zymurgy"] * 3)
    origin = store.own_origin()
    before = store.digest(origin)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    path = tmp_path / "c.db"
    whole = path.read_bytes()
    places = [at for at in range(len(whole)) if whole.startswith(b"Zymurgy", at)]
    assert len(places) == 6
    verdicts = []
    for at in places:
        spoilt = bytearray(whole)
        spoilt[at] ^= 1
        path.write_bytes(bytes(spoilt))
        store = Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(1))
        (item,) = scrubbed(store).rotten
        verdicts.append(item.verdict)
        if item.verdict == "rot":
            assert mend(store, item).rows == 1
            assert scrubbed(store).sound and store.digest(origin) == before
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        store.close()
    assert sorted(verdicts) == ["log_rot"] * 3 + ["rot"] * 3


def test_a_page_that_is_damaged_is_told_with_its_table(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add_persons(store, ["Zymurgy"] * 300)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    root = store.connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'person'").fetchall()[0][0]
    assert isinstance(root, int)
    store.close()
    path = tmp_path / "c.db"
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4_096] ^= 0xFF  # the kind of the page
    path.write_bytes(bytes(content))
    store = Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(1))
    found = scrubbed(store)
    assert found.damage and found.damage[0].startswith("person: ")
    assert "store_damaged" in codes(store)
    scrubbed(store)
    assert codes(store).count("store_damaged") == len(found.damage), "said once"
    store.close()


def test_a_description_that_is_damaged_is_told(store: Store, tmp_path: Path) -> None:
    connection = store.connection
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'dansync_guard', 'dansync_fuard') WHERE name = 'person_guard_insert'"
    )
    assert scrubbed(store).damage == ("the description of person_guard_insert is damaged",)
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'phone', 'phont') WHERE name = 'person'")
    store.close()
    with pytest.raises(StoreDamaged, match="description of its table person") as caught:
        Store.open(tmp_path / "c.db", clock=ManualClock(NOW_MS), source=random.Random(1))
    assert "dansync restore" in caught.value.hint


# --- mending ---------------------------------------------------------------------------------------------------------


def only(found: Scrub) -> OriginScrub:
    (item,) = found.rotten
    return item


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE person SET full_name = 'x', phone = 'x'",
        "UPDATE person SET full_name = CAST(x'ff41' AS TEXT)",
        "DELETE FROM person",
        "INSERT INTO person (origin, id, full_name) SELECT origin, x'00', 'X' FROM origin_head",
    ],
)
def test_rows_are_put_back_as_the_log_has_them(statement: str, store: Store) -> None:
    origin = store.own_origin()
    before = store.digest(origin)
    rot(store, statement)
    item = only(scrubbed(store))
    done = mend(store, item)
    assert (done.rows, done.left) == (len(item.rotten), 0)
    assert store.digest(origin) == before
    assert codes(store) == ["rot_found", "rot_mended"]
    assert scrubbed(store).sound
    add_persons(store, ["and it goes on"])
    assert scrubbed(store).sound


def test_a_row_that_a_commit_has_changed_since_is_left_for_the_next_scrub(store: Store) -> None:
    origin = store.own_origin()
    rows = {name: row_id for row_id, (name, _) in people(store, origin).items()}
    rot(store, "UPDATE person SET full_name = 'x' WHERE full_name IN ('An', 'Bình')")
    item = only(scrubbed(store))
    change_phone(store, rows["An"], "0911")
    done = mend(store, item)
    assert (done.rows, done.left) == (1, 1)
    assert mend(store, only(scrubbed(store))).rows == 1
    assert people(store, origin)[rows["An"]] == ("An", "0911")
    assert scrubbed(store).sound


def test_an_index_that_still_has_the_row_as_it_was_is_mended_too(store: Store) -> None:
    origin = store.own_origin()
    with store.capture(author="x", kind=KIND_REGISTER, recorded_at=0) as capture:
        row = store.new_row_id(NOW_MS)
        capture.connection.execute(INSERT_EVENT, (origin, row, "birth", "2026"))
        capture.connection.execute("INSERT INTO household (origin, id, source_id) VALUES (?,?,?)", (origin, row, "H1"))
    before = store.digest(origin)
    connection = store.connection
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'household_by_source'")
    connection.execute("DELETE FROM sqlite_schema WHERE name = 'household_by_source'")
    connection.execute("PRAGMA writable_schema = RESET")
    rot(store, "UPDATE household SET source_id = 'H9'")  # without its index, as a flipped bit would
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("INSERT INTO sqlite_schema SELECT * FROM kept")
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute("DROP TABLE kept")
    found = scrubbed(store)
    assert any("household" in text for text in found.damage), "the index and the row contradict each other"
    assert mend(store, only(found)).rows == 1
    assert store.digest(origin) == before
    assert scrubbed(store).damage == ()


def test_a_copy_is_mended_from_its_own_log_and_takes_again_what_was_held_back(world: Exchange) -> None:
    row = world.person("Trần Thị Ánh")
    world.climb()
    world.rot(world.d, row, "rot")
    item = only(scrubbed(world.d.store))
    assert (item.origin, item.own) == (world.origin, False)
    mend(world.d.store, item)
    assert world.equal()
    world.phone("0900", row)
    world.climb()
    assert world.equal() and not world.held(world.d)


def test_a_rotten_row_is_found_before_a_commit_meets_it(world: Exchange) -> None:
    """Without a scrub it would show only when somebody changes the row."""
    row = world.person("Trần Thị Ánh")
    world.climb()

    def digests() -> set[OriginDigest]:
        return {member.store.digest(world.origin) for member in (world.c, world.d)}

    world.rot(world.d, row, "rot")
    assert len(digests()) == 2
    assert {OriginId(item.origin) for item in scrubbed(world.d.store).rotten} == {world.origin}


def test_apsw_gives_out_texts_that_are_none_as_errors() -> None:
    """What ``explained`` relies on."""
    connection = apsw.Connection(":memory:")
    with pytest.raises(UnicodeDecodeError):
        connection.execute("SELECT CAST(x'ff41' AS TEXT)").fetchall()
    connection.close()
