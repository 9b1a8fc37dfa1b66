"""``ca`` and ``node``: the authority of a tree at work."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from hub.enrolment import EnrolmentDesk
from node import limits
from node.clock import SystemClock
from node.courier.joining import read_joining, write_joining
from node.enrolment_wire import ENROL_METHOD, decode_answer
from node.errors import UsageError
from node.identity.certificates import fingerprint
from node.identity.folder import IdentityFolder
from node.ids import NodeId
from node.interchange.values import ValueRefused, read_id, read_node_id
from node.reference import Reference
from node.secret import write_secret
from ops.cli.command import Group, command_options
from ops.cli.moving import dissolve, move
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output, moment
from ops.enrolment import authority_of, found_authority
from ops.i18n import N_, _, translated

_node_argument = click.argument("node_id", help=N_("Name of the node."))
_reason_option = click.option("--reason", default="", help=N_("Why, for the log."))


@click.group(
    cls=Group,
    help=N_("The certificate authority of a tree: it lives at the root and says who takes part."),
    examples=("dansync ca init /srv/binh-dinh",),
)
def ca() -> None:
    """The group."""


@ca.command(
    name="init",
    help=N_(
        "Make the root of a tree its authority.\n\n"
        "Makes a certificate authority (or takes one that exists), certifies the root itself, and begins the reference "
        "data: nodes, enrolments, holdings. Keep a copy of the folder authority/ in a safe place."
    ),
    examples=(
        "dansync ca init /srv/binh-dinh",
        "dansync ca init /srv/binh-dinh --certificate province-ca.pem --key province-ca.key",
    ),
)
@folder_argument
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=N_("Certificate of an authority that exists (PEM, ECDSA P-256)."),
)
@click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False, exists=True), help=N_("Its private key (PEM, mode 0600).")
)
@command_options
def ca_init(folder: Path, *, certificate: Path | None, key: Path | None, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together.", hint="Give both, or none for a new authority.")
    existing = None if certificate is None or key is None else (certificate, key)
    with opened(folder, call="ca init") as (config, store):
        own = found_authority(config, store, by=acting_user(), clock=SystemClock(), existing=existing)
        roots = authority_of(config, store).certificates.certificate
    output.line(
        _("Node {node} is the authority of its tree ({fingerprint}).").format(
            node=own.node_id, fingerprint=fingerprint(roots)
        )
    )
    output.line(_("Next: dansync node invite {folder} NODE-ID --tier TIER").format(folder=folder))
    output.document({"node_id": own.node_id, "fingerprint": fingerprint(roots), "not_after": own.not_after_ms})


@click.group(
    cls=Group,
    help=N_("The nodes of a tree: invite, approve, revoke. At the authority; node list works everywhere."),
    examples=("dansync node invite /srv/binh-dinh tran-phu --tier commune --parent quy-nhon",),
)
def node() -> None:
    """The group."""


@node.command(
    help=N_(
        "Invite a node: prints a one-time token, or writes it to a file, for dansync enroll.\n\n"
        "Whoever has the token can enrol as this node, once: hand it over like a key. A node that is known, expired or "
        "on a new machine is invited in the same way; older invitations are withdrawn, and once it is used, the "
        "machine that was this node before gets in no more."
    ),
    examples=(
        "dansync node invite /srv/binh-dinh quy-nhon --tier district --out quy-nhon.invitation",
        "dansync node invite /srv/binh-dinh tran-phu --tier commune --parent quy-nhon --needs-approval",
    ),
)
@folder_argument
@_node_argument
@click.option(
    "--tier",
    default="",
    help=N_("What the node is: commune, district, province, or any other word. A known node keeps its own."),
)
@click.option(
    "--parent",
    "parent_node_id",
    default="",
    help=N_("Node id of its parent (default: the one that it has, for a new node the authority)."),
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help=N_("Write the token to this new file."))
@click.option(
    "--days",
    type=click.IntRange(1, 365),
    default=limits.INVITATION_LIFE_MS // limits.DAY_MS,
    show_default=True,
    help=N_("How long the token is good."),
)
@click.option("--needs-approval", is_flag=True, help=N_("A person here has to approve before the node gets in."))
@click.option("--reopen", is_flag=True, help=N_("Let a node in again that was revoked."))
@command_options
def invite(
    folder: Path,
    node_id: str,
    *,
    tier: str,
    parent_node_id: str,
    out: Path | None,
    days: int,
    needs_approval: bool,
    reopen: bool,
    json_mode: bool,
) -> None:
    output = Output(json_mode=json_mode)
    try:
        name, word = NodeId(read_node_id("NODE_ID", node_id)), read_id("--tier", tier) if tier else ""
    except ValueRefused as error:
        reason = translated(error.reason)
        raise UsageError(
            _("{option}: {value!r} {reason}.").format(option=error.column, value=error.value, reason=reason),
            hint="See examples with: dansync node invite --help",
        ) from None
    if out is not None and out.exists():
        raise UsageError(f"The file {out} exists already.", hint="Choose another name; nothing was changed.")
    with opened(folder, call="node invite") as (config, store):
        known = Reference(store).node(name)
        if known is None and not word:
            raise UsageError(f"Node {name} is not known here yet.", hint="Say what it is: --tier TIER")
        invitation = authority_of(config, store).invite(
            name,
            NodeId(parent_node_id or (known.parent_node_id if known else config.node_id)),
            word or (known.tier if known else ""),
            by=acting_user(),
            needs_approval=needs_approval,
            life_ms=days * limits.DAY_MS,
            reopen=reopen,
        )
    if out is None:
        output.line(invitation.text.rstrip("\n"))
    else:
        write_secret(out, invitation.text.encode("ascii"))
        output.line(
            _("The invitation of {node} is in {file}, good until {until}.").format(
                node=name, file=out, until=moment(invitation.certificate.not_after_ms)
            )
        )
        output.line(_("Next, at the node: dansync enroll FOLDER {file}").format(file=out.name))
    output.document(
        {
            "node_id": name,
            "parent_node_id": invitation.parent_node_id,
            "not_after": invitation.certificate.not_after_ms,
            "fingerprint": invitation.authority_fingerprint,
            "token": invitation.text if out is None else "",
            "file": str(out or ""),
        }
    )


@node.command(
    name="list",
    help=N_("Show the nodes of the tree as this node knows them: parent, tier, certificate, standing."),
    examples=("dansync node list /srv/binh-dinh", "dansync node list /srv/binh-dinh --waiting"),
)
@folder_argument
@click.option("--waiting", is_flag=True, help=N_("Only those that wait to be approved."))
@command_options
def node_list(folder: Path, *, waiting: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="node list") as (_config, store), store.database.snapshot():
        reference = Reference(store)
        pending = {item.node_id for item in reference.requests() if item.state == "pending"}
        opened_to = {item.node_id for item in reference.invitations() if item.state == "open"}
        until: dict[NodeId, int] = {}
        for item in reference.enrolments():
            if not item.state:
                until[item.node_id] = max(until.get(item.node_id, 0), item.not_after_ms)
        nodes = [item for item in reference.nodes() if not waiting or item.node_id in pending]
        now_ms = store.clock.wall_ms()

    def standing(node_id: NodeId, state: str) -> str:
        if state:
            return state
        if node_id in pending:
            return "waiting"
        if node_id in until:
            return "enrolled" if until[node_id] > now_ms else "expired"
        return "invited" if node_id in opened_to else "not enrolled"

    words = {
        "revoked": _("revoked"),
        "dissolved": _("dissolved"),
        "waiting": _("waits for approval"),
        "enrolled": _("enrolled"),
        "expired": _("expired"),
        "invited": _("invited"),
        "not enrolled": _("not enrolled"),
    }
    rows = [(item, standing(item.node_id, item.state)) for item in nodes]
    output.table(
        (_("Node"), _("Tier"), _("Parent"), _("Standing"), _("Certificate until"), _("Reason")),
        [
            (
                item.node_id,
                item.tier,
                item.parent_node_id or "-",
                words[state],
                moment(until[item.node_id]) if item.node_id in until else "-",
                item.reason,
            )
            for item, state in rows
        ],
    )
    output.document(
        {
            "nodes": [
                {
                    "node_id": item.node_id,
                    "tier": item.tier,
                    "parent_node_id": item.parent_node_id,
                    "parent_address": item.parent_address,
                    "former_parents": item.former_parents.split(),
                    "role": item.role,
                    "standing": state,
                    "not_after": until.get(item.node_id, 0),
                    "reason": item.reason,
                }
                for item, state in rows
            ]
        }
    )


@node.command(
    help=N_(
        "Answer a request to be enrolled that was carried here, as it would be answered over the network.\n\n"
        "The request must be made with an invitation of this authority; an answer is good for the node that asked only."
    ),
    examples=("dansync node answer /srv/binh-dinh /media/stick/an-lao.request --out /media/stick/an-lao.answer",),
)
@folder_argument
@click.argument(
    "request", type=click.Path(path_type=Path, dir_okay=False), help=N_("The file that dansync enroll has written.")
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help=N_("Write the answer to this new file."),
)
@command_options
def answer(folder: Path, request: Path, *, out: Path, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    message = read_joining(request, "request")
    with opened(folder, call="node answer") as (config, store):
        desk = EnrolmentDesk(authority_of(config, store), IdentityFolder(config.folder).load().certificate)
        said = desk.handle(ENROL_METHOD, message)
    write_joining(out, "answer", said)
    state = decode_answer(said).state
    words = {"issued": _("granted"), "pending": _("waits for approval"), "refused": _("refused")}
    output.line(_("The answer ({state}) is in {file}; take it back to the node.").format(state=words[state], file=out))
    output.document({"state": state, "file": str(out)})


@node.command(
    help=N_("Let a node in that waits. It gets its certificate when it asks again."),
    examples=("dansync node approve /srv/binh-dinh tran-phu",),
)
@folder_argument
@_node_argument
@command_options
def approve(folder: Path, node_id: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="node approve") as (config, store):
        authority_of(config, store).approve(NodeId(node_id), by=acting_user())
    output.line(_("Node {node} is approved.").format(node=node_id))
    output.document({"node_id": node_id, "state": "approved"})


@node.command(
    help=N_("Do not let a node in that waits."), examples=("dansync node reject /srv/binh-dinh x --reason 'not ours'",)
)
@folder_argument
@_node_argument
@_reason_option
@command_options
def reject(folder: Path, node_id: str, *, reason: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="node reject") as (config, store):
        authority_of(config, store).reject(NodeId(node_id), by=acting_user(), reason=reason)
    output.line(_("Node {node} is rejected.").format(node=node_id))
    output.document({"node_id": node_id, "state": "rejected"})


@node.command(
    help=N_(
        "Let a node in no more, for example because its PC was stolen.\n\n"
        "Open sessions with it end within two seconds at every node that has heard of it; its signature counts no "
        "more. Hand its register over to another machine with dansync origin handover."
    ),
    examples=("dansync node revoke /srv/binh-dinh tran-phu --reason 'PC stolen'",),
)
@folder_argument
@_node_argument
@_reason_option
@command_options
def revoke(folder: Path, node_id: str, *, reason: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="node revoke") as (config, store):
        authority_of(config, store).revoke(NodeId(node_id), by=acting_user(), reason=reason)
    output.line(_("Node {node} is revoked.").format(node=node_id))
    output.document({"node_id": node_id, "state": "revoked"})


node.add_command(move)
node.add_command(dissolve)
