"""kill -9 anywhere: at a step and a call that a seed draws, in any workload, on any node (RELIABILITY R6, long)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest

from tests.integration.crash.fuse import Fuse
from tests.integration.crash.points import CHILD, COMMIT, LOG, PARENT
from tests.integration.crash.trial import swept
from tests.integration.crash.workloads import WORKLOADS
from tests.integration.crash.world import World

SWEPT: Final = sorted(name for name, item in WORKLOADS.items() if item.nodes and item.command is None and name != "rot")
STEPS: Final = (
    Fuse(COMMIT, "leaving"),
    Fuse(COMMIT, "after"),
    Fuse(f"{LOG}.xWrite", "after"),
    Fuse(f"{LOG}.xSync", "before"),
    Fuse(f"{CHILD}.receive", "before"),
    Fuse(f"{CHILD}.encode", "before"),
    Fuse(f"{PARENT}.receive", "before"),
    Fuse(f"{PARENT}.encode", "before"),
    Fuse("node.transport:CallStream.write", "after"),
    Fuse("node.transport:ContextStream.write", "after"),
)
CALLS_MAX: Final = 8


def drawn(seed: int) -> tuple[str, str, Fuse]:
    """What a seed means: workload, node and fuse."""
    rng = random.Random(seed)
    name = rng.choice(SWEPT)
    node = rng.choice(WORKLOADS[name].nodes)
    step = rng.choice(STEPS)
    return name, node, Fuse(step.where, step.when, rng.randint(1, CALLS_MAX))


def run(seeds: range, make_world: Callable[[], World]) -> Counter[str]:
    """Returns how many fuses have burnt, and how many have not."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        name, node, fuse = drawn(seed)
        world = make_world()
        try:
            burnt, complaints = swept(world, name, node, fuse)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {name}, {node}, {fuse}") from error
        finally:
            world.close()
        assert not complaints, f"seed {seed}: {name}, {node}, {fuse}: {complaints}"
        counts["burnt" if burnt else "not reached"] += 1
    return counts


def test_a_kill_at_a_drawn_step_loses_and_doubles_nothing(make_world: Callable[[], World]) -> None:
    counts = run(range(8), make_world)
    assert counts["burnt"] >= 2


@pytest.mark.soak
def test_kills_at_many_drawn_steps_lose_and_double_nothing(make_world: Callable[[], World], seed_count: int) -> None:
    """pytest tests/integration/crash -m soak --seeds 500"""
    counts = run(range(1_000, 1_000 + seed_count), make_world)
    print(dict(counts))
    assert counts["burnt"] >= seed_count // 4
