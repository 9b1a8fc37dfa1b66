"""``make bench``: one table, every figure a ratio to raw SQLite in the same run, with the goal beside it. Nothing here
can fail on time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.replication import Figure, measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=30_000, help="person rows written by each contestant")
    parser.add_argument("--commits", type=int, default=6_000, help="one-row commits")
    parser.add_argument("--rounds", type=int, default=3, help="the table shows medians over these rounds")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    options = parser.parse_args()
    rounds: list[list[Figure]] = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="dansync-bench-") as folder:
            rounds.append(measure(Path(folder), rows=options.rows, commits=options.commits, seed=number))
    figures = [_median(list(group)) for group in zip(*rounds, strict=True)]
    if options.json:
        json.dump([figure.as_dict() for figure in figures], sys.stdout, indent=2)
        print()
        return 0
    table = Table(
        box=SIMPLE,
        title=f"{options.rows:,} persons, {options.commits:,} one-row commits, median of {options.rounds} rounds",
    )
    for heading, side in (
        ("what", "left"),
        ("figure", "right"),
        ("of raw", "right"),
        ("to reach", "right"),
        ("reached", "left"),
    ):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        table.add_row(
            figure.what,
            figure.text,
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.goal_text,
            figure.verdict,
        )
    Console(width=120, soft_wrap=True).print(table)
    return 0


def _median(group: list[Figure]) -> Figure:
    first = group[0]
    ratios = [figure.ratio for figure in group if figure.ratio is not None]
    return Figure(
        first.what,
        statistics.median(figure.value for figure in group),
        first.unit,
        statistics.median(ratios) if ratios else None,
        first.goal,
        first.goal_on,
    )


if __name__ == "__main__":
    raise SystemExit(main())
