"""``verify`` as an operator meets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.node.exchange import Exchange
from tests.unit.ops.cli.command_line import dansync, document


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    for member in world.tree.members.values():
        member.config()
    yield world
    world.close()


def test_a_sound_node_says_so_for_every_register(world: Exchange) -> None:
    world.person("Trần Thị Ánh")
    world.climb()
    result = dansync("verify", world.d.folder)
    assert result.exit_code == 0, result.output
    assert "DIFFERS" not in result.output and "equal (c," in result.output
    found = document("verify", world.d.folder)
    assert found["sound"] and {item["name"] for item in found["origins"]} == {"c", "d", "p", "reference"} - {"p"}
    commune = next(item for item in found["origins"] if item["name"] == "c")
    assert commune["digest"] == commune["stated_digest"] == commune["log_digest"]
    assert commune["parents"] == {"p": {"seq": 2, "outcome": "equal", "at": commune["parents"]["p"]["at"]}}


def test_a_rotten_row_is_named_and_put_right_on_demand(world: Exchange) -> None:
    row = world.person("Trần Thị Ánh")
    world.climb()
    world.rot(world.d, row, "0900")
    result = dansync("verify", world.d.folder, "--origin", "c")
    assert result.exit_code == 3
    assert "person Trần Thị Ánh: differs" in result.output
    assert "phone: here '0900', in the log empty" in result.output
    mended = dansync("verify", world.d.folder, "--origin", "c", "--repair")
    assert mended.exit_code == 0 and "c: 1 row was put right." in mended.output
    assert world.equal()


def test_held_back_rows_are_said_to_be_not_compared(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "0900")
    world.phone("1", row)
    world.climb()
    result = dansync("verify", world.d.folder, "--origin", "c", "--repair")
    assert "not compared, 1 rows are held back" in result.output
