"""What happens to machines in the simulated world: power, kills, copies of disks and older copies put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.disk import Snapshot
from tests.simulation.machine import Machine
from tests.simulation.model import Held

if TYPE_CHECKING:
    from tests.simulation.world import World


class Mishaps:
    """Every one takes one machine, drawn or named."""

    def __init__(self, world: World) -> None:
        self.world = world

    def backup(self) -> None:
        """Somebody copies the disk of a running machine, well enough for the copy to be whole."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if machine.store is None or machine.disk.fuse is not None:
            return
        machine.images.append(machine.image())
        world.note("backup")

    def restore(self) -> None:
        """The disk becomes an older copy of itself; what was on it is gone, or is a clone that may come back."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if not machine.images:
            return
        image, held = machine.images.pop(world.rng.randrange(len(machine.images)))
        if machine.store is not None and machine.disk.fuse is None and world.rng.random() < 0.5:
            machine.images.append(machine.image())
            world.note("clone")
        world.note("restore")
        self.put_back(machine, (image, held))
        if world.rng.random() < 0.6:  # people go on working before there is a link
            world.boot(machine)
            for _ in range(world.rng.randint(1, 3)):
                world.people.write(machine)

    def put_back(self, machine: Machine, image: tuple[Snapshot, Held]) -> None:
        """The disk becomes that copy; the machine is off."""
        world = self.world
        if machine.store is not None:
            world.down(machine)
        snapshot, held = image
        machine.disk.restore(snapshot)
        machine.held = held.copy()
        machine.asked.clear()
        machine.suspect |= {(rot.origin, rot.row_id) for rot in world.decay.seen if rot.machine == machine.name}

    def lose(self, machine: Machine) -> None:
        """The machine is gone for good, with its disk and every copy of it; another one waits to be admitted."""
        self.world.note(f"lost {machine.name}")
        self.world.down(machine)
        machine.begin_anew()

    def power(self) -> None:
        """The power goes between two steps, or comes back."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if machine.up:
            world.note(f"power-loss {machine.name}")
            machine.disk.cut_power()
            world.down(machine)
        else:
            world.boot(machine)

    def kill(self) -> None:
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if machine.up:
            world.note(f"killed {machine.name}")
            machine.disk.restart()
            world.down(machine)
            world.boot(machine)

    def fuse(self) -> None:
        """The power will go inside some handler."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        if machine.up and machine.disk.fuse is None:
            machine.disk.fuse = world.rng.randint(1, 25)
