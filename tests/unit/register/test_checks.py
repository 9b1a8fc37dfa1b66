from __future__ import annotations

import pytest

from node.register import checks
from tests.unit.register.office import Office, event, person


def _day(day: int) -> str:
    return f"2025-06-{day:02}T08:00:00+07:00"


def _with(office: Office, *rows: object) -> tuple[str, ...]:
    """The warnings of the last row."""
    warnings: tuple[str, ...] = ()
    for row in rows:
        warnings = office.add(row).warnings  # type: ignore[arg-type]
    return warnings


@pytest.mark.parametrize(
    ("kinds", "warnings"),
    [
        (("death", "death"), ("second_death",)),
        (("death", "move_out"), ("person_dead",)),
        (("death", "marriage"), ("person_dead",)),
        (("death", "correction"), ("empty_correction",)),
        (("death", "confirm"), ()),
        (("move_out", "move_out"), ("second_move_out",)),
        (("move_out", "death"), ("person_left",)),
        (("move_out", "confirm"), ()),
        (("marriage", "marriage"), ("already_married",)),
        (("divorce", "divorce"), ("not_married",)),
        (("end_temporary",), ("not_temporary",)),
        (("marriage", "divorce"), ()),
    ],
)
def test_what_contradicts_the_register_is_recorded_with_a_warning(
    office: Office, kinds: tuple[str, ...], warnings: tuple[str, ...]
) -> None:
    rows = [event(kind, f"E{n}", "P1", recorded_at=_day(n + 1)) for n, kind in enumerate(kinds)]
    assert _with(office, person("P1"), *rows) == warnings
    assert office.event(rows[-1].event_id).warnings == " ".join(warnings)


@pytest.mark.parametrize(("event_date", "warned"), [("2025-04", False), ("2025-05", True), ("2025-05-21", True)])
def test_the_dead_may_have_departed_before_their_death(office: Office, event_date: str, warned: bool) -> None:
    rows = person("P1"), event("death", "E1", "P1", event_date="2025-05-20")
    assert ("person_dead" in _with(office, *rows, event("move_out", "E2", "P1", event_date=event_date))) is warned


@pytest.mark.parametrize("kind", ["move_out", "death", "correction", "confirm"])
def test_a_report_about_a_void_person_is_recorded_with_a_warning(office: Office, kind: str) -> None:
    rows = event("move_in", "E1", "P1"), event("cancel", "E2", "P1", reason="E1")
    assert "person_void" in _with(office, *rows, event(kind, "E3", "P1"))


@pytest.mark.parametrize(
    ("event_date", "warned"),
    [
        ("2025-06-01", False),
        ("2025-06-02", True),
        ("2025-06", False),
        ("2025-07", True),
        ("2025", False),
        ("2026", True),
    ],
)
def test_a_future_date_is_one_after_the_row_was_written_down(office: Office, event_date: str, warned: bool) -> None:
    recorded = _with(office, person("P1"), event("move_out", "E1", "P1", event_date=event_date, recorded_at=_day(1)))
    assert ("future_date" in recorded) is warned


def test_the_day_of_writing_is_that_of_the_place_where_it_was_written(office: Office) -> None:
    row = event("death", "E1", "P1", event_date="2025-06-02", recorded_at="2025-06-02T01:00:00+07:00")
    assert _with(office, person("P1"), row) == ()


@pytest.mark.parametrize(
    ("birth_date", "warned"),
    [("2025-06-02", True), ("2025-06-01", False), ("2025-06", False), ("2025-07", True), ("", False)],
)
def test_nobody_moves_before_birth(office: Office, birth_date: str, warned: bool) -> None:
    warnings = _with(
        office, person("P1", birth_date=birth_date), event("move_out", "E1", "P1", event_date="2025-06-01")
    )
    assert ("before_birth" in warnings) is warned


def test_nobody_leaves_before_arriving(office: Office) -> None:
    rows = event("move_in", "E1", "P1", event_date="2025-05-02"), event("move_out", "E2", "P1", event_date="2025-05-01")
    assert _with(office, *rows) == ("before_arrival",)


def test_a_birth_after_today_is_recorded_with_a_warning(office: Office) -> None:
    assert _with(office, person("P1", birth_date="2031")) == ("future_birth",)


@pytest.mark.parametrize(
    ("mother", "warning"),
    [
        ({"sex": "M"}, ("mother_not_female",)),
        ({"sex": "F", "birth_date": "2016"}, ("mother_too_young",)),
        ({"sex": "F", "birth_date": "2000"}, ()),
        ({}, ()),
    ],
)
def test_an_odd_mother_is_recorded_with_a_warning(
    office: Office, mother: dict[str, str], warning: tuple[str, ...]
) -> None:
    assert _with(office, person("P1", **mother), event("birth", "E1", "P2", other="P1")) == warning


def test_a_birth_on_another_day_than_the_birth_date_is_recorded_with_a_warning(office: Office) -> None:
    assert _with(office, event("birth", "E1", "P2", birth_date="2025-05-30")) == ("birth_date_differs",)


def test_the_dead_do_not_marry_on_either_side(office: Office) -> None:
    rows = person("P1"), person("P2"), event("death", "E1", "P2", event_date="2025-05-01")
    assert _with(office, *rows, event("marriage", "E2", "P1", other="P2")) == ("other_person_dead",)


def test_a_spouse_is_somebody_else(office: Office) -> None:
    assert _with(office, person("P1"), event("marriage", "E1", "P1", other="P1")) == ("spouse_is_self",)


def test_a_second_cancel_is_recorded_with_a_warning(office: Office) -> None:
    cancels = [event("cancel", f"C{n}", "P1", reason="E1") for n in range(2)]
    assert _with(office, person("P1"), event("death", "E1", "P1"), *cancels) == ("already_withdrawn",)
    assert office.person("P1").state == ""


def test_a_cancel_that_names_another_person_still_withdraws_the_event(office: Office) -> None:
    rows = person("P1"), person("P2"), event("death", "E1", "P1"), event("cancel", "E2", "P2", reason="E1")
    assert _with(office, *rows) == ("other_persons_event",)
    assert (office.person("P1").state, office.person("P2").state) == ("", "")


def test_a_cancelled_ruling_is_noticed_the_second_time(office: Office) -> None:
    ruling = event("ruling", "E1", "c1:P1", other="c2:P2", reason="same")
    cancels = [event("cancel", f"C{n}", "", reason="E1") for n in range(2)]
    assert _with(office, ruling, *cancels) == ("already_withdrawn",)


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2025-02", "2025-02-01", "2025-02-31"),
        ("2025-02-03", "2025-02-03", "2025-02-03"),
    ],
)
def test_a_partial_date_spans_all_that_it_may_mean(date: str, first: str, last: str) -> None:
    assert (checks.earliest(date), checks.latest(date)) == (first, last)
