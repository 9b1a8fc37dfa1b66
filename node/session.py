"""The child's shell around ``ChildSession``: performs its actions on a store. Synchronous, so that the simulator runs
the same code as the uplink.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, cast

from node import branch, changelog, takeover, tickets
from node.applier import Applied, GroupApplier, Refused, Work, decode
from node.chain import Head
from node.healing import Healer
from node.identity.keys import NodeKey
from node.ids import Hash, NodeId, OriginId, UnitCode
from node.letters import LetterReader
from node.mail import Mail
from node.outgoing import next_batch
from node.protocol.actions import (
    Alarm,
    Attest,
    ChildAction,
    Close,
    ForgetLetter,
    Halt,
    HandOn,
    Heal,
    InstallSnapshot,
    KeepAcknowledged,
    KeepTicket,
    KeepVerified,
    Load,
    LoadChunk,
    LoadLetter,
    LoadSnapshot,
    Locate,
    OpenSnapshot,
    Release,
    Send,
    SnapshotAction,
    StoreChunk,
    Switch,
    TakeDown,
    TakeLetter,
)
from node.protocol.child import ChildSession
from node.protocol.messages import (
    PROTOCOL_VERSION_MAX,
    PROTOCOL_VERSION_MIN,
    ChildMessage,
    Hello,
    Message,
    ParentMessage,
)
from node.protocol.transitions import ChildState
from node.reference import Reference
from node.rows import RowDesk
from node.schema import SCHEMA_VERSION
from node.snapshot_desk import SnapshotDesk, SnapshotRefused
from node.store import Store
from node.verification import Verifier
from node.wire import decode_response, encode_request

_NEWS_OF_THE_OLD_STORE: Final = frozenset({"stale_ticket", "origin_unknown_here"})
"""What a parent says to a store that was made anew, and what is no trouble: it knew the one before."""
_UPSERT_ACKNOWLEDGED = (
    "INSERT INTO acknowledged "
    "(peer, origin, seq, hash, quarantined, acknowledged_at, receipt_seq, receipt_hash, receipt_at_ms, receipt) "
    "VALUES (:peer, :origin, :seq, :hash, :quarantined, :acknowledged_at, :seq, :hash, :receipt_at_ms, :receipt) "
    "ON CONFLICT (peer, origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
    "quarantined = acknowledged.quarantined + excluded.quarantined, acknowledged_at = excluded.acknowledged_at, "
    "receipt_seq = iif(excluded.receipt = x'', acknowledged.receipt_seq, excluded.receipt_seq), "
    "receipt_hash = iif(excluded.receipt = x'', acknowledged.receipt_hash, excluded.receipt_hash), "
    "receipt_at_ms = iif(excluded.receipt = x'', acknowledged.receipt_at_ms, excluded.receipt_at_ms), "
    "receipt = iif(excluded.receipt = x'', acknowledged.receipt, excluded.receipt)"
)


class ChildEndpoint:
    """One session with the parent. ``outbox`` fills with messages to send, in order; ``closed`` is set at its end.

    ``key`` signs what this node made. ``parent`` is who is dialled: tickets are kept for each parent, so that a node
    that comes back to an earlier one is not taken for a copy. ``on_taken`` is called when something has come from the
    parent.
    """

    def __init__(
        self,
        store: Store,
        *,
        key: NodeKey,
        follow: bool,
        release: str,
        parent: NodeId = tickets.PARENT,
        on_taken: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._parent = parent
        self._key = key
        self._on_taken = on_taken
        self._release = release
        self._reference = Reference(store)
        self._mail = Mail(store, self._reference)
        self._mail_link = self._mail.link(None, parent=parent)
        self._healer = Healer(store, self._reference, key)
        self._heard = store.statements_heard
        self._verifier = Verifier(store, self._reference, key)
        self._snapshots = SnapshotDesk(store, self._verifier, self._healer)
        self._letters = LetterReader(store, self._mail, self._healer, RowDesk(store, self._mail, key))
        self._healing: dict[OriginId, Head] = {}
        self.session = ChildSession(follow=follow)
        self.outbox: deque[Message] = deque()
        self.closed: Close | None = None
        self._to_keep: list[KeepAcknowledged] = []
        self._marked: dict[OriginId, str] | None = None
        self._hello: Hello | None = None

    @property
    def opened(self) -> bool:
        """The parent has welcomed us in this session."""
        return self.session.parent is not None

    def start(self) -> None:
        """Say Hello with the heads as they stand now."""
        store = self._store
        takeover.prepare(store, self._reference)
        self._healer.give_up_what_is_others()
        self._letters.read()
        own, relayed = self._heads()
        profiles = store.profiles()
        profile = next((profiles[head.origin] for head in own if head.origin in profiles), None)
        with store.database.snapshot() as connection:
            ticket = tickets.newest(connection, self._parent)
        self._mail_link.begin(ticket)
        hello = Hello(
            protocol_version_min=PROTOCOL_VERSION_MIN,
            protocol_version_max=PROTOCOL_VERSION_MAX,
            schema_version=SCHEMA_VERSION,
            node_id=store.node_id,
            incarnation=store.incarnation,
            reference_hash=self._reference_hash(),
            ticket=ticket,
            unit_code=UnitCode(profile.unit_code if profile else ""),
            unit_valid_from=profile.unit_valid_from if profile else "",
            release=self._release,
        )
        self._hello = hello
        self._mail_out()
        self._perform(self.session.start(hello, own, relayed, self._now()))

    def receive(self, message: ParentMessage) -> None:
        self._perform(self.session.receive(message, self._now()))

    def receive_frame(self, frame: bytes) -> None:
        """Raises ``FrameRefused``."""
        self.receive(decode_response(frame))

    def encode(self, message: Message) -> bytes:
        return encode_request(cast("ChildMessage", message))

    def violated(self, code: str, detail: str) -> None:
        """The parent sent something that is no message of ours."""
        self._perform(self.session.violated(code, detail))

    def wake(self) -> None:
        """There may be news in the store: begin, or send on what is new."""
        if self.session.state is ChildState.NEW:
            self.start()
        else:
            self.advanced()

    def advanced(self) -> None:
        """The store may have newer heads: send them on."""
        self._look_for_mail()
        own, relayed = self._heads()
        self._perform(self.session.advanced(own, relayed, self._now()))

    def tick(self) -> None:
        self._look_for_mail()
        if self._heard != self._store.statements_heard:
            self._heard = self._store.statements_heard
            self.session.state_again()
        self._perform(self.session.tick(self._now()))

    def _look_for_mail(self) -> None:
        """Read what came for us, once nothing is being healed, and send on what is for others."""
        if self.closed is not None or self.session.state is ChildState.NEW:
            return
        self._perform(self._read_mail())

    def _read_mail(self) -> list[ChildAction]:
        actions: list[ChildAction] = []
        self._mail.reroute()
        if not self._healing and self._letters.read():
            actions += self.session.advanced(*self._heads(), self._now())
        return [*actions, *self._mail_out()]

    def _mail_out(self) -> list[ChildAction]:
        """A session that only drains ends when nothing waits: it has to hear of letters before that."""
        return self.session.mail_waits(self._now()) if self._mail_link.waits else []

    def stop(self, code: str) -> None:
        self._perform(self.session.stop(code))

    def link_lost(self) -> None:
        """The stream ended without Finish."""
        if self.closed is None:
            self._over(Close("link_lost", "the link to the parent was cut", clean=False))

    def _over(self, close: Close) -> None:
        """Work is held only while the session that heals runs."""
        self.closed = close
        for origin in self._healing:
            self._store.unhold(origin)
        self._healing.clear()

    def _now(self) -> int:
        return self._store.clock.monotonic_ms()

    def _heads(self) -> tuple[list[Head], list[Head]]:
        states = [state for state in self._store.states() if not state.flow]
        return [state.head for state in states if state.own], [state.head for state in states if not state.own]

    def _reference_hash(self) -> bytes:
        head = self._reference.head()
        return b"" if head is None else head.hash

    def _wishes(self) -> list[Head]:
        """What comes down in every session: the reference data, unless this node writes it, and what was taken over."""
        origin = self._store.reference_origin()
        if origin is None or origin in self._store.own_origins():
            return []
        return [self._store.head(origin), *takeover.unfinished(self._store, self._reference)]

    def _perform(self, actions: list[ChildAction]) -> None:
        queue = deque(actions)
        self._perform_all(queue)
        self._keep_acknowledged()

    def _perform_all(self, queue: deque[ChildAction]) -> None:
        while queue:
            action = queue.popleft()
            match action:
                case Send():
                    self.outbox.append(action.message)
                case Load():
                    queue.extend(self._load(action.previous))
                case Locate():
                    self._marked = None
                    self._meet_parent()
                    found = self._found(action.heads)
                    was = self.session.state
                    wishes = self._wishes()
                    self.session.expect(wishes)
                    self.session.let_go(takeover.departed_origins(self._store, self._reference))
                    apart = [head.origin for head in action.heads if found[head.origin] != head.hash]
                    opening = was is ChildState.LOCATING
                    first = wishes if opening else []
                    queue.extend(self._letters_anew() if opening else ())
                    older = self._older((*apart, *(wish.origin for wish in first)))
                    queue.extend(self.session.located(found, older, self._now(), first))
                    if opening:  # what came while the session opened
                        queue.extend(self.session.advanced(*self._heads(), self._now()))
                case KeepAcknowledged():
                    self._to_keep.append(action)
                case Attest():
                    self._heard = self._store.statements_heard
                    queue.extend(self.session.attested(self._verifier.attest(), self._now()))
                case KeepVerified():
                    assert self.session.parent is not None
                    self._verifier.heard(self.session.parent.node_id, action.head, action.outcome, action.root_seq)
                case KeepTicket():
                    with self._store.database.transaction() as connection:
                        tickets.keep(
                            connection, self._parent, action.ticket, beside=tickets.newest(connection, self._parent)
                        )
                case Alarm():
                    self._alarm(action)
                case Close():
                    self._over(action)
                case TakeDown() | Switch() | Heal() | Halt() | Release() | HandOn():
                    queue.extend(self._mend(action))
                case LoadLetter() | TakeLetter() | ForgetLetter():
                    queue.extend(self._post(action))
                case LoadSnapshot() | LoadChunk() | OpenSnapshot() | StoreChunk() | InstallSnapshot():
                    queue.extend(self._snapshot(action))

    def _alarm(self, action: Alarm) -> None:
        if action.code in _NEWS_OF_THE_OLD_STORE and self._store.restoring:
            return
        if action.code == "stale_ticket":
            self._store.renew_incarnation()
            self._mail.send_again()  # or it is the parent that was restored, and has lost letters
        self._store.raise_alarm(action.code, action.origin, action.detail, again=action.origin is None)

    def _letters_anew(self) -> list[ChildAction]:
        """Where the parent knows of no session with us, and there was one, it has lost what it had."""
        parent, hello = self.session.parent, self._hello
        if parent is not None and parent.ticket_verdict == "none_yet" and hello is not None and hello.ticket:
            self._mail.send_again()
        return self._mail_out()

    def _mend(self, action: TakeDown | Switch | Heal | Halt | Release | HandOn) -> list[ChildAction]:
        """What comes down, and how origins stand."""
        match action:
            case TakeDown():
                return self._take_down(action)
            case Switch():
                return self._switch(action.trunk)
            case Heal():
                self._heal(action)
            case Halt():
                self._halt(action)
            case HandOn():
                if not self._reference.is_retired(action.after.origin):
                    self._healer.send_branch(action.after, self._store.head(action.after.origin))
            case Release():
                self._healed(action.origin)
                if self._marks().get(action.origin, "") not in ("", "retired"):
                    self._store.release(action.origin)
                    self._marked = None
        return []

    def _post(self, action: LoadLetter | TakeLetter | ForgetLetter) -> list[ChildAction]:
        match action:
            case LoadLetter():
                return self.session.letter_loaded(self._mail_link.next(), self._now())
            case TakeLetter():
                self._mail_link.take(action.letter)
                return [*self.session.letter_taken(action.letter, self._now()), *self._read_mail()]
            case ForgetLetter():
                self._mail_link.sent(action.letter_id)
        return []

    def _snapshot(self, action: SnapshotAction) -> list[ChildAction]:
        parent = self.session.parent
        assert parent is not None
        match action:
            case LoadSnapshot():
                return self.session.snapshot_loaded(
                    self._snapshots.offer_behind(action.after, anew=action.anew), self._now()
                )
            case LoadChunk():
                return self.session.chunk_loaded(self._snapshots.chunk(action.head, action.chunk), self._now())
            case StoreChunk():
                if action.head.origin in self._healing:
                    self._store.hold(action.head.origin)
                self._snapshots.store_chunk(action.head, action.chunk, action.payload)
                return self.session.chunk_stored(action.chunk, self._now())
            case OpenSnapshot() | InstallSnapshot():
                try:
                    if isinstance(action, OpenSnapshot):
                        return self.session.snapshot_opened(self._snapshots.open(action.offer), self._now())
                    self._snapshots.install(action.offer, peer=parent.node_id, down=True)
                except SnapshotRefused as refused:
                    return self.session.snapshot_refused(refused.code, refused.message)
        if self._on_taken is not None:
            self._on_taken()
        is_reference = action.offer.head.origin == self._store.reference_origin()
        if is_reference:
            self._healer.give_up_what_is_others()
        actions = [*self._mail_out(), *self.session.snapshot_installed(self._now())]
        return [*actions, *self._expect_more()] if is_reference else actions

    def _load(self, previous: Head) -> list[ChildAction]:
        batch = next_batch(self._store, self._reference, self._key, previous)
        header, payload = batch or (None, b"")
        return self.session.loaded(header, payload, self._now())

    def _take_down(self, action: TakeDown) -> list[ChildAction]:
        """A batch from above: on the disk before it is said to be taken."""
        store = self._store
        parent = self.session.parent
        assert parent is not None
        work = Work(parent.node_id, action.header, action.payload, down=True)
        if action.header.origin in self._healing:
            store.hold(action.header.origin)
        if action.aside:
            return self._put_aside(action, work)
        (outcome,) = GroupApplier(store, self._reference).apply([work])
        if not isinstance(outcome, Applied):
            return self.session.not_taken(action.batch, outcome.code, outcome.detail)
        store.saw_own(outcome.head)
        if self._on_taken is not None:
            self._on_taken()
        is_reference = action.header.origin == store.reference_origin()
        if is_reference:
            self._healer.give_up_what_is_others()
        actions = [*self._mail_out(), *self.session.taken(action.batch, self._now())]
        return [*actions, *self._expect_more()] if is_reference else actions

    def _expect_more(self) -> list[ChildAction]:
        """Reference data have come: they may say that registers were handed to this node, or to one below it."""
        if not takeover.prepare(self._store, self._reference):
            return []
        heads = self.session.advanced(*self._heads(), self._now())
        return [*heads, *self.session.want(self._wishes(), self._now())]

    def _meet_parent(self) -> None:
        """A parent whose store is another one than last time may have lost letters."""
        parent = self.session.parent
        if parent is None:
            return
        self._mail_link.peer = parent.node_id
        if self._store.met(parent.node_id, parent.incarnation):
            self._mail.send_again()

    def _put_aside(self, action: TakeDown, work: Work) -> list[ChildAction]:
        """A batch of another history than ours: as sound as one that is stored, and kept beside the log."""
        commits = decode(work)
        if isinstance(commits, Refused):
            return self.session.not_taken(action.batch, commits.code, commits.detail)
        objection = self._reference.signature_objection(action.header, commits)
        if objection is not None:
            return self.session.not_taken(action.batch, *objection)
        with self._store.database.transaction() as connection:
            branch.spool(connection, action.header, commits)
        return self.session.taken(action.batch, self._now())

    def _older(self, origins: Iterable[OriginId]) -> dict[OriginId, tuple[Head, ...]]:
        with self._store.database.snapshot() as connection:
            return {origin: branch.older_heads(connection, self._store.head(origin)) for origin in origins}

    def _heal(self, action: Heal) -> None:
        """Say what is wrong, and let nobody write until it is mended or the session ends."""
        self._halt(Halt(action.origin, action.code, action.detail))
        if action.origin in self._store.own_origins():
            self._store.renew_incarnation()
            self._store.hold(action.origin)
            self._healing[action.origin] = self._store.head(action.origin)

    def _switch(self, trunk: Head) -> list[ChildAction]:
        """All of the parent's history is here: it takes the place of ours."""
        local = self._healer.switch(trunk)
        self._healing.pop(trunk.origin, None)
        self._store.unhold(trunk.origin)
        if self._on_taken is not None:
            self._on_taken()
        is_reference = trunk.origin == self._store.reference_origin()
        if is_reference:
            self._healer.give_up_what_is_others()
        actions = [*self._mail_out(), *self.session.switched(local, trunk, self._now())]
        return [*actions, *self._expect_more()] if is_reference else actions

    def _healed(self, origin: OriginId) -> None:
        """The origin is whole again; where only commits were missing, say which."""
        found = self._healing.pop(origin, None)
        if found is None:
            return
        self._store.unhold(origin)
        head = self._store.head(origin)
        if head.seq > found.seq:
            self._healer.restored(found, head)

    def _keep_acknowledged(self) -> None:
        """Write down what the parent confirmed, all of one turn in one transaction."""
        if not self._to_keep:
            return
        keep, self._to_keep = self._to_keep, []
        now = self._store.clock.wall_ms()
        peer = self.session.parent.node_id if self.session.parent else ""
        with self._store.database.transaction() as connection:
            for action in keep:
                connection.execute(
                    _UPSERT_ACKNOWLEDGED,
                    {
                        "peer": peer,
                        "origin": action.head.origin,
                        "seq": action.head.seq,
                        "hash": action.head.hash,
                        "quarantined": action.quarantined,
                        "acknowledged_at": now,
                        "receipt_at_ms": action.receipt_at_ms,
                        "receipt": action.receipt,
                    },
                )

    def _found(self, heads: Iterable[Head]) -> dict[OriginId, Hash | None]:
        """What our log has at each of the parent's heads. Below our floor nobody can tell any more: we had its word for
        what was pruned, so it is taken to be what it says, and the snapshot that follows proves itself.
        """
        with self._store.database.snapshot() as connection:
            floors = {head.origin: changelog.floor_of(connection, head.origin).seq for head in heads}
        return {
            head.origin: self._store.hash_at(head.origin, head.seq)
            or (head.hash if head.seq < floors[head.origin] else None)
            for head in heads
        }

    def _marks(self) -> dict[OriginId, str]:
        """Why origins were halted; read once, because a hub has thousands of them."""
        if self._marked is None:
            self._marked = {state.head.origin: state.halted for state in self._store.states()}
        return self._marked

    def _halt(self, action: Halt) -> None:
        if action.code == "not_holder" and action.origin not in self._store.own_origins():
            self._healer.give_what_nobody_confirmed(action.origin)
        if action.code == "log_missing" and self._reference.is_retired(action.origin):
            action = Halt(
                action.origin, "retired", "the register was retired: what was recorded here after that is kept"
            )
        if self._marks().get(action.origin, action.code) != action.code:
            self._store.halt(action.origin, action.code, action.detail)
            self._marked = None
