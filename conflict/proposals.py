"""Doubts: an arrival that may be somebody who is already counted waits for a person to rule, and is not counted; the
other record is, where the person was last settled (RESOLVER 3).

Of two persons the one whose records began later is the doubtful one. Standing records are never doubted: they are
compared only where a personal number is equal, and are then in dispute. What hangs together by doubts is one case: the
arrivals, and the open departures that they may answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from conflict.cases import OUTCOMES, Fact, State, next_state
from conflict.claims import PersonRef
from conflict.components import Doubt
from conflict.decisions import Action, Ask
from conflict.drafts import Draft
from conflict.explanation import Why, reason
from conflict.journeys import Journey
from conflict.standing import Standing, Status


@dataclass(frozen=True, slots=True)
class Party:
    """A person: the refs, sorted, the way so far and the drafts. ``way`` is None for a record that was taken back, or
    that waits apart from one recorded dead. ``standing`` is None for somebody who did not exist yet.
    """

    refs: tuple[PersonRef, ...]
    way: Journey | None
    standing: Standing | None
    drafts: tuple[Draft, ...] = ()


def propose(parties: list[Party], doubts: Iterable[Doubt]) -> list[Party]:
    """The persons after all doubts were heard, in the same order."""
    owner = {ref: index for index, party in enumerate(parties) for ref in party.refs}
    about: dict[int, list[tuple[Doubt, int]]] = defaultdict(list)
    for doubt in doubts:
        one, other = owner.get(doubt.a), owner.get(doubt.b)
        if one is None or other is None or one == other:
            continue
        begun = sorted((b, index) for index in (one, other) if (b := _begins(parties[index])) is not None)
        if len(begun) == 2 and _is_arrival(parties[begun[1][1]]):
            about[begun[1][1]].append((doubt, begun[0][1]))
    result = list(parties)
    for later, found in sorted(about.items()):
        result[later] = _doubted(result[later], [doubt for doubt, _ in found])
        for _, earlier in found:
            result[earlier] = _kept(result[earlier])
    _join_cases(result, about)
    return result


def _begins(party: Party) -> tuple[date, str, tuple[PersonRef, ...]] | None:
    """When a person's records began; None for temporary stays alone, which are no move, and for what was taken back."""
    way = party.way
    if way is None:
        return None
    if way.stays.homes:
        return date.min, "", party.refs
    if not way.stays.journeys:
        return None
    return (*way.stays.journeys[0].begins, party.refs)


def _is_arrival(party: Party) -> bool:
    return party.way is not None and bool(party.way.moves) and not party.way.stays.homes


def _doubted(party: Party, doubts: list[Doubt]) -> Party:
    """The doubtful person: the first move waits, and nothing is counted. One who died stays dead."""
    first, *rest = party.drafts
    state = next_state(first.state, Fact.DOUBTED)
    assert state is State.PROPOSED
    why = [reason(Fact.DOUBTED, doubt.a, doubt.b) for doubt in doubts]
    why += [reason(Why.REFUSED, doubt.a, doubt.b) for doubt in doubts if doubt.refused]
    why += [reason(Why.REOPENED, d.reopened.ref, d.a, d.b) for d in doubts if d.reopened is not None]
    assert party.way is not None
    arrivals = party.way.moves[0][0].arrivals
    # Somebody who may be counted already is not somebody new, as the search alone would have said.
    heard = tuple(r for r in first.reasons if r.code != Fact.SEARCHED)
    waiting = replace(
        first,
        state=state,
        outcome=OUTCOMES[state][0],
        decided_by=OUTCOMES[state][1],
        reasons=(*heard, *why),
        asks=tuple(sorted(Ask(stay.unit, Action.HOLD, ref) for stay in arrivals for ref in stay.refs)),
        score=max(doubt.bits for doubt in doubts),
        ruling=None,
        heard=frozenset(doubt.reopened.ref for doubt in doubts if doubt.reopened is not None),
    )
    is_dead = party.standing is not None and party.standing.status is Status.DEAD
    now = party.standing if is_dead else Standing("", Status.PROPOSED)
    return replace(party, standing=now, drafts=(waiting, *rest))


def _kept(party: Party) -> Party:
    """The other person: counted where last settled; a departure that may have been answered does not lapse."""
    if party.way is None or party.standing is None or party.standing.status is not Status.LAPSED:
        return party
    return replace(party, standing=Standing(party.way.last_unit, Status.IN_TRANSIT))


def _join_cases(parties: list[Party], about: dict[int, list[tuple[Doubt, int]]]) -> None:
    """Give each open departure to the case of the arrivals that may answer it."""
    home = {index: index for index in about}

    def lead(index: int) -> int:
        while home[index] != index:
            index = home[index]
        return index

    taken: dict[int, int] = {}
    for later, found in sorted(about.items()):
        for _, earlier in found:
            if not any(draft.is_open_departure for draft in parties[earlier].drafts):
                continue
            first = taken.setdefault(earlier, later)
            one, other = sorted((lead(first), lead(later)))
            home[other] = one
    groups: dict[int, list[Draft]] = defaultdict(list)
    for later in sorted(about):
        groups[lead(later)].append(parties[later].drafts[0])
    for earlier, later in sorted(taken.items()):
        party = parties[earlier]
        groups[lead(later)].extend(draft for draft in party.drafts if draft.is_open_departure)
        parties[earlier] = replace(party, drafts=tuple(d for d in party.drafts if not d.is_open_departure))
    for later in about:
        party = parties[later]
        mine = (_one_case(groups[later]),) if lead(later) == later else ()
        parties[later] = replace(party, drafts=(*mine, *party.drafts[1:]))


def _one_case(drafts: list[Draft]) -> Draft:
    first = drafts[0]
    scores = [draft.score for draft in drafts if draft.score is not None]
    return replace(
        first,
        refs=frozenset().union(*(draft.refs for draft in drafts)),
        units=tuple(sorted(set().union(*(draft.units for draft in drafts)))),
        reasons=tuple(r for draft in drafts for r in draft.reasons),
        asks=tuple(sorted(set().union(*(draft.asks for draft in drafts)))),
        score=max(scores, default=None),
        numbers_agree=all(draft.numbers_agree for draft in drafts),
        heard=frozenset().union(*(draft.heard for draft in drafts)),
        sheets=frozenset(),
        route=("", ""),
    )
