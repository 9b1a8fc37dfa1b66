"""Where a node keeps who it is: ``identity/`` in its folder, and ``authority/`` at the authority of a tree.

Files are replaced whole (written beside, synced, renamed). A new key lies beside the old one until its certificate is
there, so that a crash between any two steps leaves a pair that fits.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.errors import IdentityError, UsageError
from node.identity.certificates import Certificate, CertificateAuthority, chains, read_certificate
from node.identity.keys import NodeKey
from node.ids import NodeId
from node.secret import sync_folder

IDENTITY_NAME: Final = "identity"
AUTHORITY_NAME: Final = "authority"
_KEY: Final = "key.pem"
_NEW_KEY: Final = "key.new.pem"
_CERTIFICATE: Final = "certificate.pem"
_ROOTS: Final = "roots.pem"
_AUTHORITY: Final = "authority.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """A node that is enrolled. ``authority`` is the certificate of the node whose reference data counts."""

    node_id: NodeId
    key: NodeKey
    certificate: Certificate
    roots_pem: bytes
    authority: Certificate


class IdentityFolder:
    """The identity of one node, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / IDENTITY_NAME

    @property
    def path(self) -> Path:
        return self._folder

    def load(self) -> Identity:
        """Raises ``IdentityError`` if the node is not enrolled, or if its files do not fit."""
        if not (self._folder / _CERTIFICATE).exists():
            raise IdentityError(
                f"This node is not enrolled yet: {self._folder} has no certificate.",
                hint="Ask the authority for an invitation and run: dansync enroll FOLDER INVITATION-FILE "
                "(or make this node the authority of its tree: dansync ca init FOLDER)",
            )
        try:
            certificate = read_certificate((self._folder / _CERTIFICATE).read_bytes())
            roots = (self._folder / _ROOTS).read_bytes()
            authority = read_certificate((self._folder / _AUTHORITY).read_bytes())
        except OSError as error:
            raise IdentityError(
                f"The identity in {self._folder} cannot be read ({error.strerror}: {error.filename}).",
                hint="Put the files back from a backup, or enrol the node again: dansync enroll",
            ) from error
        key = self._fitting_key(certificate)
        if not chains(certificate, roots) or not chains(authority, roots) or authority.role != "authority":
            raise IdentityError(
                f"The certificates in {self._folder} are not of one authority.",
                hint="Put the files back from a backup, or enrol the node again: dansync enroll",
            )
        return Identity(certificate.node_id, key, certificate, roots, authority)

    def _fitting_key(self, certificate: Certificate) -> NodeKey:
        """The key of the certificate; a crash may have left it under the name of a new one."""
        for name in (_KEY, _NEW_KEY):
            path = self._folder / name
            if path.exists():
                key = NodeKey.load(path)
                if key.public == certificate.public_key:
                    return key
        raise IdentityError(
            f"The key in {self._folder} is not that of the certificate.",
            hint="Put the files back from a backup, or enrol the node again: dansync enroll",
        )

    def new_key(self) -> NodeKey:
        """The key to ask a certificate for: the one of the last try that got no answer, else a new one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / _NEW_KEY
        return NodeKey.load(path) if path.exists() else NodeKey.create(path)

    def take_key(self, key: NodeKey) -> None:
        """Use this key with the certificate that is stored next."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key.save(self._folder / _NEW_KEY)

    def store(self, certificate: Certificate, roots_pem: bytes, authority: Certificate) -> None:
        """Keep what the authority has issued, for the key in use or for the new one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(self._folder / _ROOTS, roots_pem)
        _replace(self._folder / _AUTHORITY, authority.pem)
        _replace(self._folder / _CERTIFICATE, certificate.pem)
        new = self._folder / _NEW_KEY
        if new.exists() and NodeKey.load(new).public == certificate.public_key:
            new.replace(self._folder / _KEY)
            sync_folder(self._folder)


class AuthorityFolder:
    """The authority's own key and certificate, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / AUTHORITY_NAME

    @property
    def path(self) -> Path:
        return self._folder

    def load(self) -> CertificateAuthority | None:
        """None where this node is no authority. Raises ``IdentityError`` if its files do not fit."""
        certificate = self._folder / "ca.pem"
        if not certificate.exists():
            return None
        return CertificateAuthority.load(certificate.read_bytes(), NodeKey.load(self._folder / "ca.key"))

    def keep(self, certificate_pem: bytes, key: NodeKey) -> CertificateAuthority:
        """Take an authority in. After a crash half-way it is taken anew. Raises ``IdentityError``, ``UsageError``."""
        if self.load() is not None:
            raise UsageError(
                f"There is an authority already in {self._folder}.", hint="It is kept; nothing was changed."
            )
        authority = CertificateAuthority.load(certificate_pem, key)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "ca.key"
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # of a try that never came to its certificate
        key.save(path)
        _replace(self._folder / "ca.pem", certificate_pem)
        return authority


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
