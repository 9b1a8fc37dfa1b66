from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import limits
from node.errors import FrameRefused
from node.protocol.assembly import Assembly, check_header, cut
from node.protocol.messages import BatchFrame, BatchNumber
from tests.protocol.words import batch, head, header, origin, zero

ZERO = zero(origin("a"))
A2 = head("a", 2)
PIECE = limits.FRAME_PAYLOAD_BYTES_MAX


def frames(payload: bytes, number: int = 1) -> list[BatchFrame]:
    sizes = {"wire_bytes": len(payload), "raw_bytes": len(payload)}
    return list(cut(BatchNumber(number), header(ZERO, A2, **sizes), payload))


def refusal(*pieces: BatchFrame) -> str:
    """The code under which the last of these frames is refused; those before it are taken."""
    assembly = Assembly()
    for piece in pieces[:-1]:
        assembly.add(piece)
    with pytest.raises(FrameRefused) as refused:
        assembly.add(pieces[-1])
    return refused.value.code


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7, limits.BATCH_BYTES_MAX])
def test_a_batch_that_was_cut_is_put_together_again(size: int) -> None:
    payload = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    pieces = frames(payload)
    assert len(pieces) == -(-size // PIECE)
    assembly = Assembly()
    answers = [assembly.add(piece) for piece in pieces]
    assert answers[:-1] == [None] * (len(pieces) - 1)
    assert answers[-1] == (pieces[0].header, payload)


def test_batches_follow_each_other() -> None:
    assembly = Assembly()
    for number in (1, 2, 3):
        payload = bytes([number]) * (PIECE + number)
        *first, last = frames(payload, number)
        assert [assembly.add(piece) for piece in first] == [None]
        answer = assembly.add(last)
        assert answer is not None and answer[1] == payload


@pytest.mark.parametrize("number", [0, 2, 3, (1 << 64) - 1])
def test_a_batch_out_of_order_is_refused(number: int) -> None:
    assert refusal(*frames(b"body", number)) == "out_of_order"


def test_a_piece_of_the_next_batch_before_the_last_one_is_whole_is_refused() -> None:
    assert refusal(frames(bytes(PIECE + 1))[0], frames(b"body", 2)[0]) == "out_of_order"


def test_a_repeated_piece_is_refused() -> None:
    first, *_ = frames(bytes(3 * PIECE))
    assert refusal(first, first) == "malformed"


def test_a_batch_without_a_header_is_refused() -> None:
    assert refusal(replace(frames(b"body")[0], header=None)) == "malformed"


def test_a_second_header_is_refused() -> None:
    first, second = frames(bytes(PIECE + 1))
    assert refusal(first, replace(second, header=first.header)) == "malformed"


def test_more_bytes_than_announced_are_refused_with_the_piece_that_brings_them() -> None:
    first, second = frames(bytes(2 * PIECE))
    assert refusal(first, replace(second, payload=second.payload + b"x")) == "oversized"


def test_fewer_bytes_than_announced_are_refused() -> None:
    assert refusal(replace(frames(b"body")[0], payload=b"bod")) == "malformed"


def test_a_lost_piece_is_refused() -> None:
    pieces = frames(bytes(3 * PIECE))
    assert refusal(pieces[0], pieces[2]) == "malformed"


def test_an_empty_piece_is_refused() -> None:
    """Without this, frames without end would cost nothing and never make a batch."""
    first, second = frames(bytes(PIECE + 1))
    assert refusal(first, replace(second, payload=b"", last=False)) == "malformed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"commits": 0}, "malformed"),
        ({"commits": 1}, "malformed"),
        ({"commits": 3}, "malformed"),
        ({"seq": 0, "commits": 0}, "malformed"),
        ({"previous_seq": 3, "commits": -1}, "malformed"),
        ({"seq": limits.BATCH_COMMITS_MAX + 1, "commits": limits.BATCH_COMMITS_MAX + 1}, "malformed"),
        ({"raw_bytes": limits.BATCH_BYTES_MAX + 1}, "oversized"),
        ({"wire_bytes": limits.BATCH_WIRE_BYTES_MAX + 1}, "oversized"),
    ],
    ids=str,
)
def test_a_header_that_announces_too_much_or_nonsense_is_refused(changes: dict[str, int], code: str) -> None:
    announced = header(ZERO, A2, **changes)
    with pytest.raises(FrameRefused) as refused:
        check_header(announced)
    assert refused.value.code == code
    assert refusal(replace(frames(b"body")[0], header=announced)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seq": limits.BATCH_COMMITS_MAX, "commits": limits.BATCH_COMMITS_MAX},
        {"raw_bytes": limits.BATCH_BYTES_MAX, "wire_bytes": limits.BATCH_WIRE_BYTES_MAX},
    ],
    ids=str,
)
def test_a_header_at_its_limits_is_taken(changes: dict[str, int]) -> None:
    check_header(header(ZERO, A2, **changes))


PIECES = st.lists(
    st.builds(
        BatchFrame,
        batch=st.integers(0, 3).map(BatchNumber),
        header=st.none() | st.just(batch(1, ZERO, A2).header),
        payload=st.binary(max_size=5),
        last=st.booleans(),
    ),
    max_size=8,
)


@given(PIECES)
def test_any_frames_make_whole_batches_or_are_refused(pieces: list[BatchFrame]) -> None:
    assembly = Assembly()
    with contextlib.suppress(FrameRefused):
        for piece in pieces:
            answer = assembly.add(piece)
            assert answer is None or len(answer[1]) == answer[0].wire_bytes
