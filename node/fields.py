"""Fields of frames: size before parsing, form after it. Errors are ``FrameRefused``: ``oversized`` or ``malformed``."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError

from node import limits
from node.errors import FrameRefused


def parse(parse_from: Callable[[bytes], int], data: bytes) -> None:
    """Parse a frame that is not too large."""
    if len(data) > limits.FRAME_BYTES_MAX:
        raise FrameRefused("oversized", f"A frame has {len(data)} bytes; the limit is {limits.FRAME_BYTES_MAX}.")
    try:
        parse_from(data)
    except (DecodeError, RecursionError, ValueError) as error:
        raise FrameRefused("malformed", "A frame cannot be read.") from error


def exact(value: bytes, sizes: tuple[int, ...], name: str) -> bytes:
    """Bytes of one of a few sizes."""
    if len(value) not in sizes:
        raise FrameRefused("malformed", f"The field {name} has {len(value)} bytes.")
    return value


def at_most(value: bytes, size: int, name: str) -> bytes:
    """Bytes up to a size."""
    if len(value) > size:
        raise FrameRefused("oversized", f"The field {name} has {len(value)} bytes; the limit is {size}.")
    return value


def text(value: str, name: str) -> str:
    """Text that people may read: bounded, and without control characters, which would forge lines of a log."""
    if len(value.encode()) > limits.TEXT_FIELD_BYTES_MAX:
        raise FrameRefused("oversized", f"The field {name} is longer than {limits.TEXT_FIELD_BYTES_MAX} bytes.")
    return value if value.isprintable() else "".join(letter for letter in value if letter.isprintable())
