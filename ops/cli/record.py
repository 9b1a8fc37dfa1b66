"""``record``: one thing that happened, one commit. A subcommand for each kind of event, for households and persons."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import UsageError
from node.ids import id_text
from node.interchange.values import (
    EventRow,
    HouseholdRow,
    PersonRow,
    ValueRefused,
    read_id,
    read_person_columns,
    read_required_date,
    read_text,
)
from node.register.operations import change_household, record_event, record_household, record_person
from node.register.recorder import Recorded
from node.schema import PERSON_COLUMNS
from node.store import Store
from ops.cli.options import folder_argument, json_option, opened
from ops.cli.output import Output
from ops.cli.warning_words import warning_words
from ops.i18n import N_, _

PERSON_HELP: Final = {
    "full_name": N_("Name as it is spoken: family, middle, given."),
    "sex": N_("M or F."),
    "birth_date": N_("Birth date: YYYY, YYYY-MM or YYYY-MM-DD."),
    "personal_id": N_("The 12-digit personal number."),
    "old_card_id": N_("The old 9-digit card."),
    "insurance_id": N_("The health insurance number."),
    "ethnicity": N_("Ethnicity."),
    "relationship": N_("Relationship to the head of the household."),
    "marital_status": N_("Marital status."),
    "father_name": N_("The father's name."),
    "mother_name": N_("The mother's name."),
    "phone": N_("A telephone number."),
    "residence": N_("permanent, temporary or absent."),
}


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    author = click.option("--author", default="", help=N_("Who records this (by default the user of this computer)."))
    return folder_argument(json_option(author(command)))


def _person_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for column in reversed(PERSON_COLUMNS):
        command = click.option(f"--{column.replace('_', '-')}", column, default="", help=PERSON_HELP[column])(command)
    return command


def _event_options(command: Callable[..., Any]) -> Callable[..., Any]:
    id_ = click.option(
        "--id",
        "event_id",
        default="",
        help=N_("The event's own number, if it has one; the same again changes nothing."),
    )
    recorded = click.option(
        "--recorded-at", default="", help=N_("When it was written down, ISO 8601 with offset (by default now).")
    )
    when = click.option(
        "--date", "event_date", required=True, help=N_("When it happened: YYYY, YYYY-MM or YYYY-MM-DD.")
    )
    return when(recorded(id_(command)))


@click.group(
    help=N_(
        "Record one thing that happened.\n\n"
        "Persons are named by their number in the register or by the id that was printed when they were recorded.\n\n"
        "Example: dansync record move-out /srv/tran-phu --person P1234 --date 2025-03-01 --to 'Phường Lê Lợi'"
    )
)
def record() -> None:
    """The group of all kinds."""


def _author(author: str) -> str:
    if author:
        return author
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("It is not known who records this.", hint="Name yourself with --author.") from None


def _columns(values: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return read_person_columns([values.get(column, "") for column in PERSON_COLUMNS])


def _say(output: Output, what: str, recorded: Recorded) -> None:
    """What became of it. ``what`` is the sentence with the id's place."""
    if recorded.is_new:
        output.line(what.format(id_text(recorded.id)))
    elif recorded.commit is None:
        output.line(_("It was recorded before, as {0}; nothing has changed.").format(id_text(recorded.id)))
    else:
        output.line(_("{0} was changed.").format(id_text(recorded.id)))
    if recorded.is_new and recorded.person_id is not None and recorded.person_id != recorded.id:
        output.line(_("Person {0}.").format(id_text(recorded.person_id)))
    for code in recorded.warnings:
        output.warn(_("Recorded with a warning: {0}").format(warning_words(code)))
    output.document(
        {
            "id": id_text(recorded.id),
            "new": recorded.is_new,
            "person_id": id_text(recorded.person_id) if recorded.person_id else "",
            "household_id": id_text(recorded.household_id) if recorded.household_id else "",
            "warnings": list(recorded.warnings),
            "commit": recorded.commit.seq if recorded.commit else None,
        }
    )


def _do(folder: Path, json_mode: bool, what: str, work: Callable[[Store], Recorded]) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder) as (_config, store):
        try:
            recorded = work(store)
        except ValueRefused as error:
            raise UsageError(
                f"The value {error.value!r} of {error.column} {error.reason}.",
                hint="Nothing was recorded; correct it and try again.",
            ) from None
        _say(output, what, recorded)


@record.command(name="household", help=N_("Create a household, or change one (--change)."))
@_common
@click.option("--id", "household_id", default="", help=N_("The household's number."))
@click.option("--hamlet", default=None, help=N_("Hamlet or street group."))
@click.option("--address", default=None, help=N_("Address."))
@click.option("--head", default=None, help=N_("The head of the household, a person."))
@click.option("--change", is_flag=True, help=N_("Change the household --id instead of creating one."))
def household(
    folder: Path,
    json_mode: bool,
    author: str,
    household_id: str,
    hamlet: str | None,
    address: str | None,
    head: str | None,
    change: bool,
) -> None:
    def work(store: Store) -> Recorded:
        texts = [
            None if value is None else read_text(name, value)
            for name, value in (("hamlet", hamlet), ("address", address))
        ]
        if change:
            return change_household(
                store,
                read_id("--id", household_id),
                author=_author(author),
                hamlet=texts[0],
                address=texts[1],
                head_person_id=head,
            )
        row = HouseholdRow("", read_text("--id", household_id), texts[0] or "", texts[1] or "", head or "")
        return record_household(store, row, author=_author(author))

    _do(folder, json_mode, _("Household {0} is recorded."), work)


@record.command(name="person", help=N_("Enter a person who lives here already."))
@_common
@click.option("--id", "person_id", default="", help=N_("The person's number in the register."))
@click.option("--household", "household_id", default="", help=N_("The household."))
@_person_options
def person(folder: Path, json_mode: bool, author: str, person_id: str, household_id: str, **values: str) -> None:
    def work(store: Store) -> Recorded:
        columns, warnings = _columns(values)
        row = PersonRow("", read_text("--id", person_id), read_text("--household", household_id), columns, warnings)
        return record_person(store, row, author=_author(author))

    _do(folder, json_mode, _("Person {0} is recorded."), work)


def _event(
    folder: Path, json_mode: bool, author: str, kind: str, given: dict[str, str], values: dict[str, str] | None = None
) -> None:
    def work(store: Store) -> Recorded:
        columns, warnings = _columns(values or {})
        row = EventRow(
            "",
            read_text("--id", given.get("event_id", "")),
            kind,
            read_required_date("--date", given["event_date"]),
            given.get("recorded_at", ""),
            read_text("--person", given.get("person", "")),
            read_text("--household", given.get("household", "")),
            read_text("--group", given.get("group", "")),
            read_text("place", given.get("place", "")),
            read_text("other", given.get("other", "")),
            read_text("reason", given.get("reason", "")),
            columns,
            warnings,
        )
        return record_event(store, row, author=_author(author))

    _do(folder, json_mode, _("Event {0} is recorded."), work)


_person = click.option("--person", required=True, help=N_("The person concerned."))
_new_person = click.option("--person", default="", help=N_("A number for the new person, if there is one."))
_spouse = click.option("--spouse", "other", default="", help=N_("The spouse, if registered here."))
_household = click.option("--household", default="", help=N_("The household."))
_group = click.option(
    "--group", default="", help=N_("A number that ties together the members of a household that moves.")
)
_reason = click.option("--reason", default="", help=N_("In words."))


def _kind(name: str, kind: str, help_text: str, *options: Callable[..., Any], columns: bool = False) -> None:
    """Define the subcommand of one kind."""

    def command(folder: Path, json_mode: bool, author: str, **given: str) -> None:
        values: dict[str, str] = {column: given.pop(column) for column in PERSON_COLUMNS if column in given}
        _event(folder, json_mode, author, kind, given, values)

    wrapped: Callable[..., Any] = command
    if columns:
        wrapped = _person_options(wrapped)
    for option in reversed(options):
        wrapped = option(wrapped)
    record.command(name=name, help=help_text)(_common(_event_options(wrapped)))


_kind(
    "birth",
    "birth",
    N_("A birth. The newborn gets a record; --mother if she is registered here."),
    _new_person,
    click.option("--mother", "other", default="", help=N_("The mother, if registered here.")),
    _household,
    columns=True,
)
_kind("death", "death", N_("A death."), _person, _reason)
_kind("marriage", "marriage", N_("A marriage."), _person, _spouse)
_kind("divorce", "divorce", N_("A divorce."), _person, _spouse)
_kind(
    "move-out",
    "move_out",
    N_("A person leaves. What was written down of the person may be given too."),
    _person,
    click.option("--to", "place", default="", help=N_("Destination as written: code, name or node.")),
    _group,
    _reason,
    columns=True,
)
_kind(
    "move-in",
    "move_in",
    N_("A person arrives and gets a record here. --residence temporary makes it a temporary stay."),
    _new_person,
    click.option("--from", "place", default="", help=N_("Where the person comes from, as written.")),
    _household,
    _group,
    _reason,
    columns=True,
)
_kind(
    "correction",
    "correction",
    N_("Correct what the register says; what is not given stays."),
    _person,
    _household,
    _reason,
    columns=True,
)
_kind(
    "cancel",
    "cancel",
    N_("Withdraw an event of this node."),
    _person,
    click.option("--event", "reason", required=True, help=N_("The event that is withdrawn.")),
)
_kind(
    "confirm",
    "confirm",
    N_("Confirm the open case of a person (has left; at the destination: lives here)."),
    _person,
    _reason,
)
_kind(
    "dispute",
    "dispute",
    N_("Dispute the open case of a person (still lives here; at the destination: never came)."),
    _person,
    _reason,
)
_kind("end-temporary", "end_temporary", N_("A temporary stay ends."), _person, _reason)
_kind(
    "ruling",
    "ruling",
    N_("At a parent: two records (node:person) are the same person, or different."),
    _person,
    click.option("--other", required=True, help=N_("The other record, as node:person.")),
    click.option(
        "--says", "reason", required=True, type=click.Choice(["same", "different"]), help=N_("same or different.")
    ),
)
