"""``restore``: a node whose store is lost or damaged gets it back."""

from __future__ import annotations

import random
from pathlib import Path

import rich_click as click

from node.clock import SystemClock
from node.ids import id_text
from node.restoring import Plan, plan
from node.restoring import restore as put_in_place
from node.store import Store
from node.users import require_role
from ops.cli.backup import document, show
from ops.cli.command import Command, command_options
from ops.cli.options import acting_user, folder_argument
from ops.cli.output import Output, span
from ops.config import NodeConfig, load_config
from ops.daemon import daemon_lock
from ops.enrolment import identity_or_none
from ops.i18n import N_, _


@click.command(
    cls=Command,
    help=N_(
        "Put a backup in the place of a node's store. The node must not run.\n\n"
        "The backup is looked through first. The store that is there, whatever its state, is moved aside into the "
        "folder and never deleted. What was written since the backup comes back from the parent at the next contact, "
        "as far as it was sent. Interrupted, run the same command again."
    ),
    examples=(
        "dansync restore /srv/tran-phu --from /media/disk/tran-phu-20260301T020000Z.dansync-backup --dry-run",
        "dansync restore /srv/tran-phu --from /media/disk/tran-phu-20260301T020000Z.dansync-backup",
    ),
)
@folder_argument
@click.option(
    "--from",
    "file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("The backup that dansync backup has made."),
)
@click.option("--dry-run", is_flag=True, help=N_("Only look through the backup and say what would happen."))
@command_options
def restore(folder: Path, *, file: Path, dry_run: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    config = load_config(folder)
    key, clock, source = config.store_key(), SystemClock(), random.SystemRandom()
    with daemon_lock(config):
        found = plan(config.store_path, file, config.node_id, key=key, clock=clock, source=source)
        _require_role(config, file)
        aside = None
        if not (dry_run or found.done):
            aside = put_in_place(config.store_path, found, key=key, clock=clock, source=source)
    age = clock.wall_ms() - found.backup.taken_at
    show(output, found.backup)
    _show_missing(output, found)
    if found.done:
        output.line(_("The store is this backup already. Nothing was changed."))
    elif dry_run:
        output.line(_("The backup can be restored. Nothing was changed."))
    else:
        output.line(_("The store was restored as it was {age} ago.").format(age=span(age)))
        if aside is not None:
            output.line(_("What was there before is kept in {folder}.").format(folder=aside))
        _show_next(output, config)
    output.document(
        document(found.backup)
        | {
            "age_ms": age,
            "restored": not (dry_run or found.done),
            "already": found.done,
            "aside": str(aside) if aside else "",
            "missing": [
                {"origin": id_text(loss.found.origin), "from": loss.found.seq + 1, "to": loss.witnessed.seq}
                for loss in found.missing
            ],
        }
    )


def _require_role(config: NodeConfig, file: Path) -> None:
    """Who may do it stands in the backup: the store may be beyond reading."""
    copy = Store.open(file, clock=SystemClock(), source=random.SystemRandom(), mode="inspect", key=config.store_key())
    try:
        require_role(copy, "restore", acting_user())
    finally:
        copy.close()


def _show_missing(output: Output, found: Plan) -> None:
    for loss in found.missing:
        output.line(
            _("Commits {first} to {last} were made here and are not in it.").format(
                first=loss.found.seq + 1, last=loss.witnessed.seq
            )
            if loss.witnessed.seq > loss.found.seq
            else _("Commit {last} was another one here than it is in the backup.").format(last=loss.witnessed.seq),
            style="yellow",
        )


def _show_next(output: Output, config: NodeConfig) -> None:
    if identity_or_none(config.folder) is None:
        output.line(
            _(
                "This machine has no key of the node. Ask the authority for an invitation, then: "
                "dansync enroll {folder} INVITATION-FILE"
            ).format(folder=config.folder)
        )
    output.line(
        _(
            "Next: dansync run {folder}. What is missing comes back from the parent, as far as it was sent; "
            "dansync status shows it."
        ).format(folder=config.folder)
    )
