"""The tree: real units with their real names and codes, read from the data files of the package vietnamadminunits.

The package itself is not imported: that would load its geometry libraries. Codes before July 2025 and after it are
different things; each unit says from which day its code is valid.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from conflict.text import folded
from node.errors import UsageError
from ops.province.config import SynthConfig

LEGACY_PROVINCES: Final = ("52", "64", "51", "54")  # Bình Định, Gia Lai, Quảng Ngãi, Phú Yên
PRESENT_PROVINCES: Final = ("52", "51", "66", "48")  # Gia Lai, Quảng Ngãi, Đắk Lắk, Đà Nẵng of July 2025
LEGACY_FROM: Final = "2004-07-01"  # the statistics office's numbering with 2, 3 and 5 digits
PRESENT_FROM: Final = "2025-07-01"


@dataclass(frozen=True, slots=True)
class Unit:
    """A node of the tree."""

    node_id: str
    tier: str
    parent_id: str
    code: str
    valid_from: str
    name: str
    birth_code: str = ""  # digits 1 to 3 of personal numbers registered here


def units(config: SynthConfig) -> list[Unit]:
    """The nodes of the tree, parents first. Raises ``UsageError`` if the data package is missing."""
    legacy = config.tiers == "three"
    data = _data("parser_legacy.json" if legacy else "parser_from_2025.json")
    wanted = (LEGACY_PROVINCES if legacy else PRESENT_PROVINCES)[: config.provinces]
    valid_from = LEGACY_FROM if legacy else PRESENT_FROM
    result: list[Unit] = []
    root = ""
    if config.nation:
        root = "vn"
        result.append(Unit(root, "nation", "", "", valid_from, "Việt Nam"))
    taken: set[str] = {root}
    by_code = {entry["provinceCode"]: (key, entry) for key, entry in data["DICT_PROVINCE"].items()}
    for code in wanted:
        key, entry = by_code[code]
        province = Unit(
            _node_id("", entry["provinceShort"], taken),
            "province",
            root,
            code,
            valid_from,
            entry["province"],
            f"0{code}",
        )
        result.append(province)
        count = config.districts * config.communes
        if legacy:
            result.extend(_districts(data, key, province, config, taken))
        else:
            wards = data["DICT_PROVINCE_WARD_NO_ACCENTED"][key]
            result.extend(_communes(wards, province, province, count, taken))
    return result


def _districts(data: dict[str, Any], key: str, province: Unit, config: SynthConfig, taken: set[str]) -> Iterator[Unit]:
    wards = data["DICT_PROVINCE_DISTRICT_WARD_NO_ACCENTED"][key]
    entries = sorted(data["DICT_PROVINCE_DISTRICT"][key].items(), key=lambda item: item[1]["districtCode"])
    for district_key, entry in entries[: config.districts]:
        node_id = _node_id(province.node_id, entry["districtShort"], taken)
        district = Unit(
            node_id, "district", province.node_id, entry["districtCode"], province.valid_from, entry["district"]
        )
        yield district
        yield from _communes(wards.get(district_key, {}), province, district, config.communes, taken)


def _communes(wards: dict[str, Any], province: Unit, parent: Unit, count: int, taken: set[str]) -> Iterator[Unit]:
    known = [entry for entry in wards.values() if isinstance(entry["wardCode"], str)]
    for entry in sorted(known, key=lambda item: item["wardCode"])[:count]:
        node_id = _node_id(parent.node_id, entry["wardShort"], taken)
        yield Unit(
            *(
                node_id,
                "commune",
                parent.node_id,
                entry["wardCode"],
                province.valid_from,
                entry["ward"],
                province.birth_code,
            )
        )


def _node_id(parent: str, name: str, taken: set[str]) -> str:
    """Readable ASCII: initials of what is above, then the unit's own name."""
    prefix = parent.split("-", maxsplit=1)[0]
    own = folded(name).replace("'", "").replace(" ", "-")
    initials = "".join(word[0] for word in own.split("-") if word)
    node_id = initials if not parent else f"{prefix}-{own}"
    number = 1
    while node_id in taken:
        number += 1
        node_id = f"{initials if not parent else f'{prefix}-{own}'}{number}"
    taken.add(node_id)
    return node_id


def _data(name: str) -> dict[str, Any]:
    found = importlib.util.find_spec("vietnamadminunits")
    if found is None or found.origin is None:
        raise UsageError(
            "The names and codes of the units are not installed.",
            hint="Install them with: pip install 'dansync[synth]'",
        )
    path = Path(found.origin).parent / "data" / name
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: math.nan)
    return loaded
