"""One node of the simulated world: its disk survives, its process does not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from hub.session import Hub, Peer
from node.identity.certificates import Certificate
from node.identity.keys import NodeKey
from node.ids import NodeId, OriginId, RowId
from node.schema import person, sql
from node.store import Profile, Store
from tests.simulation.disk import MemoryDisk, Snapshot, bury
from tests.simulation.model import Held, Row

if TYPE_CHECKING:
    from tests.simulation.world import World

STORE: Final = "store.db"
WITNESS: Final = "store.db.witness"

_SELECT: Final = sql(
    sa.select(person.c.id, person.c.full_name, person.c.phone).where(person.c.origin == sa.bindparam("which"))
)


def rows_at(store: Store, origin: OriginId) -> dict[RowId, Row]:
    """The persons of an origin as they stand in a store."""
    return {RowId(row[0]): (str(row[1]), str(row[2])) for row in store.connection.execute(_SELECT, {"which": origin})}


class Machine:
    """A disk, and the store and hub that run on it while there is power."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.disk = MemoryDisk(name, random.Random(f"{world.seed} {name}"), now_ms=world.clock.wall_ms)
        self.store: Store | None = None
        self.hub: Hub | None = None
        self.starts = 0
        self.lives = 1
        self.key = NodeKey.derived(random.Random(f"{world.seed} {name} key"))
        self.certificate: Certificate | None = None
        self.held = Held()
        self.images: list[tuple[Snapshot, Held]] = []
        self.suspect: set[tuple[OriginId, RowId]] = set()
        """Rows that may have rotted here; all others must be the holder's."""
        self.asked: set[tuple[OriginId, RowId]] = set()

    @property
    def parent(self) -> str:
        """The name of the node that it dials; '' for the root."""
        return self.world.tree[self.name]

    def start(self, *, anew: bool = False) -> None:
        """Boot. Power may go here too. ``anew``: an empty store for a node that exists, which begins no register."""
        self.starts += 1
        life = "" if self.lives == 1 else f" life {self.lives}"
        source = random.Random(f"{self.world.seed} {self.name} {self.starts}{life}")
        witness = self.disk.witness(WITNESS)
        if anew:
            name = NodeId(self.name)
            store = Store.create_anew(
                STORE, name, clock=self.world.clock, source=source, vfs=self.disk.vfs, witness_file=witness
            )
        elif self.starts == 1:
            profile = Profile(NodeId(self.name), NodeId(self.parent), "tier", "", "", self.name)
            store = Store.create(
                STORE, profile, clock=self.world.clock, source=source, vfs=self.disk.vfs, witness_file=witness
            )
        else:
            store = Store.open(STORE, clock=self.world.clock, source=source, vfs=self.disk.vfs, witness_file=witness)
        self.store = store
        self.hub = Hub(store, self.key, source, "simulated")

    def begin_anew(self) -> None:
        """Another machine in the place of this one, which is gone for good: an empty disk, another key, no copies."""
        self.stop()
        self.disk.close()
        self.lives += 1
        life = f"{self.world.seed} {self.name} {self.lives}"
        self.disk = MemoryDisk(self.name, random.Random(life), now_ms=self.world.clock.wall_ms)
        self.starts = 0
        self.key = NodeKey.derived(random.Random(f"{life} key"))
        self.held = Held()
        self.images.clear()
        self.suspect.clear()
        self.asked.clear()

    def stop(self) -> None:
        """The process is gone, without a word."""
        if self.store is not None:
            bury(self.store.connection)
        self.store = self.hub = None

    def image(self) -> tuple[Snapshot, Held]:
        """A copy of the disk of a running machine, well enough for the copy to be whole."""
        self.running.connection.pragma("wal_checkpoint(truncate)")
        return self.disk.snapshot(), self.held.copy()

    @property
    def up(self) -> bool:
        return self.store is not None

    @property
    def running(self) -> Store:
        """The store of a machine that must be up."""
        assert self.store is not None, f"{self.name} is down"
        return self.store

    @property
    def peer(self) -> Peer:
        """Who it is for its parent."""
        certificate = self.certificate
        assert certificate is not None
        return Peer(certificate.node_id, certificate.serial, certificate.not_after_ms)
