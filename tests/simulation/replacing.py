"""Machines and nodes that go in the simulated world: a disk that is lost as a whole, a district that is dissolved."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from node.draining import Remains, older_points, points, remains, send_rest
from node.errors import UsageError
from node.healing import Healer
from node.identity.certificates import make_request
from node.identity.keys import NodeKey
from node.identity.statements import join_statement
from node.ids import NodeId
from node.receipts import confirm, keep
from node.reference import DISSOLVED, Reference
from node.takeover import held_here
from tests.simulation.machine import Machine
from tests.simulation.model import Violation

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

    # --- a district ends ---------------------------------------------------------------------------------------------

    def dissolve(self) -> None:
        """Its children are given to another hub, and what it wrote itself goes on at its parent. It keeps its machine,
        and whatever is only there.
        """
        world = self.world
        root = world.machines[world.root]
        ended = self.dissolved()
        hubs = [name for name in world.tree if name not in (*world.communes, *ended)]
        district = world.rng.choice([*(name for name in hubs if name != world.root), ""])
        if district and root.up and root.disk.fuse is None:
            self.dissolve_node(district, world.rng.choice([name for name in hubs if name != district]))

    def dissolve_node(self, district: str, heir: str) -> None:
        """The authority, which is up, rules so; ``heir`` is the hub below which the children belong from now on."""
        world = self.world
        for child in [name for name, parent in world.tree.items() if parent == district]:
            world.care.move_to(child, heir)
        ended: list[bool] = []

        def work() -> None:
            try:
                world.authority.dissolve(NodeId(district), by="clerk")
            except UsageError:  # a restored authority may have other children below it, of which it will hear
                world.note("not-dissolved")
            else:
                ended.append(True)

        world.handle(world.machines[world.root], work, f"dissolve {district}")
        if ended:
            world.note("dissolved")

    def dissolved(self) -> set[str]:
        """Nodes below which nobody may belong, as the authority has it now."""
        root = self.world.machines[self.world.root]
        nodes = Reference(root.running).nodes() if root.up else ()
        return {str(node.node_id) for node in nodes if node.state == DISSOLVED}

    def send_the_rest(self, machine: Machine) -> None:
        """What a dissolved node cannot send any more itself goes to the holder as letters."""
        self.world.handle(machine, lambda: void(self._remains(machine)), f"drain {machine.name}")

    def require_drained(self) -> None:
        """Everything has climbed: ``dansync drain`` at a dissolved node says that nothing is only there."""
        for name in sorted(self.dissolved()):
            machine = self.world.machines[name]
            found = self._remains(machine)
            if found.left:
                lines = [(line.standing, line.own, line.head.seq, line.reason) for line in found.lines]
                raise Violation(f"drained: {name}, which was dissolved, still has {found.letters} letters, {lines}")
            self.world.note("drained")

    def _remains(self, machine: Machine) -> Remains:
        """One round of asking the parent for receipts, after a session."""
        above = self.world.machines[machine.parent]
        store, reference, parent = machine.running, Reference(machine.running), NodeId(above.name)
        healer = Healer(store, reference, machine.key)
        receipts = confirm(above.running, above.key, points(store))
        keep(store, parent, receipts)
        again = confirm(above.running, above.key, older_points(store, reference, parent))
        keep(store, parent, again)
        send_rest(store, reference, healer, [*receipts, *again])
        return remains(store, reference, healer, parent)


def void(_: Remains) -> None:
    """Looked at later."""
