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

from hub.applier import Applied, GroupApplier, Refused, Work
from node import limits, tickets
from node.chain import Head
from node.ids import GENESIS_HASH, NodeId, Seq
from node.protocol.actions import Alarm, Apply, Close, ConfirmTicket, LookUp, MintTicket, ParentAction, Send
from node.protocol.messages import (
    PROTOCOL_VERSION_MAX,
    BatchNumber,
    ChildMessage,
    Message,
    ParentMessage,
    Refuse,
    TicketVerdict,
    Welcome,
)
from node.protocol.parent import LookedUp, ParentSession
from node.schema import SCHEMA_VERSION
from node.store import OriginState, Store
from node.wire import decode_request, encode_response


@dataclass(slots=True)
class _Queued:
    endpoint: ParentEndpoint
    batch: BatchNumber
    work: Work


@dataclass(slots=True)
class Counts:
    """What went through this hub since it started; the metrics read it."""

    batches_applied: int = 0
    commits_applied: int = 0
    commits_quarantined: int = 0
    groups: int = 0


class Hub:
    """What all sessions of one parent share: the store, the applier and the queue before it."""

    def __init__(self, store: Store, source: random.Random, release: str) -> None:
        self.store = store
        self.release = release
        self.source = source
        self.counts = Counts()
        self.refusals: dict[str, int] = {}
        self._applier = GroupApplier(store)
        self._queue: deque[_Queued] = deque()

    def enqueue(self, endpoint: ParentEndpoint, batch: BatchNumber, work: Work) -> None:
        self._queue.append(_Queued(endpoint, batch, work))

    @property
    def queued(self) -> int:
        """Batches that wait to be applied."""
        return len(self._queue)

    def apply_group(self) -> list[Head]:
        """Apply the next group and put the answers into the endpoints' outboxes. Returns the heads that advanced.

        Raises ``StoreError``; the group is then given up, its sessions are closed, and the children will send it again.
        """
        group: list[_Queued] = []
        size = 0
        while self._queue and len(group) < limits.GROUP_BATCHES_MAX and size < limits.GROUP_BYTES_MAX:
            group.append(self._queue.popleft())
            size += group[-1].work.header.raw_bytes
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
        return heads


class ParentEndpoint:
    """One child's session. ``outbox`` fills with messages to send, in order; ``closed`` is set when it is over."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.opened_ms = hub.store.clock.monotonic_ms()
        self.session = ParentSession(self.opened_ms)
        self.outbox: deque[Message] = deque()
        self.closed: Close | None = None

    @property
    def over(self) -> bool:
        return self.closed is not None

    def receive(self, message: ChildMessage) -> None:
        self._perform(self.session.receive(message, self._now()))

    def receive_frame(self, frame: bytes) -> None:
        """Raises ``FrameRefused``."""
        self.receive(decode_request(frame))

    def encode(self, message: Message) -> bytes:
        return encode_response(cast("ParentMessage", message))

    def wake(self) -> None:
        """Answers may lie in the outbox; nothing else to do."""

    def violated(self, code: str, detail: str) -> None:
        self._perform(self.session.violated(code, detail))

    def tick(self) -> None:
        self._perform(self.session.tick(self._now()))

    def stop(self, code: str, detail: str = "") -> None:
        self._perform(self.session.stop(code, detail))

    def link_lost(self) -> None:
        """The stream ended without Finish."""
        if self.closed is None:
            self.closed = Close("link_lost", "the stream ended without a word", clean=False)

    def give_up(self, code: str, detail: str) -> None:
        """Our own store failed: say so and end; nothing was acknowledged."""
        self._perform(self.session.stop(code, detail))

    def answered(self, batch: BatchNumber, outcome: Applied | Refused) -> None:
        if isinstance(outcome, Applied):
            self._perform(self.session.applied(batch, outcome.quarantined, self._now()))
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
                    queue.extend(self.session.looked_up(self._look_up(action), self._now()))
                case MintTicket():
                    queue.extend(self.session.minted(self._mint(), self._now()))
                case ConfirmTicket():
                    with self._hub.store.database.transaction() as connection:
                        tickets.confirm(connection, self._peer, action.ticket)
                case Alarm():
                    self._hub.store.raise_alarm(action.code, action.origin, action.detail)
                case Close():
                    self.closed = action

    @property
    def _peer(self) -> NodeId:
        assert self.session.node_id is not None
        return self.session.node_id

    def _look_up(self, action: LookUp) -> LookedUp:
        store = self._hub.store
        states = {state.head.origin: state for state in store.states()}
        heads: list[Head] = []
        refused: list[Refuse] = []
        announced = {head.origin for head in (*action.own, *action.relayed)}
        for head in (*action.own, *action.relayed):
            state = states.get(head.origin)
            refusal = _objection(state, action.hello.node_id)
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
            reference_hash=b"",
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


def _objection(state: OriginState | None, child: NodeId) -> tuple[str, str] | None:
    """Why a child may not bring an origin; None if it may."""
    if state is None:
        return None
    if state.own:
        return "owned_here", "this origin is written by the parent itself"
    if state.via != child:
        return "not_enrolled", f"this origin comes through another child ({state.via})"
    return None
