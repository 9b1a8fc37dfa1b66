"""Pruning the log: what is confirmed above and old goes; a snapshot stands for it, and anchors stay (DESIGN 3).

A snapshot is made of rows that were just found to be what their holder says; once it is as old as commits are to be
kept, the log begins there. So the rows can always be rebuilt from what is kept, whoever lacks the history gets the
snapshot, and nothing goes that a parent has not confirmed on its own disk. Where a budget of bytes is nearly used up,
the log begins at the newest snapshot at once; an alarm says so well before it is full, and what holds it up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, cast

import apsw

from node import changelog, limits, snapshots
from node.chain import Head
from node.ids import OriginId, Seq
from node.snapshot_desk import make_proved
from node.store import OriginState, Store
from node.verification import Verifier

Obstacle = Literal["", "held_back", "not_confirmed", "not_compared", "young"]
"""Why nothing of an origin can go: rows are held back; no parent has confirmed it; its rows were not found to be what
its holder says at this commit; nothing is old enough.
"""

_LOG_BYTES: Final = (
    "SELECT origin, count(*), coalesce(sum(length(changeset) + 200), 0), min(received_at) "
    "FROM change_log GROUP BY origin"
)
_CONFIRMED: Final = "SELECT coalesce(max(seq), 0) FROM acknowledged WHERE origin = ?"
_SET_FLOOR: Final = "UPDATE origin_head SET floor = ? WHERE origin = ?"
_KEEP_HASHES: Final = (
    "INSERT INTO pruned_hash (origin, seq, hash) "
    "SELECT origin, seq, hash FROM change_log WHERE origin = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3 "
    "ON CONFLICT DO NOTHING"
)
_DELETE: Final = (
    "DELETE FROM change_log WHERE origin = ?1 AND seq IN "
    "(SELECT seq FROM change_log WHERE origin = ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3)"
)
_DELETE_SIGNATURES: Final = "DELETE FROM batch_signature WHERE origin = ? AND seq < ?"
_COUNT: Final = (
    "SELECT count(*), coalesce(sum(length(changeset) + 200), 0) FROM change_log WHERE origin = ? AND seq <= ?"
)


@dataclass(frozen=True, slots=True)
class Budget:
    """How long confirmed commits are kept, and how many bytes all logs together may have; 0 bytes: no limit."""

    keep_ms: int
    bytes_max: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done with one origin: its log begins behind ``floor``, and ``commits`` of it go (``bytes``: about).

    ``snapshot``: a new one is made at the head, for a later time; or, where the floor is the head, for now.
    """

    head: Head
    floor: Head
    snapshot: bool
    commits: int
    bytes: int
    obstacle: Obstacle

    @property
    def does_something(self) -> bool:
        return self.snapshot or bool(self.commits)


@dataclass(frozen=True, slots=True)
class LogSize:
    """The log of one origin: ``bytes`` are about what it takes on the disk."""

    commits: int
    bytes: int
    oldest_at: int


def log_sizes(connection: apsw.Connection) -> dict[OriginId, LogSize]:
    """Reads the log's index and headers, no commits."""
    return {
        OriginId(cast("bytes", row[0])): LogSize(cast("int", row[1]), cast("int", row[2]), cast("int", row[3]))
        for row in connection.execute(_LOG_BYTES)
    }


class Pruner:
    """Prunes the logs of one store."""

    def __init__(self, store: Store, verifier: Verifier, *, has_parent: bool) -> None:
        self._store = store
        self._verifier = verifier
        self._has_parent = has_parent

    # --- what would be done ------------------------------------------------------------------------------------------

    def plans(self, budget: Budget) -> list[Plan]:
        """For every origin, the largest log first."""
        store = self._store
        with store.database.snapshot() as connection:
            sizes = log_sizes(connection)
            states = sorted(
                (state for state in store.states() if state.head.origin in sizes),
                key=lambda state: (-sizes[state.head.origin].bytes, state.head.origin),
            )
            total = sum(size.bytes for size in sizes.values())
            goal = int(budget.bytes_max * limits.LOG_BUDGET_ALARM_SHARE)
            found: list[Plan] = []
            for state in states:
                hurry = 0 < goal < total
                plan = self._plan(connection, state, sizes[state.head.origin], 0 if hurry else budget.keep_ms)
                total -= plan.bytes
                found.append(plan)
        return found

    def _plan(self, connection: apsw.Connection, state: OriginState, size: LogSize, keep_ms: int) -> Plan:
        head, now = state.head, self._store.clock.wall_ms()
        floor = changelog.floor_of(connection, head.origin)
        confirmed = self._confirmed(connection, state)
        old = [
            item
            for item in snapshots.whole(connection, head.origin)
            if floor.seq < item.head.seq <= confirmed and now - item.made_at >= keep_ms
        ]
        newest = next(iter(snapshots.whole(connection, head.origin)), None)
        obstacle = self._obstacle(connection, state, confirmed)
        reached = old[0].head if old else floor
        target = head if keep_ms == 0 and not obstacle else reached
        fresh = newest is not None and (newest.head == head or now - newest.made_at < keep_ms // 2)
        due = now - size.oldest_at >= keep_ms // 2
        snapshot = not obstacle and due and not fresh and head.seq > floor.seq
        commits, weight = connection.execute(_COUNT, (head.origin, target.seq)).fetchall()[0]
        if not obstacle and not commits and not snapshot:
            obstacle = "young"
        return Plan(head, target, snapshot, cast("int", commits), cast("int", weight), obstacle)

    def _confirmed(self, connection: apsw.Connection, state: OriginState) -> Seq:
        """Up to where the parent has it on its disk, and the root too: what the authority decides later, such as a
        handover, begins behind that. What came from above is there.
        """
        if not self._has_parent or state.flow:
            return state.head.seq
        parent = cast("int", connection.execute(_CONFIRMED, (state.head.origin,)).fetchall()[0][0])
        return Seq(min(parent, self._verifier.root_seq(state.head.origin)))

    def _obstacle(self, connection: apsw.Connection, state: OriginState, confirmed: Seq) -> Obstacle:
        head = state.head
        if self._store.quarantined(head.origin):
            return "held_back"
        if confirmed < head.seq:
            return "not_confirmed"
        if not self._verifier.can_prove(connection, head):
            return "not_compared"
        return ""

    # --- doing it ----------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> Iterator[int]:
        """Do what was planned, in small transactions; yields how many commits are gone. Stopped in the middle, nothing
        is lost: the floor stands first.
        """
        store, head = self._store, plan.head
        if plan.snapshot and make_proved(store, self._verifier, head) is None:
            return
        floor = plan.floor
        if not plan.commits:
            return
        with store.database.transaction() as connection:
            if not any(item.head == floor for item in snapshots.whole(connection, head.origin)):
                return  # the store has moved on since: the next time
            connection.execute(_SET_FLOOR, (floor.seq, head.origin))
            connection.execute(_DELETE_SIGNATURES, (head.origin, floor.seq))
            for item in snapshots.kept(connection, head.origin):
                if item.head.seq < floor.seq and item.whole:
                    snapshots.strip(connection, item.head)
        gone = 0
        while True:
            with store.database.transaction() as connection:
                values = (head.origin, floor.seq, limits.PRUNE_COMMITS_AT_ONCE)
                connection.execute(_KEEP_HASHES, values)
                connection.execute(_DELETE, values)
                count = connection.changes()
            gone += count
            yield gone
            if count < limits.PRUNE_COMMITS_AT_ONCE:
                return

    def warn(self, budget: Budget, plans: list[Plan]) -> None:
        """An alarm where the logs stay above four fifths of their budget whatever goes."""
        store = self._store
        if not budget.bytes_max:
            return
        with store.database.snapshot() as connection:
            total = sum(size.bytes for size in log_sizes(connection).values())
        if total <= budget.bytes_max * limits.LOG_BUDGET_ALARM_SHARE:
            return
        waits = sorted({plan.obstacle for plan in plans if plan.obstacle and plan.obstacle != "young"})
        store.raise_alarm(
            "log_budget",
            None,
            f"the log has {total} bytes of its budget of {budget.bytes_max}, and nothing more may go "
            f"({', '.join(waits) or 'the rest is needed'})",
        )
