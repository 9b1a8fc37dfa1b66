"""The harness notices: each broken variant is caught by the checks, and a point that means nothing fails."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.crash.checks import calm, equal, honest, kept, whole
from tests.integration.crash.fuse import Burning, Fuse, NoSuchStep
from tests.integration.crash.launcher import EXIT_NO_SUCH_STEP
from tests.integration.crash.points import POINTS, Point
from tests.integration.crash.trial import tried
from tests.integration.crash.workloads import COMMAND
from tests.integration.crash.world import World


def named(name: str) -> Point:
    (point,) = (point for point in POINTS if point.name == name)
    return point


@pytest.mark.parametrize(
    ("variant", "point", "complaint"),
    [
        ("answers first", "climb: Drained received (d)", "d has acknowledged commit"),
        ("witness leads", "record: before COMMIT", "the witness knows commit"),
    ],
)
def test_a_broken_variant_is_caught_at_the_moment_of_the_kill(
    variant: str, point: str, complaint: str, make_world: Callable[[], World]
) -> None:
    assert tried(make_world(), named(point)) == [], "the honest one passes there"
    complaints = tried(make_world(), named(point), variants=(variant,))
    assert any(complaint in item for item in complaints), complaints


@pytest.mark.parametrize(
    ("variant", "point", "complaint"),
    [
        ("stores without applying", "climb: a batch received (d)", "household of"),
        ("forgets names", "record: after COMMIT, before the witness", "person P9 is there 2 times"),
    ],
)
def test_a_broken_variant_is_caught_when_all_is_over(
    variant: str, point: str, complaint: str, make_world: Callable[[], World]
) -> None:
    world = make_world()
    world.variants = (variant,)
    complaints = tried(world, named(point))
    assert any(complaint in item for item in complaints), complaints


def test_a_key_that_is_written_in_place_is_caught_because_the_node_cannot_enrol_any_more(
    make_world: Callable[[], World],
) -> None:
    with pytest.raises(AssertionError, match="cannot be read as a private key"):
        tried(make_world(), named("enrol: the file of the key is empty"), variants=("writes in place",))


def test_a_point_that_is_never_reached_fails(make_world: Callable[[], World]) -> None:
    point = Point("never", "record", COMMAND, Fuse("node.branch:change_over"))
    with pytest.raises(AssertionError, match="the fuse never burnt"):
        tried(make_world(), point)


@pytest.mark.parametrize(
    "where", ["node.branch:no_such_thing", "node.no_such_module:f", "node.store:Store.no_such_method"]
)
def test_a_name_that_is_not_there_any_more_says_what_to_do(where: str, tmp_path: Path) -> None:
    with pytest.raises(NoSuchStep, match=r"points\.py"):
        Burning(Fuse(where), tmp_path / "mark").place()


def test_a_process_with_such_a_name_ends_at_once_and_says_it(make_world: Callable[[], World]) -> None:
    world = make_world()
    child = world.command("status", world.path("c"), fuse=Fuse("node.branch:no_such_thing"))
    assert child.code == EXIT_NO_SUCH_STEP and "points.py" in child.said


# --- the checks themselves -------------------------------------------------------------------------------------------

Spoil = Callable[[dict[str, Any]], object]


def first_commit(looks: dict[str, Any], name: str) -> tuple[str, list[str]]:
    origin = looks["c"]["own"][0]
    return origin, looks[name]["commits"][origin]


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a damaged file": (lambda looks: looks["d"].update(integrity="row 3 missing"), "row 3 missing"),
    "a broken chain": (lambda looks: looks["d"]["faults"].append("commit 2 follows 4"), "commit 2 follows 4"),
    "a promise": (lambda looks: first_commit(looks, "d")[1].pop(), "d has acknowledged commit"),
    "a witness": (lambda looks: first_commit(looks, "c")[1].pop(), "the witness knows commit"),
    "a lost commit": (lambda looks: first_commit(looks, "root")[1].pop(), "root has lost commits"),
    "a row less": (
        lambda looks: looks["root"]["rows"][looks["c"]["own"][0]]["person"].pop(),
        "person of",
    ),
    "a report less": (lambda looks: looks["c"]["ids"][looks["c"]["own"][0]].remove("person P1"), "person P1 is lost"),
    "a report twice": (
        lambda looks: looks["c"]["ids"][looks["c"]["own"][0]].append("person P1"),
        "person P1 is there 2 times",
    ),
    "a report of nobody": (
        lambda looks: looks["c"]["ids"][looks["c"]["own"][0]].append("person P77"),
        "person P77 is there, and nobody reported it",
    ),
    "an alarm": (lambda looks: looks["d"]["alarms"].append("commits_missing"), "d has raised commits_missing"),
    "rows held back": (lambda looks: looks["d"].update(held=3), "d still holds 3 rows back"),
}


def all_checks(world: World, looks: dict[str, Any]) -> list[str]:
    found = [*honest(looks), *kept(world.base, looks), *calm(world.base, looks, ())]
    for origin, nodes in world.copies():
        found += equal(looks, origin, nodes)
    origin = world.origins["c"]
    return [*found, *whole(looks["c"], origin, world.expected)]


@pytest.mark.parametrize("what", SPOILT)
def test_every_check_has_been_seen_to_fail(what: str, make_world: Callable[[], World]) -> None:
    world = make_world()
    looks = world.look()
    assert all_checks(world, looks) == []
    spoilt = copy.deepcopy(looks)
    spoil, complaint = SPOILT[what]
    spoil(spoilt)
    assert any(complaint in item for item in all_checks(world, spoilt)), all_checks(world, spoilt)
