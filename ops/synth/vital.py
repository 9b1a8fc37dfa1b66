"""Births, deaths, marriages, divorces and corrections among those who stay where they are.

They are reported late too, and the person is then and there in one register: nothing here crosses a border.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from ops.synth.chronicle import Event
from ops.synth.identifiers import telephone
from ops.synth.lives import Life, Standing
from ops.synth.misspelling import misspelled
from ops.synth.people import (
    BIRTH_DATE,
    CHILD,
    FULL_NAME,
    MARITAL_STATUS,
    MOTHER_NAME,
    NO_VALUES,
    OLD_CARD_ID,
    PERSONAL_ID,
    PHONE,
    RESIDENCE,
    Household,
    Person,
    Record,
    iso,
)
from ops.synth.units import Commune
from ops.synth.world import World

BIRTHS_A_YEAR: Final = 0.19  # of married women of 20 to 39
MARRIAGES_A_YEAR: Final = 0.04  # of single people of 19 to 33; each needs two
DIVORCES_A_YEAR: Final = 0.004  # of couples
CORRECTIONS_A_YEAR: Final = 0.008
_BIRTHS_ELSEWHERE: Final = 0.015
PLACEHOLDER_NAMES: Final = {"M": "Trai", "F": "Gái"}
_DEATHS_A_YEAR: Final = ((1, 0.008), (40, 0.001), (60, 0.005), (70, 0.015), (80, 0.035), (200, 0.10))


@dataclass(slots=True)
class CommuneLife:
    """One commune's ordinary year. ``rng`` is the commune's own, so that one commune does not depend on another."""

    world: World
    commune: Commune
    rng: random.Random
    _waiting: dict[str, Person] = field(default_factory=dict)

    def live(self, household: Household) -> None:
        """Whatever happens in a household whose members do not move."""
        rng, years = self.rng, self.world.config.months / 12
        today = self.world.first
        died = False
        for person in list(household.members):
            age = person.age(today)
            if person.values[RESIDENCE] != "permanent":
                continue
            if not died and rng.random() < years * _mortality(age):
                died = True
                self._die(person)
                continue
            status = person.values[MARITAL_STATUS]
            if person.sex == "F" and status == "married" and 20 <= age < 40:
                if rng.random() < years * BIRTHS_A_YEAR:
                    self._bear(person)
            elif status == "single" and 19 <= age < 34 and rng.random() < years * MARRIAGES_A_YEAR:
                self._wed(person)
            if rng.random() < years * CORRECTIONS_A_YEAR:
                self._correct(person)
        if not died and rng.random() < years * DIVORCES_A_YEAR:
            self._divorce(household)

    def _life(self, person: Person) -> Life:
        return self.world.lives.of(person, self.commune.node_id)

    def _a_day(self) -> int:
        return self.rng.randrange(self.world.first, self.world.last + 1)

    def _die(self, person: Person) -> None:
        life, day = self._life(person), self._a_day()
        if (day := max(day, person.birth + 1)) > self.world.last:
            return
        life.died = True
        life.death = self._write(life, "death", day)
        if life.death is not None and self.rng.random() < self.world.rates.duplicate:
            self._write(life, "death", day)  # reported twice

    def _bear(self, mother: Person) -> None:
        life, day = give_birth(self.world, self.rng, self.commune, mother, self._a_day())
        if self.rng.random() < _BIRTHS_ELSEWHERE:
            born_elsewhere(self.world, self.rng, life, mother, day)

    def _wed(self, person: Person) -> None:
        """With whoever of the other sex waited for it in this commune, or somebody from elsewhere."""
        if person.number in self.world.married:
            return
        if self.rng.random() < 0.2:
            marry(self.world, self._life(person), self._a_day(), rng=self.rng)
            return
        other_sex = "F" if person.sex == "M" else "M"
        partner = self._waiting.get(other_sex)
        if partner is None or partner.household is person.household:
            self._waiting.setdefault(person.sex, person)
            return
        del self._waiting[other_sex]
        record = self._life(partner).record
        marry(self.world, self._life(person), self._a_day(), other=record, rng=self.rng)
        self.world.married.add(partner.number)

    def _divorce(self, household: Household) -> None:
        couple = [p for p in household.members if p.values[MARITAL_STATUS] == "married"][:2]
        if len(couple) == 2 and couple[0].sex != couple[1].sex:
            first, second = (self._life(person) for person in couple)
            if not first.died and not second.died and second.record is not None:
                self._write(first, "divorce", self._a_day(), other_person_id=second.record.person_id)

    def _correct(self, person: Person) -> None:
        """A number that was issued, a date or a name put right, a new telephone."""
        rng, values = self.rng, list(NO_VALUES)
        column = rng.choice((PERSONAL_ID, PHONE, PHONE, BIRTH_DATE, FULL_NAME, OLD_CARD_ID))
        if column == PERSONAL_ID and not person.values[PERSONAL_ID]:
            year = int(iso(person.birth)[:4])
            values[column] = self.world.numbers.personal(rng, self.commune.birth_code, person.sex, year)
        elif column == OLD_CARD_ID and person.age(self.world.first) > 30:
            values[column] = self.world.numbers.old_card(self.commune.province_code)
        elif column == BIRTH_DATE:
            values[column] = iso(person.birth)
        elif column == FULL_NAME:
            values[column] = misspelled(rng, person.name)[0]
        else:
            values[PHONE] = telephone(rng)
        event = self._write(self._life(person), "correction", self._a_day(), values=tuple(values))
        if event is not None and rng.random() < self.world.rates.weird:
            event.clock_years_off = 90  # a PC whose clock was never set (RESOLVER 10)

    def _write(
        self, life: Life, kind: str, day: int, *, other_person_id: str = "", values: tuple[str, ...] = NO_VALUES
    ) -> Event | None:
        assert life.record is not None
        return write_down(
            self.world, life.record, kind, day, other_person_id=other_person_id, values=values, rng=self.rng
        )


def write_down(
    world: World,
    record: Record,
    kind: str,
    day: int,
    *,
    not_before: int = 0,
    other_person_id: str = "",
    reason: str = "",
    values: tuple[str, ...] = NO_VALUES,
    rng: random.Random | None = None,
) -> Event | None:
    """An event about a person whom the node knows; never written down before the node knew the person."""
    minute = world.written(rng or world.rng, day, max(record.known_from, not_before))
    return world.chronicle.add(
        Event(
            record.node_id,
            kind,
            iso(day),
            minute,
            record.person_id,
            other_person_id=other_person_id,
            reason=reason,
            values=values,
        )
    )


def marry(
    world: World, life: Life, day: int, *, other: Record | None = None, rng: random.Random | None = None
) -> Event | None:
    """A marriage in the register that knows ``life``; ``other`` is the spouse's record there, None: elsewhere."""
    world.married.add(life.person.number)
    record = life.record
    assert record is not None
    assert other is None or other.node_id == record.node_id
    spouse = "" if other is None else other.person_id
    not_before = 0 if other is None else other.known_from
    return write_down(world, record, "marriage", day, other_person_id=spouse, not_before=not_before, rng=rng)


def give_birth(world: World, rng: random.Random, commune: Commune, mother: Person, day: int) -> tuple[Life, int]:
    """A birth in the mother's household; a few newborns have no name yet but Trai or Gái, and get one later."""
    record = world.lives.of(mother, commune.node_id).record
    assert record is not None
    baby = baby_of(world, rng, commune, mother, day)
    life = world.lives.newcomer(baby, Standing(record.node_id, "resident"), record.node_id)
    register_birth(world, rng, life, record, day)
    if rng.random() < world.config.twin_rate:
        twin = world.maker(commune, day, rng).twin_of(baby, None, mother)
        twin.household.members.remove(twin)
        register_birth(world, rng, world.lives.newcomer(twin, life.start, record.node_id), record, day)
    return life, day


def born_elsewhere(world: World, rng: random.Random, life: Life, mother: Person, day: int) -> None:
    """The same birth is written down at the mother's parents' home, which knows her name only (RESOLVER 46)."""
    there = rng.choice(world.units.communes)
    if there.node_id == life.node_id:
        return
    person_id = world.chronicle.new_id(there.node_id, "b")
    values = list(life.person.values)
    values[MOTHER_NAME] = mother.name
    values[PERSONAL_ID] = ""
    event = Event(there.node_id, "birth", iso(day), world.written(rng, day), person_id, values=tuple(values))
    if world.chronicle.add(event) is not None:
        life.refs.append(f"{there.node_id}:{person_id}")


def baby_of(world: World, rng: random.Random, commune: Commune, mother: Person, day: int) -> Person:
    """A newborn, who is not in the household's list: that is as of the start."""
    household = mother.household
    partners = [p for p in household.members if p.values[MARITAL_STATUS] == "married" and p.sex == "M"]
    father = min(partners, key=lambda p: (abs(p.birth - mother.birth), p.number), default=None)
    baby = world.maker(commune, day, rng).child(household, day, CHILD, father, mother)
    household.members.remove(baby)
    baby.values[BIRTH_DATE] = iso(day)
    baby.values[PHONE] = ""
    return baby


def register_birth(
    world: World, rng: random.Random, life: Life, mother: Record, day: int, *, minute: int | None = None
) -> Event | None:
    """The birth in the register of the mother; afterwards the register knows the child."""
    baby = life.person
    values = list(baby.values)
    unnamed = rng.random() < 0.04
    if unnamed:
        values[FULL_NAME] = PLACEHOLDER_NAMES[baby.sex]
        values[PERSONAL_ID] = ""
    when = world.written(rng, day, mother.known_from) if minute is None else minute
    person_id = world.chronicle.new_id(mother.node_id, "b")
    event = world.chronicle.add(
        Event(
            mother.node_id,
            "birth",
            iso(day),
            when,
            person_id,
            mother.household_id,
            other_person_id=mother.person_id,
            values=tuple(values),
        )
    )
    if event is None:
        return None
    record = Record(mother.node_id, person_id, mother.household_id, when, tuple(values))
    life.refs.append(record.ref)
    life.record = record
    if unnamed:
        named = list(NO_VALUES)
        named[FULL_NAME], named[PERSONAL_ID] = baby.name, baby.values[PERSONAL_ID]
        write_down(world, record, "correction", day + 30, values=tuple(named), rng=rng)
    return event


def _mortality(age: float) -> float:
    return next(rate for until, rate in _DEATHS_A_YEAR if age < until)
