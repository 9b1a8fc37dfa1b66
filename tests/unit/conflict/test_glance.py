"""What is seen at a glance never hides anybody whom the comparison would take."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import combinations
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.resolver.province import read_province
from conflict.blocking import number_keys
from conflict.description import Description, describe
from conflict.gains import Gains
from conflict.glance import ROUNDING_BITS, Ceiling, glance
from conflict.linking import find_links, first_look_floor
from conflict.parameters import current_parameters
from conflict.score import score
from conflict.sieve import Sieve, hint
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

GAINS = Gains(current_parameters())
NAMES = (
    *("Nguyễn Văn Hùng", "Nguyễn Văn Hưng", "Nguyễn Hùng", "Hùng Nguyễn", "N. V. Hùng", "Hùng", "Nguyen Van Hung"),
    *("Niê Y Wang", "Y Wang Niê", "Y Wang", "Wang", "Siu H'Blen", "HBlen Siu", "Trai", "Bé Gái", "Nguyễn Thị Gái"),
    *("N Văn Hùng", "Nguyễn V. H.", "Ng. Hùng", "H. Nguyễn", "Nguyễn V Hùng", "Hùng N.", "N. N.", "V. Hùng", "N. N"),
    *("Trần Văn Thị", "Thị Trần Văn", "Hồ Văn", "Hô Vân", "Vân Hô", "Văng Hồ", "Y Wang N.", "W. Niê", "Niê Wang"),
    *("Hoàng Thị Phúc", "Huỳnh Thị Phước", "Vũ Sinh", "Võ Sanh", "Võ Sang", "Sang Võ", "Trần Xang", "Trần Thị Ánh Anh"),
    *("Trần Thị Anh Ánh", "Trần Minh Hoàng", "Trần Hoàng Minh", "Minh Trần Hoàng", "NguyÔn V¨n Hïng", "Lý Lí", "Lí Lý"),
    *(
        "Đào Thị Dung",
        "Dao Thi Dung",
        "Giang A Tùng",
        "Dang A Tòng",
        "Trường An",
        "Tràng Yên",
        "An|Bình C",
        "",
        "?",
        "? Lê",
    ),
)
DATES = ("", "1990", "1990-02", "1990-02-01", "1990-01-02", "1990-01-01", "1991-02-01", "1990-03-05", "1960-07-19")
NUMBERS = ("", "052090003417", "052090003471", "052090003418", "052190003417", "211223344", "211223345")


def descriptions() -> st.SearchStrategy[Description]:
    def made(values: dict[str, str], unit: str, origin: str, departed: bool | None, there: str) -> Description:
        return describe(values, unit=unit, origin=origin, departed=departed, destination=there)

    places = st.sampled_from(("", "A", "B"))
    values = st.fixed_dictionaries(
        {
            "full_name": st.sampled_from(NAMES),
            "sex": st.sampled_from(("", "M", "F")),
            "birth_date": st.sampled_from(DATES),
            "personal_id": st.sampled_from(NUMBERS),
            "old_card_id": st.sampled_from(NUMBERS),
            "insurance_id": st.sampled_from(NUMBERS),
            "phone": st.sampled_from(("", "0905123456", "0905123457")),
            "ethnicity": st.sampled_from(("", "Kinh", "Ba Na", "a|b")),
            "father_name": st.sampled_from(NAMES),
            "mother_name": st.sampled_from(NAMES),
        }
    )
    return st.builds(made, values, places, places, st.sampled_from((None, True, False)), places)


def hides(one: Description, other: Description) -> bool:
    """Whether a glance says that a score cannot be reached which is there, or a hint less than the glance."""
    bits = score(one, other, GAINS.parameters).bits
    mine, theirs = glance(one), glance(other)
    ceiling = Ceiling(mine, GAINS)
    promised, hinted = ceiling.promise(theirs), hint(theirs)
    assert 0 <= hinted < 2**63
    if ceiling.promise(theirs, alarms=False) < bits or Sieve(ceiling).promise(hinted) < promised:
        return True
    found_anyway = set(number_keys(*ceiling.numbers)) & set(number_keys(*Ceiling(theirs, GAINS).numbers))
    return not found_anyway and Sieve(ceiling, strangers=True).promise(hinted) < promised


@given(descriptions(), descriptions())
def test_no_score_is_higher_than_its_ceiling(one: Description, other: Description) -> None:
    assert not hides(one, other)
    assert not hides(other, one)


def test_no_place_scores_higher_than_its_ceiling() -> None:
    """Of records that stand, that left, and of arrivals; with and without a place of their own."""
    several = [
        describe({"full_name": "Lê Thị Hoa"}, unit=unit, origin=origin, departed=departed, destination=there)
        for unit in ("", "A", "B")
        for origin in ("", "A", "B")
        for departed in (None, True, False)
        for there in ("", "A", "B")
    ]
    assert not any(hides(one, other) for one in several for other in several)


@pytest.mark.parametrize("floor", [-40.0, -15.0, 0.0, 20.0])
def test_what_is_not_worked_out_to_the_end_is_below_the_floor_all_the_same(tmp_path: Path, floor: float) -> None:
    generate(SynthConfig(seed=7, persons=600, moves=100, difficulty="hard"), tmp_path)
    province = read_province(tmp_path)
    seen = [glance(party.description) for party in province.parties.values()]
    for ref in sorted(province.arrivals)[:40]:
        ceiling = Ceiling(glance(province.parties[ref].description), GAINS)
        for other in seen:
            exact, quick = ceiling.promise(other), ceiling.promise(other, floor)
            assert quick == exact if exact >= floor else quick < floor
            sieve = Sieve(ceiling)
            assert bool(sieve.sift({1: hint(other)}, floor)) == (sieve.promise(hint(other)) >= floor)


@pytest.mark.parametrize("name", NAMES)
def test_no_two_names_score_higher_than_their_ceiling(name: str) -> None:
    for other in NAMES:
        assert not hides(describe({"full_name": name}), describe({"full_name": other}))
        mine, theirs = describe({"mother_name": name}), describe({"mother_name": other})
        assert not hides(mine, theirs)


def test_no_two_names_of_the_same_few_words_score_higher_than_their_ceiling() -> None:
    words = (
        "Nguyễn",
        "N.",
        "Văn",
        "V.",
        "Hùng",
        "H.",
        "Hung",
        "Niê",
        "Y",
        "H'Blen",
        "Hường",
        "Gái",
        "Văng",
        "Dung",
        "Đung",
    )
    source = random.Random(8)
    names = [" ".join(source.choices(words, k=source.randint(1, 4))) for _ in range(2_000)]
    for one, other in zip(names, source.sample(names, len(names)), strict=True):
        for field in ("full_name", "mother_name", "father_name"):
            mine, theirs = describe({field: one}), describe({field: other})
            assert not hides(mine, theirs), (field, one, other)


def test_in_a_province_nobody_is_hidden_and_nearly_all_strangers_are_seen_as_such(tmp_path: Path) -> None:
    generate(SynthConfig(seed=5, persons=2_500, moves=300, difficulty="hard"), tmp_path)
    province = read_province(tmp_path)
    index, source = province.index(), random.Random(1)
    looked_at = hopeful = 0
    for ref in province.arrivals:
        one = province.parties[ref].description
        others = index.candidates(one, apart_from=(ref,)).refs
        ceiling = Ceiling(glance(one), GAINS)
        for other in others | set(source.sample(sorted(province.parties), 20)):
            there = province.parties[other].description
            bits = score(one, there, GAINS.parameters).bits
            assert ceiling.promise(glance(there), alarms=False) >= bits, (ref, other)
            looked_at += province.truth[ref] != province.truth[other]
            hopeful += (
                province.truth[ref] != province.truth[other] and ceiling.promise(glance(there), alarms=False) >= 0.0
            )
    assert looked_at > 1_000
    assert hopeful < 0.1 * looked_at


def test_no_two_days_of_a_year_score_higher_than_their_ceiling() -> None:
    days = [date(1992, 1, 1) + timedelta(days=step) for step in range(366)]
    source = random.Random(4)
    for day in source.sample(days, 40) + days[:2]:
        one = describe({"birth_date": day.isoformat()})
        ceiling = Ceiling(glance(one), GAINS)
        for other in days:
            there = describe({"birth_date": other.isoformat()})
            assert ceiling.promise(glance(there), alarms=False) >= score(one, there, GAINS.parameters).bits, (
                day,
                other,
            )


def test_a_glance_is_the_same_for_the_same_words_and_another_one_for_others() -> None:
    texts = [glance(describe({"full_name": name, "birth_date": "1990"})) for name in ("Lê Thị Hoa", "Lê Thị Hòa")]
    assert texts[0] != texts[1]
    assert texts[0] == glance(describe({"full_name": " Lê  Thị Hoa ", "birth_date": "1990"}))


def test_what_rounds_away_hides_nobody() -> None:
    pairs = combinations([describe({"full_name": name, "birth_date": "1990-02-01"}) for name in NAMES], 2)
    assert not any(hides(one, other) for one, other in pairs)
    assert ROUNDING_BITS < 1e-3


def test_a_parent_whose_name_has_a_bar_is_compared_like_any_other() -> None:
    said = describe({"full_name": "Lê Thị Hoa", "mother_name": "An|Bình C"})
    assert (
        score(said, said, GAINS.parameters).bits
        > score(said, describe({"full_name": "Lê Thị Hoa"}), GAINS.parameters).bits
    )


def test_links_are_the_same_whether_everybody_is_compared_or_those_worth_a_look(tmp_path: Path) -> None:
    generate(SynthConfig(seed=6, persons=2_500, moves=300, difficulty="hard"), tmp_path)
    province = read_province(tmp_path)
    index = province.index()
    seen = {ref: glance(party.description, party.report) for ref, party in province.parties.items()}
    floor = first_look_floor(GAINS.parameters)
    everybody: dict[str, frozenset[str]] = {}
    worth: dict[str, frozenset[str]] = {}
    for ref in province.arrivals:
        ceiling = Ceiling(seen[ref], GAINS)
        everybody[ref] = index.candidates(province.parties[ref].description, apart_from=(ref,)).refs
        worth[ref] = frozenset(other for other in everybody[ref] if ceiling.promise(seen[other]) >= floor)
    expected = find_links(province.parties, everybody, GAINS.parameters)
    assert find_links(province.parties, worth, GAINS.parameters) == expected
    assert len(expected) > 100
    strangers = [
        sum(province.truth[ref] != province.truth[other] for ref, others in found.items() for other in others)
        for found in (everybody, worth)
    ]
    assert strangers[1] < 0.5 * strangers[0]


@pytest.mark.parametrize(("number", "report"), [("052090003417", ""), ("", "A 2025-05-03 An")])
def test_one_number_and_one_report_are_always_worth_a_look(number: str, report: str) -> None:
    one = describe({"full_name": "Lê Thị Hoa", "sex": "F", "birth_date": "1990-02-01", "personal_id": number})
    other = describe({"full_name": "Trần Minh Tú", "sex": "M", "birth_date": "1960-07-19", "personal_id": number})
    ceiling = Ceiling(glance(one, report), GAINS)
    assert ceiling.promise(glance(other, report)) == inf
    assert ceiling.promise(glance(describe({"full_name": "Trần Minh Tú"}), "another report")) < 0


@given(
    st.text("0123456789", min_size=6, max_size=13), st.integers(0, 12), st.sampled_from("0123456789"), st.integers(0, 3)
)
def test_no_slip_in_a_number_is_taken_for_another_number(number: str, at: int, digit: str, kind: int) -> None:
    """What is a slip away has the beginning or the end of the number, wherever the slip is."""
    at %= len(number)
    slips = (
        number[:at] + digit + number[at + 1 :],
        number[:at] + digit + number[at:],
        number[:at] + number[at + 1 :],
        number[:at] + number[at + 1 : at + 2] + number[at] + number[at + 2 :],
    )
    one, other = describe({"personal_id": number}), describe({"personal_id": slips[kind]})
    assert not hides(one, other)
    insured = describe({"insurance_id": number}), describe({"insurance_id": slips[kind]})
    assert not hides(*insured)
