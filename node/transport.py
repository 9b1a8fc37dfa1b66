"""The settings of gRPC that both ends share, and gRPC calls as ``Stream``s.

Each was measured (RELIABILITY 0 and D): keepalive alone waits ``ping_timeout``; without ``bdp_probe=0`` a slow reader
costs 4 MiB a stream; compression is ours, so gRPC's own stays off.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, cast

import grpc
import grpc.aio

from node import limits
from node.conversation import LinkLost

_SHARED: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_receive_message_length", limits.GRPC_MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", limits.GRPC_MESSAGE_BYTES_MAX),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", limits.PING_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
)
CLIENT_OPTIONS: Final = (*_SHARED, ("grpc.keepalive_permit_without_calls", 0), ("grpc.enable_retries", 0))
SERVER_OPTIONS: Final = (
    *_SHARED,
    ("grpc.http2.min_recv_ping_interval_without_data_ms", limits.SERVER_PING_INTERVAL_MIN_MS),
    ("grpc.max_connection_age_ms", limits.CONNECTION_AGE_MAX_MS),
    ("grpc.max_connection_age_grace_ms", limits.CONNECTION_AGE_GRACE_MS),
    ("grpc.max_concurrent_streams", limits.STREAMS_MAX),
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
)

Call = grpc.aio.StreamStreamCall[bytes, bytes]
Context = grpc.aio.ServicerContext[bytes, bytes]


class CallStream:
    """The child's side. ``error`` tells after the end what gRPC said."""

    peer_ends = True

    def __init__(self, call: Call) -> None:
        self._call = call
        self.error = ""

    async def close(self) -> None:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError):
            await self._call.done_writing()

    async def read(self) -> bytes | None:
        try:
            frame = await self._call.read()
        except grpc.aio.AioRpcError as error:
            self.error = f"{error.code().name}: {error.details()}"
            return None
        except (asyncio.InvalidStateError, grpc.aio.UsageError) as error:
            self.error = str(error)
            return None
        return frame if isinstance(frame, bytes) else None

    async def write(self, frame: bytes) -> None:
        try:
            await self._call.write(frame)
        except grpc.aio.AioRpcError as error:
            self.error = f"{error.code().name}: {error.details()}"
            raise LinkLost(self.error) from error
        except (
            asyncio.InvalidStateError,
            grpc.aio.UsageError,
        ) as error:  # writing to a finished call (RELIABILITY 0.5)
            raise LinkLost(str(error)) from error


class ContextStream:
    """The parent's side."""

    peer_ends = False

    def __init__(self, context: Context) -> None:
        self._context = context

    async def close(self) -> None:
        """The stream ends when the handler returns."""

    async def read(self) -> bytes | None:
        try:
            frame = await self._context.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.RpcError):
            return None
        return None if cast("object", frame) is grpc.aio.EOF else frame

    async def write(self, frame: bytes) -> None:
        try:
            await self._context.write(frame)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, grpc.aio.UsageError, grpc.RpcError) as error:
            raise LinkLost(str(error)) from error
