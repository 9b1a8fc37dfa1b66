"""Keys, certificates, invitations and the folder they lie in."""

from __future__ import annotations

import contextlib
import hashlib
import random
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given
from hypothesis import strategies as st

from node import limits
from node.errors import IdentityError, UsageError
from node.identity.certificates import (
    CertificateAuthority,
    chains,
    check_request,
    make_request,
    read_certificate,
    server_name,
)
from node.identity.folder import AuthorityFolder, Identity, IdentityFolder
from node.identity.invitation import PREFIX, Invitation, read_invitation
from node.identity.keys import NodeKey, is_public_key, verifies
from node.identity.statements import batch_statement, join_statement, receipt_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq

NOW_MS = 1_790_000_000_000
DAY = limits.DAY_MS
KEY = NodeKey.derived(random.Random(1))
SIGNING = NodeKey.derived(random.Random(2))
AUTHORITY = CertificateAuthority.create("test", NOW_MS, SIGNING)
ORIGIN = OriginId(bytes(range(16)))


def identity(name: str = "c", key: NodeKey = KEY) -> Identity:
    certificate = AUTHORITY.issue(NodeId(name), "node", key.public, now_ms=NOW_MS, life_ms=100 * DAY)
    root = AUTHORITY.issue(NodeId("p"), "authority", SIGNING.public, now_ms=NOW_MS, life_ms=100 * DAY)
    return Identity(NodeId(name), key, certificate, AUTHORITY.certificate, root)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_signature_is_good_for_its_statement_and_its_key_only() -> None:
    statement = batch_statement(ORIGIN, Seq(7), GENESIS_HASH)
    signature = KEY.sign(statement)
    assert verifies(KEY.public, statement, signature)
    assert not verifies(KEY.public, batch_statement(ORIGIN, Seq(8), GENESIS_HASH), signature)
    assert not verifies(SIGNING.public, statement, signature)
    assert len(signature) <= 72
    assert KEY.sign(statement) == signature, "a seeded world has to replay"


def test_no_statement_can_be_taken_for_another_kind() -> None:
    kinds = (
        batch_statement(ORIGIN, Seq(1), GENESIS_HASH),
        receipt_statement(NodeId("p"), ORIGIN, Seq(1), GENESIS_HASH, 0),
        join_statement(b""),
    )
    for one in kinds:
        assert sum(other.startswith(one[: one.index(b"\0") + 1]) for other in kinds) == 1


@given(st.binary(max_size=200), st.binary(max_size=100))
@example(
    rsa.generate_private_key(65537, 1024)
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    b"",
)
@example(
    ec.generate_private_key(ec.SECP384R1())
    .public_key()
    .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    b"",
)
def test_bytes_that_are_no_key_verify_nothing_and_raise_nothing(key: bytes, signature: bytes) -> None:
    assert not is_public_key(key)
    assert not verifies(key, b"statement", signature)
    assert not verifies(KEY.public, b"statement", signature)


def test_a_key_lies_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    key = NodeKey.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert NodeKey.load(path).public == key.public
    with pytest.raises(UsageError, match="already"):
        NodeKey.create(path)
    path.chmod(0o640)
    with pytest.raises(IdentityError, match="other users") as caught:
        NodeKey.load(path)
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        rsa.generate_private_key(65537, 1024).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        ),
    ],
    ids=["empty", "garbage", "rsa", "encrypted"],
)
def test_a_file_that_is_no_key_of_ours_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError):
        NodeKey.load(path)


def test_a_missing_key_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="missing") as caught:
        NodeKey.load(tmp_path / "key.pem")
    assert "dansync enroll" in caught.value.hint


def test_a_key_does_not_show_in_any_text() -> None:
    secret = KEY.pem().decode().splitlines()[1]
    assert secret not in repr(KEY) + str(KEY) + repr(identity())


# --- certificates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c", "Xã Trần Phú", "a/b", "50%", "x" * 200, "ệ" * 60])
def test_a_certificate_names_its_node_whatever_it_is_called(name: str) -> None:
    issued = AUTHORITY.issue(NodeId(name), "node", KEY.public, now_ms=NOW_MS, life_ms=DAY)
    again = read_certificate(issued.pem)
    assert again == issued == read_certificate(issued.der)
    assert (again.node_id, again.role, again.public_key) == (name, "node", KEY.public)
    assert server_name(NodeId(name)).isascii() and len(server_name(NodeId(name))) < 64
    names = x509.load_der_x509_certificate(issued.der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert len(names.value.get_values_for_type(x509.UniformResourceIdentifier)) == 1


def test_a_certificate_begins_early_for_slow_clocks_and_never_outlives_its_authority() -> None:
    issued = AUTHORITY.issue(NodeId("c"), "node", KEY.public, now_ms=NOW_MS, life_ms=100 * 365 * DAY)
    assert NOW_MS - 3 * DAY <= issued.not_before_ms <= NOW_MS - DAY
    assert issued.not_after_ms == AUTHORITY.not_after_ms


def test_an_invited_certificate_cannot_be_a_server() -> None:
    issued = AUTHORITY.issue(NodeId("c"), "invited", KEY.public, now_ms=NOW_MS, life_ms=DAY)
    uses = x509.load_der_x509_certificate(issued.der).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in uses


@given(st.binary(max_size=400))
def test_bytes_that_are_no_certificate_are_refused(data: bytes) -> None:
    with pytest.raises(IdentityError):
        read_certificate(data)
    with pytest.raises(IdentityError):
        check_request(data)


def test_the_certificate_of_the_authority_itself_names_no_node() -> None:
    with pytest.raises(IdentityError):
        read_certificate(AUTHORITY.certificate)


def test_a_request_proves_its_key() -> None:
    request = make_request(KEY, NodeId("Xã A"))
    assert check_request(request) == ("Xã A", KEY.public)
    spoilt = bytearray(request)
    spoilt[-3] ^= 1
    with pytest.raises(IdentityError):
        check_request(bytes(spoilt))


def test_only_the_authority_that_issued_it_chains() -> None:
    other = CertificateAuthority.create("test", NOW_MS, NodeKey.derived(random.Random(3)))
    issued = AUTHORITY.issue(NodeId("c"), "node", KEY.public, now_ms=NOW_MS, life_ms=DAY)
    assert chains(issued, AUTHORITY.certificate)
    assert chains(issued, other.certificate + AUTHORITY.certificate)
    assert not chains(issued, other.certificate)
    assert not chains(issued, b"no certificates")


def test_an_existing_authority_is_taken_only_with_its_key_and_its_right() -> None:
    assert CertificateAuthority.load(AUTHORITY.certificate, SIGNING).certificate == AUTHORITY.certificate
    with pytest.raises(IdentityError, match="belong together"):
        CertificateAuthority.load(AUTHORITY.certificate, KEY)
    leaf = AUTHORITY.issue(NodeId("c"), "node", KEY.public, now_ms=NOW_MS, life_ms=DAY)
    with pytest.raises(IdentityError, match="may not issue"):
        CertificateAuthority.load(leaf.pem, KEY)
    with pytest.raises(IdentityError, match="cannot be read"):
        CertificateAuthority.load(b"", KEY)


# --- invitations -----------------------------------------------------------------------------------------------------


def invitation() -> Invitation:
    key = NodeKey.derived(random.Random(5))
    certificate = AUTHORITY.issue(NodeId("Xã A"), "invited", key.public, now_ms=NOW_MS, life_ms=DAY)
    return Invitation(NodeId("Xã A"), NodeId("p"), AUTHORITY.certificate, certificate, key)


TEXT = invitation().text


def test_an_invitation_survives_mail() -> None:
    for text in (TEXT, TEXT.replace("\n", "\r\n"), "  " + TEXT.replace("\n", " \n\t"), TEXT.replace("\n", "")):
        read = read_invitation(text)
        assert (read.node_id, read.parent_node_id) == ("Xã A", "p")
        assert read.key.public == read.certificate.public_key
    assert max(len(line) for line in TEXT.splitlines()) <= 76


@given(st.data())
def test_any_mistyped_letter_of_an_invitation_is_told(data: st.DataObject) -> None:
    compact = "".join(TEXT.split())
    position = data.draw(st.integers(0, len(compact) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.é").filter(lambda found: found != compact[position]))
    with pytest.raises(IdentityError):
        read_invitation(compact[:position] + letter + compact[position + 1 :])


@given(st.integers(0, len(TEXT) - 2), st.integers(1, 40))
def test_an_invitation_of_which_a_part_is_missing_is_told(start: int, count: int) -> None:
    compact = "".join(TEXT.split())
    cut = compact[:start] + compact[start + count :]
    if cut != compact:
        with pytest.raises(IdentityError):
            read_invitation(cut)


def test_a_token_that_would_unpack_to_much_more_is_refused() -> None:
    packed = zlib.compress(b"[" + b" " * 10_000_000 + b"]", 9)
    data = hashlib.sha256(packed).digest()[:8] + packed
    with pytest.raises(IdentityError):
        read_invitation(PREFIX + urlsafe_b64encode(data).decode().rstrip("="))


# --- folders ---------------------------------------------------------------------------------------------------------


def test_an_identity_is_found_again(tmp_path: Path) -> None:
    place, wanted = IdentityFolder(tmp_path), identity()
    with pytest.raises(IdentityError, match="not enrolled yet"):
        place.load()
    place.take_key(wanted.key)
    place.store(wanted.certificate, wanted.roots_pem, wanted.authority)
    found = place.load()
    assert (found.node_id, found.certificate, found.authority) == ("c", wanted.certificate, wanted.authority)
    assert found.key.public == wanted.key.public
    assert {path.name for path in place.path.iterdir()} == {"key.pem", "certificate.pem", "roots.pem", "authority.pem"}


def test_the_key_of_a_try_without_an_answer_is_used_again(tmp_path: Path) -> None:
    place = IdentityFolder(tmp_path)
    assert place.new_key().public == place.new_key().public


@pytest.mark.parametrize("crash_at", range(5))
def test_a_crash_while_a_new_identity_is_stored_leaves_the_old_or_the_new_one(
    crash_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, old = IdentityFolder(tmp_path), identity()
    place.take_key(old.key)
    place.store(old.certificate, old.roots_pem, old.authority)
    new = identity(key=place.new_key())
    steps = iter(range(10))
    replace = Path.replace

    def replacing(path: Path, target: Path) -> Path:
        if next(steps) == crash_at:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replacing)
    with contextlib.suppress(KeyboardInterrupt):
        place.store(new.certificate, new.roots_pem, new.authority)
    monkeypatch.undo()
    assert place.load().certificate in (old.certificate, new.certificate)
    place.store(new.certificate, new.roots_pem, new.authority)
    assert place.load().certificate == new.certificate


def test_files_that_do_not_fit_are_told_and_not_used(tmp_path: Path) -> None:
    place, wanted = IdentityFolder(tmp_path), identity()
    place.take_key(wanted.key)
    place.store(wanted.certificate, wanted.roots_pem, wanted.authority)
    foreign = CertificateAuthority.create("other", NOW_MS, NodeKey.derived(random.Random(9)))
    (place.path / "roots.pem").write_bytes(foreign.certificate)
    with pytest.raises(IdentityError, match="not of one authority"):
        place.load()
    (place.path / "roots.pem").unlink()
    with pytest.raises(IdentityError, match="cannot be read"):
        place.load()
    place.store(wanted.certificate, wanted.roots_pem, wanted.authority)
    (place.path / "key.pem").unlink()
    with pytest.raises(IdentityError, match="not that of the certificate"):
        place.load()


def test_an_authority_is_kept_once(tmp_path: Path) -> None:
    place = AuthorityFolder(tmp_path)
    assert place.load() is None
    place.keep(AUTHORITY.certificate, SIGNING)
    found = place.load()
    assert found is not None and found.certificate == AUTHORITY.certificate
    assert (place.path / "ca.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="already"):
        place.keep(AUTHORITY.certificate, SIGNING)
