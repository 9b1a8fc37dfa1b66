"""What the first frame of a carried file says of the rest, as our own types; ``node.courier.wire`` turns them into
frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from node.chain import Head
from node.ids import NodeId

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive commits of one origin: those behind ``previous`` up to ``head``."""

    previous: Head
    head: Head

    def __post_init__(self) -> None:
        assert self.previous.origin == self.head.origin and self.previous.seq < self.head.seq

    @property
    def commits(self) -> int:
        return self.head.seq - self.previous.seq


@dataclass(frozen=True, slots=True)
class Manifest:
    """One file of an export. ``consignment`` (16 bytes) is the same in all its parts; the first one is number 1."""

    direction: Direction
    from_node: NodeId
    to_node: NodeId
    consignment: bytes
    part: int
    parts: int
    made_at_ms: int
    schema_version: int
    release: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """``manifest`` are the bytes that were signed; ``certificates`` are DER, the sender's own first."""

    manifest: bytes
    certificates: tuple[bytes, ...]
    signature: bytes
