"""The personal number: 12 digits with an inner structure and no check digit (Decree 137/2015, article 13).

Digits 1-3: province of birth registration; 4: century and sex (0 male, 1 female born 1900-1999; 2 and 3 for 2000-2099;
and so on); 5-6: year of birth; 7-12: arbitrary. Before it there were cards with 9 digits, issued anew on moving to
another province.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

DIGITS: Final = 12
OLD_CARD_DIGITS: Final = 9
_FIRST_CENTURY: Final = 1900


@dataclass(frozen=True, slots=True)
class PersonalNumber:
    """What the digits say. ``province`` is the code of the province that registered the birth."""

    province: str
    sex: Literal["M", "F"]
    birth_year: int


def parse(text: str) -> PersonalNumber | None:
    """The parts of a personal number; None if the text is none."""
    if len(text) != DIGITS or not (text.isascii() and text.isdigit()):
        return None
    century, sex = divmod(int(text[3]), 2)
    return PersonalNumber(text[:3], "F" if sex else "M", _FIRST_CENTURY + 100 * century + int(text[4:6]))


def is_old_card(text: str) -> bool:
    """Whether a text has the form of an old 9-digit card number."""
    return len(text) == OLD_CARD_DIGITS and text.isascii() and text.isdigit()


def disagreements(number: str, sex: str, birth_date: str) -> list[str]:
    """What a number contradicts, as codes: personal_id_form, personal_id_sex, personal_id_birth_year.

    Empty text says nothing.
    """
    if not number:
        return []
    parsed = parse(number)
    if parsed is None:
        return ["personal_id_form"]
    codes = []
    if sex and sex != parsed.sex:
        codes.append("personal_id_sex")
    if birth_date and birth_date[:4] != f"{parsed.birth_year:04d}":
        codes.append("personal_id_birth_year")
    return codes
