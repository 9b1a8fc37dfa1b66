"""Drafts of cases: what each person's journey leaves to be written down, before cases that belong together are joined
and an authority is found (RESOLVER 1, 6).

An event is in at most one draft. What a move has used is in the draft of the move; the rest, open departures, withdrawn
reports, temporary stays, is judged as one side sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from conflict import cases as one_sided
from conflict.cases import OUTCOMES, DecidedBy, Fact, Outcome, State
from conflict.claims import Claim, EventRef, PersonRef, Record
from conflict.decisions import Action, Ask
from conflict.explanation import Reason, Why, reason
from conflict.journeys import Journey, Setting
from conflict.moves import Judgement, Move
from conflict.rulings import Pair, Ruling, pair
from conflict.stays import Stay


@dataclass(frozen=True, slots=True)
class Draft:
    """A case without its authority. ``units``: who has to be seen to decide it; ``sheets``: on which its claims came,
    as (unit, sheet). ``is_open_departure``: one side's, which a doubtful arrival may answer.
    """

    refs: frozenset[EventRef]
    state: State
    outcome: Outcome
    decided_by: DecidedBy
    units: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()
    asks: tuple[Ask, ...] = ()
    score: float | None = None
    named: frozenset[str] = frozenset()
    numbers_agree: bool = False
    ruling: Ruling | None = None
    heard: frozenset[EventRef] = frozenset()
    """Other rulings that it rests on: those of the members of a household, one that was reopened."""
    sheets: frozenset[tuple[str, str]] = frozenset()
    route: tuple[str, str] = ("", "")
    is_open_departure: bool = False
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Ties:
    """The links and rulings that hold among the records of one person."""

    bits: Mapping[Pair, float]
    rulings: Mapping[Pair, Ruling]
    apart: tuple[Ruling, ...] = ()
    """What was ruled different from this person."""

    def score(self, some: Iterable[PersonRef], others: Iterable[PersonRef]) -> float | None:
        return max((self.bits[p] for a in some for b in others if (p := pair(a, b)) in self.bits), default=None)

    def ruling(self, some: Iterable[PersonRef], others: Iterable[PersonRef]) -> Ruling | None:
        found = [self.rulings[p] for a in some for b in others if (p := pair(a, b)) in self.rulings]
        return max((r for r in found if r.same), key=lambda r: r.ref, default=None)


def drafts(way: Journey, records: Mapping[PersonRef, Record], ties: Ties, setting: Setting) -> Iterator[Draft]:
    """All drafts of one person, whose ``records`` have all claims, also those that have not taken effect: a departure
    that is announced is open before its day.
    """
    used: set[EventRef] = {claim.ref for claim in way.visit}
    used.update(claim.ref for stay in way.stays.homes for claim in _renamed(stay, setting))
    for move, judgement in way.moves:
        used.update(claim.ref for claim in judgement.claims)
        yield _of_move(move, judgement, way, ties)
    if way.visit:
        yield _of_visit(way)
    if way.rivals:
        yield _of_rivals(way, ties)
    elif not way.moves:
        yield from _of_double_forms(way, ties)
    for stay in (*way.stays.homes, *way.stays.journeys):
        claims = {c.ref: c for ref in stay.refs for c in records[ref].claims}
        everything = replace(stay.record, claims=tuple(claims[ref] for ref in sorted(claims)))
        yield from _left_over(replace(stay, record=everything), used, way, setting)
    for record in way.stays.temporary:
        yield from _one_sided(records[record.ref], used, setting)


def _renamed(stay: Stay, setting: Setting) -> Iterator[Claim]:
    """The arrivals that only say that the unit has become another one: nobody moved (RESOLVER 64)."""
    for claim in stay.arrivals:
        if claim.place.node_id and setting.successions.is_one_place(claim.place.node_id, stay.unit):
            yield claim


def refs_of(claims: Iterable[Claim]) -> frozenset[EventRef]:
    """The refs of claims and of the cancels against them."""
    return frozenset(ref for claim in claims for ref in (claim.ref, *claim.withdrawn_by))


# --- a move with both sides in sight ----------------------------------------------------------------------------------


def _of_move(move: Move, judgement: Judgement, way: Journey, ties: Ties) -> Draft:
    some = [ref for stay in move.origins for ref in stay.refs]
    others = [ref for stay in move.arrivals for ref in stay.refs]
    outcome, decided_by = _outcome(move, judgement, ties)
    ruling = ties.ruling(some, others)
    if ruling is None and not move.origins and judgement.state is State.SETTLED and ties.apart:
        ruling = max(ties.apart, key=lambda r: r.ref)
    numbers = {stay.record.number for stay in move.origins}
    agreeing = all(stay.record.number and stay.record.number in numbers for stay in move.arrivals)
    return Draft(
        refs_of(judgement.claims),
        judgement.state,
        outcome,
        decided_by,
        tuple(sorted({stay.unit for stay in (*move.origins, *move.arrivals)})),
        (*_facts(judgement, move), *_extras(move, judgement, outcome, ruling, way)),
        _asks(move, judgement),
        ties.score(some or (others if len(move.arrivals) > 1 else ()), others),
        frozenset(c.place.node_id for stay in move.arrivals for c in stay.arrivals if c.place.node_id),
        agreeing and bool(move.origins),
        ruling,
        sheets=frozenset((unit, c.group) for unit, c in _sheets(move, judgement)),
        route=(_home_unit(move), move.arrivals[0].unit if len(move.arrivals) == 1 else ""),
    )


def _home_unit(move: Move) -> str:
    return move.origins[0].unit if len(move.origins) == 1 else ""


def _sheets(move: Move, judgement: Judgement) -> Iterator[tuple[str, Claim]]:
    used = {claim.ref for claim in judgement.claims}
    for stay in (*move.origins, *move.arrivals):
        for claim in stay.record.claims:
            if claim.ref in used and claim.group:
                yield stay.record.unit, claim


def _outcome(move: Move, judgement: Judgement, ties: Ties) -> tuple[Outcome, DecidedBy]:
    if judgement.state is not State.SETTLED:
        return OUTCOMES[judgement.state]
    if not move.origins:
        return Outcome.NEW_ENTRY, DecidedBy.PERSON if ties.apart else DecidedBy.AUTO
    some = [ref for stay in move.origins for ref in stay.refs]
    others = [ref for stay in move.arrivals for ref in stay.refs]
    decided_by = DecidedBy.PERSON if ties.ruling(some, others) is not None else DecidedBy.AUTO
    if judgement.is_same_office or _is_double(move.origins):
        return Outcome.DUPLICATE, decided_by
    return Outcome.MOVED, decided_by


def _is_double(homes: tuple[Stay, ...]) -> bool:
    """Whether somebody who stood in registers all along stood there more than once (RESOLVER 31)."""
    return sum(len(stay.entered) for stay in homes) > 1


def _facts(judgement: Judgement, move: Move) -> Iterator[Reason]:
    for day, fact in judgement.facts:
        about: tuple[str, ...] = ()
        match fact:
            case Fact.AGREED if judgement.agreed_by is not None:
                about = (judgement.agreed_by.ref,)
            case Fact.CONTESTED if judgement.contested_by is not None:
                about = (judgement.contested_by.ref,)
            case Fact.ARRIVED:
                about = (move.arrivals[0].begins[1],)
            case Fact.FOUND:
                about = tuple(ref for stay in move.origins for ref in stay.refs)
            case _:
                pass
        yield reason(fact, *about, day=day)


def _extras(
    move: Move, judgement: Judgement, outcome: Outcome, ruling: Ruling | None, way: Journey
) -> Iterator[Reason]:
    if ruling is not None:
        yield reason(Why.RULED_SAME if ruling.same else Why.RULED_DIFFERENT, ruling.ref, ruling.a, ruling.b)
    if outcome is Outcome.DUPLICATE:
        yield reason(Why.DUPLICATE, *(ref for stay in move.origins for ref in stay.refs))
    if move.returned:
        yield reason(Why.FROM_ABROAD)
    deaths = [claim for claim in judgement.claims if claim.kind == "death"]
    for death in deaths:
        is_revived = any(stay in way.revived for stay in move.arrivals)
        yield reason(Why.RECORDED_DEAD if is_revived else Why.DEATH_BEFORE, death.ref, day=death.day)


def _asks(move: Move, judgement: Judgement) -> tuple[Ask, ...]:
    holder = judgement.holder
    match judgement.state:
        case State.SETTLED | State.MATCHED if holder is not None:
            successor = holder.refs[0]
            found = [Ask(holder.unit, Action.COUNT, successor)]
            old = Action.CLOSE if judgement.state is State.SETTLED else Action.ANSWER
            for stay in (*move.origins, *(s for s in move.arrivals if s is not holder)):
                found.extend(Ask(stay.unit, old, ref, successor) for ref in stay.refs)
            found.extend(Ask(holder.unit, Action.CLOSE, ref, successor) for ref in holder.refs[1:])
            return tuple(sorted(found))
        case State.DISPUTED:
            return tuple(sorted(Ask(s.unit, Action.VISIT, s.refs[0]) for s in (*move.origins, *move.arrivals)))
        case State.PROPOSED:
            return tuple(sorted(Ask(s.unit, Action.HOLD, ref) for s in move.arrivals for ref in s.refs))
        case _:
            return ()


# --- what has no move -------------------------------------------------------------------------------------------------


def _of_visit(way: Journey) -> Draft:
    units = {record.unit for record in way.stays.temporary} | {way.last_unit}
    return Draft(
        refs_of(way.visit),
        State.SETTLED,
        Outcome.STAYED,
        DecidedBy.AUTO,
        tuple(sorted(units)),
        (reason(Why.VISIT, *(claim.ref for claim in way.visit)),),
        named=frozenset({way.last_unit}),
    )


def _of_rivals(way: Journey, ties: Ties) -> Draft:
    """A dispute of standing records alone has no event: it is named by the records (RESOLVER 6)."""
    refs = [ref for stay in way.rivals for ref in stay.refs]
    numbers = {stay.record.number for stay in way.rivals}
    return Draft(
        frozenset(EventRef(ref) for ref in refs),
        State.DISPUTED,
        *OUTCOMES[State.DISPUTED],
        tuple(sorted({stay.unit for stay in way.rivals})),
        (reason(Why.RIVALS, *refs),),
        tuple(sorted(Ask(stay.unit, Action.VISIT, stay.refs[0]) for stay in way.rivals)),
        ties.score(refs, refs),
        numbers_agree=len(numbers) == 1 and "" not in numbers,
        ruling=ties.ruling(refs, refs),
    )


def _of_double_forms(way: Journey, ties: Ties) -> Iterator[Draft]:
    """One person on two forms of one office, without any move (RESOLVER 68)."""
    for stay in way.stays.homes:
        if not _is_double((stay,)):
            continue
        first, *others = stay.entered
        ruling = ties.ruling(stay.entered, stay.entered)
        yield Draft(
            frozenset(EventRef(ref) for ref in stay.entered),
            State.SETTLED,
            Outcome.DUPLICATE,
            DecidedBy.AUTO if ruling is None else DecidedBy.PERSON,
            (stay.unit,),
            (reason(Why.DUPLICATE, *stay.entered),),
            (Ask(stay.unit, Action.COUNT, first), *(Ask(stay.unit, Action.CLOSE, ref, first) for ref in others)),
            ties.score(stay.entered, stay.entered),
            numbers_agree=True,  # one office decides about its own forms
            ruling=ruling,
        )


def _left_over(stay: Stay, used: set[EventRef], way: Journey, setting: Setting) -> Iterator[Draft]:
    elsewhere = len(way.stays.homes) > 1 and stay.arrival is None and not way.moves and stay.unit != way.last_unit
    for draft in _one_sided(stay.record, used, setting):
        if elsewhere and draft.is_open_departure:
            # The person left here and stands in the register of another unit, which nobody left.
            yield replace(
                draft,
                state=State.SETTLED,
                outcome=Outcome.DUPLICATE,
                decided_by=DecidedBy.AUTO,
                units=tuple(sorted({*draft.units, way.last_unit})),
                reasons=(*draft.reasons, reason(Fact.FOUND)),
                is_open_departure=False,
                authority="",
            )
        else:
            yield draft


def _one_sided(record: Record, used: set[EventRef], setting: Setting) -> Iterator[Draft]:
    rest = replace(record, claims=tuple(claim for claim in record.claims if claim.ref not in used))
    for case in one_sided.cases(rest, setting.day, setting.policy, setting.places):
        used.update(case.refs)
        is_departure = case.state in {State.OPEN_OUT, State.LAPSED} or (
            case.state is State.DISPUTED and not any(c.kind == "move_in" and c.ref in case.refs for c in rest.claims)
        )
        yield Draft(
            frozenset(case.refs),
            case.state,
            case.outcome,
            case.decided_by,
            (record.unit,),
            is_open_departure=is_departure,
            authority=case.settled_at,
        )
