"""The change-log in the store: how commits are stored and read, and where the head of each origin stands.

Who may append is decided elsewhere: captures append to own origins, the applier to those of children.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import apsw
import sqlalchemy as sa

from node.chain import Commit, Head
from node.ids import GENESIS_HASH, Hash, OriginId, Seq
from node.schema import COMMIT_FIELDS, change_log, origin_head, pruned_hash, snapshot, sql

_SELECT_HEAD = sql(
    sa.select(origin_head.c.seq, origin_head.c.hash).where(origin_head.c.origin == sa.bindparam("origin"))
)
_SELECT_HASH = sql(
    sa.select(change_log.c.hash).where(
        change_log.c.origin == sa.bindparam("origin"), change_log.c.seq == sa.bindparam("seq")
    )
)
_SELECT_ANCHOR = sql(
    sa.select(snapshot.c.hash).where(
        snapshot.c.origin == sa.bindparam("origin"), snapshot.c.seq == sa.bindparam("seq"), snapshot.c.whole == 1
    )
)
_SELECT_PRUNED = sql(
    sa.select(pruned_hash.c.hash).where(
        pruned_hash.c.origin == sa.bindparam("origin"), pruned_hash.c.seq == sa.bindparam("seq")
    )
)
_SELECT_FLOOR = sql(sa.select(origin_head.c.floor).where(origin_head.c.origin == sa.bindparam("origin")))
_SELECT_SEQ = sql(
    sa.select(change_log.c.seq).where(
        change_log.c.origin == sa.bindparam("origin"), change_log.c.hash == sa.bindparam("value")
    )
)
_SELECT_COMMITS = sql(
    sa.select(*(change_log.c[name] for name in COMMIT_FIELDS))
    .where(change_log.c.origin == sa.bindparam("origin"), change_log.c.seq > sa.bindparam("after"))
    .order_by(change_log.c.seq)
    .limit(sa.bindparam("count"))
)
_INSERT_COMMIT = (
    "INSERT INTO change_log "
    "(origin, seq, schema_version, recorded_at, author, kind, tag, changeset, hash, received_at) "
    "VALUES (?,?,?,?,?,?,?,?,?,?)"
)


def head_of(connection: apsw.Connection, origin: OriginId) -> Head:
    """The head of an origin in this store; seq 0 if the store does not know it."""
    row = connection.execute(_SELECT_HEAD, {"origin": origin}).fetchone()
    return Head(origin, Seq(0), GENESIS_HASH) if row is None else Head(origin, Seq(row[0]), Hash(row[1]))


def hash_at(connection: apsw.Connection, origin: OriginId, seq: Seq) -> Hash | None:
    """The hash of one commit, also of one that was let go; the zero hash for seq 0, None if it never was here."""
    if seq == 0:
        return GENESIS_HASH
    values = {"origin": origin, "seq": seq}
    for statement in (_SELECT_HASH, _SELECT_ANCHOR, _SELECT_PRUNED):
        row = connection.execute(statement, values).fetchone()
        if row is not None:
            return Hash(row[0])
    return None


def floor_of(connection: apsw.Connection, origin: OriginId) -> Head:
    """From where on the log is whole: the beginning, or the commit at which a snapshot stands."""
    row = connection.execute(_SELECT_FLOOR, {"origin": origin}).fetchone()
    seq = Seq(0 if row is None else row[0])
    value = hash_at(connection, origin, seq)
    assert value is not None, "a floor without a snapshot"
    return Head(origin, seq, value)


def has_commit(connection: apsw.Connection, origin: OriginId, value: bytes) -> bool:
    """Whether a commit of that hash is in the log; it walks the whole log of the origin."""
    return connection.execute(_SELECT_SEQ, {"origin": origin, "value": value}).fetchone() is not None


def read_commits(connection: apsw.Connection, origin: OriginId, after: Seq, *, count: int) -> Iterator[Commit]:
    """Commits of an origin after a position, in order, at most ``count``; read lazily. They end where there is a gap:
    below its floor a log may have some.
    """
    expected: int | None = None
    for row in connection.execute(_SELECT_COMMITS, {"origin": origin, "after": after, "count": count}):
        commit = Commit(*row)
        if expected not in {None, commit.seq}:
            return
        yield commit
        expected = commit.seq + 1


def store_commits(connection: apsw.Connection, commits: Iterable[Commit], received_at: int) -> None:
    """Insert commits into the log, inside the caller's transaction. Heads are advanced by the caller in the same
    transaction.
    """
    connection.executemany(
        _INSERT_COMMIT,
        (
            (
                c.origin,
                c.seq,
                c.schema_version,
                c.recorded_at,
                c.author,
                c.kind,
                c.tag,
                c.changeset,
                c.hash,
                received_at,
            )
            for c in commits
        ),
    )


_UPSERT_HEAD = (
    "INSERT INTO origin_head (origin, seq, hash, own, via, flow, recorded_at, received_at) VALUES (?,?,?,?,?,?,?,?) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
    "via = iif(excluded.via <> '' AND own = 0 AND excluded.flow = '', excluded.via, via), "
    "recorded_at = excluded.recorded_at, received_at = excluded.received_at"
)


def advance_head(
    connection: apsw.Connection, commit: Commit, *, own: bool, via: str, received_at: int, flow: str = ""
) -> None:
    """Make ``commit`` the head of its origin. ``own`` and ``flow`` count only when the origin is new here; ``via`` is
    the child that brought it last.
    """
    connection.execute(
        _UPSERT_HEAD, (commit.origin, commit.seq, commit.hash, int(own), via, flow, commit.recorded_at, received_at)
    )
