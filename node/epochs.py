"""When rows of an origin change otherwise than by the commits that follow in its log: rows that were taken from their
holder, put back from the log, or came as a state, and commits that are applied after they were held back.

Whoever keeps something derived from rows remembers the epoch beside the commit that it has read; where the epoch is
another one, it reads the origin anew.
"""

from __future__ import annotations

import apsw

from node.ids import OriginId

_GROW = "INSERT INTO row_epoch (origin, epoch) VALUES (?, 1) ON CONFLICT (origin) DO UPDATE SET epoch = epoch + 1"


def rows_moved(connection: apsw.Connection, origin: OriginId) -> None:
    """In the transaction in which they do."""
    connection.execute(_GROW, (origin,))
