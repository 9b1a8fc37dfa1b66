"""A wrong import is taken back as a whole, and what was there before stands as it did (RESOLVER 72)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from node import limits
from node.errors import StoreFull, UsageError
from node.ids import Seq
from node.interchange.values import EventRow, PersonRow
from node.register import undoing
from node.register.importing import NodeImport
from node.register.undoing import Undone, find_batch, origin_of_import, undo_batch
from tests.unit.register.office import Office, event, person


def imported(office: Office, persons: Iterable[PersonRow] = (), events: Iterable[EventRow] = ()) -> str:
    run = NodeImport(office.store, author="import", rejected=lambda row, error: pytest.fail(f"{row}: {error}"))
    run.persons(persons)
    run.events(events).feed()
    return run.finish().import_id


def undo(office: Office, import_id: str) -> Undone:
    return undo_batch(office.store, office.origin, find_batch(office.store, office.origin, import_id), author="chief")


def standing(office: Office) -> dict[str, tuple[object, ...]]:
    """The persons who are not void, by their names, with all that is said of them."""
    rows = office.store.connection.execute("SELECT * FROM person WHERE state <> 'void' ORDER BY id").fetchall()
    return {str(row[2]): row for row in rows}


def settled(office: Office) -> None:
    """What was there before the wrong batch."""
    office.add(person("p1", full_name="Trần Thị Lan"))
    office.add(person("p2", full_name="Nguyễn Văn Hùng"))
    office.add(event("move_out", "e1", "p2", other_place="x"))


WRONG = (
    event("correction", "w1", "p1", full_name="Lan Trần"),
    event("death", "w2", "p1"),
    event("cancel", "w3", "p2", reason="e1"),
    event("move_in", "w4", "n1", full_name="Nobody"),
    event("move_out", "w5", "n1"),
    event("death", "w6", "p2"),
    event("cancel", "w7", "p2", reason="w6"),
)


def test_case_72_undoing_an_import_leaves_what_was_there_before(office: Office) -> None:
    settled(office)
    before = standing(office)
    import_id = imported(office, (person("x1", full_name="Somebody Else"),), WRONG)
    assert standing(office) != before
    undone = undo(office, import_id)
    assert standing(office) == before
    assert undone.withdrawn == len(WRONG) + 1
    assert {office.person(name).state for name in ("x1", "n1")} == {"void"}


def test_case_72_the_undoing_can_be_undone_in_the_same_way(office: Office) -> None:
    settled(office)
    import_id = imported(office, (person("x1", full_name="Somebody Else"),), WRONG)
    after = standing(office)
    undone = undo(office, import_id)
    again = undo(office, undone.undo_id)
    assert standing(office) == after
    assert again.undo_id != undone.undo_id


def test_what_is_recorded_later_about_a_person_of_the_batch_does_not_bring_the_person_back(office: Office) -> None:
    import_id = imported(office, (person("x1", full_name="Somebody Else"),))
    undo(office, import_id)
    office.add(event("correction", "e9", "x1", phone="0905123456"))
    assert office.person("x1").state == "void"


def test_reports_from_outside_the_batch_about_its_persons_are_told(office: Office) -> None:
    import_id = imported(office, (person("x1", full_name="Somebody Else"),))
    office.add(event("correction", "e9", "x1", phone="0905123456"))
    assert find_batch(office.store, office.origin, import_id).later == 1


def test_what_somebody_has_withdrawn_by_hand_is_not_withdrawn_again(office: Office) -> None:
    settled(office)
    import_id = imported(office, (), WRONG)
    office.add(event("cancel", "c1", "p1", reason="w2"))
    batch = find_batch(office.store, office.origin, import_id)
    assert (len(batch.targets), batch.events.get("death")) == (len(WRONG) - 1, 1)


def test_nothing_is_left_to_undo_afterwards(office: Office) -> None:
    settled(office)
    import_id = imported(office, (person("x1"),), WRONG)
    undo(office, import_id)
    assert find_batch(office.store, office.origin, import_id).targets == ()


def test_an_undoing_that_was_interrupted_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    persons = [person(f"x{n}", full_name=f"Somebody {n}") for n in range(700)]
    import_id = imported(office, persons)
    cut = undoing._withdraw_some
    calls: list[int] = []

    def once(*arguments: object) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise StoreFull("no room")
        return cut(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(undoing, "_withdraw_some", once)
        with pytest.raises(StoreFull):
            undo(office, import_id)
    left = find_batch(office.store, office.origin, import_id).persons
    assert 0 < left < len(persons)
    undo(office, import_id)
    assert standing(office) == {}


def test_a_commit_of_an_undoing_has_at_most_500_rows(office: Office) -> None:
    import_id = imported(office, [person(f"x{n}", full_name=f"Somebody {n}") for n in range(700)])
    undone = undo(office, import_id)
    commits = [c for c in office.store.read_commits(office.origin, Seq(1), count=100) if c.tag == undone.undo_id]
    assert len(commits) == undone.commits > 1
    assert {commit.author for commit in commits} == {"chief"}
    assert limits.IMPORT_ROWS_PER_COMMIT_MAX == 500


@pytest.mark.parametrize("import_id", ["", "no-such-import"])
def test_an_import_that_is_not_in_the_log_is_refused_with_a_hint(office: Office, import_id: str) -> None:
    with pytest.raises(UsageError, match="no import") as caught:
        origin_of_import(office.store, import_id)
    assert "dansync log" in caught.value.hint


def test_the_part_of_an_import_that_the_log_has_let_go_is_not_passed_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = imported(office, (person("x1"),))
    head = office.store.head(office.origin)
    monkeypatch.setattr(undoing, "floor_of", lambda *_: replace(head, seq=Seq(head.seq - 1)))
    with pytest.raises(UsageError, match="let go") as caught:
        find_batch(office.store, office.origin, import_id)
    assert "record cancel" in caught.value.hint
