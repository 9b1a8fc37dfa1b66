"""Comparing copies with what their holder says of the rows: after every drained batch, on every hop (DESIGN 3).

The holder of an origin signs the digest of its rows at its head. The statement climbs as it is; every parent computes
the digest of its own copy from the rows and compares. Where they differ, the parent rebuilds the rows from its log
(``node.rebuild``) and puts right those that are not what the log says; if the log says what the rows say, it tells the
child, and the holder looks at its own rows in the same way. What was equal is computed anew after a day even if nothing
was written: that is the scrub for bit rot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

import apsw
import sqlalchemy as sa

from node import limits
from node.chain import Head
from node.identity.keys import NodeKey, verifies
from node.identity.statements import state_statement
from node.ids import Hash, NodeId, OriginId, Seq
from node.mending import mend
from node.protocol.messages import Outcome, StateStatement
from node.reference import Objection, Reference
from node.schema import origin_state, sql, verification
from node.store import Store

SELF: Final = NodeId("")
"""In ``Checked.peer``: this node has compared its own copy."""

_FIELDS: Final = ("origin", "seq", "hash", "digest", "rows", "stated_at", "signer", "signature")
_SELECT_STATE: Final = sql(
    sa.select(*(origin_state.c[name] for name in _FIELDS)).where(origin_state.c.origin == sa.bindparam("which"))
)
_UPSERT_STATE: Final = (
    f"INSERT INTO origin_state ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, digest = excluded.digest, "
    "rows = excluded.rows, stated_at = excluded.stated_at, signer = excluded.signer, signature = excluded.signature"
)
_FORGET_STATE: Final = "DELETE FROM origin_state WHERE origin = ?"
_CHECK_FIELDS: Final = ("origin", "peer", "seq", "hash", "digest", "outcome", "checked_at", "equal_at", "repaired_rows")
_SELECT_CHECKS: Final = sql(
    sa.select(*(verification.c[name] for name in _CHECK_FIELDS)).order_by(verification.c.origin, verification.c.peer)
)
_SELECT_CHECK: Final = sql(
    sa.select(*(verification.c[name] for name in _CHECK_FIELDS)).where(
        verification.c.origin == sa.bindparam("which"), verification.c.peer == sa.bindparam("peer")
    )
)
_SELECT_ROOT: Final = sql(
    sa.select(verification.c.root_seq).where(
        verification.c.origin == sa.bindparam("which"), verification.c.peer == sa.bindparam("peer")
    )
)
_UPSERT_CHECK: Final = (
    "INSERT INTO verification "
    "(origin, peer, seq, hash, digest, outcome, checked_at, equal_at, repaired_rows, root_seq) "
    "VALUES (:origin, :peer, :seq, :hash, :digest, :outcome, :now, iif(:good, :now, 0), :repaired, :root_seq) "
    "ON CONFLICT (origin, peer) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, digest = excluded.digest, "
    "outcome = excluded.outcome, checked_at = excluded.checked_at, root_seq = excluded.root_seq, "
    "equal_at = iif(:good, excluded.equal_at, equal_at), repaired_rows = repaired_rows + excluded.repaired_rows"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """The last comparison of one origin: by this node (``peer`` ''), or as the parent ``peer`` has told us.

    ``equal_at``: when it was equal for the last time, Unix ms; 0: never. ``repaired_rows``: over all comparisons.
    """

    origin: OriginId
    peer: NodeId
    seq: Seq
    hash: Hash
    digest: Hash
    outcome: Outcome
    checked_at: int
    equal_at: int
    repaired_rows: int

    def is_equal(self, head: Head, digest: Hash) -> bool:
        """Whether it was about these very rows, and found them equal."""
        same = (self.seq, self.hash, self.digest) == (head.seq, head.hash, digest)
        return same and self.outcome in {"equal", "repaired"}


def statement_of(connection: apsw.Connection, origin: OriginId) -> StateStatement | None:
    """The newest statement of the holder that is known here."""
    row = connection.execute(_SELECT_STATE, {"which": origin}).fetchone()
    if row is None:
        return None
    which, seq, hash_, digest, rows, stated_at, signer, signature = row
    head = Head(OriginId(which), Seq(seq), Hash(hash_))
    return StateStatement(head, Hash(digest), rows, stated_at, NodeId(signer), bytes(signature))


def checks(store: Store) -> list[Checked]:
    """The last comparison of every origin."""
    with store.database.snapshot() as connection:
        return [_checked(row) for row in connection.execute(_SELECT_CHECKS)]


def _checked(row: tuple[apsw.SQLiteValue, ...]) -> Checked:
    origin, peer, seq, hash_, digest, outcome, checked_at, equal_at, repaired = row
    return Checked(
        OriginId(cast("bytes", origin)),
        NodeId(cast("str", peer)),
        Seq(cast("int", seq)),
        Hash(cast("bytes", hash_)),
        Hash(cast("bytes", digest)),
        cast("Outcome", outcome),
        cast("int", checked_at),
        cast("int", equal_at),
        cast("int", repaired),
    )


class Verifier:
    """States, compares and mends the origins of one store. ``key`` signs what this node holds."""

    def __init__(self, store: Store, reference: Reference, key: NodeKey) -> None:
        self._store = store
        self._reference = reference
        self._key = key

    # --- the child ---------------------------------------------------------------------------------------------------

    def attest(self) -> list[StateStatement]:
        """What is known of each origin that climbs from here, at its head: own ones signed, others as they came."""
        found = []
        for state in self._store.states():
            if state.flow or not state.head.seq:
                continue
            statement = self._own_statement(state.head) if state.own else self._statement(state.head.origin)
            if statement is not None and statement.head == state.head:
                found.append(statement)
        return found

    def _statement(self, origin: OriginId) -> StateStatement | None:
        with self._store.database.snapshot() as connection:
            return statement_of(connection, origin)

    def _own_statement(self, head: Head) -> StateStatement | None:
        store, now = self._store, self._store.clock.wall_ms()
        if not self._speaks_for(head) or store.quarantined(head.origin):
            return self._statement(head.origin)
        known = self._statement(head.origin)
        if known is not None and known.head == head and 0 <= now - known.stated_at_ms < limits.VERIFY_AGAIN_MS:
            return known
        digest = store.digest(head.origin)
        if store.head(head.origin) != head:
            return None  # somebody has recorded something meanwhile: the next time
        return self._state(head, digest.value, digest.rows, now)

    def _state(self, head: Head, digest: Hash, rows: int, now: int) -> StateStatement:
        signature = self._key.sign(state_statement(head.origin, head.seq, head.hash, digest, rows, now))
        statement = StateStatement(head, digest, rows, now, self._store.node_id, signature)
        with self._store.database.transaction() as connection:
            _keep(connection, statement)
        return statement

    def can_prove(self, connection: apsw.Connection, head: Head) -> bool:
        """Whether the rows at this head are, as far as is known, what their holder says; a holder can say it now."""
        if head.origin in self._store.own_origins() and self._speaks_for(head):
            return True
        last, stated = self._checked(connection, head.origin), statement_of(connection, head.origin)
        return last is not None and stated is not None and stated.head == head and last.is_equal(head, stated.digest)

    def proved(self, head: Head) -> StateStatement | None:
        """The holder's word on the rows at this head; this node's own, if it holds the origin."""
        statement = self._own_statement(head) if head.origin in self._store.own_origins() else None
        statement = statement or self._statement(head.origin)
        return statement if statement is not None and statement.head == head else None

    def root_seq(self, origin: OriginId) -> Seq:
        """Up to where the root of the tree has an origin, as far as is known here: nothing that the authority decides
        about the origin goes back behind it.
        """
        node = self._reference.node(self._store.node_id)
        if node is None or not node.parent_node_id:
            return self._store.head(origin).seq
        with self._store.database.snapshot() as connection:
            row = connection.execute(_SELECT_ROOT, {"which": origin, "peer": node.parent_node_id}).fetchone()
        return Seq(0 if row is None else row[0])

    def _speaks_for(self, head: Head) -> bool:
        """Whether this node holds the origin now."""
        if head.origin == self._store.reference_origin():
            return True
        holding = self._reference.holder(head.origin)
        return holding is not None and holding.node_id == self._store.node_id and head.seq >= holding.from_seq

    def heard(self, parent: NodeId, head: Head, outcome: Outcome, root_seq: Seq) -> None:
        """The parent has compared its copy. Where it differs from our word, our own rows may be what has rotted."""
        store, now = self._store, self._store.clock.wall_ms()
        known = self._statement(head.origin)
        digest = known.digest if known is not None else Hash(b"")
        if root_seq > self.root_seq(head.origin):
            store.root_heard += 1
        with store.database.transaction() as connection:
            _record(connection, parent, head, digest, outcome, now, root_seq=root_seq)
        if outcome == "differs" and head.origin in store.own_origins():
            self._mend_own(head.origin)

    def _mend_own(self, origin: OriginId) -> None:
        head = self._store.head(origin)
        if mend(self._store, head, None):
            with self._store.database.transaction() as connection:
                connection.execute(_FORGET_STATE, (origin,))

    # --- the parent --------------------------------------------------------------------------------------------------

    def verify(self, statement: StateStatement) -> Outcome:
        """Compare our copy with the word of its holder, and mend it; the outcome is on the disk on return."""
        store, now = self._store, self._store.clock.wall_ms()
        head = statement.head
        objection = self.objection(statement)
        if objection is not None:
            if not self._counted_once(statement):
                store.raise_alarm(objection.code, head.origin, objection.detail)
            return "refused"
        if store.head(head.origin) != head:
            return "elsewhere"
        with store.database.transaction() as connection:
            if statement_of(connection, head.origin) != statement:
                _keep(connection, statement)
                store.statements_heard += 1
        outcome, repaired = self._compare(statement, now)
        with store.database.transaction() as connection:
            before = self._checked(connection, head.origin)
            if outcome == "differs" and (before is None or before.outcome != "differs" or before.hash != head.hash):
                store.alarm_now(
                    "digest_differs",
                    head.origin,
                    f"at commit {head.seq} the rows here are not what node {statement.signer} says, "
                    "and are what the log here says",
                    now,
                )
            _record(connection, SELF, head, statement.digest, outcome, now, repaired)
        return outcome

    def news_of_root(self, origins: Iterable[OriginId]) -> list[tuple[Head, Seq]]:
        """Up to where the root has these origins, for those that are here as their holder says."""
        found = []
        with self._store.database.snapshot() as connection:
            for origin in origins:
                last, head = self._checked(connection, origin), self._store.head(origin)
                if last is not None and last.is_equal(head, last.digest):
                    found.append((head, self.root_seq(origin)))
        return found

    def _compare(self, statement: StateStatement, now: int) -> tuple[Outcome, int]:
        store, head = self._store, statement.head
        if store.quarantined(head.origin):
            return "held_back", 0
        with store.database.snapshot() as connection:
            last = self._checked(connection, head.origin)
        fresh = last is not None and 0 <= now - last.checked_at < limits.VERIFY_AGAIN_MS
        if last is not None and fresh and last.is_equal(head, statement.digest):
            return "equal", 0
        if store.digest(head.origin).value == statement.digest:
            return "equal", 0
        repaired = mend(store, head, statement.digest)
        return ("repaired", repaired) if repaired else ("differs", 0)

    def _checked(self, connection: apsw.Connection, origin: OriginId) -> Checked | None:
        row = connection.execute(_SELECT_CHECK, {"which": origin, "peer": SELF}).fetchone()
        return None if row is None else _checked(tuple(row))

    def objection(self, statement: StateStatement) -> Objection | None:
        """Why a statement is not the word of the origin's holder; None if it is."""
        head, signer = statement.head, statement.signer
        if head.origin == self._store.reference_origin():
            keys = tuple(key for key in (self._store.authority_key(),) if key is not None)
        elif signer not in self._holders_at(head):
            return Objection(
                "statement_refused",
                f"node {signer} says how the rows of a register stand at commit {head.seq}, and did not hold it then",
            )
        else:
            keys = self._reference.public_keys(signer)
        signed = state_statement(
            head.origin, head.seq, head.hash, statement.digest, statement.rows, statement.stated_at_ms
        )
        if not any(verifies(key, signed, statement.signature) for key in keys):
            return Objection(
                "statement_refused", f"what is said of the rows at commit {head.seq} is not signed by node {signer}"
            )
        return None

    def _counted_once(self, statement: StateStatement) -> bool:
        """Whether it is the word of somebody who held the origin once and whose word does not count any more: a relay
        passes it on in good faith.
        """
        signer, head = statement.signer, statement.head
        if all(held.node_id != signer for held in self._reference.holdings(head.origin)):
            return False
        revoked = not self._reference.public_keys(signer)
        return revoked or signer not in self._holders_at(head)

    def _holders_at(self, head: Head) -> set[NodeId]:
        """Who made the commit, and who went on from it."""
        holdings = self._reference.holdings(head.origin)
        made = self._reference.holding_at(head.origin, head.seq)
        return {held.node_id for held in holdings if held.from_seq == head.seq} | ({made.node_id} if made else set())


def _keep(connection: apsw.Connection, statement: StateStatement) -> None:
    head = statement.head
    connection.execute(
        _UPSERT_STATE,
        (
            *(head.origin, head.seq, head.hash, statement.digest, statement.rows),
            *(statement.stated_at_ms, statement.signer, statement.signature),
        ),
    )


def _record(
    connection: apsw.Connection,
    peer: NodeId,
    head: Head,
    digest: Hash,
    outcome: Outcome,
    now: int,
    repaired: int = 0,
    root_seq: int = 0,
) -> None:
    connection.execute(
        _UPSERT_CHECK,
        {
            "origin": head.origin,
            "peer": peer,
            "seq": head.seq,
            "hash": head.hash,
            "digest": digest,
            "outcome": outcome,
            "now": now,
            "good": int(outcome in {"equal", "repaired"}),
            "repaired": repaired,
            "root_seq": root_seq,
        },
    )
