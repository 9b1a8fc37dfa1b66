"""What healings have found, and who has looked at it: values of which one stands and one does not, what may have been
typed in twice, what could not be done again.

A report is *open* until a person has looked at it: at each of its findings, or at the healing as a whole. Looking
changes nothing in the register, and clears the alarms that the healing has raised. ``node.healing`` writes reports.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal

import apsw
import sqlalchemy as sa

from node.chain import Commit
from node.errors import UsageError
from node.ids import OriginId, RowId, Seq
from node.redoing import Finding
from node.schema import COMMIT_FIELDS, finding_seen, healing, healing_finding, side_commit, sql
from node.store import Store

Kind = Literal["restored", "fork", "trunk", "branch"]
RESTORED: Final = "restored"  # own; there was more of it elsewhere: the commits came back
FORK: Final = "fork"  # own, both the parent and this store had something
TRUNK: Final = "trunk"  # relayed, both had something
BRANCH: Final = "branch"  # own; a letter brought what another store had
KINDS: Final[tuple[Kind, ...]] = (RESTORED, FORK, TRUNK, BRANCH)
WHOLE: Final = 0  # in the place of a finding's number: the healing itself

ALARMS: Final = ("commits_missing", "stale_ticket", "restored", "fork", "diverged", "healed", "branch_done_again")
"""Codes of alarms that speak of histories that are not the same. A stale ticket is of the whole store."""

_SELECT_SEEN = sql(
    sa.select(finding_seen.c.healing, finding_seen.c.number, finding_seen.c.seen_at, finding_seen.c.seen_by)
)
_SELECT_HEALINGS = sql(
    sa.select(
        *(
            healing.c[name]
            for name in ("id", "origin", "kind", "healed_at", "common_seq", "trunk_seq", "side_seq", "redone")
        )
    ).order_by(healing.c.id.desc())
)
_SELECT_NUMBERS = sql(sa.select(healing_finding.c.healing, healing_finding.c.number))
_SELECT_FINDINGS = sql(
    sa.select(
        *(
            healing_finding.c[name]
            for name in ("number", "kind", "table_name", "row_id", "column_name", "kept", "lost", "other_row_id")
        )
    )
    .where(healing_finding.c.healing == sa.bindparam("which"))
    .order_by(healing_finding.c.number)
)
_SELECT_ASIDE = sql(
    sa.select(*(side_commit.c[name] for name in COMMIT_FIELDS), side_commit.c.redone_seq)
    .where(side_commit.c.healing == sa.bindparam("which"))
    .order_by(side_commit.c.seq)
)
_MARK = "INSERT INTO finding_seen (healing, number, seen_at, seen_by) VALUES (?,?,?,?) ON CONFLICT DO NOTHING"
_CLEAR = (
    "UPDATE alarm SET cleared_at = :now, cleared_by = :who WHERE cleared_at = 0 AND raised_at <= :until "
    f"AND code IN ({', '.join(repr(code) for code in ALARMS)}) AND (origin = :which OR origin IS NULL)"
)


@dataclass(frozen=True, slots=True)
class Report:
    """One healing. ``came``: commits that came from elsewhere; ``aside``: that were put aside, of which ``redone`` were
    done again. ``unseen`` of its ``findings`` nobody has looked at. ``seen_at`` is Unix ms, 0 as long as it is open.
    """

    id: int
    origin: OriginId
    kind: Kind
    healed_at: int
    common_seq: Seq
    trunk_seq: Seq
    side_seq: Seq
    redone: int
    findings: int
    unseen: int
    seen_at: int
    seen_by: str

    @property
    def open(self) -> bool:
        return not self.seen_at

    @property
    def came(self) -> int:
        return 0 if self.kind == BRANCH else self.trunk_seq - self.common_seq

    @property
    def aside(self) -> int:
        return self.side_seq - self.common_seq


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding of a report by its number, 1 and up. ``seen_at``: 0 as long as nobody has looked."""

    number: int
    finding: Finding
    seen_at: int
    seen_by: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Healings by kind, those that have findings nobody has looked at, and how many findings these are."""

    healings: dict[Kind, int]
    open_healings: int
    open_findings: int


def reports(connection: apsw.Connection) -> list[Report]:
    """All healings, the newest first."""
    seen = _seen(connection)
    numbers: Counter[int] = Counter()
    unseen: Counter[int] = Counter()
    for which, number in connection.execute(_SELECT_NUMBERS):
        numbers[which] += 1
        unseen[which] += (which, number) not in seen and (which, WHOLE) not in seen
    return [
        Report(
            *(row[0], OriginId(row[1]), row[2], row[3], Seq(row[4]), Seq(row[5]), Seq(row[6]), row[7]),
            *(numbers[row[0]], unseen[row[0]]),
            *seen.get((row[0], WHOLE), (0, "")),
        )
        for row in connection.execute(_SELECT_HEALINGS)
    ]


def report(connection: apsw.Connection, which: int) -> Report:
    """Raises ``UsageError`` if there is no such healing."""
    found = next((item for item in reports(connection) if item.id == which), None)
    if found is None:
        raise UsageError(
            f"There is no healing {which} at this node.",
            hint="Give a number as it stands in: dansync healing list FOLDER",
        )
    return found


def findings_of(connection: apsw.Connection, which: int) -> list[Listed]:
    """What a person should look at in one healing."""
    seen = _seen(connection)
    return [
        Listed(
            row[0],
            Finding(row[1], row[2], RowId(row[3]), row[4], row[5], row[6], RowId(row[7])),
            *seen.get((which, row[0]), seen.get((which, WHOLE), (0, ""))),
        )
        for row in connection.execute(_SELECT_FINDINGS, {"which": which})
    ]


def put_aside(connection: apsw.Connection, which: int) -> list[tuple[Commit, Seq]]:
    """Commits that a healing put aside, and the commit that did each again (0: none, or nothing was left to do)."""
    return [(Commit(*row[:-1]), Seq(row[-1])) for row in connection.execute(_SELECT_ASIDE, {"which": which})]


def tally(connection: apsw.Connection) -> Tally:
    found = reports(connection)
    counts = Counter(item.kind for item in found)
    unseen = [item.unseen for item in found if item.unseen]
    return Tally({kind: counts[kind] for kind in KINDS}, len(unseen), sum(unseen))


def mark_seen(store: Store, which: int, number: int, *, by: str) -> Report:
    """A person has looked at one finding of a healing, or (``WHOLE``) at all of it; who did so first stays on record.

    The last finding closes the healing. Returns how it stands then. Raises ``UsageError`` if there is no such one.
    """
    now = store.clock.wall_ms()
    with store.database.transaction() as connection:
        found = report(connection, which)
        numbers = [item.number for item in findings_of(connection, which)]
        if number != WHOLE and number not in numbers:
            raise UsageError(
                f"Healing {which} has no finding {number}.",
                hint=f"See which it has: dansync healing show FOLDER {which}",
            )
        for item in numbers if number == WHOLE else [number]:
            connection.execute(_MARK, (which, item, now, by))
        if number == WHOLE or report(connection, which).unseen == 0:
            connection.execute(_MARK, (which, WHOLE, now, by))
            connection.execute(_CLEAR, {"until": found.healed_at, "which": found.origin, "now": now, "who": by})
        return report(connection, which)


def _seen(connection: apsw.Connection) -> dict[tuple[int, int], tuple[int, str]]:
    return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(_SELECT_SEEN)}
