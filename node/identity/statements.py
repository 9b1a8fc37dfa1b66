"""What is signed, byte for byte. Each kind of statement begins with its own words, so that a signature on one is never
good for another.
"""

from __future__ import annotations

import struct
from typing import Final

from node.ids import Hash, NodeId, OriginId, Seq

_HEAD: Final = struct.Struct(">16sQ32s")
_RECEIPT: Final = struct.Struct(">16sQ32sqI")


def batch_statement(origin: OriginId, seq: Seq, hash_: Hash) -> bytes:
    """The holder: "my chain stands here". Origin (16 bytes), seq (u64), hash (32 bytes); big-endian."""
    return b"dansync batch 1\0" + _HEAD.pack(origin, seq, hash_)


def receipt_statement(parent: NodeId, origin: OriginId, seq: Seq, hash_: Hash, received_at_ms: int) -> bytes:
    """A parent: "I have commits 1 to seq of this origin on my disk". Then Unix ms (i64), and its name behind a length
    (u32).
    """
    name = parent.encode()
    return b"dansync receipt 1\0" + _RECEIPT.pack(origin, seq, hash_, received_at_ms, len(name)) + name


def state_statement(origin: OriginId, seq: Seq, hash_: Hash, digest: Hash, rows: int, stated_at_ms: int) -> bytes:
    """The holder: "at this commit of mine the rows have this digest". Then the number of rows (u64), Unix ms (i64)."""
    return b"dansync state 1\0" + _HEAD.pack(origin, seq, hash_) + digest + struct.pack(">Qq", rows, stated_at_ms)


def rows_statement(origin: OriginId, seq: Seq, hash_: Hash, rows_digest: bytes) -> bytes:
    """The holder: "these rows stand so at this commit of mine". ``rows_digest``: SHA-256 of the rows as sent."""
    return b"dansync rows 1\0" + _HEAD.pack(origin, seq, hash_) + rows_digest


def decision_statement(authority: NodeId, to_origin: OriginId, content_digest: bytes) -> bytes:
    """An authority: "this is what I have decided, or ask, on persons of that register" (16 bytes). Then SHA-256 of the
    content as sent, and the authority's name behind a length (u32).
    """
    name = authority.encode()
    return b"dansync decision 1\0" + to_origin + content_digest + struct.pack(">I", len(name)) + name


def join_statement(request: bytes) -> bytes:
    """Whoever was invited: "this certificate request is mine"."""
    return b"dansync join 1\0" + request


def courier_statement(binding: bytes, manifest: bytes) -> bytes:
    """Whoever packed a file: "I sealed this one envelope, and this is in it". ``binding``: SHA-256 of the envelope's
    preamble (32 bytes), which names the recipient and the key of this one file.
    """
    return b"dansync courier 1\0" + binding + manifest
