"""Moves inside one commune (RESOLVER 59): no conflict for anybody, but the same forms are filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ops.synth.chronicle import Event
from ops.synth.destinations import WITHIN
from ops.synth.lives import Life, Move
from ops.synth.people import HEAD, NO_VALUES, RELATIONSHIP, Record, iso
from ops.synth.vital import write_down
from ops.synth.world import World

_AS_CORRECTION: Final = 0.4  # the clerk changes the household and writes no move
_WITH_ARRIVAL: Final = 0.12  # ... or fills in both forms, and the person stands in the register twice


def move_nearby(world: World, lives: Sequence[Life]) -> list[Move]:
    """Into another house of the same commune."""
    rng = world.rng
    node_id = lives[0].node_id
    commune = world.commune_of(node_id)
    day = world.a_day()
    household_id = world.chronicle.new_id(node_id, "m")
    group_id = world.chronicle.new_id(node_id, "g")
    draw = rng.random()
    moves = []
    for life in lives:
        move = Move(life, node_id, node_id, day, WITHIN, life.record)
        record = life.record
        assert record is not None
        if draw < _AS_CORRECTION:
            _correct_household(world, record, day, household_id)
        else:
            place = rng.choice((node_id, commune.code, node_id))
            minute = world.written(rng, day)
            move.leaving = world.chronicle.add(
                Event(node_id, "move_out", iso(day), minute, record.person_id, "", group_id, place)
            )
            if move.leaving is not None and draw > 1 - _WITH_ARRIVAL:
                _arrive(world, move, household_id, place)
        life.moves.append(move)
        moves.append(move)
    world.moves.extend(moves)
    return moves


def _correct_household(world: World, record: Record, day: int, household_id: str) -> None:
    values = list(NO_VALUES)
    values[RELATIONSHIP] = HEAD
    event = write_down(world, record, "correction", day, values=tuple(values))
    if event is not None:
        event.household_id = household_id


def _arrive(world: World, move: Move, household_id: str, place: str) -> None:
    life, rng = move.life, world.rng
    values, defects = world.channel.declared(life.person, world.commune_of(move.to_node), other_province=False)
    person_id = world.chronicle.new_id(move.to_node, "n")
    minute = world.written(rng, move.day)
    move.arrival = world.chronicle.add(
        Event(
            move.to_node,
            "move_in",
            iso(move.day),
            minute,
            person_id,
            household_id,
            other_place=place,
            values=tuple(values),
        )
    )
    if move.arrival is not None:
        life.record = Record(move.to_node, person_id, household_id, minute, tuple(values))
        life.refs.append(life.record.ref)
        move.defects += [f"in:{defect}" for defect in defects]
