"""Machines and nodes that go in the simulated world: a disk that is lost as a whole, a district that is dissolved."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from node.identity.certificates import make_request
from node.identity.keys import NodeKey
from node.identity.statements import join_statement
from node.ids import NodeId
from node.reference import DISSOLVED, Reference
from node.takeover import held_here
from tests.simulation.machine import Machine

if TYPE_CHECKING:
    from tests.simulation.world import World


class Replacing:
    """Every step takes one machine, drawn or named."""

    def __init__(self, world: World) -> None:
        self.world = world

    # --- a machine with an empty disk ------------------------------------------------------------------------------

    def reimage(self) -> None:
        """A PC gets a new disk, or a hub has lost its database: it is invited again, and restores from its parent."""
        world = self.world
        root = world.machines[world.root]
        machine = world.machines[world.rng.choice([name for name in world.tree if name != world.root])]
        known = Reference(root.running).node(NodeId(machine.name)) if root.up else None
        if root.up and root.disk.fuse is None and known is not None and known.state != DISSOLVED:
            self.reimage_of(machine)

    def reimage_of(self, machine: Machine) -> None:
        """The authority, which is up, lets it in with another key. Older copies of the authority's disk are not put back
        any more: nobody below would know that machine.
        """
        world = self.world
        root = world.machines[world.root]
        root.images.clear()
        world.mishaps.lose(machine)
        with machine.disk.running():
            machine.start(anew=True)
        machine.running.trust(world.reference, root.key.public)
        authority, name = world.authority, NodeId(machine.name)
        known = authority.reference.node(name)
        assert known is not None
        key = NodeKey.derived(Random(f"{world.seed} {machine.name} {machine.lives} invitation"))
        token = authority.invite(name, known.parent_node_id, known.tier, by="clerk", key=key)
        request = make_request(machine.key, name)
        answer = authority.enrol(token.certificate, request, key.sign(join_statement(request)), ())
        assert answer.certificate is not None, answer
        machine.certificate = answer.certificate
        world.note("reimaged")
        world.observe(machine)
        world.observe(root)

    def came_back(self, machine: Machine) -> None:
        """A session has come to its end: what the parent had is there, and people may write again."""
        store = machine.store
        if store is None or not store.restoring:
            return
        if all(head.seq for head in held_here(store, Reference(store))):
            self.world.handle(machine, store.restored, f"restored {machine.name}")
            self.world.note("restored-from-parent")
