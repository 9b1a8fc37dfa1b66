"""The store of a province as its communes fill it: a synthetic register imported commune by commune, and the reports of
a year beside it, as signed batches that have still to come.

Everything goes the ordinary way: the bulk import and the register operations at the communes, batches, and the group
applier of the province. Only the wire is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

from hub.authority import Authority, found
from node import limits
from node.applier import Applied, GroupApplier, Work
from node.chain import Head
from node.clock import Clock, ManualClock
from node.codec import encode_batch
from node.enrolment import OriginClaim
from node.errors import RegisterError
from node.identity.certificates import CertificateAuthority
from node.identity.keys import NodeKey
from node.identity.statements import batch_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq, UnitCode
from node.interchange.bundle import Bundle, event_order
from node.interchange.topology import Topology
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.reference import Reference
from node.register.importing import NodeImport
from node.register.operations import record_event
from node.store import Profile, Store
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

STORE_NAME: Final = "province.db"
GROUP: Final = 16
"""Batches in one transaction."""
_AUTHOR: Final = "bench"
_REPORTS: Final = frozenset({"move_in", "move_out"})
Row = TypeVar("Row", HouseholdRow, PersonRow)


@dataclass(frozen=True, slots=True)
class Stream:
    """What has still to come to the province, in order: ``groups`` of many claims, then ``singles``, one departure or
    arrival each. ``claims`` are those of the groups, ``reports`` the departures and arrivals among them; ``now_ms`` is
    the moment at which everything is looked at.
    """

    groups: tuple[tuple[Work, ...], ...]
    claims: int
    reports: int
    singles: tuple[tuple[Work, ...], ...]
    now_ms: int


def register_config(persons: int, moves: int, seed: int) -> SynthConfig:
    """One province with districts, all that it has; reports as they are in reality."""
    return SynthConfig(seed=seed, persons=persons, moves=moves, provinces=1, districts=0, communes=0, nation=False)


def build(folder: Path, config: SynthConfig, *, at_once: int, singles: int) -> Stream:
    """Make ``folder``/province.db with the register of everybody, and return what comes after it: ``at_once`` reports
    in a group, the last ``singles`` departures and arrivals one by one.
    """
    generate(config, folder / "bundle")
    bundle = Bundle(folder / "bundle", lambda _: None)
    now_ms = bundle.as_of_ms()
    assert now_ms is not None, "without events there is nothing to measure"
    tree = _Tree(folder, bundle.topology, ManualClock(now_ms))
    try:
        _bring_registers(tree, bundle)
        return _recorded(tree, sorted(bundle.events(), key=event_order), at_once, singles, now_ms)
    finally:
        tree.close()


def _bring_registers(tree: _Tree, bundle: Bundle) -> None:
    """Households and persons of one commune after the other; the files have them in the same order."""
    persons = _by_node(bundle.persons())
    for node_id, households in _by_node(bundle.households()):
        store = tree.members[node_id].store
        run = NodeImport(store, author=_AUTHOR, rejected=_refused)
        run.households(households)
        name, rows = next(persons)
        assert name == node_id, "the files have the communes in one order"
        run.persons(rows)
        run.finish()
        tree.bring(node_id)
    for node_id in tree.members:
        tree.bring(node_id)  # districts, and communes without anybody, say who they are


def _by_node(rows: Iterable[Row]) -> Iterator[tuple[str, Iterator[Row]]]:
    return groupby(rows, key=lambda row: row.node_id)


def _refused(row: object, error: RegisterError) -> None:
    raise AssertionError(f"{row} was refused: {error}")


def _recorded(tree: _Tree, events: list[EventRow], at_once: int, singles: int, now_ms: int) -> Stream:
    """Let the communes write the events down, and take what they would send."""
    moves = [number for number, row in enumerate(events) if row.kind in _REPORTS]
    begin = moves[-singles] if 0 < singles <= len(moves) else len(events)
    groups: list[tuple[Work, ...]] = []
    claims = reports = 0
    for start in range(0, begin, at_once):
        group = [row for row in events[start : min(start + at_once, begin)] if tree.record(row)]
        claims += len(group)
        reports += sum(row.kind in _REPORTS for row in group)
        nodes = dict.fromkeys(row.node_id for row in group)
        groups.append(tuple(work for node_id in nodes for work in tree.take(node_id)))
    alone = tuple(  # each with what else was written down there before it
        tuple(tree.take(row.node_id)) for row in events[begin:] if tree.record(row) and row.kind in _REPORTS
    )
    return Stream(tuple(groups), claims, reports, alone, now_ms)


@dataclass(slots=True)
class _Member:
    store: Store
    key: NodeKey
    origin: OriginId
    sent: Head


class _Tree:
    """The stores of a topology whose root is the province and its own authority."""

    def __init__(self, folder: Path, topology: Topology, clock: Clock) -> None:
        self._folder = folder
        self._topology = topology
        self._clock = clock
        self.members: dict[str, _Member] = {}
        (self._root,) = topology.roots
        certificates = CertificateAuthority.create("bench", clock.wall_ms() - limits.DAY_MS, NodeKey.generate())
        self._province = self._made(self._root, folder / STORE_NAME)
        found(self._province, certificates, NodeKey.generate().public, by=_AUTHOR)
        authority = Authority(self._province, certificates)
        for row in topology.top_down():
            if row.node_id != self._root:
                self._admit(authority, row.node_id)
        self._applier = GroupApplier(self._province, Reference(self._province))

    def close(self) -> None:
        for member in self.members.values():
            member.store.close()
        self._province.close()

    def _made(self, node_id: str, path: Path) -> Store:
        row = self._topology[node_id]
        profile = Profile(NodeId(node_id), NodeId(row.parent_id), row.tier, row.admin_code, row.valid_from, row.name)
        return Store.create(path, profile, clock=self._clock, source=random.Random(node_id))

    def _admit(self, authority: Authority, node_id: str) -> None:
        row = self._topology[node_id]
        (self._folder / node_id).mkdir()
        store, key = self._made(node_id, self._folder / node_id / "store.db"), NodeKey.generate()
        origin = store.own_origin()
        claim = OriginClaim(origin, UnitCode(row.admin_code), row.valid_from)
        authority.admit(NodeId(node_id), NodeId(row.parent_id), row.tier, key.public, [claim], by=_AUTHOR)
        self.members[node_id] = _Member(store, key, origin, Head(origin, Seq(0), GENESIS_HASH))

    def record(self, row: EventRow) -> bool:
        """One event, as one commit of its commune; False if the register refuses it."""
        member = self.members.get(row.node_id)
        if member is None:
            return False  # the province's own: a ruling
        try:
            record_event(member.store, row, author=_AUTHOR)
        except RegisterError:
            return False
        return True

    def bring(self, node_id: str) -> None:
        """What a node has written down reaches the province."""
        apply(self._applier, self.take(node_id))

    def take(self, node_id: str) -> list[Work]:
        """Batches of what a node has written down since it was last asked, as its parent passes them on."""
        member = self.members[node_id]
        parent = self._topology[node_id].parent_id
        via = NodeId(node_id if parent == self._root else parent)
        works: list[Work] = []
        while commits := member.store.read_commits(member.origin, member.sent.seq):
            head = commits[-1].head
            signature = member.key.sign(batch_statement(head.origin, head.seq, head.hash))
            header, payload = encode_batch(member.sent, commits, signer=NodeId(node_id), signature=signature)
            works.append(Work(via, header, payload))
            member.sent = head
        return works


def apply(applier: GroupApplier, works: Sequence[Work]) -> None:
    """Group by group, as a busy hub does."""
    for start in range(0, len(works), GROUP):
        for outcome in applier.apply(works[start : start + GROUP]):
            assert isinstance(outcome, Applied) and not outcome.quarantined, outcome
