"""The settlement of what a view sees: which records have to be looked at together, and what comes of it.

Only records that a link or a ruling names, and the newborns of such mothers, are held in memory; all others stand alone
and are streamed past. So this costs what the moves cost, not what the register holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from conflict.balance import Balance, Month, last_day, month_of
from conflict.claims import PersonRef, Record
from conflict.components import candidate_neighbours, components, family_neighbours
from conflict.journeys import Setting
from conflict.links import Link
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.rulings import Ruling
from conflict.settlement import Outcome, resolve, standings
from conflict.standing import CanonicalPerson, turning_days


@dataclass(frozen=True, slots=True)
class Resolution:
    """``touched`` are the records that were looked at together, by ref; ``person_of`` has the person of each."""

    touched: dict[PersonRef, Record]
    outcome: Outcome
    person_of: dict[PersonRef, CanonicalPerson]


def resolution(
    records: Iterable[Record],
    links: Sequence[Link],
    rulings: Sequence[Ruling],
    policy: Policy,
    places: PlaceBook,
    as_of: date,
    *,
    searched: bool = True,
) -> Resolution:
    """Settle what ``links`` and ``rulings`` touch among all ``records``, which are read once."""
    named = {ref for link in links if link.verdict != "apart" for ref in (link.a, link.b)}
    named |= {ref for ruling in rulings for ref in ruling.pair}
    touched = {record.ref: record for record in records if _is_named(record, named)}
    outcome = resolve(touched.values(), links, rulings, policy, places, as_of, searched=searched)
    return Resolution(touched, outcome, {ref: person for person in outcome.persons for ref in person.refs})


def _is_named(record: Record, named: set[str]) -> bool:
    person: Record | None = record
    while person is not None:
        if person.ref in named:
            return True
        person = person.mother
    return False


def add_to_balance(
    balance: Balance, found: Resolution, links: Sequence[Link], rulings: Sequence[Ruling], setting: Setting
) -> None:
    """Count the persons of a settlement, family by family: each only in the months in which its stock may change."""
    neighbours = family_neighbours(found.touched.values(), candidate_neighbours(links, rulings))
    bound, ruled = _by_ref(links), _by_ref_ruled(rulings)
    for refs in components(found.touched, neighbours):
        family = [found.touched[ref] for ref in refs if ref in found.touched]
        mine = list(dict.fromkeys(link for record in family for link in bound.get(record.ref, ())))
        said = list(dict.fromkeys(ruling for record in family for ruling in ruled.get(record.ref, ())))
        for record in family:
            balance.add_flows(record)
        now = Counter(p.standing.unit for p in {found.person_of[r.ref] for r in family} if p.standing.unit)
        balance.add_stock(
            _stock(family, mine, said, setting, date.min),
            [
                (month, _stock(family, mine, said, setting, min(last_day(month), setting.as_of)))
                for month in _months(family, setting)
            ],
            now,
        )


def _by_ref(links: Iterable[Link]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = defaultdict(list)
    for link in links:
        found[link.a].append(link)
        found[link.b].append(link)
    return found


def _by_ref_ruled(rulings: Iterable[Ruling]) -> dict[str, list[Ruling]]:
    found: dict[str, list[Ruling]] = defaultdict(list)
    for ruling in rulings:
        found[ruling.a].append(ruling)
        found[ruling.b].append(ruling)
    return found


def _stock(
    family: Sequence[Record], links: Sequence[Link], rulings: Sequence[Ruling], setting: Setting, day: date
) -> Counter[str]:
    then = Setting(setting.as_of, day, setting.policy, setting.places, setting.searched, setting.successions)
    there = standings(family, links, rulings, then).values()
    return Counter(standing.unit for standing in there if standing.unit)


def _months(family: Iterable[Record], setting: Setting) -> Iterator[Month]:
    """The months in which anything of a family may change where somebody counts, and the last one."""
    days = {day for record in family for day in turning_days(record, setting.as_of, setting.policy)}
    days |= {c.withdrawn_day for record in family for c in record.claims if c.withdrawn_day is not None}
    last = month_of(setting.as_of)
    yield from sorted({month_of(day) for day in days if day <= setting.as_of} | {last})
