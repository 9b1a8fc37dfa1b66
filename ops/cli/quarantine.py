"""``quarantine``: what is stored and could not be applied, and the two ways to end that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import UsageError
from node.ids import OriginId, Seq, id_text
from node.mail import Mail
from node.quarantine import (
    Ended,
    RowSet,
    commit_of,
    ended,
    held_commits,
    row_sets,
    tally,
)
from node.reference import Reference
from node.rows import ask_for_rows
from node.store import Store
from ops.cli.command import Group, command_options
from ops.cli.held_documents import (
    ROWS_SHOWN,
    cause_of,
    commit_document,
    commit_line,
    held_id,
    register_names,
    set_document,
)
from ops.cli.held_words import why
from ops.cli.options import acting_user, folder_argument, named_origin, opened
from ops.cli.output import Output, moment, span
from ops.i18n import N_, _, ngettext, translated

EXIT_HELD: Final = 4
"""Something is still held back: the table of exit codes, "the data were refused"."""
BEHIND_SHOWN: Final = 20

_which = click.argument("which", metavar="ID", required=False, default="")
_all = click.option("--all", "everything", is_flag=True, help=N_("All that is held back."))


@click.group(
    cls=Group,
    help=N_(
        "Commits that are stored and could not be applied here, with those behind them on the same rows.\n\n"
        "They went up all the same, and nothing of them is lost. It ends when they are applied after all (retry), or "
        "when the rows are taken as they are now from the node that writes the register (replace)."
    ),
    examples=(
        "dansync quarantine list /srv/an-lao",
        "dansync quarantine show /srv/an-lao tran-phu:17",
        "dansync quarantine replace /srv/an-lao tran-phu:17",
    ),
)
def quarantine() -> None:
    """The group."""


@quarantine.command(
    name="list",
    help=N_(
        "Show what is held back: the commit that could not be applied, since when, why, how many rows, and how many "
        "commits wait behind it."
    ),
    examples=("dansync quarantine list /srv/an-lao", "dansync quarantine list /srv/an-lao --json"),
)
@folder_argument
@command_options
def quarantine_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="quarantine list") as (_config, store), store.database.snapshot() as connection:
        sets = row_sets(held_commits(connection))
        names = register_names(store)
        counts = tally(connection)
        now = store.clock.wall_ms()
        lines = [set_document(store, names, row_set) for row_set in sets]
    if lines:
        output.table(
            (_("ID"), _("Held back for"), _("Why"), _("Rows"), _("Commits behind it"), _("Asked of")),
            [
                (
                    line["id"],
                    span(now - line["quarantined_at"]),
                    why(line["reason"], translated(line["detail"])),
                    line["rows"] if not line["whole_register"] else _("all"),
                    line["behind"],
                    line["asked_of"] or "-",
                )
                for line in lines
            ],
            right=(3, 4),
        )
        output.line(_("What is behind one of them: dansync quarantine show {folder} ID").format(folder=folder))
    else:
        output.line(_("Nothing is held back."))
    if any(counts.ended.values()):
        output.line(
            _("Ended so far: {retried} commits applied after all, {replaced} replaced, {left} left the log.").format(
                retried=counts.ended["retry"], replaced=counts.ended["replaced"], left=counts.ended["left_log"]
            )
        )
    output.document({"held": lines, "commits": counts.commits, "ended": counts.ended, "now": now})


@quarantine.command(
    help=N_(
        "Show one commit that is held back: what it is, whose, when it was made, which rows it changes, why it could "
        "not be applied, and what waits behind it. One that is held back no more: how that ended."
    ),
    examples=("dansync quarantine show /srv/an-lao tran-phu:17",),
)
@folder_argument
@click.argument("which", metavar="ID")
@command_options
def show(folder: Path, which: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="quarantine show") as (_config, store), store.database.snapshot() as connection:
        origin, seq = _parsed(store, which)
        names = register_names(store)
        past = [item for item in ended(connection) if (item.origin, item.seq) == (origin, seq)]
        row_set = _set_with(row_sets(held_commits(connection)), origin, seq)
        if row_set is None:
            _show_past(output, which, past)
            return
        held = next(item for item in row_set.commits if item.seq == seq)
        commit = commit_of(connection, origin, seq)
        document = commit_document(store, names, held, commit)
        document["row_set"] = set_document(store, names, row_set)
        document["held_back_behind"] = [commit_line(store, names, item) for item in row_set.commits if item.seq > seq]
        document["waits_for"] = [commit_line(store, names, item) for item in row_set.commits if item.seq < seq]
        document["ended"] = [asdict(item) | {"origin": id_text(item.origin)} for item in past]
        now = store.clock.wall_ms()
    _show_commit(output, document, now)
    output.line()
    if not held.whole_origin:
        output.line(
            _("To take the rows as they are now from where the register is written: {command}").format(
                command=f"dansync quarantine replace {folder} {which}"
            )
        )
    output.line(
        _("Once the cause is gone, to apply it after all: {command}").format(
            command=f"dansync quarantine retry {folder} {which}"
        )
    )
    output.document(document)


@quarantine.command(
    help=N_(
        "Try to apply again what is held back, in the order of the log: all commits that hang together, or none of "
        "them. Says what still stands in the way; the exit code is 4 then.\n\n"
        "A node does this by itself when it starts, and after an upgrade."
    ),
    examples=("dansync quarantine retry /srv/an-lao tran-phu:17", "dansync quarantine retry /srv/an-lao --all"),
)
@folder_argument
@_which
@_all
@command_options
def retry(folder: Path, which: str, *, everything: bool, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    lines: list[dict[str, Any]] = []
    with opened(folder, call="quarantine retry") as (_config, store):
        names = register_names(store)
        sets = _chosen(store, which, everything=everything)
        outcomes = store.retry_quarantined(by=acting_user(), sets=sets)
        for outcome in outcomes:
            obstacle = outcome.obstacle
            line: dict[str, Any] = {
                "id": held_id(names, cause_of(outcome.row_set)),
                "commits": len(outcome.row_set.commits),
                "applied": obstacle is None,
            }
            if obstacle is None:
                output.line(
                    ngettext(
                        "{id}: {count} commit was applied.", "{id}: {count} commits were applied.", line["commits"]
                    ).format(id=line["id"], count=line["commits"])
                )
            else:
                line["obstacle"] = commit_document(
                    store, names, obstacle, commit_of(store.connection, obstacle.origin, obstacle.seq)
                )
                _show_obstacle(output, line["obstacle"])
            lines.append(line)
    if not lines:
        output.line(_("Nothing is held back."))
    still = sum(not line["applied"] for line in lines)
    if still:
        output.line(
            _("Nothing was changed there. The rows can be taken from where the register is written: {command}").format(
                command=f"dansync quarantine replace {folder} {which or '--all'}"
            )
        )
    output.document({"tried": lines, "still_held": still})
    return EXIT_HELD if still else 0


@quarantine.command(
    help=N_(
        "Take the rows that are held back as they are now from the node that writes the register.\n\n"
        "It is asked by letter, over any number of links; the answer is signed by it, and is put in place when it is "
        "here, whether or not the link is up now. Commits behind it are then applied."
    ),
    examples=("dansync quarantine replace /srv/an-lao tran-phu:17", "dansync quarantine replace /srv/an-lao --all"),
)
@folder_argument
@_which
@_all
@command_options
def replace(folder: Path, which: str, *, everything: bool, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    lines: list[dict[str, Any]] = []
    with opened(folder, call="quarantine replace") as (_config, store):
        names = register_names(store)
        mail = Mail(store, Reference(store))
        for row_set in _chosen(store, which, everything=everything):
            name = held_id(names, cause_of(row_set))
            try:
                asked = ask_for_rows(store, mail, row_set.origin, row_set.keys)
            except UsageError as error:
                if not everything:
                    raise
                lines.append({"id": name, "asked_of": "", "rows": 0, "problem": error.message})
                output.warn(f"{name}: {translated(error.message)}")
                continue
            lines.append({"id": name, "asked_of": asked.node_id, "rows": asked.rows, "problem": ""})
            output.line(
                ngettext(
                    "{id}: {count} row was asked of node {node}. It is put in place by itself when the answer is here.",
                    "{id}: {count} rows were asked of node {node}. They are put in place by themselves when the answer "
                    "is here.",
                    asked.rows,
                ).format(id=name, count=asked.rows, node=asked.node_id)
            )
    if not lines:
        output.line(_("Nothing is held back."))
    output.document({"asked": lines})
    return EXIT_HELD if any(line["problem"] for line in lines) else 0


# --- which ----------------------------------------------------------------------------------------------------------


def _parsed(store: Store, text: str) -> tuple[OriginId, Seq]:
    name, colon, number = text.rpartition(":")
    if not colon or not name or not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise UsageError(
            f"{text} is no ID of a commit that is held back.",
            hint="Give one as it stands in: dansync quarantine list FOLDER (such as tran-phu:17)",
        )
    return named_origin(store, name), Seq(int(number))


def _set_with(sets: Sequence[RowSet], origin: OriginId, seq: Seq) -> RowSet | None:
    return next((item for item in sets if item.origin == origin and any(c.seq == seq for c in item.commits)), None)


def _chosen(store: Store, which: str, *, everything: bool) -> tuple[RowSet, ...]:
    """The row sets that a call is about."""
    if bool(which) == everything:
        raise UsageError(
            "Name one commit that is held back, or all of them.",
            hint="Give an ID as it stands in dansync quarantine list FOLDER, or --all.",
        )
    with store.database.snapshot() as connection:
        sets = row_sets(held_commits(connection))
    if everything:
        return sets
    origin, seq = _parsed(store, which)
    found = _set_with(sets, origin, seq)
    if found is None:
        raise UsageError(
            f"Commit {which} is not held back here.",
            hint="See what is, and what became of the others: dansync quarantine list FOLDER",
        )
    return (found,)


# --- for people -----------------------------------------------------------------------------------------------------


def _show_commit(output: Output, found: dict[str, Any], now: int) -> None:
    row_set = found["row_set"]
    facts = [
        (_("Commit"), found["id"]),
        (_("Made by"), _("{author}, {time}").format(author=found["author"] or "-", time=moment(found["recorded_at"]))),
        (_("Kind"), f"{found['kind']} {found['tag']}".strip()),
        (_("Held back"), _("since {time}").format(time=moment(found["quarantined_at"]))),
        (_("Why"), why(found["reason"], translated(found["detail"]))),
    ]
    if row_set["asked_of"]:
        age = span(now - row_set["asked_at"])
        facts.append((_("Rows asked of"), _("node {node}, {age} ago").format(node=row_set["asked_of"], age=age)))
    output.facts(facts)
    output.line()
    output.line(_("Rows that it changes:"))
    for row in found["rows"][:ROWS_SHOWN]:
        output.line(f"  {row['name']}")
    if len(found["rows"]) > ROWS_SHOWN:
        output.line(_("... and {count} more; --json lists all.").format(count=len(found["rows"]) - ROWS_SHOWN))
    if found["does_not_fit"]:
        output.line(_("What does not fit:"))
        for text in found["does_not_fit"]:
            output.line(f"  {text}")
    for heading, key in ((_("It waits for:"), "waits_for"), (_("Held back behind it:"), "held_back_behind")):
        if found[key]:
            output.line(heading)
            for item in found[key][:BEHIND_SHOWN]:
                output.line(f"  {item['id']}, {item['author'] or '-'}, {moment(item['recorded_at'])}")
            if len(found[key]) > BEHIND_SHOWN:
                more = len(found[key]) - BEHIND_SHOWN
                output.line(_("... and {count} more; --json lists all.").format(count=more))


def _show_obstacle(output: Output, found: dict[str, Any]) -> None:
    output.line(
        _("{id} is still held back. {why}").format(
            id=found["id"], why=why(found["reason"], translated(found["detail"]))
        )
    )
    for text in found["does_not_fit"]:
        output.line(f"  {text}")


_ENDED: Final = {
    "retry": N_("{time}: it was applied after all ({by})."),
    "replaced": N_("{time}: {rows} of its rows were taken from node {by}, as they stood at its commit {seq}."),
    "left_log": N_("{time}: it left the log for another history of the register, and is kept beside it."),
}


def _show_past(output: Output, which: str, past: Sequence[Ended]) -> None:
    if not past:
        raise UsageError(
            f"Commit {which} is not held back here.",
            hint="See what is, and what became of the others: dansync quarantine list FOLDER",
        )
    output.line(_("{id} is not held back any more.").format(id=which))
    for item in reversed(past):
        by = item.by or _("by itself")
        output.line(_(_ENDED[item.how]).format(time=moment(item.ended_at), by=by, rows=item.rows, seq=item.at_seq))
    output.document({"id": which, "ended": [asdict(item) | {"origin": id_text(item.origin)} for item in past]})
