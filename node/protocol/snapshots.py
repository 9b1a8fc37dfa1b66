"""Snapshots on one link, in both directions: the state of an origin where its history is not to be had (DESIGN 3).

The sender offers what the holder has signed; the other side says from which chunk on it wants it (it may have some from
a session that was cut), or when to come again. Chunks are stored durably before they are confirmed, a few under way at
a time. When the last one is there, the whole is proved and put in place; commits go on behind it. One snapshot at a
time each way; the same machine stands on both sides of a session.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.ids import OriginId
from node.protocol.actions import (
    InstallSnapshot,
    LoadChunk,
    LoadSnapshot,
    OpenSnapshot,
    Send,
    SnapshotAction,
    StoreChunk,
)
from node.protocol.messages import (
    SnapshotChunk,
    SnapshotLater,
    SnapshotMessage,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
)

Actions = list[Send | SnapshotAction]


@dataclass(slots=True)
class _Outgoing:
    """``sent`` chunks are under way or there, ``stored`` are there; None: not yet asked for."""

    asked: LoadSnapshot
    offer: SnapshotOffer
    sent: int | None = None
    stored: int = 0
    loading: bool = False


@dataclass(slots=True)
class _Incoming:
    """``chunks`` of them are here or being stored."""

    offer: SnapshotOffer
    chunks: int = 0
    opened: bool = False


class Snapshots:
    """Both directions of one session. Every method returns what the shell is to do."""

    def __init__(self) -> None:
        self._waiting: deque[LoadSnapshot] = deque()
        self._loading: LoadSnapshot | None = None
        self._out: _Outgoing | None = None
        self._later: tuple[LoadSnapshot, int] | None = None
        self._in: _Incoming | None = None

    # --- outgoing ----------------------------------------------------------------------------------------------------

    def offer(self, after: Head, *, anew: bool = False) -> Actions:
        """The other side stands at ``after``, and we have no commits that follow; or it asks for the state ``anew``."""
        if all(item.after.origin != after.origin for item in self._waiting):
            self._waiting.append(LoadSnapshot(after, anew))
        return self._next()

    def _next(self) -> Actions:
        if self._out is not None or self._loading is not None or self._later is not None or not self._waiting:
            return []
        self._loading = self._waiting.popleft()
        return [self._loading]

    def loaded(self, offer: SnapshotOffer | None) -> Actions:
        """The answer to ``LoadSnapshot``; None: there is nothing to offer."""
        asked, self._loading = self._loading, None
        assert asked is not None
        if offer is None:
            return self._next()
        offer = replace(offer, after=asked.after)
        self._out = _Outgoing(asked, offer)
        return [Send(offer)]

    def wanted(self, message: SnapshotWant) -> Actions:
        """Raises ``FrameRefused``."""
        out = self._out
        if out is None or out.sent is not None or message.head != out.offer.head or message.chunk > out.offer.chunks:
            raise FrameRefused("out_of_turn", "A snapshot was wanted that was not offered.")
        out.sent = out.stored = message.chunk
        return self._pump()

    def later(self, message: SnapshotLater, now_ms: int) -> Actions:
        """The other side has no room for it yet. Raises ``FrameRefused``."""
        out = self._out
        if out is None or out.sent is not None or message.head != out.offer.head:
            raise FrameRefused("out_of_turn", "A snapshot was put off that was not offered.")
        self._out = None
        wait_ms = min(max(message.wait_ms, limits.SNAPSHOT_WAIT_MIN_MS), limits.SNAPSHOT_WAIT_MAX_MS)
        self._later = (out.asked, now_ms + wait_ms)
        return []

    def tick(self, now_ms: int) -> Actions:
        """Whether it is time to offer again what was put off."""
        if self._later is None or now_ms < self._later[1]:
            return []
        self._waiting.appendleft(self._later[0])
        self._later = None
        return self._next()

    def _pump(self) -> Actions:
        out = self._out
        if out is None or out.sent is None or out.loading or out.sent >= out.offer.chunks:
            return []
        if out.sent - out.stored >= limits.SNAPSHOT_WINDOW_CHUNKS:
            return []
        out.loading = True
        return [LoadChunk(out.offer.head, out.sent)]

    def chunk_loaded(self, payload: bytes) -> Actions:
        """The answer to ``LoadChunk``."""
        out = self._out
        assert out is not None and out.sent is not None
        out.loading = False
        out.sent += 1
        return [Send(SnapshotChunk(out.offer.head.origin, out.sent - 1, payload)), *self._pump()]

    def stored(self, message: SnapshotStored) -> Actions:
        """Raises ``FrameRefused``."""
        out = self._out
        if out is None or out.sent is None or message.origin != out.offer.head.origin or message.chunk != out.stored:
            raise FrameRefused("out_of_turn", "A chunk of a snapshot was confirmed that is not the oldest under way.")
        if out.stored >= out.sent:
            raise FrameRefused("out_of_turn", "A chunk of a snapshot was confirmed that was not sent.")
        out.stored += 1
        return self._pump()

    def taken(self, message: SnapshotTaken) -> Actions:
        """The other side has it all in place. Raises ``FrameRefused``."""
        out = self._out
        if out is None or out.stored < out.offer.chunks or message.head != out.offer.head:
            raise FrameRefused("out_of_turn", "A snapshot was taken that was not sent.")
        self._out = None
        return self._next()

    def forget(self, origin: OriginId) -> Actions:
        """The other side does not take this origin."""
        self._waiting = deque(item for item in self._waiting if item.after.origin != origin)
        if self._later is not None and self._later[0].after.origin == origin:
            self._later = None
        if self._out is not None and self._out.offer.head.origin == origin:
            self._out = None
        return self._next()

    @property
    def loading(self) -> LoadSnapshot | None:
        """What is being looked for."""
        return self._loading

    @property
    def under_way(self) -> bool:
        """The other side owes us an answer."""
        out = self._out
        return out is not None and (out.sent is None or out.stored < out.sent or out.sent == out.offer.chunks)

    @property
    def idle(self) -> bool:
        """Nothing of ours waits or is under way."""
        return self._out is None and self._loading is None and self._later is None and not self._waiting

    # --- incoming ----------------------------------------------------------------------------------------------------

    def offered(self, offer: SnapshotOffer) -> Actions:
        """Raises ``FrameRefused``."""
        if self._in is not None:
            raise FrameRefused("out_of_turn", "A snapshot was offered while another one came.")
        if not 0 < offer.chunks <= limits.SNAPSHOT_CHUNKS_MAX:
            raise FrameRefused("oversized", f"A snapshot of {offer.chunks} chunks was offered.")
        self._in = _Incoming(offer)
        return [OpenSnapshot(offer)]

    def opened(self, chunk: int) -> Actions:
        """The answer to ``OpenSnapshot``: the first chunk that is not here yet."""
        incoming = self._in
        assert incoming is not None
        incoming.opened, incoming.chunks = True, chunk
        actions: Actions = [Send(SnapshotWant(incoming.offer.head, chunk))]
        if chunk == incoming.offer.chunks:
            actions.append(InstallSnapshot(incoming.offer))
        return actions

    def put_off(self, wait_ms: int) -> Actions:
        """The other answer to ``OpenSnapshot``: there is no room yet."""
        incoming, self._in = self._in, None
        assert incoming is not None
        return [Send(SnapshotLater(incoming.offer.head, wait_ms))]

    def chunk(self, message: SnapshotChunk) -> Actions:
        """Raises ``FrameRefused``."""
        incoming = self._in
        if incoming is None or not incoming.opened or message.origin != incoming.offer.head.origin:
            raise FrameRefused("out_of_turn", "A chunk of a snapshot came that was not wanted.")
        if message.chunk != incoming.chunks or message.chunk >= incoming.offer.chunks:
            raise FrameRefused("out_of_order", f"Chunk {message.chunk} of a snapshot came, expected was another one.")
        incoming.chunks += 1
        return [StoreChunk(incoming.offer.head, message.chunk, message.payload)]

    def chunk_stored(self, chunk: int) -> Actions:
        """The answer to ``StoreChunk``."""
        incoming = self._in
        assert incoming is not None
        actions: Actions = [Send(SnapshotStored(incoming.offer.head.origin, chunk))]
        if chunk + 1 == incoming.offer.chunks:
            actions.append(InstallSnapshot(incoming.offer))
        return actions

    def installed(self) -> Actions:
        """The answer to ``InstallSnapshot``: it is in place."""
        incoming, self._in = self._in, None
        assert incoming is not None
        return [Send(SnapshotTaken(incoming.offer.head))]

    def given_up(self) -> None:
        """The snapshot is not taken; the session says so."""
        self._in = None

    @property
    def coming(self) -> Head | None:
        """What comes now."""
        return None if self._in is None else self._in.offer.head


def receive(snapshots: Snapshots, message: SnapshotMessage, now_ms: int) -> Actions:
    """One message of the other side. Raises ``FrameRefused``."""
    match message:
        case SnapshotOffer():
            return snapshots.offered(message)
        case SnapshotWant():
            return snapshots.wanted(message)
        case SnapshotLater():
            return snapshots.later(message, now_ms)
        case SnapshotChunk():
            return snapshots.chunk(message)
        case SnapshotStored():
            return snapshots.stored(message)
        case SnapshotTaken():
            return snapshots.taken(message)
