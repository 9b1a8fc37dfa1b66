"""One person's way through the units, from all the records that are held to be one, and where it has led so far.

The stays are put in order and joined into moves; each move is judged on its own (``moves``), one after the other, and
hands on where the person counts. What is left over, the departure that nobody has answered, is judged as one side sees
it (``standing``). Deaths come last (RESOLVER 48-50).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from conflict.cases import Fact, State, next_state
from conflict.claims import DEATH, END_TEMPORARY, MOVE_IN, MOVE_OUT, Claim, Record, in_order
from conflict.moves import Asked, Judgement, Move, judge, latest_seen, same_office, silent_day
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.reforms import NO_SUCCESSIONS, Successions
from conflict.standing import Standing, Status, lapse_day, standing
from conflict.stays import Stay, Stays, joined, stays


@dataclass(frozen=True, slots=True)
class Setting:
    """What every judgement is made under. ``day`` is the day that is asked about, at most ``as_of``."""

    as_of: date
    day: date
    policy: Policy
    places: PlaceBook
    searched: bool = True
    successions: Successions = NO_SUCCESSIONS


@dataclass(frozen=True, slots=True)
class Journey:
    """``standing`` is None if the person did not exist yet. ``last_unit``: where they last counted, also if they
    count nowhere now.

    ``revived`` are stays of somebody who was recorded dead before they began: a person has to look, and until then
    they are not this one (RESOLVER 50). ``visit`` is a temporary stay that the old place took for a move (RESOLVER
    54). ``rivals`` are homes that no departure explains. ``holder``: the stay by which the person counts.
    """

    stays: Stays
    moves: tuple[tuple[Move, Judgement], ...]
    standing: Standing | None
    last_unit: str
    holder: Stay | None = None
    death: Claim | None = None
    revived: tuple[Stay, ...] = ()
    visit: tuple[Claim, ...] = ()
    rivals: tuple[Stay, ...] = ()


def journey(records: Iterable[Record], setting: Setting, *, ruled_apart: bool = False) -> Journey:
    """The way of one person, whose ``records`` are given in any order."""
    found = stays(records, setting.as_of, setting.day, setting.successions)
    asked = Asked(setting.searched, ruled_apart)
    judged = [
        (move, judge(move, setting.day, setting.policy, setting.places, asked, setting.successions))
        for move in moves(found, setting.successions)
    ]
    rivals = () if judged else _rivals(found)
    holder = _home(found.homes) if found.homes else None
    for move, judgement in judged:
        if judgement.holder is not None:
            holder = settled_stay(move, judgement.holder, setting.successions)
        elif holder is None:
            holder = latest_seen(move.arrivals)
    if holder is None:
        return _without_stay(found)
    now = _standing(holder, judged, setting)
    is_left = any(holder in move.origins and not move.returned for move, _ in judged)
    visit = () if is_left else _visit(holder, found, setting)
    if visit:
        now = Standing(holder.unit, Status.AWAY)
    way = Journey(found, tuple(judged), now, holder.unit, holder, visit=visit, rivals=rivals)
    return _mourned(way, holder, setting)


# --- moves ------------------------------------------------------------------------------------------------------------


def moves(found: Stays, successions: Successions) -> list[Move]:
    """The moves between stays, in order. An arrival after another arrival, from where nobody says that the person has
    left, contends with it, unless it names that place as the one it comes from (RESOLVER 14, 15).
    """
    result: list[Move] = []
    position: tuple[Stay, ...] = found.homes
    for stay in found.journeys:
        if result and not _follows(position, stay, successions):
            result[-1] = replace(result[-1], arrivals=_with(result[-1].arrivals, stay, successions))
            position = result[-1].arrivals
            continue
        if result:
            result[-1] = replace(result[-1], until=stay.begins[0])
        move = Move(position, (stay,), _is_return(position, stay, successions))
        result.append(move)
        position = (settled_stay(move, stay, successions),)
    return result


def settled_stay(move: Move, holder: Stay, successions: Successions) -> Stay:
    """Where a move leaves the person: a second form at the same office is filed with the first (RESOLVER 31)."""
    office = same_office(move, successions)
    return holder if office is None or holder not in move.arrivals else joined((office, holder))


def _with(arrivals: tuple[Stay, ...], stay: Stay, successions: Successions) -> tuple[Stay, ...]:
    """One more contender, or one more report of a contender."""
    for index, other in enumerate(arrivals):
        if successions.is_one_place(other.unit, stay.unit):
            return (*arrivals[:index], joined((other, stay)), *arrivals[index + 1 :])
    return (*arrivals, stay)


def _follows(position: tuple[Stay, ...], stay: Stay, successions: Successions) -> bool:
    """Whether an arrival is a move of its own from where the person was, and no rival of the arrivals there."""
    if all(other.left is not None for other in position):
        return True
    assert stay.arrival is not None
    named = stay.arrival.place.node_id
    return bool(named) and any(successions.is_one_place(named, other.unit) for other in position)


def _is_return(position: tuple[Stay, ...], stay: Stay, successions: Successions) -> bool:
    """Whether somebody comes back who had gone abroad; one who names the old place never went (RESOLVER 57, 58)."""
    assert stay.arrival is not None
    named = stay.arrival.place.node_id
    left = [origin.left for origin in position]
    if not left or not all(out is not None and out.place.abroad for out in left):
        return False
    return not (named and any(successions.is_one_place(named, origin.unit) for origin in position))


# --- where the person counts ------------------------------------------------------------------------------------------


def _home(homes: tuple[Stay, ...]) -> Stay:
    """Which of several homes counts: one that nobody left, before one that somebody did."""
    staying = [stay for stay in homes if stay.left is None]
    return latest_seen(staying or homes)


def _rivals(found: Stays) -> tuple[Stay, ...]:
    """Homes at several units that were entered and not born into: whoever has two such is in dispute (RESOLVER 3)."""
    staying = [stay for stay in found.homes if stay.left is None and stay.entered]
    return tuple(staying) if len(staying) > 1 else ()


def _without_stay(found: Stays) -> Journey:
    """Somebody of whom there are temporary stays only, or who does not exist yet."""
    deaths = _deaths(found.temporary)
    if deaths:
        return Journey(found, (), Standing("", Status.DEAD), "", death=deaths[0])
    return Journey(found, (), Standing("", Status.TEMPORARY) if found.temporary else None, "")


def _standing(holder: Stay, judged: list[tuple[Move, Judgement]], setting: Setting) -> Standing | None:
    """Where the holder counts by its own words. While somebody contests where they went, nobody lapses."""
    now = standing(holder.record, setting.as_of, setting.policy, day=setting.day)
    is_contested = any(word.state is State.DISPUTED and holder in move.origins for move, word in judged)
    if now is not None and is_contested and now.status in {Status.LAPSED, Status.ABROAD}:
        return Standing(holder.unit, Status.IN_TRANSIT)
    return now


_VISIT_DAYS_BEFORE: Final = 30  # a stay is registered at its place up to so long before the old place writes of it


def _visit(holder: Stay, found: Stays, setting: Setting) -> tuple[Claim, ...]:
    """The departure and the temporary stay that are one visit: the old place wrote down a move for good, the new one
    a stay, and nothing else answers the departure (RESOLVER 54).
    """
    out = holder.left
    if out is None or out.place.abroad:
        return ()
    since, until = _days(out.day, -_VISIT_DAYS_BEFORE), lapse_day(out, setting.policy)
    for record in found.temporary:
        arrivals = [c for c in in_order(record.claims) if c.kind == MOVE_IN and c.stands]
        if arrivals and since <= arrivals[0].day <= until and out.place.node_id in {"", record.unit}:
            outs = (c for c in holder.departures if c.stands)
            return (*outs, *(c for c in record.claims if _is_of_stay(c, record)))
    return ()


def _is_of_stay(claim: Claim, record: Record) -> bool:
    """The beginning of a temporary stay and its end, also one that was told as a departure."""
    return claim.stands and claim.kind in {MOVE_IN, MOVE_OUT, END_TEMPORARY} and not claim.local(record.unit)


def _days(day: date, count: int) -> date:
    return date.fromordinal(max(day.toordinal() + count, 1)) if count < 0 else day + timedelta(days=count)


# --- deaths -----------------------------------------------------------------------------------------------------------


def _deaths(records: Iterable[Record]) -> list[Claim]:
    return in_order(c for record in records for c in record.claims if c.kind == DEATH and c.stands)


def _mourned(way: Journey, holder: Stay, setting: Setting) -> Journey:
    """The way with what deaths make of it.

    A death at the last place, or dated after the arrival there, is one. Told by an earlier place and dated before
    the arrival, it either contradicts a move that was settled by then, which is disputed (RESOLVER 3); or it was known
    when the arrival was written down, which then waits for a person and revives nobody (RESOLVER 50).
    """
    everybody = (*way.stays.homes, *(stay for move, _ in way.moves for stay in move.arrivals))
    deaths = _deaths((*(stay.record for stay in everybody), *way.stays.temporary))
    if not deaths:
        return way
    dead = Standing("", Status.DEAD)
    here = {c.ref for c in holder.record.claims}
    begun = holder.begins[0]
    certain = [c for c in deaths if c.ref in here or c.day >= begun or holder.arrival is None]
    if certain:
        return replace(way, standing=dead, death=certain[0])
    death = deaths[0]
    index = next(i for i, (move, _) in enumerate(way.moves) if any(s.arrival is holder.arrival for s in move.arrivals))
    move, judgement = way.moves[index]
    assert holder.arrival is not None
    told = death.recorded.date()
    was_known = death.recorded < holder.arrival.recorded
    was_settled = judgement.state is State.SETTLED and (
        judgement.agreed_by is not None or silent_day(holder.arrival, setting.policy) <= told
    )
    told_at = _told_at(way, death)
    first = next(
        (i for i, (later, _) in enumerate(way.moves) if i > told_at and later.arrivals[0].begins[0] > death.day), None
    )
    if first is None or (was_settled and not was_known):  # None: it was told by a rival of the holder
        contested = replace(_told(judgement, Fact.CONTESTED, death), contested_by=death)
        before, after = way.moves[:index], way.moves[index + 1 :]
        return replace(way, moves=(*before, (move, contested), *after))
    revived = tuple(stay for later, _ in way.moves[first:] for stay in later.arrivals)
    move, judgement = way.moves[first]
    moves = (*way.moves[:first], (move, _told(judgement, Fact.DOUBTED, death)), *way.moves[first + 1 :])
    return replace(way, moves=moves, standing=dead, death=death, revived=revived)


def _told_at(way: Journey, death: Claim) -> int:
    """Which move led to the stay that tells of a death; -1 for a home or a temporary stay."""
    for index, (move, _) in enumerate(way.moves):
        if any(death.ref == c.ref for stay in move.arrivals for c in stay.record.claims):
            return index
    return -1


def _told(judgement: Judgement, fact: Fact, by: Claim) -> Judgement:
    state = next_state(judgement.state, fact)
    assert state is not None
    claims = {c.ref: c for c in (*judgement.claims, by)}
    return replace(
        judgement,
        state=state,
        facts=(*judgement.facts, (by.day, fact)),
        claims=tuple(claims[ref] for ref in sorted(claims)),
    )
