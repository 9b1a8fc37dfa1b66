"""Taking back what joined or parted two records (RESOLVER 33): which act undoes it, and what follows from it.

A ruling of this node is withdrawn, and what was in force before it is in force again. A link, which nobody has ruled,
is undone by a ruling that the two are different persons; that ruling can be undone in turn. Both are ordinary events of
this node's register. Claims stay on the records they were written on, so nothing else has to be given back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from conflict.cases import Case
from conflict.claims import EventRef
from conflict.rulings import Pair, Ruling, pair
from conflict.settlement import Outcome
from conflict.standing import CanonicalPerson
from hub.desk.docket import CaseFile
from node.errors import UsageError

_NOT_YET: Final = EventRef("")
"""What has not been recorded has no name."""
_SHOW: Final = "dansync cases show FOLDER CASE"


@dataclass(frozen=True, slots=True)
class Change:
    """``ruling`` is withdrawn; if there is none, the pair is ruled different."""

    pair: Pair
    ruling: Ruling | None


@dataclass(frozen=True, slots=True)
class Undoing:
    """A change, and the cases and persons concerned as they are now and as they will be."""

    change: Change
    case: Case
    persons: tuple[CanonicalPerson, ...]
    cases_after: tuple[Case, ...]
    persons_after: tuple[CanonicalPerson, ...]


def what_to_undo(found: CaseFile, node_id: str, one: str = "", other: str = "") -> Change:
    """The ruling or the link of a case that is to be undone. Raises ``UsageError`` if there is none, or more than one
    and none is named, or if it is another node's.
    """
    named = pair(one, other) if one or other else None
    rulings = [ruling for ruling in found.rulings if named is None or ruling.pair == named]
    own = [ruling for ruling in rulings if ruling.authority == node_id]
    changes = [Change(ruling.pair, ruling) for ruling in own]
    if not changes and rulings:
        raise UsageError(
            f"{rulings[0].authority} has ruled on {rulings[0].a} and {rulings[0].b}, and this is {node_id}.",
            hint=f"Undo it at {rulings[0].authority}, or rule otherwise here: dansync cases decide FOLDER CASE VERDICT",
        )
    if not changes:
        changes = [Change(linked, None) for linked in _linked(found) if named is None or linked == named]
    if not changes:
        raise UsageError(
            f"Nothing in the case {found.case.case} was linked or ruled on.",
            hint="A report is withdrawn where it was written down: dansync record cancel FOLDER --event EVENT",
        )
    if len(changes) > 1:
        pairs = "; ".join(f"{change.pair[0]} and {change.pair[1]}" for change in changes)
        raise UsageError(
            f"Several pairs of records are joined or ruled on in the case {found.case.case}: {pairs}.",
            hint=f"Name the two: --one and --other, as they stand in: {_SHOW}",
        )
    return changes[0]


def _linked(found: CaseFile) -> list[Pair]:
    """The links that join records into one person."""
    links = [c.link for c in found.comparisons if c.link.verdict == "automatic"]
    return [
        pair(link.a, link.b) for link in links if any({link.a, link.b} <= set(person.refs) for person in found.persons)
    ]


def without(rulings: tuple[Ruling, ...], change: Change, node_id: str, now: datetime) -> tuple[Ruling, ...]:
    """The rulings of a family once the change is recorded."""
    if change.ruling is None:
        return (*rulings, Ruling(_NOT_YET, *change.pair, same=False, authority=node_id, recorded=now))
    return tuple(replace(r, withdrawn_by=(_NOT_YET,)) if r.ref == change.ruling.ref else r for r in rulings)


def foreseen(found: CaseFile, change: Change, after: Outcome) -> Undoing:
    """What a change makes of a case."""
    refs = {ref for person in found.persons for ref in person.refs}
    events = set(found.case.refs)
    return Undoing(
        change,
        found.case,
        found.persons,
        tuple(case for case in after.cases if not events.isdisjoint(case.refs)),
        tuple(person for person in after.persons if not refs.isdisjoint(person.refs)),
    )
