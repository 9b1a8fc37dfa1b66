"""How single values are read: what is taken, what is refused, and in which order events happen."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.interchange.bundle import event_order, local_day
from node.interchange.values import (
    OLD_CARD_IN_PERSONAL_ID,
    EventRow,
    ValueRefused,
    instant_ms,
    instant_us,
    read_id,
    read_instant,
    read_kind,
    read_node_id,
    read_person_columns,
    read_residence,
    read_sex,
    read_text,
)
from node.schema import PERSON_COLUMNS

READERS = (read_id, read_instant, read_kind, read_node_id, read_residence, read_sex, read_text)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2024-01-01T08:00:00+07:00", "2024-01-01T08:00:00+07:00"),
        (" 2024-01-01T01:00:00Z ", "2024-01-01T01:00:00Z"),
        ("2024-01-01 08:00+07:00", "2024-01-01 08:00+07:00"),
        ("20240101T080000+0700", "2024-01-01T08:00:00+07:00"),
        ("2024-W01-1T08:00:00+07:00", "2024-01-01T08:00:00+07:00"),
        ("2024-01-01T07:00:00+06:00", "2024-01-01T07:00:00+06:00"),
    ],
)
def test_a_time_begins_with_its_day_however_it_was_written(written: str, kept: str) -> None:
    assert read_instant("recorded_at", written) == kept
    assert instant_ms(kept) == 1704070800000


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024-01-01", "2024-01-01T08:00:00", "2024-02-30T08:00:00+07:00", "2024-01-01T25:00:00+07:00"),
        *("01/01/2024 08:00", "2024-01-01x08:00+07:00", "1704070800", "2024-01-01T08:00:00+07:00\0"),
        # their day does not exist in every time zone
        *("0001-01-01T00:00:00+07:00", "9999-12-31T23:59:59-07:00"),
    ],
)
def test_a_time_that_no_clock_shows_is_refused(text: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        read_instant("recorded_at", text)
    assert (caught.value.column, caught.value.value) == ("recorded_at", text)


@pytest.mark.parametrize("text", ["0001-01-02T00:00:00+00:00", "1969-12-31T23:59:59+07:00", "9999-12-29T23:59:59Z"])
def test_an_absurd_clock_is_taken_and_has_a_day(text: str) -> None:
    assert abs((local_day(instant_ms(read_instant("recorded_at", text))) - date.fromisoformat(text[:10])).days) <= 1


def event(event_id: str, recorded_at: str) -> EventRow:
    return EventRow("c", event_id, "death", "2024", recorded_at, "P", "", "", "", "", "", ())


def test_events_are_ordered_by_instant_then_by_id() -> None:
    in_order = [
        event("9", "2024-01-01T08:59:59+08:00"),
        event("A", "2024-01-01T08:00:00+07:00"),
        event("B", "2024-01-01T01:00:00Z"),
        event("1", "2024-01-01T08:00:00.000001+07:00"),
        event("0", "2024-01-01T08:00:00.000400+07:00"),
    ]
    mixed = [in_order[place] for place in (3, 0, 4, 2, 1)]
    assert sorted(mixed, key=event_order) == in_order


@given(st.integers(-62_000_000_000_000_000, 250_000_000_000_000_000), st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_exact_in_every_offset(microseconds: int, offset_minutes: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    text = moment.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    assert instant_us(read_instant("recorded_at", text)) == microseconds
    assert instant_ms(text) == microseconds // 1000


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"sex": "m"}, "sex"),
        ({"sex": "Nam"}, "sex"),
        ({"residence": "Permanent"}, "residence"),
        ({"birth_date": "1/2/1980"}, "birth_date"),
        ({"birth_date": "1980-00"}, "birth_date"),
        ({"birth_date": "1980-02-00"}, "birth_date"),
        ({"birth_date": "1980-02-30"}, "birth_date"),
        ({"full_name": "An\0"}, "full_name"),
        ({"full_name": "An\ud800"}, "full_name"),
        ({"phone": "\x1b[2J"}, "phone"),
        ({"ethnicity": "\u0085Kinh"}, "ethnicity"),
        ({"full_name": "Ơ" * 3000}, "full_name"),
    ],
)
def test_a_value_that_cannot_be_read_names_its_column(values: dict[str, str], column: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        read_person_columns([values.get(name, "") for name in PERSON_COLUMNS])
    assert caught.value.column == column
    assert caught.value.value == values[column]
    assert caught.value.reason


@pytest.mark.parametrize(
    ("personal_id", "old_card_id", "kept"),
    [
        ("211234567", "", ("", "211234567")),
        ("211 234 567", "211234567", ("", "211234567")),
        ("211234567", "300000001", ("211234567", "300000001")),
    ],
)
def test_no_old_card_is_lost(personal_id: str, old_card_id: str, kept: tuple[str, str]) -> None:
    given_values = {"personal_id": personal_id, "old_card_id": old_card_id}
    columns, warnings = read_person_columns([given_values.get(name, "") for name in PERSON_COLUMNS])
    found = dict(zip(PERSON_COLUMNS, columns, strict=True))
    assert (found["personal_id"], found["old_card_id"]) == kept
    assert warnings == (OLD_CARD_IN_PERSONAL_ID,)


@given(st.text(), st.sampled_from(READERS))
def test_any_text_is_read_or_refused(value: str, read: object) -> None:
    assert callable(read)
    with contextlib.suppress(ValueRefused):
        kept = read("column", value)
        assert "\0" not in kept
        assert kept.encode() is not None
        assert read("column", kept) == kept, "what is kept reads as itself"


@given(st.lists(st.text(), min_size=len(PERSON_COLUMNS), max_size=len(PERSON_COLUMNS)))
def test_any_person_is_read_or_refused(values: list[str]) -> None:
    with contextlib.suppress(ValueRefused):
        columns, _ = read_person_columns(values)
        assert read_person_columns(columns)[0] == columns
