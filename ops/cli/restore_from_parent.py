"""``restore --from-parent``: a node that has lost its store gets it from its parent."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import apsw

from node.clock import SystemClock
from node.encryption import is_setting, make_key, require_cipher
from node.errors import UsageError
from node.identity.invitation import Invitation, read_invitation
from node.ids import id_text
from node.store import Store
from ops.cli.output import Output
from ops.config import SETTINGS_NAME, NodeConfig, load_config, save_config
from ops.daemon import daemon_lock
from ops.i18n import _
from ops.restoring import restore_from_parent

HASH_CHARACTERS = 12


def from_parent(
    output: Output,
    folder: Path,
    *,
    invitation: Path,
    parent_address: str,
    listen: str,
    metrics_listen: str,
    encryption: str,
) -> None:
    """Make the store anew, enrol, and fetch. Raises ``UsageError``, ``PeerUnavailable``."""
    token = _invitation(invitation)
    config = _settings(folder, token, parent_address, listen, metrics_listen, encryption)
    with daemon_lock(config):
        store = Store.create_anew(
            config.store_path,
            token.node_id,
            clock=SystemClock(),
            source=random.SystemRandom(),
            key=make_key(config.encryption, token.node_id) if config.encryption else None,
        )
        try:
            with output.progress({"commits": _("Commits")}) as report:
                found = asyncio.run(
                    restore_from_parent(
                        config,
                        store,
                        token,
                        lambda here: report("commits", sum(state.head.seq for state in here.states()), 0),
                    )
                )
        finally:
            store.close()
    output.table(
        (_("Origin"), _("Whose"), _("Commits"), _("Hash"), _("Rows"), _("Digest")),
        [
            (
                id_text(item.head.origin),
                _("own") if item.own else _("passed on"),
                item.head.seq,
                item.head.hash.hex()[:HASH_CHARACTERS],
                item.rows,
                item.digest.hex()[:HASH_CHARACTERS],
            )
            for item in found
        ],
        right=(2, 4),
    )
    output.line(_("Node {node} is restored from its parent.").format(node=token.node_id))
    output.line(_("Next: dansync run {folder}").format(folder=folder))
    output.document(
        {
            "node_id": token.node_id,
            "origins": [
                {
                    "origin": id_text(item.head.origin),
                    "own": item.own,
                    "seq": item.head.seq,
                    "hash": item.head.hash.hex(),
                    "rows": item.rows,
                    "digest": item.digest.hex(),
                }
                for item in found
            ],
        }
    )


def _invitation(path: Path) -> Invitation:
    try:
        return read_invitation(path.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise UsageError(
            f"The invitation {path} cannot be read ({error.strerror}).", hint="Give the file that the authority sent."
        ) from error


def _settings(
    folder: Path, token: Invitation, parent_address: str, listen: str, metrics_listen: str, encryption: str
) -> NodeConfig:
    """Those of the try before this one, or new ones. Raises ``UsageError``."""
    if (folder / SETTINGS_NAME).exists():
        config = load_config(folder)
        if config.node_id != token.node_id:
            raise UsageError(
                f"There is already a node in {folder}: {config.node_id}.",
                hint=f"The invitation is for node {token.node_id}; choose another folder.",
            )
        return config
    if not parent_address:
        raise UsageError("Where the parent listens is not known here.", hint="Add: --parent HOST:PORT")
    if encryption and not is_setting(encryption):
        raise UsageError(f"--encrypt: {encryption!r} names no key.", hint="Give file:PATH or keyring:SERVICE.")
    if encryption:
        require_cipher(apsw)
    config = NodeConfig(
        folder,
        token.node_id,
        parent_address,
        listen,
        metrics_listen,
        encryption=encryption,
        parent_node_id=token.parent_node_id,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_config(config)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written ({error.strerror}).",
            hint="Choose a folder on a local disk where you may write.",
        ) from error
    return config
