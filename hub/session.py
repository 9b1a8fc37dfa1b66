"""The parent's shell around ``ParentSession``: performs its actions on a store. Synchronous, so that the simulator runs
the same code as the server.

Batches are collected in the hub's queue and applied in groups with those of other children; ``Hub.apply_group`` feeds
the answers back.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import cast

from node import limits, takeover, tickets
from node.applier import Applied, GroupApplier, Refused, Work
from node.chain import Head
from node.healing import Healer
from node.identity.keys import NodeKey
from node.identity.statements import receipt_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq
from node.letters import LetterReader
from node.mail import Mail
from node.outgoing import next_batch
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
)
from node.protocol.messages import (
    PROTOCOL_VERSION_MAX,
    BatchNumber,
    ChildMessage,
    Hello,
    Message,
    ParentMessage,
    Refuse,
    TicketVerdict,
    Welcome,
)
from node.protocol.parent import LookedUp, Offered, ParentSession
from node.reference import Reference
from node.rows import RowDesk
from node.schema import SCHEMA_VERSION
from node.store import OriginState, Store
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
        self.sessions: dict[NodeId, ParentEndpoint] = {}
        self.stirred: list[ParentEndpoint] = []
        """Sessions that got something to do in the turn of another one; the server wakes them."""
        self.counts = Counts()
        self.refusals: dict[str, int] = {}
        self._applier = GroupApplier(store, self.reference)
        self._queue: deque[_Queued] = deque()

    def enqueue(self, endpoint: ParentEndpoint, batch: BatchNumber, work: Work) -> None:
        self._queue.append(_Queued(endpoint, batch, work))

    def take_over(self) -> None:
        """Registers that were handed to the authority's own node: it has no parent from whom it would hear of that."""
        if self.store.reference_origin() in self.store.own_origins():
            takeover.prepare(self.store, self.reference)

    @property
    def queued(self) -> int:
        """Batches that wait to be applied."""
        return len(self._queue)

    @property
    def queued_origins(self) -> frozenset[OriginId]:
        """Whose they are."""
        return frozenset(item.work.header.origin for item in self._queue)

    def apply_group(self) -> list[Head]:
        """Apply the next group and put the answers into the endpoints' outboxes. Returns the heads that advanced.

        Raises ``StoreError``; the group is then given up, its sessions are closed, and the children will send it again.
        """
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


class ParentEndpoint:
    """One child's session. ``outbox`` fills with messages to send, in order; ``closed`` is set when it is over."""

    def __init__(self, hub: Hub, peer: Peer) -> None:
        self._hub = hub
        self.peer = peer
        self._waiting: tuple[LookUp, ParentEndpoint, int, int] | None = None
        self._changed_over = len(hub.store.changed_over)
        self._mail = hub.mail.link(peer.node_id)
        self.opened_ms = hub.store.clock.monotonic_ms()
        self.session = ParentSession(self.opened_ms)
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

    def receive_frame(self, frame: bytes) -> None:
        """Raises ``FrameRefused``."""
        self.receive(decode_request(frame))

    def encode(self, message: Message) -> bytes:
        return encode_response(cast("ParentMessage", message))

    def wake(self) -> None:
        """Answers may lie in the outbox, and there may be letters, or more of what the child wanted."""
        self.check_place()
        self._look_for_mail()
        for origin in self.session.wanted:
            self._perform(self.session.advanced(self._hub.store.head(origin)))

    def violated(self, code: str, detail: str) -> None:
        self._perform(self.session.violated(code, detail))

    def tick(self) -> None:
        self._check_standing()
        self.check_place()
        self._look_for_mail()
        if self._waiting is not None:
            self._perform(self._settle(*self._waiting))
        self._perform(self.session.tick(self._now()))

    def _look_for_mail(self) -> None:
        if self.closed is None and self._mail.waits:
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
        elif standing == "unknown":
            self.stop("not_enrolled", f"node {node_id} is not enrolled here, or not yet known here")
        elif self._hub.store.clock.wall_ms() >= self.peer.not_after_ms:
            self.stop("expired", f"the certificate of node {node_id} has expired")

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
                case LookUp():
                    queue.extend(self._meet(action))
                case Offer():
                    queue.extend(self.session.offered(action.have, self._offer(action), self._now()))
                case LoadLetter():
                    queue.extend(self.session.letter_loaded(self._mail.next(), self._now()))
                case TakeLetter():
                    self._mail.take(action.letter)
                    queue.extend(self.session.letter_taken(action.letter, self._now()))
                    self._hub.letters.read()
                case ForgetLetter():
                    self._mail.sent(action.letter_id)
                case LoadDown():
                    batch = next_batch(self._hub.store, self._hub.reference, self._hub.key, action.previous)
                    header, payload = batch or (None, b"")
                    queue.extend(self.session.loaded(header, payload, self._now()))
                case MintTicket():
                    queue.extend(self.session.minted(self._mint(), self._now()))
                case ConfirmTicket():
                    with self._hub.store.database.transaction() as connection:
                        tickets.confirm(connection, self._peer, action.ticket)
                case Alarm():
                    if action.code == "stale_ticket":
                        self._hub.mail.send_again()
                    self._hub.store.raise_alarm(action.code, action.origin, action.detail)
                case Close():
                    self._over(action)

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
            self._hub.sessions[self.peer.node_id] = self
            if self._mail.waits:  # a session that only drains may be over before the next look
                self.session.mail_waits()
        return self.session.looked_up(self._look_up(action), self._now())

    # --- what the child may bring and have ---------------------------------------------------------------------------

    def _offer(self, action: Offer) -> Offered | Refuse:
        """Our head of an origin that the child wants and where its history meets ours, or why it cannot have it."""
        store, origin = self._hub.store, action.have.origin
        ours = store.head(origin)
        if origin != store.reference_origin():
            objection = self._hub.reference.objection(origin, self.peer.node_id)
            if objection is not None:
                return Refuse(origin, *objection, None)
        for head in (action.have, *action.older):
            if head.origin == origin and head.seq <= ours.seq and store.hash_at(origin, head.seq) == head.hash:
                return Offered(ours, head)
        if not action.older and action.have.seq > ours.seq:
            return Offered(ours, action.have)  # there is nothing to give yet; more will come
        return Refuse(origin, "no_common_commit", "what the child has of this origin is not on our chain", None)

    def _look_up(self, action: LookUp) -> LookedUp:
        store = self._hub.store
        states = {state.head.origin: state for state in store.states()}
        heads: list[Head] = []
        refused: list[Refuse] = []
        announced = {head.origin for head in (*action.own, *action.relayed)}
        for head in (*action.own, *action.relayed):
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
        return self._hub.reference.objection(origin, self.peer.node_id)

    def _reference_hash(self) -> bytes:
        head = self._hub.reference.head()
        return b"" if head is None else head.hash
