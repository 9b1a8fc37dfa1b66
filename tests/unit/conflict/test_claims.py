from __future__ import annotations

from datetime import date

import pytest

from conflict.claims import claim_day, recorded_instant, withdrawals

WRITTEN = "2025-06-15T09:00:00+07:00"


@pytest.mark.parametrize(
    ("written", "recorded_at", "expected"),
    [
        ("2025-02-03", WRITTEN, "2025-02-03"),
        ("2025-02", WRITTEN, "2025-02-28"),
        ("2024", WRITTEN, "2024-12-31"),
        ("2025", WRITTEN, "2025-06-15"),  # not after it was written down
        ("2025-06", WRITTEN, "2025-06-15"),
        ("2026", WRITTEN, "2026-01-01"),  # a future year begins at its first day
        ("", WRITTEN, "2025-06-15"),
        ("9999-12", WRITTEN, "9999-12-01"),
        ("2025-02-31", WRITTEN, "2025-06-15"),
        ("soon", WRITTEN, "2025-06-15"),
        ("1-2-3-4", "", "0001-01-01"),
    ],
)
def test_a_partial_date_counts_from_the_latest_day_it_can_mean(written: str, recorded_at: str, expected: str) -> None:
    assert claim_day(written, recorded_at) == date.fromisoformat(expected)


def test_instants_of_two_offsets_compare() -> None:
    assert (
        recorded_instant("2025-06-15T09:00:00+07:00")
        == recorded_instant("2025-06-15T02:00:00Z")
        == recorded_instant("2025-06-15T02:00:00")
    )
    assert recorded_instant("") < recorded_instant("1970-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("cancels", "expected"),
    [
        ({}, {}),
        ({"c": "e"}, {"e": ("c",)}),
        ({"c": "e", "d": "e"}, {"e": ("c", "d")}),
        ({"c": "e", "d": "c"}, {"c": ("d",)}),  # the cancel is withdrawn: the claim stands
        ({"c": "e", "d": "c", "f": "d"}, {"d": ("f",), "e": ("c",)}),
        ({"c": "e", "d": "c", "g": "e"}, {"c": ("d",), "e": ("g",)}),
        ({"c": "d", "d": "c"}, {}),
    ],
)
def test_a_withdrawn_cancel_has_no_effect(cancels: dict[str, str], expected: dict[str, tuple[str, ...]]) -> None:
    assert withdrawals(cancels) == expected


def test_a_long_chain_of_cancels_is_followed_to_its_end() -> None:
    cancels = {n + 1: n for n in range(5001)}
    assert set(withdrawals(cancels)) == set(range(0, 5001, 2))
