"""The only module that reads a clock. Everything else is given a ``Clock`` or a number of milliseconds.

Wall time is written down (recorded_at) and shown, never compared to order commits. Timers use the monotonic reading
(RELIABILITY F38).
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def wall_ms(self) -> int:
        """Unix time in milliseconds; may jump."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary start; never goes back."""
        ...


class SystemClock:
    __slots__ = ()

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is told to move: for rehearsals, tests and the simulator."""

    __slots__ = ("_monotonic_ms", "_wall_ms")

    def __init__(self, wall_ms: int = 0, monotonic_ms: int = 0) -> None:
        self._wall_ms = wall_ms
        self._monotonic_ms = monotonic_ms

    def wall_ms(self) -> int:
        return self._wall_ms

    def monotonic_ms(self) -> int:
        return self._monotonic_ms

    def set_wall_ms(self, value: int) -> None:
        self._wall_ms = value

    def advance_ms(self, value: int) -> None:
        assert value >= 0
        self._wall_ms += value
        self._monotonic_ms += value
