"""Learns the frozen parameters from synthetic provinces, without their truth:
``python -m bench.resolver.training --version 2 --out conflict/parameters-2.json``.

What is known beforehand, and counts for a few hundred pairs, stands in ``starting.json``: mistakes that people make and
a generator does not. The seeds are others than those that ``make bench-resolver`` measures on.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.resolver.province import Province, read_province
from conflict.description import Description
from conflict.estimation import differences, frequencies
from conflict.parameters import Parameters, from_document, rendered, rounded, to_document
from conflict.sampling import Counted, Drawn, Pair
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

SEEDS = (9001, 9002, 9003)
STRANGERS = 200_000


def learn(old: Parameters, provinces: list[Province], *, version: int, source: str, seed: int = 0) -> Parameters:
    """New parameters from what the registers say."""
    counted = Counted()
    for province in provinces:
        counted.add(drawn_from(province, random.Random(f"{seed}/strangers")))
    learned = counted.learned(old, version=version, source=source)
    words = frequencies(
        party.description for province in provinces for party in province.parties.values() if not party.sheet
    )
    return replace(learned, frequencies=words)


def drawn_from(province: Province, rng: random.Random) -> Drawn:
    return Drawn(_blocks(province), _strangers(province, rng), _households(province))


def _blocks(province: Province) -> Iterator[Pair]:
    index = province.index()
    for arrival in province.arrivals:
        here = province.parties[arrival].description
        for other in index.candidates(here, apart_from=[arrival]).refs:
            yield here, province.parties[other].description


def _strangers(province: Province, rng: random.Random) -> Iterator[Pair]:
    """Arrivals against records drawn at random; the few that are one person do not matter."""
    everybody = sorted(province.parties)
    for _ in range(STRANGERS):
        one, other = rng.choice(province.arrivals), rng.choice(everybody)
        yield province.parties[one].description, province.parties[other].description


def _households(province: Province) -> Iterator[list[Description]]:
    together: defaultdict[str, list[Description]] = defaultdict(list)
    for party in province.parties.values():
        if party.household and not party.sheet:
            together[party.household].append(party.description)
    yield from together.values()


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
