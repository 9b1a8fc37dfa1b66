"""``prune``: let commits go that are confirmed above and old; a snapshot stands for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.identity.folder import IdentityFolder
from node.ids import OriginId, id_text
from node.limits import DAY_MS
from node.pruning import Budget, Plan, Pruner
from node.reference import Reference
from node.verification import Verifier
from ops.cli.command import Command, command_options
from ops.cli.held_documents import register_names
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, size
from ops.i18n import N_, _, ngettext

OBSTACLES: Final = {
    "": "",
    "held_back": N_("rows are held back: dansync quarantine list"),
    "not_confirmed": N_("the parent has not confirmed all of it"),
    "not_compared": N_("its rows were not yet compared with what their holder says"),
    "young": N_("nothing is old enough"),
}


@click.command(
    cls=Command,
    help=N_(
        "Let commits go from the log that a parent has confirmed and that are older than they are to be kept.\n\n"
        "The rows stay as they are, and a snapshot that the holder has signed stands for the commits. A running node "
        "does this by itself, once a day, by the settings log_keep_days and log_budget_mib in node.toml. --dry-run "
        "only says what would go."
    ),
    examples=("dansync prune /srv/an-lao --dry-run", "dansync prune /srv/an-lao --keep-days 90"),
)
@folder_argument
@click.option(
    "--keep-days", type=click.IntRange(min=0), default=None, help=N_("Keep what is younger (default: node.toml).")
)
@click.option("--dry-run", is_flag=True, help=N_("Say what would go, and change nothing."))
@command_options
def prune(folder: Path, *, keep_days: int | None, dry_run: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "write", call="prune") as (config, store):
        key = IdentityFolder(config.folder).load().key
        pruner = Pruner(store, Verifier(store, Reference(store), key), has_parent=bool(config.parent_address))
        days = config.log_keep_days if keep_days is None else keep_days
        plans = pruner.plans(Budget(days * DAY_MS, config.log_budget_mib * 1024 * 1024))
        names = register_names(store)
        gone: dict[OriginId, int] = {}
        if not dry_run:
            with output.progress({"prune": _("Pruning")}) as progress:
                total = sum(plan.commits for plan in plans)
                for plan in plans:
                    before = sum(gone.values())
                    for count in pruner.carry_out(plan):
                        gone[plan.head.origin] = count
                        progress("prune", before + count, total)
    _show(output, plans, names, dry_run=dry_run)
    output.document(
        {"dry_run": dry_run, "keep_days": days, "registers": [_document(plan, names, gone) for plan in plans]}
    )


def _show(output: Output, plans: list[Plan], names: dict[OriginId, str], *, dry_run: bool) -> None:
    output.table(
        (
            *(_("Register"), _("Commit"), _("Begins behind")),
            _("Would go") if dry_run else _("Gone"),
            *(_("Bytes"), _("New snapshot"), _("Why not more")),
        ),
        [
            (
                names.get(plan.head.origin, id_text(plan.head.origin)),
                plan.head.seq,
                plan.floor.seq,
                plan.commits,
                size(plan.bytes),
                _("yes") if plan.snapshot else "-",
                _(OBSTACLES[plan.obstacle]) if plan.obstacle else "",
            )
            for plan in plans
        ],
        right=(1, 2, 3, 4),
    )
    commits = sum(plan.commits for plan in plans)
    text = (
        ngettext("{count} commit would go.", "{count} commits would go.", commits)
        if dry_run
        else ngettext("{count} commit is gone from the log.", "{count} commits are gone from the log.", commits)
    )
    output.line(text.format(count=commits))


def _document(plan: Plan, names: dict[OriginId, str], gone: dict[OriginId, int]) -> dict[str, Any]:
    origin = plan.head.origin
    return {
        "origin": id_text(origin),
        "name": names.get(origin, id_text(origin)),
        "seq": plan.head.seq,
        "floor": plan.floor.seq,
        "commits": plan.commits,
        "gone": gone.get(origin, 0),
        "bytes": plan.bytes,
        "snapshot": plan.snapshot,
        "obstacle": plan.obstacle,
    }
