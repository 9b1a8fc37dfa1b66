"""``encrypt``: a plain store becomes an encrypted one."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import apsw
import rich_click as click

from node.clock import SystemClock
from node.encryption import StoreKey, is_setting, make_key, require_cipher
from node.errors import StoreDamaged, StoreError, UsageError
from node.store import Store
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output
from ops.config import NodeConfig, save_config
from ops.daemon import daemon_lock
from ops.i18n import N_, _


@click.command(
    cls=Command,
    help=N_(
        "Encrypt the store of a node that is a plain file. The node must not run.\n\n"
        "An encrypted copy is made beside it and compared with it, row for row by digests, and then takes its place. "
        "Interrupted at any point, the plain store or the encrypted one is there, whole. Older backups stay plain."
    ),
    examples=("dansync encrypt /srv/tran-phu --key file:/etc/dansync/tran-phu.key",),
)
@folder_argument
@click.option(
    "--key",
    "setting",
    required=True,
    metavar="file:PATH|keyring:SERVICE",
    help=N_("Where the key is kept; made if there is none yet."),
)
@command_options
def encrypt(folder: Path, *, setting: str, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if not is_setting(setting):
        raise UsageError(f"--key: {setting!r} names no key.", hint="Give file:PATH or keyring:SERVICE.")
    require_cipher(apsw)
    with opened(folder, call="encrypt") as (config, _store):
        if config.encryption:
            raise UsageError(
                f"The store of node {config.node_id} is encrypted already.", hint="There is nothing to do."
            )
    with daemon_lock(config):
        key = make_key(setting, config.node_id)
        _replace(config, key)
        save_config(replace(config, encryption=setting))
    output.line(_("The store is encrypted. Keep a copy of its key elsewhere: {key}.").format(key=setting))
    output.document({"node_id": config.node_id, "encryption": setting})


def _replace(config: NodeConfig, key: StoreKey) -> None:
    """Copy, encrypt the copy, compare, and only then put it in the place of the plain file."""
    path, copy = config.store_path, config.store_path.with_suffix(".encrypting")
    copy.unlink(missing_ok=True)
    plain = _open(path, None)
    try:
        plain.connection.execute("VACUUM INTO ?", (str(copy),)).fetchall()
        connection = apsw.Connection(str(copy))
        try:
            connection.pragma("cipher", "chacha20")
            connection.pragma("rekey", key.pragma_value)
        finally:
            connection.close()
        encrypted = _open(copy, key)
        try:
            _compare(plain, encrypted)
        finally:
            encrypted.close()
        plain.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        plain.close()
    if path.with_name(path.name + "-wal").exists():
        raise StoreError(f"Another program has {path} open.", hint="Close it and run the same command again.")
    copy.replace(path)
    for leftover in ("-wal", "-shm"):
        copy.with_name(copy.name + leftover).unlink(missing_ok=True)
    copy.with_name(copy.name + ".witness").unlink(missing_ok=True)


def _open(path: Path, key: StoreKey | None) -> Store:
    return Store.open(path, clock=SystemClock(), source=random.SystemRandom(), key=key)


def _compare(plain: Store, encrypted: Store) -> None:
    for state in plain.states():
        origin = state.head.origin
        if encrypted.head(origin) != state.head or encrypted.digest(origin) != plain.digest(origin):
            raise StoreDamaged(
                "The encrypted copy is not equal to the store. Nothing was changed.",
                hint="Check the disk, and run the same command again.",
            )
