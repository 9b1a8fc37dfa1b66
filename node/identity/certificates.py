"""Certificates: what they say of a node, how an authority issues them, and how a node asks for one.

A certificate names its node in exactly one URI SAN, ``spiffe://dansync/<role>/<node id>``. A DNS SAN made from the
node's id lets gRPC's host name check prove that the parent that was dialled is the node that it should be.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node import limits
from node.errors import IdentityError
from node.identity.keys import NodeKey, is_public_key
from node.ids import NodeId

Role = Literal["node", "authority", "invited"]

_ROLES: Final = frozenset(get_args(Role))
_SCHEME: Final = "spiffe://dansync/"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SERIAL_BITS: Final = 127
_COMMON_NAME_CHARACTERS: Final = 64  # RFC 5280, ub-common-name
_PARSING: Final = (ValueError, TypeError, KeyError, x509.InvalidVersion, x509.DuplicateExtension, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. ``serial`` is hexadecimal, ``public_key`` SubjectPublicKeyInfo (DER), times Unix ms."""

    der: bytes
    node_id: NodeId
    role: Role
    serial: str
    not_before_ms: int
    not_after_ms: int
    public_key: bytes

    @property
    def pem(self) -> bytes:
        return x509.load_der_x509_certificate(self.der).public_bytes(serialization.Encoding.PEM)


def server_name(node_id: NodeId) -> str:
    """The DNS name that stands for a node in its certificate; ids may hold any letter, host names may not."""
    return f"n-{hashlib.sha256(node_id.encode()).hexdigest()[:32]}.dansync.internal"


def _moment(ms: int) -> dt.datetime:
    """X.509 knows the years 1950 to 9999 (RFC 5280, 4.1.2.5)."""
    earliest = dt.datetime(1950, 1, 1, tzinfo=dt.UTC)
    latest = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
    try:
        return min(max(_EPOCH + dt.timedelta(seconds=ms // 1000), earliest), latest)
    except OverflowError:
        return latest if ms > 0 else earliest


def _ms(moment: dt.datetime) -> int:
    return int((moment - _EPOCH) / dt.timedelta(milliseconds=1))


def _spki(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise IdentityError(
            "A certificate has another kind of key than ECDSA on P-256.",
            hint="Let the authority of this tree issue it.",
        )
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_certificate(data: bytes) -> Certificate:
    """A certificate of a node, PEM or DER. Raises ``IdentityError`` for anything else."""
    try:
        pem = data.lstrip().startswith(b"-----")
        certificate = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        key = certificate.public_key()
    except (*_PARSING, x509.ExtensionNotFound) as error:
        raise _not_ours() from error
    role, _slash, name = uris[0].removeprefix(_SCHEME).partition("/") if len(uris) == 1 else ("", "", "")
    if role not in _ROLES or not name or not uris[0].startswith(_SCHEME):
        raise _not_ours()
    return Certificate(
        certificate.public_bytes(serialization.Encoding.DER),
        NodeId(unquote(name)),
        role,  # type: ignore[arg-type]  # looked up in the set of roles above
        f"{certificate.serial_number:x}",
        _ms(certificate.not_valid_before_utc),
        _ms(certificate.not_valid_after_utc),
        _spki(key),
    )


def _not_ours() -> IdentityError:
    return IdentityError(
        "This is not a certificate of a dansync node.", hint="Certificates are issued by the authority of the tree."
    )


class CertificateAuthority:
    """Issues certificates. ``certificate`` is its own, PEM."""

    __slots__ = ("_certificate", "_key", "certificate")

    def __init__(self, certificate: x509.Certificate, key: NodeKey) -> None:
        self._certificate = certificate
        self._key = key
        self.certificate: bytes = certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def create(
        cls, name: str, now_ms: int, key: NodeKey | None = None, *, life_ms: int = limits.CA_LIFE_MS
    ) -> CertificateAuthority:
        """A new authority with a certificate that it has issued to itself; ``name`` is for people."""
        key = key or NodeKey.generate()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_COMMON_NAME_CHARACTERS])])
        public = key.private.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_moment(now_ms - limits.CERTIFICATE_BACKDATE_MS))
            .not_valid_after(_moment(now_ms + life_ms))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key.private, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, certificate_pem: bytes, key: NodeKey) -> CertificateAuthority:
        """An authority that exists already. Raises ``IdentityError`` if the certificate may not issue others, or is not
        that of the key.
        """
        try:
            certificate = x509.load_pem_x509_certificate(certificate_pem)
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
            public = _spki(certificate.public_key())
        except (*_PARSING, x509.ExtensionNotFound) as error:
            raise IdentityError(
                "The certificate of the authority cannot be read.", hint="It must be a PEM file with a CA certificate."
            ) from error
        try:
            signs = certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
        except x509.ExtensionNotFound:
            signs = True
        if not constraints.ca or not signs:
            raise IdentityError(
                "This certificate may not issue others.", hint="Give one with CA:TRUE and the usage keyCertSign."
            )
        if public != key.public:
            raise IdentityError(
                "The certificate of the authority and its key do not belong together.", hint="Give the right pair."
            )
        return cls(certificate, key)

    @property
    def not_after_ms(self) -> int:
        return _ms(self._certificate.not_valid_after_utc)

    def issue(
        self, node_id: NodeId, role: Role, public_key: bytes, *, now_ms: int, life_ms: int, serial: int | None = None
    ) -> Certificate:
        """A certificate that begins a little earlier than now, for wrong clocks, and never outlives the authority."""
        key = serialization.load_der_public_key(public_key)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([] if role == "invited" else [ExtendedKeyUsageOID.SERVER_AUTH])]
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(f"{_SCHEME}{role}/{quote(node_id, safe='')}")]
        if role != "invited":
            names.append(x509.DNSName(server_name(node_id)))
        common = x509.NameAttribute(NameOID.COMMON_NAME, f"dansync {role}")
        begin = _moment(now_ms - limits.CERTIFICATE_BACKDATE_MS)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([common]))
            .issuer_name(self._certificate.subject)
            .public_key(key)
            .serial_number(serial if serial is not None else x509.random_serial_number() >> 1)
            .not_valid_before(max(begin, self._certificate.not_valid_before_utc))
            .not_valid_after(min(_moment(now_ms + life_ms), self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_issuer(self._certificate), critical=False)
            .sign(self._key.private, hashes.SHA256())
        )
        return read_certificate(certificate.public_bytes(serialization.Encoding.DER))


def _issuer(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = authority.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def make_request(key: NodeKey, node_id: NodeId) -> bytes:
    """A certificate request (PKCS #10, DER), signed by the key that it is for."""
    uri = x509.UniformResourceIdentifier(f"{_SCHEME}node/{quote(node_id, safe='')}")
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dansync node")]))
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        .sign(key.private, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def check_request(der: bytes) -> tuple[NodeId, bytes]:
    """Whose request it is, and for which key; whoever made it has the key. Raises ``IdentityError``."""
    try:
        request = x509.load_der_x509_csr(der)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
        public = _spki(request.public_key())
        sound = request.is_signature_valid
    except (*_PARSING, x509.ExtensionNotFound, InvalidSignature) as error:
        raise IdentityError("A certificate request cannot be read.", hint="Ask again with: dansync enroll") from error
    prefix = f"{_SCHEME}node/"
    if not sound or not is_public_key(public) or not uri.startswith(prefix) or uri == prefix:
        raise IdentityError("A certificate request is not sound.", hint="Ask again with: dansync enroll")
    return NodeId(unquote(uri.removeprefix(prefix))), public


def chains(certificate: Certificate, roots_pem: bytes) -> bool:
    """Whether one of the roots issued it. Dates are left to TLS."""
    leaf = x509.load_der_x509_certificate(certificate.der)
    try:
        roots = x509.load_pem_x509_certificates(roots_pem)
    except ValueError:
        return False
    for root in roots:
        try:
            leaf.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def fingerprint(roots_pem: bytes) -> str:
    """SHA-256 of the first root, as people compare it: groups of four hexadecimal digits."""
    first = x509.load_pem_x509_certificates(roots_pem)[0]
    digest = first.fingerprint(hashes.SHA256()).hex()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))
