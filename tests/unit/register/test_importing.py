from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from node import limits
from node.clock import ManualClock
from node.errors import StoreFull
from node.ids import NodeId, Seq
from node.register.importing import NodeImport, Row
from node.store import Profile, Store
from tests.unit.register import village
from tests.unit.register.office import NODE, NOW_MS, Office, event, household, person

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[object, ...]]]:
    """What an import that nothing disturbs makes of the village."""
    office = Office(tmp_path_factory.mktemp("undisturbed"))
    village.run_import(office.store)
    result = village.content(office.store)
    office.store.close()
    return result


def _changes(store: Store, seq: int) -> int:
    commit = store.read_commits(store.own_origin(), Seq(seq - 1), count=1)[0]
    return sum(1 for _ in apsw.Changeset.iter(commit.changeset))


def test_an_import_takes_every_row(office: Office) -> None:
    report = village.run_import(office.store)
    assert [report.counts[table].new for table in ("household", "person", "event")] == [
        village.HOUSEHOLDS,
        village.PERSONS,
        village.EVENTS,
    ]


def test_a_commit_holds_at_most_500_rows_and_the_import_id(office: Office) -> None:
    report = village.run_import(office.store)
    commits = office.store.read_commits(office.origin, Seq(1), count=1_000)
    assert {(commit.kind, commit.tag) for commit in commits} == {("import", report.import_id)}
    assert len(commits) == report.commits == office.commits
    sizes = [_changes(office.store, commit.seq) for commit in commits]
    assert max(sizes) <= limits.IMPORT_ROWS_PER_COMMIT_MAX
    assert len(sizes) < sum(sizes) / 300


def test_a_second_import_changes_nothing(office: Office) -> None:
    village.run_import(office.store)
    head = office.store.head(office.origin)
    report = village.run_import(office.store, seed=8)
    assert office.store.head(office.origin) == head
    assert (report.commits, report.counts["person"].unchanged) == (0, village.PERSONS)


def test_the_same_rows_ids_and_slices_give_the_same_commits(tmp_path: Path) -> None:
    heads = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        office = Office(tmp_path / name)
        office.store.minter.row_id(0)
        if name == "b":  # tickets and alarms use the store's own minter at any time
            for _ in range(5):
                office.store.new_row_id(NOW_MS)
        village.run_import(office.store, slices=37)
        heads.append(office.store.read_commits(office.origin, Seq(1), count=1_000))
        office.store.close()
    assert heads[0] == heads[1]


def test_slices_end_in_the_same_register(office: Office, expected: dict[str, list[tuple[object, ...]]]) -> None:
    village.run_import(office.store, slices=23)
    assert village.content(office.store) == expected


def test_an_import_writes_down_what_single_operations_would(office: Office, expected: dict[str, object]) -> None:
    for row in village.persons():  # heads first, as an office has to
        office.add(row)
    for entry in village.households():
        office.add(entry)
    for report in village.events():
        office.add(report)
    assert village.content(office.store) == expected


def test_rejected_rows_are_handed_over_and_the_rest_is_imported(office: Office) -> None:
    rejected: list[tuple[Row, str]] = []
    run = NodeImport(office.store, author="import", rejected=lambda row, error: rejected.append((row, str(error))))
    run.persons([person("P1", phone="1"), person("P1", phone="2"), person("P2", phone="3")])
    run.events([event("death", "E1", "nobody"), event("death", "E2", "P2")]).feed()
    report = run.finish()
    assert [row for row, _ in rejected] == [person("P1", phone="2"), event("death", "E1", "nobody")]
    assert (report.rejected, report.counts["person"].new, report.counts["event"].new) == (2, 2, 1)
    assert office.person("P2").state == "dead"


def test_a_head_may_come_after_the_household_even_by_an_event(office: Office) -> None:
    run = NodeImport(office.store, author="import", rejected=village.never)
    run.households([household("H1", "Thôn 1", head="P1"), household("H2", "Thôn 1", head="P2")])
    run.persons([person("P1", "H1")])
    run.events([event("move_in", "E1", "P2", household_id="H2")]).feed()
    run.finish()
    heads = [office.household(name).head_person_id for name in ("H1", "H2")]
    assert heads == [office.person(name).id for name in ("P1", "P2")]


def test_a_head_who_never_comes_is_rejected_and_the_household_kept(office: Office) -> None:
    rejected: list[tuple[Row, Any]] = []
    run = NodeImport(office.store, author="import", rejected=lambda row, error: rejected.append((row, error)))
    run.households([household("H1", "Thôn 1", head="nobody")])
    run.finish()
    assert [(row, error.column, error.value) for row, error in rejected] == [
        (household("H1", "Thôn 1", head="nobody"), "head_person_id", "nobody")
    ]
    assert office.household("H1").hamlet == "Thôn 1"


def test_one_person_may_head_many_households(office: Office) -> None:
    run = NodeImport(office.store, author="import", rejected=village.never)
    run.households(household(f"H{n}", head="P1") for n in range(600))
    run.persons([person("P1", "H1")])
    run.finish()
    assert all(office.household(f"H{n}").head_person_id for n in (0, 599))


# --- interrupted imports ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "count"), [("transaction", 1), ("transaction", 137), ("commit", 1), ("commit", 4)])
def test_an_import_that_was_killed_is_finished_by_the_next(
    office: Office, expected: dict[str, list[tuple[object, ...]]], where: str, count: int
) -> None:
    office.store.close()
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.register.village", str(office.path), where, str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))},
        check=False,
        capture_output=True,
    )
    assert run.returncode == -9, run.stderr.decode()
    office.store = Store.open(office.path, clock=office.clock, source=random.Random(2))
    before = office.counts()
    report = village.run_import(office.store, seed=9)
    assert village.content(office.store) == expected
    assert report.counts["household"].unchanged == (before[0] if before[1] == 0 else village.HOUSEHOLDS)
    assert office.store.missing == ()


class FullDisk(apsw.VFS):
    """A disk on which a number of writes succeed; then it is full until it is given room again."""

    def __init__(self) -> None:
        super().__init__("full-disk", "")
        self.room: int | None = None

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> FullDiskFile:  # noqa: N802
        return FullDiskFile(self, name, flags)


class FullDiskFile(apsw.VFSFile):
    def __init__(self, disk: FullDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.room is not None:
            if self._disk.room == 0:
                raise apsw.FullError("no space left on this disk")
            self._disk.room -= 1
        super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[FullDisk]:
    disk = FullDisk()
    yield disk
    disk.unregister()


@pytest.mark.parametrize("room", [0, 1, 5, 40, 150, 400])
def test_an_import_onto_a_full_disk_loses_nothing_and_goes_on_later(
    tmp_path: Path, disk: FullDisk, expected: dict[str, list[tuple[object, ...]]], room: int
) -> None:
    profile = Profile(NODE, NodeId("d1"), "commune", "21550", "2025-07-01", "Xã Một")
    store = Store.create(
        tmp_path / "node.db", profile, clock=ManualClock(NOW_MS), source=random.Random(1), vfs="full-disk"
    )
    seen: list[int] = []
    disk.room = room
    with pytest.raises(StoreFull) as caught:
        village.run_import(store, progress=lambda report: seen.append(report.commits))
    assert caught.value.hint
    assert store.head(store.own_origin()).seq - 1 == (seen[-1] if seen else 0)
    disk.room = None
    village.run_import(store, seed=9)
    assert village.content(store) == expected
    store.close()


def test_a_row_is_never_half_imported(office: Office) -> None:
    """A report that is rejected after its household was found missing must not leave the household behind."""
    run = NodeImport(office.store, author="import", rejected=lambda _row, _error: None)
    run.persons([person("P1", phone="1")])
    run.events([replace(event("death", "E1", "nobody"), household_id="H9")]).feed()
    run.finish()
    assert office.counts() == (0, 1, 0)
