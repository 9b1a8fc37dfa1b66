"""The desk as a whole: small steps that bring keys and links up to date with the rows, each of them one transaction.

A step that was not finished is done again; nothing is lost and nothing is done twice, because what waits stands in
tables. Two processes may work at one desk.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, cast

import apsw

from conflict.blocking import BLOCK_RECORDS_MAX
from conflict.cases import State
from conflict.claims import MOVE_IN, MOVE_OUT, EventRef, recorded_instant
from conflict.decisions import Parameters as DecisionParameters
from conflict.decisions import parameters_of
from conflict.gains import Gains
from conflict.links import Link
from conflict.parameters import Parameters
from conflict.places import PlaceBook
from conflict.policy import DEFAULT_POLICY, Policy
from conflict.reviewing import Task
from conflict.rulings import prevailing
from conflict.sampling import Counted, learn
from conflict.settlement import Outcome, resolve
from hub.desk.decisions import Decisions
from hub.desk.descriptions import Descriptions
from hub.desk.docket import CaseFile, case_file, persons_of_event, tasks
from hub.desk.families import Families, Family, due, keys_of, look_again_on, looked_at, names_in, unsettled
from hub.desk.keys import Keys
from hub.desk.links import Links, read_links
from hub.desk.outbox import Delivery, Outbox, deliveries_of_case
from hub.desk.reading import note_changes
from hub.desk.sampling import Sampling
from hub.desk.scanning import Double, by_number, within
from hub.desk.trial import Trial, links_by, trial
from hub.desk.undoing import Undoing, foreseen, what_to_undo, without
from hub.views.records import read_rulings
from hub.views.tree import places_above, places_seen
from node.chain import KIND_DECISION, Head
from node.identity.keys import NodeKey
from node.ids import NodeId, OriginId
from node.interchange.bundle import local_day
from node.mail import Mail
from node.matching import InForce, in_force, introduced
from node.reference import Reference
from node.register.operations import moment_text
from node.store import PURPOSE_REGISTER, Profile, Store

PERSONS_AT_ONCE: Final = 250
WAITING_AT_ONCE: Final = 80
UNSETTLED_AT_ONCE: Final = 250
"""Of a step, so that whoever records or brings something waits a fifth of a second at most."""
LITTLE: Final = 25
"""Rows or persons after which a step may go on."""
_FACT_SETTING: Final = "desk"  # what links depend on beside the rows: the places and the parameters
_ALL_WAIT = "INSERT INTO desk_waiting (party) SELECT number FROM desk_party WHERE arrival = 1 ON CONFLICT DO NOTHING"
_MOVERS_UNREAD = (
    "INSERT INTO desk_unread (origin, person_id) SELECT origin, person_id FROM event "
    f"WHERE kind IN ('{MOVE_IN}', '{MOVE_OUT}') AND person_id IS NOT NULL ON CONFLICT DO NOTHING"
)  # what is said of them names places
_TABLES: Final = (
    *("desk_mark", "desk_unread", "desk_party", "block_key", "desk_waiting", "candidate_link"),
    *("desk_unsettled", "desk_decision", "desk_unsent"),
)
MAY_CHANGE_WITH_TIME: Final = frozenset({State.OPEN_OUT, State.OPEN_IN, State.MATCHED, State.DISPUTED, State.PROPOSED})
"""What waits is looked at again every day: a waiting time may be over."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the desk has still to look at, and at how many arrivals it could not follow all keys."""

    unread: int
    waiting: int
    overflowing: int


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The registers and where they stand, as long as neither they nor the reference data change. ``sight`` has those
    above too, so that what is theirs to decide is not decided here; ``digest`` is another one if names of places mean
    something else.
    """

    registers: Mapping[OriginId, Profile]
    reference: Head | None
    nodes: dict[OriginId, NodeId]
    places: PlaceBook
    sight: PlaceBook
    is_top: bool
    digest: bytes


class CaseDesk:
    """The desk of one store. ``key`` signs what those who are concerned are told; without one nobody is told, and
    whoever has it does so later. ``posted`` counts the letters.
    """

    def __init__(
        self,
        store: Store,
        parameters: Parameters | None = None,
        *,
        block_max: int = BLOCK_RECORDS_MAX,
        key: NodeKey | None = None,
    ) -> None:
        self.posted = 0
        self._key = key
        self._store = store
        self._block_max = block_max
        self._reference = Reference(store)
        self._given = parameters
        self._known: tuple[Head | None, InForce] | None = None
        self._around: _Surroundings | None = None
        self._gained: Gains | None = None

    @property
    def _in_force(self) -> InForce:
        """What to compare by, read again when the reference data have moved."""
        if self._given is not None:
            return InForce(self._given)
        head = self._reference.head()
        if self._known is None or self._known[0] != head:
            self._known = (head, in_force(introduced(self._store)))
        return self._known[1]

    @property
    def _parameters(self) -> Parameters:
        return self._in_force.parameters

    @property
    def _gains(self) -> Gains:
        parameters = self._parameters
        if self._gained is None or self._gained.parameters is not parameters:
            self._gained = Gains(parameters)
        return self._gained

    def step(self) -> bool:
        """One small step; False if there was nothing to do. What is little is done in one go, keys and links too, for
        each transaction waits for the disk. Raises ``StoreError``; then the step did not happen.
        """
        with self._store.database.transaction() as connection:
            noted = note_changes(self._store, connection)
            if noted is not None and noted >= LITTLE:
                return True
            around = self._surroundings()
            descriptions = Descriptions(connection, around.nodes, around.places)
            keys = Keys(connection, self._gains, self._block_max)
            read = keys.read_some(descriptions, PERSONS_AT_ONCE)
            if read >= LITTLE:
                return True
            if self._setting_changed(around):
                connection.execute(_ALL_WAIT)
                connection.execute(_MOVERS_UNREAD)
                return True
            if Links(connection, keys).settle_some(descriptions, self._parameters, WAITING_AT_ONCE):
                return True
            if read or noted is not None:
                return True
            outbox = self._outbox(connection, self.own_register(), around.nodes)
            return outbox is not None and (self._sent(outbox) or self._reminded(outbox))

    def catch_up(self) -> None:
        """All steps that there are to do."""
        while self.step():
            pass

    def decide_some(self, policy: Policy = DEFAULT_POLICY) -> int | None:
        """Decide the cases of some persons that have to be looked at, and write down what is new in this node's own
        origin. Returns how many decisions that were; None if nobody has to be looked at, or nothing can be decided.
        To be called once ``step`` has nothing more to do. Raises ``StoreError``, ``HoldingError``.
        """
        store, now = self._store, self._store.clock.wall_ms()
        as_of = local_day(now)
        origin = self.own_register()
        if origin is None or self._in_force.held:
            return None
        with store.capture_beside(author="", kind=KIND_DECISION, recorded_at=now, origin=origin) as capture:
            connection = capture.connection
            persons = due(connection, as_of.isoformat(), UNSETTLED_AT_ONCE)
            if not persons:
                return None
            around = self._surroundings()
            families = Families(connection, around.nodes, around.places)
            decided_with = self._decided_with(policy)
            decisions = Decisions(connection, origin, store.node_id, decided_with)
            outbox = self._outbox(connection, origin, around.nodes)
            made = 0
            waits: set[EventRef] = set()
            for person in persons:
                if person not in families.members:
                    family = families.of(person)
                    outcome = self._outcome(family, policy, around, as_of, decided_with)
                    made += len(decisions.decide(outcome, family, as_of))
                    if outbox is not None:
                        mine = [draft for draft in outcome.decisions if draft.authority == store.node_id]
                        outbox.ask(mine, names_in(family), as_of)
                    waiting = (case for case in outcome.cases if case.state in MAY_CHANGE_WITH_TIME)
                    waits.update(ref for case in waiting for ref in case.refs)
            looked_at(connection, families.members)
            tomorrow = (as_of + timedelta(days=1)).isoformat()
            look_again_on(connection, tuple(families.concerned_by(waits)), tomorrow)
            if outbox is not None:
                self._sent(outbox)
        return made

    def _outbox(
        self, connection: apsw.Connection, origin: OriginId | None, nodes: dict[OriginId, NodeId]
    ) -> Outbox | None:
        """What is to be told, and signed, by this node; None if nobody here may sign."""
        if self._key is None or origin is None:
            return None
        return Outbox(self._store, connection, Mail(self._store, self._reference), self._key, origin, nodes)

    def _sent(self, outbox: Outbox) -> bool:
        found = outbox.send_some()
        self.posted += outbox.posted
        return found

    def _reminded(self, outbox: Outbox) -> bool:
        before = outbox.posted
        found = outbox.remind_some()
        self.posted += outbox.posted - before
        return found

    def own_register(self) -> OriginId | None:
        """Where this node's decisions stand; None if another node has its register now."""
        own = set(self._store.own_origins())
        found = (o for o, profile in self._registers().items() if o in own and profile.node_id == self._store.node_id)
        return next(found, None)

    def decide(self) -> int:
        """All that there is to decide now; returns how many decisions are new."""
        total = 0
        while True:
            self.catch_up()
            count = self.decide_some()
            if count is None:
                return total
            total += count

    def _outcome(
        self,
        family: Family,
        policy: Policy,
        around: _Surroundings,
        as_of: date,
        decided_with: DecisionParameters | None = None,
    ) -> Outcome:
        return resolve(
            family.records,
            family.links,
            family.rulings,
            policy,
            around.sight,
            as_of,
            searched=around.is_top,
            parameters=decided_with or self._decided_with(policy),
        )

    def _decided_with(self, policy: Policy) -> DecisionParameters:
        return parameters_of(policy, self._parameters.version, self._parameters.hash)

    # --- for reviewers -----------------------------------------------------------------------------------------------

    def queue(self, policy: Policy = DEFAULT_POLICY) -> tuple[Task, ...]:
        """What waits for a person in the whole view of this node, in the order in which it matters. After ``catch_up``:
        whose case is open waits to be looked at again.
        """
        with self._store.database.snapshot() as connection:
            around = self._surroundings()
            families = Families(connection, around.nodes, around.places)
            outcomes = [
                self._outcome(families.of(person), policy, around, self._today())
                for person in unsettled(connection)
                if person not in families.members
            ]
        return tasks(outcomes)

    def case_file(self, ref: str, policy: Policy = DEFAULT_POLICY) -> CaseFile | None:
        """The case that an event (node_id:event_id) is in, or that a record (node_id:person_id) names, whatever its
        state; None if it is in none.
        """
        with self._store.database.snapshot() as connection:
            found = self._look_up(connection, ref, policy)
        return None if found is None else found[0]

    def undoing(self, ref: str, one: str = "", other: str = "", policy: Policy = DEFAULT_POLICY) -> Undoing | None:
        """What taking back the link or the ruling in a case comes to; None if there is no such case. ``one`` and
        ``other`` name the two records where there are several pairs. Raises ``UsageError``.
        """
        with self._store.database.snapshot() as connection:
            found = self._look_up(connection, ref, policy)
            if found is None:
                return None
            file, family = found
            change = what_to_undo(file, self._store.node_id, one, other)
            moment = recorded_instant(moment_text(self._store.clock.wall_ms()))
            rulings = without(family.rulings, change, self._store.node_id, moment)
            around = self._surroundings()
            after = self._outcome(replace(family, rulings=rulings), policy, around, self._today())
        return foreseen(file, change, after)

    def scan(self, communes: Collection[NodeId] = ()) -> list[Double]:
        """Standing records that look like one person and that nobody has ruled on: under one number in the whole view,
        or all that stand in some communes. To be called after ``catch_up``.
        """
        with self._store.database.snapshot() as connection:
            around = self._surroundings()
            nodes = around.nodes
            descriptions = Descriptions(connection, nodes, around.places)
            if communes:
                origins = [origin for origin, node_id in nodes.items() if node_id in communes]
                found = within(connection, descriptions, origins, self._parameters)
            else:
                found = by_number(connection, descriptions, nodes, self._parameters)
            ruled = prevailing(read_rulings(connection, around.registers), around.places)
        return [double for double in found if double.pair not in ruled]

    def _look_up(self, connection: apsw.Connection, ref: str, policy: Policy) -> tuple[CaseFile, Family] | None:
        around = self._surroundings()
        nodes, places = around.nodes, around.places
        families = Families(connection, nodes, places)
        descriptions = Descriptions(connection, nodes, places)
        for person in (*persons_of_event(connection, nodes, ref), *keys_of(connection, nodes, (ref,))):
            family = families.of(person)
            outcome = self._outcome(family, policy, around, self._today())
            found = case_file(connection, nodes, descriptions, self._parameters, family, outcome, ref, places)
            if found is not None:
                return found, family
        return None

    def deliveries(self, case: EventRef) -> tuple[tuple[NodeId, Delivery], ...]:
        """Who was told of what this node decided, or asks, on a case, and who has it by now."""
        origin = self.own_register()
        with self._store.database.snapshot() as connection:
            found = () if origin is None else deliveries_of_case(connection, origin, case)
        nodes = self._surroundings().nodes
        return tuple((nodes[told.to_origin], told) for told in found if told.to_origin in nodes)

    def _today(self) -> date:
        return local_day(self._store.clock.wall_ms())

    def forget(self) -> None:
        """Drop what is derived; the next steps make it anew."""
        with self._store.database.transaction() as connection:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")
            self._store.forget_fact(_FACT_SETTING)

    def try_out(self, parameters: Parameters) -> Trial:
        """What the cases would be by other weights; nothing is changed. After ``catch_up``."""
        searched = self._surroundings().is_top
        return trial(self._store, self.links(), self.links_by(parameters), self._today(), searched=searched)

    def links_by(self, parameters: Parameters) -> tuple[Link, ...]:
        """As ``links``, by other weights; the table stays as it is. After ``catch_up``."""
        with self._store.database.snapshot() as connection:
            around = self._surroundings()
            descriptions = Descriptions(connection, around.nodes, around.places)
            found = links_by(connection, descriptions, Keys(connection, Gains(parameters), self._block_max), parameters)
            return tuple(sorted(found, key=lambda link: (link.a, link.b)))

    def estimate(self, rng: random.Random, *, version: int, source: str) -> tuple[Parameters, Counted]:
        """New weights from the register here, and what they stand on. Nothing comes into force. After ``catch_up``."""
        with self._store.database.snapshot() as connection:
            around = self._surroundings()
            descriptions = Descriptions(connection, around.nodes, around.places)
            sampling = Sampling(connection, descriptions, Keys(connection, self._gains, self._block_max), rng)
            return learn(self._parameters, sampling.draw(), version=version, source=source)

    def links(self) -> tuple[Link, ...]:
        """As they stand, sorted by the records."""
        with self._store.database.snapshot() as connection:
            found = read_links(connection, self._surroundings().nodes)
            return tuple(sorted(found, key=lambda link: (link.a, link.b)))

    def backlog(self) -> Backlog:
        with self._store.database.snapshot() as connection:
            return Backlog(
                _count(connection, "SELECT count(*) FROM desk_unread"),
                _count(connection, "SELECT count(*) FROM desk_waiting"),
                _count(connection, "SELECT count(*) FROM desk_party WHERE left_out > 0 AND arrival = 1"),
            )

    def _surroundings(self) -> _Surroundings:
        """Read each time, and worked out again only where what was read is something else."""
        registers, reference = self._registers(), self._reference.head()
        known = self._around
        if known is None or (known.registers, known.reference) != (registers, reference):
            places = PlaceBook(places_seen(registers.values(), self._reference), self._reference.reform())
            above = places_above(self._store.node_id, places, self._reference)
            nodes = {origin: profile.node_id for origin, profile in registers.items()}
            sight = places.with_places(above)
            known = _Surroundings(registers, reference, nodes, places, sight, not above, self._digest(places))
            self._around = known
        return known

    def _registers(self) -> dict[OriginId, Profile]:
        return {o: profile for o, profile in self._store.profiles().items() if profile.purpose == PURPOSE_REGISTER}

    def _digest(self, places: PlaceBook) -> bytes:
        digest = hashlib.sha256(self._parameters.hash.encode())
        for place in sorted(places, key=lambda place: place.node_id):
            digest.update(repr(place).encode())
        for succession in sorted(places.reform.successions):
            digest.update(repr(succession).encode())
        digest.update(repr(places.reform.names).encode())
        return digest.digest()

    def _setting_changed(self, around: _Surroundings) -> bool:
        """Whether names of places mean something else, or the comparison weighs otherwise, than at the last step."""
        if self._store.fact(_FACT_SETTING) == around.digest:
            return False
        self._store.keep_fact(_FACT_SETTING, around.digest)
        return True


def _count(connection: apsw.Connection, statement: str) -> int:
    return cast("int", connection.execute(statement).fetchall()[0][0])
