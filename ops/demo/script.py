"""What happens in the demo and when: acts at fractions of its length, and what the viewer is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from node.interchange.topology import Topology

Deed = Literal["unplug", "plug", "kill", "start"]


@dataclass(frozen=True, slots=True)
class Act:
    """``at``: fraction of the recording time, 0 to 1."""

    at: float
    deed: Deed
    node_id: str


def script(topology: Topology, seed: int, movers: tuple[str, str]) -> list[Act]:
    """Links of two communes and of a district go and come back; a commune and a district lose their power.
    ``movers``: the communes that lose their link, while people move between them.
    """
    rng = random.Random(f"script {seed}")
    leaves = [row.node_id for row in topology.top_down() if not topology.children(row.node_id)]
    middle = [row.node_id for row in topology.top_down() if topology.children(row.node_id) and row.parent_id]
    inner = [node for node in middle if any(not topology.children(child) for child in topology.children(node))]
    first, second = movers
    (third,) = _pick(rng, [leaf for leaf in leaves if leaf not in movers] or leaves, 1)
    hub, cut = _pick(rng, inner or middle or leaves, 2)
    return sorted(
        (
            Act(0.10, "unplug", first),
            Act(0.18, "unplug", cut),
            Act(0.25, "unplug", second),
            Act(0.35, "kill", hub),
            Act(0.45, "plug", first),
            Act(0.55, "start", hub),
            Act(0.60, "kill", third),
            Act(0.68, "plug", cut),
            Act(0.75, "start", third),
            Act(0.85, "plug", second),
        ),
        key=lambda act: act.at,
    )


def _pick(rng: random.Random, names: Sequence[str], count: int) -> list[str]:
    """Different ones while there are enough."""
    chosen = rng.sample(sorted(names), min(count, len(names)))
    while len(chosen) < count:
        chosen.append(chosen[-1])
    return chosen
