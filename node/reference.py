"""Reference data as this node knows it: who may take part, who holds which origin, whose signature counts (DESIGN 3).

Only rows of the one reference origin that the node trusts mean anything; what another origin says in the same tables is
ignored. Everything is read again when that origin's head has moved, and is cheap otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from conflict.reforms import NO_REFORM, Reform
from node.chain import Commit, Head
from node.holding import Holding, all_holdings
from node.identity.keys import verifies
from node.identity.statements import batch_statement
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, RowId, Seq, UnitCode
from node.protocol.messages import BatchHeader
from node.reform import read_reform
from node.schema import enrolment, enrolment_request, invitation, registered_node, registered_origin, sql, unit
from node.store import Store

Standing = Literal["good", "revoked", "superseded", "unknown"]

ROLE_AUTHORITY: Final = "authority"
REVOKED: Final = "revoked"
DISSOLVED: Final = "dissolved"
SUPERSEDED: Final = "superseded"
_DEPTH_MAX: Final = 16  # tiers between a node and the root; more is a circle


class Objection(NamedTuple):
    """Why something is refused."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RegisteredNode:
    """A machine that may take part; ``state`` '', 'revoked' or 'dissolved'. ``parent_address`` is where its parent
    listens, '' if the authority has not said; ``former_parents`` are node ids with blanks between, the oldest first.
    """

    row_id: RowId
    node_id: NodeId
    parent_node_id: NodeId
    tier: str
    role: str
    state: str
    reason: str
    parent_address: str
    former_parents: str

    @property
    def parents(self) -> tuple[NodeId, ...]:
        """The parent, and those before it."""
        return (self.parent_node_id, *(NodeId(name) for name in self.former_parents.split()))


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One certificate of one node; ``state`` '', 'revoked' or 'superseded'."""

    row_id: RowId
    node_id: NodeId
    serial: str
    public_key: bytes
    not_before_ms: int
    not_after_ms: int
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """``state``: open, used or withdrawn."""

    row_id: RowId
    node_id: NodeId
    serial: str
    public_key: bytes
    not_after_ms: int
    needs_approval: int  # 1: a person decides
    state: str


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """An invited node that waits for a person, or did; ``state``: pending, approved or rejected."""

    row_id: RowId
    node_id: NodeId
    invitation_serial: str
    public_key: bytes
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class RegisteredOrigin:
    """A partition that may climb; ``state`` '' or 'retired'."""

    row_id: RowId
    subject: OriginId
    unit_code: UnitCode
    unit_valid_from: str
    state: str


@dataclass(frozen=True, slots=True)
class Unit:
    """An administrative place."""

    row_id: RowId
    code: UnitCode
    valid_from: str
    tier: str
    name: str


def _select(table: sa.Table, *names: str) -> str:
    return sql(
        sa.select(table.c.id, *(table.c[name] for name in names))
        .where(table.c.origin == sa.bindparam("origin"))
        .order_by(table.c.id)
    )


_NODES: Final = _select(
    registered_node,
    *("node_id", "parent_node_id", "tier", "role", "state", "reason", "parent_address", "former_parents"),
)
_ENROLMENTS: Final = _select(
    enrolment, "node_id", "serial", "public_key", "not_before_ms", "not_after_ms", "state", "reason"
)
_INVITATIONS: Final = _select(invitation, "node_id", "serial", "public_key", "not_after_ms", "needs_approval", "state")
_REQUESTS: Final = _select(enrolment_request, "node_id", "invitation_serial", "public_key", "state", "reason")
_ORIGINS: Final = _select(registered_origin, "subject", "unit_code", "unit_valid_from", "state")
_UNITS: Final = _select(unit, "code", "valid_from", "tier", "name")


@dataclass(frozen=True, slots=True)
class _Known:
    """Everything that decisions are made from, at one head of the reference origin."""

    head: Head | None = None
    nodes: dict[NodeId, RegisteredNode] = field(default_factory=dict)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    keys: dict[NodeId, tuple[bytes, ...]] = field(default_factory=dict)
    revoked_keys: dict[NodeId, tuple[bytes, ...]] = field(default_factory=dict)
    holdings: dict[OriginId, tuple[Holding, ...]] = field(default_factory=dict)


class Reference:
    """Questions to the reference data of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known = _Known()
        self._rows_changed = store.rows_changed
        self._reform: tuple[tuple[Head, int], Reform] | None = None

    def head(self) -> Head | None:
        """How far this node knows the reference data; None if it is not enrolled."""
        origin = self._store.reference_origin()
        return None if origin is None else self._store.head(origin)

    # --- who -------------------------------------------------------------------------------------------------------

    def node(self, node_id: NodeId) -> RegisteredNode | None:
        return self._current().nodes.get(node_id)

    def public_keys(self, node_id: NodeId) -> tuple[bytes, ...]:
        """Keys whose signature counts for a node, the newest first; those of revoked certificates do not.

        Those of a machine that was superseded do: what it had signed goes on to be passed through the tree.
        """
        return self._current().keys.get(node_id, ())

    def keys_ever(self, node_id: NodeId) -> tuple[bytes, ...]:
        """All keys that a node has had. For looking at what is stored: whether it may be taken is asked before."""
        return (*self.public_keys(node_id), *self._current().revoked_keys.get(node_id, ()))

    def standing(self, serial: str, node_id: NodeId) -> Standing:
        """Whether a certificate is one that the authority has issued to this node and not taken back."""
        known = self._current()
        found = known.enrolments.get(serial)
        node = known.nodes.get(node_id)
        if found is None or node is None or found.node_id != node_id:
            return "unknown"
        if REVOKED in (found.state, node.state):
            return "revoked"
        return "superseded" if found.state == SUPERSEDED else "good"

    def parent_of(self, node_id: NodeId) -> NodeId | None:
        """Whose child a node is; '' for the root, None if the node is not known here."""
        node = self._current().nodes.get(node_id)
        return None if node is None else node.parent_node_id

    def children_of(self, node_id: NodeId) -> tuple[RegisteredNode, ...]:
        """Nodes that belong directly below, those that were revoked left out."""
        nodes = self._current().nodes.values()
        return tuple(node for node in nodes if node.parent_node_id == node_id and node.state != REVOKED)

    def next_hop(self, here: NodeId, node_id: NodeId) -> NodeId | None:
        """The child of ``here`` through which ``node_id`` is reached; None if it is not below."""
        nodes, hop = self._current().nodes, node_id
        for _ in range(_DEPTH_MAX):
            node = nodes.get(hop)
            if node is None or not node.parent_node_id:
                return None
            if node.parent_node_id == here:
                return hop
            hop = node.parent_node_id
        return None

    def was_below(self, here: NodeId, node_id: NodeId) -> bool:
        """Whether a node is below ``here``, or was: parents of before count, its own and those of all above it."""
        nodes = self._current().nodes
        seen: set[NodeId] = set()
        found = {node_id}
        for _ in range(_DEPTH_MAX):
            found = {name for known in found if known in nodes for name in nodes[known].parents if name} - seen
            if here in found:
                return True
            seen |= found
        return False

    # --- who holds what --------------------------------------------------------------------------------------------

    def holdings(self, subject: OriginId) -> tuple[Holding, ...]:
        """All holdings of an origin, the newest last."""
        return self._current().holdings.get(subject, ())

    def holder(self, subject: OriginId) -> Holding | None:
        """The holding in force now; without a node if the origin was retired; None if it is not registered."""
        holdings = self.holdings(subject)
        return holdings[-1] if holdings else None

    def is_retired(self, subject: OriginId) -> bool:
        """Whether nobody may write an origin any more."""
        holding = self.holder(subject)
        return holding is not None and not holding.node_id

    def current_holdings(self) -> tuple[Holding, ...]:
        """The holding in force of every origin."""
        return tuple(holdings[-1] for holdings in self._current().holdings.values())

    def is_held_elsewhere(self, subject: OriginId) -> bool:
        """Whether another node than this one may write an origin now."""
        holding = self.holder(subject)
        return holding is not None and holding.node_id not in ("", self._store.node_id)

    def holding_at(self, subject: OriginId, seq: Seq) -> Holding | None:
        """The holding under which commit ``seq`` was made."""
        made = [holding for holding in self.holdings(subject) if holding.from_seq < seq]
        return made[-1] if made else None

    def last_holder(self, subject: OriginId) -> NodeId | None:
        """Who wrote an origin last, also if it was retired since; None if it is not known here."""
        return next((item.node_id for item in reversed(self.holdings(subject)) if item.node_id), None)

    def objection(self, subject: OriginId, child: NodeId, *, formerly: bool = False) -> Objection | None:
        """Why a child may neither bring an origin nor have it; None if it or a node below it is the last holder.

        ``formerly``: or if that node, or one that held the origin before, was below it once. Such a copy may climb,
        because it may hold what exists nowhere else, and nobody but a holder can have signed it; nothing goes down to
        it any more.
        """
        holder = self.last_holder(subject)
        if holder is None:
            return Objection("not_enrolled", "this origin is not enrolled, or not yet known here")
        below = self.next_hop(child, holder) is not None
        if formerly and not below:
            below = any(self.was_below(child, item.node_id) for item in self.holdings(subject) if item.node_id)
        if holder != child and not below:
            return Objection(
                "not_holder", f"this origin is held by node {holder}, which is not {child} and not below it"
            )
        return None

    def signature_objection(self, header: BatchHeader, commits: Sequence[Commit]) -> Objection | None:
        """Why a batch is not the word of the origin's holder. ``commits`` are those of the header, all of them."""
        head = header.head
        if not header.signature:
            if any((held.from_seq, held.from_hash) == (head.seq, head.hash) for held in self.holdings(head.origin)):
                return None  # the authority names this very commit: it was handed over from here
            return Objection("unsigned", f"commit {head.seq} is not signed")
        if head.origin == self._store.reference_origin():
            key = self._store.authority_key()
            keys: tuple[bytes, ...] = () if key is None else (key,)
        else:
            holding = self.holding_at(head.origin, head.seq)
            if holding is None:
                return Objection("not_enrolled", "this origin is not enrolled, or not yet known here")
            if not holding.node_id:
                return Objection("retired", f"this origin was retired after commit {holding.from_seq}")
            if holding.node_id != header.signer:
                return Objection(
                    "not_holder", f"commit {head.seq} is signed by {header.signer}, its holder is {holding.node_id}"
                )
            if _hash_in(header, commits, holding.from_seq) not in (None, holding.from_hash):
                return Objection(
                    "wrong_chain", f"commit {holding.from_seq} is another one than the one that was handed over"
                )
            keys = (*self.public_keys(header.signer), *self._keys_of_before(header))
        statement = batch_statement(head.origin, head.seq, head.hash)
        if not any(verifies(key, statement, header.signature) for key in keys):
            return Objection(
                "wrong_signature", f"the signature on commit {head.seq} is not that of node {header.signer}"
            )
        return None

    def _keys_of_before(self, header: BatchHeader) -> tuple[bytes, ...]:
        """Keys that were revoked are good on what the authority itself had when it let somebody hold the origin after
        that: the holding says by its hash which history it means, and a history that does not lead there ends there.
        """
        head = header.head
        for holding in self.holdings(head.origin):
            if holding.from_seq > head.seq or (holding.from_seq, holding.from_hash) == (head.seq, head.hash):
                return self._current().revoked_keys.get(header.signer, ())
        return ()

    # --- for people ------------------------------------------------------------------------------------------------

    def nodes(self) -> tuple[RegisteredNode, ...]:
        return tuple(self._current().nodes.values())

    def enrolments(self) -> tuple[Enrolment, ...]:
        return tuple(self._current().enrolments.values())

    def invitations(self) -> tuple[IssuedInvitation, ...]:
        return tuple(IssuedInvitation(*row) for row in self._rows(_INVITATIONS))

    def requests(self) -> tuple[EnrolmentRequest, ...]:
        return tuple(EnrolmentRequest(*row) for row in self._rows(_REQUESTS))

    def origins(self) -> tuple[RegisteredOrigin, ...]:
        return tuple(RegisteredOrigin(*row) for row in self._rows(_ORIGINS))

    def units(self) -> tuple[Unit, ...]:
        return tuple(Unit(*row) for row in self._rows(_UNITS))

    def reform(self) -> Reform:
        """Which administrative unit took over from which."""
        head = self.head()
        if head is None:
            return NO_REFORM
        if self._reform is None or self._reform[0] != (head, self._store.rows_changed):
            with self._store.database.snapshot() as connection:
                self._reform = ((head, self._store.rows_changed), read_reform(connection, head.origin))
        return self._reform[1]

    # --- inside ----------------------------------------------------------------------------------------------------

    def _rows(self, statement: str) -> list[tuple]:  # type: ignore[type-arg]  # SQLite's values, checked by STRICT tables
        origin = self._store.reference_origin()
        if origin is None:
            return []
        with self._store.database.snapshot() as connection:
            return list(connection.execute(statement, {"origin": origin}))

    def _current(self) -> _Known:
        head = self.head()
        if head != self._known.head or self._rows_changed != self._store.rows_changed:
            self._known = self._read(head)
            self._rows_changed = self._store.rows_changed
        return self._known

    def _read(self, head: Head | None) -> _Known:
        if head is None:
            return _Known()
        nodes = {NodeId(row[1]): RegisteredNode(*row) for row in self._rows(_NODES)}
        enrolments = {str(row[2]): Enrolment(*row) for row in self._rows(_ENROLMENTS)}
        keys: dict[NodeId, tuple[bytes, ...]] = {}
        revoked_keys: dict[NodeId, tuple[bytes, ...]] = {}
        for item in enrolments.values():
            which = revoked_keys if item.state == REVOKED else keys
            which[item.node_id] = (item.public_key, *which.get(item.node_id, ()))
        holdings: dict[OriginId, tuple[Holding, ...]] = {}
        with self._store.database.snapshot() as connection:
            for held in all_holdings(connection, head.origin):
                holdings[held.subject] = (*holdings.get(held.subject, ()), held)
        return _Known(head, nodes, enrolments, keys, revoked_keys, holdings)


def _hash_in(header: BatchHeader, commits: Sequence[Commit], seq: Seq) -> Hash | None:
    """The hash of one commit as a batch has it; None if it lies outside."""
    if seq == 0 or not header.previous_seq <= seq <= header.seq:
        return None if seq else GENESIS_HASH
    return header.previous_hash if seq == header.previous_seq else commits[seq - header.previous_seq - 1].hash
