"""What a description says at a glance: enough to see that two records cannot be one person, without reading either.

A glance is a short text that an index keeps beside the keys of a record. ``Ceiling`` tells from two of them how high
their score (``conflict.score``, without companions) can be at most. It is no score: whoever may reach a threshold is
to be compared. Fields that the text has whole count as they are; of names it has the words, and counts each part as if
it were the best that two words of one sound can be.
"""

from __future__ import annotations

import hashlib
from calendar import isleap
from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from math import inf, log2
from typing import Final, TypeVar

from conflict.comparison import DIFFERENT, ELSEWHERE, HERE, KEPT, NAMED, NONE, OPEN, PART_SEPARATOR, SAME, Field
from conflict.dates import PartialDate, parse_date
from conflict.description import Description
from conflict.levels import Birth, Number, Parent, SexLevel, birth_level, number_level, old_card_level
from conflict.names import DROPPED, PARTIAL, PersonName
from conflict.parameters import PROBABILITY_MIN, Parameters
from conflict.score import parent_chance
from conflict.syllables import HOMOPHONES, Likeness, is_one_slip, spoken
from conflict.text import folded

Key = TypeVar("Key", bound=Hashable)

ROUNDING_BITS: Final = 1e-6
"""Sums of floats in another order differ by less."""
_SEPARATOR: Final = "|"
_REPORT_BYTES: Final = 8
_STAYED, _LEFT = "0", "1"
_PLACES: Final = ";"
_STANDS: Final = f"{_PLACES}{_PLACES}{_STAYED}{_PLACES}"  # after the unit: who came from nowhere else, and has not left
_UNKNOWN_UNIT: Final = "?"
_BEFORE_NAMES: Final = 6
_UNSURE: Final = "?"
"""Before the words of a name without a given name. Alone: not even the words can be told."""
_INITIAL: Final = "."  # after a word of which only the beginning was written
_MARKS_OF_OURS: Final = frozenset({_SEPARATOR, _UNSURE, _INITIAL, " "})
_YEAR_CHARACTERS = 4
_DAY_CHARACTERS = 10
_TAIL: Final = 4  # letters at the end of a number
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
    place = (said.unit, said.origin, departed, said.destination)
    fields = (
        *(said.personal_id, said.insurance, "" if said.birth is None else str(said.birth), said.sex),
        _PLACES.join(part.replace(_PLACES, " ") for part in place),
        *(said.old_card, said.phone, said.ethnicity),
        *(_words(name) for name in (said.name, said.father, said.mother)),
    )
    words = _SEPARATOR.join(field.replace(_SEPARATOR, " ") for field in fields)
    return f"{hashlib.blake2b(report.encode(), digest_size=_REPORT_BYTES).hexdigest() if report else ''}|{words}"


def _words(name: PersonName) -> str:
    words = name.words
    if not name.says_anything:
        return ""
    if any(word.unreadable or not _MARKS_OF_OURS.isdisjoint(word.key) for word in words):
        return _UNSURE
    if name.given is not None:
        return " ".join(word.key + _INITIAL * word.initial for word in words)
    return _UNSURE if any(word.initial for word in words) else _UNSURE + " ".join(word.key for word in words)


@lru_cache(maxsize=_WORDS_KEPT)
def _sound(key: str) -> str:
    """Equal for all words whose likeness is one of ``_OF_ONE_SOUND``, and perhaps for others."""
    heard = folded(spoken(key.rstrip(_INITIAL)))
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


@lru_cache(maxsize=_DATES_KEPT)
def _level_in_year(one: str, other: str, leap: bool) -> Birth:  # noqa: FBT001
    """Of two whole dates of one year, MM-DD: what they have in common does not depend on the year."""
    year = "2000" if leap else "2001"
    level = birth_level(parse_date(f"{year}-{one}"), parse_date(f"{year}-{other}"))
    assert level is not None
    return level


def _ends(number: str) -> tuple[str, str]:
    """A beginning and an end of which one is left in every text that is a slip away, and hardly ever in another: they
    leave out one letter, and two that were exchanged cannot be in both.
    """
    return (number[: -_TAIL - 1], number[-_TAIL:]) if len(number) >= 2 * _TAIL + 1 else ("", "")


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
        self._report, self._number, self._insurance, birth, self._sex, place, *others = text.split(_SEPARATOR)
        self._card, self._phone, self._people, name, father, mother = others
        self._unit, self._origin, self._departed, self._destination = place.split(_PLACES)
        self._gains = gains
        self._prior = gains.prior + ROUNDING_BITS
        self._number_head, self._number_tail = _ends(self._number)
        self._insurance_head, self._insurance_tail = _ends(self._insurance)
        self._number_apart = gains.of[Field.NUMBER][Number.DIFFERENT]
        self._insurance_apart = gains.of[Field.INSURANCE][Number.DIFFERENT]
        self._birth, self._born_text, self._births = _date(birth), birth, _Kept(self._born)
        self._places, self._sexes, self._peoples = _Kept(self._placed), _Kept(self._of_sex), _Kept(self._of_people)
        self._staying = self._places[_UNKNOWN_UNIT + _STANDS], self._places[self._origin + _STANDS]
        self._stands_there = self._origin + _STANDS
        own = _Name(name, gains)
        parents = [_Parent(field, said, gains) for field, said in ((Field.FATHER, father), (Field.MOTHER, mother))]
        self._names = _Kept(own.most)
        self._fathers, self._mothers = (_Kept(parent.most) for parent in parents)
        kinds = ((Field.OLD_CARD, self._card), (Field.PHONE, self._phone))
        cards = sum(max(gains.of[kind].values()) for kind, mine in kinds if mine)
        self._cards_best = cards + max(0.0, self._peoples[self._people])
        self._parents_best = sum(parent.best for parent in parents)
        self._names_best, self._usual_best = self._parents_best + own.best, self._parents_best + own.usual

    def promise(self, text: str, floor: float = -inf, *, alarms: bool = True) -> float:
        """What the score with the record of that glance cannot exceed, in bits. Where that is less than ``floor``, only
        that it is less need be worked out: what costs little and tells much comes first, and nearly everybody is seen
        to be a stranger before names are looked at.

        ``alarms``: without end for one number on two people, which is an alarm however little they are alike, and for
        one report under two ids.
        """
        report, number, insurance, birth, sex, place, others = text.split(_SEPARATOR, _BEFORE_NAMES)
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
        if place.endswith(_STANDS) and place != _STANDS:
            bits += self._staying[place == self._stands_there]
        else:
            bits += self._places[place]
        if sex:
            bits += self._sexes[sex]
        names_best = self._names_best if _UNSURE in others else self._usual_best
        if bits + names_best + self._cards_best < floor:
            return bits + names_best + self._cards_best
        card, phone, people, name, father, mother = others.split(_SEPARATOR)
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
        gains = self._gains.of[Field.SEX]
        return gains[SexLevel.SAME] if sex == self._sex else max(gains[SexLevel.EXPLAINED], gains[SexLevel.DIFFERENT])

    def _born(self, text: str) -> float:
        gains = self._gains.of[Field.BIRTH]
        mine = self._born_text
        if len(text) == len(mine) == _DAY_CHARACTERS and text[:_YEAR_CHARACTERS] == mine[:_YEAR_CHARACTERS]:
            days = mine[_YEAR_CHARACTERS + 1 :], text[_YEAR_CHARACTERS + 1 :]
            return gains[_level_in_year(*days, isleap(int(mine[:_YEAR_CHARACTERS])))]
        level = birth_level(self._birth, _date(text))
        return 0.0 if level is None else gains[level]

    def _of_number(self, field: Field, number: str, mine: str) -> float:
        level = number_level(number, mine)
        return 0.0 if level is None else self._gains.of[field][level]

    def _cards(self, card: str, phone: str) -> float:
        bits = 0.0
        gains = self._gains.of
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
            return self._gains.of[Field.ETHNICITY][DIFFERENT]
        frequency = self._gains.parameters.frequency(Field.ETHNICITY, people)
        return self._gains.rare(Field.ETHNICITY, SAME, frequency)

    def _placed(self, place: str) -> float:
        unit, origin, departed, destination = place.split(_PLACES)
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
    """A person's own name; ``best``: what it can say at most, ``usual``: where both are written in the usual way."""

    def __init__(self, text: str, gains: Gains) -> None:
        self._text = text
        self._told = text.strip(_UNSURE)
        words = self._told.replace(_INITIAL, "").split(" ")
        self._sounds = _sounds(self._told)
        self._initial = {field: gains.of[field][Likeness.INITIAL] for field in _NAMES}
        self._different = {field: gains.of[field][Likeness.DIFFERENT] for field in _NAMES}
        self._otherwise = {field: gains.best(field, _OTHERWISE) for field in _NAMES}
        self._patched = gains.best(Field.MIDDLE, (*_OTHERWISE, PARTIAL))
        self._shorter = gains.best(Field.MIDDLE, (Likeness.DIFFERENT, DROPPED, PARTIAL))
        self._best = {
            Field.FAMILY: _most(gains, Field.FAMILY, words[0]),
            Field.MIDDLE: _most(gains, Field.MIDDLE, " ".join(words[1:-1])),
            Field.GIVEN: _most(gains, Field.GIVEN, words[-1]),
        }
        self._exchanged = sum(max(bits, 0.0) for bits in self._best.values())
        ends = max(self._exchanged, *(_most(gains, Field.GIVEN, word) for word in words))
        self.usual = ends + max(0.0, *self._initial.values(), self._patched, self._shorter)
        self._any_given = max(_most(gains, Field.GIVEN, word) for word in words)
        self._anything = sum(max(0.0, _most(gains, field, None)) for field in _NAMES)
        self.best = max(self.usual, self._any_given, self._anything) if text else 0.0

    def most(self, text: str) -> float:
        if not text or not self._text:
            return 0.0
        if text[0] == _UNSURE or self._text[0] == _UNSURE:
            return self._of_unusual(text)
        ours, theirs = self._sounds, _sounds(text)
        if len(ours) == 1 or len(theirs) == 1:
            return self._of_one_word(text)
        if len(ours) == len(theirs) and self._may_be_exchanged(text):
            return self._exchanged  # the words may stand in another order
        if _INITIAL in text or _INITIAL in self._text:
            return self._of_initials(text)
        best, otherwise = self._best, self._otherwise
        bits = best[Field.FAMILY] if ours[0] == theirs[0] else otherwise[Field.FAMILY]
        bits += best[Field.GIVEN] if ours[-1] == theirs[-1] else otherwise[Field.GIVEN]
        if len(ours) != len(theirs):
            return bits + self._shorter
        return bits + (best[Field.MIDDLE] if ours[1:-1] == theirs[1:-1] else self._patched)

    def _of_one_word(self, text: str) -> float:
        """The given name, and nothing else is said of one of them; it may stand elsewhere in the other."""
        straight = self._part(Field.GIVEN, *(said.rpartition(" ")[2] for said in (self._text, text)))
        return straight if set(self._sounds).isdisjoint(_sounds(text)) else max(straight, self._any_given)

    def _of_unusual(self, text: str) -> float:
        """Where a given name is missing; no word in common is no part in common."""
        told = text.strip(_UNSURE)
        if told and self._told and _INITIAL not in told + self._told and set(self._sounds).isdisjoint(_sounds(told)):
            return 0.0
        return self._anything

    def _may_be_exchanged(self, text: str) -> bool:
        if len(self._sounds) == _WORDS_OF_A_PAIR:
            (first, last), (its_first, its_last) = self._text.split(" "), text.split(" ")
            return _is_close(first, its_last) and _is_close(last, its_first)
        return _in_order(self._text) == _in_order(text)

    def _of_initials(self, text: str) -> float:
        ours, theirs = self._text.split(" "), text.split(" ")
        bits = self._part(Field.FAMILY, ours[0], theirs[0]) + self._part(Field.GIVEN, ours[-1], theirs[-1])
        middle = max(self._initial[Field.MIDDLE], self._patched, self._shorter)
        return bits + (max(middle, self._best[Field.MIDDLE]) if self._sounds[1:-1] == _sounds(text)[1:-1] else middle)

    def _part(self, field: Field, word: str, other: str) -> float:
        if _sound(word) == _sound(other):
            return self._best[field]
        if _INITIAL not in word + other:
            return self._otherwise[field]
        return self._initial[field] if _begins(word, other) else self._different[field]


def _is_close(word: str, other: str) -> bool:
    """Whether two words may stand for each other in another place, perhaps with a slip."""
    if _INITIAL in word + other:
        return _begins(word, other)
    return _sound(word) == _sound(other) or is_one_slip(folded(word), folded(other))


def _begins(word: str, other: str) -> bool:
    """Whether one is how the other begins, or what is left of it."""
    one, two = folded(word.rstrip(_INITIAL)), folded(other.rstrip(_INITIAL))
    return one.startswith(two) or two.startswith(one)


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
        said = text.replace(_INITIAL, "")
        family, *middle, given = said.split(" ") if " " in said else ("", said)
        words = PART_SEPARATOR.join((given, " ".join(middle), family))
        chance = 0.0 if _UNSURE in text else parent_chance(field, words, gains.parameters)
        self.best = max(gains.rare(field, Parent.SAME, chance), gains.of[field][Parent.VARIANT], 0.0)

    def most(self, text: str) -> float:
        if not text or not self._text:
            return 0.0
        if _UNSURE in text or _UNSURE in self._text:
            return self.best if _UNSURE in {text, self._text} else 0.0  # without a given name nothing is compared
        if _INITIAL in text + self._text and self._may_be_other_way_round(text):
            return self.best
        theirs = _sounds(text)
        return self.best if self._sounds[-1] in theirs or theirs[-1] in self._sounds else self._apart

    def _may_be_other_way_round(self, text: str) -> bool:
        """Where a given name is an initial, or both are of two words."""
        pair = len(self._sounds) == len(_sounds(text)) == _WORDS_OF_A_PAIR
        return pair or text.endswith(_INITIAL) or self._text.endswith(_INITIAL)
