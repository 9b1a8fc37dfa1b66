"""One rehearsal from bundle to result bundle."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from node.interchange.writing import write_rejected
from node.store import Store
from ops.rehearsal.inprocess import InProcessTree, Progress
from ops.rehearsal.plan import Plan, RehearsalOptions
from ops.rehearsal.processes import ProcessTree
from ops.rehearsal.verify import Copy, compare, require_equal
from ops.result import ResultCounts, write_result

_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  used where it exists: a rehearsal's stores need not survive the machine


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """What a rehearsal came to. ``copies`` are the proof."""

    nodes: int
    copies: tuple[Copy, ...]
    counts: ResultCounts
    rejected: int
    as_of: date


def rehearse(options: RehearsalOptions, progress: Progress = lambda _what, _done, _total: None) -> RehearsalResult:
    """Run the tree of a bundle and write its result bundle.

    Raises ``BundleError`` for a bundle that is refused, ``StoreDamaged`` if a copy differs from its owner's in the end.
    """
    plan = Plan(options.bundle)
    with _work_folder(options) as work:
        tree: InProcessTree | ProcessTree
        tree = InProcessTree(plan, work, options.seed) if options.in_process else ProcessTree(plan, work, options.seed)
        try:
            tree.run(progress)
            return _results(plan, options, tree.stores)
        finally:
            tree.close()


def _results(plan: Plan, options: RehearsalOptions, stores: dict[str, Store]) -> RehearsalResult:
    copies = compare(plan.topology, stores)
    require_equal(copies)
    as_of = options.as_of or plan.as_of
    roots = [stores[root] for root in plan.topology.roots]
    counts = write_result(options.out, roots, stores.values(), as_of)
    rejected = write_rejected(options.out / "rejected.csv", plan.rejects)
    return RehearsalResult(len(plan.topology), tuple(copies), counts, rejected, as_of)


@contextlib.contextmanager
def _work_folder(options: RehearsalOptions) -> Iterator[Path]:
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
        yield options.work
        return
    parent = _MEMORY_FOLDER if options.in_process and _MEMORY_FOLDER.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="dansync-rehearsal-", dir=parent) as folder:
        yield Path(folder)
