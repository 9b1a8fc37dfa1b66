"""Partial dates: YYYY, YYYY-MM or YYYY-MM-DD. What is left open stays open; nothing here invents a month or a day."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

_FORM: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A day, a month or a year. Raises ``ValueError`` for one that no calendar has."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.day is not None and self.month is None:
            raise ValueError("a day without a month")
        # Not `or 1`: a month or a day of 00, as lists write an unknown one, is in no calendar.
        date(self.year, 1 if self.month is None else self.month, 1 if self.day is None else self.day)

    def __str__(self) -> str:
        text = f"{self.year:04d}"
        if self.month is not None:
            text += f"-{self.month:02d}"
        if self.day is not None:
            text += f"-{self.day:02d}"
        return text

    @property
    def earliest(self) -> date:
        """The first day that it can mean."""
        return date(self.year, self.month or 1, self.day or 1)

    @property
    def latest(self) -> date:
        """The last day that it can mean."""
        month = self.month or 12
        return date(self.year, month, self.day or calendar.monthrange(self.year, month)[1])

    def may_equal(self, other: PartialDate) -> bool:
        """Whether both can mean one day."""
        return self.earliest <= other.latest and other.earliest <= self.latest

    def is_before(self, other: PartialDate) -> bool:
        """Whether it is certainly earlier: no day that it can mean reaches the other."""
        return self.latest < other.earliest

    def is_future_of(self, day: date) -> bool:
        """Whether it is certainly after a day. A year is not in the future of one of its own days."""
        return self.earliest > day


def parse_date(text: str) -> PartialDate:
    """Read a partial date. Raises ``ValueError`` if the text is none."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no date of the form YYYY, YYYY-MM or YYYY-MM-DD")
    year, month, day = match.groups()
    return PartialDate(int(year), int(month) if month else None, int(day) if day else None)
