"""One file of a simulated disk: what programs read, what is on the platters, and the writes between the two.

``view`` is what every read sees (the operating system's cache). ``durable`` is what certainly survives a power loss.
``pending`` are the writes and truncates since the last sync, in order; after a power loss any of them may have reached
the platters or not, whole or in sectors. What the file is then is drawn by ``survive``.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SECTOR_BYTES: Final = 512
"""What a disk writes whole or not at all. Bytes beside a torn write keep their value (SQLite's POWERSAFE_OVERWRITE)."""


class Fault(StrEnum):
    """What a disk can do to its programs. A fault that a test names and that never fired is a failed test."""

    POWER_LOSS = "power loss"
    PROCESS_KILL = "process kill"
    LOST_WRITE = "unsynced write lost"
    TORN_WRITE = "write torn at a sector"
    REORDERED_WRITE = "write survived an earlier one that was lost"
    GARBAGE_SECTOR = "lost sector of a grown file holds garbage"
    LOST_CREATION = "new file lost"
    UNDONE_DELETION = "deleted file back"
    IO_ERROR = "call failed"
    IO_FULL = "disk full"
    IO_SHORT = "short read"
    IO_SYNC = "sync failed"
    BIT_FLIP = "bit flipped"
    RESTORE = "old backup restored"


class Outcome(StrEnum):
    """What a power loss does to the pending writes of one file."""

    NOTHING = "nothing survives"
    EVERYTHING = "everything survives"
    PREFIX = "the first writes survive"
    SUBSET = "any writes survive"
    TORN = "any sectors survive"


@dataclass(frozen=True, slots=True)
class Survival:
    """How likely each outcome is (weights, any scale), and two probabilities (0 to 1).

    Each file draws its own outcome, as only a sync orders the writes of several files.
    """

    nothing: float = 1
    everything: float = 1
    prefix: float = 2
    subset: float = 2
    torn: float = 2
    write_torn: float = 0.4  # of the writes that cover several sectors, under TORN
    sector_garbage: float = (
        0.3  # of the lost sectors beyond the old end of the file, under TORN; the others read as zeros
    )

    def draw(self, rng: random.Random) -> Outcome:
        weights = (self.nothing, self.everything, self.prefix, self.subset, self.torn)
        return rng.choices(tuple(Outcome), weights)[0]


class StoredFile:
    """The bytes of one file, in both states."""

    __slots__ = ("durable", "pending", "view")

    def __init__(self, content: bytes = b"") -> None:
        self.view = bytearray(content)
        self.durable = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []
        """(offset, data) of a write, (size, None) of a truncate."""

    def write(self, offset: int, data: bytes) -> None:
        self.pending.append((offset, data))
        _write(self.view, offset, data)

    def truncate(self, size: int) -> None:
        self.pending.append((size, None))
        _truncate(self.view, size)

    def sync(self) -> None:
        """Everything pending is durable."""
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def fail_sync(self, rng: random.Random) -> None:
        """A failed sync as on Linux: some pending writes got through, and no later sync brings the others."""
        for offset, data in self.pending:
            if rng.random() < 0.5:
                _apply(self.durable, offset, data)
        self.pending.clear()

    def flip(self, bit: int) -> None:
        """Turn one bit over, in the cache and on the platters."""
        position, mask = bit // 8, 1 << bit % 8
        self.view[position] ^= mask
        if position < len(self.durable):
            self.durable[position] ^= mask

    def survive(self, rng: random.Random, survival: Survival, counters: Counter[Fault]) -> None:
        """Become what a power loss leaves: the durable bytes and what ``rng`` picks of the pending writes."""
        if self.pending:
            outcome = survival.draw(rng)
            kept = self._kept(outcome, rng)
            _count_lost(kept, counters)
            for (offset, data), whole in zip(self.pending, kept, strict=True):
                if (
                    outcome is Outcome.TORN
                    and data is not None
                    and _sectors(offset, data) > 1
                    and rng.random() < survival.write_torn
                ):
                    _tear(self.durable, offset, data, rng, survival, counters)
                elif whole:
                    _apply(self.durable, offset, data)
            self.pending.clear()
        self.view = bytearray(self.durable)

    def _kept(self, outcome: Outcome, rng: random.Random) -> list[bool]:
        count = len(self.pending)
        match outcome:
            case Outcome.NOTHING:
                return [False] * count
            case Outcome.EVERYTHING:
                return [True] * count
            case Outcome.PREFIX:
                first = rng.randrange(count + 1)
                return [index < first for index in range(count)]
            case Outcome.SUBSET | Outcome.TORN:
                return [rng.random() < 0.5 for _ in range(count)]


def _write(target: bytearray, offset: int, data: bytes) -> None:
    if offset > len(target):
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data


def _truncate(target: bytearray, size: int) -> None:
    if size < len(target):
        del target[size:]
    else:
        target.extend(bytes(size - len(target)))


def _apply(target: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        _truncate(target, offset)
    else:
        _write(target, offset, data)


def _sectors(offset: int, data: bytes) -> int:
    return (offset + len(data) - 1) // SECTOR_BYTES - offset // SECTOR_BYTES + 1 if data else 0


def _tear(
    target: bytearray, offset: int, data: bytes, rng: random.Random, survival: Survival, counters: Counter[Fault]
) -> None:
    """Write some sectors of ``data``, at least one and not all. The file grows anyway: size and data travel apart."""
    count = _sectors(offset, data)
    kept = set(rng.sample(range(count), rng.randint(1, count - 1)))
    old_end = len(target)
    if offset + len(data) > old_end:
        _truncate(target, offset + len(data))
    counters[Fault.TORN_WRITE] += 1
    start = 0
    for index in range(count):
        end = min((offset // SECTOR_BYTES + index + 1) * SECTOR_BYTES - offset, len(data))
        if index in kept:
            target[offset + start : offset + end] = data[start:end]
        elif offset + start >= old_end and rng.random() < survival.sector_garbage:
            target[offset + start : offset + end] = rng.randbytes(end - start)
            counters[Fault.GARBAGE_SECTOR] += 1
        start = end


def _count_lost(kept: list[bool], counters: Counter[Fault]) -> None:
    counters[Fault.LOST_WRITE] += kept.count(False)
    if False in kept:
        counters[Fault.REORDERED_WRITE] += kept[kept.index(False) :].count(True)
