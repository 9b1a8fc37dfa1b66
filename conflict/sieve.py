"""A glance in one number: enough to drop nearly everybody of a block before anything else is read.

An index keeps a hint with each key of a record. ``Sieve`` tells from two of them how high the score can be at most, and
never less than ``Ceiling.promise`` says. A hint is made of short hashes, so some who are somebody else pass; they are
looked at as everybody was before.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import inf
from typing import Final

from conflict.comparison import Field
from conflict.gains import Gains, Kept
from conflict.glance import DAY_CHARACTERS, ROUNDING_BITS, YEAR_CHARACTERS, Ceiling, ends
from conflict.levels import CLOSE_DAYS_MAX, LUNAR_DAYS, Birth, Number, SexLevel
from conflict.name_glance import NAME_CODES, PARENT_CODES, SEPARATOR, hashed, name_code, parent_code
from conflict.syllables import is_one_slip

_NUMBER_DIGITS, _INSURANCE_DIGITS = 12, 10
_TAIL_BITS, _NUMBER_BITS, _INSURANCE_BITS, _BIRTH_BITS = 6, 11, 10, 12
_NAME_BITS: Final = NAME_CODES.bit_length() - 1
_TAIL_MASK, _NUMBER_MASK, _INSURANCE_MASK = (2**bits - 1 for bits in (_TAIL_BITS, _NUMBER_BITS, _INSURANCE_BITS))
_BIRTH_MASK, _NAME_MASK = (2**bits - 1 for bits in (_BIRTH_BITS, _NAME_BITS))
_MISSING, _ANY = 0, 1
"""Codes of a number that is not there, and of one that is too short or too long to say what is a slip away."""
_DAYS, _SEXES = 512, 4
_MONTH: Final = 32
_NEW_YEAR: Final = "01-01"  # often written where nobody knows the day
_SEX_CODES: Final = {"": 0, "M": 1, "F": 2}
_OTHER_SEX: Final = 3


def hint(text: str) -> int:
    """The number of a glance; below 2 ** 62."""
    report, number, insurance, birth, sex, _, _, _, _, name, father, mother = text.split(SEPARATOR)
    value = parent_code(father) * PARENT_CODES + parent_code(mother)
    value = value << _NAME_BITS | name_code(name)
    value = value << _BIRTH_BITS | _birth_code(birth, sex, bool(report))
    value = value << _INSURANCE_BITS | _number_code(insurance, _INSURANCE_DIGITS, _INSURANCE_BITS)
    return value << _NUMBER_BITS | _number_code(number, _NUMBER_DIGITS, _NUMBER_BITS)


def _number_code(number: str, digits: int, bits: int) -> int:
    if not number:
        return _MISSING
    if len(number) != digits:
        return _ANY
    head, tail = ends(number)
    return hashed(head, 2 ** (bits - _TAIL_BITS)) << _TAIL_BITS | 2 + hashed(tail, 2**_TAIL_BITS - 2)


def _birth_code(birth: str, sex: str, report: bool) -> int:  # noqa: FBT001
    return (report * _SEXES + _SEX_CODES.get(sex, _OTHER_SEX)) * _DAYS + _day_code(birth)


def _day_code(birth: str) -> int:
    """The day of the year by its number from 1; 0 where a date says no more than the month or the year."""
    day = birth[YEAR_CHARACTERS + 1 :]
    return 0 if len(birth) != DAY_CHARACTERS or day == _NEW_YEAR else int(day[:2]) * _MONTH + int(day[3:])


_IN_YEAR: Final = {
    day.month * _MONTH + day.day: number
    for number, day in enumerate(date.fromordinal(date(2000, 1, 1).toordinal() + step) for step in range(366))
}
"""The days of a leap year by their code: how many come before."""
_FAR: Final = frozenset({Birth.SAME_YEAR_ONLY, Birth.DIFFERENT})


@lru_cache(maxsize=150_000)
def _levels_of_days(one: int, other: int) -> frozenset[Birth]:
    """What two days of any two years can have in common, the year being unknown."""
    if one == other:
        return frozenset(Birth)
    (month, day), (other_month, other_day) = divmod(one, _MONTH), divmod(other, _MONTH)
    found = set(_FAR)
    if (month, day) == (other_day, other_month):
        found.add(Birth.SWAPPED)
    apart = abs(_IN_YEAR[one] - _IN_YEAR[other])
    apart = min(apart, len(_IN_YEAR) - apart)
    if apart >= LUNAR_DAYS[0] - 1 and apart <= LUNAR_DAYS[-1] + 1:  # leap years count one day more
        found.add(Birth.LUNAR)
    if apart <= CLOSE_DAYS_MAX + 1 or is_one_slip(f"{month:02d}{day:02d}", f"{other_month:02d}{other_day:02d}"):
        found.add(Birth.SLIP)
    return frozenset(found)


class Sieve:
    """How high the score of one record can be with others, by their hints. For one search, as its ``Ceiling``."""

    def __init__(self, ceiling: Ceiling, text: str, gains: Gains) -> None:
        mine = hint(text)
        self._number, mine = mine & _NUMBER_MASK, mine >> _NUMBER_BITS
        self._insurance, mine = mine & _INSURANCE_MASK, mine >> _INSURANCE_BITS
        mine, self._day = divmod(mine & _BIRTH_MASK, _DAYS)
        report, self._sex = divmod(mine, _SEXES)
        self._has_report = report > 0
        self._says_birth = bool(text.split(SEPARATOR)[3])
        self._gains = gains
        self._births, self._parents = Kept(self._of_birth), Kept(self._of_parents)
        self._names = Kept(ceiling.own.most_by)
        self._ceiling = ceiling
        numbers, insurances, births = (gains.of[field] for field in (Field.NUMBER, Field.INSURANCE, Field.BIRTH))
        self._number_slip, self._number_apart = numbers[Number.SLIP], numbers[Number.DIFFERENT]
        self._insurance_slip, self._insurance_apart = insurances[Number.SLIP], insurances[Number.DIFFERENT]
        self._insurance_same = max(insurances.values())
        self._of_levels = Kept[frozenset[Birth]](lambda levels: max(births[level] for level in levels))
        self._most = gains.prior + 2 * ROUNDING_BITS + ceiling.places_best + ceiling.cards_best

    def promise(self, value: int) -> float:
        """What the glance of that hint can promise at most; without end where that may be without end."""
        bits = self._most
        number = value & _NUMBER_MASK
        if number and self._number:
            differs = number ^ self._number
            if not differs or _ANY in {number, self._number}:
                return inf  # perhaps the same one, which is an alarm
            bits += self._number_slip if not differs & _TAIL_MASK or not differs >> _TAIL_BITS else self._number_apart
        value >>= _NUMBER_BITS
        insurance = value & _INSURANCE_MASK
        if insurance and self._insurance:
            differs = insurance ^ self._insurance
            if not differs or _ANY in {insurance, self._insurance}:
                bits += self._insurance_same
            elif not differs & _TAIL_MASK or not differs >> _TAIL_BITS:
                bits += self._insurance_slip
            else:
                bits += self._insurance_apart
        value >>= _INSURANCE_BITS
        bits += self._births[value & _BIRTH_MASK]
        value >>= _BIRTH_BITS
        return bits + self._names[value & _NAME_MASK] + self._parents[value >> _NAME_BITS]

    def _of_birth(self, code: int) -> float:
        code, day = divmod(code, _DAYS)
        report, sex = divmod(code, _SEXES)
        if report and self._has_report:
            return inf  # perhaps one report under two ids
        bits = 0.0
        if sex and self._sex:
            gains = self._gains.of[Field.SEX]
            alike = sex == self._sex
            bits += gains[SexLevel.SAME] if alike else max(gains[SexLevel.EXPLAINED], gains[SexLevel.DIFFERENT])
        if not self._says_birth:
            return bits
        gains = self._gains.of[Field.BIRTH]
        if not day or not self._day:
            return bits + max(0.0, *gains.values())  # or it says nothing
        return bits + self._of_levels[_levels_of_days(self._day, day)]

    def _of_parents(self, code: int) -> float:
        father, mother = divmod(code, PARENT_CODES)
        return self._ceiling.father.most_by(father) + self._ceiling.mother.most_by(mother)
