"""A district for tests of the applier: some communes with stores of their own and a parent's store, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.applier import Applied, GroupApplier, Outcome, Work
from node.chain import KIND_REGISTER, Commit, Head, next_commit
from node.clock import ManualClock
from node.codec import encode_batch
from node.identity.statements import batch_statement
from node.ids import GENESIS_HASH, OriginId, RowId, Seq
from node.schema import SCHEMA_VERSION
from tests.identities import Member, Tree

NOW_MS = 1_750_000_000_000


class Commune:
    """One child: records persons, and says what it has as batches."""

    def __init__(self, member: Member) -> None:
        self.name = member.identity.node_id
        self.key = member.key
        self.store = member.store
        self.origin: OriginId = self.store.own_origin()

    def record(self, *names: str) -> RowId:
        """One commit for each name; returns the row of the last one."""
        row = RowId(b"")
        for name in names:
            row = self.store.new_row_id(NOW_MS)
            self._write("INSERT INTO person (origin, id, full_name) VALUES (?,?,?)", (self.origin, row, name))
        return row

    def rename(self, row: RowId, name: str) -> None:
        self._write("UPDATE person SET full_name = ? WHERE origin = ? AND id = ?", (name, self.origin, row))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self.store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=NOW_MS) as capture:
            capture.connection.execute(statement, values)

    def commits(self, after: int = 0, count: int = 500) -> list[Commit]:
        return self.store.read_commits(self.origin, Seq(after), count=count)

    def head_at(self, seq: int) -> Head:
        value = self.store.hash_at(self.origin, Seq(seq))
        assert value is not None
        return Head(self.origin, Seq(seq), value)

    def work(self, after: int = 0, count: int = 500, **changes: Any) -> Work:
        """The batch of the commits behind ``after``."""
        return self.work_of(self.head_at(after), self.commits(after, count), **changes)

    def work_of(self, previous: Head, commits: Sequence[Commit], **changes: Any) -> Work:
        """Signed as it is then: what is changed is all that is wrong with it."""
        header, payload = encode_batch(previous, commits, signer=self.name)
        header = replace(header, **changes)
        signature = self.key.sign(batch_statement(header.origin, header.seq, header.hash))
        return Work(via=self.name, header=replace(header, signature=signature), payload=payload)

    def forged(self, previous: Head, *changesets: bytes, schema_version: int = SCHEMA_VERSION) -> list[Commit]:
        """Commits with a sound chain and any content."""
        commits: list[Commit] = []
        for changeset in changesets:
            commit = next_commit(
                previous,
                schema_version=schema_version,
                recorded_at=NOW_MS,
                author="clerk",
                kind=KIND_REGISTER,
                tag="",
                changeset=changeset,
            )
            commits.append(commit)
            previous = commit.head
        return commits


class District:
    """The parent: its store and its applier."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW_MS)
        self.tree = Tree(folder, "d1", clock=self.clock)
        self.store = self.tree.root.store
        self.applier = GroupApplier(self.store, self.tree.authority.reference)

    def commune(self, name: str) -> Commune:
        return Commune(self.tree.add(name))

    def apply(self, *works: Work) -> list[Outcome]:
        return self.applier.apply(works)

    def applied(self, *works: Work) -> list[tuple[int, int, int]]:
        """Apply works that must not be refused: (seq of the head, new commits, quarantined) of each."""
        outcomes = self.apply(*works)
        assert all(isinstance(outcome, Applied) for outcome in outcomes), outcomes
        return [(o.head.seq, o.commits, o.quarantined) for o in outcomes if isinstance(o, Applied)]

    def head(self, commune: Commune) -> Head:
        return self.store.head(commune.origin)

    def names(self, commune: Commune) -> list[str]:
        rows = self.store.connection.execute(
            "SELECT full_name FROM person WHERE origin = ? ORDER BY id", (commune.origin,)
        )
        return [str(row[0]) for row in rows]

    def codes(self) -> list[str]:
        """Codes of the alarms, the oldest first."""
        return [alarm.code for alarm in reversed(self.store.alarms())]

    def close(self) -> None:
        self.tree.close()


def start(commune: Commune) -> Head:
    return Head(commune.origin, Seq(0), GENESIS_HASH)
