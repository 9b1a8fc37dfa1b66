"""The restore matrix: whose store is restored, what was written there since, how its parent fares, and the third node.

Each file of ``tests/scenarios/restore`` is a cell {commune, district, province} x {nothing, written, alternating} x {parent alive,
dead, restored}, and has a section for each state of the third node: {untouched, restored, written} (RELIABILITY F41-F43, F47, F49,
R13). ``tests/simulation/story.py`` says what the commands mean. Below ``----`` stands what came of a block; ``REWRITE_SCENARIOS=1``
writes what happens now; read the difference before you commit it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.healing import Healer
from tests.simulation.model import Violation
from tests.simulation.story import Story
from tests.simulation.test_world import drops_what_only_the_child_had, reports_nothing

FOLDER = Path(__file__).parents[1] / "scenarios" / "restore"
REWRITE = os.environ.get("REWRITE_SCENARIOS") == "1"
RESTORED = ("commune", "district", "province")
WRITTEN = ("nothing", "written", "alternating")
PARENT = ("alive", "dead", "restored")
THIRD = ("untouched", "restored too", "written to while apart")
CELLS = ["-".join(cell) for cell in itertools.product(RESTORED, WRITTEN, PARENT)]


def finds_no_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Healer, "_typed_twice", lambda *_: [])


def sections(text: str) -> Iterator[tuple[str, str]]:
    """The heading of each section, and what stands below it."""
    _preface, *parts = text.split("\n== ")
    for part in parts:
        heading, _, body = part.partition(" ==\n")
        yield heading, body


def told(body: str) -> str:
    """A section as it happens now."""
    story = Story()
    blocks = []
    try:
        for block in body.strip().split("\n\n"):
            commands = block.partition("\n----")[0]
            lines = [
                line
                for command in commands.splitlines()
                if not command.startswith("#")
                for line in story.perform(command)
            ]
            blocks.append("\n".join([commands] + (["----", *lines] if lines else [])))
    finally:
        story.close()
    return "\n\n".join(blocks)


@pytest.mark.parametrize("cell", CELLS)
def test_a_restore_ends_as_it_is_written(cell: str) -> None:
    path = FOLDER / f"{cell}.txt"
    text = path.read_text(encoding="utf-8")
    preface = text.partition("\n== ")[0]
    happened = preface + "".join(f"\n== {heading} ==\n\n{told(body)}\n" for heading, body in sections(text))
    if REWRITE:
        path.write_text(happened, encoding="utf-8")
    else:
        assert happened == text, "REWRITE_SCENARIOS=1 writes what happens now into the files"


@pytest.mark.parametrize(
    ("break_it", "cell"),
    [
        (drops_what_only_the_child_had, "commune-written-alive"),
        (reports_nothing, "commune-written-alive"),
        (finds_no_twins, "commune-written-alive"),
    ],
)
def test_a_broken_variant_is_caught_whatever_is_written(
    break_it: Callable[[pytest.MonkeyPatch], None], cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    _heading, body = next(sections((FOLDER / f"{cell}.txt").read_text(encoding="utf-8")))
    with pytest.raises(Violation):
        told(body)


def test_the_matrix_is_whole() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.txt")) == sorted(CELLS)
    for cell in CELLS:
        headings = [heading for heading, _ in sections((FOLDER / f"{cell}.txt").read_text(encoding="utf-8"))]
        assert [heading.partition(": ")[2] for heading in headings] == list(THIRD), cell


def test_an_unknown_command_fails() -> None:
    with pytest.raises(AssertionError, match="unknown command"):
        told("dance commune")
