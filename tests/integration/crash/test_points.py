"""kill -9 at every named point, on either end of a link and in commands: whoever comes back and whoever survived go on,
and nothing is lost or doubled (RELIABILITY F01, F03, F04, R6).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from node.clock import SystemClock
from node.store import Store
from tests.integration.crash.conftest import CIPHER
from tests.integration.crash.fuse import found
from tests.integration.crash.points import POINTS, Point
from tests.integration.crash.trial import EXIT_STORE, tried, undisturbed
from tests.integration.crash.workloads import WORKLOADS
from tests.integration.crash.world import World

POINTS_MIN = 60


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_killed_process_and_its_peers_go_on_and_nothing_is_lost_or_doubled(
    point: Point, make_world: Callable[..., World], request: pytest.FixtureRequest
) -> None:
    assert tried(fitting(point.workload, make_world, request), point) == []


def fitting(workload: str, make_world: Callable[..., World], request: pytest.FixtureRequest) -> World:
    """A tree whose processes have the SQLite that a workload needs."""
    if not WORKLOADS[workload].cipher:
        return make_world()
    if not (CIPHER / "apsw").is_dir():
        pytest.skip("apsw-sqlite3mc is not installed beside this environment: make .venv/.cipher")
    return make_world(request.getfixturevalue("cipher"))


@pytest.mark.parametrize("workload", WORKLOADS)
def test_what_a_workload_does_without_a_kill_is_no_more_and_no_less(
    workload: str, make_world: Callable[..., World], request: pytest.FixtureRequest
) -> None:
    """What is allowed after a kill is what the workload deserves by itself."""
    assert undisturbed(fitting(workload, make_world, request), workload) == []


def test_every_point_names_steps_that_exist() -> None:
    fuses = [fuse for point in POINTS for fuse in (point.fuse, point.second) if fuse is not None]
    for where in dict.fromkeys(name for fuse in fuses for name in (fuse.where, fuse.within) if name):
        assert found(where).name


def test_there_are_enough_points_on_every_side_and_no_name_stands_twice() -> None:
    assert len({point.name for point in POINTS}) == len(POINTS) >= POINTS_MIN
    assert {point.side for point in POINTS} == {"child", "parent and child", "root", "command line"}
    assert {point.workload for point in POINTS} == WORKLOADS.keys()


def test_a_hold_that_a_killed_healer_has_left_ends_when_its_node_starts(make_world: Callable[[], World]) -> None:
    world = make_world()
    store = Store.open(world.path("c") / "store.db", clock=SystemClock(), source=random.Random(0))
    store.hold(store.own_origin())
    store.close()
    household = ("record", "household", world.path("c"), "--id", "H20")
    assert world.command(*household).code == EXIT_STORE
    world.start("c")
    assert world.command(*household).code == 0
