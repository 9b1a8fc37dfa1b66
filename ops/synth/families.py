"""Households: who lives together. On average about 3.6 persons; ages and names fit each other.

Kinds and shares are chosen so that the pyramid of the 2019 census comes out roughly: a quarter under 15, a tenth
over 65.
"""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from typing import Final

from ops.synth.people import (
    CHILD,
    FATHER_NAME,
    HEAD,
    HUSBAND,
    MARITAL_STATUS,
    MOTHER_NAME,
    RELATIONSHIP,
    RESIDENCE,
    WIFE,
    Household,
    Person,
)
from ops.synth.persons import PersonMaker

_KINDS: Final = (
    ("single", 0.085),
    ("couple", 0.14),
    ("one child", 0.155),
    ("two children", 0.245),
    ("three children", 0.095),
    ("four children", 0.03),
    ("one parent", 0.065),
    ("three generations", 0.17),
    ("siblings", 0.025),
)
_SUMS: Final = list(accumulate(share for _, share in _KINDS))
_CHILDREN: Final = {"one child": 1, "two children": 2, "three children": 3, "four children": 4}
_SIZE_MAX: Final = {"single": 1, "couple": 2}
LARGEST_FAMILY: Final = 8
ABSENT_RATE: Final = 0.012  # of adults: registered here, away for work or study


def make_family(maker: PersonMaker, household: Household, twin_rate: float, *, force_twins: bool, room: int) -> None:
    """Fill a household. ``room`` is how many persons still fit into the commune; close to its end only small ones
    do.
    """
    rng = maker.rng
    kind = _KINDS[bisect(_SUMS, rng.random() * _SUMS[-1], 0, len(_KINDS) - 1)][0]
    if force_twins and room >= LARGEST_FAMILY:
        kind = "two children" if rng.random() < 0.7 else "three generations"
    elif room < LARGEST_FAMILY:
        kind = "couple" if room >= 2 else "single"
    twin_chance = 1.0 if force_twins else twin_rate
    people = maker.people()
    match kind:
        case "single":
            _single(maker, household, people)
        case "siblings":
            _siblings(maker, household, people)
        case "one parent":
            _one_parent(maker, household, people, twin_chance)
        case "three generations":
            _three_generations(maker, household, people, twin_chance)
        case _:
            count = _CHILDREN.get(kind, 0)
            oldest = 63 if count else 88
            father, mother = _couple(maker, household, people, 23 + 2.5 * count, oldest)
            add_children(maker, household, CHILD, father, mother, count, twin_chance)
    for person in household.members:
        if person.age(maker.today) > 18 and rng.random() < ABSENT_RATE:
            person.values[RESIDENCE] = "absent"


def make_collective(maker: PersonMaker, household: Household, size: int) -> None:
    """A dormitory or a barracks: young people who are not related; most stay temporarily, from outside the tree."""
    rng = maker.rng
    for _ in range(size):
        sex = "M" if rng.random() < 0.6 else "F"
        person = maker.adult(household, maker.people(), sex, maker.birthday(18, 27), "người ở cùng", "single")
        if rng.random() < 0.6:
            person.values[RESIDENCE] = "temporary"


def make_visitors(maker: PersonMaker, household: Household, size: int) -> None:
    """One or two who rent a room and are registered far away."""
    for position in range(size):
        sex = "M" if maker.rng.random() < 0.5 else "F"
        relationship = HEAD if position == 0 else "bạn"
        person = maker.adult(household, maker.people(), sex, maker.birthday(19, 40), relationship, "single")
        person.values[RESIDENCE] = "temporary"


def add_children(
    maker: PersonMaker,
    household: Household,
    relationship: str,
    father: Person | None,
    mother: Person,
    count: int,
    twin_chance: float,
) -> None:
    """Children who still live at home; a birth may bring twins, who then take two of the places."""
    youngest = maker.today - 2
    earliest = max(mother.birth + 7_000, maker.today - 9_400)  # the mother was 19 or more; the children are under 26
    latest = min(mother.birth + 15_300, youngest)
    if latest - earliest < 300 * count:
        earliest = latest - 300 * count - 1
    births = sorted(maker.rng.randrange(earliest, latest) for _ in range(count))
    left = count
    for position, birth in enumerate(births):
        if left == 0:
            return
        if position:
            birth = min(max(birth, births[position - 1] + 300), youngest)  # noqa: PLW2901 - siblings are months apart
            births[position] = birth
        child = maker.child(household, birth, relationship, father, mother)
        left -= 1
        if maker.rng.random() < twin_chance:
            maker.twin_of(child, father, mother)
            twin_chance = min(twin_chance, 0.02)
            left = max(0, left - 1)


def _couple(
    maker: PersonMaker, household: Household, people: str, youngest: float, oldest: float
) -> tuple[Person, Person]:
    """Husband and wife; one of them heads the household."""
    rng = maker.rng
    mother_birth = maker.birthday(youngest, oldest)
    father_birth = min(mother_birth - int(rng.gauss(900, 1_200)), maker.today - 7_300)
    wife_heads = rng.random() < 0.25
    father = maker.adult(household, people, "M", father_birth, HUSBAND if wife_heads else HEAD, "married")
    mother = maker.adult(household, people, "F", mother_birth, HEAD if wife_heads else WIFE, "married")
    if wife_heads:
        household.members[:2] = [mother, father]
    return father, mother


def _single(maker: PersonMaker, household: Household, people: str) -> None:
    rng = maker.rng
    if rng.random() < 0.6:
        sex, birth = ("F" if rng.random() < 0.7 else "M"), maker.birthday(60, 94)
        status = "widowed" if rng.random() < 0.75 else "single"
    else:
        sex, birth = ("M" if rng.random() < 0.6 else "F"), maker.birthday(20, 58)
        status = "single" if rng.random() < 0.7 else "divorced"
    maker.adult(household, people, sex, birth, HEAD, status)


def _siblings(maker: PersonMaker, household: Household, people: str) -> None:
    """Grown up children of parents who have died."""
    eldest = maker.adult(household, people, "F", maker.birthday(22, 45), HEAD, "single")
    for _ in range(maker.rng.choice((1, 1, 2))):
        birth = min(eldest.birth + maker.rng.randrange(400, 3_000), maker.today - 5_900)
        sex = "M" if maker.rng.random() < 0.55 else "F"
        other = maker.adult(household, people, sex, birth, "em", "single")
        for column in (FATHER_NAME, MOTHER_NAME):
            other.values[column] = eldest.values[column]


def _one_parent(maker: PersonMaker, household: Household, people: str, twin_chance: float) -> None:
    rng = maker.rng
    status = rng.choice(("widowed", "divorced", "divorced", "single"))
    mother = maker.adult(household, people, "F", maker.birthday(25, 56), HEAD, status)
    add_children(maker, household, CHILD, None, mother, rng.choice((1, 1, 2)), twin_chance)


def _three_generations(maker: PersonMaker, household: Household, people: str, twin_chance: float) -> None:
    """Grandparents (one or both), their son or daughter with family."""
    rng = maker.rng
    grandfather, grandmother = _couple(maker, household, people, 53, 82)
    if rng.random() < 0.45:
        household.members.remove(grandfather)
        grandmother.values[RELATIONSHIP] = HEAD
        grandmother.values[MARITAL_STATUS] = "widowed"
    son_birth = grandmother.birth + rng.randrange(7_300, 10_500)
    son_birth = min(son_birth, maker.today - 8_000)
    son = maker.child(household, son_birth, CHILD, grandfather, grandmother)
    bride_birth = min(son.birth + int(rng.gauss(500, 1_000)), maker.today - 7_400)
    other_sex = "F" if son.sex == "M" else "M"
    relative = "con dâu" if other_sex == "F" else "con rể"
    spouse = maker.adult(household, people, other_sex, bride_birth, relative, "married")
    son.values[MARITAL_STATUS] = "married"
    father, mother = (son, spouse) if son.sex == "M" else (spouse, son)
    add_children(maker, household, "cháu", father, mother, rng.choice((1, 2, 2, 3)), twin_chance)


def is_minor(person: Person, day: int, years: int = 16) -> bool:
    return person.age(day) < years


def spread(total: int, weights: list[float]) -> list[int]:
    """``total`` parted by weights into whole numbers that add up to it; rests go to the largest remainders."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    parts = [int(value) for value in exact]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
