"""Waiting times and other rules of thumb that an authority may change: one dated table (RESOLVER 3).

A row is in force from its day until the next row's day. What waits is judged by the row that was in force when
the waiting began, so a change of policy never re-decides old cases silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class WaitingTimes:
    """One row of the table. Days are counted from the date of the report that waits."""

    valid_from: date
    out_lapse_days: int
    """An open departure lapses to "absent, destination unknown" on this day after its date."""
    silence_days: int
    """A named origin that has not answered an arrival by then is taken as agreeing (used by the resolver)."""
    stay_verify_months: int
    """A temporary stay that is still open by then becomes a task to verify; it is never permanent by itself."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rows in the order of their days; the first also holds for everything before it."""

    rows: tuple[WaitingTimes, ...]

    def __post_init__(self) -> None:
        days = [row.valid_from for row in self.rows]
        if not days or days != sorted(set(days)):
            raise ValueError("a policy needs rows with ascending, distinct days")

    def on(self, day: date) -> WaitingTimes:
        """The row in force on a day."""
        found = self.rows[0]
        for row in self.rows[1:]:
            if row.valid_from > day:
                break
            found = row
        return found


DEFAULT_POLICY: Final = Policy((WaitingTimes(date.min, out_lapse_days=180, silence_days=30, stay_verify_months=6),))
