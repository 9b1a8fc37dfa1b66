"""Looking at a copy down to the row, and putting right what is not as its log says.

What was written stands in the log, proved by its hashes; what rotted since is found by replaying it (``node.rebuild``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.chain import Head
from node.epochs import rows_moved
from node.errors import UsageError
from node.ids import Hash, OriginId
from node.protocol.messages import StateStatement
from node.rebuild import RowDifference, differences, put_right, rebuilt
from node.store import Store


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at one origin found: ``stated``: what its holder says at this head, None if nothing is known;
    ``log_digest``: of the rows as the log makes them, None if the log does not reach back to the beginning.
    """

    head: Head
    digest: Hash
    rows: int
    stated: StateStatement | None
    log_digest: Hash | None
    found: tuple[RowDifference, ...]
    held_back: int

    @property
    def sound(self) -> bool:
        return not self.found and (self.stated is None or self.stated.digest == self.digest or bool(self.held_back))


def mend(store: Store, head: Head, wanted: Hash | None) -> int:
    """Put right the rows of an origin that are not as the log says; none if what the log says is not what is ``wanted``
    either, or the origin does not stand at ``head`` any more. Returns how many; an alarm says which.
    """
    with store.database.transaction() as connection:
        if store.head(head.origin) != head or store.quarantined(head.origin):
            return 0
        with rebuilt(connection, head) as there:
            if there is None or (wanted is not None and there.digest != wanted):
                return 0
            found = list(differences(connection, there))
            count = put_right(connection, found)
        if count:
            store.rows_changed += 1
            rows_moved(connection, head.origin)
            store.alarm_now(
                "rot_repaired",
                head.origin,
                f"{count} rows were not what the log says, and are again ({_tables(found)})",
                store.clock.wall_ms(),
            )
    return count


def inspect(store: Store, origin: OriginId, stated: StateStatement | None) -> Inspection:
    """Look at one origin down to the row; nothing is changed. ``stated``: the newest word of its holder."""
    with store.database.snapshot() as connection:
        head = store.head(origin)
        digest = store.digest(origin)
        held = store.quarantined(origin)
        log_digest: Hash | None = None
        found: tuple[RowDifference, ...] = ()
        if not held:
            with rebuilt(connection, head) as there:
                if there is not None:
                    log_digest, found = there.digest, tuple(differences(connection, there))
    here = stated if stated is not None and stated.head == head else None
    return Inspection(head, digest.value, digest.rows, here, log_digest, found, len(held))


def repair(store: Store, origin: OriginId) -> int:
    """Put right whatever is not as the log says. Returns how many rows.

    Raises ``UsageError`` if rows are held back: those come first.
    """
    if store.quarantined(origin):
        raise UsageError(
            "Rows of this register are held back: what the log says of them cannot be put in place.",
            hint="End that first: dansync quarantine retry FOLDER, or dansync quarantine replace FOLDER",
        )
    return mend(store, store.head(origin), None)


def _tables(found: Sequence[RowDifference]) -> str:
    """How many rows of which table, for a person."""
    counts: dict[str, int] = {}
    for item in found:
        counts[item.key[0]] = counts.get(item.key[0], 0) + 1
    return ", ".join(f"{table} {count}" for table, count in counts.items())
