"""Origins on their way over one link, in whichever direction: a window of unanswered batches, and origins in turn.

A batch is sent only behind the one before it, so the other side sees each origin's commits in order; origins take
turns, so that one long backlog does not hold up the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from node import limits
from node.chain import Head
from node.ids import OriginId
from node.protocol.assembly import cut
from node.protocol.messages import BatchFrame, BatchHeader, BatchNumber


@dataclass(slots=True)
class Cursor:
    """One origin. ``sent`` is None until it is known where the other side stands. ``as_snapshot``: the log has nothing
    there, and a snapshot is looked for or on its way.
    """

    local: Head
    own: bool = False
    sent: Head | None = None
    halted: bool = False
    as_snapshot: bool = False

    @property
    def pending(self) -> bool:
        return not self.halted and self.sent is not None and self.sent.seq < self.local.seq


@dataclass(frozen=True, slots=True)
class _Flight:
    batch: BatchNumber
    head: Head
    size: int


class Sending:
    """The sending side of one session. One batch at a time is being loaded; ``next`` names it. ``first`` is an origin
    that waits for no other, and for which all others wait: they are judged by it.
    """

    def __init__(self, first: OriginId | None = None) -> None:
        self._first = first
        self.cursors: dict[OriginId, Cursor] = {}
        self._turn: deque[OriginId] = deque()
        self._flights: deque[_Flight] = deque()
        self._loading: OriginId | None = None
        self._next_batch = BatchNumber(1)

    def add(self, head: Head, *, own: bool = False, sent: Head | None = None) -> None:
        """An origin that may be sent; one that is known begins anew."""
        if head.origin not in self.cursors:
            self._turn.append(head.origin)
        self.cursors[head.origin] = Cursor(head, own, sent)

    def advanced(self, head: Head) -> bool:
        """The store has a newer head. False if the origin is not known here."""
        cursor = self.cursors.get(head.origin)
        if cursor is not None and head.seq > cursor.local.seq:
            cursor.local = head
        return cursor is not None

    def next(self) -> Head | None:
        """Behind which head the next batch is to be loaded; None while the window is full or nothing waits."""
        if self._loading is not None or len(self._flights) >= limits.WINDOW_BATCHES_MAX:
            return None
        if sum(flight.size for flight in self._flights) >= limits.WINDOW_BYTES_MAX:
            return None
        preferred = None if self._first is None else self.cursors.get(self._first)
        if preferred is not None and preferred.as_snapshot:
            return None
        if preferred is not None and preferred.pending:
            self._loading = self._first
            return preferred.sent
        for _ in range(len(self._turn)):
            origin = self._turn[0]
            self._turn.rotate(-1)
            cursor = self.cursors[origin]
            if cursor.pending:
                self._loading = origin
                return cursor.sent
        return None

    def loaded(self, header: BatchHeader, payload: bytes) -> Iterator[BatchFrame]:
        """The frames of the batch that ``next`` asked for; it counts as sent."""
        assert self._loading is not None
        cursor = self.cursors[self._loading]
        assert header.previous == cursor.sent, "a batch must follow the one before it"
        self._loading = None
        cursor.sent = header.head
        batch = self._next_batch
        self._next_batch = BatchNumber(batch + 1)
        self._flights.append(_Flight(batch, header.head, len(payload)))
        return cut(batch, header, payload)

    def nothing_there(self) -> OriginId | None:
        """The log has nothing where the other side stands: nothing is sent before a snapshot has been taken."""
        origin, self._loading = self._loading, None
        if origin is not None:
            self.cursors[origin].halted = self.cursors[origin].as_snapshot = True
        return origin

    def no_snapshot(self, origin: OriginId) -> None:
        """There is none either: the origin is left for this session."""
        self.cursors[origin].as_snapshot = False

    def pause(self, origin: OriginId) -> None:
        """Send nothing of an origin until ``resume`` or ``go_on``."""
        self.cursors[origin].halted = True

    def go_on(self, origin: OriginId) -> None:
        """There is nothing else to be had: send as before."""
        self.cursors[origin].halted = False

    def resume(self, head: Head) -> None:
        """The other side stands at ``head`` now: it has taken a snapshot."""
        cursor = self.cursors[head.origin]
        cursor.sent, cursor.halted, cursor.as_snapshot = head, False, False

    def answered(self, batch: BatchNumber, origin: OriginId, head: Head | None = None) -> bool:
        """The oldest batch under way was answered. False if it is another one than the other side says."""
        if not self._flights:
            return False
        oldest = self._flights[0]
        if oldest.batch != batch or oldest.head.origin != origin or (head is not None and oldest.head != head):
            return False
        self._flights.popleft()
        return True

    def given(self, origin: OriginId) -> Head | None:
        """How far the other side surely has an origin; None while that is not known."""
        cursor = self.cursors.get(origin)
        if cursor is None or any(flight.head.origin == origin for flight in self._flights):
            return None
        return cursor.sent

    @property
    def loading(self) -> bool:
        return self._loading is not None

    @property
    def under_way(self) -> bool:
        """Batches are unanswered."""
        return bool(self._flights)

    @property
    def idle(self) -> bool:
        """Nothing waits, is loaded or is under way, halted origins aside."""
        return (
            not self._flights and self._loading is None and not any(cursor.pending for cursor in self.cursors.values())
        )
