"""The envelope: whoever flips, cuts, swaps or re-addresses anything is found out, under a named error."""

from __future__ import annotations

import hashlib
import io
import random
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import limits
from node.chain import Head
from node.courier.envelope import TAG_BYTES, Opening, Recipient, Sealing
from node.courier.frames import framed, frames
from node.courier.manifest import Header, Manifest, Span
from node.courier.wire import decode_header, decode_manifest, encode_header, encode_manifest
from node.errors import CourierRefused, FrameRefused
from node.identity.keys import NodeKey
from node.ids import Hash, NodeId, OriginId, Seq
from tests.properties.test_decoders import mutated

HERE = NodeId("tran-phu")
KEY = NodeKey.derived(random.Random(1))
FILE_KEY = NodeKey.derived(random.Random(2))
CODES = frozenset({"no_courier_file", "format", "wrong_recipient", "wrong_key", "cut", "damaged"})
CHUNK = limits.COURIER_CHUNK_BYTES


def sealed(content: bytes, *, key: NodeKey = FILE_KEY, step: int = 1_000) -> bytes:
    target = io.BytesIO()
    sealing = Sealing(target, Recipient(HERE, KEY.public), key)
    for begin in range(0, len(content), step):
        sealing.write(content[begin : begin + step])
    sealing.finish()
    return target.getvalue()


def opened(data: bytes, *, here: NodeId = HERE, key: NodeKey = KEY) -> bytes:
    return b"".join(Opening(io.BytesIO(data), here, key).chunks())


def refusal(data: bytes) -> str:
    with pytest.raises(CourierRefused) as caught:
        opened(data)
    assert caught.value.hint
    return caught.value.code


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7])
def test_what_was_sealed_is_opened(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert opened(sealed(content)) == content
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed(content)) == len(sealed(b"")) + size + TAG_BYTES * (chunks - 1)


def test_how_it_was_written_makes_no_difference() -> None:
    content = random.Random(0).randbytes(CHUNK + 100)
    assert sealed(content, step=7) == sealed(content, step=10**6)


SHORT = sealed(b"a household")


@pytest.mark.parametrize("position", range(len(SHORT)))
def test_a_flipped_byte_anywhere_is_found(position: int) -> None:
    for bit in (1, 0x80):
        assert refusal(SHORT[:position] + bytes([SHORT[position] ^ bit]) + SHORT[position + 1 :]) in CODES


@pytest.mark.parametrize("position", range(len(SHORT)))
def test_a_cut_at_any_byte_is_found(position: int) -> None:
    assert refusal(SHORT[:position]) in CODES


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "large", 64 * limits.MIB
    tracemalloc.start()
    try:
        with path.open("wb") as target:
            sealing = Sealing(target, Recipient(HERE, KEY.public), FILE_KEY)
            for _ in range(size // limits.MIB):
                sealing.write(bytes(limits.MIB))
            sealing.finish()
        with path.open("rb") as source:
            assert sum(map(len, Opening(source, HERE, KEY).chunks())) == size
        assert tracemalloc.get_traced_memory()[1] < 8 * limits.MIB
    finally:
        tracemalloc.stop()


def test_a_cut_between_two_chunks_is_found() -> None:
    data = sealed(bytes(3 * CHUNK))
    preamble = len(SHORT) - len(b"a household") - TAG_BYTES
    for chunks in (0, 1, 2):
        assert refusal(data[: preamble + chunks * (CHUNK + TAG_BYTES)]) == "cut"


def test_bytes_behind_the_end_are_found() -> None:
    assert refusal(SHORT + b"x") == "damaged"
    assert refusal(sealed(bytes(CHUNK)) + SHORT[-20:]) == "damaged"


def test_swapped_repeated_and_dropped_chunks_are_found() -> None:
    data = sealed(random.Random(0).randbytes(3 * CHUNK))
    size, preamble = CHUNK + TAG_BYTES, len(data) - 3 * (CHUNK + TAG_BYTES)
    head, chunks = data[:preamble], [data[preamble + i * size : preamble + (i + 1) * size] for i in range(3)]
    for order in ((1, 0, 2), (0, 2, 1), (0, 0, 2), (0, 2), (1, 2), (0, 1, 1, 2)):
        assert refusal(head + b"".join(chunks[i] for i in order)) == "damaged", order


def test_a_chunk_of_another_file_for_the_same_node_is_found() -> None:
    other = sealed(b"b household", key=NodeKey.derived(random.Random(3)))
    body = len(b"a household") + TAG_BYTES
    assert refusal(SHORT[:-body] + other[-body:]) == "damaged"


def test_another_node_is_told_for_whom_it_is() -> None:
    with pytest.raises(CourierRefused, match="for node tran-phu; this is node le-loi") as caught:
        opened(SHORT, here=NodeId("le-loi"))
    assert caught.value.code == "wrong_recipient"


def test_an_older_key_of_the_same_node_is_told_apart() -> None:
    with pytest.raises(CourierRefused) as caught:
        opened(SHORT, key=NodeKey.derived(random.Random(9)))
    assert caught.value.code == "wrong_key"


def test_the_format_stays_as_it_is() -> None:
    """A file of today must open in years: whoever changes the format gives it another number."""
    assert hashlib.sha256(SHORT).hexdigest() == "b3ee28f1b05185b5886da84a666f7c1f991e3dd401cc568ca63a0e9c63059160"


def test_nothing_in_the_clear_says_who_sent_it_or_what_is_in_it() -> None:
    assert b"a household" not in SHORT
    assert SHORT.count(HERE.encode()) == 1


@given(data=st.data())
def test_hostile_bytes_give_a_value_or_a_named_error(data: st.DataObject) -> None:
    spoilt = data.draw(mutated(SHORT))
    told: CourierRefused | None = None
    content = b"a household"
    try:
        content = opened(spoilt)
    except CourierRefused as error:
        told = error
    assert content == b"a household"
    assert (told is None) == (spoilt == SHORT)
    assert told is None or told.code in CODES


# --- frames and headers ----------------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 300), max_size=20), step=st.integers(1, 500))
def test_frames_come_out_as_they_went_in(sizes: list[int], step: int) -> None:
    parts = [bytes([i % 251]) * size for i, size in enumerate(sizes)]
    data = b"".join(map(framed, parts))
    assert list(frames(data[i : i + step] for i in range(0, len(data), step))) == parts


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0\0\0\0", "malformed"),
        (b"\xff\xff\xff\xff", "oversized"),
        ((limits.FRAME_BYTES_MAX + 1).to_bytes(4, "big"), "oversized"),
        (b"\0\0\0\x05abc", "malformed"),
        (b"\0\0", "malformed"),
    ],
)
def test_a_hostile_length_is_refused_before_memory_is_taken(data: bytes, code: str) -> None:
    def source() -> object:
        yield data
        if code == "oversized":
            raise AssertionError("it read on")

    with pytest.raises(CourierRefused) as caught:
        list(frames(source()))  # type: ignore[arg-type]
    assert caught.value.code == code


ORIGIN = OriginId(bytes(15) + b"\1")
SPAN = Span(Head(ORIGIN, Seq(3), Hash(bytes(32))), Head(ORIGIN, Seq(9), Hash(b"\1" * 32)))
MANIFEST = Manifest("up", NodeId("a"), NodeId("b"), bytes(16), 1, 2, 1_790_000_000_000, 1, "1.0", (SPAN,))
HEADER = Header(encode_manifest(MANIFEST), (b"certificate",), b"signature")


def test_headers_come_out_as_they_went_in() -> None:
    assert decode_manifest(encode_manifest(MANIFEST)) == MANIFEST
    assert decode_header(encode_header(HEADER)) == HEADER


@given(data=st.data())
def test_hostile_headers_give_a_value_or_a_named_error(data: st.DataObject) -> None:
    told: FrameRefused | None = None
    for decode, valid in ((decode_manifest, HEADER.manifest), (decode_header, encode_header(HEADER))):
        try:
            decode(data.draw(mutated(valid)))
        except FrameRefused as error:
            told = error
    assert told is None or told.code in {"malformed", "oversized"}
