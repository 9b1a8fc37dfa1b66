from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from conflict.places import Named, Place, PlaceBook
from tests.unit.conflict.history import TREE

DAY = date(2025, 3, 1)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("B", "B"),
        ("21553", "B"),
        ("540", "D"),
        ("Nhơn Hội", "B"),
        ("  nhơn   hội ", "B"),
        (unicodedata.normalize("NFD", "Nhơn Hội"), "B"),
        ("Nhon Hoi", ""),  # near is not exact
        ("xã Nhơn Hội", ""),
        ("99999", ""),
        ("", ""),
        ("nước ngoài", "outside"),
        ("Định cư ở nước ngoài", "outside"),
        ("Abroad", "outside"),
        ("ĐÀI LOAN", "outside"),
        ("Anh Sơn", ""),  # a place at home that begins like a country
    ],
)
def test_a_place_is_named_exactly_or_not_at_all(written: str, expected: str) -> None:
    assert TREE.named(written, DAY).other_unit == expected


def test_a_name_that_two_places_bear_names_neither() -> None:
    book = PlaceBook([Place("A", "", "", "", "", "Tân Lập"), Place("B", "", "", "", "", "Tân Lập")])
    assert book.named("Tân Lập", DAY) == Named()


def test_a_place_that_bears_the_name_of_a_country_is_that_place() -> None:
    book = PlaceBook([Place("A", "", "", "", "", "Nga")])
    assert book.named("Nga", DAY) == Named("A")


def test_66_one_code_means_two_units_by_date() -> None:
    book = PlaceBook(
        [Place("binh-dinh", "", "", "52", "2008-01-01", ""), Place("gia-lai", "", "", "52", "2025-07-01", "")]
    )
    assert book.named("52", date(2025, 6, 30)).node_id == "binh-dinh"
    assert book.named("52", date(2025, 7, 1)).node_id == "gia-lai"


def test_66_a_code_of_the_other_era_names_nobody() -> None:
    book = PlaceBook([Place("gia-lai", "", "", "52", "2025-07-01", "")])
    assert book.named("52", date(2025, 6, 30)) == Named()


def test_a_code_may_have_been_in_force_before_the_day_it_was_seen() -> None:
    assert PlaceBook([Place("A", "", "", "21550", "2025-02-15", "")]).named("21550", date(2025, 2, 1)).node_id == "A"


def test_lineage_ends_at_the_top_that_is_known_and_in_a_circle() -> None:
    assert TREE.lineage("A") == ("A", "D", "P")
    assert PlaceBook([Place("A", "gone", "", "", "", "")]).lineage("A") == ("A",)
    circle = PlaceBook([Place("A", "B", "", "", "", ""), Place("B", "A", "", "", "", "")])
    assert circle.lineage("A") == ("A", "B")
