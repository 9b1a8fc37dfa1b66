"""What the levels are worth: a frozen, versioned table, and how common names are (RESOLVER 4).

For each level four probabilities: that it comes about if both are the same person, if they are strangers, if they are
two members of one household, and if they are twins. The last two are what keeps a household in common from deciding
between its members. A parameter file never changes; new weights are a new file with a new hash, and what they would
decide otherwise is listed before they are used (RESOLVER 75).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from conflict.comparison import LEVELS, PERSONAL, Field
from conflict.text import folded

CURRENT: Final = "parameters-1.json"
"""The file in this package that is in use."""
PROBABILITY_MIN: Final = 1e-9
FREQUENCY_FIELDS: Final = (Field.FAMILY, Field.MIDDLE, Field.GIVEN, Field.ETHNICITY)


@dataclass(frozen=True, slots=True)
class Chances:
    """Of one level: how probable it is for each of the four kinds of pairs."""

    same: float
    stranger: float
    member: float
    twin: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """In bits. ``margin`` is by how much the best has to lead over the next who is somebody else."""

    automatic: float
    review: float
    margin: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """``population``: among how many records a mover is looked for; the same at each tier, so that no outcome depends
    on where a tier stands. ``members`` and ``twins``: how many others of the household stand beside the right record.
    Raises ``ValueError`` if a level is missing or no probability, if an agreement would count against, or if what
    a household shares would decide between its members.
    """

    version: int
    source: str
    population: float
    members: float
    twins: float
    thresholds: Thresholds
    chances: Mapping[Field, Mapping[str, Chances]]
    frequencies: Mapping[Field, Mapping[str, float]]
    frequency_min: float
    """Of a word that the counted registers do not have."""
    hash: str = field(init=False, repr=False, compare=False)
    """SHA-256 of the canonical form, in hex: what decisions are signed with."""
    _unmarked: Mapping[Field, Mapping[str, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, levels in LEVELS.items():
            row = self.chances.get(name)
            if row is None or set(row) != set(levels):
                raise ValueError(f"the parameters need exactly the levels {', '.join(levels)} of {name.value}")
            for level, chances in row.items():
                values = (chances.same, chances.stranger, chances.member, chances.twin)
                if not all(PROBABILITY_MIN <= value <= 1 for value in values):
                    raise ValueError(f"{name.value}, {level}: a probability is {PROBABILITY_MIN} to 1, not {values}")
                if name not in PERSONAL and min(chances.member, chances.twin) < chances.same:
                    raise ValueError(f"{name.value}, {level}: what a household shares would decide between its members")
            first = row[levels[0]]
            if first.same < max(first.stranger, first.member, first.twin):
                raise ValueError(f"{name.value}, {levels[0]}: an agreement would count against")
        object.__setattr__(self, "_unmarked", _without_marks(self.frequencies))
        object.__setattr__(self, "hash", hashlib.sha256(canonical(self).encode()).hexdigest())

    def frequency(self, name: Field, key: str, *, unmarked: bool = False) -> float:
        """The share of people with a word in a part of the name, by its key of spelling; ``unmarked``: of all words
        that look so without marks.
        """
        table = self._unmarked if unmarked else self.frequencies
        return max(table.get(name, {}).get(folded(key) if unmarked else key, 0.0), self.frequency_min)


def _without_marks(frequencies: Mapping[Field, Mapping[str, float]]) -> Mapping[Field, Mapping[str, float]]:
    sums: dict[Field, dict[str, float]] = {}
    for name, words in frequencies.items():
        table = sums.setdefault(name, {})
        for word, share in words.items():
            table[folded(word)] = min(1.0, table.get(folded(word), 0.0) + share)
    return MappingProxyType(sums)


def to_document(parameters: Parameters) -> dict[str, Any]:
    """As a JSON document."""
    thresholds = parameters.thresholds
    return {
        "version": parameters.version,
        "source": parameters.source,
        "population": parameters.population,
        "members": parameters.members,
        "twins": parameters.twins,
        "thresholds": {
            "automatic": thresholds.automatic,
            "review": thresholds.review,
            "margin": thresholds.margin,
        },
        "chances": {
            name.value: {
                level: [row.same, row.stranger, row.member, row.twin] for level, row in parameters.chances[name].items()
            }
            for name in LEVELS
        },
        "frequency_min": parameters.frequency_min,
        "frequencies": {
            name.value: dict(sorted(parameters.frequencies.get(name, {}).items())) for name in FREQUENCY_FIELDS
        },
    }


def canonical(parameters: Parameters) -> str:
    """The same text for the same values, whatever the order of a file: what is hashed."""
    return json.dumps(to_document(parameters), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def from_document(document: Mapping[str, Any]) -> Parameters:
    """Read a document. Raises ``ValueError`` (a ``KeyError`` becomes one) if something is missing or no number."""
    try:
        thresholds = document["thresholds"]
        return Parameters(
            version=int(document["version"]),
            source=str(document["source"]),
            population=float(document["population"]),
            members=float(document["members"]),
            twins=float(document["twins"]),
            thresholds=Thresholds(
                float(thresholds["automatic"]), float(thresholds["review"]), float(thresholds["margin"])
            ),
            chances=MappingProxyType(
                {
                    Field(name): MappingProxyType({level: Chances(*map(float, row)) for level, row in levels.items()})
                    for name, levels in document["chances"].items()
                }
            ),
            frequencies=MappingProxyType(
                {
                    Field(name): MappingProxyType({word: float(share) for word, share in words.items()})
                    for name, words in document["frequencies"].items()
                }
            ),
            frequency_min=float(document["frequency_min"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the parameters lack {error}") from error


def rounded(value: Any) -> Any:
    """Numbers of a document to four digits that count: more is not known."""
    match value:
        case dict():
            return {key: rounded(item) for key, item in value.items()}
        case list():
            return [rounded(item) for item in value]
        case float():
            return float(f"{value:.4g}")
        case _:
            return value


def rendered(document: Mapping[str, Any]) -> str:
    """A document as the text of a file, the four chances of a level on one line."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return re.sub(r"\[\s+([^]]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"


def from_text(text: str) -> Parameters:
    """Read a file. Raises ``ValueError``."""
    try:
        return from_document(json.loads(text))
    except RecursionError as error:
        raise ValueError("the parameters are no JSON that anybody wrote") from error


@cache
def current_parameters() -> Parameters:
    """The parameters that this release brings."""
    text = resources.files("conflict").joinpath(CURRENT).read_text(encoding="utf-8")
    return from_document(json.loads(text))
