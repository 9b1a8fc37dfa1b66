"""``log``: the commits of an origin as a node has them, and whether their chain is whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import apsw
import rich_click as click

from node.chain import Commit, Head, check_chain
from node.errors import CommitRefused, StoreDamaged
from node.ids import GENESIS_HASH, OriginId, Seq, id_text
from node.store import Store
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, named_origin, opened
from ops.cli.output import Output, ReportProgress, moment
from ops.cli.status import HASH_CHARACTERS
from ops.i18n import N_, _, ngettext

_DAMAGED_HINT = "Keep the file as it is, and restore the node from its backup or from its parent."


@click.command(
    cls=Command,
    help=N_(
        "Show the newest commits of a log, newest last: number, time, author, kind, tag, changed rows, hash.\n\n"
        "With --verify, every hash is computed anew from the first commit on; the exit code is 3 if the chain "
        "is broken."
    ),
    examples=(
        "dansync log /srv/tran-phu",
        "dansync log /srv/binh-dinh --origin tran-phu --after 100 --limit 20",
        "dansync log /srv/tran-phu --verify",
    ),
)
@folder_argument
@click.option(
    "--origin", "origin_name", default="", help=N_("Whose log: a node's name or an origin's id (default: its own).")
)
@click.option("--after", type=click.IntRange(min=0), default=None, help=N_("Begin after this commit."))
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help=N_("At most so many commits.")
)
@click.option("--verify", is_flag=True, help=N_("Walk the whole chain and say whether it is whole."))
@command_options
def log(folder: Path, *, origin_name: str, after: int | None, limit: int, verify: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read") as (_config, store), store.database.snapshot():
        origin = named_origin(store, origin_name)
        if verify:
            with output.progress({"verify": _("Checking commits")}) as progress:
                head = verify_chain(store, origin, progress)
            count = ngettext("{count} commit", "{count} commits", head.seq).format(count=head.seq)
            output.line(
                _("The chain of {origin} is whole: {commits}, hash {hash}.").format(
                    origin=id_text(origin), commits=count, hash=head.hash.hex()
                )
            )
            output.document({"origin": id_text(origin), "whole": True, "commits": head.seq, "hash": head.hash.hex()})
            return
        commits = _read(store, origin, after, limit)
    _show(output, commits)
    output.document({"origin": id_text(origin), "commits": [_entry(commit) for commit in commits]})


def _read(store: Store, origin: OriginId, after: int | None, limit: int) -> list[Commit]:
    position = Seq(max(store.head(origin).seq - limit, 0) if after is None else after)
    commits: list[Commit] = []
    while len(commits) < limit:
        found = store.read_commits(origin, position, count=limit - len(commits))
        if not found:
            break
        commits.extend(found)
        position = found[-1].seq
    return commits


def _show(output: Output, commits: list[Commit]) -> None:
    if not commits:
        output.line(_("No commits there."))
        return
    headings = ("#", _("Recorded"), _("Author"), _("Kind"), _("Tag"), _("Rows"), _("Hash"))
    rows = [
        (
            commit.seq,
            moment(commit.recorded_at),
            commit.author,
            commit.kind,
            commit.tag[:HASH_CHARACTERS],
            ", ".join(f"{table} {count}" for table, count in sorted(touched(commit).items())),
            commit.hash.hex()[:HASH_CHARACTERS],
        )
        for commit in commits
    ]
    output.table(headings, rows, right=(0,))


def touched(commit: Commit) -> Counter[str]:
    """How many rows of each table a commit changed."""
    return Counter(change.name for change in apsw.Changeset.iter(commit.changeset))


def _entry(commit: Commit) -> dict[str, object]:
    return {
        "seq": commit.seq,
        "recorded_at": commit.recorded_at,
        "author": commit.author,
        "kind": commit.kind,
        "tag": commit.tag,
        "schema_version": commit.schema_version,
        "rows": dict(touched(commit)),
        "hash": commit.hash.hex(),
    }


def verify_chain(store: Store, origin: OriginId, progress: ReportProgress) -> Head:
    """Compute every hash of a log anew; returns its head. Raises ``StoreDamaged`` where the chain breaks."""
    stored = store.head(origin)
    head = Head(origin, Seq(0), GENESIS_HASH)
    try:
        while commits := store.read_commits(origin, head.seq):
            head = check_chain(head, commits)
            progress("verify", head.seq, stored.seq)
    except CommitRefused as error:
        raise StoreDamaged(f"The log is broken after commit {head.seq}. {error.message}", hint=_DAMAGED_HINT) from error
    if head != stored:
        raise StoreDamaged(f"The log ends at commit {head.seq}, but its head says {stored.seq}.", hint=_DAMAGED_HINT)
    return head
