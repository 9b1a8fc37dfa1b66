from __future__ import annotations

import random
import unicodedata

import pytest

from conflict.text import converted
from ops.synth import misspelling as m
from ops.synth.defects import mistyped, written_birth


@pytest.mark.parametrize(
    ("change", "name", "written"),
    [
        (m.tone_placement, "Lê Hòa", {"Lê Hoà"}),
        (m.i_or_y, "Trần Lý", {"Trần Lí"}),
        (m.dropped_middle, "Nguyễn Thị Hồng Nhung", {"Nguyễn Thị Nhung", "Nguyễn Hồng Nhung"}),
        (m.given_only, "Nguyễn Văn An", {"An"}),
        (m.without_marks, "Đặng Thị Ánh", {"Dang Thi Anh"}),
        (m.homophone, "Hoàng Văn An", {"Huỳnh Văn An"}),
        (m.prefix_form, "Siu H'Blen", {"Siu H' Blen", "Siu HBlen", "Siu H’Blen", "Siu Blen"}),
        (m.clan_moved, "Y Wang Niê", {"Niê Y Wang", "Wang Niê Y"}),
        (m.tone_placement, "Trần An", {"Trần An"}),
    ],
)
def test_a_kind_of_error_writes_what_clerks_write(change: m.Misspell, name: str, written: set[str]) -> None:
    assert {change(random.Random(seed), name) for seed in range(30)} <= written


@pytest.mark.parametrize("change", [m.tcvn3, m.vni])
def test_damaged_text_can_be_read_again(change: m.Misspell) -> None:
    damaged = change(random.Random(1), "Nguyễn Thị Hường")
    assert damaged != "Nguyễn Thị Hường"
    assert converted(damaged).casefold() == "nguyễn thị hường"


def test_a_tone_error_changes_tones_only() -> None:
    def bare(text: str) -> str:
        return "".join(c for c in unicodedata.normalize("NFD", text) if c not in "\u0300\u0301\u0303\u0309\u0323")

    for seed in range(50):
        written = m.tone_typo(random.Random(seed), "Nguyễn Hữu Hưởng")
        assert written != "Nguyễn Hữu Hưởng"
        assert bare(written) == bare("Nguyễn Hữu Hưởng")


def test_a_misspelled_name_says_what_was_done_to_it() -> None:
    rng = random.Random(3)
    for _ in range(300):
        written, label = m.misspelled(rng, "Nguyễn Thị Mỹ Hòa")
        assert (written != "Nguyễn Thị Mỹ Hòa") == bool(label)
        assert written.strip() == written != ""


def test_a_mistyped_number_keeps_its_length_and_differs() -> None:
    rng = random.Random(3)
    for _ in range(300):
        written = mistyped(rng, "052190001234")
        assert len(written) == 12
        assert written.isdigit() and written != "052190001234"


def test_a_wrong_birth_date_is_a_date_and_does_not_lie_in_the_future() -> None:
    rng = random.Random(3)
    born = 738_000
    for _ in range(500):
        written, label = written_birth(rng, born, born + 1)
        assert label and len(written) in {4, 7, 10}
