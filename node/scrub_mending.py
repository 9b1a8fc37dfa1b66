"""Putting rotten rows back as the log has them, own ones and copies alike: the log is hashed, the rows are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import apsw

from node import changelog, limits
from node.epochs import rows_moved
from node.findings import OriginScrub, RottenRow, where
from node.ids import OriginId
from node.replay import inspect, triggers_off
from node.schema import CAPTURED_NAMES
from node.store import Store

_DELETE_ROW: Final = {name: f"DELETE FROM {name} WHERE origin = ? AND id = ?" for name in CAPTURED_NAMES}


@dataclass(frozen=True, slots=True)
class Mended:
    """``left``: rows that a commit has changed since the scrub; scrub again."""

    rows: int
    left: int


def mend(store: Store, item: OriginScrub) -> Mended:
    """Put the rows that a scrub found rotten back in place.

    Raises ``StoreDamaged`` if the file itself is damaged; then nothing was changed.
    """
    with store.database.transaction() as connection:
        since = changelog.read_commits(connection, item.origin, item.head.seq, count=limits.SCRUB_ROTTEN_MAX)
        touched = {key for commit in since for key in inspect(commit).keys}
        on_chain = changelog.hash_at(connection, item.origin, item.head.seq) == item.head.hash
        rows = [row for row in item.rotten if on_chain and (row.table, row.row_id) not in touched]
        if rows:
            _put_back(connection, item.origin, rows)
            rows_moved(connection, item.origin)
            connection.execute("DELETE FROM scrubbed WHERE origin = ?", (item.origin,))
            store.alarm_now(
                "rot_mended",
                item.origin,
                f"{len(rows)} rows were put back as the log has them: {where(rows)}",
                store.clock.wall_ms(),
            )
    if rows:
        store.rows_changed += 1
        store.retry_quarantined()  # what did not fit a rotten row may fit it now
    return Mended(len(rows), len(item.rotten) - len(rows))


def _put_back(connection: apsw.Connection, origin: OriginId, rows: Iterable[RottenRow]) -> None:
    with triggers_off(connection):
        for table in sorted({row.table for row in rows}):
            connection.execute(f"REINDEX {table}")  # an index entry of the row before it rotted would stop its deletion
        for row in rows:
            connection.execute(_DELETE_ROW[row.table], (origin, row.row_id))
            if row.expected is not None:
                marks = ", ".join("?" * len(row.expected))
                connection.execute(f"INSERT INTO {row.table} VALUES ({marks})", row.expected)
