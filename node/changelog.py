"""The change-log: commits, their hash chain, and how they are read and stored.

A *commit* is one transaction of one origin. ``seq`` is gapless per origin; ``hash`` is SHA-256 over a fixed,
length-prefixed encoding of all of it and of the previous hash, so that equal heads mean equal histories (DESIGN 2). Who
may append is decided elsewhere: captures append to own origins, the applier to those of children.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import apsw
import sqlalchemy as sa

from node import limits
from node.errors import CommitRefused
from node.ids import GENESIS_HASH, HASH_BYTES, ID_BYTES, Hash, OriginId, Seq
from node.schema import change_log, origin_head, sql

KIND_REGISTER: Final = "register"  # somebody at the node recorded something
KIND_IMPORT: Final = "import"  # a bulk import; tag = import id
KIND_PROFILE: Final = "profile"  # the partition describes itself
KINDS: Final = frozenset({KIND_REGISTER, KIND_IMPORT, KIND_PROFILE})


@dataclass(frozen=True, slots=True)
class Head:
    """The last commit of an origin as some node knows it; seq 0 and the zero hash before the first."""

    origin: OriginId
    seq: Seq
    hash: Hash


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction of one origin, as made by its holder. ``recorded_at`` is Unix milliseconds there."""

    origin: OriginId
    seq: Seq
    schema_version: int
    recorded_at: int
    author: str
    kind: str
    tag: str
    changeset: bytes
    hash: Hash

    @property
    def head(self) -> Head:
        return Head(self.origin, self.seq, self.hash)


_FIXED = struct.Struct(">16sQIq")
_LENGTH = struct.Struct(">I")


def commit_hash(
    previous: Hash,
    origin: OriginId,
    seq: Seq,
    schema_version: int,
    recorded_at: int,
    author: str,
    kind: str,
    tag: str,
    changeset: bytes,
) -> Hash:
    """SHA-256 over: origin (16 bytes), seq (u64), schema version (u32), recorded_at (i64), then author, kind, tag and
    changeset each behind its length (u32), then the previous hash (32 bytes). All integers big-endian.
    """
    digest = hashlib.sha256(_FIXED.pack(origin, seq, schema_version, recorded_at))
    a, k, t = author.encode(), kind.encode(), tag.encode()
    size = _LENGTH.pack
    digest.update(b"".join((size(len(a)), a, size(len(k)), k, size(len(t)), t, size(len(changeset)))))
    digest.update(changeset)
    digest.update(previous)
    return Hash(digest.digest())


def next_commit(
    head: Head, *, schema_version: int, recorded_at: int, author: str, kind: str, tag: str, changeset: bytes
) -> Commit:
    """The commit that extends ``head``. Raises ``CommitRefused`` if it is too large."""
    check_size(author, tag, changeset)
    seq = Seq(head.seq + 1)
    value = commit_hash(head.hash, head.origin, seq, schema_version, recorded_at, author, kind, tag, changeset)
    return Commit(head.origin, seq, schema_version, recorded_at, author, kind, tag, changeset, value)


def check_size(author: str, tag: str, changeset: bytes) -> None:
    """Raises ``CommitRefused('oversized')`` if a part of a commit is over its limit."""
    if len(changeset) > limits.COMMIT_BYTES_MAX:
        raise CommitRefused(
            "oversized",
            f"One transaction changed {len(changeset)} bytes; the limit is {limits.COMMIT_BYTES_MAX}.",
            hint="Split the work into smaller steps.",
        )
    if len(author.encode()) > limits.AUTHOR_BYTES_MAX or len(tag.encode()) > limits.TAG_BYTES_MAX:
        raise CommitRefused("oversized", "The author or the tag of a commit is too long.")


def check_chain(head: Head, commits: Iterable[Commit]) -> Head:
    """Walk commits that must follow ``head`` without a gap; returns the new head.

    Raises ``CommitRefused`` with code ``foreign``, ``gap`` or ``wrong_chain``; nothing of the sequence may then be
    stored.
    """
    for commit in commits:
        if commit.origin != head.origin:
            raise CommitRefused("foreign", "A batch of one origin holds a commit of another.")
        if commit.seq != head.seq + 1:
            raise CommitRefused("gap", f"Commit {commit.seq} cannot follow {head.seq}.")
        expected = commit_hash(
            head.hash,
            commit.origin,
            commit.seq,
            commit.schema_version,
            commit.recorded_at,
            commit.author,
            commit.kind,
            commit.tag,
            commit.changeset,
        )
        if expected != commit.hash:
            raise CommitRefused(
                "wrong_chain", f"The hash of commit {commit.seq} does not follow from its content and its predecessor."
            )
        head = commit.head
    return head


_SELECT_HEAD = sql(
    sa.select(origin_head.c.seq, origin_head.c.hash).where(origin_head.c.origin == sa.bindparam("origin"))
)
_SELECT_HASH = sql(
    sa.select(change_log.c.hash).where(
        change_log.c.origin == sa.bindparam("origin"), change_log.c.seq == sa.bindparam("seq")
    )
)
_COMMIT_COLUMNS = [
    change_log.c[name]
    for name in ("origin", "seq", "schema_version", "recorded_at", "author", "kind", "tag", "changeset", "hash")
]
_SELECT_COMMITS = sql(
    sa.select(*_COMMIT_COLUMNS)
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
    """The hash of one commit, the zero hash for seq 0, None if the commit is not in the log."""
    if seq == 0:
        return GENESIS_HASH
    row = connection.execute(_SELECT_HASH, {"origin": origin, "seq": seq}).fetchone()
    return None if row is None else Hash(row[0])


def read_commits(connection: apsw.Connection, origin: OriginId, after: Seq, *, count: int) -> Iterator[Commit]:
    """Commits of an origin after a position, in order, at most ``count``; read lazily."""
    for row in connection.execute(_SELECT_COMMITS, {"origin": origin, "after": after, "count": count}):
        yield Commit(*row)


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
    "INSERT INTO origin_head (origin, seq, hash, own, via, recorded_at, received_at) VALUES (?,?,?,?,?,?,?) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, "
    "recorded_at = excluded.recorded_at, received_at = excluded.received_at"
)


def advance_head(connection: apsw.Connection, commit: Commit, *, own: bool, via: str, received_at: int) -> None:
    """Make ``commit`` the head of its origin; ``own`` and ``via`` count only when the origin is new here."""
    connection.execute(
        _UPSERT_HEAD, (commit.origin, commit.seq, commit.hash, int(own), via, commit.recorded_at, received_at)
    )


def check_ids(origin: bytes, value: bytes) -> None:
    """Raises ``CommitRefused('malformed')`` unless both have their fixed sizes."""
    if len(origin) != ID_BYTES or len(value) != HASH_BYTES:
        raise CommitRefused("malformed", "An origin must have 16 bytes and a hash 32.")
