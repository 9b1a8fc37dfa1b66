"""Frames in a stream of bytes: each behind its length (u32, big-endian), none larger than one on the wire."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from node import limits
from node.errors import CourierRefused

_LENGTH: Final = struct.Struct(">I")


def framed(frame: bytes) -> bytes:
    assert 0 < len(frame) <= limits.FRAME_BYTES_MAX
    return _LENGTH.pack(len(frame)) + frame


def frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The frames in pieces of any size. At most one frame and one piece are in memory. Raises ``CourierRefused``."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        begin = 0
        while len(waiting) - begin >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(waiting, begin)
            if not 0 < size <= limits.FRAME_BYTES_MAX:
                raise CourierRefused(
                    "oversized" if size else "malformed",
                    f"A frame in the file claims {size} bytes; the limit is {limits.FRAME_BYTES_MAX}.",
                    hint="Install the same release at both ends and export again.",
                )
            end = begin + _LENGTH.size + size
            if end > len(waiting):
                break
            yield bytes(waiting[begin + _LENGTH.size : end])
            begin = end
        del waiting[:begin]
    if waiting:
        raise CourierRefused(
            "malformed", "The file ends inside a frame.", hint="Install the same release at both ends and export again."
        )
