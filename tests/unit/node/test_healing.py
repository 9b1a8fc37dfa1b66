"""What a healing reports: values that stood against each other as they were left, and what was typed in twice, by
whatever way the other history came.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.ids import RowId
from node.redoing import Finding
from node.reports import findings_of, reports
from node.store import Store
from tests.identities import Member
from tests.sessions import drain
from tests.unit.node.exchange import Exchange
from tests.unit.node.stores import add_persons, people

INSERT_BIRTH = "INSERT INTO event (origin, id, kind, event_date, full_name, birth_date) VALUES (?,?,?,?,?,?)"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


def birth(world: Exchange, name: str) -> RowId:
    row = world.c.store.new_row_id(world.clock.wall_ms())
    world.write((INSERT_BIRTH, (world.origin, row, "birth", "2026-01-02", name, "2026-01-02")))
    return row


def found(member: Member) -> list[tuple[str, list[Finding]]]:
    """The kinds of all healings with what they found, the oldest first."""
    connection = member.store.connection
    return [
        (item.kind, [listed.finding for listed in findings_of(connection, item.id)])
        for item in reversed(reports(connection))
    ]


def letter_from_the_district(world: Exchange, first: str, second: str, row: RowId) -> None:
    """The commune wrote ``first`` as a phone and a birth; only the district has it. It was restored, wrote ``second`` and
    the birth again, and the province has that; then the district's disk with the first history comes back.
    """
    image_c, image_d = world.image("c"), world.image("d")
    world.phone(first, row)
    birth(world, "Lê Văn Bình")
    world.climb(("c", "d"))
    newer = world.image("d")
    world.put_back("c", image_c)
    world.put_back("d", image_d)
    world.phone(second, row)
    birth(world, "Le Van Binh")
    world.climb()
    world.put_back("d", newer)
    world.climb()
    assert world.equal()


def test_what_stands_twice_is_found_when_the_other_history_comes_by_letter(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    letter_from_the_district(world, "0901", "0902", row)
    ((kind, findings),) = found(world.c)
    assert kind == "branch"
    assert [(item.kind, item.kept, item.lost) for item in findings if item.kind == "lost_value"] == [
        ("lost_value", "0902", "0901")
    ]
    assert [item.kept for item in findings if item.kind == "typed_twice"] == ["birth 2026-01-02 le van binh"]


def test_a_finding_says_how_the_value_was_left_not_how_it_was_on_the_way(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    image = world.image("c")
    world.phone("0901", row)
    world.climb()
    world.put_back("c", image)
    for phone in ("0902", "0903"):
        world.phone(phone, row)
    world.climb()
    ((_kind, findings),) = found(world.c)
    assert [(item.column, item.kept, item.lost) for item in findings] == [("phone", "0903", "0901")]
    assert people(world.c.store, world.origin)[row][1] == "0903"


def test_a_value_that_both_wrote_in_the_end_is_no_finding(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    image = world.image("c")
    world.phone("0901", row)
    world.climb()
    world.put_back("c", image)
    for phone in ("0902", "0901"):
        world.phone(phone, row)
    world.climb()
    assert found(world.c) == [("fork", [])]
    assert people(world.c.store, world.origin)[row][1] == "0901"


def test_a_store_from_before_its_first_session_heals(world: Exchange) -> None:
    """Its own commits come back, signed by a node that it does not know to be enrolled: the reference data come first."""
    x = world.tree.add("x", "p")
    image = world.image("x")
    add_persons(x.store, ["An"])
    origin = x.store.own_origin()
    assert drain(x, world.parents["p"]) == "done"
    x = world.put_back("x", image)
    assert drain(x, world.parents["p"]) == "done"
    assert x.store.head(origin) == world.p.store.head(origin)
    assert found(x) == [("restored", [])]


def test_commits_that_leave_the_log_on_purpose_are_not_missed_at_the_next_start(world: Exchange) -> None:
    """Of many commits that were put aside few are done again: the log is shorter than it was."""
    world.person(*"ABCDE")
    rows = list(people(world.c.store, world.origin))
    world.climb()
    image = world.image("c")
    world.phone("0901", *rows)
    world.climb()
    world.put_back("c", image)
    for row in rows:
        world.phone("0901", row)
    before = world.c.store.head(world.origin).seq
    world.climb()
    assert world.c.store.head(world.origin).seq < before
    store = world.c.store
    store.close()
    again = Store.open(store.database.path, clock=world.clock, source=random.Random(7))
    assert again.missing == ()
    again.close()
