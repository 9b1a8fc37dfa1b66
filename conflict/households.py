"""Households as units: the members who go together are one case (RESOLVER 36-44).

A household's sheet at the old place or at the new one joins the moves of its members, if they went the same way and
ended alike. So one who is missing on a sheet does not hold up the others, one who went elsewhere has a case of their
own, and several sheets of one household meet in the sheet of the other side. Nothing here decides who somebody is: a
sheet never tells two members apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from conflict.drafts import Draft
from conflict.explanation import Why, reason

FAMILY_MEMBERS_MAX: Final = 20
"""A sheet with more is a dormitory's or a barracks': its people are no family, and each is a case (RESOLVER 44)."""


def joined_by_sheet(drafts: Iterable[Draft]) -> list[Draft]:
    """The drafts, those of one household's way joined into one."""
    result: list[Draft] = []
    alike: dict[tuple[object, ...], list[Draft]] = defaultdict(list)
    for draft in drafts:
        if all(draft.route) and draft.sheets:
            ruling = "" if draft.ruling is None else draft.ruling.authority
            alike[draft.route, draft.state, draft.outcome, draft.decided_by, ruling].append(draft)
        else:
            result.append(draft)
    for group in alike.values():
        result.extend(_joined(members) for members in _families(group))
    return result


def _families(group: list[Draft]) -> list[list[Draft]]:
    """Those that hang together by a sheet that is small enough for a family."""
    on_sheet: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, draft in enumerate(group):
        for sheet in draft.sheets:
            on_sheet[sheet].append(index)
    leader = list(range(len(group)))

    def lead(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for members in on_sheet.values():
        if len(members) <= FAMILY_MEMBERS_MAX:
            for other in members[1:]:
                leader[lead(other)] = lead(members[0])
    found: dict[int, list[Draft]] = defaultdict(list)
    for index, draft in enumerate(group):
        found[lead(index)].append(draft)
    return list(found.values())


def _joined(members: list[Draft]) -> Draft:
    """One case of several members. Its score is that of the weakest link, its evidence closes if everybody's does."""
    if len(members) == 1:
        return members[0]
    members = sorted(members, key=lambda draft: min(draft.refs))
    scores = [draft.score for draft in members if draft.score is not None]
    first = members[0]
    sheets = sorted(set().union(*(draft.sheets for draft in members)))
    together = reason(Why.SHEET, *(f"{unit}:{sheet}" for unit, sheet in sheets))
    return replace(
        first,
        refs=frozenset().union(*(draft.refs for draft in members)),
        units=tuple(sorted(set().union(*(draft.units for draft in members)))),
        reasons=(*(r for draft in members for r in draft.reasons), together),
        asks=tuple(sorted(set().union(*(draft.asks for draft in members)))),
        score=min(scores, default=None),
        named=frozenset.intersection(*(draft.named for draft in members)),
        heard=frozenset(draft.ruling.ref for draft in members if draft.ruling is not None),
        numbers_agree=all(draft.numbers_agree for draft in members),
        sheets=frozenset(sheets),
    )
