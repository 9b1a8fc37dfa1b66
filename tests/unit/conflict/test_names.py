"""Names part by part: what is the same name in other words, what is a graded difference, what says nothing."""

from __future__ import annotations

import pytest

from conflict.names import DROPPED, PARTIAL, NameComparison, compare_names, parse_name
from conflict.syllables import Likeness, likeness, syllable


def compared(one: str, other: str) -> NameComparison:
    return compare_names(parse_name(one), parse_name(other))


def grades(one: str, other: str) -> tuple[str | None, str | None, str | None]:
    found = compared(one, other)
    family, middle, given = (None if p is None else str(p[0]) for p in (found.family, found.middle, found.given))
    return family, middle, given


@pytest.mark.parametrize(
    "other",
    [
        "Lê Thị Hoà",
        "LÊ THỊ HÒA",
        "  lê  thị hòa ",
        "Le\u0302 Thi\u0323 Ho\u0300a",
        "Leâ Thò Hoøa",  # VNI
        "Lª ThÞ Hßa",  # TCVN3
    ],
)
def test_another_spelling_of_a_name_is_the_same_name(other: str) -> None:
    assert grades("Lê Thị Hòa", other) == ("same", "same", "same")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Nguyễn Thị Hồng Nhung", "N. T. Hồng Nhung", ("initial", "initial", "same")),
        ("Nguyễn Thị Hồng Nhung", "Ng. T.Hồng Nhung", ("initial", "initial", "same")),
        ("Nguyễn Văn An", "Nguyễn An", ("same", DROPPED, "same")),
        ("Nguyễn Thị Hồng Nhung", "Nguyễn Thị Nhung", ("same", DROPPED, "same")),
        ("Nguyễn Thị Hồng Nhung", "Nguyễn Thị Cẩm Nhung", ("same", PARTIAL, "same")),
        ("Nguyễn Văn An", "An", (None, None, "same")),
        ("Nguyễn An", "Nguyễn An", ("same", None, "same")),
        ("Hoàng Văn Phúc", "Huỳnh Văn Phước", ("homophone", "same", "homophone")),
        ("Lê Văn Sang", "Lê Văn Xang", ("same", "same", "spoken")),
        ("Lê Thị Lan", "Lê Thị Lang", ("same", "same", "spoken")),
        ("Lê Thị Mỹ", "Lê Thị Mỷ", ("same", "same", "spoken")),
        ("Lê Thị Ánh", "Lê Thị Anh", ("same", "same", "tone")),
        ("Lê Văn Hưng", "Lê Văn Hùng", ("same", "same", "marks")),
        ("Le Van Hung", "Lê Văn Hùng", ("unmarked", "unmarked", "unmarked")),
        ("Lê Gia Khang", "Lê Gia Khôi", ("same", "same", "different")),
        ("Lê Gia Khanh", "Lê Gia Khan", ("same", "same", "letter")),
    ],
)
def test_a_difference_has_its_grade(one: str, other: str, expected: tuple[str | None, ...]) -> None:
    assert grades(one, other) == expected
    assert grades(other, one) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("Hưng", "Hùng"), ("Ánh", "Anh"), ("Thanh", "Thành"), ("Hoa", "Hòa"), ("Tuấn", "Tuân"), ("Dũng", "Dung")],
)
def test_another_tone_or_mark_is_never_agreement(one: str, other: str) -> None:
    grade = likeness(syllable(one), syllable(other), unmarked=False)
    assert grade in {Likeness.TONE, Likeness.MARKS}


@pytest.mark.parametrize(
    "text", ["", "  ", "Trai", "gái", "Bé Gái", "Con trai", "Chưa đặt tên", "chưa có tên", "?", "-"]
)
def test_a_placeholder_says_nothing(text: str) -> None:
    assert compared(text, text) == NameComparison()
    assert compared(text, "Nguyễn Văn An") == NameComparison()


def test_a_placeholder_behind_a_family_name_leaves_the_family_name() -> None:
    assert grades("Nguyễn Thị Bé Gái", "Nguyễn Thị Gái") == ("same", "same", None)


@pytest.mark.parametrize("other", ["H' Blen Siu", "HBlen Siu", "H’Blen Siu", "h'blen siu", "Siu H'Blen", "Siu Blen"])
def test_a_prefix_of_a_minority_name_comes_and_goes(other: str) -> None:
    assert grades("H'Blen Siu", other) == ("same", None, "same")
    assert not compared("H'Blen Siu", other).reordered


def test_a_prefix_says_which_word_is_the_given_name() -> None:
    for text in ("Y Wang Niê", "Niê Y Wang", "y wang niê"):
        name = parse_name(text)
        assert (name.family and name.family.key, name.given and name.given.key) == ("niê", "wang")


@pytest.mark.parametrize("other", ["Y Niê Wang", "Wang Niê"])
def test_a_clan_at_the_other_end_is_the_same_words_in_another_order(other: str) -> None:
    assert grades("Y Wang Niê", other) == ("same", None, "same")
    assert compared("Y Wang Niê", other).reordered


def test_sisters_of_one_clan_have_two_given_names() -> None:
    assert grades("H'Blen Êban", "H'Nhung Êban") == ("same", None, "different")


def test_a_minority_name_without_its_clan_agrees_in_the_given_name() -> None:
    assert grades("Y Wang", "Y Wang Mlô") == (None, None, "same")
    assert grades("Wang", "Y Wang Mlô") == (None, None, "same")
    assert compared("Y Mlô", "Wang Mlô").family is None


def test_exchanged_ends_are_seen_through_a_slip() -> None:
    found = compared("Wang Niê", "Niê Wan")
    assert found.reordered
    assert grades("Wang Niê", "Niê Wan") == grades("Niê Wan", "Wang Niê")


def test_a_damaged_word_says_nothing() -> None:
    assert grades("NguyÔn V¨n ¢y» Qx", "Nguyễn Văn An Bình")[0] is None


def test_an_old_encoding_is_converted_and_said() -> None:
    assert parse_name("NguyÔn V¨n An").legacy == "tcvn3"
    assert parse_name("Nguyeãn Vaên An").legacy == "vni"
    assert parse_name("Nguyễn Văn An").legacy == ""
