"""``node move``, ``node dissolve`` and ``parent``: nodes that get another parent."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from node.errors import UsageError
from node.ids import NodeId, id_text
from node.interchange.values import ValueRefused, read_node_id
from node.parentage import Parent
from node.reference import Reference
from ops.cli.address import Address
from ops.cli.command import Command, command_options
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output
from ops.enrolment import authority_of
from ops.i18n import N_, _, translated
from ops.parents import parents_to_dial, set_parent


@click.command(
    cls=Command,
    help=N_(
        "Say that a node belongs below another parent from now on.\n\n"
        "The word goes down to everybody. With --address the node needs no hand on it: it learns from its old parent "
        "where the new one listens, and goes there. Without, or if the old parent is gone for ever, say it at the "
        "node: dansync parent. What it has goes to the new parent; what the old one has not sent on yet still climbs."
    ),
    examples=(
        "dansync node move /srv/binh-dinh tran-phu --to binh-dinh --address 10.1.0.5:7000",
        "dansync node move /srv/binh-dinh tran-phu --to an-lao",
    ),
)
@folder_argument
@click.argument("node_id", help=N_("Name of the node."))
@click.option("--to", "--parent", "parent_node_id", required=True, help=N_("Node id of the new parent."))
@click.option("--address", type=Address(), default="", help=N_("Where the new parent listens for this node."))
@command_options
def move(folder: Path, node_id: str, *, parent_node_id: str, address: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="node move") as (config, store):
        authority = authority_of(config, store)
        authority.move(NodeId(node_id), NodeId(parent_node_id), by=acting_user(), address=address)
    output.line(_("Node {node} belongs below {parent} now.").format(node=node_id, parent=parent_node_id))
    if not address:
        output.line(
            _("Next, at the node: dansync parent FOLDER --node-id {parent} --address HOST:PORT").format(
                parent=parent_node_id
            )
        )
    output.document({"node_id": node_id, "parent_node_id": parent_node_id, "parent_address": address})


@click.command(
    cls=Command,
    help=N_(
        "Say that nobody belongs below a node any more, for example because its district has ended.\n\n"
        "Only when it has no children left. Its own register goes on at its parent (or ends, with --retire). It keeps "
        "its certificate: let it send what it still has, and prove that nothing is left, with dansync drain; then "
        "dansync node revoke."
    ),
    examples=("dansync node dissolve /srv/binh-dinh quy-nhon --reason 'no district tier since 2025-07-01'",),
)
@folder_argument
@click.argument("node_id", help=N_("Name of the node."))
@click.option("--reason", default="", help=N_("Why, for the log."))
@click.option("--retire", is_flag=True, help=N_("End its own register instead of handing it to its parent."))
@command_options
def dissolve(folder: Path, node_id: str, *, reason: str, retire: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="node dissolve") as (config, store):
        holdings = authority_of(config, store).dissolve(NodeId(node_id), by=acting_user(), reason=reason, retire=retire)
    output.line(_("Node {node} is dissolved: nobody belongs below it.").format(node=node_id))
    for held in holdings:
        origin = id_text(held.subject)
        output.line(
            _("Its register {origin} goes on at {node}, from commit {seq} on.").format(
                origin=origin, node=held.node_id, seq=held.from_seq + 1
            )
            if held.node_id
            else _("Its register {origin} has ended with commit {seq}.").format(origin=origin, seq=held.from_seq)
        )
    output.line(_("Next, at the node: dansync drain FOLDER"))
    output.document(
        {
            "node_id": node_id,
            "state": "dissolved",
            "origins": [
                {"origin": id_text(held.subject), "holder": held.node_id, "from_seq": held.from_seq}
                for held in holdings
            ],
        }
    )


@click.command(
    cls=Command,
    help=N_(
        "Say at a node whom it dials: another parent, or another address of the same one.\n\n"
        "A node that runs takes it up at once. Whose child it is, the authority decides (dansync node move): another "
        "parent takes it in only when it has heard of that."
    ),
    examples=(
        "dansync parent /srv/tran-phu --node-id binh-dinh --address 10.1.0.5:7000",
        "dansync parent /srv/tran-phu",
    ),
)
@folder_argument
@click.option("--node-id", default="", help=N_("Node id of the parent."))
@click.option("--address", type=Address(), default="", help=N_("Where it listens."))
@command_options
def parent(folder: Path, *, node_id: str, address: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if bool(node_id) != bool(address):
        raise UsageError("--node-id and --address go together.", hint="Give both, or none to see whom the node dials.")
    with opened(folder, "write" if node_id else "read", call="parent" if node_id else "status") as (before, store):
        reference = Reference(store)
        config = before
        if node_id:
            config = set_parent(before, reference, Parent(address, _name(node_id)))
        registered = reference.parent_of(config.node_id)
        found = parents_to_dial(config, store, reference)
    for number, way in enumerate(found, 1):
        output.line(_("{number}. {node} at {address}").format(number=number, node=way.node_id, address=way.address))
    if not found:
        output.line(_("This node dials nobody."))
    if registered and registered not in {way.node_id for way in found}:
        output.line(
            _("The authority says that it belongs below {parent}, as far as is known here.").format(parent=registered)
        )
    output.document(
        {
            "node_id": config.node_id,
            "registered_parent": registered or "",
            "dials": [{"node_id": way.node_id, "address": way.address} for way in found],
        }
    )


def _name(text: str) -> NodeId:
    try:
        return NodeId(read_node_id("--node-id", text))
    except ValueRefused as error:
        raise UsageError(
            _("{option}: {value!r} {reason}.").format(
                option=error.column, value=error.value, reason=translated(error.reason)
            ),
            hint="See examples with: dansync parent --help",
        ) from None
