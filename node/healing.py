"""Healing an origin whose copy here and at the parent are not the same: restored, forked, diverged (DESIGN 3).

A holder takes the parent's history and does again what only it had. A relay takes it too, and sends what only it had to
the holder, as letters; so does a former holder. The holder does again what comes in letters, unless it has it. Every
healing leaves a report (node.reports): what stood against each other, and which of it stands now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from node import branch, changelog
from node.branch import Fork, SideBatch
from node.capture import Capture, captured_work
from node.chain import Commit, Head
from node.codec import decode_batch, encode_batch
from node.errors import LetterRefused
from node.holding import Holding
from node.identity.keys import NodeKey, verifies
from node.identity.statements import batch_statement
from node.ids import OriginId, Seq
from node.mail import READ, Mail, Reading, compose
from node.protocol.messages import BatchHeader, Letter
from node.redoing import Finding, Redoing, inserted_rows, typed_twice
from node.reference import Reference
from node.replay import Replay, RowKey, store_quarantine
from node.reports import BRANCH, FORK, RESTORED, TRUNK, Kind
from node.schema import event
from node.store import Store
from node.wire import decode_side_batch, encode_side_batch

LETTER_BRANCH: Final = "branch"

_INSERT_HEALING = (
    "INSERT INTO healing (origin, kind, healed_at, common_seq, trunk_seq, trunk_hash, side_seq, side_hash, detail) "
    "VALUES (?,?,?,?,?,?,?,?,?) RETURNING id"
)
_INSERT_FINDING = (
    "INSERT INTO healing_finding "
    "(healing, number, kind, table_name, row_id, column_name, kept, lost, other_row_id) VALUES (?,?,?,?,?,?,?,?,?)"
)
_SET_REDONE = "UPDATE side_commit SET redone_seq = ? WHERE origin = ? AND hash = ?"
_SET_REDONE_COUNT = "UPDATE healing SET redone = ? WHERE id = ?"


_SELECT_CONFIRMED = "SELECT max(seq) FROM acknowledged WHERE origin = ?"


class Healer:
    """Heals the origins of one store. ``key`` signs what only this node had."""

    def __init__(self, store: Store, reference: Reference, key: NodeKey) -> None:
        self._store = store
        self._reference = reference
        self._key = key
        self._mail = Mail(store, reference)

    # --- the parent's history is here ----------------------------------------------------------------------------

    def switch(self, trunk: Head) -> Head:
        """Change an origin over to the parent's history, which was spooled; returns the new head of our log.

        If the parent only has less than we do of something that comes from above, our log stays, and the rest goes up
        as letters.
        """
        store = self._store
        origin = trunk.origin
        now = store.clock.wall_ms()
        with store.database.transaction() as connection:
            fork = branch.find_fork(connection, origin, trunk)
            if fork is None:
                branch.clear_spool(connection, origin)
                if origin == store.reference_origin() and origin not in store.own_origins():
                    self._send_side(trunk, changelog.head_of(connection, origin))
                return changelog.head_of(connection, origin)
            if self._holds(origin):
                self._change_over_and_redo(fork, now)
            else:
                self._change_over_and_send(fork, now)
            head = changelog.head_of(connection, origin)
        store.changed_over.append(origin)
        store.saw_own(head)
        return head

    def give_up_what_is_others(self) -> None:
        """After a handover: what a former holder made behind it goes to the new holder, as letters."""
        self._cut_disowned()
        for origin, after in former_suffix(self._store, self._reference):
            with self._store.database.transaction() as connection:
                self._send_side(after, changelog.head_of(connection, origin))

    def give_what_nobody_confirmed(self, origin: OriginId) -> None:
        """A relayed origin goes another way now, and the parent takes nothing more of it from here.

        Commits that it never confirmed go to the holder, who does again what it has lost.
        """
        with self._store.database.transaction() as connection:
            head = changelog.head_of(connection, origin)
            confirmed = connection.execute(_SELECT_CONFIRMED, (origin,)).fetchone()
            floor = changelog.floor_of(connection, origin)
            seq = Seq(max(confirmed[0] or 0 if confirmed else 0, floor.seq))
            value = changelog.hash_at(connection, origin, seq)
            if seq < head.seq and value is not None:
                self._send_side(Head(origin, seq, value), head)

    def _cut_disowned(self) -> None:
        """Take commits out of logs that a former holder made behind the handover: they go to the new holder, whose own
        commits cannot follow until then. The former holder may be this node, if the new one is below it.
        """
        store = self._store
        now = store.clock.wall_ms()
        for holding in self._reference.current_holdings():
            origin = holding.subject
            if holding.from_seq == 0 or holding.node_id == store.node_id:
                continue  # what came here in time stays: it goes on under our name
            if origin in store.own_origins() and not self._comes_from_below(holding):
                continue
            head = store.head(origin)
            with store.database.transaction() as connection:
                last = self._last_that_stays(connection, holding, head)
                if last is None:
                    continue
                self._change_over_and_send(Fork(last, last, head), now)
            store.changed_over.append(origin)

    def give_up_false_history(self, theirs: Head, older: Sequence[Head]) -> bool:
        """A child through which an origin comes has the history that was handed over, and ours, which parts from it
        before that, is one that was given up: the authority was restored, took it from a former holder, and heard of
        its own ruling again. What is ours alone goes to the holder. True if our log was cut.

        ``theirs`` is the child's head, ``older`` some commits before it, the newest first.
        """
        store, origin = self._store, theirs.origin
        holding = self._reference.holder(origin)
        if holding is None or holding.from_seq == 0 or theirs.seq < holding.from_seq or not older:
            return False
        if origin in store.own_origins() and not self._comes_from_below(holding):
            return False
        with store.database.transaction() as connection:
            head = changelog.head_of(connection, origin)
            if changelog.hash_at(connection, origin, holding.from_seq) == holding.from_hash:
                return False
            known = (point for point in (theirs, *older) if point.origin == origin and point.seq <= head.seq)
            common = next(
                (point for point in known if changelog.hash_at(connection, origin, point.seq) == point.hash),
                changelog.floor_of(connection, origin),
            )
            if common == head or changelog.floor_of(connection, origin).seq > common.seq:
                return False
            self._change_over_and_send(Fork(common, common, head), store.clock.wall_ms())
        store.changed_over.append(origin)
        return True

    def _is_the_holders(self, connection: apsw.Connection, holding: Holding) -> bool:
        """Whether what stands behind a holding in our log is its holder's: signed by it, and not with a key that was
        revoked before it was let in again with another one.
        """
        found = branch.first_signature(connection, holding.subject, holding.from_seq)
        if found is None or found[1] != holding.node_id:
            return False
        head, signer, signature = found
        keys = self._reference.public_keys(signer)
        statement = batch_statement(head.origin, head.seq, head.hash)
        return not keys or any(verifies(key, statement, signature) for key in keys)

    def _last_that_stays(self, connection: apsw.Connection, holding: Holding, head: Head) -> Head | None:
        """Up to where a log may stand beside a handover; None: all of it.

        A log that has another commit where the register was handed over is a history that was given up (the authority
        was restored, took it, and heard of its own ruling again): the new holder brings the other one, from the start.
        """
        origin, known = holding.subject, changelog.hash_at(connection, holding.subject, holding.from_seq)
        if head.seq < holding.from_seq or known is None:
            return None
        if known != holding.from_hash:
            floor = changelog.floor_of(connection, origin)
            return None if floor.seq or origin in self._store.own_origins() else floor
        if head.seq == holding.from_seq:
            return None
        if self._is_the_holders(connection, holding):
            return None
        return Head(origin, holding.from_seq, holding.from_hash)

    def _comes_from_below(self, holding: Holding) -> bool:
        return bool(holding.node_id) and self._reference.next_hop(self._store.node_id, holding.node_id) is not None

    def _holds(self, origin: OriginId) -> bool:
        """Whether this node may write the origin now."""
        store = self._store
        if origin not in store.own_origins():
            return False
        holding = self._reference.holder(origin)
        return holding is None or holding.node_id == store.node_id

    def _change_over_and_redo(self, fork: Fork, now: int) -> None:
        store, connection, origin = self._store, self._store.connection, fork.origin
        which = self._report(fork, FORK, now)
        store.lets_go(fork.common)
        side = branch.change_over(connection, fork, which, now)
        redoing = self._redo(which, origin, side, side_wins=True)
        twice = self._typed_twice(fork.common, fork.trunk, redoing)
        self._finish(which, [*redoing.findings, *twice])
        store.alarm_now(
            "healed",
            origin,
            f"this store and the parent's had different commits behind {fork.common.seq}: "
            f"{fork.trunk.seq - fork.common.seq} came from there, {len(side)} were done again here; "
            f"{len(redoing.findings)} values stood against each other, {len(twice)} entries may stand twice",
            now,
        )

    def _change_over_and_send(self, fork: Fork, now: int) -> None:
        connection, origin = self._store.connection, fork.origin
        self._send_side(fork.common, fork.side)
        which = self._report(fork, TRUNK, now)
        self._store.lets_go(fork.common)
        side = branch.change_over(connection, fork, which, now)
        self._finish(which, [])
        self._store.alarm_now(
            "diverged",
            origin,
            f"{len(side)} commits behind {fork.common.seq} are not on the chain of those above: the holder gets them",
            now,
        )

    def _redo(self, which: int, origin: OriginId, side: Sequence[Commit], *, side_wins: bool) -> Redoing:
        """Each commit of a side branch as a new commit with its author, time and tag."""
        store, connection = self._store, self._store.connection
        redoing = Redoing(connection, origin, side_wins=side_wins)
        done = 0
        for commit in side:
            capture = Capture(connection, commit.origin, commit.recorded_at)
            with captured_work(store.database, capture, author=commit.author, kind=commit.kind, tag=commit.tag):
                redoing.redo(commit)
            if capture.commit is not None:
                done += 1
                connection.execute(_SET_REDONE, (capture.commit.seq, commit.origin, commit.hash))
        connection.execute(_SET_REDONE_COUNT, (done, which))
        redoing.settle()
        return redoing

    def _typed_twice(self, common: Head, head: Head, redoing: Redoing) -> list[Finding]:
        """What was done again and stands in our log between two commits already, under another id."""
        connection, origin = self._store.connection, head.origin
        if not any(table == event.name for table, _ in redoing.inserted):
            return []  # the log between may be long
        commits = changelog.read_commits(connection, origin, common.seq, count=head.seq - common.seq)
        return typed_twice(connection, origin, inserted_rows(commits), redoing.inserted)

    def restored(self, found: Head, head: Head) -> None:
        """Commits of an own origin came back from the parent, from ``found`` up to ``head``."""
        now = self._store.clock.wall_ms()
        with self._store.database.transaction():
            self._report(Fork(found, head, found), RESTORED, now)

    def give_up_side(self, common: Head, confirmed: Head, trunk: Head, side: Head, now: int) -> None:
        """A snapshot at ``trunk`` takes the place of the log, inside the caller's transaction: our commits behind
        ``common``, up to ``side``, are kept aside, and those behind ``confirmed``, which only this store has, go to the
        holder. If that is this node, it reads them once it is whole.
        """
        connection = self._store.connection
        which = self._report(Fork(common, trunk, side), TRUNK, now)
        self._store.lets_go(common)
        commits = changelog.read_commits(connection, common.origin, common.seq, count=side.seq - common.seq)
        branch.keep_aside(connection, list(commits), which)
        if confirmed == side:
            return
        self._send_side(confirmed, side)
        self._store.alarm_now(
            "diverged",
            common.origin,
            f"{side.seq - confirmed.seq} commits behind {confirmed.seq} are not on the chain of those above: "
            "the holder gets them",
            now,
        )

    # --- letters -------------------------------------------------------------------------------------------------

    def send_branch(self, after: Head, head: Head) -> None:
        """What only this node may have of an origin that it does not send any more goes to the holder."""
        with self._store.database.transaction():
            self._send_side(after, head)

    def branch_is_sent(self, after: Head, head: Head) -> bool:
        """Whether the letters of ``send_branch`` are all with somebody else."""
        with self._store.database.snapshot() as connection:
            floor = changelog.floor_of(connection, head.origin)
            start = max(after, floor, key=lambda point: point.seq)
            parts = list(branch.side_batches(connection, start, head))
            letters = [compose(head.origin, LETTER_BRANCH, self._written(part)) for part in parts]
            return all(self._mail.is_sent(item.id) for item in letters)

    def _send_side(self, after: Head, head: Head) -> None:
        """What was pruned cannot be sent; the root had it once, and whoever is above us may have it still."""
        floor = changelog.floor_of(self._store.connection, head.origin)
        for part in branch.side_batches(self._store.connection, max(after, floor, key=lambda point: point.seq), head):
            self._mail.post(compose(head.origin, LETTER_BRANCH, self._written(part)))

    def _written(self, part: SideBatch) -> bytes:
        signer, signature = part.signer, part.signature
        if not signature:
            last = part.commits[-1]
            signer = self._store.node_id
            signature = self._key.sign(batch_statement(last.origin, last.seq, last.hash))
        return encode_side_batch(*encode_batch(part.previous, part.commits, signer=signer, signature=signature))

    def read_branch(self, item: Letter, *, patient: bool) -> Reading:
        """Do again what a letter to an origin that this node holds has brought.

        A branch waits for the one that it goes on from, as long as there is hope. Raises ``LetterRefused``,
        ``FrameRefused``, ``CommitRefused``.
        """
        if not self._holds(item.to_origin):
            raise LetterRefused("the register was retired: nobody may do again what this brings")
        header, payload = decode_side_batch(item.body)
        commits = decode_batch(header, payload)
        objection = self._objection(item, header)
        if objection:
            raise LetterRefused(objection)
        if patient and not self._knows(header.previous):
            return "waits"
        store, now = self._store, self._store.clock.wall_ms()
        with store.database.transaction():
            self._mail.mark(item.id, READ)
            grown = self._take(header, commits, now)
        if grown:
            store.saw_own(store.head(item.to_origin))
        return "grown" if grown else "read"

    def _knows(self, head: Head) -> bool:
        """Whether a commit is on our chain or was put aside here; below our floor nobody can tell, nor will."""
        with self._store.database.snapshot() as connection:
            if head.seq < changelog.floor_of(connection, head.origin).seq:
                return True
            return changelog.hash_at(connection, head.origin, head.seq) == head.hash or branch.is_aside(
                connection, head
            )

    def _objection(self, item: Letter, header: BatchHeader) -> str:
        """Why a branch is not one of this origin, '' if it is: signed by somebody who holds it or has held it."""
        if header.origin != item.to_origin:
            return "a letter holds commits of another origin than the one it is addressed to"
        holders = {held.node_id for held in self._reference.holdings(header.origin)} | {self._store.node_id}
        keys = list(self._reference.public_keys(header.signer)) if header.signer in holders else []
        if header.origin == self._store.reference_origin():
            keys = [key for key in (self._store.authority_key(),) if key is not None]
        statement = batch_statement(header.origin, header.seq, header.hash)
        if not any(verifies(key, statement, header.signature) for key in keys):
            return f"commit {header.seq} of a branch is not signed by one who has held this origin"
        return ""

    def _take(self, header: BatchHeader, commits: Sequence[Commit], now: int) -> bool:
        """Inside the transaction. Commits that are on our chain or were put aside here are not new."""
        connection, origin = self._store.connection, header.origin
        new = [
            commit
            for commit in commits
            if changelog.hash_at(connection, origin, commit.seq) != commit.hash
            and not branch.is_done(connection, commit.head)
        ]
        if not new:
            return False
        local = changelog.head_of(connection, origin)
        common = Head(origin, Seq(new[0].seq - 1), header.previous_hash)
        if common == local:
            self._extend(header, new, now)
            return True
        which = self._report(Fork(common, local, new[-1].head), BRANCH, now)
        branch.keep_aside(connection, new, which)
        redoing = self._redo(which, origin, new, side_wins=False)
        twice = self._typed_twice(common, local, redoing)
        self._finish(which, [*redoing.findings, *twice])
        self._store.alarm_now(
            "branch_done_again",
            origin,
            f"{len(new)} commits that node {header.signer} had made, and nobody had here, were done again; "
            f"{len(redoing.findings)} values stood against each other, {len(twice)} entries may stand twice",
            now,
        )
        return True

    def _extend(self, header: BatchHeader, commits: Sequence[Commit], now: int) -> None:
        """What was lost here comes back as it was: it goes on where our log ends."""
        connection, origin = self._store.connection, header.origin
        changelog.store_commits(connection, commits, now)
        held: dict[OriginId, set[RowKey]] = {origin: set(self._store.quarantined(origin))}
        replay = Replay(connection, held)
        replay.apply(commits)
        store_quarantine(connection, replay.quarantined, now)
        changelog.advance_head(connection, commits[-1], own=True, via="", received_at=now)
        found = Head(origin, Seq(commits[0].seq - 1), header.previous_hash)
        self._report(Fork(found, header.head, found), RESTORED, now)
        self._store.alarm_now(
            "restored", origin, f"commits {commits[0].seq} to {header.seq}, which were missing here, came back", now
        )

    # --- reports -------------------------------------------------------------------------------------------------

    def _report(self, fork: Fork, kind: Kind, now: int) -> int:
        row = self._store.connection.execute(
            _INSERT_HEALING,
            (
                *(fork.origin, kind, now, fork.common.seq, fork.trunk.seq, fork.trunk.hash),
                *(fork.side.seq, fork.side.hash, ""),
            ),
        ).fetchone()
        assert row is not None and isinstance(row[0], int)
        return row[0]

    def _finish(self, which: int, findings: Sequence[Finding]) -> None:
        self._store.connection.executemany(
            _INSERT_FINDING,
            (
                (which, number, f.kind, f.table, f.row_id, f.column, f.kept, f.lost, f.other_row_id)
                for number, f in enumerate(findings, 1)
            ),
        )


def former_suffix(store: Store, reference: Reference) -> list[tuple[OriginId, Head]]:
    """Origins that this node wrote and another one holds now, with the last commit that surely is not only here."""
    found: list[tuple[OriginId, Head]] = []
    acknowledged = store.acknowledged()
    for state in store.states():
        if not state.own:
            continue
        holding = reference.holder(state.head.origin)
        if holding is None or holding.node_id == store.node_id:
            continue
        known = store.hash_at(state.head.origin, holding.from_seq)
        if known == holding.from_hash:
            after = Head(state.head.origin, holding.from_seq, holding.from_hash)
        else:
            seq = acknowledged[state.head.origin].seq if state.head.origin in acknowledged else Seq(0)
            value = store.hash_at(state.head.origin, seq)
            assert value is not None
            after = Head(state.head.origin, seq, value)
        if after.seq < state.head.seq:
            found.append((state.head.origin, after))
    return found
