"""The outcome: who the persons are, where they count, which cases there are, and what is asked of whom.

``resolve`` is a pure function of the records with their claims, the links between them, the rulings, the policy, the
tree and the day. No order, repeat or delay shows in it, nor where in the tree the claims came from (I2); claims that
are already known change nothing (I4). It may be given all records of a tree or one family of them
(``components.family_neighbours``): the result for that family is the same.

The steps stand in modules of their own: who is one person (``components``), the way of each person (``journeys``) from
move to move (``moves``), what is left to be written down (``drafts``), what persons owe each other (``parties``,
``proposals``, ``households``), who decides (``authority``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from conflict.authority import authority
from conflict.cases import Case, State
from conflict.cases import Outcome as CaseOutcome
from conflict.claims import PersonRef, Record
from conflict.decisions import Action, Ask, Decision, Parameters, decision_id, parameters_of
from conflict.drafts import Draft
from conflict.explanation import Why, reason
from conflict.households import joined_by_sheet
from conflict.journeys import Setting
from conflict.links import Link
from conflict.parties import parties
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.proposals import Party
from conflict.reforms import Successions
from conflict.rulings import Ruling
from conflict.standing import CanonicalPerson, Standing


@dataclass(frozen=True, slots=True)
class Outcome:
    """``persons`` in the order of their names, every ref in exactly one; ``cases`` in the order of theirs."""

    persons: tuple[CanonicalPerson, ...]
    cases: tuple[Case, ...]
    decisions: tuple[Decision, ...]


def resolve(
    records: Iterable[Record],
    links: Iterable[Link],
    rulings: Iterable[Ruling],
    policy: Policy,
    places: PlaceBook,
    as_of: date,
    *,
    searched: bool = True,
    successions: Successions | None = None,
    parameters: Parameters | None = None,
) -> Outcome:
    """Settle everything among ``records``. ``searched``: the top has looked for all of them, so an arrival without any
    link is somebody new (RESOLVER 6). ``successions``: by default those that the places come with.
    """
    took_over = places.successions if successions is None else successions
    setting = Setting(as_of, as_of, policy, places, searched, took_over)
    known = parties(records, links, rulings, setting)
    settled = [_placed(draft, places) for draft in joined_by_sheet(d for party in known for d in party.drafts)]
    settled.sort(key=lambda draft: min(draft.refs))
    with_what = parameters or parameters_of(policy)
    return Outcome(
        tuple(sorted((_person(party) for party in known), key=lambda person: person.person)),
        tuple(_case(draft, places) for draft in settled),
        tuple(_decision(draft, with_what, places) for draft in settled if draft.asks),
    )


def standings(
    records: Iterable[Record],
    links: Iterable[Link],
    rulings: Iterable[Ruling],
    setting: Setting,
) -> dict[tuple[PersonRef, ...], Standing]:
    """Where each person counted at the end of ``setting.day``, by all that is known as of its ``as_of``. Persons who
    did not exist then are left out.
    """
    known = parties(records, links, rulings, setting)
    return {party.refs: party.standing for party in known if party.standing is not None}


def _person(party: Party) -> CanonicalPerson:
    assert party.standing is not None, "every record exists on the day of the view"
    return CanonicalPerson(party.refs, party.standing)


def _placed(draft: Draft, places: PlaceBook) -> Draft:
    """A draft with the node whose it is; a case that waits for a ruling asks that node for one."""
    if draft.authority:
        return draft
    if draft.ruling is not None and draft.ruling.authority in places and draft.state is not State.PROPOSED:
        return replace(draft, authority=draft.ruling.authority)
    is_open = draft.state in {State.PROPOSED, State.OPEN_IN} or draft.outcome is CaseOutcome.NEW_ENTRY
    is_open |= draft.state is State.DISPUTED and len(draft.units) == 1  # the other half is still to be found
    node, is_closing = authority(draft.units, draft.named, places, numbers_agree=draft.numbers_agree, is_open=is_open)
    asks = draft.asks
    if draft.state is State.PROPOSED:
        asks = (*asks, *(Ask(node, Action.RULE, ask.ref) for ask in asks if ask.action is Action.HOLD))
    why = reason(Why.CLOSING if is_closing else Why.CLIMBED, node)
    return replace(draft, authority=node, asks=tuple(sorted(set(asks))), reasons=(*draft.reasons, why))


def _case(draft: Draft, places: PlaceBook) -> Case:
    return Case(
        draft.state,
        draft.authority,
        places.tier(draft.authority),
        draft.outcome,
        draft.score,
        draft.decided_by,
        tuple(sorted(draft.refs)),
    )


def _decision(draft: Draft, parameters: Parameters, places: PlaceBook) -> Decision:
    name = min(draft.refs)
    claims = draft.refs | draft.heard | ({draft.ruling.ref} if draft.ruling is not None else set())
    return Decision(
        decision_id(name, claims, parameters),
        name,
        tuple(sorted(claims)),
        parameters,
        draft.state,
        draft.outcome,
        draft.decided_by,
        draft.authority,
        len(places.lineage(draft.authority)),
        draft.score,
        draft.asks,
        draft.reasons,
    )
