"""A link: what the comparison of two records says, for those who settle cases (RESOLVER 1, 4).

The comparison knows nothing of moves, deadlines or rulings; settlement knows nothing of names and numbers. This is all
that passes between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["automatic", "review", "apart"]


@dataclass(frozen=True, slots=True)
class Link:
    """Two records (references of persons) and how likely they are one person.

    ``bits`` is the binary logarithm of the odds. ``automatic``: above the threshold of measured precision; ``review``:
    a person looks at it; ``apart``: not one person. ``hard`` names the facts that forbid merging, whatever else agrees.
    """

    a: str
    b: str
    bits: float
    verdict: Verdict
    hard: tuple[str, ...] = ()
