"""The error channel: what a clerk or a mover writes down, given what is true and what the old register says.

An arrival's values are declared: they come from papers and memory. A departure's are copied from the register, or left
out. Every defect gets a word, which truth/moves.csv keeps.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from ops.synth.difficulty import Rates
from ops.synth.identifiers import Numbers, telephone
from ops.synth.minority_names import KINH, SEX_PREFIXES
from ops.synth.misspelling import misspelled
from ops.synth.people import (
    BIRTH_DATE,
    ETHNICITY,
    FATHER_NAME,
    FULL_NAME,
    INSURANCE_ID,
    MARITAL_STATUS,
    MOTHER_NAME,
    OLD_CARD_ID,
    PERSONAL_ID,
    PHONE,
    RELATIONSHIP,
    RESIDENCE,
    SEX,
    Person,
    iso,
)
from ops.synth.units import Commune

_BIRTH_ERRORS: Final = ("swapped", "year_only", "placeholder", "month_only", "day_off", "year_off", "lunar")
_BIRTH_WEIGHTS: Final = (20, 22, 16, 4, 18, 10, 10)


def written_birth(rng: random.Random, birth: int, today: int) -> tuple[str, str]:
    """(birth date as written, the error): swapped day and month, the year only, the lunar date, ..."""
    born = date.fromordinal(birth)
    error = rng.choices(_BIRTH_ERRORS, _BIRTH_WEIGHTS)[0]
    if error == "swapped" and (born.day > 12 or born.day == born.month):
        error = "day_off"
    match error:
        case "swapped":
            return date(born.year, born.day, born.month).isoformat(), error
        case "year_only":
            return f"{born.year:04d}", error
        case "placeholder":
            return f"{born.year:04d}-01-01", error
        case "month_only":
            return f"{born.year:04d}-{born.month:02d}", error
        case "year_off":
            day = min(born.day, 28)
            return date(born.year - rng.choice((1, 1, 2)), born.month, day).isoformat(), error
        case "lunar":
            return iso(birth - rng.randrange(20, 51)), error
        case _:
            shifted = birth + rng.choice((-10, -2, -1, 1, 2, 10))
            return iso(min(shifted, today)), "day_off"


def mistyped(rng: random.Random, number: str) -> str:
    """One digit wrong, or two neighbours exchanged."""
    index = rng.randrange(len(number) - 1)
    if rng.random() < 0.4 and number[index] != number[index + 1]:
        return number[:index] + number[index + 1] + number[index] + number[index + 2 :]
    digit = str((int(number[index]) + rng.choice((1, 3, 5, 7, 9))) % 10)
    return number[:index] + digit + number[index + 1 :]


@dataclass(slots=True)
class Channel:
    """``horizon``: no birth date is written that lies after it."""

    rng: random.Random
    rates: Rates
    numbers: Numbers
    horizon: int

    def declared(self, person: Person, place: Commune, *, other_province: bool) -> tuple[list[str], list[str]]:
        """(values of an arrival at ``place``, defects). The person's papers say what the first register says."""
        rng, rates = self.rng, self.rates
        values, defects = list(person.values), list[str]()
        values[RESIDENCE] = "permanent"
        self._numbers(values, defects, place, other_province=other_province)
        if values[BIRTH_DATE] != iso(person.birth) and rng.random() < 0.3:
            values[BIRTH_DATE] = iso(person.birth)  # the papers say more than the old register did
        self._personal(person, values, defects, 1.0)
        if rng.random() < rates.phone_missing:
            values[PHONE] = ""
        elif values[PHONE] and rng.random() < rates.phone_new:
            values[PHONE] = telephone(rng)
        for column in (ETHNICITY, MARITAL_STATUS):
            if rng.random() < rates.other_missing:
                values[column] = ""
        return values, defects

    def copied(self, person: Person, known: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """(values on a departure, defects): nothing, the essentials, or the whole row of the register."""
        rng = self.rng
        if rng.random() >= self.rates.out_values:
            return ("",) * len(known), []
        values, defects = list(known), list[str]()
        self._personal(person, values, defects, self.rates.copied_share)
        kept = (FULL_NAME, SEX, BIRTH_DATE, PERSONAL_ID)
        if rng.random() < 0.5:
            values = [value if column in kept else "" for column, value in enumerate(values)]
        values[RESIDENCE] = values[RELATIONSHIP] = ""
        return tuple(values), defects

    def _personal(self, person: Person, values: list[str], defects: list[str], share: float) -> None:
        """Name, sex, birth date, parents; ``share`` scales every rate."""
        rng, rates = self.rng, self.rates
        minority = person.people != KINH
        damaged = rng.random() < rates.damaged_text * share
        if damaged or rng.random() < rates.name * share:
            values[FULL_NAME], label = misspelled(rng, values[FULL_NAME], minority=minority, damaged=damaged)
            if label:
                defects.append(f"name:{label}")
        has_prefix = minority and any(word in SEX_PREFIXES or word.startswith("H'") for word in person.name.split())
        if rng.random() < (rates.sex_with_prefix if has_prefix else rates.sex) * share:
            values[SEX] = rng.choice(("", "F" if person.sex == "M" else "M"))
            defects.append("sex")
        if rng.random() < rates.birth_date * share:
            values[BIRTH_DATE], label = written_birth(rng, person.birth, self.horizon)
            defects.append(f"birth_date:{label}")
        for column in (FATHER_NAME, MOTHER_NAME):
            if not values[column]:
                continue
            if rng.random() < rates.parent_missing * share:
                values[column] = ""
            elif damaged or rng.random() < rates.parent_name * share:
                values[column] = misspelled(rng, values[column], minority=minority, damaged=damaged)[0]
        relatives = [p for p in person.household.members if p is not person and p.values[PERSONAL_ID]]
        if relatives and values[PERSONAL_ID] and rng.random() < rates.weird * 3 * share:
            # One number on two people (RESOLVER 23): a wrong card of the family, the twin's if there is one.
            other = next((p for p in relatives if p is person.twin), relatives[0])
            values[PERSONAL_ID] = other.values[PERSONAL_ID]
            defects.append("personal_id:of_relative")
        elif rng.random() < rates.number_typo * share and values[PERSONAL_ID]:
            values[PERSONAL_ID] = mistyped(rng, values[PERSONAL_ID])
            defects.append("personal_id:typo")

    def _numbers(self, values: list[str], defects: list[str], place: Commune, *, other_province: bool) -> None:
        rng, rates = self.rng, self.rates
        if values[OLD_CARD_ID]:
            if other_province and rng.random() < 0.85:
                values[OLD_CARD_ID] = self.numbers.old_card(place.province_code)
                defects.append("old_card:reissued")
            elif rng.random() < rates.number_missing:
                values[OLD_CARD_ID] = ""
        if values[PERSONAL_ID] and rng.random() < rates.number_missing:
            values[PERSONAL_ID] = ""
            defects.append("personal_id:missing")
        if values[INSURANCE_ID] and rng.random() < rates.insurance_missing:
            values[INSURANCE_ID] = ""
        if values[OLD_CARD_ID] and not values[PERSONAL_ID] and rng.random() < rates.weird * 20:
            values[PERSONAL_ID], values[OLD_CARD_ID] = values[OLD_CARD_ID], ""
            defects.append("old_card:in_personal_id")

    def place(self, place: Commune) -> str:
        """A commune as it is written on a slip: code, name, node, or words that name nobody exactly."""
        rng = self.rng
        if rng.random() < self.rates.place_empty:
            return ""
        draw = rng.random()
        district = place.district.replace("Thành phố", "TP").replace("Thị xã", "TX").replace("Huyện", "H.")
        near = ", ".join(part for part in (district, place.province) if part)
        if draw < 0.34:
            return place.code
        if draw < 0.68:
            return place.name
        if draw < 0.78:
            return place.node_id
        if draw < 0.90:
            return f"{place.name}, {near}"
        if draw < 0.95:
            return place.short_name
        return misspelled(rng, f"{place.name}")[0]


FOREIGN: Final = (
    "Hàn Quốc",
    "Nhật Bản",
    "Đài Loan",
    "Hoa Kỳ",
    "Úc",
    "Đức",
    "Canada",
    "nước ngoài",
    "Xuất cảnh Nhật Bản",
)
"""Countries as a clerk writes them."""
OUTSIDE: Final = ("TP Hồ Chí Minh", "Hà Nội", "Đà Nẵng", "tỉnh Khánh Hòa", "Đồng Nai", "Bình Dương", "Lâm Đồng", "")
"""Places beyond the tree."""
