"""The folder of a node and its settings file ``node.toml``.

A node is one folder: ``store.db`` (and its witness beside it), ``node.toml``, a lock that keeps a second daemon out,
and what imports rejected.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node import limits
from node.encryption import StoreKey, is_setting, load_key
from node.errors import StoreDamaged, UsageError
from node.ids import NodeId
from node.store import Store

SETTINGS_NAME: Final = "node.toml"
STORE_NAME: Final = "store.db"
LOCK_NAME: Final = "daemon.lock"
REJECTED_NAME: Final = "rejected.csv"


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """``parent_address``, ``listen`` and ``metrics_listen`` are ``host:port`` or empty: no parent, no children, no
    metrics.
    """

    folder: Path
    node_id: NodeId
    parent_address: str = ""
    listen: str = ""
    metrics_listen: str = ""
    reconnect_ms_max: int = limits.RECONNECT_DELAY_MAX_MS
    """The longest pause before the parent is dialled again; shorter only where few children share a parent."""
    encryption: str = ""
    """Where the store's key is: ``file:PATH`` or ``keyring:SERVICE``; empty: the store is a plain file."""
    scrub_interval_s: int = limits.SCRUB_INTERVAL_S
    """How often a running node looks at all its rows; 0: never."""
    case_interval_s: int = limits.CASE_INTERVAL_S
    """How often a running node with children looks whether there are cases to decide; 0: never."""
    log_keep_days: int = limits.LOG_KEEP_DAYS
    """How long commits that a parent has confirmed are kept in the log; a snapshot then stands for them."""
    log_budget_mib: int = 0
    """The log should not grow beyond this many MiB: above four fifths of it, commits go earlier; 0: no such limit."""
    parent_node_id: NodeId = NodeId("")  # noqa: RUF009  a NodeId is a str
    """Which node must be at ``parent_address``, where it is not the one that the node was made for."""

    def store_key(self) -> StoreKey | None:
        """Raises ``StoreError`` if the key cannot be had."""
        return load_key(self.encryption, self.node_id)

    @property
    def store_path(self) -> Path:
        return self.folder / STORE_NAME

    @property
    def lock_path(self) -> Path:
        return self.folder / LOCK_NAME

    @property
    def rejected_path(self) -> Path:
        return self.folder / REJECTED_NAME


_NUMBERS: Final = {"reconnect_ms_max", "scrub_interval_s", "case_interval_s", "log_keep_days", "log_budget_mib"}
_KEYS: Final = {"node_id", "parent_address", "parent_node_id", "listen", "metrics_listen", "encryption", *_NUMBERS}


def load_config(folder: Path) -> NodeConfig:
    """Read ``node.toml``. Raises ``UsageError`` if it is missing or has something in it that nobody knows."""
    path = folder / SETTINGS_NAME
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"There is no node in {folder} ({SETTINGS_NAME} is missing).", hint="Create one with: dansync init"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}", hint='Mend the file; it has lines like: listen = "127.0.0.1:7000"'
        ) from error
    unknown = sorted(set(content) - _KEYS)
    wrong = [key for key, value in content.items() if type(value) is not (int if key in _NUMBERS else str)]
    if unknown or wrong:
        raise UsageError(
            f"{path} has settings that are not known or have the wrong form: {', '.join(unknown or wrong)}",
            hint=f"Known are: {', '.join(sorted(_KEYS))}.",
        )
    if not content.get("node_id"):
        raise UsageError(f"{path} does not name the node.", hint='Add a line: node_id = "..."')
    encryption = str(content.get("encryption", ""))
    if encryption and not is_setting(encryption):
        raise UsageError(
            f"{path}: encryption = {encryption!r} names no key.", hint='Write "file:PATH" or "keyring:SERVICE".'
        )
    return NodeConfig(
        folder,
        NodeId(content["node_id"]),
        parent_address=_address(path, "parent_address", content.get("parent_address", "")),
        listen=_address(path, "listen", content.get("listen", "")),
        metrics_listen=_address(path, "metrics_listen", content.get("metrics_listen", "")),
        reconnect_ms_max=max(
            content.get("reconnect_ms_max", limits.RECONNECT_DELAY_MAX_MS), limits.RECONNECT_DELAY_MIN_MS
        ),
        encryption=encryption,
        log_keep_days=max(content.get("log_keep_days", limits.LOG_KEEP_DAYS), limits.LOG_KEEP_DAYS_MIN),
        log_budget_mib=max(content.get("log_budget_mib", 0), 0),
        scrub_interval_s=max(content.get("scrub_interval_s", limits.SCRUB_INTERVAL_S), 0),
        case_interval_s=max(content.get("case_interval_s", limits.CASE_INTERVAL_S), 0),
        parent_node_id=NodeId(content.get("parent_node_id", "")),
    )


def require_store_of(config: NodeConfig, store: Store) -> None:
    """Raises ``StoreDamaged`` if settings and store are of two nodes."""
    if store.node_id != config.node_id:
        raise StoreDamaged(
            f"{config.folder} has the settings of {config.node_id} and the store of {store.node_id}.",
            hint="One of the two was copied here from another node. Put the right one back, or restore the store: "
            "dansync restore FOLDER --from FILE (what is there now is kept).",
        )


def _address(path: Path, key: str, value: str) -> str:
    if value and (":" not in value or not value.rpartition(":")[2].isdigit()):
        raise UsageError(
            f"{path}: {key} = {value!r} is no address.", hint="Write it as host:port, for example 127.0.0.1:7000."
        )
    return value


def save_config(config: NodeConfig) -> None:
    """Write ``node.toml``."""
    lines = ["# Settings of a dansync node. A running node reads them when it starts, and its parent at once."]
    for key in ("node_id", "parent_address", "listen", "metrics_listen"):
        value = str(getattr(config, key)).replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{key} = "{value}"')
    if config.parent_node_id:
        lines.append(f'parent_node_id = "{config.parent_node_id}"')
    if config.encryption:
        lines.append(f'encryption = "{config.encryption}"')
    if config.reconnect_ms_max != limits.RECONNECT_DELAY_MAX_MS:
        lines.append(f"reconnect_ms_max = {config.reconnect_ms_max}")
    if config.log_keep_days != limits.LOG_KEEP_DAYS:
        lines.append(f"log_keep_days = {config.log_keep_days}")
    if config.log_budget_mib:
        lines.append(f"log_budget_mib = {config.log_budget_mib}")
    if config.scrub_interval_s != limits.SCRUB_INTERVAL_S:
        lines.append(f"scrub_interval_s = {config.scrub_interval_s}")
    if config.case_interval_s != limits.CASE_INTERVAL_S:
        lines.append(f"case_interval_s = {config.case_interval_s}")
    path = config.folder / SETTINGS_NAME
    temporary = path.with_name(f".{SETTINGS_NAME}.part")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)
