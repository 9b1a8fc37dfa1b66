"""A rehearsal with real processes: `dansync run` for every node, gRPC over cables that are unplugged, nodes that are
killed.

The seed says when. Recording goes into each node's store from here, as the command line does it while a node runs.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Final

from hub.authority import Authority
from node.clock import SystemClock
from node.errors import PeerUnavailable, UsageError
from node.ids import NodeId
from node.store import Store
from ops.config import STORE_NAME, NodeConfig
from ops.enrolment import authority_of, enrol, found_authority
from ops.rehearsal.enrolling import enrol_tree
from ops.rehearsal.inprocess import Progress
from ops.rehearsal.nodes import NodeProcess, free_port
from ops.rehearsal.plan import AUTHOR, SLICE_EVENTS_MAX, Plan, Recording
from ops.rehearsal.relay import Relay, RelayLoop
from ops.rehearsal.verify import holders_of_copies

_CLOCK: Final = SystemClock()
NODES_MAX: Final = 40  # processes on one small machine: about 60 MB and one second of a core each to start
RECONNECT_MS_MAX: Final = 2_000  # a handful of children, and somebody is watching
DRAIN_SECONDS_MAX: Final = 300.0
DISTURBANCES_PER_NODE: Final = 1


class ProcessTree:
    """All nodes of a plan as processes. ``run`` records, unplugs and kills until everything is at the roots."""

    def __init__(self, plan: Plan, work: Path, seed: int) -> None:
        if len(plan.topology) > NODES_MAX:
            raise UsageError(
                f"The bundle has {len(plan.topology)} nodes; at most {NODES_MAX} run as processes on one machine.",
                hint="Rehearse it in one process: dansync rehearse --in-process",
            )
        self._plan = plan
        self.work = work
        self._rng = random.Random(f"links {seed}")
        self._relays = RelayLoop()
        self.nodes: dict[str, NodeProcess] = {}
        self.cables: dict[str, Relay] = {}
        self.stores: dict[str, Store] = {}
        """Open in this process too, to record and, in the end, to read."""

    def found(self) -> None:
        """Make every node's folder, store and cable."""
        topology = self._plan.topology
        ports: dict[str, int] = {}
        for row in topology.top_down():
            folder = self.work / row.node_id.replace("/", "_")
            folder.mkdir(parents=True)
            self._plan.found(row.node_id, folder / STORE_NAME)
            listen = ""
            if topology.children(row.node_id):
                ports[row.node_id] = free_port()
                listen = f"127.0.0.1:{ports[row.node_id]}"
            parent = ""
            if row.parent_id:
                cable = self.cables[row.node_id] = self._relays.relay(("127.0.0.1", ports[row.parent_id]))
                parent = f"127.0.0.1:{cable.port}"
            config = NodeConfig(
                folder,
                NodeId(row.node_id),
                parent,
                listen,
                reconnect_ms_max=RECONNECT_MS_MAX,
                case_interval_s=0,  # whose day is not today: cases are settled as of the bundle's day, at the end
            )
            self.nodes[row.node_id] = NodeProcess(config)

    def admit(self) -> None:
        """Enrol everybody in one go, with keys that follow from the bundle: two rehearsals are equal row for row."""
        for node_id, credentials in enrol_tree(self._plan, lambda node: self.nodes[node].config.store_path).items():
            credentials.write(self.nodes[node_id].config.folder)
        self._open_stores()

    def invite(self, progress: Progress) -> None:
        """Enrol as operators do, from the root down: an invitation, a call to the parent, and the node starts."""
        self._open_stores()
        topology = self._plan.topology
        authorities: dict[str, Authority] = {}
        tier = list(topology.roots)
        number = 0
        while tier:
            for node_id in tier:
                config, store = self.nodes[node_id].config, self.stores[node_id]
                row = topology[node_id]
                if not row.parent_id:
                    found_authority(config, store, by=AUTHOR, clock=_CLOCK)
                    authorities[node_id] = authority_of(config, store)
                else:
                    authority = authorities[topology.ancestors(node_id)[-1]]
                    token = authority.invite(NodeId(node_id), NodeId(row.parent_id), row.tier, by=AUTHOR)
                    asyncio.run(enrol(config, store, token, _CLOCK))
                self.nodes[node_id].start()
            for node_id in tier:
                self.nodes[node_id].wait_ready()
                number += 1
                progress("start", number, len(self.nodes))
            tier = [child for node_id in tier for child in topology.children(node_id)]

    def _open_stores(self) -> None:
        for node_id, node in self.nodes.items():
            source = random.SystemRandom()
            self.stores[node_id] = Store.open(node.config.store_path, clock=SystemClock(), source=source)

    def start(self, progress: Progress) -> None:
        for node in self.nodes.values():
            node.start()
        for number, node in enumerate(self.nodes.values(), 1):
            node.wait_ready()
            progress("start", number, len(self.nodes))

    def recordings(self, slice_events_max: int = SLICE_EVENTS_MAX) -> dict[str, Recording]:
        """What every node has to record."""
        rejected = self._plan.rejects.append
        found = {
            node_id: Recording(self._plan, node_id, store, rejected, slice_events_max=slice_events_max)
            for node_id, store in self.stores.items()
        }
        return {node_id: recording for node_id, recording in found.items() if not recording.done}

    def run(self, progress: Progress) -> None:
        self.found()
        self.admit()
        self.start(progress)
        recordings = self.recordings()
        total = sum(len(r.households) + len(r.persons) + len(r.events) for r in self._plan.rows.values())
        waiting, done = sorted(recordings), 0
        disturbances = DISTURBANCES_PER_NODE * len(self.cables)
        while waiting or disturbances > 0:
            if waiting and (disturbances <= 0 or self._rng.random() < 0.7):
                node_id = self._rng.choice(waiting)
                done += recordings[node_id].step()
                progress("record", done, total)
                if recordings[node_id].done:
                    waiting.remove(node_id)
            else:
                disturbances -= 1
                self._disturb()
        for cable in self.cables.values():
            cable.plug()
        for node in self.nodes.values():
            if not node.running:
                node.start()
        self.wait_drained(progress)
        self.stop()

    def _disturb(self) -> None:
        """Unplug a cable or plug it in, or kill a node and start it again."""
        if not self.cables:
            return
        name = self._rng.choice(sorted(self.cables))
        if self._rng.random() < 0.3:
            self.nodes[name].kill()
            self.nodes[name].start()
        elif self.cables[name].plugged:
            self.cables[name].unplug()
        else:
            self.cables[name].plug()

    def behind(self) -> int:
        """Commits that are missing at the copies above their owners, and below the authority, all together."""
        missing = 0
        for node_id, store in self.stores.items():
            for origin in store.own_origins():
                seq = store.head(origin).seq
                copies = holders_of_copies(self._plan.topology, node_id, reference=origin == store.reference_origin())
                missing += sum(seq - self.stores[copy].head(origin).seq for copy in copies)
        return missing

    def wait_drained(self, progress: Progress) -> None:
        """Raises ``PeerUnavailable`` if not everything climbs in time."""
        first = behind = self.behind()
        deadline = _CLOCK.monotonic_ms() / 1000 + DRAIN_SECONDS_MAX
        while behind and _CLOCK.monotonic_ms() / 1000 < deadline:
            time.sleep(0.1)
            behind = self.behind()
            progress("drain", max(first - behind, 0), max(first, 1))
        if behind:
            raise PeerUnavailable(
                f"{behind} commits have not climbed after {DRAIN_SECONDS_MAX:.0f} seconds.",
                hint=f"The nodes' last words are in the files node.log under {self.work}",
            )

    def stop(self) -> None:
        """End all nodes, children first."""
        for node in reversed(self.nodes.values()):
            node.stop()

    def close(self) -> None:
        self.stop()
        for store in self.stores.values():
            store.close()
        self._relays.close()
