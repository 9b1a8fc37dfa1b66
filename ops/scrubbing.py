"""The scrub of a running node: on a schedule, in slices with pauses, on a reading connection and in a thread of its
own, so that neither recording nor the link ever waits for it. Only what it found goes through the store's thread.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from node import limits
from node.clock import Clock
from node.errors import DansyncError
from node.findings import Scrub, keep, scrubbed_at
from node.scrub import scrub
from node.store import Store
from ops.config import NodeConfig

_log = logging.getLogger("dansync.scrub")


class InStore(Protocol):
    """Runs work in the store's thread."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]: ...


def due_in_ms(now_ms: int, last_ms: int | None, interval_ms: int) -> int:
    """How long until the next scrub. A last one in the future (the clock went back) counts as none."""
    if last_ms is None or last_ms > now_ms:
        return 0
    return max(last_ms + interval_ms - now_ms, 0)


def pause_ms(slice_ms: int, *, busy: bool) -> int:
    """How long to leave the machine to others after a slice."""
    if busy:
        return limits.SCRUB_BUSY_PAUSE_MS
    return max(slice_ms * limits.SCRUB_PAUSE_SHARE, limits.SCRUB_PAUSE_MIN_MS)


class Scrubber:
    """Scrubs the store of a daemon. ``busy`` says whether others need the machine more just now."""

    def __init__(
        self, config: NodeConfig, store: Store, in_store: InStore, clock: Clock, busy: Callable[[], bool]
    ) -> None:
        self._config = config
        self._store = store
        self._in_store = in_store
        self._clock = clock
        self._busy = busy

    async def keep_scrubbing(self) -> None:
        """Scrub whenever it is due, until cancelled. What fails is tried again the next time."""
        interval_ms = self._config.scrub_interval_s * 1_000
        await asyncio.sleep(min(limits.SCRUB_START_DELAY_MS, interval_ms) / 1_000)
        while True:
            last = await self._in_store(lambda: scrubbed_at(self._store))
            wait_ms = due_in_ms(self._clock.wall_ms(), last, interval_ms)
            if wait_ms:
                await asyncio.sleep(wait_ms / 1_000)
                continue
            try:
                await self.scrub_once()
            except DansyncError as error:  # busy, full, or too damaged to be read: others say so too
                _log.error("the scrub came to no end: %s", error)
                await asyncio.sleep(interval_ms / 1_000)

    async def scrub_once(self) -> Scrub:
        """Look at everything and write down what was found. Raises ``StoreError``."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="scrub") as thread:
            reader = await loop.run_in_executor(thread, self._open)
            try:
                work = scrub(reader)
                found: Scrub | None = None
                while found is None:
                    began = self._clock.monotonic_ms()
                    found = await loop.run_in_executor(thread, _one_slice, work)
                    took = self._clock.monotonic_ms() - began
                    await asyncio.sleep(pause_ms(took, busy=self._busy()) / 1_000)
            finally:
                await loop.run_in_executor(thread, reader.close)
        for text in found.damage:
            _log.error("the file of the store is damaged: %s", text)
        for item in found.rotten:
            _log.error("rot was found in origin %s: %s %s", item.origin.hex(), item.verdict, item.detail)
        await self._in_store(lambda: keep(self._store, found))
        return found

    def _open(self) -> Store:
        config = self._config
        return Store.open(
            config.store_path,
            clock=self._clock,
            source=random.SystemRandom(),
            mode="read",
            key=config.store_key(),
        )


def _one_slice(work: Any) -> Scrub | None:
    """The result once there is nothing left to do. (A ``StopIteration`` cannot pass through a future.)"""
    try:
        next(work)
    except StopIteration as end:
        result: Scrub = end.value
        return result
    return None
