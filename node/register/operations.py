"""The register operations: each is one captured transaction, one commit; or none, if the report was there already.

A report is given as the row that it would be in an interchange bundle. One that is made by hand leaves its id empty
(``event_id``, ``household_id``, ``person_id``; of a birth or an arrival also ``person_id``) and gets a UUID; with an id
of its own, recording it again changes nothing. Everybody whom it names may be named by source id or by UUID.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Final

import apsw

from node.chain import KIND_REGISTER
from node.ids import OriginId
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register.recorder import Recorded, Recorder, unknown_head
from node.register.settled import checked, require_lives_here
from node.store import Store

VIETNAM: Final = timezone(timedelta(hours=7))


def record_household(store: Store, row: HouseholdRow, *, author: str, origin: OriginId | None = None) -> Recorded:
    """Create a household. Raises ``RegisterError`` if it is rejected; then nothing is written."""

    def work(recorder: Recorder, connection: apsw.Connection, which: OriginId) -> Recorded:
        require_lives_here(connection, which, row.head_person_id, "head_person_id")
        recorder.prepare_households((row,))
        recorded = recorder.household(row)
        if recorded.head_awaited:
            raise unknown_head(row.head_person_id)
        return recorded

    return _operation(store, author, origin, work)


def change_household(
    store: Store,
    household_id: str,
    *,
    author: str,
    hamlet: str | None = None,
    address: str | None = None,
    head_person_id: str | None = None,
    origin: OriginId | None = None,
) -> Recorded:
    """Replace values of a household; None leaves one as it is. Raises ``RegisterError`` if it is rejected."""

    def work(recorder: Recorder, connection: apsw.Connection, which: OriginId) -> Recorded:
        require_lives_here(connection, which, head_person_id or "", "head_person_id")
        recorder.prepare_names((household_id,), (head_person_id or "",))
        return recorder.change_household(household_id, hamlet=hamlet, address=address, head_person_id=head_person_id)

    return _operation(store, author, origin, work)


def record_person(store: Store, row: PersonRow, *, author: str, origin: OriginId | None = None) -> Recorded:
    """Enter a person who lives here already. Raises ``RegisterError`` if it is rejected; then nothing is written."""

    def work(recorder: Recorder, _connection: apsw.Connection, _which: OriginId) -> Recorded:
        recorder.prepare_persons((row,))
        return recorder.person(row)

    return _operation(store, author, origin, work)


def record_event(store: Store, row: EventRow, *, author: str, origin: OriginId | None = None) -> Recorded:
    """Record an event of any kind. An empty ``recorded_at`` is now.

    Raises ``RegisterError`` if it is rejected, or says of a person who counts elsewhere by a decision that the person
    lives here; then nothing is written. Everything else is recorded, with warnings.
    """
    if not row.recorded_at:
        row = replace(row, recorded_at=moment_text(store.clock.wall_ms()))

    def work(recorder: Recorder, connection: apsw.Connection, which: OriginId) -> Recorded:
        report = checked(connection, which, row)
        recorder.prepare_events((report,))
        return recorder.event(report)

    return _operation(store, author, origin, work)


def _operation(
    store: Store,
    author: str,
    origin: OriginId | None,
    work: Callable[[Recorder, apsw.Connection, OriginId], Recorded],
) -> Recorded:
    now_ms = store.clock.wall_ms()
    which = store.own_origin() if origin is None else origin
    with store.capture(author=author, kind=KIND_REGISTER, recorded_at=now_ms, origin=which) as capture:
        recorder = Recorder(capture.connection, which, lambda: store.new_row_id(now_ms), day=day_text(now_ms))
        recorded = work(recorder, capture.connection, which)
        recorder.write()
    return replace(recorded, commit=capture.commit)


def moment_text(unix_ms: int) -> str:
    """ISO 8601 with offset, in Vietnam's time, to the millisecond."""
    return _moment(unix_ms).isoformat(timespec="milliseconds")


def day_text(unix_ms: int) -> str:
    """The day in Vietnam, YYYY-MM-DD."""
    return _moment(unix_ms).date().isoformat()


def _moment(unix_ms: int) -> datetime:
    return datetime(1970, 1, 1, 7, tzinfo=VIETNAM) + timedelta(milliseconds=unix_ms)
