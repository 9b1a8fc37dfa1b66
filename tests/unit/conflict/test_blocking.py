"""Keys find whom they should, and never more than the limits."""

from __future__ import annotations

import pytest

from conflict.blocking import BlockIndex, block_keys, gather
from conflict.description import describe
from tests.unit.conflict.people import LAN, lan


@pytest.mark.parametrize(
    "changes",
    [
        {"personal_id": "", "insurance_id": "", "phone": ""},
        {"personal_id": "", "insurance_id": "", "phone": "", "birth_date": "1984"},
        {"personal_id": "", "insurance_id": "", "phone": "", "birth_date": "1984-01-01"},
        {"personal_id": "", "insurance_id": "", "phone": "", "birth_date": "1983-07-19"},
        {"personal_id": "", "insurance_id": "", "phone": "", "birth_date": ""},
        {"personal_id": "", "insurance_id": "", "phone": "", "full_name": "Trần Khánh Vy"},
        {"personal_id": "", "insurance_id": "", "phone": "", "full_name": "Tran Thi Hong Lang", "birth_date": "1984"},
        {"full_name": "Vy", "birth_date": "1950", "personal_id": "", "phone": ""},
    ],
)
def test_no_single_mistake_hides_a_person(changes: dict[str, str]) -> None:
    if changes.get("birth_date") == "":  # the decade of a whole name is left open on the other side, too
        index = BlockIndex()
        index.add("n:1", lan(birth_date=""))
        assert index.candidates(lan(**changes)).refs == {"n:1"}
    else:
        assert block_keys(lan()) & block_keys(lan(**changes))


def test_types_of_numbers_are_never_mixed() -> None:
    number = "5201234567"
    keys = [block_keys(describe({column: number})) for column in ("insurance_id", "phone", "old_card_id")]
    assert all(len(found) == 1 for found in keys)
    assert len(frozenset.union(*keys)) == 3


def test_the_unit_that_an_arrival_names_is_no_key() -> None:
    assert block_keys(describe(LAN, unit="a", origin="b")) == block_keys(describe(LAN, unit="c"))


def test_a_name_without_words_has_no_key_of_a_name() -> None:
    assert block_keys(describe({"full_name": "Bé Trai", "birth_date": "2024-03-02"})) == {"d:2024-03-02"}


def test_a_block_over_the_limit_is_left_out_and_said() -> None:
    found = gather({"g:lan:1984": ["a", "b", "c"], "n:1": ["a"]}, block_max=2)
    assert set(found.refs) == {"a"}
    assert found.left_out == ("g:lan:1984",)


def test_small_blocks_come_first_where_not_all_have_room() -> None:
    found = gather({"a": ["1", "2", "3"], "b": ["4"], "c": ["1", "4"]}, candidates_max=3)
    assert set(found.refs) == {"1", "4"}
    assert found.left_out == ("a",)
    assert gather({"c": ["4", "1"], "b": ["4"], "a": ["3", "2", "1"]}, candidates_max=3) == found


def test_nobody_is_a_candidate_of_themselves() -> None:
    index = BlockIndex()
    index.add("n:1", lan())
    assert index.candidates(lan(), apart_from=["n:1"]).refs == frozenset()
