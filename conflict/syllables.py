"""How alike two words of a name are, in grades: from the same word to another one (RESOLVER 4).

A grade is no weight: what a grade is worth, and that a rare word says more than Nguyễn, is measured and stands in the
parameters. Tones are never folded away: a tone that differs is a grade of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final

from conflict.spelling import spelling_key
from conflict.text import folded, toneless

_WORDS_KEPT: Final = 65_536
_PAIRS_KEPT: Final = 262_144
_HOOK, _TILDE = "\u0309", "\u0303"


class Likeness(StrEnum):
    """From the same word to another one. Each pair of words has exactly one, the first that fits."""

    SAME = "same"
    INITIAL = "initial"  # N. and Nguyễn
    UNMARKED = "unmarked"  # one of the names was typed without any marks, and no letter differs
    HOMOPHONE = "homophone"  # two regional forms of one name: Hoàng, Huỳnh
    SPOKEN = "spoken"  # written as it is spoken: Sang, Xang; hook and tilde
    TONE = "tone"  # Hùng, Hưng is MARKS; Ánh, Anh is TONE
    MARKS = "marks"
    LETTER = "letter"  # one letter too many, too few, another one, or two exchanged
    ALIKE = "alike"  # long words that share most of their letters
    DIFFERENT = "different"


COMPATIBLE: Final = frozenset({Likeness.SAME, Likeness.INITIAL, Likeness.UNMARKED, Likeness.HOMOPHONE, Likeness.SPOKEN})
"""Grades that two honest writers of one name reach without a mistake."""

_REGIONAL: Final = (
    "hoàng huỳnh; vũ võ; phúc phước; cảnh kiểng; nhân nhơn; bảo bửu; sinh sanh; tính tánh; chính chánh; lợi lị; "
    "châu chu; cường cương; thái thới; nhật nhựt; trường tràng; thịnh thạnh; đang đương; hồng hường; tùng tòng; "
    "tông tôn; nhậm nhiệm; lĩnh lãnh; đảm đởm; đàm đờm; hoa huê; phụng phượng; uy oai; mệnh mạng; kính kiếng; an yên; "
    "duyệt dượt; minh miêng; long luông; nguyên ngươn"
)
HOMOPHONES: Final = frozenset(frozenset(spelling_key(word) for word in pair.split()) for pair in _REGIONAL.split("; "))
_SPOKEN_ONSETS: Final = (("tr", "ch"), ("s", "x"), ("gi", "d"), ("r", "d"))
_SPOKEN_CODAS: Final = ((re.compile(r"(?<!n)n$|ng$"), "N"), (re.compile(r"[tc]$"), "T"))


@dataclass(frozen=True, slots=True)
class Syllable:
    """One word of a name. ``key`` is equal for equal spellings (Lý, Lí); ``plain`` has no marks; ``letters`` keeps i
    and y apart: one word, but also what parents may call twins (Vi, Vy).
    """

    key: str
    plain: str
    letters: str = ""
    initial: bool = False
    """Only the beginning was written: N., Ng."""
    unreadable: bool = False
    """Letters of an old encoding are left over; such a word says nothing."""


@lru_cache(maxsize=_WORDS_KEPT)
def syllable(word: str) -> Syllable:
    """A word as it was written, in normal form and without blanks."""
    bare = word.rstrip(".")
    initial = word.endswith(".") or (len(bare) == 1 and bare.isupper() and bare not in "AYÝĂÂ")
    plain, tones, _ = toneless(bare.lower())
    return Syllable(spelling_key(bare), folded(spelling_key(bare)), plain + tones, initial, _is_damaged(bare))


_FOREIGN: Final = re.compile(r"[\u00a1-\u00bf\u00c4-\u00c7\u00cb\u00ce-\u00d1\u00d6-\u00d8\u00db\u00dc\u00de\u00df"
                             r"\u00e4-\u00e7\u00eb\u00ee-\u00f1\u00f6-\u00f8\u00fb\u00fc\u00fe\u00ff]")  # fmt: skip


def _is_damaged(word: str) -> bool:
    """Latin-1 letters that Vietnamese does not have, or a capital behind a small letter: a remnant of TCVN3 or VNI."""
    return bool(_FOREIGN.search(word)) or any(
        first.islower() and second.isupper() and ord(second) > 0x7F for first, second in pairwise(word)
    )


def likeness(one: Syllable, other: Syllable, *, unmarked: bool) -> Likeness:
    """The grade of two words. ``unmarked``: one of the two names was typed without marks as a whole, so that a
    missing mark is no statement.
    """
    if one.key == other.key:
        return Likeness.SAME
    if one.initial or other.initial:
        short, long = sorted((one.plain, other.plain), key=len)
        return Likeness.INITIAL if long.startswith(short) else Likeness.DIFFERENT
    if unmarked and one.plain == other.plain:
        return Likeness.UNMARKED
    return _grade(*sorted((one.key, other.key)))


@lru_cache(maxsize=_PAIRS_KEPT)
def _grade(one: str, other: str) -> Likeness:
    if frozenset((one, other)) in HOMOPHONES:
        return Likeness.HOMOPHONE
    if spoken(one) == spoken(other):
        return Likeness.SPOKEN
    if toneless(one)[0] == toneless(other)[0]:
        return Likeness.TONE
    first, second = folded(one), folded(other)
    if first == second:
        return Likeness.MARKS
    if min(len(first), len(second)) >= 3 and is_one_slip(first, second):
        return Likeness.LETTER
    if min(len(first), len(second)) >= 4 and _shared(first, second) >= 0.75:
        return Likeness.ALIKE
    return Likeness.DIFFERENT


@lru_cache(maxsize=_WORDS_KEPT)
def spoken(key: str) -> str:
    """A key of how a word sounds in at least one region: s and x, tr and ch, d, gi and r are one, n and ng, t and c at
    the end, hook and tilde.
    """
    plain, tones, _ = toneless(key)
    for written, heard in _SPOKEN_ONSETS:
        if plain.startswith(written) and plain != written:
            plain = heard + plain[len(written) :]
            break
    for pattern, heard in _SPOKEN_CODAS:
        plain = pattern.sub(heard, plain)
    return plain + tones.replace(_HOOK, _TILDE)


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter was changed, added or left out, or two neighbours exchanged; equal texts are none."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    half = (min(len(one), len(other)) - 2) // 2  # two neighbours at most differ: one of the ends is the same
    if half > 0 and one[:half] != other[:half] and one[-half:] != other[-half:]:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, its_rest = one[start:], other[start:]
    if len(rest) == len(its_rest):
        exchanged = len(rest) > 1 and rest[0] == its_rest[1] and rest[1] == its_rest[0] and rest[2:] == its_rest[2:]
        return rest[1:] == its_rest[1:] or exchanged
    return rest[1:] == its_rest or rest == its_rest[1:]


def _shared(one: str, other: str) -> float:
    """The share of pairs of neighbouring letters that two words have in common (the coefficient of Dice)."""
    first = [one[at : at + 2] for at in range(len(one) - 1)]
    left = [other[at : at + 2] for at in range(len(other) - 1)]
    total, common = len(first) + len(left), 0
    for pair in first:
        if pair in left:
            left.remove(pair)
            common += 1
    return 2 * common / total
