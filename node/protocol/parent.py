"""The parent's side of a session: greet, say what we have, take batches in order, answer each exactly once.

The machine decides what may be taken from this child; whether a batch is sound is decided where it is applied. An
answer leaves only after the shell has reported the batch durable, and answers leave in the order in which batches came.
"""

from __future__ import annotations

from dataclasses import dataclass

from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.ids import NodeId, OriginId, Seq
from node.protocol.actions import (
    Alarm,
    Apply,
    Close,
    ConfirmTicket,
    ForgetLetter,
    LoadDown,
    LoadLetter,
    LookUp,
    MintTicket,
    Offer,
    ParentAction,
    Send,
    TakeLetter,
    Verify,
)
from node.protocol.assembly import Assembly
from node.protocol.child import pieces
from node.protocol.messages import (
    PROTOCOL_VERSION_MAX,
    PROTOCOL_VERSION_MIN,
    Acknowledge,
    BatchFrame,
    BatchHeader,
    BatchNumber,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    Letter,
    MailFrame,
    MailStored,
    Outcome,
    Refuse,
    SnapshotAsk,
    SnapshotChunk,
    SnapshotLater,
    SnapshotMessage,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
    States,
    Taken,
    Ticket,
    TicketStored,
    Verified,
    Want,
    Welcome,
)
from node.protocol.post import Post
from node.protocol.sending import Sending
from node.protocol.snapshots import Snapshots, receive
from node.protocol.transitions import ParentState, parent_takes


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The shell's answer to ``LookUp``: the ``welcome`` to send, our heads, and what this child may not bring."""

    welcome: Welcome
    heads: tuple[Head, ...]
    refused: tuple[Refuse, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """The shell's answer to ``Offer``: our head, and where on our chain the child's history ends or leaves it. With
    ``point_only`` the child is given nothing, and ``ours`` is not our head, but ``start`` too.
    """

    ours: Head
    start: Head
    point_only: bool = False


class ParentSession:
    """One session with one child. ``first`` is the origin that the child is given before all others: the reference
    data, which say whose signatures are good on the rest.
    """

    def __init__(self, now_ms: int, *, first: OriginId | None = None) -> None:
        self.state = ParentState.NEW
        self.child: Hello | None = None
        self._own: list[Head] = []
        self._relayed: list[Head] = []
        self._looking_up = False
        self._assembly = Assembly()
        self._positions: dict[OriginId, Head] = {}
        self._refused: dict[OriginId, Refuse] = {}
        self._under_way: dict[BatchNumber, BatchHeader] = {}
        self._bytes_under_way = 0
        self._sending = Sending(first)
        self._post = Post()
        self._snapshots = Snapshots()
        self._drained_waiting = False
        self._verifying = 0
        self._offering: set[OriginId] = set()
        self._probe = 0
        self._answer = 0
        self._started_ms = self._received_ms = self._sent_ms = now_ms
        self._second_ms = now_ms
        self._frames_this_second = 0

    @property
    def node_id(self) -> NodeId | None:
        return None if self.child is None else self.child.node_id

    # --- inputs ----------------------------------------------------------------------------------------------------

    def receive(self, message: ChildMessage, now_ms: int) -> list[ParentAction]:
        """A message from the child. Out of turn, or breaking a rule, it ends the session."""
        if self.state is ParentState.CLOSED:
            return []
        self._received_ms = now_ms
        if self._too_fast(now_ms):
            return self._finish("too_many_frames", f"more than {limits.FRAMES_PER_SECOND_MAX} frames in one second")
        if not parent_takes(self.state, message):
            return self._finish("out_of_turn", f"{type(message).__name__} came in state {self.state.value}")
        match message:
            case Hello():
                return self._hello(message)
            case Heads():
                return self._heads(message)
            case BatchFrame():
                return self._frame(message)
            case States():
                return self._states(message)
            case Drained():
                return self._drained()
            case TicketStored():
                return [ConfirmTicket(message.ticket)]
            case Want():
                return self._want(message)
            case Taken():
                return self._taken(message)
            case MailFrame() | MailStored():
                return self._mail(message)
            case (
                SnapshotOffer()
                | SnapshotWant()
                | SnapshotLater()
                | SnapshotChunk()
                | SnapshotStored()
                | SnapshotTaken()
            ):
                return self._snapshot(message, now_ms)
            case Heartbeat():
                self._answer = max(self._answer, message.answer)
                return [Send(Heartbeat(answer=message.probe))] if message.probe else []
            case Finish():
                self.state = ParentState.CLOSED
                return [
                    Send(Finish(message.code, "")),
                    Close(message.code, message.detail, clean=message.code == "done"),
                ]

    def looked_up(self, answer: LookedUp, now_ms: int) -> list[ParentAction]:
        """The answer to ``LookUp``."""
        if self.state is ParentState.CLOSED:
            return []
        actions: list[ParentAction] = []
        self._looking_up = False
        self._sent_ms = now_ms
        if self.state is ParentState.LOOKING_UP:
            self.state = ParentState.STREAMING
            actions.append(Send(answer.welcome))
            if answer.welcome.ticket_verdict == "stale":
                actions.append(
                    Alarm(
                        "stale_ticket",
                        None,
                        f"node {self.node_id} does not know its last session: restored from an old copy, or cloned",
                    )
                )
        for head in answer.heads:
            self._positions.setdefault(head.origin, head)
        actions += [Send(part) for part in pieces((), answer.heads)]
        for refusal in answer.refused:
            self._refused[refusal.origin] = refusal
            actions.append(Send(refusal))
        return actions + self._pump()

    def applied(
        self, batch: BatchNumber, quarantined: int, now_ms: int, *, receipt_at_ms: int = 0, receipt: bytes = b""
    ) -> list[ParentAction]:
        """The batch is on our disk; ``quarantined`` of its commits are stored and not applied."""
        header = self._answered(batch)
        if self.state is ParentState.CLOSED:
            return []
        self._sent_ms = now_ms
        applied = header.commits - quarantined
        return [Send(Acknowledge(batch, header.head, applied, quarantined, receipt_at_ms, receipt))]

    def refused(self, batch: BatchNumber, code: str, detail: str, now_ms: int) -> list[ParentAction]:
        """The batch was not stored; its origin is not taken any more in this session."""
        header = self._answered(batch)
        if self.state is ParentState.CLOSED:
            return []
        self._sent_ms = now_ms
        refusal = self._refused.setdefault(header.origin, Refuse(header.origin, code, detail, None))
        return [Send(Refuse(header.origin, refusal.code, refusal.detail, batch))]

    def verified(self, head: Head, outcome: Outcome, root_seq: Seq, now_ms: int) -> list[ParentAction]:
        """The answer to ``Verify``."""
        self._verifying -= 1
        if self.state is ParentState.CLOSED:
            return []
        self._sent_ms = now_ms
        return [Send(Verified(head, outcome, root_seq)), *self._ticket()]

    def minted(self, ticket: bytes, now_ms: int) -> list[ParentAction]:
        """The answer to ``MintTicket``."""
        if self.state is ParentState.CLOSED:
            return []
        self._sent_ms = now_ms
        return [Send(Ticket(ticket))]

    def offered(self, have: Head, answer: Offered | Refuse, now_ms: int) -> list[ParentAction]:
        """The answer to ``Offer``."""
        self._offering.discard(have.origin)
        if self.state is not ParentState.STREAMING:
            return []
        self._sent_ms = now_ms
        if isinstance(answer, Refuse):
            return [Send(answer)]
        if not answer.point_only:
            self._sending.add(answer.ours, sent=answer.start)
        return [Send(Heads((answer.ours,), (), last=True)), *self._pump()]

    def loaded(self, header: BatchHeader | None, payload: bytes, now_ms: int) -> list[ParentAction]:
        """The answer to ``LoadDown``; None if the log has nothing there: a snapshot may be had instead."""
        if self.state is not ParentState.STREAMING:
            return []
        if header is None:
            origin = self._sending.nothing_there()
            assert origin is not None
            after = self._sending.cursors[origin].sent
            assert after is not None
            return [*self._snapshots.offer(after), *self._pump()]
        self._sent_ms = now_ms
        return [*(Send(frame) for frame in self._sending.loaded(header, payload)), *self._pump()]

    def snapshot_loaded(self, offer: SnapshotOffer | None, now_ms: int) -> list[ParentAction]:
        """The answer to ``LoadSnapshot``; None if there is none: nothing more of the origin in this session."""
        asked = self._snapshots.loading
        actions: list[ParentAction] = [*self._snapshots.loaded(offer)]
        if self.state is not ParentState.STREAMING or asked is None:
            return []
        self._sent_ms = now_ms
        if offer is None:
            self._sending.no_snapshot(asked.after.origin)
            detail = "the log has no commits where the child needs them, and there is no snapshot"
            actions.append(Send(Refuse(asked.after.origin, "log_missing", detail, None)))
        return actions + self._pump()

    def chunk_loaded(self, payload: bytes | None, now_ms: int) -> list[ParentAction]:
        """The answer to ``LoadChunk``; None if a newer snapshot has taken the place of this one meanwhile."""
        if payload is None:
            return (
                []
                if self.state is ParentState.CLOSED
                else self._finish("snapshot_gone", "there is a newer snapshot now")
            )
        self._sent_ms = now_ms
        return [*self._snapshots.chunk_loaded(payload)] if self.state is ParentState.STREAMING else []

    def snapshot_opened(self, chunk: int, now_ms: int) -> list[ParentAction]:
        """The answer to ``OpenSnapshot``: how many chunks are here from a session before."""
        self._sent_ms = now_ms
        return [*self._snapshots.opened(chunk)] if self.state is not ParentState.CLOSED else []

    def snapshot_put_off(self, wait_ms: int, now_ms: int) -> list[ParentAction]:
        """The other answer: others have theirs taken now."""
        self._sent_ms = now_ms
        return [*self._snapshots.put_off(wait_ms)] if self.state is not ParentState.CLOSED else []

    def chunk_stored(self, chunk: int, now_ms: int) -> list[ParentAction]:
        """The answer to ``StoreChunk``."""
        self._sent_ms = now_ms
        return [*self._snapshots.chunk_stored(chunk)] if self.state is not ParentState.CLOSED else []

    def snapshot_installed(self, now_ms: int) -> list[ParentAction]:
        """The answer to ``InstallSnapshot``: batches of the origin may follow it."""
        head = self._snapshots.coming
        if self.state is ParentState.CLOSED or head is None:
            return []
        self._sent_ms = now_ms
        self._positions[head.origin] = head
        return [*self._snapshots.installed()]

    def snapshot_refused(self, code: str, detail: str, now_ms: int) -> list[ParentAction]:
        """What the child offers is not taken, nor anything else of the origin in this session."""
        head = self._snapshots.coming
        if self.state is ParentState.CLOSED or head is None:
            return []
        self._snapshots.given_up()
        self._sent_ms = now_ms
        refusal = self._refused.setdefault(head.origin, Refuse(head.origin, code, detail, None))
        return [Send(refusal)]

    def tell_of_root(self, head: Head, root_seq: Seq) -> list[ParentAction]:
        """Our copy is equal at ``head``, and more is known of what the root has than when we said so."""
        if self.state is not ParentState.STREAMING or head.origin not in self._positions:
            return []
        return [Send(Verified(head, "equal", root_seq))]

    def ask_for_state(self, origin: OriginId) -> list[ParentAction]:
        """Somebody wants our copy of an origin that this child brings to be taken anew."""
        if self.state is not ParentState.STREAMING or origin not in self._positions or origin in self._refused:
            return []
        return [Send(SnapshotAsk(origin))]

    @property
    def snapshot_comes(self) -> bool:
        """A snapshot of this child is being taken."""
        return self._snapshots.coming is not None

    @property
    def wanted(self) -> tuple[OriginId, ...]:
        """What this child is given as it comes."""
        return tuple(self._sending.cursors)

    def has_taken(self, head: Head) -> bool:
        """Whether the child has an origin that it wanted as far as ``head``, on its disk."""
        given = self._sending.given(head.origin)
        return given is not None and given.seq >= head.seq

    def advanced(self, head: Head) -> list[ParentAction]:
        """We have more of an origin that the child wanted."""
        if self.state is not ParentState.STREAMING or not self._sending.advanced(head):
            return []
        return self._pump()

    def mail_waits(self) -> list[ParentAction]:
        """The shell has letters for the child, or may have."""
        self._post.waiting = True
        return self._pump()

    def letter_loaded(self, letter: Letter | None, now_ms: int) -> list[ParentAction]:
        """The answer to ``LoadLetter``."""
        frames = self._post.loaded(letter)
        if self.state is not ParentState.STREAMING:
            return []
        if letter is not None:
            self._sent_ms = now_ms
        return [*(Send(frame) for frame in frames), *self._pump(), *self._ticket()]

    def letter_taken(self, letter: Letter, now_ms: int) -> list[ParentAction]:
        """The answer to ``TakeLetter``."""
        if self.state is ParentState.CLOSED:
            return []
        self._sent_ms = now_ms
        return [Send(MailStored(letter.id))]

    def probe(self, now_ms: int) -> tuple[int, list[ParentAction]]:
        """Ask whether the other end lives; ``has_answered`` tells for the number that is returned."""
        self._probe += 1
        self._sent_ms = now_ms
        return self._probe, [] if self.state is ParentState.CLOSED else [Send(Heartbeat(probe=self._probe))]

    def has_answered(self, probe: int) -> bool:
        return self._answer >= probe

    def violated(self, code: str, detail: str) -> list[ParentAction]:
        """The transport met something that is no message of ours."""
        return [] if self.state is ParentState.CLOSED else self._finish(code, detail)

    def tick(self, now_ms: int) -> list[ParentAction]:
        """Deadlines and heartbeats; ``now_ms`` is monotonic."""
        if self.state is ParentState.CLOSED:
            return []
        if self.state in (ParentState.NEW, ParentState.GREETED) and now_ms - self._started_ms > limits.HELLO_TIMEOUT_MS:
            return self._finish("hello_timeout", "no complete Hello came in time")
        if now_ms - self._received_ms > limits.IDLE_TIMEOUT_MS:
            return self._finish("idle_timeout", "nothing was heard from the child")
        unanswered = now_ms - max(self._received_ms, self._sent_ms)
        waits = self._sending.under_way or self._post.under_way or self._snapshots.under_way
        if waits and unanswered > limits.ACK_TIMEOUT_MS:
            return self._finish("ack_timeout", "the child did not take what was sent")
        interval = (
            limits.BUSY_HEARTBEAT_INTERVAL_MS
            if self._under_way or self._looking_up or self._verifying or self.snapshot_comes
            else limits.HEARTBEAT_INTERVAL_MS
        )
        actions: list[ParentAction] = [*self._snapshots.tick(now_ms)]
        if now_ms - self._sent_ms >= interval:
            self._sent_ms = now_ms
            actions.append(Send(Heartbeat()))
        return actions

    def stop(self, code: str, detail: str = "") -> list[ParentAction]:
        """End the session from our side, for example at shutdown."""
        return [] if self.state is ParentState.CLOSED else self._finish(code, detail)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _too_fast(self, now_ms: int) -> bool:
        if now_ms - self._second_ms >= 1_000:
            self._second_ms, self._frames_this_second = now_ms, 0
        self._frames_this_second += 1
        return self._frames_this_second > limits.FRAMES_PER_SECOND_MAX

    def _want(self, message: Want) -> list[ParentAction]:
        origin = message.have.origin
        if origin in self._offering or origin in self._sending.cursors:
            return self._finish("out_of_turn", "an origin was wanted twice in one session")
        if len(self._offering) + len(self._sending.cursors) >= limits.WANTS_MAX:
            return self._finish("oversized", f"more than {limits.WANTS_MAX} origins were wanted in one session")
        self._offering.add(origin)
        return [Offer(message.have, message.older, message.point_only)]

    def _taken(self, message: Taken) -> list[ParentAction]:
        if not self._sending.answered(message.batch, message.head.origin, message.head):
            return self._finish(
                "out_of_turn", f"the child has taken batch {message.batch}, which is not the oldest one under way"
            )
        return self._pump()

    def _mail(self, message: MailFrame | MailStored) -> list[ParentAction]:
        if isinstance(message, MailStored):
            return self._mail_stored(message)
        try:
            letter = self._post.add(message)
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        return [] if letter is None else [TakeLetter(letter)]

    def _mail_stored(self, message: MailStored) -> list[ParentAction]:
        if not self._post.stored(message.id):
            return self._finish("out_of_turn", "the child has stored a letter that was not sent")
        return [ForgetLetter(message.id), *self._pump(), *self._ticket()]

    def _pump(self) -> list[ParentAction]:
        if self.state is not ParentState.STREAMING:
            return []
        if self._post.next():
            return [LoadLetter()]
        previous = self._sending.next()
        return [] if previous is None else [LoadDown(previous)]

    def _hello(self, message: Hello) -> list[ParentAction]:
        self.child = message
        if message.protocol_version_min > PROTOCOL_VERSION_MAX or message.protocol_version_max < PROTOCOL_VERSION_MIN:
            return self._finish(
                "protocol_version",
                f"this parent speaks protocol versions {PROTOCOL_VERSION_MIN} to {PROTOCOL_VERSION_MAX}, "
                f"the child {message.protocol_version_min} to {message.protocol_version_max}",
            )
        self.state = ParentState.GREETED
        return []

    def _heads(self, message: Heads) -> list[ParentAction]:
        assert self.child is not None
        if self._looking_up:
            return self._finish("out_of_turn", "heads came while the last ones were looked up")
        self._own += message.own
        self._relayed += message.relayed
        if len(self._own) + len(self._relayed) + len(self._positions) > limits.HEADS_MAX:
            return self._finish("oversized", f"more than {limits.HEADS_MAX} origins in one session")
        if not message.last:
            return []
        first = self.state is ParentState.GREETED
        if first:
            self.state = ParentState.LOOKING_UP
        action = LookUp(self.child, tuple(self._own), tuple(self._relayed), first)
        self._own, self._relayed, self._looking_up = [], [], True
        return [action]

    def _frame(self, frame: BatchFrame) -> list[ParentAction]:
        try:
            complete = self._assembly.add(frame)
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        if complete is None:
            return []
        header, payload = complete
        if len(self._under_way) >= limits.WINDOW_BATCHES_MAX or self._bytes_under_way > limits.WINDOW_BYTES_MAX:
            return self._finish("window", f"more than {limits.WINDOW_BATCHES_MAX} batches are unacknowledged")
        self._under_way[frame.batch] = header
        self._bytes_under_way += header.wire_bytes
        refusal = self._refusal(header)
        if refusal is None:
            self._positions[header.origin] = header.head
        # What is refused here goes the same way as what is applied, so that answers keep the order of the batches.
        return [Apply(frame.batch, header, payload if refusal is None else b"")]

    def _refusal(self, header: BatchHeader) -> Refuse | None:
        known = self._refused.get(header.origin)
        if known is not None:
            return known
        position = self._positions.get(header.origin)
        if position is None:
            refusal = Refuse(header.origin, "not_enrolled", "this origin was not announced in this session", None)
        elif header.previous != position:
            refusal = Refuse(
                header.origin,
                "gap",
                f"a batch starts after commit {header.previous_seq}, expected was {position.seq}",
                None,
            )
        else:
            return None
        self._refused[header.origin] = refusal
        return refusal

    @property
    def brought(self) -> tuple[OriginId, ...]:
        """The origins that this child brings."""
        return tuple(self._positions)

    def brings(self, origin: OriginId) -> bool:
        """Whether this child was told where we stand with an origin."""
        return origin in self._positions

    def refusal_of(self, origin: OriginId) -> Refuse | None:
        """Why batches of this origin are not taken in this session; None if they are."""
        return self._refused.get(origin)

    def _answered(self, batch: BatchNumber) -> BatchHeader:
        header = self._under_way.pop(batch)
        self._bytes_under_way -= header.wire_bytes
        return header

    def _snapshot(self, message: SnapshotMessage, now_ms: int) -> list[ParentAction]:
        if isinstance(message, SnapshotOffer):
            origin = message.head.origin
            if origin not in self._positions or origin in self._refused:
                return self._finish("out_of_turn", "a snapshot was offered of an origin that is not taken")
        try:
            actions: list[ParentAction] = [*receive(self._snapshots, message, now_ms)]
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        if isinstance(message, SnapshotTaken):
            self._sending.resume(message.head)
        return [*actions, *self._pump(), *self._ticket()]

    def _states(self, message: States) -> list[ParentAction]:
        if self._drained_waiting or self._verifying + len(message.states) > limits.HEADS_MAX:
            return self._finish("out_of_turn", "more was stated than can be compared")
        self._verifying += len(message.states)
        return [Verify(statement) for statement in message.states]

    def _drained(self) -> list[ParentAction]:
        if self._under_way:
            return self._finish("out_of_turn", "Drained came while batches were unacknowledged")
        self._drained_waiting = True
        return self._ticket()

    def _ticket(self) -> list[ParentAction]:
        """The ticket ends a drained session, so letters, snapshots and comparisons go first."""
        if not self._drained_waiting or not self._post.idle or not self._snapshots.idle or self._verifying:
            return []
        self._drained_waiting = False
        return [MintTicket()]

    def _finish(self, code: str, detail: str) -> list[ParentAction]:
        self.state = ParentState.CLOSED
        return [Send(Finish(code, detail)), Close(code, detail, clean=False)]
