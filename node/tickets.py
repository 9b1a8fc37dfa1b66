"""Session tickets: a token minted by the parent when a session has drained, kept by both ends, the last two (DESIGN 3).

A child that presents an old ticket was restored from an older copy or cloned; this shows before any chain differs. The
newest but one is good too, because the message that carried the newest may have been lost.
"""

from __future__ import annotations

from typing import Final

import apsw
import sqlalchemy as sa

from node.ids import NodeId
from node.protocol.messages import TicketVerdict
from node.schema import sql, ticket

TICKET_BYTES: Final = 16
PARENT: Final = NodeId("")  # the child's key for the ticket of a parent whose name it does not know yet

_SELECT = sql(
    sa.select(ticket.c.position, ticket.c.ticket)
    .where(ticket.c.peer == sa.bindparam("peer"))
    .order_by(ticket.c.position.desc())
)
_INSERT = sql(
    sa.insert(ticket).values(
        peer=sa.bindparam("peer"), position=sa.bindparam("position"), ticket=sa.bindparam("ticket")
    )
)
_DELETE = sql(
    sa.delete(ticket).where(ticket.c.peer == sa.bindparam("peer"), ticket.c.position == sa.bindparam("position"))
)


def _known(connection: apsw.Connection, peer: str) -> list[tuple[int, bytes]]:
    return [(int(row[0]), bytes(row[1])) for row in connection.execute(_SELECT, {"peer": peer})]


def newest(connection: apsw.Connection, peer: str) -> bytes:
    """The ticket to present; empty if there is none yet."""
    known = _known(connection, peer)
    return known[0][1] if known else b""


def verdict(connection: apsw.Connection, peer: str, presented: bytes) -> TicketVerdict:
    """What a parent says of the ticket that a child presents."""
    known = _known(connection, peer)
    if not known:
        return "none_yet"
    if presented == known[0][1]:
        return "current"
    return "previous" if any(presented == value for _, value in known[1:]) else "stale"


def place(connection: apsw.Connection, peer: str, presented: bytes) -> int:
    """Where a ticket stands among those of a link; newer ones have higher numbers. 0: it is not known."""
    return next((position for position, value in _known(connection, peer) if value == presented), 0)


def keep(connection: apsw.Connection, peer: str, value: bytes, *, beside: bytes) -> None:
    """Store a new ticket; of the older ones only ``beside`` stays. Inside the caller's transaction.

    ``beside`` is what the child presented. The first time that is the empty ticket: it stays good until the new one is
    confirmed, because the message that carries the new one may be lost.
    """
    known = _known(connection, peer)
    if not known:
        connection.execute(_INSERT, {"peer": peer, "position": 0, "ticket": beside})
    for position, old in known:
        if old != beside:
            connection.execute(_DELETE, {"peer": peer, "position": position})
    connection.execute(_INSERT, {"peer": peer, "position": known[0][0] + 1 if known else 1, "ticket": value})


def confirm(connection: apsw.Connection, peer: str, value: bytes) -> None:
    """The child has stored ``value``: nothing older is good any more."""
    known = _known(connection, peer)
    positions = [position for position, known_value in known if known_value == value]
    for position, _ in known:
        if positions and position < positions[0]:
            connection.execute(_DELETE, {"peer": peer, "position": position})
