"""The people whom a viewer of the demo follows: known by name, with every record that stands for them and where they
live in truth. They are added to the synthetic bundle, among everybody else.

Their offices write what offices write: another spelling, the old card instead of the number, the arrival before the
departure, or nothing at all. Nobody is told who is who.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from conflict.claims import EventRef, PersonRef
from node.interchange.bundle import EVENTS, HOUSEHOLDS, PERSONS
from node.interchange.topology import Topology
from node.schema import PERSON_COLUMNS

Values = dict[str, str]

HOUR: Final = "T08:30:00+07:00"


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the story. ``unit``: the node where they live in truth, and are to be counted."""

    true_person: str
    refs: tuple[PersonRef, ...]
    unit: str
    event: EventRef
    """The last one that is told of them; '' if nothing was."""


@dataclass(frozen=True, slots=True)
class Places:
    """Communes by how far they lie from the first one; in a small tree two of them may be one."""

    home: str
    next_door: str
    district: str
    province: str
    far_end: str


def places_of(topology: Topology) -> Places:
    """Raises ``ValueError`` if the tree has not two provinces with communes."""
    leaves = [row.node_id for row in topology.top_down() if not topology.children(row.node_id)]
    home = leaves[0]
    above = topology.ancestors(home)

    def nearest(shared: int) -> list[str]:
        """The communes that have exactly so many nodes above them in common with the first."""
        return [n for n in leaves[1:] if len(set(topology.ancestors(n)) & set(above)) == shared]

    beyond = [n for n in leaves if not set(topology.ancestors(n)[:-1]) & set(above[:-1])]
    if not beyond:
        raise ValueError("the tree needs communes in two provinces")
    inside = [n for n in leaves[1:] if n not in beyond] or beyond
    next_door = nearest(len(above)) or inside
    district = nearest(len(above) - 1) or inside
    return Places(home, next_door[0], district[-1] if district[-1] not in beyond else inside[-1], beyond[0], beyond[-1])


@dataclass(slots=True)
class Cast:
    """Collects the rows. ``last`` is the day by which all of it has happened."""

    places: Places
    last: date
    members: list[Member] = field(default_factory=list)
    persons: list[Values] = field(default_factory=list)
    households: list[Values] = field(default_factory=list)
    events: list[Values] = field(default_factory=list)

    def day(self, before: int) -> str:
        """A day so many days before the last one."""
        return (self.last - timedelta(days=before)).isoformat()

    def household(self, node: str, name: str, head: str) -> str:
        self.households.append({"node_id": node, "household_id": name, "hamlet": "", "head_person_id": head})
        return name

    def registered(self, node: str, name: str, household: str, **said: str) -> PersonRef:
        """Somebody who stands in a register all along."""
        row = {"node_id": node, "person_id": name, "household_id": household, "residence": "permanent", **said}
        self.persons.append(row)
        return PersonRef(f"{node}:{name}")

    def told(self, node: str, name: str, kind: str, person: str, before: int, *, late: int = 1, **said: str) -> None:
        """An event of a day, written down ``late`` days after it."""
        row = {"node_id": node, "event_id": f"demo-{name}", "kind": kind, "person_id": person}
        row |= {"event_date": self.day(before), "recorded_at": self.day(before - late) + HOUR, **said}
        self.events.append(row)

    def arrived(
        self,
        node: str,
        name: str,
        household: str,
        came_from: str,
        before: int,
        said: Values,
        *,
        late: int = 1,
        sheet: str = "",
    ) -> PersonRef:
        """Somebody whom an office writes down when they come, with what is ``said`` of them."""
        words = {"household_id": household, "other_place": came_from, "residence": "permanent", **said}
        words["group_id"] = sheet
        self.told(node, name, "move_in", name, before, late=late, **words)
        return PersonRef(f"{node}:{name}")

    def lives(self, true_person: str, unit: str, *refs: PersonRef) -> None:
        names = {tuple(ref.split(":")) for ref in refs}
        told = [row for row in self.events if (row["node_id"], row["person_id"]) in names]
        last = max(told, key=lambda row: (row["event_date"], row["kind"] == "move_in"), default=None)
        event = EventRef("" if last is None else f"{last['node_id']}:{last['event_id']}")
        self.members.append(Member(f"demo-{true_person}", refs, unit, event))


def write_cast(folder: Path, topology: Topology, last: date) -> tuple[Member, ...]:
    """Add the story to the bundle in ``folder``, and its truth to the truth beside it; returns who is in it."""
    cast = Cast(places_of(topology), last)
    for part in _PARTS:
        part(cast)
    _append(folder / "persons.csv", PERSONS.names, cast.persons)
    _append(folder / "households.csv", HOUSEHOLDS.names, cast.households)
    _append(folder / "events.csv", EVENTS.names, cast.events)
    truth = folder / "truth"
    _append(
        truth / "persons.csv",
        ("true_person", "ref"),
        [{"true_person": m.true_person, "ref": ref} for m in cast.members for ref in m.refs],
    )
    _append(
        truth / "residents.csv",
        ("true_person", "unit", "status", "known_unit", "known_status"),
        [
            {"true_person": m.true_person, "unit": m.unit, "status": "resident"}
            | {"known_unit": m.unit, "known_status": "resident"}
            for m in cast.members
        ],
    )
    return tuple(cast.members)


def _append(path: Path, names: Sequence[str], rows: Iterable[Values]) -> None:
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, names, restval="", lineterminator="\n").writerows(rows)


def _words(name: str, sex: str, born: str, **more: str) -> Values:
    assert set(more) <= set(PERSON_COLUMNS)
    return {"full_name": name, "sex": sex, "birth_date": born, "ethnicity": "Kinh", **more}


def _three_spellings(cast: Cast) -> None:
    """Twice moved, three times spelled; the last office reports first."""
    at, number = cast.places, "052187004217"
    cast.household(at.home, "hoa", "hoa-a")
    one = cast.registered(at.home, "hoa-a", "hoa", **_words("Lê Thị Thúy Hoà", "F", "1987-03-12", personal_id=number))
    cast.told(at.home, "hoa-1", "move_out", "hoa-a", 260, late=200, other_place=at.next_door)
    said = _words("Lê Thị Thuý Hòa", "F", "1987-03-12", personal_id=number)
    two = cast.arrived(at.next_door, "hoa-b", "hoa", at.home, 258, said, late=190)
    cast.told(at.next_door, "hoa-2", "move_out", "hoa-b", 120, late=60, other_place=at.province)
    said = _words("LÊ T. THÚY HÒA", "F", "1987-03-12", personal_id=number)
    three = cast.arrived(at.province, "hoa-c", "hoa", at.next_door, 118, said)
    cast.lives("hoa", at.province, one, two, three)


def _twins(cast: Cast) -> None:
    """Two sisters of one day, one mark apart; one of them goes to study in the other province, without a number."""
    at = cast.places
    cast.household(at.home, "pham", "pham-me")
    mother = cast.registered(
        at.home, "pham-me", "pham", **_words("Đinh Thị Thu", "F", "1979-08-02", relationship="chủ hộ")
    )
    born = {"father_name": "Phạm Minh Tuấn", "mother_name": "Đinh Thị Thu", "relationship": "con"}
    anh = cast.registered(at.home, "pham-1", "pham", **_words("Phạm Minh Anh", "F", "2006-05-20", **born))
    other = cast.registered(at.home, "pham-2", "pham", **_words("Phạm Minh Ánh", "F", "2006-05-20", **born))
    cast.told(at.home, "pham-1", "move_out", "pham-1", 170, late=3, other_place=at.far_end)
    said = _words("Phạm Minh Anh", "F", "2006-05-20", mother_name="Đinh Thị Thu", father_name="Phạm Minh Tuấn")
    there = cast.arrived(at.far_end, "pham-3", "pham", at.home, 168, said)
    cast.lives("pham-me", at.home, mother)
    cast.lives("pham-anh", at.far_end, anh, there)
    cast.lives("pham-ánh", at.home, other)


def _family(cast: Cast) -> None:
    """A household of three on one sheet, from one province to the other; a fourth is born on the way."""
    at = cast.places
    cast.household(at.district, "ho", "ho-cha")
    father = _words("Nguyễn Văn Hưng", "M", "1990-01-15", personal_id="052090001734", relationship="chủ hộ")
    mother = _words("Đặng Thị Lý", "F", "1992-10-09", personal_id="052192008125", relationship="vợ")
    child = _words("Nguyễn Gia Hân", "F", "2018-06-30", father_name="Nguyễn Văn Hưng", mother_name="Đặng Thị Lý")
    baby = _words("Nguyễn Gia Huy", "M", cast.day(150), father_name="Nguyễn Văn Hưng", mother_name="Đặng Thị Lí")
    left = {
        "ho-cha": cast.registered(at.district, "ho-cha", "ho", **father),
        "ho-me": cast.registered(at.district, "ho-me", "ho", **mother),
        "ho-con": cast.registered(at.district, "ho-con", "ho", **child),
    }
    for name in left:
        cast.told(at.district, name, "move_out", name, 152, late=20, group_id="ho-1", other_place=at.province)
    written = {
        "ho-cha": father,
        "ho-me": mother | {"full_name": "Đặng Thị Lí"},
        "ho-con": child,
    }
    for name, said in written.items():
        there = cast.arrived(at.province, f"{name}-b", "ho", at.district, 148, said, late=5, sheet="ho-2")
        cast.lives(name, at.province, left[name], there)
    said = baby | {"household_id": "ho", "other_person_id": "ho-me-b", "relationship": "con"}
    cast.told(at.province, "ho-be", "birth", "ho-be", 150, late=12, **said)
    cast.lives("ho-be", at.province, PersonRef(f"{at.province}:ho-be"))


def _silent_office(cast: Cast) -> None:
    """The old office never writes the departure; asked, it says nothing."""
    at, said = cast.places, _words("Võ Văn Lợi", "M", "1975-11-23", personal_id="052075003318")
    cast.household(at.next_door, "loi", "loi-a")
    one = cast.registered(at.next_door, "loi-a", "loi", **said)
    two = cast.arrived(at.district, "loi-b", "loi", at.next_door, 140, said, late=4)
    cast.lives("loi", at.district, one, two)


def _old_card(cast: Cast) -> None:
    """The old card here, the new number there; only the year of birth was known once."""
    at = cast.places
    cast.household(at.far_end, "sau", "sau-a")
    parents = {"father_name": "Bùi Văn Năm", "mother_name": "Lê Thị Bảy"}
    said = _words("Bùi Thị Sáu", "F", "1958", old_card_id="230415877", **parents)
    one = cast.registered(at.far_end, "sau-a", "sau", **said)
    cast.told(at.far_end, "sau-1", "move_out", "sau-a", 135, late=30, other_place=at.home)
    said = _words("Bùi Thị Sáu", "F", "1958-09-17", personal_id="064158002093", old_card_id="230415877", **parents)
    two = cast.arrived(at.home, "sau-b", "sau", at.far_end, 134, said, late=2)
    cast.lives("sau", at.home, one, two)


def _typed_twice(cast: Cast) -> None:
    """The new office fills the form in twice, with a letter wrong the second time."""
    at = cast.places
    said = _words("Ksor H'Bia", "F", "1994-02-08", personal_id="064194006650") | {"ethnicity": "Gia Rai"}
    cast.household(at.far_end, "bia", "bia-a")
    one = cast.registered(at.far_end, "bia-a", "bia", **said)
    cast.told(at.far_end, "bia-1", "move_out", "bia-a", 110, late=9, other_place=at.district)
    two = cast.arrived(at.district, "bia-b", "bia", at.far_end, 108, said | {"full_name": "Ksor H Bia"})
    three = cast.arrived(at.district, "bia-c", "bia", at.far_end, 107, said | {"full_name": "Ksơr H'Bia"}, late=2)
    cast.lives("bia", at.district, one, two, three)


def _still_here(cast: Cast) -> None:
    """One office says that he came, the other that he never left."""
    at, said = cast.places, _words("Đỗ Quang Huy", "M", "1983-07-04", personal_id="064083009912")
    cast.household(at.province, "huy", "huy-a")
    one = cast.registered(at.province, "huy-a", "huy", **said)
    two = cast.arrived(at.far_end, "huy-b", "huy", at.province, 70, said, late=2)
    cast.told(at.province, "huy-1", "dispute", "huy-a", 60, reason="vẫn ở đây")
    cast.lives("huy", at.province, one, two)


def _doubt(cast: Cast) -> None:
    """A common name, and of the birth only the year: it may be her, and it may be another."""
    at = cast.places
    cast.household(at.home, "lan", "lan-a")
    one = cast.registered(at.home, "lan-a", "lan", **_words("Nguyễn Thị Lan", "F", "1988-04-11"))
    cast.told(at.home, "lan-1", "move_out", "lan-a", 95, late=10)
    said = _words("Nguyễn Thị Lan", "F", "1988")
    two = cast.arrived(at.district, "lan-b", "lan", "", 90, said, late=3)
    cast.lives("lan", at.home, one, two)


def _stay(cast: Cast) -> None:
    """Works in the other province for a season, and is at home in this one."""
    at, said = cast.places, _words("Trần Quốc Bảo", "M", "1999-12-01", personal_id="052099007741")
    cast.household(at.next_door, "bao", "bao-a")
    one = cast.registered(at.next_door, "bao-a", "bao", **said)
    two = cast.arrived(at.province, "bao-b", "bao", at.next_door, 50, said | {"residence": "temporary"})
    cast.lives("bao", at.next_door, one, two)


_PARTS: Final = (
    *(_three_spellings, _twins, _family, _silent_office, _old_card, _typed_twice, _still_here, _doubt, _stay),
)
