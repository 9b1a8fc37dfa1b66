"""Persons with all that their cases are made of, and what one person's result takes from another's: a newborn counts
where the mother does, whoever recorded it (RESOLVER 45), and whoever arrived after being recorded dead is a person
apart until somebody rules (RESOLVER 50).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from conflict import cases as one_sided
from conflict.claims import ABSENT, BIRTH, PersonRef, Record
from conflict.components import Identities, identities
from conflict.drafts import Draft, Ties, drafts
from conflict.journeys import Setting, journey
from conflict.links import Link
from conflict.proposals import Party, propose
from conflict.rulings import Pair, Ruling, pair
from conflict.standing import GENERATIONS_MAX, Standing, Status, standing

_STAYS_BEHIND = frozenset({Status.LAPSED, Status.DEAD})
_NO_GUIDE = frozenset({Status.VOID, Status.PROPOSED})


def parties(
    records: Iterable[Record], links: Iterable[Link], rulings: Iterable[Ruling], setting: Setting
) -> list[Party]:
    """All persons among ``records``, in the order of their smallest refs."""
    # Repeated records are one: the same row reached this node by two ways.
    known = {record.ref: _once(record) for record in records}
    live = {ref: record for ref, record in known.items() if not record.void}
    links = [link for link in dict.fromkeys(links) if link.a in live and link.b in live]
    rulings = list(dict.fromkeys(rulings))
    who = identities(live, links, rulings, setting.places)
    ties = _ties(who, links)
    found = [_withdrawn(record, setting) for ref, record in sorted(known.items()) if ref not in live]
    for refs in who.persons:
        found.extend(_parties([live[ref] for ref in refs], refs, ties[refs], setting))
    found = propose(found, who.doubts)
    found.sort(key=lambda party: party.refs)
    return _with_mothers(found, setting)


def _once(record: Record) -> Record:
    """The record with each claim once."""
    claims = {claim.ref: claim for claim in record.claims}
    return record if len(claims) == len(record.claims) else replace(record, claims=tuple(claims.values()))


def _ties(who: Identities, links: Iterable[Link]) -> dict[tuple[PersonRef, ...], Ties]:
    """What holds each person together, and what was ruled to be somebody else."""
    person_of = {ref: refs for refs in who.persons for ref in refs}
    bits: dict[tuple[PersonRef, ...], dict[Pair, float]] = {refs: {} for refs in who.persons}
    for link in links:
        a, b = pair(link.a, link.b)
        if person_of[a] is person_of[b]:
            best = bits[person_of[a]]
            best[a, b] = max(link.bits, best.get((a, b), link.bits))
    same: dict[tuple[PersonRef, ...], dict[Pair, Ruling]] = defaultdict(dict)
    apart: dict[tuple[PersonRef, ...], list[Ruling]] = defaultdict(list)
    for ruling in who.rulings:
        one, other = (person_of[ref] for ref in ruling.pair)
        if ruling.same and one is other:
            same[one][ruling.pair] = ruling
        elif not ruling.same:
            apart[one].append(ruling)
            apart[other].append(ruling)
    return {refs: Ties(bits[refs], same.get(refs, {}), tuple(apart.get(refs, ()))) for refs in who.persons}


def _withdrawn(record: Record, setting: Setting) -> Party:
    found = tuple(
        _draft_of(case, record) for case in one_sided.cases(record, setting.day, setting.policy, setting.places)
    )
    return Party((record.ref,), None, Standing("", Status.VOID), found)


def _draft_of(case: one_sided.Case, record: Record) -> Draft:
    return Draft(
        frozenset(case.refs), case.state, case.outcome, case.decided_by, (record.unit,), authority=case.settled_at
    )


def _parties(records: list[Record], refs: tuple[PersonRef, ...], ties: Ties, setting: Setting) -> list[Party]:
    way = journey(records, setting, ruled_apart=bool(ties.apart))
    revived = {ref for stay in way.revived for ref in stay.refs}
    whole = Party(
        tuple(ref for ref in refs if ref not in revived),
        way,
        way.standing,
        tuple(drafts(way, {record.ref: record for record in records}, ties, setting)),
    )
    if not revived:
        return [whole]
    return [whole, Party(tuple(sorted(revived)), None, Standing("", Status.PROPOSED))]


# --- newborns ---------------------------------------------------------------------------------------------------------


def _with_mothers(found: list[Party], setting: Setting) -> list[Party]:
    by_ref = {ref: party for party in found for ref in party.refs}
    result = []
    for party in found:
        mother = _mother(party)
        if mother is None:
            result.append(party)
        else:
            result.append(replace(party, standing=_follow(party, mother, by_ref, setting, 0)))
    return result


def _mother(party: Party) -> Record | None:
    """The mother whom a person still follows: a newborn without a move of its own (RESOLVER 45)."""
    way = party.way
    if way is None or way.holder is None or way.death is not None or way.visit or way.rivals:
        return None
    holder = way.holder
    if party.standing is None or (party.standing.status is not Status.RESIDENT and holder.record.mother is None):
        return None
    homes = [stay for stay in way.stays.homes if any(c.kind == BIRTH and c.stands for c in stay.record.claims)]
    if holder not in homes or holder.left is not None or holder.record.residence == ABSENT:
        return None
    return next((stay.record.mother for stay in homes if stay.record.mother is not None), None)


def _follow(
    child: Party, mother: Record, by_ref: Mapping[PersonRef, Party], setting: Setting, generation: int
) -> Standing:
    assert child.way is not None
    home = Standing(child.way.last_unit, Status.RESIDENT)
    party = by_ref.get(mother.ref)
    if party is None:
        # She is not among the records that were given, so nothing links her to anybody.
        now = standing(mother, setting.as_of, setting.policy, day=setting.day)
        last_unit = mother.unit
    else:
        elder = _mother(party)
        follows = elder is not None and generation < GENERATIONS_MAX
        now = _follow(party, elder, by_ref, setting, generation + 1) if elder and follows else party.standing
        last_unit = party.way.last_unit if party.way is not None else ""
    if now is None or now.status in _NO_GUIDE:
        return home
    if now.status in _STAYS_BEHIND:
        return Standing(last_unit, Status.RESIDENT) if last_unit else home
    return now
