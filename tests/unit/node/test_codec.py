"""The body of a batch: what is encoded is read again, and whatever else comes is refused within bounded memory."""

from __future__ import annotations

import contextlib
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dansync.sync.v1 import sync_pb2
from node import limits
from node.chain import Commit, check_chain
from node.codec import decode_batch, decompress, encode_batch
from node.errors import CommitRefused, FrameRefused
from node.ids import Hash, NodeId, Seq
from tests.unit.node.batches import NOW_MS, ORIGIN, START, batch_of, body_of, commits_of, packed, zstd_frame

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
TIMES = st.integers(-(1 << 62), (1 << 62) - 1)


@st.composite
def chains(draw: st.DrawFn) -> list[Commit]:
    commits: list[Commit] = []
    previous = START
    for _ in range(draw(st.integers(1, 8))):
        commits += commits_of(
            [draw(st.binary(min_size=1, max_size=60))],
            previous=previous,
            author=draw(WORDS),
            kind=draw(WORDS),
            tag=draw(WORDS),
            schema_version=draw(st.integers(0, (1 << 32) - 1)),
            recorded_at=draw(TIMES),
        )
        previous = commits[-1].head
    return commits


# --- what is sound ----------------------------------------------------------------------------------------------------


@given(chains())
def test_a_batch_is_read_as_it_was_written(commits: list[Commit]) -> None:
    header, payload = batch_of(commits)
    assert decode_batch(header, payload) == commits


@given(chains(), st.data())
def test_a_batch_from_the_middle_of_a_chain_is_read_as_it_was_written(
    commits: list[Commit], data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(commits) - 1))
    previous = commits[start - 1].head if start else START
    header, payload = encode_batch(previous, commits[start:], signer=NodeId("c1"), signature=b"s")
    decoded = decode_batch(header, payload)
    assert decoded == commits[start:]
    assert check_chain(previous, decoded) == header.head


def test_the_header_says_what_the_batch_holds() -> None:
    commits = commits_of([b"a", b"b", b"c"])
    header, payload = batch_of(commits)
    assert (header.previous, header.head, header.commits) == (START, commits[-1].head, 3)
    assert header.wire_bytes == len(payload)
    assert zstandard.get_frame_parameters(payload).content_size == header.raw_bytes
    assert zstandard.get_frame_parameters(payload).has_checksum


def test_words_travel_once() -> None:
    assert list(body_of(commits_of([b"a", b"b"], author="clerk", tag="clerk")).words) == ["clerk", "register"]


def test_the_largest_commit_fits() -> None:
    commits = commits_of([random.Random(1).randbytes(limits.COMMIT_BYTES_MAX)])
    header, payload = batch_of(commits)
    assert decode_batch(header, payload) == commits


# --- the compressed frame ---------------------------------------------------------------------------------------------

GOOD = b"register " * 400


def _compressed(raw: bytes, **options: object) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(raw)  # type: ignore[arg-type]


def _without_size(raw: bytes) -> bytes:
    return _compressed(raw, write_content_size=False)


def _wide(raw: bytes) -> bytes:
    """Streamed, so that the frame asks for its whole window."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=True)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=len(raw))
    return compressor.compress(raw) + compressor.flush()


def _with_dictionary(raw: bytes) -> bytes:
    words = zstandard.ZstdCompressionDict(b"register of people " * 50, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return _compressed(raw, dict_data=words)


FRAMES: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("cut", lambda raw: _compressed(raw, write_checksum=True)[:-1], "malformed"),
    ("cut in its header", lambda raw: _compressed(raw)[:5], "malformed"),
    ("empty", lambda _: b"", "malformed"),
    ("trailing junk", lambda raw: _compressed(raw) + b"x", "malformed"),
    ("a second frame", lambda raw: _compressed(raw) + _compressed(raw), "malformed"),
    ("an empty second frame", lambda raw: _compressed(raw) + _compressed(b""), "malformed"),
    ("no frame at all", lambda raw: raw, "malformed"),
    ("no size", _without_size, "bomb"),
    ("a smaller size", lambda raw: _compressed(raw[:-1]), "bomb"),
    ("a larger size", lambda raw: _compressed(raw + b"x"), "bomb"),
    ("a skippable frame", lambda _: b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd", "bomb"),
    ("a flipped checksum", lambda raw: _flip(_compressed(raw, write_checksum=True), -1), "malformed"),
]


def _flip(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(("spoil", "code"), [pytest.param(f, c, id=name) for name, f, c in FRAMES])
def test_a_spoilt_frame_is_refused(spoil: Callable[[bytes], bytes], code: str) -> None:
    with pytest.raises(FrameRefused) as refused:
        decompress(spoil(GOOD), len(GOOD))
    assert refused.value.code == code


def test_a_frame_that_needs_a_dictionary_is_refused() -> None:
    payload = _with_dictionary(GOOD)
    with pytest.raises(FrameRefused) as refused:
        decompress(payload, len(GOOD))
    assert refused.value.code == "malformed"


def test_a_window_over_the_limit_is_refused() -> None:
    payload = _wide(b"abcd" * (64 * limits.KIB))
    if zstandard.get_frame_parameters(payload).window_size <= limits.ZSTD_WINDOW_BYTES_MAX:
        payload = zstd_frame(1024, 1, window_log=27)
    with pytest.raises(FrameRefused) as refused:
        decompress(payload, zstandard.get_frame_parameters(payload).content_size)
    assert refused.value.code == "bomb"


def test_a_claim_over_the_limit_is_refused_before_the_frame_is_looked_at() -> None:
    with pytest.raises(FrameRefused) as refused:
        decompress(b"", limits.BATCH_BYTES_MAX + 1)
    assert refused.value.code == "oversized"


def test_a_small_payload_that_claims_more_than_a_batch_is_refused_before_memory_is_taken() -> None:
    payload = _compressed(bytes(limits.BATCH_BYTES_MAX + 1))
    assert len(payload) < 2_000
    assert _peak_of_refusal(payload, limits.BATCH_BYTES_MAX + 1) == ("oversized", True)
    assert _peak_of_refusal(payload, 10) == ("bomb", True)


def test_register_data_that_repeat_themselves_are_no_bomb() -> None:
    raw = "Thôn Vĩnh Hòa, xã Vĩnh Hảo, huyện Vĩnh Thạnh. ".encode() * 60_000
    assert decompress(_compressed(raw), len(raw)) == raw


@pytest.mark.parametrize("window_log", [None, 10, 17, 20, 23])
def test_a_frame_that_holds_more_than_it_claims_takes_no_more_memory_than_its_claim(window_log: int | None) -> None:
    payload = zstd_frame(limits.BATCH_BYTES_MAX, 4_000, window_log=window_log)  # 16 KB that hold 500 MiB
    code, small = _peak_of_refusal(payload, limits.BATCH_BYTES_MAX)
    assert code == "malformed"
    assert small


def _peak_of_refusal(payload: bytes, raw_bytes: int) -> tuple[str, bool]:
    """The code, and whether memory stayed within twice the largest batch."""
    tracemalloc.start()
    try:
        with pytest.raises(FrameRefused) as refused:
            decompress(payload, raw_bytes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return refused.value.code, peak < 2 * limits.BATCH_BYTES_MAX


@given(st.binary(max_size=300), st.integers(1, 5000))
def test_any_bytes_are_refused_and_nothing_else(payload: bytes, raw_bytes: int) -> None:
    with pytest.raises(FrameRefused):
        decompress(payload, raw_bytes)


# --- the columns ------------------------------------------------------------------------------------------------------

COMMITS = commits_of([b"one", b"two", b"three"])


def _spoilt(change: Callable[[sync_pb2.BatchBody], object]) -> None:
    """Decode a batch whose body was changed behind the header's back."""
    body = body_of(COMMITS)
    change(body)
    header, payload = packed(batch_of(COMMITS)[0], body.SerializeToString())
    decode_batch(header, payload)


def _set(body: sync_pb2.BatchBody, column: str, index: int, value: int) -> None:
    getattr(body, column)[index] = value


def _set_first(body: sync_pb2.BatchBody, column: str, *values: int) -> None:
    for index, value in enumerate(values):
        _set(body, column, index, value)


MALFORMED: list[tuple[str, Callable[[sync_pb2.BatchBody], object]]] = [
    *(
        (f"{name} is too long", lambda body, name=name: getattr(body, name).append(0))
        for name in ("schema_version", "recorded_at_step", "author", "kind", "tag", "changeset_bytes")
    ),
    *(
        (f"{name} is too short", lambda body, name=name: getattr(body, name).pop())
        for name in ("schema_version", "recorded_at_step", "author", "kind", "tag", "changeset_bytes")
    ),
    *((f"{name} names no word", lambda body, name=name: _set(body, name, 1, 3)) for name in ("author", "kind", "tag")),
    ("the largest index", lambda body: _set(body, "author", 0, (1 << 32) - 1)),
    ("no words", lambda body: body.ClearField("words")),
    ("a size too large", lambda body: _set(body, "changeset_bytes", 2, 6)),
    ("a size too small", lambda body: _set(body, "changeset_bytes", 2, 4)),
    ("content behind the last changeset", lambda body: setattr(body, "changesets", body.changesets + b"x")),
    ("content missing", lambda body: setattr(body, "changesets", body.changesets[:-1])),
    ("a time beyond the largest", lambda body: _set(body, "recorded_at_step", 1, (1 << 63) - 1)),
    ("a time below the smallest", lambda body: _set_first(body, "recorded_at_step", -(1 << 63), -(1 << 63))),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in MALFORMED])
def test_a_body_that_contradicts_itself_is_malformed(change: Callable[[sync_pb2.BatchBody], object]) -> None:
    with pytest.raises(FrameRefused) as refused:
        _spoilt(change)
    assert refused.value.code == "malformed"


CHANGED: list[tuple[str, Callable[[sync_pb2.BatchBody], object]]] = [
    ("another author", lambda body: _set(body, "author", 0, 1)),
    ("another kind", lambda body: _set(body, "kind", 1, 0)),
    ("another tag", lambda body: _set(body, "tag", 2, 0)),
    ("another schema version", lambda body: _set(body, "schema_version", 0, 2)),
    ("another time", lambda body: _set(body, "recorded_at_step", 2, 1)),
    ("another word", lambda body: body.words.__setitem__(0, "clark")),
    ("another changeset", lambda body: setattr(body, "changesets", b"ONE" + body.changesets[3:])),
    ("another border", lambda body: _set_first(body, "changeset_bytes", 2, 4)),
]


@pytest.mark.parametrize("change", [pytest.param(change, id=name) for name, change in CHANGED])
def test_every_change_of_a_commit_breaks_the_chain(change: Callable[[sync_pb2.BatchBody], object]) -> None:
    with pytest.raises(CommitRefused) as refused:
        _spoilt(change)
    assert refused.value.code == "wrong_chain"


@pytest.mark.parametrize(
    "changes",
    [
        {"hash": Hash(b"x" * 32)},
        {"previous_hash": Hash(b"x" * 32)},
        {"previous_seq": Seq(1), "seq": Seq(4)},
        {"origin": type(ORIGIN)(b"p" * 16)},
    ],
    ids=" and ".join,
)
def test_a_header_that_is_another_commits_breaks_the_chain(changes: dict[str, object]) -> None:
    header, payload = batch_of(COMMITS)
    with pytest.raises(CommitRefused) as refused:
        decode_batch(replace(header, **changes), payload)  # type: ignore[arg-type]
    assert refused.value.code == "wrong_chain"


@pytest.mark.parametrize("changesets", [[b""], [b"", b"two"], [b"one", b""]], ids=repr)
def test_an_empty_commit_is_refused_though_its_chain_is_sound(changesets: list[bytes]) -> None:
    with pytest.raises(CommitRefused) as refused:
        decode_batch(*batch_of(commits_of(changesets)))
    assert refused.value.code == "malformed"


def test_a_commit_over_the_limit_is_refused() -> None:
    """Of bytes that do not compress, or it would be taken for a bomb."""
    size = limits.COMMIT_BYTES_MAX + 1
    body = body_of(COMMITS)
    body.changesets = random.Random(1).randbytes(size) + b"ab"
    _set_first(body, "changeset_bytes", size, 1, 1)
    with pytest.raises(CommitRefused) as refused:
        decode_batch(*packed(batch_of(COMMITS)[0], body.SerializeToString()))
    assert refused.value.code == "oversized"


@pytest.mark.parametrize("column", ["author", "tag", "kind"])
def test_a_word_over_its_limit_is_refused(column: str) -> None:
    """One long word that every commit names would fill the parent's log with a thousand times what travelled."""

    def change(body: sync_pb2.BatchBody) -> None:
        body.words.append("w" * 100_000)
        for index in range(3):
            _set(body, column, index, len(body.words) - 1)

    with pytest.raises(CommitRefused) as refused:
        _spoilt(change)
    assert refused.value.code == "oversized"


def test_a_body_that_is_no_message_is_malformed() -> None:
    header, payload = packed(batch_of(COMMITS)[0], b"\xff" * 40)
    with pytest.raises(FrameRefused) as refused:
        decode_batch(header, payload)
    assert refused.value.code == "malformed"


def test_unknown_columns_are_ignored() -> None:
    raw = body_of(COMMITS).SerializeToString() + b"\xba\x3e\x03abc"  # field 999
    assert decode_batch(*packed(batch_of(COMMITS)[0], raw)) == COMMITS


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_spoilt_body_is_refused_or_means_the_same(flips: list[tuple[int, int]]) -> None:
    """The head's hash proves all of it: no change of the bytes can change a commit."""
    header, _ = batch_of(COMMITS)
    raw = bytearray(body_of(COMMITS).SerializeToString())
    for position, mask in flips:
        raw[position % len(raw)] ^= mask
    with contextlib.suppress(FrameRefused, CommitRefused):
        assert decode_batch(*packed(header, bytes(raw))) == COMMITS


@given(st.binary(max_size=200))
def test_any_body_is_refused_with_one_of_our_errors(raw: bytes) -> None:
    header, _ = batch_of(COMMITS)
    with pytest.raises((FrameRefused, CommitRefused)):
        decode_batch(*packed(header, raw))


def test_times_may_go_back() -> None:
    commits = commits_of([b"a"], recorded_at=NOW_MS)
    commits += commits_of([b"b"], previous=commits[-1].head, recorded_at=-5)
    header, payload = batch_of(commits)
    assert [commit.recorded_at for commit in decode_batch(header, payload)] == [NOW_MS, -5]
