"""The asymmetry report: units whose people arrive elsewhere without that they ever wrote it down (RESOLVER 71)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from conflict.cases import State
from conflict.decisions import Action, Decision
from conflict.explanation import Reason

_TWO_SIDED = frozenset({State.MATCHED, State.SETTLED})


@dataclass(frozen=True, slots=True)
class Announcements:
    """Of one unit: how many moves away from it were found, and how many of them it announced or confirmed itself;
    ``arrivals`` are those that it reported.
    """

    unit: str
    arrivals: int
    left: int
    announced: int

    @property
    def only_arrivals(self) -> bool:
        """True for a unit that takes people in and never tells of anybody leaving."""
        return self.left > 0 and self.announced == 0


def asymmetry(decisions: Iterable[Decision]) -> tuple[Announcements, ...]:
    """One row for each unit that takes part in a move, in the order of units. A household counts as one move."""
    arrivals: Counter[str] = Counter()
    left: Counter[str] = Counter()
    announced: Counter[str] = Counter()
    for decision in decisions:
        if decision.state not in _TWO_SIDED or decision.undoes:
            continue
        came = {ask.unit for ask in decision.asks if ask.action is Action.COUNT}
        gone = {ask.unit for ask in decision.asks if ask.action in {Action.CLOSE, Action.ANSWER}} - came
        arrivals.update(came)
        left.update(gone)
        announced.update(unit for unit in gone if any(_is_word_of(unit, why) for why in decision.reasons))
    units = sorted(arrivals.keys() | left.keys())
    return tuple(Announcements(unit, arrivals[unit], left[unit], announced[unit]) for unit in units)


def _is_word_of(unit: str, why: Reason) -> bool:
    return why.code == "agreed" and any(ref.startswith(f"{unit}:") for ref in why.about)
