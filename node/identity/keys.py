"""Keys: ECDSA on P-256, for TLS and for signatures on what a node says.

With ECDSA certificates and one RSA suite left for TLS 1.2, gRPC speaks TLS 1.3 only (``node.identity.tls``).
"""

from __future__ import annotations

import os
import random
import stat
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node.errors import IdentityError, UsageError
from node.secret import write_secret

# Deterministic (RFC 6979): no weak random number can give the key away, and a simulated world replays to the byte.
_ALGORITHM: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-4, D.1.2.3)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class NodeKey:
    """A private key. It signs; what it is never shows in a text."""

    __slots__ = ("_key", "public")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        """SubjectPublicKeyInfo, DER."""

    @classmethod
    def generate(cls) -> NodeKey:
        """A new key from the operating system's randomness."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def derived(cls, source: random.Random) -> NodeKey:
        """A key that follows from a seed: for rehearsals and the simulator, never for a register that counts."""
        return cls(ec.derive_private_key(1 + source.randrange(_ORDER - 1), ec.SECP256R1()))

    @classmethod
    def from_pem(cls, data: bytes, *, where: str = "the key") -> NodeKey:
        """Raises ``IdentityError`` for anything but an unencrypted P-256 key."""
        try:
            key = serialization.load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise IdentityError(
                f"{where} cannot be read as a private key.", hint="It must be an unencrypted PEM file."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise IdentityError(
                f"{where} is not an ECDSA key on P-256.",
                hint="Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
            )
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> NodeKey:
        """Raises ``IdentityError`` if the file is missing, is no key, or may be read by others than its owner."""
        try:
            data = path.read_bytes()
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise IdentityError(
                f"The key {path} is missing.", hint="Enrol the node again with a new invitation: dansync enroll"
            ) from None
        except OSError as error:
            raise IdentityError(
                f"The key {path} cannot be read ({error.strerror}).", hint="Run this as the user who owns the node."
            ) from error
        if os.name == "posix" and mode & _OTHERS:
            raise IdentityError(
                f"The key {path} may be read by other users of this machine.", hint=f"Protect it: chmod 600 {path}"
            )
        return cls.from_pem(data, where=str(path))

    @classmethod
    def create(cls, path: Path) -> NodeKey:
        """A new key in a file that only its owner can read. Raises ``UsageError`` if there is a file already."""
        key = cls.generate()
        key.save(path)
        return key

    def save(self, path: Path) -> None:
        """Write the key, durably, into a new file of mode 0600. Raises ``UsageError`` if there is one."""
        try:
            write_secret(path, self.pem())
        except FileExistsError:
            raise UsageError(
                f"There is a key already at {path}.", hint="A key is never overwritten; choose another place."
            ) from None

    def pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        """For issuing certificates."""
        return self._key

    def sign(self, message: bytes) -> bytes:
        """ECDSA with SHA-256, DER, at most 72 bytes; the same for the same message."""
        return self._key.sign(message, _ALGORITHM)

    def agree(self, public_key: bytes) -> bytes:
        """The secret that only this key and the owner of ``public_key`` can compute (ECDH, 32 bytes). Never used as a
        key itself. Raises ``IdentityError`` for bytes that are no P-256 key.
        """
        other = _public(public_key)
        if other is None:
            raise IdentityError("A public key is not an ECDSA key on P-256.", hint="Ask its owner to enrol again.")
        return self._key.exchange(ec.ECDH(), other)


@lru_cache(maxsize=8_192)
def _public(data: bytes) -> ec.EllipticCurvePublicKey | None:
    try:
        key = serialization.load_der_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) else None


def is_public_key(data: bytes) -> bool:
    """Whether these bytes are a P-256 key (SubjectPublicKeyInfo, DER)."""
    return _public(data) is not None


def verifies(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of ``public_key`` signed ``message``. False, never an error, for bytes that are no key."""
    key = _public(public_key)
    if key is None:
        return False
    try:
        key.verify(signature, message, _ALGORITHM)
    except InvalidSignature:
        return False
    return True
