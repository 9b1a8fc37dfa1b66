"""From arrivals and candidates to links: scores, who came along, who else it could be, households as a whole.

This is the one function that a hub calls with what its index found. It takes all arrivals that are looked at together,
because a sheet is understood as a whole; the result does not depend on the order of anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

from conflict.assignment import assign
from conflict.description import Description
from conflict.levels import is_sound
from conflict.links import Link
from conflict.parameters import Parameters
from conflict.score import Score, link, score

FIRST_LOOK_BITS: Final = 15.0
"""What companions can add at most: pairs further than this below the lower threshold are not looked at again."""


def first_look_floor(parameters: Parameters) -> float:
    """Pairs below that change nothing unless they are an alarm."""
    return parameters.thresholds.review - FIRST_LOOK_BITS


@dataclass(frozen=True, slots=True)
class Party:
    """A record with its description. ``sheet`` names those who were written down together on arrival, '' for nobody
    else; ``household`` the household at the place that keeps the record.
    """

    ref: str
    description: Description
    sheet: str = ""
    household: str = ""
    report: str = ""
    """The arrival as it was written down, '' for no arrival or for one of somebody without a name: two that are equal
    are one report under two ids (RESOLVER 8).
    """


@dataclass(slots=True)
class Search:
    """Scores are computed once a pair. A caller that learns of more parties while it looks may add to ``parties``."""

    parties: Mapping[str, Party]
    parameters: Parameters
    between: dict[tuple[str, str], Score] = field(default_factory=dict)
    beside: dict[tuple[str, str, bool], Score] = field(default_factory=dict)

    def plain(self, a: str, b: str) -> Score:
        """Without companions."""
        key = (a, b) if a < b else (b, a)
        if key not in self.between:
            self.between[key] = score(
                self.parties[key[0]].description, self.parties[key[1]].description, self.parameters
            )
        return self.between[key]

    def accompanied(self, arrival: str, other: str, *, together: bool) -> Score:
        """Of an arrival that came with others; ``together``: they come from the household of the candidate."""
        key = (arrival, other, together)
        if key not in self.beside:
            one, two = self.parties[arrival].description, self.parties[other].description
            self.beside[key] = score(one, two, self.parameters, companions=together)
        return self.beside[key]

    def is_one(self, a: str, b: str) -> bool:
        """Whether two records are one person themselves by all that they say, and so no rivals."""
        if self.is_repeat(a, b):
            return True
        result = self.plain(a, b)
        sure = not (result.hard or result.doubts) and result.bits >= self.parameters.thresholds.automatic
        return sure and not self.may_be_twins(a, b)

    def may_be_twins(self, a: str, b: str) -> bool:
        """Whether the given names are one only because i and y are: twins are called Vi and Vy. Scores do not depend on
        it, but without a number in common such a pair is not taken for granted.
        """
        one, other = (self.parties[ref].description for ref in (a, b))
        given = one.name.given, other.name.given
        if given[0] is None or given[1] is None or given[0].letters == given[1].letters:
            return False
        return given[0].key == given[1].key and not (one.personal_id and one.personal_id == other.personal_id)

    def is_repeat(self, a: str, b: str) -> bool:
        """Whether two arrivals are one report that was written down twice."""
        return a != b and self.parties[a].report == self.parties[b].report != ""

    def may_be_linked(self, result: Score) -> bool:
        """Whether a score alone is enough for a link."""
        return not result.hard and (result.is_renamed or result.bits >= self.parameters.thresholds.review)

    def is_near(self, result: Score) -> bool:
        """Whether companions could still lift a score above the lower threshold, or it counts however low it is."""
        return result.alarm or result.is_renamed or result.bits >= first_look_floor(self.parameters)

    def may_be_one(self, a: str, b: str) -> bool:
        return self.may_be_linked(self.plain(a, b))


Scores = dict[tuple[str, str], Score]
"""By (arrival, candidate)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """``links`` as ``find_links`` gives them. ``taken``: pairs that would wait for a person if the place of one of the
    two were not taken beyond doubt; they are apart as long as it is.
    """

    links: tuple[Link, ...]
    taken: tuple[Link, ...]


def find_links(
    parties: Mapping[str, Party], candidates: Mapping[str, Iterable[str]], parameters: Parameters
) -> list[Link]:
    """The links of each arrival (a key of ``candidates``) that a person or a machine should follow. Beside them stand
    as apart: pairs that would be linked but for a hard fact, alarms, and partners of one record whom a hard fact keeps
    apart (RESOLVER 34). Everybody named is in ``parties``. Sorted; a pair of two arrivals stands once.
    """
    return list(judge(Search(parties, parameters), candidates).links)


def judge(search: Search, candidates: Mapping[str, Iterable[str]]) -> Judged:
    """The links of all arrivals, and what was left over. Arrivals that are connected have to be judged in one call: by
    a sheet, or over records that ``strong_pairs`` names for both.
    """
    scores = _with_companions(search, _first_look(search, candidates), candidates)
    likely = {pair: s for pair, s in scores.items() if search.may_be_linked(s)}
    margins = _margins(search, likely)
    _settle_households(search, likely, margins)
    return _verdicts(search, scores, margins)


def strong_pairs(search: Search, candidates: Mapping[str, Iterable[str]]) -> frozenset[tuple[str, str]]:
    """The pairs (arrival, candidate) of whole sheets that can be linked or are an alarm: whatever else these arrivals
    depend on shares a record with one of them.
    """
    scores = _with_companions(search, _first_look(search, candidates), candidates)
    return frozenset(pair for pair, result in scores.items() if _is_strong(search, pair, result))


def households_left(search: Search, candidates: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """A member of each household that arrivals of one sheet may have come from, by what is said of themselves.
    Companions lift nobody over the lower threshold who does not belong to one of these.
    """
    review = search.parameters.thresholds.review
    found: dict[str, str] = {}
    for arrival, others in candidates.items():
        for other in others:
            household = search.parties[other].household
            if household and household not in found:
                result = search.plain(arrival, other)
                if result.bits >= review and not result.hard:
                    found[household] = other
    return frozenset(found.values())


def _is_strong(search: Search, pair: tuple[str, str], result: Score) -> bool:
    enough = result.bits >= search.parameters.thresholds.review
    return result.alarm or enough or result.is_renamed or search.is_repeat(*pair)


def _first_look(search: Search, candidates: Mapping[str, Iterable[str]]) -> Scores:
    """The pairs that are worth another look, by what they say alone."""
    found: Scores = {}
    for arrival in sorted(candidates):
        for other in sorted(set(candidates[arrival]) - {arrival}):
            result = search.plain(arrival, other)
            if search.is_near(result) or search.is_repeat(arrival, other):
                found[arrival, other] = result
    return found


def _with_companions(search: Search, first: Scores, arrivals: Iterable[str]) -> Scores:
    """Scores again, now knowing whether others of the same sheet come from the household of the candidate."""
    parties, review = search.parties, search.parameters.thresholds.review
    from_household: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    size = Counter(parties[arrival].sheet for arrival in arrivals)
    for (arrival, other), result in first.items():
        sheet, household = parties[arrival].sheet, parties[other].household
        if sheet and household and result.bits >= review and not result.hard:
            from_household[sheet, household].add((arrival, other))
    scores: Scores = {}
    for (arrival, other), result in first.items():
        sheet, household = parties[arrival].sheet, parties[other].household
        if not sheet or not household or size[sheet] < 2:
            scores[arrival, other] = result
            continue
        together = any(a != arrival and b != other for a, b in from_household[sheet, household])
        scores[arrival, other] = search.accompanied(arrival, other, together=together)
    return scores


def _margins(search: Search, likely: Scores) -> dict[tuple[str, str], float]:
    """How far each pair leads over the best rival of either side; pairs without a rival are left out. Rivals of the
    same sheet and household are left to ``_settle_households``.
    """
    rivals: defaultdict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for arrival, other in likely:
        rivals[0, arrival].append((arrival, other))
        rivals[1, other].append((arrival, other))
    margins: dict[tuple[str, str], float] = {}
    for pair, result in likely.items():
        group = _group(search, pair)
        for rival in (*rivals[0, pair[0]], *rivals[1, pair[1]]):
            if rival == pair or (group is not None and group == _group(search, rival)):
                continue
            mine, its = (pair[1], rival[1]) if rival[0] == pair[0] else (pair[0], rival[0])
            if not search.is_one(mine, its):
                lead = result.bits - likely[rival].bits
                margins[pair] = min(lead, margins.get(pair, lead))
    return margins


def _group(search: Search, pair: tuple[str, str]) -> tuple[str, str] | None:
    """The sheet and the household that a pair belongs to, if there are both."""
    sheet, household = search.parties[pair[0]].sheet, search.parties[pair[1]].household
    return (sheet, household) if sheet and household else None


def _settle_households(search: Search, likely: Scores, margins: dict[tuple[str, str], float]) -> None:
    """Where a sheet meets a household, the best way to put all members together decides among them. Too large a group
    has no margin at all.
    """
    groups: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for pair in likely:
        group = _group(search, pair)
        if group is not None:
            groups[group].append(pair)
    for pairs in groups.values():
        rows, columns = _one_of_each(search, {a for a, _ in pairs}), _one_of_each(search, {b for _, b in pairs})
        gains: dict[tuple[str, str], float] = {}
        for arrival, other in pairs:
            key = (rows[arrival], columns[other])
            gains[key] = max(gains.get(key, 0.0), likely[arrival, other].bits)
        if len(gains) < 2:
            continue
        made = assign(sorted(set(rows.values())), sorted(set(columns.values())), gains)
        leads = {} if made is None else {(one.row, one.column): one.margin for one in made}
        for pair in pairs:
            lead = leads.get((rows[pair[0]], columns[pair[1]]), 0.0)
            margins[pair] = min(lead, margins.get(pair, lead))


def _one_of_each(search: Search, refs: set[str]) -> dict[str, str]:
    """Records of one person in one household, as one: each ref to the smallest that it is one with."""
    chosen = {ref: ref for ref in refs}
    for a, b in combinations(sorted(refs), 2):
        if search.is_one(a, b):
            chosen[b] = chosen[a]
    return chosen


def _verdicts(search: Search, scores: Scores, margins: Mapping[tuple[str, str], float]) -> Judged:
    parameters = search.parameters
    found: dict[tuple[str, str], Link] = {}
    for (arrival, other), result in scores.items():
        a, b = min(arrival, other), max(arrival, other)
        made = link(a, b, result, parameters, margin=margins.get((arrival, other)))
        if made.verdict == "automatic" and _is_twin_number(search, a, b):
            made = replace(made, verdict="review")
        if not _is_strong(search, (arrival, other), result):
            continue
        if search.is_repeat(a, b):
            made = Link(a, b, result.bits, "automatic")
        known = found.get((made.a, made.b))
        found[made.a, made.b] = made if known is None else _of_two(known, made)
    partners: defaultdict[str, set[str]] = defaultdict(set)
    certain: defaultdict[str, set[str]] = defaultdict(set)
    for (a, b), made in found.items():
        if search.is_repeat(a, b):
            continue  # one record twice takes nobody's place
        if made.verdict != "apart":
            partners[a].add(b)
            partners[b].add(a)
        if made.verdict == "automatic":
            certain[a].add(b)
            certain[b].add(a)
    links: list[Link] = []
    taken: list[Link] = []
    for (a, b), made in found.items():
        over = made.verdict == "review" and (_excluded(search, b, certain[a]) or _excluded(search, a, certain[b]))
        (taken if over else links).append(made)
    links.extend(_kept_apart(search, partners, found))
    return Judged(_sorted(links), _sorted(replace(made, verdict="apart") for made in taken))


def _sorted(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: (link.a, link.b)))


def _is_twin_number(search: Search, a: str, b: str) -> bool:
    """Vi and Vy with two numbers, each sound: registered one after the other, they differ by a slip."""
    one, other = (search.parties[ref].description for ref in (a, b))
    return search.may_be_twins(a, b) and is_sound(one) and is_sound(other)


def _kept_apart(
    search: Search, partners: Mapping[str, set[str]], found: Mapping[tuple[str, str], Link]
) -> Iterator[Link]:
    """Two partners of one record who cannot be one person."""
    pairs = {pair for several in partners.values() for pair in combinations(sorted(several), 2)}
    for a, b in pairs.difference(found):
        result = search.plain(a, b)
        if result.hard:
            yield link(a, b, result, search.parameters)


def _of_two(one: Link, other: Link) -> Link:
    """Two arrivals that found each other: the more careful verdict, the fewer bits."""
    order = ("apart", "review", "automatic")
    return min((one, other), key=lambda made: (order.index(made.verdict), made.bits, made.hard))


def _excluded(search: Search, other: str, partners: Iterable[str]) -> bool:
    """Whether somebody else has this place already, beyond doubt: the pair that was left over needs no person."""
    return any(partner != other and not search.may_be_one(partner, other) for partner in partners)
