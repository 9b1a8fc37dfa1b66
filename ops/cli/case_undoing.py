"""``cases undo``: what it says before, does, and says after. What is to be done is decided in ``hub.desk.undoing`` and
``node.register.undoing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from conflict.cases import Case
from conflict.standing import CanonicalPerson
from hub.desk.desk import CaseDesk
from hub.desk.undoing import Change, Undoing
from node.errors import UsageError
from node.ids import id_text
from node.interchange.bundle import local_day
from node.interchange.values import EventRow
from node.register.operations import record_event
from node.register.recorder import Recorded
from node.register.records import NO_COLUMNS
from node.register.undoing import Batch, find_batch, origin_of_import, undo_batch
from node.store import Store
from ops.cli.case_words import case_words, person_words
from ops.cli.output import Output
from ops.i18n import _


def record_ruling(store: Store, desk: CaseDesk, pair: tuple[str, str], verdict: str, *, author: str) -> Recorded:
    """Record whether two records are one person, in this node's own register."""
    row = EventRow(
        *(store.node_id, "", "ruling", _today(store), "", pair[0], "", "", "", pair[1], verdict), columns=NO_COLUMNS
    )
    return record_event(store, row, author=author, origin=desk.own_register())


def undo_case(output: Output, store: Store, case: str, named: tuple[str, str], *, author: str, dry_run: bool) -> None:
    """Take back the ruling or the link of a case. Raises ``UsageError`` if there is none."""
    desk = CaseDesk(store)
    desk.catch_up()
    undoing = desk.undoing(case, *named)
    if undoing is None:
        raise UsageError(
            f"There is no case with the event {case} here.",
            hint="Give one as it stands in: dansync cases list FOLDER (such as tran-phu:e17)",
        )
    output.line(_plan(undoing.change, dry_run=dry_run))
    _show(output, _("Now:"), undoing.persons, (undoing.case,))
    _show(output, _("Then:"), undoing.persons_after, undoing.cases_after)
    recorded = None if dry_run else _do(store, desk, undoing.change, author)
    if recorded is not None:
        desk.catch_up()
        output.line(_("Recorded as {id}. To take that back: the same command again.").format(id=id_text(recorded.id)))
    output.document(_document(undoing) | {"recorded": "" if recorded is None else id_text(recorded.id)})


def _plan(change: Change, *, dry_run: bool) -> str:
    a, b = change.pair
    if change.ruling is not None:
        text = (
            _("The ruling {ruling} on {a} and {b} would be withdrawn.")
            if dry_run
            else _("The ruling {ruling} on {a} and {b} is withdrawn.")
        )
        return text.format(ruling=change.ruling.ref, a=a, b=b)
    text = (
        _("{a} and {b}, which were linked automatically, would be ruled different persons.")
        if dry_run
        else _("{a} and {b}, which were linked automatically, are ruled different persons.")
    )
    return text.format(a=a, b=b)


def _show(output: Output, title: str, persons: Iterable[CanonicalPerson], cases: Iterable[Case]) -> None:
    output.line(title)
    for person in persons:
        output.line(f"  {person_words(person)}")
    for case in cases:
        output.line(f"  {case_words(case)}")


def _do(store: Store, desk: CaseDesk, change: Change, author: str) -> Recorded:
    if change.ruling is None:
        return record_ruling(store, desk, change.pair, "different", author=author)
    name = change.ruling.ref.partition(":")[2]
    row = EventRow(*(store.node_id, "", "cancel", _today(store), "", "", "", "", "", "", name), columns=NO_COLUMNS)
    return record_event(store, row, author=author, origin=desk.own_register())


def _today(store: Store) -> str:
    return local_day(store.clock.wall_ms()).isoformat()


def _document(undoing: Undoing) -> dict[str, object]:
    ruling = undoing.change.ruling
    return {
        "one": undoing.change.pair[0],
        "other": undoing.change.pair[1],
        "withdraws": "" if ruling is None else ruling.ref,
        "now": _side(undoing.persons, (undoing.case,)),
        "then": _side(undoing.persons_after, undoing.cases_after),
    }


def _side(persons: Iterable[CanonicalPerson], cases: Iterable[Case]) -> dict[str, object]:
    return {
        "persons": [
            {"refs": list(p.refs), "unit": p.standing.unit, "status": p.standing.status.value} for p in persons
        ],
        "cases": [{"case": c.case, "state": c.state.value, "outcome": c.outcome.value} for c in cases],
    }


# --- an import --------------------------------------------------------------------------------------------------------


def undo_import(output: Output, folder: Path, store: Store, import_id: str, *, author: str, dry_run: bool) -> None:
    """Withdraw all that an import brought into this node's own register. Raises ``UsageError``."""
    origin = origin_of_import(store, import_id)
    batch = find_batch(store, origin, import_id)
    if not batch.targets:
        output.line(_("All that the import {id} brought is withdrawn already.").format(id=import_id))
        output.document(_batch_document(batch) | {"undo": "", "commits": 0})
        return
    output.line(
        _("Of the import {id} would be withdrawn:").format(id=import_id)
        if dry_run
        else _("Of the import {id} are withdrawn:").format(id=import_id)
    )
    for kind, count in sorted(batch.events.items()):
        output.line(f"  {kind}: {count}")
    if batch.persons:
        output.line("  " + _("persons who were entered: {count}").format(count=batch.persons))
    if batch.later:
        output.warn(
            _("{count} later reports are about persons of this import. They stay, on records that are void.").format(
                count=batch.later
            )
        )
    if dry_run:
        output.document(_batch_document(batch) | {"undo": "", "commits": 0})
        return
    undone = undo_batch(store, origin, batch, author=author)
    output.line(
        _("To take that back: dansync cases undo {folder} --import {id}").format(folder=folder, id=undone.undo_id)
    )
    output.document(_batch_document(batch) | {"undo": undone.undo_id, "commits": undone.commits})


def _batch_document(batch: Batch) -> dict[str, object]:
    return {"import": batch.import_id, "events": batch.events, "persons": batch.persons, "later": batch.later}
