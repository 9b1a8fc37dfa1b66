"""The group-commit applier: batches of neighbours, one transaction, one sync, then the answers (DESIGN 3).

A batch whose chain is wrong, or that the holder of its origin has not signed, is refused unstored; everything else is
stored and relayed, and applied or quarantined. Nothing is answered before the transaction is on the disk. Commits are
stored verbatim, so that they can be relayed as their holder made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from node import branch, changelog
from node.chain import Commit, Head
from node.codec import decode_batch
from node.errors import CommitRefused, FrameRefused
from node.ids import Hash, NodeId, OriginId
from node.protocol.messages import BatchHeader
from node.reference import Reference
from node.replay import Replay, RowKey, store_quarantine
from node.schema import SCHEMA_VERSION, alarm, batch_signature, origin_head, sql
from node.store import Store


@dataclass(frozen=True, slots=True)
class Work:
    """A batch as it came from a neighbour: from a child, or ``down`` from the parent."""

    via: NodeId
    header: BatchHeader
    payload: bytes
    down: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """The batch is on the disk. ``commits`` were new here, fewer than the header's if some had come before."""

    head: Head
    commits: int
    rows: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The batch was not stored. ``fault`` tells whether the origin's chain is at fault, so that an alarm stays in the
    store.
    """

    code: str
    detail: str
    fault: bool


Outcome = Applied | Refused
FAULTS: Final = frozenset({"wrong_chain", "unsigned", "wrong_signature", "not_holder", "retired"})
"""Codes that say of a batch that nobody entitled made it so."""

_INSERT_SIGNATURE = (
    "INSERT INTO batch_signature (origin, seq, signer, signature) VALUES (?,?,?,?) ON CONFLICT DO NOTHING"
)
_SELECT_HALT = sql(sa.select(origin_head.c.halted).where(origin_head.c.origin == sa.bindparam("which")))
_SET_HALT = sql(
    sa.update(origin_head)
    .where(origin_head.c.origin == sa.bindparam("which"))
    .values(halted=sa.bindparam("code"), halted_detail=sa.bindparam("reason"))
)
_FAULT_LIST = ", ".join(f"'{code}'" for code in sorted(FAULTS))
_CLEAR_HALT = sql(
    sa.update(origin_head)
    .where(origin_head.c.origin == sa.bindparam("which"), sa.text(f"halted IN ({_FAULT_LIST})"))
    .values(halted="", halted_detail="")
)
_SELECT_ALARM = sql(
    sa.select(alarm.c.id)
    .where(alarm.c.origin == sa.bindparam("which"), alarm.c.code == sa.bindparam("code"))
    .limit(sa.bindparam("count"))
)
_INSERT_ALARM = sql(
    sa.insert(alarm).values({name: sa.bindparam(name) for name in ("raised_at", "code", "origin", "detail")})
)

assert batch_signature.name == "batch_signature"


class GroupApplier:
    """Applies groups of batches to one store. ``reference`` says whose signature counts."""

    def __init__(self, store: Store, reference: Reference) -> None:
        self._store = store
        self._reference = reference

    def apply(self, works: Sequence[Work]) -> list[Outcome]:
        """One outcome a batch, in order, all durable on return.

        Raises ``StoreError`` (disk full, input or output error): then nothing of the group is stored and nothing may be
        answered.
        """
        decoded = [decode(work) for work in works]
        now = self._store.clock.wall_ms()
        with self._store.database.transaction():
            group = _Group(self._store, self._reference, now)
            outcomes = [
                group.refuse(work, item) if isinstance(item, Refused) else group.store(work, item)
                for work, item in zip(works, decoded, strict=True)
            ]
            group.finish(outcomes)
        return group.outcomes


def decode(work: Work) -> list[Commit] | Refused:
    """The commits of a batch, or why it cannot be stored."""
    try:
        commits = decode_batch(work.header, work.payload)
    except (FrameRefused, CommitRefused) as error:
        return Refused(error.code, error.message, fault=error.code == "wrong_chain")
    newest = max(commit.schema_version for commit in commits)
    if newest > SCHEMA_VERSION:
        return Refused(
            "schema_newer",
            f"commits of schema version {newest} came, this parent knows {SCHEMA_VERSION}: upgrade it first",
            fault=False,
        )
    return commits


class _Group:
    """The state of one transaction."""

    def __init__(self, store: Store, reference: Reference, now: int) -> None:
        self._store = store
        self._reference = reference
        self._connection = store.connection
        self._now = now
        self._heads: dict[OriginId, Head] = {}
        self._held: dict[OriginId, set[RowKey]] = {}
        self._stored: list[tuple[int, list[Commit]]] = []
        self.outcomes: list[Outcome] = []

    def refuse(self, work: Work, refusal: Refused) -> Outcome:
        if refusal.fault:
            self._mark(work.header.origin, refusal)
        return refusal

    def store(self, work: Work, commits: list[Commit]) -> Outcome:
        """Put the new commits of a batch into the log and advance the head; applying comes afterwards, for the whole
        group.
        """
        header = work.header
        head = self._head(header.origin)
        fresh = self._fresh(head, header, commits)
        if isinstance(fresh, Refused):
            return self.refuse(work, fresh)
        if fresh:
            objection = self._reference.signature_objection(header, commits)
            if objection is not None:
                return self.refuse(work, Refused(*objection, fault=True))
            if self._was_given_up(work, fresh[0].head):
                detail = f"commit {fresh[0].seq} is of a history that was given up: the register's holder has it"
                return Refused("given_up", detail, fault=False)
            changelog.store_commits(self._connection, fresh, self._now)
            changelog.advance_head(
                self._connection,
                fresh[-1],
                own=False,
                via="" if work.down else work.via,
                flow="down" if work.down else "",
                received_at=self._now,
            )
            self._heads[header.origin] = fresh[-1].head
            if header.signature:  # a batch that ends at a handover needs none
                signed = (header.origin, header.seq, header.signer, header.signature)
                self._connection.execute(_INSERT_SIGNATURE, signed)
            self._stored.append((len(self._stored), fresh))
            self._clear_mark(header.origin)
        return Applied(header.head, len(fresh), 0, 0)

    def _fresh(self, head: Head, header: BatchHeader, commits: list[Commit]) -> list[Commit] | Refused:
        """The commits that this store lacks. A batch that came before is no error: an answer may have been lost."""
        if header.previous == head:
            return commits
        if header.previous_seq > head.seq:
            return Refused(
                "gap", f"the batch starts after commit {header.previous_seq}, this parent has {head.seq}", fault=False
            )
        last = min(header.seq, head.seq)
        if last < changelog.floor_of(self._connection, header.origin).seq:
            return []  # older than our history goes back: the snapshot there stands for it
        expected: Hash = (
            header.previous_hash if last == header.previous_seq else commits[last - header.previous_seq - 1].hash
        )
        if changelog.hash_at(self._connection, header.origin, last) != expected:
            return Refused("wrong_chain", f"another commit {last} of this origin is already stored here", fault=True)
        return commits[last - header.previous_seq :]

    def _was_given_up(self, work: Work, first: Head) -> bool:
        """Whether a child that the holder is not below brings again what was put aside here, and went to the holder
        then: before the holder's own commits come, nothing else tells that it has no place.
        """
        if work.down or self._reference.objection(first.origin, work.via) is None:
            return False
        return branch.is_aside(self._connection, first)

    def _head(self, origin: OriginId) -> Head:
        head = self._heads.get(origin)
        if head is None:
            head = self._heads[origin] = changelog.head_of(self._connection, origin)
            self._held[origin] = set(self._store.quarantined(origin))
        return head

    def finish(self, outcomes: list[Outcome]) -> None:
        """Apply what was stored, in one go, and complete the outcomes with what could not be applied."""
        replay = Replay(self._connection, self._held)
        replay.apply(commit for _, commits in self._stored for commit in commits)
        store_quarantine(self._connection, replay.quarantined, self._now)
        held: dict[OriginId, list[int]] = {}
        for entry in replay.quarantined:
            held.setdefault(entry.commit.origin, []).append(entry.commit.seq)
            if entry.reason != "behind_quarantine":
                self._alarm(
                    "quarantined",
                    entry.commit.origin,
                    f"commit {entry.commit.seq} is stored and not applied: {entry.reason}, {entry.detail}",
                )
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.outcomes.append(outcome)
                continue
            first = outcome.head.seq - outcome.commits
            count = sum(1 for seq in held.get(outcome.head.origin, ()) if first < seq <= outcome.head.seq)
            self.outcomes.append(Applied(outcome.head, outcome.commits, 0, count))

    def _mark(self, origin: OriginId, refusal: Refused) -> None:
        row = self._connection.execute(_SELECT_HALT, {"which": origin}).fetchone()
        if row is None:  # an origin of which nothing is stored cannot be marked; its alarm says it once
            known = self._connection.execute(
                _SELECT_ALARM, {"which": origin, "code": refusal.code, "count": 1}
            ).fetchone()
            if known is None:
                self._alarm(refusal.code, origin, refusal.detail)
        elif row[0] != refusal.code:
            self._connection.execute(_SET_HALT, {"which": origin, "code": refusal.code, "reason": refusal.detail})
            self._alarm(refusal.code, origin, refusal.detail)

    def _clear_mark(self, origin: OriginId) -> None:
        """Sound commits have come: a mark of ours is gone. One that our uplink has set (diverged ...) stays."""
        self._connection.execute(_CLEAR_HALT, {"which": origin})

    def _alarm(self, code: str, origin: OriginId, detail: str) -> None:
        self._connection.execute(
            _INSERT_ALARM, {"raised_at": self._now, "code": code, "origin": origin, "detail": detail}
        )
