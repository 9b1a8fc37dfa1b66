from __future__ import annotations

import pytest

from node.errors import RegisterError
from node.ids import id_text
from node.register import operations
from tests.unit.register.office import Office, columns, event, household, person


def test_each_operation_is_one_commit(office: Office) -> None:
    office.add(household("H1", "Thôn 1"))
    office.add(person("P1", "H1", full_name="Nguyễn An"))
    office.add(event("move_out", "E1", "P1"))
    assert office.commits == 3


@pytest.mark.parametrize(
    "row",
    [
        household("H1", "Thôn 1", "số 5", "P1"),
        person("P1", "H1", full_name="Nguyễn An"),
        event("move_out", "E1", "P1"),
        event("move_in", "E2", "P2", household_id="H9", full_name="Trần Bình"),
        event("birth", "E3", "P3", other="P1", full_name="Gái"),
        event("cancel", "E4", "P1", reason="E1"),
        event("ruling", "E5", "c1:P1", other="c2:P7", reason="same"),
    ],
)
def test_the_same_row_again_changes_nothing(office: Office, row: object) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An"))
    office.add(event("move_out", "E1", "P1"))
    first = office.add(row)  # type: ignore[arg-type]
    before = office.commits
    again = office.add(row)  # type: ignore[arg-type]
    assert (again.id, again.is_new, again.commit, office.commits) == (first.id, False, None, before)


def test_a_row_is_still_the_same_after_events_have_changed_it(office: Office) -> None:
    row = person("P1", "H1", full_name="Nguyễn An", phone="0901")
    office.add(row)
    office.add(event("correction", "E1", "P1", phone="0902"))
    assert not office.add(row).is_new


def test_a_row_that_says_what_stands_there_now_is_the_same(office: Office) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An", phone="0901"))
    office.add(event("correction", "E1", "P1", phone="0902"))
    assert not office.add(person("P1", "H1", full_name="Nguyễn An", phone="0902")).is_new


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (household("H1", "Thôn 2"), "household_id"),
        (person("P1", "H1", full_name="Nguyễn Ân"), "person_id"),
        (person("P1", "H7", full_name="Nguyễn An"), "person_id"),
        (event("move_out", "E1", "P1", event_date="2025-05-31"), "event_id"),
        (event("move_out", "E1", "P1", household_id="H7"), "event_id"),
        (event("death", "E1", "P1"), "event_id"),
        (event("move_in", "E7", "P1", full_name="Trần Bình"), "person_id"),
    ],
)
def test_an_id_used_twice_with_other_content_is_rejected(office: Office, row: object, column: str) -> None:
    office.add(household("H1", "Thôn 1"))
    office.add(person("P1", "H1", full_name="Nguyễn An"))
    office.add(event("move_out", "E1", "P1"))
    before = office.commits, office.counts()
    with pytest.raises(RegisterError) as caught:
        office.add(row)  # type: ignore[arg-type]
    assert caught.value.column == column
    assert caught.value.hint
    assert (office.commits, office.counts()) == before


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (household("H1", "Thôn 1", "", "nobody"), "head_person_id"),
        (event("death", "E1", "nobody"), "person_id"),
        (event("death", "E1", ""), "person_id"),
        (event("move_in", "E1", ""), "person_id"),
        (event("marriage", "E1", "P1", other="nobody"), "other_person_id"),
        (event("birth", "E1", "P9", other="nobody"), "other_person_id"),
        (event("cancel", "E1", "P1", reason="E99"), "reason"),
        (event("cancel", "E1", "P1"), "reason"),
        (event("ruling", "E1", "P1", other="c2:P7", reason="same"), "person_id"),
        (event("ruling", "E1", "c1:P1", other="c2:", reason="same"), "other_person_id"),
        (event("ruling", "E1", "c1:P1", other="c2:P7", reason="perhaps"), "reason"),
        (event("move", "E1", "P1"), "kind"),
    ],
)
def test_an_unknown_reference_is_rejected_and_nothing_written(office: Office, row: object, column: str) -> None:
    office.add(person("P1", "", full_name="Nguyễn An"))
    before = office.commits, office.counts()
    with pytest.raises(RegisterError) as caught:
        office.add(row)  # type: ignore[arg-type]
    assert caught.value.column == column
    assert (office.commits, office.counts()) == before


def test_a_household_is_created_by_the_first_row_that_names_it(office: Office) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An"))
    assert office.person("P1").household_id == office.household("H1").id


def test_a_household_that_was_only_named_is_filled_in_by_its_row(office: Office) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An"))
    named = office.household("H1").id
    office.add(household("H1", "Thôn 1", "số 5", "P1"))
    filled = office.household("H1")
    assert (filled.id, filled.hamlet, filled.head_person_id) == (named, "Thôn 1", office.person("P1").id)


def test_a_changed_household_still_knows_its_first_row(office: Office) -> None:
    row = household("H1", "Thôn 1", "số 5")
    office.add(row)
    office.add(person("P1", "H1"))
    operations.change_household(office.store, "H1", author="clerk", address="số 6", head_person_id="P1")
    assert office.household("H1").address == "số 6"
    assert not office.add(row).is_new


def test_a_record_made_by_hand_is_found_by_its_uuid(office: Office) -> None:
    made = office.add(event("move_in", "", "", full_name="Trần Bình"))
    assert made.person_id is not None
    office.add(event("death", "", id_text(made.person_id)))
    assert office.person(id_text(made.person_id)).state == "dead"


def test_an_imported_person_is_found_by_source_id_and_by_uuid(office: Office) -> None:
    made = office.add(person("P1", "H1"))
    assert office.person("P1") == office.person(id_text(made.id))


def test_a_report_without_a_time_was_written_down_now(office: Office) -> None:
    office.add(person("P1"))
    office.add(event("death", "E1", "P1", recorded_at=""))
    assert office.event("E1").recorded_at == "2025-06-15T22:06:40.000+07:00"


def test_a_newborn_belongs_to_the_household_of_the_mother(office: Office) -> None:
    office.add(person("P1", "H1", sex="F"))
    office.add(event("birth", "E1", "P2", other="P1"))
    newborn = office.person("P2")
    assert (newborn.household_id, newborn.columns) == (office.household("H1").id, columns())


def test_an_event_keeps_what_was_written(office: Office) -> None:
    office.add(person("P1", "H1", full_name="Nguyễn An", phone="0901"))
    office.add(event("move_out", "E1", "P1", other_place="Gia Lai", group_id="G1", full_name="N. An"))
    kept = office.event("E1")
    assert (kept.other_place, kept.group_id, kept.columns) == ("Gia Lai", "G1", columns(full_name="N. An"))
    assert office.person("P1").value("full_name") == "Nguyễn An"


def test_a_ruling_is_stored_and_changes_nobody(office: Office) -> None:
    office.add(person("P1"))
    before = office.person("P1")
    office.add(event("ruling", "E1", "c1:P1", other="c2:P7", reason="different"))
    kept = office.event("E1")
    assert (kept.person_ref, kept.other_person_ref, kept.person_id) == ("c1:P1", "c2:P7", None)
    assert office.person("P1") == before
