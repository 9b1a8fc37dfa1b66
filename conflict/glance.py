"""What a description says at a glance: enough to see that two records cannot be one person, without reading either.

A glance is a short text that an index keeps beside the keys of a record. ``Ceiling`` tells from two of them how high
their score (``conflict.score``, without companions) can be at most. It is no score: whoever may reach a threshold is
to be compared. Fields that the text has whole count as they are; of names it has the words, and counts each part as if
it were the best that two words of one sound can be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from functools import cache, lru_cache
from math import inf, log2
from operator import ne
from typing import Final, TypeVar

from conflict.comparison import DIFFERENT, ELSEWHERE, HERE, KEPT, NAMED, NONE, OPEN, PART_SEPARATOR, SAME, Field
from conflict.dates import PartialDate, parse_date
from conflict.description import Description
from conflict.levels import LUNAR_DAYS, Birth, Parent, SexLevel, birth_level, number_level, old_card_level
from conflict.names import DROPPED, PARTIAL, PersonName
from conflict.parameters import PROBABILITY_MIN, Parameters
from conflict.score import parent_chance
from conflict.syllables import HOMOPHONES, Likeness, spoken
from conflict.text import folded

Key = TypeVar("Key", bound=Hashable)

ROUNDING_BITS: Final = 1e-6
"""Sums of floats in another order differ by less."""
_SEPARATOR: Final = "|"
_REPORT_AT, _NUMBER_AT = 0, 3
_REPORT_BYTES: Final = 8
_STAYED, _LEFT = "0", "1"
_STANDS: Final = ["", _STAYED, ""]  # who came from nowhere else, and has not left
_UNSURE: Final = "?"
"""A name of which no part can be told apart: shortened, in another order, with a prefix, or of one word."""
_YEAR_CHARACTERS = 4
_DAY_CHARACTERS, _NEW_YEAR, _SLIP_CHARACTERS_MAX = 10, "01-01", 2
_DAYS: Final = {
    date.fromordinal(date(2000, 1, 1).toordinal() + day).isoformat()[_YEAR_CHARACTERS + 1 :]: day for day in range(366)
}
"""The days of a leap year, MM-DD, by their number."""
_WORDS_KEPT: Final = 65_536
_DATES_KEPT: Final = 65_536
_OF_ONE_SOUND: Final = (
    *(Likeness.SAME, Likeness.UNMARKED),  # these count by how common the words are
    *(Likeness.INITIAL, Likeness.HOMOPHONE, Likeness.SPOKEN, Likeness.TONE, Likeness.MARKS),
)
_OTHERWISE: Final = tuple(grade for grade in Likeness if grade not in _OF_ONE_SOUND)
_NAMES: Final = (Field.FAMILY, Field.MIDDLE, Field.GIVEN)
_WORDS_OF_A_PAIR: Final = 2


def glance(said: Description, report: str = "") -> str:
    """The text of a description. ``report``: the arrival in its words (``linking.Party``)."""
    departed = {None: "", False: _STAYED, True: _LEFT}[said.departed]
    fields = (
        *("" if said.birth is None else str(said.birth), said.sex, said.personal_id, said.old_card, said.insurance),
        *(said.phone, said.ethnicity, said.unit, said.origin, departed, said.destination),
        *(_words(name) for name in (said.name, said.father, said.mother)),
    )
    words = _SEPARATOR.join(field.replace(_SEPARATOR, " ") for field in fields)
    return f"{hashlib.blake2b(report.encode(), digest_size=_REPORT_BYTES).hexdigest() if report else ''}|{words}"


def _words(name: PersonName) -> str:
    words = name.words
    if not name.says_anything:
        return ""
    plain = name.family is not None and name.given is not None and not name.prefix
    if not plain or any(word.initial or word.unreadable or _SEPARATOR in word.key for word in words):
        return _UNSURE
    return " ".join(word.key for word in words)


@lru_cache(maxsize=_WORDS_KEPT)
def _sound(key: str) -> str:
    """Equal for all words whose likeness is one of ``_OF_ONE_SOUND``, and perhaps for others."""
    heard = folded(spoken(key))
    return _ONE_OF.get(heard, heard)


def _one_of_each() -> dict[str, str]:
    """Regional forms of one name by one of them."""
    found: dict[str, str] = {}
    for pair in sorted(map(sorted, HOMOPHONES)):
        heard = {folded(spoken(word)) for word in pair}
        group = heard | {other for word in heard for other, name in found.items() if name == found.get(word, "")}
        found |= dict.fromkeys(group, min(group))
    return found


_ONE_OF: Final = _one_of_each()


@lru_cache(maxsize=_WORDS_KEPT)
def _sounds(words: str) -> tuple[str, ...]:
    return tuple(map(_sound, words.split(" ")))


@lru_cache(maxsize=_WORDS_KEPT)
def _in_order(words: str) -> list[str]:
    return sorted(_sounds(words))


@lru_cache(maxsize=_DATES_KEPT)
def _date(text: str) -> PartialDate | None:
    return parse_date(text) if text else None


@cache
def _near_days(text: str) -> frozenset[str]:
    """The days of a year, MM-DD, that may have more in common with one of them than the year; at most 366 texts."""
    return frozenset(other for other in _DAYS if not _is_far(text, other))


def _is_far(one: str, other: str) -> bool:
    """Days of one year; neither one letter written otherwise nor two exchanged makes more than two letters differ."""
    if abs(_DAYS[one] - _DAYS[other]) <= LUNAR_DAYS[-1] + 1 or _NEW_YEAR in {one, other}:
        return False
    return one[:2] != other[3:] and sum(map(ne, one, other)) > _SLIP_CHARACTERS_MAX


class Gains:
    """What each level says for one person rather than two strangers, in bits: worked out once for many ceilings."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.of = {
            field: {level: log2(row.same) - log2(row.stranger) for level, row in levels.items()}
            for field, levels in parameters.chances.items()
        }
        self.prior = -log2(parameters.population) + max(self.of[Field.ORDER][KEPT], 0.0)

    def best(self, field: Field, levels: Iterable[str]) -> float:
        return max(self.of[field][level] for level in levels)

    def rare(self, field: Field, level: str, chance: float) -> float:
        """Of a level at which words count, where no stranger has it more rarely than that."""
        same = self.parameters.chances[field][level].same
        return log2(same) - log2(min(max(chance, PROBABILITY_MIN), same))


class _Kept(dict[Key, float]):
    """Bits by what another record says, worked out once: the same words come again and again in a block."""

    def __init__(self, work_out: Callable[[Key], float]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, key: Key) -> float:
        bits = self[key] = self._work_out(key)
        return bits


class Ceiling:
    """How high the score of one record, given by its glance, can be with others. For one search: it keeps what it has
    worked out.
    """

    def __init__(self, text: str, gains: Gains) -> None:
        self._report, birth, *values, name, father, mother = text.split(_SEPARATOR)
        self._gains = gains
        self._birth = _date(birth)
        self._year, self._near = "", frozenset[str]()
        if len(birth) == _DAY_CHARACTERS:
            self._year, self._near = birth[:_YEAR_CHARACTERS], _near_days(birth[_YEAR_CHARACTERS + 1 :])
        self._prior = gains.prior + ROUNDING_BITS
        self._far = gains.of[Field.BIRTH][Birth.SAME_YEAR_ONLY]
        self._births, self._places = _Kept(self._born), _Kept(self._placed)
        self._sexes, self._peoples = _Kept(self._of_sex), _Kept(self._of_people)
        own, parents = (
            _Name(name, gains),
            [_Parent(*of, gains) for of in ((Field.FATHER, father), (Field.MOTHER, mother))],
        )
        self._names, self._names_best = _Kept(own.most), own.best
        self._fathers, self._mothers = (_Kept(parent.most) for parent in parents)
        self._parents_best = sum(parent.best for parent in parents)
        self._sex, self._number, self._card, self._insurance, self._phone, self._people = values[:6]
        self._unit, self._origin, self._departed, self._destination = values[6:]
        self._stayed = [self._placed((unit, *_STANDS)) for unit in (f"not {self._origin}", self._origin)]
        kinds = ((Field.OLD_CARD, self._card), (Field.INSURANCE, self._insurance), (Field.PHONE, self._phone))
        self._others_best = sum(max(0.0, *gains.of[kind].values()) for kind, mine in kinds if mine)
        self._others_best += max(0.0, self._of_people(self._people))

    def promise(self, text: str, floor: float = -inf) -> float:
        """As ``at_most``, and without end for one number on two people, which is an alarm however little they are
        alike, and for one report under two ids.
        """
        said = text.split(_SEPARATOR)
        number, report = said[_NUMBER_AT], said[_REPORT_AT]
        if (number != "" and number == self._number) or (report != "" and report == self._report):
            return inf
        return self._highest(said, floor)

    def at_most(self, text: str, floor: float = -inf) -> float:
        """What the score with the record of that glance cannot exceed, in bits. Where that is less than ``floor``, only
        that it is less need be worked out.
        """
        return self._highest(text.split(_SEPARATOR), floor)

    def _highest(self, said: list[str], floor: float) -> float:
        """What costs little and tells most comes first: nearly everybody is seen to be a stranger before names are
        looked at.
        """
        _, birth, sex, number, card, insurance, phone, people, *place, name, father, mother = said
        bits = self._prior
        bits += self._far if self._is_far_in_one_year(birth) else self._births[birth]
        bits += self._stayed[place[0] == self._origin] if place[1:] == _STANDS else self._places[tuple(place)]
        if sex:
            bits += self._sexes[sex]
        if number and self._number:
            bits += self._of_number(number)
        if bits < floor - self._names_best - self._parents_best - self._others_best:
            return bits
        bits += self._others(card, insurance, phone) + self._peoples[people]
        if bits < floor - self._names_best - self._parents_best:
            return bits
        bits += self._names[name]
        if bits < floor - self._parents_best:
            return bits
        return bits + self._fathers[father] + self._mothers[mother]

    def _of_sex(self, sex: str) -> float:
        if not sex or not self._sex:
            return 0.0
        gains = self._gains.of[Field.SEX]
        return gains[SexLevel.SAME] if sex == self._sex else max(gains[SexLevel.EXPLAINED], gains[SexLevel.DIFFERENT])

    def _born(self, text: str) -> float:
        gains = self._gains.of[Field.BIRTH]
        level = birth_level(self._birth, _date(text))
        return 0.0 if level is None else gains[level]

    def _is_far_in_one_year(self, text: str) -> bool:
        """Two whole dates of one year that have nothing else in common: the greatest part of a block by far."""
        is_day = len(text) == _DAY_CHARACTERS and self._year != ""
        return is_day and text[:_YEAR_CHARACTERS] == self._year and text[_YEAR_CHARACTERS + 1 :] not in self._near

    def _of_number(self, number: str) -> float:
        level = number_level(number, self._number)
        return 0.0 if level is None else self._gains.of[Field.NUMBER][level]

    def _others(self, card: str, insurance: str, phone: str) -> float:
        bits = 0.0
        gains = self._gains.of
        if card and self._card:
            level = old_card_level(card, self._card)
            bits += gains[Field.OLD_CARD][level] if level is not None else 0.0
        if insurance and self._insurance:
            level = number_level(insurance, self._insurance)
            bits += gains[Field.INSURANCE][level] if level is not None else 0.0
        if phone and self._phone:
            bits += gains[Field.PHONE][SAME if phone == self._phone else DIFFERENT]
        return bits

    def _of_people(self, people: str) -> float:
        if not people or not self._people:
            return 0.0
        if people != self._people:
            return self._gains.of[Field.ETHNICITY][DIFFERENT]
        frequency = self._gains.parameters.frequency(Field.ETHNICITY, people)
        return self._gains.rare(Field.ETHNICITY, SAME, frequency)

    def _placed(self, place: tuple[str, ...]) -> float:
        unit, origin, departed, destination = place
        bits = 0.0
        asked = [(a, b) for a, b in ((self._origin, unit), (origin, self._unit)) if a and b]
        if asked:
            bits += self._gains.of[Field.ORIGIN][NAMED if any(a == b for a, b in asked) else ELSEWHERE]
        if bool(departed) != bool(self._departed):  # one of them is an arrival
            left, to, there = departed, destination, self._unit
            if not departed:
                left, to, there = self._departed, self._destination, unit
            level = NONE if left == _STAYED else OPEN if not to or not there else HERE if to == there else ELSEWHERE
            bits += self._gains.of[Field.DEPARTURE][level]
        return bits


class _Name:
    """A person's own name; ``best``: what it can say at most."""

    def __init__(self, text: str, gains: Gains) -> None:
        self._text = text
        self._sounds = _sounds(text)
        self._anything = sum(max(_most(gains, field, None), 0.0) for field in _NAMES)
        self._otherwise = {field: gains.best(field, _OTHERWISE) for field in _NAMES}
        self._patched = gains.best(Field.MIDDLE, (*_OTHERWISE, PARTIAL))
        self._shorter = gains.best(Field.MIDDLE, (Likeness.DIFFERENT, DROPPED, PARTIAL))
        words = text.split(" ")
        self._best = {
            Field.FAMILY: _most(gains, Field.FAMILY, words[0]),
            Field.MIDDLE: _most(gains, Field.MIDDLE, " ".join(words[1:-1])),
            Field.GIVEN: _most(gains, Field.GIVEN, words[-1]),
        }
        best = sum(max(0.0, self._best[field], self._otherwise[field]) for field in _NAMES)
        self.best = max(0.0, self._anything, best + max(0.0, self._patched, self._shorter))

    def most(self, text: str) -> float:
        if not text or not self._text:
            return 0.0
        if _UNSURE in {text, self._text}:
            return self._anything
        ours, theirs = self._sounds, _sounds(text)
        best, otherwise = self._best, self._otherwise
        if len(ours) == len(theirs) and (len(ours) == _WORDS_OF_A_PAIR or _in_order(self._text) == _in_order(text)):
            return sum(max(bits, 0.0) for bits in best.values())  # the words may stand in another order
        bits = best[Field.FAMILY] if ours[0] == theirs[0] else otherwise[Field.FAMILY]
        bits += best[Field.GIVEN] if ours[-1] == theirs[-1] else otherwise[Field.GIVEN]
        if len(ours) != len(theirs):
            return bits + self._shorter
        return bits + (best[Field.MIDDLE] if ours[1:-1] == theirs[1:-1] else self._patched)


def _most(gains: Gains, field: Field, word: str | None) -> float:
    """The most that a part of the name can say where the words are of one sound; ``word`` None: whatever it is."""
    parameters = gains.parameters
    least = parameters.frequency_min
    share = least if word is None else parameters.frequency(field, word)
    unmarked = least if word is None else parameters.frequency(field, word, unmarked=True)
    return max(
        gains.rare(field, Likeness.SAME, share),
        gains.rare(field, Likeness.UNMARKED, unmarked),
        gains.best(field, _OF_ONE_SOUND[2:]),
    )


class _Parent:
    """The name of a parent, as a whole; ``best``: what it can say at most."""

    def __init__(self, field: Field, text: str, gains: Gains) -> None:
        self._text = text
        self._sounds = _sounds(text)
        self._apart = gains.best(field, (Parent.SIMILAR, Parent.DIFFERENT))
        family, *middle, given = ("", "") if _UNSURE in text or " " not in text else text.split(" ")
        words = PART_SEPARATOR.join((given, " ".join(middle), family))
        chance = parent_chance(field, words, gains.parameters)
        self.best = max(gains.rare(field, Parent.SAME, chance), gains.of[field][Parent.VARIANT], 0.0)

    def most(self, text: str) -> float:
        if not text or not self._text:
            return 0.0
        if _UNSURE in {text, self._text}:
            return self.best
        theirs = _sounds(text)
        return self.best if self._sounds[-1] in theirs or theirs[-1] in self._sounds else self._apart
