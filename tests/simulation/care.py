"""What operators do in the simulated world: they let old commits go, take copies anew, and move nodes to other parents."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from node.chain import Head
from node.changelog import floor_of
from node.errors import UsageError
from node.ids import NodeId, OriginId
from node.pruning import Budget, Pruner
from tests.simulation.machine import Machine
from tests.simulation.model import Held

if TYPE_CHECKING:
    from tests.simulation.world import World

_SELECT_FLOORS = "SELECT origin FROM origin_head WHERE floor > 0"
_SELECT_ASIDE = "SELECT hash FROM side_commit"


class Care:
    """Every step takes one machine, drawn or named."""

    def __init__(self, world: World) -> None:
        self.world = world

    def prune(self) -> None:
        """Everything goes from a log that may go: what is confirmed above and was found equal."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if machine.up:
            self.prune_at(machine)

    def prune_at(self, machine: Machine) -> None:
        """Copies of the authority's disk that are older are not put back any more: that is what the retention is for."""
        world = self.world
        assert machine.hub is not None
        world.machines[world.root].images.clear()
        pruner = Pruner(machine.running, machine.hub.verifier, has_parent=bool(machine.parent))

        def work() -> None:
            for plan in pruner.plans(Budget(0)):
                if plan.does_something:
                    for _ in pruner.carry_out(plan):
                        world.note("pruned")

        world.handle(machine, work, f"prune {machine.name}")

    def take_anew(self) -> None:
        """Somebody wants a copy to be taken anew from the child that brings it."""
        world = self.world
        machine = world.machines[world.rng.choice([name for name in world.tree if name not in world.leaves])]
        hub = machine.hub
        if hub is None:
            return
        copies = [s.head.origin for s in machine.running.states() if not s.own and not s.flow and s.head.seq]
        if copies:
            origin = world.rng.choice(copies)
            world.note("asked-anew")
            world.handle(machine, lambda: hub.snapshots.ask_anew(origin), f"ask anew {machine.name}")

    def move(self) -> None:
        """A commune gets another parent. Somebody tells it at its own machine; the parents hear of it when they do."""
        world = self.world
        root = world.machines[world.root]
        child = world.rng.choice(world.communes)
        closed = {*world.communes, world.tree[child], *world.replacing.dissolved()}
        parent = world.rng.choice([name for name in world.tree if name not in closed] or [""])
        if parent and root.up and root.disk.fuse is None:
            self.move_to(child, parent)

    def move_to(self, child: str, parent: str) -> None:
        """The authority, which is up, rules so."""
        world = self.world
        root = world.machines[world.root]
        moved: list[bool] = []

        def work() -> None:
            try:
                world.authority.move(NodeId(child), NodeId(parent), by="clerk")
            except UsageError:  # a restored authority may think that it is there already
                world.note("not-moved")
            else:
                moved.append(True)

        world.handle(root, work, f"move {child} {parent}")
        if moved:
            world.note("moved")
            self.settle_below(child, parent)

    def settle_below(self, child: str, parent: str) -> None:
        """The child dials that parent from now on."""
        world = self.world
        if world.tree[child] == parent:
            return
        link = world.links.open.get(child)
        if link is not None:
            world.links.drop(link)
        world.tree[child] = parent

    # --- what the model hears ----------------------------------------------------------------------------------------

    def floors(self, machine: Machine) -> dict[OriginId, Head]:
        """Where the logs of a store begin, if not at the beginning."""
        connection = machine.running.connection
        rows = connection.execute(_SELECT_FLOORS).fetchall()
        return {OriginId(cast("bytes", row[0])): floor_of(connection, OriginId(cast("bytes", row[0]))) for row in rows}

    def inherit(self, machine: Machine, floor: Head) -> None:
        """A snapshot has come: it has the effect of all commits up to there of whoever had them as commits."""
        for other in self.world.machines.values():
            if floor.hash in other.held.tags and other is not machine:
                self._inherit_from(other, machine.held, floor)
        machine.held.tags.setdefault(floor.hash, "")
        machine.held.origins.setdefault(floor.hash, floor.origin)

    def _inherit_from(self, other: Machine, held: Held, floor: Head) -> None:
        minted = self.world.models[floor.origin].minted
        aside: set[bytes] = set()
        if other.store is not None:
            aside = {cast("bytes", row[0]) for row in other.store.connection.execute(_SELECT_ASIDE)}
        for value, origin in other.held.origins.items():
            if origin == floor.origin and value not in aside and minted.get(value, floor.seq + 1) <= floor.seq:
                held.tags.setdefault(value, other.held.tags[value])
                held.origins.setdefault(value, origin)
