"""What other weights would say of the cases that a node sees, without changing anything (RESOLVER 75).

The links of the whole register are judged twice, by the weights in force and by the new ones, and both outcomes are
compared. A settled automatic case keeps its decision whatever comes of this (``conflict.differences``): it is listed so
that somebody can look. Open cases follow the new weights as soon as these are in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import apsw

from conflict.cases import Case, Outcome, State
from conflict.claims import EventRef
from conflict.differences import Difference, differences
from conflict.linking import Party, find_links
from conflict.links import Link
from conflict.parameters import Parameters
from hub.desk.descriptions import Descriptions
from hub.desk.keys import Keys, unpack
from hub.views.results import View
from node.ids import OriginId, RowId
from node.store import Store

OPEN: Final = frozenset({State.OPEN_OUT, State.OPEN_IN, State.PROPOSED, State.MATCHED, State.DISPUTED})
_ARRIVALS = "SELECT number, keys, glance FROM desk_party WHERE arrival = 1 AND keys <> x'' ORDER BY number"
_PARTY = "SELECT origin, person_id FROM desk_party WHERE number = ?"


@dataclass(frozen=True, slots=True, order=True)
class OpenChange:
    """An open case, and what its claims would be in. ``after`` is what it is now if only the partners are others."""

    case: EventRef
    refs: tuple[EventRef, ...]
    before: tuple[State, Outcome]
    after: tuple[tuple[State, Outcome], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """``settled`` keep their decision; ``open`` change with the weights; ``unchanged`` cases are counted alone."""

    settled: tuple[Difference, ...]
    open: tuple[OpenChange, ...]
    unchanged: int


def trial(store: Store, before: Sequence[Link], after: Sequence[Link], as_of: date, *, searched: bool) -> Trial:
    """Compare the outcomes of two sets of links of the register that a store holds."""
    old, new = (View([store], as_of, links=links, searched=searched) for links in (before, after))
    settled = differences(old.decisions(), new.decisions())
    cases = list(old.cases())
    changed = tuple(_open_changes(cases, list(new.cases())))
    return Trial(settled, changed, len(cases) - len({d.case for d in settled} | {c.case for c in changed}))


def _open_changes(before: Iterable[Case], after: Iterable[Case]) -> Iterable[OpenChange]:
    of_ref = {ref: case for case in after for ref in case.refs}
    for case in before:
        if case.state not in OPEN:
            continue
        touching = {of_ref[ref].case: of_ref[ref] for ref in case.refs if ref in of_ref}
        if [(c.state, c.outcome, c.refs) for c in touching.values()] != [(case.state, case.outcome, case.refs)]:
            found = sorted((c.state, c.outcome) for c in touching.values())
            yield OpenChange(case.case, case.refs, (case.state, case.outcome), tuple(found))


def links_by(connection: apsw.Connection, descriptions: Descriptions, keys: Keys, parameters: Parameters) -> list[Link]:
    """The links of the whole register by these weights, as the table of the desk would have them."""
    parties: dict[str, Party] = {}
    refs: dict[int, str] = {}

    def ref_of(number: int) -> str:
        if number not in refs:
            row: list[tuple[Any, ...]] = connection.execute(_PARTY, (number,)).fetchall()
            found = descriptions.read(OriginId(row[0][0]), RowId(row[0][1])) if row else None
            refs[number] = "" if found is None else found.party.ref
            if found is not None:
                parties[found.party.ref] = found.party
        return refs[number]

    candidates: dict[str, frozenset[str]] = {}
    arrivals: list[tuple[Any, ...]] = connection.execute(_ARRIVALS).fetchall()
    for number, packed, said in arrivals:
        here = ref_of(number)
        if here:
            others = keys.candidates(unpack(packed), said, apart_from=number, near=True).numbers
            candidates[here] = frozenset(map(ref_of, others)) - {""}
    return find_links(parties, candidates, parameters)
