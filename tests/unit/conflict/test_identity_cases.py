"""RESOLVER 5, the cases about identity, each by its number: 18-30 and 34. What is linked, what a person looks at, what
is never merged.
"""

from __future__ import annotations

import pytest

from conflict.description import Description, describe
from conflict.linking import Party, find_links
from conflict.links import Link
from conflict.parameters import current_parameters
from conflict.score import SHARED_NUMBER, TWINS, TWO_NUMBERS, Score, score, verdict
from tests.unit.conflict.people import LAN, SHORT, arrival, arrived, at_home, lan, record, short

PARAMETERS = current_parameters()


def compared(one: Description, other: Description) -> Score:
    result = score(one, other, PARAMETERS)
    assert result == score(other, one, PARAMETERS) or result.mistyped
    return result


def judged(one: Description, other: Description) -> str:
    return verdict(compared(one, other), PARAMETERS)


def links(*parties: Party) -> dict[tuple[str, str], Link]:
    """Links of all arrivals among the parties, each with everybody else as a candidate."""
    everybody = {party.ref: party for party in parties}
    candidates = {ref: everybody for ref, party in everybody.items() if party.description.departed is None}
    return {(link.a, link.b): link for link in find_links(everybody, candidates, PARAMETERS)}


def merged(found: dict[tuple[str, str], Link]) -> set[tuple[str, str]]:
    return {pair for pair, link in found.items() if link.verdict == "automatic"}


KHANG = {
    "full_name": "Lê Gia Khang",
    "sex": "M",
    "birth_date": "2012-05-04",
    "personal_id": "052212700001",
    "ethnicity": "Kinh",
    "father_name": "Lê Văn Phong",
    "mother_name": "Trần Thị Diễm",
}
KHOI = KHANG | {"full_name": "Lê Gia Khôi", "personal_id": "052212700002"}


def without(values: dict[str, str], *columns: str) -> dict[str, str]:
    return {column: value for column, value in values.items() if column not in columns}


TWIN_ARRIVALS = [
    KHANG,
    without(KHANG, "personal_id"),
    without(KHANG, "personal_id", "father_name", "mother_name"),
    KHANG | {"full_name": "LE GIA KHANG"},
    KHANG | {"full_name": "L. G. Khang"},
    KHANG | {"full_name": "Khang", "personal_id": ""},
    KHANG | {"birth_date": "2012"},
    KHANG | {"personal_id": "052212700009"},
]


@pytest.mark.parametrize("said", TWIN_ARRIVALS)
def test_18_a_twin_who_moves_is_never_merged_with_the_one_who_stays(said: dict[str, str]) -> None:
    found = links(
        arrival("away:a", said, "away:s"), record("home:khang", KHANG, "home:h"), record("home:khoi", KHOI, "home:h")
    )
    assert merged(found) == {("away:a", "home:khang")}
    assert found.get(("away:a", "home:khoi")) is None or found["away:a", "home:khoi"].verdict == "apart"


@pytest.mark.parametrize("said", TWIN_ARRIVALS)
def test_18_only_the_other_twin_in_sight_is_no_match(said: dict[str, str]) -> None:
    found = links(arrival("away:a", said, "away:s"), record("home:khoi", KHOI, "home:h"))
    assert merged(found) == set()


@pytest.mark.parametrize("said", TWIN_ARRIVALS)
def test_18_twins_who_both_move_are_each_found(said: dict[str, str]) -> None:
    other = said | {"full_name": said["full_name"].replace("Khang", "Khôi").replace("KHANG", "KHÔI")}
    if said.get("personal_id"):
        other["personal_id"] = KHOI["personal_id"]
    found = links(
        arrival("away:a", said, "away:s"),
        arrival("away:b", other, "away:s"),
        record("home:khang", KHANG, "home:h"),
        record("home:khoi", KHOI, "home:h"),
    )
    assert merged(found) <= {("away:a", "home:khang"), ("away:b", "home:khoi")}
    assert ("away:b", "home:khoi") in merged(found)


def test_18_a_twin_with_the_number_of_the_other_is_for_a_person() -> None:
    said = KHANG | {"personal_id": KHOI["personal_id"]}
    found = links(arrival("away:a", said), record("home:khang", KHANG, "home:h"), record("home:khoi", KHOI, "home:h"))
    assert ("away:a", "home:khoi") not in merged(found)


@pytest.mark.parametrize(
    ("name", "born"),
    [("Lê Thị Hồng Phụng", "2005-07-09"), ("Lê Thị Hồng Phụng", "2005-08-11"), ("Lê Thị Hồng Phường", "2005-07-09")],
)
def test_18_a_twin_with_a_name_alike_who_carries_the_number_of_the_other_is_for_a_person(name: str, born: str) -> None:
    phuong = {
        "full_name": "Lê Thị Hồng Phương",
        "sex": "F",
        "birth_date": "2005-08-11",
        "personal_id": "064305273479",
        "ethnicity": "Kinh",
        "father_name": "Lê Quốc Hoàng",
        "mother_name": "Huỳnh Thị Hằng",
    }
    assert judged(arrived(phuong | {"full_name": name, "birth_date": born}), at_home(phuong)) == "review"


VY = {
    "full_name": "Lâm Ngọc Vy",
    "sex": "F",
    "birth_date": "2005-03-04",
    "personal_id": "052305191056",
    "father_name": "Lâm Quang Huy",
    "mother_name": "Nguyễn Ngọc Thoa",
}
VI = VY | {"full_name": "Lâm Ngọc Vi", "personal_id": "052305191057"}


def test_18_twins_called_vi_and_vy_are_two() -> None:
    found = links(
        arrival("away:vi", VI, "away:s"),
        arrival("away:vy", VY, "away:s"),
        record("home:vi", VI, "home:h"),
        record("home:vy", VY, "home:h"),
    )
    assert merged(found) == {("away:vi", "home:vi"), ("away:vy", "home:vy")}
    assert merged(links(arrival("away:vi", VI), record("home:vy", VY))) == set()


def test_18_without_numbers_vi_and_vy_are_for_a_person() -> None:
    vi, vy = without(VI, "personal_id"), without(VY, "personal_id")
    found = links(arrival("away:vi", vi), record("home:vi", vi, "home:h"), record("home:vy", vy, "home:h"))
    assert merged(found) == set()
    assert found["away:vi", "home:vi"].verdict == "review"


def test_18_twins_of_a_people_who_put_the_clan_last_are_two() -> None:
    blen = {
        "full_name": "H'Blen Êban",
        "sex": "F",
        "birth_date": "1998-11-21",
        "personal_id": "052198992326",
        "ethnicity": "Ê Đê",
        "father_name": "Y Mlin Êban",
        "mother_name": "H'Nhung Êban",
    }
    nhung = without(blen, "personal_id") | {"full_name": "H'Nhung Êban"}
    assert merged(links(arrival("away:n", nhung), record("home:b", blen))) == set()
    bare = nhung | {"full_name": "Nhung Êban"}
    assert merged(links(arrival("away:n", bare), record("home:b", blen | {"full_name": "Blen Êban"}))) == set()


def test_19_two_newborns_without_a_name_are_not_told_apart() -> None:
    baby = {"full_name": "Trai", "sex": "M", "birth_date": "2024-03-02", "mother_name": "Lê Thị Hoa"}
    other = baby | {"full_name": "Bé Trai"}
    assert judged(arrived(baby), at_home(other)) != "automatic"
    found = links(arrival("away:a", baby), record("home:b1", baby, "home:h"), record("home:b2", other, "home:h"))
    assert merged(found) == set()


def test_20_father_and_son_of_one_name_are_two() -> None:
    home = {"full_name": "Trần Văn Bình", "sex": "M", "ethnicity": "Kinh", "phone": "0905123456"}
    father = home | {"birth_date": "1958-02-11", "father_name": "Trần Văn Sáu"}
    son = home | {"birth_date": "1984-07-19", "father_name": "Trần Văn Bình"}
    for said in (son, without(son, "father_name"), son | {"birth_date": "1984"}, son | {"insurance_id": "5201234567"}):
        assert judged(arrived(said), at_home(father)) != "automatic"
    assert judged(arrived(son), at_home(father)) == "apart"


def test_21_a_common_name_and_the_year_are_not_enough() -> None:
    common = {"full_name": "Nguyễn Văn Hùng", "sex": "M", "birth_date": "1980", "ethnicity": "Kinh"}
    assert judged(describe(common, unit="away"), describe(common, unit="far", departed=False)) == "apart"
    assert judged(arrived(common), at_home(common, left=False)) != "automatic"


def test_21_a_rare_name_says_more_than_a_common_one() -> None:
    common = short(full_name="Nguyễn Thị Hương")
    rare = short(full_name="Ung Thị Khuê")
    assert compared(rare, rare).bits > compared(common, common).bits + 5


@pytest.mark.parametrize("number", ["052184003411", "052184004317", "05218400341", "052148003417"])
def test_22_a_mistyped_number_does_not_hide_a_person(number: str) -> None:
    assert judged(arrived(LAN | {"personal_id": number}), at_home(LAN)) == "automatic"


def test_22_the_structure_tells_the_mistyped_side() -> None:
    assert compared(lan(personal_id="052148003417"), lan()).mistyped == "first"


def test_23_one_number_on_two_people_is_an_alarm_and_no_match() -> None:
    other = LAN | {"full_name": "Phạm Minh Tuấn", "sex": "M", "birth_date": "1961-11-02"}
    result = compared(arrived(other), at_home(LAN))
    assert result.alarm
    assert result.hard == (SHARED_NUMBER,)
    assert verdict(result, PARAMETERS) == "apart"
    found = links(arrival("away:a", other), record("home:lan", LAN))
    assert found["away:a", "home:lan"].hard == (SHARED_NUMBER,)


def test_24_without_a_number_on_either_side_names_date_and_places_suffice() -> None:
    assert judged(arrived(SHORT), at_home(SHORT)) == "automatic"
    assert judged(short(), short()) != "apart"


def test_25_an_old_card_is_never_compared_with_a_number() -> None:
    old = without(LAN, "personal_id") | {"old_card_id": "210076991"}
    assert "number" not in {item.field for item in compared(arrived(old), at_home(LAN)).evidence}
    assert judged(arrived(old), at_home(LAN)) == "automatic"


def test_25_two_old_cards_are_no_disagreement() -> None:
    one, other = (SHORT | {"old_card_id": card} for card in ("210076991", "230011223"))
    assert compared(arrived(one), at_home(other)).bits == compared(arrived(SHORT), at_home(SHORT)).bits


def test_25_an_old_card_in_the_field_of_the_number_is_read_as_one() -> None:
    assert describe({"personal_id": "210076991"}).old_card == "210076991"


def test_26_an_insurance_number_alone_finds_a_person() -> None:
    said = SHORT | {"insurance_id": LAN["insurance_id"], "birth_date": "1984"}
    assert judged(describe(said, unit="away"), at_home(LAN, left=False)) == "automatic"


@pytest.mark.parametrize(
    "name",
    [
        "TRẦN THỊ HỒNG LAN",
        "Tran Thi Hong Lan",
        "T. T. Hồng Lan",
        "Trần Hồng Lan",
        "TrÇn ThÞ Hång Lan",  # TCVN3
        "Traàn Thò Hoàng Lan",  # VNI
    ],
)
def test_27_another_spelling_or_encoding_does_not_hide_a_person(name: str) -> None:
    assert judged(arrived(SHORT | {"full_name": name}), at_home(LAN)) == "automatic"


def test_27_a_name_as_it_is_spoken_comes_before_a_person_at_least() -> None:
    said = SHORT | {"full_name": "Trần Thị Hồng Lang"}
    assert judged(arrived(said), at_home(LAN)) != "apart"
    assert judged(arrived(said | {"personal_id": LAN["personal_id"]}), at_home(LAN)) == "automatic"


def test_28_a_changed_name_under_one_number_is_for_a_person() -> None:
    said = LAN | {"full_name": "Trần Ngọc Khánh Vy"}
    result = compared(arrived(said), at_home(LAN, left=False))
    assert (verdict(result, PARAMETERS), result.doubts) == ("review", ("changed_name",))


def test_28_a_changed_name_is_settled_if_both_halves_of_the_move_agree() -> None:
    said = SHORT | {"personal_id": LAN["personal_id"], "full_name": "Trần Bảo Ngọc"}
    result = compared(arrived(said), at_home(LAN))
    assert (verdict(result, PARAMETERS), result.doubts) == ("automatic", ("changed_name",))


def test_28_whose_given_name_alone_is_another_may_be_a_twin_with_the_other_s_papers() -> None:
    said = LAN | {"full_name": "Trần Thị Hồng Vân"}
    assert verdict(compared(arrived(said), at_home(LAN)), PARAMETERS) == "review"


def test_28_number_and_date_of_birth_are_never_too_little_for_a_person_to_look() -> None:
    papers = {name: LAN[name] for name in ("birth_date", "personal_id")}
    one, other = papers | {"full_name": "Hồ Bảo Ngọc"}, papers | {"full_name": LAN["full_name"]}
    result = compared(arrived(one), at_home(other, left=False))
    assert result.bits < PARAMETERS.thresholds.review
    assert verdict(result, PARAMETERS) == "review"


def test_29_a_wrong_sex_that_a_prefix_explains_costs_little() -> None:
    ede = {"full_name": "Y Blen Niê", "sex": "M", "birth_date": "1984-07-19", "ethnicity": "Ê Đê"}
    xo_dang = {"full_name": "Y Blen Niê", "sex": "F", "birth_date": "1984-07-19", "ethnicity": "Ê Đê"}
    plain = {**ede, "full_name": "Siu Blen Niê"}, {**xo_dang, "full_name": "Siu Blen Niê"}
    explained, unexplained = compared(arrived(ede), at_home(xo_dang)), compared(arrived(plain[0]), at_home(plain[1]))
    bits = [next(i.bits for i in result.evidence if i.field == "sex") for result in (explained, unexplained)]
    assert bits[0] > bits[1] + 2
    assert verdict(explained, PARAMETERS) == "automatic"


@pytest.mark.parametrize("written", ["1984", "1984-01-01", "1984-07", "1984-06-14", "1983-07-19", ""])
def test_30_a_vague_or_lunar_date_does_not_hide_a_person(written: str) -> None:
    assert judged(arrived(LAN | {"birth_date": written, "personal_id": ""}), at_home(LAN)) == "automatic"


def test_30_a_placeholder_is_worth_a_year_not_a_day() -> None:
    day, year, placeholder = (short(birth_date=date) for date in ("1984-07-19", "1984", "1984-01-01"))
    assert compared(placeholder, placeholder).bits == compared(year, year).bits
    assert compared(placeholder, placeholder).bits < compared(day, day).bits - 4


def test_34_two_partners_of_one_record_who_cannot_be_one_are_named() -> None:
    twin = KHANG | {"full_name": "Khôi", "personal_id": KHOI["personal_id"]}
    vague = {"full_name": "Lê Gia", "sex": "M", "birth_date": "2012-05-04", "mother_name": "Trần Thị Diễm"}
    found = links(arrival("away:v", vague), record("home:khang", KHANG), record("home:khoi", twin))
    assert merged(found) == set()
    between = score(at_home(KHANG), at_home(twin), PARAMETERS)
    assert set(between.hard) & {TWINS, TWO_NUMBERS}


def test_34_the_link_that_a_hard_fact_forbids_is_said() -> None:
    nobody = without(KHANG, "personal_id") | {"full_name": "Lê Gia"}
    found = links(arrival("away:v", nobody | {"full_name": ""}), record("home:1", KHANG), record("home:2", KHOI))
    apart = [link for link in found.values() if link.hard]
    assert [(link.a, link.b, link.verdict) for link in apart] == [("home:1", "home:2", "apart")]


def test_two_sound_numbers_and_all_else_the_same_is_for_a_person() -> None:
    result = compared(arrived(LAN | {"personal_id": "052184777777"}), at_home(LAN))
    assert (result.hard, result.doubts) == ((), ("other_number",))
    assert verdict(result, PARAMETERS) in {"review", "apart"}
