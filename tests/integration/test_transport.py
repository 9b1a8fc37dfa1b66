"""A real hub over gRPC: sound children drain, hostile ones are closed with a counted reason, and nobody else notices."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import grpc.aio
import pytest
from grpc.aio import StreamStreamCall

from hub.server import HubServer
from hub.session import Hub
from node import limits
from node.chain import KIND_REGISTER, Head
from node.clock import SystemClock
from node.codec import encode_batch
from node.errors import PeerUnavailable
from node.identity import tls
from node.identity.certificates import Certificate
from node.identity.folder import Identity
from node.ids import GENESIS_HASH, Incarnation, NodeId, Seq, UnitCode
from node.parentage import Parent
from node.protocol.assembly import cut
from node.protocol.codes import known_code
from node.protocol.messages import (
    BatchNumber,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Hello,
    ParentMessage,
    Refuse,
    Welcome,
)
from node.schema import SCHEMA_VERSION
from node.session import ChildEndpoint
from node.store import Store
from node.transport import CLIENT_OPTIONS
from node.uplink import Uplink, always
from node.wire import SYNC_METHOD, decode_response, encode_request
from tests.identities import Member, Tree

T = TypeVar("T")
SECONDS = 20.0


def record(store: Store, count: int) -> None:
    for number in range(count):
        with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=store.clock.wall_ms()) as capture:
            capture.connection.execute(
                "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)",
                (capture.origin, store.new_row_id(store.clock.wall_ms()), f"Trần Thị {number}"),
            )


class Thread:
    """A store's own thread, as a daemon has it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)

    async def __call__(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        self._pool.shutdown()


async def nobody(method: str, _request: bytes, peer: Certificate) -> bytes:
    raise AssertionError(f"{peer.node_id} calls {method}: nobody is enrolled here")


@contextlib.asynccontextmanager
async def serving(tree: Tree) -> AsyncIterator[HubServer]:
    thread = Thread()
    root = tree.root
    hub = Hub(root.store, root.key, random.Random(0), "test")
    server = HubServer(hub, "127.0.0.1:0", thread, lambda: None, lambda: root.identity, nobody)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
        thread.close()


async def drain(server: HubServer, child: Member) -> None:
    thread = Thread()

    def endpoint(follow: bool, _parent: NodeId) -> ChildEndpoint:
        return ChildEndpoint(child.store, key=child.key, follow=follow, release="test")

    uplink = Uplink(
        always(Parent(server.address, NodeId("hub"))),
        lambda: child.identity,
        endpoint,
        thread,
        random.Random(1),
        SystemClock(),
        delay_max_ms=limits.RECONNECT_DELAY_MIN_MS,
    )
    try:
        await asyncio.wait_for(uplink.drain(), SECONDS)
    finally:
        thread.close()


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work, 3 * SECONDS)

    asyncio.run(bounded())


class RawPeer:
    """Speaks bytes to the hub."""

    def __init__(self, address: str, identity: Identity) -> None:
        options = (*CLIENT_OPTIONS, *tls.channel_options(NodeId("hub")))
        self._channel = grpc.aio.secure_channel(address, tls.channel_credentials(identity), options=options)
        self._call: StreamStreamCall[bytes, bytes] = self._channel.stream_stream(
            SYNC_METHOD, request_serializer=None, response_deserializer=None
        )()

    async def send(self, *messages: ChildMessage | bytes) -> None:
        for message in messages:
            await self._call.write(message if isinstance(message, bytes) else encode_request(message))

    async def receive(self) -> ParentMessage | None:
        """The next message; None at the end of the stream."""
        try:
            frame = await asyncio.wait_for(self._call.read(), SECONDS)
        except grpc.aio.AioRpcError:
            return None
        return decode_response(frame) if isinstance(frame, bytes) else None

    async def until(self, kind: type[T]) -> T:
        while True:
            message = await self.receive()
            assert message is not None, f"the stream ended before {kind.__name__}"
            if isinstance(message, kind):
                return message

    async def close(self) -> None:
        self._call.cancel()
        await self._channel.close()


@contextlib.asynccontextmanager
async def peer(server: HubServer, member: Member) -> AsyncIterator[RawPeer]:
    raw = RawPeer(server.address, member.identity)
    try:
        yield raw
    finally:
        await raw.close()


HELLO = Hello(1, 1, SCHEMA_VERSION, NodeId("child"), Incarnation(bytes(16)), b"", b"", UnitCode(""), "", "test")
NOBODY = Heads((), (), last=True)


def test_a_child_drains_and_drains_again(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 700)
        async with serving(tree) as server:
            await drain(server, child)
            record(child.store, 3)
            await drain(server, child)
            assert server.hub.store.head(child.store.own_origin()) == child.store.head(child.store.own_origin())
            assert server.closes == {"done": 2}
        tree.close()

    run(work())


def test_two_children_share_a_hub(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        children = [tree.add(f"child{number}") for number in range(4)]
        for child in children:
            record(child.store, 50)
        async with serving(tree) as server:
            await asyncio.gather(*(drain(server, child) for child in children))
            for child in children:
                assert server.hub.store.digest(child.store.own_origin()) == child.store.digest(child.store.own_origin())
        tree.close()

    run(work())


STRANGER = replace(HELLO, node_id=NodeId("stranger"))
HOSTILE: dict[str, tuple[list[ChildMessage | bytes], str]] = {
    "garbage": ([b"\xff\xff\xff\xff"], "malformed"),
    "an empty frame": ([b""], "malformed"),
    "no hello": ([Drained()], "out_of_turn"),
    "an oversized frame": ([b"\0" * (limits.FRAME_BYTES_MAX + 1)], "oversized"),
    "a nameless node": ([encode_request(HELLO).replace(b"child", b"")], "malformed"),
    "the name of another node": ([STRANGER], "identity"),
    "hello twice": ([HELLO, HELLO], "out_of_turn"),
    "another protocol": ([replace(HELLO, protocol_version_min=7, protocol_version_max=9)], "protocol_version"),
    "finish at once": ([Finish("done", "")], "done"),
    "a word of its own": ([Finish("x" * 99, "")], "other"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_peer_that_breaks_a_rule_is_closed_with_a_counted_reason(name: str, tmp_path: Path) -> None:
    frames, code = HOSTILE[name]

    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 5)
        async with serving(tree) as server:
            async with peer(server, child) as raw:
                await raw.send(*frames)
                with contextlib.suppress(AssertionError):
                    assert known_code((await raw.until(Finish)).code) == code
                while await raw.receive() is not None:
                    pass
            await drain(server, child)  # nobody else notices
            expected = Counter([code, "done"])
            assert server.closes == expected
        tree.close()

    run(work())


def test_a_batch_that_lies_about_its_size_does_not_reach_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 20)
        origin = child.store.own_origin()
        start = Head(origin, Seq(0), GENESIS_HASH)
        header, payload = encode_batch(start, child.store.read_commits(origin, Seq(0)), signer=NodeId("child"))
        for lie, code in (
            (replace(header, raw_bytes=limits.BATCH_BYTES_MAX + 1), "oversized"),
            (replace(header, wire_bytes=header.wire_bytes - 1), "oversized"),
            (replace(header, commits=header.commits + 1), "malformed"),
        ):
            async with serving(tree) as server, peer(server, child) as raw:
                await raw.send(HELLO, Heads((child.store.head(origin),), (), last=True))
                await raw.until(Heads)
                await raw.send(*cut(BatchNumber(1), lie, payload))
                assert (await raw.until(Finish)).code == code
                assert server.hub.store.head(origin).seq == 0
        tree.close()

    run(work())


def test_a_bomb_and_a_forged_chain_are_refused_unstored(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 20)
        origin = child.store.own_origin()
        start = Head(origin, Seq(0), GENESIS_HASH)
        header, payload = encode_batch(start, child.store.read_commits(origin, Seq(0)), signer=NodeId("child"))
        for lie, code in (
            (replace(header, raw_bytes=limits.BATCH_BYTES_MAX - 1), "bomb"),
            (replace(header, hash=type(header.hash)(b"\1" * 32)), "wrong_chain"),
        ):
            async with serving(tree) as server, peer(server, child) as raw:
                await raw.send(HELLO, Heads((child.store.head(origin),), (), last=True))
                await raw.until(Heads)
                await raw.send(*cut(BatchNumber(1), lie, payload))
                refusal = await raw.until(Refuse)
                assert (refusal.code, refusal.batch) == (code, 1)
                assert server.hub.store.head(origin).seq == 0
                assert server.hub.refusals == {code: 1}
        tree.close()

    run(work())


def test_a_child_that_is_newer_than_its_parent_holds_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 3)
        monkeypatch.setattr("hub.session.SCHEMA_VERSION", SCHEMA_VERSION - 1)
        async with serving(tree) as server:
            with pytest.raises(PeerUnavailable, match="upgrade the parent first"):
                await drain(server, child)
            assert server.hub.store.head(child.store.own_origin()).seq == 0
        assert child.store.head(child.store.own_origin()).seq == 4, "what was recorded stays"
        tree.close()

    run(work())


def test_a_child_cut_in_the_middle_of_a_batch_sends_it_again(tmp_path: Path) -> None:
    async def work() -> None:
        tree = Tree(tmp_path)
        child = tree.add("child")
        record(child.store, 30)
        origin = child.store.own_origin()
        header, payload = encode_batch(
            Head(origin, Seq(0), GENESIS_HASH), child.store.read_commits(origin, Seq(0)), signer=child.store.node_id
        )
        frame = next(iter(cut(BatchNumber(1), header, payload)))
        async with serving(tree) as server:
            async with peer(server, child) as raw:
                await raw.send(
                    replace(HELLO, node_id=child.store.node_id), Heads((child.store.head(origin),), (), last=True)
                )
                await raw.until(Welcome)
                await raw.send(replace(frame, payload=frame.payload[:100], last=False))
            await drain(server, child)
            assert server.hub.store.head(origin) == child.store.head(origin)
        tree.close()

    run(work())
