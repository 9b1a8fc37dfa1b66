"""Doing commits of a side branch again: their changes, value by value, on rows that may have changed since (DESIGN 3).

Nothing is lost without a word: where both branches changed a value, one stands and the other is a finding. Row ids
stay, so claims keep their names. What was typed in on both (the same birth, the same arrival) is found afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final, Literal, cast

import apsw

from conflict.text import folded
from node.chain import Commit
from node.ids import OriginId, RowId
from node.replay import Row, Value, current_row, inspect
from node.schema import COLUMN_DEFAULTS, COLUMN_NAMES, INSERT_ONLY_TABLES, event

_NO_ROW: Final = RowId(b"")
FindingKind = Literal["lost_value", "typed_twice", "not_done_again"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at. ``kept`` stands in the register now, ``lost`` does not."""

    kind: FindingKind
    table: str
    row_id: RowId
    column: str = ""
    kept: str = ""
    lost: str = ""
    other_row_id: RowId = _NO_ROW


_INSERT_ROW: Final = {
    name: f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    for name, columns in COLUMN_NAMES.items()
}


def shown(value: Value) -> str:
    """A value as a report has it."""
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else str(value)


class Redoing:
    """Does changes again on one connection, inside a capture of the origin. ``side_wins``: of two values that both
    branches changed, the side branch's stands, else the one that is there.
    """

    def __init__(self, connection: apsw.Connection, origin: OriginId, *, side_wins: bool) -> None:
        self._connection = connection
        self._origin = origin
        self._side_wins = side_wins
        self.findings: list[Finding] = []
        self.inserted: list[tuple[str, RowId]] = []

    def redo(self, commit: Commit) -> None:
        """The changes of one commit. One that cannot be read is a finding, and changes nothing."""
        inspected = inspect(commit)
        if inspected.refusal is not None:
            reason, detail = inspected.refusal
            self.findings.append(
                Finding("not_done_again", "", RowId(b""), reason, "", f"commit {commit.seq}: {detail}")
            )
            return
        for change in apsw.Changeset.iter(commit.changeset):
            if change.opcode == apsw.SQLITE_INSERT:
                self._insert(change)
            else:
                self._update(change)

    def settle(self) -> None:
        """All commits are done: findings say how the values were left. A value that stands after all, because a later
        commit brought it back, is not lost; the same loss is told once.
        """
        settled: dict[tuple[object, ...], Finding] = {}
        for finding in self.findings:
            if finding.kind == "lost_value":
                row = current_row(self._connection, self._origin, (finding.table, finding.row_id))
                assert row is not None, "a row whose value was lost is there"
                kept = shown(row[COLUMN_NAMES[finding.table].index(finding.column)])
                if kept == finding.lost:
                    continue
                finding = replace(finding, kept=kept)  # noqa: PLW2901  the same one, as it was left
            settled.setdefault(astuple(finding), finding)
        self.findings = list(settled.values())

    def _row(self, table: str, row_id: Value) -> Row | None:
        return current_row(self._connection, self._origin, (table, RowId(cast("bytes", row_id))))

    def _insert(self, change: apsw.TableChange) -> None:
        table = change.name
        new = cast("tuple[Value, ...]", change.new)
        new = (*new, *COLUMN_DEFAULTS[table][len(new) :])
        there = self._row(table, new[1])
        if there is None:
            self._connection.execute(_INSERT_ROW[table], new)
            self.inserted.append((table, RowId(cast("bytes", new[1]))))
            return
        for name, now, wanted in zip(COLUMN_NAMES[table], there, new, strict=True):
            if now != wanted:
                self._contend(table, there, name, now, wanted)

    def _update(self, change: apsw.TableChange) -> None:
        table = change.name
        old = cast("tuple[Value, ...]", change.old)
        new = cast("tuple[Value, ...]", change.new)
        there = self._row(table, old[1])
        columns = [(number, name) for number, name in enumerate(COLUMN_NAMES[table][: len(new)]) if number > 1]
        changed = [(number, name) for number, name in columns if cast("object", new[number]) is not apsw.no_change]
        if there is None:
            row_id = RowId(cast("bytes", old[1]))
            for number, name in changed:
                self.findings.append(Finding("not_done_again", table, row_id, name, "", shown(new[number])))
            return
        for number, name in changed:
            now, before, wanted = there[number], old[number], new[number]
            if now == wanted:
                continue
            if now == before:
                self._set(table, there, name, wanted)
            else:
                self._contend(table, there, name, now, wanted)

    def _contend(self, table: str, row: tuple[Value, ...], column: str, now: Value, wanted: Value) -> None:
        """Both branches changed the value."""
        wins = self._side_wins and table not in INSERT_ONLY_TABLES
        if wins:
            self._set(table, row, column, wanted)
        kept, lost = (wanted, now) if wins else (now, wanted)
        self.findings.append(
            Finding("lost_value", table, RowId(cast("bytes", row[1])), column, shown(kept), shown(lost))
        )

    def _set(self, table: str, row: tuple[Value, ...], column: str, value: Value) -> None:
        self._connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE origin = ? AND id = ?",
            (value, row[0], row[1]),
        )


def inserted_rows(commits: Iterable[Commit]) -> list[tuple[str, RowId]]:
    """The rows that commits added, (table, row id)."""
    found: list[tuple[str, RowId]] = []
    for commit in commits:
        if inspect(commit).refusal is None:
            for change in apsw.Changeset.iter(commit.changeset):
                if change.opcode == apsw.SQLITE_INSERT:
                    assert change.new is not None
                    found.append((change.name, RowId(cast("bytes", change.new[1]))))
    return found


_TWICE: Final = frozenset({"birth", "move_in", "death", "marriage", "move_out"})
_EVENT: Final = {name: number for number, name in enumerate(COLUMN_NAMES[event.name])}


def typed_twice(
    connection: apsw.Connection,
    origin: OriginId,
    trunk: Sequence[tuple[str, RowId]],
    side: Sequence[tuple[str, RowId]],
) -> list[Finding]:
    """Events that somebody entered on both branches: after a restore, people type in again what is gone (RESOLVER 8,
    31). Alike are the kind, the name without tones and the birth date (or the event's), or the kind and the person.
    """

    def events(rows: Sequence[tuple[str, RowId]]) -> list[tuple[RowId, tuple[str, ...]]]:
        found: list[tuple[RowId, tuple[str, ...]]] = []
        for table, row_id in rows:
            if table != event.name:
                continue
            row = current_row(connection, origin, (table, row_id))
            if row is None or row[_EVENT["kind"]] not in _TWICE:
                continue
            kind, name = str(row[_EVENT["kind"]]), folded(str(row[_EVENT["full_name"]]))
            person = row[_EVENT["person_id"]]
            if name:
                when = str(row[_EVENT["birth_date"]]) or str(row[_EVENT["event_date"]])
                found.append((row_id, (kind, when, name)))
            elif person is not None:
                found.append((row_id, (kind, bytes(cast("bytes", person)).hex())))
        return found

    known: dict[tuple[str, ...], RowId] = {}
    for row_id, key in events(trunk):
        known.setdefault(key, row_id)
    return [
        Finding("typed_twice", event.name, row_id, kept=" ".join(key), other_row_id=known[key])
        for row_id, key in events(side)
        if key in known and known[key] != row_id
    ]
