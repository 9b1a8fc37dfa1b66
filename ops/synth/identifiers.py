"""Numbers that people carry: personal numbers by the rule, old cards, insurance numbers, telephones.

Each kind counts by its own key and permutes the counter, so numbers are unique without a table of all that were given.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Final

_STEP: Final = 387_421  # prime to 10, so that counter -> serial is one to one
_OLD_CARD_PREFIXES: Final = {"52": "21", "51": "21", "54": "22", "64": "23", "62": "23", "66": "24", "49": "20"}
_TELEPHONES: Final = (
    "090",
    "091",
    "094",
    "096",
    "097",
    "098",
    "032",
    "033",
    "035",
    "036",
    "038",
    "070",
    "077",
    "081",
    "085",
)
_OTHER_PROVINCES: Final = ("001", "046", "048", "049", "051", "054", "056", "062", "064", "066", "075", "079", "052")


def telephone(rng: random.Random) -> str:
    return f"{rng.choice(_TELEPHONES)}{rng.randrange(10_000_000):07d}"


class Numbers:
    """Gives out numbers; the same calls give the same numbers."""

    def __init__(self, seed: int) -> None:
        self._offset = random.Random(f"{seed}/numbers").randrange(1_000_000)
        self._given: defaultdict[str, int] = defaultdict(int)

    def personal(self, rng: random.Random, birth_code: str, sex: str, birth_year: int) -> str:
        """Digits 1-3 province of birth registration, 4 century and sex, 5-6 year of birth, 7-12 arbitrary.

        Most are born where they live; ``birth_code`` is that province.
        """
        province = birth_code if rng.random() < 0.93 else rng.choice(_OTHER_PROVINCES)
        century, year = divmod(birth_year - 1900, 100)
        key = f"{province}{2 * century + (sex == 'F')}{year:02d}"
        # Eight neighbours in a row: whoever is registered together (twins) differs in the last digit.
        count = self._given[key]
        assert count < 1_000_000, f"all numbers of {key} are given out"
        self._given[key] = count + 1
        serial = ((count // 8) * _STEP + self._offset) % 125_000 * 8 + count % 8
        return f"{key}{serial:06d}"

    def old_card(self, province_code: str) -> str:
        """9 digits, of the province that issues it; moving to another province gives a new one."""
        prefix = _OLD_CARD_PREFIXES.get(province_code, f"3{province_code[-1]}")
        return f"{prefix}{self._serial(f'card {prefix}', 10_000_000):07d}"

    def insurance(self, province_code: str) -> str:
        """The ten digits of the social insurance code."""
        return f"{province_code}{self._serial(f'insurance {province_code}', 100_000_000):08d}"

    def _serial(self, key: str, size: int) -> int:
        count = self._given[key]
        assert count < size, f"all numbers of {key} are given out"
        self._given[key] = count + 1
        return (count * _STEP + self._offset) % size
