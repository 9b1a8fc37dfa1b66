"""What can be asked of the generator."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from typing import Final

from ops.synth.difficulty import LEVELS, Rates

REFORM: Final = date(2025, 7, 1)
"""The day on which districts ended and the codes changed: a history lies on one side of it."""

_DEFAULT_STARTS: Final = {"three": date(2024, 3, 1), "two": REFORM}
PERSONS_MAX: Final = 20_000_000
MONTHS_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class SynthConfig:
    """Raises ``ValueError``, with words for the user, for values that make no province."""

    seed: int = 1
    persons: int = 6_000
    """Register records at the start."""
    moves: int = 400
    """True moves, counted per person: a household of four that moves makes four. Fewer where nobody is left to move."""
    provinces: int = 2
    districts: int = 4
    """Districts of a province at most; 0: all."""
    communes: int = 5
    """Communes of a district at most; 0: all. Without districts a province has up to districts * communes."""
    tiers: str = "three"
    """three: province, district, commune, with the codes before July 2025; two: province, commune, with those since."""
    difficulty: str = "real"
    nation: bool = True
    """Whether a node stands above the provinces, so that moves between them meet."""
    start: date | None = None
    """First day of the history; by default 2024-03-01 with three tiers and 2025-07-01 with two."""
    months: int = 12
    """How long things happen. Reports about them come in until ``quiet_days`` later."""
    quiet_days: int = 60
    twin_rate: float = 0.012
    """Twin births of all births."""
    twin_pairs_at_risk: int = 0
    """Pairs of twins of whom one or both move, at least (as far as ``moves`` allows); 0: as chance has it."""
    rulings: int = 0
    """Rulings that parents have recorded about movers, at most."""

    def __post_init__(self) -> None:
        if self.tiers not in _DEFAULT_STARTS:
            raise ValueError(f"tiers is {self.tiers!r}; it can be three or two")
        if self.difficulty not in LEVELS:
            raise ValueError(f"difficulty is {self.difficulty!r}; it can be {', '.join(LEVELS)}")
        for name, least, most in (
            ("persons", 1, PERSONS_MAX),
            ("moves", 0, self.persons // 2),
            ("provinces", 1, 63 if self.tiers == "three" else 34),
            ("districts", 0, 1_000),
            ("communes", 0, 1_000),
            ("months", 1, MONTHS_MAX),
            ("quiet_days", 0, 400),
            ("twin_pairs_at_risk", 0, self.moves // 2),
            ("rulings", 0, self.moves),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; with this configuration it can be {least} to {most}")
        if not 0 <= self.twin_rate <= 1:
            raise ValueError(f"twin_rate is {self.twin_rate}; it is a share, 0 to 1")
        if self.tiers == "three" and self.last_day >= REFORM:
            raise ValueError("A history with three tiers ends before July 2025: give an earlier start or fewer months")
        if self.tiers == "two" and self.first_day < REFORM:
            raise ValueError("A history with two tiers starts in July 2025 or later")

    @property
    def first_day(self) -> date:
        return self.start if self.start is not None else _DEFAULT_STARTS[self.tiers]

    @property
    def last_day(self) -> date:
        """The last day on which something happens."""
        years, month = divmod(self.first_day.month - 1 + self.months, 12)
        year = self.first_day.year + years
        day = min(self.first_day.day, calendar.monthrange(year, month + 1)[1])
        return date.fromordinal(date(year, month + 1, day).toordinal() - 1)

    @property
    def horizon(self) -> date:
        """The last day on which something is written down; the bundle's as-of lies on it or a little before."""
        return date.fromordinal(self.last_day.toordinal() + self.quiet_days)

    @property
    def rates(self) -> Rates:
        return LEVELS[self.difficulty]
