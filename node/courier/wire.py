"""The header of a carried file in bytes: the only module that knows the generated code of the courier's messages.

Everything behind the header is a message of the stream (``node.wire``).
"""

from __future__ import annotations

from typing import Final

from dansync.courier.v1 import courier_pb2
from node import limits
from node.chain import Head
from node.courier.manifest import Direction, Header, Manifest, Span
from node.errors import FrameRefused
from node.fields import at_most, exact, parse, text
from node.ids import HASH_BYTES, ID_BYTES, Hash, NodeId, OriginId, Seq

_DIRECTIONS: Final[dict[Direction, courier_pb2.Direction]] = {
    "up": courier_pb2.DIRECTION_UP,
    "down": courier_pb2.DIRECTION_DOWN,
}
_DIRECTION_OF: Final = {number: direction for direction, number in _DIRECTIONS.items()}
_SEQ_MAX: Final = (1 << 63) - 1  # SQLite's integers are signed
_SIGNATURE_BYTES_MAX: Final = 512


def encode_manifest(manifest: Manifest) -> bytes:
    message = courier_pb2.Manifest(
        direction=_DIRECTIONS[manifest.direction],
        from_node=manifest.from_node,
        to_node=manifest.to_node,
        consignment=manifest.consignment,
        part=manifest.part,
        parts=manifest.parts,
        made_at_ms=manifest.made_at_ms,
        schema_version=manifest.schema_version,
        release=manifest.release,
    )
    for span in manifest.spans:
        message.spans.add(
            origin=span.head.origin,
            previous_seq=span.previous.seq,
            previous_hash=span.previous.hash,
            seq=span.head.seq,
            hash=span.head.hash,
        )
    return message.SerializeToString()


def decode_manifest(data: bytes) -> Manifest:
    """Raises ``FrameRefused``."""
    message = courier_pb2.Manifest()
    parse(message.ParseFromString, data)
    direction = _DIRECTION_OF.get(message.direction)
    if direction is None:
        raise FrameRefused("malformed", "The file goes neither up nor down.")
    if not 1 <= message.part <= message.parts <= limits.COURIER_PARTS_MAX:
        raise FrameRefused("malformed", f"The file is part {message.part} of {message.parts}.")
    if len(message.spans) > limits.COURIER_SPANS_MAX:
        raise FrameRefused("oversized", "The file names too many origins.")
    spans = tuple(map(_read_span, message.spans))
    if len({span.head.origin for span in spans}) != len(spans):
        raise FrameRefused("malformed", "The file names an origin twice.")
    return Manifest(
        direction,
        NodeId(text(message.from_node, "from_node")),
        NodeId(text(message.to_node, "to_node")),
        exact(message.consignment, (ID_BYTES,), "consignment"),
        message.part,
        message.parts,
        message.made_at_ms,
        message.schema_version,
        text(message.release, "release"),
        spans,
    )


def _read_span(span: courier_pb2.Span) -> Span:
    if not span.previous_seq < span.seq <= _SEQ_MAX:
        raise FrameRefused("malformed", "The commits of an origin in the file do not go forward.")
    origin = OriginId(exact(span.origin, (ID_BYTES,), "origin"))
    return Span(
        Head(origin, Seq(span.previous_seq), Hash(exact(span.previous_hash, (HASH_BYTES,), "previous_hash"))),
        Head(origin, Seq(span.seq), Hash(exact(span.hash, (HASH_BYTES,), "hash"))),
    )


def encode_header(header: Header) -> bytes:
    return courier_pb2.Header(
        manifest=header.manifest, certificates=header.certificates, signature=header.signature
    ).SerializeToString()


def decode_header(data: bytes) -> Header:
    """Raises ``FrameRefused``."""
    message = courier_pb2.Header()
    parse(message.ParseFromString, data)
    if not 1 <= len(message.certificates) <= limits.COURIER_CERTIFICATES_MAX:
        raise FrameRefused("malformed", "The file carries no certificate of its sender, or too many.")
    return Header(
        message.manifest,
        tuple(at_most(item, limits.CERTIFICATE_BYTES_MAX, "certificate") for item in message.certificates),
        at_most(message.signature, _SIGNATURE_BYTES_MAX, "signature"),
    )
