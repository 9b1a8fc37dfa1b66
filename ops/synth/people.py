"""Persons and households as they truly are, and their rows in the register.

``values`` is the register's row of a person: the PERSON columns in FORMAT's order. What is not in it (the true birth
date of one of whom the register knows the year only, the twin) stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from node.schema import PERSON_COLUMNS

FULL_NAME: Final = PERSON_COLUMNS.index("full_name")
SEX: Final = PERSON_COLUMNS.index("sex")
BIRTH_DATE: Final = PERSON_COLUMNS.index("birth_date")
PERSONAL_ID: Final = PERSON_COLUMNS.index("personal_id")
OLD_CARD_ID: Final = PERSON_COLUMNS.index("old_card_id")
INSURANCE_ID: Final = PERSON_COLUMNS.index("insurance_id")
ETHNICITY: Final = PERSON_COLUMNS.index("ethnicity")
RELATIONSHIP: Final = PERSON_COLUMNS.index("relationship")
MARITAL_STATUS: Final = PERSON_COLUMNS.index("marital_status")
FATHER_NAME: Final = PERSON_COLUMNS.index("father_name")
MOTHER_NAME: Final = PERSON_COLUMNS.index("mother_name")
PHONE: Final = PERSON_COLUMNS.index("phone")
RESIDENCE: Final = PERSON_COLUMNS.index("residence")

NO_VALUES: Final = ("",) * len(PERSON_COLUMNS)

HEAD: Final = "chủ hộ"
WIFE: Final = "vợ"
HUSBAND: Final = "chồng"
CHILD: Final = "con"


def iso(day: int) -> str:
    """YYYY-MM-DD of a day counted as ``date.toordinal`` does; all days of the generator are such numbers."""
    return date.fromordinal(day).isoformat()


@dataclass(slots=True, eq=False)
class Household:
    """``commune`` is the index of the unit; ``kind``: family, collective (a dormitory), visitors (a temporary stay)."""

    commune: int
    household_id: str
    kind: str
    hamlet: str = ""
    address: str = ""
    members: list[Person] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Person:
    """``number`` is the true person; ``birth`` the true day; ``person_id`` the id in the register at the start."""

    number: int
    sex: str
    birth: int
    people: str
    """Ethnicity."""
    family: str
    """Family or clan name, '' for none."""
    middle: str
    given: str
    values: list[str]
    household: Household
    person_id: str = ""
    mother: Person | None = None
    twin: Person | None = None
    is_doubled: bool = False
    """Stands in the commune's register a second time, as ``person_id`` with an appended b."""

    @property
    def name(self) -> str:
        return self.values[FULL_NAME]

    def age(self, day: int) -> float:
        """In years."""
        return (day - self.birth) / 365.25


@dataclass(slots=True, eq=False)
class Record:
    """A person in one node's register. ``known_from`` is the minute from which the register knows it, 0: from the
    start.
    """

    node_id: str
    person_id: str
    household_id: str
    known_from: int
    values: tuple[str, ...]

    @property
    def ref(self) -> str:
        return f"{self.node_id}:{self.person_id}"
