"""Cable for rehearsals: a TCP relay in front of a parent that can be unplugged and plugged in again."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
_CHUNK_BYTES: Final = 64 * 1024
_CALL_SECONDS: Final = 10.0


class RelayLoop:
    """One event loop in a thread of its own for all relays of a rehearsal."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relays", daemon=True)
        self._thread.start()
        self._relays: list[Relay] = []

    def relay(self, target: tuple[str, int]) -> Relay:
        """A relay to ``target`` (host, port) on a free port of the loopback; plugged in."""
        relay = Relay(self, target)
        self.call(relay.open())
        self._relays.append(relay)
        return relay

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    def close(self) -> None:
        for relay in self._relays:
            self.call(relay.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()


class Relay:
    """One cable. ``port`` is where the child dials; ``bytes_up`` and ``bytes_down`` are what went through."""

    def __init__(self, loop: RelayLoop, target: tuple[str, int]) -> None:
        self.port = 0
        self.plugged = True
        self.bytes_up = 0
        self.bytes_down = 0
        self._loop = loop
        self._target = target
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def unplug(self) -> None:
        """Cut what is connected; nothing connects until ``plug``."""
        self._loop.call(self._unplug())

    def plug(self) -> None:
        self.plugged = True

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        await self._unplug()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _unplug(self) -> None:
        self.plugged = False
        for task in tuple(self._connections):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        parent_writer: asyncio.StreamWriter | None = None
        try:
            if not self.plugged:
                return
            parent_reader, parent_writer = await asyncio.open_connection(*self._target)
            await asyncio.gather(
                self._pump(reader, parent_writer, up=True), self._pump(parent_reader, writer, up=False)
            )
        except (OSError, asyncio.CancelledError):
            pass  # a cut cable is what this is for
        finally:
            self._connections.discard(task)
            for end in (writer, parent_writer):
                if end is not None:
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            if up:
                self.bytes_up += len(data)
            else:
                self.bytes_down += len(data)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError
