"""Descriptions for the tests of linking: one person's values, with what a test changes."""

from __future__ import annotations

from conflict.description import Description, describe
from conflict.linking import Party

LAN = {
    "full_name": "Trần Thị Hồng Lan",
    "sex": "F",
    "birth_date": "1984-07-19",
    "personal_id": "052184003417",
    "insurance_id": "5201234567",
    "ethnicity": "Kinh",
    "father_name": "Trần Văn Bình",
    "mother_name": "Lê Thị Xuân",
    "phone": "0905123456",
}
SHORT = {column: LAN[column] for column in ("full_name", "sex", "birth_date", "ethnicity")}


def lan(**changes: str) -> Description:
    """Trần Thị Hồng Lan with all her papers."""
    return describe(LAN | changes)


def short(**changes: str) -> Description:
    """The same person, of whom a slip says no number and no parents."""
    return describe(SHORT | changes)


def at_home(values: dict[str, str], *, left: bool = True) -> Description:
    """A record in the commune `home`; ``left``: with a departure to `away`."""
    return describe(values, unit="home", departed=left, destination="away" if left else "")


def arrived(values: dict[str, str]) -> Description:
    """An arrival in `away` that names `home`."""
    return describe(values, unit="away", origin="home")


def record(ref: str, values: dict[str, str], household: str = "", *, left: bool = True) -> Party:
    return Party(ref, at_home(values, left=left), household=household)


def arrival(ref: str, values: dict[str, str], sheet: str = "") -> Party:
    return Party(ref, arrived(values), sheet=sheet)
