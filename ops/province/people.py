"""The population at the start: persons in households, related to each other, with the numbers that they were given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, Literal

from ops.province.config import SynthConfig
from ops.province.names import MINORITIES, Name, Namer, Sex
from ops.province.units import Unit

MINORITY_SHARE: Final = 0.03
CARD_REFORM_YEAR: Final = 2016  # from then on newborns get the 12-digit number at once

Status = Literal["here", "abroad", "dead", "gone"]


class Person:
    """A true person. ``ref`` is the record under which the present commune knows them; '' if it knows nothing."""

    __slots__ = (
        *(
            "number",
            "name",
            "sex",
            "birth",
            "personal_id",
            "old_card",
            "insurance",
            "ethnicity",
            "father",
            "mother_name",
        ),
        *(
            "phone",
            "node",
            "ref",
            "household",
            "marital",
            "relationship",
            "residence",
            "status",
            "twin",
            "mother",
            "known_at",
        ),
        "spouse",
    )

    def __init__(self, number: int, name: Name, sex: Sex, birth: date, ethnicity: str) -> None:
        self.number = number
        self.name = name
        self.sex: Sex = sex
        self.birth = birth
        self.ethnicity = ethnicity
        self.personal_id = self.old_card = self.insurance = self.father = self.mother_name = self.phone = ""
        self.node = self.ref = self.household = ""
        self.marital = "single"
        self.relationship = ""
        self.residence = "permanent"
        self.status: Status = "here"
        self.twin: Person | None = None
        self.mother: Person | None = None
        self.spouse: Person | None = None
        self.known_at = ""
        """recorded_at of the report that made the present record; '' for the standing register."""

    def columns(self) -> dict[str, str]:
        """The PERSON columns as they truly are."""
        return {
            "full_name": str(self.name),
            "sex": self.sex,
            "birth_date": self.birth.isoformat(),
            "personal_id": self.personal_id,
            "old_card_id": self.old_card,
            "insurance_id": self.insurance,
            "ethnicity": self.ethnicity,
            "relationship": self.relationship,
            "marital_status": self.marital,
            "father_name": self.father,
            "mother_name": self.mother_name,
            "phone": self.phone,
            "residence": self.residence,
        }

    def age(self, day: date) -> int:
        return day.year - self.birth.year - ((day.month, day.day) < (self.birth.month, self.birth.day))


class Numbers:
    """Personal numbers, cards and insurance numbers, each given once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._given: set[str] = set()

    def personal(self, province: str, sex: Sex, birth: date) -> str:
        """Digits 1-3 province of birth registration, 4 century and sex, 5-6 year, 7-12 arbitrary."""
        century = 2 * (birth.year // 100 - 19) + (sex == "F")
        while True:
            number = f"{province}{century}{birth.year % 100:02d}{self._rng.randrange(10**6):06d}"
            if number not in self._given:
                self._given.add(number)
                return number

    def old_card(self) -> str:
        return f"{self._rng.choice(('21', '23', '19', '22'))}{self._rng.randrange(10**7):07d}"

    def insurance(self) -> str:
        return f"{self._rng.choice(('52', '64', '51'))}{self._rng.randrange(10**8):08d}"

    def phone(self) -> str:
        return f"0{self._rng.choice((3, 5, 7, 8, 9))}{self._rng.randrange(10**8):08d}"


class Population:
    """Makes households commune by commune; ``twins`` collects the pairs."""

    def __init__(self, config: SynthConfig, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._namer = Namer(rng)
        self.numbers = Numbers(rng)
        self._count = 0
        self.twins: list[tuple[Person, Person]] = []

    def commune(self, unit: Unit, persons: int) -> Iterator[list[Person]]:
        """Households of one commune until there are so many persons."""
        made = 0
        while made < persons:
            household = self._household(unit)
            made += len(household)
            yield household

    def newborn(self, mother: Person, birth: date, twin_of: Person | None = None) -> Person:
        """A child born during the history."""
        father = mother.spouse
        family = father.name.family if father is not None else mother.name.family
        child = self._child(family, father, mother, birth, mother.ethnicity, twin_of)
        child.personal_id = ""  # the number comes with the registration, later
        child.node, child.household = mother.node, mother.household
        return child

    # --- one household -----------------------------------------------------------------------------------------------

    def _household(self, unit: Unit) -> list[Person]:
        rng = self._rng
        start = self._config.start
        ethnicity = rng.choice(MINORITIES) if rng.random() < MINORITY_SHARE else "Kinh"
        family = self._namer.family()
        age = int(rng.triangular(22, 88, 42))
        head_sex: Sex = "M" if rng.random() < 0.78 else "F"
        head = self._adult(family, head_sex, self._birth(start, age), ethnicity, unit)
        head.relationship = "chủ hộ"
        members = [head]
        spouse = None
        if rng.random() < (0.80 if head_sex == "M" else 0.25) and age > 22:
            spouse_sex: Sex = "F" if head_sex == "M" else "M"
            gap = round(rng.gauss(3 if head_sex == "M" else -3, 3))
            birth = self._birth(start, max(20, age - gap))
            spouse = self._adult(self._namer.family(), spouse_sex, birth, ethnicity, unit)
            spouse.relationship = "vợ" if spouse_sex == "F" else "chồng"
            head.marital = spouse.marital = "married"
            head.spouse, spouse.spouse = spouse, head
            members.append(spouse)
        elif age > 60:
            head.marital = "widowed"
        mother = spouse if head_sex == "M" else head
        father = head if head_sex == "M" else spouse
        if mother is not None:
            members.extend(self._children(family, father, mother, start, ethnicity, unit))
        if rng.random() < 0.2 and age < 58:
            members.append(self._grandparent(family, head, start, ethnicity, unit))
        for person in members:
            person.node = unit.node_id
        return members

    def _children(
        self, family: str, father: Person | None, mother: Person, start: date, ethnicity: str, unit: Unit
    ) -> list[Person]:
        rng = self._rng
        children: list[Person] = []
        youngest_age = max(mother.age(start) - 42, 0)
        for _ in range(rng.choices((0, 1, 2, 3, 4), (5, 15, 38, 27, 15))[0]):
            oldest = mother.age(start) - 19
            if oldest < youngest_age:
                break
            child_age = rng.randint(youngest_age, oldest)
            if child_age > 24 and rng.random() < 0.6:
                continue  # has left home
            birth = self._birth(start, child_age)
            child = self._child(family, father, mother, birth, ethnicity, None)
            self._papers(child, unit, start)
            children.append(child)
            if rng.random() < self._config.twin_rate:
                twin = self._child(family, father, mother, birth, ethnicity, child)
                self._papers(twin, unit, start)
                children.append(twin)
        return children

    def _grandparent(self, family: str, head: Person, start: date, ethnicity: str, unit: Unit) -> Person:
        rng = self._rng
        sex: Sex = "F" if rng.random() < 0.65 else "M"
        age = min(head.age(start) + rng.randint(20, 34), 98)
        person = self._adult(
            family if sex == "M" else self._namer.family(), sex, self._birth(start, age), ethnicity, unit
        )
        person.relationship = "mẹ" if sex == "F" else "bố"
        person.marital = "widowed"
        if sex == "F":
            head.mother, head.mother_name = person, str(person.name)
        else:
            head.father = str(person.name)
            if rng.random() < 0.05:  # father and son of one name
                person.name = head.name if head.sex == "M" else person.name
        return person

    # --- one person --------------------------------------------------------------------------------------------------

    def _adult(self, family: str, sex: Sex, birth: date, ethnicity: str, unit: Unit) -> Person:
        person = self._person(self._namer.name(family, sex, birth.year, ethnicity), sex, birth, ethnicity)
        person.father = str(self._namer.name(person.name.family or family, "M", birth.year - 28, ethnicity))
        person.mother_name = str(self._namer.name(self._namer.family(), "F", birth.year - 25, ethnicity))
        self._papers(person, unit, self._config.start)
        return person

    def _child(
        self, family: str, father: Person | None, mother: Person, birth: date, ethnicity: str, twin_of: Person | None
    ) -> Person:
        same = self._rng.random() < 0.6
        if twin_of is None:
            sex: Sex = "M" if self._rng.random() < 0.525 else "F"
            name = self._namer.name(family, sex, birth.year, ethnicity)
        else:
            sex = twin_of.sex if same else ("F" if twin_of.sex == "M" else "M")
            name = self._namer.twin(twin_of.name, sex, same_sex=same, birth_year=birth.year, ethnicity=ethnicity)
        child = self._person(name, sex, birth, ethnicity)
        child.relationship = "con"
        child.mother = mother
        child.mother_name = str(mother.name)
        child.father = str(father.name) if father is not None else ""
        if twin_of is not None:
            child.twin, twin_of.twin = twin_of, child
            self.twins.append((twin_of, child))
        return child

    def _person(self, name: Name, sex: Sex, birth: date, ethnicity: str) -> Person:
        self._count += 1
        return Person(self._count, name, sex, birth, ethnicity)

    def _papers(self, person: Person, unit: Unit, day: date) -> None:
        rng = self._rng
        age = person.age(day)
        chance = rng.random()
        has_number = chance < (0.93 if age >= 14 else 0.75 if person.birth.year >= CARD_REFORM_YEAR else 0.5)
        if has_number:
            province = unit.birth_code if rng.random() < 0.88 else f"0{rng.choice(('48', '51', '54', '79', '01'))}"
            person.personal_id = self.numbers.personal(province, person.sex, person.birth)
        if age >= 30 and rng.random() < (0.35 if has_number else 0.7):
            person.old_card = self.numbers.old_card()
        if rng.random() < 0.55:
            person.insurance = self.numbers.insurance()
        if age >= 16 and rng.random() < 0.6:
            person.phone = self.numbers.phone()
        if age >= 18 and rng.random() < 0.02:
            person.residence = "absent"

    def _birth(self, start: date, age: int) -> date:
        return start - timedelta(days=round(age * 365.25) + self._rng.randrange(365))
