"""Vietnamese text: remnants of old encodings are found and mended, real names are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.dates import parse_date
from conflict.personal_number import disagreements, parse
from conflict.text import converted, folded, guess_encoding, is_syllable, legacy_encoding, normal


@pytest.mark.parametrize(
    ("written", "encoding", "meant"),
    [
        ("NguyÔn V¨n Hïng", "tcvn3", "Nguyễn Văn Hùng"),
        ("TrÇn ThÞ Léc", "tcvn3", "Trần Thị Lộc"),
        ("Nguyeãn Vaên Huøng", "vni", "Nguyễn Văn Hùng"),
        ("Traàn Thò AÙnh", "vni", "Trần Thị Ánh"),
        ("NGUYEÃN VAÊN HUØNG", "vni", "NGUYỄN VĂN HÙNG"),
    ],
)
def test_a_remnant_is_recognised_and_converted(written: str, encoding: str, meant: str) -> None:
    assert legacy_encoding(written) == encoding
    assert converted(written) == meant


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Nguyễn Thị Mỹ Duyên",
            "Đặng Thị Ánh",
            "Lê Thị Hoà",
            "Lê Thị Hòa",
            "Huỳnh Ngọc Thuý",
            "Trần Quốc Trường",
            "Phạm Văn Giỏi",
        ),
        *("Y Bhuk Niê", "H'Mông", "José", "Đinh Văn Lý", "ĐINH THỊ HỒNG", "Võ Thị Xuân", "Bùi Thị Khuê"),
    ],
)
def test_a_real_name_is_left_alone(name: str) -> None:
    assert legacy_encoding(name) == ""
    assert converted(name) == name


def test_composed_and_decomposed_letters_are_one() -> None:
    assert normal("Nguye\u0302\u0303n  Va\u0306n") == "Nguyễn Văn"
    assert folded("Đặng Thị Ánh") == "dang thi anh"


@pytest.mark.parametrize(
    ("word", "answer"), [("Nguyễn", True), ("NguyÔn", False), ("Hùng", True), ("ắấ", False), ("Brăm", False)]
)
def test_a_syllable_has_a_form(word: str, answer: bool) -> None:
    assert is_syllable(word) is answer


@given(st.text())
def test_conversion_never_fails(text: str) -> None:
    assert converted(converted(text)) is not None


@given(st.binary())
def test_a_guess_never_fails(data: bytes) -> None:
    assert guess_encoding(data)


def test_a_personal_number_says_province_sex_and_year() -> None:
    number = parse("052203001234")
    assert number is not None
    assert (number.province, number.sex, number.birth_year) == ("052", "M", 2003)
    assert parse("05220300123") is None
    assert parse("٠٥٢٢٠٣٠٠١٢٣٤") is None, "digits of other scripts are none"


@pytest.mark.parametrize(
    ("number", "sex", "birth_date", "codes"),
    [
        ("052203001234", "M", "2003-05-01", []),
        ("052203001234", "F", "2003", ["personal_id_sex"]),
        ("052203001234", "", "1903", ["personal_id_birth_year"]),
        ("0522", "M", "2003", ["personal_id_form"]),
        ("", "M", "2003", []),
    ],
)
def test_a_number_that_contradicts_is_named(number: str, sex: str, birth_date: str, codes: list[str]) -> None:
    assert disagreements(number, sex, birth_date) == codes


def test_a_partial_date_leaves_open_what_it_does_not_say() -> None:
    assert str(parse_date("2024-02").latest) == "2024-02-29"
    assert parse_date("2024").may_equal(parse_date("2024-02-29"))
    assert not parse_date("2024-02").may_equal(parse_date("2024-03"))
    for text in ("", "24", "2024-13", "2023-02-29", "2024-2", "0000", "2024-02-01T00"):
        with pytest.raises(ValueError, match=r".+"):
            parse_date(text)
