"""The gRPC server of a parent: one ``Conversation`` a child, one task that applies groups, and the desk where nodes are
enrolled. There is one port, and nobody gets in without a certificate of the authority.

Store work of all sessions happens in the store's one thread; while that thread commits a group, the next group gathers,
so that many children share one sync.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import grpc
import grpc.aio

from hub.session import Hub, ParentEndpoint, Peer
from node import limits
from node.authorisation import may_call
from node.chain import Head
from node.conversation import Conversation, InStore, Traffic
from node.enrolment_wire import ENROL_METHOD, RENEW_METHOD
from node.errors import DansyncError, FrameRefused, IdentityError, PeerUnavailable, StoreError, UsageError
from node.identity import tls
from node.identity.certificates import Certificate
from node.identity.folder import Identity
from node.ids import NodeId
from node.protocol.codes import known_code
from node.transport import SERVER_OPTIONS, Context, ContextStream
from node.wire import SYNC_METHOD

_log = logging.getLogger("dansync.hub")


class Desk(Protocol):
    """Answers a call about enrolment, here or further up. Raises ``FrameRefused``, ``PeerUnavailable``."""

    async def __call__(self, method: str, request: bytes, peer: Certificate, /) -> bytes: ...


@dataclass(slots=True, eq=False)
class _Live:
    endpoint: ParentEndpoint
    conversation: Conversation


class HubServer:
    """Serves the children of one hub at ``listen`` (host:port; port 0: any free one, then read ``address``)."""

    def __init__(
        self,
        hub: Hub,
        listen: str,
        in_store: InStore[Any],
        on_advanced: Callable[[], None],
        identity: Callable[[], Identity],
        desk: Desk,
    ) -> None:
        self.hub = hub
        self._identity = identity
        self._desk = desk
        self.traffic = Traffic()
        self.address = listen
        self.closes: dict[str, int] = {}
        self._in_store = in_store
        self._on_advanced = on_advanced
        self._live: dict[ParentEndpoint, _Live] = {}
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._server = grpc.aio.server(options=SERVER_OPTIONS, maximum_concurrent_rpcs=limits.STREAMS_MAX)
        self._applier: asyncio.Task[None] | None = None
        self._failed: asyncio.Future[StoreError] = asyncio.get_running_loop().create_future()

    @property
    def connected(self) -> tuple[NodeId, ...]:
        """The children that have a session now."""
        return tuple(sorted(self.hub.sessions))

    async def start(self) -> None:
        """Listen. Raises ``UsageError`` if the address cannot be had."""
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._sync, request_deserializer=None, response_serializer=None
        )
        service, _, method = SYNC_METHOD.strip("/").partition("/")
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}), self._enrolment_handler())
        )
        host = self.address.rpartition(":")[0]
        try:
            port = self._server.add_secure_port(self.address, tls.server_credentials(self._identity))
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
        sessions = tuple(self._live.values())

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
        peer = await self._admitted(context, SYNC_METHOD)
        endpoint = ParentEndpoint(self.hub, Peer(peer.node_id, peer.serial, peer.not_after_ms))
        conversation = Conversation(ContextStream(context), endpoint, self._turn, self.traffic)
        self._live[endpoint] = _Live(endpoint, conversation)
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
            del self._live[endpoint]
            await self._in_store(endpoint.link_lost)
        self._count(close.code)
        _log.info("session with %s ended: %s %s", peer.node_id, close.code, close.detail)

    def _enrolment_handler(self) -> grpc.GenericRpcHandler:
        """Asking to be enrolled, and for a newer certificate."""
        service = ENROL_METHOD.strip("/").partition("/")[0]

        def handler(method: str) -> grpc.RpcMethodHandler[bytes, bytes]:
            async def answer(request: bytes, context: Context) -> bytes:
                return await self._enrolment(method, request, context)

            return grpc.unary_unary_rpc_method_handler(answer, request_deserializer=None, response_serializer=None)

        methods = {method.rpartition("/")[2]: handler(method) for method in (ENROL_METHOD, RENEW_METHOD)}
        return grpc.method_handlers_generic_handler(service, methods)

    async def _enrolment(self, method: str, request: bytes, context: Context) -> bytes:
        peer = await self._admitted(context, method)
        try:
            return await self._desk(method, request, peer)
        except FrameRefused as error:
            self._count(error.code)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        except PeerUnavailable as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, error.message)
        except DansyncError as error:
            _log.error("a call of %s failed: %s", peer.node_id, error)
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, error.message)
        raise AssertionError("abort returned")

    async def _admitted(self, context: Context, method: str) -> Certificate:
        """Who calls; ends the call if nobody we know does, or if they may not (default deny)."""
        try:
            peer = tls.peer_of(context)
        except IdentityError as error:
            self._count("identity")
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, error.message)
        if not may_call(method, peer.role):
            await self._refuse(context, method, peer)
        return peer

    async def _refuse(self, context: Context, method: str, peer: Certificate) -> NoReturn:
        """Default deny: the table of ``node.authorisation`` has no such call for this role."""
        self._count("forbidden")
        _log.warning("node %s (%s) may not call %s", peer.node_id, peer.role, method)
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, f"a certificate of the kind {peer.role} may not do this")
        raise AssertionError("abort returned")

    def _count(self, code: str) -> None:
        known = known_code(code)
        self.closes[known] = self.closes.get(known, 0) + 1

    async def _turn(self, turn: Callable[[], list[bytes]]) -> list[bytes]:
        frames: list[bytes] = await self._in_store(turn)
        stirred, self.hub.stirred = self.hub.stirred, []
        for endpoint in stirred:
            if endpoint in self._live:
                self._live[endpoint].conversation.woken.set()
        if self.hub.advanced:
            self.hub.advanced = False
            self._on_advanced()
        if self.hub.queued:
            self._work.set()
        if self.hub.queued >= limits.APPLY_QUEUE_BATCHES_MAX:
            self._room.clear()
        return frames

    def notify(self) -> None:
        """The store has newer heads: children may have wanted them."""
        for live in self._live.values():
            if live.endpoint.session.wanted:
                live.conversation.woken.set()

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
                for live in tuple(self._live.values()):
                    if live.endpoint.outbox or live.endpoint.closed is not None:
                        live.conversation.woken.set()
                if heads:
                    self._on_advanced()
