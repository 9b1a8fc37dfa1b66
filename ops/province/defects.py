"""The error channel: what happens to a person's particulars on the way into a report.

Each kind of defect has a name, which the truth keeps, so that errors of a resolver can be counted by cause.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Final

from conflict.text import TCVN3
from ops.province.config import Difficulty

Columns = dict[str, str]

# chance that a report has the defect: easy, real, hard
RATES: Final[dict[str, tuple[float, float, float]]] = {
    "tone_placement": (0.02, 0.06, 0.10),
    "i_y": (0.01, 0.03, 0.06),
    "dropped_middle": (0.0, 0.02, 0.05),
    "abbreviated": (0.0, 0.02, 0.05),
    "tone_typo": (0.0, 0.02, 0.06),
    "letter_typo": (0.0, 0.01, 0.04),
    "day_month_swapped": (0.0, 0.01, 0.03),
    "year_only": (0.01, 0.04, 0.08),
    "new_year": (0.005, 0.02, 0.05),
    "day_off": (0.0, 0.015, 0.03),
    "id_missing": (0.05, 0.22, 0.45),
    "id_typo": (0.002, 0.012, 0.03),
    "card_reissued": (0.0, 0.3, 0.4),  # of those with an old card, on moving province
    "wrong_sex": (0.0, 0.003, 0.01),
    "parents_missing": (0.1, 0.35, 0.6),
    "legacy_text": (0.0, 0.0, 0.015),
    "decomposed": (0.01, 0.03, 0.03),
}
_LEVEL: Final[dict[Difficulty, int]] = {"easy": 0, "real": 1, "hard": 2}
_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_TO_TCVN3: Final = {meant: written for written, meant in TCVN3.items()}


class ErrorChannel:
    """Distorts particulars at the rates of one difficulty."""

    def __init__(self, difficulty: Difficulty, rng: random.Random) -> None:
        self._level = _LEVEL[difficulty]
        self._rng = rng
        self._distortions: tuple[tuple[str, Callable[[Columns], bool]], ...] = (
            ("dropped_middle", self._drop_middle),
            ("abbreviated", self._abbreviate),
            ("i_y", self._i_y),
            ("tone_typo", self._tone_typo),
            ("letter_typo", self._letter_typo),
            ("tone_placement", self._tone_placement),
            ("day_month_swapped", self._swap_day_month),
            ("day_off", self._day_off),
            ("year_only", self._year_only),
            ("new_year", self._new_year),
            ("id_missing", self._id_missing),
            ("id_typo", self._id_typo),
            ("wrong_sex", self._wrong_sex),
            ("parents_missing", self._parents_missing),
            ("legacy_text", self._legacy),
            ("decomposed", self._decompose),
        )

    def happens(self, name: str) -> bool:
        return self._rng.random() < RATES[name][self._level]

    def distort(self, columns: Columns, *, new_province: bool, card: Callable[[], str]) -> list[str]:
        """Change ``columns`` in place; returns the names of the defects."""
        defects: list[str] = []
        if new_province and columns["old_card_id"] and self.happens("card_reissued"):
            columns["old_card_id"] = card()
            defects.append("card_reissued")
        for name, distortion in self._distortions:
            if self.happens(name) and distortion(columns):
                defects.append(name)
        return defects

    # --- names -------------------------------------------------------------------------------------------------------

    def _drop_middle(self, columns: Columns) -> bool:
        words = columns["full_name"].split()
        if len(words) < 3:
            return False
        columns["full_name"] = f"{words[0]} {words[-1]}"
        return True

    def _abbreviate(self, columns: Columns) -> bool:
        words = columns["full_name"].split()
        if len(words) < 3:
            return False
        short = [f"{word[0]}." for word in words[: self._rng.choice((1, 2))]]
        columns["full_name"] = " ".join([*short, *words[len(short) :]])
        return True

    def _i_y(self, columns: Columns) -> bool:
        return self._replace(columns, (("ý", "í"), ("ỳ", "ì"), ("ỹ", "ĩ"), ("Mỹ", "Mĩ"), ("Lý", "Lí"), ("ỷ", "ỉ")))

    def _tone_placement(self, columns: Columns) -> bool:
        pairs = (("òa", "oà"), ("óa", "oá"), ("ủy", "uỷ"), ("úy", "uý"), ("ùy", "uỳ"), ("ụy", "uỵ"), ("òe", "oè"))
        return self._replace(columns, (*pairs, *((new, old) for old, new in pairs)))

    def _replace(self, columns: Columns, pairs: tuple[tuple[str, str], ...]) -> bool:
        before = columns["full_name"]
        for old, new in pairs:
            if old in before and not (old == "ý" and "uý" in before):
                columns["full_name"] = before.replace(old, new, 1)
                return True
        return False

    def _tone_typo(self, columns: Columns) -> bool:
        decomposed = unicodedata.normalize("NFD", columns["full_name"])
        places = [index for index, letter in enumerate(decomposed) if letter in _TONES]
        if not places:
            return False
        place = self._rng.choice(places)
        other = self._rng.choice([tone for tone in ("", *_TONES) if tone != decomposed[place]])
        columns["full_name"] = unicodedata.normalize("NFC", decomposed[:place] + other + decomposed[place + 1 :])
        return True

    def _letter_typo(self, columns: Columns) -> bool:
        pairs = (("n", "ng"), ("x", "s"), ("s", "x"), ("tr", "ch"), ("d", "gi"), ("t", "c"), ("ng", "n"), ("v", "d"))
        name = columns["full_name"]
        old, new = self._rng.choice(pairs)
        place = name.rfind(old)
        if place <= 0:
            return False
        columns["full_name"] = name[:place] + new + name[place + len(old) :]
        return True

    def _legacy(self, columns: Columns) -> bool:
        name = columns["full_name"]
        columns["full_name"] = "".join(_TO_TCVN3.get(letter, letter) for letter in name)
        return columns["full_name"] != name

    def _decompose(self, columns: Columns) -> bool:
        columns["full_name"] = unicodedata.normalize("NFD", columns["full_name"])
        return True

    # --- dates, numbers, sex, parents --------------------------------------------------------------------------------

    def _swap_day_month(self, columns: Columns) -> bool:
        year, month, day = _parts(columns["birth_date"])
        if not day or int(day) > 12 or day == month:
            return False
        columns["birth_date"] = f"{year}-{day}-{month}"
        return True

    def _day_off(self, columns: Columns) -> bool:
        year, month, day = _parts(columns["birth_date"])
        if not day or not 2 <= int(day) <= 27:
            return False
        columns["birth_date"] = f"{year}-{month}-{int(day) + self._rng.choice((-1, 1)):02d}"
        return True

    def _year_only(self, columns: Columns) -> bool:
        columns["birth_date"] = columns["birth_date"][:4]
        return bool(columns["birth_date"])

    def _new_year(self, columns: Columns) -> bool:
        if not columns["birth_date"]:
            return False
        columns["birth_date"] = columns["birth_date"][:4] + "-01-01"
        return True

    def _id_missing(self, columns: Columns) -> bool:
        had = bool(columns["personal_id"])
        columns["personal_id"] = ""
        return had

    def _id_typo(self, columns: Columns) -> bool:
        number = columns["personal_id"]
        if not number:
            return False
        place = self._rng.randrange(6, 12)
        if self._rng.random() < 0.5 and place < 11 and number[place] != number[place + 1]:
            columns["personal_id"] = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        else:
            digit = str((int(number[place]) + self._rng.randrange(1, 10)) % 10)
            columns["personal_id"] = number[:place] + digit + number[place + 1 :]
        return True

    def _wrong_sex(self, columns: Columns) -> bool:
        columns["sex"] = "F" if columns["sex"] == "M" else "M"
        return True

    def _parents_missing(self, columns: Columns) -> bool:
        columns["father_name"] = columns["mother_name"] = ""
        return True


def _parts(text: str) -> tuple[str, str, str]:
    year, month, day = [*text.split("-"), "", ""][:3]
    return year, month, day
