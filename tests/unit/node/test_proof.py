"""Proving a log: five ways to tamper with it, five verdicts; and what each anchor catches that the chain does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.chain import KIND_REGISTER, Head, commit_hash
from node.clock import ManualClock
from node.ids import GENESIS_HASH, Hash, OriginId, Seq
from node.proof import Verdict, prove
from node.reference import Reference
from node.store import Store
from tests.identities import Member, Tree
from tests.sessions import Parent, drain

NOW_MS = 1_790_000_000_000
INSERT = "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)"
COMMITS = 11


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    """A commune with eleven commits that its parent has received."""
    tree = Tree(tmp_path, "p", clock=ManualClock(NOW_MS))
    child = tree.add("c")
    for number in range(COMMITS - 1):
        with child.store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=number) as capture:
            row = (capture.origin, child.store.new_row_id(NOW_MS), f"Trần {number}")
            capture.connection.execute(INSERT, row)
    drain(child, Parent(tree.root))
    yield tree
    tree.close()


def test_a_commit_in_which_a_number_has_become_a_text_is_altered(tree: Tree) -> None:
    """A flipped bit in the head of a record can do that, whatever the table says."""
    member = tree.members["c"]
    origin = member.store.own_origin()
    connection = member.store.connection
    connection.execute("PRAGMA writable_schema = 1")
    connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = 'change_log'")
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute("UPDATE change_log SET recorded_at = x'61' WHERE seq = 4 AND origin = ?", (origin,))
    assert verdict(member, origin) == ("altered", 4)


def verdict(member: Member, origin: OriginId) -> tuple[Verdict, int]:
    proof = prove(member.store, Reference(member.store), origin)
    return proof.verdict, proof.seq


def rehash(store: Store, origin: OriginId) -> None:
    """What a patient forger does: all hashes anew, and the head."""
    head = Head(origin, Seq(0), GENESIS_HASH)
    for commit in store.read_commits(origin, Seq(0), count=1000):
        value = commit_hash(
            head.hash,
            *(origin, commit.seq, commit.schema_version, commit.recorded_at),
            *(commit.author, commit.kind, commit.tag, commit.changeset),
        )
        store.connection.execute(
            "UPDATE change_log SET hash = ? WHERE origin = ? AND seq = ?", (value, origin, commit.seq)
        )
        head = Head(origin, commit.seq, value)
    store.connection.execute("UPDATE origin_head SET seq = ?, hash = ? WHERE origin = ?", (head.seq, head.hash, origin))


def flip(store: Store, origin: OriginId) -> None:
    store.connection.execute("UPDATE change_log SET author = 'Clerk' WHERE origin = ? AND seq = 5", (origin,))


def delete(store: Store, origin: OriginId) -> None:
    store.connection.execute("DELETE FROM change_log WHERE origin = ? AND seq = 5", (origin,))


def delete_and_close_the_gap(store: Store, origin: OriginId) -> None:
    delete(store, origin)
    for seq in range(6, COMMITS + 1):
        store.connection.execute("UPDATE change_log SET seq = ? WHERE origin = ? AND seq = ?", (seq - 1, origin, seq))


def insert(store: Store, origin: OriginId) -> None:
    """A commit of one's own between two others, with the right hash, and the rest moved back."""
    for seq in range(COMMITS, 4, -1):
        store.connection.execute("UPDATE change_log SET seq = ? WHERE origin = ? AND seq = ?", (seq + 1, origin, seq))
    (before,) = store.read_commits(origin, Seq(3), count=1)
    value = commit_hash(before.hash, origin, Seq(5), 1, 0, "mallory", "register", "", b"x")
    put(store, origin, 5, value)


def insert_without_a_right_hash(store: Store, origin: OriginId) -> None:
    insert(store, origin)
    store.connection.execute("UPDATE change_log SET hash = ? WHERE origin = ? AND seq = 5", (b"\1" * 32, origin))


def append(store: Store, origin: OriginId) -> None:
    head = store.head(origin)
    value = commit_hash(head.hash, origin, Seq(head.seq + 1), 1, 0, "mallory", "register", "", b"x")
    put(store, origin, head.seq + 1, value)


def put(store: Store, origin: OriginId, seq: int, value: Hash) -> None:
    store.connection.execute(
        "INSERT INTO change_log "
        "(origin, seq, schema_version, recorded_at, author, kind, tag, changeset, hash, received_at) "
        "VALUES (?,?,1,0,'mallory','register','',?,?,0)",
        (origin, seq, b"x", value),
    )


def cut_off(store: Store, origin: OriginId) -> None:
    store.connection.execute("DELETE FROM change_log WHERE origin = ? AND seq > 8", (origin,))


def cut_off_and_hide_it(store: Store, origin: OriginId) -> None:
    cut_off(store, origin)
    store.connection.execute(
        "UPDATE origin_head SET seq = 8, hash = (SELECT hash FROM change_log WHERE origin = ?1 AND seq = 8) "
        "WHERE origin = ?1",
        (origin,),
    )


def rewrite(store: Store, origin: OriginId) -> None:
    flip(store, origin)
    rehash(store, origin)


TAMPERING: dict[Callable[[Store, OriginId], None], tuple[Verdict, int]] = {
    flip: ("altered", 5),
    delete: ("deleted", 5),
    delete_and_close_the_gap: ("deleted", 5),
    insert: ("inserted", 5),
    insert_without_a_right_hash: ("inserted", 5),
    append: ("inserted", COMMITS + 1),
    cut_off: ("truncated", 9),
    cut_off_and_hide_it: ("truncated", 9),
    rewrite: ("rewritten", COMMITS),
}


@pytest.mark.parametrize("where", ["at the holder", "at the parent"])
@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda function: function.__name__)
def test_tampering_gets_its_verdict(tamper: Callable[[Store, OriginId], None], where: str, tree: Tree) -> None:
    member = tree.members["c"] if where == "at the holder" else tree.root
    origin = tree.members["c"].store.own_origin()
    assert verdict(member, origin) == ("whole", COMMITS)
    tamper(member.store, origin)
    assert verdict(member, origin) == TAMPERING[tamper]


def test_the_proof_shows_who_signed_for_what(tree: Tree) -> None:
    child = tree.members["c"]
    origin = child.store.own_origin()
    here = {
        (item.kind, item.by, item.seq, item.sound)
        for item in prove(child.store, Reference(child.store), origin).anchors
    }
    assert here == {("receipt", "p", COMMITS, True), ("witness", "c", COMMITS, True)}
    root = tree.root.store
    there = {(item.kind, item.by, item.seq, item.sound) for item in prove(root, Reference(root), origin).anchors}
    assert there == {("signature", "c", COMMITS, True)}


def test_a_receipt_that_the_parent_has_not_signed_is_shown_as_unsound(tree: Tree) -> None:
    child = tree.members["c"]
    child.store.connection.execute("UPDATE acknowledged SET receipt_seq = 99")
    proof = prove(child.store, Reference(child.store), child.store.own_origin())
    assert proof.verdict == "whole"
    assert [item.sound for item in proof.anchors if item.kind == "receipt"] == [False]
