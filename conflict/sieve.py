"""A glance in one number: enough to drop nearly everybody of a block before anything else is read.

An index keeps a hint with each key of a record. ``Sieve`` tells from two of them how high the score can be at most, and
never less than ``Ceiling.promise`` says. A hint is made of short hashes, so some who are somebody else pass; they are
looked at as everybody was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from math import inf
from typing import Final

from conflict.comparison import Field
from conflict.gains import Gains, Kept
from conflict.glance import DAY_CHARACTERS, ROUNDING_BITS, YEAR_CHARACTERS, Ceiling, ends, stands
from conflict.levels import CLOSE_DAYS_MAX, LUNAR_DAYS, Birth, Number, SexLevel
from conflict.name_glance import NAME_CODES, PARENT_CODES, SEPARATOR, UNTOLD, hashed, name_code, parent_code
from conflict.syllables import is_one_slip

_NUMBER_DIGITS, _INSURANCE_DIGITS = 12, 10
_TAIL_BITS, _NUMBER_BITS, _INSURANCE_BITS, _BIRTH_BITS = 6, 11, 10, 13
_NAME_BITS: Final = NAME_CODES.bit_length() - 1
_NUMBER_MASK, _INSURANCE_MASK = ((1 << bits) - 1 for bits in (_NUMBER_BITS, _INSURANCE_BITS))
_BIRTH_MASK, _NAME_MASK = ((1 << bits) - 1 for bits in (_BIRTH_BITS, _NAME_BITS))
_MISSING, _ANY = 0, 1
"""Codes of a number that is not there, and of one that is too short or too long to say what is a slip away."""
_DAYS, _SEXES = 512, 4
_SEX_AND_DAY: Final = _SEXES * _DAYS - 1
_REPORT, _STANDING = 1, 2
_SIGNS: Final = _REPORT | _STANDING
_BIRTH_AT: Final = _NUMBER_BITS + _INSURANCE_BITS
_SIGNS_AT: Final = _BIRTH_AT + _SEX_AND_DAY.bit_length()
_NAME_AT: Final = _BIRTH_AT + _BIRTH_BITS
_MOTHER_AT: Final = _NAME_AT + _NAME_BITS
_PARENT_MASK: Final = PARENT_CODES - 1
_FATHER_AT: Final = _MOTHER_AT + _PARENT_MASK.bit_length()
_MONTH: Final = 32
_NEW_YEAR: Final = "01-01"  # often written where nobody knows the day
_SEX_CODES: Final = {"": 0, "M": 1, "F": 2}
_ODD, _ODD_CODE = "?", 3
"""In the place of the sex: a name or a sex that tells nothing, so that the record always has to be looked at."""


def hint(text: str) -> int:
    """The number of a glance; below 2 ** 63. From the lowest bit: the personal number (11 bits: how it ends and how it
    begins) and that of the insurance (10), the day of birth (9) and the sex (2), two signs, the own name (19), the
    mother (5), the father (5). It stands in stores: see ``test_sieve`` before anything of this is changed.
    """
    report, number, insurance, birth, sex, place, _, _, _, name, father, mother = text.split(SEPARATOR)
    value = parent_code(father) * PARENT_CODES + parent_code(mother)
    value = value << _NAME_BITS | name_code(name)
    told = sex if name_code(name) != UNTOLD else _ODD
    value = value << _BIRTH_BITS | _birth_code(birth, told, bool(report), stands(place))
    value = value << _INSURANCE_BITS | _number_code(insurance, _INSURANCE_DIGITS, _INSURANCE_BITS)
    return value << _NUMBER_BITS | _number_code(number, _NUMBER_DIGITS, _NUMBER_BITS)


def _number_code(number: str, digits: int, bits: int) -> int:
    if not number:
        return _MISSING
    if len(number) != digits:
        return _ANY
    head, tail = ends(number)
    return hashed(head, 2 ** (bits - _TAIL_BITS)) << _TAIL_BITS | 2 + hashed(tail, 2**_TAIL_BITS - 2)


def _birth_code(birth: str, sex: str, report: bool, standing: bool) -> int:  # noqa: FBT001
    signs = standing * _STANDING | report * _REPORT
    return (signs * _SEXES + _SEX_CODES.get(sex, _ODD_CODE)) * _DAYS + _day_code(birth)


def _day_code(birth: str) -> int:
    """32 for each month, and the day; 0 where a date says no more than the month or the year."""
    day = birth[YEAR_CHARACTERS + 1 :]
    return 0 if len(birth) != DAY_CHARACTERS or day == _NEW_YEAR else int(day[:2]) * _MONTH + int(day[3:])


_IN_YEAR: Final = {
    day.month * _MONTH + day.day: number
    for number, day in enumerate(date.fromordinal(date(2000, 1, 1).toordinal() + step) for step in range(366))
}
"""The days of a leap year by their code: how many come before."""
_ANY_LEVEL: Final = frozenset(Birth)
_FAR: Final = frozenset({Birth.SAME_YEAR_ONLY, Birth.DIFFERENT})


@lru_cache(maxsize=150_000)
def _levels_of_days(one: int, other: int) -> frozenset[Birth]:
    """What two days of any two years can have in common, the year being unknown."""
    if one == other:
        return _ANY_LEVEL
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


def is_standing(value: int) -> bool:
    """Whether a hint is that of somebody who is known to be somewhere, and has come from nowhere else and not left."""
    return bool(value >> _SIGNS_AT & _STANDING)


def _by_code(mine: int, bits: int, gains: Mapping[str, float], same: float) -> list[float]:
    """What each code of a number is worth beside that one; ``same``: what it may be worth to have the same one."""
    if mine == _MISSING:
        return [0.0] * 2**bits
    if mine == _ANY:
        return [0.0] + [same] * (2**bits - 1)
    found = [gains[Number.DIFFERENT]] * 2**bits
    tails, head = 2**_TAIL_BITS, mine >> _TAIL_BITS
    found[head * tails : (head + 1) * tails] = [gains[Number.SLIP]] * tails
    found[mine % tails :: tails] = [gains[Number.SLIP]] * (2**bits // tails)
    found[mine], found[_ANY], found[_MISSING] = same, same, 0.0
    return found


@lru_cache(maxsize=64)
def _births(day: int, sex: int, says_birth: bool, gains: Gains) -> Kept[int]:  # noqa: FBT001
    """What sex and day of birth of others are worth for somebody; reports of one week are of the same days."""
    of_levels = Kept[frozenset[Birth]](lambda levels: max(gains.of[Field.BIRTH][level] for level in levels))
    same, apart = gains.of[Field.SEX][SexLevel.SAME], gains.best(Field.SEX, (SexLevel.EXPLAINED, SexLevel.DIFFERENT))
    any_birth = max(0.0, *gains.of[Field.BIRTH].values())  # or it says nothing

    def work_out(code: int) -> float:
        its_sex, its_day = divmod(code, _DAYS)
        if _ODD_CODE in {its_sex, sex}:
            return inf
        bits = 0.0 if not its_sex or not sex else same if its_sex == sex else apart
        if not says_birth:
            return bits
        return bits + (of_levels[_levels_of_days(day, its_day)] if day and its_day else any_birth)

    return Kept(work_out)


class Sieve:
    """How high the score of one record can be with others, by their hints. For one search, as its ``Ceiling``.

    ``strangers``: nobody is asked about who has a number, a card or a phone in common with it, because whoever has is
    found by that and looked at anyway.
    """

    def __init__(self, ceiling: Ceiling, *, strangers: bool = False) -> None:
        text, gains = ceiling.text, ceiling.gains
        mine = hint(text)
        number, insurance = mine & _NUMBER_MASK, (mine >> _NUMBER_BITS) & _INSURANCE_MASK
        signs, birth = divmod((mine >> _BIRTH_AT) & _BIRTH_MASK, _SEXES * _DAYS)
        sex, day = divmod(birth, _DAYS)
        self._births = _births(day, sex, bool(text.split(SEPARATOR)[3]), gains)
        self._names = Kept(ceiling.own.most_by)
        self._fathers, self._mothers = ([of.most_by(code) for code in range(PARENT_CODES)] for of in ceiling.parents)
        of_number, of_insurance = gains.of[Field.NUMBER], gains.of[Field.INSURANCE]
        same = of_number[Number.SLIP] if strangers else inf  # perhaps the same one, which is an alarm
        self._numbers = _by_code(number, _NUMBER_BITS, of_number, same)
        same = of_insurance[Number.SLIP] if strangers else max(of_insurance.values())
        self._insurances = _by_code(insurance, _INSURANCE_BITS, of_insurance, same)
        bits = gains.prior + 2 * ROUNDING_BITS + (ceiling.cards_of_strangers if strangers else ceiling.cards_best)
        moved, standing = bits + ceiling.places_best, bits + ceiling.standing_best
        repeated = inf if signs & _REPORT else moved  # perhaps one report under two ids
        self._signs = moved, repeated, standing, max(repeated, standing)
        self._rest = ceiling.own.usual + sum(of.best for of in ceiling.parents)

    def sift(self, hints: Mapping[int, int], floor: float) -> list[int]:
        """Those of whom the hint promises at least that much; ``hints`` by who has them."""
        numbers, insurances, births, signs = self._numbers, self._insurances, self._births, self._signs
        names, fathers, mothers = self._names, self._fathers, self._mothers
        least = floor - self._rest
        hopeful = [
            (who, value, bits)
            for who, value in hints.items()
            if (
                bits := numbers[value & _NUMBER_MASK]
                + insurances[value >> _NUMBER_BITS & _INSURANCE_MASK]
                + births[value >> _BIRTH_AT & _SEX_AND_DAY]
                + signs[value >> _SIGNS_AT & _SIGNS]
            )
            >= least
        ]
        return [
            who
            for who, value, bits in hopeful
            if bits
            + fathers[value >> _FATHER_AT]
            + mothers[value >> _MOTHER_AT & _PARENT_MASK]
            + names[value >> _NAME_AT & _NAME_MASK]
            >= floor
        ]

    def promise(self, value: int) -> float:
        """What the glance of that hint can promise at most; without end where that may be without end."""
        bits = self._numbers[value & _NUMBER_MASK] + self._insurances[value >> _NUMBER_BITS & _INSURANCE_MASK]
        bits += self._births[value >> _BIRTH_AT & _SEX_AND_DAY] + self._signs[value >> _SIGNS_AT & _SIGNS]
        bits += self._fathers[value >> _FATHER_AT] + self._mothers[value >> _MOTHER_AT & _PARENT_MASK]
        return bits + self._names[value >> _NAME_AT & _NAME_MASK]
