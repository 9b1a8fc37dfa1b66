"""The joining side: what a node says to get a certificate, and what it believes of the answer."""

from __future__ import annotations

from dataclasses import dataclass

from node import limits
from node.enrolment import EnrolAnswer, EnrolRequest, OriginClaim, RenewRequest
from node.errors import IdentityError
from node.identity.certificates import Certificate, chains, fingerprint, make_request, read_certificate
from node.identity.folder import Identity
from node.identity.invitation import Invitation
from node.identity.keys import NodeKey
from node.identity.statements import join_statement
from node.ids import NodeId, OriginId, UnitCode
from node.store import Store


@dataclass(frozen=True, slots=True)
class Accepted:
    """What to keep of an answer that was believed."""

    certificate: Certificate
    roots_pem: bytes
    authority: Certificate
    reference_origin: OriginId


def enrol_request(store: Store, invitation: Invitation, key: NodeKey, release: str) -> EnrolRequest:
    """Ask for a certificate for ``key`` and name the registers that this node has begun."""
    if invitation.node_id != store.node_id:
        raise IdentityError(
            f"The invitation is for node {invitation.node_id}; this is node {store.node_id}.",
            hint="Use it in the folder of that node, or ask for one for this node.",
        )
    profiles = store.profiles()
    claims = tuple(
        OriginClaim(origin, UnitCode(profiles[origin].unit_code), profiles[origin].unit_valid_from)
        for origin in store.own_origins()
        if origin in profiles and profiles[origin].node_id == store.node_id
    )
    request = make_request(key, store.node_id)
    proof = invitation.key.sign(join_statement(request))
    return EnrolRequest(invitation.certificate.der, request, proof, claims, release)


def accept(answer: EnrolAnswer, node_id: NodeId, key: NodeKey, trusted_roots_pem: bytes) -> Accepted:
    """Believe an answer only as far as the authority that we know has signed it. Raises ``IdentityError``."""
    certificate, authority = read_certificate(answer.certificate), read_certificate(answer.authority)
    if certificate.node_id != node_id or certificate.role != "node" or certificate.public_key != key.public:
        raise _not_believed("the certificate is not for this node and its key")
    if authority.role != "authority" or not chains(authority, trusted_roots_pem):
        raise _not_believed("the authority is another one than the one that invited")
    if not chains(certificate, trusted_roots_pem):
        raise _not_believed("the certificate was issued by somebody else")
    return Accepted(certificate, trusted_roots_pem, authority, OriginId(answer.reference_origin))


def _not_believed(why: str) -> IdentityError:
    return IdentityError(
        f"The answer to the enrolment is not to be trusted: {why}.", hint="Ask the authority for a new invitation."
    )


def due_for_renewal(certificate: Certificate, now_ms: int) -> bool:
    """From a third of its life on (an expired one cannot ask any more)."""
    life_ms = certificate.not_after_ms - certificate.not_before_ms
    return now_ms >= certificate.not_before_ms + life_ms * limits.RENEW_AFTER_SHARE


def renewal_request(identity: Identity) -> RenewRequest:
    """A newer certificate for the same key."""
    return RenewRequest(make_request(identity.key, identity.node_id))


def authority_fingerprint(identity: Identity) -> str:
    """For people who compare it."""
    return fingerprint(identity.roots_pem)
