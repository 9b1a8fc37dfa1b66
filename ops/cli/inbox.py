"""``inbox``: what those above have decided, or ask, on the persons of a register, and what the office says to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import rich_click as click

from conflict.decisions import Action
from node.errors import UsageError
from node.ids import id_text
from node.inbox import ID_LENGTH, Item, Standing, find, items, person_named
from node.interchange.values import EventRow, ValueRefused, read_text
from node.register.lookup import person_events
from node.register.operations import day_text, record_event
from node.register.records import PersonRecord, source_text
from node.schema import PERSON_COLUMNS
from node.store import Store
from ops.cli.command import Group, command_options
from ops.cli.options import Day, author_option, folder_argument, named_origin, opened
from ops.cli.output import Output
from ops.explaining import ask_words, reason_words
from ops.i18n import N_, _

SHOWN: Final = 50

WHAT: Final = {
    Action.COUNT: N_("counts here"),
    Action.CLOSE: N_("has moved, counts at {place}"),
    Action.ANSWER: N_("has this person left?"),
    Action.VISIT: N_("visit the home: offices contradict each other"),
    Action.HOLD: N_("not counted until it is ruled on"),
    Action.RULE: N_("a ruling is asked for"),
    Action.REOPEN: N_("is open here again"),
}
STANDINGS: Final = {
    Standing.OPEN: N_("to do"),
    Standing.ANSWERED: N_("answered"),
    Standing.APPLIED: N_("applied"),
    Standing.OVER: N_("over"),
}

_item_argument = click.argument("which", metavar="ID")
_origin_option = click.option(
    "--origin", "origin_name", default="", help=N_("For which origin, if this node holds several.")
)
_reason = click.option("--reason", default="", help=N_("Why, in words."))
_date = click.option("--date", "day", default=None, type=Day(), help=N_("As of when: YYYY-MM-DD (default: today)."))


def _answering(command: Callable[..., Any]) -> Callable[..., Any]:
    for decorator in reversed((_date, _reason, author_option, _origin_option, command_options)):
        command = decorator(command)
    return command


@click.group(
    cls=Group,
    help=N_(
        "What those above have decided on moves of this register's people, and what they ask.\n\n"
        "Decisions hold as soon as they have come: who has settled elsewhere counts there. Some requests wait for a "
        "person: say whether somebody has left, or go and look. What you say is recorded as a report of this office "
        "and climbs; nothing that was recorded before is changed."
    ),
    examples=(
        "dansync inbox list /srv/tran-phu",
        "dansync inbox show /srv/tran-phu 3f2a90b1c4d5",
        "dansync inbox confirm /srv/tran-phu 3f2a90b1c4d5 --reason 'left in March'",
    ),
)
def inbox() -> None:
    """The group."""


@inbox.command(
    name="list",
    help=N_("Show the inbox: what there is to do first, then what was decided last."),
    examples=("dansync inbox list /srv/tran-phu", "dansync inbox list /srv/tran-phu --all --json"),
)
@folder_argument
@click.option("--all", "everything", is_flag=True, help=N_("Also what is over."))
@_origin_option
@command_options
def inbox_list(folder: Path, *, everything: bool, origin_name: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="inbox list") as (_config, store):
        origin = named_origin(store, origin_name)
        with store.database.snapshot() as connection:
            found = [item for item in items(connection, origin) if everything or item.standing is not Standing.OVER]
        lines = [_document(store, item) for item in found]
    if lines:
        output.table(
            (_("ID"), _("Since"), _("State"), _("Person"), _("What")),
            [
                (line["id"], line["as_of"], _(STANDINGS[item.standing]), _who(line), _what(item))
                for item, line in zip(found[:SHOWN], lines, strict=False)
            ],
        )
        if len(lines) > SHOWN:
            output.line(_("... and {count} more; --json lists all.").format(count=len(lines) - SHOWN))
        output.line(_("What is behind one of them: dansync inbox show {folder} ID").format(folder=folder))
    else:
        output.line(_("The inbox is empty."))
    todo = sum(item.standing is Standing.OPEN for item in found)
    output.document({"items": lines, "to_do": todo})


@inbox.command(
    help=N_("Show one item: what was decided or is asked, by whom, why, and on which reports it rests."),
    examples=("dansync inbox show /srv/tran-phu 3f2a90b1c4d5",),
)
@folder_argument
@_item_argument
@_origin_option
@command_options
def show(folder: Path, which: str, *, origin_name: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="inbox show") as (_config, store):
        origin = named_origin(store, origin_name)
        with store.database.snapshot() as connection:
            item = find(connection, origin, which)
        line = _document(store, item)
    output.facts(
        [
            (_("Item"), line["id"]),
            (_("State"), _(STANDINGS[item.standing])),
            (_("Person"), _who(line)),
            (_("What"), _what(item)),
            (_("By"), item.decision.authority),
            (_("Since"), line["as_of"]),
            (_("Case"), item.decision.case),
            (_("Rests on"), ", ".join(claim for claim in item.decision.claims if " " not in claim)),
            (_("Answered by"), ", ".join(item.answers) or "-"),
        ]
    )
    words = [f"{reason_words(why)} [{why.rule}]" for why in item.decision.reasons]
    for text in (*words, ask_words(item.ask)):
        output.line(f"  {text}")
    if item.standing is not Standing.OVER:
        output.line()
        for text in _ways(item, folder):
            output.line(text)
    output.document(line | {"words": words})


def _ways(item: Item, folder: Path) -> list[str]:
    name = item.id[:ID_LENGTH]
    match item.ask.action:
        case Action.ANSWER:
            commands = f"dansync inbox answer {folder} {name} left", f"dansync inbox answer {folder} {name} here"
        case Action.VISIT:
            commands = (
                f"dansync inbox visit {folder} {name} found",
                f"dansync inbox visit {folder} {name} not-found",
            )
        case _:
            commands = f"dansync inbox confirm {folder} {name}", f"dansync inbox dispute {folder} {name}"
    return [_("To say so: {command}").format(command=command) for command in commands]


@inbox.command(
    help=N_("Confirm what was decided or is asked: the person has left, or, at the new place, lives here."),
    examples=("dansync inbox confirm /srv/tran-phu 3f2a90b1c4d5 --reason 'left in March'",),
)
@folder_argument
@_item_argument
@_answering
def confirm(folder: Path, which: str, *, json_mode: bool, **given: Any) -> None:
    _say("inbox confirm", folder, which, lambda _store, _item, _person: "confirm", json_mode=json_mode, **given)


@inbox.command(
    help=N_("Dispute what was decided or is asked: the person still lives here, or, at the new place, never came."),
    examples=("dansync inbox dispute /srv/tran-phu 3f2a90b1c4d5 --reason 'still lives here'",),
)
@folder_argument
@_item_argument
@_answering
def dispute(folder: Path, which: str, *, json_mode: bool, **given: Any) -> None:
    _say("inbox dispute", folder, which, lambda _store, _item, _person: "dispute", json_mode=json_mode, **given)


@inbox.command(
    help=N_("Answer whether the person has left: left, or here."),
    examples=("dansync inbox answer /srv/tran-phu 3f2a90b1c4d5 left --date 2026-03-01",),
)
@folder_argument
@_item_argument
@click.argument("says", type=click.Choice(["left", "here"]))
@_answering
def answer(folder: Path, which: str, says: str, *, json_mode: bool, **given: Any) -> None:
    def kind(_store: Store, item: Item, _person: PersonRecord) -> str:
        _require(item, Action.ANSWER, "confirm")
        return "confirm" if says == "left" else "dispute"

    _say("inbox answer", folder, which, kind, json_mode=json_mode, **given)


@inbox.command(
    help=N_("Say what a visit to the home has shown: the person was found there, or not-found."),
    examples=("dansync inbox visit /srv/tran-phu 3f2a90b1c4d5 found --reason 'spoke to him'",),
)
@folder_argument
@_item_argument
@click.argument("says", type=click.Choice(["found", "not-found"]))
@_answering
def visit(folder: Path, which: str, says: str, *, json_mode: bool, **given: Any) -> None:
    def kind(store: Store, item: Item, person: PersonRecord) -> str:
        _require(item, Action.VISIT, "confirm")
        # Whoever arrived here is confirmed by being found; who stood here all along is said to have left.
        return "confirm" if (says == "found") == _has_arrived(store, item, person) else "dispute"

    _say("inbox visit", folder, which, kind, json_mode=json_mode, **given)


def _has_arrived(store: Store, item: Item, person: PersonRecord) -> bool:
    with store.database.snapshot() as connection:
        about = person_events(connection, item.origin, person.id)
    return any(event.id == person.created_by and event.kind == "move_in" for event in about)


def _require(item: Item, action: Action, instead: str) -> None:
    if item.ask.action is not action:
        raise UsageError(
            f"Item {item.id[:ID_LENGTH]} does not ask for this.",
            hint=f"Say what is so: dansync inbox {instead} FOLDER {item.id[:ID_LENGTH]} (or: dispute)",
        )


def _say(
    call: str,
    folder: Path,
    which: str,
    kind_of: Callable[[Store, Item, PersonRecord], str],
    *,
    day: date | None,
    reason: str,
    author: str,
    origin_name: str,
    json_mode: bool,
) -> None:
    """Record what the office says of the person whom an item is about."""
    output = Output(json_mode=json_mode)
    with opened(folder, call=call, user=author) as (_config, store):
        origin = named_origin(store, origin_name)
        with store.database.snapshot() as connection:
            item = find(connection, origin, which)
            person = None if item.person_id is None else person_named(connection, origin, item.person_id)
        if person is None or item.standing is Standing.OVER:
            raise UsageError(
                f"Nothing is asked by item {item.id[:ID_LENGTH]} any more."
                if person is not None
                else f"The person of item {item.id[:ID_LENGTH]} is not in this register.",
                hint="Look at what counts now: dansync inbox list FOLDER",
            )
        kind = kind_of(store, item, person)
        when = day_text(store.clock.wall_ms()) if day is None else day.isoformat()
        texts = (source_text(person), "", "", "", "", _text(reason))
        row = EventRow("", "", kind, when, "", *texts, columns=("",) * len(PERSON_COLUMNS))
        recorded = record_event(store, row, author=author, origin=origin)
        with store.database.snapshot() as connection:
            line = _document(store, find(connection, origin, item.id))
    said = _("Recorded as {id}: confirmed.") if kind == "confirm" else _("Recorded as {id}: disputed.")
    output.line(said.format(id=id_text(recorded.id)))
    output.line(_("It goes to {authority} with the next link.").format(authority=item.decision.authority))
    output.document({"event": id_text(recorded.id), "kind": kind, "item": line})


def _text(reason: str) -> str:
    try:
        return read_text("--reason", reason)
    except ValueRefused as error:
        raise UsageError(
            f"The words of --reason cannot be recorded: {error.reason}.", hint="Write it in one line of plain text."
        ) from None


# --- words -----------------------------------------------------------------------------------------------------------


def _what(item: Item) -> str:
    return _(WHAT[item.ask.action]).format(place=item.ask.successor.partition(":")[0] or "-")


def _who(line: dict[str, Any]) -> str:
    return f"{line['name']} ({line['person']})" if line["name"] else str(line["person"])


def _document(store: Store, item: Item) -> dict[str, Any]:
    with store.database.snapshot() as connection:
        person = None if item.person_id is None else person_named(connection, item.origin, item.person_id)
    return {
        "id": item.id[:ID_LENGTH],
        "standing": item.standing.value,
        "action": item.ask.action.value,
        "person": item.ask.ref.partition(":")[2] if person is None else source_text(person),
        "name": "" if person is None else person.value("full_name"),
        "successor": item.ask.successor,
        "question": item.is_question,
        "decision": item.decision.id,
        "case": item.decision.case,
        "case_state": item.decision.state.value,
        "authority": item.decision.authority,
        "as_of": item.as_of.isoformat(),
        "claims": list(item.decision.claims),
        "answers": list(item.answers),
    }
