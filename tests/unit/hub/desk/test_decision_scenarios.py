"""What becomes of moves, from the first report to the last receipt, as text files: commands, and below ``----`` what stands then.

p is above d1 (communes a, b) and d2 (c). ``REWRITE_SCENARIOS=1`` writes what happens now into the files; read the difference before
you commit it. Blocks are separated by empty lines; lines that begin with ``#`` are comments.

    person a p0           Lan stands in the register of a, as p0
    in c n0 a             she arrives at c, as n0, and says that she comes from a
    out a p0 c            she leaves a for c
    confirm a p0 | dispute a p0 | correct c n0      the office says so; it was somebody else
    travel                everything goes where it belongs; `visit a`: one session of a with its parent
    decide                every hub does its casework, and everything travels; `decide p`: p decides and nothing travels
    days 40               time passes
    show a c              what stands in their inboxes, and their alarms
    told                  what p's log has decided, and who of those that were told has it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.desk.outbox import deliveries
from node.limits import DAY_MS
from tests.unit.hub.desk.town import PEOPLE
from tests.unit.hub.desk.valley import Valley

FOLDER = Path(__file__).parents[3] / "scenarios" / "decisions"
REWRITE = os.environ.get("REWRITE_SCENARIOS") == "1"
LAN, SOMEBODY_ELSE = PEOPLE[0], PEOPLE[6]


class Scenario:
    """One valley and its commands; each returns the lines of what happened."""

    def __init__(self, folder: Path) -> None:
        self.valley = Valley(folder)

    def perform(self, line: str) -> Iterator[str]:
        valley = self.valley
        command, *words = line.split()
        match command, words:
            case "person", [name, person]:
                valley.person(name, person, LAN)
            case "in", [name, person, place]:
                valley.event(name, "move_in", person, LAN, other_place=place)
            case "out", [name, person, place]:
                valley.event(name, "move_out", person, other_place=place)
            case "confirm" | "dispute", [name, person]:
                valley.event(name, command, person)
            case "correct", [name, person]:
                valley.event(name, "correction", person, SOMEBODY_ELSE)
            case "travel", []:
                valley.travel()
            case "visit", [name]:
                valley.visit(name)
            case "decide", [name]:
                valley.desk(name).decide()
            case "decide", []:
                valley.decide()
            case "days", [count]:
                valley.clock.advance_ms(int(count) * DAY_MS)
            case "show", names:
                for name in names:
                    yield from self._inbox(name)
            case "told", []:
                yield from self._told()
            case _:
                raise AssertionError(f"no such command: {line}")

    def _inbox(self, name: str) -> Iterator[str]:
        lines = [
            f"{name} {ref.partition(':')[2]}: {action}, {standing}" for action, ref, standing in self.valley.lines(name)
        ]
        yield from sorted(lines) or [f"{name} has an empty inbox"]
        if alarms := self.valley.alarms(name):
            yield f"{name} alarms: {', '.join(alarms)}"

    def _told(self) -> Iterator[str]:
        store = self.valley.member("p").store
        names = {self.valley.origin(name): name for name in ("a", "b", "c")}
        lines = []
        for made in self.valley.decisions("p"):
            who = [f"{names[d.to_origin]}{'' if d.received else '?'}" for d in deliveries(store.connection, made.id)]
            undoes = ", takes another back" if made.undoes else ""
            lines.append(f"{made.case} {made.outcome.value}{undoes}: {' '.join(sorted(who))}")
        yield from sorted(lines) or ["nothing is decided"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path, tmp_path: Path) -> None:
    scenario = Scenario(tmp_path)
    written: list[str] = []
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        if block.startswith("#"):
            written.append(block)
            continue
        commands = block.split("----")[0].strip()
        found = [line for command in commands.splitlines() for line in scenario.perform(command)]
        written.append("\n".join((commands, "----", *found)))
    scenario.valley.close()
    text = "\n\n".join(written) + "\n"
    if REWRITE:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
