"""Capture, apply, end to end and sizes, beside raw ``executemany`` of the same rows into the same tables without
guards.

Raw is one transaction of plain inserts with the same settings: the most that SQLite gives. CPU time of this process is
taken for what runs in it, because other work on a shared machine distorts the wall clock; the end-to-end figure waits
for disk and loopback and takes the wall.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, TypeVar

from bench.rows import INSERT_PERSON, Row, insert_captured, persons, update_captured
from hub.server import HubServer
from hub.session import Hub
from node import limits
from node.applier import Applied, GroupApplier, Work
from node.chain import Head
from node.clock import SystemClock
from node.codec import encode_batch
from node.database import open_database
from node.identity.certificates import Certificate
from node.identity.statements import batch_statement
from node.ids import GENESIS_HASH, OriginId, Seq
from node.parentage import Parent
from node.reference import Reference
from node.replay import triggers_off
from node.session import ChildEndpoint
from node.store import Store
from node.uplink import Uplink, always
from tests.identities import Member, Tree

T = TypeVar("T")
# batches in one transaction: what gathers at a busy hub while the disk syncs
GROUP = 16


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. The goal is for the ratio (at least), the value (at least) or a size (at most)."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    goal: float | None = None
    goal_on: Literal["ratio", "value", "size"] = "ratio"

    @property
    def text(self) -> str:
        return f"{self.value:,.1f} {self.unit}" if self.value < 100 else f"{self.value:,.0f} {self.unit}"

    @property
    def goal_text(self) -> str:
        if self.goal is None:
            return ""
        if self.goal_on == "ratio":
            return f"≥ {self.goal:.2f} of raw"
        return f"{'≤' if self.goal_on == 'size' else '≥'} {self.goal:,.0f} {self.unit}"

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        measured = self.ratio if self.goal_on == "ratio" else self.value
        assert measured is not None
        return "yes" if (measured <= self.goal if self.goal_on == "size" else measured >= self.goal) else "no"

    def as_dict(self) -> dict[str, object]:
        return {
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "ratio": self.ratio,
            "goal": self.goal,
            "goal_on": self.goal_on,
        }


def measure(folder: Path, *, rows: int, commits: int, seed: int) -> list[Figure]:
    """One round in an empty folder."""
    tree = Tree(folder, "parent")
    member = tree.add("child")
    child = member.store
    parent = _parent(tree, folder / "applying.db")
    fresh = _parent(tree, folder / "receiving.db")
    origin = child.own_origin()
    people = persons(child, origin, rows, seed)
    gc.collect()
    gc.freeze()  # the rows that wait here are the bench's own; no daemon keeps them, nor has them traversed

    raw = rows / _cpu(lambda: _raw(folder / "raw.db", people))
    capture = rows / _cpu(lambda: insert_captured(child, people, a_commit=limits.IMPORT_ROWS_PER_COMMIT_MAX))
    bulk_head = child.head(origin).seq
    single = commits / _cpu(lambda: update_captured(child, people, commits, seed))

    works = _works(member, origin)
    bulk = [work for work in works if work.header.seq <= bulk_head]
    ones = [work for work in works if work.header.previous_seq >= bulk_head]
    ones_commits = sum(work.header.commits for work in ones)
    apply_bulk = rows / _cpu(lambda: _apply(parent, bulk))
    apply_ones = ones_commits / _cpu(lambda: _apply(parent, ones))
    digest_seconds = _cpu(lambda: child.digest(origin))
    assert parent.digest(origin) == child.digest(origin)

    log_bytes = _log_bytes(parent, origin)
    wire_bulk = sum(work.header.wire_bytes for work in bulk) / rows
    full = [work for work in ones if work.header.commits == limits.BATCH_COMMITS_MAX]
    wire_one = sum(work.header.wire_bytes for work in full) / sum(work.header.commits for work in full)
    everything = rows + commits
    wall = asyncio.run(_end_to_end(fresh, tree.root, member))
    gc.unfreeze()
    for store in (parent, fresh):
        store.close()
    tree.close()
    return [
        Figure("raw: executemany, one transaction, no log", raw, "rows/s", 1.0),
        Figure("capture, 500 rows a commit (chain, log, guard, witness)", capture, "rows/s", capture / raw),
        Figure("capture, one row a commit (each synced)", single, "commits/s"),
        Figure("apply in bulk (decode, chain, log, ownership)", apply_bulk, "rows/s", apply_bulk / raw, 0.45),
        Figure("apply one-row commits in groups", apply_ones, "commits/s", apply_ones / raw, 20_000, "value"),
        Figure("end to end over gRPC from a backlog (wall)", everything / wall, "rows/s", everything / wall / raw),
        Figure("digest of an origin", rows / digest_seconds, "rows/s", rows / digest_seconds / raw),
        Figure("wire, bulk insert", wire_bulk, "bytes/row"),
        Figure("wire, one-row update in batches of 500", wire_one, "bytes/commit", None, 45, "size"),
        Figure("log in the store", log_bytes[0] / rows, "bytes/row (bulk)"),
        Figure("log in the store", log_bytes[1] / ones_commits, "bytes/commit (one row)"),
    ]


def _parent(tree: Tree, path: Path) -> Store:
    """The root as it stands now, in a file of its own, opened as the daemon of a parent opens it."""
    tree.root.store.connection.execute("VACUUM INTO ?", (str(path),))
    return Store.open(path, clock=SystemClock(), source=Random(0), cache_kib=limits.PARENT_CACHE_KIB)


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _raw(path: Path, rows: list[Row]) -> None:
    database = open_database(path, "create", cache_kib=limits.PARENT_CACHE_KIB)
    with triggers_off(database.connection), database.transaction() as connection:
        connection.executemany(INSERT_PERSON, rows)
    database.close()


def _works(member: Member, origin: OriginId) -> list[Work]:
    """The whole log as signed batches; bulk and one-row commits never share one, because they are measured apart."""
    store = member.store
    works: list[Work] = []
    previous = Head(origin, Seq(0), GENESIS_HASH)
    while commits := store.read_commits(origin, previous.seq):
        alike = [commit for commit in commits if commit.kind == commits[0].kind]
        head = alike[-1].head
        signature = member.key.sign(batch_statement(head.origin, head.seq, head.hash))
        header, payload = encode_batch(previous, alike, signer=store.node_id, signature=signature)
        works.append(Work(store.node_id, header, payload))
        previous = alike[-1].head
    return works


def _apply(store: Store, works: list[Work]) -> None:
    applier = GroupApplier(store, Reference(store))
    for start in range(0, len(works), GROUP):
        for outcome in applier.apply(works[start : start + GROUP]):
            assert isinstance(outcome, Applied) and not outcome.quarantined, outcome


def _log_bytes(store: Store, origin: OriginId) -> tuple[int, int]:
    """Bytes of changesets and of the other columns in the log: (bulk commits, one-row commits)."""
    bulk = single = 0
    position = Seq(0)
    while commits := store.read_commits(origin, position):
        for commit in commits:
            size = len(commit.changeset) + len(commit.author) + len(commit.kind) + len(commit.tag) + 32 + 16 + 24
            if commit.kind == "register":
                single += size
            else:
                bulk += size
        position = commits[-1].seq
    return bulk, single


async def _nobody_enrols(_method: str, _request: bytes, _peer: Certificate) -> bytes:
    raise AssertionError("nobody is enrolled here")


async def _end_to_end(parent: Store, root: Member, member: Member) -> float:
    """Seconds in which a child's whole log drains to a new parent over mutual TLS on loopback; one process has both
    ends.
    """
    source = Random(0)
    child = member.store
    with ThreadPoolExecutor(1) as child_thread, ThreadPoolExecutor(1) as parent_thread:
        loop = asyncio.get_running_loop()

        async def in_child(work: Callable[[], T]) -> T:
            return await loop.run_in_executor(child_thread, work)

        async def in_parent(work: Callable[[], T]) -> T:
            return await loop.run_in_executor(parent_thread, work)

        hub = Hub(parent, root.key, source, "bench")
        server = HubServer(hub, "127.0.0.1:0", in_parent, lambda: None, lambda: root.identity, _nobody_enrols)
        await server.start()
        uplink = Uplink(
            always(Parent(server.address, root.identity.node_id)),
            lambda: member.identity,
            lambda follow, _parent: ChildEndpoint(child, key=member.key, follow=follow, release="bench"),
            in_child,
            source,
            SystemClock(),
        )
        start = time.perf_counter()
        await uplink.drain()
        seconds = time.perf_counter() - start
        await server.stop()
    origin = child.own_origin()
    assert parent.head(origin) == child.head(origin)
    return seconds
