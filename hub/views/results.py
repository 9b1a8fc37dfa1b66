"""The result view of one store or of several roots: residents, cases, balance (FORMAT, result bundle).

Every view is a function of the rows and the as-of day: the order in which origins arrived does not show. A
rehearsal of a forest gives the stores of all its roots, and the rows come merged; no origin may be in two of
them.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from conflict import cases as case_rules
from conflict.balance import Balance, BalanceRow
from conflict.cases import Case
from conflict.claims import MOVE_IN, PersonRef, Record
from conflict.decisions import Decision
from conflict.journeys import Setting
from conflict.links import Link
from conflict.places import PlaceBook
from conflict.policy import DEFAULT_POLICY, Policy
from conflict.rulings import Ruling
from conflict.settlement import Outcome, resolve
from conflict.standing import Standing, stay_verify_day
from conflict.standing import standing as standing_of
from hub.views.records import read_rulings, records
from hub.views.resolution import Resolution, add_to_balance, resolution
from hub.views.tree import places_seen, reform_seen
from node.errors import UsageError
from node.ids import OriginId, id_text
from node.reference import Reference
from node.store import Profile, Store


@dataclass(frozen=True, slots=True)
class ResidentRow:
    """One row of residents.csv."""

    person: PersonRef
    unit: str
    status: str
    refs: tuple[PersonRef, ...]


@dataclass(frozen=True, slots=True)
class StayTask:
    """A temporary stay that has lasted longer than it should without a word: somebody has to go and look
    (RESOLVER 55).
    """

    person: PersonRef
    due: date


_NOTHING: Final = Resolution({}, Outcome((), (), ()), {})


class View:
    """What the given stores see as of a day.

    ``links`` are the resolver's, of the whole register; with them, and with the rulings that the stores hold, both
    halves of a move are one case and its records one person. Without them each side is seen as it sees itself.
    ``searched``: the stores are of the top, so that an arrival without a link came from nowhere in the tree.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        as_of: date,
        policy: Policy = DEFAULT_POLICY,
        links: Sequence[Link] | None = None,
        *,
        searched: bool = True,
    ) -> None:
        self._stores = tuple(stores)
        self._searched = searched
        self._as_of = as_of
        self._policy = policy
        self._links = None if links is None else tuple(links)
        self._resolved: tuple[Resolution, tuple[Ruling, ...]] | None = None
        self._open_snapshots = 0

    def residents(self) -> Iterator[ResidentRow]:
        """One row for each person, in the order of ``person``; every ref in exactly one row."""
        with self._open() as (found, places):
            linked = self._resolution(places).person_of
            for record in found:
                person = linked.get(record.ref)
                if person is None:
                    now = self._standing(record)
                    yield ResidentRow(record.ref, now.unit, now.status, (record.ref,))
                elif person.person == record.ref:
                    yield ResidentRow(record.ref, person.standing.unit, person.standing.status, person.refs)

    def cases(self) -> Iterator[Case]:
        """All cases in the order of ``case``. Holds the one-sided cases of one node at a time."""
        with self._open() as (found, places):
            settled = self._resolution(places)
            alone = (record for record in found if record.claims and record.ref not in settled.touched)
            yield from heapq.merge(self._alone(alone, places), settled.outcome.cases, key=lambda case: case.case)

    def _alone(self, found: Iterator[Record], places: PlaceBook) -> Iterator[Case]:
        for _, group in groupby(found, key=lambda record: record.unit):
            held = [case for record in group for case in self._cases_of(record, places)]
            yield from sorted(held, key=lambda case: case.case)

    def _cases_of(self, record: Record, places: PlaceBook) -> Iterable[Case]:
        if self._links is None or not any(claim.kind == MOVE_IN for claim in record.claims):
            return case_rules.cases(record, self._as_of, self._policy, places)
        # Nobody like this arrival was found anywhere: the search for its origin has an end (RESOLVER 6).
        found = resolve((record,), (), (), self._policy, places, self._as_of, searched=self._searched)
        return found.cases

    def decisions(self) -> tuple[Decision, ...]:
        """What the settled cases ask of the offices concerned; none without links."""
        with self._open() as (_, places):
            return self._resolution(places).outcome.decisions

    def balance(self) -> Iterator[BalanceRow]:
        """The register balance of every node that the stores know, in the order of unit, month, flow, other unit."""
        with self._open() as (found, places):
            balance = Balance(self._as_of, self._policy)
            settled = self._resolution(places)
            for record in found:
                if record.ref not in settled.touched:
                    balance.add(record, self._standing(record))
            setting = Setting(self._as_of, self._as_of, self._policy, places, self._searched, places.successions)
            add_to_balance(balance, settled, self._links or (), self._rulings, setting)
            yield from balance.rows(places)

    def stay_tasks(self) -> Iterator[StayTask]:
        """The temporary stays that are due for a visit."""
        with self._open() as (found, _):
            for record in found:
                due = stay_verify_day(record, self._as_of, self._policy) if record.claims else None
                if due is not None and due <= self._as_of:
                    yield StayTask(record.ref, due)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several views of one moment: whatever is read inside sees the same rows."""
        with contextlib.ExitStack() as stack:
            for store in self._stores:
                stack.enter_context(store.database.snapshot())
            self._open_snapshots += 1
            try:
                yield
            finally:
                self._open_snapshots -= 1
                if not self._open_snapshots:
                    self._resolved = None  # of that moment only

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[Iterator[Record], PlaceBook]]:
        with self.snapshot():
            profiles = [store.profiles() for store in self._stores]
            _require_apart(profiles)
            references = [Reference(store) for store in self._stores]
            places = PlaceBook(
                (
                    place
                    for reference, known in zip(references, profiles, strict=True)
                    for place in places_seen(known.values(), reference)
                ),
                reform_seen(references),
            )
            yield self._records(profiles, places), places

    def _records(self, profiles: Sequence[dict[OriginId, Profile]], places: PlaceBook) -> Iterator[Record]:
        streams = [
            records(store.connection, known, places) for store, known in zip(self._stores, profiles, strict=True)
        ]
        return heapq.merge(*streams, key=lambda record: record.ref)

    def _resolution(self, places: PlaceBook) -> Resolution:
        """The settlement, computed once in a snapshot. Without links there is nothing to settle."""
        if self._links is None:
            return _NOTHING
        if self._resolved is None:
            profiles = [store.profiles() for store in self._stores]
            rulings = tuple(
                ruling
                for store, known in zip(self._stores, profiles, strict=True)
                for ruling in read_rulings(store.connection, known)
            )
            found = self._records(profiles, places)
            settled = resolution(
                found, self._links, rulings, self._policy, places, self._as_of, searched=self._searched
            )
            self._resolved = settled, rulings
        return self._resolved[0]

    @property
    def _rulings(self) -> tuple[Ruling, ...]:
        return () if self._resolved is None else self._resolved[1]

    def _standing(self, record: Record) -> Standing:
        now = standing_of(record, self._as_of, self._policy)
        assert now is not None, "every record exists on the day of the view"
        return now


def _require_apart(profiles: Sequence[Mapping[OriginId, Profile]]) -> None:
    """Raises ``UsageError`` if two stores hold the same origin: its persons would be counted twice."""
    seen: set[OriginId] = set()
    for known in profiles:
        twice = seen & known.keys()
        if twice:
            raise UsageError(
                f"Two of the stores hold the origin {id_text(min(twice))}.",
                hint="Name only roots of separate trees; a parent already sees what its children hold.",
            )
        seen |= known.keys()
