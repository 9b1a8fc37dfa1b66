"""Rows of copies that rot in the simulated world, and how people put them right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import apsw

from node.errors import UsageError
from node.ids import OriginId, RowId
from node.mail import Mail
from node.quarantine import RowSet, held_commits, row_sets, wanted
from node.reference import Reference
from node.replay import RowKey, triggers_off
from node.rows import ask_for_rows
from node.schema import COLUMN_NAMES
from node.store import Store
from tests.simulation.machine import Machine, rows_at
from tests.simulation.model import COLUMNS, Violation
from tests.simulation.rates import PEACE

if TYPE_CHECKING:
    from tests.simulation.world import World

_DELETE: Final = "DELETE FROM person WHERE origin = ? AND id = ?"
_SELECT_PERSON: Final = "SELECT * FROM person WHERE origin = ? AND id = ?"
_ROT: Final = {column: f"UPDATE person SET {column} = ? WHERE origin = ? AND id = ?" for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Rot:
    """A row of a copy of which a value changed behind the store's back; ``column`` is '' if all of it is gone."""

    machine: str
    origin: OriginId
    row_id: RowId
    before: tuple[apsw.SQLiteValue, ...]
    column: str
    after: str


class Decay:
    """Rot, and what is done about it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: list[Rot] = []

    def rot(self) -> None:
        """A row of a copy changes, or is gone, without anybody having touched it."""
        world = self.world
        machine = world.machines[world.rng.choice([name for name in world.tree if name not in world.leaves])]
        store = machine.store
        if store is None:
            return
        copies = [
            state.head.origin
            for state in store.states()
            if not state.own and state.head.origin != world.reference and rows_at(store, state.head.origin)
        ]
        if not copies:
            return
        origin = world.rng.choice(copies)
        row_id = world.rng.choice(sorted(rows_at(store, origin)))
        before = store.connection.execute(_SELECT_PERSON, (origin, row_id)).fetchall()[0]
        column = world.rng.choice(("", *COLUMNS))
        rot = Rot(machine.name, origin, row_id, before, column, f"rot {len(self.seen)}")
        self.seen.append(rot)
        machine.suspect.add((origin, row_id))

        def work() -> None:
            with store.database.transaction() as connection, triggers_off(connection):
                if column:
                    connection.execute(_ROT[column], (rot.after, origin, row_id))
                else:
                    connection.execute(_DELETE, (origin, row_id))
            world.note("row-rotten" if column else "row-gone")

        world.handle(machine, work, f"rot {machine.name}")

    def mend(self) -> None:
        """Somebody looks after what is held back: puts the rows right and tries again, or asks their holder for them."""
        world = self.world
        machine = world.machines[world.rng.choice(list(world.tree))]
        store = machine.store
        if store is None:
            return
        sets = row_sets(held_commits(store.connection))
        if not sets:
            if world.rates is PEACE:
                self._compare_with_holder(machine, store)
            elif machine.suspect:  # somebody has compared copies
                origin, row_id = world.rng.choice(sorted(machine.suspect))
                if origin not in world.retired:
                    world.handle(machine, partial(self._ask, machine, store, origin, [("person", row_id)]), "ask")
            return
        row_set = world.rng.choice(sets)
        if world.rng.random() < 0.5 or row_set.origin in world.retired:
            world.handle(machine, lambda: self._put_right(machine, store, row_set), f"retry {machine.name}")
        else:
            world.handle(
                machine, lambda: self._ask(machine, store, row_set.origin, row_set.keys), f"ask {machine.name}"
            )

    def _put_right(self, machine: Machine, store: Store, row_set: RowSet) -> None:
        """The rows that rotted as they were before, from a backup; others are left as they are. Or nobody does that, and
        tries all the same.
        """
        world = self.world
        rotten = () if world.rng.random() < 0.3 else tuple(reversed(self.seen))
        with store.database.transaction() as connection, triggers_off(connection):
            for rot in rotten:
                if (rot.machine, rot.origin) != (machine.name, row_set.origin) or (
                    ("person", rot.row_id) not in row_set.keys
                ):
                    continue
                here = rows_at(store, rot.origin).get(rot.row_id)
                if here is None and not rot.column:
                    marks = ", ".join("?" * len(rot.before))
                    connection.execute(f"INSERT INTO person VALUES ({marks})", rot.before)
                elif here is not None and rot.column and here[COLUMNS.index(rot.column)] == rot.after:
                    good = rot.before[COLUMN_NAMES["person"].index(rot.column)]
                    connection.execute(_ROT[rot.column], (good, rot.origin, rot.row_id))
        (outcome,) = store.retry_quarantined(by="clerk", sets=[row_set])
        if outcome.obstacle is None:
            machine.suspect -= {(row_set.origin, row_id) for _, row_id in row_set.keys} - {
                (rot.origin, rot.row_id) for rot in self.seen if rot.column == COLUMNS[0]
            }  # no commit looks at that column
        world.note("tried-again" if outcome.obstacle is None else "still-in-the-way")

    def _ask(self, machine: Machine, store: Store, origin: OriginId, keys: Sequence[RowKey]) -> None:
        world = self.world
        pending = wanted(store.connection, origin)
        if all(key in pending for key in keys) and world.rng.random() < 0.9:
            return
        try:
            ask_for_rows(store, Mail(store, Reference(store)), origin, keys)
        except UsageError:
            world.note("nobody-to-ask")
        else:
            machine.asked |= {(origin, row_id) for _, row_id in keys}
            world.note("asked-for-rows")

    def answered(self, machine: Machine) -> None:
        """Rows that were asked for and are not waited for any more are the holder's."""
        if not machine.asked or machine.store is None:
            return
        for origin in {origin for origin, _ in machine.asked}:
            pending = wanted(machine.store.connection, origin)
            here = {(of, row_id) for of, row_id in machine.asked if of == origin and ("person", row_id) not in pending}
            machine.asked -= here
            machine.suspect -= here

    def _compare_with_holder(self, machine: Machine, store: Store) -> None:
        """A copy that is as far as its holder and differs, though nothing is held back: rot that no commit has met."""
        world = self.world
        for origin in sorted(world.owner):
            holder = world.machines[world.owner[origin]].store
            if origin == world.reference or machine.name not in world.checks.copies(origin) or holder in (None, store):
                continue
            assert holder is not None
            here, there = rows_at(store, origin), rows_at(holder, origin)
            if store.head(origin) != holder.head(origin) or here == there:
                continue
            apart = [row_id for row_id in sorted(here.keys() | there) if here.get(row_id) != there.get(row_id)]
            if not machine.suspect.issuperset((origin, row_id) for row_id in apart):
                raise Violation(f"reliable: {machine.name} has rows that are not its child's, and they did not rot")
            keys: list[RowKey] = [("person", row_id) for row_id in apart]
            world.handle(machine, partial(self._ask, machine, store, origin, keys), f"ask {machine.name}")
            return
