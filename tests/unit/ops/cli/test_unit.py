"""``unit`` at the command line: a reform is told at the root, flows down, and changes what a name means."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from conflict.reforms import Unit
from hub.authority.reforms import introduce_reform, news
from hub.desk.desk import CaseDesk
from hub.desk.view import view_of
from node.interchange.bundle import local_day
from node.reference import Reference
from ops.cli.unit import read_reform_file
from tests.identities import Tree
from tests.unit.hub.desk.town import PEOPLE, Town
from tests.unit.hub.test_authority import bring_reference
from tests.unit.ops.cli.command_line import dansync, document

HEADER = "old_code,old_valid_from,old_name,new_code,new_valid_from,new_name"
ROWS = (
    "21990,2008-01-01,Xã Nhơn Châu,21991,2025-07-01,Phường Quy Nhơn Đông",
    "21992,2008-01-01,Xã Nhơn Lý,21991,2025-07-01,Phường Quy Nhơn Đông",
)


def table(path: Path, *rows: str, header: str = HEADER) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = Tree(tmp_path, "binh-dinh")
    folder = tree.root.config().folder
    tree.close()
    return folder


def test_a_reform_is_told_once_and_listed(root: Path, tmp_path: Path) -> None:
    file = table(tmp_path / "reform.csv", *ROWS)
    shown = document("unit", "reform", root, file, "--dry-run")
    assert (len(shown["successions"]), len(shown["units"]), shown["told"]) == (2, 3, False)
    assert document("unit", "list", root)["successions"] == 0
    document("unit", "reform", root, file)
    found = document("unit", "list", root)
    became = {line["code"]: line["became"] for line in found["units"]}
    assert became["21990"] == became["21992"] == ["21991@2025-07-01"]
    again = document("unit", "reform", root, file)
    assert (again["successions"], again["units"]) == ([], [])
    longer = table(tmp_path / "longer.csv", *ROWS, "21993,2008-01-01,,21991,2025-07-01,")
    assert len(document("unit", "reform", root, longer)["successions"]) == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2199,2008-01-01,,21991,2025-07-01,", "old_code is '2199'"),
        ("21990,,,21991,2025-07-01,", "old_valid_from is ''"),
        ("21990,2008-01-01,,21991,yesterday,", "new_valid_from is 'yesterday'"),
        ("21991,2025-07-01,,21991,2025-07-01,", "take over from itself"),
        ("21990,2008-01-01,Xã A,21991,2025-07-01,", "has two names"),
    ],
)
def test_a_line_that_makes_no_sense_is_named_and_nothing_is_told(
    row: str, words: str, root: Path, tmp_path: Path
) -> None:
    result = dansync("unit", "reform", root, table(tmp_path / "reform.csv", *ROWS, row))
    assert result.exit_code == 4
    assert "line 4" in result.stderr.replace("\n", " ") and words in result.stderr and "What to do:" in result.stderr
    assert document("unit", "list", root)["successions"] == 0


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00"], ids=["empty", "other columns", "no text"])
def test_a_file_that_is_no_such_table_is_refused(content: bytes, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "reform.csv"
    file.write_bytes(content)
    assert dansync("unit", "reform", root, file).exit_code == 4


def test_nobody_but_the_root_tells_a_reform(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    dansync("init", folder, "--node-id", "tran-phu", "--tier", "commune", "--unit-code", "21550")
    result = dansync("unit", "reform", folder, table(tmp_path / "reform.csv", *ROWS))
    assert result.exit_code == 2 and "not the authority" in result.stderr


def test_a_reform_comes_down_with_the_reference_data(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    child = tree.add("d")
    bring_reference(tree, child)
    before = Reference(child.store)
    assert not before.reform().successions
    successions, names = read_reform_file(table(tmp_path / "reform.csv", *ROWS))
    introduce_reform(tree.root.store, news(tree.root.store, successions, names), by="lan")
    bring_reference(tree, child)
    assert before.reform() == Reference(tree.root.store).reform()
    assert before.reform().successions == successions
    assert (Unit("21990", "2008-01-01"), "Xã Nhơn Châu") in before.reform().names
    tree.close()


def test_a_desk_and_a_view_read_an_abolished_unit_as_the_one_that_took_over(tmp_path: Path) -> None:
    town = Town(tmp_path, random.Random(1))
    town.person("A", PEOPLE[0])
    town.arrive("B", PEOPLE[0], place="Xã Nhơn Châu")
    town.bring()
    desk = CaseDesk(town.store)
    desk.catch_up()
    as_of = local_day(town.store.clock.wall_ms())

    def named() -> set[str]:
        """Where the report says that she comes from, as the view counts arrivals."""
        rows = view_of([town.store], as_of).balance()
        return {row.other_unit for row in rows if row.flow == "arrivals" and row.unit == "B" and row.count}

    assert named() == {""}
    bits = [link.bits for link in desk.links()]
    kept = town.communes["A"].store.profiles()[town.communes["A"].origin]
    row = f"21990,2008-01-01,Xã Nhơn Châu,{kept.unit_code},{kept.unit_valid_from},"
    # all nodes of the town keep one unit, so that nobody alone answers for it; A gets another one
    with town.communes["A"].store.capture(author="x", kind="profile", recorded_at=0) as capture:
        capture.connection.execute("UPDATE origin_profile SET unit_code = '21994' WHERE node_id = 'A'")
    town.bring()
    successions, names = read_reform_file(table(tmp_path / "reform.csv", row.replace(kept.unit_code, "21994")))
    introduce_reform(town.store, news(town.store, successions, names), by="lan")
    assert named() == {"A"}
    desk.catch_up()
    assert [link.bits > before for link, before in zip(desk.links(), bits, strict=True)] == [True]
    town.close()
