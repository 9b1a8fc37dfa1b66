"""``make bench-claims``: the case desk of a province at work, with the goals beside the figures. Nothing here can fail
on time.

The register of the province is made and brought in first, in this process; a process of its own then opens the store as
its daemon would, brings the keys of everybody up to date, takes the reports of a year in groups and at the end one by
one, and says what that cost. So its memory is the hub's alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.province import STORE_NAME, Stream, apply, build, register_config
from bench.replication import Figure
from hub.desk.desk import CaseDesk
from node import limits
from node.applier import GroupApplier
from node.clock import ManualClock
from node.reference import Reference
from node.store import Store

CLAIMS_GOAL = 400
ANSWER_MS_GOAL = 20
MIB = 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.claims", description=__doc__)
    parser.add_argument("--persons", type=int, default=60_000, help="in the register of the province")
    parser.add_argument("--moves", type=int, default=1_500, help="true moves, of which most are reported twice")
    parser.add_argument("--at-once", type=int, default=200, help="claims that come together")
    parser.add_argument("--singles", type=int, default=200, help="departures and arrivals that come one by one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to put the stores, and leave them (default: nowhere)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dansync-claims-")) if options.folder is None else options.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        begun = Spent()
        config = register_config(options.persons, options.moves, options.seed)
        stream = build(folder, config, at_once=options.at_once, singles=options.singles)
        made = Figure("register made, imported and brought in", options.persons / begun.cpu, "persons/s (CPU)")
        figures = [made, *_in_own_process(folder / STORE_NAME, stream)]
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    if options.json:
        json.dump([figure.as_dict() for figure in figures], sys.stdout, indent=2)
        print()
        return 0
    table = Table(box=SIMPLE, title=f"{options.persons:,} persons, {stream.claims:,} claims in groups")
    for heading, side in (("what", "left"), ("figure", "right"), ("to reach", "right"), ("reached", "left")):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for figure in figures:
        table.add_row(figure.what, figure.text, figure.goal_text, figure.verdict)
    Console(width=120, soft_wrap=True).print(table)
    return 0


def _in_own_process(path: Path, stream: Stream) -> list[Figure]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(path, stream, theirs))
    process.start()
    theirs.close()
    try:
        figures: list[Figure] = ours.recv()
    finally:
        process.join()
    return figures


class Spent:
    """CPU and wall seconds since it was made; the CPU's are those of this process, the kernel's work included."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    @property
    def cpu(self) -> float:
        return time.process_time() - self._cpu

    @property
    def wall(self) -> float:
        return time.perf_counter() - self._wall


@dataclass(slots=True)
class _Hub:
    """The province's store and its desk, worked as a daemon works them."""

    store: Store
    applier: GroupApplier
    desk: CaseDesk

    @classmethod
    def open(cls, path: Path, now_ms: int) -> _Hub:
        store = Store.open(path, clock=ManualClock(now_ms), source=random.Random(0), cache_kib=limits.PARENT_CACHE_KIB)
        return cls(store, GroupApplier(store, Reference(store)), CaseDesk(store))


def _measure(path: Path, stream: Stream, result: Connection) -> None:
    hub = _Hub.open(path, stream.now_ms)
    persons = int(hub.store.connection.execute("SELECT count(*) FROM person").fetchall()[0][0])  # type: ignore[call-overload]
    spent = Spent()
    hub.desk.decide()
    keys, keys_peak = persons / spent.cpu, _peak_mib()
    worked = Spent()
    for works in stream.groups:
        apply(hub.applier, works)
        hub.desk.decide()
    cpu, wall, desk_peak = worked.cpu, worked.wall, _peak_mib()
    answering = Spent()
    answers = sorted(_answer_ms(hub, works) for works in stream.singles)
    answer_cpu = 1_000 * answering.cpu / len(answers)
    waiting = hub.store.connection.execute("SELECT count(*) FROM desk_unsettled").fetchall()[0][0]
    tomorrow = _next_day(hub)
    figures = [
        Figure("keys of everybody", keys, "persons/s (CPU)"),
        Figure("claims: applied, linked, decided", stream.claims / cpu, "claims/s (CPU)", None, CLAIMS_GOAL, "value"),
        Figure("the same by the clock", stream.claims / wall, "claims/s (wall)"),
        Figure("departures and arrivals among them", stream.reports / cpu, "reports/s (CPU)"),
        Figure("a new claim answered, median", statistics.median(answers), "ms (wall)", None, ANSWER_MS_GOAL, "size"),
        Figure("a new claim answered, 95 of 100", answers[int(0.95 * len(answers))], "ms (wall)"),
        Figure("a new claim answered, mean", answer_cpu, "ms (CPU)"),
        Figure("open cases", float(str(waiting)), "persons"),
        Figure("all open cases looked at again the next day", tomorrow, "s (CPU)"),
        Figure("peak memory with keys", keys_peak, "MiB"),
        Figure("peak memory of the desk", desk_peak, "MiB"),
    ]
    hub.store.close()
    result.send(figures)


def _answer_ms(hub: _Hub, works: tuple[object, ...]) -> float:
    """From a batch at hand to all that follows from it, on the disk."""
    begun = time.perf_counter()
    apply(hub.applier, works)  # type: ignore[arg-type]
    hub.desk.decide()
    return 1_000 * (time.perf_counter() - begun)


def _next_day(hub: _Hub) -> float:
    clock = hub.store.clock
    assert isinstance(clock, ManualClock)
    clock.advance_ms(limits.DAY_MS)
    spent = Spent()
    hub.desk.decide()
    return spent.cpu


def _peak_mib() -> float:
    """The largest part of this process that was in memory at once; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (line,) = (line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / MIB


if __name__ == "__main__":
    raise SystemExit(main())
