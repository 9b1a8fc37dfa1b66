"""What a rehearsal knows before anything moves: the tree, each node's rows, and the chance that belongs to the bundle.

Ids, incarnations, commit boundaries and the clocks of commits come from the bundle's own content; only the links follow
the link seed. So two link seeds differ in nothing but the way that commits take.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from node.clock import ManualClock
from node.errors import RegisterError, UsageError
from node.ids import NodeId
from node.interchange.bundle import FILES, Bundle, local_day
from node.interchange.table import Reject
from node.interchange.topology import Topology
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register.importing import Feed, NodeImport
from node.store import Profile, Store

AUTHOR: Final = "rehearsal"
SLICE_EVENTS_MAX: Final = 60  # events recorded between two looks at the links
FILE_OF: Final = {HouseholdRow: "households.csv", PersonRow: "persons.csv", EventRow: "events.csv"}


@dataclass(frozen=True, slots=True)
class RehearsalOptions:
    """``as_of`` None: the bundle's. ``work`` None: a temporary folder that is removed afterwards."""

    bundle: Path
    out: Path
    seed: int = 0
    in_process: bool = False
    as_of: date | None = None
    work: Path | None = None


@dataclass(slots=True)
class NodeRows:
    """What one node will record."""

    households: list[HouseholdRow] = field(default_factory=list)
    persons: list[PersonRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)


class Plan:
    """A bundle, read whole. Raises ``BundleError``."""

    def __init__(self, folder: Path) -> None:
        self.rejects: list[Reject] = []
        bundle = Bundle(folder, self._reject_once)
        self.topology: Topology = bundle.topology
        self.key = _content_key(folder)
        self.rows: dict[str, NodeRows] = defaultdict(NodeRows)
        for household in bundle.households():
            self.rows[household.node_id].households.append(household)
        for person in bundle.persons():
            self.rows[person.node_id].persons.append(person)
        for event in bundle.events():
            self.rows[event.node_id].events.append(event)
        instants = [event.instant_ms for rows in self.rows.values() for event in rows.events]
        self.start_ms = min(instants, default=0)
        as_of_ms = bundle.as_of_ms()
        self.as_of: date = local_day(as_of_ms if as_of_ms is not None else self.start_ms)

    def _reject_once(self, reject: Reject) -> None:
        if reject not in self.rejects:
            self.rejects.append(reject)

    def chance(self, node_id: str, what: str) -> random.Random:
        """Randomness that belongs to the bundle and the node."""
        return random.Random(f"{self.key} {node_id} {what}")

    def profile(self, node_id: str) -> Profile:
        row = self.topology[node_id]
        first_day = local_day(self.start_ms).isoformat()
        return Profile(
            NodeId(node_id), NodeId(row.parent_id), row.tier, row.admin_code, row.valid_from or first_day, row.name
        )

    def found(self, node_id: str, path: Path) -> None:
        """Make the node's store."""
        clock = ManualClock(self.start_ms)
        Store.create(path, self.profile(node_id), clock=clock, source=self.chance(node_id, "store")).close()


class Recording:
    """What one node still has to record, slice by slice. The slices are the bundle's, whatever the links do."""

    def __init__(
        self,
        plan: Plan,
        node_id: str,
        store: Store,
        rejected: Callable[[Reject], None],
        *,
        slice_events_max: int = SLICE_EVENTS_MAX,
    ) -> None:
        self._slice_events_max = slice_events_max
        from_bundle = plan.chance(node_id, "rows")
        store.minter = type(store.minter)(from_bundle)
        rows = plan.rows[node_id]
        self._slices = plan.chance(node_id, "slices")
        self._first = True
        self._events_left = len(rows.events)
        self._rows = rows
        self._import = NodeImport(
            store,
            author=AUTHOR,
            rejected=lambda row, error: rejected(_reject(row, error)),
            moment=lambda row: plan.start_ms if row is None else row.instant_ms,
        )
        self._feed: Feed[EventRow] = self._import.events(rows.events)
        self.done = not (rows.households or rows.persons or rows.events)
        self.recorded = 0

    def step(self) -> int:
        """Record the next slice; returns how many rows it had. The first one is the standing register."""
        if self._first:
            self._first = False
            self._import.households(self._rows.households)
            self._import.persons(self._rows.persons)
            count = len(self._rows.households) + len(self._rows.persons)
            finished = not self._rows.events
        else:
            wanted = self._slices.randint(1, self._slice_events_max)
            count = self._feed.feed(wanted)
            self._events_left -= count
            finished = self._events_left == 0
        if finished:
            self._import.finish()
            self.done = True
        self.recorded += count
        return count


def _reject(row: HouseholdRow | PersonRow | EventRow, error: RegisterError) -> Reject:
    return Reject(FILE_OF[type(row)], row.line, error.column, error.value, error.message)


def _content_key(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise UsageError(f"{path} is missing.", hint="A bundle is a folder with " + ", ".join(FILES) + ".")
        digest.update(path.read_bytes())
    return digest.hexdigest()
