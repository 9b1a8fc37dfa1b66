"""Records and claims written short, for the tables of the pure rules."""

from __future__ import annotations

from datetime import UTC, date, datetime

from conflict.claims import Claim, EventRef, PersonRef, Record
from conflict.places import Named, Place, PlaceBook

TREE = PlaceBook(
    (
        Place("P", "", "province", "52", "2008-01-01", "Bình Định"),
        Place("D", "P", "district", "540", "2008-01-01", "Quy Nhơn"),
        Place("A", "D", "commune", "21550", "2008-01-01", "Nhơn Lý"),
        Place("B", "D", "commune", "21553", "2008-01-01", "Nhơn Hội"),
        Place("E", "P", "commune", "21600", "2008-01-01", "Nhơn Hòa"),
    )
)


def claim(
    ref: str,
    kind: str,
    day: str,
    *,
    to: str = "",
    residence: str = "",
    withdrawn_by: tuple[str, ...] = (),
    recorded: str = "",
) -> Claim:
    """A claim at node A; ``to`` is what its other_place says."""
    when = date.fromisoformat(day)
    written = datetime.fromisoformat(recorded or f"{day}T08:00:00").replace(tzinfo=UTC)
    return Claim(
        EventRef(f"A:{ref}"),
        kind,
        when,
        written,
        TREE.named(to, when) if to else Named(),
        residence,
        tuple(EventRef(f"A:{by}") for by in withdrawn_by),
    )


def record(*claims: Claim, residence: str = "permanent", state: str = "", mother: Record | None = None) -> Record:
    return Record(PersonRef("A:p1"), "A", residence, state, claims, mother)
