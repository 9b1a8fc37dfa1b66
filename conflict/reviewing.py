"""The queue of those who rule: what waits for a person, in the order in which it matters (RESOLVER 74)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from conflict.cases import State
from conflict.decisions import Action, Decision

_WAITING = frozenset({State.PROPOSED, State.DISPUTED})


@dataclass(frozen=True, slots=True)
class Task:
    """``effect`` is the number of records that are not counted, or may be counted wrongly, until somebody rules;
    ``since`` the day on which the case began to wait.
    """

    decision: Decision
    effect: int
    since: date


def review_queue(decisions: Iterable[Decision]) -> tuple[Task, ...]:
    """All that waits for a person: the greatest effect first, of equal effect the oldest, then by case."""
    tasks = [
        Task(decision, _effect(decision), min((r.day for r in decision.reasons if r.day is not None), default=date.min))
        for decision in decisions
        if decision.state in _WAITING and not decision.undoes
    ]
    return tuple(sorted(tasks, key=lambda task: (-task.effect, task.since, task.decision.case)))


def _effect(decision: Decision) -> int:
    return len({ask.ref for ask in decision.asks if ask.action in {Action.HOLD, Action.VISIT}})
