"""The desk as a whole: small steps that bring keys and links up to date with the rows, each of them one transaction.

A step that was not finished is done again; nothing is lost and nothing is done twice, because what waits stands in
tables. Two processes may work at one desk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, cast

import apsw

from conflict.blocking import BLOCK_RECORDS_MAX
from conflict.links import Link
from conflict.parameters import Parameters, current_parameters
from conflict.places import PlaceBook
from hub.desk.descriptions import Descriptions
from hub.desk.keys import Keys
from hub.desk.links import Links, read_links
from hub.desk.reading import note_changes
from hub.views.tree import places_seen
from node.ids import NodeId, OriginId
from node.reference import Reference
from node.store import PURPOSE_REGISTER, Store

PERSONS_AT_ONCE: Final = 500
WAITING_AT_ONCE: Final = 100
_FACT_SETTING: Final = "desk"  # what links depend on beside the rows: the places and the parameters
_ALL_WAIT = "INSERT INTO desk_waiting (party) SELECT number FROM desk_party WHERE arrival = 1 ON CONFLICT DO NOTHING"
_TABLES: Final = ("desk_mark", "desk_unread", "desk_party", "block_key", "desk_waiting", "candidate_link")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the desk has still to look at, and at how many arrivals it could not follow all keys."""

    unread: int
    waiting: int
    overflowing: int


class CaseDesk:
    """The desk of one store."""

    def __init__(
        self, store: Store, parameters: Parameters | None = None, *, block_max: int = BLOCK_RECORDS_MAX
    ) -> None:
        self._store = store
        self._block_max = block_max
        self._reference = Reference(store)
        self._parameters = parameters or current_parameters()

    def step(self) -> bool:
        """One small step; False if there was nothing to do. Raises ``StoreError``; then the step did not happen."""
        with self._store.database.transaction() as connection:
            if note_changes(self._store, connection):
                return True
            nodes, places = self._surroundings()
            descriptions = Descriptions(connection, nodes, places)
            keys = Keys(connection, self._block_max)
            if keys.read_some(descriptions, PERSONS_AT_ONCE):
                return True
            if self._setting_changed(places):
                connection.execute(_ALL_WAIT)
            return bool(Links(connection, keys).settle_some(descriptions, self._parameters, WAITING_AT_ONCE))

    def catch_up(self) -> None:
        """All steps that there are to do."""
        while self.step():
            pass

    def forget(self) -> None:
        """Drop what is derived; the next steps make it anew."""
        with self._store.database.transaction() as connection:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")
            self._store.forget_fact(_FACT_SETTING)

    def links(self) -> tuple[Link, ...]:
        """As they stand, sorted by the records."""
        with self._store.database.snapshot() as connection:
            found = read_links(connection, self._surroundings()[0])
            return tuple(sorted(found, key=lambda link: (link.a, link.b)))

    def backlog(self) -> Backlog:
        with self._store.database.snapshot() as connection:
            return Backlog(
                _count(connection, "SELECT count(*) FROM desk_unread"),
                _count(connection, "SELECT count(*) FROM desk_waiting"),
                _count(connection, "SELECT count(*) FROM desk_party WHERE left_out > 0 AND arrival = 1"),
            )

    def _surroundings(self) -> tuple[dict[OriginId, NodeId], PlaceBook]:
        profiles = self._store.profiles()
        nodes = {o: profile.node_id for o, profile in profiles.items() if profile.purpose == PURPOSE_REGISTER}
        return nodes, PlaceBook(places_seen(profiles.values(), self._reference))

    def _setting_changed(self, places: PlaceBook) -> bool:
        """Whether names of places mean something else, or the comparison weighs otherwise, than at the last step."""
        digest = hashlib.sha256(self._parameters.hash.encode())
        for place in sorted(places, key=lambda place: place.node_id):
            digest.update(repr(place).encode())
        if self._store.fact(_FACT_SETTING) == digest.digest():
            return False
        self._store.keep_fact(_FACT_SETTING, digest.digest())
        return True


def _count(connection: apsw.Connection, statement: str) -> int:
    return cast("int", connection.execute(statement).fetchall()[0][0])
