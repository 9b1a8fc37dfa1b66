"""Frames: every message comes back as it was sent; every field has its limit; no bytes raise anything but FrameRefused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dansync.sync.v1 import sync_pb2
from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.ids import HASH_BYTES, ID_BYTES, Hash, Incarnation, NodeId, OriginId, Seq, UnitCode
from node.protocol.codes import CODES
from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    BatchHeader,
    BatchNumber,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    ParentMessage,
    Refuse,
    SnapshotAsk,
    SnapshotChunk,
    SnapshotLater,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
    States,
    StateStatement,
    Taken,
    Ticket,
    TicketStored,
    Verified,
    Want,
)
from node.wire import decode_request, decode_response, encode_request, encode_response
from tests.protocol.words import (
    A1,
    CHILD_SAYS,
    PARENT_SAYS,
    STATEMENT,
    acknowledge,
    batch,
    heads,
    hello,
    origin,
    refuse,
    welcome,
    zero,
)

# --- any message ------------------------------------------------------------------------------------------------------

U32 = st.integers(0, (1 << 32) - 1)
SEQ = st.integers(0, (1 << 63) - 1).map(Seq)
ORIGIN = st.binary(min_size=ID_BYTES, max_size=ID_BYTES).map(OriginId)
HASH = st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES).map(Hash)
NODE_ID = st.from_regex(r"[^\s:|\x00-\x1f]{1,200}", fullmatch=True).filter(lambda text: text.isprintable()).map(NodeId)
TEXT = st.text(st.characters(codec="utf-8"), max_size=200).filter(lambda text: text.isprintable())
TICKET = st.binary(max_size=64)
REFERENCE = st.just(b"") | st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES)
HEAD = st.builds(Head, ORIGIN, SEQ, HASH)
HEADS = st.builds(
    Heads, own=st.lists(HEAD, max_size=4).map(tuple), relayed=st.lists(HEAD, max_size=4).map(tuple), last=st.booleans()
)
FINISH = st.builds(Finish, code=st.sampled_from(sorted(CODES)), detail=TEXT)
NUMBER = st.integers(1, (1 << 64) - 1).map(BatchNumber)
COUNT = st.integers(0, limits.BATCH_COMMITS_MAX // 2)
HEADER = st.builds(
    BatchHeader,
    origin=ORIGIN, previous_seq=SEQ, previous_hash=HASH, seq=SEQ, hash=HASH, commits=U32, raw_bytes=U32, wire_bytes=U32,
    signer=TEXT.map(NodeId), signature=st.binary(max_size=512),
)  # fmt: skip
STATEMENT_OF = st.builds(
    StateStatement,
    head=HEAD, digest=HASH, rows=SEQ, stated_at_ms=st.integers(-(1 << 63), (1 << 63) - 1), signer=NODE_ID,
    signature=st.binary(max_size=512),
)  # fmt: skip
U31 = st.integers(0, (1 << 31) - 1)
SNAPSHOT = st.one_of(
    st.builds(SnapshotOffer, statement=STATEMENT_OF, chunks=U31, root=HASH, schema_version=U31, after=st.none() | HEAD),
    st.builds(SnapshotWant, head=HEAD, chunk=U31),
    st.builds(SnapshotLater, head=HEAD, wait_ms=U31),
    st.builds(SnapshotChunk, origin=ORIGIN, chunk=U31, payload=st.binary(max_size=100)),
    st.builds(SnapshotStored, origin=ORIGIN, chunk=U31),
    st.builds(SnapshotTaken, head=HEAD),
)
OUTCOME = st.sampled_from(["equal", "repaired", "differs", "held_back", "elsewhere", "refused"])
REQUESTS: st.SearchStrategy[ChildMessage] = st.one_of(
    st.builds(
        hello,
        protocol_version_min=U32, protocol_version_max=U32, schema_version=U32, node_id=NODE_ID,
        incarnation=ORIGIN.map(Incarnation), reference_hash=REFERENCE, ticket=TICKET,
        unit_code=TEXT.map(UnitCode), unit_valid_from=TEXT, release=TEXT,
    ),
    HEADS,
    st.builds(BatchFrame, batch=NUMBER, header=st.none() | HEADER, payload=st.binary(max_size=100), last=st.booleans()),
    st.builds(States, st.lists(STATEMENT_OF, max_size=3).map(tuple)),
    SNAPSHOT,
    st.builds(Want, have=HEAD, older=st.lists(HEAD, max_size=3).map(tuple)),
    st.builds(Taken, batch=NUMBER, head=HEAD),
    st.builds(Drained),
    st.builds(TicketStored, ticket=TICKET),
    st.builds(Heartbeat),
    FINISH,
)  # fmt: skip
RESPONSES: st.SearchStrategy[ParentMessage] = st.one_of(
    st.builds(
        welcome,
        protocol_version=U32, schema_version=U32, node_id=NODE_ID, incarnation=ORIGIN.map(Incarnation),
        reference_hash=REFERENCE, release=TEXT,
        ticket_verdict=st.sampled_from(["none_yet", "current", "previous", "stale"]),
    ),
    HEADS,
    st.builds(Acknowledge, batch=NUMBER, head=HEAD, applied=COUNT, quarantined=COUNT),
    st.builds(Refuse, origin=ORIGIN, code=st.sampled_from(sorted(CODES)), detail=TEXT, batch=st.none() | NUMBER),
    st.builds(Verified, head=HEAD, outcome=OUTCOME, root_seq=SEQ),
    SNAPSHOT,
    st.builds(SnapshotAsk, origin=ORIGIN),
    st.builds(Ticket, ticket=TICKET),
    st.builds(Heartbeat),
    FINISH,
)  # fmt: skip


@given(REQUESTS)
def test_what_a_child_says_comes_back_as_it_was(message: ChildMessage) -> None:
    assert decode_request(encode_request(message)) == message


@given(RESPONSES)
def test_what_a_parent_says_comes_back_as_it_was(message: ParentMessage) -> None:
    assert decode_response(encode_response(message)) == message


@pytest.mark.parametrize("message", CHILD_SAYS, ids=lambda message: type(message).__name__)
def test_unknown_fields_of_a_child_are_ignored(message: ChildMessage) -> None:
    assert decode_request(encode_request(message) + b"\xba\x3e\x03abc") == message  # field 999


@pytest.mark.parametrize("message", PARENT_SAYS, ids=lambda message: type(message).__name__)
def test_unknown_fields_of_a_parent_are_ignored(message: ParentMessage) -> None:
    assert decode_response(encode_response(message) + b"\xba\x3e\x03abc") == message


def test_heads_at_their_limit_fit_one_frame() -> None:
    message = heads(own=(Head(origin("a"), Seq((1 << 63) - 1), Hash(b"h" * 32)),) * limits.HEADS_PER_FRAME_MAX)
    assert decode_request(encode_request(message)) == message


def test_statements_at_their_limit_fit_one_frame() -> None:
    head = Head(origin("a"), Seq((1 << 63) - 1), Hash(b"h" * 32))
    largest = StateStatement(head, Hash(b"d" * 32), (1 << 63) - 1, -(1 << 63), NodeId("ợ" * 200), b"s" * 512)
    message = States((largest,) * limits.STATES_PER_FRAME_MAX)
    assert decode_request(encode_request(message)) == message


def test_a_piece_of_a_batch_at_its_limit_fits_one_frame() -> None:
    message = batch(
        1, zero(origin("a")), A1, bytes(limits.FRAME_PAYLOAD_BYTES_MAX), signer=NodeId("n" * 200), signature=b"s" * 512
    )
    assert decode_request(encode_request(message)) == message


# --- limits -----------------------------------------------------------------------------------------------------------

LONG = "x" * (limits.TEXT_FIELD_BYTES_MAX + 1)


def request(change: Callable[[sync_pb2.SyncRequest], object], message: ChildMessage) -> bytes:
    """The frame of a message with something in it changed."""
    frame = sync_pb2.SyncRequest()
    frame.ParseFromString(encode_request(message))
    change(frame)
    return frame.SerializeToString()


def response(change: Callable[[sync_pb2.SyncResponse], object], message: ParentMessage) -> bytes:
    frame = sync_pb2.SyncResponse()
    frame.ParseFromString(encode_response(message))
    change(frame)
    return frame.SerializeToString()


OFFER = SnapshotOffer(STATEMENT, 1, Hash(b"r" * 32), 1)
BATCH = batch(1, zero(origin("a")), A1)
BAD_REQUESTS: list[tuple[str, Callable[[sync_pb2.SyncRequest], object], ChildMessage, str]] = [
    ("hello: no node id", lambda f: setattr(f.hello, "node_id", ""), hello(), "malformed"),
    ("hello: a blank in the node id", lambda f: setattr(f.hello, "node_id", "a b"), hello(), "malformed"),
    ("hello: a colon in the node id", lambda f: setattr(f.hello, "node_id", "a:b"), hello(), "malformed"),
    ("hello: a bar in the node id", lambda f: setattr(f.hello, "node_id", "a|b"), hello(), "malformed"),
    ("hello: a line break in the node id", lambda f: setattr(f.hello, "node_id", "a\n"), hello(), "malformed"),
    ("hello: a long node id", lambda f: setattr(f.hello, "node_id", "a" * 201), hello(), "malformed"),
    ("hello: a short incarnation", lambda f: setattr(f.hello, "incarnation", b"i" * 15), hello(), "malformed"),
    ("hello: a short reference hash", lambda f: setattr(f.hello, "reference_hash", b"r" * 31), hello(), "malformed"),
    ("hello: a long ticket", lambda f: setattr(f.hello, "ticket", b"t" * 65), hello(), "oversized"),
    ("hello: a long unit code", lambda f: setattr(f.hello.unit, "code", LONG), hello(), "oversized"),
    ("hello: a long day", lambda f: setattr(f.hello.unit, "valid_from", LONG), hello(), "oversized"),
    ("hello: a long release", lambda f: setattr(f.hello, "release", LONG), hello(), "oversized"),
    ("heads: a short origin", lambda f: setattr(f.heads.own[0], "origin", b"o" * 15), heads(own=(A1,)), "malformed"),
    ("heads: a long origin", lambda f: setattr(f.heads.own[0], "origin", b"o" * 17), heads(own=(A1,)), "malformed"),
    ("heads: no hash", lambda f: f.heads.own[0].ClearField("hash"), heads(own=(A1,)), "malformed"),
    ("heads: a seq that no store can hold", lambda f: setattr(f.heads.own[0], "seq", 1 << 63), heads(own=(A1,)), "malformed"),
    ("heads: too many", lambda f: [f.heads.own.add() for _ in range(limits.HEADS_PER_FRAME_MAX)], heads(own=(A1,)), "oversized"),
    ("heads: too many together", lambda f: [f.heads.relayed.add() for _ in range(limits.HEADS_PER_FRAME_MAX)], heads(own=(A1,)), "oversized"),
    ("batch: a short origin", lambda f: setattr(f.batch.header, "origin", b"o" * 15), BATCH, "malformed"),
    ("batch: a short hash", lambda f: setattr(f.batch.header, "hash", b"h" * 31), BATCH, "malformed"),
    ("batch: no previous hash", lambda f: f.batch.header.ClearField("previous_hash"), BATCH, "malformed"),
    ("batch: a seq that no store can hold", lambda f: setattr(f.batch.header, "seq", 1 << 63), BATCH, "malformed"),
    ("batch: a previous seq that no store can hold", lambda f: setattr(f.batch.header, "previous_seq", 1 << 63), BATCH, "malformed"),
    ("batch: a long signer", lambda f: setattr(f.batch.header, "signer", LONG), BATCH, "oversized"),
    ("batch: a long signature", lambda f: setattr(f.batch.header, "signature", b"s" * 513), BATCH, "oversized"),
    ("batch: a frame over the limit", lambda f: setattr(f.batch, "payload", bytes(limits.FRAME_BYTES_MAX)), BATCH, "oversized"),
    ("snapshot: no step", lambda f: f.snapshot.ClearField("taken"), SnapshotTaken(A1), "malformed"),
    ("snapshot: a short root", lambda f: setattr(f.snapshot.offer, "root", b"r"), OFFER, "malformed"),
    ("snapshot: a short origin", lambda f: setattr(f.snapshot.chunk, "origin", b"o"), SnapshotChunk(origin("a"), 0, b""), "malformed"),
    ("snapshot: no head", lambda f: f.snapshot.want.ClearField("head"), SnapshotWant(A1, 0), "malformed"),
    ("snapshot: asked for by a child", lambda f: setattr(f.snapshot.ask, "origin", b"o" * 16), SnapshotTaken(A1), "malformed"),
    ("states: too many", lambda f: [f.states.states.add() for _ in range(limits.STATES_PER_FRAME_MAX)], States((STATEMENT,)), "oversized"),
    ("states: a short digest", lambda f: setattr(f.states.states[0], "digest", b"d"), States((STATEMENT,)), "malformed"),
    ("states: rows that no store can hold", lambda f: setattr(f.states.states[0], "rows", 1 << 63), States((STATEMENT,)), "malformed"),
    ("states: no signer", lambda f: f.states.states[0].ClearField("signer"), States((STATEMENT,)), "malformed"),
    ("states: a long signature", lambda f: setattr(f.states.states[0], "signature", b"s" * 513), States((STATEMENT,)), "oversized"),
    ("ticket stored: a long ticket", lambda f: setattr(f.ticket_stored, "ticket", b"t" * 65), TicketStored(b"t"), "oversized"),
    ("finish: a long code", lambda f: setattr(f.finish, "code", LONG), Finish("done", ""), "oversized"),
    ("finish: a long detail", lambda f: setattr(f.finish, "detail", LONG), Finish("done", ""), "oversized"),
    ("nothing at all", lambda f: f.Clear(), Heartbeat(), "malformed"),
]  # fmt: skip
BAD_RESPONSES: list[tuple[str, Callable[[sync_pb2.SyncResponse], object], ParentMessage, str]] = [
    ("welcome: no node id", lambda f: setattr(f.welcome, "node_id", ""), welcome(), "malformed"),
    ("welcome: a long incarnation", lambda f: setattr(f.welcome, "incarnation", b"i" * 17), welcome(), "malformed"),
    ("welcome: a long reference hash", lambda f: setattr(f.welcome, "reference_hash", b"r" * 33), welcome(), "malformed"),
    ("welcome: no verdict", lambda f: f.welcome.ClearField("ticket_verdict"), welcome(), "malformed"),
    ("welcome: a verdict of tomorrow", lambda f: setattr(f.welcome, "ticket_verdict", 99), welcome(), "malformed"),
    ("welcome: a long release", lambda f: setattr(f.welcome, "release", LONG), welcome(), "oversized"),
    ("acknowledge: no head", lambda f: f.acknowledge.ClearField("head"), acknowledge(1, A1), "malformed"),
    ("acknowledge: more than a batch holds", lambda f: setattr(f.acknowledge, "quarantined", (1 << 64) - 1), acknowledge(1, A1), "malformed"),
    ("acknowledge: more applied than a batch holds", lambda f: setattr(f.acknowledge, "applied", limits.BATCH_COMMITS_MAX + 1), acknowledge(1, A1), "malformed"),
    ("acknowledge: more together than a batch holds", lambda f: setattr(f.acknowledge, "quarantined", limits.BATCH_COMMITS_MAX), acknowledge(1, A1), "malformed"),
    ("refuse: no origin", lambda f: f.refuse.ClearField("origin"), refuse(origin("a")), "malformed"),
    ("refuse: a long code", lambda f: setattr(f.refuse, "code", LONG), refuse(origin("a")), "oversized"),
    ("refuse: a long detail", lambda f: setattr(f.refuse, "detail", LONG), refuse(origin("a")), "oversized"),
    ("snapshot: no step", lambda f: f.snapshot.ClearField("taken"), SnapshotTaken(A1), "malformed"),
    ("snapshot: asked for without an origin", lambda f: setattr(f.snapshot.ask, "origin", b""), SnapshotAsk(origin("a")), "malformed"),
    ("verified: no outcome", lambda f: f.verified.ClearField("outcome"), Verified(A1, "equal"), "malformed"),
    ("verified: an outcome of tomorrow", lambda f: setattr(f.verified, "outcome", 99), Verified(A1, "equal"), "malformed"),
    ("ticket: too long", lambda f: setattr(f.ticket, "ticket", b"t" * 65), Ticket(b"t"), "oversized"),
    ("finish: a long detail", lambda f: setattr(f.finish, "detail", LONG), Finish("done", ""), "oversized"),
    ("nothing at all", lambda f: f.Clear(), Heartbeat(), "malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message", "code"), [pytest.param(*rest, id=name) for name, *rest in BAD_REQUESTS])
def test_a_bad_field_of_a_child_is_refused(
    change: Callable[[sync_pb2.SyncRequest], object], message: ChildMessage, code: str
) -> None:
    with pytest.raises(FrameRefused) as refused:
        decode_request(request(change, message))
    assert refused.value.code == code


@pytest.mark.parametrize(("change", "message", "code"), [pytest.param(*rest, id=name) for name, *rest in BAD_RESPONSES])
def test_a_bad_field_of_a_parent_is_refused(
    change: Callable[[sync_pb2.SyncResponse], object], message: ParentMessage, code: str
) -> None:
    with pytest.raises(FrameRefused) as refused:
        decode_response(response(change, message))
    assert refused.value.code == code


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("a line\nand a forged one", "a lineand a forged one"),
        ("\x1b[2Jcleared", "[2Jcleared"),
        ("\u202eturned round", "turned round"),
        ("Xã Trần Phú", "Xã Trần Phú"),
    ],
)
def test_control_characters_of_a_peer_are_left_out(said: str, read: str) -> None:
    finish = decode_response(response(lambda f: setattr(f.finish, "detail", said), Finish("done", "")))
    assert finish == Finish("done", read)


@pytest.mark.parametrize("detail", ["x" * 5_000, "ễ" * 5_000, "x" + "ễ" * 5_000, "xx" + "ễ" * 5_000])
def test_a_long_detail_is_shortened_not_refused(detail: str) -> None:
    for message in (Finish("done", detail), refuse(origin("a"), detail=detail)):
        read = decode_response(encode_response(message))
        assert isinstance(read, Finish | Refuse)
        assert detail.startswith(read.detail)
        assert limits.TEXT_FIELD_BYTES_MAX - 3 < len(read.detail.encode()) <= limits.TEXT_FIELD_BYTES_MAX


def test_a_detail_that_names_an_undecodable_path_can_be_sent() -> None:
    """Python shows bytes of a path that are no UTF-8 as lone surrogates, which no frame can carry."""
    read = decode_request(encode_request(Finish("store", "the disk of /srv/\udcff is full")))
    assert read == Finish("store", "the disk of /srv/? is full")


# --- any bytes --------------------------------------------------------------------------------------------------------


def read_both(frame: bytes) -> None:
    """Nothing but FrameRefused may come out, whatever goes in."""
    with contextlib.suppress(FrameRefused):
        decode_request(frame)
    with contextlib.suppress(FrameRefused):
        decode_response(frame)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(frame: bytes) -> None:
    read_both(frame)


@given(
    st.one_of(REQUESTS.map(encode_request), RESPONSES.map(encode_response)),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "cut", "insert", "double"]),
            st.integers(0, 1 << 16),
            st.binary(min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_spoilt_frame_is_read_or_refused(frame: bytes, changes: list[tuple[str, int, bytes]]) -> None:
    for kind, where, data in changes:
        at = where % (len(frame) + 1)
        match kind:
            case "flip":
                frame = frame[:at] + bytes(byte ^ data[0] for byte in frame[at : at + 1]) + frame[at + 1 :]
            case "cut":
                frame = frame[:at]
            case "insert":
                frame = frame[:at] + data + frame[at:]
            case _:
                frame = frame[:at] + frame[at : at + 20] * 2 + frame[at + 20 :]
    read_both(frame)


def test_a_frame_over_the_limit_is_refused_before_it_is_parsed() -> None:
    for decode in (decode_request, decode_response):
        with pytest.raises(FrameRefused) as refused:
            decode(b"\xff" * (limits.FRAME_BYTES_MAX + 1))
        assert refused.value.code == "oversized"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\x0b" * 1_000, id="groups in groups"),
        pytest.param(b"\x32\x04\x0a\x02\xff\xfe\x3a\x04\x0a\x02\xff\xfe", id="text that is no UTF-8"),
        pytest.param(b"\x12\xff\xff\xff\xff\x7f", id="a length beyond the frame"),
        pytest.param(b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", id="a number without end"),
    ],
)
def test_a_broken_frame_is_malformed(frame: bytes) -> None:
    for decode in (decode_request, decode_response):
        with pytest.raises(FrameRefused) as refused:
            decode(frame)
        assert refused.value.code == "malformed"
