"""``enroll``: with an invitation to the parent, and back with a certificate."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import rich_click as click

from node.clock import SystemClock
from node.errors import UsageError
from node.identity.certificates import fingerprint
from node.identity.invitation import read_invitation
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, moment
from ops.enrolment import enrol
from ops.i18n import N_, _


@click.command(
    cls=Command,
    help=N_(
        "Enrol a node with an invitation from the authority of its tree.\n\n"
        "The node makes a key that never leaves this machine and gets a certificate for it. An invitation is good "
        "once; if the answer was lost, run the same command again. A node that was offline for too long, or that got "
        "another machine, enrols again in the same way."
    ),
    examples=("dansync enroll /srv/tran-phu tran-phu.invitation", "dansync enroll /srv/tran-phu - < invitation.txt"),
)
@folder_argument
@click.argument(
    "invitation",
    type=click.Path(path_type=Path, allow_dash=True),
    help=N_("The file with the invitation, - for input."),
)
@command_options
def enroll(folder: Path, invitation: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    token = read_invitation(_text(invitation))
    clock = SystemClock()
    with opened(folder, call="enroll") as (config, store):
        if not config.parent_address:
            raise UsageError(
                f"Node {config.node_id} has no parent to ask.",
                hint='Write a line parent_address = "host:port" into its node.toml.',
            )
        accepted = asyncio.run(enrol(config, store, token, clock))
    output.line(
        _("Node {node} is enrolled until {until}. Its authority is {authority} ({fingerprint}).").format(
            node=config.node_id,
            until=moment(accepted.certificate.not_after_ms),
            authority=accepted.authority.node_id,
            fingerprint=fingerprint(accepted.roots_pem),
        )
    )
    output.line(_("Next: dansync run {folder}").format(folder=folder))
    output.document(
        {
            "node_id": config.node_id,
            "serial": accepted.certificate.serial,
            "not_after": accepted.certificate.not_after_ms,
            "authority": accepted.authority.node_id,
            "fingerprint": fingerprint(accepted.roots_pem),
        }
    )


def _text(source: Path) -> str:
    if str(source) == "-":
        return sys.stdin.read()
    try:
        return source.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise UsageError(
            f"The invitation {source} cannot be read ({error.strerror}).", hint="Give the file that the authority sent."
        ) from error
