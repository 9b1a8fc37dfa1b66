"""Scrub: are the rows still what the logs say, and are the logs still what their hashes say?

SQLite returns wrong rows after a flipped bit without a word (RELIABILITY 0.3). The log is hashed, so it is the proof:
it is replayed into an empty store in memory, and the rows here are compared with the rows there. Where neither the head
nor the digest has changed since a scrub that was sound, the replay is left out. What is held back in quarantine is left
out. A scrub is a generator that works in slices, each in a short read of its own, so that it holds up nobody; whoever
runs it decides about pauses.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar, cast

import apsw

from node import changelog, limits
from node.chain import Commit, Head, check_chain
from node.database import Database, scratch_database
from node.digest import origin_digest
from node.errors import CommitRefused, StoreBroken, StoreDamaged
from node.findings import Known, OriginScrub, RottenRow, Scrub, known_scrubs, where
from node.ids import GENESIS_HASH, Hash, OriginId, RowId, Seq
from node.rebuild import lay_floor
from node.replay import WHOLE_ORIGIN, Replay, Row, RowKey, current_row
from node.schema import COLUMN_NAMES, metadata
from node.store import Store

_NO_DIGEST: Final = Hash(b"")
_DAMAGE_SHOWN: Final = 5
_TRIES_MAX: Final = 3
_OF_ANOTHER_KIND: Final = (TypeError, ValueError, AttributeError, AssertionError, struct.error)
"""What code that reads rows raises where a flipped bit has made a number of a text, or the like."""
_SELECT_SCHEMA: Final = "SELECT name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger')"
_SELECT_FIRST: Final = "SELECT min(seq) FROM change_log WHERE origin = ?"
_SELECT_RAW: Final = {
    name: f"SELECT id, {', '.join(f'typeof({c}), CAST({c} AS BLOB)' for c in columns)} FROM {name} "
    "WHERE origin = ? AND id > ? ORDER BY id LIMIT ?"
    for name, columns in COLUMN_NAMES.items()
}
"""Rows as they lie there: a text in which a bit has flipped cannot be read as text any more."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One step was done: ``done`` of ``total`` (0: not known) tables, commits or rows."""

    what: Literal["tables", "commits", "rows"]
    done: int
    total: int


T = TypeVar("T")


def finish(work: Generator[object, None, T]) -> T:
    """Do all slices one after the other."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def scrub(
    store: Store, *, origins: Sequence[OriginId] | None = None, thorough: bool = False
) -> Generator[Slice, None, Scrub]:
    """Look at the file and at all origins (or some). ``thorough``: replay every log, whatever was found before.

    Only reads. Raises ``StoreError`` if the store cannot be read at all.
    """
    damage = yield from _structure(store)
    with store.database.snapshot() as connection:
        known = {} if thorough else known_scrubs(connection)
        states = store.states()
    found: list[OriginScrub] = []
    for state in states:
        head = state.head
        if origins is None or head.origin in origins:
            found += [(yield from scrub_origin(store, head, own=state.own, known=known.get(head.origin)))]
    return Scrub(damage, tuple(found))


def _structure(store: Store) -> Generator[Slice, None, tuple[str, ...]]:
    """SQLite's own check, table by table with its indexes."""
    names = sorted(table.name for table in metadata.sorted_tables)
    damage: list[str] = []
    for number, name in enumerate(names, 1):
        try:
            with store.database.snapshot() as connection:
                rows = connection.execute(f"PRAGMA integrity_check('{name}')").fetchall()
                damage += [f"{name}: {row[0]}" for row in rows if row[0] != "ok"]
        except (StoreDamaged, StoreBroken) as error:
            damage.append(f"{name}: {error.message}")
        yield Slice("tables", number, len(names))
    damage += _descriptions(store)
    return tuple(damage[:_DAMAGE_SHOWN])


def _descriptions(store: Store) -> Iterator[str]:
    """Indexes and guards whose description is not that of a new store."""
    with contextlib.closing(scratch_database()) as new, store.database.snapshot() as connection:
        expected = dict(new.connection.execute(_SELECT_SCHEMA))
        found = dict(connection.execute(_SELECT_SCHEMA))
    yield from (f"the description of {name} is damaged" for name in expected if found.get(name) != expected[name])


def scrub_origin(
    store: Store, head: Head, *, own: bool, known: Known | None = None, rows: bool = True
) -> Generator[Slice, None, OriginScrub]:
    """Look at one origin: its log always, its rows unless told otherwise."""
    for _ in range(_TRIES_MAX):
        work = _OriginWork(store, head)
        try:
            return (yield from _look(work, own=own, known=known, rows=rows))
        except CommitRefused as error:
            if not work.changed_over():  # by a healing, while we were looking
                return OriginScrub(work.at, own, "log_rot", _NO_DIGEST, detail=error.message)
        except (StoreDamaged, StoreBroken) as error:
            return OriginScrub(work.at, own, "log_rot", _NO_DIGEST, detail=error.message)
        except _OF_ANOTHER_KIND as error:
            return OriginScrub(
                *(work.at, own, "log_rot", _NO_DIGEST),
                detail=f"a value is not of the kind that its column has ({error})",
            )
        finally:
            work.close()
    return OriginScrub(head, own, "unproven", _NO_DIGEST)


def _look(work: _OriginWork, *, own: bool, known: Known | None, rows: bool) -> Generator[Slice, None, OriginScrub]:
    unchanged = rows and known is not None and work.is_as(known)
    yield Slice("rows", 0, 0)
    begins = work.begin(replay=rows and not unchanged)
    yield from work.follow_log()
    if unchanged and known is not None:
        return OriginScrub(known.head, own, "sound", known.digest)
    if not rows:
        return OriginScrub(work.at, own, "sound", _NO_DIGEST)
    if not begins:
        return work.without_proof(known, own=own)
    rotten = yield from work.compare()
    if rotten is None:
        return OriginScrub(work.at, own, "held", _NO_DIGEST)
    if rotten:
        return OriginScrub(work.at, own, "rot", _NO_DIGEST, tuple(rotten), where(rotten))
    return OriginScrub(work.at, own, "sound", work.digest())


class _OriginWork:
    """The log of one origin, walked up to ``at``, and the rows that follow from it, in memory."""

    def __init__(self, store: Store, head: Head) -> None:
        self._store = store
        self.at = Head(head.origin, Seq(0), GENESIS_HASH)
        self._origin = head.origin
        self._scratch: Database | None = None
        self._held: dict[OriginId, set[RowKey]] = {}
        self._left_out: frozenset[RowKey] = frozenset()

    def close(self) -> None:
        if self._scratch is not None:
            self._scratch.close()

    def changed_over(self) -> bool:
        """Whether the log is another one now than the one that was walked."""
        with self._store.database.snapshot() as connection:
            return changelog.hash_at(connection, self._origin, self.at.seq) != self.at.hash

    def is_as(self, known: Known) -> bool:
        """Whether head and digest are those of a scrub that was sound."""
        if known.verdict != "sound" or not known.digest:
            return False
        try:
            with self._store.database.snapshot():
                return (
                    self._store.head(self._origin) == known.head
                    and WHOLE_ORIGIN not in self._store.quarantined(self._origin)
                    and self._store.digest(self._origin).value == known.digest
                )
        except (StoreDamaged, *_OF_ANOTHER_KIND):
            return False  # which row it is, the comparison says

    def begin(self, *, replay: bool) -> bool:
        """Whether the log here reaches back to the first commit; if so, it is replayed if that is wanted."""
        with self._store.database.snapshot() as connection:
            floor = changelog.floor_of(connection, self._origin)
            if floor.seq:
                return self._begin_at(connection, floor, replay=replay)
            first = connection.execute(_SELECT_FIRST, (self._origin,)).fetchall()[0][0]
            if first is None or first == 1:
                self._scratch = scratch_database() if replay else None
                return True
            seq = Seq(cast("int", first))
            (commit,) = changelog.read_commits(connection, self._origin, Seq(seq - 1), count=1)
            self.at = commit.head  # what came before it is not here: it is taken as it is
            return False

    def _begin_at(self, connection: apsw.Connection, floor: Head, *, replay: bool) -> bool:
        """The log was pruned: a snapshot that its holder has signed stands where it begins."""
        self.at = floor
        if not replay:
            return True
        scratch = scratch_database()
        with scratch.transaction():
            laid = lay_floor(connection, scratch.connection, floor)
        if not laid:
            scratch.close()
            return False
        self._scratch = scratch
        return True

    def follow_log(self) -> Generator[Slice, None, None]:
        """Check the log behind ``at``, and replay it. Raises ``CommitRefused`` where it does not follow."""
        while True:
            with self._store.database.snapshot() as connection:
                head = changelog.head_of(connection, self._origin)
                page = list(
                    changelog.read_commits(connection, self._origin, self.at.seq, count=limits.SCRUB_SLICE_COMMITS)
                )
            at = check_chain(self.at, page)
            if not page:
                _require_end(at, head)
                return
            self._replay(page)
            self.at = at
            yield Slice("commits", at.seq, head.seq)

    def _replay(self, commits: Sequence[Commit]) -> None:
        if self._scratch is not None:
            with self._scratch.transaction() as connection:
                Replay(connection, self._held).apply(commits)

    def without_proof(self, known: Known | None, *, own: bool) -> OriginScrub:
        """The log does not go back far enough: only the digest of an earlier scrub could tell."""
        with self._store.database.snapshot():
            head = self._store.head(self._origin)
            digest = self._store.digest(self._origin).value
        if known is not None and known.head == head and known.digest not in (_NO_DIGEST, digest):
            return OriginScrub(
                *(head, own, "rot", known.digest),
                detail="the log does not reach back to the first commit, so it cannot tell which rows",
            )
        same = known is not None and known.head == head and known.digest == digest
        return OriginScrub(head, own, "sound" if same else "unproven", digest)

    def compare(self) -> Generator[Slice, None, list[RottenRow] | None]:
        """Rows that are not what the log says; None if all of the origin is held back."""
        rotten: list[RottenRow] = []
        looked_at = 0
        for table in COLUMN_NAMES:
            after: bytes = b""
            while True:
                yield from self.follow_log()  # somebody may have written meanwhile
                with self._store.database.snapshot() as connection:
                    if changelog.head_of(connection, self._origin) != self.at:
                        continue
                    self._left_out = self._store.quarantined(self._origin) | self._held.get(self._origin, set())
                    if WHOLE_ORIGIN in self._left_out:
                        return None
                    here = _raw_rows(connection, table, self._origin, after)
                last = max(here) if len(here) == limits.SCRUB_SLICE_ROWS else None
                rotten += self._differing(table, here, after, last)
                looked_at += len(here)
                yield Slice("rows", looked_at, 0)
                if last is None or last <= after or len(rotten) >= limits.SCRUB_ROTTEN_MAX:
                    break
                after = last
        return rotten[: limits.SCRUB_ROTTEN_MAX]

    def _differing(self, table: str, here: dict[bytes, Row], after: bytes, last: bytes | None) -> Iterable[RottenRow]:
        assert self._scratch is not None
        connection = self._scratch.connection
        there: dict[bytes, Row] = {}
        at = after
        while page := _raw_rows(connection, table, self._origin, at):
            there |= {row_id: row for row_id, row in page.items() if last is None or row_id <= last}
            at = max(page)
            if last is not None and at >= last:
                break
        for row_id in sorted(here.keys() | there.keys()):
            key = (table, RowId(row_id))
            if here.get(row_id) == there.get(row_id) or key in self._left_out:
                continue
            kind: Literal["differs", "missing", "extra"] = (
                "missing" if row_id not in here else "extra" if row_id not in there else "differs"
            )
            yield RottenRow(table, RowId(row_id), kind, current_row(connection, self._origin, key))

    def digest(self) -> Hash:
        """Of the rows here: equal to those in memory, as was found."""
        assert self._scratch is not None
        held = self._left_out
        left_out = (lambda table, row: (table, row) in held) if held else None
        return origin_digest(self._scratch.connection, self._origin, left_out=left_out).value


def _require_end(at: Head, head: Head) -> None:
    if at != head:
        raise CommitRefused("gap", f"The log ends at commit {at.seq}, and its head says {head.seq}.")


def _raw_rows(connection: apsw.Connection, table: str, origin: OriginId, after: bytes) -> dict[bytes, Row]:
    rows = connection.execute(_SELECT_RAW[table], (origin, after, limits.SCRUB_SLICE_ROWS)).fetchall()
    return {cast("bytes", row[0]): cast("Row", row[1:]) for row in rows}
