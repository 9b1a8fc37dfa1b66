"""The bulk import of one node's rows: households, persons, then events, in commits of at most 500 rows.

An import that was interrupted is simply run again: what is there already is found the same and skipped, so nothing is
doubled, and the rest follows. All commits of a run carry its import id as their tag, so that a wrong batch can be
undone as one.

With a minter of its own and moments taken from the rows, an import is a function of its rows and slices alone: a
rehearsal feeds events between its links' ups and downs and always gets the same commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Generic, Literal, TypeVar

from node import limits
from node.chain import KIND_IMPORT
from node.errors import RegisterError
from node.ids import Minter, OriginId, RowId, id_text
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register.operations import day_text
from node.register.recorder import ROWS_PER_REPORT_MAX, Recorded, Recorder, unknown_head
from node.store import Store

Table = Literal["household", "person", "event"]
Row = HouseholdRow | PersonRow | EventRow
AnyRow = TypeVar("AnyRow", HouseholdRow, PersonRow, EventRow)

Rejected = Callable[[Row, RegisterError], None]
"""Takes a row that was not imported, and why."""
Moment = Callable[[EventRow | None], int]
"""Unix ms at which a row counts as written down here: of an event, or (None) of a household or a person."""


@dataclass(slots=True)
class Counts:
    """What became of the rows of one table. A household whose head never came counts as new and as rejected."""

    new: int = 0
    unchanged: int = 0
    rejected: int = 0


@dataclass(slots=True)
class ImportReport:
    """The result of an import so far; also what the progress callback is shown after every commit."""

    import_id: str
    counts: dict[Table, Counts] = field(
        default_factory=lambda: {"household": Counts(), "person": Counts(), "event": Counts()}
    )
    warnings: Counter[str] = field(default_factory=Counter)
    commits: int = 0

    @property
    def rejected(self) -> int:
        return sum(counts.rejected for counts in self.counts.values())


EVENTS_WINDOW: Final = limits.IMPORT_ROWS_PER_COMMIT_MAX // 2
"""Events looked at for one commit: each changes two or three rows."""


class Feed(Generic[AnyRow]):
    """Rows that are imported slice by slice."""

    __slots__ = ("_commit", "_rows", "_window")

    def __init__(self, rows: Iterator[AnyRow], commit: Callable[[list[AnyRow]], int], *, window: int) -> None:
        """``commit`` is given up to ``window`` rows and returns how many of them it took."""
        self._rows: Iterator[AnyRow] = rows
        self._commit: Callable[[list[AnyRow]], int] = commit
        self._window = window

    def feed(self, count: int | None = None) -> int:
        """Import the next ``count`` rows, all if None; returns how many there were. They are durable then."""
        rows = self._rows if count is None else islice(self._rows, count)
        fed = 0
        window: list[AnyRow] = []
        while True:
            window.extend(islice(rows, self._window - len(window)))
            if not window:
                return fed
            used = self._commit(window)
            assert used > 0
            fed += used
            del window[:used]


class NodeImport:
    """One run of an import into an own origin: ``households``, ``persons``, ``events``, then ``finish``."""

    def __init__(
        self,
        store: Store,
        *,
        author: str,
        rejected: Rejected,
        origin: OriginId | None = None,
        minter: Minter | None = None,
        moment: Moment | None = None,
        import_id: str | None = None,
        progress: Callable[[ImportReport], None] | None = None,
    ) -> None:
        """By default ids come from the store's minter and the moment from its clock."""
        self._store = store
        self._origin = store.own_origin() if origin is None else origin
        self._author = author
        self._rejected = rejected
        self._minter = store.minter if minter is None else minter
        self._moment: Moment = (lambda _: store.clock.wall_ms()) if moment is None else moment
        self._now_ms = self._moment(None)
        self._progress = progress
        self._awaited: dict[str, list[tuple[RowId, HouseholdRow]]] = {}
        """Households whose head is not in the register yet, by the name of the head."""
        self.report = ImportReport(import_id or id_text(self._mint()))

    def households(self, rows: Iterable[HouseholdRow]) -> None:
        """Import households. A head who is not in the register yet is set when the person comes."""
        Feed(iter(rows), self._commit_households, window=limits.IMPORT_ROWS_PER_COMMIT_MAX).feed()

    def persons(self, rows: Iterable[PersonRow]) -> None:
        """Import persons."""
        Feed(iter(rows), self._commit_persons, window=limits.IMPORT_ROWS_PER_COMMIT_MAX).feed()

    def events(self, rows: Iterable[EventRow]) -> Feed[EventRow]:
        """Events to be imported in the order given; nothing is read until the feed is asked."""
        return Feed(iter(rows), self._commit_events, window=EVENTS_WINDOW)

    def finish(self) -> ImportReport:
        """Reject the heads who never came (their households stay) and return the report."""
        for name, households in self._awaited.items():
            for _, row in households:
                self._reject("household", row, unknown_head(name))
        self._awaited.clear()
        return self.report

    # --- one commit --------------------------------------------------------------------------------------------------

    def _commit_households(self, rows: list[HouseholdRow]) -> int:
        def record(recorder: Recorder, row: HouseholdRow) -> Recorded:
            recorded = recorder.household(row)
            if recorded.head_awaited:
                self._awaited.setdefault(row.head_person_id, []).append((recorded.id, row))
            return recorded

        return self._commit("household", rows, lambda recorder: recorder.prepare_households(rows), record)

    def _commit_persons(self, rows: list[PersonRow]) -> int:
        def record(recorder: Recorder, row: PersonRow) -> Recorded:
            recorded = recorder.person(row)
            self._set_heads(recorder, row.person_id, recorded.person_id)
            return recorded

        waiting = self._waiting_for(rows)
        return self._commit("person", rows, lambda recorder: recorder.prepare_persons(rows, waiting), record)

    def _commit_events(self, rows: list[EventRow]) -> int:
        def record(recorder: Recorder, row: EventRow) -> Recorded:
            self._now_ms = self._moment(row)
            recorded = recorder.event(row)
            self._set_heads(recorder, row.person_id, recorded.person_id)
            return recorded

        waiting = self._waiting_for(rows)
        return self._commit("event", rows, lambda recorder: recorder.prepare_events(rows, waiting), record)

    def _commit(
        self,
        table: Table,
        rows: list[AnyRow],
        prepare: Callable[[Recorder], None],
        record: Callable[[Recorder, AnyRow], Recorded],
    ) -> int:
        """Import as many of the rows as fit into one commit; returns their number."""
        self._now_ms = self._moment(None) if table != "event" else self._now_ms
        done: list[Recorded] = []
        rejected: list[tuple[AnyRow, RegisterError]] = []
        with self._store.capture(
            author=self._author,
            kind=KIND_IMPORT,
            tag=self.report.import_id,
            recorded_at=self._now_ms,
            origin=self._origin,
        ) as capture:
            recorder = Recorder(capture.connection, self._origin, self._mint, day=day_text(self._now_ms))
            prepare(recorder)
            for row in rows:
                if recorder.changed_rows() + ROWS_PER_REPORT_MAX > limits.IMPORT_ROWS_PER_COMMIT_MAX:
                    break
                try:
                    done.append(record(recorder, row))
                except RegisterError as error:
                    rejected.append((row, error))
            recorder.write()
            capture.recorded_at = self._now_ms  # the last row's moment
        # Durable from here on: only now is anything counted or shown.
        self.report.commits += capture.commit is not None
        self._count(table, done)
        for refused, reason in rejected:
            self._reject(table, refused, reason)
        if self._progress is not None:
            self._progress(self.report)
        return len(done) + len(rejected)

    def _mint(self) -> RowId:
        return self._minter.row_id(self._now_ms)

    def _waiting_for(self, rows: Sequence[PersonRow] | Sequence[EventRow]) -> list[RowId]:
        """The households that wait for one of these persons as their head."""
        if not self._awaited:
            return []
        return [household for row in rows for household, _ in self._awaited.get(row.person_id, ())]

    def _set_heads(self, recorder: Recorder, name: str, person: RowId | None) -> None:
        if person is not None and name in self._awaited:
            for household, _ in self._awaited.pop(name):
                recorder.set_head(household, person)

    def _count(self, table: Table, done: list[Recorded]) -> None:
        counts = self.report.counts[table]
        for recorded in done:
            if recorded.is_new:
                counts.new += 1
                self.report.warnings.update(recorded.warnings)
            else:
                counts.unchanged += 1

    def _reject(self, table: Table, row: Row, error: RegisterError) -> None:
        self.report.counts[table].rejected += 1
        self._rejected(row, error)
