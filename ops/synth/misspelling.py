"""How a name comes to be written in another way: each function takes a random source and a name, and gives the name
as written, or the same name where this error has nothing to bite on.

The kinds follow RESOLVER 4: harmless ones (place of the tone, i/y, capitals, Unicode form), graded ones (tone,
homophone, consonant), shortened ones (dropped middle name, initials, given name only), and damaged text.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from conflict.text import TCVN3, VNI, folded

Misspell = Callable[[random.Random, str], str]

_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_PLACEMENTS: Final = [
    ("òa", "oà"), ("óa", "oá"), ("ỏa", "oả"), ("õa", "oã"), ("ọa", "oạ"),
    ("òe", "oè"), ("óe", "oé"), ("ỏe", "oẻ"), ("õe", "oẽ"), ("ọe", "oẹ"),
    ("ùy", "uỳ"), ("úy", "uý"), ("ủy", "uỷ"), ("ũy", "uỹ"), ("ụy", "uỵ"),
]  # fmt: skip
_I_Y: Final = str.maketrans("iìíỉĩịyỳýỷỹỵ", "yỳýỷỹỵiìíỉĩị")
_I_Y_WORD: Final = re.compile(r"(?:[hklmtsv]|th)[iìíỉĩịyỳýỷỹỵ]|qu[iìíỉĩịyỳýỷỹỵ]", re.IGNORECASE)
_HOMOPHONES: Final = [
    ("Hoàng", "Huỳnh"), ("Vũ", "Võ"), ("Phúc", "Phước"), ("Cảnh", "Kiểng"), ("Nhân", "Nhơn"), ("Bảo", "Bửu"),
    ("Sinh", "Sanh"), ("Tính", "Tánh"), ("Chính", "Chánh"), ("Lợi", "Lị"), ("Châu", "Chu"), ("Cường", "Cương"),
    ("Thái", "Thới"), ("Nhật", "Nhựt"), ("Trường", "Tràng"), ("Thịnh", "Thạnh"), ("Đang", "Đương"), ("Hồng", "Hường"),
]  # fmt: skip
_OTHER_FORM: Final = dict(_HOMOPHONES) | {right: left for left, right in _HOMOPHONES}
_CONSONANTS: Final = [
    (r"^S(?=\w)", "X"), (r"^X(?=\w)", "S"), (r"^Tr", "Ch"), (r"^Ch", "Tr"), (r"^D(?=[^d])", "Gi"),
    (r"n$", "ng"), (r"(?<=[aăâ])ng$", "n"), (r"t$", "c"), (r"c$", "t"),
]  # fmt: skip
_TO_TCVN3: Final = {meant: written for written, meant in TCVN3.items()}
_TO_VNI: Final = {meant: written for written, meant in VNI.items() if len(written) <= 2}


def _changed_word(rng: random.Random, name: str, change: Callable[[str], str]) -> str:
    """One word changed, of those that the change does anything to."""
    words = name.split()
    found = [(index, change(word)) for index, word in enumerate(words)]
    found = [(index, word) for index, word in found if word != words[index]]
    if not found:
        return name
    index, word = rng.choice(found)
    words[index] = word
    return " ".join(words)


def tone_placement(rng: random.Random, name: str) -> str:
    """Hòa, Hoà."""

    def change(word: str) -> str:
        for old, new in _PLACEMENTS:
            if old in word and word.endswith(old):
                return word.replace(old, new)
            if new in word:
                return word.replace(new, old)
        return word

    return _changed_word(rng, name, change)


def i_or_y(rng: random.Random, name: str) -> str:
    """Lý, Lí."""
    return _changed_word(
        rng, name, lambda word: word[:-1] + word[-1].translate(_I_Y) if _I_Y_WORD.fullmatch(word) else word
    )


def capitals(_rng: random.Random, name: str) -> str:
    return name.upper()


def decomposed(_rng: random.Random, name: str) -> str:
    """The same letters in another Unicode form."""
    return unicodedata.normalize("NFD", name)


def without_marks(_rng: random.Random, name: str) -> str:
    return " ".join(word.capitalize() for word in folded(name).split())


def dropped_middle(rng: random.Random, name: str) -> str:
    words = name.split()
    if len(words) < 3:
        return name
    del words[rng.randrange(1, len(words) - 1)]
    return " ".join(words)


def initials(rng: random.Random, name: str) -> str:
    """N. T. Hồng Nhung; Ng. Văn An; Nguyễn V. An."""
    words = name.split()
    if len(words) < 3:
        return name
    draw = rng.random()
    if draw < 0.4:
        words[0] = "Ng." if words[0] == "Nguyễn" else f"{words[0][0]}."
    if draw < 0.2 or draw >= 0.4:
        words[1] = f"{words[1][0]}."
    return " ".join(words)


def given_only(_rng: random.Random, name: str) -> str:
    return name.rsplit(maxsplit=1)[-1]


def tone_typo(rng: random.Random, name: str) -> str:
    """Another tone on one syllable, mostly hook and tilde for each other (Hưng and Hùng are different people)."""

    def change(word: str) -> str:
        marks = unicodedata.normalize("NFD", word)
        found = [letter for letter in marks if letter in _TONES]
        if not found:
            return word
        old = found[0]
        swap = {"\u0309": "\u0303", "\u0303": "\u0309"}.get(old)
        new = swap if swap and rng.random() < 0.7 else rng.choice(("", *(tone for tone in _TONES if tone != old)))
        return unicodedata.normalize("NFC", marks.replace(old, new))

    return _changed_word(rng, name, change)


def homophone(rng: random.Random, name: str) -> str:
    """A regional form: Hoàng, Huỳnh."""
    return _changed_word(rng, name, lambda word: _OTHER_FORM.get(word, word))


def consonant(rng: random.Random, name: str) -> str:
    """Written as it is spoken: Sang, Xang; Lan, Lang."""

    def change(word: str) -> str:
        options = [re.sub(pattern, new, word) for pattern, new in _CONSONANTS if re.search(pattern, word)]
        return rng.choice(options) if options else word

    return _changed_word(rng, name, change)


def swapped_words(rng: random.Random, name: str) -> str:
    """Two neighbours change places; for minority names: the clan goes to the other end."""
    words = name.split()
    if len(words) < 2:
        return name
    if len(words) == 2:
        return f"{words[1]} {words[0]}"
    index = rng.randrange(1, len(words) - 1)
    words[index], words[index + 1] = words[index + 1], words[index]
    return " ".join(words)


def tcvn3(_rng: random.Random, name: str) -> str:
    """Stored in TCVN3 and read as Latin-1: NguyÔn. Capital letters with marks have no code of their own there."""
    return "".join(_TO_TCVN3.get(letter, _TO_TCVN3.get(letter.lower(), letter)) for letter in name)


def vni(_rng: random.Random, name: str) -> str:
    """Stored in VNI and read as Latin-1: Nguyeãn."""
    return "".join(_TO_VNI.get(letter, letter) for letter in name)


def prefix_form(rng: random.Random, name: str) -> str:
    """H'Blen, H' Blen, HBlen, Blen; Y Wang, Wang."""
    if "H'" in name:
        return name.replace("H'", rng.choice(("H' ", "H", "H’", "")))
    words = name.split()
    shorter = [word for word in words if word not in {"Y", "A"}]
    return " ".join(shorter) if shorter else name


def clan_moved(rng: random.Random, name: str) -> str:
    """Niê Y Wang for Y Wang Niê."""
    words = name.split()
    if len(words) < 2:
        return name
    return " ".join((words[-1], *words[:-1])) if rng.random() < 0.5 else " ".join((*words[1:], words[0]))


_USUAL: Final[Sequence[tuple[str, Misspell, float]]] = (
    ("tone_placement", tone_placement, 14),
    ("i_y", i_or_y, 9),
    ("capitals", capitals, 8),
    ("decomposed", decomposed, 4),
    ("dropped_middle", dropped_middle, 13),
    ("initials", initials, 11),
    ("given_only", given_only, 2),
    ("without_marks", without_marks, 5),
    ("tone", tone_typo, 16),
    ("homophone", homophone, 6),
    ("consonant", consonant, 10),
    ("swapped_words", swapped_words, 2),
)
_MINORITY: Final[Sequence[tuple[str, Misspell, float]]] = (
    ("prefix", prefix_form, 30),
    ("clan_moved", clan_moved, 25),
    ("capitals", capitals, 8),
    ("tone", tone_typo, 8),
    ("consonant", consonant, 10),
    ("without_marks", without_marks, 8),
)
DAMAGED: Final[Sequence[tuple[str, Misspell, float]]] = (("tcvn3", tcvn3, 1), ("vni", vni, 1))
_TRIES: Final = 6


def misspelled(rng: random.Random, name: str, *, minority: bool = False, damaged: bool = False) -> tuple[str, str]:
    """(name as written, what was done to it); '' for nothing, if no error applied to this name."""
    kinds = DAMAGED if damaged else _MINORITY if minority and rng.random() < 0.7 else _USUAL
    weights = [weight for _, _, weight in kinds]
    for _ in range(_TRIES):
        label, change, _ = rng.choices(kinds, weights)[0]
        written = change(rng, name)
        if written and written != name:
            return written, label
    return name, ""
