"""EM finds again what pairs were made of; what changed is listed; laws of the table hold whatever the sample."""

from __future__ import annotations

import random

import pytest

from conflict.comparison import PERSONAL, Field
from conflict.estimation import Levels, Pass, Sample, differences, estimate, frequencies
from conflict.parameters import current_parameters
from conflict.spelling import spelling_key
from tests.unit.conflict.people import lan

OLD = current_parameters()
SAME = {Field.FAMILY: 0.9, Field.SEX: 0.99, Field.NUMBER: 0.8}
STRANGERS = {Field.FAMILY: 0.2, Field.SEX: 0.5, Field.NUMBER: 1e-6}


def drawn(rng: random.Random, agreements: dict[Field, float]) -> Levels:
    return {name: "same" if rng.random() < share else "different" for name, share in agreements.items()}


def mixture(matches: int, others: int) -> tuple[Levels, ...]:
    rng = random.Random(7)
    return tuple([drawn(rng, SAME) for _ in range(matches)] + [drawn(rng, STRANGERS) for _ in range(others)])


def sample(matches: int = 8_000, others: int = 8_000) -> Sample:
    rng = random.Random(8)
    strangers = tuple(drawn(rng, STRANGERS) for _ in range(20_000))
    return Sample((Pass(frozenset({Field.GIVEN}), mixture(matches, others)),), strangers)


def test_the_chances_of_one_person_are_found_without_being_told_which_pairs_are() -> None:
    new = estimate(OLD, sample(), version=2, source="test")
    assert new.chances[Field.FAMILY]["same"].same == pytest.approx(0.9, abs=0.02)
    assert new.chances[Field.SEX]["same"].same == pytest.approx(0.99, abs=0.01)
    assert new.chances[Field.NUMBER]["same"].same == pytest.approx(0.8, abs=0.03)
    assert new.chances[Field.SEX]["same"].stranger == pytest.approx(0.5, abs=0.02)


def test_few_matches_among_many_others_are_found_too() -> None:
    new = estimate(OLD, sample(matches=800, others=40_000), version=2, source="test")
    assert new.chances[Field.FAMILY]["same"].same == pytest.approx(0.9, abs=0.04)


def test_a_pass_learns_nothing_about_what_it_chose_by() -> None:
    pairs = tuple(dict(levels) | {Field.GIVEN: "same"} for levels in mixture(2_000, 0))
    new = estimate(OLD, Sample((Pass(frozenset({Field.GIVEN}), pairs),)), version=2, source="test")
    assert new.chances[Field.GIVEN]["same"].same == pytest.approx(OLD.chances[Field.GIVEN]["same"].same, abs=1e-3)


def test_the_chance_of_a_number_among_strangers_is_not_learned() -> None:
    new = estimate(OLD, sample(), version=2, source="test")
    assert new.chances[Field.NUMBER]["same"].stranger == OLD.chances[Field.NUMBER]["same"].stranger


def test_an_empty_sample_leaves_the_table_as_it_is() -> None:
    new = estimate(OLD, Sample(()), version=2, source="test")
    assert differences(OLD, new, bits_min=0.05) == ()


def test_a_sample_of_contradictions_still_gives_a_lawful_table() -> None:
    wild: Levels = {Field.FAMILY: "different", Field.GIVEN: "different", Field.MOTHER: "different"}
    found = Sample((Pass(frozenset(), (wild,) * 500),), (wild,) * 5, ({Field.GIVEN: "same"},) * 500)
    new = estimate(OLD, found, version=2, source="test")
    for name, levels in new.chances.items():
        for row in levels.values():
            assert name in PERSONAL or min(row.member, row.twin) >= row.same
        first = next(iter(levels.values()))
        assert first.same >= max(first.stranger, first.member, first.twin)


def test_differences_come_in_bits_the_largest_first() -> None:
    new = estimate(OLD, sample(), version=2, source="test")
    found = differences(OLD, new, bits_min=0.3)
    assert found
    moved = [abs(change.after - change.before) for change in found]
    assert moved == sorted(moved, reverse=True)
    assert min(moved) >= 0.3
    assert differences(OLD, OLD) == ()


def test_frequencies_are_shares_of_those_who_have_the_part() -> None:
    people = [lan(), lan(), lan(full_name="Lê Lan"), lan(full_name="Bé Gái")]
    counted = frequencies(people)
    assert counted[Field.GIVEN] == {"lan": 1.0}
    assert counted[Field.MIDDLE] == {spelling_key("Thị Hồng"): 1.0}
    assert sorted(counted[Field.FAMILY].values()) == pytest.approx([1 / 3, 2 / 3])
