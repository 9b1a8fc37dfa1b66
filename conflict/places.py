"""The tree of nodes as the register speaks of it, and which node a written place names exactly (RESOLVER 6).

Exactly means: the node's id; its administrative code in the era of the event; or its name, up to Unicode form,
case and spaces, if only one node has that name. Everything else names nobody: guessing a misspelled place is the
resolver's work, on evidence.

A code means nothing without its era: 52 was Bình Định and is Gia Lai, and 1,815 commune codes changed their name
(RESOLVER 66). So a node's code, in force at its ``valid_from``, is only compared with events of the same side of
every reform. Which unit took over from which comes from reference data (``conflict.reforms``).
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from conflict.reforms import NO_REFORM, NO_SUCCESSIONS, Reform, Reformed, Successions, Unit, era, since

OUTSIDE: Final = "outside"  # what balance.csv calls a place beyond the tree

_ABROAD_PHRASES: Final = ("nước ngoài", "nuoc ngoai", "xuất cảnh", "xuat canh", "abroad", "overseas")
_COUNTRIES: Final = frozenset(
    {
        *("anh", "vương quốc anh", "united kingdom", "ba lan", "poland", "campuchia", "cambodia", "ca-na-đa", "canada"),
        *(
            "cộng hòa séc",
            "cộng hoà séc",
            "czech republic",
            "đài loan",
            "taiwan",
            "đức",
            "germany",
            "hàn quốc",
            "korea",
        ),
        *("south korea", "hoa kỳ", "mỹ", "usa", "united states", "lào", "laos", "ma-lai-xi-a", "malaysia", "nga"),
        *("liên bang nga", "russia", "nhật", "nhật bản", "japan", "ô-xtrây-li-a", "úc", "australia", "pháp", "france"),
        *("xin-ga-po", "singapore", "thái lan", "thailand", "trung quốc", "china"),
    }
)
"""Where nearly all who leave Vietnam go. A name that a node of the tree bears is that node, never a country."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node as its profile describes it. ``valid_from`` is YYYY-MM-DD or empty: in force in every era."""

    node_id: str
    parent_id: str
    tier: str
    code: str
    valid_from: str
    name: str


@dataclass(frozen=True, slots=True)
class Named:
    """What the words of a report name: a node of the tree, a foreign country, or nobody (both empty)."""

    node_id: str = ""
    abroad: bool = False

    @property
    def other_unit(self) -> str:
        """As balance.csv writes it."""
        return OUTSIDE if self.abroad else self.node_id


NOBODY: Final = Named()
ABROAD: Final = Named(abroad=True)


def place_key(text: str) -> str:
    """A written place for comparison: one Unicode form, one case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def names_abroad(text: str) -> bool:
    """True if the words say that the place lies abroad."""
    key = place_key(text)
    return key in _COUNTRIES or any(phrase in key for phrase in _ABROAD_PHRASES)


class PlaceBook:
    """All nodes that a view sees. Looks up names and walks the tree; the same for every order of its input."""

    __slots__ = ("_codes", "_names", "_parents", "_places", "reform", "successions")

    def __init__(self, places: Iterable[Place], reform: Reform = NO_REFORM) -> None:
        self.reform = reform
        self._places: dict[str, Place] = {}
        self._names: dict[str, set[str]] = defaultdict(set)
        self._codes: dict[str, list[tuple[date | None, str]]] = defaultdict(list)
        for place in sorted(places, key=lambda p: (p.node_id, p.valid_from, p.code, p.name, p.parent_id, p.tier)):
            self._places.setdefault(place.node_id, place)  # a node that holds several origins describes itself in each
            if place.name:
                self._names[place_key(place.name)].add(place.node_id)
            if place.code:
                self._codes[place.code].append((since(place.valid_from), place.node_id))
        self.successions = self._reformed() if reform.successions else NO_SUCCESSIONS
        self._parents = frozenset(place.parent_id for place in self._places.values())

    def _reformed(self) -> Successions:
        """Units that no node keeps are named by the node that answers for them (RESOLVER 61, 70)."""
        kept = [(place.node_id, Unit(place.code, place.valid_from)) for place in self._places.values() if place.code]
        found = Reformed(self.reform, kept)
        for alias in found.aliases():
            self._codes[alias.unit.code].append((since(alias.unit.valid_from), alias.node_id))
            if alias.name:
                self._names[place_key(alias.name)].add(alias.node_id)
        return found.successions()

    def with_places(self, more: Iterable[Place]) -> PlaceBook:
        """The same and some more nodes."""
        return PlaceBook((*self, *more), self.reform)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._places.values())

    def __contains__(self, node_id: str) -> bool:
        return node_id in self._places

    def tier(self, node_id: str) -> str:
        """The tier of a node, empty if the view does not know it."""
        place = self._places.get(node_id)
        return "" if place is None else place.tier

    def has_children(self, node_id: str) -> bool:
        return node_id in self._parents

    def lineage(self, node_id: str) -> tuple[str, ...]:
        """The node itself, its parent, and so on up to the top that this view sees."""
        found = [node_id]
        while (place := self._places.get(found[-1])) is not None and place.parent_id in self._places:
            if place.parent_id in found:
                break  # profiles that contradict each other must not stop a view
            found.append(place.parent_id)
        return tuple(found)

    def named(self, text: str, day: date) -> Named:
        """What ``text``, written in a report dated ``day``, names exactly."""
        written = text.strip()
        if not written:
            return NOBODY
        if written in self._places:
            return Named(written)
        coded = self._coded(written, day)
        if coded:
            return Named(coded)
        bearers = self._names.get(place_key(written), ())
        if len(bearers) == 1:
            return Named(next(iter(bearers)))
        return ABROAD if not bearers and names_abroad(written) else NOBODY

    def _coded(self, code: str, day: date) -> str:
        bearers = [
            (first, node) for first, node in self._codes.get(code, ()) if first is None or era(first) == era(day)
        ]
        begun = [(first or date.min, node) for first, node in bearers if first is None or first <= day]
        if begun:
            newest = max(first for first, _ in begun)
            found = {node for first, node in begun if first == newest}
        else:  # "in force at valid_from" does not say that it began then
            found = {node for _, node in bearers}
        return found.pop() if len(found) == 1 else ""
