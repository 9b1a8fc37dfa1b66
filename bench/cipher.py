"""``python -m bench.cipher``: what encryption at rest costs, beside the plain store with the same code, each in
processes of its own. Needs ``make .venv/.cipher``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.rows import insert_captured, persons, update_captured
from node.clock import SystemClock
from node.encryption import StoreKey
from node.ids import NodeId
from node.store import Profile, Store

ROOT = Path(__file__).parents[1]
ROUNDS = 3
ROWS, COMMITS = 20_000, 1_500
WORKER = "--worker"


def worker(*, encrypted: bool) -> dict[str, float]:
    """One round; CPU seconds of each piece of work."""
    key = StoreKey(bytes(32)) if encrypted else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        profile = Profile(NodeId("c"), NodeId(""), "commune", "", "", "c")
        store = Store.create(path, profile, clock=SystemClock(), source=Random(1), key=key)
        origin = store.own_origin()
        people = persons(store, origin, ROWS, 1)
        found = {
            "bulk capture": _cpu(lambda: insert_captured(store, people, a_commit=500)),
            "one-row commits": _cpu(lambda: update_captured(store, people, COMMITS, 1)),
        }
        store.close()
        opened: list[Store] = []
        found["open"] = _cpu(lambda: opened.append(Store.open(path, clock=SystemClock(), source=Random(1), key=key)))
        found["digest (whole scan)"] = _cpu(lambda: opened[0].digest(origin))
        opened[0].close()
    return found


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    if WORKER in sys.argv:
        json.dump(worker(encrypted=sys.argv[-1] == "encrypted"), sys.stdout)
        return 0
    cipher = Path(sys.prefix) / "cipher"
    if not cipher.is_dir():
        print("apsw-sqlite3mc is not installed beside this environment: make .venv/.cipher", file=sys.stderr)
        return 1
    rounds: dict[str, list[dict[str, float]]] = {"plain": [], "encrypted": []}
    for _ in range(ROUNDS):
        for kind, path in (("plain", ""), ("encrypted", str(cipher))):
            paths = os.pathsep.join(filter(None, (path, str(ROOT), str(ROOT / "proto"))))
            done = subprocess.run(
                [sys.executable, "-m", "bench.cipher", WORKER, kind],
                env=os.environ | {"PYTHONPATH": paths},
                cwd=ROOT,
                capture_output=True,
                check=True,
            )
            rounds[kind].append(json.loads(done.stdout))
    table = Table(box=SIMPLE, title=f"{ROWS:,} persons, {COMMITS:,} one-row commits, median of {ROUNDS} rounds")
    for heading in ("what", "plain, CPU s", "encrypted, CPU s", "cost"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what in rounds["plain"][0]:
        plain, encrypted = (statistics.median(one[what] for one in rounds[kind]) for kind in ("plain", "encrypted"))
        table.add_row(what, f"{plain:.4f}", f"{encrypted:.4f}", f"{encrypted / plain - 1:+.0%}")
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
