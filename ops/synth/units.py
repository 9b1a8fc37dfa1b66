"""The tree of a synthetic province: real units, their names and their codes.

The data are the JSON files of the vietnamadminunits package (units before July 2025, units since, and which became
which); the package itself is never imported. Codes are those of the statistics office: 2 digits for a province, 3 for a
district, 5 for a commune.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from conflict.text import folded
from node.errors import UsageError
from node.interchange.values import TopologyRow
from ops.synth.config import REFORM, SynthConfig
from ops.synth.minority_names import minorities

_FIRST_PROVINCES: Final = {
    "three": ("52", "64", "51", "54", "62", "66", "49", "48", "56", "67"),
    "two": ("52", "51", "66", "48", "56", "68", "46", "44", "75", "79"),
}
"""Bình Định (Gia Lai, since 2025) and its neighbours first; then the rest of the country by code."""

_WARD_TABLES: Final = ("NO_ACCENTED", "ACCENTED", "SHORT_ACCENTED")
NATION_ID: Final = "vn"

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Commune:
    """A leaf of the tree. ``index`` is its place among the leaves; ``parents`` go from the next node up to the root."""

    index: int
    node_id: str
    code: str
    name: str
    short_name: str
    district: str
    """The name of the district as people write it; '' without districts."""
    province: str
    province_code: str
    birth_code: str
    """The first three digits of personal numbers that are given out here. Where provinces were merged, people keep
    those of the one that registered their birth.
    """
    parents: tuple[str, ...]
    weight: float
    """How many people live here, relative to an average rural commune."""
    minorities: tuple[tuple[str, float], ...]
    """Ethnic minorities and their shares."""


@dataclass(frozen=True, slots=True)
class Units:
    topology: tuple[TopologyRow, ...]
    communes: tuple[Commune, ...]


@dataclass(frozen=True, slots=True)
class _Ward:
    key: str
    code: str
    name: str
    short_name: str
    kind: str


def build_units(config: SynthConfig) -> Units:
    """The tree that a configuration asks for. Raises ``UsageError`` if the data are not installed."""
    three = config.tiers == "three"
    legacy = _read("parser_legacy.json")
    data = legacy if three else _read("parser_from_2025.json")
    merged = {} if three else _read("converter_2025.json")["DICT_PROVINCE_WARD_NO_DIVIDED"]
    provinces = {value["provinceCode"]: (key, value) for key, value in data["DICT_PROVINCE"].items()}
    first = [code for code in _FIRST_PROVINCES[config.tiers] if code in provinces]
    order = [*first, *sorted(set(provinces) - set(first))]
    birth_codes = {key: f"0{value['provinceCode']}" for key, value in legacy["DICT_PROVINCE"].items()}
    tree = _Tree(config.first_day.isoformat() if three else REFORM.isoformat(), birth_codes)
    root = ""
    if config.nation:
        root = tree.add(NATION_ID, "nation", "", "", "Việt Nam")
    for code in order[: config.provinces]:
        key, value = provinces[code]
        name, short = value["province"], value["provinceShort"]
        prefix = tree.prefix(short)
        province_id = tree.add(slug(short), "province", root, code, name)
        place = (short, code)
        if three:
            _add_districts(tree, config, data, key, prefix, province_id, place)
        else:
            wards = _wards(data[f"DICT_PROVINCE_WARD_{table}"].get(key, {}) for table in _WARD_TABLES)
            limit = config.districts * config.communes
            for ward in _spread(wards, limit):
                before = merged.get(key, {}).get(ward.key, [])
                legacy_province, district_key = _origin(before, key)
                tree.add_commune(ward, prefix, (province_id, root), "", place, legacy_province, district_key)
    return Units(tuple(tree.rows), tuple(tree.communes))


def _add_districts(
    tree: _Tree,
    config: SynthConfig,
    data: dict[str, Any],
    province_key: str,
    prefix: str,
    province_id: str,
    place: tuple[str, str],
) -> None:
    root = tree.rows[0].node_id if config.nation else ""
    found = sorted(data["DICT_PROVINCE_DISTRICT"][province_key].items(), key=lambda item: item[1]["districtCode"])
    for key, value in _spread(found, config.districts):
        name = value["district"]
        district_prefix = f"{prefix}-{slug(value['districtShort'])}"
        district_id = tree.add(district_prefix, "district", province_id, value["districtCode"], name)
        wards = _wards(
            data[f"DICT_PROVINCE_DISTRICT_WARD_{table}"].get(province_key, {}).get(key, {}) for table in _WARD_TABLES
        )
        for ward in _spread(wards, config.communes):
            tree.add_commune(ward, district_id, (district_id, province_id, root), name, place, province_key, key)


class _Tree:
    """Rows of topology.csv as they grow; gives every node an id of its own."""

    def __init__(self, valid_from: str, birth_codes: dict[str, str]) -> None:
        self.rows: list[TopologyRow] = []
        self.communes: list[Commune] = []
        self._valid_from = valid_from
        self._birth_codes = birth_codes
        self._ids: set[str] = set()
        self._prefixes: set[str] = set()

    def prefix(self, short_name: str) -> str:
        """Bd for Bình Định; binh-duong for the second one with the same initials."""
        words = slug(short_name).split("-")
        initials = "".join(word[0] for word in words)
        prefix = initials if initials not in self._prefixes else "-".join(words)
        self._prefixes.add(prefix)
        return prefix

    def add(self, node_id: str, tier: str, parent_id: str, code: str, name: str) -> str:
        if node_id in self._ids:  # Ba Tơ and Ba Tô
            node_id = f"{node_id}-{code}"
        assert node_id not in self._ids
        self._ids.add(node_id)
        self.rows.append(TopologyRow(node_id, tier, parent_id, code, self._valid_from, name))
        return node_id

    def add_commune(
        self,
        ward: _Ward,
        prefix: str,
        parents: Sequence[str],
        district: str,
        province: tuple[str, str],
        legacy_province_key: str,
        district_key: str,
    ) -> None:
        short, code = province
        above = tuple(parent for parent in parents if parent)
        node_id = self.add(f"{prefix}-{slug(ward.short_name)}", "commune", above[0], ward.code, ward.name)
        weight = {"Phường": 1.5, "Thị trấn": 1.3}.get(ward.kind, 1.0)
        self.communes.append(
            Commune(
                index=len(self.communes),
                node_id=node_id,
                code=ward.code,
                name=ward.name,
                short_name=ward.short_name,
                district=district,
                province=short,
                province_code=code,
                birth_code=self._birth_codes.get(legacy_province_key, f"0{code}"),
                parents=above,
                weight=weight,
                minorities=minorities(legacy_province_key, district_key),
            )
        )


def _wards(tables: Iterable[dict[str, Any]]) -> list[_Ward]:
    """By code; the tables overlap, and a ward whose key needs accents stands in the second only."""
    found: dict[str, _Ward] = {}
    for table in tables:
        for key, value in table.items():
            if not isinstance(value["ward"], str):
                continue  # an island district without communes
            ward = _Ward(key, value["wardCode"], value["ward"], value["wardShort"], value["wardType"])
            found.setdefault(ward.code, ward)
    return [found[code] for code in sorted(found)]


def _origin(before: Sequence[str], province_key: str) -> tuple[str, str]:
    """The province and the district, before 2025, of the first unit that a ward was made of."""
    if not before:
        return province_key, ""
    legacy_province, district_key = before[0].split("_")[:2]
    return legacy_province, district_key


def _spread(items: Sequence[_Item], limit: int) -> list[_Item]:
    """``limit`` of them (0: all), spread evenly, the first one included."""
    if limit <= 0 or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def slug(name: str) -> str:
    """quy-nhon for Quy Nhơn: readable ASCII."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in folded(name))
    return "-".join(letters.split())


def _read(name: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("vietnamadminunits")
    places = [] if spec is None or spec.submodule_search_locations is None else spec.submodule_search_locations
    for place in places:
        path = Path(place) / "data" / name
        if path.is_file():
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return content
    raise UsageError(
        "The names and codes of the real units are not installed.",
        hint="Install the package vietnamadminunits into the same environment: pip install vietnamadminunits",
    )
