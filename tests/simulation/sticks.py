"""Sticks in the simulated world: files that are carried by hand between a child and its parent, lost, late, or twice."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from hub.courier import CargoTaken, pack_receipt, take_cargo
from node.courier.cargo import pack_cargo
from node.courier.delivery import take_delivery
from node.courier.packing import Packed, Sender
from node.courier.parcel import Parcel
from node.errors import CourierRefused, UsageError
from node.identity.folder import Identity
from node.identity.keys import NodeKey
from node.ids import NodeId
from node.reference import Reference
from tests.simulation.machine import Machine

if TYPE_CHECKING:
    from tests.simulation.world import World

KEPT_MAX: Final = 3
"""Files in somebody's pocket; the oldest is lost."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A file that is for ``machine``: a cargo goes up, a receipt comes down."""

    path: Path
    machine: str
    child: str


class Sticks:
    """What is packed and not yet delivered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = Path(tempfile.mkdtemp(prefix="sticks-"))
        self.kept: list[Carried] = []
        self.packed = 0

    def carry(self) -> None:
        """A commune packs what its parent lacks, or somebody puts a file in that was packed before, perhaps again."""
        world = self.world
        if self.kept and world.rng.random() < 0.7:
            item = world.rng.choice(self.kept)
            if world.rng.random() < 0.7:
                self.kept.remove(item)
            self.deliver(item)
        else:
            child = world.machines[world.rng.choice(world.communes)]
            if child.up:
                self.pack(child)

    def pack(self, child: Machine) -> None:
        world = self.world

        def work() -> None:
            try:
                packed = pack_cargo(self._sender(child), self._stick(), make_key=self._key)
            except UsageError:  # it does not know its parent's key yet
                world.note("not-packed")
            else:
                self._keep(packed, child.parent, child.name)
                world.note("packed")

        world.handle(child, work, f"pack {child.name}")

    def deliver(self, item: Carried) -> None:
        world = self.world
        machine = world.machines[item.machine]
        if not machine.up:
            return

        def work() -> None:
            try:
                parcel = Parcel.open(item.path, self._identity(machine))
                if item.machine == item.child:
                    take_delivery(self._sender(machine), parcel)
                else:
                    self._answer(machine, item.child, take_cargo(self._sender(machine), parcel))
            except CourierRefused:  # it has another parent now, or another machine has its name
                world.note("stick-refused")
            else:
                world.note("stick-taken")

        world.handle(machine, work, f"stick {item.child} at {item.machine}")

    def _answer(self, parent: Machine, child: str, taken: CargoTaken) -> None:
        packed = pack_receipt(self._sender(parent), NodeId(child), self._stick(), cargo=[taken], make_key=self._key)
        self._keep(packed, child, child)

    def _keep(self, packed: Packed, machine: str, child: str) -> None:
        self.kept += [Carried(path, machine, child) for path in packed.files]
        del self.kept[:-KEPT_MAX]

    def _stick(self) -> Path:
        self.packed += 1
        return self.folder / str(self.packed)

    def _key(self) -> NodeKey:
        return NodeKey.derived(Random(f"{self.world.seed} stick {self.packed}"))

    def _identity(self, machine: Machine) -> Identity:
        world = self.world
        certificate, authority = machine.certificate, world.machines[world.root].certificate
        assert certificate is not None and authority is not None
        roots = world.certificates.certificate
        return Identity(NodeId(machine.name), machine.key, certificate, roots, authority)

    def _sender(self, machine: Machine) -> Sender:
        return Sender(machine.running, Reference(machine.running), self._identity(machine), "simulated")

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
