"""The weights in force at this node: what the authority introduced, or what the release brought (RESOLVER 75).

They are reference data. Every set is a row that never changes and flows down like all else; the one with the highest
number is in force, from the moment at which it is here. A set that this release cannot read belongs to a newer one: the
node goes on replicating, and decides nothing until it was brought up to date (DESIGN 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from conflict.parameters import Parameters, current_parameters, from_text
from node.ids import RowId
from node.schema import matching_parameters, sql
from node.store import Store

_SETS: Final = sql(
    sa.select(*(matching_parameters.c[name] for name in ("id", "number", "version", "hash", "document")))
    .where(matching_parameters.c.origin == sa.bindparam("origin"))
    .order_by(matching_parameters.c.number, matching_parameters.c.id)  # two of one number: the authority was restored
)


@dataclass(frozen=True, slots=True)
class Introduced:
    """One set of parameters as the authority introduced it."""

    row_id: RowId
    number: int
    version: int
    hash: str
    document: bytes

    def parameters(self) -> Parameters | None:
        """None if this release cannot read it, or it is not what its hash says."""
        return _read(self.document, self.hash)


@dataclass(frozen=True, slots=True)
class InForce:
    """``parameters`` are those to compare by; ``held`` if newer ones are in force that this release cannot read, so
    that nothing may be decided.
    """

    parameters: Parameters
    held: bool = False


@lru_cache(maxsize=8)
def _read(document: bytes, expected: str) -> Parameters | None:
    try:
        found = from_text(document.decode())
    except ValueError:
        return None
    return found if found.hash == expected else None


def introduced(store: Store) -> tuple[Introduced, ...]:
    """All sets that were introduced, the newest last."""
    origin = store.reference_origin()
    if origin is None:
        return ()
    with store.database.snapshot() as connection:
        return tuple(Introduced(*row) for row in connection.execute(_SETS, {"origin": origin}).fetchall())  # type: ignore[arg-type]


def in_force(sets: Sequence[Introduced]) -> InForce:
    """Of sets in the order of ``introduced``."""
    for position, found in enumerate(reversed(sets)):
        parameters = found.parameters()
        if parameters is not None:
            return InForce(parameters, held=position > 0)
    return InForce(current_parameters(), held=bool(sets))
