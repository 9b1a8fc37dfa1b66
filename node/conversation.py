"""One session over one byte stream: frames in, the endpoint's turn in the store's thread, frames out.

The uplink and the server both run this loop; they differ in the stream and the endpoint. All work on the store happens
in one thread, so the event loop never waits for the disk. An end of the stream is never taken for an end of the
session: only Finish is (RELIABILITY 0.5).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from node import limits
from node.errors import FrameRefused
from node.protocol.actions import Close
from node.protocol.messages import Message

T = TypeVar("T")
InStore = Callable[[Callable[[], T]], Awaitable[T]]

FRAMES_WAITING_MAX: Final = 16
TICK_SECONDS: Final = 1.0
CLOSE_WAIT_SECONDS: Final = 2.0


class Stream(Protocol):
    """A bidirectional stream of frames. ``peer_ends``: the other side ends it, once we have closed ours."""

    peer_ends: bool

    async def read(self) -> bytes | None:
        """The next frame; None when the stream has ended, for whatever reason."""
        ...

    async def close(self) -> None:
        """Nothing more will be written."""
        ...

    async def write(self, frame: bytes) -> None:
        """Hand a frame to the transport; waits while the peer does not read. Raises ``LinkLost``."""
        ...


class LinkLost(Exception):
    """The stream cannot carry any more frames."""


class Endpoint(Protocol):
    """The synchronous shell of one side (``node.session``, ``hub.session``); used in the store's thread only."""

    outbox: deque[Message]
    closed: Close | None

    def receive_frame(self, frame: bytes) -> None: ...
    def encode(self, message: Message) -> bytes: ...
    def violated(self, code: str, detail: str) -> None: ...
    def wake(self) -> None: ...
    def tick(self) -> None: ...
    def link_lost(self) -> None: ...


@dataclass(slots=True)
class Traffic:
    """Bytes and frames of all sessions of one side since the start; the metrics read it."""

    bytes_sent: int = 0
    bytes_received: int = 0
    frames_sent: int = 0
    frames_received: int = 0


class Conversation:
    """Runs one session to its end. ``woken`` is set by others when the store has news for this side."""

    def __init__(self, stream: Stream, endpoint: Endpoint, in_store: InStore[list[bytes]], traffic: Traffic) -> None:
        self.woken = asyncio.Event()
        self._stream = stream
        self._endpoint = endpoint
        self._in_store = in_store
        self._traffic = traffic
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue(FRAMES_WAITING_MAX)

    async def run(self, may_read: Callable[[], Awaitable[None]] | None = None) -> Close:
        """``may_read`` is awaited before each frame is taken from the stream: how a busy parent holds its children
        back.
        """
        reader = asyncio.create_task(self._read(may_read))
        news: asyncio.Task[object] | None = None
        arrival: asyncio.Task[object] | None = None
        ended = False
        frames: list[bytes] = []
        was_woken = True
        try:
            while True:
                for frame in await self._turn(frames, was_woken=was_woken, ended=ended):
                    try:
                        await asyncio.wait_for(self._stream.write(frame), limits.ACK_TIMEOUT_MS / 1000)
                    except (LinkLost, TimeoutError):
                        ended = True
                        break
                    self._traffic.bytes_sent += len(frame)
                    self._traffic.frames_sent += 1
                if self._endpoint.closed is not None:
                    if not ended:
                        await self._close(reader)
                    return self._endpoint.closed
                frames, was_woken = [], False
                if ended:
                    continue
                arrival = arrival or asyncio.create_task(self._frames.get())
                news = news or asyncio.create_task(self.woken.wait())
                await asyncio.wait({arrival, news}, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if arrival.done():
                    first = arrival.result()
                    arrival = None
                    frames, ended = self._drain(first)
                if news.done():
                    news = None
                    self.woken.clear()
                    was_woken = True
        finally:
            for task in (reader, arrival, news):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _close(self, reader: asyncio.Task[None]) -> None:
        """Let the last frame out: cancelling a read of gRPC cancels the whole call, with what is under way in it."""
        await self._stream.close()
        if self._stream.peer_ends:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_WAIT_SECONDS):
                    while not reader.done():
                        if await self._frames.get() is None:
                            return

    def _drain(self, first: object) -> tuple[list[bytes], bool]:
        frames: list[bytes] = []
        item = first
        while True:
            if item is None:
                return frames, True
            assert isinstance(item, bytes)
            self._traffic.bytes_received += len(item)
            self._traffic.frames_received += 1
            frames.append(item)
            try:
                item = self._frames.get_nowait()
            except asyncio.QueueEmpty:
                return frames, False

    async def _turn(self, frames: list[bytes], *, was_woken: bool, ended: bool) -> list[bytes]:
        endpoint = self._endpoint

        def turn() -> list[bytes]:
            for frame in frames:
                try:
                    endpoint.receive_frame(frame)
                except FrameRefused as error:
                    endpoint.violated(error.code, error.message)
                    break
            if was_woken:
                endpoint.wake()
            endpoint.tick()
            if ended:
                endpoint.link_lost()
            messages = list(endpoint.outbox)
            endpoint.outbox.clear()
            return [endpoint.encode(message) for message in messages]

        return await self._in_store(turn)

    async def _read(self, may_read: Callable[[], Awaitable[None]] | None) -> None:
        while True:
            if may_read is not None:
                await may_read()
            frame = await self._stream.read()
            await self._frames.put(frame)
            if frame is None:
                return
