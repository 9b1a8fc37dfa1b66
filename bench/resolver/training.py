"""Learns the frozen parameters from synthetic provinces, without their truth:
``python -m bench.resolver.training --version 2 --out conflict/parameters-2.json``.

What is known beforehand, and counts for a few hundred pairs, stands in ``starting.json``: mistakes that people make and
a generator does not. The seeds are others than those that ``make bench-resolver`` measures on.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from bench.resolver.province import Province, read_province
from conflict.comparison import Field, compare
from conflict.estimation import Levels, Pass, Sample, differences, estimate, frequencies, levels_of
from conflict.levels import Birth, Number
from conflict.linking import Party
from conflict.parameters import Parameters, from_document, to_document
from conflict.syllables import Likeness
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

SEEDS = (9001, 9002, 9003)
STRANGERS = 200_000
NOT_LEARNED_AT_HOME = (Field.ORIGIN, Field.DEPARTURE, Field.COMPANIONS, Field.ORDER)

PASSES = (
    {Field.NUMBER: Number.SAME},
    {Field.GIVEN: Likeness.SAME, Field.BIRTH: Birth.SAME_DAY},
)
"""Levels by which each pass chooses its pairs. None of them takes twins for one person: their given names differ."""


def learn(old: Parameters, provinces: list[Province], *, version: int, source: str, seed: int = 0) -> Parameters:
    """New parameters from what the registers say."""
    chosen: list[list[Levels]] = [[] for _ in PASSES]
    strangers: list[Levels] = []
    members: list[Levels] = []
    twins: list[Levels] = []
    for province in provinces:
        _count_blocks(province, chosen)
        strangers += _strangers(province, random.Random(f"{seed}/strangers"))
        for levels in _households(province):
            (twins if levels.get(Field.BIRTH) == Birth.SAME_DAY else members).append(levels)
    passes = tuple(Pass(frozenset(by), tuple(pairs)) for by, pairs in zip(PASSES, chosen, strict=True))
    learned = estimate(
        old, Sample(passes, tuple(strangers), tuple(members), tuple(twins)), version=version, source=source
    )
    counted = frequencies(
        party.description for province in provinces for party in province.parties.values() if not party.sheet
    )
    return replace(learned, frequencies=counted)


def _count_blocks(province: Province, chosen: list[list[Levels]]) -> None:
    index = province.index()
    for arrival in province.arrivals:
        here = province.parties[arrival].description
        for other in index.candidates(here, apart_from=[arrival]).refs:
            levels = levels_of(compare(here, province.parties[other].description))
            for wanted, pairs in zip(PASSES, chosen, strict=True):
                if all(levels.get(name) == level for name, level in wanted.items()):
                    pairs.append(levels)


def _strangers(province: Province, rng: random.Random) -> list[Levels]:
    """Arrivals against records drawn at random; the few that are one person do not matter."""
    everybody = sorted(province.parties)
    return [
        levels_of(
            compare(
                province.parties[rng.choice(province.arrivals)].description,
                province.parties[rng.choice(everybody)].description,
            )
        )
        for _ in range(STRANGERS)
    ]


def _households(province: Province) -> list[Levels]:
    """Pairs of one household: never one person. Where they live and whether they left says nothing here."""
    together: defaultdict[str, list[Party]] = defaultdict(list)
    for party in province.parties.values():
        if party.household and not party.sheet:
            together[party.household].append(party)
    found: list[Levels] = []
    for household in together.values():
        for one, other in combinations(household, 2):
            levels = levels_of(compare(one.description, other.description))
            one_day = levels.get(Field.BIRTH) == Birth.SAME_DAY
            if levels.get(Field.NUMBER) == Number.SAME or (one_day and levels.get(Field.GIVEN) == Likeness.SAME):
                continue  # perhaps one person twice
            found.append({name: level for name, level in levels.items() if name not in NOT_LEARNED_AT_HOME})
    return found


def rounded(value: Any) -> Any:
    """Numbers to four digits that count: more is not known."""
    match value:
        case dict():
            return {key: rounded(item) for key, item in value.items()}
        case list():
            return [rounded(item) for item in value]
        case float():
            return float(f"{value:.4g}")
        case _:
            return value


def rendered(document: dict[str, Any]) -> str:
    """As JSON, the four chances of a level on one line."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return re.sub(r"\[\s+([^]]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.resolver.training", description=__doc__)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=Path(__file__).with_name("starting.json"))
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--moves", type=int, default=2_500)
    options = parser.parse_args()
    if options.out.exists():
        parser.error(f"{options.out} exists: a parameter file never changes, give a new version")
    provinces = []
    with tempfile.TemporaryDirectory(prefix="dansync-training-") as folder:
        for seed in SEEDS:
            place = Path(folder) / str(seed)
            generate(
                SynthConfig(seed=seed, persons=options.persons, moves=options.moves, twin_pairs_at_risk=100), place
            )
            provinces.append(read_province(place))
    old = from_document(json.loads(options.start.read_text(encoding="utf-8")))
    source = f"EM on synthetic provinces of {options.persons} persons, seeds {', '.join(map(str, SEEDS))}"
    new = learn(old, provinces, version=options.version, source=source)
    document = rounded(to_document(new))
    new = from_document(document)
    options.out.write_text(rendered(document), encoding="utf-8")
    for change in differences(old, new):
        print(f"{change.field.value:12} {change.level:16} {change.before:8.2f} -> {change.after:8.2f} bits")
    print(f"version {new.version}, hash {new.hash}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
