"""How often things happen in the simulated world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node import limits


@dataclass(frozen=True, slots=True)
class Rates:
    """Weights of the steps of the safety phase; the chance of a fault for each delivered frame."""

    record: float = 3
    connect: float = 2
    deliver: float = 14
    apply: float = 5
    advance: float = 1
    cut: float = 0.4
    power: float = 0.5
    kill: float = 0.2
    fuse: float = 0.8
    tick: float = 0.6
    tick_ms: tuple[int, ...] = (100, 3_000, limits.ACK_TIMEOUT_MS + 1)
    hand_over: float = 1.0
    retire: float = 0.15
    backup: float = 0.6
    restore: float = 0.5
    rot: float = 0.4
    mend: float = 0.3
    prune: float = 0.3
    anew: float = 0.15
    move: float = 0.15
    stick: float = 0.5
    reimage: float = 0.1
    dissolve: float = 0.05
    decide: float = 0
    casework: float = 0
    frame_dropped: float = 0.004
    frame_doubled: float = 0.004
    frame_delayed: float = 0.05


PEACE: Final = Rates(
    frame_dropped=0,
    frame_doubled=0,
    frame_delayed=0,
    hand_over=0,
    retire=0,
    backup=0,
    restore=0,
    rot=0,
    prune=0,
    anew=0,
    move=0,
    stick=0,
    reimage=0,
    dissolve=0,
    decide=0,
    casework=0,
    tick_ms=(100, 500),
)
"""No faults: what is under way gets where it belongs."""
