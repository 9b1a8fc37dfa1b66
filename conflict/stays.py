"""A person's stays: the records that are held to be one person, put in the order in which they were lived.

A stay is a time at one unit, and may have several records: a form filled in twice, or the same arrival under another
id (RESOLVER 7, 8, 31). *Homes* are the records that nobody arrived with: who was registered all along, or was born
there. Then come the arrivals, by their dates. Temporary stays stand aside: they are no move (RESOLVER 53).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from conflict.claims import (
    BIRTH,
    CONFIRM,
    DISPUTE,
    MOVE_IN,
    Claim,
    EventRef,
    PersonRef,
    Record,
    effective_day,
    in_order,
)
from conflict.reforms import NO_SUCCESSIONS, Successions
from conflict.standing import departs


@dataclass(frozen=True, slots=True)
class Stay:
    """``record`` has the claims of all ``refs`` together. ``arrival`` made it; None: a home. ``entered`` are those of
    the refs that neither a birth nor an arrival of any kind brought.
    """

    record: Record
    refs: tuple[PersonRef, ...]
    arrival: Claim | None
    entered: tuple[PersonRef, ...] = ()

    @property
    def unit(self) -> str:
        return self.record.unit

    @property
    def begins(self) -> tuple[date, str]:
        """When it began, and the claim that says so: ties between stays end with it."""
        return (date.min, "") if self.arrival is None else (self.arrival.day, self.arrival.ref)

    @property
    def arrivals(self) -> tuple[Claim, ...]:
        return tuple(c for c in in_order(self.record.claims) if c.kind == MOVE_IN and c.stands)

    @property
    def departures(self) -> tuple[Claim, ...]:
        """What was written down of leaving for good, withdrawn reports too."""
        return tuple(c for c in in_order(self.record.claims) if departs(self.record, c))

    @property
    def left(self) -> Claim | None:
        """The last departure that stands."""
        return next((c for c in reversed(self.departures) if c.stands), None)

    @property
    def words(self) -> tuple[Claim, ...]:
        return tuple(c for c in in_order(self.record.claims) if c.kind in {CONFIRM, DISPUTE} and c.stands)

    def has_begun_to_end(self, claim: Claim) -> bool:
        """Whether a claim comes after the first departure that stands, in the order of history."""
        first = next((c for c in self.departures if c.stands), None)
        return first is not None and in_order((first, claim))[0] is first

    def last_seen(self) -> tuple[date, EventRef | PersonRef]:
        """The latest dated evidence of presence, and who said so. A "still lives here" of a home is such evidence, a
        "has left" is none; of an arrival's record it is the other way round (RESOLVER 6).
        """
        present = DISPUTE if self.arrival is None else CONFIRM
        found = [c for c in self.record.claims if c.stands and c.kind in {BIRTH, MOVE_IN, present}]
        if not found:
            return date.min, self.refs[0]
        last = max(c.day for c in found)
        return last, min(c.ref for c in found if c.day == last)


@dataclass(frozen=True, slots=True)
class Stays:
    homes: tuple[Stay, ...]
    journeys: tuple[Stay, ...]
    temporary: tuple[Record, ...]


def stays(records: Iterable[Record], as_of: date, day: date, successions: Successions = NO_SUCCESSIONS) -> Stays:
    """The stays of one person up to the end of ``day``, by all that is known as of ``as_of``.

    Records that were taken back, or did not exist yet, are in none.
    """
    known = [k for record in records if not record.void and (k := _known(record, as_of, day)) is not None]
    settled = [record for record in known if not record.temporary]
    homes: dict[str, list[Record]] = {}
    arrived: list[tuple[Record, Claim]] = []
    for record in settled:
        arrival = _arrival(record, successions)
        if arrival is None:
            homes.setdefault(successions.newest(record.unit), []).append(record)
        else:
            arrived.append((record, arrival))
    at_home = tuple(_home(group, successions) for _, group in sorted(homes.items()))
    temporary = tuple(sorted((r for r in known if r.temporary), key=lambda r: r.ref))
    return Stays(at_home, _journeys(arrived, successions), temporary)


def _home(records: list[Record], successions: Successions) -> Stay:
    entered = sorted(r.ref for r in records if not any(c.kind in {BIRTH, MOVE_IN} and c.stands for c in r.claims))
    return replace(_merged(records, None, successions), entered=tuple(entered))


def _known(record: Record, as_of: date, day: date) -> Record | None:
    claims = []
    for claim in record.claims:
        since = effective_day(claim, as_of)
        if since is not None and since <= day:
            claims.append(claim)
    made = {BIRTH, MOVE_IN}
    if any(c.kind in made and c.stands for c in record.claims) and not any(c.kind in made and c.stands for c in claims):
        return None
    return record if len(claims) == len(record.claims) else replace(record, claims=tuple(claims))


def _arrival(record: Record, successions: Successions) -> Claim | None:
    """The claim that brought somebody from elsewhere. A move inside the unit, or into the unit that it has become,
    brings nobody (RESOLVER 59, 64).
    """
    for claim in in_order(record.claims):
        if claim.kind == MOVE_IN and claim.stands:
            named = claim.place.node_id
            return None if named and successions.is_one_place(named, record.unit) else claim
    return None


def _journeys(arrived: list[tuple[Record, Claim]], successions: Successions) -> tuple[Stay, ...]:
    """Arrivals in order; one at the unit of the stay before it, from which nobody left, is a repeat of it."""
    found: list[Stay] = []
    for record, arrival in sorted(arrived, key=lambda pair: (pair[1].day, pair[1].recorded, pair[1].ref)):
        before = found[-1] if found else None
        left = None if before is None else before.left
        if (
            before is not None
            and successions.is_one_place(before.unit, record.unit)
            and (left is None or left.day > arrival.day)
        ):
            found[-1] = _joined(before, record, successions)
        else:
            found.append(_merged([record], arrival, successions))
    return tuple(found)


def _joined(stay: Stay, record: Record, successions: Successions) -> Stay:
    merged = _merged([stay.record, record], stay.arrival, successions)
    return replace(merged, refs=tuple(sorted({*stay.refs, record.ref})))


def joined(stays: Iterable[Stay]) -> Stay:
    """Several stays at one unit as one that began with the first."""
    first, *others = sorted(stays, key=lambda stay: stay.begins)
    for other in others:
        merged = _merged([first.record, other.record], first.arrival, NO_SUCCESSIONS)
        refs, entered = tuple(sorted({*first.refs, *other.refs})), tuple(sorted({*first.entered, *other.entered}))
        first = replace(merged, refs=refs, entered=entered)
    return first


def _merged(records: list[Record], arrival: Claim | None, successions: Successions) -> Stay:
    """One record with the claims of all. What the row says now is taken from the record that was made last."""
    last = max(records, key=lambda r: (max((c.day for c in r.claims if c.kind == MOVE_IN), default=date.min), r.ref))
    mother = next((r.mother for r in sorted(records, key=lambda r: r.ref) if r.mother is not None), None)
    claims = {claim.ref: claim for record in records for claim in record.claims}
    refs = tuple(sorted(record.ref for record in records))
    numbers = sorted({record.number for record in records if record.number})
    together = Record(
        refs[0],
        successions.newest(last.unit),
        last.residence,
        "",
        tuple(claims[ref] for ref in sorted(claims)),
        mother,
        numbers[0] if numbers else "",
    )
    return Stay(together, refs, arrival)
