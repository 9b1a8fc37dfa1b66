"""The case desk of a running node: a little at a time, whenever no child waits for its batches to be applied.

Keys and links are brought up to date first; only then are cases decided, so that nothing is decided on half of what is
known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.desk.desk import CaseDesk
from hub.desk.view import is_hub, is_top
from node import limits
from node.errors import DansyncError, HoldingError
from node.identity.keys import NodeKey
from node.interchange.bundle import local_day
from node.store import Store
from ops.scrubbing import InStore

_log = logging.getLogger("dansync.cases")


class Casework:
    """Keeps the desk of a daemon's store. ``busy`` says whether others need the store more just now; ``decided`` is
    called when a decision has been written down, which is to climb, or somebody was written to. ``key`` signs that.
    """

    def __init__(
        self,
        store: Store,
        in_store: InStore,
        busy: Callable[[], bool],
        decided: Callable[[], None],
        *,
        interval_s: int = limits.CASE_INTERVAL_S,
        key: NodeKey | None = None,
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._desk = CaseDesk(store, key=key)
        self._posted = 0
        self._in_store = in_store
        self._busy = busy
        self._decided = decided
        self._seen: tuple[object, ...] = ()

    async def keep_looking(self) -> None:
        """Until cancelled. What fails is tried again the next time."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.look()
            except DansyncError as error:
                if not error.retry and not isinstance(error, HoldingError):
                    raise
                _log.warning("cases wait: %s", error)

    async def look(self) -> int:
        """All that there is to do, as long as nobody waits; returns how many decisions were written down."""
        total = 0
        while not self._busy() and await self._in_store(self._has_news):
            if await self._in_store(self._desk.step):
                self._tell()
                continue
            made = await self._in_store(self._desk.decide_some)
            self._tell(made or 0)
            total += made or 0
            if made is None:
                await self._in_store(self._rest)
        return total

    def _tell(self, made: int = 0) -> None:
        """Whoever keeps the links, of what is to climb and of letters."""
        if made or self._desk.posted != self._posted:
            self._posted = self._desk.posted
            self._decided()

    def _state(self) -> tuple[object, ...]:
        """Changes when anything in the store has, and with the day."""
        store = self._store
        return store.data_version(), store.connection.total_changes(), local_day(store.clock.wall_ms())

    def _has_news(self) -> bool:
        """In the store's thread. A node without anybody below it has no desk, unless nobody is above it either."""
        if self._state() == self._seen:
            return False
        if not self._store.restoring and (is_hub(self._store) or is_top(self._store)):
            return True
        self._rest()
        return False

    def _rest(self) -> None:
        self._seen = self._state()
