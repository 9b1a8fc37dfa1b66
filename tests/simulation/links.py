"""The links of the simulated world: sessions between two machines, and frames that are lost, doubled or late."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hub.session import ParentEndpoint
from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId
from node.session import ChildEndpoint
from tests.simulation.machine import Machine
from tests.simulation.model import Violation
from tests.simulation.rates import PEACE

if TYPE_CHECKING:
    from tests.simulation.world import World

QUIET_TURNS: Final = 6
"""A session in which nothing happens for so many turns is cut."""
SESSION_MS_MAX: Final = 100 * (limits.PROBE_TIMEOUT_MS + 1)
"""A drain that lasts longer comes to no end: heartbeats alone keep it alive."""
_SELECT_ACKNOWLEDGED: Final = "SELECT origin, hash FROM acknowledged WHERE peer = :which"


@dataclass(slots=True)
class Link:
    """A session between two nodes and what is under way in it, as frames."""

    child: str
    parent: str
    child_end: ChildEndpoint
    parent_end: ParentEndpoint
    told: dict[OriginId, Hash] = field(default_factory=dict)
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)


class Links:
    """The sessions that are open, by child."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.open: dict[str, Link] = {}

    def connect(self) -> None:
        """Some child dials its parent, to stay or to drain."""
        world = self.world
        child = world.machines[world.rng.choice([name for name, parent in world.tree.items() if parent])]
        if self.can_dial(child):
            self.dial(child, follow=world.rates is not PEACE and world.rng.random() < 0.5)

    def can_dial(self, child: Machine) -> bool:
        """Whether both are up and the child has no session."""
        return child.up and bool(child.parent) and self.world.machines[child.parent].up and child.name not in self.open

    def dial(self, child: Machine, *, follow: bool) -> None:
        """A session begins; nothing has arrived yet."""
        world = self.world
        parent = world.machines[child.parent]
        store, hub, peer = child.running, parent.hub, child.peer
        assert hub is not None

        def work() -> None:
            endpoint = ChildEndpoint(
                store, key=child.key, follow=follow, release="simulated", parent=NodeId(parent.name)
            )
            link = Link(child.name, parent.name, endpoint, ParentEndpoint(hub, peer))
            link.told = self.acknowledged(link)
            self.open[child.name] = link
            endpoint.start()

        world.handle(child, work, f"connect {child.name}")

    def converse(self, name: str, *, frames: int | None = None, half_open: bool = False) -> str:
        """One session of a child with its parent, from Hello to its end, or to a cut after so many ``frames``, of which the
        parent knows nothing if it is ``half_open``.

        Returns how it ended: the code of the child's side, "cut", or "" if the two did not meet.
        """
        world = self.world
        child = world.machines[name]
        if not self.can_dial(child):
            return ""
        self.dial(child, follow=False)
        link = self.open.get(name)
        carried, quiet, began = 0, 0, world.clock.monotonic_ms()
        while link is not None and self.open.get(name) is link:
            parent = world.machines[link.parent]
            if carried == frames or quiet > QUIET_TURNS:
                world.note(f"cut {name}")
                self.drop(link, half_open=half_open)
                return "cut"
            if link.up or link.down:
                upward = bool(link.up)
                carried, quiet = carried + 1, 0
                self.arrive(link, (link.up if upward else link.down).popleft(), upward=upward)
            elif parent.hub is not None and parent.hub.queued:
                self._apply(parent)
            elif world.clock.monotonic_ms() - began > SESSION_MS_MAX:
                raise Violation(f"live: the session of {name} with {link.parent} comes to no end")
            else:  # somebody waits for time to pass: for a sign of life of an older session
                quiet += 1
                world.clock.advance_ms(limits.PROBE_TIMEOUT_MS + 1)
                world.handle(parent, link.parent_end.tick, f"tick {link.parent}")
                world.handle(child, link.child_end.tick, f"tick {name}")
        return link.child_end.closed.code if link is not None and link.child_end.closed is not None else "cut"

    def deliver(self) -> None:
        """One frame of one link arrives, if there is one; it may be lost, doubled or overtaken by time."""
        world = self.world
        busy = [
            link
            for link in self.open.values()
            if link.up or link.down or link.child_end.outbox or link.parent_end.outbox
        ]
        if not busy:
            return
        link = world.rng.choice(sorted(busy, key=lambda item: item.child))
        self.ship(link)
        upward = bool(link.up) and (not link.down or world.rng.random() < 0.5)
        queue = link.up if upward else link.down
        if not queue:
            return
        chance = world.rng.random()
        frame = queue.popleft()
        if chance < world.rates.frame_dropped:
            world.note("dropped")
            return
        if chance < world.rates.frame_dropped + world.rates.frame_doubled:
            queue.appendleft(frame)
            world.note("doubled")
        elif chance < world.rates.frame_dropped + world.rates.frame_doubled + world.rates.frame_delayed:
            queue.appendleft(frame)
            world.note("delayed")
            world.clock.advance_ms(world.rng.randint(1, 2_000))
            return
        self.arrive(link, frame, upward=upward)

    def arrive(self, link: Link, frame: bytes, *, upward: bool) -> None:
        world = self.world
        machine = world.machines[link.parent if upward else link.child]

        def work() -> None:
            end = link.parent_end if upward else link.child_end
            try:
                end.receive_frame(frame)
            except FrameRefused as error:
                end.violated(error.code, error.message)
            if not upward:
                self.told(link)

        world.handle(machine, work, f"deliver {link.child} {'up' if upward else 'down'}")

    def ship(self, link: Link) -> None:
        """What the ends want to send is on its way from now on."""
        world = self.world
        while link.child_end.outbox:
            link.up.append(link.child_end.encode(link.child_end.outbox.popleft()))
        while link.parent_end.outbox:
            link.down.append(link.parent_end.encode(link.parent_end.outbox.popleft()))
        if link.child_end.closed is not None and not link.up and not link.down:
            if link.child_end.closed.clean:
                world.note("finished")
                world.met.add(link.child)
                world.replacing.came_back(world.machines[link.child])
            self.drop(link)

    def acknowledged(self, link: Link) -> dict[OriginId, Hash]:
        world = self.world
        store = world.machines[link.child].store
        assert store is not None
        rows = store.connection.execute(_SELECT_ACKNOWLEDGED, {"which": link.parent})
        return {OriginId(row[0]): Hash(row[1]) for row in rows}

    def told(self, link: Link) -> None:
        """What the child has written down as acknowledged is a promise of its parent: the commit is on its disk."""
        world = self.world
        if world.machines[link.child].store is None:
            return
        for origin, value in self.acknowledged(link).items():
            if (
                value not in (link.told.get(origin), GENESIS_HASH)
                and value not in world.machines[link.parent].held.tags
            ):
                raise Violation(f"receipt-true: {link.parent} acknowledged a commit that it has not")
            link.told[origin] = value

    def apply(self) -> None:
        world = self.world
        waiting = [m for m in world.machines.values() if m.hub is not None and m.up and m.hub.queued]
        if not waiting:
            return
        self._apply(world.rng.choice(waiting))

    def _apply(self, machine: Machine) -> None:
        hub = machine.hub
        assert hub is not None
        self.world.handle(machine, lambda: void(hub.apply_group()), f"apply {machine.name}")

    def advance(self) -> None:
        """A child looks for news in its own store, as the daemon does."""
        world = self.world
        if not self.open:
            return
        link = self.open[world.rng.choice(sorted(self.open))]
        world.handle(world.machines[link.child], link.child_end.wake, f"advance {link.child}")
        if link.child in self.open:
            world.handle(world.machines[link.parent], link.parent_end.wake, f"notify {link.parent}")

    def cut(self) -> None:
        world = self.world
        if not self.open:
            return
        link = self.open[world.rng.choice(sorted(self.open))]
        world.note(f"cut {link.child}")
        self.drop(link)

    def tick(self) -> None:
        world = self.world
        world.clock.advance_ms(world.rng.choice(world.rates.tick_ms))
        for link in list(self.open.values()):
            world.handle(world.machines[link.child], link.child_end.tick, f"tick {link.child}")
            if link.child in self.open:
                world.handle(world.machines[link.parent], link.parent_end.tick, f"tick {link.parent}")

    def drop(self, link: Link, *, half_open: bool | None = None) -> None:
        """The child dials anew at once; the parent may not have noticed yet (default: by chance), and what it has queued
        is still applied.
        """
        world = self.world
        if world.machines[link.child].up:  # else nobody is there to notice
            link.child_end.link_lost()
        if half_open is None:
            half_open = world.rng.random() >= 0.5
        if half_open:
            world.note("half-open")
        else:
            link.parent_end.link_lost()
        self.open.pop(link.child, None)


def void(_: list[Head]) -> None:
    """Heads that nobody here waits for: children are asked to look for news by ``advance``."""
