"""Reports: what communes write down of what happened, when, in which words. The only place that makes event rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import Final

from ops.province.config import Difficulty
from ops.province.defects import Columns, ErrorChannel
from ops.province.people import Numbers, Person
from ops.province.truth import Truth
from ops.province.units import Unit

VIETNAM: Final = timezone(timedelta(hours=7))
LAG_DAYS: Final[dict[Difficulty, float]] = {"easy": 2.0, "real": 11.0, "hard": 22.0}  # mean
LAG_DAYS_MAX: Final = 120

Event = dict[str, str]


class Office:
    """All communes' desks: numbers for records and events, times of writing, and the events themselves."""

    def __init__(
        self, units: dict[str, Unit], difficulty: Difficulty, rng: random.Random, truth: Truth, numbers: Numbers
    ) -> None:
        self._units = units
        self._rng = rng
        self._truth = truth
        self._numbers = numbers
        self._difficulty: Difficulty = difficulty
        self._persons: Counter[str] = Counter()
        self._households: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._groups = 0
        self.channel = ErrorChannel(difficulty, rng)
        self.events: list[Event] = []

    # --- records -----------------------------------------------------------------------------------------------------

    def new_record(self, person: Person, node_id: str) -> str:
        """A new person id at a node, noted in the truth."""
        self._persons[node_id] += 1
        person_id = f"NK{self._persons[node_id]:06d}"
        self._truth.record(person, node_id, person_id)
        return person_id

    def new_household(self, node_id: str) -> str:
        self._households[node_id] += 1
        return f"HO{self._households[node_id]:05d}"

    def new_group(self) -> str:
        self._groups += 1
        return f"G{self._groups:05d}"

    # --- reports -----------------------------------------------------------------------------------------------------

    def report(
        self,
        node_id: str,
        kind: str,
        day: date,
        person_id: str,
        *,
        not_before: str = "",
        columns: Columns | None = None,
        prompt: bool = False,
        **fields: str,
    ) -> Event:
        """One event. ``not_before``: recorded_at of what it builds on. ``prompt``: written down within days."""
        self._events[node_id] += 1
        event: Event = {
            "node_id": node_id,
            "event_id": f"SK{self._events[node_id]:06d}",
            "kind": kind,
            "event_date": day.isoformat(),
            "recorded_at": self._recorded_at(day, not_before, prompt=prompt),
            "person_id": person_id,
            **(columns or {}),
            **fields,
        }
        self.events.append(event)
        return event

    def _recorded_at(self, day: date, not_before: str, *, prompt: bool) -> str:
        rng = self._rng
        mean = 2.0 if prompt else LAG_DAYS[self._difficulty]
        lag = min(round(rng.expovariate(1 / mean)), LAG_DAYS_MAX)
        if not prompt and rng.random() < 0.1:
            lag += rng.randrange(28)  # slips are handed in monthly
        written = day + timedelta(days=lag)
        moment = datetime(written.year, written.month, written.day, 7, 30, tzinfo=VIETNAM)
        moment += timedelta(seconds=rng.randrange(9 * 3600))
        if not_before:
            earliest = datetime.fromisoformat(not_before) + timedelta(minutes=rng.randrange(1, 600))
            moment = max(moment, earliest)
        return moment.isoformat()

    def distorted(self, person: Person, *, new_province: bool = False) -> tuple[Columns, list[str]]:
        """What the declarant says of a person, and what is wrong with it."""
        columns = person.columns()
        columns["residence"] = "permanent"
        defects = self.channel.distort(columns, new_province=new_province, card=self._numbers.old_card)
        return columns, defects

    def place_as_written(self, unit: Unit) -> str:
        """A destination or an origin in somebody's words: code, name, node, or nothing."""
        chance = self._rng.random()
        if chance < 0.35:
            return unit.name
        if chance < 0.60:
            return unit.code
        if chance < 0.75:
            return unit.node_id
        if chance < 0.87:
            above = self._units.get(unit.parent_id)
            return f"{unit.name}, {above.name}" if above is not None else unit.name
        return ""
