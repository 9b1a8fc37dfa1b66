"""What a child takes from its parent's file: signed receipts, refusals, and the commits that come from above.

It does what a session would do with the same messages, and one thing more: a file may be old. What the parent has said
is never taken back by an older word, and marks are set and taken off by the newest file only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node import limits, takeover
from node.applier import Applied, GroupApplier, Work
from node.courier.packing import Sender
from node.courier.parcel import Parcel
from node.courier.trips import Trip, note, trips
from node.errors import CourierRefused, SenderRefused
from node.identity.keys import verifies
from node.identity.statements import receipt_statement
from node.ids import NodeId, OriginId
from node.parentage import parent_of
from node.protocol.messages import Acknowledge, BatchHeader, Refuse, Want
from node.protocol.relation import EXPLANATIONS, Relation, relate
from node.store import OriginState

_KEEP: Final = (
    "INSERT INTO acknowledged "
    "(peer, origin, seq, hash, quarantined, acknowledged_at, receipt_seq, receipt_hash, receipt_at_ms, receipt) "
    "VALUES (:peer, :origin, :seq, :hash, :quarantined, :now, :seq, :hash, :at_ms, :receipt) "
    "ON CONFLICT (peer, origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
    "quarantined = excluded.quarantined, acknowledged_at = excluded.acknowledged_at, "
    "receipt_seq = excluded.receipt_seq, receipt_hash = excluded.receipt_hash, "
    "receipt_at_ms = excluded.receipt_at_ms, receipt = excluded.receipt "
    "WHERE excluded.seq >= acknowledged.seq OR excluded.receipt_at_ms > acknowledged.receipt_at_ms"
)
"""A later word that names less is true: the parent was restored, and is sent again what it has lost."""
_PARTS_AMISS: Final = frozenset({"gap"})
"""Not the origin's fault: another file comes first."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something about one origin that a person should read."""

    origin: OriginId
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """``acknowledged``: origins of which the parent's word was kept; ``commits`` from above that were new here."""

    acknowledged: int
    commits: int
    notes: tuple[Note, ...]


def take_delivery(sender: Sender, parcel: Parcel) -> Delivered:
    """Take a file of the parent; ``sender`` is this node. All of it is looked at before anything is stored.

    Raises ``SenderRefused`` if it is not the parent's, ``CourierRefused``, ``StoreError``.
    """
    _require_parent(sender, parcel)
    parcel.check()
    return _Delivery(sender, parcel).run()


def _require_parent(here: Sender, parcel: Parcel) -> None:
    certificate, now = parcel.certificate, here.store.clock.wall_ms()
    parent = parent_of(here.store, here.reference)
    if certificate.node_id != parent:
        raise SenderRefused(
            "not_parent",
            f"The file comes from node {certificate.node_id}; the parent of this node is {parent}.",
            hint="Take files of the parent only; if the parent has changed, bring one of the new parent.",
        )
    if here.reference.standing(certificate.serial, parent) in ("revoked", "superseded"):
        raise SenderRefused(
            "revoked",
            f"The certificate with which node {parent} has packed the file counts no more.",
            hint="Ask the parent for a new file.",
        )
    if now >= certificate.not_after_ms:
        raise SenderRefused(
            "expired",
            f"The certificate with which node {parent} has packed the file has expired.",
            hint="Look at the date of this computer; if it is right, ask the parent for a new file.",
        )


class _Delivery:
    def __init__(self, here: Sender, parcel: Parcel) -> None:
        self._store = here.store
        self._reference = here.reference
        self._parcel = parcel
        self._peer: NodeId = parcel.manifest.from_node
        self._states: dict[OriginId, OriginState] = {state.head.origin: state for state in here.store.states()}
        self._applier = GroupApplier(here.store, here.reference)
        self._words: list[Acknowledge] = []
        self._refused: set[OriginId] = set()
        self._kept = 0
        self._commits = 0
        self._notes: dict[OriginId, Note] = {}
        taken = [trip for trip in trips(here.store) if (trip.way, trip.peer) == ("taken", self._peer)]
        self._newest = all(parcel.manifest.made_at_ms >= trip.made_at_ms for trip in taken)

    def run(self) -> Delivered:
        self._wanted = self._wishes()
        for item in self._parcel.items():
            match item:
                case Acknowledge():
                    self._acknowledged(item)
                case Refuse():
                    self._refuse(item)
                case Want():
                    raise AssertionError("a file from above wants nothing")
                case (header, payload):
                    self._keep_words()
                    self._take(header, payload)
        self._keep_words()
        now = self._store.clock.wall_ms()
        note(self._store, Trip("taken", self._peer, now, self._parcel.manifest.made_at_ms, self._commits))
        return Delivered(self._kept, self._commits, tuple(self._notes.values()))

    def _note(self, origin: OriginId, code: str, detail: str) -> None:
        self._notes.setdefault(origin, Note(origin, code, detail))

    # --- what the parent has -----------------------------------------------------------------------------------------

    def _acknowledged(self, word: Acknowledge) -> None:
        head = word.head
        statement = receipt_statement(self._peer, head.origin, head.seq, head.hash, word.receipt_at_ms)
        if not verifies(self._parcel.certificate.public_key, statement, word.receipt):
            raise CourierRefused(
                "wrong_signature",
                "A receipt in the file is not signed by the parent.",
                hint="Ask the parent for a new file.",
            )
        self._words.append(word)
        if len(self._words) > limits.HEADS_MAX:
            raise CourierRefused(
                "oversized",
                "The file acknowledges too many origins.",
                hint="Install the same release at both ends and export again.",
            )

    def _keep_words(self) -> None:
        """One transaction for all; refusals come in front of the batches too, so marks are known by now."""
        words, self._words = self._words, []
        sound = [word for word in words if self._place(word)]
        if not sound:
            return
        now = self._store.clock.wall_ms()
        with self._store.database.transaction() as connection:
            for word in sound:
                connection.execute(
                    _KEEP,
                    {
                        "peer": self._peer,
                        "origin": word.head.origin,
                        "seq": word.head.seq,
                        "hash": word.head.hash,
                        "quarantined": word.quarantined,
                        "now": now,
                        "at_ms": word.receipt_at_ms,
                        "receipt": word.receipt,
                    },
                )
        self._kept += len(sound)

    def _place(self, word: Acknowledge) -> bool:
        """Whether the parent's head is on our chain; what a session would say if it is not."""
        head = word.head
        state = self._states.get(head.origin)
        if state is None:
            self._note(
                head.origin,
                "origin_unknown_here",
                "the parent has an origin from this node that this store does not have",
            )
            return False
        relation = relate(state.head, head, self._store.hash_at(head.origin, head.seq), own=state.own)
        if relation is Relation.RESUME:
            if state.halted and self._newest and head.origin not in self._refused:
                self._store.release(head.origin)
            return True
        if relation is Relation.RELAY_BEHIND or head.origin in self._wanted:
            return False  # what is missing comes from above
        self._halt(state, relation.value, EXPLANATIONS[relation])
        return False

    def _refuse(self, refusal: Refuse) -> None:
        self._refused.add(refusal.origin)
        state = self._states.get(refusal.origin)
        if state is None or not self._newest:
            self._note(refusal.origin, refusal.code, refusal.detail)
        else:
            self._halt(state, refusal.code, refusal.detail)

    def _halt(self, state: OriginState, code: str, detail: str) -> None:
        self._note(state.head.origin, code, detail)
        if state.halted != code:
            self._store.halt(state.head.origin, code, detail)

    # --- what comes from above ---------------------------------------------------------------------------------------

    def _wishes(self) -> frozenset[OriginId]:
        origin = self._store.reference_origin()
        heads = takeover.unfinished(self._store, self._reference)
        return frozenset((*(() if origin is None else (origin,)), *(head.origin for head in heads)))

    def _take(self, header: BatchHeader, payload: bytes) -> None:
        origin = header.origin
        if origin in self._notes:
            return
        if origin not in self._wanted:
            if self._store.head(origin).seq < header.seq:
                self._note(origin, "out_of_turn", "the file has an origin that this node does not take from above")
            return
        (outcome,) = self._applier.apply([Work(self._peer, header, payload, down=True)])
        if not isinstance(outcome, Applied):
            if outcome.code not in _PARTS_AMISS:
                self._store.raise_alarm(outcome.code, origin, outcome.detail)
            self._note(origin, outcome.code, outcome.detail)
            return
        self._store.saw_own(outcome.head)
        self._commits += outcome.commits
        if origin == self._store.reference_origin():
            takeover.prepare(self._store, self._reference)
            self._wanted |= self._wishes()
