"""What the nodes write down, in the order in which it is thought up; numbered and sorted when all is told.

A minute is counted from the first day of the calendar (day * 1440 + minute of the day), in Vietnam's time.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from ops.synth.people import NO_VALUES, iso

MINUTES_A_DAY: Final = 1440
_OFFICE_OPENS: Final = 450
_OFFICE_CLOSES: Final = 1010


@dataclass(slots=True, eq=False)
class Event:
    """A row of events.csv. ``target`` is the event that a cancel withdraws; its id stands in ``reason``."""

    node_id: str
    kind: str
    event_date: str
    recorded: int
    person_id: str = ""
    household_id: str = ""
    group_id: str = ""
    other_place: str = ""
    other_person_id: str = ""
    reason: str = ""
    values: tuple[str, ...] = NO_VALUES
    target: Event | None = None
    event_id: str = ""
    clock_years_off: int = 0
    """What the clock of the node added to recorded_at when this was written down."""

    @property
    def ref(self) -> str:
        return f"{self.node_id}:{self.event_id}"


class Chronicle:
    """Everything written down by ``horizon`` (a day); what would come later does not exist."""

    def __init__(self, horizon: int) -> None:
        self._last_minute = (horizon + 1) * MINUTES_A_DAY - 1
        self._events: list[Event] = []
        self._ids: defaultdict[tuple[str, str], int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: Event) -> Event | None:
        """The event, or None if the bundle ends before it is written down."""
        if event.recorded > self._last_minute:
            return None
        assert event.target is None or event.target.recorded < event.recorded
        self._events.append(event)
        return event

    def newest(self) -> Event:
        """The event that was added last."""
        return self._events[-1]

    def drop(self, event: Event) -> None:
        """Take an event back, near the end of the list: its story does not come about."""
        for index in range(len(self._events) - 1, -1, -1):
            if self._events[index] is event:
                del self._events[index]
                return

    def new_id(self, node_id: str, letter: str) -> str:
        """An id of the node's own: n00012 for its twelfth arrival, g00003 for its third sheet."""
        key = (node_id, letter)
        self._ids[key] += 1
        return f"{letter}{self._ids[key]:05d}"

    def finish(self) -> None:
        """Sort by node and time and give every event its id; ids rise with the time of writing."""
        self._events.sort(key=lambda event: (event.node_id, event.recorded))
        node_id, count = "", 0
        for event in self._events:
            count = count + 1 if event.node_id == node_id else 1
            node_id = event.node_id
            event.event_id = f"e{count:06d}"

    def last_day(self) -> int | None:
        """The day of the last event that was written down."""
        return max(event.recorded for event in self._events) // MINUTES_A_DAY if self._events else None

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Rows of events.csv, after ``finish``."""
        for event in self._events:
            yield (
                event.node_id,
                event.event_id,
                event.kind,
                event.event_date,
                recorded_at(event.recorded, event.clock_years_off),
                event.person_id,
                event.household_id,
                event.group_id,
                event.other_place,
                event.other_person_id,
                event.reason if event.target is None else event.target.event_id,
                *event.values,
            )


def recorded_at(minute: int, years_off: int = 0) -> str:
    """ISO 8601 with Vietnam's offset."""
    day, rest = divmod(minute, MINUTES_A_DAY)
    return f"{iso(day + int(365.25 * years_off))}T{rest // 60:02d}:{rest % 60:02d}:00+07:00"


def office_minute(rng: random.Random, day: int, not_before: int = 0) -> int:
    """A minute of a day's office hours, or of the next days' if it must come after ``not_before``."""
    minute = day * MINUTES_A_DAY + rng.randrange(_OFFICE_OPENS, _OFFICE_CLOSES)
    if minute > not_before:
        return minute
    return (not_before // MINUTES_A_DAY + rng.randrange(1, 4)) * MINUTES_A_DAY + rng.randrange(
        _OFFICE_OPENS, _OFFICE_CLOSES
    )


def lateness(rng: random.Random, day: int, mean_days: float, monthly_slips: float) -> int:
    """The day on which something of ``day`` is written down: some days later, or with the slips of the next month."""
    written = day + min(int(rng.expovariate(1 / mean_days)), 150)
    if rng.random() < monthly_slips:
        found = date.fromordinal(written)
        first = date(found.year + found.month // 12, found.month % 12 + 1, 1)
        written = first.toordinal() + rng.randrange(5)
    return written
