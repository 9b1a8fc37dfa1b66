"""The parent's shell around ``ParentSession``: performs its actions on a store. Synchronous, so that the simulator runs
the same code as the server.

Batches are collected in the hub's queue and applied in groups with those of other children; ``Hub.apply_group`` feeds
the answers back.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import cast

from node import changelog, limits, takeover, tickets
from node.applier import Applied, GroupApplier, Refused, Work
from node.chain import Head
from node.healing import Healer
from node.identity.keys import NodeKey
from node.identity.statements import receipt_statement
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, Seq
from node.letters import LetterReader
from node.mail import Mail
from node.outgoing import next_batch
from node.protocol.actions import (
    Alarm,
    Apply,
    Close,
    ConfirmTicket,
    ForgetLetter,
    InstallSnapshot,
    LoadChunk,
    LoadDown,
    LoadLetter,
    LoadSnapshot,
    LookUp,
    MailAction,
    MintTicket,
    Offer,
    OpenSnapshot,
    ParentAction,
    Send,
    SnapshotAction,
    StoreChunk,
    TakeLetter,
    Verify,
)
from node.protocol.messages import (
    PROTOCOL_VERSION_MAX,
    BatchNumber,
    ChildMessage,
    Hello,
    Message,
    Outcome,
    ParentMessage,
    Refuse,
    StateStatement,
    Taken,
    TicketVerdict,
    Want,
    Welcome,
)
from node.protocol.parent import LookedUp, Offered, ParentSession
from node.reference import Objection, Reference
from node.rows import RowDesk
from node.schema import SCHEMA_VERSION
from node.snapshot_desk import SnapshotDesk, SnapshotRefused
from node.store import OriginState, Store
from node.verification import Verifier
from node.wire import decode_request, encode_response


@dataclass(slots=True)
class _Queued:
    endpoint: ParentEndpoint
    batch: BatchNumber
    work: Work


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as its certificate says; a message never does."""

    node_id: NodeId
    serial: str
    not_after_ms: int


@dataclass(slots=True)
class Counts:
    """What went through this hub since it started; the metrics read it."""

    batches_applied: int = 0
    commits_applied: int = 0
    commits_quarantined: int = 0
    groups: int = 0
    comparisons: dict[Outcome, int] = field(default_factory=dict)


class Hub:
    """What all sessions of one parent share: the store, the reference data, the applier and the queue before it.

    ``key`` signs receipts. ``sessions`` holds the open session of each child.
    """

    def __init__(self, store: Store, key: NodeKey, source: random.Random, release: str) -> None:
        self.store = store
        self.key = key
        self.release = release
        self.source = source
        self.reference = Reference(store)
        self.mail = Mail(store, self.reference)
        self.healer = Healer(store, self.reference, key)
        self.letters = LetterReader(store, self.mail, self.healer, RowDesk(store, self.mail, key))
        self.verifier = Verifier(store, self.reference, key)
        self.snapshots = SnapshotDesk(store, self.verifier, self.healer)
        self.sessions: dict[NodeId, ParentEndpoint] = {}
        self.stirred: list[ParentEndpoint] = []
        """Sessions that got something to do in the turn of another one; the server wakes them."""
        self.advanced = False
        """An origin has come further in the turn of a session; the server tells the uplink."""
        self.counts = Counts()
        self.refusals: dict[str, int] = {}
        self._applier = GroupApplier(store, self.reference)
        self._queue: deque[_Queued] = deque()
        self._statements: deque[tuple[ParentEndpoint, StateStatement]] = deque()

    def enqueue(self, endpoint: ParentEndpoint, batch: BatchNumber, work: Work) -> None:
        self._queue.append(_Queued(endpoint, batch, work))

    def compare_later(self, endpoint: ParentEndpoint, statement: StateStatement) -> None:
        """One at a time, once no batch waits: it takes a tenth of a second for a commune."""
        self._statements.append((endpoint, statement))

    def take_over(self) -> None:
        """Registers that were handed to the authority's own node: it has no parent from whom it would hear of that."""
        if self.store.reference_origin() in self.store.own_origins():
            takeover.prepare(self.store, self.reference)

    @property
    def queued(self) -> int:
        """Batches that wait to be applied, and statements to be compared."""
        return len(self._queue) + len(self._statements)

    @property
    def queued_origins(self) -> frozenset[OriginId]:
        """Whose they are."""
        return frozenset(item.work.header.origin for item in self._queue)

    def apply_group(self) -> list[Head]:
        """Apply the next group and put the answers into the endpoints' outboxes. Returns the heads that advanced.

        Raises ``StoreError``; the group is then given up, its sessions are closed, and the children will send it again.
        """
        if not self._queue:
            self._compare()
            return []
        group: list[_Queued] = []
        size = 0
        while self._queue and len(group) < limits.GROUP_BATCHES_MAX and size < limits.GROUP_BYTES_MAX:
            group.append(self._queue.popleft())
            size += group[-1].work.header.raw_bytes
        for item in group:
            item.endpoint.check_place()
        taken = [item for item in group if not item.endpoint.over]
        refused = {id(item) for item in taken if item.endpoint.session.refusal_of(item.work.header.origin) is not None}
        try:
            outcomes = iter(self._applier.apply([item.work for item in taken if id(item) not in refused]))
        except Exception as error:
            for item in group:
                item.endpoint.give_up("store", str(error))
            raise
        heads: list[Head] = []
        self.counts.groups += 1
        for item in taken:
            outcome = Refused("", "", fault=False) if id(item) in refused else next(outcomes)
            if isinstance(outcome, Applied):
                heads.append(outcome.head)
                self.counts.batches_applied += 1
                self.counts.commits_applied += outcome.commits - outcome.quarantined
                self.counts.commits_quarantined += outcome.quarantined
            else:
                self.refusals[outcome.code] = self.refusals.get(outcome.code, 0) + 1
            item.endpoint.answered(item.batch, outcome)
        self.letters.read()  # one may have waited for what was applied
        return heads

    def snapshots_coming(self, besides: ParentEndpoint) -> int:
        """How many children have a snapshot taken now."""
        return sum(end.session.snapshot_comes for end in self.sessions.values() if end is not besides)

    def _compare(self) -> None:
        """The oldest statement whose session still runs."""
        while self._statements:
            endpoint, statement = self._statements.popleft()
            if endpoint.over:
                continue
            outcome = self.verifier.verify(statement)
            self.counts.comparisons[outcome] = self.counts.comparisons.get(outcome, 0) + 1
            endpoint.compared(statement, outcome)
            return


class ParentEndpoint:
    """One child's session. ``outbox`` fills with messages to send, in order; ``closed`` is set when it is over."""

    def __init__(self, hub: Hub, peer: Peer) -> None:
        self._hub = hub
        self.peer = peer
        self._waiting: tuple[LookUp, ParentEndpoint, int, int] | None = None
        self._changed_over = len(hub.store.changed_over)
        self._asked: dict[OriginId, int] = {}
        self._root_heard = hub.store.root_heard
        self._mail = hub.mail.link(peer.node_id)
        self._moved_ms: int | None = None
        self.opened_ms = hub.store.clock.monotonic_ms()
        self.session = ParentSession(self.opened_ms, first=hub.store.reference_origin())
        self.outbox: deque[Message] = deque()
        self.closed: Close | None = None

    @property
    def over(self) -> bool:
        return self.closed is not None

    def receive(self, message: ChildMessage) -> None:
        if isinstance(message, Hello) and message.node_id != self.peer.node_id:
            detail = f"the certificate is that of node {self.peer.node_id}, the greeting that of {message.node_id}"
            self._perform(self.session.violated("identity", detail))
            return
        self._perform(self.session.receive(message, self._now()))
        if isinstance(message, Want | Taken):
            self._check_belonging()

    def receive_frame(self, frame: bytes) -> None:
        """Raises ``FrameRefused``."""
        self.receive(decode_request(frame))

    def encode(self, message: Message) -> bytes:
        return encode_response(cast("ParentMessage", message))

    def wake(self) -> None:
        """Answers may lie in the outbox, and there may be letters, or more of what the child wanted."""
        self.check_place()
        self._look_for_mail()
        self._ask_anew()
        for origin in self.session.wanted:
            self._perform(self.session.advanced(self._hub.store.head(origin)))

    def violated(self, code: str, detail: str) -> None:
        self._perform(self.session.violated(code, detail))

    def tick(self) -> None:
        self._check_standing()
        self._check_belonging()
        self.check_place()
        self._look_for_mail()
        self._ask_anew()
        self._tell_of_root()
        if self._waiting is not None:
            self._perform(self._settle(*self._waiting))
        self._perform(self.session.tick(self._now()))

    def _ask_anew(self) -> None:
        """What somebody wants to be taken anew, and this child brings; again after a while, if it could not give it."""
        if self.closed is not None:
            return
        now = self._now()
        for origin in self._hub.snapshots.asked_anew():
            if now >= self._asked.get(origin, now) and self.session.brings(origin):
                self._asked[origin] = now + limits.SNAPSHOT_WAIT_MS
                self._perform(self.session.ask_for_state(origin))

    def _tell_of_root(self) -> None:
        """A child may let go, and give as a state, what the root has: it hears of that when we do."""
        if self.closed is None and self._root_heard != self._hub.store.root_heard:
            self._root_heard = self._hub.store.root_heard
            for head, seq in self._hub.verifier.news_of_root(self.session.brought):
                self._perform(self.session.tell_of_root(head, seq))

    def _look_for_mail(self) -> None:
        if self.closed is not None:
            return
        self._hub.mail.reroute()
        if self._mail.waits:
            self._perform(self.session.mail_waits())

    def check_place(self) -> None:
        """Where the log of an origin was changed over to another history, sessions that bring it begin anew."""
        changed = self._hub.store.changed_over[self._changed_over :]
        self._changed_over += len(changed)
        if self.closed is None and any(self.session.brings(origin) for origin in changed):
            self.stop("rewound", "this origin has another history now than when the session began")

    def _check_standing(self) -> None:
        """A stream outlives its certificate and knows no revocation list: both are looked at here (RELIABILITY 0.7)."""
        if self.closed is not None:
            return
        node_id, serial = self.peer.node_id, self.peer.serial
        standing = self._hub.reference.standing(serial, node_id)
        if standing == "revoked":
            self.stop("revoked", f"node {node_id} was revoked")
        elif standing == "superseded":
            self.stop("superseded_key", f"another machine has enrolled as node {node_id} since: invite this one again")
        elif standing == "unknown":
            self.stop("not_enrolled", f"node {node_id} is not enrolled here, or not yet known here")
        elif self._hub.store.clock.wall_ms() >= self.peer.not_after_ms:
            self.stop("expired", f"the certificate of node {node_id} has expired")

    def _misplaced(self) -> Objection | None:
        """Why this node is not the one that the child belongs to, as far as is known here.

        Word of a move reaches nodes at different times. A child that knows reference data which are not here may know
        of one: it is to wait. Else it is the child that has not heard: it has moved.
        """
        store, child = self._hub.store, self.peer.node_id
        parent = self._hub.reference.parent_of(child)
        if parent is None or parent == store.node_id:
            return None
        if self._moved_ms is None and self._knows_more():
            return Objection("not_below", f"node {child} is not known here to belong below {store.node_id}, so far")
        return Objection("moved", f"node {child} belongs below {parent or 'nobody'}")

    def _knows_more(self) -> bool:
        """Whether the child has reference data that are not here."""
        hello, origin = self.session.child, self._hub.store.reference_origin()
        if hello is None or origin is None or hello.reference_hash in (b"", GENESIS_HASH):
            return False
        with self._hub.store.database.snapshot() as connection:
            return not changelog.has_commit(connection, origin, Hash(hello.reference_hash))

    def _check_belonging(self) -> None:
        """A child that belongs elsewhere now brings nothing more here. It is given the reference data that say so, and
        then its session ends; one that does not take them is not waited for.
        """
        if self.closed is not None or self._hub.sessions.get(self.peer.node_id) is not self:
            return
        objection = self._misplaced()
        if objection is None:
            self._moved_ms = None
            return
        now = self._now()
        if self._moved_ms is None:
            self._moved_ms = now
        origin = self._hub.store.reference_origin()
        told = origin is not None and self.session.has_taken(self._hub.store.head(origin))
        if objection.code != "moved" or told or now - self._moved_ms > limits.MOVED_TIMEOUT_MS:
            self.stop(*objection)

    def stop(self, code: str, detail: str = "") -> None:
        self._perform(self.session.stop(code, detail))

    def link_lost(self) -> None:
        """The stream ended without Finish."""
        if self.closed is None:
            self._over(Close("link_lost", "the stream ended without a word", clean=False))

    def _over(self, close: Close) -> None:
        self.closed = close
        if self._hub.sessions.get(self.peer.node_id) is self:
            del self._hub.sessions[self.peer.node_id]

    def give_up(self, code: str, detail: str) -> None:
        """Our own store failed: say so and end; nothing was acknowledged."""
        self._perform(self.session.stop(code, detail))

    def answered(self, batch: BatchNumber, outcome: Applied | Refused) -> None:
        if isinstance(outcome, Applied):
            store, head = self._hub.store, outcome.head
            at_ms = store.clock.wall_ms()
            receipt = self._hub.key.sign(receipt_statement(store.node_id, head.origin, head.seq, head.hash, at_ms))
            self._perform(
                self.session.applied(batch, outcome.quarantined, self._now(), receipt_at_ms=at_ms, receipt=receipt)
            )
        else:
            self._perform(self.session.refused(batch, outcome.code, outcome.detail, self._now()))

    def compared(self, statement: StateStatement, outcome: Outcome) -> None:
        root_seq = self._hub.verifier.root_seq(statement.head.origin)
        self._perform(self.session.verified(statement.head, outcome, root_seq, self._now()))

    def _now(self) -> int:
        return self._hub.store.clock.monotonic_ms()

    def _perform(self, actions: list[ParentAction]) -> None:
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            match action:
                case Send():
                    self.outbox.append(action.message)
                case Apply():
                    assert self.session.node_id is not None
                    self._hub.enqueue(self, action.batch, Work(self.session.node_id, action.header, action.payload))
                case Verify():
                    self._hub.compare_later(self, action.statement)
                case LookUp():
                    queue.extend(self._meet(action))
                case Offer():
                    queue.extend(self.session.offered(action.have, self._offer(action), self._now()))
                case LoadLetter() | TakeLetter() | ForgetLetter():
                    queue.extend(self._post(action))
                case LoadSnapshot() | LoadChunk() | OpenSnapshot() | StoreChunk() | InstallSnapshot():
                    queue.extend(self._snapshot(action))
                case LoadDown():
                    batch = next_batch(self._hub.store, self._hub.reference, self._hub.key, action.previous)
                    header, payload = batch or (None, b"")
                    queue.extend(self.session.loaded(header, payload, self._now()))
                case MintTicket():
                    queue.extend(self._drained())
                case ConfirmTicket():
                    with self._hub.store.database.transaction() as connection:
                        tickets.confirm(connection, self._peer, action.ticket)
                case Alarm():
                    if action.code == "stale_ticket":
                        self._hub.mail.send_again()
                    self._hub.store.raise_alarm(action.code, action.origin, action.detail)
                case Close():
                    self._over(action)

    def _post(self, action: MailAction) -> list[ParentAction]:
        match action:
            case LoadLetter():
                return self.session.letter_loaded(self._mail.next(), self._now())
            case TakeLetter():
                self._mail.take(action.letter)
                answer = self.session.letter_taken(action.letter, self._now())
                self._hub.letters.read()
                return answer
            case ForgetLetter():
                self._mail.sent(action.letter_id)
        return []

    def _snapshot(self, action: SnapshotAction) -> list[ParentAction]:
        desk, session = self._hub.snapshots, self.session
        match action:
            case LoadSnapshot():
                return session.snapshot_loaded(desk.offer_behind(action.after, anew=action.anew), self._now())
            case LoadChunk():
                return session.chunk_loaded(desk.chunk(action.head, action.chunk), self._now())
            case StoreChunk():
                desk.store_chunk(action.head, action.chunk, action.payload)
                return session.chunk_stored(action.chunk, self._now())
            case OpenSnapshot() | InstallSnapshot():
                try:
                    if isinstance(action, InstallSnapshot):
                        desk.install(action.offer, peer=self._peer, down=False)
                        return self._installed()
                    if self._hub.snapshots_coming(self) >= limits.SNAPSHOTS_AT_ONCE_MAX:
                        return session.snapshot_put_off(limits.SNAPSHOT_WAIT_MS, self._now())
                    return session.snapshot_opened(desk.open(action.offer), self._now())
                except SnapshotRefused as refused:
                    return session.snapshot_refused(refused.code, refused.message, self._now())

    def _installed(self) -> list[ParentAction]:
        """Other sessions that bring the origin begin anew; this one goes on."""
        self._changed_over = len(self._hub.store.changed_over)
        self._hub.advanced = True
        return self.session.snapshot_installed(self._now())

    @property
    def _peer(self) -> NodeId:
        return self.peer.node_id

    # --- a second session of one node --------------------------------------------------------------------------------

    def _meet(self, action: LookUp) -> list[ParentAction]:
        """One node has one session. An older one is asked whether it lives: it may hang on a dead link, or it is a
        second machine with the same identity (RELIABILITY F43).
        """
        older = self._hub.sessions.get(self.peer.node_id)
        if not action.first or older is None or older is self or older.over:
            return self._open(action)
        now = self._now()
        self._waiting = (action, older, older.ask(), now)
        return []

    def ask(self) -> int:
        """Ask the other end for a sign of life; ``lives`` tells for the number that is returned."""
        probe, actions = self.session.probe(self._now())
        self._perform(actions)
        self._hub.stirred.append(self)
        return probe

    def lives(self, probe: int) -> bool:
        return self.session.has_answered(probe)

    def _settle(self, action: LookUp, older: ParentEndpoint, probe: int, asked_ms: int) -> list[ParentAction]:
        if older.lives(probe):
            self._waiting = None
            detail = f"two machines are connected as node {self.peer.node_id} at once: one is a copy of the other"
            self._hub.store.raise_alarm("second_incarnation", None, detail)
            return self.session.stop("second_incarnation", detail)
        if older.over or self._now() - asked_ms > limits.PROBE_TIMEOUT_MS:
            self._waiting = None
            older.stop("superseded", "the same node has opened a newer session")
            self._hub.stirred.append(older)
            return self._open(action)
        return []

    def _open(self, action: LookUp) -> list[ParentAction]:
        if action.first:
            self._hub.take_over()
            self._hub.healer.give_up_what_is_others()
            self._check_standing()
            if self.closed is not None:
                return []
            misplaced = self._misplaced()
            if misplaced is not None and misplaced.code == "not_below":
                return self.session.stop(*misplaced)
            self._moved_ms = None if misplaced is None else self._now()
            self._hub.sessions[self.peer.node_id] = self
            self._mail.begin(action.hello.ticket)
            if self._mail.waits:  # a session that only drains may be over before the next look
                self.session.mail_waits()
        return self.session.looked_up(self._look_up(action), self._now())

    # --- what the child may bring and have ---------------------------------------------------------------------------

    def _offer(self, action: Offer) -> Offered | Refuse:
        """Our head of an origin that the child wants and where its history meets ours, or why it cannot have it."""
        store, origin = self._hub.store, action.have.origin
        ours = store.head(origin)
        if origin != store.reference_origin():
            reference, child = self._hub.reference, self.peer.node_id
            objection = reference.objection(origin, child, formerly=action.point_only)
            if objection is not None and reference.objection(origin, child, formerly=True) is None:
                objection = Objection("moved", f"this origin does not come through node {child} any more")
            if objection is not None:
                return Refuse(origin, *objection, None)
            if not ours.seq and not action.have.seq:
                store.wanted_below.add(origin)
            if not action.point_only and self._hub.healer.give_up_false_history(action.have, action.older):
                self.check_place()
                return Refuse(origin, "rewound", "this origin has another history here from now on", None)
        for head in (action.have, *action.older):
            if head.origin == origin and head.seq <= ours.seq and store.hash_at(origin, head.seq) == head.hash:
                return Offered(head, head, point_only=True) if action.point_only else Offered(ours, head)
        if action.point_only:
            return Refuse(origin, "no_common_commit", "what the child has of this origin is not on our chain", None)
        if not action.older and action.have.seq > ours.seq:
            return Offered(ours, action.have)  # there is nothing to give yet; more will come
        return Refuse(origin, "no_common_commit", "what the child has of this origin is not on our chain", None)

    def _look_up(self, action: LookUp) -> LookedUp:
        store = self._hub.store
        states = {state.head.origin: state for state in store.states()} if self._moved_ms is None else {}
        heads: list[Head] = []
        refused: list[Refuse] = []
        announced = {head.origin for head in (*action.own, *action.relayed)}
        for head in (*action.own, *action.relayed) if self._moved_ms is None else ():
            state = states.get(head.origin)
            refusal = self._objection(head.origin, state)
            if refusal is not None:
                refused.append(Refuse(head.origin, *refusal, None))
            else:
                heads.append(Head(head.origin, Seq(0), GENESIS_HASH) if state is None else state.head)
        if action.first:  # also what this child brought before and does not name any more (DESIGN 3)
            heads += [
                state.head
                for origin, state in states.items()
                if state.via == action.hello.node_id and origin not in announced
            ]
        with store.database.snapshot() as connection:
            verdict: TicketVerdict = tickets.verdict(connection, action.hello.node_id, action.hello.ticket)
        welcome = Welcome(
            protocol_version=min(PROTOCOL_VERSION_MAX, action.hello.protocol_version_max),
            schema_version=SCHEMA_VERSION,
            node_id=store.node_id,
            incarnation=store.incarnation,
            reference_hash=self._reference_hash(),
            ticket_verdict=verdict,
            release=self._hub.release,
        )
        return LookedUp(welcome, tuple(heads), tuple(refused))

    def _drained(self) -> list[ParentAction]:
        """A child that has moved is not done here: its session ends otherwise."""
        return [] if self._moved_ms is not None else self.session.minted(self._mint(), self._now())

    def _mint(self) -> bytes:
        assert self.session.child is not None
        value = self._hub.source.randbytes(tickets.TICKET_BYTES)
        with self._hub.store.database.transaction() as connection:
            known = tickets.newest(connection, self._peer)
            presented = self.session.child.ticket
            stale = tickets.verdict(connection, self._peer, presented) == "stale"
            tickets.keep(connection, self._peer, value, beside=known if stale else presented)
        return value

    def _objection(self, origin: OriginId, state: OriginState | None) -> tuple[str, str] | None:
        """Why the child may not bring an origin; None if it may."""
        if state is not None and state.own and not self._hub.reference.is_held_elsewhere(origin):
            return "owned_here", "this origin is written by the parent itself"
        return self._hub.reference.objection(origin, self.peer.node_id, formerly=True)

    def _reference_hash(self) -> bytes:
        head = self._hub.reference.head()
        return b"" if head is None else head.hash
