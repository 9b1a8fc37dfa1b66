"""What a claim or a record says of a person, parsed once. Everything is optional; what is missing says nothing.

A description holds no reference and no time of writing: two are compared by what they say alone. Beside the person's
own values stand the circumstances (where the record is kept, which place the arrival names, whether somebody left):
they narrow down where to look and are evidence about a household, never between two of its members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from conflict.dates import PartialDate, parse_date
from conflict.names import NO_NAME, PersonName, parse_name
from conflict.personal_number import PersonalNumber, is_old_card, parse
from conflict.spelling import spelling_key

Sex = Literal["", "M", "F"]
_PREFIX_OF_SEX: Final = {spelling_key("Văn"): "M", spelling_key("Thị"): "F"}


@dataclass(frozen=True, slots=True)
class Description:
    """Numbers are digits only, '' for none. ``number`` is the structure of ``personal_id``, if it has it."""

    name: PersonName = NO_NAME
    sex: Sex = ""
    birth: PartialDate | None = None
    personal_id: str = ""
    number: PersonalNumber | None = None
    old_card: str = ""
    insurance: str = ""
    father: PersonName = NO_NAME
    mother: PersonName = NO_NAME
    ethnicity: str = ""
    phone: str = ""
    unit: str = ""
    """The node that keeps the record."""
    origin: str = ""
    """The node that an arrival names exactly as the place left."""
    departed: bool | None = None
    """Whether the record has a departure that no arrival has answered; None for an arrival itself."""
    destination: str = ""
    """The node that this departure names exactly."""

    @property
    def says_who(self) -> bool:
        """Whether it tells one person from another at all: a newborn called "Trai" may be any of two (RESOLVER 19)."""
        return bool(self.personal_id) or self.name.says_anything

    @property
    def has_placeholder_birth(self) -> bool:
        """The first of January stands for a day that nobody knows."""
        return self.birth is not None and (self.birth.month, self.birth.day) == (1, 1)

    @property
    def name_explains_sex(self) -> bool:
        """Whether the name has a part from which a clerk reads a sex that is not the one written: a prefix of another
        people, or Thị beside M, Văn beside F.
        """
        if self.name.prefix:
            return True
        told = {_PREFIX_OF_SEX[word.key] for word in self.name.middle if word.key in _PREFIX_OF_SEX}
        return bool(told) and bool(self.sex) and self.sex not in told


def describe(
    values: Mapping[str, str],
    *,
    unit: str = "",
    origin: str = "",
    departed: bool | None = None,
    destination: str = "",
) -> Description:
    """A description from the PERSON columns; columns may be missing, and what cannot be read is taken as missing.

    A 9-digit number in ``personal_id`` is read as an old card.
    """
    personal_id, old_card = _digits(values.get("personal_id", "")), _digits(values.get("old_card_id", ""))
    if is_old_card(personal_id):
        personal_id, old_card = "", old_card or personal_id
    return Description(
        name=parse_name(values.get("full_name", "")),
        sex=_sex(values.get("sex", "")),
        birth=_birth(values.get("birth_date", "")),
        personal_id=personal_id,
        number=parse(personal_id),
        old_card=old_card,
        insurance=_digits(values.get("insurance_id", "")),
        father=parse_name(values.get("father_name", "")),
        mother=parse_name(values.get("mother_name", "")),
        ethnicity=" ".join(values.get("ethnicity", "").casefold().replace("-", " ").split()),
        phone=_digits(values.get("phone", "")),
        unit=unit,
        origin=origin,
        departed=departed,
        destination=destination,
    )


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())


def _sex(text: str) -> Sex:
    match text.strip():
        case "M":
            return "M"
        case "F":
            return "F"
        case _:
            return ""


def _birth(text: str) -> PartialDate | None:
    try:
        return parse_date(text.strip())
    except ValueError:
        return None
