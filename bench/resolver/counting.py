"""Who counts where: the result of a whole tree against the truth, and why persons are counted wrongly.

A bundle with two provinces goes through the tree in one process, as ``dansync rehearse`` does it, with everything on
the way: import, replication, keys, links, settlement. Nobody rules on anything, so what waits for a person stays so.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import rehearse
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

COUNTED: Final = frozenset({"resident", "in_transit", "away"})
"""Statuses with which somebody counts in a unit (interchange format, residents.csv)."""

Row = Mapping[str, str]


@dataclass(slots=True)
class Counting:
    """Counts, which add up over seeds. ``errors``: persons who count elsewhere than can be concluded at best from what
    was reported; ``unknown``: persons of whom the reports themselves say something else than what is so.
    """

    persons: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    merged: int = 0
    """Result rows that put records of two persons together."""

    def add(self, other: Counting) -> None:
        self.persons += other.persons
        self.errors += other.errors
        self.unknown += other.unknown
        self.merged += other.merged

    @property
    def wrong(self) -> int:
        return self.errors.total()

    @property
    def share(self) -> float:
        return self.wrong / max(self.persons, 1)


def count(seed: int, persons: int, moves: int, level: str) -> Counting:
    """One bundle of two provinces, rehearsed and judged."""
    with tempfile.TemporaryDirectory(prefix="dansync-counting-") as folder:
        bundle, out = Path(folder) / "bundle", Path(folder) / "out"
        generate(SynthConfig(seed=seed, persons=persons, moves=moves, difficulty=level, provinces=2), bundle)
        rehearse(RehearsalOptions(bundle, out, in_process=True))
        truth = bundle / "truth"
        return judge(
            rows(out / "residents.csv"),
            {row["ref"]: row["true_person"] for row in rows(truth / "persons.csv")},
            rows(truth / "residents.csv"),
            rows(truth / "moves.csv"),
        )


def rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def judge(residents: Iterable[Row], who: Mapping[str, str], true: Iterable[Row], moves: Iterable[Row]) -> Counting:
    """Compare residents.csv with the truth. ``who`` is the true person of each ref."""
    found = Counting()
    results: defaultdict[str, list[Row]] = defaultdict(list)
    mixed: set[str] = set()
    for row in residents:
        persons = Counter(who[ref] for ref in row["refs"].split("|"))
        results[max(persons, key=lambda person: (persons[person], person))].append(row)
        if len(persons) > 1:
            found.merged += 1
            mixed.update(persons)
    defects: defaultdict[str, set[str]] = defaultdict(set)
    for move in moves:
        defects[move["true_person"]].update(filter(None, move["defects"].split("|")))
    for row in true:
        person = row["true_person"]
        found.persons += 1
        got = sorted(r["unit"] for r in results[person] if r["status"] in COUNTED)
        if got != _units(row, "known_"):
            found.errors[_cause(results[person], got, defects[person], mixed=person in mixed)] += 1
        if _units(row, "known_") != _units(row, ""):
            found.unknown[_report(defects[person])] += 1
    return found


def _units(row: Row, prefix: str) -> list[str]:
    return [row[f"{prefix}unit"]] if row[f"{prefix}status"] in COUNTED else []


def _cause(results: Iterable[Row], got: list[str], defects: set[str], *, mixed: bool) -> str:
    if mixed:
        return "records of two persons were put together"
    if any(row["status"] == "proposed" for row in results):
        return "an arrival waits for a ruling: counts where it was until then"
    if len(got) > len(set(got)):
        return "two forms of one person in one commune"
    if len(got) > 1:
        return "two halves of a move were not found"
    if any(defect.partition(":")[2] in {"place", "date"} for defect in defects):
        return "a place or a date was written down wrongly"
    return "several moves, of which one was not reported" if "out:missing" in defects else "else"


def _report(defects: set[str]) -> str:
    missing = sorted(defect for defect in defects if defect.endswith(":missing") and defect.count(":") == 1)
    return {"in:missing": "no arrival was reported", "out:missing": "no departure was reported"}.get(
        missing[0] if missing else "", "something else was reported"
    )
