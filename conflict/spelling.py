"""Two ways to write one word: where the tone stands (hoà, hòa) and i or y (Lý, Lí). Pure text, no likeness.

Equal keys mean the same name (RESOLVER 4). Every other difference remains one: Hưng and Hùng, Thuý and Thúi, and the
name Y, which is no vowel alone.
"""

from __future__ import annotations

import re
from typing import Final

from conflict.text import normal, toneless

_LAST_Y: Final = re.compile(r"(b|c|ch|d|đ|g|h|k|kh|l|m|n|nh|p|ph|qu|r|s|t|th|tr|v|x)y")
_Y_BEHIND_QU: Final = re.compile(r"quy(?=ch|nh|n|p|t)")


def spelling_key(text: str) -> str:
    """A key of a whole text: equal for two texts that differ in Unicode form, blanks, capitals, tone placement or i/y.

    The tone is taken off its letter and put behind the word as a combining mark.
    """
    return " ".join(map(_word_key, normal(text).lower().split()))


def is_same_spelling(one: str, other: str) -> bool:
    """Whether both are the same words by ``spelling_key``."""
    return one == other or spelling_key(one) == spelling_key(other)


def _word_key(word: str) -> str:
    plain, tones, _ = toneless(word)
    if _LAST_Y.fullmatch(plain):
        plain = plain[:-1] + "i"
    return _Y_BEHIND_QU.sub("qui", plain) + tones
