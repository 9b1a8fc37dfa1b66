"""Names as people write them, and the comparison of two of them, part by part: family, middle, given (RESOLVER 4).

The given name says most and the family name little, so each part has its own grade. Minority names have other parts in
another order (Y Wang Mlô, Siu H'Blen, Niê Y Wang) and prefixes that come and go: a prefix is set aside, and the same
words in another order are graded evidence, never a veto. Placeholders and unreadable remnants say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from conflict.spelling import spelling_key
from conflict.syllables import COMPATIBLE, Likeness, Syllable, likeness, syllable
from conflict.text import converted, folded, legacy_encoding

_NAMES_KEPT: Final = 65_536
_PREFIX: Final = re.compile(r"([YAyaHhKk])['’ʼ`]\s*(?=\w)")  # H'Blen, H’ Blen
_PREFIX_WORDS: Final = frozenset({"y", "a", "h", "k"})
_JOINED_H: Final = re.compile(r"H(?=[BCDĐGHJKLMNPRSTVWX]\w)")  # HBlen: no Vietnamese word begins so
_PLACEHOLDERS: Final = frozenset(map(spelling_key, ("trai", "gái")))
_FILLERS: Final = frozenset(
    map(spelling_key, "trai gái bé con cháu sơ sinh chưa có đặt tên không rõ khuyết danh".split())  # noqa: SIM905
)
"""A name of such words alone is none: "Bé Trai", "Chưa đặt tên"; keys of spelling."""
_NOT_WORDS: Final = frozenset("-–—?/_,;()")


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name in parts. ``family`` is None for a given name alone, ``given`` for a placeholder or an empty name."""

    family: Syllable | None = None
    middle: tuple[Syllable, ...] = ()
    given: Syllable | None = None
    prefix: str = ""
    """y, a, h or k: it tells the sex, but not the same sex among all peoples."""
    unmarked: bool = False
    """No mark stands anywhere in it, as on old telegraphs and keyboards."""
    placeholder: bool = False
    legacy: str = ""
    """The encoding from which it was converted: tcvn3, vni, or ''."""

    @property
    def words(self) -> tuple[Syllable, ...]:
        """All parts in their order, the prefix left out."""
        return tuple(part for part in (self.family, *self.middle, self.given) if part is not None)

    @property
    def says_anything(self) -> bool:
        return any(not word.unreadable for word in self.words)


NO_NAME: Final = PersonName()


@lru_cache(maxsize=_NAMES_KEPT)
def parse_name(text: str) -> PersonName:
    """The parts of a name as written. Any text gives a name; an empty one or a placeholder gives one without parts."""
    legacy = legacy_encoding(text)
    meant = converted(text)
    kept, prefix, at = _without_prefix(meant)
    unmarked = len(kept) > 1 and folded(meant) == meant.lower()  # "An" alone may be a whole word
    if all(spelling_key(part) in _FILLERS for part in kept):
        return PersonName(prefix=prefix, placeholder=bool(kept), legacy=legacy)
    words = [syllable(part) for part in kept]
    if prefix and len(words) == 2:
        words = [words[1 - at], words[at]]  # Y Wang Niê and Niê Y Wang: the clan is the other one
    return _parts(words, prefix, legacy, unmarked=unmarked)


def _without_prefix(text: str) -> tuple[list[str], str, int]:
    """(words, prefix, place of the word that it stood before: the given name begins there)."""
    prefix, kept, at = "", list[str](), 0
    spaced = _PREFIX.sub(lambda found: f" {found[1]}' ", text)
    parts = [part for part in re.sub(r"\.(?=\w)", ". ", spaced).split() if part not in _NOT_WORDS]
    for position, part in enumerate(parts):
        if part.lower().rstrip("'") in _PREFIX_WORDS and position < len(parts) - 1 and not prefix:
            prefix, at = part.lower().rstrip("'"), len(kept)
        elif _JOINED_H.match(part) and len(part) > 3:
            prefix, at = (prefix or "h"), (at if prefix else len(kept))
            kept.append(part[1:])
        else:
            kept.append(part)
    return kept, prefix, at


def _parts(words: Sequence[Syllable], prefix: str, legacy: str, *, unmarked: bool) -> PersonName:
    family = words[0] if len(words) > 1 else None
    if words[-1].key in _PLACEHOLDERS and len(words) > 1:
        middle = tuple(word for word in words[1:-1] if word.key not in _FILLERS)
        return PersonName(family, middle, None, prefix, unmarked, placeholder=True, legacy=legacy)
    return PersonName(family, tuple(words[1:-1]), words[-1], prefix, unmarked, legacy=legacy)


# --- comparison ------------------------------------------------------------------------------------------------------

Part = tuple[str, str, str]
"""(grade, word of the one, word of the other); the words are keys of ``Syllable``. Grades are those of ``Likeness`` and
the ones below."""

DROPPED: Final = "dropped"
"""Words of the middle name were left out, the others agree."""
PARTIAL: Final = "partial"
"""One word of the middle name agrees."""


@dataclass(frozen=True, slots=True)
class NameComparison:
    """The grades of two names; None where one of them says nothing about that part."""

    family: Part | None = None
    middle: Part | None = None
    given: Part | None = None
    reordered: bool = False
    """The same words in another order, or a clan name on one side only."""


def compare_names(one: PersonName, other: PersonName) -> NameComparison:
    """Part by part, and the same whichever comes first (but for the order of the words in a ``Part``)."""
    if not one.says_anything or not other.says_anything:
        return NameComparison()
    unmarked = one.unmarked or other.unmarked
    straight = NameComparison(
        _part(one.family, other.family, unmarked=unmarked),
        _middle(one, other, unmarked=unmarked),
        _part(one.given, other.given, unmarked=unmarked),
    )
    if straight.given is None or straight.given[0] in COMPATIBLE:
        return straight
    return _moved(one, other) or _exchanged(one, other, unmarked=unmarked) or straight


def _part(one: Syllable | None, other: Syllable | None, *, unmarked: bool) -> Part | None:
    if one is None or other is None or one.unreadable or other.unreadable:
        return None
    return likeness(one, other, unmarked=unmarked), one.key, other.key


def _middle(one: PersonName, other: PersonName, *, unmarked: bool) -> Part | None:
    """None also where both have no middle name: that nothing stands there is no agreement."""
    if one.family is None or other.family is None or not (one.middle or other.middle):
        return None
    if any(word.unreadable for word in (*one.middle, *other.middle)):
        return None
    keys = " ".join(word.key for word in one.middle), " ".join(word.key for word in other.middle)
    if keys[0] == keys[1]:
        return Likeness.SAME, *keys
    if len(one.middle) == len(other.middle):
        grades = [likeness(a, b, unmarked=unmarked) for a, b in zip(one.middle, other.middle, strict=True)]
        worst = max(grades, key=_RANK.__getitem__)
        if worst is Likeness.DIFFERENT and any(grade in COMPATIBLE for grade in grades):
            return PARTIAL, *keys
        return worst, *keys
    short, long = sorted((one.middle, other.middle), key=len)
    found = sum(any(likeness(a, b, unmarked=unmarked) in COMPATIBLE for b in long) for a in short)
    if found == len(short):
        return DROPPED, *keys
    return (PARTIAL if found else Likeness.DIFFERENT), *keys


_RANK: Final = {grade: place for place, grade in enumerate(Likeness)}


def _moved(one: PersonName, other: PersonName) -> NameComparison | None:
    """The same words in another order (Niê Y Wang, Y Wang Niê), or one name that the other has a clan beside."""
    first, second = one.words, other.words
    if any(word.unreadable for word in (*first, *second)):
        return None
    ours, theirs = sorted(word.key for word in first), sorted(word.key for word in second)
    if ours == theirs and len(first) > 1:
        parts = [(Likeness.SAME.value, word.key, its.key) for word, its in zip(first, second, strict=True)]
        middle = (Likeness.SAME.value, " ".join(p[1] for p in parts[1:-1]), " ".join(p[2] for p in parts[1:-1]))
        return NameComparison(parts[0], middle if len(first) > 2 else None, parts[-1], reordered=True)
    if min(len(first), len(second)) == 1 and (one.prefix or other.prefix) and set(ours) & set(theirs):
        key = (set(ours) & set(theirs)).pop()
        return NameComparison(given=(Likeness.SAME.value, key, key), reordered=True)
    return None


_CLOSE: Final = COMPATIBLE | {Likeness.TONE, Likeness.MARKS, Likeness.LETTER}


def _exchanged(one: PersonName, other: PersonName, *, unmarked: bool) -> NameComparison | None:
    """Family and given name in each other's place, perhaps with a slip. The worse grade counts as the given name's, so
    that it does not matter which of the two is looked at first.
    """
    ends = (one.family, one.given, other.family, other.given)
    if one.middle or other.middle or any(end is None or end.unreadable for end in ends):
        return None
    assert one.family and one.given and other.family and other.given
    crossed = likeness(one.family, other.given, unmarked=unmarked), likeness(one.given, other.family, unmarked=unmarked)
    if not _CLOSE.issuperset(crossed):
        return None
    better, worse = sorted(crossed, key=_RANK.__getitem__)
    return NameComparison(
        family=(better, one.family.key, other.family.key),
        given=(worse, one.given.key, other.given.key),
        reordered=True,
    )
