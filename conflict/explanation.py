"""Why a case stands as it does, as data: the rule and the facts that it was applied to, in order.

A reason names claims, records, units and days, never what a person's papers say, so it can be shown to every office
that is concerned, also where an address is protected (RESOLVER 73). The words, in Vietnamese and in English, are made
from it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from conflict.cases import Fact


class Why(StrEnum):
    """Reasons beside the facts of a case."""

    CLOSING = "closing"  # equal numbers, or the place that was named lies below the authority
    CLIMBED = "climbed"  # no closing evidence, so the top decides
    RULED_SAME = "ruled-same"
    RULED_DIFFERENT = "ruled-different"
    REOPENED = "reopened"  # new personal evidence against a ruling
    REFUSED = "refused"  # a link that a hard fact or a ruling forbids
    DEATH_BEFORE = "death-before"  # a death dated before a settled arrival
    RECORDED_DEAD = "recorded-dead"  # the arrival of somebody recorded dead
    RIVALS = "rivals"  # standing records at several units
    DUPLICATE = "duplicate"
    SHEET = "sheet"  # members of one household, decided together
    VISIT = "visit"  # a temporary stay that the old place took for a move
    FROM_ABROAD = "from-abroad"


RULES: Final[Mapping[Fact | Why, str]] = MappingProxyType(
    {
        Fact.DEPARTED: "RESOLVER 2",
        Fact.ARRIVED: "RESOLVER 3",
        Fact.STAYS: "RESOLVER 53",
        Fact.EMIGRATED: "RESOLVER 57",
        Fact.WITHDRAWN: "RESOLVER 56",
        Fact.DIED: "RESOLVER 48",
        Fact.OUT_CONFIRMED: "RESOLVER 16",
        Fact.OUT_DISPUTED: "RESOLVER 16",
        Fact.IN_CONFIRMED: "RESOLVER 6",
        Fact.IN_DISPUTED: "RESOLVER 6",
        Fact.WAITED: "RESOLVER 2",
        Fact.FOUND: "RESOLVER 3",
        Fact.AGREED: "RESOLVER 1",
        Fact.SILENT: "RESOLVER 3",
        Fact.SEARCHED: "RESOLVER 4",
        Fact.CONTESTED: "RESOLVER 16",
        Fact.CLEARED: "RESOLVER 6",
        Fact.DOUBTED: "RESOLVER 4",
        Why.CLOSING: "DESIGN 5",
        Why.CLIMBED: "DESIGN 5",
        Why.RULED_SAME: "RESOLVER 3",
        Why.RULED_DIFFERENT: "RESOLVER 35",
        Why.REOPENED: "RESOLVER 35",
        Why.REFUSED: "RESOLVER 34",
        Why.DEATH_BEFORE: "RESOLVER 49",
        Why.RECORDED_DEAD: "RESOLVER 50",
        Why.RIVALS: "RESOLVER 68",
        Why.DUPLICATE: "RESOLVER 31",
        Why.SHEET: "RESOLVER 36",
        Why.VISIT: "RESOLVER 54",
        Why.FROM_ABROAD: "RESOLVER 57",
    }
)
"""Where each is written down. Every fact and every reason has a rule."""


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One step of an explanation. ``code`` is a ``Fact`` or a ``Why``; ``day`` is when it took effect, if it has one;
    ``about`` names claims, records or units.
    """

    code: str
    rule: str
    day: date | None = None
    about: tuple[str, ...] = ()


def reason(code: Fact | Why, *about: str, day: date | None = None) -> Reason:
    return Reason(code.value, RULES[code], day, about)
