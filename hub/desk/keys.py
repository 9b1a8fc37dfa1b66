"""The blocking keys of all records in an indexed table, so that candidates are found and never searched for.

A key stands as the first 8 bytes of its BLAKE2b: keys are compared for equality only, and one collision in 10^12 adds a
candidate whom the comparison drops. A person whose keys are other ones than before, and every arrival that shares a key
with one, waits for its links to be looked at again.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import apsw

from conflict.blocking import BLOCK_RECORDS_MAX, CANDIDATES_MAX, Candidates, block_keys, gather, number_keys
from conflict.gains import Gains
from conflict.glance import Ceiling, glance
from conflict.linking import first_look_floor
from conflict.sieve import Sieve, hint, is_standing
from hub.desk.descriptions import Described, Descriptions
from hub.desk.families import look_again
from node.ids import OriginId, RowId

_SELECT_UNREAD = "SELECT origin, person_id FROM desk_unread ORDER BY origin, person_id LIMIT ?"
_READ = "DELETE FROM desk_unread WHERE origin = ? AND person_id = ?"
_HAS_EVENTS = "SELECT 1 FROM event WHERE origin = ? AND person_id = ? LIMIT 1"
_SELECT_PARTY = "SELECT number, arrival, sheet, keys, glance FROM desk_party WHERE origin = ? AND person_id = ?"
_ADD_PARTY = "INSERT INTO desk_party (origin, person_id, arrival, sheet, keys) VALUES (?,?,0,0,x'') RETURNING number"
_SET_PARTY = "UPDATE desk_party SET arrival = ?, sheet = ?, keys = ?, glance = ? WHERE number = ?"
_ADD_KEY = "INSERT INTO block_key (key, arrival, party, hint) VALUES (?,?,?,?)"
_DROP_KEY = "DELETE FROM block_key WHERE key = ? AND arrival = ? AND party = ?"
_SHARING = "SELECT party, hint FROM block_key WHERE key = ? LIMIT ?"
_SIZE = "SELECT count(*) FROM (SELECT 1 FROM block_key WHERE key = ? LIMIT ?)"
_GLANCES = "SELECT number, glance FROM desk_party WHERE number IN (SELECT value FROM json_each(?))"
_ARRIVALS_SHARING = "SELECT party, hint FROM block_key WHERE key = ? AND arrival = 1"
_ARRIVALS = "SELECT number, glance, sheet FROM desk_party WHERE number IN (SELECT value FROM json_each(?))"
_ONE_MORE = (
    "UPDATE desk_party SET candidates = candidates + 1 WHERE number IN (SELECT value FROM json_each(?)) "
    "RETURNING number, left_out > 0 OR candidates > ?"
)
_ON_SHEET = "SELECT number FROM desk_party WHERE sheet = ? AND sheet <> 0 AND arrival = 1"
_WAIT = "INSERT INTO desk_waiting (party) VALUES (?) ON CONFLICT DO NOTHING"
_PERSON: Final = b"dansync-key"
_UNSIGNED: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class _Entry:
    arrival: int = 0
    sheet: int = 0
    keys: frozenset[int] = frozenset()
    glance: str = ""


def key_number(text: str) -> int:
    """A key as the table has it: a signed number of 8 bytes."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=_PERSON).digest(), "big", signed=True)


def _name(key: int) -> str:
    """In the order of blocks of one size (``conflict.blocking.gather``)."""
    return f"{key & _UNSIGNED:016x}"


def _number_keys(ceiling: Ceiling) -> list[int]:
    return [key_number(key) for key in number_keys(*ceiling.numbers)]


def pack(keys: Iterable[int]) -> bytes:
    ordered = sorted(keys)
    return struct.pack(f">{len(ordered)}q", *ordered)


def unpack(data: bytes) -> frozenset[int]:
    return frozenset(struct.unpack(f">{len(data) // 8}q", data))


@dataclass(frozen=True, slots=True)
class Found:
    """Whom an arrival may be: the numbers of those who are worth a look, everybody who shares a key with it, and how
    many keys were not followed because too many share them.
    """

    numbers: frozenset[int]
    sharing: frozenset[int]
    left_out: int
    unseen: frozenset[int]
    """Who was left out although the key is followed for others: to them it may be a candidate all the same."""


class Keys:
    """The table of keys of one store, inside the caller's transaction."""

    def __init__(self, connection: apsw.Connection, gains: Gains, block_max: int = BLOCK_RECORDS_MAX) -> None:
        self._connection = connection
        self._gains = gains
        self._floor = first_look_floor(gains.parameters)
        self._block_max = block_max

    def candidates(self, keys: Iterable[int], said: str, *, apart_from: int, near: bool = False) -> Found:
        """Who shares a key, within the limits, and is not seen at a glance to be somebody else; ``near``: also those
        whom only companions could make it.
        """
        blocks = self._blocks(keys)
        found = gather(blocks, apart_from=(apart_from,), block_max=self._block_max)
        floor = self._floor if near else self._gains.parameters.thresholds.review
        ceiling = Ceiling(said, self._gains)
        hints = {party: value for block in blocks.values() for party, value in block.items() if party in found.refs}
        exact = {_name(key) for key in _number_keys(ceiling)}
        strangers = exact.isdisjoint(found.left_out)  # whoever has a number in common is found by it
        alike = frozenset[int]().union(*(blocks[name] for name in exact if name in blocks))
        hopeful = alike.intersection(hints).union(Sieve(ceiling, strangers=strangers).sift(hints, floor))
        glances: Iterator[tuple[Any, ...]] = self._connection.execute(_GLANCES, (json.dumps(sorted(hopeful)),))
        numbers = frozenset(number for number, seen in glances if ceiling.promise(seen, floor) >= floor)
        unseen = (blocks[name].keys() for name in found.left_out if len(blocks[name]) <= self._block_max)
        return Found(numbers, found.refs, len(found.left_out), frozenset[int]().union(*unseen))

    def sharing(self, keys: Iterable[int], *, apart_from: int) -> Candidates[int]:
        """Everybody who shares a key, within the limits."""
        return gather(self._blocks(keys), apart_from=(apart_from,), block_max=self._block_max)

    def _blocks(self, keys: Iterable[int]) -> dict[str, dict[int, int]]:
        """Who has each key, with their hints; one more than the limit if there are more than the limit."""
        limit = self._block_max + 1
        found: dict[str, dict[int, int]] = {}
        for key in keys:
            rows: Iterator[tuple[Any, ...]] = self._connection.execute(_SHARING, (key, limit))
            found[_name(key)] = dict(rows)
        return found

    def on_sheet(self, sheet: int) -> frozenset[int]:
        """The arrivals that were written down together; nobody for 0."""
        return frozenset(row[0] for row in self._connection.execute(_ON_SHEET, (sheet,)))

    # --- bringing it up to date --------------------------------------------------------------------------------------

    def read_some(self, descriptions: Descriptions, count: int) -> int:
        """Look at up to ``count`` of the persons who have changed; returns how many there were."""
        unread = [(OriginId(row[0]), RowId(row[1])) for row in self._connection.execute(_SELECT_UNREAD, (count,))]
        for origin, row_id in unread:
            self._enter(origin, row_id, descriptions.read(origin, row_id))
            if self._connection.execute(_HAS_EVENTS, (origin, row_id)).fetchone() is not None:
                look_again(self._connection, ((origin, row_id),))  # without any, only a link or a ruling makes a case
        self._connection.executemany(_READ, unread)
        return len(unread)

    def _enter(self, origin: OriginId, row_id: RowId, found: Described | None) -> None:
        row = self._connection.execute(_SELECT_PARTY, (origin, row_id)).fetchone()
        if row is None:
            if found is None:
                return
            number, before = self._added(origin, row_id), _Entry()
        else:
            number, before = int(row[0]), _Entry(row[1], row[2], unpack(row[3]), row[4])
        after = _entry(found)
        gone, come = before.keys - after.keys, after.keys - before.keys
        concerned = self._arrivals_near(before, gone)
        if after != before:
            self._connection.executemany(_DROP_KEY, ((key, before.arrival, number) for key in before.keys))
            said = hint(after.glance) if after.keys else 0
            self._connection.executemany(_ADD_KEY, ((key, after.arrival, number, said) for key in after.keys))
            self._connection.execute(_SET_PARTY, (after.arrival, after.sheet, pack(after.keys), after.glance, number))
            concerned |= self._arrivals_near(after, come)
        self._connection.executemany(_WAIT, ((party,) for party in {number, *concerned}))

    def _added(self, origin: OriginId, row_id: RowId) -> int:
        return cast("int", self._connection.execute(_ADD_PARTY, (origin, row_id)).fetchall()[0][0])

    def _arrivals_near(self, entry: _Entry, changed: Collection[int]) -> frozenset[int]:
        """The arrivals on whose links a record with these keys can have a say. ``changed`` are the keys that it has not
        had before, or has not any more: with them a block may grow too large, or be followed again, for all.
        """
        near = set(self.on_sheet(entry.sheet))
        if not entry.keys:
            return frozenset(near)
        blocks: dict[int, dict[int, int]] = {}
        for key in entry.keys:
            rows: Iterator[tuple[Any, ...]] = self._connection.execute(_ARRIVALS_SHARING, (key,))
            blocks[key] = dict(rows)
        if not any(blocks.values()):
            return frozenset(near)
        near |= self._worth_a_look(entry, blocks)
        others: set[int] = set()
        for key in changed:
            if blocks.get(key):
                (near if self._is_at_the_limit(key) else others).update(blocks[key])
        if others := others - near:
            more = self._connection.execute(_ONE_MORE, (json.dumps(sorted(others)), CANDIDATES_MAX))
            near |= {cast("int", number) for number, limited in more if limited}
        return frozenset(near)

    def _worth_a_look(self, entry: _Entry, blocks: Mapping[int, Mapping[int, int]]) -> set[int]:
        """Arrivals whose candidate somebody may be. ``blocks``: all of each key, with their hints. If it is an arrival
        itself, it finds those who came alone when it is looked at, and draws them in: whoever stands came with nobody.
        """
        hints = {party: value for block in blocks.values() for party, value in block.items()}
        if entry.arrival:
            hints = {party: value for party, value in hints.items() if not is_standing(value)}
        if not hints:
            return set()
        ceiling = Ceiling(entry.glance, self._gains)
        alike = frozenset[int]().union(*(blocks.get(key, ()) for key in _number_keys(ceiling)))
        floor, review = self._floor, self._gains.parameters.thresholds.review
        hopeful = sorted(alike.intersection(hints).union(Sieve(ceiling, strangers=True).sift(hints, floor)))
        found: set[int] = set()
        rows: Iterator[tuple[Any, ...]] = self._connection.execute(_ARRIVALS, (json.dumps(hopeful),))
        for number, seen, sheet in rows:
            least = floor if sheet else review  # nobody came along
            if ceiling.promise(seen, least) >= least:
                found.add(number)
        return found

    def _is_at_the_limit(self, key: int) -> bool:
        """Whether one record more or less makes a block too large to be followed."""
        row = self._connection.execute(_SIZE, (key, self._block_max + 2)).fetchone()
        return row is not None and row[0] == self._block_max + 1


def _entry(found: Described | None) -> _Entry:
    if found is None:
        return _Entry()
    sheet = key_number(f"sheet {found.party.sheet}") if found.party.sheet else 0
    keys = frozenset(map(key_number, block_keys(found.description)))
    said = glance(found.description, found.party.report)
    return _Entry(int(found.is_newcomer), sheet, keys, said)
