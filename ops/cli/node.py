"""``init`` and ``run``: making a node and letting it work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from dataclasses import asdict
from pathlib import Path

import apsw
import rich_click as click

from node.clock import SystemClock
from node.encryption import is_setting, make_key, require_cipher
from node.errors import DansyncError, UsageError
from node.ids import NodeId, id_text
from node.interchange.values import ValueRefused, read_date, read_id, read_node_id, read_text
from node.store import Profile, Store
from ops.cli.address import Address
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument
from ops.cli.output import Output
from ops.cli.presence import Presence, announced
from ops.config import SETTINGS_NAME, NodeConfig, load_config, save_config
from ops.daemon import Daemon, run_until_stopped
from ops.i18n import N_, _, translated

UNIT_CODE_LENGTHS = (0, 2, 3, 5)


@click.command(
    cls=Command,
    help=N_(
        "Make a node: a folder with its settings and its empty register.\n\n"
        "A node with a parent sends everything up; a node that listens takes in what its children send; a district "
        "does both. If it was interrupted, run the same command again."
    ),
    examples=(
        "dansync init /srv/binh-dinh --node-id binh-dinh --tier province --unit-code 52 --listen 0.0.0.0:7000",
        "dansync init tran-phu/ --node-id tran-phu --tier commune --parent-node-id binh-dinh --parent 10.1.0.5:7000",
    ),
)
@folder_argument
@click.option("--node-id", required=True, help=N_("Name of the node, without blanks. It stays for ever."))
@click.option("--tier", required=True, help=N_("What the node is: commune, district, province, or any other word."))
@click.option("--unit-code", default="", help=N_("Code of the administrative unit: 2, 3 or 5 digits."))
@click.option(
    "--unit-valid-from", default="", metavar="YYYY-MM-DD", help=N_("Day from which the code means this unit.")
)
@click.option("--name", default="", help=N_("Name of the unit, for people."))
@click.option("--parent-node-id", default="", help=N_("Node id of the parent; none for a root."))
@click.option("--parent", "parent_address", type=Address(), default="", help=N_("Where the parent listens."))
@click.option("--listen", type=Address(), default="", help=N_("Where this node listens for its children."))
@click.option("--metrics", "metrics_listen", type=Address(), default="", help=N_("Where Prometheus may read metrics."))
@click.option(
    "--encrypt",
    "encryption",
    default="",
    metavar="file:PATH|keyring:SERVICE",
    help=N_("Encrypt the store; where its key is kept, and made if there is none yet."),
)
@command_options
def init(
    folder: Path,
    *,
    node_id: str,
    tier: str,
    unit_code: str,
    unit_valid_from: str,
    name: str,
    parent_node_id: str,
    parent_address: str,
    listen: str,
    metrics_listen: str,
    encryption: str,
    json_mode: bool,
) -> None:
    output = Output(json_mode=json_mode)
    profile = _profile(node_id, parent_node_id, tier, unit_code, unit_valid_from, name)
    if parent_address and not parent_node_id:
        raise UsageError("The parent's address is given without its name.", hint="Add: --parent-node-id NAME")
    if encryption and not is_setting(encryption):
        raise UsageError(f"--encrypt: {encryption!r} names no key.", hint="Give file:PATH or keyring:SERVICE.")
    if encryption:
        require_cipher(apsw)
    config = NodeConfig(folder, profile.node_id, parent_address, listen, metrics_listen, encryption=encryption)
    _require_free(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_config(config)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written ({error.strerror}).",
            hint="Choose a folder on a local disk where you may write.",
        ) from error
    key = make_key(encryption, profile.node_id) if encryption else None
    store = Store.create(config.store_path, profile, clock=SystemClock(), source=random.SystemRandom(), key=key)
    try:
        origin = id_text(store.own_origin())
    finally:
        store.close()
    output.line(
        _("Node {node} is ready in {folder}. Its origin is {origin}.").format(
            node=node_id, folder=folder, origin=origin
        )
    )
    if encryption:
        output.line(_("The store is encrypted. Keep a copy of its key elsewhere: {key}.").format(key=encryption))
    if parent_node_id:
        output.line(_("Next: dansync enroll {folder} INVITATION-FILE").format(folder=folder))
    else:
        output.line(_("Next: dansync ca init {folder}").format(folder=folder))
    output.document({"node_id": node_id, "folder": str(folder), "origin": origin})


def _profile(node_id: str, parent_node_id: str, tier: str, unit_code: str, valid_from: str, name: str) -> Profile:
    """The values checked. Raises ``UsageError``."""
    try:
        profile = Profile(
            NodeId(read_node_id("--node-id", node_id)),
            NodeId(read_node_id("--parent-node-id", parent_node_id) if parent_node_id else ""),
            read_id("--tier", tier),
            read_text("--unit-code", unit_code),
            read_date("--unit-valid-from", valid_from),
            read_text("--name", name or node_id),
        )
    except ValueRefused as error:
        reason = translated(error.reason)
        raise UsageError(
            _("{option}: {value!r} {reason}.").format(option=error.column, value=error.value, reason=reason),
            hint="See examples with: dansync init --help",
        ) from None
    if len(profile.unit_code) not in UNIT_CODE_LENGTHS or (profile.unit_code and not profile.unit_code.isdecimal()):
        raise UsageError(
            f"--unit-code: {unit_code!r} is no administrative code.",
            hint="Give the 2, 3 or 5 digits of the statistics office, or leave the option out.",
        )
    if profile.node_id == profile.parent_node_id:
        raise UsageError(f"Node {node_id} cannot be its own parent.", hint="Give another --parent-node-id, or none.")
    return profile


def _require_free(config: NodeConfig) -> None:
    """Raises ``UsageError`` if a finished node, or another one, has the folder."""
    if not (config.folder / SETTINGS_NAME).exists():
        return
    owner = load_config(config.folder).node_id
    finished = False
    with contextlib.suppress(DansyncError):  # none yet, or one that was never completed: init goes on with it
        existing = load_config(config.folder)
        Store.open(
            config.store_path,
            clock=SystemClock(),
            source=random.SystemRandom(),
            mode="read",
            key=existing.store_key(),
        ).close()
        finished = True
    if finished or owner != config.node_id:
        raise UsageError(
            f"There is already a node in {config.folder}: {owner}.",
            hint="Let it work with dansync run, look at it with dansync status, or choose another folder.",
        )


@click.command(
    cls=Command,
    help=N_(
        "Let a node work until it is stopped with Ctrl+C or SIGTERM: send to the parent, serve the children.\n\n"
        "The network may come and go, and other commands may be used meanwhile. With --drain it sends everything once "
        "and ends; the exit code is 6 if the parent cannot be reached."
    ),
    examples=("dansync run /srv/tran-phu", "dansync run /srv/tran-phu --drain"),
)
@folder_argument
@click.option("--drain", is_flag=True, help=N_("Send everything to the parent once, then end."))
@click.option("-v", "--verbose", count=True, help=N_("Say more on standard error; twice for everything."))
@command_options
def run(folder: Path, *, drain: bool, verbose: int, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    config = load_config(folder)
    if drain and not config.parent_address:
        raise UsageError(
            f"Node {config.node_id} has no parent to send to.",
            hint=f'Write a line parent_address = "host:port" into {folder / SETTINGS_NAME}',
        )
    logging.basicConfig(
        level=(logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    with contextlib.ExitStack() as announcement:

        def ready(daemon: Daemon) -> None:
            listen = daemon.server.address if daemon.server else ""
            now = daemon.store.clock.wall_ms()
            there = Presence(os.getpid(), listen, config.parent_address, config.metrics_listen, now)
            announcement.enter_context(announced(config, there))
            _announce(output, config, there, drain=drain)

        asyncio.run(run_until_stopped(config, drain=drain, on_ready=ready))
    if drain:
        output.line(_("The parent has everything."))
        output.document({"node_id": config.node_id, "drained": True})
    else:
        output.line(_("Node {node} has stopped.").format(node=config.node_id))


def _announce(output: Output, config: NodeConfig, there: Presence, *, drain: bool) -> None:
    output.line(
        _("Node {node} works: listens on {listen}, parent {parent}, metrics {metrics}, pid {pid}.").format(
            node=config.node_id,
            listen=there.listen or "-",
            parent=there.parent or "-",
            metrics=there.metrics or "-",
            pid=there.pid,
        )
    )
    if not drain:
        output.document({"node_id": config.node_id, **asdict(there)})
    marker = os.environ.get("DANSYNC_READY_FILE")  # a supervisor (rehearsal, demo) waits for it
    if marker:
        Path(marker).write_text(str(there.pid), encoding="ascii")
