"""Two ways to write one name are one; two names stay two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.spelling import is_same_spelling, spelling_key
from conflict.text import normal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Lê Thị Hoà", "Lê Thị Hòa"), ("Thuý", "Thúy"), ("Khoẻ", "Khỏe"), ("Quý", "Qúy")),
        *(("Lý", "Lí"), ("Mỹ", "Mĩ"), ("Kỳ", "Kì"), ("Sỹ", "Sĩ"), ("Quý", "Quí"), ("Quỳnh", "Quình"), ("Vy", "Vi")),
        *(("Nguye\u0302\u0303n  VĂN an", "Nguyễn Văn An"), ("LÝ THỊ HOÀ", "Lí Thị Hòa")),
    ],
)
def test_two_ways_to_write_one_name_are_the_same(one: str, other: str) -> None:
    assert is_same_spelling(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("Hưng", "Hùng"), ("Ánh", "Anh"), ("Thuý", "Thúi"), ("Tay", "Tai"), ("Huy", "Hui"), ("Hòa", "Hoa")),
        *(("Y Bhuk", "I Bhuk"), ("Mây", "Mâi"), ("Hoàn", "Hoán"), ("Đan", "Dan"), ("An Bình", "Anbình")),
    ],
)
def test_two_names_stay_two(one: str, other: str) -> None:
    assert not is_same_spelling(one, other)


@given(st.text())
def test_a_key_exists_for_any_text_and_does_not_depend_on_its_form(text: str) -> None:
    assert spelling_key(text) == spelling_key(normal(text))
