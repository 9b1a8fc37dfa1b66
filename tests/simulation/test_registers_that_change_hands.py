"""A register that is handed up or down its own branch, as when a district ends and a commune goes on with its register."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.ids import OriginId, RowId, Seq
from node.replay import triggers_off
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
def test_a_copy_that_has_rotted_does_not_become_the_register(world: World, heir: str) -> None:
    origin = world.machines["commune"].running.own_origin()
    enter(world, "commune", origin, "An")
    world.settle()
    store = world.machines[heir].running
    with store.database.transaction() as connection, triggers_off(connection):
        connection.execute("UPDATE person SET full_name = 'rot' WHERE origin = ?", (origin,))
    world.people.hand_over_to(origin, heir)
    world.observe(world.machines[world.root])
    world.settle()
    assert names(world, heir, origin) == ["An"]
    assert "rot_repaired" in {alarm.code for alarm in store.alarms()}


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


@pytest.mark.parametrize("giver_parent", ["root", "side"])
@pytest.mark.parametrize("heir_parent", ["root", "middle"])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_ruling_that_comes_back_takes_the_history_that_it_names_for_the_true_one(
    count: int, heir_parent: str, giver_parent: str
) -> None:
    """The authority and the giver are both restored to before the handover; the giver writes on, with fewer, as many or
    more commits than there were, and meets the authority first, and the heir brings the ruling back.
    """
    tree = {"root": "", "side": "root", "giver": giver_parent, "middle": "root", "heir": heir_parent}
    world = World(0, tree=tree)
    world.settle()
    root, giver = world.machines["root"], world.machines["giver"]
    origin = giver.running.own_origin()
    restored = [root, giver, world.machines["side"]]
    copies = {machine.name: machine.image() for machine in restored}
    for name in ("An", "Binh", "Chi"):
        enter(world, "giver", origin, name)
    world.settle()
    world.people.hand_over_to(origin, "heir")
    world.observe(root)
    world.settle()
    for machine in restored:
        world.mishaps.put_back(machine, copies[machine.name])
        world.boot(machine, faults=False)
    unaware = ("Dung", "Em", "Giang", "Hoa")[:count]
    for name in unaware:
        enter(world, "giver", origin, name)
    for node in ("giver", "side"):
        world.links.converse(node)
    false = giver.running.head(origin)
    for _ in range(6):
        for node in ("heir", "middle", "giver", "side"):
            held = world.machines["root"].running.hash_at(origin, false.seq) == false.hash
            world.links.converse(node)
            again = world.machines["root"].running.hash_at(origin, false.seq) == false.hash
            assert held or not again, "what was given up does not come again"
    world.settle()
    assert names(world, "root", origin) == names(world, "heir", origin)
    assert {"An", "Binh", "Chi", *unaware} <= set(names(world, "heir", origin))
    world.close()
