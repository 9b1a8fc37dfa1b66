"""Identifiers and positions, and the one place where row ids are minted.

A *unit* is an administrative place, an *origin* a partition and its chain, a *node* a machine; they are never mixed
(DESIGN 1). Row ids are UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then a 12-bit counter that keeps
ids minted in one millisecond ascending (method 1), then 62 random bits. Order of events is never read from an id; the
time prefix only keeps inserts local and gives the digest its buckets.
"""

from __future__ import annotations

import random
import uuid
from typing import NewType

OriginId = NewType("OriginId", bytes)  # 16 bytes, UUIDv7, minted once, never used again
RowId = NewType("RowId", bytes)  # 16 bytes, UUIDv7
NodeId = NewType("NodeId", str)  # the name of a machine
UnitCode = NewType("UnitCode", str)  # 2, 3 or 5 digits, only meaningful together with its valid-from date
Seq = NewType("Seq", int)  # 1, 2, 3 ... per origin; 0 = before the first commit
Hash = NewType("Hash", bytes)  # 32 bytes, SHA-256
# 16 bytes, new whenever a store is created, restored or found to lack commits
Incarnation = NewType("Incarnation", bytes)
LetterId = NewType("LetterId", bytes)  # 16 bytes, derived from what the letter says

ID_BYTES = 16
HASH_BYTES = 32
GENESIS_HASH = Hash(bytes(HASH_BYTES))

_COUNTER_BITS = 12
_RANDOM_BITS = 62


class Minter:
    """Mints UUIDv7 ids that ascend, also when the clock stands still or jumps back.

    ``source`` is the randomness: ``random.SystemRandom()`` in production, a seeded ``random.Random`` in a rehearsal, so
    that a bundle and a seed always give the same ids.
    """

    __slots__ = ("_counter", "_last_ms", "_source")

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._last_ms = -1
        self._counter = 0

    def row_id(self, now_ms: int) -> RowId:
        """A new id; ``now_ms`` is Unix time in milliseconds (clamped to the 48 bits of the format)."""
        now_ms = min(max(now_ms, 0), (1 << 48) - 1)
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            self._counter = self._source.getrandbits(_COUNTER_BITS - 1)
        else:
            self._counter += 1
            if self._counter >> _COUNTER_BITS:
                self._last_ms += 1
                self._counter = 0
        value = (
            self._last_ms << 80 | 0x7 << 76 | self._counter << 64 | 0b10 << 62 | self._source.getrandbits(_RANDOM_BITS)
        )
        return RowId(value.to_bytes(ID_BYTES, "big"))

    def origin_id(self, now_ms: int) -> OriginId:
        """A new origin; called once in the life of a partition."""
        return OriginId(self.row_id(now_ms))

    def incarnation(self, now_ms: int) -> Incarnation:
        return Incarnation(self.row_id(now_ms))


def id_text(value: bytes) -> str:
    """The id as people see it: the hexadecimal form of RFC 9562 with hyphens."""
    return str(uuid.UUID(bytes=value))


def id_from_text(text: str) -> bytes:
    """Read an id as ``id_text`` writes it. Raises ``ValueError`` if it is none."""
    return uuid.UUID(text).bytes
