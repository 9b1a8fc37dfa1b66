"""What a child packs for its parent: everything behind what the parent is known to have, and what it wants from above.

Packing changes nothing that counts: what was exported is not acknowledged, a lost stick loses nothing, and exporting
twice sends the same commits twice, which the parent takes once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from node import limits, takeover
from node.chain import Head
from node.courier.envelope import Recipient
from node.courier.manifest import Span
from node.courier.packing import Load, Packed, Sender, pack
from node.courier.trips import Trip, note
from node.errors import UsageError
from node.identity.keys import NodeKey
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, Seq
from node.parentage import parent_of
from node.protocol.messages import Want
from node.reference import Reference
from node.schema import acknowledged, sql
from node.store import Store

_SELECT_ACKNOWLEDGED: Final = sql(
    sa.select(acknowledged.c.origin, acknowledged.c.seq, acknowledged.c.hash).where(
        acknowledged.c.peer == sa.bindparam("peer")
    )
)


def pack_cargo(
    sender: Sender,
    folder: Path,
    *,
    bytes_max: int = limits.COURIER_FILE_BYTES,
    everything: bool = False,
    make_key: Callable[[], NodeKey] = NodeKey.generate,
) -> Packed:
    """Write what the parent lacks into ``folder``, from the first commit on with ``everything``. There is always a
    file, because it also asks for what comes from above.

    Raises ``UsageError`` at a root, or while the parent's key is not known here.
    """
    store, reference = sender.store, sender.reference
    takeover.prepare(store, reference)
    recipient = _parent(sender)
    with store.database.snapshot():
        spans = _spans(store, recipient.node_id, everything=everything)
        load = Load("up", recipient, _wants(store, reference), spans)
    packed = pack(sender, load, folder, bytes_max=bytes_max, make_key=make_key)
    now = store.clock.wall_ms()
    note(store, Trip("given", recipient.node_id, now, now, packed.commits))
    return packed


def _parent(sender: Sender) -> Recipient:
    parent = parent_of(sender.store, sender.reference)
    if not parent:
        raise UsageError(
            f"Node {sender.store.node_id} is a root: there is nobody above it.",
            hint="For a child, name it: dansync courier export FOLDER --for NODE --to STICK",
        )
    keys = sender.reference.public_keys(parent)
    authority = sender.identity.authority
    if not keys and authority.node_id == parent:
        keys = (authority.public_key,)
    if not keys:
        raise UsageError(
            f"The key of the parent {parent} is not known here yet.",
            hint=f"Bring a file of {parent} first, and import it here: "
            f"dansync courier export FOLDER --for {sender.store.node_id} --to STICK",
        )
    return Recipient(parent, keys[0])


def _wants(store: Store, reference: Reference) -> list[Want]:
    """As in every session: the reference data, and what was taken over and is not all here yet."""
    origin = store.reference_origin()
    if origin is None or origin in store.own_origins():
        return []
    return [Want(store.head(origin)), *(Want(head) for head in takeover.unfinished(store, reference))]


def _spans(store: Store, parent: NodeId, *, everything: bool) -> list[Span]:
    """What the parent lacks of every origin that climbs: all of it where it has said nothing."""
    known: dict[OriginId, Head] = {}
    if not everything:
        for row in store.connection.execute(_SELECT_ACKNOWLEDGED, {"peer": parent}):
            head = Head(OriginId(row[0]), Seq(row[1]), Hash(row[2]))
            if store.hash_at(head.origin, head.seq) == head.hash:
                known[head.origin] = head
    heads = [state.head for state in store.states() if not state.flow]
    ends = [(known.get(head.origin, Head(head.origin, Seq(0), GENESIS_HASH)), head) for head in heads]
    return [Span(start, head) for start, head in ends if start.seq < head.seq]
