"""``origin``: who writes which register."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from node.holding import Holding
from node.ids import NodeId, OriginId, id_text
from node.reference import Reference
from ops.cli.command import Group, command_options
from ops.cli.options import acting_user, folder_argument, named_origin, opened
from ops.cli.output import Output
from ops.enrolment import authority_of
from ops.i18n import N_, _

_origin_argument = click.argument(
    "origin_name", metavar="ORIGIN", help=N_("An origin's id, or the node that began it.")
)


@click.group(
    cls=Group,
    help=N_(
        "Registers (origins) and who holds them. An origin is never used again and never has two writers; it may be "
        "handed to another machine."
    ),
    examples=("dansync origin list /srv/binh-dinh", "dansync origin handover /srv/binh-dinh tran-phu --to tran-phu-2"),
)
def origin() -> None:
    """The group."""


@origin.command(
    name="list",
    help=N_("Show the origins of the tree as this node knows them: unit, holder, how far they are here."),
    examples=("dansync origin list /srv/binh-dinh",),
)
@folder_argument
@command_options
def origin_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="origin list") as (_config, store), store.database.snapshot():
        reference = Reference(store)
        heads = {state.head.origin: state for state in store.states()}
        rows = []
        for item in reference.origins():
            holdings = reference.holdings(item.subject)
            state = heads.get(item.subject)
            rows.append(
                {
                    "origin": id_text(item.subject),
                    "unit_code": item.unit_code,
                    "unit_valid_from": item.unit_valid_from,
                    "state": item.state,
                    "holder": holdings[-1].node_id if holdings else "",
                    "since": holdings[-1].from_seq if holdings else 0,
                    "holders": [held.node_id for held in holdings],
                    "commits": state.head.seq if state else 0,
                    "halted": state.halted if state else "",
                    "reference": item.subject == store.reference_origin(),
                }
            )
    output.table(
        (_("Origin"), _("Unit"), _("Holder"), _("Since commit"), _("Commits here"), _("State")),
        [
            (
                row["origin"],
                row["unit_code"] or "-",
                row["holder"] or "-",
                row["since"],
                row["commits"],
                _("reference data") if row["reference"] else _("retired") if row["state"] else row["halted"],
            )
            for row in rows
        ],
        right=(3, 4),
    )
    output.document({"origins": rows})


@origin.command(
    help=N_(
        "Let another node write an origin from now on, from the last commit that the authority has.\n\n"
        "The new holder gets what was written before from its parent, and then writes on. The old one is refused when "
        "it comes back; what it had not sent is kept there."
    ),
    examples=("dansync origin handover /srv/binh-dinh tran-phu --to tran-phu-2",),
)
@folder_argument
@_origin_argument
@click.option("--to", "node_id", required=True, help=N_("Name of the node that writes it from now on."))
@command_options
def handover(folder: Path, origin_name: str, *, node_id: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="origin handover") as (config, store):
        subject = named_origin(store, origin_name)
        holding = authority_of(config, store).hand_over(subject, NodeId(node_id), by=acting_user())
    output.line(
        _("Node {node} writes origin {origin} from commit {seq} on.").format(
            node=node_id, origin=id_text(subject), seq=holding.from_seq + 1
        )
    )
    output.document(_document(subject, holding))


@origin.command(
    help=N_("End an origin: nobody writes it any more, and what is in it stays."),
    examples=("dansync origin retire /srv/binh-dinh 019a-...",),
)
@folder_argument
@_origin_argument
@command_options
def retire(folder: Path, origin_name: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="origin retire") as (config, store):
        subject = named_origin(store, origin_name)
        holding = authority_of(config, store).retire(subject, by=acting_user())
    output.line(_("Origin {origin} has ended with commit {seq}.").format(origin=id_text(subject), seq=holding.from_seq))
    output.document(_document(subject, holding))


def _document(subject: OriginId, holding: Holding) -> dict[str, object]:
    return {"origin": id_text(subject), "holder": holding.node_id, "from_seq": holding.from_seq}
