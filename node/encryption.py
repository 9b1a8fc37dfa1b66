"""Encryption at rest, optional: the key of a store, and where it is kept.

With a key the same code runs on a SQLite that encrypts every page (SQLite3 Multiple Ciphers, ChaCha20-Poly1305, package
``apsw-sqlite3mc`` in the place of ``apsw``). The key lies beside the machine, never beside the data: in the system's
keyring, or in a file that only the node's user can read. It does not protect a running node, nor against an older copy
of the file being put in the place of the newer one.
"""

from __future__ import annotations

import importlib
import os
import stat
from pathlib import Path
from typing import Any, Final, Protocol, cast

from node.errors import StoreError
from node.secret import write_secret

KEY_BYTES: Final = 32
CIPHER: Final = "chacha20"
PLAIN_HEADER: Final = b"SQLite format 3\0"
_FILE: Final = "file:"
_KEYRING: Final = "keyring:"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class StoreKey:
    """Thirty-two secret bytes. No text shows them."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != KEY_BYTES:
            raise StoreError(
                f"A store's key has {KEY_BYTES} bytes; this one has {len(value)}.",
                hint="Give the right key, or let dansync init --encrypt make one.",
            )
        self._value = value

    @property
    def pragma_value(self) -> str:
        """As the cipher takes a raw key."""
        return f"raw:{self._value.hex()}"

    def hex(self) -> str:
        """For whoever keeps it."""
        return self._value.hex()

    def __repr__(self) -> str:
        return "StoreKey(...)"


class _Keyring(Protocol):
    def get_password(self, service: str, name: str) -> str | None: ...
    def set_password(self, service: str, name: str, value: str) -> None: ...


def is_setting(value: str) -> bool:
    """Whether a setting has the form file:PATH or keyring:SERVICE."""
    return any(value.startswith(kind) and len(value) > len(kind) for kind in (_FILE, _KEYRING))


def load_key(setting: str, node_id: str) -> StoreKey | None:
    """The key that a setting names; None for no setting. Raises ``StoreError`` if it cannot be had."""
    if not setting:
        return None
    text = (
        _from_file(Path(setting.removeprefix(_FILE))) if setting.startswith(_FILE) else _from_keyring(setting, node_id)
    )
    try:
        return StoreKey(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise StoreError(
            f"What {setting} holds is no key of a store.", hint="It is 64 hexadecimal digits; put the right key there."
        ) from error


def make_key(setting: str, node_id: str) -> StoreKey:
    """The key that a setting names, made there if there is none yet. Raises ``StoreError``."""
    if setting.startswith(_FILE):
        path = Path(setting.removeprefix(_FILE))
        if not path.exists():
            _write(path, os.urandom(KEY_BYTES).hex())
    elif _keyring().get_password(setting.removeprefix(_KEYRING), node_id) is None:
        _keyring().set_password(setting.removeprefix(_KEYRING), node_id, os.urandom(KEY_BYTES).hex())
    key = load_key(setting, node_id)
    assert key is not None
    return key


def _write(path: Path, text: str) -> None:
    try:
        write_secret(path, f"{text}\n".encode("ascii"))
    except OSError as error:
        raise StoreError(
            f"The key file {path} cannot be made ({error.strerror}).", hint="Choose a folder that exists."
        ) from error


def _from_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise StoreError(
            f"The key file {path} cannot be read ({error.strerror}).",
            hint="Put the key back from where its copy is kept; without it nobody can read the store.",
        ) from error
    if os.name == "posix" and mode & _OTHERS:
        raise StoreError(
            f"Other users of this machine may read the key file {path}.", hint=f"Protect it: chmod 600 {path}"
        )
    return text


def _from_keyring(setting: str, node_id: str) -> str:
    service = setting.removeprefix(_KEYRING)
    found = _keyring().get_password(service, node_id)
    if found is None:
        raise StoreError(
            f"The system's keyring has no key of node {node_id} under {service}.",
            hint="Unlock the keyring of the user who runs the node, or put the key back from its copy.",
        )
    return found


def _keyring() -> _Keyring:
    """The package keyring is asked for only by those who use it."""
    try:
        return cast("_Keyring", importlib.import_module("keyring"))
    except ImportError as error:
        raise StoreError(
            "The setting names the system's keyring, and the package keyring is not installed.",
            hint='Install it (pip install keyring), or keep the key in a file: encryption = "file:PATH"',
        ) from error


def cipher_version(module: Any) -> str:
    """Version of the cipher that a SQLite module carries; '' for the plain one."""
    return str(getattr(module, "mc_version", ""))


def require_cipher(module: Any) -> None:
    """Raises ``StoreError`` if this SQLite cannot encrypt: it would make a plain file without a word."""
    if not cipher_version(module):
        raise StoreError(
            "Encryption is configured, and the SQLite in use cannot encrypt.",
            hint="Put the package apsw-sqlite3mc in the place of apsw: pip uninstall apsw, pip install apsw-sqlite3mc.",
        )


def header_of(path: Path) -> bytes:
    """The first bytes of a file; empty if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(len(PLAIN_HEADER))
    except OSError:
        return b""
