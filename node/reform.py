"""Reforms as reference data tell them: which unit took over from which, and what the units are called.

Rows of successions never change. That two units are one place is told by the authority, never guessed from a name.
"""

from __future__ import annotations

from typing import Final

import apsw
import sqlalchemy as sa

from conflict.reforms import NO_REFORM, Reform, Succession, Unit
from node.ids import OriginId
from node.schema import sql, unit, unit_succession

_SUCCESSIONS: Final = sql(
    sa.select(
        *(unit_succession.c[name] for name in ("old_code", "old_valid_from", "new_code", "new_valid_from"))
    ).where(unit_succession.c.origin == sa.bindparam("origin"))
)
_NAMES: Final = sql(
    sa.select(unit.c.code, unit.c.valid_from, unit.c.name).where(unit.c.origin == sa.bindparam("origin"))
)


def read_reform(connection: apsw.Connection, reference: OriginId) -> Reform:
    """All successions, and the names of the units in them."""
    rows = connection.execute(_SUCCESSIONS, {"origin": reference}).fetchall()
    if not rows:
        return NO_REFORM
    successions = frozenset(
        Succession(Unit(str(old), str(old_day)), Unit(str(new), str(new_day))) for old, old_day, new, new_day in rows
    )
    concerned = {found for succession in successions for found in (succession.old, succession.new)}
    names = {
        (found, str(name))
        for code, valid_from, name in connection.execute(_NAMES, {"origin": reference}).fetchall()
        if (found := Unit(str(code), str(valid_from))) in concerned and name
    }
    return Reform(successions, tuple(sorted(names)))
