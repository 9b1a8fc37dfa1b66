"""The population, commune by commune: made, written and let go; only those to whom something will happen are kept."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ops.synth.casting import Cast
from ops.synth.families import LARGEST_FAMILY, make_collective, make_family, make_visitors, spread
from ops.synth.people import FULL_NAME, Household
from ops.synth.persons import PersonMaker
from ops.synth.units import Commune
from ops.synth.vital import CommuneLife
from ops.synth.world import World

_COLLECTIVE_RATE: Final = 1 / 1_500  # of households: dormitories, barracks (RESOLVER 44)
_COLLECTIVE_MIN: Final = 1_000  # persons of a commune that has one
_VISITORS_RATE: Final = 0.01
_SPARE: Final = 1.2  # households kept for each move that a commune is to have
_HOSTS_SHARE: Final = 0.08  # of those: households that others move in with
_HAMLETS: Final = 6
_STREETS: Final = ("Trần Hưng Đạo", "Nguyễn Huệ", "Lê Lợi", "Quang Trung", "Phan Bội Châu", "Hai Bà Trưng", "Bạch Đằng")


@dataclass(frozen=True, slots=True)
class Quota:
    """What one commune has to come up with."""

    commune: Commune
    persons: int
    movers: int
    twins: int


def quotas(world: World) -> list[Quota]:
    """The persons, the moves and the twin pairs at risk of each commune, by its weight and some chance."""
    config, communes = world.config, world.units.communes
    rng = random.Random(f"{config.seed}/quotas")
    weights = [commune.weight * rng.uniform(0.7, 1.4) for commune in communes]
    return [
        Quota(*parts)
        for parts in zip(
            communes,
            spread(config.persons, weights),
            spread(config.moves, weights),
            spread(config.twin_pairs_at_risk, weights),
            strict=True,
        )
    ]


def commune_households(world: World, quota: Quota) -> Iterator[Household]:
    """The households of a commune, with ids; exactly ``quota.persons`` persons."""
    commune = quota.commune
    rng = random.Random(f"{world.config.seed}/population/{commune.node_id}")
    maker = PersonMaker(rng, commune, world.numbers, world.counter, world.first)
    room, number, count, twins = quota.persons, 0, 0, quota.twins
    while room > 0:
        number += 1
        household = Household(commune.index, f"h{number:05d}", "family")
        household.hamlet, household.address = _address(rng, commune)
        draw = rng.random()
        if draw < _COLLECTIVE_RATE and quota.persons >= _COLLECTIVE_MIN and room > 100:
            household.kind = "collective"
            make_collective(maker, household, rng.randrange(15, 41))
        elif draw > 1 - _VISITORS_RATE and room > 2:
            household.kind = "visitors"
            make_visitors(maker, household, rng.choice((1, 1, 2)))
        else:
            make_family(maker, household, world.config.twin_rate, force_twins=twins > 0, room=room)
            twins -= twins > 0
        _fit(household, room)
        for person in household.members:
            count += 1
            person.person_id = f"p{count:06d}"
            person.is_doubled = household.kind == "family" and rng.random() < world.rates.doubled
        room -= len(household.members)
        yield household


def sort_out(world: World, quota: Quota, households: list[Household], cast: Cast) -> None:
    """Keep those who will move, and let the others live their year."""
    commune = quota.commune
    rng = random.Random(f"{world.config.seed}/cast/{commune.node_id}")
    families = [household for household in households if household.kind == "family"]
    with_twins = [h for h in families if any(person.twin is not None for person in h.members)][: quota.twins]
    chosen = {id(household) for household in with_twins}
    others = [household for household in families if id(household) not in chosen]
    kept = rng.sample(others, min(len(others), int(quota.movers * _SPARE) + 2))
    chosen.update(id(household) for household in kept)
    hosts = max(1, int(len(kept) * _HOSTS_SHARE))
    world.hosts[commune.index] = kept[:hosts]
    cast.households.extend(kept[hosts:])
    cast.twins.extend(with_twins)
    life = CommuneLife(world, commune, rng)
    for household in households:
        if id(household) not in chosen:
            life.live(household)


def _fit(household: Household, room: int) -> None:
    """Never more persons than there is room for."""
    assert room >= LARGEST_FAMILY or len(household.members) <= 2
    while len(household.members) > room:
        household.members.pop()


def _address(rng: random.Random, commune: Commune) -> tuple[str, str]:
    """(hamlet, address): a neighbourhood and a street in towns, a hamlet in the country."""
    number = rng.randrange(1, _HAMLETS + 1)
    if commune.name.startswith(("Phường", "Thị trấn")):
        return f"Khu phố {number}", f"{rng.randrange(1, 400)} {rng.choice(_STREETS)}"
    return f"Thôn {number}", f"Đội {rng.randrange(1, 12)}, Thôn {number}"


def person_rows(household: Household, node_id: str) -> Iterator[tuple[str, ...]]:
    """Rows of persons.csv."""
    for person in household.members:
        yield (node_id, person.person_id, household.household_id, *person.values)
        if person.is_doubled:
            values = list(person.values)
            values[FULL_NAME] = values[FULL_NAME].upper()
            yield (node_id, f"{person.person_id}b", household.household_id, *values)
