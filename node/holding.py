"""Holdings: which node may extend which origin, from which commit on (DESIGN 1, 2).

They are rows of the reference origin and are never changed: the one with the highest number counts, and one without a
node ends the origin. A node that is not enrolled has no reference data, and writes what it owns.
"""

from __future__ import annotations

from dataclasses import dataclass

import apsw
import sqlalchemy as sa

from node.chain import Head
from node.errors import HoldingError
from node.ids import Hash, NodeId, OriginId, RowId, Seq, id_text
from node.schema import holding, sql


@dataclass(frozen=True, slots=True)
class Holding:
    """``node_id`` may write the commits of ``subject`` behind ``from_seq``; '' : nobody may any more."""

    subject: OriginId
    number: int
    node_id: NodeId
    from_seq: Seq
    from_hash: Hash
    row_id: RowId


_COLUMNS = (
    holding.c.subject,
    holding.c.number,
    holding.c.node_id,
    holding.c.from_seq,
    holding.c.from_hash,
    holding.c.id,
)
_SELECT_OF = sql(
    sa.select(*_COLUMNS)
    .where(holding.c.origin == sa.bindparam("origin"), holding.c.subject == sa.bindparam("which"))
    .order_by(holding.c.number, holding.c.id)  # two of one number: the authority itself was restored
)
_SELECT_ALL = sql(
    sa.select(*_COLUMNS)
    .where(holding.c.origin == sa.bindparam("origin"))
    .order_by(holding.c.subject, holding.c.number, holding.c.id)
)


def _holding(row: apsw.SQLiteValues) -> Holding:
    subject, number, node_id, from_seq, from_hash, row_id = row
    assert isinstance(subject, bytes) and isinstance(number, int) and isinstance(node_id, str)
    assert isinstance(from_seq, int) and isinstance(from_hash, bytes) and isinstance(row_id, bytes)
    return Holding(OriginId(subject), number, NodeId(node_id), Seq(from_seq), Hash(from_hash), RowId(row_id))


def holdings_of(connection: apsw.Connection, reference: OriginId, subject: OriginId) -> tuple[Holding, ...]:
    """All holdings of one origin, the newest last."""
    rows = connection.execute(_SELECT_OF, {"origin": reference, "which": subject})
    return tuple(_holding(row) for row in rows)


def all_holdings(connection: apsw.Connection, reference: OriginId) -> tuple[Holding, ...]:
    """Those of all origins; of each origin the newest last."""
    return tuple(_holding(row) for row in connection.execute(_SELECT_ALL, {"origin": reference}))


def require_holder(connection: apsw.Connection, reference: OriginId, node_id: NodeId, head: Head) -> None:
    """Raises ``HoldingError`` if ``node_id`` may not extend ``head`` now. Call it inside the transaction that would."""
    holdings = holdings_of(connection, reference, head.origin)
    if not holdings:
        return
    newest = holdings[-1]
    if not newest.node_id:
        raise HoldingError(
            f"The register {id_text(head.origin)} was retired: nothing more is recorded in it.",
            hint="See where its people went with: dansync origin list",
        )
    if newest.node_id != node_id:
        raise HoldingError(
            f"The register {id_text(head.origin)} is written by node {newest.node_id}, since commit {newest.from_seq}.",
            hint="Record it there. What was recorded here before and was not sent is kept.",
        )
    if head.seq < newest.from_seq:
        raise HoldingError(
            f"The register {id_text(head.origin)} was taken over and is still on its way from the parent.",
            hint="Let the node run until it is here; dansync status shows how far it is.",
        )
