"""FORMAT read anew, with nothing of ours: what a bundle breaks, as sentences. Kept apart so that the generator and the
product's own reader cannot be wrong in the same way.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

PERSON = [
    "full_name",
    "sex",
    "birth_date",
    "personal_id",
    "old_card_id",
    "insurance_id",
    "ethnicity",
    "relationship",
    "marital_status",
    "father_name",
    "mother_name",
    "phone",
    "residence",
]
HEADERS = {
    "topology.csv": ["node_id", "tier", "parent_id", "admin_code", "valid_from", "name"],
    "households.csv": ["node_id", "household_id", "hamlet", "address", "head_person_id"],
    "persons.csv": ["node_id", "person_id", "household_id", *PERSON],
    "events.csv": [
        *["node_id", "event_id", "kind", "event_date", "recorded_at", "person_id", "household_id", "group_id"],
        *("other_place", "other_person_id", "reason"),
        *PERSON,
    ],
}
KINDS = frozenset(
    [
        "birth",
        "death",
        "marriage",
        "divorce",
        "move_out",
        "move_in",
        "cancel",
        "correction",
        "end_temporary",
        "confirm",
        "dispute",
        "ruling",
    ]
)
MAKES_PERSON = {"birth", "move_in"}

Row = dict[str, str]


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def is_date(text: str) -> bool:
    match = re.fullmatch(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", text)
    if match is None:
        return False
    try:
        date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        return False
    return True


def violations(folder: Path) -> list[str]:
    """Every rule of FORMAT that the bundle breaks, and every warning that its reader would have to give about ids."""
    found: list[str] = []
    for name, header in HEADERS.items():
        with (folder / name).open(encoding="utf-8", newline="") as file:
            if next(csv.reader(file)) != header:
                found.append(f"{name}: other columns")
    nodes = {row["node_id"]: row for row in table(folder / "topology.csv")}
    found += _topology(nodes)
    households = _once(table(folder / "households.csv"), "household_id", found)
    persons = _once(table(folder / "persons.csv"), "person_id", found)
    for key, row in persons.items():
        if key[0] not in nodes or (key[0], row["household_id"]) not in households:
            found.append(f"person {key}: unknown node or household")
        found += _person_columns(f"person {key}", row)
    for key, row in households.items():
        head = row["head_person_id"]
        if head and (key[0], head) not in persons:
            found.append(f"household {key}: unknown head {head}")
    found += _events(table(folder / "events.csv"), nodes, persons)
    return found


def _topology(nodes: dict[str, Row]) -> Iterator[str]:
    for node_id, row in nodes.items():
        seen = {node_id}
        parent = row["parent_id"]
        while parent:
            if parent not in nodes or parent in seen:
                yield f"{node_id}: no way to a root"
                break
            seen.add(parent)
            parent = nodes[parent]["parent_id"]
        if not re.fullmatch(r"|\d{2}|\d{3}|\d{5}", row["admin_code"]) or not re.fullmatch(r"[^\s:|]+", node_id):
            yield f"{node_id}: code or id"
        if row["valid_from"] and not is_date(row["valid_from"]):
            yield f"{node_id}: valid_from"


def _once(rows: list[Row], column: str, found: list[str]) -> dict[tuple[str, str], Row]:
    by_id: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = (row["node_id"], row[column])
        if not row[column] or by_id.setdefault(key, row) != row:
            found.append(f"{column} {key}: empty or used twice")
    return by_id


def _person_columns(what: str, row: Row) -> Iterator[str]:
    if row["sex"] not in {"", "M", "F"} or row["residence"] not in {"", "permanent", "temporary", "absent"}:
        yield f"{what}: sex or residence"
    if row["birth_date"] and not is_date(row["birth_date"]):
        yield f"{what}: birth date {row['birth_date']}"
    if any(not ord(letter) >= 32 or 127 <= ord(letter) < 160 for value in row.values() for letter in value):
        yield f"{what}: control character"


def _events(events: list[Row], nodes: dict[str, Row], persons: dict[tuple[str, str], Row]) -> Iterator[str]:
    inner = {row["parent_id"] for row in nodes.values()}
    by_node: defaultdict[str, list[Row]] = defaultdict(list)
    for row in events:
        by_node[row["node_id"]].append(row)
    arrived: dict[tuple[str, str], Row] = {}
    for node_id, rows in by_node.items():
        rows.sort(key=lambda row: (datetime.fromisoformat(row["recorded_at"]), row["event_id"]))
        told: dict[str, Row] = {}
        for row in rows:
            what = f"event {node_id}:{row['event_id']} ({row['kind']})"
            if node_id not in nodes or row["kind"] not in KINDS or not row["event_id"] or row["event_id"] in told:
                yield f"{what}: node, kind or id"
            yield from _event_times(what, row)
            yield from _person_columns(what, row)
            if (row["kind"] == "ruling") != (node_id in inner):
                yield f"{what}: at this tier"
            if row["kind"] == "ruling":
                if row["reason"] not in {"same", "different"}:
                    yield f"{what}: ruling"
                continue
            yield from _event_references(what, row, persons, arrived)
            if row["kind"] == "cancel" and (row["reason"] not in told or row["other_person_id"]):
                yield f"{what}: cancels {row['reason']}"
            told[row["event_id"]] = row
    known = {*persons, *arrived}
    for row in events:
        if row["kind"] == "ruling":
            for column in ("person_id", "other_person_id"):
                if tuple(row[column].split(":")) not in known:
                    yield f"ruling about the unknown {row[column]}"


def _event_references(
    what: str, row: Row, persons: dict[tuple[str, str], Row], arrived: dict[tuple[str, str], Row]
) -> Iterator[str]:
    """``arrived``: whom births and arrivals have brought so far; grows."""
    key, other = (row["node_id"], row["person_id"]), (row["node_id"], row["other_person_id"])
    if row["kind"] in MAKES_PERSON:
        first = arrived.setdefault(key, row)
        if key in persons or any(first[column] != row[column] for column in PERSON):
            yield f"{what}: person_id is not new"
    elif key not in persons and key not in arrived:
        yield f"{what}: unknown person {row['person_id']}"
    if row["other_person_id"] and other not in persons and other not in arrived:
        yield f"{what}: unknown other person {row['other_person_id']}"


def _event_times(what: str, row: Row) -> Iterator[str]:
    if not row["recorded_at"].endswith("+07:00") or not is_date(row["event_date"]):
        yield f"{what}: times"
    elif row["recorded_at"][: len(row["event_date"])] < row["event_date"]:
        yield f"{what}: recorded before it happened"
