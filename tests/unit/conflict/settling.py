"""Records, links and rulings written short, and what the settlement makes of them, for tables of cases.

The tree: a nation N with two provinces. P has the district D with the communes A and B, and the district X with C; Q has
the commune F. Whatever is not said lies in 2025, and the day of the view is 2025-06-30.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from conflict.claims import Claim, EventRef, PersonRef, Record
from conflict.links import Link, Verdict
from conflict.places import Named, Place, PlaceBook
from conflict.policy import DEFAULT_POLICY
from conflict.rulings import Ruling
from conflict.settlement import Outcome, resolve

AS_OF = date(2025, 6, 30)
PLACES = (
    Place("N", "", "nation", "", "", ""),
    Place("P", "N", "province", "52", "2008-01-01", "Bình Định"),
    Place("D", "P", "district", "540", "2008-01-01", "Quy Nhơn"),
    Place("A", "D", "commune", "21550", "2008-01-01", "Nhơn Lý"),
    Place("B", "D", "commune", "21553", "2008-01-01", "Nhơn Hội"),
    Place("X", "P", "district", "541", "2008-01-01", "An Lão"),
    Place("C", "X", "commune", "21600", "2008-01-01", "An Hòa"),
    Place("Q", "N", "province", "64", "2008-01-01", "Gia Lai"),
    Place("F", "Q", "commune", "23500", "2008-01-01", "Ia Dom"),
)
TREE = PlaceBook(PLACES)


class Said(NamedTuple):
    """A claim before its node is known."""

    name: str
    kind: str
    day: str
    place: str
    more: dict[str, Any]


def said(name: str, kind: str, day: str, place: str = "", **more: Any) -> Said:
    return Said(name, kind, day if len(day) == 10 else f"2025-{day}", place, more)


def out(name: str, day: str, place: str = "", **more: Any) -> Said:
    return said(name, "move_out", day, place, **more)


def arrival(name: str, day: str, place: str = "", **more: Any) -> Said:
    return said(name, "move_in", day, place, **more)


def death(name: str, day: str, **more: Any) -> Said:
    return said(name, "death", day, **more)


def birth(name: str, day: str, **more: Any) -> Said:
    return said(name, "birth", day, **more)


def confirm(name: str, day: str, **more: Any) -> Said:
    return said(name, "confirm", day, **more)


def dispute(name: str, day: str, **more: Any) -> Said:
    return said(name, "dispute", day, **more)


def record(
    ref: str,
    *claims: Said,
    residence: str = "permanent",
    state: str = "",
    mother: Record | None = None,
    number: str = "",
    places: PlaceBook = TREE,
) -> Record:
    unit = ref.split(":", maxsplit=1)[0]
    return Record(
        PersonRef(ref), unit, residence, state, tuple(_claim(unit, c, places) for c in claims), mother, number
    )


def _claim(unit: str, claim: Said, places: PlaceBook) -> Claim:
    day = date.fromisoformat(claim.day)
    more = dict(claim.more)
    written = datetime.fromisoformat(more.pop("recorded", f"{claim.day}T08:00:00")).replace(tzinfo=UTC)
    cancelled = more.pop("cancelled", "")
    return Claim(
        EventRef(f"{unit}:{claim.name}"),
        claim.kind,
        day,
        written,
        places.named(claim.place, day) if claim.place else Named(),
        more.pop("residence", ""),
        (EventRef(f"{unit}:{claim.name}.c"),) if cancelled else (),
        date.fromisoformat(f"2025-{cancelled}") if cancelled else None,
        more.pop("group", ""),
        tuple(more.pop("says", ())),
        **more,
    )


def link(a: str, b: str, bits: float = 20.0, verdict: Verdict = "automatic", hard: Sequence[str] = ()) -> Link:
    return Link(a, b, bits, verdict, tuple(hard))


def ruling(a: str, b: str, verdict: str, *, at: str = "N", day: str = "06-01", name: str = "r1", **more: Any) -> Ruling:
    recorded = datetime.fromisoformat(f"2025-{day}T08:00:00").replace(tzinfo=UTC)
    return Ruling(EventRef(f"{at}:{name}"), PersonRef(a), PersonRef(b), verdict == "same", at, recorded, **more)


def settle(
    *records: Record,
    links: Iterable[Link] | str = "",
    rulings: Iterable[Ruling] = (),
    as_of: date = AS_OF,
    places: PlaceBook = TREE,
    **more: Any,
) -> Outcome:
    """``links`` may be written as 'A:p B:n' for sure ones, and 'A:p? B:n' for one that has to be reviewed; several are
    separated by commas.
    """
    given = list(_read(links)) if isinstance(links, str) else list(links)
    return resolve(records, given, rulings, DEFAULT_POLICY, places, as_of, **more)


def _read(text: str) -> Iterable[Link]:
    for part in text.split(","):
        if part.strip():
            a, b = part.split()
            yield link(a.rstrip("?"), b, 8.0 if a.endswith("?") else 20.0, "review" if a.endswith("?") else "automatic")


def persons(outcome: Outcome) -> list[str]:
    """'refs: unit status', one a person."""
    return [f"{' '.join(p.refs)}: {p.standing.unit or '-'} {p.standing.status.value}" for p in outcome.persons]


def cases(outcome: Outcome) -> list[str]:
    """'refs: state outcome decided_by at node', one a case."""
    return [
        " ".join(
            (f"{' '.join(c.refs)}:", c.state.value, c.outcome.value, c.decided_by.value or "-", "at", c.settled_at)
        )
        for c in outcome.cases
    ]
