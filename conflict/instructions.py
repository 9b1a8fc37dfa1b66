"""What an office is told of one of its records: the word that counts, of all decisions and questions that reached it.

Nothing that the office wrote is changed by it. A decision counts as long as no other supersedes it (``decisions``); a
question is open until one of whoever asked, or a decision, knows all that it knew, or until it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from conflict.claims import PersonRef
from conflict.decisions import Action, Ask, Decision, in_force

_WEIGHT: Final = (Action.COUNT, Action.HOLD, Action.CLOSE)
"""Of two decisions about one record on the same day, the one that closes it counts."""


@dataclass(frozen=True, slots=True)
class Received:
    """A decision as an office has it, or a question in the form of one, with a name of its own."""

    decision: Decision
    is_question: bool
    as_of: date

    @property
    def id(self) -> str:
        return self.decision.id


def groups(received: Iterable[Received]) -> tuple[tuple[Received, ...], ...]:
    """Those that may bear on each other, because they rest on the same claims, together. A register gets thousands in
    its life, and comparing each with each would take long.
    """
    parents: dict[str, str] = {}

    def find(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    everything = {item.id: item for item in received}
    for item in everything.values():
        for claim in item.decision.claims:
            parents[find(claim)] = find(item.id)
    found: dict[str, list[Received]] = {}
    for name, item in sorted(everything.items()):
        found.setdefault(find(name), []).append(item)
    return tuple(tuple(members) for members in found.values())


def standing(received: Iterable[Received]) -> tuple[Decision, ...]:
    """The decisions that count; one that only takes another back asks for nothing more than that."""
    return tuple(made for made in in_force(r.decision for r in received if not r.is_question) if not made.undoes)


def open_questions(received: Iterable[Received]) -> tuple[Received, ...]:
    """Questions that nobody has withdrawn, and that nothing later takes the place of; in the order of their names."""
    everything = {item.id: item for item in received}
    undone = {item.decision.undoes for item in everything.values()}
    return tuple(
        item
        for _, item in sorted(everything.items())
        if item.is_question
        and not item.decision.undoes
        and item.id not in undone
        and not any(_replaces(other, item) for other in everything.values())
    )


def _replaces(new: Received, old: Received) -> bool:
    if new.id == old.id or new.decision.undoes:
        return False  # what takes something back answers nothing
    knows, knew = frozenset(new.decision.claims), frozenset(old.decision.claims)
    if not knows >= knew:
        return False
    return not new.is_question or knows > knew or (new.as_of, new.id) > (old.as_of, old.id)


def instruction(received: Iterable[Received], ref: PersonRef) -> Ask | None:
    """What holds for a record now: count it, do not, or count it elsewhere; None if nobody has said anything.

    Where several decisions speak of it (somebody left, and came back), the one with the latest day counts.
    """
    everything = tuple(received)
    held = [ask for item in open_questions(everything) for ask in item.decision.asks if ask.ref == ref]
    found = [
        (_day(made), _WEIGHT.index(ask.action), made.id, ask)
        for made in standing(everything)
        for ask in made.asks
        if ask.ref == ref and ask.action in _WEIGHT
    ]
    if found:
        return max(found)[-1]
    return next((ask for ask in held if ask.action is Action.HOLD), None)


def _day(made: Decision) -> date:
    return max((why.day for why in made.reasons if why.day is not None), default=date.min)
