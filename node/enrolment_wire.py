"""Enrolment in frames: the only module that knows the generated code of the enrolment service."""

from __future__ import annotations

from typing import Final

from dansync.enrolment.v1 import enrolment_pb2
from node import limits
from node.enrolment import EnrolAnswer, EnrolRequest, OriginClaim, RenewRequest, State
from node.errors import FrameRefused
from node.fields import at_most, exact, parse, text
from node.ids import HASH_BYTES, ID_BYTES, OriginId, UnitCode

ENROL_METHOD: Final = "/dansync.enrolment.v1.EnrolmentService/Enrol"
RENEW_METHOD: Final = "/dansync.enrolment.v1.EnrolmentService/Renew"

_SIGNATURE_BYTES_MAX: Final = 8 * HASH_BYTES
_STATES: Final[dict[State, enrolment_pb2.EnrolmentState]] = {
    "issued": enrolment_pb2.ENROLMENT_STATE_ISSUED,
    "pending": enrolment_pb2.ENROLMENT_STATE_PENDING,
    "refused": enrolment_pb2.ENROLMENT_STATE_REFUSED,
}
_STATE_OF: Final = {number: state for state, number in _STATES.items()}


def encode_enrol_request(message: EnrolRequest) -> bytes:
    frame = enrolment_pb2.EnrolRequest(
        invitation=message.invitation, request=message.request, proof=message.proof, release=message.release
    )
    for claim in message.origins:
        frame.origins.add(origin=claim.origin, unit_code=claim.unit_code, unit_valid_from=claim.unit_valid_from)
    return frame.SerializeToString()


def decode_enrol_request(data: bytes) -> EnrolRequest:
    """Raises ``FrameRefused``."""
    frame = enrolment_pb2.EnrolRequest()
    parse(frame.ParseFromString, data)
    if len(frame.origins) > limits.ORIGINS_PER_NODE_MAX:
        raise FrameRefused("oversized", "A node names too many origins.")
    return EnrolRequest(
        at_most(frame.invitation, limits.CERTIFICATE_BYTES_MAX, "invitation"),
        at_most(frame.request, limits.CERTIFICATE_BYTES_MAX, "request"),
        at_most(frame.proof, _SIGNATURE_BYTES_MAX, "proof"),
        tuple(_read_claim(item) for item in frame.origins),
        text(frame.release, "release"),
    )


def _read_claim(item: enrolment_pb2.OriginClaim) -> OriginClaim:
    origin = OriginId(exact(item.origin, (ID_BYTES,), "origin"))
    code, valid_from = text(item.unit_code, "unit_code"), text(item.unit_valid_from, "unit_valid_from")
    return OriginClaim(origin, UnitCode(code), valid_from)


def encode_renew_request(message: RenewRequest) -> bytes:
    return enrolment_pb2.RenewRequest(request=message.request).SerializeToString()


def decode_renew_request(data: bytes) -> RenewRequest:
    """Raises ``FrameRefused``."""
    frame = enrolment_pb2.RenewRequest()
    parse(frame.ParseFromString, data)
    return RenewRequest(at_most(frame.request, limits.CERTIFICATE_BYTES_MAX, "request"))


def encode_answer(message: EnrolAnswer) -> bytes:
    """Both calls are answered alike."""
    answer = enrolment_pb2.EnrolmentAnswer(
        state=_STATES[message.state],
        code=message.code,
        detail=message.detail.encode()[: limits.TEXT_FIELD_BYTES_MAX].decode(errors="ignore"),
        certificate=message.certificate,
        roots=message.roots,
        authority=message.authority,
        reference_origin=message.reference_origin,
    )
    return enrolment_pb2.EnrolResponse(answer=answer).SerializeToString()


def decode_answer(data: bytes) -> EnrolAnswer:
    """Raises ``FrameRefused``."""
    frame = enrolment_pb2.EnrolResponse()
    parse(frame.ParseFromString, data)
    answer = frame.answer
    state = _STATE_OF.get(answer.state)
    if state is None:
        raise FrameRefused("malformed", "The authority's answer is not known.")
    if len(answer.reference_origin) != (ID_BYTES if state == "issued" else 0):
        raise FrameRefused("malformed", "The authority's answer does not name its reference data.")
    return EnrolAnswer(
        state,
        text(answer.code, "code"),
        text(answer.detail, "detail"),
        at_most(answer.certificate, limits.CERTIFICATE_BYTES_MAX, "certificate"),
        at_most(answer.roots, 4 * limits.CERTIFICATE_BYTES_MAX, "roots"),
        at_most(answer.authority, limits.CERTIFICATE_BYTES_MAX, "authority"),
        answer.reference_origin,
    )
