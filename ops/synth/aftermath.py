"""What is said about a move afterwards: repeats, confirmations, disputes, corrections at the old place, and the
births and deaths that fall into it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from ops.synth.chronicle import MINUTES_A_DAY, Event, office_minute
from ops.synth.destinations import WITHIN
from ops.synth.lives import Life, Move
from ops.synth.people import MARITAL_STATUS, NO_VALUES, PHONE, Record, iso
from ops.synth.travel import repeat
from ops.synth.vital import baby_of, register_birth, write_down
from ops.synth.world import World

_LATER_EDIT_RATE: Final = 0.01  # a marriage or a correction at the old place after the move (RESOLVER 51)


def say_something_later(world: World, move: Move) -> None:
    """Perhaps: the same again [8], [7]; "has left" and "lives here"; "still lives here" [16]; a late edit [51]."""
    rng, rates = world.rng, world.rates
    if rng.random() < rates.duplicate:
        repeat(world, move)
    arrival = move.life.record if move.arrival is not None else None
    left = move.before if move.from_node else None
    if rng.random() < rates.confirmed:
        if left is not None and (move.leaving is None or rng.random() < 0.5):
            _say(world, left, "confirm", move.day + rng.randrange(1, 40), "đã chuyển đi")
        elif arrival is not None:
            _say(world, arrival, "confirm", move.day + rng.randrange(1, 40), "đang ở đây")
    elif rng.random() < rates.disputed and left is not None and move.leaving is None:
        _say(world, left, "dispute", move.day + rng.randrange(1, 10), "vẫn còn ở đây")
        move.defects.append("disputed")
    if left is not None and rng.random() < _LATER_EDIT_RATE:
        values = list(NO_VALUES)
        if move.life.person.values[MARITAL_STATUS] == "single":
            write_down(world, left, "marriage", move.day, not_before=_spoken(move))
        else:
            values[PHONE] = move.life.person.values[PHONE] or "0900000000"
            write_down(world, left, "correction", move.day, values=tuple(values), not_before=_spoken(move))
        move.defects.append("edited_at_origin")


def newborn(world: World, move: Move, before: Record | None, day: int) -> None:
    """The mother's child is born around her move: recorded at the old place, at the new one, or at both. It counts
    where she does.
    """
    rng = world.rng
    after = move.life.record if move.arrival is not None else None
    places = [record for record in (before, after) if record is not None]
    if not places or day > world.last:
        return
    if len(places) == 2 and rng.random() < 0.7:
        places = [rng.choice(places)]
    commune = world.commune_of(places[0].node_id)
    baby = baby_of(world, rng, commune, move.life.person, day)
    life = world.lives.newcomer(baby, move.life.truth())
    for place in places:
        register_birth(world, rng, life, place, day)
    life.follows = move.life
    if life.record is not None and rng.random() < 0.04:  # did not live (RESOLVER 52)
        life.died = True
        life.death = write_down(world, life.record, "death", day)
    elif move.arrival is not None and after not in places and rng.random() < 0.4:
        _one_child_more(world, life, move.arrival, day)


def _one_child_more(world: World, baby: Life, arrival: Event, day: int) -> None:
    """The newborn stands on the family's sheet at the new place, though nobody wrote of its leaving (RESOLVER 47)."""
    if arrival.recorded // MINUTES_A_DAY < day:
        return
    person_id = world.chronicle.new_id(arrival.node_id, "n")
    event_day = max(day, date.fromisoformat(arrival.event_date).toordinal())
    event = replace(arrival, event_date=iso(event_day), person_id=person_id)
    event.values = tuple(baby.person.values)
    if event.event_date <= iso(arrival.recorded // MINUTES_A_DAY) and world.chronicle.add(event) is not None:
        baby.refs.append(f"{arrival.node_id}:{person_id}")


def report_death(world: World, move: Move, before: Record | None, day: int) -> None:
    """One who has just moved dies: the new place knows it, or the old one is told, or both; a day may differ."""
    rng, life = world.rng, move.life
    day = min(day, world.last)
    if day < move.day:
        return
    life.died = True
    after = life.record
    if after is not None:
        life.death = write_down(world, after, "death", day)
    if before is not None and (after is None or rng.random() < 0.3):
        told = write_down(world, before, "death", day - rng.choice((0, 0, 1)), not_before=_spoken(move))
        life.death = life.death or told


def rule(world: World, count: int) -> None:
    """Rulings of the lowest parent of both places: it is the same person; where a twin stayed: the twin is another."""
    rng = world.rng
    settled = [m for m in world.moves if m.before is not None and m.arrival is not None and m.kind != WITHIN]
    for move in rng.sample(settled, min(count, len(settled))):
        assert move.before is not None and move.arrival is not None
        old, verdict = move.before.ref, "same"
        twin = move.life.person.twin
        if twin is not None and rng.random() < 0.5 and world.commune_of(move.from_node).index == twin.household.commune:
            old, verdict = f"{move.from_node}:{twin.person_id}", "different"
        below = set(world.commune_of(move.from_node).parents)
        node_id = next((node for node in world.commune_of(move.to_node).parents if node in below), "")
        if not node_id:
            continue  # no parent sees both
        minute = office_minute(rng, _spoken(move) // MINUTES_A_DAY + rng.randrange(1, 30), _spoken(move))
        new = f"{move.arrival.node_id}:{move.arrival.person_id}"
        day = iso(minute // MINUTES_A_DAY)
        world.chronicle.add(Event(node_id, "ruling", day, minute, old, other_person_id=new, reason=verdict))


def _say(world: World, record: Record, kind: str, day: int, reason: str) -> Event | None:
    return write_down(world, record, kind, min(day, world.horizon), reason=reason)


def _spoken(move: Move) -> int:
    """The minute after which both halves are written down."""
    return max((event.recorded for event in (move.leaving, move.arrival) if event is not None), default=0)
