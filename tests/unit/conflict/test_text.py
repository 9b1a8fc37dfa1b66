"""Vietnamese text: remnants of old encodings are found and mended, real names are left alone."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.dates import parse_date
from conflict.personal_number import disagreements, parse
from conflict.text import (
    TCVN3,
    VNI,
    converted,
    decode_legacy,
    folded,
    from_tcvn3,
    from_vni,
    guess_encoding,
    is_syllable,
    legacy_encoding,
    normal,
    toneless,
)


@pytest.mark.parametrize(
    ("written", "encoding", "meant"),
    [
        ("NguyÔn V¨n Hïng", "tcvn3", "Nguyễn Văn Hùng"),
        ("TrÇn ThÞ Léc", "tcvn3", "Trần Thị Lộc"),
        ("Nguyeãn Vaên Huøng", "vni", "Nguyễn Văn Hùng"),
        ("Traàn Thò AÙnh", "vni", "Trần Thị Ánh"),
        ("NGUYEÃN VAÊN HUØNG", "vni", "NGUYỄN VĂN HÙNG"),
        ("Nguyeãn Thò Ñaøo", "vni", "Nguyễn Thị Đào"),
        ("An Baù", "vni", "An Bá"),  # the tone of au never stands on u
        ("Höng", "vni", "Hưng"),
        ("V¨n", "tcvn3", "Văn"),  # the strange letters are signs, not letters
        ("L\u00ad¬ng V¨n Th¾ng", "tcvn3", "Lương Văn Thắng"),
        ("§inh V¨n D¨ng", "tcvn3", "Đinh Văn Dăng"),
        ("An Ph\u00adîng", "tcvn3", "An Phượng"),
        ("NGUYÔN V¡N HïNG", "tcvn3", "NGUYỄN VĂN HÙNG"),  # capitals are a font's, not the encoding's
        ("§ÆNG THÞ ¸NH", "tcvn3", "ĐẶNG THỊ ÁNH"),
        ("Hµ", "tcvn3", "Hà"),
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
        *("Qúy", "Trần Hòai", "Ea Yông", "EA YÔNG", "Krông Búk", "Đắk Nông", "H'Ôr", "Kpă Y Bơ", "«An Bình»"),
        *("Tổ 1 §", "12 m²", "Nhà số 5½", "Công ty Á ®", "Noël", "Müller"),
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


LETTERS = "áàảãạăắằẳẵặâấầẩẫậđéèẻẽẹêếềểễệíìỉĩịóòỏõọôốồổỗộơớờởỡợúùủũụưứừửữựýỳỷỹỵ"


def test_the_tables_have_every_letter_once() -> None:
    small = [letter for letter in TCVN3.values() if letter.islower()]
    assert sorted(small) == sorted(LETTERS)
    assert set(LETTERS + LETTERS.upper()) - set(VNI.values()) == set("íìÍÌ"), "these two are Latin-1 letters in VNI"


@pytest.mark.parametrize("letter", list(LETTERS))
def test_every_letter_is_found_again_from_both_encodings(letter: str) -> None:
    tcvn3 = {meant: written for written, meant in TCVN3.items()}
    vni = {meant: written for written, meant in reversed(VNI.items()) if written.islower()}
    assert from_tcvn3(f"x{tcvn3[letter]}x") == f"x{letter}x"
    assert from_vni(vni.get(letter, letter)) == letter
    assert from_vni(vni.get(letter, letter).upper()) == letter.upper()


PEOPLE = [
    "Nguyễn Thị Hồng Nhung",
    "Trần Văn Đức",
    "Lê Thị Mỹ Lệ",
    "Phạm Hữu Phước",
    "Đặng Thị Ánh Tuyết",
    "Võ Minh Thư",
]
OF_TCVN3 = {meant: written for written, meant in TCVN3.items()}
OF_VNI = {meant: written for written, meant in reversed(VNI.items()) if written.islower() == meant.islower()}


def cp1258(text: str) -> bytes:
    """Letters with their hats, tones behind them, as Windows-1258 has it."""
    written = ""
    for letter in text:
        plain, tones, _ = toneless(letter)
        written += plain + tones
    return written.encode("cp1258")


@pytest.mark.parametrize("shouted", [False, True])
def test_the_encoding_of_a_list_of_names_is_guessed(shouted: bool) -> None:
    text = "\n".join(PEOPLE).upper() if shouted else "\n".join(PEOPLE)
    tcvn3 = "".join(OF_TCVN3.get(letter, OF_TCVN3.get(letter.lower(), letter)) for letter in text)
    vni = "".join(OF_VNI.get(letter, letter) for letter in text)
    assert guess_encoding(tcvn3.encode("latin-1")) == "tcvn3"
    assert guess_encoding(vni.encode("latin-1")) == "vni"
    assert guess_encoding(cp1258(text)) == "cp1258"
    assert guess_encoding(text.encode("utf-16-le")) == "utf-16"
    assert guess_encoding(text.encode("utf-8")[:-1] + b"\xe1") == "utf-8"
    assert guess_encoding(b"\x81\x82 \x83\x84") == "unknown"
    assert decode_legacy(cp1258(text), "cp1258") == text
    assert decode_legacy(vni.encode("latin-1"), "vni") == text
    assert decode_legacy(tcvn3.encode("latin-1"), "tcvn3").lower() == text.lower()


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


def test_a_partial_date_is_before_or_in_the_future_only_if_certain() -> None:
    day = date(2024, 2, 28)
    assert parse_date("2024-02-29").is_future_of(day)
    assert parse_date("2024-03").is_future_of(day)
    assert parse_date("2025").is_future_of(day)
    for text in ("2024", "2024-02", "2024-02-28", "2023"):
        assert not parse_date(text).is_future_of(day)
    assert parse_date("2023").is_before(parse_date("2024-01-01"))
    assert not parse_date("2024").is_before(parse_date("2024-12-31"))


def test_a_partial_date_leaves_open_what_it_does_not_say() -> None:
    assert str(parse_date("2024-02").latest) == "2024-02-29"
    assert parse_date("2024").may_equal(parse_date("2024-02-29"))
    assert not parse_date("2024-02").may_equal(parse_date("2024-03"))
    for text in ("", "24", "2024-13", "2023-02-29", "2024-2", "2024-00", "2024-02-00", "0000", "2024-02-01T00"):
        with pytest.raises(ValueError, match=r".+"):
            parse_date(text)
