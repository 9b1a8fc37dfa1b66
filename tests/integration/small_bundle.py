"""A small bundle with two provinces, written by hand: four communes, all kinds of trees and a few of all kinds of events."""

from __future__ import annotations

import csv
import random
from pathlib import Path

from node.interchange.bundle import FILES

COMMUNES = ("c0", "c1", "c2", "c3")


def write_small_bundle(
    folder: Path, *, persons: int = 40, events: int = 25, seed: int = 1, nation: bool = True
) -> Path:
    """Deterministic; without the nation it is a forest with two roots."""
    rng = random.Random(seed)
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in FILES}
    tree = rows["topology.csv"]
    if nation:
        tree.append({"node_id": "nation", "tier": "nation", "name": "Việt Nam"})
    for province in ("p1", "p2"):
        parent = "nation" if nation else ""
        tree.append(
            {"node_id": province, "tier": "province", "parent_id": parent, "admin_code": "52", "name": province}
        )
        tree.append(
            {"node_id": f"{province}d", "tier": "district", "parent_id": province, "admin_code": "540", "name": "d"}
        )
    for number, commune in enumerate(COMMUNES):
        parent = f"p{number % 2 + 1}d"
        tree.append(
            {
                "node_id": commune,
                "tier": "commune",
                "parent_id": parent,
                "admin_code": f"{21550 + number}",
                "name": commune,
            }
        )
        _register(rows, commune, persons, events, rng)
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in FILES.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns.names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[name])
    return folder


def _register(rows: dict[str, list[dict[str, str]]], node: str, persons: int, events: int, rng: random.Random) -> None:
    for number in range(persons):
        if number % 4 == 0:
            household = {"node_id": node, "household_id": f"H{number // 4}", "head_person_id": f"P{number}"}
            rows["households.csv"].append(household | {"hamlet": "Thôn 1"})
        rows["persons.csv"].append(
            {
                "node_id": node,
                "person_id": f"P{number}",
                "household_id": f"H{number // 4}",
                "full_name": f"Nguyễn Thị Ánh {number}",
                "sex": "F",
                "birth_date": "1990",
                "residence": "permanent",
            }
        )
    for number in range(events):
        day = f"2024-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        kind = rng.choice(("death", "move_out", "move_in", "correction", "birth", "marriage", "dispute"))
        event = {
            "node_id": node,
            "event_id": f"E{number}",
            "kind": kind,
            "event_date": day,
            "recorded_at": f"{day}T10:00:00+07:00",
            "person_id": f"P{rng.randrange(persons)}",
        }
        if kind in ("move_in", "birth"):
            event |= {"person_id": f"N{number}", "full_name": "Trần Văn Bình", "other_place": rng.choice(COMMUNES)}
        if kind == "move_out":
            event["other_place"] = rng.choice((*COMMUNES, "nước ngoài", ""))
        if kind == "correction":
            event["phone"] = f"09{rng.randrange(10**8):08d}"
        if kind == "birth":
            event["other_place"] = ""
        rows["events.csv"].append(event)
