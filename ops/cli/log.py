"""``log``: the commits of an origin as a node has them, and whether their chain is whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import apsw
import rich_click as click

from node import changelog
from node.chain import Commit, Head, check_chain
from node.errors import CommitRefused, StoreDamaged
from node.ids import OriginId, Seq, id_text
from node.proof import Proof, prove
from node.reference import Reference
from node.store import Store
from ops.cli.command import Group, command_options
from ops.cli.options import folder_argument, named_origin, opened
from ops.cli.output import Output, ReportProgress, moment
from ops.cli.status import HASH_CHARACTERS
from ops.i18n import N_, _, ngettext, translated

SHOW: Final = "show"
_DAMAGED_HINT = "Keep the file as it is, and restore the node from its backup or from its parent."


class LogGroup(Group):
    """``dansync log FOLDER`` shows; a subcommand's name in the folder's place calls the subcommand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), "")
        wants_help = not first and any(word in ctx.help_option_names for word in args)
        if first not in self.commands and not wants_help:
            args = [SHOW, *args]
        return super().parse_args(ctx, args)


UNREADABLE: Final = "?"


@click.group(
    cls=LogGroup,
    help=N_("The change-log of a node: show it (dansync log FOLDER), or prove that nobody has tampered with it."),
    examples=(
        "dansync log /srv/tran-phu",
        "dansync log prove /srv/binh-dinh --origin tran-phu",
    ),
)
def log() -> None:
    """The group."""


@log.command(
    name=SHOW,
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
def show(folder: Path, *, origin_name: str, after: int | None, limit: int, verify: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="log") as (_config, store), store.database.snapshot():
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


@log.command(
    name="prove",
    help=N_(
        "Prove a log: walk its whole chain and compare it with everything that was signed about it.\n\n"
        "Shows the holder's signatures and the receipts of the parent, and says whether the log is whole, or was "
        "altered, deleted from, inserted into, truncated or rewritten, and where. The exit code is 3 if it is not "
        "whole."
    ),
    examples=("dansync log prove /srv/tran-phu", "dansync log prove /srv/binh-dinh --origin tran-phu --json"),
)
@folder_argument
@click.option(
    "--origin", "origin_name", default="", help=N_("Whose log: a node's name or an origin's id (default: its own).")
)
@command_options
def log_prove(folder: Path, *, origin_name: str, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="log prove") as (_config, store):
        origin = named_origin(store, origin_name)
        proof = prove(store, Reference(store), origin)
    _show_proof(output, origin, proof)
    return 0 if proof.verdict == "whole" else StoreDamaged.exit_code


_VERDICTS: Final = {
    "whole": N_("The log of {origin} is whole: {seq} commits, as they were signed."),
    "altered": N_("The log of {origin} was ALTERED at commit {seq}: {detail}."),
    "deleted": N_("From the log of {origin} commit {seq} was DELETED: {detail}."),
    "inserted": N_("Into the log of {origin} commit {seq} was INSERTED: {detail}."),
    "truncated": N_("The log of {origin} was TRUNCATED before commit {seq}: {detail}."),
    "rewritten": N_("The log of {origin} was REWRITTEN, commit {seq} or before: {detail}."),
}
_ANCHORS: Final = {
    "receipt": N_("receipt of the parent"),
    "signature": N_("signature of the holder"),
    "witness": N_("witness file"),
    "snapshot": N_("snapshot, signed by the holder"),
}
ANCHORS_SHOWN: Final = 10


def _show_proof(output: Output, origin: OriginId, proof: Proof) -> None:
    text = _(_VERDICTS[proof.verdict])
    output.line(
        text.format(origin=id_text(origin), seq=proof.seq, detail=translated(proof.detail)),
        style="" if proof.verdict == "whole" else "bold red",
    )
    shown = [item for item in proof.anchors if item.kind != "signature"]
    shown += [item for item in proof.anchors if item.kind == "signature"][-ANCHORS_SHOWN:]
    output.table(
        (_("Anchor"), _("By"), _("Commits"), _("When"), _("Hash"), _("Sound")),
        [
            (
                _(_ANCHORS[item.kind]),
                item.by,
                f"1-{item.seq}",
                moment(item.at_ms) if item.at_ms else "-",
                item.hash.hex()[:HASH_CHARACTERS] if item.hash else "-",
                _("yes") if item.sound else _("NO"),
            )
            for item in shown
        ],
    )
    output.document(
        {
            "origin": id_text(origin),
            "verdict": proof.verdict,
            "seq": proof.seq,
            "detail": proof.detail,
            "commits": proof.head.seq,
            "hash": proof.head.hash.hex(),
            "anchors": [
                {
                    "kind": item.kind,
                    "by": item.by,
                    "from": 1,
                    "to": item.seq,
                    "hash": item.hash.hex() if item.hash else "",
                    "at": item.at_ms,
                    "sound": item.sound,
                }
                for item in proof.anchors
            ],
        }
    )


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
    """How many rows of each table a commit changed; one of "?" if that cannot be read any more, or never could."""
    try:
        return Counter(change.name for change in apsw.Changeset.iter(commit.changeset))
    except (apsw.Error, UnicodeDecodeError):
        return Counter({UNREADABLE: 1})


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
    head = changelog.floor_of(store.connection, origin)
    try:
        while commits := store.read_commits(origin, head.seq):
            head = check_chain(head, commits)
            progress("verify", head.seq, stored.seq)
    except CommitRefused as error:
        raise StoreDamaged(f"The log is broken after commit {head.seq}. {error.message}", hint=_DAMAGED_HINT) from error
    if head != stored:
        raise StoreDamaged(f"The log ends at commit {head.seq}, but its head says {stored.seq}.", hint=_DAMAGED_HINT)
    return head
