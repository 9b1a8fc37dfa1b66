"""Arguments that several commands share, and how a node's folder is opened."""

from __future__ import annotations

import getpass
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import apsw
import rich_click as click

from node.clock import SystemClock
from node.database import Mode, explained
from node.errors import UsageError
from node.ids import OriginId, id_from_text
from node.store import Store
from node.users import require_role
from ops.cli.command import command_options as json_option
from ops.cli.output import Output
from ops.config import NodeConfig, load_config, require_store_of
from ops.i18n import N_, _

__all__ = ["Day", "acting_user", "author_option", "folder_argument", "json_option", "named_origin", "opened", "os_user"]

folder_argument = click.argument(
    "folder", type=click.Path(path_type=Path, file_okay=False), help=N_("The folder of the node.")
)


def os_user() -> str:
    """Who is at the keyboard, as the operating system knows it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in a container, or no user database at all
        return "unknown"


def acting_user() -> str:
    """Who uses the command line: DANSYNC_USER where several people share one account, else the system's user."""
    return os.environ.get("DANSYNC_USER", "") or os_user()


author_option = click.option(
    "--author", default=acting_user, show_default=False, help=N_("Who records this (default: your user name).")
)


class Day(click.ParamType[date]):
    """A whole day."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(_("{value} is no day of the form YYYY-MM-DD.").format(value=value), param, ctx)


@contextmanager
def opened(folder: Path, mode: Mode = "write", *, call: str, user: str = "") -> Iterator[tuple[NodeConfig, Store]]:
    """The settings and the store of the node in a folder, for one call of ``node.authorisation`` by a user (default:
    whoever is at the keyboard).

    Raises ``StoreDamaged`` if they are of two nodes, ``NotAllowed`` if the user's role has no such call.
    """
    config = load_config(folder)
    store = Store.open(
        config.store_path, clock=SystemClock(), source=random.SystemRandom(), mode=mode, key=config.store_key()
    )
    try:
        require_store_of(config, store)
        require_role(store, call, user or acting_user())
        _tell_losses(folder, store)
        try:
            yield config, store
        except apsw.Error:
            with explained(str(config.store_path)):  # what a command met while it read
                raise
    finally:
        store.close()


def _tell_losses(folder: Path, store: Store) -> None:
    """Commits that were found missing just now, while somebody looks; the alarm stays."""
    for loss in store.missing:
        Output(json_mode=False).warn(
            _(
                "Commits are missing: the register ends at commit {found}, and commit {seq} was made here before. The "
                "disk may be failing. What was sent comes back from the parent: dansync status {folder}"
            ).format(found=loss.found.seq, seq=loss.witnessed.seq, folder=folder)
        )


def named_origin(store: Store, text: str) -> OriginId:
    """The origin of that id, or that the node of that name began, or "reference"; its own one if nothing is named."""
    if not text:
        return store.own_origin()
    profiles = store.profiles()
    reference = store.reference_origin()
    if reference is not None and text == "reference":
        return reference
    by_node = [origin for origin, profile in profiles.items() if profile.node_id == text and not profile.purpose]
    if len(by_node) == 1:
        return by_node[0]
    try:
        origin = OriginId(id_from_text(text))
    except ValueError:
        origin = OriginId(b"")
    if origin not in {state.head.origin for state in store.states()}:
        raise UsageError(
            f"{text} is no origin that is known here.",
            hint="Give an origin's id or a node's name as they stand in: dansync status",
        )
    return origin
