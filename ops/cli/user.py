"""``user``: the people at a node and what they may do."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from node.authorisation import PERSON_ROLES
from node.users import remove as remove_user
from node.users import set_role, users
from ops.cli.command import Group, command_options
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output
from ops.i18n import N_, _

_name_argument = click.argument("name", help=N_("Name of the person, as in the log's column author."))


@click.group(
    cls=Group,
    help=N_(
        "People at a node and their roles: viewer (looks), reviewer (also rules on cases), operator (records, keeps "
        "the node), authority (also enrols and hands over).\n\n"
        "As long as nobody is registered, whoever can open the store may do everything. DANSYNC_USER says who is at "
        "work where several people share one account."
    ),
    examples=("dansync user add /srv/tran-phu lan --role operator", "dansync user list /srv/tran-phu"),
)
def user() -> None:
    """The group."""


@user.command(
    help=N_("Register a person, or give one another role."),
    examples=("dansync user add /srv/tran-phu lan --role operator",),
)
@folder_argument
@_name_argument
@click.option("--role", type=click.Choice(PERSON_ROLES), required=True, help=N_("What the person may do."))
@command_options
def add(folder: Path, name: str, *, role: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="user add") as (_config, store):
        set_role(store, name, role, by=acting_user())
    output.line(_("{name} is {role} now.").format(name=name, role=role))
    output.document({"name": name, "role": role})


@user.command(help=N_("Let a person do nothing here any more."), examples=("dansync user remove /srv/tran-phu lan",))
@folder_argument
@_name_argument
@command_options
def remove(folder: Path, name: str, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="user remove") as (_config, store):
        remove_user(store, name, by=acting_user())
    output.line(_("{name} is not registered here any more.").format(name=name))
    output.document({"name": name, "role": ""})


@user.command(name="list", help=N_("Show who may do what at this node."), examples=("dansync user list /srv/tran-phu",))
@folder_argument
@command_options
def user_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="user list") as (_config, store):
        found = users(store)
    if not found:
        output.line(_("Nobody is registered: whoever can open this store may do everything."))
    else:
        output.table((_("Name"), _("Role")), [(item.name, item.role) for item in found])
    output.document({"users": [{"name": item.name, "role": item.role} for item in found]})
