"""The uplink: keeps a session with the parent, or drains once.

The child dials; a lost link is tried again with full jitter, for ever (follow) or a few times (drain). Whom it dials is
asked before each session, because a node may get another parent (``node.parentage``). What ends a session is written to
``UplinkState``, which status and metrics read. Calls about enrolment go the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import grpc.aio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_never
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from node import limits
from node.clock import Clock
from node.conversation import Conversation, InStore, Traffic
from node.errors import PeerUnavailable, StoreError
from node.identity import tls
from node.identity.folder import Identity
from node.ids import NodeId
from node.parentage import Parent
from node.protocol.actions import Close
from node.session import ChildEndpoint
from node.transport import CLIENT_OPTIONS, Call, CallStream
from node.wire import SYNC_METHOD

_log = logging.getLogger("dansync.uplink")

DRAIN_ATTEMPTS_MAX = 5


@dataclass(slots=True)
class UplinkState:
    """What an operator wants to know of the link."""

    sessions: int = 0
    last_end: str = ""  # the code under which the last session ended
    last_detail: str = ""
    traffic: Traffic = field(default_factory=Traffic)


Parents = Callable[[], Awaitable[Sequence[Parent]]]
"""Whom to dial, the best first (``node.parentage.ways``)."""


def always(*parents: Parent) -> Parents:
    """Whom to dial where that never changes."""

    async def found() -> Sequence[Parent]:
        return parents

    return found


class _FullJitter(wait_base):
    """Uniform between the least delay and a bound that doubles, for thousands come back at once (RELIABILITY F32)."""

    def __init__(self, source: random.Random, delay_max_ms: int) -> None:
        self._source = source
        self._delay_max_ms = delay_max_ms

    def __call__(self, retry_state: RetryCallState) -> float:
        bound = min(self._delay_max_ms, limits.RECONNECT_DELAY_MIN_MS * 2 ** min(retry_state.attempt_number, 16))
        return self._source.uniform(limits.RECONNECT_DELAY_MIN_MS, bound) / 1000


class Uplink:
    """The link of one node to its parent. ``identity`` is asked before each call, because certificates are renewed;
    ``before_session`` may use the open channel first.
    """

    def __init__(
        self,
        parents: Parents,
        identity: Callable[[], Identity],
        make_endpoint: Callable[[bool, NodeId], ChildEndpoint],
        in_store: InStore[list[bytes]],
        source: random.Random,
        clock: Clock,
        *,
        before_session: Callable[[grpc.aio.Channel], Awaitable[None]] | None = None,
        delay_max_ms: int = limits.RECONNECT_DELAY_MAX_MS,
    ) -> None:
        self.state = UplinkState()
        self._parents = parents
        self._ways: tuple[Parent, ...] = ()
        self._turn = 0
        self._identity = identity
        self._clock = clock
        self._before_session = before_session
        self._make_endpoint = make_endpoint
        self._in_store = in_store
        self._source = source
        self._delay_max_ms = delay_max_ms
        self._conversation: Conversation | None = None
        self._endpoint: ChildEndpoint | None = None
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._told = ""

    @property
    def connected(self) -> bool:
        """Whether a session with the parent is open now."""
        return self._endpoint is not None and self._endpoint.opened and self._endpoint.closed is None

    @property
    def parent(self) -> Parent | None:
        """Whom this node dials, or dialled last; None if nobody is known."""
        return self._ways[self._turn % len(self._ways)] if self._ways else None

    async def look_again(self) -> None:
        """Somebody else may be to be dialled now: end the session in good order and dial there."""
        before, found = self._ways, tuple(await self._parents())
        if found == before:
            return
        here, self._ways, self._turn = self.parent, found, 0
        if found and here != found[0]:
            await self._say_goodbye("moved")
            self._hurry.set()

    def notify(self) -> None:
        """The store has newer heads."""
        if self._conversation is not None:
            self._conversation.woken.set()

    async def follow(self) -> None:
        """Keep a session until ``stop``."""
        while not self._stopping.is_set():
            with contextlib.suppress(_Stopped):
                await self._connect(follow=True, stop=stop_never)
            await self._pause(self._source.uniform(0, limits.RECONNECT_DELAY_MIN_MS * 2) / 1000)

    async def drain(self) -> None:
        """Send everything, once. Raises ``PeerUnavailable`` if the parent could not be reached or did not take it."""
        with contextlib.suppress(_Stopped):
            await self._connect(follow=False, stop=stop_after_attempt(DRAIN_ATTEMPTS_MAX))

    async def stop(self) -> None:
        """End the session in good order and dial no more."""
        self._stopping.set()
        self._hurry.set()
        await self._say_goodbye("shutdown")

    async def _say_goodbye(self, code: str) -> None:
        endpoint, conversation = self._endpoint, self._conversation
        if endpoint is not None and conversation is not None:

            def say_goodbye() -> list[bytes]:
                endpoint.stop(code)
                return []

            await self._in_store(say_goodbye)
            conversation.woken.set()

    async def _connect(self, *, follow: bool, stop: stop_base) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PeerUnavailable),
            wait=_FullJitter(self._source, self._delay_max_ms),
            stop=stop,
            sleep=self._pause,
            reraise=True,
        )
        said: Close | None = None
        async for attempt in retrying:
            with attempt:
                if self._stopping.is_set():
                    raise _Stopped
                try:
                    close, was_open, error = await self._session(follow=follow)
                except StoreError as problem:
                    if not problem.retry:
                        raise
                    # Full or busy: it heals by itself, and nothing was promised.
                    close, was_open, error = Close("store", problem.message, clean=False), False, ""
                self.state.last_end, self.state.last_detail = close.code, close.detail or error
                _log.info("session ended: %s %s", close.code, self.state.last_detail)
                if not close.clean and not (follow and was_open):
                    if close.code != "link_lost":
                        said = close  # a link that is cut while the parent says why does not hide what it said before
                    raise self._unavailable(said if said is not None and not error else close, error)

    def _unavailable(self, close: Close, error: str) -> PeerUnavailable:
        """Why it did not work, in words that help: a failed handshake mostly has a cause that can be named."""
        explanation = tls.explain_failure(error, self._clock.wall_ms(), self._identity().certificate) if error else None
        if explanation is not None:
            code, message, hint = explanation
            self.state.last_end, self.state.last_detail = code, message
            if code != self._told:
                _log.warning("%s %s", message, hint)
            self._told = code
            return PeerUnavailable(message, hint=hint)
        return PeerUnavailable(
            f"The parent at {self.parent.address if self.parent else '?'} did not take everything: "
            f"{close.code} {close.detail or error}".strip(),
            hint="Check that the parent runs and the network is up; what is recorded stays here.",
        )

    def channel(self) -> grpc.aio.Channel:
        """A channel to the parent, as this node, to nobody else. Raises ``IdentityError``, ``PeerUnavailable``."""
        parent = self.parent
        if parent is None:
            raise PeerUnavailable(
                "No parent to dial is known here.",
                hint="Say whom: dansync parent FOLDER --node-id NODE --address HOST:PORT",
            )
        options = (*CLIENT_OPTIONS, *tls.channel_options(parent.node_id))
        credentials = tls.channel_credentials(self._identity())
        return grpc.aio.secure_channel(parent.address, credentials, options=options)

    async def call(self, method: str, request: bytes) -> bytes:
        """One call to the parent about enrolment. Raises ``PeerUnavailable``."""
        if not self._ways:
            self._ways = tuple(await self._parents())
        async with self.channel() as channel:
            return await unary(channel, method, request)

    async def _session(self, *, follow: bool) -> tuple[Close, bool, str]:
        """One session; returns how it ended, whether it had been opened, and what gRPC said."""
        self.state.sessions += 1
        self._hurry.clear()
        if self._stopping.is_set():
            self._hurry.set()
        found = tuple(await self._parents())
        if found != self._ways:
            self._ways, self._turn = found, 0
        async with self.channel() as channel:
            if self._before_session is not None:
                await self._before_session(channel)
            call: Call = channel.stream_stream(SYNC_METHOD, request_serializer=None, response_deserializer=None)()
            stream = CallStream(call)
            endpoint = self._endpoint = self._make_endpoint(follow, self._dialled())
            conversation = self._conversation = Conversation(stream, endpoint, self._in_store, self.state.traffic)
            try:
                close = await conversation.run()
            finally:
                self._conversation = self._endpoint = None
                self._turn = 0 if endpoint.opened else self._turn + 1
                call.cancel()
            return close, endpoint.opened, stream.error

    def _dialled(self) -> NodeId:
        assert self.parent is not None
        return self.parent.node_id

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)


async def unary(channel: grpc.aio.Channel, method: str, request: bytes) -> bytes:
    """One short call. Raises ``PeerUnavailable`` with what gRPC says."""
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
        method, request_serializer=None, response_deserializer=None
    )
    try:
        answer: bytes = await call(request, timeout=limits.CALL_TIMEOUT_MS / 1000)
    except grpc.aio.AioRpcError as error:
        raise PeerUnavailable(
            f"The parent did not answer: {error.code().name} {error.details()}",
            hint="Check that the parent runs and the network is up, then try again.",
        ) from error
    return answer


class _Stopped(Exception):
    pass
