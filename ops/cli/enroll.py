"""``enroll``: with an invitation to the parent, and back with a certificate."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import rich_click as click

from node.clock import SystemClock
from node.courier.joining import read_joining, write_joining
from node.errors import UsageError
from node.identity.certificates import fingerprint
from node.identity.invitation import read_invitation
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, moment
from ops.enrolment import enrol, request_of, take_answer
from ops.i18n import N_, _


@click.command(
    cls=Command,
    help=N_(
        "Enrol a node with an invitation from the authority of its tree.\n\n"
        "The node makes a key that never leaves this machine and gets a certificate for it. An invitation is good "
        "once; if the answer was lost, run the same command again. A node that was offline for too long, or that got "
        "another machine, enrols again in the same way.\n\n"
        "Without a link: --request writes what the node would say to a file, dansync node answer takes it at the "
        "authority, and --answer takes what comes back."
    ),
    examples=(
        "dansync enroll /srv/tran-phu tran-phu.invitation",
        "dansync enroll /srv/tran-phu - < invitation.txt",
        "dansync enroll /srv/tran-phu tran-phu.invitation --request /media/stick/tran-phu.request",
        "dansync enroll /srv/tran-phu tran-phu.invitation --answer /media/stick/tran-phu.answer",
    ),
)
@folder_argument
@click.argument(
    "invitation",
    type=click.Path(path_type=Path, allow_dash=True),
    help=N_("The file with the invitation, - for input."),
)
@click.option(
    "--request",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help=N_("Write the request to this new file, to be carried to the authority."),
)
@click.option(
    "--answer",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help=N_("The authority's answer, from a file that was carried back."),
)
@command_options
def enroll(folder: Path, invitation: Path, *, request: Path | None, answer: Path | None, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    token = read_invitation(_text(invitation))
    clock = SystemClock()
    if request is not None and answer is not None:
        raise UsageError("--request and --answer exclude each other.", hint="First the one, then the other.")
    with opened(folder, call="enroll") as (config, store):
        if request is not None:
            write_joining(request, "request", request_of(config, store, token, clock))
            output.line(_("The request is in {file}.").format(file=request))
            output.line(
                _("Next, at the authority: dansync node answer FOLDER {file} --out ANSWER-FILE").format(file=request)
            )
            output.document({"node_id": config.node_id, "request": str(request)})
            return
        if answer is None and not config.parent_address:
            raise UsageError(
                f"Node {config.node_id} has no parent to ask.",
                hint='Write a line parent_address = "host:port" into its node.toml, or carry a file: --request FILE',
            )
        if answer is None:
            accepted = asyncio.run(enrol(config, store, token, clock))
        else:
            accepted = take_answer(config, store, token, read_joining(answer, "answer"), clock)
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
