"""Invitations: a one-time token, as text that can be put into a file or a mail.

It carries the authority's certificate, so that whoever joins knows whom to trust before saying anything, and a
short-lived certificate with its key, with which the first call is made over mutual TLS like any other. That certificate
may ask to be enrolled and nothing else; the authority takes one key for it and no second one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Final

from node.errors import IdentityError
from node.identity.certificates import Certificate, chains, fingerprint, read_certificate
from node.identity.keys import NodeKey
from node.ids import NodeId

PREFIX: Final = "dansync-join-1."
_CHECK_BYTES: Final = 8
_TEXT_CHARACTERS_MAX: Final = 16_384
_CONTENT_BYTES_MAX: Final = 32_768
_LINE_CHARACTERS: Final = 76
_FIELDS: Final = ("node_id", "parent_node_id", "roots", "certificate", "key")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who is invited, by which authority, to which parent."""

    node_id: NodeId
    parent_node_id: NodeId
    roots_pem: bytes
    certificate: Certificate
    key: NodeKey

    @property
    def authority_fingerprint(self) -> str:
        """For people who compare it over the telephone."""
        return fingerprint(self.roots_pem)

    @property
    def text(self) -> str:
        """The token, in lines that a mail does not break."""
        content = json.dumps(
            {
                "node_id": self.node_id,
                "parent_node_id": self.parent_node_id,
                "roots": self.roots_pem.decode("ascii"),
                "certificate": self.certificate.pem.decode("ascii"),
                "key": self.key.pem().decode("ascii"),
            }
        ).encode()
        packed = zlib.compress(content, 9)
        body = PREFIX + base64.urlsafe_b64encode(_check(packed) + packed).decode("ascii").rstrip("=")
        return "\n".join(body[i : i + _LINE_CHARACTERS] for i in range(0, len(body), _LINE_CHARACTERS)) + "\n"


def _check(packed: bytes) -> bytes:
    return hashlib.sha256(packed).digest()[:_CHECK_BYTES]


def read_invitation(text: str) -> Invitation:
    """Raises ``IdentityError`` for a token that was cut, mistyped or is of another release."""
    compact = "".join(text.split())
    if not compact.startswith(PREFIX):
        raise IdentityError(
            "This is no invitation.", hint=f"It is a text that begins with {PREFIX} Ask the authority for one."
        )
    if len(compact) > _TEXT_CHARACTERS_MAX:
        raise _damaged()
    body = compact.removeprefix(PREFIX)
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        packed = data[_CHECK_BYTES:]
        canonical = base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")
        if _check(packed) != data[:_CHECK_BYTES] or canonical != body:
            raise _damaged()
        unpacker = zlib.decompressobj()
        content = json.loads(unpacker.decompress(packed, _CONTENT_BYTES_MAX))
        node_id, parent_node_id, roots, certificate, key = (str(content[name]) for name in _FIELDS)
    except (binascii.Error, ValueError, KeyError, TypeError, zlib.error, RecursionError) as error:
        raise _damaged() from error
    invitation = Invitation(
        NodeId(node_id),
        NodeId(parent_node_id),
        roots.encode(),
        read_certificate(certificate.encode()),
        NodeKey.from_pem(key.encode(), where="The key of the invitation"),
    )
    own = invitation.certificate
    if own.role != "invited" or own.node_id != node_id or not chains(own, invitation.roots_pem):
        raise _damaged()
    if own.public_key != invitation.key.public:
        raise _damaged()
    return invitation


def _damaged() -> IdentityError:
    return IdentityError(
        "The invitation is damaged: a part is missing or was changed.",
        hint="Copy it again, whole, from the first letter.",
    )
