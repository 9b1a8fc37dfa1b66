from __future__ import annotations

import pytest

from tests.unit.register.office import Office, event, person


def _day(day: int) -> str:
    return f"2025-06-{day:02}T08:00:00+07:00"


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ((), ""),
        (("move_out",), "left"),
        (("death",), "dead"),
        (("move_out", "death"), "dead"),
        (("death", "move_out"), "dead"),
        (("marriage",), ""),
        (("confirm",), ""),
        (("dispute",), ""),
        (("end_temporary",), ""),
    ],
)
def test_the_state_follows_from_the_events(office: Office, kinds: tuple[str, ...], state: str) -> None:
    office.add(person("P1", residence="permanent"))
    for number, kind in enumerate(kinds):
        office.add(event(kind, f"E{number}", "P1", recorded_at=_day(number + 1)))
    assert office.person("P1").state == state


@pytest.mark.parametrize("kind", ["move_out", "death", "marriage", "divorce", "correction"])
def test_a_cancel_restores_the_row(office: Office, kind: str) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An", marital_status="single"))
    before = office.person("P1")
    office.add(event(kind, "E1", "P1", phone="0902" if kind == "correction" else ""))
    assert office.person("P1") != before
    office.add(event("cancel", "E2", "P1", reason="E1"))
    assert office.person("P1") == before


@pytest.mark.parametrize("kind", ["move_in", "birth"])
def test_the_person_of_a_cancelled_arrival_is_void(office: Office, kind: str) -> None:
    office.add(event(kind, "E1", "P1", full_name="Trần Bình"))
    office.add(event("cancel", "E2", "P1", reason="E1"))
    assert office.person("P1").state == "void"


def test_a_cancel_that_is_withdrawn_no_longer_counts(office: Office) -> None:
    office.add(event("move_in", "E1", "P1", full_name="Trần Bình"))
    office.add(event("cancel", "E2", "P1", reason="E1"))
    recorded = office.add(event("cancel", "E3", "P1", reason="E2"))
    assert office.person("P1").state == ""
    assert "withdraws_cancel" in recorded.warnings


def test_a_person_who_was_entered_is_never_void(office: Office) -> None:
    office.add(person("P1", full_name="Nguyễn An"))
    office.add(event("move_in", "E1", "P1", full_name="Nguyễn An"))
    office.add(event("cancel", "E2", "P1", reason="E1"))
    assert office.person("P1").state == ""


def test_a_correction_replaces_what_it_names_only(office: Office) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An", phone="0901"))
    office.add(event("correction", "E1", "P1", phone="0902"))
    now = office.person("P1")
    assert (now.value("full_name"), now.value("phone")) == ("Nguyễn An", "0902")


def test_a_correction_may_move_a_person_to_another_household(office: Office) -> None:
    office.add(person("P1", "H1"))
    office.add(event("correction", "E1", "P1", household_id="H2"))
    assert office.person("P1").household_id == office.household("H2").id


def test_a_cancelled_correction_gives_way_to_the_one_before(office: Office) -> None:
    office.add(person("P1", phone="1"))
    office.add(event("correction", "E1", "P1", phone="2", recorded_at=_day(1)))
    office.add(event("correction", "E2", "P1", phone="3", recorded_at=_day(2)))
    office.add(event("cancel", "E3", "P1", reason="E2", recorded_at=_day(3)))
    assert office.person("P1").value("phone") == "2"


def test_cancelling_an_earlier_correction_leaves_the_later_one(office: Office) -> None:
    office.add(person("P1", phone="1"))
    office.add(event("correction", "E1", "P1", phone="2", recorded_at=_day(1)))
    office.add(event("correction", "E2", "P1", phone="3", recorded_at=_day(2)))
    office.add(event("cancel", "E3", "P1", reason="E1", recorded_at=_day(3)))
    assert office.person("P1").value("phone") == "3"


def test_events_count_in_the_order_of_recorded_at_however_late_they_come(office: Office) -> None:
    office.add(person("P1", phone="1"))
    office.add(event("correction", "E2", "P1", phone="3", recorded_at="2025-06-02T03:00:00+00:00"))
    office.add(event("correction", "E1", "P1", phone="2", recorded_at="2025-06-02T09:00:00+07:00"))
    assert office.person("P1").value("phone") == "3"


def test_at_one_moment_the_event_id_decides(office: Office) -> None:
    office.add(person("P1", phone="1"))
    office.add(event("correction", "E2", "P1", phone="3"))
    office.add(event("correction", "E1", "P1", phone="2"))
    assert office.person("P1").value("phone") == "3"


def test_marriage_and_divorce_concern_both(office: Office) -> None:
    office.add(person("P1"))
    office.add(person("P2"))
    office.add(event("marriage", "E1", "P1", other="P2", recorded_at=_day(1)))
    assert [office.person(name).value("marital_status") for name in ("P1", "P2")] == ["married", "married"]
    office.add(event("divorce", "E2", "P2", other="P1", recorded_at=_day(2)))
    assert [office.person(name).value("marital_status") for name in ("P1", "P2")] == ["divorced", "divorced"]


def test_a_cancelled_marriage_restores_both(office: Office) -> None:
    office.add(person("P1", marital_status="single"))
    office.add(person("P2", marital_status="widowed"))
    office.add(event("marriage", "E1", "P1", other="P2"))
    office.add(event("cancel", "E2", "P1", reason="E1"))
    assert [office.person(name).value("marital_status") for name in ("P1", "P2")] == ["single", "widowed"]


def test_a_departure_for_a_time_leaves_the_person_registered_and_absent(office: Office) -> None:
    office.add(person("P1", residence="permanent"))
    office.add(event("move_out", "E1", "P1", residence="absent"))
    assert (office.person("P1").state, office.person("P1").value("residence")) == ("", "absent")


def test_a_temporary_resident_who_departs_has_left(office: Office) -> None:
    office.add(event("move_in", "E1", "P1", residence="temporary"))
    office.add(event("move_out", "E2", "P1", residence="temporary"))
    assert office.person("P1").state == "left"


def test_the_end_of_a_temporary_stay_is_a_departure(office: Office) -> None:
    office.add(event("move_in", "E1", "P1", residence="temporary"))
    recorded = office.add(event("end_temporary", "E2", "P1"))
    assert (office.person("P1").state, recorded.warnings) == ("left", ())


def test_one_who_returns_under_the_same_id_is_registered_again(office: Office) -> None:
    office.add(person("P1", full_name="Nguyễn An"))
    office.add(event("move_out", "E1", "P1", recorded_at=_day(1)))
    recorded = office.add(event("move_in", "E2", "P1", full_name="Nguyễn An", recorded_at=_day(2)))
    assert (office.person("P1").state, recorded.warnings) == ("", ("person_known",))
