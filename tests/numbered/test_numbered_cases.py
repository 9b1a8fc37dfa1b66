"""The 75 cases of RESOLVER 5 through the whole tree: bundle, rehearsal, result. ``REWRITE_CASES=1`` writes the result of
now below the line of each file; read the difference before you commit it.

A file begins with the number of its case. What a bundle cannot say is tested at the place that ``UNIT_LEVEL`` names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from tests.numbered.bundles import TREES, as_two_tiers, result_of

HERE: Final = Path(__file__).parent
FILES: Final = sorted((HERE / "cases").glob("*.txt"))
LINE: Final = "\n----\n"
CASES_MAX: Final = 75

_REFORM: Final = "a bundle has no word for which unit took over from which"
UNIT_LEVEL: Final = {
    9: ("a bundle has no sequences: replication refuses the re-used one", "hub/test_applier.py", "another_history"),
    62: (_REFORM, "conflict/test_case_reform.py", "case_62"),
    64: (_REFORM, "conflict/test_case_reform.py", "case_64"),
    67: ("a bundle has one tree for all of its time", "conflict/test_case_reform.py", "case_67"),
    68: (_REFORM, "conflict/test_case_reform.py", "case_68"),
    69: (_REFORM, "conflict/test_case_reform.py", "case_69"),
    71: ("no file of the result has the asymmetry of reports", "conflict/test_case_process.py", "case_71"),
    72: ("a bundle does not tell imports apart", "ops/cli/test_cases_undo.py", "case_72"),
    73: ("no column of a bundle says that an address is protected", "conflict/test_case_process.py", "case_73"),
    74: ("no file of the result has the queue of reviewers", "conflict/test_case_process.py", "case_74"),
    75: ("a bundle brings no parameters", "conflict/test_case_process.py", "case_75"),
}
"""By number: why FORMAT cannot say it, and where below ``tests/unit`` it is tested, under which part of a test's name."""


def number_of(path: Path) -> int:
    return int(path.name[:2])


@pytest.mark.parametrize("tiers", TREES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_case(path: Path, tiers: str, tmp_path: Path) -> None:
    written, _, expected = path.read_text(encoding="utf-8").partition(LINE)
    found = result_of(written, TREES[tiers], tmp_path)
    if os.environ.get("REWRITE_CASES") and tiers == "three tiers":
        path.write_text(f"{written.rstrip()}{LINE}{found}\n", encoding="utf-8")
        expected = found
    assert found == (expected.rstrip() if tiers == "three tiers" else as_two_tiers(expected.rstrip()))


def test_every_number_has_a_file_or_a_reason_why_it_has_none() -> None:
    assert {number_of(path) for path in FILES} | set(UNIT_LEVEL) == set(range(1, CASES_MAX + 1))
    assert not {number_of(path) for path in FILES} & set(UNIT_LEVEL)


@pytest.mark.parametrize("number", UNIT_LEVEL)
def test_what_no_bundle_can_say_is_tested_where_the_table_names_it(number: int) -> None:
    _, path, name = UNIT_LEVEL[number]
    text = (HERE.parent / "unit" / path).read_text(encoding="utf-8")
    assert any(line.startswith("def test_") and name in line for line in text.splitlines())
