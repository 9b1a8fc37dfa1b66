"""The child's side of a session: say what we have, learn what the parent has, send what is missing, keep what is
acknowledged.

Batches go up as ``Sending`` orders them. Nothing is kept as acknowledged that the parent did not say. The other way
come batches that the child asked for (``want``): reference data, and origins that it has taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.ids import GENESIS_HASH, Hash, OriginId, Seq
from node.protocol.actions import (
    Alarm,
    Attest,
    ChildAction,
    Close,
    ForgetLetter,
    Halt,
    HandOn,
    Heal,
    KeepAcknowledged,
    KeepTicket,
    KeepVerified,
    Load,
    LoadLetter,
    Locate,
    Release,
    Send,
    Switch,
    TakeDown,
    TakeLetter,
)
from node.protocol.assembly import Assembly
from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    BatchHeader,
    BatchNumber,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    Letter,
    MailFrame,
    MailStored,
    ParentMessage,
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
    StateStatement,
    Taken,
    Ticket,
    TicketStored,
    Verified,
    Want,
    Welcome,
)
from node.protocol.post import Post
from node.protocol.relation import EXPLANATIONS, Relation, relate
from node.protocol.sending import Sending
from node.protocol.snapshots import Snapshots, receive
from node.protocol.transitions import ChildState, child_takes


@dataclass(slots=True)
class _Wish:
    """What comes down of one origin: how far we have it or are taking it, and how far the parent has it (None: not
    said).

    ``older`` are further commits of our chain that we named. ``forked``: the parent's head is not on our chain, so a
    batch must come, or all of it was put aside before. ``aside``: the parent's chain left ours at one of those that we
    named. ``point_only``: nothing is to come; we ask where the parent's chain has left ours.
    """

    have: Head
    older: tuple[Head, ...] = ()
    forked: bool = False
    point_only: bool = False
    offered: Head | None = None
    begun: bool = False
    aside: bool = False

    @property
    def fulfilled(self) -> bool:
        if self.offered is None or (self.forked and not self.begun):
            return False
        return self.have.seq >= self.offered.seq


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
        self._sending = Sending()
        self._post = Post()
        self._snapshots = Snapshots()
        self._assembly = Assembly()
        self._expected: frozenset[OriginId] = frozenset()
        self._departed: frozenset[OriginId] = frozenset()
        self._wanted: dict[OriginId, _Wish] = {}
        self._taking: dict[BatchNumber, BatchHeader] = {}
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
            case Verified():
                return [KeepVerified(message.head, message.outcome, message.root_seq)]
            case Ticket():
                return self._ticket(message)
            case BatchFrame():
                return self._frame(message)
            case MailFrame() | MailStored():
                return self._mail(message, now_ms)
            case (
                SnapshotOffer()
                | SnapshotWant()
                | SnapshotLater()
                | SnapshotChunk()
                | SnapshotStored()
                | SnapshotTaken()
            ):
                return self._snapshot(message, now_ms)
            case SnapshotAsk():
                return self._asked(message)
            case Heartbeat():
                return [Send(Heartbeat(answer=message.probe))] if message.probe else []
            case Finish():
                clean = self.state is ChildState.FINISHING and message.code == "done"
                self.state = ChildState.CLOSED
                return [Close(message.code, message.detail, clean)]

    def located(
        self,
        found: Mapping[OriginId, Hash | None],
        older: Mapping[OriginId, tuple[Head, ...]],
        now_ms: int,
        wishes: Iterable[Head] = (),
    ) -> list[ChildAction]:
        """The answer to ``Locate``: what our log has at the seq of each of the parent's heads; and, where that is not
        the parent's head, further commits of ours by which the parent finds the last one that both have. ``wishes`` are
        wanted before anything that turns out to be missing: reference data say whose signatures are good on the rest.
        """
        if self.state in (ChildState.CLOSED, ChildState.FINISHING):
            return []
        self.state = ChildState.STREAMING
        actions: list[ChildAction] = self.want(wishes, now_ms, older)
        parent_heads, self._parent_heads = self._parent_heads, []
        for head in parent_heads:
            actions += self._place(head, found.get(head.origin), older.get(head.origin, ()), now_ms)
        return actions + self._pump(now_ms)

    def loaded(self, header: BatchHeader | None, payload: bytes, now_ms: int) -> list[ChildAction]:
        """The answer to ``Load``; None if the log has nothing there (it was pruned): a snapshot may be had instead."""
        if self.state is not ChildState.STREAMING:
            return []
        if header is None:
            origin = self._sending.nothing_there()
            assert origin is not None
            after = self._sending.cursors[origin].sent
            assert after is not None
            return [*self._snapshots.offer(after), *self._pump(now_ms)]
        self._work_since_drained = True
        self._sent_ms = now_ms
        return [*(Send(frame) for frame in self._sending.loaded(header, payload)), *self._pump(now_ms)]

    def advanced(self, own: Iterable[Head], relayed: Iterable[Head], now_ms: int) -> list[ChildAction]:
        """Our store has newer heads, perhaps of origins that the parent has not heard of."""
        new_own: list[Head] = []
        new_relayed: list[Head] = []
        for heads, new, is_own in ((own, new_own, True), (relayed, new_relayed, False)):
            for head in heads:
                if not self._sending.advanced(head):
                    new.append(head)
                else:
                    self._sending.cursors[head.origin].own = is_own
        if self.state is not ChildState.STREAMING:
            return []  # origins that appear while the session opens are announced at the next advance
        actions: list[ChildAction] = []
        if new_own or new_relayed:
            self._add(new_own, new_relayed)
            self._sent_ms = now_ms
            actions += [Send(part) for part in pieces(new_own, new_relayed)]
            self._announced_waiting += 1
        return actions + self._pump(now_ms)

    def expect(self, heads: Iterable[Head]) -> None:
        """Origins whose missing commits come from the parent: that it has more of them than we have is as it should."""
        self._expected = frozenset(head.origin for head in heads)

    def let_go(self, departed: frozenset[OriginId]) -> None:
        """Relayed origins that do not come through this node any more: what we have may climb, what does not follow the
        parent's chain goes to the holder, and nothing of them comes down to us.
        """
        self._departed = departed

    def want(
        self,
        heads: Iterable[Head],
        now_ms: int,
        older: Mapping[OriginId, tuple[Head, ...]] | None = None,
        *,
        forked: bool = False,
        point_only: bool = False,
    ) -> list[ChildAction]:
        """Ask the parent for what follows these heads, once a session for each origin. ``older``: see ``located``."""
        if self.state is not ChildState.STREAMING:
            return []
        actions: list[ChildAction] = []
        for head in heads:
            if head.origin not in self._wanted:
                named = (older or {}).get(head.origin, ())
                self._wanted[head.origin] = _Wish(head, named, forked, point_only)
                actions.append(Send(Want(head, named, point_only)))
                self._sent_ms = now_ms
        return actions

    def taken(self, batch: BatchNumber, now_ms: int) -> list[ChildAction]:
        """A batch of the parent is on our disk. What the parent gave it need not be given: an origin that was taken
        over goes on from there.
        """
        header = self._taking.pop(batch)
        if self.state is ChildState.CLOSED:
            return []
        cursor = self._sending.cursors.get(header.origin)
        wish = self._wanted[header.origin]
        self._sent_ms = now_ms
        actions: list[ChildAction] = [Send(Taken(batch, header.head))]
        if cursor is not None and not wish.aside and (cursor.sent is None or cursor.sent.seq < header.seq):
            cursor.sent = header.head
            self._sending.advanced(header.head)
        if wish.fulfilled and not any(other.origin == header.origin for other in self._taking.values()):
            if wish.aside:
                actions.append(Switch(header.head))
            elif cursor is not None:
                actions.append(Release(header.origin))
        return actions + self._pump(now_ms)

    def switched(self, local: Head, trunk: Head, now_ms: int) -> list[ChildAction]:
        """The answer to ``Switch``: our log is on the parent's chain now, up to ``trunk``, and goes on to ``local``."""
        if self.state is not ChildState.STREAMING:
            return []
        self._wanted[trunk.origin].aside = False
        cursor = self._sending.cursors.get(trunk.origin)
        if cursor is None:
            return []
        self._sending.add(local, own=cursor.own, sent=trunk)
        return [Release(trunk.origin), *self._pump(now_ms)]

    def not_taken(self, batch: BatchNumber, code: str, detail: str) -> list[ChildAction]:
        """What the parent sent is refused: nothing more is taken from it before somebody has looked."""
        header = self._taking.pop(batch)
        if self.state is ChildState.CLOSED:
            return []
        return [Alarm(code, header.origin, detail), *self._finish(code, detail)]

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
            self._sending.under_way
            or self._post.under_way
            or self._snapshots.under_way
            or self._drained_waiting
            or self.state is ChildState.FINISHING
        ) and unanswered > limits.ACK_TIMEOUT_MS:
            return self._close("ack_timeout", "the parent did not acknowledge what was sent")
        if silence > limits.IDLE_TIMEOUT_MS:
            return self._close("idle_timeout", "nothing was heard from the parent")
        actions: list[ChildAction] = [*self._snapshots.tick(now_ms), *self._pump(now_ms)]
        if now_ms - self._sent_ms > limits.HEARTBEAT_INTERVAL_MS:
            self._sent_ms = now_ms
            actions.append(Send(Heartbeat()))
        return actions

    def state_again(self) -> None:
        """More is known of how rows stand than when we said so: that is work, though no commit comes."""
        self._work_since_drained = True

    def attested(self, states: Sequence[StateStatement], now_ms: int) -> list[ChildAction]:
        """The answer to ``Attest``: what the parent compares its copies with, before it mints a ticket."""
        if self.state is not ChildState.STREAMING:
            return []
        self._sent_ms = now_ms
        size = limits.STATES_PER_FRAME_MAX
        parts = [States(tuple(states[i : i + size])) for i in range(0, len(states), size)]
        return [*(Send(part) for part in parts), Send(Drained())]

    def snapshot_loaded(self, offer: SnapshotOffer | None, now_ms: int) -> list[ChildAction]:
        """The answer to ``LoadSnapshot``; None if nothing is signed that could be offered: the origin is left for this
        session.
        """
        asked = self._snapshots.loading
        actions: list[ChildAction] = [*self._snapshots.loaded(offer)]
        if self.state is not ChildState.STREAMING or asked is None:
            return []
        self._sent_ms = now_ms
        if offer is None and asked.anew:
            self._sending.go_on(asked.after.origin)
        elif offer is None:
            detail = "the log has no commits where the parent needs them, and there is no snapshot"
            actions.append(Halt(asked.after.origin, "log_missing", detail))
        return actions + self._pump(now_ms)

    def chunk_loaded(self, payload: bytes | None, now_ms: int) -> list[ChildAction]:
        """The answer to ``LoadChunk``; None if a newer snapshot has taken the place of this one meanwhile."""
        if payload is None:
            return (
                []
                if self.state is ChildState.CLOSED
                else self._finish("snapshot_gone", "there is a newer snapshot now")
            )
        self._work_since_drained, self._sent_ms = True, now_ms
        return [*self._snapshots.chunk_loaded(payload)] if self.state is ChildState.STREAMING else []

    def snapshot_opened(self, chunk: int, now_ms: int) -> list[ChildAction]:
        """The answer to ``OpenSnapshot``: how many chunks are here from a session before."""
        self._sent_ms = now_ms
        return [*self._snapshots.opened(chunk)] if self.state is not ChildState.CLOSED else []

    def chunk_stored(self, chunk: int, now_ms: int) -> list[ChildAction]:
        """The answer to ``StoreChunk``."""
        self._sent_ms = now_ms
        return [*self._snapshots.chunk_stored(chunk)] if self.state is not ChildState.CLOSED else []

    def snapshot_installed(self, now_ms: int) -> list[ChildAction]:
        """The answer to ``InstallSnapshot``: our log goes on behind it."""
        head = self._snapshots.coming
        if self.state is ChildState.CLOSED or head is None:
            return []
        self._sent_ms = now_ms
        actions: list[ChildAction] = [*self._snapshots.installed()]
        wish = self._wanted[head.origin]
        wish.have, wish.begun, wish.aside = head, True, False
        cursor = self._sending.cursors.get(head.origin)
        if cursor is not None:
            self._sending.add(head, own=cursor.own, sent=head)
            if wish.fulfilled:
                actions.append(Release(head.origin))
        return actions + self._pump(now_ms)

    def snapshot_refused(self, code: str, detail: str) -> list[ChildAction]:
        """What the parent offers is not what the holder signed: nothing more is taken before somebody has looked."""
        head = self._snapshots.coming
        if self.state is ChildState.CLOSED or head is None:
            return []
        return [Alarm(code, head.origin, detail), *self._finish(code, detail)]

    def mail_waits(self, now_ms: int) -> list[ChildAction]:
        """The shell has letters for the parent, or may have."""
        self._post.waiting = True
        return self._pump(now_ms)

    def letter_loaded(self, letter: Letter | None, now_ms: int) -> list[ChildAction]:
        """The answer to ``LoadLetter``."""
        frames = self._post.loaded(letter)
        if self.state is not ChildState.STREAMING:
            return []
        if letter is not None:
            self._sent_ms = now_ms
        return [*(Send(frame) for frame in frames), *self._pump(now_ms)]

    def letter_taken(self, letter: Letter, now_ms: int) -> list[ChildAction]:
        """The answer to ``TakeLetter``."""
        if self.state is ChildState.CLOSED:
            return []
        self._work_since_drained, self._sent_ms = True, now_ms
        return [Send(MailStored(letter.id))]

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
            and self._sending.idle
            and self._post.idle
            and self._snapshots.idle
            and not self._announced_waiting
        )

    @property
    def _satisfied(self) -> bool:
        """Everything that was wanted is here."""
        return not self._taking and all(wish.fulfilled for wish in self._wanted.values())

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add(self, own: Iterable[Head], relayed: Iterable[Head]) -> None:
        for heads, is_own in ((own, True), (relayed, False)):
            for head in heads:
                self._sending.add(head, own=is_own)

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
        if message.own:
            return self._offered(message)
        if len(self._parent_heads) + len(message.relayed) > limits.HEADS_MAX:
            return self._finish("oversized", "the parent names too many origins")
        self._parent_heads += message.relayed
        if not message.last:
            return []
        if self.state is ChildState.WELCOMED:
            self.state = ChildState.LOCATING
        elif self._announced_waiting:
            self._announced_waiting -= 1
        else:
            return self._finish("out_of_turn", "the parent sent heads that nobody asked for")
        return [Locate(tuple(self._parent_heads))]

    def _offered(self, message: Heads) -> list[ChildAction]:
        """How far the parent has what we wanted."""
        actions: list[ChildAction] = []
        for head in message.own:
            wish = self._wanted.get(head.origin)
            if wish is None or message.relayed:
                return self._finish("out_of_turn", "the parent offers an origin that nobody wanted")
            if wish.point_only:
                del self._wanted[head.origin]
                actions += self._met(wish, head)
                continue
            wish.offered = head
            if head not in wish.older:
                continue
            if wish.forked:  # all that the parent has was put aside in a session that ended before: no batch will come
                wish.have, wish.begun, wish.aside = head, True, True
                actions.append(Switch(head))
            elif head.seq < wish.have.seq:
                actions.append(Switch(head))  # the parent has less than we do, of what comes from above
        return actions + self._pump(self._received_ms)

    def _met(self, wish: _Wish, point: Head) -> list[ChildAction]:
        """Where the parent's chain has left ours, of an origin that has another way now."""
        if point == wish.have:
            return [KeepAcknowledged(point, 0)]  # all that we have is there
        if point in wish.older:
            return [HandOn(point)]
        return self._finish("out_of_turn", "the parent names a commit that it was not asked for")

    def _frame(self, frame: BatchFrame) -> list[ChildAction]:
        try:
            complete = self._assembly.add(frame)
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        if complete is None:
            return []
        header, payload = complete
        wish = self._wanted.get(header.origin)
        if wish is None:
            return self._finish("out_of_turn", "the parent sent a batch of an origin that nobody wanted")
        if header.previous != wish.have:
            if wish.begun or header.previous not in wish.older:
                return self._finish("out_of_turn", "the parent sent a batch that does not follow what was wanted")
            wish.aside = True
        if len(self._taking) >= limits.WINDOW_BATCHES_MAX:
            return self._finish("window", f"more than {limits.WINDOW_BATCHES_MAX} batches are not yet taken")
        wish.have, wish.begun = header.head, True
        self._taking[frame.batch] = header
        return [TakeDown(frame.batch, header, payload, wish.aside)]

    def _mail(self, message: MailFrame | MailStored, now_ms: int) -> list[ChildAction]:
        if isinstance(message, MailStored):
            return self._mail_stored(message, now_ms)
        try:
            letter = self._post.add(message)
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        return [] if letter is None else [TakeLetter(letter)]

    def _snapshot(self, message: SnapshotMessage, now_ms: int) -> list[ChildAction]:
        if isinstance(message, SnapshotOffer) and message.head.origin not in self._wanted:
            return self._finish("out_of_turn", "the parent offered a snapshot of an origin that nobody wanted")
        try:
            actions: list[ChildAction] = [*receive(self._snapshots, message, now_ms)]
        except FrameRefused as error:
            return self._finish(error.code, error.message)
        self._sent_ms = now_ms
        if isinstance(message, SnapshotTaken):
            self._sending.resume(message.head)
        return actions + self._pump(now_ms)

    def _asked(self, message: SnapshotAsk) -> list[ChildAction]:
        """The parent wants the state of an origin that we bring."""
        cursor = self._sending.cursors.get(message.origin)
        if cursor is None:
            return []  # this store was made anew and does not have it yet; the parent asks again another time
        if cursor.halted or cursor.sent is None:
            return []
        self._sending.pause(message.origin)
        return [*self._snapshots.offer(Head(message.origin, Seq(0), GENESIS_HASH), anew=True)]

    def _mail_stored(self, message: MailStored, now_ms: int) -> list[ChildAction]:
        if not self._post.stored(message.id):
            return self._finish("out_of_turn", "the parent has stored a letter that was not sent")
        self._work_since_drained = True
        return [ForgetLetter(message.id), *self._pump(now_ms)]

    def _place(self, head: Head, hash_here: Hash | None, older: tuple[Head, ...], now_ms: int) -> list[ChildAction]:
        cursor = self._sending.cursors.get(head.origin)
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
        if head.origin in self._departed:
            # The parent has more by another way, and perhaps another history than ours.
            ask = self.want((cursor.local,), now_ms, {head.origin: older}, point_only=True)
            return [Release(head.origin), *ask]
        forked = relation in (Relation.FORK, Relation.DIVERGED)
        ask = self.want((cursor.local,), now_ms, {head.origin: older}, forked=forked)
        if relation is Relation.RELAY_BEHIND or (relation is Relation.RESTORED and head.origin in self._expected):
            return ask
        return [Heal(head.origin, relation.value, EXPLANATIONS[relation]), *ask]

    def _acknowledged(self, message: Acknowledge, now_ms: int) -> list[ChildAction]:
        if not self._sending.answered(message.batch, message.head.origin, message.head):
            return self._finish(
                "out_of_turn", f"the parent acknowledged batch {message.batch}, which is not the oldest one under way"
            )
        keep = KeepAcknowledged(message.head, message.quarantined, message.receipt_at_ms, message.receipt)
        return [keep, *self._pump(now_ms)]

    def _refused(self, message: Refuse, now_ms: int) -> list[ChildAction]:
        if message.batch is not None and not self._sending.answered(message.batch, message.origin):
            return self._finish(
                "out_of_turn", f"the parent refused batch {message.batch}, which is not the oldest one under way"
            )
        cursor = self._sending.cursors.get(message.origin)
        if cursor is None and message.origin not in self._wanted:
            return self._finish("out_of_turn", "the parent refused an origin that it was not offered")
        if message.batch is None:
            wish = self._wanted.pop(message.origin, None)
            if wish is not None and message.code == "moved":  # the word of it is in the reference data, and on its way
                return self._pump(now_ms)
        if cursor is None:
            return [Alarm(message.code, message.origin, message.detail), *self._pump(now_ms)]
        if cursor.halted:
            return self._pump(now_ms)
        cursor.halted = True
        return [
            Halt(message.origin, message.code, message.detail),
            *self._snapshots.forget(message.origin),
            *self._pump(now_ms),
        ]

    def _ticket(self, message: Ticket) -> list[ChildAction]:
        self._drained_waiting = False
        actions: list[ChildAction] = [KeepTicket(message.ticket), Send(TicketStored(message.ticket))]
        if not self.follow and self.drained and self._satisfied and self.state is ChildState.STREAMING:
            self.state = ChildState.FINISHING
            actions.append(Send(Finish("done", "")))
        return actions

    def _pump(self, now_ms: int) -> list[ChildAction]:
        """Ask for the next batch, if the window has room; say Drained when nothing is left."""
        if self.state is not ChildState.STREAMING:
            return []
        if self._post.next():
            return [LoadLetter()]
        if self._sending.loading:
            return []
        previous = self._sending.next()
        return self._drain(now_ms) if previous is None else [Load(previous)]

    def _drain(self, now_ms: int) -> list[ChildAction]:
        if not self.drained or self._drained_waiting or not (self.follow or self._satisfied):
            return []
        if self.follow and self._drained_ms is not None:
            early = now_ms - self._drained_ms < limits.TICKET_INTERVAL_MS
            if early or not self._work_since_drained:
                return []
        self._drained_ms = now_ms
        self._drained_waiting = True
        self._work_since_drained = False
        return [Attest()]

    def _finish(self, code: str, detail: str) -> list[ChildAction]:
        """Tell the parent why, and close without waiting for it."""
        return [Send(Finish(code, detail)), *self._close(code, detail)]

    def _close(self, code: str, detail: str) -> list[ChildAction]:
        self.state = ChildState.CLOSED
        return [Close(code, detail, clean=False)]
