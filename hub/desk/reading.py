"""What has changed since the desk last looked: persons whose rows, or events about them, are new or other ones.

Each origin is read in the order of its log, from the commit where the desk stands, which is the order in which its
commits arrived here. Where that commit is not on the chain any more, the log was let go behind it, or rows have moved
without a commit (``node.epochs``: a snapshot, a repair, an end of quarantine), all persons of the origin are looked at
again. No result depends on the order of origins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import apsw

from conflict.claims import CANCEL, RULING
from hub.desk.decisions import note_decision, note_decisions
from hub.desk.families import keys_of, look_again
from node import changelog
from node.chain import Commit, Head
from node.ids import Hash, NodeId, OriginId, RowId, Seq
from node.schema import COLUMN_NAMES
from node.store import PURPOSE_REGISTER, Store

COMMITS_AT_ONCE: Final = 500
"""Of one origin in one step; a bulk commit has 500 rows."""
ROWS_AT_ONCE: Final = 5_000
"""Rows of changesets in one step: about 20 ms."""

_EVENT: Final = COLUMN_NAMES["event"]
_AT: Final = {
    name: _EVENT.index(name) for name in ("kind", "person_id", "target_event_id", "person_ref", "other_person_ref")
}
_MOVED = (
    "SELECT h.origin, h.seq, h.hash, h.flow, coalesce(m.seq, 0), coalesce(m.hash, h.hash), "
    "coalesce(e.epoch, 0), coalesce(m.epoch, 0) FROM origin_head AS h LEFT JOIN desk_mark AS m ON m.origin = h.origin "
    "LEFT JOIN row_epoch AS e ON e.origin = h.origin WHERE (coalesce(m.seq, 0), coalesce(m.hash, h.hash), "
    "coalesce(m.epoch, 0)) <> (h.seq, h.hash, coalesce(e.epoch, 0)) ORDER BY h.own DESC, h.origin"
)
_SET_MARK = (
    "INSERT INTO desk_mark (origin, seq, hash, epoch) VALUES (?,?,?,?) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, epoch = excluded.epoch"
)
_NOTE = "INSERT INTO desk_unread (origin, person_id) VALUES (?,?) ON CONFLICT DO NOTHING"
_NOTE_ALL = (
    "INSERT INTO desk_unread (origin, person_id) SELECT origin, id FROM person WHERE origin = ?1 "
    "UNION SELECT origin, person_id FROM desk_party WHERE origin = ?1 ON CONFLICT DO NOTHING"
)
_RULED = f"SELECT person_ref, other_person_ref FROM event WHERE origin = ? AND kind = '{RULING}'"
_PERSON_OF = (
    "SELECT person_id, kind, target_event_id, person_ref, other_person_ref FROM event WHERE origin = ? AND id = ?"
)


class _Unreadable(Exception):
    """A changeset of which it cannot be told whom it is about."""


def note_changes(store: Store, connection: apsw.Connection) -> int | None:
    """One step, inside the caller's transaction: note who has changed and advance the marks. Returns how many rows were
    looked at; None: nothing was new.
    """
    found: list[tuple[Any, ...]] = connection.execute(_MOVED).fetchall()
    if not found:
        return None
    profiles = store.profiles()
    nodes = {o: profile.node_id for o, profile in profiles.items() if profile.purpose == PURPOSE_REGISTER}
    rows = 0
    moved = False
    for origin, seq, value, flow, known_seq, known_value, epoch, known_epoch in found:
        if flow or OriginId(origin) not in nodes:
            continue
        moved = True
        head = Head(OriginId(origin), Seq(seq), Hash(value))
        mark = Head(head.origin, Seq(known_seq), Hash(known_value))
        reached, count = _read(connection, nodes, mark, head, whole=known_epoch != epoch)
        connection.execute(_SET_MARK, (head.origin, reached.seq, reached.hash, epoch))
        rows += count
        if rows >= ROWS_AT_ONCE:
            break
    return rows if moved else None


def _read(
    connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], mark: Head, head: Head, *, whole: bool
) -> tuple[Head, int]:
    """Note whom the next commits are about; returns where the desk stands then, and how many rows that were."""
    origin = head.origin
    on_chain = mark.seq == 0 or changelog.hash_at(connection, origin, mark.seq) == mark.hash
    if not whole and on_chain and mark.seq < head.seq:
        commits = list(changelog.read_commits(connection, origin, mark.seq, count=COMMITS_AT_ONCE))
        if commits and commits[0].seq == mark.seq + 1:
            return _read_commits(connection, nodes, commits, head)
    return head, _note_all(connection, nodes, origin)


def _note_all(connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], origin: OriginId) -> int:
    """Everybody of an origin has changed, as far as can be told."""
    connection.execute(_NOTE_ALL, (origin,))
    count = connection.changes()
    note_decisions(connection, origin)
    refs = {str(ref) for row in connection.execute(_RULED, (origin,)).fetchall() for ref in row}
    look_again(connection, keys_of(connection, nodes, refs))
    return count


def _read_commits(
    connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], commits: Iterable[Commit], head: Head
) -> tuple[Head, int]:
    rows = 0
    reached = head
    for commit in commits:
        try:
            found = _concerned(connection, commit)
        except (_Unreadable, apsw.Error, UnicodeDecodeError):
            return head, rows + _note_all(connection, nodes, head.origin)
        connection.executemany(_NOTE, ((head.origin, row_id) for row_id in found.persons))
        look_again(connection, keys_of(connection, nodes, found.ruled))
        for which in found.decisions:
            note_decision(connection, head.origin, which)
        reached = commit.head
        rows += found.rows
        if rows >= ROWS_AT_ONCE:
            break
    return reached, rows


@dataclass(slots=True)
class _Concerned:
    """Whom and what a commit is about. ``ruled`` are refs of persons."""

    persons: set[RowId] = field(default_factory=set)
    ruled: set[str] = field(default_factory=set)
    decisions: set[bytes] = field(default_factory=set)
    rows: int = 0


def _concerned(connection: apsw.Connection, commit: Commit) -> _Concerned:
    found = _Concerned()
    cancelled: list[bytes] = []
    for change in apsw.Changeset.iter(commit.changeset):
        found.rows += 1
        if change.name not in {"person", "event", "decision"}:
            continue
        values = change.new if change.opcode == apsw.SQLITE_INSERT else change.old
        if values is None or len(values) < 2 or not isinstance(values[1], bytes):
            raise _Unreadable
        if change.name == "person":
            found.persons.add(RowId(values[1]))
            continue
        if change.name == "decision":
            found.decisions.add(values[1])
            continue
        if change.opcode != apsw.SQLITE_INSERT or len(values) <= max(_AT.values()):
            raise _Unreadable
        person_id, target = values[_AT["person_id"]], values[_AT["target_event_id"]]
        if isinstance(person_id, bytes):
            found.persons.add(RowId(person_id))
        if values[_AT["kind"]] == RULING:
            found.ruled.update(str(values[_AT[name]]) for name in ("person_ref", "other_person_ref"))
        if values[_AT["kind"]] == CANCEL and isinstance(target, bytes):
            cancelled.append(target)
    for target in cancelled:
        _note_withdrawn(connection, commit.origin, target, found)
    return found


def _note_withdrawn(connection: apsw.Connection, origin: OriginId, target: bytes, found: _Concerned) -> None:
    """Whom the event is about that a cancel withdraws; of the cancel of a cancel, what that one withdrew."""
    seen: set[bytes] = set()
    while target not in seen:
        seen.add(target)
        row = connection.execute(_PERSON_OF, (origin, target)).fetchone()
        if row is None:
            break
        if row[0] is not None:
            found.persons.add(RowId(row[0]))
        found.ruled.update(str(ref) for ref in row[3:] if row[1] == RULING)
        if row[1] == CANCEL and row[2] is not None:
            target = row[2]
