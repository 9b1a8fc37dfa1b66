"""``encrypt``: a plain store becomes an encrypted one."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import apsw
import rich_click as click

from node.clock import SystemClock
from node.encryption import PLAIN_HEADER, StoreKey, header_of, is_setting, load_key, make_key, require_cipher
from node.errors import StoreDamaged, StoreError, UsageError
from node.store import Store
from node.users import require_role
from ops.cli.command import Command, command_options
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output
from ops.config import NodeConfig, load_config, save_config
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
    config = load_config(folder)
    if not _finished(config, setting):
        with opened(folder, call="encrypt"):
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


def _finished(config: NodeConfig, setting: str) -> bool:
    """A try that was killed between its last two steps left an encrypted store that the settings call a plain one: put
    that right. False if there is nothing of the kind. Raises ``StoreError`` if the key cannot be had or is another one.
    """
    if config.encryption or header_of(config.store_path) in {b"", PLAIN_HEADER}:
        return False
    with daemon_lock(config):
        store = _open(config.store_path, load_key(setting, config.node_id))
        try:
            require_role(store, "encrypt", acting_user())
        finally:
            store.close()
        _clear(_copy_of(config))
        save_config(replace(config, encryption=setting))
    return True


def _copy_of(config: NodeConfig) -> Path:
    return config.store_path.with_suffix(".encrypting")


def _clear(copy: Path) -> None:
    """Take away a copy and what SQLite and the store keep beside it."""
    for ending in ("", "-wal", "-shm", "-journal", ".witness"):
        copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _replace(config: NodeConfig, key: StoreKey) -> None:
    """Copy, encrypt the copy, compare, and only then put it in the place of the plain file."""
    path, copy = config.store_path, _copy_of(config)
    _clear(copy)
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
    _clear(copy)


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
