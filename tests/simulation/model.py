"""What should be true: a plain model of every origin, kept beside the stores and never read from them.

The model knows each origin's commits as the recorder made them. A commit that was under way when the power went is *in
doubt*: it may be there or not, and what the node finds at its next start decides. Everything that was confirmed must stay.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from node.chain import Head
from node.ids import GENESIS_HASH, Hash, OriginId, RowId, Seq

Row = tuple[str, str]  # full_name, phone


class Violation(AssertionError):
    """A log guarantee is broken; the message names it (RELIABILITY E2)."""


@dataclass(slots=True)
class OriginModel:
    """One origin: ``hashes[seq]`` of every commit that was confirmed, and the register rows they left."""

    origin: OriginId
    hashes: list[Hash] = field(default_factory=lambda: [GENESIS_HASH])
    history: list[dict[RowId, Row]] = field(default_factory=lambda: [{}])
    in_doubt: dict[RowId, Row] | None = None
    """The rows as they are if the commit that was cut off survived."""
    held_since: int = 0
    """Where the present holder took over; before it has come so far, it has nothing of its own."""

    @property
    def rows(self) -> dict[RowId, Row]:
        return self.history[-1]

    @property
    def seq(self) -> int:
        return len(self.hashes) - 1

    def committed(self, head: Head, rows: dict[RowId, Row]) -> None:
        """The recorder was told that ``head`` is durable."""
        if head.seq != self.seq + 1:
            raise Violation(f"gapless: commit {head.seq} follows {self.seq}")
        self.hashes.append(head.hash)
        self.history.append(rows)

    def cut_back(self, seq: int) -> None:
        """Another holder goes on after ``seq``; what the former one made and did not send stays with it."""
        del self.hashes[seq + 1 :]
        del self.history[seq + 1 :]
        self.in_doubt, self.held_since = None, seq

    def found_at_start(self, head: Head) -> None:
        """The owner was started again and found this head."""
        doubt, self.in_doubt = self.in_doubt, None
        if head.seq == self.seq + 1 and doubt is not None:
            self.committed(head, doubt)
            return
        if head.seq < self.seq:
            raise Violation(f"durable: commit {self.seq} was confirmed, after a restart the owner has {head.seq}")
        self.require(head, "owner after restart")

    def require(self, head: Head, where: str) -> None:
        """A head that any node shows must be on the owner's chain."""
        if head.seq > self.seq + (self.in_doubt is not None):
            raise Violation(f"owner-only: {where} has commit {head.seq}, the owner made {self.seq}")
        if head.seq <= self.seq and self.hashes[head.seq] != head.hash:
            raise Violation(f"unique: {where} has another commit {head.seq} than its owner")


@dataclass(slots=True)
class Receipts:
    """What children were told that their parent has on disk: (parent, origin) -> seq. May only be true."""

    given: dict[tuple[str, OriginId], Seq] = field(default_factory=dict)

    def told(self, parent: str, origin: OriginId, seq: Seq) -> None:
        key = (parent, origin)
        self.given[key] = max(seq, self.given.get(key, Seq(0)))

    def forget(self, origin: OriginId) -> None:
        """The origin was handed over: what its former relays have promised concerns nobody any more."""
        for key in [key for key in self.given if key[1] == origin]:
            del self.given[key]

    def require(self, parent: str, heads: dict[OriginId, Head]) -> None:
        """Everything acknowledged must be there, also after a power loss."""
        for (name, origin), seq in self.given.items():
            if name != parent:
                continue
            found = heads[origin].seq if origin in heads else 0
            if found < seq:
                raise Violation(f"receipt-true: {parent} acknowledged commit {seq} and has {found}")
