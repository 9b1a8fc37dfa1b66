"""Cases as one side sees them: a departure or an arrival whose other half nobody has looked for yet (RESOLVER 1,
6).

A case is what belongs together about one move. One-sided, that is the departure of a record, its repeats, and the
confirms, disputes, cancels and the death that bear on it; or the arrival that made a record, with the same. Local
moves, births, deaths and marriages make no case. The state follows from the facts in the order of their days by
one table; the resolver adds its facts and rows to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from conflict.claims import (
    CONFIRM,
    DEATH,
    DISPUTE,
    END_TEMPORARY,
    MOVE_IN,
    MOVE_OUT,
    Claim,
    EventRef,
    Record,
    effective_day,
    in_order,
)
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.standing import departs, departure, lapse_day


class State(StrEnum):
    OPEN_OUT = "open-out"
    OPEN_IN = "open-in"
    PROPOSED = "proposed"
    MATCHED = "matched"
    SETTLED = "settled"
    DISPUTED = "disputed"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


class Outcome(StrEnum):
    MOVED = "moved"
    STAYED = "stayed"
    NEW_ENTRY = "new_entry"
    DUPLICATE = "duplicate"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    UNDECIDED = "undecided"


class DecidedBy(StrEnum):
    AUTO = "auto"
    PERSON = "person"
    NOBODY = ""


class Fact(StrEnum):
    """What can happen to a case. A fact names its side where the next state depends on it."""

    DEPARTED = "departed"
    ARRIVED = "arrived"
    STAYS = "stays"  # the arrival is a temporary stay
    EMIGRATED = "emigrated"  # the departure was to another country
    WITHDRAWN = "withdrawn"
    DIED = "died"
    OUT_CONFIRMED = "out-confirmed"  # "has left"
    OUT_DISPUTED = "out-disputed"  # "still lives here"
    IN_CONFIRMED = "in-confirmed"  # "lives here"
    IN_DISPUTED = "in-disputed"  # "never came"
    WAITED = "waited"  # the waiting time of a departure is over; always the last fact
    # The resolver's, of a case with both sides in sight.
    FOUND = "found"  # the record that was left behind is known; its office has said nothing
    AGREED = "agreed"  # that office wrote the departure down, or confirmed it
    SILENT = "silent"  # that office was asked and its time is over (RESOLVER 3)
    SEARCHED = "searched"  # there is no such person anywhere in the tree, or a person ruled so
    CONTESTED = "contested"  # an office says otherwise: still here, never came, withdrawn, arrived elsewhere, dead
    CLEARED = "cleared"  # whoever contested it has given way
    DOUBTED = "doubted"  # may be somebody already counted, or is recorded dead: a person has to rule


TRANSITIONS: Final[Mapping[tuple[State | None, Fact], State]] = MappingProxyType(
    {
        (None, Fact.DEPARTED): State.OPEN_OUT,
        (None, Fact.ARRIVED): State.OPEN_IN,
        (State.OPEN_OUT, Fact.EMIGRATED): State.SETTLED,
        (State.OPEN_OUT, Fact.WITHDRAWN): State.CANCELLED,
        (State.OPEN_OUT, Fact.DIED): State.CANCELLED,
        (State.OPEN_OUT, Fact.OUT_DISPUTED): State.DISPUTED,
        (State.OPEN_OUT, Fact.WAITED): State.LAPSED,
        (State.OPEN_IN, Fact.STAYS): State.SETTLED,
        (State.OPEN_IN, Fact.WITHDRAWN): State.CANCELLED,
        (State.OPEN_IN, Fact.IN_DISPUTED): State.DISPUTED,
        (State.SETTLED, Fact.OUT_DISPUTED): State.DISPUTED,
        (
            State.DISPUTED,
            Fact.DEPARTED,
        ): State.OPEN_OUT,  # a later OUT or confirm ends the origin's dispute (RESOLVER 6)
        (State.DISPUTED, Fact.OUT_CONFIRMED): State.OPEN_OUT,
        (State.DISPUTED, Fact.EMIGRATED): State.SETTLED,
        (State.DISPUTED, Fact.IN_CONFIRMED): State.OPEN_IN,
        (State.DISPUTED, Fact.DIED): State.CANCELLED,
        (State.OPEN_IN, Fact.FOUND): State.MATCHED,
        (State.OPEN_OUT, Fact.FOUND): State.SETTLED,  # the person is registered elsewhere too, and stays there
        (State.MATCHED, Fact.AGREED): State.SETTLED,
        (State.MATCHED, Fact.SILENT): State.SETTLED,
        (State.OPEN_IN, Fact.SEARCHED): State.SETTLED,
        (State.OPEN_IN, Fact.CONTESTED): State.DISPUTED,
        (State.MATCHED, Fact.CONTESTED): State.DISPUTED,
        (State.SETTLED, Fact.CONTESTED): State.DISPUTED,
        (State.DISPUTED, Fact.CLEARED): State.MATCHED,
        (State.OPEN_OUT, Fact.DOUBTED): State.PROPOSED,
        (State.OPEN_IN, Fact.DOUBTED): State.PROPOSED,
        (State.MATCHED, Fact.DOUBTED): State.PROPOSED,
        (State.SETTLED, Fact.DOUBTED): State.PROPOSED,
        (State.DISPUTED, Fact.DOUBTED): State.PROPOSED,
    }
)
"""A pair that is missing leaves the state as it is: the fact is kept as evidence and changes nothing."""

OUTCOMES: Final[Mapping[State, tuple[Outcome, DecidedBy]]] = MappingProxyType(
    {
        State.OPEN_OUT: (Outcome.UNDECIDED, DecidedBy.NOBODY),
        State.OPEN_IN: (Outcome.UNDECIDED, DecidedBy.NOBODY),
        State.PROPOSED: (Outcome.UNDECIDED, DecidedBy.NOBODY),
        State.MATCHED: (Outcome.UNDECIDED, DecidedBy.NOBODY),
        State.DISPUTED: (Outcome.UNDECIDED, DecidedBy.NOBODY),
        State.CANCELLED: (Outcome.CANCELLED, DecidedBy.AUTO),
        State.LAPSED: (Outcome.LAPSED, DecidedBy.AUTO),
    }
)
"""What a state says by itself. The outcome of a settled case depends on how it was settled."""

SELF_CONTAINED: Final = frozenset({State.SETTLED, State.CANCELLED})
"""One-sided cases that need no other half: decided where they are first seen. All others have climbed to the top
in search of it.
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of cases.csv. ``refs`` are sorted; ``score`` is in bits, None where nothing was compared."""

    state: State
    settled_at: str
    tier: str
    outcome: Outcome
    score: float | None
    decided_by: DecidedBy
    refs: tuple[EventRef, ...]

    @property
    def case(self) -> EventRef:
        """The case's name: its smallest event ref."""
        return self.refs[0]


def next_state(state: State | None, fact: Fact) -> State | None:
    """One step of the table."""
    return TRANSITIONS.get((state, fact), state)


def cases(record: Record, as_of: date, policy: Policy, places: PlaceBook) -> Iterator[Case]:
    """The one-sided cases of a record: at most one for its arrival, one for its departure, and one for each
    withdrawn move.
    """
    moves = [c for c in record.claims if c.kind in {MOVE_IN, MOVE_OUT} and not c.local(record.unit)]
    if not moves:
        return
    arrivals = [c for c in moves if c.kind == MOVE_IN]
    departures = [c for c in moves if departs(record, c) and not record.temporary]
    for claim in (*arrivals, *departures):
        if not claim.stands:
            first = Fact.ARRIVED if claim.kind == MOVE_IN else Fact.DEPARTED
            yield _case(record, (first, Fact.WITHDRAWN), (claim,), places)
    arrived = in_order(c for c in arrivals if c.stands)
    departed = in_order(c for c in departures if c.stands)
    words = in_order(c for c in record.claims if c.kind in {CONFIRM, DISPUTE} and _counts(c, as_of))
    about_departure = [c for c in words if departed and (not arrived or _follows(c, departed[0]))]
    if departed:
        yield _departure(record, departed, about_departure, as_of, policy, places)
    if arrived:
        yield _arrival(record, arrived, [c for c in words if c not in about_departure], places)


def _follows(claim: Claim, earlier: Claim) -> bool:
    return in_order((claim, earlier))[0] is earlier


def _counts(claim: Claim, as_of: date) -> bool:
    return claim.stands and effective_day(claim, as_of) is not None


def _arrival(record: Record, arrived: list[Claim], words: list[Claim], places: PlaceBook) -> Case:
    if record.temporary:
        # The end of the stay, also one reported as a departure, belongs to the stay.
        ends = [
            c for c in record.claims if c.stands and c.kind in {END_TEMPORARY, MOVE_OUT} and not c.local(record.unit)
        ]
        return _case(record, (Fact.ARRIVED, Fact.STAYS), (*arrived, *words, *ends), places, Outcome.STAYED)
    said = {CONFIRM: Fact.IN_CONFIRMED, DISPUTE: Fact.IN_DISPUTED}
    return _case(record, (Fact.ARRIVED, *(said[c.kind] for c in words)), (*arrived, *words), places)


def _departure(
    record: Record, departed: list[Claim], words: list[Claim], as_of: date, policy: Policy, places: PlaceBook
) -> Case:
    deaths = in_order(c for c in record.claims if c.kind == DEATH and _counts(c, as_of))[:1]
    left = departure(record, as_of)
    emigrated = (Fact.EMIGRATED,) if left is not None and left.place.abroad else ()
    facts = [Fact.DEPARTED]
    for claim in in_order((*departed, *words, *deaths)):
        match claim.kind:
            case "move_out":
                facts += (Fact.DEPARTED, *(emigrated if claim is left else ()))
            case "confirm":
                facts += (Fact.OUT_CONFIRMED, *emigrated)
            case "dispute":
                facts.append(Fact.OUT_DISPUTED)
            case _:
                facts.append(Fact.DIED)
    if left is not None and as_of >= lapse_day(left, policy):
        facts.append(Fact.WAITED)
    return _case(record, facts, (*departed, *words, *deaths), places, Outcome.MOVED)


def _case(
    record: Record,
    facts: Iterable[Fact],
    claims: Iterable[Claim],
    places: PlaceBook,
    settled: Outcome = Outcome.UNDECIDED,
) -> Case:
    state: State | None = None
    for fact in facts:
        state = next_state(state, fact)
    assert state is not None, "a case begins with a departure or an arrival"
    outcome, decided_by = OUTCOMES.get(state, (settled, DecidedBy.AUTO))
    refs = {ref for claim in claims for ref in (claim.ref, *claim.withdrawn_by)}
    node = authority(record.unit, state, places)
    return Case(state, node, places.tier(node), outcome, None, decided_by, tuple(sorted(refs)))


def authority(unit: str, state: State, places: PlaceBook) -> str:
    """The node whose authority a one-sided case is.

    What its own commune's words have ended, the lowest parent decides, because nothing else has to be seen. What
    misses its other half has climbed to the top of the tree that this view sees: a mover may be anywhere
    (RESOLVER 3).
    """
    lineage = places.lineage(unit)
    if state not in SELF_CONTAINED:
        return lineage[-1]
    return lineage[0] if len(lineage) == 1 or places.has_children(unit) else lineage[1]
