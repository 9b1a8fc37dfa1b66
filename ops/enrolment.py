"""Enrolling a node: with an invitation to the parent, and back with a certificate; and founding an authority."""

from __future__ import annotations

from pathlib import Path

import grpc.aio

from hub.authority import Authority, found
from node.clock import Clock
from node.enrolling import Accepted, accept, enrol_request
from node.enrolment_wire import ENROL_METHOD, decode_answer, encode_enrol_request
from node.errors import FrameRefused, IdentityError, PeerUnavailable, UsageError
from node.identity import tls
from node.identity.certificates import Certificate, CertificateAuthority
from node.identity.folder import AuthorityFolder, Identity, IdentityFolder
from node.identity.invitation import Invitation
from node.identity.keys import NodeKey
from node.store import Store
from node.transport import CLIENT_OPTIONS
from node.uplink import unary
from ops.config import NodeConfig
from ops.release import RELEASE


async def enrol(config: NodeConfig, store: Store, invitation: Invitation, clock: Clock) -> Accepted:
    """Ask the parent for a certificate and keep it. Interrupted anywhere, it can be done again with the same
    invitation.

    Raises ``IdentityError`` if the authority says no, has not decided yet, or is not the one that invited;
    ``PeerUnavailable`` if nobody answers.
    """
    request = request_of(config, store, invitation, clock)
    options = (*CLIENT_OPTIONS, *tls.channel_options(invitation.parent_node_id))
    credentials = tls.channel_credentials(invitation)
    async with grpc.aio.secure_channel(config.parent_address, credentials, options=options) as channel:
        try:
            data = await unary(channel, ENROL_METHOD, request)
        except PeerUnavailable as error:
            explanation = tls.explain_failure(error.message, clock.wall_ms(), invitation.certificate)
            if explanation is None:
                raise
            raise PeerUnavailable(explanation[1], hint=explanation[2]) from error
    return take_answer(config, store, invitation, data, clock)


def request_of(config: NodeConfig, store: Store, invitation: Invitation, clock: Clock) -> bytes:
    """What this node says to be enrolled. The key for it lies beside the one in use until the answer is there."""
    _require_current(invitation, clock.wall_ms())
    key = IdentityFolder(config.folder).new_key()
    return encode_enrol_request(enrol_request(store, invitation, key, RELEASE))


def take_answer(config: NodeConfig, store: Store, invitation: Invitation, data: bytes, clock: Clock) -> Accepted:
    """Believe an answer and keep it. Raises ``IdentityError``, ``PeerUnavailable``."""
    place = IdentityFolder(config.folder)
    key = place.new_key()
    try:
        answer = decode_answer(data)
    except FrameRefused as error:
        raise PeerUnavailable(error.message, hint="Check that the parent runs the same release.") from error
    if answer.state == "pending":
        raise IdentityError(
            "The authority has been asked; a person there decides.",
            hint="Run the same command again when it was approved (dansync node approve).",
        )
    if answer.state == "refused":
        kept = identity_or_none(config.folder)
        reference = store.reference_origin()
        if answer.code == "used" and kept is not None and reference is not None and not _over(kept, clock):
            return Accepted(
                kept.certificate, kept.roots_pem, kept.authority, reference
            )  # it was this node that used it
        raise IdentityError(
            f"The authority has refused: {answer.detail} ({answer.code}).",
            hint="Ask the authority for a new invitation: dansync node invite",
        )
    accepted = accept(answer, store.node_id, key, invitation.roots_pem)
    store.trust(accepted.reference_origin, accepted.authority.public_key)
    place.store(accepted.certificate, accepted.roots_pem, accepted.authority)
    return accepted


def _over(identity: Identity, clock: Clock) -> bool:
    return clock.wall_ms() >= identity.certificate.not_after_ms


def _require_current(invitation: Invitation, now_ms: int) -> None:
    explanation = tls.explain_failure("", now_ms, invitation.certificate)
    if explanation is None:
        return
    code, message, hint = explanation
    if code == "expired":
        raise IdentityError(
            "This invitation has expired, or the clock of this computer is wrong.",
            hint="Look at the date of this computer; if it is right, ask the authority for a new invitation.",
        )
    raise IdentityError(message, hint=hint)


def found_authority(
    config: NodeConfig, store: Store, *, by: str, clock: Clock, existing: tuple[Path, Path] | None = None
) -> Certificate:
    """Make a root the authority of its tree, with a new CA or with one that exists (certificate and key files).

    Interrupted anywhere, it can be done again. Raises ``UsageError``, ``IdentityError``.
    """
    if config.parent_address:
        raise UsageError(
            f"Node {config.node_id} has a parent; the authority is the root of a tree.",
            hint="Run dansync ca init at the root, and enrol this node there.",
        )
    folder = AuthorityFolder(config.folder)
    authority = folder.load()
    if authority is None:
        authority = folder.keep(*_new_authority(config, clock) if existing is None else _read(existing))
    place = IdentityFolder(config.folder)
    key = place.new_key()
    certificate = found(store, authority, key.public, by=by)
    place.store(certificate, authority.certificate, certificate)
    return certificate


def _new_authority(config: NodeConfig, clock: Clock) -> tuple[bytes, NodeKey]:
    key = NodeKey.generate()
    return CertificateAuthority.create(f"dansync {config.node_id}", clock.wall_ms(), key).certificate, key


def _read(existing: tuple[Path, Path]) -> tuple[bytes, NodeKey]:
    certificate, key = existing
    try:
        return certificate.read_bytes(), NodeKey.load(key)
    except OSError as error:
        raise UsageError(f"{certificate} cannot be read ({error.strerror}).", hint="Give a PEM file.") from error


def authority_of(config: NodeConfig, store: Store) -> Authority:
    """The authority of this folder. Raises ``UsageError`` where there is none."""
    certificates = AuthorityFolder(config.folder).load()
    if certificates is None:
        raise UsageError(
            f"Node {config.node_id} is not the authority of its tree.",
            hint="Run this at the root, where dansync ca init was run.",
        )
    return Authority(store, certificates)


def identity_or_none(folder: Path) -> Identity | None:
    """The identity of a node; None while it is not enrolled."""
    try:
        return IdentityFolder(folder).load()
    except IdentityError:
        return None
