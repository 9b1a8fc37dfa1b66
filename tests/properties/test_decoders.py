"""Hostile bytes: every decoder and every stored format gives a value or its own error, never anything else.

The short form for every run; ``HYPOTHESIS_PROFILE=explore`` looks longer. The wire's session messages and batches have
theirs in ``tests/unit/node/test_wire.py`` and ``test_codec.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import decisions_wire, receipts_wire, rows_wire
from node.chain import KIND_REGISTER, Commit, Head
from node.encryption import load_key
from node.enrolment import EnrolAnswer, EnrolRequest, OriginClaim, RenewRequest
from node.enrolment_wire import (
    decode_answer,
    decode_enrol_request,
    decode_renew_request,
    encode_answer,
    encode_enrol_request,
    encode_renew_request,
)
from node.errors import DansyncError, FrameRefused, IdentityError, StoreError, UsageError
from node.identity.certificates import CertificateAuthority, check_request, make_request, read_certificate
from node.identity.invitation import read_invitation
from node.identity.keys import NodeKey
from node.ids import Hash, NodeId, OriginId, RowId, Seq, UnitCode
from node.receipts import Receipt
from node.replay import inspect
from node.rows_wire import Answer, Content, RowsWanted, SentRow
from node.schema import SCHEMA_VERSION
from node.witness import Witness
from ops.config import load_config
from tests.unit.conflict.test_instructions import DAY, made
from tests.unit.node.stores import add_persons, all_commits, new_store

KEY = NodeKey.derived(random.Random(1))
AUTHORITY = CertificateAuthority.create("x", 1_790_000_000_000, KEY)
CERTIFICATE = AUTHORITY.issue(NodeId("c"), "node", KEY.public, now_ms=1_790_000_000_000, life_ms=10**10).der
REQUEST = make_request(KEY, NodeId("c"))
ENROL = EnrolRequest(CERTIFICATE, REQUEST, b"proof", (OriginClaim(OriginId(bytes(16)), UnitCode("1"), ""),), "1.0")
ANSWER = EnrolAnswer("issued", "", "", CERTIFICATE, AUTHORITY.certificate, CERTIFICATE, bytes(16))

HEAD = Head(OriginId(bytes(16)), Seq(7), Hash(bytes(32)))
ROW = SentRow("person", RowId(bytes(16)), (bytes(16), bytes(16), "Trần", None, -3))
WANTED = RowsWanted(OriginId(bytes(16)), HEAD, bytes(16), (ROW.key,))
CONTENT = rows_wire.encode_content(Content(OriginId(bytes(16)), bytes(16), Hash(bytes(32)), (ROW,)))
ROWS = Answer(HEAD, NodeId("c"), b"s", CONTENT)
NOTICE = decisions_wire.encode_notice(
    decisions_wire.Notice(OriginId(bytes(16)), OriginId(bytes(16)), "a", False, made("11" * 32, "a:e1 c:e2"), DAY)
)
SIGNED = decisions_wire.Signed(NodeId("p"), b"s", NOTICE)

DECODERS: dict[str, tuple[Callable[[bytes], object], bytes, type[Exception]]] = {
    "a request to enrol": (decode_enrol_request, encode_enrol_request(ENROL), FrameRefused),
    "a request to renew": (decode_renew_request, encode_renew_request(RenewRequest(REQUEST)), FrameRefused),
    "an answer": (decode_answer, encode_answer(ANSWER), FrameRefused),
    "a request for rows": (rows_wire.decode_wanted, rows_wire.encode_wanted(WANTED), FrameRefused),
    "a signed decision": (decisions_wire.decode_signed, decisions_wire.encode_signed(SIGNED), FrameRefused),
    "a decision": (decisions_wire.decode_notice, NOTICE, DansyncError),
    "an answer with rows": (rows_wire.decode_answer, rows_wire.encode_answer(ROWS), FrameRefused),
    "a request for receipts": (
        receipts_wire.decode_confirm_request,
        receipts_wire.encode_confirm_request([HEAD]),
        FrameRefused,
    ),
    "receipts": (
        receipts_wire.decode_confirm_response,
        receipts_wire.encode_confirm_response([Receipt(HEAD, 1_790_000_000_000, b"s")]),
        FrameRefused,
    ),
    "rows": (rows_wire.decode_content, CONTENT, FrameRefused),
    "a certificate": (read_certificate, CERTIFICATE, IdentityError),
    "a certificate request": (check_request, REQUEST, IdentityError),
    "a key": (NodeKey.from_pem, KEY.pem(), IdentityError),
    "an invitation": (lambda data: read_invitation(data.decode("latin-1")), b"dansync-join-1.abc", IdentityError),
}


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    """The valid bytes with something flipped, cut out or put in."""
    position = st.integers(0, len(data) - 1)
    flips = st.tuples(position, st.integers(1, 255)).map(
        lambda p: data[: p[0]] + bytes([data[p[0]] ^ p[1]]) + data[p[0] + 1 :]
    )
    cuts = st.tuples(position, st.integers(0, 60)).map(lambda p: data[: p[0]] + data[p[0] + p[1] :])
    fillings = st.tuples(position, st.binary(max_size=30)).map(lambda p: data[: p[0]] + p[1] + data[p[0] :])
    return st.one_of(flips, cuts, fillings, st.binary(max_size=300))


@pytest.mark.parametrize("what", DECODERS)
@given(data=st.data())
def test_a_decoder_gives_a_value_or_its_own_error(what: str, data: st.DataObject) -> None:
    decode, valid, refusal = DECODERS[what]
    told: Exception | None = None
    try:
        decode(data.draw(mutated(valid)))
    except refusal as error:
        told = error
    assert told is None or str(told)


def test_what_was_encoded_is_decoded() -> None:
    assert decode_enrol_request(encode_enrol_request(ENROL)) == ENROL
    assert decode_renew_request(encode_renew_request(RenewRequest(REQUEST))) == RenewRequest(REQUEST)
    assert decode_answer(encode_answer(ANSWER)) == ANSWER


@pytest.fixture(scope="module")
def changeset(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    store = new_store(tmp_path_factory.mktemp("store"))
    add_persons(store, ["An", "Bình", "Châu"])
    found = all_commits(store, store.own_origin())[1].changeset
    store.close()
    return found


@given(data=st.data())
def test_a_changeset_is_looked_at_without_harm(changeset: bytes, data: st.DataObject) -> None:
    spoilt = data.draw(mutated(changeset))
    commit = Commit(OriginId(bytes(16)), Seq(1), SCHEMA_VERSION, 0, "", KIND_REGISTER, "", spoilt, Hash(bytes(32)))
    seen = inspect(commit)
    assert seen.keys


class InMemory:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self) -> bytes:
        return self.content

    def write(self, offset: int, data: bytes) -> None:
        raise AssertionError("nobody writes here")


@given(st.binary(max_size=700))
def test_a_witness_of_noise_remembers_nothing(content: bytes) -> None:
    assert Witness(InMemory(content)).heads() == {}


@given(text=st.text(max_size=200))
def test_settings_are_read_or_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("node")
    (folder / "node.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    told: UsageError | None = None
    try:
        load_config(folder)
    except UsageError as error:
        told = error
    assert told is None or told.hint, "it says what to do"


@given(content=st.binary(max_size=80))
def test_a_key_file_is_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path: Path = tmp_path_factory.mktemp("key") / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    told: StoreError | None = None
    try:
        load_key(f"file:{path}", "c")
    except StoreError as error:
        told = error
    assert told is None or told.hint, "it says what to do"
