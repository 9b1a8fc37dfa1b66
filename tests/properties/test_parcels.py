"""Files that an enrolled sender has sealed and signed, with anything inside: a value or a named error, nothing stored."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.courier import take_cargo
from node import limits
from node.chain import Head
from node.clock import ManualClock
from node.courier.envelope import Recipient, Sealing
from node.courier.frames import framed
from node.courier.manifest import Header, Manifest, Span
from node.courier.parcel import Parcel
from node.courier.wire import encode_header, encode_manifest
from node.errors import CourierRefused
from node.identity.keys import NodeKey
from node.identity.statements import courier_statement
from node.ids import GENESIS_HASH, Hash, OriginId, Seq
from node.outgoing import next_batch
from node.protocol.assembly import cut
from node.protocol.messages import BatchNumber, Finish, Want
from node.schema import SCHEMA_VERSION
from node.wire import encode_request
from tests.identities import Member, Tree
from tests.properties.test_decoders import mutated
from tests.unit.courier.carrying import sender
from tests.unit.node.stores import NOW_MS, add_persons

CODES = frozenset({"malformed", "oversized", "out_of_order", "cut", "damaged"})
FILE_KEY = NodeKey.derived(random.Random(2))


@dataclass(frozen=True)
class Bench:
    """A child with one batch to send, and its parent."""

    child: Member
    parent: Member
    span: Span
    frames: tuple[bytes, ...]  # the whole inside of a good file behind its header
    path: Path

    def sealed(self, inside: bytes, spans: Sequence[Span] | None = None) -> Path:
        """A file with these bytes behind a good header."""
        here, there = self.child.identity, self.parent.identity
        manifest = encode_manifest(
            Manifest(
                "up",
                here.node_id,
                there.node_id,
                bytes(16),
                1,
                1,
                NOW_MS,
                SCHEMA_VERSION,
                "x",
                tuple((self.span,) if spans is None else spans),
            )
        )
        with self.path.open("wb") as file:
            sealing = Sealing(file, Recipient(there.node_id, there.key.public), FILE_KEY)
            signature = here.key.sign(courier_statement(sealing.binding, manifest))
            sealing.write(framed(encode_header(Header(manifest, (here.certificate.der,), signature))))
            sealing.write(inside)
            sealing.finish()
        return self.path

    def taken(self, path: Path) -> str:
        """'' if the file was taken, else the code under which it was refused."""
        try:
            take_cargo(sender(self.parent), Parcel.open(path, self.parent.identity))
        except CourierRefused as error:
            return error.code
        return ""

    @property
    def here(self) -> Seq:
        return self.parent.store.head(self.span.head.origin).seq


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("tree")
    tree = Tree(folder, clock=ManualClock(NOW_MS))
    child = tree.add("c")
    add_persons(child.store, ["An", "Bình"])
    here = sender(child)
    start = Head(child.store.own_origin(), Seq(0), GENESIS_HASH)
    batch = next_batch(child.store, here.reference, child.key, start)
    assert batch is not None
    want = encode_request(Want(Head(OriginId(bytes(16)), Seq(0), GENESIS_HASH)))
    pieces = [encode_request(frame) for frame in cut(BatchNumber(1), *batch)]
    end = encode_request(Finish("done", ""))
    return Bench(child, tree.root, Span(start, batch[0].head), (want, *pieces, end), folder / "file.courier")


@given(data=st.data())
def test_frames_that_are_spoilt_inside_a_sound_envelope(bench: Bench, data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(bench.frames) - 1))
    spoilt = [data.draw(mutated(frame)) if i == which else frame for i, frame in enumerate(bench.frames)]
    inside = b"".join(framed(frame) for frame in spoilt if frame)
    code = bench.taken(bench.sealed(inside))
    assert code in CODES | {""}
    # What was taken was signed by its holder: a spoilt batch is refused by the applier, as on the wire.
    assert bench.here in {0, bench.span.head.seq}


@given(data=st.data())
def test_bytes_that_are_no_frames_inside_a_sound_envelope(bench: Bench, data: st.DataObject) -> None:
    inside = data.draw(mutated(b"".join(map(framed, bench.frames))))
    assert bench.taken(bench.sealed(inside)) in CODES | {""}
    assert bench.here in {0, bench.span.head.seq}


@pytest.mark.parametrize("order", [(), (0, 1), (1, 0), (0, 2), (1, 1, 2), (2, 1), (1, 2, 2), (1, 2, 0)])
def test_messages_that_are_missing_repeated_or_behind_the_end(bench: Bench, order: Sequence[int]) -> None:
    inside = b"".join(framed(bench.frames[index]) for index in order)
    assert bench.taken(bench.sealed(inside)) in {"malformed", "out_of_order"}


def test_commits_that_the_header_does_not_name_are_refused(bench: Bench) -> None:
    inside = b"".join(map(framed, bench.frames))
    head, origin = bench.span.head, bench.span.head.origin
    for spans in (
        [],
        [Span(bench.span.previous, Head(origin, Seq(head.seq + 1), head.hash))],
        [Span(bench.span.previous, Head(origin, head.seq, Hash(b"\1" * 32)))],
        [Span(Head(origin, Seq(1), Hash(b"\1" * 32)), head)],
        [
            bench.span,
            Span(Head(OriginId(bytes(16)), Seq(0), GENESIS_HASH), Head(OriginId(bytes(16)), Seq(1), head.hash)),
        ],
    ):
        assert bench.taken(bench.sealed(inside, spans)) == "malformed"


def test_more_origins_than_a_part_may_name_are_refused(bench: Bench) -> None:
    one = [
        Span(
            Head(OriginId(i.to_bytes(16, "big")), Seq(0), GENESIS_HASH),
            Head(OriginId(i.to_bytes(16, "big")), Seq(1), GENESIS_HASH),
        )
        for i in range(limits.COURIER_SPANS_MAX + 1)
    ]
    assert bench.taken(bench.sealed(b"", one)) == "oversized"
