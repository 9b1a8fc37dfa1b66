"""What can be asked of the generator, and what it says it made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Tiers = Literal["three", "two"]
Difficulty = Literal["easy", "real", "hard"]

PROVINCES_MAX = 4
DISTRICTS_MAX = 9
COMMUNES_MAX = 20


@dataclass(frozen=True, slots=True)
class SynthConfig:
    """``moves``: true moves during ``months`` after ``start``. ``twin_rate``: share of births that are twins.

    Raises ``ValueError`` for what cannot be made.
    """

    seed: int = 1
    persons: int = 5_000
    moves: int = 350
    provinces: int = 2
    districts: int = 3
    communes: int = 4
    tiers: Tiers = "three"
    nation: bool = True
    start: date = date(2024, 1, 1)
    months: int = 12
    difficulty: Difficulty = "real"
    twin_rate: float = 0.04

    def __post_init__(self) -> None:
        for name, value, most in (
            ("provinces", self.provinces, PROVINCES_MAX),
            ("districts", self.districts, DISTRICTS_MAX),
            ("communes", self.communes, COMMUNES_MAX),
            ("months", self.months, 120),
        ):
            if not 1 <= value <= most:
                raise ValueError(f"{name} must lie between 1 and {most}, not {value}")
        if self.persons < 20 * self.provinces * self.districts * self.communes:
            raise ValueError(f"{self.persons} persons are too few: at least 20 for each commune are needed")
        if not 0 <= self.moves <= self.persons:
            raise ValueError("there must be at least as many persons as moves")


@dataclass(frozen=True, slots=True)
class SynthSummary:
    """Rows written. ``persons`` and ``households``: the standing register at the start."""

    nodes: int
    persons: int
    households: int
    events: int
    moves: int
    twin_pairs_at_risk: int
