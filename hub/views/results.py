"""The result view of one store or of several roots: residents, cases, balance (FORMAT, result bundle).

Every view is a function of the rows and the as-of day: the order in which origins arrived does not show. A
rehearsal of a forest gives the stores of all its roots, and the rows come merged; no origin may be in two of
them.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from conflict import cases as case_rules
from conflict.balance import Balance, BalanceRow
from conflict.cases import Case
from conflict.claims import PersonRef, Record
from conflict.places import PlaceBook
from conflict.policy import DEFAULT_POLICY, Policy
from conflict.standing import CanonicalPerson, Standing, stay_verify_day
from conflict.standing import standing as standing_of
from hub.views.records import place_of, records
from node.errors import UsageError
from node.ids import OriginId, id_text
from node.store import Profile, Store

NOBODY_LINKED: Final[Mapping[PersonRef, CanonicalPerson]] = MappingProxyType({})


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


class View:
    """What the given stores see as of a day.

    ``linked`` maps every ref of a person with several records to that person; it comes from the resolver and is
    small beside the register. Who is not in it stands alone.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        as_of: date,
        policy: Policy = DEFAULT_POLICY,
        linked: Mapping[PersonRef, CanonicalPerson] = NOBODY_LINKED,
    ) -> None:
        self._stores = tuple(stores)
        self._as_of = as_of
        self._policy = policy
        self._linked = linked

    def residents(self) -> Iterator[ResidentRow]:
        """One row for each person, in the order of ``person``; every ref in exactly one row."""
        with self._open() as (found, _):
            for record in found:
                person = self._linked.get(record.ref)
                if person is None:
                    now = self._standing(record)
                    yield ResidentRow(record.ref, now.unit, now.status, (record.ref,))
                elif person.person == record.ref:
                    yield ResidentRow(record.ref, person.standing.unit, person.standing.status, person.refs)

    def cases(self) -> Iterator[Case]:
        """One-sided cases in the order of ``case``. Holds the cases of one node at a time."""
        with self._open() as (found, places):
            held: list[Case] = []
            unit = ""
            for record in found:
                if record.unit != unit:
                    yield from sorted(held, key=lambda case: case.case)
                    held, unit = [], record.unit
                if record.claims:
                    held.extend(case_rules.cases(record, self._as_of, self._policy, places))
            yield from sorted(held, key=lambda case: case.case)

    def balance(self) -> Iterator[BalanceRow]:
        """The register balance of every node that the stores know, in the order of unit, month, flow, other unit."""
        with self._open() as (found, places):
            balance = Balance(self._as_of, self._policy)
            for record in found:
                balance.add(record, self._standing(record))
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
            yield

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[Iterator[Record], PlaceBook]]:
        with self.snapshot():
            profiles = [store.profiles() for store in self._stores]
            _require_apart(profiles)
            places = PlaceBook(place_of(profile) for known in profiles for profile in known.values())
            streams = [
                records(store.connection, known, places) for store, known in zip(self._stores, profiles, strict=True)
            ]
            yield heapq.merge(*streams, key=lambda record: record.ref), places

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
