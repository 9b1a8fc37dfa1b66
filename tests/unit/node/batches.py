"""Commits, batches and broken zstd frames for tests of the codec."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import zstandard

from dansync.sync.v1 import sync_pb2
from node.chain import KIND_REGISTER, Commit, Head, next_commit
from node.codec import encode_batch
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq
from node.protocol.messages import BatchHeader

ORIGIN = OriginId(b"o" * 16)
START = Head(ORIGIN, Seq(0), GENESIS_HASH)
NOW_MS = 1_750_000_000_000


def commits_of(changesets: Iterable[bytes], *, previous: Head = START, **changes: Any) -> list[Commit]:
    values: dict[str, Any] = {
        "schema_version": 1,
        "recorded_at": NOW_MS,
        "author": "clerk",
        "kind": KIND_REGISTER,
        "tag": "",
    }
    commits: list[Commit] = []
    for changeset in changesets:
        commit = next_commit(previous, changeset=changeset, **(values | changes))
        commits.append(commit)
        previous = commit.head
    return commits


def batch_of(commits: Sequence[Commit], previous: Head = START) -> tuple[BatchHeader, bytes]:
    return encode_batch(previous, commits, signer=NodeId("c1"))


def body_of(commits: Sequence[Commit]) -> sync_pb2.BatchBody:
    """The body of a batch as the codec writes it, to be spoilt."""
    header, payload = batch_of(commits)
    body = sync_pb2.BatchBody()
    body.ParseFromString(zstandard.ZstdDecompressor().decompress(payload, max_output_size=header.raw_bytes))
    return body


def packed(header: BatchHeader, raw: bytes) -> tuple[BatchHeader, bytes]:
    """A header that agrees with ``raw``, and its compressed form."""
    payload = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(raw)
    return replace(header, raw_bytes=len(raw), wire_bytes=len(payload)), payload


def zstd_frame(claims: int, blocks: int, *, window_log: int | None) -> bytes:
    """A frame by hand (RFC 8878): ``blocks`` of 128 KiB of one letter in 4 bytes each; its header claims ``claims``
    bytes of content. Without a window the whole content is one segment.
    """
    start = b"\xa0" if window_log is None else bytes([0x80, (window_log - 10) << 3])
    head = b"\x28\xb5\x2f\xfd" + start + struct.pack("<I", claims)
    block = struct.pack("<I", 131_072 << 3 | 1 << 1)[:3] + b"x"
    last = struct.pack("<I", 131_072 << 3 | 1 << 1 | 1)[:3] + b"x"
    return head + block * (blocks - 1) + last
