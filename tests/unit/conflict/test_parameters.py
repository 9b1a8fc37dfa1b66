"""The frozen table: what it must be, and that it never changes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from conflict.comparison import LEVELS, Field
from conflict.parameters import canonical, current_parameters, from_document, to_document

FROZEN = {1: "aaa0f1bb5963155d588bcda08d6b990f83746d9ce65d6931dee58837c6d71443"}
"""A change of a parameter file is a new version with a file of its own; this hash stays."""


def test_the_parameters_in_use_are_those_that_were_measured() -> None:
    parameters = current_parameters()
    assert parameters.hash == FROZEN[parameters.version]


def test_a_document_read_again_has_the_same_hash() -> None:
    parameters = current_parameters()
    again = from_document(json.loads(canonical(parameters)))
    assert again == parameters
    assert again.hash == parameters.hash


def _less(document: dict[str, Any]) -> None:
    del document["chances"]["birth"]["lunar"]


def _no_thresholds(document: dict[str, Any]) -> None:
    del document["thresholds"]


def _not_probable(document: dict[str, Any]) -> None:
    document["chances"]["birth"]["lunar"][0] = 0.0


def _against(document: dict[str, Any]) -> None:
    document["chances"]["given"]["same"][0] = 1e-5


def _between_members(document: dict[str, Any]) -> None:
    document["chances"]["mother"]["same"][2] = 0.01


def _words(document: dict[str, Any]) -> None:
    document["population"] = "many"


@pytest.mark.parametrize("spoil", [_less, _no_thresholds, _not_probable, _against, _between_members, _words])
def test_a_table_that_breaks_a_law_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    document = copy.deepcopy(to_document(current_parameters()))
    spoil(document)
    with pytest.raises(ValueError):
        from_document(document)


def test_every_value_counts_for_the_hash() -> None:
    document = copy.deepcopy(to_document(current_parameters()))
    document["chances"]["birth"]["lunar"][1] *= 1.01
    assert from_document(document).hash != current_parameters().hash


def test_seven_family_names_are_most_of_the_people() -> None:
    shares = sorted(current_parameters().frequencies[Field.FAMILY].values(), reverse=True)
    assert shares[0] > 0.3
    assert sum(shares[:7]) > 0.7


def test_a_word_that_was_never_counted_is_rare_not_impossible() -> None:
    parameters = current_parameters()
    assert 0 < parameters.frequency(Field.GIVEN, "qwz") == parameters.frequency_min


def test_without_marks_all_words_that_look_so_count() -> None:
    parameters = current_parameters()
    marked = [parameters.frequency(Field.GIVEN, key) for key in ("anh", "anh\u0301")]
    assert parameters.frequency(Field.GIVEN, "anh", unmarked=True) >= sum(marked)


def test_every_field_has_all_its_levels() -> None:
    assert {name: set(levels) for name, levels in current_parameters().chances.items()} == {
        name: set(levels) for name, levels in LEVELS.items()
    }
