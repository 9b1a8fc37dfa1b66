"""A register that is handed up or down its own branch, as when a district ends and a commune goes on with its register."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.ids import OriginId, RowId, Seq
from tests.simulation.machine import rows_at
from tests.simulation.model import Write
from tests.simulation.people import INSERT
from tests.simulation.story import CHAIN
from tests.simulation.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World(0, tree=CHAIN)
    world.settle()
    yield world
    world.close()


def enter(world: World, node: str, origin: OriginId, name: str) -> None:
    machine = world.machines[node]
    row = machine.running.new_row_id(world.clock.wall_ms())
    world.people.commit(machine, origin, [(INSERT, (origin, row, name, ""))], [Write(name, row, "full_name", name, "")])


def names(world: World, node: str, origin: OriginId) -> list[str]:
    rows: dict[RowId, tuple[str, str]] = rows_at(world.machines[node].running, origin)
    return sorted(name for name, _ in rows.values())


@pytest.mark.parametrize("giver", ["nation", "province", "district"])
@pytest.mark.parametrize("unaware", [False, True], ids=["at once", "the giver writes on, unaware"])
def test_it_goes_on_where_it_was_handed_to(world: World, giver: str, *, unaware: bool) -> None:
    origin = world.machines[giver].running.own_origin()
    enter(world, giver, origin, "An")
    world.settle()
    world.people.hand_over_to(origin, "commune")
    world.observe(world.machines[world.root])
    if unaware and giver != "nation":
        enter(world, giver, origin, "Binh")
    world.settle()
    enter(world, "commune", origin, "Chi")
    world.settle()
    world.checks.check_rows()
    expected = ["An", "Binh", "Chi"] if unaware and giver != "nation" else ["An", "Chi"]
    for node in world.path_up("commune"):
        assert names(world, node, origin) == expected, node
    world.checks.check_former_holders()
    assert world.machines["commune"].running.head(origin).seq > Seq(2)
    world.machines[giver].disk.restart()
    world.down(world.machines[giver])
    world.boot(world.machines[giver], faults=False)
    codes = {alarm.code for alarm in world.machines[giver].running.alarms()}
    assert "commits_missing" not in codes, "what left the log on purpose is not missed"


@pytest.mark.parametrize("heir", ["district", "province", "nation"])
def test_what_the_giver_writes_unaware_goes_on_at_a_node_above_it(world: World, heir: str) -> None:
    origin = world.machines["commune"].running.own_origin()
    enter(world, "commune", origin, "An")
    world.settle()
    world.people.hand_over_to(origin, heir)
    world.observe(world.machines[world.root])
    enter(world, "commune", origin, "Binh")
    world.settle()
    enter(world, heir, origin, "Chi")
    world.settle()
    world.checks.check_rows()
    for node in world.path_up(heir):
        assert names(world, node, origin) == ["An", "Binh", "Chi"], node
    world.checks.check_former_holders()
