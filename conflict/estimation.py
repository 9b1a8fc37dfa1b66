"""New weights from a register itself, without anybody telling which pairs are right (EM; RESOLVER 4, 75).

Pairs are found by passes. A pass takes the pairs that agree in some fields (one personal number; one given name and
birth date) and learns about all the other fields from them; the fields by which it chose are left out. What strangers
have in common is counted on pairs drawn at random, what members of a household have in common on households. The
result is a new table and a list of what changed; nothing comes into force by it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2
from types import MappingProxyType
from typing import Final

from conflict.comparison import LEVELS, PERSONAL, Compared, Field
from conflict.description import Description
from conflict.parameters import FREQUENCY_FIELDS, PROBABILITY_MIN, Chances, Parameters

Levels = Mapping[Field, str]
Table = dict[Field, dict[str, float]]

ROUNDS_MAX: Final = 50
CHANGE_MIN: Final = 1e-5
"""A round that moves no probability by more than this is the last."""
PRIOR_SHARE: Final = 0.05
PRIOR_PAIRS_MIN: Final = 100.0
"""For how many pairs the old table counts, as a share of the sample and at least: a mistake that the sample happens not
to have stays possible, and keeps its worth, however large one of the samples is.
"""
GIVEN_OUT: Final = frozenset({Field.NUMBER, Field.OLD_CARD, Field.INSURANCE, Field.PHONE, Field.ORDER})
"""Fields whose chance among strangers is not counted: how many numbers there are decides it, and no sample is large
enough; that the order of a name is another one is seen only where all words agree.
"""


@dataclass(frozen=True, slots=True)
class Pass:
    """Pairs that agree in the fields of ``chosen_by``, by their levels."""

    chosen_by: frozenset[Field]
    pairs: tuple[Levels, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is counted: passes, strangers drawn at random, members of one household, twins among them."""

    passes: tuple[Pass, ...]
    strangers: tuple[Levels, ...] = ()
    members: tuple[Levels, ...] = ()
    twins: tuple[Levels, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What a level is worth in two tables, in bits against strangers."""

    field: Field
    level: str
    before: float
    after: float


def levels_of(found: Iterable[Compared]) -> dict[Field, str]:
    return {item.field: item.level for item in found}


def estimate(old: Parameters, sample: Sample, *, version: int, source: str) -> Parameters:
    """A new table from the old one and a sample. Frequencies and thresholds stay; see ``frequencies``."""
    known = _column(old, "stranger")
    strangers = _counted(sample.strangers, known) | {name: known[name] for name in GIVEN_OUT}
    same = _learned(old, sample.passes, strangers)
    columns = {
        "same": same,
        "stranger": strangers,
        "member": _counted(sample.members, _column(old, "member")),
        "twin": _counted(sample.twins, _column(old, "twin")),
    }
    return replace(old, version=version, source=source, chances=_joined(columns))


def _column(parameters: Parameters, kind: str) -> Table:
    return {
        name: {level: getattr(row, kind) for level, row in levels.items()}
        for name, levels in parameters.chances.items()
    }


def _counted(pairs: Iterable[Levels], prior: Table) -> Table:
    counts: defaultdict[Field, Counter[str]] = defaultdict(Counter)
    for levels in pairs:
        for name, level in levels.items():
            counts[name][level] += 1
    return {name: _shares(counts[name], prior[name]) for name in LEVELS}


def _shares(counts: Mapping[str, float], prior: Mapping[str, float]) -> dict[str, float]:
    """Counts as shares, with the old table among them."""
    seen = sum(counts.values())
    believed = max(PRIOR_PAIRS_MIN, PRIOR_SHARE * seen)
    weight = believed / sum(prior.values())
    return {level: (counts.get(level, 0.0) + weight * share) / (seen + believed) for level, share in prior.items()}


def _learned(old: Parameters, passes: Sequence[Pass], strangers: Table) -> Table:
    """What the same person has in common: each pass by EM, then all of them by how many matches they stand on."""
    prior = _column(old, "same")
    totals = {name: dict.fromkeys(levels, 0.0) for name, levels in LEVELS.items()}
    for one in passes:
        for name, counts in _expectation_maximisation(one, prior, strangers).items():
            for level, count in counts.items():
                totals[name][level] += count
    return {name: _shares(totals[name], prior[name]) for name in LEVELS}


def _expectation_maximisation(one: Pass, prior: Table, strangers: Table) -> Mapping[Field, Mapping[str, float]]:
    """Expected counts of the levels among the matches of a pass. Strangers are known, so only one side is learned."""
    patterns = Counter(
        frozenset((name, level) for name, level in levels.items() if name not in one.chosen_by) for levels in one.pairs
    )
    table, share = prior, 0.5
    counts: dict[Field, dict[str, float]] = {}
    for _ in range(ROUNDS_MAX):
        counts, matches = {name: dict.fromkeys(levels, 0.0) for name, levels in LEVELS.items()}, 0.0
        for pattern, times in patterns.items():
            expected = times * _match_probability(pattern, share, table, strangers)
            matches += expected
            for name, level in pattern:
                counts[name][level] += expected
        updated = {name: _shares(counts[name], prior[name]) for name in LEVELS}
        moved = max(abs(updated[name][level] - table[name][level]) for name in LEVELS for level in LEVELS[name])
        table = updated
        share = min(max(matches / max(len(one.pairs), 1), 1e-6), 1 - 1e-6)
        if moved < CHANGE_MIN:
            break
    return counts


def _match_probability(pattern: Iterable[tuple[Field, str]], share: float, table: Table, strangers: Table) -> float:
    bits = log2(share / (1 - share))
    for name, level in pattern:
        bits += log2(max(table[name][level], PROBABILITY_MIN)) - log2(max(strangers[name][level], PROBABILITY_MIN))
    odds: float = 2.0 ** max(min(bits, 1_000.0), -1_000.0)
    return odds / (1 + odds)


def _joined(columns: Mapping[str, Table]) -> Mapping[Field, Mapping[str, Chances]]:
    """The four columns as one table, within the two laws of ``Parameters``: an agreement never counts against, and what
    a household shares says nothing between its members.
    """
    joined = {}
    for name, levels in LEVELS.items():
        rows = {}
        for level in levels:
            same, stranger, member, twin = (
                min(max(columns[kind][name][level], PROBABILITY_MIN), 1.0)
                for kind in ("same", "stranger", "member", "twin")
            )
            if name not in PERSONAL:
                member, twin = max(member, same), max(twin, same)
            if level == levels[0]:
                stranger, member, twin = min(stranger, same), min(member, same), min(twin, same)
            rows[level] = Chances(same, stranger, member, twin)
        joined[name] = MappingProxyType(rows)
    return MappingProxyType(joined)


def words_of(description: Description) -> Iterator[tuple[Field, str]]:
    """The words of somebody that are common or rare, each with its part."""
    name = description.name
    if name.family is not None:
        yield Field.FAMILY, name.family.key
    if name.middle:
        yield Field.MIDDLE, " ".join(word.key for word in name.middle)
    if name.given is not None:
        yield Field.GIVEN, name.given.key
    if description.ethnicity:
        yield Field.ETHNICITY, description.ethnicity


def frequencies(descriptions: Iterable[Description]) -> Mapping[Field, Mapping[str, float]]:
    """How common each word is in its part of the name, and each people, from 1 / people on."""
    counts: dict[Field, Counter[str]] = {name: Counter() for name in FREQUENCY_FIELDS}
    for description in descriptions:
        for part, word in words_of(description):
            counts[part][word] += 1
    return MappingProxyType(
        {
            part: MappingProxyType({word: times / words.total() for word, times in words.items()})
            for part, words in counts.items()
        }
    )


def differences(before: Parameters, after: Parameters, *, bits_min: float = 0.5) -> tuple[Difference, ...]:
    """The levels whose worth moved by at least so many bits, the largest change first."""
    found = [
        Difference(name, level, _worth(before.chances[name][level]), _worth(after.chances[name][level]))
        for name, levels in LEVELS.items()
        for level in levels
    ]
    moved = [change for change in found if abs(change.after - change.before) >= bits_min]
    return tuple(sorted(moved, key=lambda change: (-abs(change.after - change.before), change.field, change.level)))


def _worth(chances: Chances) -> float:
    return log2(chances.same) - log2(chances.stranger)
