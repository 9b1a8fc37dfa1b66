"""``courier`` as an operator meets it: what it says, in which language, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.authorisation import PERSON_ROLES
from node.chain import Head
from node.courier.envelope import Recipient
from node.courier.manifest import Span
from node.courier.packing import Load, pack
from node.ids import GENESIS_HASH, Seq, id_text
from tests.identities import Member, Tree
from tests.unit.courier.carrying import sender
from tests.unit.node.stores import add_persons
from tests.unit.ops.cli.command_line import dansync, document


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    made.add("c")
    for member in made.members.values():
        member.config()
    yield made
    made.close()


@pytest.fixture
def child(tree: Tree) -> Member:
    return tree.members["c"]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"


def test_a_round_trip_says_what_happened_and_what_comes_next(tree: Tree, child: Member, stick: Path) -> None:
    add_persons(child.store, ["An"])
    there = dansync("courier", "export", child.folder, "--to", stick)
    assert there.exit_code == 0, there.output
    assert "2 commits of 1 origin." in there.output and "bring the receipt back" in there.output
    taken = dansync("courier", "import", tree.root.folder, stick)
    assert taken.exit_code == 0, taken.output
    assert "from c, part 1 of 1: 2 new commits" in taken.output and "Receipt, to be brought back" in taken.output
    back = dansync("courier", "import", child.folder, stick)
    assert back.exit_code == 0, back.output
    assert "The parent has confirmed 1 origin." in back.output
    again = dansync("courier", "import", tree.root.folder, stick)
    assert again.exit_code == 0 and "nothing new" in again.output
    shown = dansync("status", child.folder).output
    assert "Stick given" in shown and "to hub" in shown and "Stick taken" in shown
    assert "none: the parent has everything" in shown, "a node that has no line sees its backlog too"


def test_it_speaks_vietnamese(tree: Tree, child: Member, stick: Path) -> None:
    assert "2 lần ghi" not in dansync("courier", "export", child.folder, "--to", stick, language="vi").output
    said = dansync("courier", "import", tree.root.folder, stick, language="vi").output
    assert "1 lần ghi mới" in said and "Biên nhận, cần mang về" in said
    assert "USB đã nhận" in dansync("status", tree.root.folder, language="vi").output


def test_documents_name_files_and_origins(tree: Tree, child: Member, stick: Path) -> None:
    origin = id_text(child.store.own_origin())
    given = document("courier", "export", child.folder, "--to", stick)
    assert given["origins"] == [origin] and given["commits"] == 1 and len(given["files"]) == 1
    taken = document("courier", "import", tree.root.folder, *given["files"], "--to", stick / "back")
    (file,) = taken["files"]
    assert (file["direction"], file["from"], file["part"], file["parts"]) == ("up", "c", 1, 1)
    assert [(item["origin"], item["commits"], item["code"]) for item in file["origins"]] == [(origin, 1, "")]
    assert [Path(path).parent for path in taken["receipts"]] == [stick / "back"]
    back = document("courier", "import", child.folder, stick / "back")
    assert back["files"][0]["acknowledged"] == 1 and back["receipts"] == []
    sticks = document("status", child.folder)["sticks"]
    assert [(item["way"], item["peer"]) for item in sticks] == [("given", "hub"), ("taken", "hub")]


def test_the_parents_file_comes_first_because_it_names_the_children(tree: Tree, stick: Path) -> None:
    district = tree.add("d")
    district.config()
    commune = tree.add("g", "d")
    span = Span(Head(commune.store.own_origin(), Seq(0), GENESIS_HASH), commune.store.head(commune.store.own_origin()))
    to = Recipient(district.identity.node_id, district.key.public)
    pack(sender(commune), Load("up", to, (), (span,)), stick)
    alone = dansync("courier", "import", district.folder, stick)
    assert alone.exit_code == 8 and "not enrolled here, or not yet known here" in alone.output
    assert dansync("courier", "export", tree.root.folder, "--for", "d", "--to", stick).exit_code == 0
    taken = document("courier", "import", district.folder, stick)
    assert [file["commits"] for file in taken["files"] if file["direction"] == "up"] == [1]


def test_a_stick_with_nothing_for_this_node_is_no_error(child: Member, stick: Path) -> None:
    dansync("courier", "export", child.folder, "--to", stick)
    done = dansync("courier", "import", child.folder, stick)
    assert done.exit_code == 0 and "nothing for this node" in done.output
    (named,) = stick.iterdir()
    assert dansync("courier", "import", child.folder, named).exit_code == 4, "whoever names a file means it"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("export", "{hub}", "--to", "{stick}"), 2, "is a root"),
        (("export", "{hub}", "--to", "{stick}", "--for", "nobody"), 2, "not enrolled as a child"),
        (("export", "{c}", "--to", "{stick}", "--bytes-max", "1000"), 2, "too small"),
        (("export", "{c}"), 2, "Missing option"),
        (("import", "{c}", "{stick}/gone"), 2, "cannot be read"),
        (("import", "{c}", "{c}"), 2, "has no files of dansync courier"),
        (("import", "{c}", "{c}/node.toml"), 4, "not a file of dansync courier"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    arguments: tuple[str, ...], code: int, words: str, tree: Tree, stick: Path
) -> None:
    folders = {name: member.folder for name, member in tree.members.items()} | {"stick": stick}
    done = dansync("courier", *(word.format(**folders) for word in arguments))
    assert done.exit_code == code, done.output
    assert words in done.output and ("What to do:" in done.output or "--help" in done.output)


@pytest.mark.parametrize("role", PERSON_ROLES)
def test_only_those_who_keep_a_node_carry_its_files(
    role: str, child: Member, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANSYNC_USER", "boss")
    assert dansync("user", "add", child.folder, "boss", "--role", "authority").exit_code == 0
    assert dansync("user", "add", child.folder, "lan", "--role", role).exit_code == 0
    monkeypatch.setenv("DANSYNC_USER", "lan")
    expected = 0 if role in {"operator", "authority"} else 8
    assert dansync("courier", "export", child.folder, "--to", stick).exit_code == expected
