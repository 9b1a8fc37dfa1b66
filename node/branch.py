"""Two histories of one origin: keeping the parent's beside the log while it comes, and changing over to it (DESIGN 3).

The chain of the highest tier is the *trunk*. Commits that only this store has are a *side branch*: they leave the log,
stay in ``side_commit`` for ever, and their effect on the rows is taken back. The holder does them again on the trunk
(``node.healing``); a relay sends them to the holder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apsw
import sqlalchemy as sa

from node import changelog, limits
from node.chain import Commit, Head
from node.ids import Hash, NodeId, OriginId, Seq
from node.protocol.messages import BatchHeader
from node.quarantine import held_commits, left_log
from node.replay import WHOLE_ORIGIN, Replay, RowKey, excerpt, inspect, store_quarantine, triggers_off
from node.schema import COMMIT_FIELDS, batch_signature, quarantine, side_commit, spooled_commit, sql

_SELECT_SPOOLED = sql(
    sa.select(*(spooled_commit.c[name] for name in COMMIT_FIELDS))
    .where(spooled_commit.c.origin == sa.bindparam("which"))
    .order_by(spooled_commit.c.seq)
)
_SELECT_SPOOLED_HEAD = sql(
    sa.select(spooled_commit.c.seq, spooled_commit.c.hash)
    .where(spooled_commit.c.origin == sa.bindparam("which"))
    .order_by(spooled_commit.c.seq.desc())
    .limit(sa.bindparam("count"))
)
_SELECT_SPOOLED_SIGNATURES = sql(
    sa.select(spooled_commit.c.origin, spooled_commit.c.seq, spooled_commit.c.signer, spooled_commit.c.signature).where(
        spooled_commit.c.origin == sa.bindparam("which"), spooled_commit.c.signer != ""
    )
)
_INSERT_SPOOLED = (
    f"INSERT INTO spooled_commit ({', '.join(COMMIT_FIELDS)}) VALUES ({', '.join('?' * len(COMMIT_FIELDS))})"
)
_SIGN_SPOOLED = "UPDATE spooled_commit SET signer = ?, signature = ? WHERE origin = ? AND seq = ?"
_CLEAR_SPOOL = sql(sa.delete(spooled_commit).where(spooled_commit.c.origin == sa.bindparam("which")))
_INSERT_SIDE = (
    f"INSERT INTO side_commit ({', '.join(COMMIT_FIELDS)}, healing) "
    f"VALUES ({', '.join('?' * len(COMMIT_FIELDS))}, ?) "
    "ON CONFLICT (origin, hash) DO UPDATE SET healing = excluded.healing"
)
_SELECT_SIDE = sql(
    sa.select(side_commit.c.hash).where(
        side_commit.c.origin == sa.bindparam("which"), side_commit.c.hash == sa.bindparam("value")
    )
)
_SELECT_DONE = (
    "SELECT 1 FROM side_commit JOIN healing ON healing.id = side_commit.healing "
    "WHERE side_commit.origin = :which AND side_commit.hash = :value AND healing.kind IN ('fork', 'branch')"
)
_SELECT_SIGNATURES = sql(
    sa.select(batch_signature.c.seq, batch_signature.c.signer, batch_signature.c.signature)
    .where(batch_signature.c.origin == sa.bindparam("which"), batch_signature.c.seq > sa.bindparam("after"))
    .order_by(batch_signature.c.seq)
)
_INSERT_SIGNATURE = (
    "INSERT INTO batch_signature (origin, seq, signer, signature) VALUES (?,?,?,?) "
    "ON CONFLICT (origin, seq) DO UPDATE SET signer = excluded.signer, signature = excluded.signature"
)
_CUT = (
    "DELETE FROM change_log WHERE origin = :which AND seq > :after",
    "DELETE FROM batch_signature WHERE origin = :which AND seq > :after",
    "UPDATE origin_head SET seq = :after, hash = :value WHERE origin = :which",
    "UPDATE acknowledged SET seq = min(seq, :after) WHERE origin = :which",
)
_SELECT_HELD = sql(
    sa.select(quarantine.c.table_name, quarantine.c.row_id)
    .where(quarantine.c.origin == sa.bindparam("which"))
    .distinct()
)


@dataclass(frozen=True, slots=True)
class SideBatch:
    """Commits of a side branch behind ``previous``, up to a head that somebody signed (signer '': nobody yet)."""

    previous: Head
    commits: tuple[Commit, ...]
    signer: NodeId
    signature: bytes


@dataclass(frozen=True, slots=True)
class Fork:
    """Where two histories of an origin part: the last common commit, and how far each goes."""

    common: Head
    trunk: Head
    side: Head

    @property
    def origin(self) -> OriginId:
        return self.common.origin


def older_heads(connection: apsw.Connection, head: Head) -> tuple[Head, ...]:
    """Commits of our chain behind ``head``, the newest first, in steps that double, down to the beginning of the log.

    What was spooled before a cut comes first: the parent then goes on behind it.
    """
    origin = head.origin
    found = [spooled] if (spooled := spooled_head(connection, origin)) is not None else []
    floor = changelog.floor_of(connection, origin)
    step = 1
    seq = head.seq - step
    while seq > floor.seq and len(found) < limits.OLDER_MAX - 1:
        value = changelog.hash_at(connection, origin, Seq(seq))
        assert value is not None, "a log is whole from its floor on"
        found.append(Head(origin, Seq(seq), value))
        step *= 2
        seq -= step
    found.append(floor)
    return tuple(found)


def spooled_head(connection: apsw.Connection, origin: OriginId) -> Head | None:
    """How far the parent's history was spooled; None if nothing is."""
    row = connection.execute(_SELECT_SPOOLED_HEAD, {"which": origin, "count": 1}).fetchone()
    return None if row is None else Head(origin, Seq(row[0]), Hash(row[1]))


def spool(connection: apsw.Connection, header: BatchHeader, commits: Sequence[Commit]) -> None:
    """Keep a batch of the parent's history beside the log, inside the caller's transaction. One that does not follow
    what is there begins anew.
    """
    if spooled_head(connection, header.origin) != header.previous:
        connection.execute(_CLEAR_SPOOL, {"which": header.origin})
    connection.executemany(_INSERT_SPOOLED, (_row(commit) for commit in commits))
    connection.execute(_SIGN_SPOOLED, (header.signer, header.signature, header.origin, header.seq))


def _row(commit: Commit) -> tuple[object, ...]:
    return tuple(getattr(commit, name) for name in COMMIT_FIELDS)


def clear_spool(connection: apsw.Connection, origin: OriginId) -> None:
    """Forget what was spooled, inside the caller's transaction."""
    connection.execute(_CLEAR_SPOOL, {"which": origin})


def find_fork(connection: apsw.Connection, origin: OriginId, trunk: Head) -> Fork | None:
    """Where our log and the spooled history part. None if the trunk's head is on our chain: then there is no fork."""
    if changelog.hash_at(connection, origin, trunk.seq) == trunk.hash:
        return None
    common: Head | None = None
    for row in connection.execute(_SELECT_SPOOLED, {"which": origin}):
        commit = Commit(*row)
        if common is None:  # the first one follows what the parent found in our log
            at = Seq(commit.seq - 1)
            value = changelog.hash_at(connection, origin, at)
            assert value is not None
            common = Head(origin, at, value)
        if changelog.hash_at(connection, origin, commit.seq) != commit.hash:
            break
        common = commit.head
    assert common is not None, "a fork without a spool"
    return Fork(common, trunk, changelog.head_of(connection, origin))


def first_signature(connection: apsw.Connection, origin: OriginId, after: Seq) -> tuple[Head, NodeId, bytes] | None:
    """Who signed the first batch behind a commit, for which head, and the signature; None if nobody did."""
    row = connection.execute(_SELECT_SIGNATURES, {"which": origin, "after": after}).fetchone()
    value = None if row is None else changelog.hash_at(connection, origin, Seq(row[0]))
    if row is None or value is None:
        return None
    return Head(origin, Seq(row[0]), value), NodeId(str(row[1])), bytes(row[2])


def side_batches(connection: apsw.Connection, after: Head, head: Head) -> Iterator[SideBatch]:
    """Commits of our log behind ``after``, cut where somebody signed; whoever holds the origin may sign the rest."""
    ends = [
        (Seq(row[0]), NodeId(row[1]), bytes(row[2]))
        for row in connection.execute(_SELECT_SIGNATURES, {"which": after.origin, "after": after.seq})
    ]
    if not ends or ends[-1][0] < head.seq:
        ends.append((head.seq, NodeId(""), b""))
    previous = after
    for seq, signer, signature in ends:
        while previous.seq < seq:
            wanted = min(seq - previous.seq, limits.BATCH_COMMITS_MAX)
            commits: list[Commit] = []
            size = 0
            for commit in changelog.read_commits(connection, after.origin, previous.seq, count=wanted):
                if commits and size + len(commit.changeset) > limits.BATCH_BYTES_TARGET:
                    break
                commits.append(commit)
                size += len(commit.changeset)
            last = commits[-1].head
            signed = last.seq == seq
            yield SideBatch(previous, tuple(commits), signer if signed else NodeId(""), signature if signed else b"")
            previous = last


def change_over(connection: apsw.Connection, fork: Fork, healing: int, now_ms: int) -> list[Commit]:
    """Take the spooled history in the place of ours, inside the caller's transaction; returns the commits that left the
    log, in order. Their effect on the rows is taken back; the trunk's commits are stored and applied.
    """
    origin, common = fork.origin, fork.common
    side = list(changelog.read_commits(connection, origin, common.seq, count=fork.side.seq - common.seq))
    held_back = {held.seq: held for held in held_commits(connection, origin)}
    keep_aside(connection, side, healing)
    with triggers_off(connection):
        for commit in reversed(side):
            kept_back = held_back.get(commit.seq)
            if kept_back is None:
                _take_back(connection, commit.changeset)
            elif (
                not kept_back.whole_origin
            ):  # what is held back was never applied; other rows of the commit may have been
                rest = set(inspect(commit).keys).difference(kept_back.keys, (WHOLE_ORIGIN,))
                _take_back(connection, excerpt(commit.changeset, rest)[0])
    left_log(connection, origin, common.seq, now_ms)
    for statement in _CUT:
        connection.execute(statement, {"which": origin, "after": common.seq, "value": common.hash})
    trunk = [Commit(*row) for row in connection.execute(_SELECT_SPOOLED, {"which": origin})]
    trunk = [commit for commit in trunk if commit.seq > common.seq]
    if not trunk:
        clear_spool(connection, origin)
        return side
    changelog.store_commits(connection, trunk, now_ms)
    connection.executemany(_INSERT_SIGNATURE, list(connection.execute(_SELECT_SPOOLED_SIGNATURES, {"which": origin})))
    held: dict[OriginId, set[RowKey]] = {
        origin: {(str(row[0]), row[1]) for row in connection.execute(_SELECT_HELD, {"which": origin})}
    }
    replay = Replay(connection, held)
    replay.apply(trunk)
    store_quarantine(connection, replay.quarantined, now_ms)
    changelog.advance_head(connection, trunk[-1], own=False, via="", received_at=now_ms)
    clear_spool(connection, origin)
    return side


def keep_aside(connection: apsw.Connection, side: Sequence[Commit], healing: int) -> None:
    """Keep commits that are not on the trunk."""
    connection.executemany(_INSERT_SIDE, ((*_row(commit), healing) for commit in side))


def is_aside(connection: apsw.Connection, commit: Head) -> bool:
    """Whether this commit was put aside here before."""
    return connection.execute(_SELECT_SIDE, {"which": commit.origin, "value": commit.hash}).fetchone() is not None


def is_done(connection: apsw.Connection, commit: Head) -> bool:
    """Whether this commit was put aside and done again here; one that was only put aside went to whoever held the
    origin then, and may come back to this node, which holds it now.
    """
    return connection.execute(_SELECT_DONE, {"which": commit.origin, "value": commit.hash}).fetchone() is not None


def _take_back(connection: apsw.Connection, changeset: bytes) -> None:
    """The rows as they were before a change. Rows that are not as it left them are set all the same: its old values say
    what was there.
    """

    def whatever(reason: int, _change: apsw.TableChange) -> int:
        if reason == apsw.SQLITE_CHANGESET_NOTFOUND:
            return apsw.SQLITE_CHANGESET_OMIT
        return apsw.SQLITE_CHANGESET_REPLACE

    apsw.Changeset.apply(apsw.Changeset.invert(changeset), connection, conflict=whatever)
