"""Whether the desk of a hub has looked at everything, asked from outside of the process that runs it."""

from __future__ import annotations

from datetime import date
from typing import Final

from hub.desk.families import due
from node.store import PURPOSE_REGISTER, Store

_WAITS: Final = ("SELECT 1 FROM desk_unread LIMIT 1", "SELECT 1 FROM desk_waiting LIMIT 1")
_MARKS: Final = "SELECT origin, seq, hash FROM desk_mark"


def is_at_rest(store: Store, today: date) -> bool:
    """True if the desk has read every register to its head, compared everybody, and has nothing to decide today."""
    with store.database.snapshot() as connection:
        marks = {row[0]: (row[1], row[2]) for row in connection.execute(_MARKS).fetchall()}
        registers = {o for o, profile in store.profiles().items() if profile.purpose == PURPOSE_REGISTER}
        heads = {state.head.origin: (state.head.seq, state.head.hash) for state in store.states() if not state.flow}
        if any(marks.get(origin) != heads[origin] for origin in registers & heads.keys()):
            return False
        if any(connection.execute(statement).fetchone() is not None for statement in _WAITS):
            return False
        return not due(connection, today.isoformat(), 1)
