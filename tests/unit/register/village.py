"""A small bundle's rows for import tests, and a script that imports them and is killed on the way."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

from node.clock import ManualClock
from node.ids import Minter
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.register.importing import ImportReport, NodeImport, Row
from node.store import Store
from tests.unit.register.office import NOW_MS, event, household, person

HOUSEHOLDS = 300
PERSONS = 1_200
EVENTS = 600


def households() -> list[HouseholdRow]:
    return [household(f"H{n}", f"Thôn {n % 7}", f"số {n}", f"P{n * 4}") for n in range(HOUSEHOLDS)]


def persons() -> list[PersonRow]:
    return [
        person(
            f"P{n}", f"H{n // 4}", full_name=f"Nguyễn Văn {n}", sex="MF"[n % 2], birth_date="1980-05-06", phone=str(n)
        )
        for n in range(PERSONS)
    ]


def events() -> list[EventRow]:
    rows = []
    for n in range(EVENTS):
        recorded_at = f"2025-{n // 60 + 1:02}-{n % 28 + 1:02}T08:{n % 60:02}:00+07:00"
        name, number = f"P{n * 7 % PERSONS}", f"E{n:04}"
        match n % 6:
            case 0:
                rows.append(event("move_out", number, name, recorded_at=recorded_at, other_place="Gia Lai"))
            case 1:
                rows.append(event("move_in", number, f"Q{n}", recorded_at=recorded_at, household_id=f"H{n}"))
            case 2:
                rows.append(event("birth", number, f"Q{n}", recorded_at=recorded_at, other=name))
            case 3:
                rows.append(event("correction", number, name, recorded_at=recorded_at, phone=f"+{n}"))
            case 4:
                rows.append(event("marriage", number, name, recorded_at=recorded_at, other=f"P{n}"))
            case _:
                rows.append(event("cancel", number, "", recorded_at=recorded_at, reason=f"E{n - 5:04}"))
    return rows


def never(row: Row, error: Exception) -> None:
    raise AssertionError(f"{row} was rejected: {error}")


def run_import(
    store: Store,
    *,
    slices: int | None = None,
    seed: int = 7,
    rejected: Callable[[Row, Exception], None] = never,
    at_moment: Callable[[], None] = lambda: None,
    progress: Callable[[ImportReport], None] | None = None,
) -> ImportReport:
    """Import the whole village, as a rehearsal does: ids from a seed, moments that depend on nothing but the rows."""

    def moment(row: EventRow | None) -> int:
        at_moment()
        return NOW_MS if row is None else NOW_MS + int(row.event_id[1:])

    run = NodeImport(
        store,
        author="import",
        rejected=rejected,
        minter=Minter(random.Random(seed)),
        moment=moment,
        progress=progress,
    )
    run.households(households())
    run.persons(persons())
    feed = run.events(events())
    while feed.feed(slices):
        pass
    return run.finish()


def content(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """What the register says, without ids: by source ids and values only."""
    read = store.connection.execute
    return {
        "household": read(
            "SELECT h.source_id, h.hamlet, h.address, p.source_id, h.state, h.warnings, h.entered FROM household AS h"
            " LEFT JOIN person AS p ON p.origin = h.origin AND p.id = h.head_person_id ORDER BY h.source_id"
        ).fetchall(),
        "person": read(
            "SELECT p.source_id, p.full_name, p.phone, p.marital_status, p.state, p.warnings, h.source_id FROM person AS p"
            " LEFT JOIN household AS h ON h.origin = p.origin AND h.id = p.household_id ORDER BY p.source_id"
        ).fetchall(),
        "event": read("SELECT source_id, kind, recorded_at, warnings FROM event ORDER BY source_id").fetchall(),
    }


def _killed_run(path: Path, where: str, count: int) -> None:
    """Import until something has happened ``count`` times, then be killed by the kernel, as by kill -9."""
    import os  # noqa: PLC0415  (script part)
    import signal  # noqa: PLC0415

    left = count

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    store = Store.open(path, clock=ManualClock(NOW_MS), source=random.Random(1))
    if where == "transaction":
        run_import(store, at_moment=step)
    else:
        run_import(store, progress=step)


if __name__ == "__main__":
    _killed_run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
