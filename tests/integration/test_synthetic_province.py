"""The synthetic province through the whole tree: no row is rejected, every copy is equal, all difficulties and both
layouts.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import rehearse
from ops.synth import SynthConfig, generate


@pytest.mark.parametrize("difficulty", ["easy", "real", "hard"])
@pytest.mark.parametrize("tiers", ["three", "two"])
def test_no_commune_rejects_a_row_and_every_copy_is_equal(difficulty: str, tiers: str, tmp_path: Path) -> None:
    config = SynthConfig(persons=800, moves=120, districts=2, communes=2, difficulty=difficulty, tiers=tiers)
    generate(config, tmp_path / "bundle")
    result = rehearse(RehearsalOptions(tmp_path / "bundle", tmp_path / "out", in_process=True))
    with (tmp_path / "out" / "rejected.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == []
    assert all(copy.equal for copy in result.copies)
