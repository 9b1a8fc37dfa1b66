"""A small tree for tests of quarantine: p above d above c. Rows of copies rot, commits climb, letters go both ways."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

from node.chain import KIND_REGISTER
from node.clock import ManualClock
from node.ids import OriginId, RowId
from node.mail import Mail
from node.quarantine import Held, RowSet, held_commits, row_sets
from node.reference import Reference
from node.replay import RowKey, triggers_off
from node.rows import Asked, ask_for_rows
from node.store import Store
from tests.identities import Member, Tree
from tests.sessions import Parent
from tests.unit.node.stores import INSERT_PERSON, UPDATE_PHONE

NOW_MS = 1_790_000_000_000


class Exchange:
    """``climb`` lets everything that waits go where it belongs."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW_MS)
        self.tree = Tree(folder, "p", clock=self.clock)
        self.p = self.tree.root
        self.d = self.tree.add("d")
        self.c = self.tree.add("c", "d")
        self.parents = {"p": Parent(self.p), "d": Parent(self.d)}
        self.origin: OriginId = self.c.store.own_origin()
        self._images = 0
        self.climb()

    def climb(self, *links: tuple[str, str]) -> None:
        """A few sessions of each child with its parent."""
        for _ in range(3):
            for child, parent in links or (("d", "p"), ("c", "d")):
                session = self.parents[parent].meet(self.tree.members[child], follow=True).start().run()
                for _ in range(3):
                    session.parent_end.tick()
                    session.child_end.tick()
                    session.run()
                session.child_end.link_lost()
                session.parent_end.link_lost()

    # --- at the commune ----------------------------------------------------------------------------------------------

    def person(self, *names: str) -> RowId:
        """One commit with a person for each name; returns the last one's row."""
        ids = [self.c.store.new_row_id(NOW_MS) for _ in names]
        self.write(*((INSERT_PERSON, (self.origin, row, name, "")) for row, name in zip(ids, names, strict=True)))
        return ids[-1]

    def phone(self, phone: str, *rows: RowId) -> None:
        """One commit that changes the phone of every row."""
        self.write(*((UPDATE_PHONE, (phone, self.origin, row)) for row in rows))

    def write(self, *changes: tuple[str, Sequence[object]]) -> None:
        store = self.c.store
        with store.capture(
            author="clerk", kind=KIND_REGISTER, recorded_at=self.clock.wall_ms(), origin=self.origin
        ) as capture:
            for statement, values in changes:
                capture.connection.execute(statement, tuple(values))

    # --- disks -------------------------------------------------------------------------------------------------------

    def image(self, name: str) -> Path:
        """A copy of a node's store as it is now."""
        self._images += 1
        path = self.tree.folder / f"{name} {self._images}.image"
        self.tree.members[name].store.connection.execute("VACUUM INTO ?", (str(path),))
        return path

    def put_back(self, name: str, image: Path) -> Member:
        """The node's disk becomes that copy, without a witness of what was written since."""
        before = self.tree.members[name]
        path = Path(before.store.database.path)
        before.store.close()
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        shutil.copy(image, path)
        self._images += 1
        store = Store.open(path, clock=self.clock, source=random.Random(f"{name} {self._images}"))
        member = self.tree.members[name] = Member(before.folder, store, before.identity)
        setattr(self, name, member)
        if name in self.parents:
            self.parents[name] = Parent(member)
        return member

    # --- at a copy ---------------------------------------------------------------------------------------------------

    def rot(self, member: Member, row: RowId, phone: str | None) -> None:
        """A row changes behind the store's back; None: it is gone."""
        with member.store.database.transaction() as connection, triggers_off(connection):
            if phone is None:
                connection.execute("DELETE FROM person WHERE id = ?", (row,))
            else:
                connection.execute("UPDATE person SET phone = ? WHERE id = ?", (phone, row))

    def held(self, member: Member) -> tuple[Held, ...]:
        return held_commits(member.store.connection)

    def seqs(self, member: Member) -> list[int]:
        """Commits that are held back."""
        return [item.seq for item in self.held(member)]

    def sets(self, member: Member) -> tuple[RowSet, ...]:
        return row_sets(self.held(member))

    def ask(self, member: Member, keys: Sequence[RowKey] | None = None) -> Asked:
        """For what is held back, or for ``keys``."""
        wanted = [key for row_set in self.sets(member) for key in row_set.keys] if keys is None else keys
        return ask_for_rows(member.store, self.mail(member), self.origin, wanted)

    def mail(self, member: Member) -> Mail:
        return Mail(member.store, Reference(member.store))

    def equal(self, *stores: Store) -> bool:
        """Whether the copies (default: all) are the commune's."""
        value = self.c.store.digest(self.origin)
        return all(store.digest(self.origin) == value for store in stores or (self.d.store, self.p.store))

    def codes(self, member: Member) -> list[str]:
        """Codes of the alarms, the oldest first."""
        return [alarm.code for alarm in reversed(member.store.alarms())]

    def details(self, member: Member, code: str) -> list[str]:
        return [alarm.detail for alarm in reversed(member.store.alarms()) if alarm.code == code]

    def states(self, member: Member) -> list[tuple[str, str]]:
        """Letters by kind and state, in the order in which they came."""
        rows = member.store.connection.execute("SELECT kind, state FROM letter ORDER BY position")
        return [(str(row[0]), str(row[1])) for row in rows]

    def close(self) -> None:
        self.tree.close()
