"""What becomes of rows that rot, as text files: commands, and below ``----`` what stands then at the nodes.

p is above d, and d above c, who writes persons. ``REWRITE_SCENARIOS=1`` writes what happens now into the files; read the
difference before you commit it. Blocks are separated by empty lines; lines that begin with ``#`` are comments.

    person An Bình        c records persons, in one commit
    phone 1 An Bình       c changes their phone, in one commit
    rot d An x            the phone of a row of d's copy changes behind its store's back; `mend d An`: it is empty again, as it was;
                          `gone d An`: the row is gone
    climb [c]             everything goes where it belongs; `climb c`: only between c and d
    retry d               d tries again what it holds back
    ask d [An ...]        d asks for the rows that it holds back, or for these
    show d p              what each of them holds back, how it ended, which rows it has, and its alarms
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import UsageError
from node.ids import RowId, id_text
from node.quarantine import ended, wanted
from tests.unit.node.exchange import Exchange
from tests.unit.node.stores import people

FOLDER = Path(__file__).parents[2] / "scenarios" / "quarantine"
REWRITE = os.environ.get("REWRITE_SCENARIOS") == "1"


class Scenario:
    """One tree and its commands; each returns the lines of what happened."""

    def __init__(self, folder: Path) -> None:
        self.world = Exchange(folder)
        self.rows: dict[str, RowId] = {}
        self.names: dict[RowId, str] = {}

    def perform(self, line: str) -> Iterator[str]:
        command, *words = line.split()
        match command, words:
            case "person", names:
                before = people(self.world.c.store, self.world.origin).keys()
                self.world.person(*names)
                new = sorted(people(self.world.c.store, self.world.origin).keys() - before)
                for name, row in zip(names, new, strict=True):
                    self.rows[name], self.names[row] = row, name
            case "phone", [value, *names]:
                self.world.phone(value, *(self.rows[name] for name in names))
            case "rot", [node, name, value]:
                self.world.rot(self.world.tree.members[node], self.rows[name], value)
            case "mend", [node, name]:
                self.world.rot(self.world.tree.members[node], self.rows[name], "")
            case "gone", [node, name]:
                self.world.rot(self.world.tree.members[node], self.rows[name], None)
            case "climb", []:
                self.world.climb()
            case "climb", ["c"]:
                self.world.climb(("c", "d"))
            case "retry", [node]:
                for outcome in self.world.tree.members[node].store.retry_quarantined(by="lan"):
                    seqs = " ".join(f"c:{held.seq}" for held in outcome.row_set.commits)
                    what = f"c:{outcome.obstacle.seq} {outcome.obstacle.reason}" if outcome.obstacle else "applied"
                    yield f"{node} tries {seqs}: {what}"
            case "ask", [node, *names]:
                yield self.ask(node, names)
            case "show", nodes:
                for node in nodes:
                    yield from self.show(node)
            case _:
                raise AssertionError(f"unknown command: {line}")

    def ask(self, node: str, names: list[str]) -> str:
        member = self.world.tree.members[node]
        try:
            asked = self.world.ask(member, [("person", self.rows[name]) for name in names] or None)
        except UsageError as error:
            return f"{node} cannot ask: {error.message.replace(id_text(self.world.origin), 'c')}"
        return f"{node} asks {asked.node_id} for {asked.rows} rows"

    def show(self, node: str) -> Iterator[str]:
        store, member = self.world.tree.members[node].store, self.world.tree.members[node]
        rows = [f"{self.names[row]}={phone or '-'}" for row, (_, phone) in people(store, self.world.origin).items()]
        yield f"{node}: {' '.join(rows) or 'no rows'}; {'equal' if self.world.equal(store) else 'differs'}"
        for held in self.world.held(member):
            yield f"  holds c:{held.seq} {held.reason}: {' '.join(self.names[row] for _, row in held.keys)}"
        for row in wanted(store.connection, self.world.origin):
            yield f"  waits for {self.names[row[1]]}"
        for item in reversed(ended(store.connection)):
            by = f" by {item.by}" if item.by else ""
            at = f" at c:{item.at_seq}" if item.at_seq else ""
            yield f"  ended c:{item.seq} {item.how}{by}{at}, {item.rows} rows, {item.rest} left"
        codes = " ".join(self.world.codes(member))
        yield f"  alarms {codes or 'none'}"


def play(text: str, folder: Path) -> str:
    scenario = Scenario(folder)
    blocks = []
    try:
        for block in text.strip().split("\n\n"):
            commands = block.partition("\n----")[0]
            lines = [
                line
                for command in commands.splitlines()
                if not command.startswith("#")
                for line in scenario.perform(command)
            ]
            blocks.append("\n".join([commands] + (["----", *lines] if lines else [])))
    finally:
        scenario.world.close()
    return "\n\n".join(blocks) + "\n"


FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rows_that_rot_end_as_it_is_written(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    happened = play(text, tmp_path)
    if REWRITE:
        path.write_text(happened, encoding="utf-8")
    else:
        assert happened == text, "REWRITE_SCENARIOS=1 writes what happens now into the files"


def test_there_are_scenarios() -> None:
    assert len(FILES) >= 6


def test_an_unknown_command_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="unknown command"):
        play("dance\n----\n", tmp_path)
