"""What scrubs find (``node.scrub``), and the record of the last one: what ``status``, alarms and metrics show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import apsw
import sqlalchemy as sa

from node.chain import Head
from node.ids import Hash, OriginId, RowId, Seq
from node.replay import Row
from node.schema import scrubbed, sql
from node.store import Store

FACT_SCRUBBED: Final = "scrubbed_at"
Verdict = Literal["sound", "unproven", "rot", "log_rot", "held"]
"""``rot``: rows are not what the log says; ``log_rot``: the log is not what its hashes say, so it proves nothing;
``unproven``: the log does not reach back to the first commit, and the rows were never looked at before; ``held``: all
of the origin is in quarantine.
"""
ROTTEN: Final = frozenset({"rot", "log_rot"})


_SELECT_KNOWN: Final = sql(
    sa.select(
        *(scrubbed.c[name] for name in ("origin", "seq", "hash", "digest", "verdict", "rotten", "scrubbed_at"))
    ).order_by(scrubbed.c.origin)
)
_UPSERT_KNOWN: Final = (
    "INSERT INTO scrubbed (origin, seq, hash, digest, verdict, rotten, scrubbed_at) VALUES (?,?,?,?,?,?,?) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, digest = excluded.digest, "
    "verdict = excluded.verdict, rotten = excluded.rotten, scrubbed_at = excluded.scrubbed_at"
)


@dataclass(frozen=True, slots=True)
class RottenRow:
    """``kind``: the row ``differs`` from the log's, is ``missing``, or is ``extra`` (the log has no such row).
    ``expected`` is the row of the log.
    """

    table: str
    row_id: RowId
    kind: Literal["differs", "missing", "extra"]
    expected: Row | None


@dataclass(frozen=True, slots=True)
class OriginScrub:
    """What a scrub found of one origin, at ``head``. ``rotten``: at most ``SCRUB_ROTTEN_MAX`` rows."""

    head: Head
    own: bool
    verdict: Verdict
    digest: Hash
    rotten: tuple[RottenRow, ...] = ()
    detail: str = ""

    @property
    def origin(self) -> OriginId:
        return self.head.origin


@dataclass(frozen=True, slots=True)
class Scrub:
    """``damage``: what SQLite says of the file itself; nothing, mostly."""

    damage: tuple[str, ...]
    origins: tuple[OriginScrub, ...]

    @property
    def rotten(self) -> tuple[OriginScrub, ...]:
        return tuple(item for item in self.origins if item.verdict in ROTTEN)

    @property
    def sound(self) -> bool:
        return not self.damage and not self.rotten


@dataclass(frozen=True, slots=True)
class Known:
    """What the last scrub found of an origin. ``scrubbed_at`` is Unix ms."""

    head: Head
    digest: Hash
    verdict: str
    rotten: int
    scrubbed_at: int


def known_scrubs(connection: apsw.Connection) -> dict[OriginId, Known]:
    """What the last scrub found, by origin."""
    return {
        OriginId(row[0]): Known(
            Head(OriginId(row[0]), Seq(row[1]), Hash(row[2])), Hash(row[3]), str(row[4]), int(row[5]), int(row[6])
        )
        for row in connection.execute(_SELECT_KNOWN)
    }


def scrubbed_at(store: Store) -> int | None:
    """When the last scrub came to its end, Unix ms; None before the first."""
    value = store.fact(FACT_SCRUBBED)
    return None if value is None else int(value)


def where(rotten: Iterable[RottenRow]) -> str:
    """Which tables, how many rows of each, and when these were made."""
    by_table: dict[str, list[RowId]] = {}
    for row in rotten:
        by_table.setdefault(row.table, []).append(row.row_id)
    return ", ".join(
        f"{table} {len(ids)} ({_made(min(ids))}..{_made(max(ids))})" for table, ids in sorted(by_table.items())
    )


def _made(row_id: RowId) -> str:
    """The day that is in an id (UUIDv7)."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int.from_bytes(row_id[:6], "big"))
    except OverflowError:
        return "?"
    return moment.strftime("%Y-%m-%d")


# --- the record -----------------------------------------------------------------------------------------------------


def keep(store: Store, found: Scrub) -> None:
    """Write down what a scrub found; raises alarms for what is new of it."""
    now = store.clock.wall_ms()
    with store.database.transaction() as connection:
        known = known_scrubs(connection)
        for item in found.origins:
            before = known.get(item.origin)
            rotten = len(item.rotten) if item.verdict == "rot" else 0
            values = (item.origin, item.head.seq, item.head.hash, item.digest, item.verdict, rotten, now)
            connection.execute(_UPSERT_KNOWN, values)
            if item.verdict in ROTTEN and (before is None or (before.verdict, before.rotten) != (item.verdict, rotten)):
                _alarm(store, item, now)
        said = [alarm.detail for alarm in store.alarms() if alarm.code == "store_damaged"]
        for text in found.damage:
            if not any(detail.endswith(text) for detail in said):
                store.alarm_now("store_damaged", None, f"the file of the store is damaged: {text}", now)
        store.keep_fact(FACT_SCRUBBED, str(now).encode())


def _alarm(store: Store, item: OriginScrub, now: int) -> None:
    if item.verdict == "log_rot":
        store.alarm_now("rot_found", item.origin, f"the log is not what its hashes say: {item.detail}", now)
    elif item.rotten:
        store.alarm_now(
            "rot_found", item.origin, f"{len(item.rotten)} rows are not what the log says: {item.detail}", now
        )
    else:
        store.alarm_now("rot_found", item.origin, f"rows have changed without a commit: {item.detail}", now)
