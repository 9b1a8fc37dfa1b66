"""From a configuration to a folder: population, stories, truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.synth.aftermath import rule
from ops.synth.casting import Cast, play
from ops.synth.config import SynthConfig
from ops.synth.destinations import Destinations
from ops.synth.population import commune_households, person_rows, quotas, sort_out
from ops.synth.truth import TruthFiles
from ops.synth.units import build_units
from ops.synth.world import World, new_world
from ops.synth.writing import BundleFiles

Progress = Callable[[str, int, int], None]
"""Called with the name of the phase, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class SynthSummary:
    nodes: int
    households: int
    persons: int
    """Rows of persons.csv."""
    events: int
    true_persons: int
    moves: int
    twin_pairs_at_risk: int
    as_of: str
    """The day of the last event, YYYY-MM-DD; the end of the history if there is none."""


def generate(config: SynthConfig, out: Path, *, progress: Progress | None = None) -> SynthSummary:
    """Write a bundle into ``out`` and the truth into ``out/truth``; the same configuration gives the same bytes.

    Raises ``UsageError`` if the data about units are not installed, ``OSError`` if the folder cannot be written.
    """
    tell: Progress = progress if progress is not None else _silent
    world = new_world(config, build_units(config))
    cast = Cast()
    with BundleFiles(out) as bundle, TruthFiles(out / "truth") as truth:
        bundle.topology(world.units.topology)
        _populate(world, cast, bundle, truth, tell)
        destinations = Destinations(world.units, config.moves, world.rng)
        play(world, cast, destinations, lambda done: tell("moves", done, config.moves))
        rule(world, config.rulings)
        world.chronicle.finish()
        bundle.events(world.chronicle.rows())
        last = world.chronicle.last_day()
        as_of = world.horizon if last is None else last
        truth.lives(world.lives, as_of)
        truth.moves(world.moves)
        summary = SynthSummary(
            nodes=len(world.units.topology),
            households=bundle.household_count,
            persons=bundle.person_count,
            events=len(world.chronicle),
            true_persons=truth.person_count,
            moves=len(world.moves),
            twin_pairs_at_risk=_twin_pairs(world),
            as_of=TruthFiles.day(as_of),
        )
    tell("write", 1, 1)
    return summary


def _silent(_phase: str, _done: int, _total: int) -> None:
    return


def _populate(world: World, cast: Cast, bundle: BundleFiles, truth: TruthFiles, tell: Progress) -> None:
    done = 0
    for quota in quotas(world):
        node_id = quota.commune.node_id
        households = list(commune_households(world, quota))
        for household in households:
            bundle.household(household, node_id)
            for row in person_rows(household, node_id):
                bundle.person(row)
        before = len(cast.households), len(cast.twins)
        sort_out(world, quota, households, cast)
        kept = {id(h) for h in (*cast.households[before[0] :], *cast.twins[before[1] :])}
        kept.update(id(household) for household in world.hosts[quota.commune.index])
        for household in households:
            for person in household.members:
                if id(household) in kept:
                    world.lives.of(person, node_id)
                elif person not in world.lives:
                    truth.unmoved(person, node_id)
        done += quota.persons
        tell("population", done, world.config.persons)


def _twin_pairs(world: World) -> int:
    """Pairs of whom at least one moves."""
    pairs = {
        tuple(sorted((move.life.person.number, move.life.person.twin.number)))
        for move in world.moves
        if move.life.person.twin is not None
    }
    return len(pairs)
