"""Capture: one transaction of an own origin becomes one commit (DESIGN 2).

BEGIN IMMEDIATE, a session on the captured tables, the work, its changeset, the commit row and the head, COMMIT; then
the witness. A session sees only its own connection and records the net effect, hence one session per transaction.
Changesets are kept whole (not patchsets), because old values are what a heal compares.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator

import apsw

from node import schema
from node.chain import Commit, next_commit
from node.changelog import advance_head, head_of, store_commits
from node.database import Database
from node.ids import OriginId


class Capture:
    """The inside of a captured transaction. ``commit`` is set once it is durable; None if nothing changed."""

    __slots__ = ("commit", "connection", "origin", "recorded_at")

    def __init__(self, connection: apsw.Connection, origin: OriginId, recorded_at: int) -> None:
        self.connection = connection
        self.origin = origin
        self.recorded_at = recorded_at
        self.commit: Commit | None = None


class _NothingChanged(Exception):
    pass


@contextlib.contextmanager
def captured_transaction(
    database: Database, origin: OriginId, *, author: str, kind: str, tag: str, recorded_at: int
) -> Iterator[Capture]:
    """Everything done to captured tables inside becomes one commit of ``origin``, or nothing at all.

    Raises ``CommitRefused('oversized')`` if it changed more than a commit may hold, and whatever the body raises; then
    nothing is written.
    """
    capture = Capture(database.connection, origin, recorded_at)
    with contextlib.suppress(_NothingChanged), database.transaction() as connection:
        commit = yield from _captured(database, connection, capture, author=author, kind=kind, tag=tag)
        if commit is None:
            raise _NothingChanged
        capture.commit = commit


@contextlib.contextmanager
def captured_work(database: Database, capture: Capture, *, author: str, kind: str, tag: str) -> Iterator[Capture]:
    """The same inside a transaction that the caller has already begun."""
    capture.commit = yield from _captured(database, capture.connection, capture, author=author, kind=kind, tag=tag)


def _captured(
    database: Database, connection: apsw.Connection, capture: Capture, *, author: str, kind: str, tag: str
) -> Generator[Capture, None, Commit | None]:
    assert database.guard.origin is None, "captures do not nest"
    session = apsw.Session(connection, "main")
    try:
        for name in schema.CAPTURED_NAMES:
            session.attach(name)
        database.guard.origin = capture.origin
        try:
            yield capture
        finally:
            database.guard.origin = None
        changeset = session.changeset()
    finally:
        session.close()
    if not changeset:
        return None
    commit = next_commit(
        head_of(connection, capture.origin),
        schema_version=schema.SCHEMA_VERSION,
        recorded_at=capture.recorded_at,
        author=author,
        kind=kind,
        tag=tag,
        changeset=changeset,
    )
    store_commits(connection, (commit,), capture.recorded_at)
    advance_head(connection, commit, own=True, via="", received_at=capture.recorded_at)
    return commit
