"""Batches in pieces: cutting a payload into frames, and putting frames together again under limits."""

from __future__ import annotations

from collections.abc import Iterator

from node import limits
from node.errors import FrameRefused
from node.protocol.messages import BatchFrame, BatchHeader, BatchNumber


def cut(batch: BatchNumber, header: BatchHeader, payload: bytes) -> Iterator[BatchFrame]:
    """The frames of one batch, each within ``FRAME_BYTES_MAX``."""
    size = limits.FRAME_PAYLOAD_BYTES_MAX
    for offset in range(0, max(len(payload), 1), size):
        yield BatchFrame(
            batch, header if offset == 0 else None, payload[offset : offset + size], offset + size >= len(payload)
        )


def check_header(header: BatchHeader) -> None:
    """Refuse a batch by what it announces, before any memory is taken. Raises ``FrameRefused``."""
    if header.seq - header.previous_seq != header.commits or not 1 <= header.commits <= limits.BATCH_COMMITS_MAX:
        raise FrameRefused(
            "malformed", f"A batch announces {header.commits} commits between {header.previous_seq} and {header.seq}."
        )
    if header.raw_bytes > limits.BATCH_BYTES_MAX or header.wire_bytes > limits.BATCH_WIRE_BYTES_MAX:
        raise FrameRefused(
            "oversized",
            f"A batch announces {header.raw_bytes} bytes ({header.wire_bytes} compressed); "
            f"the limit is {limits.BATCH_BYTES_MAX}.",
        )


class Assembly:
    """Puts the frames of one stream together. At most one batch is under way at a time; batches come in order."""

    __slots__ = ("_header", "_next", "_payload")

    def __init__(self) -> None:
        self._next = BatchNumber(1)
        self._header: BatchHeader | None = None
        self._payload = bytearray()

    def add(self, frame: BatchFrame) -> tuple[BatchHeader, bytes] | None:
        """The header and payload of a batch that this frame completes, else None. Raises ``FrameRefused``."""
        if frame.batch != self._next:
            raise FrameRefused(
                "out_of_order", f"A piece of batch {frame.batch} came while batch {self._next} was expected."
            )
        if (frame.header is None) == (self._header is None):
            raise FrameRefused("malformed", "The header of a batch must come once, with its first piece.")
        if frame.header is not None:
            check_header(frame.header)
            self._header = frame.header
        header = self._header
        assert header is not None
        if len(self._payload) + len(frame.payload) > header.wire_bytes:
            raise FrameRefused("oversized", "A batch has more bytes than it announced.")
        if not frame.last and not frame.payload:
            raise FrameRefused("malformed", "A piece of a batch is empty.")
        self._payload += frame.payload
        if not frame.last:
            return None
        payload = bytes(self._payload)
        if len(payload) != header.wire_bytes:
            raise FrameRefused("malformed", f"A batch has {len(payload)} bytes and announced {header.wire_bytes}.")
        self._header = None
        self._payload = bytearray()
        self._next = BatchNumber(self._next + 1)
        return header, payload
