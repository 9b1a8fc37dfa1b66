"""What a parent does with files that are carried by hand: take a child's cargo, and pack the receipt that goes back.

Batches go through the same applier as those of the stream. The daemon may be running: two processes write one store,
each transaction by itself, and whatever comes twice is taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node import limits
from node.applier import Applied, GroupApplier, Work
from node.chain import Head
from node.courier.envelope import Recipient
from node.courier.manifest import Span
from node.courier.packing import Load, Packed, Sender, pack
from node.courier.parcel import Parcel
from node.courier.trips import Trip, note
from node.errors import CourierRefused, SenderRefused, UsageError
from node.identity.certificates import Certificate
from node.identity.keys import NodeKey
from node.identity.statements import receipt_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq
from node.protocol.messages import Acknowledge, BatchNumber, Message, Refuse, Want
from node.reference import Objection
from node.store import OriginState

_COUNT_QUARANTINED: Final = "SELECT count(DISTINCT seq) FROM quarantine WHERE origin = ?"
_NO_BATCH: Final = BatchNumber(0)  # a receipt in a file answers no single batch


@dataclass(frozen=True, slots=True)
class OriginTaken:
    """What became of one origin in a file. ``commits`` were new here; ``code`` '' or why nothing more was taken."""

    origin: OriginId
    commits: int
    quarantined: int
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CargoTaken:
    """A child's file that was taken."""

    child: NodeId
    origins: tuple[OriginTaken, ...]
    wants: tuple[Want, ...]

    @property
    def commits(self) -> int:
        return sum(item.commits for item in self.origins)


def take_cargo(here: Sender, parcel: Parcel) -> CargoTaken:
    """Take a file of a child; ``here`` is this node. All of it is looked at before anything is stored.

    Raises ``SenderRefused`` if the sender is no child of this node, ``CourierRefused``, ``StoreError``.
    """
    _require_child(here, parcel.certificate)
    parcel.check()
    return _Taking(here, parcel).run()


def _require_child(here: Sender, certificate: Certificate) -> None:
    child, store, reference = certificate.node_id, here.store, here.reference
    standing = reference.standing(certificate.serial, child)
    if standing == "revoked":
        raise SenderRefused(
            "revoked",
            f"Node {child} was revoked: what it brings is not taken.",
            hint="If the register goes on at another machine: dansync origin handover",
        )
    if standing == "superseded":
        raise SenderRefused(
            "superseded",
            f"Another machine has enrolled as node {child} since this file was packed: it is not taken.",
            hint=f"Bring a file of the machine that is node {child} now. If the old one is to be it again, "
            "invite it: dansync node invite",
        )
    if standing == "unknown":
        raise SenderRefused(
            "not_enrolled",
            f"Node {child} is not enrolled here, or not yet known here.",
            hint="Let this node meet its own parent first, by wire or by stick; then import the file again.",
        )
    if reference.next_hop(store.node_id, child) != child:
        node = reference.node(child)
        raise SenderRefused(
            "not_child",
            f"The file comes from node {child}, whose parent is {node.parent_node_id if node else '?'}.",
            hint="Let it export again for its parent, and take the file there.",
        )
    if store.clock.wall_ms() >= certificate.not_after_ms:
        raise SenderRefused(
            "expired",
            f"The certificate of node {child} has expired.",
            hint=f"Invite it again (dansync node invite) and let it enroll and export again; {child} keeps everything.",
        )


class _Taking:
    def __init__(self, here: Sender, parcel: Parcel) -> None:
        self._store = here.store
        self._reference = here.reference
        self._parcel = parcel
        self._child = parcel.certificate.node_id
        self._applier = GroupApplier(here.store, here.reference)
        self._taken: dict[OriginId, OriginTaken] = {
            span.head.origin: OriginTaken(span.head.origin, 0, 0) for span in parcel.manifest.spans
        }
        self._wants: list[Want] = []
        self._group: list[Work] = []

    def run(self) -> CargoTaken:
        own = {state.head.origin for state in self._store.states() if state.own}
        for origin in self._taken:
            objection = (
                Objection("owned_here", "this origin is written by the parent itself")
                if origin in own
                else self._reference.objection(origin, self._child, formerly=True)
            )
            if objection is not None:
                self._refuse(origin, *objection)
        for item in self._parcel.items():
            match item:
                case Want():
                    if len(self._wants) >= limits.WANTS_MAX:
                        raise CourierRefused(
                            "oversized",
                            f"The file wants more than {limits.WANTS_MAX} origins.",
                            hint="Install the same release at both ends and export again.",
                        )
                    self._wants.append(item)
                case (header, payload) if not self._taken[header.origin].code:
                    self._group.append(Work(self._child, header, payload))
                    if (
                        len(self._group) >= limits.GROUP_BATCHES_MAX
                        or sum(work.header.raw_bytes for work in self._group) >= limits.GROUP_BYTES_MAX
                    ):
                        self._apply()
                case _:
                    pass
        self._apply()
        now, made_at_ms = self._store.clock.wall_ms(), self._parcel.manifest.made_at_ms
        taken = CargoTaken(self._child, tuple(self._taken.values()), tuple(self._wants))
        note(self._store, Trip("taken", self._child, now, made_at_ms, taken.commits))
        return taken

    def _apply(self) -> None:
        group, self._group = self._group, []
        if not group:
            return
        for work, outcome in zip(group, self._applier.apply(group), strict=True):
            origin = work.header.origin
            known = self._taken[origin]
            if isinstance(outcome, Applied):
                self._taken[origin] = replace(
                    known, commits=known.commits + outcome.commits, quarantined=known.quarantined + outcome.quarantined
                )
            elif not known.code:
                self._refuse(origin, outcome.code, outcome.detail)

    def _refuse(self, origin: OriginId, code: str, detail: str) -> None:
        self._taken[origin] = replace(self._taken[origin], code=code, detail=detail)


def pack_receipt(
    here: Sender,
    child: NodeId,
    folder: Path,
    *,
    cargo: Sequence[CargoTaken] = (),
    public_key: bytes = b"",
    bytes_max: int = limits.COURIER_FILE_BYTES,
    make_key: Callable[[], NodeKey] = NodeKey.generate,
) -> Packed:
    """Write what the child is to know: how far this node has its origins, and what comes from above.

    ``cargo``: its files that were just taken, the oldest first; without any, all reference data goes along.
    ``public_key``: that of the certificate with which they were packed (default: the one that was enrolled last).
    Raises ``UsageError`` if the child is not known.
    """
    store, reference = here.store, here.reference
    keys = (public_key,) if public_key else reference.public_keys(child)
    if not keys or reference.next_hop(store.node_id, child) != child:
        raise UsageError(
            f"Node {child} is not enrolled as a child of this node, or was revoked.",
            hint="See who is: dansync node list FOLDER",
        )
    with store.database.snapshot():
        messages = list(_words(here, child, cargo))
        load = Load("down", Recipient(child, keys[0]), messages, list(_spans(here, child, cargo)))
    packed = pack(here, load, folder, bytes_max=bytes_max, make_key=make_key)
    now = store.clock.wall_ms()
    note(store, Trip("given", child, now, now, packed.commits))
    return packed


def _words(here: Sender, child: NodeId, cargo: Iterable[CargoTaken]) -> Iterable[Message]:
    """Refusals, then a signed receipt for every origin that this child brings or has brought."""
    store = here.store
    refused: dict[OriginId, Refuse] = {}
    brought: set[OriginId] = set()
    for taken in cargo:
        for item in taken.origins:
            brought.add(item.origin)
            refused.pop(item.origin, None)  # a later file may have been taken
            if item.code and item.code != "gap":  # of a gap the receipt says where it begins
                refused[item.origin] = Refuse(item.origin, item.code, item.detail, None)
    yield from refused.values()
    at_ms = store.clock.wall_ms()
    for state in store.states():
        if _brings(here, child, state, brought):
            head = state.head
            row = store.connection.execute(_COUNT_QUARANTINED, (head.origin,)).fetchone()
            assert row is not None
            held = min(int(row[0]), limits.BATCH_COMMITS_MAX)  # the wire's bound of this field
            statement = receipt_statement(store.node_id, head.origin, head.seq, head.hash, at_ms)
            yield Acknowledge(_NO_BATCH, head, 0, held, at_ms, here.identity.key.sign(statement))


def _brings(here: Sender, child: NodeId, state: OriginState, brought: set[OriginId]) -> bool:
    if state.own or state.flow or not state.head.seq:
        return False
    if state.via != child and state.head.origin not in brought:
        return False
    return here.reference.objection(state.head.origin, child, formerly=True) is None


def _spans(here: Sender, child: NodeId, cargo: Sequence[CargoTaken]) -> Iterable[Span]:
    """What the child is given of what it wants. Without a cargo, or from a child that does not know all of
    the reference data yet, nobody knows what it took over: that goes along whole.
    """
    store, reference = here.store, here.reference
    origin = store.reference_origin()
    if origin is None:
        return
    wants = {want.have.origin: want.have for taken in cargo for want in taken.wants}
    wants.setdefault(origin, Head(origin, Seq(0), GENESIS_HASH))
    if wants[origin].seq < store.head(origin).seq:
        for subject in _handed_down(here, child):
            wants.setdefault(subject, Head(subject, Seq(0), GENESIS_HASH))
    for have in wants.values():
        if have.origin != origin and reference.objection(have.origin, child) is not None:
            continue
        head = store.head(have.origin)
        if have.seq < head.seq and store.hash_at(have.origin, have.seq) == have.hash:
            yield Span(have, head)


def _handed_down(here: Sender, child: NodeId) -> Iterable[OriginId]:
    """Registers that were handed to a child, or to a node below it, and have not climbed through that child yet."""
    came = {state.head.origin: state.via for state in here.store.states() if not state.own}
    for holding in here.reference.current_holdings():
        waits = holding.from_seq > 0 and came.get(holding.subject, child) != child
        if waits and here.reference.next_hop(here.store.node_id, holding.node_id) == child:
            yield holding.subject
