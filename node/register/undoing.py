"""A whole import taken back as a unit (RESOLVER 72): every event that it brought is withdrawn by a cancel, and the
entry of every person whom it entered too. Nothing is deleted: what was imported stays in the log and in the rows, and
the undoing is a batch of its own that can be undone in the same way.

Which rows an import brought is read from its commits, which are tagged with its id. An event that a cancel from outside
the batch has withdrawn already stays as it is, so that an undoing that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apsw

from node import limits
from node.chain import KIND_IMPORT, Commit
from node.changelog import floor_of
from node.errors import UsageError
from node.ids import OriginId, RowId, id_text
from node.interchange.values import EventRow
from node.register.operations import day_text, moment_text
from node.register.recorder import ROWS_PER_REPORT_MAX, Recorder
from node.register.records import NO_COLUMNS
from node.schema import COMMIT_FIELDS
from node.store import Store

_TAGGED = f"SELECT {', '.join(COMMIT_FIELDS)} FROM change_log WHERE origin = ? AND tag = ? ORDER BY seq"
_ORIGINS = f"SELECT DISTINCT origin FROM change_log WHERE tag = ? AND kind = '{KIND_IMPORT}' ORDER BY origin"
_CANCELS = "SELECT id FROM event WHERE origin = ? AND target_event_id = ?"
_ENTERED = "SELECT created_by IS NULL, state FROM person WHERE origin = ? AND id = ?"
_KINDS = "SELECT kind FROM event WHERE origin = ? AND id = ?"
_LATER = "SELECT id FROM event WHERE origin = ?1 AND (person_id = ?2 OR other_person_id = ?2)"


@dataclass(frozen=True, slots=True)
class Batch:
    """What there is to take back. ``targets`` are events, and persons who were entered, in the order of their coming.

    ``later`` are reports from outside the batch about persons of the batch: they stay, on records that are void.
    """

    import_id: str
    targets: tuple[RowId, ...]
    events: dict[str, int]
    persons: int
    later: int


@dataclass(frozen=True, slots=True)
class Undone:
    """``undo_id`` names the undoing as a batch of its own."""

    undo_id: str
    commits: int
    withdrawn: int


def origin_of_import(store: Store, import_id: str) -> OriginId:
    """The own origin into which an import went. Raises ``UsageError`` if there is none, or if it is another node's."""
    with store.database.snapshot() as connection:
        found = [OriginId(row[0]) for row in connection.execute(_ORIGINS, (import_id,))] if import_id else []
    own = set(store.own_origins()).intersection(found)
    if own:
        return min(own)
    if found:
        node_id = store.profiles()[found[0]].node_id
        raise UsageError(
            f"The import {import_id} was made at {node_id}; only there it can be taken back.",
            hint=f"At {node_id}: dansync cases undo FOLDER --import {import_id}",
        )
    raise UsageError(
        f"The register here has no import {import_id}.",
        hint="Its id stands in what dansync import said, and in: dansync log FOLDER --json (the tag)",
    )


def find_batch(store: Store, origin: OriginId, import_id: str) -> Batch:
    """What is left to take back of an import of that origin. Raises ``UsageError`` if the log has not all of it."""
    with store.database.snapshot() as connection:
        commits = [Commit(*row) for row in connection.execute(_TAGGED, (origin, import_id))]
        floor = floor_of(connection, origin).seq
        if floor and (not commits or commits[0].seq <= floor + 1):
            raise UsageError(
                f"The log begins at commit {floor + 1}: a part of the import {import_id} may have been let go.",
                hint="Withdraw its events one by one: dansync record cancel FOLDER --event EVENT",
            )
        return _batch(connection, origin, import_id, list(_inserted(commits)))


def _inserted(commits: list[Commit]) -> Iterator[tuple[str, RowId]]:
    """The events and persons that commits brought."""
    for commit in commits:
        for change in apsw.Changeset.iter(commit.changeset):
            if change.name in {"event", "person"} and change.opcode == apsw.SQLITE_INSERT and change.new is not None:
                yield change.name, RowId(change.new[1])  # type: ignore[arg-type]


def _batch(connection: apsw.Connection, origin: OriginId, import_id: str, rows: list[tuple[str, RowId]]) -> Batch:
    inside = {row_id for name, row_id in rows if name == "event"}
    targets: list[RowId] = []
    kinds: dict[str, int] = {}
    persons = 0
    later: set[bytes] = set()
    for name, row_id in rows:
        if name == "person":
            later.update(row[0] for row in connection.execute(_LATER, (origin, row_id)))
            found = connection.execute(_ENTERED, (origin, row_id)).fetchone()
            if found is None or not found[0]:
                continue  # whom an event brought, its cancel takes away
        if _is_withdrawn(connection, origin, row_id, inside):
            continue
        targets.append(row_id)
        if name == "person":
            persons += 1
        else:
            kind = str(connection.execute(_KINDS, (origin, row_id)).fetchall()[0][0])
            kinds[kind] = kinds.get(kind, 0) + 1
    return Batch(import_id, tuple(targets), kinds, persons, len(later - inside))


def _is_withdrawn(connection: apsw.Connection, origin: OriginId, target: RowId, inside: set[RowId]) -> bool:
    """Whether a cancel that stands, and that the batch has not brought, withdraws it."""
    cancels = [RowId(row[0]) for row in connection.execute(_CANCELS, (origin, target)).fetchall()]  # type: ignore[arg-type]
    return any(c not in inside and not _is_withdrawn(connection, origin, c, set()) for c in cancels)


def undo_batch(store: Store, origin: OriginId, batch: Batch, *, author: str) -> Undone:
    """Withdraw all that is left of a batch, at most IMPORT_ROWS_PER_COMMIT_MAX rows a commit. Raises ``StoreError``,
    ``HoldingError``; what was committed before stands, and calling it again with what is left goes on.
    """
    undo_id = id_text(store.new_row_id(store.clock.wall_ms()))
    waiting = list(batch.targets)
    persons = _persons_among(store, origin, waiting)
    commits = 0
    while waiting:
        now_ms = store.clock.wall_ms()
        with store.capture(author=author, kind=KIND_IMPORT, tag=undo_id, recorded_at=now_ms, origin=origin) as capture:
            recorder = Recorder(capture.connection, origin, partial(store.new_row_id, now_ms), day=day_text(now_ms))
            done = _withdraw_some(recorder, waiting, persons, store.node_id, now_ms)
            recorder.write()
        commits += 1
        del waiting[:done]
    return Undone(undo_id, commits, len(batch.targets))


def _persons_among(store: Store, origin: OriginId, targets: list[RowId]) -> frozenset[RowId]:
    with store.database.snapshot() as connection:
        return frozenset(t for t in targets if connection.execute(_ENTERED, (origin, t)).fetchone() is not None)


def _withdraw_some(
    recorder: Recorder, waiting: list[RowId], persons: frozenset[RowId], node_id: str, now_ms: int
) -> int:
    """As many as fit into one commit; returns how many."""
    some = waiting[: limits.IMPORT_ROWS_PER_COMMIT_MAX]
    rows = [_cancel(target, node_id, now_ms, is_person=target in persons) for target in some]
    recorder.prepare_events(rows)
    done = 0
    for row, target in zip(rows, some, strict=True):
        if recorder.changed_rows() + ROWS_PER_REPORT_MAX > limits.IMPORT_ROWS_PER_COMMIT_MAX:
            break
        if target in persons:
            recorder.withdraw_entry(row, target)
        else:
            recorder.event(row)
        done += 1
    return done


def _cancel(target: RowId, node_id: str, now_ms: int, *, is_person: bool) -> EventRow:
    name = id_text(target)
    person = name if is_person else ""
    return EventRow(
        *(node_id, "", "cancel", day_text(now_ms), moment_text(now_ms), person, "", "", "", "", name),
        columns=NO_COLUMNS,
    )
