"""A move and its two halves: the departure that the origin writes down and the arrival that the destination writes
down, independently late, perhaps missing, with other dates and other spellings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ops.synth.chronicle import Event, office_minute
from ops.synth.defects import FOREIGN, OUTSIDE
from ops.synth.lives import Life, Move
from ops.synth.people import (
    BIRTH_DATE,
    HEAD,
    NO_VALUES,
    RELATIONSHIP,
    RESIDENCE,
    Household,
    Record,
    iso,
)
from ops.synth.units import Commune
from ops.synth.world import World

_JOURNEY_DAYS_MAX: Final = 25


@dataclass(frozen=True, slots=True)
class Sheet:
    """One paper for several people: the same group and the same time of writing. ``minute`` None: never handed in."""

    minute: int | None
    group_id: str
    household_id: str = ""


def travel(
    world: World,
    group: Sequence[Life],
    destination: Commune,
    day: int,
    kind: str,
    *,
    host: Household | None = None,
    origin_silent: bool = False,
    destination_silent: bool = False,
    sheets: int = 1,
) -> list[Move]:
    """Let a group, who live in one commune, leave it on ``day`` for another one. ``host``: a household there to move in
    with. ``sheets``: on how many papers the origin writes it down.
    """
    rng, rates = world.rng, world.rates
    origin_id = group[0].node_id
    silent_out = origin_silent or rng.random() < rates.missing_out
    silent_in = destination_silent or (not silent_out and rng.random() < rates.missing_in)
    arrival_day = min(day + min(int(rng.expovariate(0.3)), _JOURNEY_DAYS_MAX), world.horizon)
    silence = 1.0 if silent_out else 0.0
    out_sheets = [_sheet(world, group, origin_id, day, silence) for _ in range(sheets)]
    in_sheet = _arrival_sheet(world, group, destination, arrival_day, host, silent=silent_in)
    origin_place = _place(world, world.commune_of(origin_id))
    destination_place = _place(world, destination)
    moves = []
    for position, life in enumerate(group):
        move = Move(life, origin_id, destination.node_id, arrival_day, kind, life.record)
        sheet = out_sheets[position * sheets // len(group)]
        leave(world, move, sheet, day, destination_place)
        settle(world, move, in_sheet, destination, arrival_day, origin_place, host=host, leads=position == 0)
        moves.append(move)
    world.moves.extend(moves)
    return moves


def emigrate(world: World, group: Sequence[Life], day: int) -> list[Move]:
    """Leave for another country: only the origin has something to write down."""
    sheet = _sheet(world, group, group[0].node_id, day, world.rates.missing_out)
    place = world.rng.choice(FOREIGN)
    moves = []
    for life in group:
        move = Move(life, life.node_id, "", day, "abroad", life.record)
        leave(world, move, sheet, day, place)
        life.record, life.node_id = None, ""
        moves.append(move)
        life.moves.append(move)
    world.moves.extend(moves)
    return moves


def immigrate(
    world: World, group: Sequence[Life], destination: Commune, day: int, *, abroad: bool = False
) -> list[Move]:
    """Come from outside the tree: only the destination writes it down."""
    sheet = _arrival_sheet(world, group, destination, day, None, silent=world.rng.random() < world.rates.missing_in)
    place = world.rng.choice(FOREIGN if abroad else OUTSIDE)
    moves = []
    for position, life in enumerate(group):
        move = Move(life, "", destination.node_id, day, "from_outside")
        settle(world, move, sheet, destination, day, place, host=None, leads=position == 0)
        moves.append(move)
    world.moves.extend(moves)
    return moves


def set_out(world: World, life: Life, destination: Commune, kind: str) -> Move:
    """Leave within the last days of the bundle, and be on the way when it ends."""
    rng = world.rng
    day = world.horizon - rng.randrange(3, 20)
    move = Move(life, life.node_id, destination.node_id, day, kind, life.record, in_transit=True)
    leave(world, move, Sheet(office_minute(rng, day + rng.randrange(3)), ""), day, _place(world, destination))
    move.defects.append("under_way")
    life.moves.append(move)
    world.moves.append(move)
    return move


def leave(world: World, move: Move, sheet: Sheet, day: int, place: str) -> None:
    """The departure of one, on a sheet."""
    rng, rates, record = world.rng, world.rates, move.life.record
    if record is None:
        move.defects.append("out:unregistered")
        return
    if sheet.minute is None or rng.random() < rates.member_missing:
        move.defects.append("out:missing")
        return
    minute = _after(sheet.minute, record.known_from)
    written_day, off = _written_day(world, day, minute)
    values, defects = world.channel.copied(move.life.person, record.values)
    move.leaving = world.chronicle.add(
        Event(
            record.node_id,
            "move_out",
            iso(written_day),
            minute,
            record.person_id,
            record.household_id if rng.random() < 0.8 else "",
            sheet.group_id,
            place,
            values=values,
        )
    )
    if move.leaving is None:
        move.defects.append("out:missing")
        return
    move.defects += [f"out:{defect}" for defect in defects]
    if off:
        move.defects.append("out:date")
    if not place:
        move.defects.append("out:place_empty")
    elif move.to_node and not _names(world, place, move.to_node):
        move.defects.append("out:place")


def settle(
    world: World,
    move: Move,
    sheet: Sheet,
    destination: Commune,
    day: int,
    place: str,
    *,
    host: Household | None,
    leads: bool,
) -> None:
    """The arrival of one: a new record if it is written down. In truth the person lives there from now on."""
    rng, life = world.rng, move.life
    life.moves.append(move)
    life.record, life.node_id = None, destination.node_id
    if sheet.minute is None or rng.random() < world.rates.member_missing:
        move.defects.append("in:missing")
        return
    far = not move.from_node or _province(world, move.from_node) != destination.province_code
    values, defects = world.channel.declared(life.person, destination, other_province=far)
    _relationship(world, life, values, host=host, leads=leads)
    minute = sheet.minute
    written_day, off = _written_day(world, day, minute)
    if len(values[BIRTH_DATE]) == 10 and values[BIRTH_DATE] > iso(written_day):
        written_day = min(life.person.birth + 1, minute // 1440)
    person_id = world.chronicle.new_id(destination.node_id, "n")
    move.arrival = world.chronicle.add(
        Event(
            destination.node_id,
            "move_in",
            iso(written_day),
            minute,
            person_id,
            sheet.household_id,
            sheet.group_id,
            place,
            values=tuple(values),
        )
    )
    if move.arrival is None:
        move.defects.append("in:missing")
        return
    life.record = Record(destination.node_id, person_id, sheet.household_id, minute, tuple(values))
    life.refs.append(life.record.ref)
    move.defects += [f"in:{defect}" for defect in defects]
    if off:
        move.defects.append("in:date")
    if not place:
        move.defects.append("in:place_empty")
    elif move.from_node and not _names(world, place, move.from_node):
        move.defects.append("in:place")


def repeat(world: World, move: Move) -> None:
    """The same report once more under another event id: of a departure, or of an arrival, then perhaps with a second
    record of the same person.
    """
    rng = world.rng
    event = move.leaving if move.arrival is None or rng.random() < 0.5 else move.arrival
    if event is None:
        return
    minute = event.recorded + rng.randrange(1, 20) * 1440
    person_id = event.person_id
    if event is move.arrival and rng.random() < 0.5:
        person_id = world.chronicle.new_id(event.node_id, "n")
    again = world.chronicle.add(
        Event(
            event.node_id,
            event.kind,
            event.event_date,
            minute,
            person_id,
            event.household_id,
            event.group_id,
            event.other_place,
            values=event.values,
        )
    )
    if again is not None:
        move.defects.append("duplicate")
        if person_id != event.person_id:
            move.life.refs.append(f"{event.node_id}:{person_id}")


def _sheet(world: World, group: Sequence[Life], node_id: str, day: int, missing: float) -> Sheet:
    rng = world.rng
    if rng.random() < missing:
        return Sheet(None, "")
    grouped = len(group) > 1 or rng.random() < 0.15
    return Sheet(world.written(rng, day), world.chronicle.new_id(node_id, "g") if grouped else "")


def _arrival_sheet(
    world: World, group: Sequence[Life], destination: Commune, day: int, host: Household | None, *, silent: bool
) -> Sheet:
    if silent:
        return Sheet(None, "")
    sheet = _sheet(world, group, destination.node_id, day, 0.0)
    household_id = host.household_id if host is not None else world.chronicle.new_id(destination.node_id, "m")
    return Sheet(sheet.minute, sheet.group_id, household_id)


def _relationship(world: World, life: Life, values: list[str], *, host: Household | None, leads: bool) -> None:
    if host is not None:
        values[RELATIONSHIP] = "cháu" if life.person.age(world.last) < 16 else "người thân"
    elif leads:
        values[RELATIONSHIP] = HEAD
    elif values[RELATIONSHIP] == HEAD:
        values[RELATIONSHIP] = "người thân"


def _written_day(world: World, day: int, minute: int) -> tuple[int, bool]:
    """(the day that the report names, whether it is wrong); never after the day of writing."""
    rng, rates = world.rng, world.rates
    written = day
    if rng.random() < rates.date_off:
        written += rng.randrange(-rates.date_off_days_max, rates.date_off_days_max + 1)
    written = min(written, minute // 1440)
    return written, written != day


def _after(minute: int, known_from: int) -> int:
    """Somebody is not reported as leaving before the register knows them."""
    return minute if minute > known_from else known_from + 60


def _place(world: World, commune: Commune) -> str:
    """As written; sometimes another commune altogether (RESOLVER 58)."""
    rng = world.rng
    if rng.random() < world.rates.place_wrong:
        commune = rng.choice(world.units.communes)
    return world.channel.place(commune)


def _names(world: World, place: str, node_id: str) -> bool:
    commune = world.commune_of(node_id)
    return place in {commune.node_id, commune.code} or place.startswith((commune.name, commune.short_name))


def _province(world: World, node_id: str) -> str:
    return world.commune_of(node_id).province_code


def absence_values() -> tuple[str, ...]:
    """A departure that says itself that it is temporary."""
    values = list(NO_VALUES)
    values[RESIDENCE] = "temporary"
    return tuple(values)
