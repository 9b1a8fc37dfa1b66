"""Replaying others' commits into the register tables: inspect, group, apply, or hold back (DESIGN 3).

Storing and applying are two steps. A commit that is stored and cannot be applied is *quarantined* with every later
commit on the same rows; the rest goes on. The triggers that guard the tables are off while this module applies: it
looks at every row itself first (owner, table, number of columns, no deletion), or proves the same of a large commit by
counting, because a changeset for a missing table or with too many columns applies nothing and says nothing, and because
merging hides a double insert.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard, cast

import apsw
import sqlalchemy as sa

from node import limits
from node.chain import Commit
from node.ids import ID_BYTES, OriginId, RowId
from node.schema import CAPTURED_TABLES, COLUMN_COUNTS, INSERT_ONLY_TABLES, REGISTER_TABLES, SCHEMA_VERSION, sql

RowKey = tuple[str, RowId]
Value = str | bytes | int | float | None
Row = tuple[Value, ...]
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
    """What a changeset would do: the rows that it touches, or the whole origin if that cannot be told.

    ``refusal`` is None, or why it cannot be applied: (reason, detail).
    """

    keys: tuple[RowKey, ...]
    refusal: tuple[str, str] | None


def inspect(commit: Commit) -> Inspected:
    """Read a changeset without applying it.

    Reasons: schema_newer, malformed, unknown_table, columns, foreign_row, deletion, rewritten.
    """
    if commit.schema_version > SCHEMA_VERSION:
        detail = f"made with schema version {commit.schema_version}, known is {SCHEMA_VERSION}"
        return _unreadable("schema_newer", detail)
    try:
        return _inspect_changes(commit)
    except (apsw.Error, UnicodeDecodeError) as error:
        return _unreadable("malformed", f"the changeset cannot be read ({error})")


def _unreadable(reason: str, detail: str) -> Inspected:
    return Inspected((WHOLE_ORIGIN,), (reason, detail))


def _is_id(value: object) -> TypeGuard[bytes]:
    return type(value) is bytes and len(value) == ID_BYTES


def _inspect_changes(commit: Commit) -> Inspected:
    keys: list[RowKey] = []
    table = ""
    refusal: tuple[str, str] | None = None
    for change in apsw.Changeset.iter(commit.changeset):
        name = change.name
        if name != table:
            refusal = refusal or _table_refusal(name, change.column_count)
            table = name
        if change.opcode == apsw.SQLITE_INSERT:
            values = change.new
        else:
            values = change.old
            refusal = refusal or _change_refusal(change, name)
        assert values is not None
        row_id = values[1] if len(values) > 1 else None
        if values[0] == commit.origin and _is_id(row_id):
            keys.append((name, RowId(row_id)))
        elif refusal is None:
            refusal = ("foreign_row", f"a row of {name} does not belong to the origin of the commit")
    if not keys:
        return _unreadable(*(refusal or ("malformed", "the changeset is empty")))
    return Inspected(tuple(keys), refusal)


def _table_refusal(name: str, column_count: int) -> tuple[str, str] | None:
    columns = COLUMN_COUNTS.get(name)
    if columns is None:
        return "unknown_table", f"there is no register table {name}"
    if not 2 <= column_count <= columns:
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
        held = self._held.get(commit.origin)
        if not held and self._in_bulk(commit):
            return
        inspected = inspect(commit)
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

    def _in_bulk(self, commit: Commit) -> bool:
        """The fast way for large commits that only insert. False: it is of another kind, or something is wrong with it,
        and nothing was done; whoever looks at every row will say what.
        """
        if commit.schema_version > SCHEMA_VERSION or len(commit.changeset) < _BULK_BYTES_MIN:
            return False
        ids = bulk_ids(commit)
        if len(ids) <= limits.MERGE_ROWS_MAX:
            return False
        self._flush()
        try:
            _apply_inserts(self._connection, commit, ids)
        except _NotApplied:
            return False
        self.rows += len(ids)
        return True

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
            _apply(self._connection, commit.changeset, len(inspected.keys))
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


def current_row(connection: apsw.Connection, origin: OriginId, key: RowKey) -> Row | None:
    """A row as it stands here."""
    table, row_id = key
    row = connection.execute(_SELECT_ROW[table], {"which": origin, "row_id": row_id}).fetchone()
    return None if row is None else cast("Row", tuple(row))


def excerpt(changeset: bytes, only: Collection[RowKey]) -> tuple[bytes, int]:
    """The changes of some rows out of a changeset that can be read, and how many they are."""
    builder = apsw.ChangesetBuilder()  # type: ignore[no-untyped-call]
    count = 0
    for change in apsw.Changeset.iter(changeset):
        values = change.new if change.opcode == apsw.SQLITE_INSERT else change.old
        assert values is not None
        if (change.name, values[1]) in only:
            builder.add_change(change)
            count += 1
    return builder.output(), count


def try_to_apply(
    connection: apsw.Connection, commit: Commit, only: Collection[RowKey] | None = None
) -> tuple[str, str] | None:
    """Apply a stored commit, or only its changes of some rows: all of that, or nothing and why (reason, detail).

    Inside the caller's transaction, with the triggers off.
    """
    inspected = inspect(commit)
    if inspected.refusal is not None:
        return inspected.refusal
    changeset, rows = commit.changeset, len(inspected.keys)
    if only is not None and not set(only).issuperset(inspected.keys):
        changeset, rows = excerpt(changeset, only)
    try:
        _apply(connection, changeset, rows)
    except _NotApplied as failure:
        return failure.reason, failure.detail
    return None


_SELECT_ROW: Final = {
    table.name: sql(
        sa.select(*table.columns).where(table.c.origin == sa.bindparam("which"), table.c.id == sa.bindparam("row_id"))
    )
    for table in CAPTURED_TABLES
}
_BULK_BYTES_MIN: Final = 2_048  # a commit of fewer bytes has few rows
_INSERT_HEADER: Final = bytes((apsw.SQLITE_INSERT, 0))  # opcode, not indirect (sqlite.org, the changeset format)
_BLOB_ID: Final = bytes((4, ID_BYTES))  # a blob of 16 bytes
_COUNT_RANGE: Final = {
    table.name: f"SELECT count(*) FROM {table.name} WHERE origin = ? AND id BETWEEN ? AND ? AND length(id) = {ID_BYTES}"
    for table in REGISTER_TABLES
}


def bulk_ids(commit: Commit) -> list[bytes]:
    """Row ids of what look like inserts of the origin's own rows. Values may look so too, so this proves nothing."""
    lead = _INSERT_HEADER + _BLOB_ID + commit.origin + _BLOB_ID
    return re.findall(re.escape(lead) + b"(.{%d})" % ID_BYTES, commit.changeset, re.DOTALL)


def _apply_inserts(connection: apsw.Connection, commit: Commit, ids: Sequence[bytes]) -> None:
    """Apply a changeset that should insert exactly ``len(ids)`` rows of the origin, without looking at every row.

    The proof is in the counts. SQLite says that it changed n rows; n must be the number of ids, so no table and no
    column was left out. The origin's rows between the smallest and the largest id must have become n more, so every one
    of the n changes was an insert of a row of this origin: a foreign row, an update or a deletion would be missing
    there, whatever ids were found in the bytes. Raises ``_NotApplied``, and then nothing was changed.
    """

    def known(table: str) -> bool:
        if table not in _COUNT_RANGE:
            raise _NotApplied("unknown_table", table)
        return True

    between = (commit.origin, min(ids), max(ids))
    with _whole(connection, len(ids)):
        before = _count(connection, between)
        try:
            apsw.Changeset.apply(commit.changeset, connection, filter=known)
        except (*_CONFLICTS, apsw.CorruptError) as error:
            raise _NotApplied("conflict", type(error).__name__) from error
        if _count(connection, between) - before != len(ids):
            raise _NotApplied("foreign_row", "the rows are not all new ones of this origin")


def _count(connection: apsw.Connection, between: tuple[bytes, bytes, bytes]) -> int:
    return sum(cast("int", connection.execute(sql, between).fetchall()[0][0]) for sql in _COUNT_RANGE.values())


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
