"""The Prometheus endpoint of a node.

Numbers are read from the store when they are scraped, on a read-only connection of the scrape's own thread, so a slow
or hanging scrape never holds up the data path (RELIABILITY F75). Labels are tiers, codes and node ids of direct
children: small closed sets, never a record's id.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import start_http_server
from prometheus_client.registry import Collector

from node import reports
from node.backup import backed_up_at
from node.clock import SystemClock
from node.errors import DansyncError, UsageError
from node.findings import ROTTEN, known_scrubs, scrubbed_at
from node.mail import Mail
from node.parentage import parent_of
from node.protocol.codes import known_code
from node.quarantine import tally
from node.reference import Reference
from node.store import Store
from node.takeover import missing_origins
from node.verification import checks

if TYPE_CHECKING:
    from ops.daemon import Daemon

_log = logging.getLogger("dansync.metrics")


class NodeMetrics(Collector):
    """Collects what one daemon knows."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._link()
        try:
            clock = SystemClock()
            config = self._daemon.config
            store = Store.open(
                config.store_path, clock=clock, source=random.SystemRandom(), mode="read", key=config.store_key()
            )
        except DansyncError as error:
            _log.warning("metrics could not read the store: %s", error)
            return
        try:
            yield from self._heads(store, clock.wall_ms())
        finally:
            store.close()

    def _heads(self, store: Store, now_ms: int) -> Iterator[Metric]:
        origin = store.reference_origin()
        known = store.states()
        states = [state for state in known if state.head.origin != origin]
        parent = parent_of(store, Reference(store))
        acknowledged = store.acknowledged(parent)
        has_parent = bool(parent)
        own = [state for state in states if state.own]
        commits = GaugeMetricFamily("dansync_log_commits", "Commits in the log, by whose they are.", labels=["whose"])
        commits.add_metric(["own"], sum(state.head.seq for state in own))
        commits.add_metric(["relayed"], sum(state.head.seq for state in states if not state.own))
        yield commits
        origins = GaugeMetricFamily("dansync_origins", "Origins known here, by whose they are.", labels=["whose"])
        origins.add_metric(["own"], len(own))
        origins.add_metric(["relayed"], len(states) - len(own))
        yield origins
        if has_parent:
            pending = {
                s.head.origin: s.head.seq - (acknowledged[s.head.origin].seq if s.head.origin in acknowledged else 0)
                for s in states
            }
            yield GaugeMetricFamily(
                "dansync_backlog_commits", "Commits that the parent has not acknowledged.", value=sum(pending.values())
            )
            waiting = [s.received_at for s in states if pending[s.head.origin] > 0]
            oldest = (now_ms - min(waiting)) / 1000 if waiting else 0.0
            yield GaugeMetricFamily(
                "dansync_backlog_seconds",
                "Age of the newest commit of the origin that has waited longest for the parent.",
                value=max(oldest, 0.0),
            )
        child_head = GaugeMetricFamily(
            "dansync_child_commits", "Commits received through a child, all its origins together.", labels=["child"]
        )
        child_age = GaugeMetricFamily(
            "dansync_child_lag_seconds", "Seconds since the newest commit of a child was made there.", labels=["child"]
        )
        child_quiet = GaugeMetricFamily(
            "dansync_child_quiet_seconds",
            "Seconds since anything came of the origin of a child that has sent nothing for longest.",
            labels=["child"],
        )
        child_missing = GaugeMetricFamily(
            "dansync_child_missing_origins",
            "Origins that are registered below a child and of which nothing ever came.",
            labels=["child"],
        )
        absent = missing_origins(Reference(store), store.node_id, states)
        by_child: dict[str, list[Any]] = {}
        for state in states:
            if not state.own:
                by_child.setdefault(state.via, []).append(state)
        for child, group in sorted(by_child.items()):
            child_head.add_metric([child], sum(state.head.seq for state in group))
            child_age.add_metric([child], max(0.0, (now_ms - max(state.recorded_at for state in group)) / 1000))
            child_quiet.add_metric([child], max(0.0, (now_ms - min(state.received_at for state in group)) / 1000))
        for child, count in sorted(Counter(hop for _, hop in absent).items()):
            child_missing.add_metric([child], count)
        yield from (child_head, child_age, child_quiet, child_missing)
        yield GaugeMetricFamily(
            "dansync_reference_commits",
            "Commits of the reference data known here.",
            value=sum(state.head.seq for state in known if state.head.origin == origin),
        )
        halted = GaugeMetricFamily(
            "dansync_halted_origins", "Origins of which nothing more is taken, by reason.", labels=["code"]
        )
        codes = [known_code(state.halted) for state in known if state.halted]
        for code in sorted(set(codes)):
            halted.add_metric([code], codes.count(code))
        yield halted
        yield GaugeMetricFamily(
            "dansync_quarantined_rows",
            "Rows held back because a commit could not be applied.",
            value=store.quarantined_rows(),
        )
        yield from _quarantine(store, now_ms)
        yield from _copies(store, now_ms)
        yield from _soundness(store, now_ms)
        yield from _healings(store)
        yield GaugeMetricFamily(
            "dansync_alarms", "Alarms in the store that nobody has cleared.", value=len(store.alarms(10_000))
        )
        yield GaugeMetricFamily("dansync_store_bytes", "Size of the store's file.", value=store.size_bytes())

    def _link(self) -> Iterator[Metric]:
        daemon = self._daemon
        sent = CounterMetricFamily("dansync_sent_bytes", "Bytes sent in frames.", labels=["side"])
        received = CounterMetricFamily("dansync_received_bytes", "Bytes received in frames.", labels=["side"])
        if daemon.uplink is not None:
            state = daemon.uplink.state
            yield GaugeMetricFamily(
                "dansync_parent_connected",
                "1 while a session with the parent is open.",
                value=float(daemon.uplink.connected),
            )
            yield CounterMetricFamily(
                "dansync_parent_sessions", "Sessions tried with the parent.", value=state.sessions
            )
            sent.add_metric(["parent"], state.traffic.bytes_sent)
            received.add_metric(["parent"], state.traffic.bytes_received)
        server = daemon.server
        if server is not None:
            sent.add_metric(["children"], server.traffic.bytes_sent)
            received.add_metric(["children"], server.traffic.bytes_received)
            yield GaugeMetricFamily(
                "dansync_children_connected", "Children with an open session.", value=len(server.connected)
            )
            counts = server.hub.counts
            applied = CounterMetricFamily(
                "dansync_applied_commits",
                "Commits of children stored here, by what became of them.",
                labels=["outcome"],
            )
            applied.add_metric(["applied"], counts.commits_applied)
            applied.add_metric(["quarantined"], counts.commits_quarantined)
            yield applied
            yield CounterMetricFamily(
                "dansync_applied_groups", "Transactions in which batches were applied.", value=counts.groups
            )
            yield GaugeMetricFamily(
                "dansync_queued_batches", "Batches that wait to be applied.", value=server.hub.queued
            )
            refused = CounterMetricFamily(
                "dansync_refused_batches", "Batches refused unstored, by reason.", labels=["code"]
            )
            for code, count in sorted(dict(server.hub.refusals).items()):
                refused.add_metric([code or "halted"], count)
            yield refused
            compared = CounterMetricFamily(
                "dansync_comparisons", "Copies compared with the word of their holder, by outcome.", labels=["outcome"]
            )
            for outcome, count in sorted(dict(counts.comparisons).items()):
                compared.add_metric([outcome], count)
            yield compared
            ended = CounterMetricFamily(
                "dansync_ended_sessions", "Sessions of children that ended, by reason.", labels=["code"]
            )
            for code, count in sorted(dict(server.closes).items()):
                ended.add_metric([code], count)
            yield ended
        yield sent
        yield received


def _copies(store: Store, now_ms: int) -> Iterator[Metric]:
    """How the last comparison of each copy came out (``node.verification``)."""
    ours = [item for item in checks(store) if not item.peer]
    yield GaugeMetricFamily(
        "dansync_differing_origins",
        "Copies that are not what their holder says, as last compared.",
        value=sum(item.outcome == "differs" for item in ours),
    )
    yield CounterMetricFamily(
        "dansync_repaired_rows",
        "Rows that had rotted and were put right by the log.",
        value=sum(item.repaired_rows for item in ours),
    )
    age = max((now_ms - item.equal_at for item in ours if item.equal_at), default=0)
    yield GaugeMetricFamily(
        "dansync_compared_seconds",
        "Seconds since the copy that was found equal longest ago was compared.",
        value=max(age / 1000, 0.0),
    )


def _quarantine(store: Store, now_ms: int) -> Iterator[Metric]:
    with store.database.snapshot() as connection:
        found = tally(connection)
    yield GaugeMetricFamily(
        "dansync_quarantined_commits", "Commits that are stored and not applied.", value=found.commits
    )
    age = (now_ms - found.oldest_at) / 1000 if found.commits else 0.0
    yield GaugeMetricFamily(
        "dansync_quarantine_seconds", "Age of the oldest commit that is held back.", value=max(age, 0.0)
    )
    over = CounterMetricFamily(
        "dansync_ended_quarantines", "Commits that were held back and are not any more, by how.", labels=["how"]
    )
    for how, count in found.ended.items():
        over.add_metric([how], count)
    yield over


def _soundness(store: Store, now_ms: int) -> Iterator[Metric]:
    """Ages are left out while there was no backup, or no scrub, yet."""
    for name, text, at in (
        ("dansync_backup_age_seconds", "Age of the newest backup of this store.", backed_up_at(store)),
        ("dansync_scrub_age_seconds", "Seconds since all rows were last looked at.", scrubbed_at(store)),
    ):
        if at is not None:
            yield GaugeMetricFamily(name, text, value=max((now_ms - at) / 1000, 0.0))
    with store.database.snapshot() as connection:
        rotten = sum(known.verdict in ROTTEN for known in known_scrubs(connection).values())
    yield GaugeMetricFamily(
        "dansync_rotten_origins", "Origins whose rows or log were found rotten by the last scrub.", value=rotten
    )


def _healings(store: Store) -> Iterator[Metric]:
    with store.database.snapshot() as connection:
        found = reports.tally(connection)
    done = CounterMetricFamily(
        "dansync_healings", "Times that an origin here and elsewhere was put together again, by kind.", labels=["kind"]
    )
    for kind, count in found.healings.items():
        done.add_metric([kind], count)
    yield done
    yield GaugeMetricFamily(
        "dansync_open_findings", "Findings of healings that nobody has looked at.", value=found.open_findings
    )
    yield GaugeMetricFamily(
        "dansync_waiting_letters",
        "Letters that wait here, for this node or for the next one.",
        value=Mail(store, Reference(store)).unread(),
    )


class MetricsServer:
    """Serves /metrics at ``listen`` (host:port) in threads of its own."""

    def __init__(self, listen: str, metrics: NodeMetrics) -> None:
        self._listen = listen
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(metrics)
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises ``UsageError`` if the address cannot be had."""
        host, _, port = self._listen.rpartition(":")
        try:
            self._server, self._thread = start_http_server(int(port), addr=host, registry=self._registry)
        except OSError as error:
            raise UsageError(
                f"The metrics address {self._listen} cannot be listened on ({error}).",
                hint="Change metrics_listen in node.toml.",
            ) from error

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join(timeout=2)
