"""What every story needs at hand: the units, the dice, the chronicle, the lives, the rates."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from ops.synth.chronicle import Chronicle, lateness, office_minute
from ops.synth.config import SynthConfig
from ops.synth.defects import Channel
from ops.synth.difficulty import Rates
from ops.synth.identifiers import Numbers
from ops.synth.lives import Lives, Move
from ops.synth.people import Household
from ops.synth.persons import Counter, PersonMaker
from ops.synth.units import Commune, Units


@dataclass(slots=True)
class World:
    """``rng`` is the stories' own source. Days are ordinals: ``first`` to ``last`` things happen, until ``horizon``
    they are written down.
    """

    config: SynthConfig
    units: Units
    rng: random.Random
    numbers: Numbers
    counter: Counter
    chronicle: Chronicle
    lives: Lives
    channel: Channel
    first: int
    last: int
    horizon: int
    by_node: dict[str, Commune]
    married: set[int] = field(default_factory=set)
    """True persons who marry in the course of the history; asked only whether somebody is in it."""
    moves: list[Move] = field(default_factory=list)
    hosts: dict[int, list[Household]] = field(default_factory=dict)
    """Households, by commune, that others may move in with; nothing else happens to them."""

    @property
    def rates(self) -> Rates:
        return self.config.rates

    def commune_of(self, node_id: str) -> Commune:
        return self.by_node[node_id]

    def commune(self, household: Household) -> Commune:
        return self.units.communes[household.commune]

    def a_day(self, margin: int = 0) -> int:
        """A day on which something may happen, ``margin`` days before the end."""
        return self.rng.randrange(self.first, max(self.first + 1, self.last + 1 - margin))

    def written(self, rng: random.Random, day: int, not_before: int = 0) -> int:
        """The minute at which something of a day is written down, late as reports are."""
        rates = self.rates
        return office_minute(rng, lateness(rng, day, rates.late_days_mean, rates.monthly_slips), not_before)

    def maker(self, commune: Commune, today: int, rng: random.Random) -> PersonMaker:
        """Makes persons in the course of the history."""
        return PersonMaker(rng, commune, self.numbers, self.counter, today)


def new_world(config: SynthConfig, units: Units) -> World:
    rng = random.Random(f"{config.seed}/stories")
    numbers = Numbers(config.seed)
    horizon = config.horizon.toordinal()
    return World(
        config=config,
        units=units,
        rng=rng,
        numbers=numbers,
        counter=Counter(),
        chronicle=Chronicle(horizon),
        lives=Lives(),
        channel=Channel(rng, config.rates, numbers, horizon),
        first=config.first_day.toordinal(),
        last=config.last_day.toordinal(),
        horizon=horizon,
        by_node={commune.node_id: commune for commune in units.communes},
    )
