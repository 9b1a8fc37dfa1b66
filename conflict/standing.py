"""Where a person counts, and as what: the counting rules of RESOLVER 3 for a record on its own.

One rule table, read from the top, answers for any day: a later day of the same view, or the end of a month long
past. The view's as-of says what is known to have happened; the day asked about can lie before it.

The resolver plugs in above: it links records of one person into a ``CanonicalPerson`` with a standing of their
own, and whoever stands alone is decided here. A newborn follows the mother only where both are registered at one
node; across nodes that is the resolver's work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from conflict.claims import (
    ABSENT,
    BIRTH,
    CONFIRM,
    DEATH,
    DISPUTE,
    END_TEMPORARY,
    MOVE_IN,
    MOVE_OUT,
    TEMPORARY,
    Claim,
    PersonRef,
    Record,
    effective_day,
    in_order,
)
from conflict.policy import Policy

GENERATIONS_MAX: Final = 3  # mothers of mothers that are followed; a bundle of one lifetime needs one or two


class Status(StrEnum):
    """The words of residents.csv."""

    RESIDENT = "resident"
    IN_TRANSIT = "in_transit"  # has left, has not arrived: counts at the origin
    AWAY = "away"  # temporarily absent: counts where registered
    LAPSED = "lapsed"  # left for an unknown place, waiting time over
    ABROAD = "abroad"
    TEMPORARY = "temporary"  # a temporary stay: never counts by itself
    PROPOSED = "proposed"  # may be somebody who is already counted (the resolver's)
    DEAD = "dead"
    VOID = "void"


COUNTED: Final = frozenset({Status.RESIDENT, Status.IN_TRANSIT, Status.AWAY})


@dataclass(frozen=True, slots=True)
class Standing:
    """``unit`` is the node where the person counts; empty exactly if the status is not a counted one."""

    unit: str
    status: Status


@dataclass(frozen=True, slots=True)
class CanonicalPerson:
    """A person: all records that are held to be one, and where the person counts.

    One-sided, each record is a person. The resolver's persons have several ``refs`` and bring the standing that
    their case decided.
    """

    refs: tuple[PersonRef, ...]
    standing: Standing

    def __post_init__(self) -> None:
        assert self.refs == tuple(sorted(set(self.refs))), "a person's refs are sorted and distinct"
        assert self.refs
        assert bool(self.standing.unit) == (self.standing.status in COUNTED)

    @property
    def person(self) -> PersonRef:
        """The person's name in results: the smallest ref."""
        return self.refs[0]


def standing(record: Record, as_of: date, policy: Policy, *, day: date | None = None) -> Standing | None:
    """Where a record counts at the end of ``day`` (by default at ``as_of``), by all that is known as of ``as_of``.

    None if the record did not exist yet: before its birth or its arrival. A record without either always existed.
    """
    return _standing(record, as_of, policy, as_of if day is None else min(day, as_of), 0)


def _standing(record: Record, as_of: date, policy: Policy, day: date, generation: int) -> Standing | None:
    if record.void:
        return Standing("", Status.VOID)
    if not record.claims and record.mother is None:
        return _unmoved(record)
    claims = in_effect(record, as_of, day)
    created = [c for c in record.claims if c.kind in {BIRTH, MOVE_IN} and c.stands]
    if created and not any(c.kind in {BIRTH, MOVE_IN} for c in claims):
        return None
    if any(c.kind == DEATH for c in claims):
        return Standing("", Status.DEAD)
    if record.temporary:
        return Standing("", Status.TEMPORARY)
    left = departure(record, as_of)
    if left is not None and left.day <= day:
        words = [c for c in claims[claims.index(left) :] if c.kind in {CONFIRM, DISPUTE}]
        if words and words[-1].kind == DISPUTE:
            return Standing(record.unit, Status.RESIDENT)  # "still lives here": counted where last settled
        return _departed(record, left, policy, day)
    if record.mother is not None and generation < GENERATIONS_MAX:
        return _with_mother(record, _standing(record.mother, as_of, policy, day, generation + 1))
    return _unmoved(record)


def _unmoved(record: Record) -> Standing:
    """Without any word of a move: at its place; temporarily absent stays in, a temporary stay stays out."""
    match record.residence:
        case "temporary":
            return Standing("", Status.TEMPORARY)
        case "absent":
            return Standing(record.unit, Status.AWAY)
        case _:
            return Standing(record.unit, Status.RESIDENT)


def _departed(record: Record, left: Claim, policy: Policy, day: date) -> Standing:
    if left.place.abroad:
        return Standing("", Status.ABROAD)
    if day >= lapse_day(left, policy):
        return Standing("", Status.LAPSED)
    return Standing(record.unit, Status.IN_TRANSIT)


def _with_mother(record: Record, mother: Standing | None) -> Standing:
    """A newborn counts where the mother counts (RESOLVER 45), and stays where she last counted if she lapsed
    (RESOLVER 6).
    """
    if record.residence == ABSENT:
        return _unmoved(record)
    if mother is None or mother.status in {Status.LAPSED, Status.DEAD, Status.VOID}:
        return Standing(record.unit, Status.RESIDENT)
    return mother


# --- what the rules ask of the claims ---------------------------------------------------------------------------------


def in_effect(record: Record, as_of: date, day: date) -> list[Claim]:
    """The claims that stand and count on a day, in the order of history."""
    found = []
    for claim in record.claims:
        since = effective_day(claim, as_of) if claim.stands else None
        if since is not None and since <= day:
            found.append(claim)
    return in_order(found)


def departs(record: Record, claim: Claim) -> bool:
    """True for a departure for good out of the commune: the only kind that ends anything (RESOLVER 53, 59).

    One that says itself that it is temporary is an absence, which the record's ``residence`` shows.
    """
    return claim.kind == MOVE_OUT and claim.residence not in {TEMPORARY, ABSENT} and not claim.local(record.unit)


def departure(record: Record, as_of: date) -> Claim | None:
    """The last departure that stands and has happened by ``as_of``.

    A record leaves once, for whoever comes back gets a new one; so a second report of it is the later word on the
    same move (RESOLVER 7, 8), also when an earlier day is asked about.
    """
    found = [c for c in record.claims if departs(record, c) and c.stands and effective_day(c, as_of) is not None]
    return in_order(found)[-1] if found else None


def lapse_day(left: Claim, policy: Policy) -> date:
    """The day on which an open departure lapses to "absent, destination unknown" (RESOLVER 2)."""
    wait = policy.on(left.day).out_lapse_days
    return left.day + timedelta(days=wait) if (date.max - left.day).days >= wait else date.max


def stay_verify_day(record: Record, as_of: date, policy: Policy) -> date | None:
    """The day from which a temporary stay is to be verified, None for no stay, one that has ended, or one without
    a beginning.

    It becomes a task for a visit and nothing else: it never turns permanent by itself (RESOLVER 3, 55).
    """
    if record.void or not record.temporary:
        return None
    claims = in_effect(record, as_of, as_of)
    if any(c.kind in {END_TEMPORARY, MOVE_OUT, DEATH} for c in claims):
        return None
    begun = next((c.day for c in claims if c.kind == MOVE_IN), None)
    return None if begun is None else months_later(begun, policy.on(begun).stay_verify_months)


def months_later(day: date, months: int) -> date:
    """The same day some months later, or the last one of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    if index >= 10_000 * 12:
        return date.max
    for last in range(day.day, 27, -1):
        try:
            return date(index // 12, index % 12 + 1, last)
        except ValueError:
            continue
    return date(index // 12, index % 12 + 1, day.day)


def turning_days(record: Record, as_of: date, policy: Policy) -> Iterator[date]:
    """Days, up to ``as_of``, on which the standing of a record may change; between two of them it does not."""
    person: Record | None = record
    generation = 0
    while person is not None and generation <= GENERATIONS_MAX:
        for claim in person.claims:
            since = effective_day(claim, as_of) if claim.stands else None
            if since is None:
                continue
            yield since
            if departs(person, claim):
                yield min(lapse_day(claim, policy), as_of)
        person = person.mother
        generation += 1
