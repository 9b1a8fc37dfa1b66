"""Levels of dates, numbers, sex and parents, as tables."""

from __future__ import annotations

import pytest

from conflict.dates import parse_date
from conflict.description import describe
from conflict.levels import (
    birth_level,
    is_sound,
    mistyped_side,
    number_level,
    old_card_level,
    parent_level,
    sex_level,
)
from conflict.names import parse_name
from tests.unit.conflict.people import lan


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1984-07-19", "1984-07-19", "same_day"),
        ("1984-07", "1984-07-19", "same_month"),
        ("1984", "1984-07-19", "same_year"),
        ("1984-01-01", "1984-07-19", "same_year"),
        ("1984-01-01", "1984-01-01", "same_year"),
        ("1984-07-09", "1984-09-07", "swapped"),
        ("1984-07-19", "1984-06-14", "lunar"),
        ("1985-01-20", "1984-12-25", "lunar"),
        ("1984-07-19", "1984-07-18", "slip"),
        ("1984-07-19", "1984-07-29", "slip"),
        ("1984-07-19", "1984-07-09", "slip"),
        ("1984-07-19", "1983-07-19", "slip"),
        ("1984-07-19", "1948-07-19", "slip"),
        ("1984", "1985-07-19", "year_near"),
        ("1984-07-19", "1984-11-02", "same_year_only"),
        ("1984-07", "1984-11-02", "same_year_only"),
        ("1984-07-19", "1961-11-02", "different"),
        ("1984", "1961", "different"),
    ],
)
def test_two_birth_dates_have_a_level_whichever_comes_first(one: str, other: str, expected: str) -> None:
    assert birth_level(parse_date(one), parse_date(other)) == expected
    assert birth_level(parse_date(other), parse_date(one)) == expected


def test_a_missing_date_has_no_level() -> None:
    assert birth_level(None, parse_date("1984")) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("052184003417", "052184003417", "same"),
        ("052184003417", "052184003411", "slip"),
        ("052184003417", "052184004317", "slip"),
        ("052184003417", "05218400341", "slip"),
        ("052184003417", "052184003999", "different"),
        ("", "052184003417", None),
    ],
)
def test_two_numbers_have_a_level(one: str, other: str, expected: str | None) -> None:
    assert number_level(one, other) == expected
    assert number_level(other, one) == expected


def test_two_old_cards_never_disagree() -> None:
    assert old_card_level("210076991", "230011223") is None
    assert old_card_level("210076991", "210076991") == "same"


def test_digits_four_to_six_tell_which_number_is_mistyped() -> None:
    right, wrong = lan(), lan(personal_id="052148003417")  # 1948, a man: she is a woman of 1984
    assert mistyped_side(right, wrong) == "second"
    assert mistyped_side(wrong, right) == "first"
    assert mistyped_side(right, lan(personal_id="052184003418")) == ""
    assert is_sound(right)
    assert not is_sound(wrong)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"sex": "M"}, {"sex": "M"}, "same"),
        ({"sex": "M"}, {"sex": "F"}, "different"),
        ({"sex": "M", "full_name": "Y Wang Niê"}, {"sex": "F", "full_name": "Y Wang Niê"}, "explained"),
        ({"sex": "M", "full_name": "Lê Thị Lan"}, {"sex": "F", "full_name": "Lê Thị Lan"}, "explained"),
        ({"sex": ""}, {"sex": "F"}, None),
    ],
)
def test_another_sex_is_graded_where_the_name_explains_it(
    one: dict[str, str], other: dict[str, str], expected: str | None
) -> None:
    assert sex_level(describe(one), describe(other)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Trần Văn Bình", "TRẦN VĂN BÌNH", "same"),
        ("Trần Văn Bình", "Trần Bình", "variant"),
        ("Trần Văn Bình", "T. V. Bình", "variant"),
        ("Trần Văn Bình", "Trần Văn Bính", "similar"),
        ("Trần Văn Bình", "Lê Hữu Nghĩa", "different"),
        ("", "Lê Hữu Nghĩa", None),
    ],
)
def test_names_of_parents_have_a_level(one: str, other: str, expected: str | None) -> None:
    assert parent_level(parse_name(one), parse_name(other)) == expected
    assert parent_level(parse_name(other), parse_name(one)) == expected
