"""A rehearsal in one process: real stores, the product's own session shells, links in memory that the seed cuts."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from hub.desk.desk import CaseDesk
from hub.session import Hub, ParentEndpoint, Peer
from node.clock import ManualClock
from node.errors import StoreDamaged
from node.protocol.messages import ChildMessage, ParentMessage
from node.session import ChildEndpoint
from node.store import Store
from ops.rehearsal.enrolling import Credentials, enrol_tree
from ops.rehearsal.plan import Plan, Recording
from ops.release import RELEASE

Progress = Callable[[str, int, int], None]

RESTART_CHANCE: Final = 0.01  # of a step: a node is closed and opened again
DESK_CHANCE: Final = 0.3  # of a step: the case desk of a root does something
FRAMES_MAX: Final = 40  # frames that a link carries before the next step
SESSIONS_PER_NODE: Final = 4  # faulty steps beside the recording, for each node
IDLE_ROUNDS_MAX: Final = 3


class _Link:
    def __init__(self, child: str, parent: str, child_end: ChildEndpoint, parent_end: ParentEndpoint) -> None:
        self.child = child
        self.parent = parent
        self.child_end = child_end
        self.parent_end = parent_end

    def carry(self, frames: int) -> int:
        """Carry up to so many messages, in either direction; returns how many there were."""
        carried = 0
        while carried < frames:
            if self.child_end.outbox:
                self.parent_end.receive(cast("ChildMessage", self.child_end.outbox.popleft()))
            elif self.parent_end.outbox:
                self.child_end.receive(cast("ParentMessage", self.parent_end.outbox.popleft()))
            else:
                break
            carried += 1
        return carried

    @property
    def over(self) -> bool:
        return self.child_end.closed is not None


class InProcessTree:
    """All nodes of a plan. ``run`` records, connects and cuts until everything is at the roots."""

    def __init__(self, plan: Plan, work: Path, seed: int) -> None:
        self._plan = plan
        self._work = work
        self._links_rng = random.Random(f"links {seed}")
        self._desks_rng = random.Random(f"desks {seed}")  # apart, so that links do the same whatever desks do
        self._clock = ManualClock(plan.start_ms)
        self.stores: dict[str, Store] = {}
        self._hubs: dict[str, Hub] = {}
        self._links: dict[str, _Link] = {}
        self._recordings: dict[str, Recording] = {}
        self._credentials: dict[str, Credentials] = {}

    def run(self, progress: Progress) -> None:
        topology = self._plan.topology
        for row in topology.top_down():
            self._plan.found(row.node_id, self._path(row.node_id))
        self._credentials = enrol_tree(self._plan, self._path)
        for row in topology.top_down():
            self._open(row.node_id)
            recording = Recording(self._plan, row.node_id, self.stores[row.node_id], self._plan.rejects.append)
            if not recording.done:
                self._recordings[row.node_id] = recording
        total = sum(len(r.households) + len(r.persons) + len(r.events) for r in self._plan.rows.values())
        self._unruly(progress, total)
        self._drain(progress)

    def close(self) -> None:
        for store in self.stores.values():
            store.close()

    # --- the unruly part ---------------------------------------------------------------------------------------------

    def _unruly(self, progress: Progress, total: int) -> None:
        """Record everything; meanwhile links come and go and nodes are restarted."""
        rng = self._links_rng
        waiting = sorted(self._recordings)
        children = [row.node_id for row in self._plan.topology.top_down() if row.parent_id]
        extra = SESSIONS_PER_NODE * len(children)
        done = 0
        while waiting or extra > 0:
            self._clock.advance_ms(rng.randint(1, 500))
            if waiting and (extra <= 0 or rng.random() < 0.5):
                node_id = rng.choice(waiting)
                recording = self._recordings[node_id]
                done += recording.step()
                progress("record", done, total)
                if recording.done:
                    waiting.remove(node_id)
            elif children:
                extra -= 1
                self._disturb(rng, rng.choice(children))
            else:
                extra = 0
            self._look_into_cases()

    def _look_into_cases(self) -> None:
        """Now and then a root looks at what has come so far: nothing of it may show in the end."""
        if self._desks_rng.random() < DESK_CHANCE:
            CaseDesk(self.stores[self._desks_rng.choice(self._plan.topology.roots)]).step()

    def _disturb(self, rng: random.Random, child: str) -> None:
        link = self._links.get(child)
        if link is None:
            self._connect(child, follow=rng.random() < 0.5)
        elif rng.random() < 0.3:
            self._cut(child)
        else:
            link.child_end.advanced()
        for other in rng.sample(sorted(self._links), k=min(3, len(self._links))):
            self._carry(self._links[other], rng.randint(1, FRAMES_MAX))
        if rng.random() < RESTART_CHANCE and child not in self._recordings:
            self._restart(child)

    def _carry(self, link: _Link, frames: int) -> int:
        carried = link.carry(frames)
        hub = self._hubs[link.parent]
        while hub.queued and self._links_rng.random() < 0.8:
            hub.apply_group()
        if link.over:
            self._links.pop(link.child, None)
        return carried

    def _connect(self, child: str, *, follow: bool) -> None:
        parent = self._plan.topology[child].parent_id
        identity = self._credentials[child].identity
        endpoint = ChildEndpoint(self.stores[child], key=identity.key, follow=follow, release=RELEASE)
        peer = Peer(identity.node_id, identity.certificate.serial, identity.certificate.not_after_ms)
        link = self._links[child] = _Link(child, parent, endpoint, ParentEndpoint(self._hubs[parent], peer))
        endpoint.start()
        self._carry(link, FRAMES_MAX)

    def _cut(self, child: str) -> None:
        link = self._links.pop(child)
        link.child_end.link_lost()
        link.parent_end.link_lost()

    def _restart(self, node_id: str) -> None:
        for child, link in list(self._links.items()):
            if node_id in (link.child, link.parent):
                self._cut(child)
        self.stores[node_id].close()
        self._open(node_id)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _drain(self, progress: Progress) -> None:
        """Without faults: from the roots down, so that all know the reference data, then from below up to the roots."""
        for child in list(self._links):
            self._cut(child)
        for hub in self._hubs.values():
            while hub.queued:
                hub.apply_group()
        down = [row.node_id for row in self._plan.topology.top_down() if row.parent_id]
        order = [*down, *reversed(down)]
        for number, child in enumerate(order, 1):
            self._drain_child(child)
            progress("drain", number, len(order))

    def _drain_child(self, child: str) -> None:
        """One session, to its end."""
        self._connect(child, follow=False)
        idle = 0
        while child in self._links:
            link = self._links[child]
            hub = self._hubs[link.parent]
            carried = self._carry(link, 10_000)
            while hub.queued:
                hub.apply_group()
                carried += 1
            idle = 0 if carried else idle + 1
            if idle > IDLE_ROUNDS_MAX:
                raise StoreDamaged(
                    f"The session of {child} with {link.parent} stands still.",
                    hint="This is a bug of dansync: keep the bundle and the seed, and report them.",
                )

    # --- nodes -------------------------------------------------------------------------------------------------------

    def _path(self, node_id: str) -> Path:
        return self._work / f"{node_id.replace('/', '_')}.db"

    def _open(self, node_id: str) -> None:
        source = random.Random(self._links_rng.random())  # tickets only; what is recorded has the bundle's own chance
        store = self.stores[node_id] = Store.open(self._path(node_id), clock=self._clock, source=source)
        self._hubs[node_id] = Hub(store, self._credentials[node_id].identity.key, source, RELEASE)
