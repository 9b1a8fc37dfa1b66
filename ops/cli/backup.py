"""``backup``: a copy of a node's store that is proved to be whole."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import rich_click as click

from node.backup import FACT_BACKED_UP, Backup, prune, take
from node.clock import SystemClock
from node.errors import StoreError, UsageError
from node.ids import id_text
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, moment, size
from ops.i18n import N_, _, ngettext, translated


@click.command(
    cls=Command,
    help=N_(
        "Copy the store of a node to one file, and prove that the copy is whole: it is opened, all its pages are "
        "checked, every log is compared with its hashes, and the rows of the own registers with their logs.\n\n"
        "The node may run meanwhile. The copy of an encrypted store is encrypted with the same key. It does not hold "
        "the node's private key (identity/), nor at the root authority/, nor the key of the encryption: keep these "
        "elsewhere. A new machine needs a new invitation instead."
    ),
    examples=(
        "dansync backup /srv/tran-phu --to /media/disk --keep 14",
        "dansync backup /srv/tran-phu --to /media/disk/before-the-move",
    ),
)
@folder_argument
@click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path),
    help=N_("A file that does not exist yet, or a folder: the backup gets a name with the time there."),
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help=N_("Remove older backups of this node from that folder, and keep this many."),
)
@command_options
def backup(folder: Path, *, to: Path, keep: int | None, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if keep is not None and not to.is_dir():
        raise UsageError(f"--keep needs a folder, and {to} is none.", hint="Give a folder with --to.")
    with opened(folder, "read", call="backup") as (config, store):
        key = config.store_key()
        found = take(store, to, key=key, source=random.SystemRandom())
    removed = [] if keep is None else prune(found, keep, key=key, clock=SystemClock(), source=random.SystemRandom())
    _remember(folder, found, output)
    show(output, found)
    if removed:
        output.line(
            ngettext("{count} older backup was removed.", "{count} older backups were removed.", len(removed)).format(
                count=len(removed)
            )
        )
    output.line(
        _("It does not hold the node's key: on another machine, restore it and then enroll with a new invitation.")
    )
    if (folder / "authority").is_dir():
        output.line(
            _("This node is the authority: keep a copy of {folder} elsewhere.").format(folder=folder / "authority")
        )
    if found.encrypted:
        output.line(_("It is encrypted. Without the key nobody can open it: {key}.").format(key=config.encryption))
    output.document(document(found) | {"removed": [str(path) for path in removed]})


def _remember(folder: Path, found: Backup, output: Output) -> None:
    """For ``status`` and the metrics. The backup counts even where the store cannot be written."""
    try:
        with opened(folder, call="backup") as (_config, store):
            store.keep_fact(FACT_BACKED_UP, str(found.taken_at).encode())
    except StoreError as error:
        output.warn(translated(error.message))


def show(output: Output, found: Backup) -> None:
    """What a backup is, for people."""
    commits = sum(head.seq for head in found.own_heads)
    others = len(found.heads) - len(found.own)
    output.facts(
        [
            (_("Backup"), str(found.path)),
            (_("Node"), found.node_id),
            (_("Taken"), moment(found.taken_at)),
            (_("Own log"), ngettext("{count} commit", "{count} commits", commits).format(count=commits)),
            (_("Copies of others"), str(others)),
            (_("Size"), size(found.size_bytes)),
            (_("Looked through"), _("whole")),
        ]
    )


def document(found: Backup) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "path": str(found.path),
        "node_id": found.node_id,
        "taken_at": found.taken_at,
        "size_bytes": found.size_bytes,
        "encrypted": found.encrypted,
        "heads": [
            {
                "origin": id_text(head.origin),
                "own": head.origin in found.own,
                "seq": head.seq,
                "hash": head.hash.hex(),
            }
            for head in found.heads
        ],
    }
