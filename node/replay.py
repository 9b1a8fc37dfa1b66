"""Replaying others' commits into the register tables: inspect, group, apply, or hold back (DESIGN 3).

Storing and applying are two steps. A commit that is stored and cannot be applied is *quarantined* with every later
commit on the same rows; the rest goes on. The triggers that guard the tables are off while this module applies: it
looks at every row itself first (owner, table, number of columns, no deletion), because a changeset for a missing table
or with too many columns applies nothing and says nothing, and because merging hides a double insert.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import apsw

from node import limits
from node.chain import Commit
from node.ids import ID_BYTES, OriginId, RowId
from node.schema import COLUMN_COUNTS, COLUMN_NAMES, INSERT_ONLY_TABLES, SCHEMA_VERSION

RowKey = tuple[str, RowId]
SQLiteRow = tuple[object, ...]
WHOLE_ORIGIN: Final[RowKey] = ("", RowId(b""))


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A commit that is stored and not applied. ``keys`` holds back later commits on the same rows."""

    commit: Commit
    reason: str
    detail: str
    keys: tuple[RowKey, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a changeset would do: the keys it touches, and its rows by table if it only inserts.

    ``refusal`` is None, or why it cannot be applied: (reason, detail).
    """

    keys: tuple[RowKey, ...]
    refusal: tuple[str, str] | None
    inserts: tuple[tuple[str, list[SQLiteRow]], ...] | None = None


def inspect(commit: Commit) -> Inspected:
    """Read a changeset without applying it.

    Reasons: schema_newer, malformed, unknown_table, columns, foreign_row, deletion, rewritten.
    """
    if commit.schema_version > SCHEMA_VERSION:
        detail = f"made with schema version {commit.schema_version}, known is {SCHEMA_VERSION}"
        return Inspected((WHOLE_ORIGIN,), ("schema_newer", detail))
    keys: list[RowKey] = []
    inserts: list[tuple[str, list[SQLiteRow]]] = []
    only_inserts = True
    table = ""
    refusal: tuple[str, str] | None = None
    origin = commit.origin
    try:
        for change in apsw.Changeset.iter(commit.changeset):
            name = change.name
            if change.opcode == apsw.SQLITE_INSERT:
                values = change.new
                if name != table:
                    inserts.append((name, []))
                    refusal = refusal or _table_refusal(name, change.column_count)
                    table = name
                assert values is not None
                inserts[-1][1].append(values)
            else:
                values = change.old
                only_inserts, table = False, ""
                refusal = refusal or _table_refusal(name, change.column_count) or _change_refusal(change, name)
                assert values is not None
            row_id = values[1] if len(values) > 1 else None
            if values[0] == origin and type(row_id) is bytes and len(row_id) == ID_BYTES:
                keys.append((name, RowId(row_id)))
            elif refusal is None:
                refusal = ("foreign_row", f"a row of {name} does not belong to the origin of the commit")
    except (apsw.Error, UnicodeDecodeError) as error:
        return Inspected((WHOLE_ORIGIN,), ("malformed", f"the changeset cannot be read ({error})"))
    if not keys:
        return Inspected((WHOLE_ORIGIN,), refusal or ("malformed", "the changeset is empty"))
    return Inspected(tuple(keys), refusal, tuple(inserts) if only_inserts else None)


def _table_refusal(name: str, column_count: int) -> tuple[str, str] | None:
    columns = COLUMN_COUNTS.get(name)
    if columns is None:
        return "unknown_table", f"there is no register table {name}"
    if column_count > columns:
        return "columns", f"{name} has {column_count} columns there and {columns} here"
    return None


def _change_refusal(change: apsw.TableChange, name: str) -> tuple[str, str] | None:
    if change.opcode == apsw.SQLITE_DELETE:
        return "deletion", f"a row of {name} would be deleted; register rows are never deleted"
    if name in INSERT_ONLY_TABLES:
        return "rewritten", f"a row of {name} would be changed; it is insert-only"
    if change.new is None or any(value is not apsw.no_change for value in change.new[:2]):
        return "foreign_row", f"a row of {name} would get another key"
    return None


@dataclass(slots=True)
class _Merge:
    """Neighbouring small commits whose row keys are disjoint, to be applied as one changeset."""

    commits: list[Commit] = field(default_factory=list)
    keys: set[tuple[OriginId, RowKey]] = field(default_factory=set)
    rows: int = 0


class Replay:
    """Applies stored commits on one connection, inside the caller's transaction.

    ``held`` are the keys already in quarantine, per origin; the object keeps them up to date for the length of the
    transaction. On rollback, throw the object away.
    """

    def __init__(self, connection: apsw.Connection, held: dict[OriginId, set[RowKey]]) -> None:
        self._connection = connection
        self._held = held
        self._merge = _Merge()
        self.rows = 0
        self.quarantined: list[Quarantined] = []

    def apply(self, commits: Iterable[Commit]) -> None:
        """Apply commits in order (those of one origin in the order of their seq); what cannot be applied stands in
        ``quarantined``.
        """
        with triggers_off(self._connection):
            for commit in commits:
                self._one(commit)
            self._flush()

    def _one(self, commit: Commit) -> None:
        inspected = inspect(commit)
        held = self._held.get(commit.origin)
        if held:
            if WHOLE_ORIGIN in held:
                self._flush_before(commit)
                self._hold(commit, "behind_quarantine", "the origin is held back", inspected.keys)
                return
            touched = next((key for key in inspected.keys if key in held), None)
            if touched is not None or WHOLE_ORIGIN in inspected.keys:
                self._flush_before(commit)
                self._hold(
                    commit, "behind_quarantine", "an earlier commit on the same rows is held back", inspected.keys
                )
                return
        if inspected.refusal is not None:
            self._flush_before(commit)
            self._hold(commit, *inspected.refusal, inspected.keys)
            return
        if len(inspected.keys) > limits.MERGE_ROWS_MAX:
            self._flush()
            self._apply_plainly(commit, inspected)
            return
        merge = self._merge
        keys = {(commit.origin, key) for key in inspected.keys}
        if not merge.keys.isdisjoint(keys) or len(merge.commits) >= limits.MERGE_GROUP_COMMITS_MAX:
            self._flush()
            merge = self._merge
        merge.commits.append(commit)
        merge.keys |= keys
        merge.rows += len(inspected.keys)

    def _flush_before(self, held: Commit) -> None:
        """A commit holds back what follows it, never what came before it and still waits to be applied."""
        if any(commit.origin == held.origin for commit in self._merge.commits):
            self._flush()

    def _flush(self) -> None:
        """Apply what was merged; if the merged changeset fails, one by one, so that only the culprit is held back."""
        merge, self._merge = self._merge, _Merge()
        if not merge.commits:
            return
        if len(merge.commits) > 1:
            try:
                builder = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]
                for commit in merge.commits:
                    builder.add(commit.changeset)
                _apply(self._connection, builder.output(), merge.rows)
            except _NotApplied:
                pass
            else:
                self.rows += merge.rows
                return
        for commit in merge.commits:
            inspected = inspect(commit)
            held = self._held.get(commit.origin)
            if held and (WHOLE_ORIGIN in held or any(key in held for key in inspected.keys)):
                self._hold(
                    commit, "behind_quarantine", "an earlier commit on the same rows is held back", inspected.keys
                )
            else:
                self._apply_plainly(commit, inspected)

    def _apply_plainly(self, commit: Commit, inspected: Inspected) -> None:
        try:
            if inspected.inserts is None:
                _apply(self._connection, commit.changeset, len(inspected.keys))
            else:
                _insert(self._connection, inspected.inserts, len(inspected.keys))
        except _NotApplied as failure:
            self._hold(commit, failure.reason, failure.detail, inspected.keys)
        else:
            self.rows += len(inspected.keys)

    def _hold(self, commit: Commit, reason: str, detail: str, keys: tuple[RowKey, ...]) -> None:
        if len(keys) > limits.QUARANTINE_ROWS_MAX:
            keys = (WHOLE_ORIGIN,)
        self._held.setdefault(commit.origin, set()).update(keys)
        self.quarantined.append(Quarantined(commit, reason, detail, tuple(dict.fromkeys(keys))))


class _NotApplied(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@contextlib.contextmanager
def _whole(connection: apsw.Connection, rows: int) -> Iterator[None]:
    """All of what is done inside, changing exactly ``rows`` rows, or nothing. Raises ``_NotApplied``."""
    connection.execute("SAVEPOINT replay")
    before = connection.total_changes()
    try:
        yield
        changed = connection.total_changes() - before
        if changed != rows:
            raise _NotApplied("count", f"{rows} rows should have changed, {changed} did")
    except _NotApplied:
        connection.execute("ROLLBACK TO replay")
        connection.execute("RELEASE replay")
        raise
    connection.execute("RELEASE replay")


def _apply(connection: apsw.Connection, changeset: bytes, rows: int) -> None:
    """Apply a changeset; without a handler every conflict aborts."""
    with _whole(connection, rows):
        try:
            apsw.Changeset.apply(changeset, connection)
        except _CONFLICTS as error:
            raise _NotApplied(
                "conflict", f"the rows here are not as the commit found them ({type(error).__name__})"
            ) from error
        except apsw.CorruptError as error:
            if _readable(changeset):
                raise  # it is the database that is damaged
            raise _NotApplied("malformed", "the changeset cannot be read") from error


def _insert(connection: apsw.Connection, inserts: tuple[tuple[str, list[SQLiteRow]], ...], rows: int) -> None:
    """Plain inserts: what ``inspect`` has read need not be read again. Means the same as applying: a row that exists
    aborts.
    """
    with _whole(connection, rows):
        for table, values in inserts:
            names = COLUMN_NAMES[table][: len(values[0])]  # an older schema step has fewer; the rest has defaults
            statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            try:
                connection.executemany(statement, values)
            except (*_CONFLICTS, TypeError) as error:
                raise _NotApplied(
                    "conflict", f"a row of {table} cannot be inserted ({type(error).__name__})"
                ) from error


_CONFLICTS: Final = (apsw.AbortError, apsw.ConstraintError, apsw.SchemaChangeError, apsw.MismatchError, apsw.SQLError)


def _readable(changeset: bytes) -> bool:
    """Tells a damaged changeset from a damaged database: both raise CorruptError."""
    try:
        for change in apsw.Changeset.iter(changeset):
            _ = change.new, change.old
    except apsw.Error:
        return False
    return True


@contextlib.contextmanager
def triggers_off(connection: apsw.Connection) -> Iterator[None]:
    """Without the guards: they cost two thirds of the speed of applying, and ``inspect`` has looked at every row."""
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    try:
        yield
    finally:
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)


_INSERT_QUARANTINE = (
    "INSERT INTO quarantine (origin, seq, table_name, row_id, reason, detail, quarantined_at) "
    "VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
)


def store_quarantine(connection: apsw.Connection, entries: Sequence[Quarantined], now_ms: int) -> None:
    """Write quarantined commits down, in the transaction that stores them."""
    for entry in entries:
        connection.executemany(
            _INSERT_QUARANTINE,
            (
                (entry.commit.origin, entry.commit.seq, table, row_id, entry.reason, entry.detail, now_ms)
                for table, row_id in entry.keys
            ),
        )
