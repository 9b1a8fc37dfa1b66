"""What other parameters would decide: a list to be read before they come into force (RESOLVER 75).

A settled automatic case is decided again by new claims, never by new parameters. Both outcomes are of the same
evidence; what differs is shown to those who answer for it, and the settled cases keep their decision until somebody
accepts the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from conflict.cases import DecidedBy, Outcome, State
from conflict.claims import EventRef
from conflict.decisions import Decision


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One case that new parameters decide otherwise. ``after`` is empty where there would be no decision at all."""

    case: EventRef
    claims: tuple[EventRef, ...]
    before: tuple[State, Outcome]
    after: tuple[tuple[State, Outcome], ...]


def differences(before: Iterable[Decision], after: Iterable[Decision]) -> tuple[Difference, ...]:
    """The automatic settlements of ``before`` that ``after``, from the same evidence, does not repeat."""
    new = list(after)
    found = []
    for old in before:
        if not _is_held(old):
            continue
        touching = [d for d in new if not set(d.claims).isdisjoint(old.claims)]
        if any(d.claims == old.claims and d.outcome is old.outcome and d.asks == old.asks for d in touching):
            continue
        kept = tuple(sorted((d.state, d.outcome) for d in touching))
        found.append(Difference(old.case, old.claims, (old.state, old.outcome), kept))
    return tuple(sorted(found))


def hold(
    before: Iterable[Decision], after: Iterable[Decision], new_claims: Collection[EventRef]
) -> tuple[Decision, ...]:
    """What is in force while the list is unread: an automatic settlement stays, unless ``new_claims`` decide it again;
    all else is as the new parameters say.
    """
    new = list(after)
    reopened = {
        claim for decision in new if not set(decision.claims).isdisjoint(new_claims) for claim in decision.claims
    }
    kept = [old for old in before if _is_held(old) and reopened.isdisjoint(old.claims)]
    taken = {claim for old in kept for claim in old.claims}
    others = [decision for decision in new if taken.isdisjoint(decision.claims)]
    return tuple(sorted((*kept, *others), key=lambda d: (d.case, d.id)))


def _is_held(decision: Decision) -> bool:
    return decision.state is State.SETTLED and decision.decided_by is DecidedBy.AUTO
