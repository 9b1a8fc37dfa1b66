"""The desk where calls about enrolment are answered: at the authority here, elsewhere by whoever is above."""

from __future__ import annotations

from hub.authority import Answer, Authority
from node.enrolment import EnrolAnswer
from node.enrolment_wire import (
    ENROL_METHOD,
    RENEW_METHOD,
    decode_enrol_request,
    decode_renew_request,
    encode_answer,
)
from node.errors import FrameRefused, IdentityError
from node.identity.certificates import Certificate, read_certificate


class EnrolmentDesk:
    """The authority's desk. ``own`` is the certificate of the authority's node, by which others know its signature."""

    def __init__(self, authority: Authority, own: Certificate) -> None:
        self._authority = authority
        self._own = own

    def handle(self, method: str, request: bytes) -> bytes:
        """Answer one call. Who passed it on does not matter: requests prove themselves. Raises ``FrameRefused``."""
        if method == ENROL_METHOD:
            message = decode_enrol_request(request)
            try:
                invitation = read_certificate(message.invitation)
            except IdentityError as error:
                raise FrameRefused("malformed", error.message) from error
            answer = self._authority.enrol(invitation, message.request, message.proof, message.origins)
        else:
            assert method == RENEW_METHOD
            answer = self._authority.renew(decode_renew_request(request).request)
        return encode_answer(self._answer(answer))

    def _answer(self, answer: Answer) -> EnrolAnswer:
        if answer.certificate is None:
            return EnrolAnswer(answer.state, answer.code, answer.detail)
        reference = self._authority.store.reference_origin()
        assert reference is not None
        roots = self._authority.certificates.certificate
        return EnrolAnswer("issued", "", "", answer.certificate.der, roots, self._own.der, reference_origin=reference)
