"""The scrub of a running node: when it is due, and that it looks while others write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node import limits
from node.clock import ManualClock
from node.findings import scrubbed_at
from node.replay import triggers_off
from ops.config import load_config, save_config
from ops.scrubbing import Scrubber, due_in_ms, pause_ms
from tests.unit.node.exchange import NOW_MS, Exchange

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("last_ms", "expected"),
    [
        (None, 0),
        (NOW_MS, DAY_MS),
        (NOW_MS - DAY_MS + 1, 1),
        (NOW_MS - DAY_MS, 0),
        (NOW_MS - 9 * DAY_MS, 0),
        (NOW_MS + 1, 0),
    ],
    ids=["never", "just now", "almost", "due", "overdue", "the clock went back"],
)
def test_a_scrub_is_due_an_interval_after_the_last_one(last_ms: int | None, expected: int) -> None:
    assert due_in_ms(NOW_MS, last_ms, DAY_MS) == expected


def test_a_slice_leaves_the_machine_to_others_for_longer_than_it_took() -> None:
    assert pause_ms(40, busy=False) == 80
    assert pause_ms(0, busy=False) == limits.SCRUB_PAUSE_MIN_MS
    assert pause_ms(40, busy=True) == limits.SCRUB_BUSY_PAUSE_MS


def test_a_running_node_finds_rot_and_says_so_while_it_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SCRUB_PAUSE_MIN_MS", 0)
    world = Exchange(tmp_path)
    row = world.person("Trần Thị Ánh")
    world.climb()
    store = world.d.store
    with store.database.transaction() as connection, triggers_off(connection):
        connection.execute("UPDATE person SET phone = 'rot' WHERE id = ?", (row,))
    written = []

    async def in_store(work: Callable[[], Any]) -> Any:
        return work()

    def busy() -> bool:
        written.append(world.person("x"))  # after every slice
        return False

    clock = ManualClock(NOW_MS)
    scrubber = Scrubber(world.d.config(), store, in_store, clock, busy)
    found = asyncio.run(scrubber.scrub_once())
    assert [(item.origin, len(item.rotten)) for item in found.rotten] == [(world.origin, 1)]
    assert scrubbed_at(store) is not None and len(written) > 2
    assert world.codes(world.d) == ["rot_found"]
    world.close()


def test_the_interval_is_a_setting(tmp_path: Path) -> None:
    world = Exchange(tmp_path)
    config = world.d.config()
    assert load_config(config.folder).scrub_interval_s == limits.SCRUB_INTERVAL_S
    settings = config.folder / "node.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "scrub_interval_s = 0\n", encoding="utf-8")
    changed = load_config(config.folder)
    assert changed.scrub_interval_s == 0
    save_config(changed)
    assert load_config(config.folder) == changed
    world.close()
