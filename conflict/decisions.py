"""Decisions: what the outcome of a case asks of each office concerned, with its evidence (RESOLVER 1; DESIGN 4).

A decision is named by what it rests on: the case, its claims and the parameters. Whoever decides from the same
evidence mints the same decision, so two authorities and a restored hub cannot make two truths. Nothing is deleted: a
decision is superseded by one that knows more, and undoing it is one of those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from conflict.cases import DecidedBy, Outcome, State
from conflict.claims import EventRef, PersonRef
from conflict.explanation import Reason
from conflict.policy import Policy

_DOMAIN: Final = b"dansync decision 1\0"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a decision was made with: the comparison's parameters and the policy. ``version`` counts up."""

    version: int
    hash: str


def parameters_of(policy: Policy, version: int = 0, linkage: str = "") -> Parameters:
    """The parameters of a policy and a parameter file, of which ``linkage`` is the hash."""
    rows = [
        f"{row.valid_from.isoformat()},{row.out_lapse_days},{row.silence_days},{row.stay_verify_months}"
        for row in policy.rows
    ]
    return Parameters(version, hashlib.sha256("\n".join((linkage, *rows)).encode()).hexdigest())


class Action(StrEnum):
    COUNT = "count"  # the person counts here, by this record
    CLOSE = "close"  # the person counts elsewhere; later entries go to ``successor``
    ANSWER = "answer"  # say whether the person has left
    VISIT = "visit"  # go and look: offices contradict each other
    HOLD = "hold"  # do not count: may be somebody who counts elsewhere
    RULE = "rule"  # a reviewer has to say whether the records are one person
    REOPEN = "reopen"  # what was closed is open again, later entries go back to the records they were written on


GIVEN_BACK: Final = frozenset({Action.CLOSE, Action.HOLD, Action.ANSWER})
"""What an undoing reopens."""


@dataclass(frozen=True, slots=True, order=True)
class Ask:
    """What one office does with one of its records. ``successor`` is the record to which later entries go."""

    unit: str
    action: Action
    ref: PersonRef
    successor: PersonRef | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """``claims`` are sorted: every claim and ruling that it rests on. ``depth`` of the authority: 1 at the root."""

    id: str
    case: EventRef
    claims: tuple[EventRef, ...]
    parameters: Parameters
    state: State
    outcome: Outcome
    decided_by: DecidedBy
    authority: str
    depth: int
    score: float | None
    asks: tuple[Ask, ...]
    reasons: tuple[Reason, ...]
    undoes: str = ""
    """The decision that this one takes back."""

    def routed(self, ref: PersonRef) -> PersonRef:
        """The record to which a later entry on a record goes (RESOLVER 51)."""
        return next((a.successor for a in self.asks if a.ref == ref and a.successor), ref)

    def asks_of(self, unit: str) -> tuple[Ask, ...]:
        return tuple(ask for ask in self.asks if ask.unit == unit)


def decision_id(case: EventRef, claims: Iterable[EventRef], parameters: Parameters) -> str:
    """SHA-256, in hexadecimal, over length-prefixed texts. The order and repeats of claims do not show."""
    digest = hashlib.sha256(_DOMAIN)
    for text in (case, parameters.hash, *sorted(set(claims))):
        data = text.encode()
        digest.update(len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()


def supersedes(new: Decision, old: Decision) -> bool:
    """Whether one decision takes the place of another about the same claims.

    The one that knows more; knowing the same, the one with newer parameters; if each knows something that the other
    does not, that of the higher authority, and of two equals the one with the greater id, so that all agree. An undoing
    takes the place of what it undoes and of nothing else: what is decided instead stands beside it.
    """
    if new.undoes:
        return new.undoes == old.id
    one, other = frozenset(new.claims), frozenset(old.claims)
    if new.id == old.id or one.isdisjoint(other):
        return False
    if one == other:
        return (new.parameters.version, new.id) > (old.parameters.version, old.id)
    if one > other or one < other:
        return one > other
    return (-new.depth, new.id) > (-old.depth, old.id)


def in_force(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Those that no other supersedes, in the order of their cases. What was taken back stands in nobody's way."""
    everything = {decision.id: decision for decision in decisions}
    undone = {decision.undoes for decision in everything.values()}
    known = {name: decision for name, decision in everything.items() if name not in undone}
    # First who knows more, then the tiers: taken together the two orders could go round in a circle.
    fullest = [d for d in known.values() if not any(_knows_more(other, d) for other in known.values())]
    found = [d for d in fullest if not any(supersedes(other, d) for other in fullest)]
    return tuple(sorted(found, key=lambda d: (d.case, d.id)))


def _knows_more(new: Decision, old: Decision) -> bool:
    return frozenset(new.claims) >= frozenset(old.claims) and supersedes(new, old)


def undo(decision: Decision, because: Iterable[EventRef], authority: str, depth: int) -> Decision:
    """Take a decision back because of a ruling or of new claims: every record that it closed or held is open again
    (RESOLVER 17, 33).

    The claims stay on the records they were written on, so nothing else has to be given back.
    """
    claims = tuple(sorted({*decision.claims, *because}))
    asks = {Ask(ask.unit, Action.REOPEN, ask.ref) for ask in decision.asks if ask.action in GIVEN_BACK}
    return replace(
        decision,
        id=decision_id(decision.case, claims, decision.parameters),
        claims=claims,
        state=State.CANCELLED,
        outcome=Outcome.CANCELLED,
        decided_by=DecidedBy.PERSON,
        authority=authority,
        depth=depth,
        asks=tuple(sorted(asks)),
        undoes=decision.id,
    )


def revise(before: Iterable[Decision], after: Iterable[Decision], because: Iterable[EventRef]) -> tuple[Decision, ...]:
    """What has to be sent when ``after`` is decided where ``before`` had been: the decisions that are new, and the
    undoing of each old one of which they leave a closed record without a word. ``because`` are the claims and rulings
    that came since.
    """
    now = {decision.id: decision for decision in after}
    old = {decision.id: decision for decision in before}
    new_evidence = tuple(because)
    undone = [
        undo(decision, new_evidence, decision.authority, decision.depth)
        for decision in old.values()
        if decision.id not in now and not _is_replaced(decision, now.values())
    ]
    fresh = [decision for decision in now.values() if decision.id not in old]
    return tuple(sorted((*undone, *fresh), key=lambda d: (not d.undoes, d.case, d.id)))


def _is_replaced(old: Decision, now: Iterable[Decision]) -> bool:
    """Whether the decisions that supersede one have a word for each record that it had closed or held."""
    better = [decision for decision in now if supersedes(decision, old)]
    spoken = {ask.ref for decision in better for ask in decision.asks}
    return bool(better) and all(ask.ref in spoken for ask in old.asks if ask.action in GIVEN_BACK)


def seen_by(decision: Decision, unit: str, protected: Container[PersonRef] = frozenset()) -> Decision:
    """What an office gets to see of a decision. If anybody in it has a protected address, only its own records: where
    the person is now, and what was written there, stays with the authority (RESOLVER 73).
    """
    if not any(ask.ref in protected or ask.successor in protected for ask in decision.asks):
        return decision
    own = tuple(replace(ask, successor="") for ask in decision.asks_of(unit))
    return replace(
        decision,
        case=EventRef(""),
        claims=tuple(ref for ref in decision.claims if ref.startswith(f"{unit}:")),
        asks=own,
        reasons=tuple(replace(why, about=()) for why in decision.reasons),
    )
