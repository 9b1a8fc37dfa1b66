"""What must hold in the simulated world: after every step, and once everything has climbed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node import limits
from node.errors import HoldingError
from node.ids import NodeId, OriginId
from node.mail import Mail
from node.reference import Reference
from tests.simulation.machine import rows_at
from tests.simulation.model import Violation
from tests.simulation.people import INSERT

if TYPE_CHECKING:
    from tests.simulation.world import World

_SENT = "SELECT id, sent_to FROM letter WHERE state = 'sent'"
_HAS_LETTER = "SELECT 1 FROM letter WHERE id = ?"


class Checks:
    """The log guarantees (RELIABILITY E2); each raises ``Violation``."""

    def __init__(self, world: World) -> None:
        self.world = world

    def check(self) -> None:
        """Cheap checks, after every step: every head anywhere is one that a holder has made."""
        world = self.world
        for machine in world.machines.values():
            if machine.store is not None:
                for state in machine.store.states():
                    world.models[state.head.origin].require_minted(state.head, machine.name)

    def check_former_holders(self) -> None:
        """Everybody has heard by now who holds what: whoever held it before is refused."""
        world = self.world
        world.clock.advance_ms(limits.HEALING_HOLD_MS + 1)  # a hold of one that died while it healed ends by itself
        for machine in world.machines.values():
            store = machine.store
            assert store is not None
            for origin in store.own_origins():
                if origin == world.reference or (world.owner[origin] == machine.name and origin not in world.retired):
                    continue
                try:
                    with world.people.capture(store, origin, "too late") as capture:
                        capture.connection.execute(INSERT, (origin, store.new_row_id(world.clock.wall_ms()), "x", ""))
                except HoldingError:
                    world.note("former-holder-refused")
                else:
                    raise Violation(f"owner-only: {machine.name} may write what is no longer its own")

    def check_rows(self) -> None:
        """Row for row, at every tier: the digests against each other, the rows against what was ever written."""
        world = self.world
        for machine in world.machines.values():
            world.observe(machine)
        for origin in world.owner:
            digests = set()
            names = self.copies(origin)
            for name in names:
                store = world.machines[name].store
                assert store is not None
                digests.add(store.digest(origin).value)
                if store.quarantined(origin):
                    raise Violation(f"reliable: {name} holds back rows of {world.owner[origin]}")
            if len(digests) > 1:
                raise Violation(f"reliable: the digests of {world.owner[origin]} differ along the way up")
            if origin == world.reference or origin in world.retired:
                continue
            store = world.machines[names[0]].store
            assert store is not None
            alive = {
                tag
                for machine in world.machines.values()
                for value, tag in machine.held.tags.items()
                if machine.held.origins[value] == origin
            }
            world.models[origin].require(rows_at(store, origin), alive, names[0])

    def check_letters(self) -> None:
        """Whoever is said to have a letter has it, or has had it read: however often its disk was put back."""
        machines = self.world.machines
        for machine in machines.values():
            assert machine.store is not None
            for which, peer in machine.store.connection.execute(_SENT).fetchall():
                there = machines.get(str(peer))
                if there is None or there.store is None:
                    continue
                if there.store.connection.execute(_HAS_LETTER, (which,)).fetchone() is None:
                    raise Violation(f"reliable: {peer} has lost a letter that {machine.name} has sent it")

    def settled(self) -> bool:
        """Everybody has met its parent, no letter is under way, and every copy is its owner's."""
        world = self.world
        self.ask_for_owners()
        if world.met != {name for name, parent in world.tree.items() if parent} or any(map(self.letters, world.tree)):
            return False
        for origin in world.owner:
            stores = [store for name in self.copies(origin) if (store := world.machines[name].store) is not None]
            if len({store.head(origin) for store in stores}) > 1 or any(store.quarantined(origin) for store in stores):
                return False
            if origin not in world.retired and len({store.digest(origin).value for store in stores}) > 1:
                return False
        return not world.deciding.look()

    def letters(self, name: str) -> int:
        world = self.world
        store = world.machines[name].store
        return 0 if store is None else Mail(store, Reference(store)).unread()

    def ask_for_owners(self) -> None:
        """Who holds what, as the authority has it now: it may have been restored to before it ruled."""
        world = self.world
        store = world.machines[world.root].store
        assert store is not None
        reference = Reference(store)
        world.retired.clear()
        for origin in world.owner:
            holdings = reference.holdings(origin)
            if holdings:
                world.owner[origin] = next(str(held.node_id) for held in reversed(holdings) if held.node_id)
                if not holdings[-1].node_id:
                    world.retired.add(origin)
        for name in world.tree:
            node = reference.node(NodeId(name))
            if name != world.root and node is not None and world.tree[name] != node.parent_node_id:
                world.care.settle_below(name, str(node.parent_node_id))
                world.met.discard(name)

    def copies(self, origin: OriginId) -> list[str]:
        """Who must have it in the end: the holder and all above it; reference data, everybody. Of a retired register,
        the root: whoever held it may have more, and not everybody above its last holder may have it.
        """
        world = self.world
        if origin == world.reference:
            return list(world.tree)
        return [world.root] if origin in world.retired else world.path_up(world.owner[origin])

    def lag(self) -> dict[str, str]:
        world = self.world
        return {
            name: " ".join(f"{origin[-2:].hex()}:{self.seq_at(name, origin)}" for origin in world.models)
            + f" letters {self.letters(name)}"
            for name in world.tree
        }

    def seq_at(self, name: str, origin: OriginId) -> int:
        world = self.world
        store = world.machines[name].store
        return 0 if store is None else store.head(origin).seq
