"""The case desk of a running node, without a loop of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node import limits
from node.ids import NodeId
from node.limits import DAY_MS
from ops.casework import Casework
from ops.config import NodeConfig, load_config, save_config
from tests.unit.hub.desk.town import PEOPLE, Town

LAN = PEOPLE[0]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    yield found
    found.close()


class Counted:
    """Runs work at once and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, work: Callable[[], Any]) -> Any:
        self.calls += 1
        return work()


def looked(casework: Casework) -> int:
    return asyncio.run(casework.look())


def test_what_has_come_is_decided_and_sent_on(town: Town) -> None:
    decided: list[bool] = []
    casework = Casework(town.store, Counted(), lambda: False, lambda: decided.append(True))
    town.person("A", LAN)
    town.event("A", "move_out", "p0", other_place="B")
    town.arrive("B", LAN, place="A")
    town.bring()
    assert looked(casework) == 1
    assert decided == [True]


def test_where_nothing_has_happened_the_store_is_asked_once(town: Town) -> None:
    in_store = Counted()
    casework = Casework(town.store, in_store, lambda: False, lambda: None)
    looked(casework)
    in_store.calls = 0
    looked(casework)
    assert in_store.calls == 1


def test_a_new_day_is_something_new(town: Town) -> None:
    casework = Casework(town.store, Counted(), lambda: False, lambda: None)
    day = "2025-06-10"
    town.person("A", LAN)
    town.event("B", "move_in", "n0", LAN, other_place="A", event_date=day, recorded_at=f"{day}T08:00:00+07:00")
    town.bring()
    assert looked(casework) == 0
    town.district.clock.advance_ms(40 * DAY_MS)
    assert looked(casework) == 1


def test_whoever_brings_something_comes_first(town: Town) -> None:
    in_store = Counted()
    assert looked(Casework(town.store, in_store, lambda: True, lambda: None)) == 0
    assert in_store.calls == 0


def test_a_commune_has_no_desk(town: Town) -> None:
    in_store = Counted()
    looked(Casework(town.communes["A"].store, in_store, lambda: False, lambda: None))
    assert in_store.calls == 1


def test_how_often_is_a_setting_of_the_node(tmp_path: Path) -> None:
    config = NodeConfig(tmp_path, NodeId("d"), case_interval_s=0)
    save_config(config)
    assert load_config(tmp_path) == config
    save_config(replace(config, case_interval_s=limits.CASE_INTERVAL_S))
    assert "case_interval_s" not in (tmp_path / "node.toml").read_text(encoding="utf-8")
    assert load_config(tmp_path).case_interval_s == limits.CASE_INTERVAL_S
