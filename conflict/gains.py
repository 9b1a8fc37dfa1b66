"""What levels of agreement are worth, in bits, worked out once for everybody who is looked at (``conflict.score``)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from math import log2
from typing import TypeVar

from conflict.comparison import KEPT, Field
from conflict.parameters import PROBABILITY_MIN, Parameters

Key = TypeVar("Key", bound=Hashable)


class Gains:
    """What each level says for one person rather than two strangers, in bits: worked out once for many ceilings."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.of = {
            field: {level: log2(row.same) - log2(row.stranger) for level, row in levels.items()}
            for field, levels in parameters.chances.items()
        }
        self.prior = -log2(parameters.population) + max(self.of[Field.ORDER][KEPT], 0.0)

    def best(self, field: Field, levels: Iterable[str]) -> float:
        return max(self.of[field][level] for level in levels)

    def rare(self, field: Field, level: str, chance: float) -> float:
        """Of a level at which words count, where no stranger has it more rarely than that."""
        same = self.parameters.chances[field][level].same
        return log2(same) - log2(min(max(chance, PROBABILITY_MIN), same))


class Kept(dict[Key, float]):
    """Bits by what another record says, worked out once: the same words come again and again in a block."""

    def __init__(self, work_out: Callable[[Key], float]) -> None:
        super().__init__()
        self._work_out = work_out

    def __missing__(self, key: Key) -> float:
        bits = self[key] = self._work_out(key)
        return bits
