"""Whom a node dials, from its settings and its store; and setting it by hand."""

from __future__ import annotations

from dataclasses import replace

from node.errors import UsageError
from node.ids import NodeId
from node.parentage import Parent, founding_parent, ways
from node.reference import Reference
from node.store import Store
from ops.config import NodeConfig, save_config


def parents_to_dial(config: NodeConfig, store: Store, reference: Reference) -> tuple[Parent, ...]:
    """See ``node.parentage``; empty at a root and at a node that only ever travels by stick."""
    here = Parent(config.parent_address, config.parent_node_id or founding_parent(store))
    return ways(reference.node(store.node_id), here, by_hand=bool(config.parent_node_id))


def set_parent(config: NodeConfig, reference: Reference, parent: Parent) -> NodeConfig:
    """Write into ``node.toml`` whom to dial; a daemon that runs takes it up. Raises ``UsageError``."""
    if parent.node_id == config.node_id:
        raise UsageError(
            f"Node {config.node_id} cannot be its own parent.", hint="Give the name of the node above it: --node-id"
        )
    if reference.next_hop(config.node_id, parent.node_id) is not None:
        raise UsageError(
            f"Node {parent.node_id} lies below {config.node_id}.", hint="Name a parent that is nearer to the root."
        )
    changed = replace(config, parent_node_id=NodeId(parent.node_id), parent_address=parent.address)
    save_config(changed)
    return changed
