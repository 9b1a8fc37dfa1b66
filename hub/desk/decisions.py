"""Decisions in the log: what this node decides on cases that are its own, as rows of its own origin (DESIGN 4, idea 6).

A case is decided when it has come to an end here: settled, cancelled or lapsed, with this node as its authority. A
decision is named by what it rests on, and its row by that name, so a hub that was restored, and two processes, cannot
decide the same twice. What was decided is taken back by a decision of its own where new claims open the case again; an
automatic settlement is never decided again by new parameters (RESOLVER 75).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

import apsw
import sqlalchemy as sa

from conflict.claims import EventRef, PersonRef, Record
from conflict.decisions import Decision, Parameters, decision_id, in_force, revise
from conflict.differences import hold
from conflict.settlement import Outcome as Settled
from hub.desk.families import Family
from hub.desk.outbox import ENDED, note_unsent
from node.decision_rows import COLUMNS, from_row, row_id, to_row
from node.ids import OriginId
from node.schema import decision, sql

RECORD: Final = "record "
DECISION: Final = "decision "
"""Before the ref of a record, or the id of a decision, among the claims of a decision. No claim begins so, for a node's
name has no blank.
"""
LINKS_ALONE: Final = EventRef("links alone")
"""Why something is taken back although nobody has said anything new: the links between the records are other ones."""
ROUNDS_MAX: Final = 10
"""Decisions that lie on top of each other in one case; hardly ever more than two."""

_INSERT = (
    f"INSERT INTO decision ({', '.join(COLUMNS)}) VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
    " ON CONFLICT DO NOTHING"
)
_ABOUT = (
    f"SELECT {', '.join(f'd.{name}' for name in COLUMNS)} FROM desk_decision AS c "
    "JOIN decision AS d ON d.origin = c.origin AND d.id = c.decision WHERE c.claim = :claim AND c.origin = :origin"
)
_NOTE_CLAIM = "INSERT INTO desk_decision (claim, origin, decision) VALUES (?,?,?) ON CONFLICT DO NOTHING"
_ONE = "SELECT evidence FROM decision WHERE origin = ? AND id = ?"
_OF_ORIGIN = "SELECT id, evidence FROM decision WHERE origin = ?"
_ALL = sql(sa.select(*decision.columns).order_by(decision.c.origin, decision.c.id))


def resting_on_records(made: Decision, claims_of: Mapping[PersonRef, Collection[EventRef]]) -> Decision:
    """A decision with the records that it speaks of among its evidence, where no claim of theirs is (DESIGN 5): that
    somebody stands in a register is no claim, and yet the same arrival is somebody new without that record, and a move
    with it.
    """
    spoken = {ask.ref for ask in made.asks} | {PersonRef(ask.successor) for ask in made.asks if ask.successor}
    silent = {ref for ref in spoken if set(made.claims).isdisjoint(claims_of.get(ref, ()))}
    claims = tuple(sorted({*made.claims, *(EventRef(f"{RECORD}{ref} in {made.case}") for ref in silent)}))
    return replace(made, id=decision_id(made.case, claims, made.parameters), claims=claims)


def read_decisions(connection: apsw.Connection) -> list[Decision]:
    """All decisions that a store holds, its own and those of nodes below, in the order of origins and ids. One that
    cannot be read is left out.
    """
    found = []
    for values in connection.execute(_ALL).fetchall():
        try:
            found.append(from_row(dict(zip(COLUMNS, values, strict=True))))
        except ValueError:
            continue
    return found


class Decisions:
    """The decisions of one node, inside a captured transaction of its origin."""

    def __init__(self, connection: apsw.Connection, origin: OriginId, node_id: str, parameters: Parameters) -> None:
        self._connection = connection
        self._origin = origin
        self._node_id = node_id
        self._parameters = parameters

    def made_before(self, claims: Iterable[EventRef]) -> list[Decision]:
        """What this node decided on cases of these claims, what was taken back included."""
        found: dict[str, Decision] = {}
        for claim in claims:
            for values in self._connection.execute(_ABOUT, {"origin": self._origin, "claim": claim}).fetchall():
                made = from_row(dict(zip(COLUMNS, values, strict=True)))
                found[made.id] = made
        return sorted(found.values(), key=lambda made: made.id)

    def decide(self, outcome: Settled, family: Family, as_of: date) -> tuple[Decision, ...]:
        """Write down what ``outcome``, of one family, decides otherwise than before. Returns what is new."""
        claims_of = {record.ref: _claims_of(record) for record in family.records}
        said = {ref for ruling in family.rulings for ref in (ruling.ref, *ruling.withdrawn_by)}
        claims = said.union(*claims_of.values())
        known = self.made_before(claims)
        heard = {claim for made in known for claim in made.claims}
        came = {ref for case in outcome.cases for ref in case.refs} - heard
        # A correction is in no case and may take a link away all the same.
        because = came or set(claims) - heard
        mine = [
            resting_on_records(made, claims_of)
            for made in outcome.decisions
            if made.authority == self._node_id and made.state in ENDED
        ]
        fresh: list[Decision] = []
        for _ in range(ROUNDS_MAX):  # what is taken back may uncover an older one
            new = _next(known, mine, self._parameters, came, because)
            if not new:
                break
            known += new
            fresh += new
        for made in fresh:
            self._connection.execute(_INSERT, to_row(made, self._origin, as_of))
            self._connection.executemany(_NOTE_CLAIM, ((claim, self._origin, row_id(made.id)) for claim in made.claims))
            note_unsent(self._connection, self._origin, row_id(made.id))
        return tuple(fresh)


def _claims_of(record: Record) -> frozenset[EventRef]:
    """All claims about a record, with what withdraws them."""
    return frozenset(ref for claim in record.claims for ref in (claim.ref, *claim.withdrawn_by))


def _next(
    known: list[Decision],
    mine: list[Decision],
    parameters: Parameters,
    came: Collection[EventRef],
    because: Collection[EventRef],
) -> list[Decision]:
    """What is to be decided so that ``mine`` is in force and nothing else of these cases."""
    before = [made for made in in_force(known) if not made.undoes]
    wanted = [_named_anew(made, known) for made in mine]
    after = hold([made for made in before if made.parameters != parameters], wanted, came)
    ids = {made.id for made in known}
    return [made for made in revise(before, after, because or {LINKS_ALONE}) if made.id not in ids]


def _named_anew(made: Decision, known: Iterable[Decision]) -> Decision:
    """A decision under a name that nobody has taken back: one that is right again rests on what took it back, too."""
    undoing = {decision.undoes: decision for decision in known if decision.undoes}
    while made.id in undoing:
        claims = tuple(sorted({*made.claims, EventRef(f"{DECISION}{undoing[made.id].id}")}))
        made = replace(made, id=decision_id(made.case, claims, made.parameters), claims=claims)
    return made


def note_decision(connection: apsw.Connection, origin: OriginId, which: bytes) -> None:
    """A decision came, or came back: whoever looks at one of its claims is to find it."""
    _note_claims(connection, origin, [(which, *row) for row in connection.execute(_ONE, (origin, which)).fetchall()])


def note_decisions(connection: apsw.Connection, origin: OriginId) -> None:
    """All decisions of an origin."""
    _note_claims(connection, origin, connection.execute(_OF_ORIGIN, (origin,)).fetchall())


def _note_claims(connection: apsw.Connection, origin: OriginId, rows: Iterable[tuple[Any, ...]]) -> None:
    for which, evidence in rows:
        note_unsent(connection, origin, which)
        with contextlib.suppress(ValueError, KeyError, TypeError):  # of a newer release: nothing here rests on it
            claims = [str(claim) for claim in json.loads(evidence)["claims"]]
            connection.executemany(_NOTE_CLAIM, ((claim, origin, which) for claim in claims))
