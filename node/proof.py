"""Proving a log: is it whole, and is it what its holder signed and its parent has received?

A chain alone shows a flipped bit or a missing commit, not a tail that was cut off or a log that was written anew with
fresh hashes. For those there are anchors outside: the parent's signed receipt, the holder's signatures that a relay
keeps, and the witness file (RELIABILITY D).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from node import changelog, snapshots
from node.chain import Commit, Head, commit_hash
from node.identity.keys import verifies
from node.identity.statements import batch_statement, receipt_statement, state_statement
from node.ids import Hash, NodeId, OriginId, Seq
from node.reference import Reference
from node.schema import acknowledged, batch_signature, change_log, sql
from node.store import Store

Verdict = Literal["whole", "altered", "deleted", "inserted", "truncated", "rewritten"]
"""``altered``: a commit's content is not what its hash says; ``deleted``: a commit is missing; ``inserted``: there is
one that was not made there; ``truncated``: the end is missing; ``rewritten``: whole in itself, and another log than the
one that was signed for.
"""

AnchorKind = Literal["receipt", "signature", "witness", "snapshot"]

_PAGE: Final = 500
_SELECT_ALL: Final = sql(
    sa.select(
        *(
            change_log.c[name]
            for name in ("origin", "seq", "schema_version", "recorded_at", "author", "kind", "tag", "changeset", "hash")
        )
    )
    .where(change_log.c.origin == sa.bindparam("origin"), change_log.c.seq > sa.bindparam("after"))
    .order_by(change_log.c.seq)
    .limit(sa.bindparam("count"))
)
_SELECT_RECEIPTS: Final = sql(
    sa.select(
        acknowledged.c.peer,
        acknowledged.c.receipt_seq,
        acknowledged.c.receipt_hash,
        acknowledged.c.receipt_at_ms,
        acknowledged.c.receipt,
    ).where(acknowledged.c.origin == sa.bindparam("origin"), acknowledged.c.receipt_seq > 0)
)
_SELECT_SIGNATURES: Final = sql(
    sa.select(batch_signature.c.seq, batch_signature.c.signer, batch_signature.c.signature)
    .where(batch_signature.c.origin == sa.bindparam("origin"))
    .order_by(batch_signature.c.seq)
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Somebody's word on where the log stood. ``by`` signed it; ``sound`` if the signature is that node's."""

    kind: AnchorKind
    by: NodeId
    seq: Seq
    hash: Hash | None
    at_ms: int
    sound: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """``seq`` is the first commit that is wrong, or the last one if the log is whole."""

    verdict: Verdict
    seq: Seq
    detail: str
    head: Head
    anchors: tuple[Anchor, ...]


def prove(store: Store, reference: Reference, origin: OriginId) -> Proof:
    """Walk the whole log of an origin and compare it with everything that was signed about it."""
    with store.database.snapshot():
        head, finding = _walk(store, origin)
        anchors = tuple(_anchors(store, reference, origin))
        if finding is None:
            finding = _end(store, origin, head) or _compare(store, origin, head, anchors)
    verdict, seq, detail = finding or Finding("whole", head.seq, "")
    return Proof(verdict, seq, detail, head, anchors)


class Finding(NamedTuple):
    """What is wrong, from which commit on."""

    verdict: Verdict
    seq: Seq
    detail: str


def _rows(store: Store, origin: OriginId, after: int) -> Iterator[Commit]:
    while True:
        page = list(store.connection.execute(_SELECT_ALL, {"origin": origin, "after": after, "count": _PAGE}))
        for row in page:
            yield Commit(*row)
        if len(page) < _PAGE:
            return
        after = int(page[-1][1])


def _walk(store: Store, origin: OriginId) -> tuple[Head, Finding | None]:
    """The last commit that follows from all before it, and what is wrong with the one behind it."""
    before = head = changelog.floor_of(store.connection, origin)
    rows = _rows(store, origin, head.seq)
    for commit in rows:
        if commit.seq != head.seq + 1:
            return head, Finding(
                "deleted", Seq(head.seq + 1), f"commit {head.seq + 1} is missing before commit {commit.seq}"
            )
        if _hash_of(commit, head.hash, commit.seq) != commit.hash:
            return head, _name(before, head, commit, next(rows, None))
        before, head = head, commit.head
    return head, None


def _name(before: Head, head: Head, commit: Commit, following: Commit | None) -> Finding:
    """What was done to a log in which ``commit`` does not follow from ``head``: commits may have been renumbered."""
    if head.seq and _hash_of(commit, before.hash, head.seq) == commit.hash:
        return Finding("inserted", head.seq, f"commit {head.seq} was put in; commit {commit.seq} stood in its place")
    if following is not None:
        if _hash_of(following, head.hash, commit.seq) == following.hash:
            return Finding("inserted", commit.seq, f"commit {commit.seq} was put in; the next one stood in its place")
        if _hash_of(following, commit.hash, Seq(following.seq + 1)) == following.hash:
            return Finding("deleted", commit.seq, f"commit {commit.seq} is missing; those behind it were numbered anew")
    return Finding("altered", commit.seq, f"the content of commit {commit.seq} is not what its hash says")


def _hash_of(commit: Commit, previous: Hash, seq: Seq) -> Hash:
    try:
        return commit_hash(
            previous,
            commit.origin,
            seq,
            commit.schema_version,
            commit.recorded_at,
            commit.author,
            commit.kind,
            commit.tag,
            commit.changeset,
        )
    except (struct.error, TypeError, AttributeError):  # a flipped bit has made a text of a number, or the like
        return Hash(b"")


def _end(store: Store, origin: OriginId, head: Head) -> Finding | None:
    stored = changelog.head_of(store.connection, origin)
    if stored.seq > head.seq:
        return Finding(
            "truncated", Seq(head.seq + 1), f"the log ends at commit {head.seq}; this store had {stored.seq}"
        )
    if stored.seq < head.seq:
        return Finding(
            "inserted", Seq(stored.seq + 1), f"there are commits behind {stored.seq}, the last one that was made"
        )
    return None


def _compare(store: Store, origin: OriginId, head: Head, anchors: tuple[Anchor, ...]) -> Finding | None:
    """With what was signed outside of this log."""
    for anchor in sorted(anchors, key=lambda item: item.seq):
        if not anchor.sound:
            continue
        if anchor.seq > head.seq:
            return Finding(
                "truncated",
                Seq(head.seq + 1),
                f"the log ends at commit {head.seq}; {anchor.by} has signed for commit {anchor.seq}",
            )
        there = changelog.hash_at(store.connection, origin, anchor.seq)
        pruned = there is None and anchor.seq < changelog.floor_of(store.connection, origin).seq
        if anchor.hash is not None and there != anchor.hash and not pruned:
            return Finding(
                "rewritten", anchor.seq, f"{anchor.by} has signed for another commit {anchor.seq} than this one"
            )
    for anchor in anchors:
        if anchor.kind in {"signature", "snapshot"} and not anchor.sound and anchor.seq <= head.seq:
            return Finding(
                "rewritten", anchor.seq, f"the signature of {anchor.by} on commit {anchor.seq} is not on this commit"
            )
    return None


def _anchors(store: Store, reference: Reference, origin: OriginId) -> Iterator[Anchor]:
    for peer, seq, value, at_ms, receipt in store.connection.execute(_SELECT_RECEIPTS, {"origin": origin}):
        statement = receipt_statement(NodeId(peer), origin, Seq(seq), Hash(value), at_ms)
        sound = any(verifies(key, statement, receipt) for key in reference.public_keys(NodeId(peer)))
        yield Anchor("receipt", NodeId(peer), Seq(seq), Hash(value), at_ms, sound)
    yield from _floor_anchor(store, reference, origin)
    own = origin in store.own_origins()
    for seq, signer, signature in store.connection.execute(_SELECT_SIGNATURES, {"origin": origin}):
        there = changelog.hash_at(store.connection, origin, Seq(seq))
        statement = b"" if there is None else batch_statement(origin, Seq(seq), there)
        keys = reference.keys_ever(NodeId(signer))
        if origin == store.reference_origin():
            keys = (*keys, store.authority_key() or b"")
        sound = there is None or any(verifies(key, statement, signature) for key in keys)
        yield Anchor("signature", NodeId(signer), Seq(seq), there, 0, sound)
    if own:
        seen = store.witness.heads().get(origin)
        if seen is not None:
            yield Anchor("witness", store.node_id, seen.seq, seen.hash, 0, sound=True)


def _floor_anchor(store: Store, reference: Reference, origin: OriginId) -> Iterator[Anchor]:
    """What stands for the commits that were pruned: rows that the holder has signed."""
    floor = changelog.floor_of(store.connection, origin)
    for item in snapshots.kept(store.connection, origin):
        if not floor.seq or item.head != floor:
            continue
        said = item.offer.statement
        statement = state_statement(origin, floor.seq, floor.hash, said.digest, said.rows, said.stated_at_ms)
        keys = reference.public_keys(said.signer)
        if origin == store.reference_origin():
            keys = (*keys, store.authority_key() or b"")
        sound = any(verifies(key, statement, said.signature) for key in keys)
        yield Anchor("snapshot", said.signer, floor.seq, floor.hash, said.stated_at_ms, sound)
