"""Making one person: name, numbers and the rest of the register's row, consistent with age, sex and parents."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from typing import Final

from node.schema import PERSON_COLUMNS
from ops.synth.identifiers import Numbers, telephone
from ops.synth.kinh_names import FAMILIES, forenames, generation
from ops.synth.minority_names import KINH, clan, minority_name
from ops.synth.people import (
    BIRTH_DATE,
    ETHNICITY,
    FATHER_NAME,
    FULL_NAME,
    INSURANCE_ID,
    MARITAL_STATUS,
    MOTHER_NAME,
    OLD_CARD_ID,
    PERSONAL_ID,
    PHONE,
    RELATIONSHIP,
    RESIDENCE,
    SEX,
    Household,
    Person,
)
from ops.synth.units import Commune

NAMESAKE_RATE: Final = 0.004  # sons who bear the father's whole name
CARD_AGE: Final = 14


@dataclass(slots=True)
class PersonMaker:
    """Makes persons of one commune at one time. ``today`` is the day as of which the register is (ages count from it).

    ``numbers`` and ``counter`` are shared by all communes.
    """

    rng: random.Random
    commune: Commune
    numbers: Numbers
    counter: Counter
    today: int

    def people(self) -> str:
        """The ethnicity of a household."""
        draw = self.rng.random()
        for people, share in self.commune.minorities:
            draw -= share
            if draw < 0:
                return people
        return KINH

    def birthday(self, age_from: float, age_to: float) -> int:
        """The birth of somebody of an age (in years) between the two."""
        return self.today - int(365.25 * (age_from + self.rng.random() * (age_to - age_from))) - 1

    def family(self, people: str) -> str:
        return FAMILIES.draw(self.rng) if people == KINH else clan(self.rng, people)

    def name(self, people: str, sex: str, birth_year: int, family: str) -> tuple[str, str, str]:
        """(full name, middle, given)."""
        if people == KINH:
            middle, given = forenames(self.rng, sex, birth_year)
            return " ".join(part for part in (family, middle, given) if part), middle, given
        full, given = minority_name(self.rng, people, sex, birth_year, family)
        return full, "", given

    def adult(
        self, household: Household, people: str, sex: str, birth: int, relationship: str, marital_status: str
    ) -> Person:
        """Somebody whose parents live elsewhere or are dead: the register has their names, mostly."""
        rng = self.rng
        family = self.family(people)
        year = date.fromordinal(birth).year
        person = self._person(household, people, sex, birth, family, self.name(people, sex, year, family))
        values = person.values
        values[RELATIONSHIP], values[MARITAL_STATUS] = relationship, marital_status
        if rng.random() < 0.9:
            values[FATHER_NAME] = self.name(people, "M", year - 28, family)[0]
        if rng.random() < 0.88:
            values[MOTHER_NAME] = self.name(people, "F", year - 25, self.family(people))[0]
        return person

    def child(
        self, household: Household, birth: int, relationship: str, father: Person | None, mother: Person | None
    ) -> Person:
        rng = self.rng
        sex = "M" if rng.random() < 0.527 else "F"
        parent = father or mother
        assert parent is not None
        year = date.fromordinal(birth).year
        if father is not None and sex == "M" and rng.random() < NAMESAKE_RATE:
            name = (father.name, father.middle, father.given)
        else:
            name = self.name(parent.people, sex, year, parent.family)
        person = self._person(household, parent.people, sex, birth, parent.family, name)
        self._set_parents(person, relationship, father, mother)
        return person

    def twin_of(self, first: Person, father: Person | None, mother: Person | None) -> Person:
        """A twin: same day, mostly same sex, a name alike; numbers of their own."""
        rng = self.rng
        sex = first.sex if rng.random() < 0.66 else ("F" if first.sex == "M" else "M")
        year = date.fromordinal(first.birth).year
        name = self._twin_name(first, sex, year)
        twin = self._person(first.household, first.people, sex, first.birth, first.family, name)
        self._set_parents(twin, first.values[RELATIONSHIP], father, mother)
        twin.values[BIRTH_DATE] = first.values[BIRTH_DATE]
        twin.twin, first.twin = first, twin
        return twin

    def _twin_name(self, first: Person, sex: str, year: int) -> tuple[str, str, str]:
        """Another given name behind the same middle name, often with the same first letter: Gia Khang, Gia Khôi."""
        name = self.name(first.people, sex, year, first.family)
        if first.people != KINH:
            while name[0] == first.name:
                name = self.name(first.people, sex, year, first.family)
            return name
        alike = self.rng.random() < 0.6
        choices = [
            word
            for word in generation(year).given[sex].words
            if word != first.given and word not in first.middle and (not alike or word[0] == first.given[0])
        ]
        if not choices:
            choices = [word for word in generation(year).given[sex].words if word != first.given]
        given = self.rng.choice(choices)
        middle = first.middle if sex == first.sex else name[1]
        return " ".join(part for part in (first.family, middle, given) if part), middle, given

    def _set_parents(self, person: Person, relationship: str, father: Person | None, mother: Person | None) -> None:
        person.mother = mother
        values = person.values
        values[RELATIONSHIP] = relationship
        values[MARITAL_STATUS] = "single"
        if father is not None:
            values[FATHER_NAME] = father.name
        if mother is not None:
            values[MOTHER_NAME] = mother.name

    def _person(
        self, household: Household, people: str, sex: str, birth: int, family: str, name: tuple[str, str, str]
    ) -> Person:
        rng = self.rng
        values = [""] * len(PERSON_COLUMNS)
        born = date.fromordinal(birth)
        age = (self.today - birth) / 365.25
        values[FULL_NAME], values[SEX], values[ETHNICITY], values[RESIDENCE] = name[0], sex, people, "permanent"
        values[BIRTH_DATE] = self._written_birth(born)
        self._give_numbers(values, sex, born.year, age)
        if age >= CARD_AGE and rng.random() < (0.78 if age < 65 else 0.4):
            values[PHONE] = telephone(rng)
        person = Person(self.counter.next(), sex, birth, people, family, name[1], name[2], values, household)
        household.members.append(person)
        return person

    def _written_birth(self, born: date) -> str:
        """Of old people a register often knows the year only, or writes the first of January for it."""
        rng = self.rng
        if born.year < 1960:
            draw = rng.random()
            if draw < 0.10:
                return f"{born.year:04d}"
            if draw < 0.22:
                return f"{born.year:04d}-01-01"
        elif rng.random() < 0.004:
            return f"{born.year:04d}-{born.month:02d}"
        return born.isoformat()

    def _give_numbers(self, values: list[str], sex: str, birth_year: int, age: float) -> None:
        """A personal number, or only an old card, an insurance number, or nothing.

        Since 2016 a birth registration gives a personal number.
        """
        rng, code = self.rng, self.commune.province_code
        share = 0.93 if age >= CARD_AGE else 0.9 if birth_year >= 2016 else 0.75
        if rng.random() < share:
            values[PERSONAL_ID] = self.numbers.personal(rng, self.commune.birth_code, sex, birth_year)
            if age > 24 and rng.random() < 0.25:
                values[OLD_CARD_ID] = self.numbers.old_card(code)
        elif age > 20 and rng.random() < 0.8:
            values[OLD_CARD_ID] = self.numbers.old_card(code)
        if rng.random() < (0.95 if age < 6 else 0.8):
            values[INSURANCE_ID] = self.numbers.insurance(code)


@dataclass(slots=True)
class Counter:
    """Numbers true persons."""

    last: int = 0

    def next(self) -> int:
        self.last += 1
        return self.last
