"""Numbered cases as text files: what offices wrote down, and below ``----`` the result of the whole tree.

    # a comment; the first one says what the case is about
    as-of 2025-06-30                            the day of the view; this one if nothing is said
    node F parent=P code=23500                  another place in the tree, or another code, name or valid_from
    A person p1 lan household=h1                a standing record at A; PEOPLE has what `lan` is called
    A move_out e1 05-01 p1 other_place=B        kind, event id, date (of 2025 if it has no year), person; then columns
    B move_in e2 05-03 n1 lan other_place=A     with the values that were declared
    N ruling r1 06-01 A:p1 other_person_id=B:n1 reason=same
    repeat 10-30 A person p{n} hung personal_id=0520810077{n}      a line for each number

``recorded_at`` is the morning of the day of the event. Places and names are those of ``THREE``, a tree of three tiers with
provinces below a nation; the same bundle also runs in ``TWO``, where communes stand right below provinces and the
district of a result is the province.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from node.interchange.bundle import FILES
from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import rehearse

Row = dict[str, str]

PEOPLE: Final[dict[str, Row]] = {
    name: dict(zip(("full_name", "sex", "birth_date", "personal_id"), values, strict=True))
    for name, values in {
        "lan": ("Trần Thị Hồng Lan", "F", "1984-07-19", "052184003417"),
        "hung": ("Nguyễn Văn Hùng", "M", "1981-02-11", "052081007733"),
        "khanh": ("Lê Quốc Khánh", "M", "1975-05-05", "052075004521"),
        "thao": ("Đinh Thị Thảo", "F", "2001-11-30", "052301009911"),
        "minh": ("Trần Quang Minh", "M", "2012-09-03", "052212001188"),
        "baby": ("Trần Gia Bảo", "M", "2025-05-10", ""),
    }.items()
}
_NODES: Final = {
    "N": ("nation", "", "", "Việt Nam"),
    "P": ("province", "N", "52", "Bình Định"),
    "D": ("district", "P", "540", "Quy Nhơn"),
    "A": ("commune", "D", "21550", "Nhơn Lý"),
    "B": ("commune", "D", "21553", "Nhơn Hội"),
    "X": ("district", "P", "541", "An Lão"),
    "C": ("commune", "X", "21600", "An Hòa"),
    "Q": ("province", "N", "64", "Gia Lai"),
    "Y": ("district", "Q", "630", "Đức Cơ"),
    "F": ("commune", "Y", "23500", "Ia Dom"),
}
THREE: Final = {
    node: dict(zip(("tier", "parent_id", "admin_code", "name"), values, strict=True)) | {"valid_from": "2008-01-01"}
    for node, values in _NODES.items()
}
_ABOVE_DISTRICT: Final = {node: row["parent_id"] for node, row in THREE.items() if row["tier"] == "district"}
TWO: Final = {
    node: row | {"parent_id": _ABOVE_DISTRICT.get(row["parent_id"], row["parent_id"])}
    for node, row in THREE.items()
    if node not in _ABOVE_DISTRICT
}
TREES: Final = {"three tiers": THREE, "two tiers": TWO}


@dataclass(slots=True)
class Written:
    """What a file says, above the line."""

    as_of: date = date(2025, 6, 30)
    nodes: dict[str, Row] = field(default_factory=dict)
    persons: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def read(text: str) -> Written:
    """The lines of a file, in any order."""
    found = Written()
    for line in _repeated(text.splitlines()):
        words = shlex.split(line, comments=True)
        match words:
            case []:
                continue
            case ["as-of", day]:
                found.as_of = date.fromisoformat(day)
            case ["node", node_id, *more]:
                found.nodes[node_id] = _columns(more)
            case [node_id, "person", person_id, *more]:
                found.persons.append(
                    {"node_id": node_id, "person_id": person_id, "residence": "permanent"} | _columns(more)
                )
            case [node_id, kind, event_id, day, person_id, *more]:
                found.events.append(_event(node_id, kind, event_id, day, person_id, more))
            case _:
                raise ValueError(f"cannot be read: {line}")
    return found


def _repeated(lines: list[str]) -> Iterator[str]:
    for line in lines:
        many = re.fullmatch(r"repeat (\d+)-(\d+) (.*)", line)
        if many is None:
            yield line
        else:
            yield from (many[3].replace("{n}", str(number)) for number in range(int(many[1]), int(many[2]) + 1))


def _event(node_id: str, kind: str, event_id: str, day: str, person_id: str, more: list[str]) -> Row:
    when = day if day[4:5] == "-" or len(day) == 4 else f"2025-{day}"
    row = {"node_id": node_id, "event_id": event_id, "kind": kind, "event_date": when, "person_id": person_id}
    row |= _columns(more)
    morning = row.pop("recorded", when)
    return row | {"recorded_at": morning if "T" in morning else f"{_whole(morning)}T08:00:00+07:00"}


def _whole(day: str) -> str:
    """A day, whatever a partial date leaves out; of 2025 if it has no year."""
    day = day if day[4:5] == "-" or len(day) == 4 else f"2025-{day}"
    return (day + "-01-01")[:10]


def _columns(words: list[str]) -> Row:
    """``column=value``, and names of ``PEOPLE``, which what stands behind them overrides."""
    row: Row = {}
    for word in words:
        column, is_value, value = word.partition("=")
        row |= {column: value} if is_value else PEOPLE[column]
    return row


def _planted(written: Written, tree: dict[str, Row]) -> dict[str, Row]:
    """The tree with what the file says otherwise of it."""
    found = {}
    for node_id, row in tree.items():
        other = dict(written.nodes.get(node_id, {}))
        parent = other.pop("parent", row["parent_id"])
        code = other.pop("code", row["admin_code"])
        found[node_id] = row | other | {"parent_id": parent, "admin_code": code}
    return found


def write(folder: Path, written: Written, tree: dict[str, Row]) -> None:
    """A bundle of what was written, for a tree."""
    rows: dict[str, list[Row]] = {name: [] for name in FILES}
    rows["topology.csv"] = [{"node_id": node_id} | row for node_id, row in tree.items()]
    homes = {(row["node_id"], row["household"]) for row in written.persons if row.get("household")}
    rows["households.csv"] = [{"node_id": node, "household_id": home} for node, home in sorted(homes)]
    rows["persons.csv"], rows["events.csv"] = written.persons, written.events
    folder.mkdir(parents=True)
    for name, columns in FILES.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns.names, restval="", lineterminator="\n")
            writer.writeheader()
            for row in rows[name]:
                known = {("household_id" if column == "household" else column): value for column, value in row.items()}
                writer.writerow(known)


def result_of(text: str, tree: dict[str, Row], folder: Path, *, seed: int = 0) -> str:
    """The result of the whole tree, written so that it can be read. Of two tiers it is what it is of three, with the
    province for each of its districts.
    """
    written = read(text)
    tree = _planted(written, tree)
    write(folder / "bundle", written, tree)
    rehearse(RehearsalOptions(folder / "bundle", folder / "out", seed=seed, in_process=True, as_of=written.as_of))
    tables: dict[str, list[Row]] = {}
    for name in ("residents", "cases", "balance", "rejected"):
        with (folder / "out" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    lines = [f"{_or(row['unit'])} {row['status']}: {_refs(row)}" for row in tables["residents"]]
    lines += [_case(row) for row in tables["cases"]]
    lines += _balance(tables["balance"], tree)
    lines += [f"rejected: {row['file']} {row['column']} {row['value']}".rstrip() for row in tables["rejected"]]
    return "\n".join(lines)


def _or(text: str) -> str:
    return text or "-"


def _refs(row: Row) -> str:
    return row["refs"].replace("|", " ")


def _case(row: Row) -> str:
    by = f" by {row['decided_by']}" if row["decided_by"] else ""
    scored = " scored" if row["score"] else ""
    return f"case {_refs(row)}: {row['state']} {row['outcome']}{by}{scored} at {row['settled_at']} ({row['tier']})"


def _balance(rows: list[Row], tree: dict[str, Row]) -> list[str]:
    """The flows of the communes, and the stock at the end. Those of their parents are the sums."""
    flows: Counter[tuple[str, str, str, str]] = Counter()
    last = max((row["month"] for row in rows), default="")
    stock = {row["unit"]: int(row["count"]) for row in rows if (row["flow"], row["month"]) == ("stock_end", last)}
    totals: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rows:
        if not row["flow"].startswith("stock"):
            totals[row["unit"]][row["month"], row["flow"]] += int(row["count"])
            if tree[row["unit"]]["tier"] == "commune" and int(row["count"]):
                flows[row["month"], row["unit"], row["flow"], row["other_unit"]] += int(row["count"])
    parents = {row["unit"] for row in rows} - {node for node in tree if tree[node]["tier"] == "commune"}
    for parent in parents:
        below = [totals[node] for node in tree if _is_below(node, parent, tree)]
        assert +totals[parent] == +sum(below, Counter()), f"flows of {parent} are no sums"
    lines = [
        f"flow {month} {unit}: {flow} {f'({other}) ' if other else ''}{count}"
        for (month, unit, flow, other), count in sorted(flows.items())
    ]
    here = " ".join(
        f"{unit} {stock[unit]}" for unit in sorted(stock) if tree[unit]["tier"] == "commune" and stock[unit]
    )
    return [*lines, f"stock: {here or 'nobody'}"]


def _is_below(node: str, parent: str, tree: dict[str, Row]) -> bool:
    if tree[node]["tier"] != "commune":
        return False
    above: str = tree[node]["parent_id"]
    while above and above != parent:
        above = tree[above]["parent_id"]
    return above == parent


def as_two_tiers(result: str) -> str:
    """What three tiers say, with provinces in the place of districts."""
    for district, province in _ABOVE_DISTRICT.items():
        result = result.replace(f" at {district} (district)", f" at {province} (province)")
    return result
