"""What a description says at a glance: enough to see that two records cannot be one person, without reading either.

A glance is a short text that an index keeps beside the keys of a record. ``Ceiling`` tells from two of them how high
their score (``conflict.score``, without companions) can be at most. It is no score: whoever may reach a threshold is
to be compared. Fields that the text has whole count as they are; of names it has the words, and counts each part as if
it were the best that two words of one sound can be.
"""

from __future__ import annotations

import hashlib
from calendar import isleap
from functools import lru_cache
from math import inf
from typing import Final

from conflict.comparison import DIFFERENT, ELSEWHERE, HERE, NAMED, NONE, OPEN, SAME, Field
from conflict.dates import PartialDate, parse_date
from conflict.description import Description
from conflict.gains import Gains, Kept
from conflict.levels import Birth, Number, SexLevel, birth_level, number_level, old_card_level
from conflict.name_glance import SEPARATOR, UNSURE, OwnName, ParentName, name_words

ROUNDING_BITS: Final = 1e-6
"""Sums of floats in another order differ by less."""
_REPORT_BYTES: Final = 8
_STAYED, _LEFT = "0", "1"
_PLACES: Final = ";"
_STANDS: Final = f"{_PLACES}{_PLACES}{_STAYED}{_PLACES}"  # after the unit: who came from nowhere else, and has not left
_UNKNOWN_UNIT: Final = "?"
_BEFORE_NAMES: Final = 6
YEAR_CHARACTERS = 4
DAY_CHARACTERS = 10
_TAIL: Final = 3  # letters at the end of a number
_DATES_KEPT: Final = 65_536


def glance(said: Description, report: str = "") -> str:
    """The text of a description. ``report``: the arrival in its words (``linking.Party``)."""
    departed = {None: "", False: _STAYED, True: _LEFT}[said.departed]
    place = (said.unit, said.origin, departed, said.destination)
    fields = (
        *(said.personal_id, said.insurance, "" if said.birth is None else str(said.birth), said.sex),
        _PLACES.join(part.replace(_PLACES, " ") for part in place),
        *(said.old_card, said.phone, said.ethnicity),
        *(name_words(name) for name in (said.name, said.father, said.mother)),
    )
    words = SEPARATOR.join(field.replace(SEPARATOR, " ") for field in fields)
    return f"{hashlib.blake2b(report.encode(), digest_size=_REPORT_BYTES).hexdigest() if report else ''}|{words}"


@lru_cache(maxsize=_DATES_KEPT)
def _date(text: str) -> PartialDate | None:
    return parse_date(text) if text else None


@lru_cache(maxsize=_DATES_KEPT)
def _level_in_year(one: str, other: str, leap: bool) -> Birth:  # noqa: FBT001
    """Of two whole dates of one year, MM-DD: what they have in common does not depend on the year."""
    year = "2000" if leap else "2001"
    level = birth_level(parse_date(f"{year}-{one}"), parse_date(f"{year}-{other}"))
    assert level is not None
    return level


def stands(place: str) -> bool:
    """Whether somebody is known to be somewhere, and has come from nowhere else and not left."""
    return place.endswith(_STANDS) and place != _STANDS


def ends(number: str) -> tuple[str, str]:
    """A beginning and an end of which one is left in every text that is a slip away, and hardly ever in another: they
    leave out one letter, and two that were exchanged cannot be in both.
    """
    return (number[: -_TAIL - 1], number[-_TAIL:]) if len(number) >= 2 * _TAIL + 1 else ("", "")


class Ceiling:
    """How high the score of one record, given by its glance, can be with others. For one search: it keeps what it has
    worked out.
    """

    def __init__(self, text: str, gains: Gains) -> None:
        self.text, self.gains = text, gains
        self._report, self._number, self._insurance, birth, self._sex, place, *others = text.split(SEPARATOR)
        self._card, self._phone, self._people, name, father, mother = others
        self._unit, self._origin, self._departed, self._destination = place.split(_PLACES)
        self.numbers = self._number, self._card, self._insurance, self._phone
        self._prior = gains.prior + ROUNDING_BITS
        self._number_head, self._number_tail = ends(self._number)
        self._insurance_head, self._insurance_tail = ends(self._insurance)
        self._number_apart = gains.of[Field.NUMBER][Number.DIFFERENT]
        self._insurance_apart = gains.of[Field.INSURANCE][Number.DIFFERENT]
        self._birth, self._born_text, self._births = _date(birth), birth, Kept(self._born)
        self._places, self._sexes, self._peoples = Kept(self._placed), Kept(self._of_sex), Kept(self._of_people)
        self._staying = self._places[_UNKNOWN_UNIT + _STANDS], self._places[self._origin + _STANDS]
        self._stands_there = self._origin + _STANDS
        self.own = OwnName(name, gains)
        self.parents = ParentName(Field.FATHER, father, gains), ParentName(Field.MOTHER, mother, gains)
        self._names = Kept(self.own.most)
        self._fathers, self._mothers = (Kept(of.most) for of in self.parents)
        kinds = ((Field.OLD_CARD, self._card), (Field.PHONE, self._phone))
        cards = sum(max(gains.of[kind].values()) for kind, mine in kinds if mine)
        self.cards_best = cards + max(0.0, self._peoples[self._people])
        slips = max(gains.of[Field.OLD_CARD][Number.SLIP], 0.0) if self._card else 0.0
        self.cards_of_strangers = slips + max(0.0, self._peoples[self._people])
        self.standing_best = max(self._staying)
        left = max(gains.of[Field.DEPARTURE].values()) if self._departed != _STAYED else 0.0
        self.places_best = max(0.0, gains.of[Field.ORIGIN][NAMED]) + max(0.0, left)
        self._parents_best = sum(of.best for of in self.parents)
        self._names_best = self._parents_best + self.own.best
        self._usual_best = self._parents_best + self.own.usual

    def promise(self, text: str, floor: float = -inf, *, alarms: bool = True) -> float:
        """What the score with the record of that glance cannot exceed, in bits. Where that is less than ``floor``, only
        that it is less need be worked out: what costs little and tells much comes first, and nearly everybody is seen
        to be a stranger before names are looked at.

        ``alarms``: without end for one number on two people, which is an alarm however little they are alike, and for
        one report under two ids.
        """
        report, number, insurance, birth, sex, place, others = text.split(SEPARATOR, _BEFORE_NAMES)
        if report and alarms and report == self._report:
            return inf
        bits = self._prior
        if number and self._number:
            if number[-_TAIL:] != self._number_tail and not number.startswith(self._number_head):
                bits += self._number_apart
            elif number == self._number and alarms:
                return inf
            else:
                bits += self._of_number(Field.NUMBER, number, self._number)
        if insurance and self._insurance:
            if insurance[-_TAIL:] != self._insurance_tail and not insurance.startswith(self._insurance_head):
                bits += self._insurance_apart
            else:
                bits += self._of_number(Field.INSURANCE, insurance, self._insurance)
        bits += self._births[birth]
        if stands(place):
            bits += self._staying[place == self._stands_there]
        else:
            bits += self._places[place]
        if sex:
            bits += self._sexes[sex]
        names_best = self._names_best if UNSURE in others else self._usual_best
        if bits + names_best + self.cards_best < floor:
            return bits + names_best + self.cards_best
        card, phone, people, name, father, mother = others.split(SEPARATOR)
        bits += self._cards(card, phone) + self._peoples[people]
        if bits + names_best < floor:
            return bits + names_best
        bits += self._names[name]
        if bits + self._parents_best < floor:
            return bits + self._parents_best
        return bits + self._fathers[father] + self._mothers[mother]

    def _of_sex(self, sex: str) -> float:
        if not sex or not self._sex:
            return 0.0
        gains = self.gains.of[Field.SEX]
        return gains[SexLevel.SAME] if sex == self._sex else max(gains[SexLevel.EXPLAINED], gains[SexLevel.DIFFERENT])

    def _born(self, text: str) -> float:
        gains = self.gains.of[Field.BIRTH]
        mine = self._born_text
        if len(text) == len(mine) == DAY_CHARACTERS and text[:YEAR_CHARACTERS] == mine[:YEAR_CHARACTERS]:
            days = mine[YEAR_CHARACTERS + 1 :], text[YEAR_CHARACTERS + 1 :]
            return gains[_level_in_year(*days, isleap(int(mine[:YEAR_CHARACTERS])))]
        level = birth_level(self._birth, _date(text))
        return 0.0 if level is None else gains[level]

    def _of_number(self, field: Field, number: str, mine: str) -> float:
        level = number_level(number, mine)
        return 0.0 if level is None else self.gains.of[field][level]

    def _cards(self, card: str, phone: str) -> float:
        bits = 0.0
        gains = self.gains.of
        if card and self._card:
            level = old_card_level(card, self._card)
            bits += gains[Field.OLD_CARD][level] if level is not None else 0.0
        if phone and self._phone:
            bits += gains[Field.PHONE][SAME if phone == self._phone else DIFFERENT]
        return bits

    def _of_people(self, people: str) -> float:
        if not people or not self._people:
            return 0.0
        if people != self._people:
            return self.gains.of[Field.ETHNICITY][DIFFERENT]
        frequency = self.gains.parameters.frequency(Field.ETHNICITY, people)
        return self.gains.rare(Field.ETHNICITY, SAME, frequency)

    def _placed(self, place: str) -> float:
        unit, origin, departed, destination = place.split(_PLACES)
        bits = 0.0
        asked = [(a, b) for a, b in ((self._origin, unit), (origin, self._unit)) if a and b]
        if asked:
            bits += self.gains.of[Field.ORIGIN][NAMED if any(a == b for a, b in asked) else ELSEWHERE]
        if bool(departed) != bool(self._departed):  # one of them is an arrival
            left, to, there = departed, destination, self._unit
            if not departed:
                left, to, there = self._departed, self._destination, unit
            level = NONE if left == _STAYED else OPEN if not to or not there else HERE if to == there else ELSEWHERE
            bits += self.gains.of[Field.DEPARTURE][level]
        return bits
