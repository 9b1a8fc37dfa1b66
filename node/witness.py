"""The witness: a small file beside the database that remembers the last commit of each own origin.

One flipped bit in the write-ahead log silently drops every later commit while integrity_check says ok (RELIABILITY
0.2). The witness is written and synced after the commit, so it may lag and never leads; found ahead of the database at
start, it proves that commits are missing.

Layout: two slots of 128 bytes for each origin, used in turn (slot = seq mod 2), so that a torn write spoils at most the
older knowledge. A slot holds magic, origin, seq, hash and a checksum over them.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from node.chain import Head
from node.ids import GENESIS_HASH, Hash, OriginId, Seq

SLOT_BYTES: Final = 128
_MAGIC: Final = b"DSNCWIT1"
_SLOT: Final = struct.Struct(">8s16sQ32s")
_CHECK_BYTES: Final = 16


class WitnessFile(Protocol):
    """Where the slots lie."""

    def read(self) -> bytes:
        """All of the file; empty if there is none."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite at ``offset``, growing the file if need be; durable when it returns. Raises ``OSError``."""
        ...


class DiskWitnessFile:
    """The real file. Opened for each use: two processes (daemon, command line) may both write, in whole slots."""

    __slots__ = ("_path",)

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)

    def read(self) -> bytes:
        try:
            return Path(self._path).read_bytes()
        except FileNotFoundError:
            return b""

    def write(self, offset: int, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            written = os.write(descriptor, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Missing:
    """The store lacks what the witness saw: ``witnessed`` was committed here, the store ends at ``found`` (or differs
    there).
    """

    witnessed: Head
    found: Head


class Witness:
    """Reads and writes the slots of all own origins."""

    __slots__ = ("_file", "_positions")

    def __init__(self, file: WitnessFile) -> None:
        self._file = file
        self._positions: dict[OriginId, int] = {}
        self._load()

    def _load(self) -> dict[OriginId, Head]:
        content = self._file.read()
        heads: dict[OriginId, Head] = {}
        for offset in range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
            head = _decode(content[offset : offset + SLOT_BYTES])
            if head is None:
                continue
            self._positions.setdefault(head.origin, offset // (2 * SLOT_BYTES))
            known = heads.get(head.origin)
            if known is None or head.seq > known.seq:
                heads[head.origin] = head
        return heads

    def heads(self) -> dict[OriginId, Head]:
        """The newest witnessed head of every origin."""
        return self._load()

    def record(self, head: Head) -> None:
        """Remember ``head`` after its commit is durable. Raises ``OSError``; the commit itself then stands."""
        self._file.write(self._offset(head.origin) + SLOT_BYTES * (head.seq % 2), _encode(head))

    def reset(self, head: Head) -> None:
        """Forget what was witnessed beyond ``head``, once the loss has been reported."""
        offset = self._offset(head.origin)
        slot = _encode(head)
        self._file.write(offset, slot)
        self._file.write(offset + SLOT_BYTES, slot)

    def _offset(self, origin: OriginId) -> int:
        if origin not in self._positions:
            self._load()  # another process may have given it a place
        position = self._positions.setdefault(origin, max(self._positions.values(), default=-1) + 1)
        return position * 2 * SLOT_BYTES

    def missing(self, own: Iterable[tuple[Head, Hash | None]]) -> list[Missing]:
        """Compare with the store: pairs of (head, hash that the store has at the witnessed seq or None)."""
        witnessed = self.heads()
        result: list[Missing] = []
        for head, hash_there in own:
            seen = witnessed.get(head.origin)
            if seen is not None and seen.seq > 0 and hash_there != seen.hash:
                result.append(Missing(seen, head))
        return result


def _encode(head: Head) -> bytes:
    body = _SLOT.pack(_MAGIC, head.origin, head.seq, head.hash or GENESIS_HASH)
    return (body + hashlib.sha256(body).digest()[:_CHECK_BYTES]).ljust(SLOT_BYTES, b"\0")


def _decode(slot: bytes) -> Head | None:
    body, check = slot[: _SLOT.size], slot[_SLOT.size : _SLOT.size + _CHECK_BYTES]
    magic, origin, seq, value = _SLOT.unpack(body)
    if magic != _MAGIC or hashlib.sha256(body).digest()[:_CHECK_BYTES] != check:
        return None
    return Head(OriginId(origin), Seq(seq), Hash(value))
