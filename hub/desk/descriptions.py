"""What the rows of a store say of a person, as the comparison takes it (``conflict.description``).

A person's row holds what is said now, with corrections; the events say where an arrival came from, on which sheet, and
whether the person has left. What was withdrawn does not count, and a person who is void is nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import apsw
import sqlalchemy as sa

from conflict.claims import CANCEL, MOVE_IN, MOVE_OUT, PERSONAL, VOID, claim_day, recorded_instant, withdrawals
from conflict.description import Description, describe
from conflict.linking import Party
from conflict.places import PlaceBook
from node.ids import NodeId, OriginId, RowId, id_text
from node.schema import PERSON_COLUMNS, event, person, sql

_ORIGIN: Final[sa.BindParameter[bytes]] = sa.bindparam("which")
_ROW: Final[sa.BindParameter[bytes]] = sa.bindparam("row_id")
_PERSON = sql(
    sa.select(
        person.c.source_id, person.c.household_id, person.c.state, *(person.c[name] for name in PERSON_COLUMNS)
    ).where(person.c.origin == _ORIGIN, person.c.id == _ROW)
)
_EVENT_COLUMNS: Final = (
    *("id", "kind", "event_date", "recorded_at", "other_place", "household_id", "group_id", *PERSONAL),
)
_MAKING: Final = ("birth", MOVE_IN)
_EVENTS = sql(
    sa.select(*(event.c[name] for name in _EVENT_COLUMNS)).where(
        event.c.origin == _ORIGIN,
        event.c.person_id == _ROW,
        sa.text(f"event.kind IN ('{MOVE_IN}', '{MOVE_OUT}', 'birth')"),
    )
)
_CANCELS = sql(
    sa.select(event.c.id).where(
        event.c.origin == _ORIGIN, event.c.target_event_id == _ROW, sa.text(f"event.kind = '{CANCEL}'")
    )
)
CANCELS_MAX: Final = 200
"""Of one event, those of cancels included. An honest log has hardly ever two."""


@dataclass(frozen=True, slots=True)
class Described:
    """A record that may be compared. ``sheet`` names those who were written down together; it says nothing of the
    order in which anything came. ``is_newcomer``: an arrival made it, or a birth, which the commune of the mother's
    parents may have registered as well (RESOLVER 46); whoever it is may be in another register already.
    """

    party: Party
    is_newcomer: bool

    @property
    def description(self) -> Description:
        return self.party.description


@dataclass(frozen=True, slots=True)
class _Move:
    order: tuple[Any, ...]
    kind: str
    stands: bool
    place: str
    day: Any
    household_id: bytes | None
    group: str
    recorded_at: str
    said: tuple[str, ...]


class Descriptions:
    """Reads descriptions through one connection. ``nodes``: who began each origin."""

    def __init__(self, connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], places: PlaceBook) -> None:
        self._connection = connection
        self._nodes = nodes
        self._places = places

    def read(self, origin: OriginId, row_id: RowId) -> Described | None:
        """None for a person who is void, gone, or of an origin that has not said whose it is."""
        node_id = self._nodes.get(origin)
        row = self._connection.execute(_PERSON, {"which": origin, "row_id": row_id}).fetchone()
        if row is None or node_id is None:
            return None
        source_id, household_id, state, *values = row
        moves = self._moves(origin, row_id)
        made_by = [move for move in moves if move.kind in _MAKING]
        if state == VOID or (made_by and not any(move.stands for move in made_by)):
            return None
        arrived = max((m for m in moves if m.stands and m.kind == MOVE_IN), key=lambda m: m.order, default=None)
        left = self._departure(moves, node_id)
        description = describe(
            dict(zip(PERSON_COLUMNS, values, strict=True)),
            unit=node_id,
            origin=self._named(arrived),
            departed=None if arrived is not None and left is None else left is not None,
            destination=self._named(left),
        )
        name = source_id or id_text(row_id)
        report = self._report(node_id, moves) if description.says_who else ""
        household = _household(node_id, household_id)
        party = Party(f"{node_id}:{name}", description, _sheet(node_id, arrived), household, report)
        return Described(party, any(move.stands for move in made_by))

    def _report(self, node_id: NodeId, moves: list[_Move]) -> str:
        """The arrival that made a record, in its words; '' for a record that no arrival made."""
        arrivals = [move for move in moves if move.stands and move.kind == MOVE_IN]
        first = min(arrivals, key=lambda move: (move.day, move.order), default=None)
        if first is None or not any(first.said):
            return ""
        return repr((node_id, first.day, self._named(first), first.group, first.said))

    def _named(self, move: _Move | None) -> str:
        return "" if move is None else self._places.named(move.place, move.day).node_id

    def _departure(self, moves: list[_Move], node_id: NodeId) -> _Move | None:
        """The last departure that stands; a move inside the commune is none (RESOLVER 59)."""
        left = [move for move in moves if move.stands and move.kind == MOVE_OUT and self._named(move) != node_id]
        return max(left, key=lambda move: move.order, default=None)

    def _moves(self, origin: OriginId, row_id: RowId) -> list[_Move]:
        rows: list[tuple[Any, ...]] = self._connection.execute(_EVENTS, {"which": origin, "row_id": row_id}).fetchall()
        cancels: dict[bytes, bytes] = {}
        targets = [row[0] for row in rows]
        while targets and len(cancels) < CANCELS_MAX:
            target = targets.pop()
            found: list[tuple[Any, ...]] = self._connection.execute(
                _CANCELS, {"which": origin, "row_id": target}
            ).fetchall()
            for (cancel,) in found:
                if cancel not in cancels:
                    cancels[cancel] = target
                    targets.append(cancel)
        withdrawn = withdrawals(cancels)
        return [
            _Move(
                (recorded_instant(recorded_at), event_id),
                kind,
                event_id not in withdrawn,
                place,
                claim_day(event_date, recorded_at),
                household_id,
                group,
                recorded_at,
                tuple(said),
            )
            for event_id, kind, event_date, recorded_at, place, household_id, group, *said in rows
        ]


def _household(node_id: NodeId, household_id: bytes | None) -> str:
    return "" if household_id is None else f"{node_id}:{household_id.hex()}"


def _sheet(node_id: NodeId, arrived: _Move | None) -> str:
    """Those who came on one sheet; where an office names none, those of a household who were written down at once."""
    if arrived is None:
        return ""
    if arrived.group:
        return f"{node_id}:group {arrived.group}"
    if arrived.household_id is None:
        return ""
    return f"{node_id}:household {arrived.household_id.hex()} {arrived.recorded_at}"
