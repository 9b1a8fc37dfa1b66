"""What is stored and not applied, and how that ends: tried again, or taken from the holder (DESIGN 3).

A *row set* is what hangs together: commits that are held back and the rows that they share. It is tried again as one,
in the order of the log: all of it is applied, or nothing changes. What ended leaves the table ``quarantine`` and gets a
line in ``quarantine_end``; the commits stay in the log. Everything here runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

import apsw
import sqlalchemy as sa

from node import changelog
from node.chain import Commit
from node.epochs import rows_moved
from node.ids import OriginId, RowId, Seq
from node.replay import WHOLE_ORIGIN, RowKey, Value, current_row, triggers_off, try_to_apply
from node.schema import COLUMN_NAMES, quarantine, quarantine_end, row_wanted, sql

BEHIND: Final = "behind_quarantine"
How = Literal["retry", "replaced", "left_log"]
HOWS: Final[tuple[How, ...]] = ("retry", "replaced", "left_log")

_HELD = sa.select(
    quarantine.c.origin,
    quarantine.c.seq,
    quarantine.c.reason,
    quarantine.c.detail,
    quarantine.c.quarantined_at,
    quarantine.c.table_name,
    quarantine.c.row_id,
).order_by(quarantine.c.origin, quarantine.c.seq, quarantine.c.table_name, quarantine.c.row_id)
_SELECT_HELD = sql(_HELD)
_SELECT_HELD_OF = sql(_HELD.where(quarantine.c.origin == sa.bindparam("which")))
_SELECT_ENDED = sql(
    sa.select(
        *(
            quarantine_end.c[name]
            for name in (
                *("origin", "seq", "reason", "detail", "quarantined_at"),
                *("ended_at", "how", "by", "rows", "rest", "at_seq"),
            )
        )
    ).order_by(quarantine_end.c.id.desc())
)
_COUNT_ENDED = sql(
    sa.select(quarantine_end.c.how, sa.func.count()).where(quarantine_end.c.rest == 0).group_by(quarantine_end.c.how)
)
_COUNT_HELD = (
    "SELECT count(*), min(quarantined_at) FROM "
    "(SELECT min(quarantined_at) AS quarantined_at FROM quarantine GROUP BY origin, seq)"
)
_SELECT_WANTED = sql(
    sa.select(row_wanted.c.table_name, row_wanted.c.row_id, row_wanted.c.asked_at, row_wanted.c.asked_of).where(
        row_wanted.c.origin == sa.bindparam("which")
    )
)
_SET_REASON = (
    "UPDATE quarantine SET reason = :reason, detail = :detail WHERE origin = :which AND seq = :seq AND "
    "(reason <> :reason OR detail <> :detail)"
)
_FORGET_SCRUB = "DELETE FROM scrubbed WHERE origin = ?"  # more rows count from now on
_DELETE = "DELETE FROM quarantine WHERE origin = ? AND seq = ? AND table_name = ? AND row_id = ?"
_INSERT_END = (
    "INSERT INTO quarantine_end "
    "(origin, seq, reason, detail, quarantined_at, ended_at, how, by, rows, rest, at_seq) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?)"
)
_SELECT_NAMING = (
    "SELECT changeset FROM change_log WHERE origin = :which AND instr(changeset, :row_id) ORDER BY seq LIMIT 100"
)


@dataclass(frozen=True, slots=True)
class Held:
    """A commit that is stored and not applied. ``keys``: its rows that are held back; once a part of it was replaced,
    not all of them. ``quarantined_at`` is Unix ms.
    """

    origin: OriginId
    seq: Seq
    reason: str
    detail: str
    quarantined_at: int
    keys: tuple[RowKey, ...]

    @property
    def whole_origin(self) -> bool:
        """Nobody can tell which rows it touches, or they are too many to be named."""
        return WHOLE_ORIGIN in self.keys


@dataclass(frozen=True, slots=True)
class RowSet:
    """Commits of one origin that hang together by their rows, in the order of the log; at least one."""

    commits: tuple[Held, ...]

    @property
    def origin(self) -> OriginId:
        return self.commits[0].origin

    @property
    def keys(self) -> tuple[RowKey, ...]:
        return tuple(dict.fromkeys(key for held in self.commits for key in held.keys))

    @property
    def whole_origin(self) -> bool:
        return any(held.whole_origin for held in self.commits)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a commit, or ``rows`` of it, came out of quarantine; ``rest`` of its rows were still held back then."""

    origin: OriginId
    seq: Seq
    reason: str
    detail: str
    quarantined_at: int
    ended_at: int
    how: How
    by: str
    rows: int
    rest: int
    at_seq: Seq


@dataclass(frozen=True, slots=True)
class Tally:
    """``oldest_at``: Unix ms since when the oldest commit is held back, 0 if none is. ``ended``: commits, by how."""

    commits: int
    oldest_at: int
    ended: dict[How, int]


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of one row set: ``obstacle`` is None if all of it was applied, else the commit that was not."""

    row_set: RowSet
    obstacle: Held | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a change does not fit: a value that the commit found there (``expected``) and that is another one here
    (``found``). ``kind``: ``differs``, ``missing`` (there is no such row here) or ``exists`` (it should be new).
    """

    table: str
    row_id: RowId
    kind: Literal["differs", "missing", "exists"]
    column: str = ""
    expected: Value = None
    found: Value = None


# --- looking --------------------------------------------------------------------------------------------------------


def held_commits(connection: apsw.Connection, origin: OriginId | None = None) -> tuple[Held, ...]:
    """All that is held back, in the order of the logs; of one origin or of all."""
    found: dict[tuple[OriginId, Seq], tuple[str, str, int, list[RowKey]]] = {}
    rows = connection.execute(*((_SELECT_HELD,) if origin is None else (_SELECT_HELD_OF, {"which": origin})))
    for row in rows:
        of, seq = OriginId(cast("bytes", row[0])), Seq(cast("int", row[1]))
        entry = found.setdefault((of, seq), (str(row[2]), str(row[3]), cast("int", row[4]), []))
        entry[3].append((str(row[5]), RowId(cast("bytes", row[6]))))
    return tuple(
        Held(of, seq, reason, detail, at, tuple(keys)) for (of, seq), (reason, detail, at, keys) in found.items()
    )


def row_sets(held: Iterable[Held]) -> tuple[RowSet, ...]:
    """What hangs together; where a whole origin is held back, all of it does."""
    found: list[RowSet] = []
    by_origin: dict[OriginId, list[Held]] = {}
    for item in held:
        by_origin.setdefault(item.origin, []).append(item)
    for commits in by_origin.values():
        if any(item.whole_origin for item in commits):
            found.append(RowSet(tuple(commits)))
        else:
            found += _components(commits)
    return tuple(found)


def _components(commits: Sequence[Held]) -> list[RowSet]:
    parent = list(range(len(commits)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    first: dict[RowKey, int] = {}
    for number, item in enumerate(commits):
        for key in item.keys:
            one, two = sorted((root(first.setdefault(key, number)), root(number)))
            parent[two] = one
    groups: dict[int, list[Held]] = {}
    for number, item in enumerate(commits):
        groups.setdefault(root(number), []).append(item)
    return [RowSet(tuple(group)) for group in groups.values()]


def ended(connection: apsw.Connection) -> tuple[Ended, ...]:
    """What came out of quarantine, the newest first."""
    return tuple(
        Ended(
            OriginId(row[0]), Seq(row[1]), row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], Seq(row[10])
        )
        for row in connection.execute(_SELECT_ENDED)
    )


def tally(connection: apsw.Connection) -> Tally:
    """How many commits are held back, and how many no more."""
    commits, oldest = connection.execute(_COUNT_HELD).fetchall()[0]
    counts = {str(row[0]): cast("int", row[1]) for row in connection.execute(_COUNT_ENDED)}
    return Tally(cast("int", commits), cast("int", oldest or 0), {how: counts.get(how, 0) for how in HOWS})


def wanted(connection: apsw.Connection, origin: OriginId) -> dict[RowKey, tuple[int, str]]:
    """Rows that the holder was asked for and has not sent: when (Unix ms) and which node."""
    return {
        (str(row[0]), RowId(cast("bytes", row[1]))): (cast("int", row[2]), str(row[3]))
        for row in connection.execute(_SELECT_WANTED, {"which": origin})
    }


def commit_of(connection: apsw.Connection, origin: OriginId, seq: Seq) -> Commit:
    """A commit that is in the log."""
    return next(iter(changelog.read_commits(connection, origin, Seq(seq - 1), count=1)))


def first_version(connection: apsw.Connection, origin: OriginId, key: RowKey) -> dict[str, Value] | None:
    """A row as the log first had it, by column; None if no commit that can be read made it. Goes through the log."""
    table, row_id = key
    if table not in COLUMN_NAMES:
        return None
    for (changeset,) in connection.execute(_SELECT_NAMING, {"which": origin, "row_id": row_id}).fetchall():
        try:
            for change in apsw.Changeset.iter(cast("bytes", changeset)):
                new = change.new if change.opcode == apsw.SQLITE_INSERT and change.name == table else None
                if new is not None and new[1] == row_id:
                    return dict(zip(COLUMN_NAMES[table], cast("tuple[Value, ...]", new), strict=False))
        except (apsw.Error, UnicodeDecodeError):
            continue
    return None


def differences(connection: apsw.Connection, commit: Commit, keys: Collection[RowKey]) -> list[Difference]:
    """Where the rows here are not as a commit found them. Nothing for what cannot be read."""
    found: list[Difference] = []
    try:
        for change in apsw.Changeset.iter(commit.changeset):
            if change.name not in COLUMN_NAMES:
                continue
            values = cast("tuple[Value, ...]", change.new if change.opcode == apsw.SQLITE_INSERT else change.old)
            key: RowKey = (change.name, RowId(cast("bytes", values[1])))
            if values[0] == commit.origin and (key in keys or WHOLE_ORIGIN in keys):
                found += _row_differences(key, change, values, current_row(connection, commit.origin, key))
    except (apsw.Error, UnicodeDecodeError):
        return []
    return found


def _row_differences(
    key: RowKey, change: apsw.TableChange, values: Sequence[Value], here: Sequence[Value] | None
) -> list[Difference]:
    if change.opcode == apsw.SQLITE_INSERT:
        return [] if here is None else [Difference(*key, "exists")]
    if here is None:
        return [Difference(*key, "missing")]
    return [
        Difference(*key, "differs", column, old, now)
        for column, old, now in zip(COLUMN_NAMES[key[0]], values, here, strict=False)
        if cast("object", old) is not apsw.no_change and old != now
    ]


# --- ending ---------------------------------------------------------------------------------------------------------


def retry(
    connection: apsw.Connection, now_ms: int, *, by: str = "", sets: Sequence[RowSet] | None = None
) -> tuple[Retried, ...]:
    """Try to apply row sets again (default: all), each of them whole or not at all. Where one still cannot be applied,
    the commit that stands in the way says why.
    """
    with triggers_off(connection):
        return tuple(
            _retry(connection, row_set, now_ms, by)
            for row_set in (row_sets(held_commits(connection)) if sets is None else sets)
        )


def _retry(connection: apsw.Connection, row_set: RowSet, now_ms: int, by: str) -> Retried:
    connection.execute("SAVEPOINT row_set")
    obstacle: Held | None = None
    for held in row_set.commits:
        commit = commit_of(connection, held.origin, held.seq)
        refusal = try_to_apply(connection, commit, None if held.whole_origin else held.keys)
        if refusal is not None:
            obstacle = Held(held.origin, held.seq, *refusal, held.quarantined_at, held.keys)
            break
    if obstacle is None:
        for held in row_set.commits:
            _end(connection, held, held.keys, now_ms, how="retry", by=by)
    else:
        connection.execute("ROLLBACK TO row_set")
        values = {"which": obstacle.origin, "seq": obstacle.seq, "reason": obstacle.reason, "detail": obstacle.detail}
        connection.execute(_SET_REASON, values)
    connection.execute("RELEASE row_set")
    return Retried(row_set, obstacle)


def replaced(
    connection: apsw.Connection, origin: OriginId, keys: Collection[RowKey], seq: Seq, now_ms: int, *, by: str
) -> int:
    """Rows stand now as they were at commit ``seq`` of their holder ``by``: what held them back up to there has ended.
    Returns of how many commits.
    """
    count = 0
    for held in held_commits(connection, origin):
        over = [key for key in held.keys if key in keys]
        if held.seq <= seq and over:
            _end(connection, held, over, now_ms, how="replaced", by=by, at_seq=seq)
            count += 1
    return count


def left_log(connection: apsw.Connection, origin: OriginId, after: Seq, now_ms: int) -> None:
    """Commits behind ``after`` leave the log for those of another history; they are kept beside it."""
    for held in held_commits(connection, origin):
        if held.seq > after:
            _end(connection, held, held.keys, now_ms, how="left_log")


def _end(
    connection: apsw.Connection,
    held: Held,
    over: Collection[RowKey],
    now_ms: int,
    *,
    how: How,
    by: str = "",
    at_seq: int = 0,
) -> None:
    connection.execute(_FORGET_SCRUB, (held.origin,))
    rows_moved(connection, held.origin)
    connection.executemany(_DELETE, ((held.origin, held.seq, table, row_id) for table, row_id in over))
    values = (held.origin, held.seq, held.reason, held.detail, held.quarantined_at)
    connection.execute(_INSERT_END, (*values, now_ms, how, by, len(over), len(held.keys) - len(over), at_seq))
