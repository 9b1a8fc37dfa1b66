"""The register balance: stock + births - deaths + arrivals - departures = stock, per node and month (DESIGN 3,
RESOLVER 6).

The two sides are counted apart, or they would prove nothing. Stock is counted from the residents: who counted at
a node at the end of a month, by the same rule as residents.csv, from all that is known as of the view's day; the
last month ends on that day, and its stock is the number of residents. Flows are counted from raw events that
stand, by their own date, each record's birth, death, arrival and departure once; never from cases. Nothing is
carried over from one side to the other, so the difference is information:

- a departure is a flow in its month, but whoever left is stock of the origin until the move is settled, gone
  abroad or lapsed. Each open departure is one too many in the stock, each lapse one too few in its month;
- a death whose departure was reported too left twice in the flows; a newborn who follows the mother may be born
  here and count elsewhere;
- anything else is an error worth looking for: a record without an event, an event without a record.

``residuals`` gives that difference; it is zero everywhere once every move is settled.

Months: the first with any flow or change of stock anywhere in the tree, then every month to the as-of's, the same
for all nodes. A gap of more than ``GAP_MONTHS_MAX`` months in which nothing happened anywhere is left out (one
mistyped year must not fill the file). ``stock_start`` of a month is the stock at the end of the listed month
before; of the first, the count of residents on the eve of it, when nothing had happened yet: those who were
registered without a birth or an arrival.

A parent's numbers are the sums over its subtree, its own records included, in each ``other_unit`` apart: a move
between two of its communes is an arrival and a departure of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NewType

from conflict.claims import BIRTH, DEATH, MOVE_IN, Claim, Record, effective_day, in_order, month_end
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.standing import Standing, departure, standing, turning_days

GAP_MONTHS_MAX: Final = 12

Month = NewType("Month", int)
"""Months since year 0: year * 12 + month - 1."""


class Flow(StrEnum):
    STOCK_START = "stock_start"
    BIRTHS = "births"
    DEATHS = "deaths"
    ARRIVALS = "arrivals"
    DEPARTURES = "departures"
    STOCK_END = "stock_end"


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One row of balance.csv. ``month`` is YYYY-MM."""

    unit: str
    tier: str
    month: str
    flow: Flow
    other_unit: str
    count: int


def month_of(day: date) -> Month:
    return Month(day.year * 12 + day.month - 1)


def month_text(month: Month) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"


def last_day(month: Month) -> date:
    return month_end(date(month // 12, month % 12 + 1, 1))


class Balance:
    """Takes all records of a view, one at a time and in any order, and gives the rows. Holds counts, never
    records.
    """

    def __init__(self, as_of: date, policy: Policy) -> None:
        self._as_of = as_of
        self._policy = policy
        self._residents: Counter[str] = Counter()  # per unit, as of the view's day
        self._eve: Counter[str] = Counter()  # per unit, before anything had happened
        self._changes: Counter[tuple[str, Month]] = Counter()  # of the stock, per unit
        self._flows: Counter[tuple[str, Month, Flow, str]] = Counter()  # unit, month, flow, other unit

    def add(self, record: Record, now: Standing | None) -> None:
        """Count a record. ``now`` is its standing as of the view's day, as residents.csv has it."""
        if now is not None and now.unit:
            self._residents[now.unit] += 1
        if record.claims or record.mother is not None:
            self._add_stock(record)
            self.add_flows(record)
        elif now is not None and now.unit:
            self._eve[now.unit] += 1

    def add_stock(self, eve: Counter[str], months: Iterable[tuple[Month, Counter[str]]], now: Counter[str]) -> None:
        """Count persons whose standing does not follow from one record: how many of them counted in each unit before
        anything had happened, at the end of each month in which that may have changed, in order, and now.
        """
        self._eve.update(eve)
        self._residents.update(now)
        before = eve
        for month, stock in months:
            for unit in before.keys() | stock.keys():
                if change := stock[unit] - before[unit]:
                    self._changes[unit, month] += change
            before = stock
        assert before == now or not (before - now or now - before), "nobody moves after the last month"

    def _add_stock(self, record: Record) -> None:
        unit = self._unit_on(record, date.min)
        if unit:
            self._eve[unit] += 1
        for month in sorted({month_of(day) for day in turning_days(record, self._as_of, self._policy)}):
            before, unit = unit, self._unit_on(record, min(last_day(month), self._as_of))
            if unit != before:
                if before:
                    self._changes[before, month] -= 1
                if unit:
                    self._changes[unit, month] += 1

    def _unit_on(self, record: Record, day: date) -> str:
        found = standing(record, self._as_of, self._policy, day=day)
        return "" if found is None else found.unit

    def add_flows(self, record: Record) -> None:
        """Count a record's events alone."""
        for flow, day, other_unit in flows(record, self._as_of):
            self._flows[record.unit, month_of(day), flow, other_unit] += 1

    def rows(self, places: PlaceBook) -> Iterator[BalanceRow]:
        """All rows in the order of unit, month, flow and other unit. Every node has every listed month and every
        flow.
        """
        months = self._months()
        eve: Counter[str] = Counter()
        residents: Counter[str] = Counter()
        changes: Counter[tuple[str, Month]] = Counter()
        sums: Counter[tuple[str, Month, Flow, str]] = Counter()
        lineages = {unit: places.lineage(unit) for unit in self._units(places)}
        for unit, count in self._eve.items():
            eve.update(dict.fromkeys(lineages[unit], count))
        for unit, count in self._residents.items():
            residents.update(dict.fromkeys(lineages[unit], count))
        for (unit, month), count in self._changes.items():
            changes.update({(node, month): count for node in lineages[unit]})
        for (unit, month, flow, other_unit), count in self._flows.items():
            sums.update({(node, month, flow, other_unit): count for node in lineages[unit]})
        by_node: dict[tuple[str, Month], list[tuple[Flow, str, int]]] = {}
        for (node, month, flow, other_unit), count in sorted(sums.items()):
            by_node.setdefault((node, month), []).append((flow, other_unit, count))
        for unit in sorted(lineages):
            tier, stock = places.tier(unit), eve[unit]
            for month in months:
                start, stock = stock, stock + changes[unit, month]
                for flow, other_unit, count in _month_rows(start, by_node.get((unit, month), []), stock):
                    yield BalanceRow(unit, tier, month_text(month), flow, other_unit, count)
            assert stock == residents[unit], "the stock of the last month is the number of residents"

    def _units(self, places: PlaceBook) -> set[str]:
        known = {place.node_id for place in places}
        return (
            known
            | self._residents.keys()
            | self._eve.keys()
            | {unit for unit, _ in self._changes}
            | {unit for unit, _, _, _ in self._flows}
        )

    def _months(self) -> list[Month]:
        last = month_of(self._as_of)
        busy = sorted({month for _, month in self._changes} | {month for _, month, _, _ in self._flows} | {last})
        months: list[Month] = []
        for month in busy:
            if months and month - months[-1] - 1 <= GAP_MONTHS_MAX:
                months.extend(Month(m) for m in range(months[-1] + 1, month))
            months.append(month)
        return months


def flows(record: Record, as_of: date) -> Iterator[tuple[Flow, date, str]]:
    """The flows that a record's standing claims make, with day and other unit.

    A record is born, dies, arrives and leaves once each, however often that was reported; of several departures
    the last word counts. Temporary stays, moves inside the commune and withdrawn records have no flows.
    """
    if record.void or record.temporary:
        return
    dated = [(c, day) for c in in_order(record.claims) if c.stands and (day := effective_day(c, as_of)) is not None]
    left = departure(record, as_of)
    for flow, found in (
        (Flow.BIRTHS, [e for e in dated if e[0].kind == BIRTH][:1]),
        (Flow.DEATHS, [e for e in dated if e[0].kind == DEATH][:1]),
        (Flow.ARRIVALS, [e for e in dated if e[0].kind == MOVE_IN and not e[0].local(record.unit)][:1]),
        (Flow.DEPARTURES, [(left, left.day)] if left is not None else []),
    ):
        for claim, day in found:
            yield flow, day, _other_unit(flow, claim)


def _other_unit(flow: Flow, claim: Claim) -> str:
    return claim.place.other_unit if flow in {Flow.ARRIVALS, Flow.DEPARTURES} else ""


def _month_rows(start: int, found: list[tuple[Flow, str, int]], end: int) -> Iterator[tuple[Flow, str, int]]:
    """The rows of one node and month; a flow without events is said to be 0."""
    for flow in Flow:
        if flow is Flow.STOCK_START:
            yield flow, "", start
        elif flow is Flow.STOCK_END:
            yield flow, "", end
        else:
            yield from [row for row in found if row[0] is flow] or [(flow, "", 0)]


_SIGNS: Final = {
    Flow.STOCK_START: 1,
    Flow.BIRTHS: 1,
    Flow.DEATHS: -1,
    Flow.ARRIVALS: 1,
    Flow.DEPARTURES: -1,
    Flow.STOCK_END: -1,
}


def residuals(rows: Iterable[BalanceRow]) -> dict[tuple[str, str], int]:
    """By how much each (unit, month) fails to balance: start and flows minus end. Those that balance are left out."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[row.unit, row.month] += _SIGNS[row.flow] * row.count
    return {key: value for key, value in sums.items() if value}
