"""The uplink: keeps a session with the parent, or drains once.

The child dials; a lost link is tried again with full jitter, for ever (follow) or a few times (drain). What ends a
session is written to ``UplinkState``, which status and metrics read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc.aio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, stop_never
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from node import limits
from node.conversation import Conversation, InStore, Traffic
from node.errors import PeerUnavailable, StoreError
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


class _FullJitter(wait_base):
    """Uniform between the least delay and a bound that doubles, for thousands come back at once (RELIABILITY F32)."""

    def __init__(self, source: random.Random, delay_max_ms: int) -> None:
        self._source = source
        self._delay_max_ms = delay_max_ms

    def __call__(self, retry_state: RetryCallState) -> float:
        bound = min(self._delay_max_ms, limits.RECONNECT_DELAY_MIN_MS * 2 ** min(retry_state.attempt_number, 16))
        return self._source.uniform(limits.RECONNECT_DELAY_MIN_MS, bound) / 1000


class Uplink:
    """The link of one node to its parent at ``address`` (host:port)."""

    def __init__(
        self,
        address: str,
        make_endpoint: Callable[[bool], ChildEndpoint],
        in_store: InStore[list[bytes]],
        source: random.Random,
        *,
        delay_max_ms: int = limits.RECONNECT_DELAY_MAX_MS,
    ) -> None:
        self.state = UplinkState()
        self._address = address
        self._make_endpoint = make_endpoint
        self._in_store = in_store
        self._source = source
        self._delay_max_ms = delay_max_ms
        self._conversation: Conversation | None = None
        self._endpoint: ChildEndpoint | None = None
        self._stopping = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether a session with the parent is open now."""
        return self._endpoint is not None and self._endpoint.opened and self._endpoint.closed is None

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
        endpoint, conversation = self._endpoint, self._conversation
        if endpoint is not None and conversation is not None:

            def say_goodbye() -> list[bytes]:
                endpoint.stop("shutdown")
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
                    raise PeerUnavailable(
                        f"The parent at {self._address} did not take everything: "
                        f"{close.code} {self.state.last_detail}".strip(),
                        hint="Check that the parent runs and the network is up; what is recorded stays here.",
                    )

    async def _session(self, *, follow: bool) -> tuple[Close, bool, str]:
        """One session; returns how it ended, whether it had been opened, and what gRPC said."""
        self.state.sessions += 1
        async with grpc.aio.insecure_channel(self._address, options=CLIENT_OPTIONS) as channel:
            call: Call = channel.stream_stream(SYNC_METHOD, request_serializer=None, response_deserializer=None)()
            stream = CallStream(call)
            endpoint = self._endpoint = self._make_endpoint(follow)
            conversation = self._conversation = Conversation(stream, endpoint, self._in_store, self.state.traffic)
            try:
                close = await conversation.run()
            finally:
                self._conversation = self._endpoint = None
                call.cancel()
            return close, endpoint.opened, stream.error

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


class _Stopped(Exception):
    pass
