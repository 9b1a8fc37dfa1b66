"""``healing``: what was put together again after a restore, a clone or a fork, and what a person should look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import UsageError
from node.reports import WHOLE, findings_of, mark_seen, put_aside, report, reports
from ops.cli.command import Group, command_options
from ops.cli.healing_words import commit_words, finding_words, happened
from ops.cli.held_documents import register_names
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output, moment
from ops.cli.report_documents import aside_document, finding_document, report_document
from ops.i18n import N_, _, ngettext

COMMITS_SHOWN: Final = 20
NUMBER_DIGITS_MAX: Final = 18


@click.group(
    cls=Group,
    help=N_(
        "What was put together again because two histories of one register met: a store was restored from an older "
        "copy, cloned, or written behind a handover.\n\n"
        "It happens by itself and loses nothing. Where both histories changed a value, one stands and the other is a "
        "finding; what somebody may have typed in twice is one too. Look at them, put right what has to be by ordinary "
        "records, and say that it is done."
    ),
    examples=(
        "dansync healing list /srv/tran-phu",
        "dansync healing show /srv/tran-phu 3",
        "dansync healing done /srv/tran-phu 3",
    ),
)
def healing() -> None:
    """The group."""


@healing.command(
    name="list",
    help=N_("Show all healings, the newest first: what happened, how many findings there are, and who has looked."),
    examples=("dansync healing list /srv/tran-phu", "dansync healing list /srv/tran-phu --json"),
)
@folder_argument
@command_options
def healing_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="healing list") as (_config, store):
        names = register_names(store)
        with store.database.snapshot() as connection:
            lines = [report_document(names, item) for item in reports(connection)]
    if lines:
        output.table(
            (_("ID"), _("When"), _("Register"), _("What happened"), _("Findings"), _("Looked at")),
            [
                (
                    line["id"],
                    moment(line["healed_at"]),
                    line["register"],
                    happened(line),
                    line["findings"],
                    _seen(line),
                )
                for line in lines
            ],
            right=(0, 4),
        )
        output.line(_("What was found in one of them: dansync healing show {folder} ID").format(folder=folder))
    else:
        output.line(_("Nothing had to be healed."))
    output.document({"healings": lines})


@healing.command(
    help=N_(
        "Show one healing: every value that stood against another one and which of them stands now, what may have "
        "been typed in twice, and the commits that were put aside."
    ),
    examples=("dansync healing show /srv/tran-phu 3",),
)
@folder_argument
@click.argument("which", metavar="ID")
@command_options
def show(folder: Path, which: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    number, finding = _parsed(which)
    if finding != WHOLE:
        raise UsageError(
            f"{which} is one finding of a healing.", hint=f"Look at all of it: dansync healing show FOLDER {number}"
        )
    with opened(folder, "read", call="healing show") as (_config, store):
        names = register_names(store)
        with store.database.snapshot() as connection:
            found = report(connection, number)
            document = report_document(names, found)
            listed = [finding_document(connection, found, item) for item in findings_of(connection, number)]
            aside = [aside_document(item, redone) for item, redone in put_aside(connection, number)]
    _show(output, folder, document, listed, aside)
    output.document(document | {"found": listed, "put_aside": aside})


@healing.command(
    help=N_(
        "Say that a person has looked: at a healing as a whole (3), at one of its findings (3.2), or at everything "
        "(--all). Who did so and when stays on record; the register is not changed.\n\n"
        "status says nothing more of it then, nor of the alarms that it raised."
    ),
    examples=(
        "dansync healing done /srv/tran-phu 3",
        "dansync healing done /srv/tran-phu 3.2",
        "dansync healing done /srv/tran-phu --all",
    ),
)
@folder_argument
@click.argument("which", metavar="ID", required=False, default="")
@click.option("--all", "everything", is_flag=True, help=N_("All that nobody has looked at."))
@command_options
def done(folder: Path, which: str, *, everything: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if bool(which) == everything:
        raise UsageError(
            "Name one healing or finding, or all of them.",
            hint="Give a number as it stands in dansync healing list FOLDER, or --all.",
        )
    wanted = None if everything else _parsed(which)
    with opened(folder, call="healing done") as (_config, store):
        if wanted is None:
            with store.database.snapshot() as connection:
                chosen = [(item.id, WHOLE) for item in reports(connection) if item.open]
        else:
            chosen = [wanted]
        marked = [mark_seen(store, number, finding, by=acting_user()) for number, finding in chosen]
    for item in marked:
        if item.open:
            text = ngettext(
                "Healing {id}: {count} finding is left to look at.",
                "Healing {id}: {count} findings are left to look at.",
                item.unseen,
            )
        else:
            text = _("Healing {id} was looked at by {who}.")
        output.line(text.format(id=item.id, count=item.unseen, who=item.seen_by))
    if not marked:
        output.line(_("Nothing is left to look at."))
    output.document(
        {
            "done": [
                {"id": item.id, "open_findings": item.unseen, "seen_at": item.seen_at, "seen_by": item.seen_by}
                for item in marked
            ]
        }
    )


def _parsed(text: str) -> tuple[int, int]:
    """A healing's number, and that of a finding behind a dot (else ``WHOLE``)."""
    first, dot, second = text.partition(".")
    for part in (first, second) if dot else (first,):
        if not (part.isascii() and part.isdigit() and int(part[:NUMBER_DIGITS_MAX]) and len(part) <= NUMBER_DIGITS_MAX):
            raise UsageError(
                f"{text} is no number of a healing or of a finding.",
                hint="Give one as it stands in: dansync healing list FOLDER (such as 3, or 3.2 for its second finding)",
            )
    return int(first), int(second) if dot else WHOLE


def _seen(line: dict[str, Any]) -> str:
    if line["seen_at"]:
        return f"{moment(line['seen_at'])}, {line['seen_by']}"
    if not line["findings"]:
        return _("nothing to look at")
    return _("{count} are left").format(count=line["open_findings"])


def _show(
    output: Output,
    folder: Path,
    line: dict[str, Any],
    listed: list[dict[str, Any]],
    aside: list[dict[str, Any]],
) -> None:
    output.facts(
        [
            (_("Healing"), str(line["id"])),
            (_("Register"), line["register"]),
            (_("When"), moment(line["healed_at"])),
            (_("What happened"), happened(line)),
            (_("Looked at"), _seen(line)),
        ]
    )
    output.line()
    output.line(_("What to look at:") if listed else _("Nothing stands against anything else."))
    for item in listed:
        seen = _(" (looked at by {who})").format(who=item["seen_by"]) if item["seen_at"] else ""
        output.line(f"  {line['id']}.{item['number']}  {finding_words(item)}{seen}")
    if aside:
        output.line()
        output.line(_("Commits that were put aside:"))
        for commit in aside[:COMMITS_SHOWN]:
            output.line(f"  {commit_words(commit)}")
        if len(aside) > COMMITS_SHOWN:
            output.line(_("... and {count} more; --json lists all.").format(count=len(aside) - COMMITS_SHOWN))
    if not line["seen_at"]:
        output.line()
        output.line(
            _("Once somebody has looked at it: {command}").format(command=f"dansync healing done {folder} {line['id']}")
        )
