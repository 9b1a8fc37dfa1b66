"""TLS between nodes: TLS 1.3 only, both sides with a certificate, and what a failed handshake means.

Python gRPC has no setting for the version: an ECDSA certificate with one RSA suite left for TLS 1.2 leaves only 1.3.
Nor does it tell the server why a handshake failed; the child reads it from the text of the error (RELIABILITY 0.8).
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc

from node.errors import IdentityError
from node.identity.certificates import Certificate, read_certificate, server_name
from node.identity.folder import Identity
from node.identity.invitation import Invitation
from node.ids import NodeId

os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES128-GCM-SHA256"  # read when the first credentials are made

_CERTIFICATE_PROPERTY: Final = "x509_pem_cert"


class Explanation(NamedTuple):
    """``code`` is a word for logs; ``hint`` says what to do."""

    code: str
    message: str
    hint: str


def server_credentials(identity: Callable[[], Identity]) -> grpc.ServerCredentials:
    """What a parent shows and asks for. ``identity`` is asked at each handshake, so a renewed certificate counts at
    once.
    """
    shown = identity()

    def fetch() -> Any:
        nonlocal shown
        current = identity()
        if current == shown:
            return None
        shown = current
        return _server_configuration(current)

    return grpc.dynamic_ssl_server_credentials(_server_configuration(shown), fetch, require_client_authentication=True)


def _server_configuration(identity: Identity) -> Any:
    pair = (identity.key.pem(), identity.certificate.pem)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=identity.roots_pem)


def channel_credentials(identity: Identity | Invitation) -> grpc.ChannelCredentials:
    """What a child shows, and whom it trusts: the authority of its tree, nobody that the system knows."""
    return grpc.ssl_channel_credentials(identity.roots_pem, identity.key.pem(), identity.certificate.pem)


def channel_options(parent: NodeId) -> tuple[tuple[str, str], ...]:
    """The parent must be this node, wherever it listens."""
    return (("grpc.ssl_target_name_override", server_name(parent)),)


def peer_of(context: Any) -> Certificate:
    """Who is at the other end of a call. Raises ``IdentityError`` if it has no certificate of a node."""
    chain = context.auth_context().get(_CERTIFICATE_PROPERTY, ())
    if not chain:
        raise IdentityError("The caller has no certificate.", hint="Calls are taken over mutual TLS only.")
    return read_certificate(bytes(chain[0]))


def explain_failure(details: str, now_ms: int, own: Certificate | None) -> Explanation | None:
    """What gRPC says of a handshake that failed, in words that help; None for other failures.

    ``own`` is the certificate that this side showed.
    """
    text = details.lower()
    today = _day(now_ms)
    early, late = "not yet valid" in text, "has expired" in text
    if early or late or (own is not None and not _in_force(own, now_ms)):
        if own is not None and now_ms < own.not_before_ms:
            return _clock(f"this node's certificate begins on {_day(own.not_before_ms)}, later than today", today)
        if early:
            return _clock("the parent's certificate is not valid yet", today)
        if own is not None and now_ms >= own.not_after_ms:
            return Explanation(
                "expired",
                f"This node's certificate ended on {_day(own.not_after_ms)}; by this computer's clock it is {today}.",
                "If the date is wrong, set the clock; else ask the authority for an invitation and run: dansync enroll",
            )
        return _clock("a certificate has expired by one of the two clocks", today)
    if "hostname verification" in text:
        return Explanation(
            "wrong_parent",
            "Another node answers at the parent's address than the one that should be there.",
            "Check parent_address in node.toml.",
        )
    if "certificate_verify_failed" in text:
        return Explanation(
            "wrong_authority",
            "What answers at the parent's address was not certified by this tree's authority.",
            "Check parent_address in node.toml, and whether something in between (a portal, a proxy) answers instead.",
        )
    if "failed to connect" in text and "socket closed" in text:  # in TLS 1.3 a refused client hears nothing else
        return Explanation(
            "closed_in_handshake",
            "The connection was closed in the greeting: the link was cut, or the parent refuses this certificate.",
            "If it stays so, look at the clock of the parent, and ask the authority whether this node was revoked.",
        )
    return None


def _clock(why: str, today: str) -> Explanation:
    return Explanation(
        "clock",
        f"The clock of this computer or of the parent is probably wrong: {why}. By this clock today is {today}.",
        "Set the date and time of this computer, then try again.",
    )


def _in_force(certificate: Certificate, now_ms: int) -> bool:
    return certificate.not_before_ms <= now_ms < certificate.not_after_ms


def _day(ms: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=min(max(ms, -(10**13)), 10**14))
    return moment.date().isoformat()
