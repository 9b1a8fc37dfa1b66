"""The gRPC server of a parent: one ``Conversation`` a child, one task that applies groups.

Store work of all sessions happens in the store's one thread; while that thread commits a group, the next group gathers,
so that many children share one sync.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from hub.session import Hub, ParentEndpoint
from node import limits
from node.chain import Head
from node.conversation import Conversation, InStore, Traffic
from node.errors import StoreError, UsageError
from node.ids import NodeId
from node.protocol.codes import known_code
from node.protocol.transitions import ParentState
from node.transport import SERVER_OPTIONS, Context, ContextStream
from node.wire import SYNC_METHOD

_log = logging.getLogger("dansync.hub")


@dataclass(slots=True, eq=False)
class _Live:
    endpoint: ParentEndpoint
    conversation: Conversation
    named: bool = False


class HubServer:
    """Serves the children of one hub at ``listen`` (host:port; port 0: any free one, then read ``address``)."""

    def __init__(self, hub: Hub, listen: str, in_store: InStore[Any], on_advanced: Callable[[], None]) -> None:
        self.hub = hub
        self.traffic = Traffic()
        self.address = listen
        self.closes: dict[str, int] = {}
        self._in_store = in_store
        self._on_advanced = on_advanced
        self._live: set[_Live] = set()
        self._named: dict[NodeId, _Live] = {}
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=limits.STREAMS_MAX)
        self._applier: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()

    @property
    def connected(self) -> tuple[NodeId, ...]:
        """The children that have a session now."""
        return tuple(sorted(self._named))

    async def start(self) -> None:
        """Listen. Raises ``UsageError`` if the address cannot be had."""
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._sync, request_deserializer=None, response_serializer=None
        )
        service, _, method = SYNC_METHOD.strip("/").partition("/")
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        host = self.address.rpartition(":")[0]
        try:
            port = self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            port = 0
            cause: Exception | None = error
        else:
            cause = None
        if port == 0:
            raise UsageError(
                f"The address {self.address} cannot be listened on.",
                hint="Another node may be running there; change listen in node.toml.",
            ) from cause
        self.address = f"{host}:{port}"
        await self._server.start()
        self._applier = asyncio.create_task(self._apply())

    async def stop(self) -> None:
        """Say Finish to all children, then close."""
        sessions = tuple(self._live)

        def say_goodbye() -> None:
            for live in sessions:
                live.endpoint.stop("shutdown")

        await self._in_store(say_goodbye)
        for live in sessions:
            live.conversation.woken.set()
        await self._server.stop(limits.SHUTDOWN_TIMEOUT_MS / 1000)
        if self._applier is not None:
            self._applier.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._applier

    async def _sync(self, request_iterator: object, context: Context) -> None:
        endpoint = ParentEndpoint(self.hub)
        conversation = Conversation(ContextStream(context), endpoint, lambda turn: self._turn(live, turn), self.traffic)
        live = _Live(endpoint, conversation)
        self._live.add(live)
        try:
            close = await conversation.run(self._may_read)
        except StoreError as error:
            self._store_failed(error)
            self._count("store")
            return
        except Exception:  # noqa: BLE001  one broken session must not take the others with it (RELIABILITY F10)
            _log.exception("a session ended by an unexpected error")
            self._count("internal")
            return
        finally:
            self._live.discard(live)
            if endpoint.closed is None:
                endpoint.link_lost()
            node_id = endpoint.session.node_id
            if node_id is not None and self._named.get(node_id) is live:
                del self._named[node_id]
        self._count(close.code)
        _log.info("session with %s ended: %s %s", endpoint.session.node_id, close.code, close.detail)

    def _count(self, code: str) -> None:
        known = known_code(code)
        self.closes[known] = self.closes.get(known, 0) + 1

    async def _turn(self, live: _Live, turn: Callable[[], list[bytes]]) -> list[bytes]:
        frames: list[bytes] = await self._in_store(turn)
        if self.hub.queued:
            self._work.set()
        if self.hub.queued >= limits.APPLY_QUEUE_BATCHES_MAX:
            self._room.clear()
        if not live.named and live.endpoint.session.state is ParentState.STREAMING:
            await self._name(live)
        return frames

    async def _name(self, live: _Live) -> None:
        """A child has one session: a newer one ends the older, which may hang on a dead link."""
        live.named = True
        node_id = live.endpoint.session.node_id
        assert node_id is not None
        older = self._named.get(node_id)
        self._named[node_id] = live
        if older is not None:

            def supersede() -> None:
                older.endpoint.stop("superseded", "the same node has opened a newer session")

            await self._in_store(supersede)
            older.conversation.woken.set()

    def _store_failed(self, error: StoreError) -> None:
        """Full or busy heals by itself, and the children send again; anything else ends the node."""
        _log.error("the store failed: %s", error)
        if not error.retry and not self._failed.done():
            self._failed.set_result(error)

    async def failure(self) -> None:
        """Waits until the store fails for good, and raises that ``StoreError``."""
        raise await self._failed

    async def _may_read(self) -> None:
        await self._room.wait()

    async def _apply(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self.hub.queued:
                try:
                    heads: list[Head] = await self._in_store(self.hub.apply_group)
                except StoreError as error:
                    self._store_failed(error)
                    heads = []
                except Exception:  # noqa: BLE001  the hub outlives one bad group; its children will send it again
                    _log.exception("a group was given up by an unexpected error")
                    heads = []
                if self.hub.queued < limits.APPLY_QUEUE_BATCHES_MAX:
                    self._room.set()
                for live in tuple(self._live):
                    if live.endpoint.outbox or live.endpoint.closed is not None:
                        live.conversation.woken.set()
                if heads:
                    self._on_advanced()
