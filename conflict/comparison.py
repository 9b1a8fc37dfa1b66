"""Two descriptions, field by field: which level each comparison has (RESOLVER 4). Nothing is weighed here.

A field that one of the two does not say is left out, so that what is missing neither helps nor hurts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from conflict.description import Description
from conflict.levels import (
    Birth,
    Number,
    Parent,
    SexLevel,
    birth_level,
    number_level,
    old_card_level,
    parent_level,
    sex_level,
)
from conflict.names import DROPPED, PARTIAL, NameComparison, PersonName, compare_names
from conflict.syllables import Likeness


class Field(StrEnum):
    FAMILY = "family"
    MIDDLE = "middle"
    GIVEN = "given"
    ORDER = "order"
    BIRTH = "birth"
    NUMBER = "number"
    OLD_CARD = "old_card"
    INSURANCE = "insurance"
    SEX = "sex"
    FATHER = "father"
    MOTHER = "mother"
    ETHNICITY = "ethnicity"
    PHONE = "phone"
    ORIGIN = "origin"
    DEPARTURE = "departure"
    COMPANIONS = "companions"


PERSONAL: Final = frozenset(
    {
        *(Field.MIDDLE, Field.GIVEN, Field.ORDER, Field.BIRTH, Field.SEX),
        *(Field.NUMBER, Field.OLD_CARD, Field.INSURANCE),
    }
)
"""What one member of a household does not share with the next. Everything else is evidence about the household."""

KEPT, CHANGED = "kept", "changed"  # ORDER
SAME, DIFFERENT = "same", "different"  # ETHNICITY, PHONE
NAMED, ELSEWHERE = "named", "elsewhere"  # ORIGIN
HERE, OPEN, NONE = "here", "open", "none"  # DEPARTURE: to the arrival's place, to none that is known, no departure
PART_SEPARATOR: Final = "\t"  # no word has a blank, and one may have any other character
SHARED = "shared"  # COMPANIONS: others of one sheet come from one household

_GRADES: Final = tuple(grade.value for grade in Likeness)
LEVELS: Final = MappingProxyType(
    {
        Field.FAMILY: _GRADES,
        Field.MIDDLE: (*_GRADES, DROPPED, PARTIAL),
        Field.GIVEN: _GRADES,
        Field.ORDER: (KEPT, CHANGED),
        Field.BIRTH: tuple(level.value for level in Birth),
        Field.NUMBER: tuple(level.value for level in Number),
        Field.OLD_CARD: (Number.SAME.value, Number.SLIP.value),
        Field.INSURANCE: tuple(level.value for level in Number),
        Field.SEX: tuple(level.value for level in SexLevel),
        Field.FATHER: tuple(level.value for level in Parent),
        Field.MOTHER: tuple(level.value for level in Parent),
        Field.ETHNICITY: (SAME, DIFFERENT),
        Field.PHONE: (SAME, DIFFERENT),
        Field.ORIGIN: (NAMED, ELSEWHERE),
        Field.DEPARTURE: (HERE, OPEN, ELSEWHERE, NONE),
        Field.COMPANIONS: (SHARED, NONE),
    }
)
"""Every level of every field: the parameters have a row for each."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One field. ``words`` are the two values by which rare ones count more, empty where that does not apply: keys of
    words for names (of a parent: given, middle and family name joined by ``PART_SEPARATOR``), the people for ethnicity.
    """

    field: Field
    level: str
    words: tuple[str, str] = ("", "")


def compare(one: Description, other: Description, *, companions: bool | None = None) -> tuple[Compared, ...]:
    """The fields that both speak of. ``companions``: whether others who came with the one were found beside the other;
    None where nobody came along, or nobody looked.
    """
    found = _names(compare_names(one.name, other.name))
    levels = (
        (Field.BIRTH, birth_level(one.birth, other.birth)),
        (Field.NUMBER, number_level(one.personal_id, other.personal_id)),
        (Field.OLD_CARD, old_card_level(one.old_card, other.old_card)),
        (Field.INSURANCE, number_level(one.insurance, other.insurance)),
        (Field.SEX, sex_level(one, other)),
        (Field.PHONE, _equality(one.phone, other.phone)),
        (Field.ORIGIN, _origin(one, other)),
        (Field.DEPARTURE, _departure(one, other)),
        (Field.COMPANIONS, None if companions is None else SHARED if companions else NONE),
    )
    found += [Compared(field, str(level)) for field, level in levels if level is not None]
    for field, ours, theirs in ((Field.FATHER, one.father, other.father), (Field.MOTHER, one.mother, other.mother)):
        level = parent_level(ours, theirs)
        if level is not None:
            found.append(Compared(field, level.value, (_parent_words(ours), _parent_words(theirs))))
    people = _equality(one.ethnicity, other.ethnicity)
    if people is not None:
        found.append(Compared(Field.ETHNICITY, people, (one.ethnicity, other.ethnicity)))
    return tuple(found)


def _names(names: NameComparison) -> list[Compared]:
    parts = ((Field.FAMILY, names.family), (Field.MIDDLE, names.middle), (Field.GIVEN, names.given))
    found = [Compared(field, str(part[0]), (part[1], part[2])) for field, part in parts if part is not None]
    if names.given is not None:
        found.append(Compared(Field.ORDER, CHANGED if names.reordered else KEPT))
    return found


def _parent_words(name: PersonName) -> str:
    given = "" if name.given is None else name.given.key
    middle, family = " ".join(word.key for word in name.middle), "" if name.family is None else name.family.key
    return PART_SEPARATOR.join((given, middle, family))


def _equality(one: str, other: str) -> str | None:
    if not one or not other:
        return None
    return SAME if one == other else DIFFERENT


def _origin(one: Description, other: Description) -> str | None:
    """Whether an arrival names the place where the record is kept."""
    asked = [(a.origin, b.unit) for a, b in ((one, other), (other, one)) if a.origin and b.unit]
    if not asked:
        return None
    return NAMED if any(origin == unit for origin, unit in asked) else ELSEWHERE


def _departure(one: Description, other: Description) -> str | None:
    """What the record's departure says, seen from the arrival; two standing records say nothing to each other."""
    if (one.departed is None) == (other.departed is None):
        return None
    record, arrival = (one, other) if other.departed is None else (other, one)
    if not record.departed:
        return NONE
    if not record.destination or not arrival.unit:
        return OPEN
    return HERE if record.destination == arrival.unit else ELSEWHERE
