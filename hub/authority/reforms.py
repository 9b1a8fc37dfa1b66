"""Telling a reform: the authority writes down which unit took over from which, and what the units are called.

What is known already is left out, so that the same list can be told again, or a longer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from conflict.reforms import Succession, Unit
from hub.authority.acts import act, require_authority
from node.reference import Reference
from node.store import Store

ROWS_PER_ACT_MAX: Final = 2_000
"""A commit stays well below its size limit; 10,035 communes became 3,321 in July 2025."""


@dataclass(frozen=True, slots=True)
class News:
    """What of a list is not known here yet, sorted."""

    successions: tuple[Succession, ...]
    units: tuple[tuple[Unit, str], ...]


def news(store: Store, successions: Iterable[Succession], names: Mapping[Unit, str]) -> News:
    """Raises ``UsageError`` where this node is not the authority."""
    require_authority(store)
    reference = Reference(store)
    known = {Unit(item.code, item.valid_from) for item in reference.units()}
    fresh = set(successions) - reference.reform().successions
    return News(
        tuple(sorted(fresh)),
        tuple(sorted((unit, name) for unit, name in names.items() if unit not in known)),
    )


def introduce_reform(store: Store, found: News, *, by: str) -> None:
    """Write it down; it flows down to every node. Raises ``UsageError`` where this node is not the authority."""
    for first in range(0, len(found.units), ROWS_PER_ACT_MAX):
        with act(store, by=by, what="units") as under_way:
            for unit, name in found.units[first : first + ROWS_PER_ACT_MAX]:
                under_way.insert("unit", code=unit.code, valid_from=unit.valid_from, tier="", name=name)
    # behind the units, so that no node has a succession without the names
    for first in range(0, len(found.successions), ROWS_PER_ACT_MAX):
        with act(store, by=by, what="reform") as under_way:
            for item in found.successions[first : first + ROWS_PER_ACT_MAX]:
                under_way.insert(
                    "unit_succession",
                    old_code=item.old.code,
                    old_valid_from=item.old.valid_from,
                    new_code=item.new.code,
                    new_valid_from=item.new.valid_from,
                )
