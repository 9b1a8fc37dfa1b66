"""``drain``: give away everything, and prove that nothing is left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.draining import Line, Remains
from node.ids import id_text
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, moment
from ops.draining import Draining
from ops.i18n import N_, _, ngettext

EXIT_LEFT: Final = 4
HASH_CHARACTERS: Final = 12


@click.command(
    cls=Command,
    help=N_(
        "Give everything that a node has to its parent, and prove that nothing is only here.\n\n"
        "For a district that has ended, or a PC that is to be wiped. The parent signs for every log that is here, own "
        "and passed on, up to the last commit; what it lacks of a log that has another way by now goes to the holder "
        "as letters. The daemon may run or not. The exit code is 0 only if nothing is left, 4 if something is, 6 if "
        "the parent cannot be reached."
    ),
    examples=("dansync drain /srv/quy-nhon", "dansync drain /srv/quy-nhon --json > quy-nhon.proof.json"),
)
@folder_argument
@click.option(
    "--seconds",
    type=click.IntRange(0, 3_600),
    default=30,
    show_default=True,
    help=N_("How long to wait for a daemon that is still sending."),
)
@command_options
def drain(folder: Path, *, seconds: int, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    with opened(folder, call="drain") as (config, store):
        found = asyncio.run(Draining(config, store).run(wait_ms=seconds * 1_000))
    words = {"signed": _("signed"), "letters": _("signed, the rest as letters"), "left": _("LEFT")}
    output.table(
        (_("Origin"), _("Begun by"), _("Commits"), _("Signed up to"), _("At"), _("Hash"), _("State")),
        [
            (
                id_text(line.origin),
                line.name or "-",
                line.head.seq,
                line.signed_seq,
                moment(line.receipt.at_ms if line.receipt else 0),
                line.head.hash.hex()[:HASH_CHARACTERS],
                words[line.standing],
            )
            for line in found.lines
        ],
        right=(2, 3),
    )
    _say(output, found, str(folder))
    output.document(_document(config.node_id, found))
    return EXIT_LEFT if found.left else 0


def _say(output: Output, found: Remains, folder: str) -> None:
    for line in found.lines:
        if line.standing == "left":
            output.line(_left(line, folder), style="bold red")
    if found.letters:
        output.line(
            ngettext(
                "{count} letter waits. It goes when the daemon runs, or with this command once more.",
                "{count} letters wait. They go when the daemon runs, or with this command once more.",
                found.letters,
            ).format(count=found.letters),
            style="bold red",
        )
    if found.held_back:
        output.line(
            ngettext(
                "{count} commit is held back here and not applied; the parent has it too.",
                "{count} commits are held back here and not applied; the parent has them too.",
                found.held_back,
            ).format(count=found.held_back)
        )
    if found.left:
        return
    output.line(_("Nothing is only here: node {parent} has signed for every log.").format(parent=found.parent))
    if found.final:
        output.line(
            _("The node is dissolved, nothing more can come. Next, at the authority: dansync node revoke FOLDER NODE")
        )
        return
    if found.children:
        names = ", ".join(found.children)
        output.line(_("More may come: these nodes belong below it: {names}.").format(names=names))
    if found.holds:
        output.line(
            ngettext(
                "More may come: this node still writes {count} register.",
                "More may come: this node still writes {count} registers.",
                found.holds,
            ).format(count=found.holds)
        )


def _left(line: Line, folder: str) -> str:
    who = line.name or id_text(line.origin)
    if line.reason == "retired":
        return _(
            "{who}: the register was retired before commits {first} to {last} had come; they are only here. Keep this "
            "disk; see what they are with: dansync log"
        ).format(who=who, first=line.signed_seq + 1, last=line.head.seq)
    return _(
        "{who}: commits {first} to {last} are only here, as far as the parent says ({reason}). See why with: "
        "dansync status {folder}; then drain again."
    ).format(who=who, first=line.signed_seq + 1, last=line.head.seq, reason=line.reason, folder=folder)


def _document(node_id: str, found: Remains) -> dict[str, Any]:
    """Times are Unix milliseconds."""
    return {
        "node_id": node_id,
        "parent_node_id": found.parent,
        "left": found.left,
        "final": found.final,
        "origins": [
            {
                "origin": id_text(line.origin),
                "node_id": line.name,
                "own": line.own,
                "seq": line.head.seq,
                "hash": line.head.hash.hex(),
                "state": line.standing,
                "reason": line.reason,
                "receipt": {
                    "seq": line.receipt.head.seq,
                    "hash": line.receipt.head.hash.hex(),
                    "by": found.parent,
                    "at": line.receipt.at_ms,
                    "signature": line.receipt.signature.hex(),
                }
                if line.receipt
                else None,
            }
            for line in found.lines
        ],
        "letters": found.letters,
        "held_back": found.held_back,
        "children": list(found.children),
        "holds": found.holds,
        "dissolved": found.dissolved,
    }
