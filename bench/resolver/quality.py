"""Precision, recall and review of the links of a province, against its truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt

from bench.resolver.province import Province
from conflict.linking import find_links
from conflict.links import Link
from conflict.parameters import Parameters


@dataclass(slots=True)
class Quality:
    """Counts, which add up over provinces. A pair is an arrival and another record."""

    right: int = 0
    wrong: int = 0
    review_right: int = 0
    review_wrong: int = 0
    pairs: int = 0
    """True pairs."""
    found_by_keys: int = 0
    """True pairs that share a key within the limits."""
    candidates: int = 0
    arrivals: int = 0
    arrivals_reviewed: int = 0
    twins_at_risk: int = 0
    """Pairs of twins of whom at least one arrived."""
    twins_merged: int = 0
    alarms: int = 0
    mistakes: list[Link] = field(default_factory=list)

    def add(self, other: Quality) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.pairs, 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(self.right + self.wrong + self.pairs, 1)

    @property
    def reviewed(self) -> float:
        return self.arrivals_reviewed / max(self.arrivals, 1)


def interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share, 95 % by default."""
    if not trials:
        return 0.0, 1.0
    share, weight = successes / trials, z * z / trials
    middle = (share + weight / 2) / (1 + weight)
    half = z * sqrt(share * (1 - share) / trials + weight / (4 * trials)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(province: Province, parameters: Parameters) -> tuple[Quality, list[Link]]:
    """Links of all arrivals of a province, and how good they are."""
    index = province.index()
    candidates = {
        ref: index.candidates(province.parties[ref].description, apart_from=[ref]).refs for ref in province.arrivals
    }
    links = find_links(province.parties, candidates, parameters)
    return _judged(province, candidates, links), links


def _judged(province: Province, candidates: dict[str, frozenset[str]], links: list[Link]) -> Quality:
    truth, arrived = province.truth, set(province.arrivals)
    quality = Quality(arrivals=len(arrived), candidates=sum(map(len, candidates.values())))
    of_person: dict[str, list[str]] = {}
    for ref in province.parties:
        of_person.setdefault(truth[ref], []).append(ref)
    for ref in arrived:
        for other in of_person[truth[ref]]:
            if other != ref and (other not in arrived or ref < other):
                quality.pairs += 1
                quality.found_by_keys += other in candidates[ref] or ref in candidates.get(other, ())
    moved = {truth[ref] for ref in arrived}
    at_risk = {frozenset((one, other)) for one in moved for other in province.twins.get(one, ())}
    quality.twins_at_risk = len(at_risk)
    reviewed = set()
    for link in links:
        same = truth[link.a] == truth[link.b]
        quality.alarms += "shared_number" in link.hard
        match link.verdict:
            case "automatic":
                quality.right += same
                quality.wrong += not same
                quality.twins_merged += frozenset((truth[link.a], truth[link.b])) in at_risk
                if not same:
                    quality.mistakes.append(link)
            case "review":
                quality.review_right += same
                quality.review_wrong += not same
                reviewed |= {link.a, link.b} & arrived
            case "apart":
                pass
    quality.arrivals_reviewed = len(reviewed)
    return quality


def missed(province: Province, links: list[Link]) -> Counter[str]:
    """True pairs that are not automatic, by what became of them."""
    verdicts = {frozenset((link.a, link.b)): link.verdict for link in links}
    found: Counter[str] = Counter()
    people: dict[str, list[str]] = {}
    for ref in province.parties:
        people.setdefault(province.truth[ref], []).append(ref)
    arrived = set(province.arrivals)
    for refs in people.values():
        for at, one in enumerate(refs):
            for other in refs[at + 1 :]:
                if one in arrived or other in arrived:
                    found[verdicts.get(frozenset((one, other)), "no link")] += 1
    return found
