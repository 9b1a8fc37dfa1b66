"""The child's side of a session: say what we have, learn what the parent has, send what is missing, keep what is
acknowledged.

The machine holds one cursor an origin. A batch is sent only behind the one before it, so the parent sees each origin's
commits in order; origins take turns, so that one long backlog does not hold up the others. Nothing is kept as
acknowledged that the parent did not say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node import limits
from node.chain import Head
from node.ids import Hash, OriginId
from node.protocol.actions import (
    Alarm,
    ChildAction,
    Close,
    Halt,
    KeepAcknowledged,
    KeepTicket,
    Load,
    Locate,
    Release,
    Send,
)
from node.protocol.assembly import cut
from node.protocol.messages import (
    Acknowledge,
    BatchHeader,
    BatchNumber,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    ParentMessage,
    Refuse,
    Ticket,
    TicketStored,
    Welcome,
)
from node.protocol.relation import EXPLANATIONS, Relation, relate
from node.protocol.transitions import ChildState, child_takes


@dataclass(slots=True)
class _Cursor:
    """One origin on its way up. ``sent`` is None until the parent has said where it stands."""

    local: Head
    own: bool
    sent: Head | None = None
    halted: bool = False

    @property
    def pending(self) -> bool:
        return not self.halted and self.sent is not None and self.sent.seq < self.local.seq


@dataclass(frozen=True, slots=True)
class _Flight:
    batch: BatchNumber
    head: Head
    size: int


def pieces(own: Sequence[Head], relayed: Sequence[Head]) -> list[Heads]:
    """Heads cut into frames; at least one, the last one marked."""
    size = limits.HEADS_PER_FRAME_MAX
    parts = [Heads(tuple(own[i : i + size]), (), last=False) for i in range(0, len(own), size)]
    parts += [Heads((), tuple(relayed[i : i + size]), last=False) for i in range(0, len(relayed), size)]
    end = parts.pop() if parts else Heads((), (), last=True)
    return [*parts, Heads(end.own, end.relayed, last=True)]


class ChildSession:
    """One session. ``follow``: stay and send what comes; else drain once and finish."""

    def __init__(self, *, follow: bool) -> None:
        self.state = ChildState.NEW
        self.follow = follow
        self.parent: Welcome | None = None
        self._cursors: dict[OriginId, _Cursor] = {}
        self._turn: deque[OriginId] = deque()
        self._flights: deque[_Flight] = deque()
        self._loading: OriginId | None = None
        self._next_batch = BatchNumber(1)
        self._announced_waiting = 0
        self._parent_heads: list[Head] = []
        self._schema_version = 0
        self._started_ms = 0
        self._received_ms = 0
        self._sent_ms = 0
        self._ticked_ms = 0
        self._drained_ms: int | None = None
        self._drained_waiting = False
        self._work_since_drained = True

    # --- inputs ----------------------------------------------------------------------------------------------------

    def start(self, hello: Hello, own: Sequence[Head], relayed: Sequence[Head], now_ms: int) -> list[ChildAction]:
        assert self.state is ChildState.NEW
        self._schema_version = hello.schema_version
        self._started_ms = self._received_ms = self._sent_ms = self._ticked_ms = now_ms
        self._add(own, relayed)
        self.state = ChildState.GREETED
        return [Send(hello), *(Send(part) for part in pieces(own, relayed))]

    def receive(self, message: ParentMessage, now_ms: int) -> list[ChildAction]:
        """A message from the parent. Out of turn, it ends the session."""
        if self.state is ChildState.CLOSED:
            return []
        self._received_ms = now_ms
        if not child_takes(self.state, message):
            return self._finish("out_of_turn", f"{type(message).__name__} came in state {self.state.value}")
        if self.state is ChildState.FINISHING and isinstance(message, Welcome | Heads):
            return []  # it crossed our Finish
        match message:
            case Welcome():
                return self._welcomed(message)
            case Heads():
                return self._heads(message)
            case Acknowledge():
                return self._acknowledged(message, now_ms)
            case Refuse():
                return self._refused(message, now_ms)
            case Ticket():
                return self._ticket(message)
            case Heartbeat():
                return []
            case Finish():
                clean = self.state is ChildState.FINISHING and message.code == "done"
                self.state = ChildState.CLOSED
                return [Close(message.code, message.detail, clean)]

    def located(self, found: Mapping[OriginId, Hash | None], now_ms: int) -> list[ChildAction]:
        """The answer to ``Locate``: what our log has at the seq of each of the parent's heads."""
        if self.state in (ChildState.CLOSED, ChildState.FINISHING):
            return []
        self.state = ChildState.STREAMING
        actions: list[ChildAction] = []
        parent_heads, self._parent_heads = self._parent_heads, []
        for head in parent_heads:
            actions += self._place(head, found.get(head.origin))
        return actions + self._pump(now_ms)

    def loaded(self, header: BatchHeader | None, payload: bytes, now_ms: int) -> list[ChildAction]:
        """The answer to ``Load``; None if the log has nothing there (pruned, or our bug): the origin is left for this
        session.
        """
        origin, self._loading = self._loading, None
        if self.state is not ChildState.STREAMING or origin is None:
            return []
        cursor = self._cursors[origin]
        if header is None:
            cursor.halted = True
            return [
                Halt(origin, "log_missing", "the log has no commits where the parent needs them"),
                *self._pump(now_ms),
            ]
        assert header.previous == cursor.sent, "a batch must follow the one before it"
        cursor.sent = header.head
        batch = self._next_batch
        self._next_batch = BatchNumber(batch + 1)
        self._flights.append(_Flight(batch, header.head, len(payload)))
        self._work_since_drained = True
        self._sent_ms = now_ms
        return [*(Send(frame) for frame in cut(batch, header, payload)), *self._pump(now_ms)]

    def advanced(self, own: Iterable[Head], relayed: Iterable[Head], now_ms: int) -> list[ChildAction]:
        """Our store has newer heads, perhaps of origins that the parent has not heard of."""
        new_own: list[Head] = []
        new_relayed: list[Head] = []
        for heads, new, is_own in ((own, new_own, True), (relayed, new_relayed, False)):
            for head in heads:
                cursor = self._cursors.get(head.origin)
                if cursor is None:
                    new.append(head)
                elif head.seq > cursor.local.seq:
                    cursor.local = head
                    cursor.own = is_own
        if self.state is not ChildState.STREAMING:
            return []  # origins that appear while the session opens are announced at the next advance
        actions: list[ChildAction] = []
        if new_own or new_relayed:
            self._add(new_own, new_relayed)
            self._sent_ms = now_ms
            actions += [Send(part) for part in pieces(new_own, new_relayed)]
            self._announced_waiting += 1
        return actions + self._pump(now_ms)

    def tick(self, now_ms: int) -> list[ChildAction]:
        """Deadlines and heartbeats; ``now_ms`` is monotonic."""
        if self.state in (ChildState.NEW, ChildState.CLOSED):
            return []
        self._ticked_ms = now_ms
        silence = now_ms - self._received_ms
        opening = self.state in (ChildState.GREETED, ChildState.WELCOMED)
        if opening and now_ms - self._started_ms > limits.HELLO_TIMEOUT_MS:
            return self._close("hello_timeout", "the parent did not answer")
        # An idle parent speaks rarely: its silence counts from what it was sent, not from its last heartbeat.
        unanswered = now_ms - max(self._received_ms, self._sent_ms)
        if (
            self._flights or self._drained_waiting or self.state is ChildState.FINISHING
        ) and unanswered > limits.ACK_TIMEOUT_MS:
            return self._close("ack_timeout", "the parent did not acknowledge what was sent")
        if silence > limits.IDLE_TIMEOUT_MS:
            return self._close("idle_timeout", "nothing was heard from the parent")
        actions: list[ChildAction] = list(self._pump(now_ms))
        if now_ms - self._sent_ms > limits.HEARTBEAT_INTERVAL_MS:
            self._sent_ms = now_ms
            actions.append(Send(Heartbeat()))
        return actions

    def violated(self, code: str, detail: str) -> list[ChildAction]:
        """The transport met something that is no message of ours."""
        return [] if self.state is ChildState.CLOSED else self._finish(code, detail)

    def stop(self, code: str) -> list[ChildAction]:
        """End the session in good order, for example at shutdown."""
        if self.state in (ChildState.NEW, ChildState.CLOSED, ChildState.FINISHING):
            return []
        self.state = ChildState.FINISHING
        self._sent_ms = self._ticked_ms
        return [Send(Finish(code, ""))]

    @property
    def drained(self) -> bool:
        """Everything known here is with the parent, halted origins aside."""
        return (
            self.state in (ChildState.STREAMING, ChildState.FINISHING)
            and not self._flights
            and self._loading is None
            and not self._announced_waiting
            and not any(cursor.pending for cursor in self._cursors.values())
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add(self, own: Iterable[Head], relayed: Iterable[Head]) -> None:
        for heads, is_own in ((own, True), (relayed, False)):
            for head in heads:
                self._cursors[head.origin] = _Cursor(head, is_own)
                self._turn.append(head.origin)

    def _welcomed(self, message: Welcome) -> list[ChildAction]:
        self.parent = message
        if message.schema_version < self._schema_version:
            return self._finish(
                "parent_older",
                f"the parent knows schema version {message.schema_version}, this node has {self._schema_version}: "
                "upgrade the parent first",
            )
        self.state = ChildState.WELCOMED
        if message.ticket_verdict == "stale":
            return [
                Alarm(
                    "stale_ticket",
                    None,
                    "the parent does not know our last session: this store was restored from an old copy, or cloned",
                )
            ]
        return []

    def _heads(self, message: Heads) -> list[ChildAction]:
        if len(self._parent_heads) + len(message.relayed) + len(message.own) > limits.HEADS_MAX:
            return self._finish("oversized", "the parent names too many origins")
        self._parent_heads += [*message.own, *message.relayed]
        if not message.last:
            return []
        if self.state is ChildState.WELCOMED:
            self.state = ChildState.LOCATING
        elif self._announced_waiting:
            self._announced_waiting -= 1
        else:
            return self._finish("out_of_turn", "the parent sent heads that nobody asked for")
        return [Locate(tuple(self._parent_heads))]

    def _place(self, head: Head, hash_here: Hash | None) -> list[ChildAction]:
        cursor = self._cursors.get(head.origin)
        if cursor is None:
            return [
                Alarm(
                    "origin_unknown_here",
                    head.origin,
                    "the parent has an origin from this node that this store does not have",
                )
            ]
        relation = relate(cursor.local, head, hash_here, own=cursor.own)
        if relation is Relation.RESUME:
            cursor.sent = head
            actions: list[ChildAction] = [Release(head.origin)]
            if head.seq:
                actions.append(KeepAcknowledged(head, 0))
            return actions
        cursor.halted = True
        return [Halt(head.origin, relation.value, EXPLANATIONS[relation])]

    def _acknowledged(self, message: Acknowledge, now_ms: int) -> list[ChildAction]:
        if not self._flights or (self._flights[0].batch, self._flights[0].head) != (message.batch, message.head):
            return self._finish(
                "out_of_turn", f"the parent acknowledged batch {message.batch}, which is not the oldest one under way"
            )
        self._flights.popleft()
        return [KeepAcknowledged(message.head, message.quarantined), *self._pump(now_ms)]

    def _refused(self, message: Refuse, now_ms: int) -> list[ChildAction]:
        if message.batch is not None:
            if (
                not self._flights
                or self._flights[0].batch != message.batch
                or self._flights[0].head.origin != message.origin
            ):
                return self._finish(
                    "out_of_turn", f"the parent refused batch {message.batch}, which is not the oldest one under way"
                )
            self._flights.popleft()
        cursor = self._cursors.get(message.origin)
        if cursor is None:
            return self._finish("out_of_turn", "the parent refused an origin that it was not offered")
        if cursor.halted:
            return self._pump(now_ms)
        cursor.halted = True
        return [Halt(message.origin, message.code, message.detail), *self._pump(now_ms)]

    def _ticket(self, message: Ticket) -> list[ChildAction]:
        self._drained_waiting = False
        actions: list[ChildAction] = [KeepTicket(message.ticket), Send(TicketStored(message.ticket))]
        if not self.follow and self.drained and self.state is ChildState.STREAMING:
            self.state = ChildState.FINISHING
            actions.append(Send(Finish("done", "")))
        return actions

    def _pump(self, now_ms: int) -> list[ChildAction]:
        """Ask for the next batch, if the window has room; say Drained when nothing is left."""
        if self.state is not ChildState.STREAMING or self._loading is not None:
            return []
        in_flight = sum(flight.size for flight in self._flights)
        if len(self._flights) < limits.WINDOW_BATCHES_MAX and in_flight < limits.WINDOW_BYTES_MAX:
            for _ in range(len(self._turn)):
                origin = self._turn[0]
                self._turn.rotate(-1)
                cursor = self._cursors[origin]
                if cursor.pending:
                    assert cursor.sent is not None
                    self._loading = origin
                    return [Load(cursor.sent)]
        return self._drain(now_ms)

    def _drain(self, now_ms: int) -> list[ChildAction]:
        if not self.drained or self._drained_waiting:
            return []
        if self.follow and self._drained_ms is not None:
            early = now_ms - self._drained_ms < limits.TICKET_INTERVAL_MS
            if early or not self._work_since_drained:
                return []
        self._drained_ms = now_ms
        self._drained_waiting = True
        self._work_since_drained = False
        self._sent_ms = now_ms
        return [Send(Drained())]

    def _finish(self, code: str, detail: str) -> list[ChildAction]:
        """Tell the parent why, and close without waiting for it."""
        return [Send(Finish(code, detail)), *self._close(code, detail)]

    def _close(self, code: str, detail: str) -> list[ChildAction]:
        self.state = ChildState.CLOSED
        return [Close(code, detail, clean=False)]
