"""Claims and the records they are about: the evidence from which everything else follows (RESOLVER 1).

A claim is what one origin wrote down, once, in its own words. It is never changed; a cancellation is a claim of
its own. A record is a person as one node registered it. Here stand their values, when a claim takes effect, and
which claims are withdrawn. What they amount to is decided in ``standing``, ``cases`` and ``balance``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NewType, TypeVar

from conflict.places import NOBODY, Named

PersonRef = NewType("PersonRef", str)  # node_id:person_id
EventRef = NewType("EventRef", str)  # node_id:event_id

BIRTH: Final = "birth"
DEATH: Final = "death"
MOVE_OUT: Final = "move_out"
MOVE_IN: Final = "move_in"
CANCEL: Final = "cancel"
CONFIRM: Final = "confirm"
DISPUTE: Final = "dispute"
END_TEMPORARY: Final = "end_temporary"
CORRECTION: Final = "correction"
RULING: Final = "ruling"

STANDING_KINDS: Final = (BIRTH, DEATH, MOVE_OUT, MOVE_IN, CONFIRM, DISPUTE, END_TEMPORARY)
"""The kinds that can change where somebody counts. Cancels come in as ``Claim.withdrawn_by``."""

PERSONAL: Final = (
    *("full_name", "sex", "birth_date", "personal_id", "old_card_id", "insurance_id", "father_name", "mother_name"),
)
"""The columns that tell who somebody is: new evidence of it reopens a ruling (RESOLVER 3)."""

TEMPORARY: Final = "temporary"
ABSENT: Final = "absent"
VOID: Final = "void"

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """One report about one person. ``day`` is the latest day its date can mean, ``recorded`` when it was written
    down.
    """

    ref: EventRef
    kind: str
    day: date
    recorded: datetime
    place: Named = NOBODY
    residence: str = ""
    withdrawn_by: tuple[EventRef, ...] = ()
    """The cancels in force against it; empty means that the claim stands."""
    withdrawn_day: date | None = None
    """The day of the earliest of those cancels; None if nobody knows it, or the claim stands."""
    group: str = ""
    """The sheet on which it came, as its node names it: members of a household who go together share it."""
    said: tuple[str, ...] = ()
    """What it states of the person, as column=value, sorted: compared for equality and never shown."""

    @property
    def stands(self) -> bool:
        return not self.withdrawn_by

    def local(self, unit: str) -> bool:
        """True for a move inside the commune that reports it (RESOLVER 59)."""
        return self.place.node_id == unit


@dataclass(frozen=True, slots=True)
class Record:
    """A person as one node registered it: its row and the claims about it, in any order.

    ``mother`` is set for a newborn whose mother is registered at the same node.
    """

    ref: PersonRef
    unit: str
    residence: str = ""
    state: str = ""
    claims: tuple[Claim, ...] = ()
    mother: Record | None = None
    number: str = ""
    """The personal number that the row states; equal numbers are closing evidence (DESIGN 5)."""

    @property
    def temporary(self) -> bool:
        """True for a temporary stay: what the row says now, or if it says nothing, what the arrival declared."""
        if self.residence:
            return self.residence == TEMPORARY
        return any(c.kind == MOVE_IN and c.residence == TEMPORARY for c in self.claims)

    @property
    def void(self) -> bool:
        """True if the record was taken back: voided as such, or every report that created it was withdrawn."""
        made_by = [c for c in self.claims if c.kind in {BIRTH, MOVE_IN}]
        return self.state == VOID or (bool(made_by) and not any(c.stands for c in made_by))


def claim_day(event_date: str, recorded_at: str) -> date:
    """The day on which a claim counts: the latest one that its date, YYYY-MM-DD, YYYY-MM or YYYY, can mean, but
    within that period not after it was written down. Without a date that can be read, the day it was written down:
    rows come from other nodes, and no view may fail on one of them.
    """
    recorded = recorded_instant(recorded_at).date()
    try:
        parts = [int(part) for part in event_date.split("-")]
        if len(parts) > 2:
            return date(*parts)
        first = date(parts[0], parts[-1] if len(parts) == 2 else 1, 1)
    except (ValueError, TypeError):
        return recorded
    last = month_end(first if len(parts) == 2 else first.replace(month=12))
    return min(last, max(first, recorded))


def recorded_instant(recorded_at: str) -> datetime:
    """When a claim was written down; without an offset it is read as UTC, unreadable as the beginning of time."""
    try:
        moment = datetime.fromisoformat(recorded_at)
    except ValueError:
        return _NEVER
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def month_end(day: date) -> date:
    """The last day of a day's month."""
    if (day.year, day.month) == (9999, 12):
        return date.max
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


def effective_day(claim: Claim, as_of: date) -> date | None:
    """The day from which a claim counts in a view as of a day, or None if it does not count yet.

    A departure dated later has not happened: whoever holds a moving paper and has not left belongs to the origin
    (RESOLVER 3). A declared arrival or a birth counts at once, whatever its date. The rest counts once its date
    has come, or, dated in the future by mistake, once it was written down.
    """
    if claim.day <= as_of:
        return claim.day
    if claim.kind in {BIRTH, MOVE_IN}:
        return as_of
    if claim.kind != MOVE_OUT and claim.recorded.date() <= as_of:
        return as_of
    return None


def in_order(claims: Iterable[Claim]) -> list[Claim]:
    """History: by date, then by when it was written down, then by reference (RESOLVER 6)."""
    return sorted(claims, key=lambda c: (c.day, c.recorded, c.ref))


Key = TypeVar("Key", bound=Hashable)


def withdrawals(cancels: Mapping[Key, Key]) -> dict[Key, tuple[Key, ...]]:
    """Which claims are withdrawn, and by which cancels in force: ``cancels`` maps a cancel to the claim it targets.

    A cancel that is itself withdrawn has no effect. Cancels in a circle, which no honest log has, withdraw nothing.
    """
    against: dict[Key, list[Key]] = defaultdict(list)
    for cancel, target in cancels.items():
        against[target].append(cancel)
    undecided = {target: len(by) for target, by in against.items()}
    stands: dict[Key, bool] = {}
    decided = [(cancel, True) for cancel in cancels if cancel not in against]
    while decided:
        claim, verdict = decided.pop()
        if claim in stands or claim not in cancels:
            continue
        stands[claim] = verdict
        target = cancels[claim]
        if verdict:
            decided.append((target, False))
        else:
            undecided[target] -= 1
            if not undecided[target]:
                decided.append((target, True))
    in_force = {target: tuple(c for c in by if stands.get(c)) for target, by in against.items()}
    return {target: by for target, by in in_force.items() if by}
