"""Receipts on request in frames: the only module that knows the generated code of the receipt service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from dansync.receipt.v1 import receipt_pb2
from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.fields import at_most, exact, parse
from node.ids import HASH_BYTES, ID_BYTES, Hash, OriginId, Seq
from node.receipts import Receipt

CONFIRM_METHOD: Final = "/dansync.receipt.v1.ReceiptService/Confirm"

_SEQ_MAX: Final = (1 << 63) - 1  # SQLite's integers are signed
_SIGNATURE_BYTES_MAX: Final = 512


def encode_confirm_request(points: Iterable[Head]) -> bytes:
    frame = receipt_pb2.ConfirmRequest()
    for point in points:
        frame.points.add(origin=point.origin, seq=point.seq, hash=point.hash)
    return frame.SerializeToString()


def decode_confirm_request(data: bytes) -> tuple[Head, ...]:
    """Raises ``FrameRefused``."""
    frame = receipt_pb2.ConfirmRequest()
    parse(frame.ParseFromString, data)
    if len(frame.points) > limits.CONFIRM_POINTS_MAX:
        raise FrameRefused("oversized", f"More than {limits.CONFIRM_POINTS_MAX} commits are to be confirmed at once.")
    return tuple(_read(point) for point in frame.points)


def encode_confirm_response(receipts: Sequence[Receipt]) -> bytes:
    frame = receipt_pb2.ConfirmResponse()
    for item in receipts:
        target = frame.receipts.add(at_ms=item.at_ms, signature=item.signature)
        target.point.origin, target.point.seq, target.point.hash = item.head.origin, item.head.seq, item.head.hash
    return frame.SerializeToString()


def decode_confirm_response(data: bytes) -> tuple[Receipt, ...]:
    """Raises ``FrameRefused``."""
    frame = receipt_pb2.ConfirmResponse()
    parse(frame.ParseFromString, data)
    if len(frame.receipts) > limits.CONFIRM_POINTS_MAX:
        raise FrameRefused("oversized", "More receipts came than were asked for.")
    return tuple(
        Receipt(_read(item.point), item.at_ms, at_most(item.signature, _SIGNATURE_BYTES_MAX, "signature"))
        for item in frame.receipts
    )


def _read(point: receipt_pb2.Point) -> Head:
    if point.seq > _SEQ_MAX:
        raise FrameRefused("malformed", "A sequence number is out of range.")
    origin = OriginId(exact(point.origin, (ID_BYTES,), "origin"))
    return Head(origin, Seq(point.seq), Hash(exact(point.hash, (HASH_BYTES,), "hash")))
