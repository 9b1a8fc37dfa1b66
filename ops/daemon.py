"""A running node: its store's thread, its uplink, its server, its metrics. A hub is a node that listens; a district
does both.

All SQLite work of the process happens in one thread on one connection. Another process (the command line) may write to
the same file; the daemon notices by SQLite's data_version and sends it on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from filelock import FileLock, Timeout

from hub.authority import Authority
from hub.enrolment import EnrolmentDesk
from hub.server import HubServer
from hub.session import Hub
from node import limits
from node.clock import SystemClock
from node.errors import IdentityError, StoreBusy, StoreDamaged, StoreError, UsageError
from node.identity.certificates import Certificate
from node.identity.folder import AuthorityFolder, IdentityFolder
from node.parentage import Parent
from node.pruning import Budget, Pruner
from node.reference import Reference
from node.session import ChildEndpoint
from node.store import Store
from node.uplink import Uplink
from node.verification import Verifier
from ops.casework import Casework
from ops.config import SETTINGS_NAME, NodeConfig, load_config, require_store_of
from ops.metrics import MetricsServer, NodeMetrics
from ops.parents import parents_to_dial
from ops.release import RELEASE
from ops.renewal import Renewal
from ops.scrubbing import Scrubber

T = TypeVar("T")
_log = logging.getLogger("dansync.daemon")


@contextlib.contextmanager
def daemon_lock(config: NodeConfig) -> Iterator[None]:
    """Held while a node runs: a second daemon on the same folder is refused. Raises ``StoreBusy``, ``StoreError``."""
    lock = FileLock(config.lock_path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreBusy(
            f"Node {config.node_id} is already running in {config.folder}.",
            hint="Stop the other one first, or look at it with: dansync status",
        ) from None
    except OSError as error:
        raise StoreError(
            f"The folder {config.folder} cannot be written ({error.strerror}).",
            hint="Check that its disk is not full or read-only, and that this user may write there.",
        ) from error
    try:
        yield
    finally:
        lock.release()


class Daemon:
    """One node at work. ``run`` returns when it was stopped, or when it has drained."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.source = random.SystemRandom()
        self.store: Store
        self.clock = SystemClock()
        self.identities = IdentityFolder(config.folder)
        self.uplink: Uplink | None = None
        self.server: HubServer | None = None
        self._desk: EnrolmentDesk | None = None
        self._reference: Reference
        self._look_for_parent = False
        self._settings_stamp = (0, 0)
        self._stopping = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def in_store(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the store's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stop(self) -> None:
        """Ask the node to end in good order."""
        self._stopping.set()

    async def run(self, *, drain: bool = False, on_ready: Callable[[Daemon], None] | None = None) -> None:
        """Serve and send until stopped; with ``drain``, send everything once and end.

        Raises ``StoreError`` if the store cannot be used, ``UsageError`` if an address cannot be had,
        ``PeerUnavailable`` if ``drain`` does not reach the parent.
        """
        self._loop = asyncio.get_running_loop()
        with daemon_lock(self.config):
            try:
                self.store = await self.in_store(self._open)
                try:
                    await self._serve(drain=drain, on_ready=on_ready)
                finally:
                    await self.in_store(self.store.close)
            finally:
                self._thread.shutdown(wait=True)

    def _open(self) -> Store:
        cache = limits.PARENT_CACHE_KIB if self.config.listen else limits.STORE_CACHE_KIB
        self.identities.load()  # before anything else: a node that is not enrolled neither dials nor listens
        key = self.config.store_key()
        store = Store.open(self.config.store_path, clock=self.clock, source=self.source, cache_kib=cache, key=key)
        try:
            require_store_of(self.config, store)
        except StoreDamaged:
            store.close()
            raise
        for loss in store.missing:
            _log.error(
                "commits are missing: the store ends at %d, but %d was made here", loss.found.seq, loss.witnessed.seq
            )
        if store.restoring:
            store.close()
            raise UsageError(
                f"Node {self.config.node_id} is being restored from its parent.",
                hint=f"Run dansync restore {self.config.folder} again, until it says that it is done.",
            )
        for origin in store.own_origins():
            store.unhold(origin)  # nobody heals it now: who held it was killed
        self._reference = Reference(store)
        store.retry_quarantined()  # what stood in the way may be gone since the node stopped
        return store

    async def _serve(self, *, drain: bool, on_ready: Callable[[Daemon], None] | None) -> None:
        key = self.identities.load().key
        if await self._parents():
            self.uplink = Uplink(
                self._parents,
                self.identities.load,
                lambda follow, parent: ChildEndpoint(
                    self.store, key=key, follow=follow, release=RELEASE, parent=parent, on_taken=self._taken_down
                ),
                self.in_store,
                self.source,
                self.clock,
                before_session=Renewal(self.identities, self.clock),
                delay_max_ms=self.config.reconnect_ms_max,
            )
        if self.config.listen and not drain:
            hub = Hub(self.store, key, self.source, RELEASE)
            self._desk = await self.in_store(self._open_desk)
            self.server = HubServer(
                hub, self.config.listen, self.in_store, self._advanced, self.identities.load, self._enrolment
            )
            await self.server.start()
        metrics = MetricsServer(self.config.metrics_listen, NodeMetrics(self)) if self.config.metrics_listen else None
        if metrics is not None:
            metrics.start()
        tasks: list[asyncio.Task[None]] = []
        following: asyncio.Task[None] | None = None
        try:
            if on_ready is not None:
                on_ready(self)
            if drain:
                if self.uplink is not None:
                    await self.uplink.drain()
                return
            tasks.append(asyncio.create_task(self._notice()))
            tasks.append(asyncio.create_task(self._prune()))
            if self.config.scrub_interval_s:
                scrubber = Scrubber(self.config, self.store, self.in_store, self.clock, self._is_busy)
                tasks.append(asyncio.create_task(scrubber.keep_scrubbing()))
            if self.server is not None:
                tasks.append(asyncio.create_task(self.server.failure()))
                if self.config.case_interval_s:
                    casework = Casework(
                        self.store,
                        self.in_store,
                        self._is_busy,
                        self._advanced,
                        interval_s=self.config.case_interval_s,
                        key=key,
                    )
                    tasks.append(asyncio.create_task(casework.keep_looking()))
            if self.uplink is not None:
                following = asyncio.create_task(self.uplink.follow())
                tasks.append(following)
            waiting = asyncio.create_task(self._stopping.wait())
            done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            for task in done:
                if task is not waiting:
                    task.result()  # an end before stop is an error: raise it
        finally:
            await self._shut_down(tasks, following)
            if metrics is not None:
                metrics.stop()

    async def _shut_down(self, tasks: list[asyncio.Task[None]], following: asyncio.Task[None] | None) -> None:
        if self.uplink is not None:
            await self.uplink.stop()
        if self.server is not None:
            await self.server.stop()
        if following is not None:  # lets its Finish out
            await asyncio.wait([following], timeout=limits.SHUTDOWN_TIMEOUT_MS / 1000)
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _parents(self) -> tuple[Parent, ...]:
        """Whom to dial now."""
        return await self.in_store(lambda: parents_to_dial(self.config, self.store, self._reference))

    def _open_desk(self) -> EnrolmentDesk | None:
        """The authority answers calls about enrolment itself; everybody else passes them on."""
        authority = AuthorityFolder(self.config.folder).load()
        if authority is None:
            return None
        return EnrolmentDesk(Authority(self.store, authority), self.identities.load().certificate)

    async def _enrolment(self, method: str, request: bytes, peer: Certificate) -> bytes:
        desk = self._desk
        if desk is not None:
            answer: bytes = await self.in_store(lambda: desk.handle(method, request))
            self._advanced()
            return answer
        if self.uplink is None:
            raise IdentityError(
                "This node is not the authority and has no parent to ask.",
                hint="Make it the authority with: dansync ca init",
            )
        return await self.uplink.call(method, request)

    def _advanced(self) -> None:
        if self.uplink is not None:
            self.uplink.notify()
        if self.server is not None:
            self.server.notify()

    def _is_busy(self) -> bool:
        """Whether batches of children wait to be applied."""
        return self.server is not None and self.server.hub.queued > 0

    def _taken_down(self) -> None:
        """Called in the store's thread: something came from the parent. Children may have wanted it, and it may say
        that this node belongs elsewhere.
        """
        self._look_for_parent = True
        if self.server is not None:
            self._loop.call_soon_threadsafe(self.server.notify)

    async def _prune(self) -> None:
        """Let old commits go, once a day, a few at a time: whoever records or brings something waits for one step."""
        verifier = Verifier(self.store, Reference(self.store), self.identities.load().key)
        pruner = Pruner(self.store, verifier, has_parent=bool(self.config.parent_address))
        budget = Budget(self.config.log_keep_days * limits.DAY_MS, self.config.log_budget_mib * limits.MIB)
        while True:
            await asyncio.sleep(limits.PRUNE_INTERVAL_MS / 1000)
            try:
                plans = await self.in_store(partial(pruner.plans, budget))
                for plan in plans:
                    steps = pruner.carry_out(plan)
                    while await self.in_store(partial(next, steps, None)) is not None:
                        pass
                await self.in_store(partial(pruner.warn, budget, plans))
            except StoreError as error:
                if not error.retry:
                    raise
                _log.warning("pruning waits until tomorrow: %s", error)

    def _stamp(self) -> tuple[int, int]:
        """Changes when somebody writes the settings anew."""
        try:
            found = (self.config.folder / SETTINGS_NAME).stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    async def _notice_parent(self, *, look: bool) -> None:
        """Take up another parent, set here (``dansync parent``) or by the authority. Other settings count from the next
        start on.
        """
        stamp = self._stamp()
        if stamp != self._settings_stamp:
            self._settings_stamp = stamp
            with contextlib.suppress(UsageError):  # somebody is at work on the file; what was read before counts on
                found = load_config(self.config.folder)
                self.config = replace(
                    self.config, parent_address=found.parent_address, parent_node_id=found.parent_node_id
                )
                look = True
        if self.uplink is not None and (look or self._look_for_parent):
            self._look_for_parent = False
            await self.uplink.look_again()

    async def _notice(self) -> None:
        """Watch for commits of other processes, and for another parent."""
        seen = await self.in_store(self.store.data_version)
        while True:
            await asyncio.sleep(limits.FOLLOW_POLL_INTERVAL_MS / 1000)
            version = await self.in_store(self.store.data_version)
            if version != seen:
                self._advanced()
            await self._notice_parent(look=version != seen)
            seen = version


async def run_until_stopped(
    config: NodeConfig, *, drain: bool, on_ready: Callable[[Daemon], None] | None = None
) -> None:
    """Run a node until SIGINT or SIGTERM, which let what is under way come to its end."""
    daemon = Daemon(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, daemon.stop)
        except NotImplementedError:  # Windows: only Ctrl+C, which asyncio turns into KeyboardInterrupt
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(daemon.stop))
    await daemon.run(drain=drain, on_ready=on_ready)
