"""``make bench-resolver``: how well records are linked, with intervals, and beside a peer. Nothing here can fail on
time; it ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.resolver.counting import Counting, count
from bench.resolver.febrl import Curve, best, common_pairs, load, one_to_one, ours
from bench.resolver.province import Province, read_province
from bench.resolver.quality import Quality, interval, measure
from bench.resolver.view import VIEWS
from conflict.parameters import Parameters, current_parameters
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

PRECISION_GOAL, RECALL_GOAL, REVIEW_GOAL, F1_GOAL = 0.999, 0.93, 0.05, 0.927
TWINS_GOAL = 500
COUNT_GOAL = 0.003
WITH_NUMBERS = ("all that is said", "no places")


@dataclass(slots=True)
class Row:
    level: str
    view: str
    quality: Quality
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.resolver", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="not those of the training")
    parser.add_argument("--levels", nargs="+", default=["easy", "real", "hard"])
    parser.add_argument("--persons", type=int, default=12_000, help="of two provinces together")
    parser.add_argument("--moves", type=int, default=1_500)
    parser.add_argument("--twins", type=int, default=250, help="pairs of twins at risk for each seed, at least")
    parser.add_argument("--count-persons", type=int, default=60_000, help="of two provinces; 0: nobody is counted")
    parser.add_argument("--count-moves", type=int, default=4_000)
    parser.add_argument("--no-febrl", action="store_true", help="leave the comparison with splink out")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the tables")
    options = parser.parse_args()
    parameters = current_parameters()
    rows = [row for level in options.levels for row in _level(level, options, parameters)]
    counting = _counting(options)
    curves = {} if options.no_febrl else _febrl(parameters)
    missed = _missed(rows, curves, counting)
    if options.json:
        json.dump(_document(rows, curves, counting, missed, parameters), sys.stdout, indent=2)
        print()
    else:
        _print(rows, curves, counting, missed, parameters)
    return 1 if missed else 0


def _level(level: str, options: argparse.Namespace, parameters: Parameters) -> list[Row]:
    """The sums over all seeds, one row a view."""
    rows = {view: Row(level, view, Quality(), 0.0) for view in VIEWS}
    for seed in options.seeds:
        with tempfile.TemporaryDirectory(prefix="dansync-resolver-") as folder:
            config = SynthConfig(
                seed=seed,
                persons=options.persons,
                moves=options.moves,
                difficulty=level,
                twin_pairs_at_risk=options.twins,
            )
            generate(config, Path(folder))
            province = read_province(Path(folder))
        for view, narrowed in VIEWS.items():
            _add(rows[view], narrowed(province), parameters)
    return list(rows.values())


def _add(row: Row, province: Province, parameters: Parameters) -> None:
    begun = time.process_time()
    row.quality.add(measure(province, parameters)[0])
    row.seconds += time.process_time() - begun


def _counting(options: argparse.Namespace) -> Counting:
    """The sum over all seeds, at real difficulty."""
    found = Counting()
    for seed in options.seeds if options.count_persons else ():
        found.add(count(seed, options.count_persons, options.count_moves, "real"))
    return found


def _febrl(parameters: Parameters) -> dict[str, Curve]:
    try:
        persons = load()
    except ImportError:
        print("FEBRL4 and splink are not there: make .venv/.linkage", file=sys.stderr)
        return {}
    from bench.resolver.splink_peer import splink_scores  # noqa: PLC0415 - only where the packages are

    pairs = common_pairs(persons)
    mine, peer = ours(persons, pairs, parameters), splink_scores(persons, pairs)
    return {
        "dansync": best(mine, persons.truth),
        "splink": best(peer, persons.truth),
        "dansync, each record once": best(one_to_one(mine), persons.truth),
        "splink, each record once": best(one_to_one(peer), persons.truth),
    }


def _missed(rows: list[Row], curves: dict[str, Curve], counting: Counting) -> list[str]:
    """The goals that were not reached, in words."""
    missed = []
    for row in rows:
        quality = row.quality
        # Without numbers two sisters of one name, Siu Hyưm and Siu Thị Hyưm, cannot be told apart: shown, no goal.
        if quality.twins_merged and row.view in WITH_NUMBERS:
            missed.append(f"{row.level}, {row.view}: {quality.twins_merged} pairs of twins merged")
        if (row.level, row.view) == ("real", "all that is said"):
            for name, value, goal, reached in (
                ("precision", quality.precision, PRECISION_GOAL, quality.precision >= PRECISION_GOAL),
                ("recall", quality.recall, RECALL_GOAL, quality.recall >= RECALL_GOAL),
                ("review", quality.reviewed, REVIEW_GOAL, quality.reviewed <= REVIEW_GOAL),
                ("twins at risk", quality.twins_at_risk, TWINS_GOAL, quality.twins_at_risk >= TWINS_GOAL),
            ):
                if not reached:
                    missed.append(f"real: {name} is {value:.4f}, the goal is {goal}")
    if counting.share > COUNT_GOAL:
        missed.append(f"real: {counting.share:.4%} of the persons count wrongly, the goal is {COUNT_GOAL:.2%}")
    if curves and curves["dansync"].f1 < max(F1_GOAL, curves["splink"].f1):
        missed.append(f"FEBRL4: F1 is {curves['dansync'].f1:.3f}, splink has {curves['splink'].f1:.3f}")
    return missed


def _share(successes: int, trials: int) -> str:
    low, high = interval(successes, trials)
    return f"{successes / max(trials, 1):.4f} ({low:.4f}-{high:.4f})"


def _print(
    rows: list[Row], curves: dict[str, Curve], counting: Counting, missed: list[str], parameters: Parameters
) -> None:
    console = Console(width=160, soft_wrap=True)
    table = Table(
        box=SIMPLE, title=f"Links of arrivals, parameters {parameters.version} ({parameters.hash[:12]}); 95 %"
    )
    for heading in ("level", "what is known", "precision", "recall", "F1", "reviewed", "by keys", "twins", "CPU"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        quality = row.quality
        table.add_row(
            row.level,
            row.view,
            _share(quality.right, quality.right + quality.wrong),
            _share(quality.right, quality.pairs),
            f"{quality.f1:.4f}",
            f"{quality.reviewed:.3f}",
            f"{quality.found_by_keys / max(quality.pairs, 1):.4f}",
            f"{quality.twins_merged} of {quality.twins_at_risk}",
            f"{1000 * row.seconds / max(quality.arrivals, 1):.1f} ms",
        )
    console.print(table)
    if counting.persons:
        table = Table(box=SIMPLE, title=f"Who counts where: {counting.persons} persons of two provinces, real")
        for heading in ("", "persons", "share (95 %)"):
            table.add_column(heading)
        table.add_row("counted wrongly", str(counting.wrong), _share(counting.wrong, counting.persons))
        for cause, number in counting.errors.most_common():
            table.add_row(f"  {cause}", str(number), f"{number / counting.persons:.4%}")
        table.add_row("the reports say something else than what is so", str(counting.unknown.total()), "")
        for cause, number in counting.unknown.most_common():
            table.add_row(f"  {cause}", str(number), f"{number / counting.persons:.4%}")
        console.print(table)
    if curves:
        febrl = Table(
            box=SIMPLE, title="FEBRL4, names and birth dates only, the same pairs, each at its best threshold"
        )
        for heading in ("who", "precision", "recall", "F1"):
            febrl.add_column(heading)
        for name, curve in curves.items():
            febrl.add_row(name, f"{curve.precision:.4f}", f"{curve.recall:.4f}", f"{curve.f1:.4f}")
        console.print(febrl)
    for words in missed:
        console.print(f"missed: {words}")


def _document(
    rows: list[Row], curves: dict[str, Curve], counting: Counting, missed: list[str], parameters: Parameters
) -> dict[str, object]:
    return {
        "parameters": parameters.hash,
        "links": [
            {
                "level": row.level,
                "view": row.view,
                "precision": row.quality.precision,
                "precision_interval": interval(row.quality.right, row.quality.right + row.quality.wrong),
                "recall": row.quality.recall,
                "recall_interval": interval(row.quality.right, row.quality.pairs),
                "f1": row.quality.f1,
                "reviewed": row.quality.reviewed,
                "pairs": row.quality.pairs,
                "found_by_keys": row.quality.found_by_keys,
                "candidates": row.quality.candidates,
                "arrivals": row.quality.arrivals,
                "twins_at_risk": row.quality.twins_at_risk,
                "twins_merged": row.quality.twins_merged,
                "alarms": row.quality.alarms,
                "cpu_seconds": row.seconds,
            }
            for row in rows
        ],
        "counting": {
            "persons": counting.persons,
            "wrong": counting.wrong,
            "wrong_interval": interval(counting.wrong, counting.persons),
            "causes": dict(counting.errors),
            "unknown": dict(counting.unknown),
            "merged": counting.merged,
        },
        "febrl4": {
            name: {"precision": curve.precision, "recall": curve.recall, "f1": curve.f1, "threshold": curve.threshold}
            for name, curve in curves.items()
        },
        "missed": missed,
    }


if __name__ == "__main__":
    sys.exit(main())
