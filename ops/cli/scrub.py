"""``scrub``: are the rows still what the logs say?"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import StoreDamaged
from node.findings import OriginScrub, Scrub, keep
from node.ids import OriginId, id_text
from node.scrub import scrub
from node.scrub_mending import mend
from node.store import Store
from ops.cli.command import Command, command_options
from ops.cli.held_documents import register_names
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, ReportProgress
from ops.i18n import N_, _, ngettext, translated

EXIT_ROTTEN: Final = StoreDamaged.exit_code
ROWS_SHOWN: Final = 20

_VERDICTS: Final = {
    "sound": N_("sound"),
    "unproven": N_("not proved: its log does not reach back to the first commit, and it was never looked at before"),
    "held": N_("all of it is held back in quarantine"),
    "rot": N_("ROT: rows are not what the log says"),
    "log_rot": N_("ROT: the log is not what its hashes say"),
}


@click.command(
    cls=Command,
    name="scrub",
    help=N_(
        "Look at everything in the store of a node: the file, every log against its hashes, and every row against its "
        "log. Disks lose bits in silence, and SQLite hands out what it reads.\n\n"
        "A running node does the same once a day (scrub_interval_s in node.toml). With --repair, rows that have "
        "rotted are put back as the log has them. The exit code is 3 if something is wrong and was not put right."
    ),
    examples=("dansync scrub /srv/an-lao", "dansync scrub /srv/an-lao --repair"),
)
@folder_argument
@click.option("--repair", is_flag=True, help=N_("Put rotten rows back as the log has them."))
@click.option(
    "--thorough", is_flag=True, help=N_("Replay every log, also where nothing has changed since the last scrub.")
)
@command_options
def scrub_command(folder: Path, *, repair: bool, thorough: bool, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    labels = {"tables": _("Tables"), "commits": _("Commits"), "rows": _("Rows")}
    with opened(folder, call="scrub") as (_config, store):
        names = register_names(store)
        with output.progress(labels) as report:
            found = _run(store, report, thorough=thorough)
            keep(store, found)
            mended = 0
            if repair and found.rotten:
                mended, problem = _mend(store, found)
                found = _run(store, report, thorough=thorough)
                keep(store, found)
                if problem:
                    output.warn(problem)
    _show(output, folder, found, names, repaired=repair)
    if mended:
        output.line(
            ngettext(
                "{count} row was put back as the log has it.", "{count} rows were put back as the log has them.", mended
            ).format(count=mended)
        )
    output.document(
        {
            "sound": found.sound,
            "damage": list(found.damage),
            "origins": [_document(item, names) for item in found.origins],
            "mended": mended,
        }
    )
    return 0 if found.sound else EXIT_ROTTEN


def _run(store: Store, report: ReportProgress, *, thorough: bool) -> Scrub:
    work = scrub(store, thorough=thorough)
    while True:
        try:
            done = next(work)
        except StopIteration as end:
            result: Scrub = end.value
            return result
        report(done.what, done.done, done.total)


def _mend(store: Store, found: Scrub) -> tuple[int, str]:
    """How many rows were put back, and what stood in the way of others."""
    rows, problem = 0, ""
    for item in found.rotten:
        try:
            rows += mend(store, item).rows
        except StoreDamaged as error:
            problem = translated(error.message)
    return rows, problem


def _show(output: Output, folder: Path, found: Scrub, names: dict[OriginId, str], *, repaired: bool) -> None:
    for item in found.origins:
        name = names.get(item.origin, id_text(item.origin))
        output.line(f"{name}: {_(_VERDICTS[item.verdict])}", style="bold red" if item in found.rotten else "")
        if item.detail:
            output.line(f"  {translated(item.detail)}")
        for row in item.rotten[:ROWS_SHOWN]:
            output.line(f"  {row.table} {row.row_id.hex()}: {_kind(row.kind)}")
        if len(item.rotten) > ROWS_SHOWN:
            output.line(_("... and {count} more; --json lists all.").format(count=len(item.rotten) - ROWS_SHOWN))
    for text in found.damage:
        output.line(_("The file is damaged: {text}").format(text=text), style="bold red")
    if found.sound:
        output.line(_("Everything is sound."))
        return
    if any(item.rotten for item in found.rotten) and not repaired:
        output.line(
            _("To put the rows back as the log has them: dansync scrub {folder} --repair").format(folder=folder)
        )
    else:
        output.line(
            _("This cannot be put right from here. Restore the node: dansync restore {folder} --from FILE").format(
                folder=folder
            )
        )


def _kind(kind: str) -> str:
    return {
        "differs": _("it is not as the log has it"),
        "missing": _("it is missing"),
        "extra": _("the log has no such row"),
    }[kind]


def _document(item: OriginScrub, names: dict[OriginId, str]) -> dict[str, Any]:
    return {
        "origin": id_text(item.origin),
        "name": names.get(item.origin, ""),
        "own": item.own,
        "seq": item.head.seq,
        "verdict": item.verdict,
        "detail": item.detail,
        "rows": [{"table": row.table, "id": row.row_id.hex(), "kind": row.kind} for row in item.rotten],
    }
