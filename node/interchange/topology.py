"""The tree of a bundle: nodes and their parents, any depth, any number of roots. Tier names are free; only the tree
matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from node.errors import BundleError
from node.interchange.values import TopologyRow

_ADMIN_CODE: Final = re.compile(r"[0-9]{2}|[0-9]{3}|[0-9]{5}")
_HINT: Final = "Mend topology.csv; nothing of the bundle was read."


class Topology:
    """A checked forest. Raises ``BundleError`` for a node named twice, an unknown parent or a cycle."""

    def __init__(self, rows: Iterable[TopologyRow]) -> None:
        self._rows: dict[str, TopologyRow] = {}
        self._children: dict[str, list[str]] = {}
        for row in rows:
            known = self._rows.get(row.node_id)
            if known is not None and known != row:
                raise BundleError(
                    f"topology.csv names the node {row.node_id} twice (line {row.line}), with different content.",
                    hint=_HINT,
                )
            self._rows[row.node_id] = row
        if not self._rows:
            raise BundleError("topology.csv names no node.", hint=_HINT)
        for row in self._rows.values():
            if row.admin_code and not _ADMIN_CODE.fullmatch(row.admin_code):
                raise BundleError(
                    f"topology.csv, line {row.line}: {row.admin_code!r} is no administrative code (2, 3 or 5 digits).",
                    hint=_HINT,
                )
            if row.parent_id and row.parent_id not in self._rows:
                raise BundleError(
                    f"topology.csv, line {row.line}: the parent {row.parent_id} of {row.node_id} is not in the file.",
                    hint=_HINT,
                )
            self._children.setdefault(row.parent_id, []).append(row.node_id)
        for children in self._children.values():
            children.sort()
        reached = sum(1 for _ in self.top_down())
        if reached != len(self._rows):
            inside = sorted(set(self._rows) - set(self.top_down_ids()))
            raise BundleError(f"topology.csv has a cycle: {', '.join(inside[:5])} have no way to a root.", hint=_HINT)

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._rows

    def __getitem__(self, node_id: str) -> TopologyRow:
        return self._rows[node_id]

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(self._children.get("", ()))

    def children(self, node_id: str) -> tuple[str, ...]:
        return tuple(self._children.get(node_id, ()))

    def top_down(self) -> Iterator[TopologyRow]:
        """Every node, parents before children, siblings in the order of their ids."""
        waiting = list(reversed(self.roots))
        while waiting:
            node_id = waiting.pop()
            yield self._rows[node_id]
            waiting.extend(reversed(self.children(node_id)))

    def top_down_ids(self) -> tuple[str, ...]:
        return tuple(row.node_id for row in self.top_down())

    def ancestors(self, node_id: str) -> tuple[str, ...]:
        """From the parent up to the root."""
        result: list[str] = []
        parent = self._rows[node_id].parent_id
        while parent:
            result.append(parent)
            parent = self._rows[parent].parent_id
        return tuple(result)

    def subtree(self, node_id: str) -> tuple[str, ...]:
        """The node and all below it."""
        result: list[str] = []
        waiting = [node_id]
        while waiting:
            current = waiting.pop()
            result.append(current)
            waiting.extend(reversed(self.children(current)))
        return tuple(result)
