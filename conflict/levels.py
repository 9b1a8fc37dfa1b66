"""Grades of agreement of birth dates, numbers, sex and parents (RESOLVER 4). Names have theirs in ``names``.

Each function takes two values, in any order, and gives a level, or None where one of them is missing: a missing value
says nothing. Levels are not weights; what they are worth is measured and stands in the parameters.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from conflict.dates import PartialDate
from conflict.description import Description
from conflict.names import DROPPED, NameComparison, PersonName, compare_names
from conflict.personal_number import DIGITS
from conflict.syllables import COMPATIBLE, is_one_slip

LUNAR_DAYS: Final = range(20, 51)  # a lunar date is 20 to 50 days before the solar one
CLOSE_DAYS_MAX: Final = 12
_YEARS_NEAR: Final = 2


class Birth(StrEnum):
    """Of two birth dates; the first that fits."""

    SAME_DAY = "same_day"
    SAME_MONTH = "same_month"  # one of them says no more
    SAME_YEAR = "same_year"  # one of them says no more, or the first of January
    SWAPPED = "swapped"  # day and month exchanged
    LUNAR = "lunar"
    SLIP = "slip"  # one digit, or two neighbouring digits exchanged; some days; a year or two on the same day
    YEAR_NEAR = "year_near"  # years that differ by one or two, where one date says no more than its year
    SAME_YEAR_ONLY = "same_year_only"  # two whole dates with nothing but the year in common
    DIFFERENT = "different"


class Number(StrEnum):
    """Of two numbers of one type."""

    SAME = "same"
    SLIP = "slip"
    DIFFERENT = "different"


class SexLevel(StrEnum):
    SAME = "same"
    EXPLAINED = "explained"  # they differ, and a part of the name explains how
    DIFFERENT = "different"


class Parent(StrEnum):
    """Of the names of two mothers or two fathers as a whole."""

    SAME = "same"
    VARIANT = "variant"  # the same name by all that was written: shortened, regional, as spoken
    SIMILAR = "similar"  # one part is written in another way or is another
    DIFFERENT = "different"


def birth_level(one: PartialDate | None, other: PartialDate | None) -> Birth | None:
    if one is None or other is None:
        return None
    placeholder = _is_placeholder(one) or _is_placeholder(other)
    if one.day is None or other.day is None or placeholder:
        return _vague_level(one, other, placeholder=placeholder)
    if one == other:
        return Birth.SAME_DAY
    if abs(one.year - other.year) > 1 and (one.month, one.day) != (other.month, other.day):
        return Birth.DIFFERENT  # years apart, and more than one place is written otherwise: nearly all pairs
    if (one.year, one.month, one.day) == (other.year, other.day, other.month):
        return Birth.SWAPPED
    apart = abs((one.earliest - other.earliest).days)
    if apart in LUNAR_DAYS and not _one_digit(one, other):
        return Birth.LUNAR
    same_day = (one.month, one.day) == (other.month, other.day) and abs(one.year - other.year) <= _YEARS_NEAR
    if apart <= CLOSE_DAYS_MAX or same_day or _one_digit(one, other):
        return Birth.SLIP
    return Birth.SAME_YEAR_ONLY if one.year == other.year else Birth.DIFFERENT


def _is_placeholder(birth: PartialDate) -> bool:
    return (birth.month, birth.day) == (1, 1)


def _vague_level(one: PartialDate, other: PartialDate, *, placeholder: bool) -> Birth:
    if one.year != other.year:
        return Birth.YEAR_NEAR if abs(one.year - other.year) <= _YEARS_NEAR else Birth.DIFFERENT
    if placeholder or one.month is None or other.month is None:
        return Birth.SAME_YEAR
    return Birth.SAME_MONTH if one.month == other.month else Birth.SAME_YEAR_ONLY


def _one_digit(one: PartialDate, other: PartialDate) -> bool:
    first, second = str(one), str(other)
    return len(first) == len(second) and is_one_slip(first.replace("-", ""), second.replace("-", ""))


def number_level(one: str, other: str) -> Number | None:
    """Of two personal numbers, or of two insurance numbers; never of one and the other."""
    if not one or not other:
        return None
    if one == other:
        return Number.SAME
    return Number.SLIP if is_one_slip(one, other) else Number.DIFFERENT


def old_card_level(one: str, other: str) -> Number | None:
    """Two different cards are no disagreement: a move to another province gave a new one."""
    level = number_level(one, other)
    return None if level is Number.DIFFERENT else level


def mistyped_side(one: Description, other: Description) -> str:
    """Which of two personal numbers that differ by a slip is the wrong one by its own structure: its digits 4-6
    contradict sex or birth year, or it has not 12 digits. 'first', 'second', or '' if the digits do not tell.
    """
    wrong = [_contradicts(side) for side in (one, other)]
    if wrong[0] == wrong[1]:
        return ""
    return "first" if wrong[0] else "second"


def is_sound(side: Description) -> bool:
    """Whether the personal number has its form and agrees with all that its own side says of sex and birth year."""
    return side.number is not None and not _contradicts(side)


def _contradicts(side: Description) -> bool:
    if len(side.personal_id) != DIGITS or side.number is None:
        return True
    sex = bool(side.sex) and side.sex != side.number.sex
    return sex or (side.birth is not None and side.birth.year != side.number.birth_year)


def sex_level(one: Description, other: Description) -> SexLevel | None:
    if not one.sex or not other.sex:
        return None
    if one.sex == other.sex:
        return SexLevel.SAME
    explained = one.name_explains_sex or other.name_explains_sex
    return SexLevel.EXPLAINED if explained else SexLevel.DIFFERENT


def parent_level(one: PersonName, other: PersonName) -> Parent | None:
    """None where one of the names is missing, a placeholder or unreadable."""
    if not one.says_anything or not other.says_anything:
        return None
    compared = compare_names(one, other)
    if compared.given is None:
        return None
    if one.family is not None and other.family is not None and not compared.reordered and _all_same(compared):
        return Parent.SAME
    given = compared.given[0] in COMPATIBLE
    family = compared.family is None or compared.family[0] in COMPATIBLE
    middle = compared.middle is None or compared.middle[0] in {*COMPATIBLE, DROPPED}
    if given and family and middle:
        return Parent.VARIANT
    return Parent.SIMILAR if given + family + middle == 2 else Parent.DIFFERENT


def _all_same(compared: NameComparison) -> bool:
    return all(part is None or part[0] == "same" for part in (compared.family, compared.middle, compared.given))
