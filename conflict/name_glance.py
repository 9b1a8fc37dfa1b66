"""Names at a glance: their words, and how much two of them can say at most of whether they are one person's.

Each part of a name counts as if it were the best that two words of one sound can be; words that sound otherwise can be
a slip, and no more.
"""

from __future__ import annotations

from collections.abc import Container
from functools import lru_cache
from math import inf
from typing import Final
from zlib import crc32

from conflict.comparison import PART_SEPARATOR, Field
from conflict.gains import Gains
from conflict.levels import Parent
from conflict.names import DROPPED, PARTIAL, PersonName
from conflict.score import parent_chance
from conflict.syllables import HOMOPHONES, Likeness, is_one_slip, spoken
from conflict.text import folded

UNSURE: Final = "?"
"""Before the words of a name without a given name. Alone: not even the words can be told."""
INITIAL: Final = "."  # after a word of which only the beginning was written
SEPARATOR: Final = "|"  # of the fields of a glance
_MARKS_OF_OURS: Final = frozenset({SEPARATOR, UNSURE, INITIAL, " "})
_WORDS_KEPT: Final = 65_536
_OF_ONE_SOUND: Final = (
    *(Likeness.SAME, Likeness.UNMARKED),  # these count by how common the words are
    *(Likeness.INITIAL, Likeness.HOMOPHONE, Likeness.SPOKEN, Likeness.TONE, Likeness.MARKS),
)
_OTHERWISE: Final = tuple(grade for grade in Likeness if grade not in _OF_ONE_SOUND)
_NAMES: Final = (Field.FAMILY, Field.MIDDLE, Field.GIVEN)
PAIR: Final = 2


def name_words(name: PersonName) -> str:
    """The words of a name as a glance has them, in the order of its parts; '' for a name that says nothing."""
    words = name.words
    if not name.says_anything:
        return ""
    if any(word.unreadable or not _MARKS_OF_OURS.isdisjoint(word.key) for word in words):
        return UNSURE
    if name.given is not None:
        return " ".join(word.key + INITIAL * word.initial for word in words)
    return UNSURE if any(word.initial for word in words) else UNSURE + " ".join(word.key for word in words)


@lru_cache(maxsize=_WORDS_KEPT)
def sound_of(key: str) -> str:
    """Equal for all words whose likeness is one of ``_OF_ONE_SOUND``, and perhaps for others."""
    heard = folded(spoken(key.rstrip(INITIAL)))
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
def sounds(words: str) -> tuple[str, ...]:
    return tuple(map(sound_of, words.split(" ")))


@lru_cache(maxsize=_WORDS_KEPT)
def in_order(words: str) -> list[str]:
    return sorted(sounds(words))


def hashed(text: str, values: int) -> int:
    """A number below ``values``; equal for equal texts, on every machine and for ever."""
    return crc32(text.encode()) % values


SAYS_NOTHING: Final = 0
_FAMILIES, _MIDDLES, _GIVENS, _ORDERS = 16, 32, 32, 32
NAME_CODES: Final = _FAMILIES * _MIDDLES * _GIVENS * _ORDERS
UNTOLD: Final = NAME_CODES - 1
"""The code of a name whose words cannot be told, or are written in an unusual way: as good as any."""
PARENT_CODES: Final = 32
_PARENT_UNTOLD: Final = PARENT_CODES - 1


def name_code(text: str) -> int:
    """The words of a name (``name_words``) as a number below ``NAME_CODES``: how its parts sound, and all of its words
    in any order.
    """
    if not text:
        return SAYS_NOTHING
    if UNSURE in text or INITIAL in text or " " not in text:
        return UNTOLD
    family, *middle, given = sounds(text)
    code = hashed(family, _FAMILIES)
    code = code * _MIDDLES + (1 + hashed(" ".join(middle), _MIDDLES - 1) if middle else 0)
    code = code * _GIVENS + 1 + hashed(given, _GIVENS - 2)  # never 0 as a whole, and never the last one
    return code * _ORDERS + hashed(" ".join(in_order(text)), _ORDERS)


def _parts_of(code: int) -> tuple[int, int, int, int]:
    code, order = divmod(code, _ORDERS)
    code, given = divmod(code, _GIVENS)
    family, middle = divmod(code, _MIDDLES)
    return family, middle, given, order


def parent_code(text: str) -> int:
    """How the given name of a parent sounds, as a number below ``PARENT_CODES``."""
    if not text:
        return SAYS_NOTHING
    return _PARENT_UNTOLD if UNSURE in text or INITIAL in text else _code_of_given(sounds(text)[-1])


def _code_of_given(sound: str) -> int:
    return 1 + hashed(sound, PARENT_CODES - 2)


class OwnName:
    """A person's own name; ``best``: what it can say at most, ``usual``: where both are written in the usual way."""

    def __init__(self, text: str, gains: Gains) -> None:
        self._text = text
        self._told = text.strip(UNSURE)
        words = self._told.replace(INITIAL, "").split(" ")
        self._sounds, self._code = sounds(self._told), name_code(text)
        self._parts = _parts_of(self._code)
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
        if text[0] == UNSURE or self._text[0] == UNSURE:
            return self._of_unusual(text)
        ours, theirs = self._sounds, sounds(text)
        if len(ours) == 1 or len(theirs) == 1:
            return self._of_one_word(text)
        if len(ours) == len(theirs) and self._may_be_exchanged(text):
            return self._exchanged  # the words may stand in another order
        if INITIAL in text or INITIAL in self._text:
            return self._of_initials(text)
        best, otherwise = self._best, self._otherwise
        bits = best[Field.FAMILY] if ours[0] == theirs[0] else otherwise[Field.FAMILY]
        bits += best[Field.GIVEN] if ours[-1] == theirs[-1] else otherwise[Field.GIVEN]
        if len(ours) != len(theirs):
            return bits + self._shorter
        return bits + (best[Field.MIDDLE] if ours[1:-1] == theirs[1:-1] else self._patched)

    def most_by(self, code: int) -> float:
        """As ``most``, by the code of the other name."""
        if not self._text or code == SAYS_NOTHING:
            return 0.0
        if UNTOLD in {code, self._code}:
            return self.best
        family, middle, given, order = _parts_of(code)
        my_family, my_middle, my_given, my_order = self._parts
        best, otherwise = self._best, self._otherwise
        bits = best[Field.FAMILY] if family == my_family else otherwise[Field.FAMILY]
        bits += best[Field.GIVEN] if given == my_given else otherwise[Field.GIVEN]
        bits += max(self._patched, self._shorter, best[Field.MIDDLE] if middle == my_middle else -inf)
        pair = middle == my_middle == 0  # perhaps in each other's place, and perhaps with a slip
        return max(bits, self._exchanged) if pair or order == my_order else bits

    def _of_one_word(self, text: str) -> float:
        """The given name, and nothing else is said of one of them; it may stand elsewhere in the other."""
        straight = self._part(Field.GIVEN, *(said.rpartition(" ")[2] for said in (self._text, text)))
        return straight if set(self._sounds).isdisjoint(sounds(text)) else max(straight, self._any_given)

    def _of_unusual(self, text: str) -> float:
        """Where a given name is missing; no word in common is no part in common."""
        told = text.strip(UNSURE)
        if told and self._told and INITIAL not in told + self._told and set(self._sounds).isdisjoint(sounds(told)):
            return 0.0
        return self._anything

    def _may_be_exchanged(self, text: str) -> bool:
        if len(self._sounds) == PAIR:
            (first, last), (its_first, its_last) = self._text.split(" "), text.split(" ")
            return _is_close(first, its_last) and _is_close(last, its_first)
        return in_order(self._text) == in_order(text)

    def _of_initials(self, text: str) -> float:
        ours, theirs = self._text.split(" "), text.split(" ")
        bits = self._part(Field.FAMILY, ours[0], theirs[0]) + self._part(Field.GIVEN, ours[-1], theirs[-1])
        middle = max(self._initial[Field.MIDDLE], self._patched, self._shorter)
        return bits + (max(middle, self._best[Field.MIDDLE]) if self._sounds[1:-1] == sounds(text)[1:-1] else middle)

    def _part(self, field: Field, word: str, other: str) -> float:
        if sound_of(word) == sound_of(other):
            return self._best[field]
        if INITIAL not in word + other:
            return self._otherwise[field]
        return self._initial[field] if _begins(word, other) else self._different[field]


def _is_close(word: str, other: str) -> bool:
    """Whether two words may stand for each other in another place, perhaps with a slip."""
    if INITIAL in word + other:
        return _begins(word, other)
    return sound_of(word) == sound_of(other) or is_one_slip(folded(word), folded(other))


def _begins(word: str, other: str) -> bool:
    """Whether one is how the other begins, or what is left of it."""
    one, two = folded(word.rstrip(INITIAL)), folded(other.rstrip(INITIAL))
    return one.startswith(two) or two.startswith(one)


@lru_cache(maxsize=_WORDS_KEPT)
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


class ParentName:
    """The name of a parent, as a whole; ``best``: what it can say at most."""

    def __init__(self, field: Field, text: str, gains: Gains) -> None:
        self._text = text
        self._sounds = sounds(text)
        usual = parent_code(text) != _PARENT_UNTOLD and len(self._sounds) > 1
        codes = {_PARENT_UNTOLD, *map(_code_of_given, self._sounds)} if usual else range(PARENT_CODES)
        self._codes: Container[int] = codes
        self._apart = gains.best(field, (Parent.SIMILAR, Parent.DIFFERENT))
        said = text.replace(INITIAL, "")
        family, *middle, given = said.split(" ") if " " in said else ("", said)
        words = PART_SEPARATOR.join((given, " ".join(middle), family))
        chance = 0.0 if UNSURE in text else parent_chance(field, words, gains.parameters)
        self.best = max(gains.rare(field, Parent.SAME, chance), gains.of[field][Parent.VARIANT], 0.0)

    def most(self, text: str) -> float:
        if not text or not self._text:
            return 0.0
        if UNSURE in text or UNSURE in self._text:
            return self.best if UNSURE in {text, self._text} else 0.0  # without a given name nothing is compared
        if INITIAL in text + self._text and self._may_be_other_way_round(text):
            return self.best
        theirs = sounds(text)
        alone = len(self._sounds) == 1 and self._sounds[0] in theirs
        return self.best if alone or theirs[-1] in self._sounds else self._apart

    def _may_be_other_way_round(self, text: str) -> bool:
        """Where a given name is an initial, or both are of two words."""
        pair = len(self._sounds) == len(sounds(text)) == PAIR
        return pair or text.endswith(INITIAL) or self._text.endswith(INITIAL)

    def most_by(self, code: int) -> float:
        """As ``most``, by the code of the other name."""
        if not self._text or code == SAYS_NOTHING:
            return 0.0
        return self.best if code in self._codes else self._apart
