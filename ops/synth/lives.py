"""What truly happens to those to whom something happens, and what could be known of it from the reports.

``Life`` is the truth about one person. ``known`` asks what somebody concludes who sees every report of the bundle and
knows which records are one person: the best that a resolver can reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from ops.synth.chronicle import Event
from ops.synth.people import Person, Record

RESIDENT: Final = "resident"
AWAY: Final = "away"
IN_TRANSIT: Final = "in_transit"
LAPSED: Final = "lapsed"
ABROAD: Final = "abroad"
TEMPORARY: Final = "temporary"
DEAD: Final = "dead"

LAPSE_DAYS: Final = 180  # RESOLVER 3: after that long an open departure counts nowhere


@dataclass(frozen=True, slots=True)
class Standing:
    """``unit`` is a node, or '' where the status is not one of those that count."""

    unit: str
    status: str


NOWHERE: Final = Standing("", "")


@dataclass(slots=True, eq=False)
class Move:
    """One person's true move, and the reports about it; None: there is none in the bundle."""

    life: Life
    from_node: str
    to_node: str
    day: int
    """The day of arrival, or of departure for those who arrive nowhere in the tree."""
    kind: str
    before: Record | None = None
    """The record that is left behind, None if the old place does not know the person."""
    leaving: Event | None = None
    arrival: Event | None = None
    in_transit: bool = False
    """Has left and has not arrived."""
    defects: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Life:
    """``record`` is the person's record where they live now, None if that place's register does not know them.

    ``node_id`` is where they truly live; '' for outside the tree.
    """

    person: Person
    record: Record | None
    node_id: str
    start: Standing
    refs: list[str] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    died: bool = False
    death: Event | None = None
    follows: Life | None = None
    """The mother, of a newborn who counts where she does."""
    status: str = ""
    """The true status if it is neither what the moves nor what a death make it: away, temporary."""
    known_status: str = ""

    def truth(self) -> Standing:
        """Where the person truly counts when the bundle ends."""
        if self.died:
            return Standing("", DEAD)
        if self.follows is not None and not self.follows.died:
            return self.follows.truth()
        now = self.start
        for move in self.moves:
            if move.in_transit:
                return Standing(move.from_node, IN_TRANSIT)
            now = Standing(move.to_node, RESIDENT) if move.to_node else Standing("", ABROAD)
        return Standing(now.unit, self.status) if self.status else now

    def known(self, as_of: int) -> Standing:
        """What can be concluded from the reports as of a day."""
        if self.death is not None:
            return Standing("", DEAD)
        if self.follows is not None and self.follows.death is None:
            return self.follows.known(as_of)
        now = self.start
        for move in self.moves:
            if move.from_node == move.to_node:
                continue  # within the commune
            if move.arrival is not None:
                now = Standing(move.to_node, RESIDENT)
            elif move.leaving is not None:
                if not move.to_node:
                    now = Standing("", ABROAD)
                elif as_of >= _written_day(move.leaving, move.day) + LAPSE_DAYS:
                    now = Standing("", LAPSED)
                else:
                    now = Standing(move.from_node, IN_TRANSIT)
        return Standing(now.unit, self.known_status) if self.known_status else now


def _written_day(event: Event, otherwise: int) -> int:
    """The day that an event carries, as an ordinal: a departure lapses from its own date on, right or wrong."""
    try:
        return date.fromisoformat(event.event_date).toordinal()
    except ValueError:
        return otherwise  # written down as a month or a year only


class Lives:
    """The lives of all persons to whom something happens, in the order in which they came up."""

    def __init__(self) -> None:
        self._lives: dict[int, Life] = {}

    def __iter__(self) -> Iterator[Life]:
        return iter(self._lives.values())

    def __contains__(self, person: Person) -> bool:
        return person.number in self._lives

    def of(self, person: Person, node_id: str) -> Life:
        """The life of somebody who is in the register of ``node_id`` from the start."""
        life = self._lives.get(person.number)
        if life is None:
            record = Record(node_id, person.person_id, person.household.household_id, 0, tuple(person.values))
            life = self._begin(Life(person, record, node_id, registered(person, node_id)))
            life.refs.append(record.ref)
            if person.is_doubled:
                life.refs.append(f"{record.ref}b")
        return life

    def newcomer(self, person: Person, start: Standing = NOWHERE, node_id: str = "") -> Life:
        """The life of somebody whom no register knows yet."""
        return self._begin(Life(person, None, node_id, start))

    def _begin(self, life: Life) -> Life:
        self._lives[life.person.number] = life
        return life


def registered(person: Person, node_id: str) -> Standing:
    """Where somebody counts to whom nothing happens."""
    match person.values[-1]:
        case "temporary":
            return Standing("", TEMPORARY)
        case "absent":
            return Standing(node_id, AWAY)
        case _:
            return Standing(node_id, RESIDENT)
