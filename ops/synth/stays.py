"""What looks like a move and is none: temporary stays [53-55], withdrawn reports [56], departures of people who stayed.

None of it is in truth/moves.csv; the records that it leaves behind belong to their true persons all the same.
"""

from __future__ import annotations

from typing import Final

from ops.synth.chronicle import Event
from ops.synth.defects import OUTSIDE
from ops.synth.destinations import Destinations
from ops.synth.lives import AWAY, TEMPORARY, Life, Standing
from ops.synth.people import CHILD, HUSBAND, MARITAL_STATUS, RESIDENCE, WIFE, Household, Person, Record, iso
from ops.synth.travel import absence_values
from ops.synth.units import Commune
from ops.synth.vital import write_down
from ops.synth.world import World

_ABSENCE_REPORTED: Final = 0.4
_REPORTED_AS_MOVE: Final = 0.03  # the origin takes the stay for a move [54]
_ENDS: Final = 0.55


def temporary_stay(world: World, destinations: Destinations, household: Household) -> None:
    """One adult stays elsewhere for a while: to study, to work, with relatives; two homes [32]."""
    rng = world.rng
    home = world.commune(household)
    adults = [p for p in household.members if 16 <= p.age(world.first) < 50] or household.members[:1]
    life = world.lives.of(rng.choice(adults), home.node_id)
    kind = destinations.next_kind(home, ("between_communes", "between_districts", "between_provinces"))
    if not kind or life.start.status != "resident":
        return
    there, day = destinations.choose(home, kind), world.a_day()
    record = register_stay(world, life, there, day, world.channel.place(home))
    life.status = AWAY
    draw = rng.random()
    if draw < _ABSENCE_REPORTED and life.record is not None:
        values = absence_values() if draw > _REPORTED_AS_MOVE else tuple("" for _ in absence_values())
        minute = world.written(rng, day)
        leaving = world.chronicle.add(
            Event(
                home.node_id,
                "move_out",
                iso(day),
                minute,
                life.record.person_id,
                other_place=world.channel.place(there),
                values=values,
            )
        )
        if leaving is not None:
            life.known_status = AWAY
    if record is not None and rng.random() < _ENDS:
        end = min(day + rng.randrange(20, 240), world.last)
        write_down(world, record, "end_temporary", end, not_before=record.known_from)
        life.status = ""


def visitor(world: World, there: Commune) -> None:
    """Somebody from outside the tree stays for a while."""
    rng = world.rng
    day = world.a_day()
    life = world.lives.newcomer(stranger(world, there, day), Standing("", TEMPORARY))
    record = register_stay(world, life, there, day, rng.choice(OUTSIDE))
    if record is not None and rng.random() < _ENDS:
        end = min(day + rng.randrange(20, 200), world.last)
        write_down(world, record, "end_temporary", end)


def withdrawn(world: World, destinations: Destinations, household: Household) -> None:
    """A move that comes to nothing: the departure, or the arrival, is withdrawn."""
    rng = world.rng
    home = world.commune(household)
    life = world.lives.of(household.members[0], home.node_id)
    kind = destinations.next_kind(home, ("between_communes", "between_districts", "between_provinces"))
    if not kind or life.record is None:
        return
    there, day = destinations.choose(home, kind), world.a_day()
    record, event = life.record, None
    if rng.random() < 0.7:
        minute = world.written(rng, day)
        place = world.channel.place(there)
        event = world.chronicle.add(
            Event(home.node_id, "move_out", iso(day), minute, record.person_id, other_place=place)
        )
    else:
        arrived = register_stay(world, life, there, day, world.channel.place(home), residence="permanent")
        if arrived is not None:
            event, record = world.chronicle.newest(), arrived
    if event is not None and not cancel(world, event, record):
        world.chronicle.drop(event)
        if record is not life.record:
            life.refs.remove(record.ref)


def false_departure(world: World, destinations: Destinations, household: Household) -> None:
    """A departure is written down of one who did not leave: later the origin says "still lives here"."""
    rng = world.rng
    home = world.commune(household)
    person = rng.choice(household.members)
    life = world.lives.of(person, home.node_id)
    kind = destinations.next_kind(home, ("between_communes", "between_districts", "between_provinces"))
    if not kind or life.record is None or life.start.status != "resident":
        return
    day = world.a_day(margin=30)
    minute = world.written(rng, day)
    place = world.channel.place(destinations.choose(home, kind))
    event = world.chronicle.add(
        Event(home.node_id, "move_out", iso(day), minute, life.record.person_id, other_place=place)
    )
    if event is None:
        return
    spoken = write_down(
        world,
        life.record,
        "dispute",
        day + rng.randrange(10, 40),
        not_before=event.recorded,
        reason="vẫn ở tại địa phương",
    )
    if spoken is None:
        world.chronicle.drop(event)


def cancel(world: World, event: Event, record: Record) -> bool:
    """Withdraw an event; False if the bundle ends before that is written down."""
    rng = world.rng
    day = event.recorded // 1440 + rng.randrange(1, 25)
    minute = world.written(rng, day, event.recorded)
    withdrawal = Event(record.node_id, "cancel", iso(day), minute, record.person_id, target=event)
    return world.chronicle.add(withdrawal) is not None


def strangers(world: World, there: Commune, day: int) -> list[Person]:
    """People from outside the tree: one of 18 to 45 years, or a couple, perhaps with a child."""
    rng = world.rng
    first = stranger(world, there, day)
    if first.values[MARITAL_STATUS] != "married" or rng.random() < 0.5:
        return [first]
    maker = world.maker(there, day, rng)
    sex = "F" if first.sex == "M" else "M"
    birth = min(first.birth + rng.randrange(-1_500, 1_500), day - 7_000)
    second = maker.adult(first.household, first.people, sex, birth, WIFE if sex == "F" else HUSBAND, "married")
    father, mother = (first, second) if sex == "F" else (second, first)
    if rng.random() < 0.6 and mother.age(day) > 22:
        maker.child(first.household, day - rng.randrange(200, 1_400), CHILD, father, mother)
    return first.household.members


def stranger(world: World, there: Commune, day: int) -> Person:
    """Somebody from outside the tree, 18 to 45 years old."""
    rng = world.rng
    maker = world.maker(there, day, rng)
    sex = "M" if rng.random() < 0.5 else "F"
    status = "married" if rng.random() < 0.4 else "single"
    household = Household(there.index, "", "family")
    return maker.adult(household, maker.people(), sex, maker.birthday(18, 45), "", status)


def register_stay(
    world: World, life: Life, there: Commune, day: int, place: str, *, residence: str = "temporary"
) -> Record | None:
    """A record at a place where the person does not count."""
    values, _ = world.channel.declared(life.person, there, other_province=True)
    values[RESIDENCE] = residence
    values[MARITAL_STATUS] = life.person.values[MARITAL_STATUS]
    minute = world.written(world.rng, day)
    person_id = world.chronicle.new_id(there.node_id, "n")
    household_id = world.chronicle.new_id(there.node_id, "m")
    event = world.chronicle.add(
        Event(
            there.node_id,
            "move_in",
            iso(day),
            minute,
            person_id,
            household_id,
            other_place=place,
            values=tuple(values),
        )
    )
    if event is None:
        return None
    record = Record(there.node_id, person_id, household_id, minute, tuple(values))
    life.refs.append(record.ref)
    return record
