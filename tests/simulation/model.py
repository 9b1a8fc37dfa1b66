"""What should be true: a plain model of what was recorded, kept beside the stores.

People write values; no two writes have the same value. A write is *superseded* by one that was made by somebody who saw it.
Stores fork, are restored and cloned, so an origin's log alone says nothing about what must be there in the end. The law is:
whatever some disk still holds, as a commit of the log or put aside, stands in the register, was superseded, or stands in a
report; and the register holds nothing that nobody wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from node.chain import Head
from node.ids import Hash, OriginId, RowId, Seq

Row = tuple[str, str]  # full_name, phone
COLUMNS = ("full_name", "phone")


class Violation(AssertionError):
    """A log guarantee is broken; the message names it (RELIABILITY E2)."""


@dataclass(frozen=True, slots=True)
class Write:
    """One value that somebody wrote over ``seen``, in the record ``tag``."""

    tag: str
    row_id: RowId
    column: str
    value: str
    seen: str


@dataclass(slots=True)
class OriginModel:
    """One origin: all writes ever, what was reported as lost, and every commit that a holder has made."""

    origin: OriginId
    writes: dict[str, list[Write]] = field(default_factory=dict)
    reported: set[tuple[RowId, str, str]] = field(default_factory=set)
    minted: dict[Hash, Seq] = field(default_factory=dict)

    def recorded(self, tag: str, writes: list[Write]) -> None:
        """Somebody writes; whether it is durable shows in what disks hold."""
        self.writes[tag] = writes

    def require_minted(self, head: Head, where: str) -> None:
        """A head that any node shows must be one that a holder has had."""
        if head.seq and self.minted.get(head.hash) != head.seq:
            raise Violation(f"owner-only: {where} has a commit {head.seq} that no holder has made")

    def require(self, rows: dict[RowId, Row], tags: Iterable[str], where: str) -> None:
        """``tags``: records that some disk still holds."""
        final = {
            (row_id, column): value for row_id, row in rows.items() for column, value in zip(COLUMNS, row, strict=True)
        }
        known = {(w.row_id, w.column, w.value) for writes in self.writes.values() for w in writes}
        for (row_id, column), value in final.items():
            if value and (row_id, column, value) not in known:
                raise Violation(f"no phantom: {where} has a value that nobody wrote ({value})")
        heirs: dict[tuple[RowId, str, str], list[Write]] = defaultdict(list)
        alive = [write for tag in tags for write in self.writes.get(tag, ())]
        for write in alive:
            heirs[write.row_id, write.column, write.seen].append(write)
        accounted: dict[tuple[RowId, str, str], bool] = {}

        def stands(write: Write) -> bool:
            key = (write.row_id, write.column, write.value)
            if key not in accounted:
                accounted[key] = False  # a circle accounts for nothing
                accounted[key] = (
                    final.get((write.row_id, write.column)) == write.value
                    or key in self.reported
                    or any(stands(heir) for heir in heirs[key])
                )
            return accounted[key]

        for write in alive:
            if not stands(write):
                raise Violation(f"no loss: {write.value} (record {write.tag}) is neither at {where} nor in a report")


@dataclass(slots=True)
class Held:
    """What one disk has of every commit: log and put aside. It only grows, unless the disk becomes an older copy."""

    tags: dict[Hash, str] = field(default_factory=dict)
    origins: dict[Hash, OriginId] = field(default_factory=dict)
    heads: dict[OriginId, Head] = field(default_factory=dict)
    changed_over: int = 0
    findings: int = 0

    def copy(self) -> Held:
        return Held(dict(self.tags), dict(self.origins), dict(self.heads), 0)
