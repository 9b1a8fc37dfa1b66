"""Which household plays which story, until the moves of the configuration are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ops.synth import stories
from ops.synth.destinations import FROM_OUTSIDE, WITHIN, Destinations
from ops.synth.lives import RESIDENT
from ops.synth.people import Household
from ops.synth.stays import false_departure, strangers, temporary_stay, visitor, withdrawn
from ops.synth.stories import Stage, Story
from ops.synth.travel import immigrate
from ops.synth.vital import CommuneLife
from ops.synth.world import World

_PLAYS: Final[Sequence[tuple[Story, Callable[[Stage], bool], float]]] = (
    (stories.somebody, stories.anybody, 30),
    (stories.everybody, stories.anybody, 19),
    (stories.a_part, stories.several, 9),
    (stories.two_destinations, stories.several, 2),
    (stories.to_spouse, stories.has_young, 16),
    (stories.child_to_grandparents, stories.has_child, 5),
    (stories.there_and_back, stories.anybody, 3),
    (stories.chain, stories.anybody, 4),
    (stories.abroad_and_back, stories.anybody, 0.6),
    (stories.with_a_birth, stories.has_mother, 7),
    (stories.with_a_death, stories.has_old, 4),
    (stories.still_under_way, stories.anybody, 0.7),
)

STAYS_SHARE: Final = 0.08  # temporary stays of people of the tree, relative to moves
VISITORS_SHARE: Final = 0.05


@dataclass(slots=True)
class Cast:
    """Households that wait for something to happen to them. ``twins``: pairs of whom somebody must move."""

    households: list[Household] = field(default_factory=list)
    twins: list[Household] = field(default_factory=list)


def play(world: World, cast: Cast, destinations: Destinations, progress: Callable[[int], None]) -> None:
    """Make all moves, or as many as there are households for; then what only looks like moves."""
    world.rng.shuffle(cast.households)
    total = destinations.left
    for household in cast.twins:
        if destinations.left:
            _twins(Stage(world, destinations, household))
            progress(total - destinations.left)
    while destinations.left and cast.households:
        stage = Stage(world, destinations, cast.households.pop())
        if destinations.is_next(FROM_OUTSIDE):
            _from_outside(stage)
        elif destinations.is_next(WITHIN):
            stories.within_the_commune(stage)
        else:
            _play_one(stage)
        progress(total - destinations.left)
    _what_is_no_move(world, cast, destinations, total)
    _ordinary_lives(world, cast)


def _ordinary_lives(world: World, cast: Cast) -> None:
    """Whoever was not needed lives as all others do."""
    for household in cast.households:
        CommuneLife(world, world.commune(household), world.rng).live(household)


def _play_one(stage: Stage) -> None:
    if all(life.start.status != RESIDENT for life in stage.lives):
        return
    fitting = [(story, weight) for story, fits, weight in _PLAYS if fits(stage)]
    story = stage.world.rng.choices([story for story, _ in fitting], [weight for _, weight in fitting])[0]
    story(stage)


def _twins(stage: Stage) -> None:
    """One twin goes, or both together, or both apart, or the whole family [18]."""
    rng = stage.world.rng
    first = next(person for person in stage.household.members if person.twin is not None)
    lives = [stage.life(person) for person in stage.household.members if person in {first, first.twin}]
    draw, day = rng.random(), stage.world.a_day()
    if draw < 0.45:
        stage.go([rng.choice(lives)], day, with_host=rng.random() < 0.3)
    elif draw < 0.60:
        stage.go(lives, day)
    elif draw < 0.80:
        for life in lives:
            stage.go([life], day + rng.randrange(0, 20), with_host=rng.random() < 0.3)
    else:
        stage.go(stage.lives, day)


def _from_outside(stage: Stage) -> None:
    """Somebody comes from beyond the tree, to the commune of the household, which stays as it is."""
    world = stage.world
    commune = world.commune(stage.household)
    day = world.a_day()
    group = strangers(world, commune, day)[: stage.destinations.left]
    stage.destinations.done(FROM_OUTSIDE, len(group))
    lives = [world.lives.newcomer(person) for person in group]
    immigrate(world, lives, commune, day, abroad=world.rng.random() < 0.1)


def _what_is_no_move(world: World, cast: Cast, destinations: Destinations, moves: int) -> None:
    rates = world.rates
    for share, happens in (
        (STAYS_SHARE, temporary_stay),
        (rates.cancelled, withdrawn),
        (rates.false_out, false_departure),
    ):
        for _ in range(round(share * moves)):
            if cast.households:
                happens(world, destinations, cast.households.pop())
    for _ in range(round(VISITORS_SHARE * moves)):
        visitor(world, world.rng.choice(world.units.communes))
