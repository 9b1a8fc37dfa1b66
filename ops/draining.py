"""Letting a node give away what it has, and proving that nothing is only there (``dansync drain``)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from node import limits
from node.chain import Head
from node.clock import SystemClock
from node.draining import Remains, older_points, points, remains, send_rest
from node.errors import FrameRefused, PeerUnavailable, StoreBusy, UsageError
from node.healing import Healer
from node.identity.folder import IdentityFolder
from node.ids import NodeId
from node.parentage import Parent
from node.receipts import Receipt, keep, sound
from node.receipts_wire import CONFIRM_METHOD, decode_confirm_response, encode_confirm_request
from node.reference import Reference
from node.session import ChildEndpoint
from node.store import Store
from node.uplink import Uplink
from ops.config import NodeConfig
from ops.daemon import daemon_lock
from ops.parents import parents_to_dial
from ops.release import RELEASE
from ops.renewal import Renewal

T = TypeVar("T")

ROUNDS_MAX: Final = 3
"""Sending, asking what is missing, sending that as letters, and asking once more."""
LOOK_INTERVAL_MS: Final = 500


class Draining:
    """One node, for as long as the command runs. Where its daemon runs, that does the sending."""

    def __init__(self, config: NodeConfig, store: Store) -> None:
        place = IdentityFolder(config.folder)
        key = place.load().key
        self._config = config
        self._store = store
        self._reference = Reference(store)
        self._healer = Healer(store, self._reference, key)
        source, clock = random.SystemRandom(), SystemClock()
        self._clock = clock
        self._uplink = Uplink(
            self._parents,
            place.load,
            lambda follow, parent: ChildEndpoint(store, key=key, follow=follow, release=RELEASE, parent=parent),
            _here,
            source,
            clock,
            before_session=Renewal(place, clock),
            delay_max_ms=config.reconnect_ms_max,
        )

    async def _parents(self) -> Sequence[Parent]:
        return parents_to_dial(self._config, self._store, self._reference)

    async def run(self, *, wait_ms: int) -> Remains:
        """Give away what can be given, and say how it stands. A daemon that runs is waited for.

        Raises ``PeerUnavailable`` if the parent cannot be reached, ``UsageError`` at a root.
        """
        if not await self._parents():
            raise UsageError(
                f"Node {self._config.node_id} has no parent to send to.",
                hint="Say whom: dansync parent FOLDER --node-id NODE --address HOST:PORT",
            )
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(daemon_lock(self._config))
            except StoreBusy:
                return await self._watch(wait_ms)
            found = None
            for _ in range(ROUNDS_MAX):
                await self._uplink.drain()
                before, found = found, await self._look()
                if not found.left or found == before:
                    break
            assert found is not None
            return found

    async def _watch(self, wait_ms: int) -> Remains:
        until = self._clock.monotonic_ms() + wait_ms
        while True:
            found = await self._look()
            if not found.left or self._clock.monotonic_ms() >= until:
                return found
            await asyncio.sleep(LOOK_INTERVAL_MS / 1000)

    async def _look(self) -> Remains:
        """Ask the parent what it has, send what it cannot have got otherwise, and count."""
        store, reference = self._store, self._reference
        confirmed = await self._confirmed(points(store))
        parent = self._parent()
        older = older_points(store, reference, parent)
        if older:
            confirmed += await self._confirmed(older)
            send_rest(store, reference, self._healer, confirmed)
        return remains(store, reference, self._healer, parent)

    def _parent(self) -> NodeId:
        assert self._uplink.parent is not None
        return self._uplink.parent.node_id

    async def _confirmed(self, wanted: Sequence[Head]) -> list[Receipt]:
        found: list[Receipt] = []
        for first in range(0, len(wanted), limits.CONFIRM_POINTS_MAX):
            request = encode_confirm_request(wanted[first : first + limits.CONFIRM_POINTS_MAX])
            try:
                answer = decode_confirm_response(await self._uplink.call(CONFIRM_METHOD, request))
            except FrameRefused as error:
                raise PeerUnavailable(error.message, hint="Check that the parent runs the same release.") from error
            found += [item for item in answer if sound(self._reference, self._parent(), item)]
        keep(self._store, self._parent(), found)
        return found


async def _here(work: Callable[[], T]) -> T:
    """The command has nothing else to do: the store's work may hold it up."""
    return work()
