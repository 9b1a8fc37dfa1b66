"""``cases``: what waits for a person, why two records may be one person, and the ruling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from conflict.cases import State
from conflict.claims import PersonRef
from conflict.decisions import Decision
from conflict.reviewing import Task
from hub.desk.desk import CaseDesk
from hub.desk.docket import CaseFile, days_open
from hub.desk.outbox import Delivery
from node.errors import UsageError
from node.ids import NodeId, id_text
from node.interchange.bundle import local_day
from node.schema import PERSON_COLUMNS
from node.store import Store
from ops.cli.case_scanning import show_doubles
from ops.cli.case_undoing import record_ruling, undo_case, undo_import
from ops.cli.case_words import COLUMNS, STATES, link_words, next_words, person_words, ruling_words
from ops.cli.command import Group, command_options
from ops.cli.options import author_option, folder_argument, opened
from ops.cli.output import Output
from ops.explaining import decision_words
from ops.i18n import N_, _
from ops.link_words import FIELDS, LEVELS, score_words

_case_argument = click.argument("case", metavar="CASE")


@click.group(
    cls=Group,
    help=N_(
        "Moves whose two halves have to be put together.\n\n"
        "Most are settled by themselves. Some wait for a person: offices contradict each other, or an arrival may be "
        "somebody who is already counted. Whoever rules sees what was compared, field by field."
    ),
    examples=(
        "dansync cases list /srv/binh-dinh",
        "dansync cases show /srv/binh-dinh tran-phu:e17",
        "dansync cases decide /srv/binh-dinh tran-phu:e17 same",
    ),
)
def cases() -> None:
    """The group."""


@cases.command(
    name="list",
    help=N_("Show the cases that wait for a person: those with the greatest effect first, then the oldest."),
    examples=("dansync cases list /srv/binh-dinh", "dansync cases list /srv/binh-dinh --json"),
)
@folder_argument
@command_options
def cases_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="cases list") as (_config, store):  # for writing: links are brought up to date
        desk = _desk(store)
        queue = desk.queue()
        backlog = desk.backlog()
        today = local_day(store.clock.wall_ms())
    lines = [_task_document(task) | {"days": days_open(task, today)} for task in queue]
    if lines:
        output.table(
            (_("Case"), _("State"), _("Records"), _("Days"), _("Whose it is")),
            [
                (
                    *(line["case"], _(STATES[State(line["state"])]), line["effect"]),
                    *("-" if line["days"] is None else line["days"], line["authority"]),
                )
                for line in lines
            ],
            right=(2, 3),
        )
        output.line(_("What is behind one of them: dansync cases show {folder} CASE").format(folder=folder))
    else:
        output.line(_("No case waits for a person."))
    if backlog.overflowing:
        output.warn(
            _("For {count} arrivals not everybody could be compared: too many have the same name and date.").format(
                count=backlog.overflowing
            )
        )
    output.document({"cases": lines, "not_all_compared": backlog.overflowing})


@cases.command(
    help=N_(
        "Show one case: why it stands as it does, what is asked of whom, and for each two records that may be one "
        "person what agrees and what does not, with its weight in bits.\n\n"
        "CASE is the number of the case, or of any event in it, as node:event."
    ),
    examples=("dansync cases show /srv/binh-dinh tran-phu:e17",),
)
@folder_argument
@_case_argument
@command_options
def show(folder: Path, case: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="cases show") as (_config, store):
        desk = _desk(store)
        found = _file(desk, case)
        told = [_told(unit, item) for unit, item in desk.deliveries(found.case.case)]
    show_case(output, found, told)
    for number, text in enumerate(next_words(found, folder)):
        output.line(text if number else f"\n{text}")
    output.document(_case_document(found) | {"words": _words(found), "told": told})


def show_case(output: Output, found: CaseFile, told: Sequence[dict[str, Any]] = ()) -> None:
    """One case for people: why, what is asked of whom, who has it by now, and the records side by side."""
    output.facts(
        [
            (_("Case"), found.case.case),
            (_("State"), _(STATES[found.case.state])),
            (_("Whose it is"), found.case.settled_at),
            (_("Events"), ", ".join(found.case.refs)),
        ]
    )
    for text in (*_words(found), *map(ruling_words, found.rulings)):
        output.line(f"  {text}")
    for line in told:
        output.line(f"  {line['words']}")
    output.line(_("As it stands now:"))
    for person in found.persons:
        output.line(f"  {person_words(person)}")
    for comparison in found.comparisons:
        output.line()
        output.line(link_words(comparison.link))
        _show_side_by_side(output, found, comparison.link.a, comparison.link.b)
        for text in [] if comparison.scored is None else score_words(comparison.scored):
            output.line(f"  {text}")


def _words(found: CaseFile) -> list[str]:
    return [] if found.decision is None else list(decision_words(found.decision))


@cases.command(
    help=N_(
        "Rule whether the two records of a case are one person. The ruling is recorded in this node's own register and "
        "counts from then on; a later one, or one of a higher office, takes its place.\n\n"
        "Where a case has several pairs of records, name the two: --one and --other, as node:person."
    ),
    examples=(
        "dansync cases decide /srv/binh-dinh tran-phu:e17 same",
        "dansync cases decide /srv/binh-dinh tran-phu:e17 different --one tran-phu:n3 --other an-lao:p17",
    ),
)
@folder_argument
@_case_argument
@click.argument("verdict", type=click.Choice(["same", "different"]))
@click.option("--one", default="", metavar="NODE:PERSON", help=N_("One of the two records."))
@click.option("--other", default="", metavar="NODE:PERSON", help=N_("The other one."))
@author_option
@command_options
def decide(folder: Path, case: str, verdict: str, *, one: str, other: str, author: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="cases decide", user=author) as (_config, store):
        desk = _desk(store)
        pair = _pair(_file(desk, case), one, other)
        recorded = record_ruling(store, desk, pair, verdict, author=author)
        desk.catch_up()
        after = desk.case_file(case)
    state = "" if after is None else after.case.state.value
    output.line(_("Ruling {id} is recorded: {a} and {b}.").format(id=id_text(recorded.id), a=pair[0], b=pair[1]))
    if after is not None:
        output.line(_("The case: {state}.").format(state=_(STATES[after.case.state])))
    output.document({"ruling": id_text(recorded.id), "one": pair[0], "other": pair[1], "state": state})


@cases.command(
    help=N_(
        "Take back what joined or parted two records, or a whole wrong import.\n\n"
        "Of a CASE: a ruling of this node is withdrawn, and what was in force before it counts again; a link that was "
        "made automatically is ruled different, which can be undone in the same way. Later events stand on the record "
        "that they were written on. With --import, at the node where the import was made: all that it brought is "
        "withdrawn. Nothing is deleted."
    ),
    examples=(
        "dansync cases undo /srv/binh-dinh tran-phu:e17 --dry-run",
        "dansync cases undo /srv/binh-dinh tran-phu:e17",
        "dansync cases undo /srv/tran-phu --import 0197f0aa-6c4e-7d31-8d3e-2f6f5b1f9a10",
    ),
)
@folder_argument
@click.argument("case", metavar="[CASE]", default="")
@click.option("--import", "import_id", default="", metavar="ID", help=N_("The id that dansync import has told."))
@click.option("--one", default="", metavar="NODE:PERSON", help=N_("One of the two records."))
@click.option("--other", default="", metavar="NODE:PERSON", help=N_("The other one."))
@click.option("--dry-run", is_flag=True, help=N_("Say what would happen, and do nothing."))
@author_option
@command_options
def undo(
    folder: Path, case: str, import_id: str, one: str, other: str, *, dry_run: bool, author: str, json_mode: bool
) -> None:
    if bool(case) == bool(import_id):
        raise UsageError(
            "Name what is to be undone: either a case or an import.",
            hint="dansync cases undo FOLDER CASE, or: dansync cases undo FOLDER --import ID",
        )
    output = Output(json_mode=json_mode)
    call = "cases undo --import" if import_id else "cases undo"
    with opened(folder, call=call, user=author) as (_config, store):
        if import_id:
            undo_import(output, folder, store, import_id, author=author, dry_run=dry_run)
        else:
            undo_case(output, store, case, (one, other), author=author, dry_run=dry_run)


@cases.command(
    help=N_(
        "Look for persons who stand in the registers twice.\n\n"
        "Arrivals are compared by themselves. People who stand in a register are not: this compares those under one "
        "personal number, or with --commune everybody who stands there, as after a restore or a merger of communes. "
        "Nothing is written down but with --record: then those whose number, name and date of birth agree are ruled "
        "to be one person, and are in dispute until somebody has visited both homes. dansync cases undo takes it back."
    ),
    examples=(
        "dansync cases scan /srv/binh-dinh",
        "dansync cases scan /srv/binh-dinh --commune tran-phu --commune le-loi",
        "dansync cases scan /srv/binh-dinh --record",
    ),
)
@folder_argument
@click.option("--commune", "communes", multiple=True, metavar="NODE", help=N_("Compare all who stand there."))
@click.option("--record", is_flag=True, help=N_("Rule that the sure ones are one person each."))
@author_option
@command_options
def scan(folder: Path, *, communes: tuple[str, ...], record: bool, author: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="cases scan", user=author) as (_config, store):
        desk = _desk(store)
        unknown = set(communes) - {profile.node_id for profile in store.profiles().values()}
        if unknown:
            raise UsageError(
                f"There is no register of {min(unknown)} here.", hint="Name nodes as they stand in: dansync origin list"
            )
        doubles = desk.scan([NodeId(name) for name in communes])
        sure = [double for double in doubles if double.sure]
        for double in sure if record else ():
            record_ruling(store, desk, double.pair, "same", author=author)
    show_doubles(output, folder, doubles, recorded=record)


def _desk(store: Store) -> CaseDesk:
    desk = CaseDesk(store)
    desk.catch_up()
    return desk


def _file(desk: CaseDesk, case: str) -> CaseFile:
    found = desk.case_file(case)
    if found is None:
        raise UsageError(
            f"There is no case with the event {case} here.",
            hint="Give one as it stands in: dansync cases list FOLDER (such as tran-phu:e17)",
        )
    return found


def _pair(found: CaseFile, one: str, other: str) -> tuple[str, str]:
    """The two records that are ruled on."""
    open_pairs = [(c.link.a, c.link.b) for c in found.comparisons if c.link.verdict == "review"]
    if not one and not other and len(open_pairs) == 1:
        return open_pairs[0]
    if one in found.records and other in found.records and one != other:
        return one, other
    raise UsageError(
        f"Name the two records of the case {found.case.case} that the ruling is about.",
        hint="Give --one and --other, as they stand in: dansync cases show FOLDER CASE",
    )


def _show_side_by_side(output: Output, found: CaseFile, one: str, other: str) -> None:
    sides = [found.records.get(PersonRef(ref), {}) for ref in (one, other)]
    rows = [(_(COLUMNS[column]), sides[0].get(column, ""), sides[1].get(column, "")) for column in PERSON_COLUMNS]
    output.table((_("Field"), one, other), [row for row in rows if row[1] or row[2]])


def _told(unit: str, item: Delivery) -> dict[str, Any]:
    """A register that was told, or asked, and whether its own log says that it has it."""
    if item.is_question:
        text = _("{unit}: asked, and has the question.") if item.received else _("{unit}: asked; it is on its way.")
    else:
        text = _("{unit}: told, and has applied it.") if item.received else _("{unit}: told; it is on its way.")
    return {
        "unit": unit,
        "question": item.is_question,
        "received": item.received,
        "words": text.format(unit=unit),
    }


def _task_document(task: Task) -> dict[str, Any]:
    return _decision_document(task.decision) | {"effect": task.effect}


def _decision_document(decision: Decision) -> dict[str, Any]:
    return {
        "case": decision.case,
        "state": decision.state.value,
        "outcome": decision.outcome.value,
        "authority": decision.authority,
        "score": decision.score,
        "claims": list(decision.claims),
        "asks": [
            {"unit": ask.unit, "action": ask.action.value, "ref": ask.ref, "successor": ask.successor}
            for ask in decision.asks
        ],
    }


def _case_document(found: CaseFile) -> dict[str, Any]:
    return {
        "case": found.case.case,
        "state": found.case.state.value,
        "outcome": found.case.outcome.value,
        "authority": found.case.settled_at,
        "refs": list(found.case.refs),
        "persons": [
            {"refs": list(p.refs), "unit": p.standing.unit, "status": p.standing.status.value} for p in found.persons
        ],
        "rulings": [
            {"ruling": r.ref, "a": r.a, "b": r.b, "same": r.same, "authority": r.authority} for r in found.rulings
        ],
        "records": {str(ref): values for ref, values in found.records.items()},
        "comparisons": [
            {
                "a": comparison.link.a,
                "b": comparison.link.b,
                "bits": comparison.link.bits,
                "verdict": comparison.link.verdict,
                "hard": list(comparison.link.hard),
                "fields": [
                    {
                        "field": item.field.value,
                        "level": item.level,
                        "bits": item.bits,
                        "words": f"{_(FIELDS[item.field])}: {_(LEVELS[item.level])}",
                    }
                    for item in ([] if comparison.scored is None else comparison.scored.evidence)
                ],
            }
            for comparison in found.comparisons
        ],
    }
