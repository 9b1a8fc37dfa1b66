"""Who counts where when the demo ends: the persons of the story with the reason, and the proof that everybody living
counts once.

The proof has two sides that do not know of each other. The view of the root counts persons, commune by commune, and the
register balance counts stock from month to month; the truth beside the bundle says who is who, which nothing that is
shown here may read.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from conflict.balance import Flow
from conflict.cases import Fact
from conflict.claims import EventRef, PersonRef
from conflict.explanation import Why
from hub.desk.desk import CaseDesk
from hub.desk.docket import CaseFile
from hub.desk.families import keys_of
from hub.desk.view import view_of
from hub.views.results import ResidentRow
from node.clock import ManualClock
from node.identity.keys import NodeKey
from node.store import PURPOSE_REGISTER, Store
from ops.demo.cast import Member
from ops.i18n import N_, _

REASONS: Final = {
    Fact.DOUBTED: N_("may be somebody who is counted already: waits for a ruling"),
    Fact.CONTESTED: N_("the old office says otherwise: both homes are visited"),
    Fact.SILENT: N_("the old office was asked and did not answer in time"),
    Fact.AGREED: N_("the old office agrees"),
    Fact.STAYS: N_("a temporary stay, counts at home"),
}
"""In the order of their weight: the first that is among the reasons of a case is the one to tell."""
MORE: Final = {Why.SHEET: N_("the household went together"), Why.DUPLICATE: N_("one record too many")}
_TAKEN: Final = (
    "SELECT count(*) FROM desk_asked AS a JOIN applied_decision AS d ON d.origin = a.to_origin AND d.id = a.decision"
)
_NAME: Final = "SELECT full_name FROM person WHERE origin = ? AND id = ?"
NOON: Final = time(5, tzinfo=UTC)  # in Vietnam


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One record of a person: how the name is spelled there, where that is, and whether the person counts by it."""

    name: str
    node_id: str
    counts: bool


@dataclass(frozen=True, slots=True)
class StoryRow:
    """One person of the story. ``unit``: the node where the product counts them, '' if nowhere; ``member`` has the
    truth. ``pairs``: how many two records of the case were compared.
    """

    member: Member
    lines: tuple[RecordLine, ...]
    unit: str
    why: str
    bits: float | None
    pairs: int

    @property
    def is_right(self) -> bool:
        """One person by all records that are not held back, and counted where they live."""
        return self.unit == self.member.unit and sum(line.counts for line in self.lines) == 1


@dataclass(frozen=True, slots=True)
class Count:
    """``by``: the root. ``persons``: who counts in its view; ``communes``: the same by node; ``stock``: what the
    balance has there. ``twice`` and ``missing`` are true persons.
    """

    by: str
    persons: int
    communes: dict[str, int]
    stock: int
    living: int
    twice: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def adds_up(self) -> bool:
        return self.persons == sum(self.communes.values()) == self.stock


def desk_on(store: Store, day: date, key: NodeKey | None = None) -> CaseDesk:
    """The desk of a node on the last day of the story. With the node's ``key`` it tells those who are concerned."""
    store.clock = ManualClock(int(datetime.combine(day, NOON).timestamp() * 1_000))
    desk = CaseDesk(store, key=key)
    desk.catch_up()
    return desk


def told(store: Store) -> tuple[int, int]:
    """How many registers below a hub were told of a decision or asked a question, and how many of these messages they
    have taken, as their own logs say.
    """
    (asked,) = store.connection.execute("SELECT count(*) FROM desk_asked").fetchall()[0]
    (taken,) = store.connection.execute(_TAKEN).fetchall()[0]
    return int(asked), int(taken)  # type: ignore[arg-type]


def count(root: Store, truth: Path, day: date) -> tuple[Count, dict[PersonRef, ResidentRow]]:
    """Count everybody in the root's view; also returns the row of each record."""
    view = view_of([root], day)
    with view.snapshot():
        rows = list(view.residents())
        newest: dict[str, tuple[str, int]] = {}
        for row in view.balance():
            if row.flow is Flow.STOCK_END:
                newest[row.unit] = max(newest.get(row.unit, ("", 0)), (row.month, row.count))
    true_person = {row["ref"]: row["true_person"] for row in _read(truth / "persons.csv")}
    units: dict[str, list[str]] = defaultdict(list)
    for resident in rows:
        for person in {true_person[ref] for ref in resident.refs} if resident.unit else ():
            units[person].append(resident.unit)
    living = {row["true_person"]: row["known_unit"] for row in _read(truth / "residents.csv") if row["known_unit"]}
    found = Count(
        root.node_id,
        sum(1 for row in rows if row.unit),
        dict(sorted(Counter(row.unit for row in rows if row.unit).items())),
        newest[root.node_id][1],
        len(living),
        tuple(sorted(person for person, where in units.items() if len(where) > 1)),
        tuple(sorted(person for person, unit in living.items() if unit not in units.get(person, ()))),
    )
    return found, {ref: row for row in rows for ref in row.refs}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def story(
    root: Store, desk: CaseDesk, members: Iterable[Member], rows: dict[PersonRef, ResidentRow]
) -> tuple[StoryRow, ...]:
    """What has become of the people of the story, in the view of the root."""
    return tuple(_story_row(root, desk, member, rows) for member in members)


def _story_row(root: Store, desk: CaseDesk, member: Member, rows: dict[PersonRef, ResidentRow]) -> StoryRow:
    persons = {rows[ref].person: rows[ref] for ref in member.refs}
    units = [row.unit for row in persons.values() if row.unit]
    lines: list[RecordLine] = []
    for ref in member.refs:
        node_id = ref.partition(":")[0]
        is_first = not any(line.counts and line.node_id == node_id for line in lines)
        lines.append(RecordLine(_name(root, ref), node_id, counts=is_first and rows[ref].unit == node_id))
    file = desk.case_file(member.event) if member.event else None
    why, bits = _why(member, file)
    pairs = 0 if file is None else len(file.comparisons)
    return StoryRow(member, tuple(lines), "+".join(units), why, bits, pairs)


def _name(root: Store, ref: PersonRef) -> str:
    nodes = {o: p.node_id for o, p in root.profiles().items() if p.purpose == PURPOSE_REGISTER}
    for key in keys_of(root.connection, nodes, (ref,)):
        return str(root.connection.execute(_NAME, key).fetchall()[0][0])
    return ""


def _why(member: Member, file: CaseFile | None) -> tuple[str, float | None]:
    """In a few words; the whole of it is told by ``dansync cases show``."""
    if file is None:
        return (_("counts where the mother does") if member.event else _("has not moved")), None
    if file.decision is None:
        return _(REASONS[Fact.STAYS]), None
    codes = {reason.code for reason in file.decision.reasons}
    words = [next((_(text) for code, text in REASONS.items() if code in codes), "")]
    words += [_(text) for code, text in MORE.items() if code in codes]
    return "; ".join(words), file.decision.score


def explained(rows: Iterable[StoryRow]) -> EventRef:
    """The case to show whole: of those who moved with two records, the one with the least evidence."""
    moved = (row for row in rows if row.pairs == 1 and row.bits is not None and not row.lines[0].counts)
    return min(moved, key=lambda row: (row.bits or 0.0, row.member.event)).member.event
