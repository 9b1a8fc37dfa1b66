"""Writes a result bundle: what one parent sees of its subtree, or what the roots of a rehearsed forest see together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hub.desk.view import view_of
from hub.views.replicas import replicas
from node.ids import id_text
from node.interchange.writing import BALANCE, CASES, REPLICAS, RESIDENTS, write_csv
from node.store import Store


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """Rows of each file."""

    residents: int
    cases: int
    balance: int
    replicas: int


def write_result(out: Path, roots: Sequence[Store], holders: Iterable[Store], as_of: date) -> ResultCounts:
    """Write residents, cases and balance as ``roots`` see them, and the replicas of all ``holders``. Links are brought
    up to date first, so the roots have to be open for writing. Raises ``OSError``.
    """
    view = view_of(roots, as_of)
    with view.snapshot():
        residents = write_csv(
            out / "residents.csv",
            RESIDENTS,
            ((row.person, row.unit, row.status, "|".join(row.refs)) for row in view.residents()),
        )
        cases = write_csv(
            out / "cases.csv",
            CASES,
            (
                (
                    *(case.case, case.state, case.settled_at, case.tier, case.outcome),
                    "" if case.score is None else f"{case.score:.2f}",
                    case.decided_by,
                    "|".join(case.refs),
                )
                for case in view.cases()
            ),
        )
        balance = write_csv(
            out / "balance.csv",
            BALANCE,
            ((row.unit, row.tier, row.month, row.flow, row.other_unit, row.count) for row in view.balance()),
        )
    copies = [
        (
            row.node_id,
            id_text(row.origin),
            row.head_seq,
            row.head_hash.hex(),
            row.rows,
            row.digest.hex(),
            row.quarantined,
        )
        for store in holders
        for row in replicas(store)
    ]
    return ResultCounts(residents, cases, balance, write_csv(out / "replicas.csv", REPLICAS, sorted(copies)))
