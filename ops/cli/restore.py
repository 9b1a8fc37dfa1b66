"""``restore``: a node whose store is lost or damaged gets it back."""

from __future__ import annotations

import random
from pathlib import Path

import rich_click as click

from node.clock import SystemClock
from node.errors import UsageError
from node.ids import id_text
from node.restoring import Plan, plan
from node.restoring import restore as put_in_place
from node.store import Store
from node.users import require_role
from ops.cli.address import Address
from ops.cli.backup import document, show
from ops.cli.command import Command, command_options
from ops.cli.options import acting_user, folder_argument
from ops.cli.output import Output, span
from ops.cli.restore_from_parent import from_parent
from ops.config import NodeConfig, load_config
from ops.daemon import daemon_lock
from ops.enrolment import identity_or_none
from ops.i18n import N_, _


@click.command(
    cls=Command,
    help=N_(
        "Give a node its store back: from a backup, or from its parent. The node must not run.\n\n"
        "--from puts a backup in the place of the store, after looking through it. What was written since comes back "
        "from the parent at the next contact, as far as it was sent. --from-parent makes a new store, for example on a "
        "new PC: the authority invites the node again (dansync node invite), and everything that its parent has of it "
        "comes back, its register and those below it. What the old PC had not sent is not there; if its disk turns up "
        "again, invite that one: it does again what only it has.\n\n"
        "A store that is there, whatever its state, is moved aside and never deleted. Interrupted, run the same "
        "command again."
    ),
    examples=(
        "dansync restore /srv/tran-phu --from /media/disk/tran-phu-20260301T020000Z.dansync-backup --dry-run",
        "dansync restore /srv/tran-phu --from-parent tran-phu.invitation --parent 10.1.0.5:7000",
    ),
)
@folder_argument
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("The backup that dansync backup has made."),
)
@click.option(
    "--from-parent",
    "invitation",
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("The file with the invitation from the authority."),
)
@click.option("--dry-run", is_flag=True, help=N_("Only look through the backup and say what would happen."))
@click.option("--parent", "parent_address", type=Address(), default="", help=N_("Where the parent listens."))
@click.option("--listen", type=Address(), default="", help=N_("Where this node listens for its children."))
@click.option("--metrics", "metrics_listen", type=Address(), default="", help=N_("Where Prometheus may read metrics."))
@click.option(
    "--encrypt",
    "encryption",
    default="",
    metavar="file:PATH|keyring:SERVICE",
    help=N_("Encrypt the store; where its key is kept, and made if there is none yet."),
)
@command_options
def restore(
    folder: Path,
    *,
    file: Path | None,
    invitation: Path | None,
    dry_run: bool,
    parent_address: str,
    listen: str,
    metrics_listen: str,
    encryption: str,
    json_mode: bool,
) -> None:
    output = Output(json_mode=json_mode)
    if (file is None) == (invitation is None):
        raise UsageError(
            "Where the store comes from is not said.", hint="Give either --from BACKUP or --from-parent INVITATION."
        )
    if file is not None:
        if parent_address or listen or metrics_listen or encryption:
            raise UsageError(
                "--parent, --listen, --metrics and --encrypt go with --from-parent.",
                hint="With --from, the node's settings stay as they are in node.toml.",
            )
        _from_file(output, folder, file, dry_run=dry_run)
    elif invitation is not None:
        if dry_run:
            raise UsageError("--dry-run goes with --from.", hint="A new store is made only where there is none.")
        from_parent(
            output,
            folder,
            invitation=invitation,
            parent_address=parent_address,
            listen=listen,
            metrics_listen=metrics_listen,
            encryption=encryption,
        )


def _from_file(output: Output, folder: Path, file: Path, *, dry_run: bool) -> None:
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
