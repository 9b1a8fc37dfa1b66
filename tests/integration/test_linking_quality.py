"""A small province with its truth: the goals of linking hold, also where less is said. The seeds are fixed, so that a
red test is about the change; ``make bench-resolver`` measures on more and larger ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.resolver.counting import count, judge
from bench.resolver.province import Province, read_province
from bench.resolver.quality import Quality, measure
from bench.resolver.view import VIEWS
from conflict.parameters import current_parameters
from ops.synth.config import SynthConfig
from ops.synth.generator import generate


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    return _made(tmp_path_factory.mktemp("real"), "real")


def _made(folder: Path, level: str) -> Province:
    config = SynthConfig(seed=77, persons=4_000, moves=600, difficulty=level, twin_pairs_at_risk=120)
    generate(config, folder)
    return read_province(folder)


def _quality(province: Province) -> Quality:
    return measure(province, current_parameters())[0]


def test_arrivals_of_real_quality_are_linked_and_no_twins_merged(province: Province) -> None:
    found = _quality(province)
    assert found.pairs > 400
    assert found.twins_at_risk > 100
    assert found.twins_merged == 0
    assert found.mistakes == []
    assert found.recall >= 0.93
    assert found.reviewed <= 0.05


def test_the_keys_find_nearly_everybody(province: Province) -> None:
    found = _quality(province)
    assert found.found_by_keys >= 0.995 * found.pairs
    assert found.candidates < 100 * found.arrivals


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_where_less_is_said_fewer_are_linked_but_hardly_anybody_wrongly(province: Province, view: str) -> None:
    found = _quality(VIEWS[view](province))
    assert found.twins_merged == 0
    assert found.wrong <= 0.001 * found.right


def test_hard_reports_cost_recall_and_not_precision(tmp_path: Path) -> None:
    found = _quality(_made(tmp_path, "hard"))
    assert found.twins_merged == 0
    assert found.mistakes == []
    assert found.recall >= 0.9


def test_hardly_anybody_counts_elsewhere_than_can_be_known() -> None:
    found = count(seed=77, persons=3_000, moves=300, level="real")
    assert found.persons > 3_000
    assert found.merged == 0
    assert found.share <= 0.003


def test_those_who_count_wrongly_are_told_by_cause() -> None:
    who = {"a:1": "t1", "b:1": "t1", "a:2": "t2", "b:2": "t2", "a:3": "t3", "a:3b": "t3", "a:4": "t4", "b:5": "t5"}
    true = [
        {"true_person": name, "unit": "b", "status": "resident", "known_unit": "b", "known_status": "resident"}
        for name in ("t1", "t2", "t3", "t4", "t5")
    ]
    residents = [
        {"unit": "b", "status": "resident", "refs": "a:1|b:1"},
        {"unit": "a", "status": "resident", "refs": "a:2"},
        {"unit": "", "status": "proposed", "refs": "b:2"},
        {"unit": "b", "status": "resident", "refs": "a:3"},
        {"unit": "b", "status": "resident", "refs": "a:3b"},
        {"unit": "b", "status": "resident", "refs": "a:4|b:5"},
    ]
    found = judge(residents, who, true, [])
    assert found.persons == 5
    assert found.merged == 1
    assert found.errors == {
        "an arrival waits for a ruling: counts where it was until then": 1,
        "two forms of one person in one commune": 1,
        "records of two persons were put together": 1,
    }
