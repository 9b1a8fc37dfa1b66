"""What of a register is counted to learn new weights from it: which pairs, which households, which words (RESOLVER 4).

``Drawn`` is filled by whoever holds the register; the mathematics stand in ``conflict.estimation``. Only shares leave
here, and of words only those that several people have, so that a file of parameters says nothing about anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from types import MappingProxyType
from typing import Final

from conflict.comparison import Field, compare
from conflict.description import Description
from conflict.estimation import Levels, Pass, Sample, estimate, levels_of, words_of
from conflict.levels import Birth, Number
from conflict.parameters import FREQUENCY_FIELDS, Parameters
from conflict.syllables import Likeness

Pair = tuple[Description, Description]

NOT_LEARNED_AT_HOME: Final = (Field.ORIGIN, Field.DEPARTURE, Field.COMPANIONS, Field.ORDER)
"""Where members of a household live and whether they left says nothing about who they are."""
PASSES: Final[tuple[Mapping[Field, str], ...]] = (
    {Field.NUMBER: Number.SAME},
    {Field.GIVEN: Likeness.SAME, Field.BIRTH: Birth.SAME_DAY},
)
"""Levels by which each pass chooses its pairs. None of them takes twins for one person: their given names differ."""
BEARERS_MIN: Final = 5
"""A word that fewer people have is not named in the table."""
PRIOR_PEOPLE: Final = 5_000.0
"""For how many people the old table of words counts: a commune's register does not know how common a name is."""


@dataclass(slots=True)
class Drawn:
    """``pairs``: arrivals with whom they may be; ``strangers``: arrivals with anybody, drawn at random;
    ``households``: members of one each; ``people``: those whose names are counted.
    """

    pairs: Iterable[Pair] = ()
    strangers: Iterable[Pair] = ()
    households: Iterable[Sequence[Description]] = ()
    people: Iterable[Description] = ()


@dataclass(slots=True)
class Counted:
    """Levels, ready to be learned from; more registers may be added."""

    chosen: list[list[Levels]] = field(default_factory=lambda: [[] for _ in PASSES])
    strangers: list[Levels] = field(default_factory=list)
    members: list[Levels] = field(default_factory=list)
    twins: list[Levels] = field(default_factory=list)

    def add(self, drawn: Drawn) -> None:
        """All but the people."""
        levels: Levels
        for one, other in drawn.pairs:
            levels = levels_of(compare(one, other))
            for wanted, pairs in zip(PASSES, self.chosen, strict=True):
                if all(levels.get(name) == level for name, level in wanted.items()):
                    pairs.append(levels)
        self.strangers += [levels_of(compare(one, other)) for one, other in drawn.strangers]
        for household in drawn.households:
            for levels in _at_home(household):
                (self.twins if levels.get(Field.BIRTH) == Birth.SAME_DAY else self.members).append(levels)

    @property
    def matches(self) -> int:
        """Pairs that are probably one person, on which the estimate stands."""
        return sum(map(len, self.chosen))

    def learned(self, old: Parameters, *, version: int, source: str) -> Parameters:
        """A new table; frequencies stay as they are."""
        passes = tuple(Pass(frozenset(by), tuple(pairs)) for by, pairs in zip(PASSES, self.chosen, strict=True))
        sample = Sample(passes, tuple(self.strangers), tuple(self.members), tuple(self.twins))
        return estimate(old, sample, version=version, source=source)


def learn(old: Parameters, drawn: Drawn, *, version: int, source: str) -> tuple[Parameters, Counted]:
    """New parameters from one register, and what they stand on."""
    counted = Counted()
    counted.add(drawn)
    learned = counted.learned(old, version=version, source=source)
    return replace(learned, frequencies=pooled_frequencies(old, drawn.people)), counted


def _at_home(household: Sequence[Description]) -> Iterator[Levels]:
    """Pairs of one household: never one person."""
    for one, other in combinations(household, 2):
        levels = levels_of(compare(one, other))
        one_day = levels.get(Field.BIRTH) == Birth.SAME_DAY
        if levels.get(Field.NUMBER) == Number.SAME or (one_day and levels.get(Field.GIVEN) == Likeness.SAME):
            continue  # perhaps one person twice
        yield {name: level for name, level in levels.items() if name not in NOT_LEARNED_AT_HOME}


def pooled_frequencies(old: Parameters, people: Iterable[Description]) -> Mapping[Field, Mapping[str, float]]:
    """How common words are, by a register and the old table together."""
    counts: dict[Field, Counter[str]] = {name: Counter() for name in FREQUENCY_FIELDS}
    for description in people:
        for name, word in words_of(description):
            counts[name][word] += 1
    pooled = {}
    for name, words in counts.items():
        known, everybody = old.frequencies.get(name, {}), words.total() + PRIOR_PEOPLE
        named = known.keys() | {word for word, times in words.items() if times >= BEARERS_MIN}
        pooled[name] = MappingProxyType(
            {word: (words[word] + PRIOR_PEOPLE * known.get(word, 0.0)) / everybody for word in sorted(named)}
        )
    return MappingProxyType(pooled)
