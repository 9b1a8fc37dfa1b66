"""``record``: one thing that happened, one commit. A subcommand for each kind of event, for households and persons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import RegisterError, UsageError
from node.ids import id_text
from node.interchange.values import (
    EventRow,
    HouseholdRow,
    PersonRow,
    ValueRefused,
    read_id,
    read_instant,
    read_person_columns,
    read_required_date,
    read_text,
)
from node.register.operations import (
    change_household,
    day_text,
    record_event,
    record_household,
    record_person,
)
from node.register.recorder import Recorded
from node.schema import PERSON_COLUMNS
from node.store import Store
from ops.cli.command import Group, command_options
from ops.cli.options import author_option, folder_argument, named_origin, opened
from ops.cli.output import Output
from ops.cli.warning_words import warning_words
from ops.i18n import N_, _, translated

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PERSON_HELP: Final = {
    "full_name": N_("Full name: family, middle and given name."),
    "sex": N_("M or F."),
    "birth_date": N_("Date of birth: YYYY, YYYY-MM or YYYY-MM-DD."),
    "personal_id": N_("Personal identification number, 12 digits."),
    "old_card_id": N_("Old identity card, 9 digits."),
    "insurance_id": N_("Health insurance number."),
    "ethnicity": N_("Ethnicity."),
    "relationship": N_("Relationship to the head of the household."),
    "marital_status": N_("Marital status: single, married, divorced, widowed."),
    "father_name": N_("The father's name."),
    "mother_name": N_("The mother's name."),
    "phone": N_("Telephone number."),
    "residence": N_("permanent, temporary or absent."),
}
_PERSON_OPTION: Final = {column: f"--{column.replace('_', '-')}" for column in PERSON_COLUMNS} | {"full_name": "--name"}


@click.group(
    cls=Group,
    help=N_(
        "Record one thing that happened.\n\n"
        "Persons, households and events are named by their number in the register, or by the id that was printed when "
        "they were recorded. A report is never refused for being odd: it is recorded, and the warning is shown. It is "
        "refused only if a value cannot be read or names somebody unknown (exit code 4); then nothing is written."
    ),
    examples=(
        "dansync record birth /srv/tran-phu --name 'Nguyễn Thị An' --sex F --date 2026-02-01 --mother P1041",
        "dansync record move-out /srv/tran-phu --person P1234 --date 2026-03-01 --to 'Phường Lê Lợi'",
    ),
)
def record() -> None:
    """The group of all kinds."""


# --- what all of them do ---------------------------------------------------------------------------------------------


def _with(*decorators: Decorator) -> Decorator:
    """Several decorators as one, the first one outermost."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_origin_option: Final = click.option(
    "--origin", "origin_name", default="", help=N_("For which origin, if this node holds several.")
)
_common: Final = _with(author_option, _origin_option, command_options)
_person_options: Final = _with(
    *(click.option(_PERSON_OPTION[column], column, default="", help=PERSON_HELP[column]) for column in PERSON_COLUMNS)
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Into which node's register, for which of its origins, and by whom something is recorded."""

    folder: Path
    origin_name: str
    author: str
    call: str = "record"


def _do(place: _Place, what: str, work: Callable[[Store, dict[str, Any]], Recorded], *, json_mode: bool) -> None:
    """Open, record, say what became of it (``what``, with the id). ``work`` hands the keywords on."""
    output = Output(json_mode=json_mode)
    with opened(place.folder, call=place.call, user=place.author) as (_config, store):
        keywords = {"author": place.author, "origin": named_origin(store, place.origin_name)}
        try:
            recorded = work(store, keywords)
        except ValueRefused as error:
            raise RegisterError(
                _("{option}: {value!r} {reason}.").format(
                    option=_PERSON_OPTION.get(error.column, error.column),
                    value=error.value,
                    reason=translated(error.reason),
                ),
                hint=_("Nothing was recorded; correct it and try again."),
            ) from None
    _say(output, what, recorded)


def _say(output: Output, what: str, recorded: Recorded) -> None:
    if recorded.is_new:
        output.line(what.format(id=id_text(recorded.id)))
    elif recorded.commit is None:
        output.line(_("It was recorded before, as {id}; nothing has changed.").format(id=id_text(recorded.id)))
    else:
        output.line(_("{id} was changed.").format(id=id_text(recorded.id)))
    if recorded.is_new and recorded.person_id is not None and recorded.person_id != recorded.id:
        output.line(_("It concerns person {id}.").format(id=id_text(recorded.person_id)))
    for code in recorded.warnings:
        output.warn(_("recorded with a warning: {warning}").format(warning=warning_words(code)))
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


def _columns(values: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return read_person_columns([values.get(column, "") for column in PERSON_COLUMNS])


# --- households and persons ------------------------------------------------------------------------------------------


@record.command(
    name="household",
    help=N_("Create a household, or change one with --change."),
    examples=(
        "dansync record household /srv/tran-phu --id H17 --hamlet 'Tổ 4' --address '12 Lê Lợi'",
        "dansync record household /srv/tran-phu --change H17 --head P1234",
    ),
)
@folder_argument
@click.option("--id", "household_id", default="", help=N_("Number of the new household, if it has one."))
@click.option("--change", default="", help=N_("The household to change; what is not given stays."))
@click.option("--hamlet", default=None, help=N_("Hamlet or street group."))
@click.option("--address", default=None, help=N_("Address."))
@click.option("--head", default=None, help=N_("Head of the household: a person in the register."))
@_common
def household(
    folder: Path,
    *,
    household_id: str,
    change: str,
    hamlet: str | None,
    address: str | None,
    head: str | None,
    author: str,
    origin_name: str,
    json_mode: bool,
) -> None:
    if change and household_id:
        raise UsageError(
            "--id and --change exclude each other.",
            hint="Name the household once: --id creates it, --change changes it.",
        )

    def work(store: Store, keywords: dict[str, Any]) -> Recorded:
        where = None if hamlet is None else read_text("--hamlet", hamlet)
        street = None if address is None else read_text("--address", address)
        if change:
            name = read_id("--change", change)
            return change_household(store, name, hamlet=where, address=street, head_person_id=head, **keywords)
        row = HouseholdRow("", read_text("--id", household_id), where or "", street or "", head or "")
        return record_household(store, row, **keywords)

    _do(_Place(folder, origin_name, author), _("Household {id} is recorded."), work, json_mode=json_mode)


@record.command(
    name="person",
    help=N_("Enter a person who lives here already."),
    examples=("dansync record person /srv/tran-phu --id P1234 --household H17 --name 'Trần Văn Bình' --sex M",),
)
@folder_argument
@click.option("--id", "person_id", default="", help=N_("Number of the person in the register, if there is one."))
@click.option("--household", "household_id", default="", help=N_("The household."))
@_person_options
@_common
def person(
    folder: Path, *, person_id: str, household_id: str, author: str, origin_name: str, json_mode: bool, **values: str
) -> None:
    def work(store: Store, keywords: dict[str, Any]) -> Recorded:
        columns, warnings = _columns(values)
        row = PersonRow("", read_text("--id", person_id), read_text("--household", household_id), columns, warnings)
        return record_person(store, row, **keywords)

    _do(_Place(folder, origin_name, author), _("Person {id} is recorded."), work, json_mode=json_mode)


# --- events ----------------------------------------------------------------------------------------------------------

_person = click.option("--person", required=True, help=N_("The person concerned."))
_new_person = click.option("--person", default="", help=N_("Number of the new person, if there is one."))
_household = click.option("--household", default="", help=N_("The household."))
_spouse = click.option("--spouse", "other", default="", help=N_("The other spouse, if registered here."))
_group = click.option("--group", default="", help=N_("Any word that ties together those who move together."))
_reason = click.option("--reason", default="", help=N_("Why, in words."))
_event_id = click.option(
    "--id", "event_id", default="", help=N_("Number of the event, if it has one; the same again changes nothing.")
)
_recorded_at = click.option(
    "--recorded-at", default="", help=N_("When it was written down, as 2026-01-31T08:00:00+07:00 (default: now).")
)
_date = click.option("--date", "event_date", required=True, help=N_("When it happened: YYYY, YYYY-MM or YYYY-MM-DD."))
_date_today = click.option("--date", "event_date", default="", help=N_("As of when: YYYY-MM-DD (default: today)."))


def _event_row(kind: str, given: dict[str, str], store: Store) -> EventRow:
    """The row of a bundle that says the same. Raises ``ValueRefused``."""
    columns, warnings = _columns(given)
    return EventRow(
        "",
        read_text("--id", given.get("event_id", "")),
        kind,
        read_required_date("--date", given["event_date"] or day_text(store.clock.wall_ms())),
        read_instant("--recorded-at", given["recorded_at"]) if given.get("recorded_at") else "",
        read_text("--person", given.get("person", "")),
        read_text("--household", given.get("household", "")),
        read_text("--group", given.get("group", "")),
        read_text("--to" if kind == "move_out" else "--from", given.get("place", "")),
        read_text("--other", given.get("other", "")),
        read_text("--reason", given.get("reason", "")),
        columns,
        warnings,
    )


def _kind(kind: str, help_text: str, *options: Decorator, examples: tuple[str, ...], date: Decorator = _date) -> None:
    """Define the subcommand of one kind of event."""

    def command(folder: Path, *, author: str, origin_name: str, json_mode: bool, **given: str) -> None:
        def work(store: Store, keywords: dict[str, Any]) -> Recorded:
            return record_event(store, _event_row(kind, given, store), **keywords)

        call = "record ruling" if kind == "ruling" else "record"
        _do(_Place(folder, origin_name, author, call), _("Event {id} is recorded."), work, json_mode=json_mode)

    name = kind.replace("_", "-")
    decorate = _with(
        record.command(
            name=name, help=help_text, examples=tuple(f"dansync record {name} /srv/tran-phu {e}" for e in examples)
        ),
        folder_argument,
        *options,
        date,
        _recorded_at,
        _event_id,
        _common,
    )
    decorate(command)


_kind(
    "birth",
    N_("A birth. The newborn gets a record of its own."),
    click.option("--mother", "other", default="", help=N_("The mother, if registered here.")),
    _new_person,
    _household,
    _person_options,
    examples=("--name 'Nguyễn Thị An' --sex F --birth-date 2026-02-01 --date 2026-02-01 --mother P1041",),
)
_kind("death", N_("A death."), _person, _reason, examples=("--person P1234 --date 2026-02-01",))
_kind("marriage", N_("A marriage."), _person, _spouse, examples=("--person P1234 --spouse P2001 --date 2026-02-01",))
_kind("divorce", N_("A divorce."), _person, _spouse, examples=("--person P1234 --spouse P2001 --date 2026-02-01",))
_kind(
    "move_out",
    N_("A person leaves. What was written down about the person may be given, too."),
    _person,
    click.option("--to", "place", default="", help=N_("Destination as written: a code, a name or a node.")),
    _group,
    _reason,
    _person_options,
    examples=("--person P1234 --date 2026-03 --to 'Phường Lê Lợi'",),
)
_kind(
    "move_in",
    N_("A person arrives and gets a record here. With --residence temporary it is a temporary stay."),
    click.option("--from", "place", default="", help=N_("Origin as written: a code, a name or a node.")),
    _new_person,
    _household,
    _group,
    _reason,
    _person_options,
    examples=("--name 'Trần Văn Bình' --sex M --birth-date 1990 --date 2026-03-04 --from 21550",),
)
_kind(
    "correction",
    N_("Correct what the register says about a person; what is not given stays."),
    _person,
    _household,
    _reason,
    _person_options,
    examples=("--person P1234 --birth-date 1990-05-17",),
    date=_date_today,
)
_kind(
    "cancel",
    N_("Withdraw an event of this node. A person whom a withdrawn arrival created is void."),
    click.option("--event", "reason", required=True, help=N_("The event that is withdrawn.")),
    click.option("--person", default="", help=N_("The person concerned.")),
    examples=("--event E77 --person P1234",),
    date=_date_today,
)
_kind(
    "confirm",
    N_("Confirm what an open case says of a person: has left, or has arrived."),
    _person,
    _reason,
    examples=("--person P1234 --reason 'left in March'",),
    date=_date_today,
)
_kind(
    "dispute",
    N_("Dispute what an open case says of a person: still lives here, or never came."),
    _person,
    _reason,
    examples=("--person P1234 --reason 'still lives here'",),
    date=_date_today,
)
_kind(
    "end_temporary",
    N_("A temporary stay ends."),
    _person,
    _reason,
    examples=("--person P1234 --date 2026-03-01",),
)
_kind(
    "ruling",
    N_("At a parent: two records are the same person, or different persons."),
    click.option("--person", required=True, help=N_("One record, as node:person.")),
    click.option("--other", required=True, help=N_("The other record, as node:person.")),
    click.option(
        "--says", "reason", required=True, type=click.Choice(["same", "different"]), help=N_("same or different.")
    ),
    examples=("--person tran-phu:P1234 --other le-loi:88 --says same",),
    date=_date_today,
)
