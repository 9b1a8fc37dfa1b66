"""Is anything only here? What a node that is to go has, and who has signed that he has it too.

For every log here the parent signs that it has the same commits (``node.receipts``). A log that this node cannot send
any more, because its holder belongs elsewhere or its register was handed over, may have commits here that the parent
has not: they go to the holder as letters, from the last commit on that the parent has. What is held back from being
applied is in the logs all the same, so a receipt covers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from node import branch
from node.chain import Head
from node.healing import Healer
from node.ids import NodeId, OriginId, Seq
from node.mail import Mail
from node.quarantine import tally
from node.receipts import Receipt, kept, sound
from node.reference import DISSOLVED, Reference
from node.store import OriginState, Store
from node.takeover import departed_origins

Standing = Literal["signed", "letters", "left"]
"""``signed``: the parent has signed for all of it; ``letters``: for a part, and the rest went to the holder as letters;
``left``: the rest is only here.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One log. ``receipt`` is the parent's newest one that is sound and on this log; None: there is none."""

    origin: OriginId
    name: str
    own: bool
    head: Head
    standing: Standing
    receipt: Receipt | None
    reason: str

    @property
    def signed_seq(self) -> Seq:
        return Seq(0) if self.receipt is None else self.receipt.head.seq


@dataclass(frozen=True, slots=True)
class Remains:
    """What is only here, as far as is known: ``letters`` that wait, and the logs. ``held_back``: commits that are
    stored here and not applied; ``children`` and ``holds``: nodes that belong below this one, and registers that it
    writes, from which more may come.
    """

    parent: NodeId
    lines: tuple[Line, ...]
    letters: int
    held_back: int
    children: tuple[NodeId, ...]
    holds: int
    dissolved: bool

    @property
    def left(self) -> bool:
        """Whether something is only here."""
        return bool(self.letters) or any(line.standing == "left" for line in self.lines)

    @property
    def final(self) -> bool:
        """Whether nothing is left, and nothing can come any more."""
        return not self.left and self.dissolved and not self.children and not self.holds


def points(store: Store) -> list[Head]:
    """The head of every log that climbs."""
    return [state.head for state in store.states() if not state.flow and state.head.seq]


def older_points(store: Store, reference: Reference, parent: NodeId) -> list[Head]:
    """Further back, of logs that this node cannot send to their end and the parent has not signed to their end."""
    stuck = _stuck(store, reference)
    receipts = _sound(store, reference, parent)
    with store.database.snapshot() as connection:
        return [
            point
            for state in store.states()
            if state.head.origin in stuck and _signed(receipts, state.head) != state.head.seq
            for point in branch.older_heads(connection, state.head)
            if point.seq
        ]


def send_rest(store: Store, reference: Reference, healer: Healer, confirmed: Sequence[Receipt]) -> None:
    """What the parent has not of such logs goes to their holders, as letters. Done again, it changes nothing."""
    newest: dict[OriginId, Head] = {}
    for item in confirmed:
        head = item.head
        if head.origin not in newest or head.seq > newest[head.origin].seq:
            newest[head.origin] = head
    for origin in _stuck(store, reference):
        if origin in newest and newest[origin].seq < store.head(origin).seq and not reference.is_retired(origin):
            healer.send_branch(newest[origin], store.head(origin))


def remains(store: Store, reference: Reference, healer: Healer, parent: NodeId) -> Remains:
    """How it stands now."""
    receipts = _sound(store, reference, parent)
    stuck = _stuck(store, reference)
    profiles = store.profiles()
    lines = []
    for state in store.states():
        head = state.head
        if state.flow or not head.seq:
            continue
        profile = profiles.get(head.origin)
        receipt = receipts.get(head.origin)
        standing: Standing = "signed" if _signed(receipts, head) == head.seq else "left"
        if standing == "left" and head.origin in stuck and receipt is not None:
            standing = "letters" if rest_is_sent(store, healer, receipt.head, head) else "left"
        name = profile.node_id if profile else NodeId("")
        lines.append(Line(head.origin, name, state.own, head, standing, receipt, _reason(state, standing, reference)))
    node = reference.node(store.node_id)
    return Remains(
        parent,
        tuple(lines),
        Mail(store, reference).unread(),
        tally(store.connection).commits,
        tuple(child.node_id for child in reference.children_of(store.node_id)),
        sum(held.node_id == store.node_id for held in reference.current_holdings()),
        node is not None and node.state == DISSOLVED,
    )


def rest_is_sent(store: Store, healer: Healer, signed: Head, head: Head) -> bool:
    """Whether what the parent has not signed for is with others as letters: from there, or from further back, if that
    was all that the parent could confirm when they were written (it may have let go or lost what lay between).
    """
    with store.database.snapshot() as connection:
        older = [point for point in branch.older_heads(connection, head) if point.seq < signed.seq]
    return any(healer.branch_is_sent(point, head) for point in (signed, *older))


def _stuck(store: Store, reference: Reference) -> frozenset[OriginId]:
    """Logs that do not climb from here to their end: their holders belong elsewhere, or were others after us."""
    handed_over = {
        state.head.origin
        for state in store.states()
        if state.own and (held := reference.holder(state.head.origin)) is not None and held.node_id != store.node_id
    }
    return departed_origins(store, reference) | handed_over


def _sound(store: Store, reference: Reference, parent: NodeId) -> dict[OriginId, Receipt]:
    """The parent's receipts that it has signed and that are for commits of our chain."""
    return {
        origin: item
        for origin, item in kept(store, parent).items()
        if store.hash_at(origin, item.head.seq) == item.head.hash and sound(reference, parent, item)
    }


def _signed(receipts: dict[OriginId, Receipt], head: Head) -> Seq:
    item = receipts.get(head.origin)
    return Seq(0) if item is None else item.head.seq


def _reason(state: OriginState, standing: Standing, reference: Reference) -> str:
    if standing != "left":
        return ""
    if reference.is_retired(state.head.origin):
        return "retired"
    return state.halted or "not_confirmed"
