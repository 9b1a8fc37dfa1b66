"""What the store says of those whom a report names: the second argument of every decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.ids import RowId
from node.register.records import EventRecord, HouseholdRecord, PersonRecord


@dataclass(frozen=True, slots=True)
class Found:
    """None stands where a report names nobody, or where nobody of that name is there."""

    person: PersonRecord | None = None
    other: PersonRecord | None = None
    household: HouseholdRecord | None = None
    target: EventRecord | None = None
    """The event that a cancel withdraws."""
    about: Sequence[EventRecord] = ()
    """All events that bear upon ``person``."""
    target_withdrawn: bool = False
    target_persons: frozenset[RowId] = frozenset()
    """The persons whom ``target`` bears upon."""
