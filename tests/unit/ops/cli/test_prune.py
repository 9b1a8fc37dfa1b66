"""``prune`` and ``resync`` as an operator meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node import changelog, limits
from tests.unit.node.exchange import Exchange
from tests.unit.ops.cli.command_line import dansync, document


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    world.c.config(parent="127.0.0.1:1")
    world.d.config(parent="127.0.0.1:1", listen="127.0.0.1:0")
    world.p.config(listen="127.0.0.1:0")
    for name in ("An", "Bình", "Chi"):
        world.person(name)
    world.climb()
    yield world
    world.close()


def of(found: dict[str, list[dict[str, object]]], key: str, name: str) -> dict[str, object]:
    return next(item for item in found[key] if item["name"] == name)


def test_what_would_go_is_said_and_stays(world: Exchange) -> None:
    found = document("prune", world.c.folder, "--keep-days", "0", "--dry-run")
    assert of(found, "registers", "c") | {"bytes": 0} == {
        "origin": of(found, "registers", "c")["origin"],
        "name": "c",
        "seq": 4,
        "floor": 4,
        "commits": 4,
        "gone": 0,
        "bytes": 0,
        "snapshot": True,
        "obstacle": "",
    }
    assert changelog.floor_of(world.c.store.connection, world.origin).seq == 0
    result = dansync("prune", world.c.folder, "--keep-days", "0", "--dry-run")
    assert "Would go" in result.output and "4 commits would go." in result.output


def test_what_is_confirmed_goes_and_the_rest_says_why_it_stays(world: Exchange) -> None:
    world.person("Dung")
    result = dansync("prune", world.c.folder, "--keep-days", "0")
    assert "the parent has not confirmed all of it" in result.output
    world.climb()
    found = document("prune", world.c.folder, "--keep-days", "0")
    assert of(found, "registers", "c")["gone"] == 5
    assert dansync("verify", world.c.folder).exit_code == 0
    assert dansync("log", "prove", world.c.folder).exit_code == 0
    assert dansync("log", world.c.folder, "--verify").exit_code == 0


def test_a_year_is_kept_by_default(world: Exchange) -> None:
    found = document("prune", world.c.folder)
    assert found["keep_days"] == 400 and of(found, "registers", "c")["obstacle"] == "young"


# --- resync -------------------------------------------------------------------------------------------------------------


def test_it_is_said_first_what_would_be_done(world: Exchange) -> None:
    world.person("Dung")
    found = document("resync", world.c.folder, "--dry-run")
    assert of(found, "steps", "c")["count"] == 1 and of(found, "steps", "c")["does"]
    assert not of(found, "steps", "reference")["does"] and not found["done"]
    result = dansync("resync", world.c.folder, "--dry-run")
    assert "send 1 commits to the parent" in result.output
    result = dansync("resync", world.d.folder, "--mode", "snapshot", "--dry-run")
    assert "take it anew from node c, about 3 rows" in result.output
    assert "nothing: it is written here" in result.output and "nothing: it comes from above" in result.output


def test_rot_is_put_right_and_the_parent_compares_anew(world: Exchange) -> None:
    row = world.person("Dung")
    world.climb()
    world.rot(world.c, row, "rot")
    result = dansync("resync", world.c.folder, "--mode", "verify")
    assert result.exit_code == 0, result.output
    assert "c: 1 rows were put right." in result.output and "All rows are what their logs say." in result.output
    before = world.parents["d"].hub.counts.comparisons.get("equal", 0)
    world.climb(("c", "d"))
    assert world.parents["d"].hub.counts.comparisons["equal"] > before
    assert world.equal()


def test_a_copy_is_taken_anew_at_the_next_contact(world: Exchange) -> None:
    """Rows and log of the copy have both rotted: nothing here can mend it."""
    with world.d.store.database.transaction() as connection:
        connection.execute("UPDATE change_log SET author = 'x' WHERE origin = ? AND seq = 2", (world.origin,))
    world.rot(world.d, world.c.store.new_row_id(0), None)
    row = next(iter(world.d.store.connection.execute("SELECT id FROM person WHERE full_name = 'An'")))[0]
    world.rot(world.d, row, "rot")
    assert dansync("verify", world.d.folder, "--origin", "c", "--repair").exit_code == 3
    result = dansync("resync", world.d.folder, "--origin", "c", "--mode", "snapshot", "--wait", "0")
    assert result.exit_code == 6 and "at the next contact with c" in result.output
    world.person("Eo")
    world.climb(("c", "d"))
    assert not world.equal(world.d.store), "the root has not got the newest: it may decide behind that"
    world.clock.advance_ms(limits.SNAPSHOT_WAIT_MS)
    world.climb()
    world.climb(("c", "d"))
    assert world.equal(world.d.store) and "snapshot_taken" in world.codes(world.d)
    assert dansync("verify", world.d.folder, "--origin", "c").exit_code == 0
    world.climb()
    assert world.equal()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mode", "snapshot"), "only if it is named"),
        (("--mode", "snapshot", "--origin", "d"), "only registers that a child brings"),
        (("--mode", "tails"), "is not one of"),
    ],
)
def test_what_cannot_be_taken_anew_is_said(world: Exchange, arguments: tuple[str, ...], words: str) -> None:
    result = dansync("resync", world.d.folder, *arguments)
    assert result.exit_code == 2 and words in result.output.replace("\n", " ")


def test_a_root_has_nobody_to_send_to(world: Exchange) -> None:
    result = dansync("resync", world.p.folder)
    assert result.exit_code == 0 and "no parent" in result.output
