"""A node that has lost its store gets it again from its parent (``dansync restore --from-parent``).

A new store begins no register. It enrols with a new key, so that the machine that was this node before gets in no
more; learns from the reference data what the node holds; and takes that from the parent, over the same session that
takes over a register. Interrupted anywhere, it goes on where it stopped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from node import takeover
from node.chain import Head
from node.clock import SystemClock
from node.errors import StoreError
from node.identity.folder import IdentityFolder
from node.identity.invitation import Invitation
from node.parentage import Parent
from node.reference import Reference
from node.session import ChildEndpoint
from node.store import Store
from node.uplink import Uplink
from ops.config import NodeConfig
from ops.enrolment import enrol, identity_or_none
from ops.parents import parents_to_dial
from ops.release import RELEASE

T = TypeVar("T")


class NothingToRestore(StoreError):
    """The parent has nothing of the registers of this node, or it has none."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    """One register as it is here now. ``digest`` is over its rows; equal registers have equal ones."""

    head: Head
    own: bool
    rows: int
    digest: bytes


async def restore_from_parent(
    config: NodeConfig, store: Store, invitation: Invitation, on_taken: Callable[[Store], None]
) -> tuple[Fetched, ...]:
    """Fetch everything; ``on_taken`` is called as it comes.

    Raises ``IdentityError`` if the authority says no, ``PeerUnavailable`` if the parent cannot be reached or has gone
    away meanwhile (run it again), ``NothingToRestore``.
    """
    clock, place = SystemClock(), IdentityFolder(config.folder)
    if identity_or_none(config.folder) is None:
        await enrol(config, store, invitation, clock)
    key = place.load().key
    reference = Reference(store)

    async def parents() -> Sequence[Parent]:
        return parents_to_dial(config, store, reference)

    uplink = Uplink(
        parents,
        place.load,
        lambda follow, parent: ChildEndpoint(
            store, key=key, follow=follow, release=RELEASE, parent=parent, on_taken=lambda: on_taken(store)
        ),
        _here,
        random.SystemRandom(),
        clock,
        delay_max_ms=config.reconnect_ms_max,
    )
    if store.restoring:
        await uplink.drain()
        _require_own(config, store)
        store.restored()
    return fetched(store)


def _require_own(config: NodeConfig, store: Store) -> None:
    own = takeover.held_here(store, Reference(store))
    if not own:
        raise NothingToRestore(
            f"Node {config.node_id} holds no register, as far as the authority says.",
            hint="See who holds which: dansync origin list FOLDER, at the authority. For a new register: dansync init",
        )
    empty = [head for head in own if not head.seq]
    if empty:
        raise NothingToRestore(
            f"The parent has nothing of {len(empty)} registers of node {config.node_id}: it had never sent anything.",
            hint="If the disk of the old machine can be read, use that. Else let the authority retire the register "
            "(dansync origin retire), and begin a new one under another name: dansync init",
        )


def fetched(store: Store) -> tuple[Fetched, ...]:
    """The registers that are here."""
    found = []
    for state in store.states():
        if not state.flow:
            digest = store.digest(state.head.origin)
            found.append(Fetched(state.head, state.own, digest.rows, digest.value))
    return tuple(found)


async def _here(work: Callable[[], T]) -> T:
    """The command has nothing else to do: the store's work may hold it up."""
    return work()
