"""Reads the records of a store for the pure rules: persons in the order of their refs, with the claims about
them.

A ref is ``node_id:source_id``, or ``node_id:UUID`` for what was recorded by hand (FORMAT). Persons are streamed
from an index and never sorted in memory; of one origin at a time, the claims that can change a standing are held,
which is a small part of a commune's rows.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import apsw
import sqlalchemy as sa

from conflict.claims import (
    BIRTH,
    CANCEL,
    CORRECTION,
    PERSONAL,
    RULING,
    STANDING_KINDS,
    Claim,
    EventRef,
    PersonRef,
    Record,
    claim_day,
    recorded_instant,
    withdrawals,
)
from conflict.places import NOBODY, Place, PlaceBook
from conflict.rulings import Ruling
from conflict.standing import GENERATIONS_MAX
from node.ids import NodeId, OriginId, RowId, id_text
from node.schema import event, person, sql
from node.store import Profile

_ORIGIN: Final[sa.BindParameter[bytes]] = sa.bindparam("origin")
_PERSON = (person.c.id, person.c.source_id, person.c.residence, person.c.state, person.c.personal_id)
_IMPORTED = sa.text("person.source_id <> ''")  # written as in the index person_by_source, so that it serves
_BY_SOURCE = sql(
    sa.select(*_PERSON).where(person.c.origin == _ORIGIN, _IMPORTED).order_by(person.c.source_id, person.c.id)
)
_BY_ID = sql(
    sa.select(*_PERSON).where(person.c.origin == _ORIGIN, sa.text("person.source_id = ''")).order_by(person.c.id)
)
_ONE = sql(sa.select(*_PERSON).where(person.c.origin == _ORIGIN, person.c.id == sa.bindparam("id")))
_KINDS = sa.text("event.kind IN ({})".format(", ".join(f"'{kind}'" for kind in (*STANDING_KINDS, CORRECTION, CANCEL))))
_ROW: Final[sa.BindParameter[bytes]] = sa.bindparam("row_id")
_CLAIM_COLUMNS: Final = (
    *("id", "source_id", "kind", "event_date", "recorded_at", "person_id", "other_place", "other_person_id"),
    *("target_event_id", "residence", "group_id", *PERSONAL),
)
_CLAIM = sa.select(*(event.c[name] for name in _CLAIM_COLUMNS)).where(event.c.origin == _ORIGIN)
_CLAIMS = sql(_CLAIM.where(_KINDS))
_CLAIMS_ABOUT = sql(_CLAIM.where(_KINDS, event.c.person_id == _ROW))
_CLAIMS_AGAINST = sql(_CLAIM.where(sa.text(f"event.kind = '{CANCEL}'"), event.c.target_event_id == _ROW))
CANCELS_MAX: Final = 200
"""Of one person, those of cancels included. An honest log has hardly ever two."""


_RULINGS = sql(
    sa.select(
        event.c.id,
        event.c.source_id,
        event.c.recorded_at,
        event.c.person_ref,
        event.c.other_person_ref,
        event.c.reason,
    ).where(event.c.origin == _ORIGIN, sa.text(f"event.kind = '{RULING}'"))
)


_CONTESTED_RULINGS = (
    "SELECT DISTINCT r.id FROM event AS r JOIN event AS c ON c.origin = r.origin AND c.target_event_id = r.id "
    f"WHERE r.origin = ? AND r.kind = '{RULING}' AND c.kind = '{CANCEL}'"
)
_RULING_COLUMNS: Final = "origin, id, source_id, recorded_at, person_ref, other_person_ref, reason"
_RULINGS_ABOUT: Final = " UNION ".join(
    f"SELECT {_RULING_COLUMNS} FROM event WHERE kind = '{RULING}' AND {side} = ?1"
    for side in ("person_ref", "other_person_ref")
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one origin reported, by the person it is about, and the mothers of its newborns."""

    claims: dict[RowId, tuple[Claim, ...]]
    mothers: dict[RowId, RowId]


def place_of(profile: Profile) -> Place:
    """A partition's words about itself, as the rules take them."""
    return Place(
        profile.node_id,
        profile.parent_node_id,
        profile.tier,
        profile.unit_code,
        profile.unit_valid_from,
        profile.name,
    )


def records(connection: apsw.Connection, profiles: dict[OriginId, Profile], places: PlaceBook) -> Iterator[Record]:
    """All records of a store in the order of their refs, whatever order the origins arrived in. Run it inside one
    snapshot.
    """
    by_node: dict[str, list[OriginId]] = defaultdict(list)
    for origin, profile in profiles.items():
        by_node[profile.node_id].append(origin)
    # A ref is compared as a whole: with its colon, so that node "a-1" comes before node "a".
    for node_id in sorted(by_node, key=lambda node: f"{node}:"):
        origins = sorted(by_node[node_id])
        if len(origins) == 1:
            yield from origin_records(connection, origins[0], node_id, places)
        else:
            several = [origin_records(connection, origin, node_id, places) for origin in origins]
            yield from heapq.merge(*several, key=lambda record: record.ref)


def origin_records(connection: apsw.Connection, origin: OriginId, node_id: str, places: PlaceBook) -> Iterator[Record]:
    """The records of one origin in the order of their refs."""
    evidence = read_evidence(connection, origin, node_id, places)
    claims, mothers = evidence.claims, evidence.mothers
    prefix = f"{node_id}:"
    for ref, row_id, residence, state, number in _person_rows(connection, origin, prefix):
        if row_id in mothers:
            mother = _mother(connection, origin, prefix, evidence, row_id, GENERATIONS_MAX)
            yield Record(ref, node_id, residence, state, claims.get(row_id, ()), mother, number)
        else:
            yield Record(ref, node_id, residence, state, claims.get(row_id, ()), None, number)


def _person_rows(
    connection: apsw.Connection, origin: OriginId, prefix: str
) -> Iterator[tuple[PersonRef, RowId, str, str, str]]:
    imported = (
        (PersonRef(prefix + source_id), row_id, residence, state, number)
        for row_id, source_id, residence, state, number in connection.execute(_BY_SOURCE, {"origin": origin})
    )
    by_hand = (
        (PersonRef(prefix + id_text(row_id)), row_id, residence, state, number)
        for row_id, _, residence, state, number in connection.execute(_BY_ID, {"origin": origin})
    )
    return heapq.merge(imported, by_hand)


def _mother(
    connection: apsw.Connection, origin: OriginId, prefix: str, evidence: Evidence, child: RowId, generations: int
) -> Record | None:
    mother_id = evidence.mothers.get(child)
    if mother_id is None or generations == 0:
        return None
    row = connection.execute(_ONE, {"origin": origin, "id": mother_id}).fetchone()
    if row is None:
        return None  # quarantined, or lost: the newborn counts by itself
    row_id, source_id, residence, state, number = row
    return Record(
        PersonRef(_ref(prefix, source_id, row_id)),
        prefix[:-1],
        residence,
        state,
        evidence.claims.get(mother_id, ()),
        _mother(connection, origin, prefix, evidence, mother_id, generations - 1),
        number,
    )


def read_evidence(connection: apsw.Connection, origin: OriginId, node_id: str, places: PlaceBook) -> Evidence:
    """The claims of one origin that can change a standing, with what withdraws them."""
    rows: list[tuple[Any, ...]] = connection.execute(_CLAIMS, {"origin": origin}).fetchall()
    return _evidence(rows, node_id, places)


def record_of(
    connection: apsw.Connection, origin: OriginId, node_id: str, row_id: RowId, places: PlaceBook
) -> Record | None:
    """One record, as ``origin_records`` gives it, without reading the others; None if there is no such person."""
    return _record_of(connection, origin, node_id, row_id, places, GENERATIONS_MAX)


def _record_of(
    connection: apsw.Connection, origin: OriginId, node_id: str, row_id: RowId, places: PlaceBook, generations: int
) -> Record | None:
    row = connection.execute(_ONE, {"origin": origin, "id": row_id}).fetchone()
    if row is None:
        return None
    _, source_id, residence, state, number = row
    evidence = _evidence(_rows_about(connection, origin, row_id), node_id, places)
    mother_id, mother = evidence.mothers.get(row_id), None
    if mother_id is not None and generations:
        mother = _record_of(connection, origin, node_id, mother_id, places, generations - 1)
    ref = PersonRef(_ref(f"{node_id}:", source_id, row_id))
    return Record(ref, node_id, residence, state, evidence.claims.get(row_id, ()), mother, number)


def _rows_about(connection: apsw.Connection, origin: OriginId, row_id: RowId) -> list[tuple[Any, ...]]:
    """The claims about one person, and the cancels against them, which may name nobody."""
    rows: list[tuple[Any, ...]] = connection.execute(_CLAIMS_ABOUT, {"origin": origin, "row_id": row_id}).fetchall()
    known = {row[0]: row for row in rows}
    targets = list(known)
    while targets and len(known) < len(rows) + CANCELS_MAX:
        for row in connection.execute(_CLAIMS_AGAINST, {"origin": origin, "row_id": targets.pop()}).fetchall():
            if row[0] not in known:
                known[row[0]] = row
                targets.append(row[0])
    return list(known.values())


def _evidence(rows: list[tuple[Any, ...]], node_id: str, places: PlaceBook) -> Evidence:
    targets = {RowId(row[0]): RowId(row[8]) for row in rows if row[2] == CANCEL and row[8] is not None}
    withdrawn = withdrawals(targets)
    prefix = f"{node_id}:"
    refs = {row[0]: _ref(prefix, row[1], row[0]) for row in rows if row[2] == CANCEL}
    cancelled = {row[0]: claim_day(row[3], row[4]) for row in rows if row[2] == CANCEL}
    claims: dict[RowId, list[Claim]] = defaultdict(list)
    mothers: dict[RowId, RowId] = {}
    for (
        row_id,
        source_id,
        kind,
        event_date,
        recorded_at,
        person_id,
        place,
        other_id,
        _,
        residence,
        group,
        *said,
    ) in rows:
        if kind == CANCEL or person_id is None:
            continue
        if kind == BIRTH and other_id is not None and row_id not in withdrawn:
            mothers[person_id] = min(other_id, mothers.get(person_id, other_id))
        day = claim_day(event_date, recorded_at)
        against = withdrawn.get(row_id, ())
        claims[person_id].append(
            Claim(
                EventRef(_ref(prefix, source_id, row_id)),
                kind,
                day,
                recorded_instant(recorded_at),
                places.named(place, day) if place else NOBODY,
                residence,
                tuple(sorted(EventRef(refs[cancel]) for cancel in against)),
                min((cancelled[cancel] for cancel in against), default=None),
                group,
                tuple(f"{name}={value}" for name, value in zip(PERSONAL, said, strict=True) if value),
            )
        )
    return Evidence({key: tuple(found) for key, found in claims.items()}, mothers)


def read_rulings(connection: apsw.Connection, profiles: Mapping[OriginId, Profile]) -> Iterator[Ruling]:
    """What reviewers ruled, also what they took back, in no order. One whose words cannot be read has no effect."""
    for origin, profile in profiles.items():
        rows: list[tuple[Any, ...]] = connection.execute(_RULINGS, {"origin": origin}).fetchall()
        cancelled: list[tuple[Any, ...]] = connection.execute(_CONTESTED_RULINGS, (origin,)).fetchall() if rows else []
        yield from _rulings(connection, origin, profile.node_id, rows, [row[0] for row in cancelled])


def rulings_about(connection: apsw.Connection, nodes: Mapping[OriginId, NodeId], ref: str) -> Iterator[Ruling]:
    """What reviewers ruled about one record, found without reading other rulings; in no order."""
    by_origin: dict[OriginId, list[tuple[Any, ...]]] = defaultdict(list)
    for origin, *row in connection.execute(_RULINGS_ABOUT, (ref,)).fetchall():
        by_origin[OriginId(origin)].append(tuple(row))  # type: ignore[arg-type]
    for origin, rows in by_origin.items():
        if origin in nodes:
            yield from _rulings(connection, origin, nodes[origin], rows, [row[0] for row in rows])


def _rulings(
    connection: apsw.Connection, origin: OriginId, node_id: str, rows: list[tuple[Any, ...]], cancelled: list[bytes]
) -> Iterator[Ruling]:
    """``cancelled``: the ids of those that a cancel may have taken back."""
    prefix = f"{node_id}:"
    against = _withdrawn(connection, origin, prefix, cancelled)
    for row_id, source_id, recorded_at, one, other, reason in rows:
        if reason in {"same", "different"}:
            yield Ruling(
                EventRef(_ref(prefix, source_id, row_id)),
                PersonRef(one),
                PersonRef(other),
                reason == "same",
                node_id,
                recorded_instant(recorded_at),
                withdrawn_by=against.get(row_id, ()),
            )


def _withdrawn(
    connection: apsw.Connection, origin: OriginId, prefix: str, targets: list[bytes]
) -> dict[bytes, tuple[EventRef, ...]]:
    """The cancels in force against some events."""
    cancels: dict[bytes, bytes] = {}
    refs: dict[bytes, EventRef] = {}
    queue = list(targets)
    while queue:
        target = queue.pop()
        found: list[tuple[Any, ...]] = connection.execute(
            _CLAIMS_AGAINST, {"origin": origin, "row_id": target}
        ).fetchall()
        for row in found:
            if row[0] not in cancels:
                cancels[row[0]] = target
                refs[row[0]] = EventRef(_ref(prefix, row[1], row[0]))
                queue.append(row[0])
    return {target: tuple(sorted(refs[c] for c in by)) for target, by in withdrawals(cancels).items()}


def _ref(prefix: str, source_id: str, row_id: bytes) -> str:
    return prefix + (source_id or id_text(row_id))
