"""The chain of an origin: commits and the hashes that link them. Pure values and functions, shared by store, wire and
protocol.

A *commit* is one transaction of one origin. ``seq`` is gapless per origin; ``hash`` is SHA-256 over a fixed,
length-prefixed encoding of all of it and of the previous hash, so that equal heads mean equal histories (DESIGN 2).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node import limits
from node.errors import CommitRefused
from node.ids import Hash, OriginId, Seq

KIND_REGISTER: Final = "register"  # somebody at the node recorded something
KIND_IMPORT: Final = "import"  # a bulk import; tag = import id
KIND_PROFILE: Final = "profile"  # the partition describes itself
KIND_ADMINISTRATION: Final = "administration"  # somebody enrolled, handed over, revoked, gave a role
KIND_DECISION: Final = "decision"  # a hub has decided on cases
KINDS: Final = frozenset({KIND_REGISTER, KIND_IMPORT, KIND_PROFILE, KIND_ADMINISTRATION, KIND_DECISION})


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
