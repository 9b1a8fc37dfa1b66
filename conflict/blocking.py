"""Where to look: a description has several short keys, and whoever shares one of them is a candidate (RESOLVER 3, 4).

Each key forgives other mistakes, so that no single error hides a person: without a number the birth date finds, without
the day the given name and the year, with a wrong year the day and the name, under a changed name the parents. The
keys are texts, so that a node can keep them in an indexed table. The unit that an arrival names is no key: movers are
exactly those who are elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from conflict.description import Description
from conflict.names import PersonName
from conflict.syllables import Syllable, spoken
from conflict.text import folded

BLOCK_RECORDS_MAX: Final = 2_000
"""A key that more records share than this is not followed: it costs more than it finds. What is left out is said."""
CANDIDATES_MAX: Final = 5_000
"""Of one description. Keys that few records share are followed first."""
KEY_CHARACTERS_MAX: Final = 80


def block_keys(description: Description) -> frozenset[str]:
    """The keys of a description. Two that are equal in any of them are worth comparing."""
    keys = set(number_keys(description.personal_id, description.old_card, description.insurance, description.phone))
    keys.update(_birth_keys(description))
    keys.update(_parent_keys(description))
    keys.update(_name_keys(description))
    return frozenset(key[:KEY_CHARACTERS_MAX] for key in keys)


def number_keys(number: str, card: str, insurance: str, phone: str) -> Iterator[str]:
    """The keys under which everybody is who has one of these."""
    for kind, value in (("n", number), ("c", card), ("i", insurance), ("t", phone)):
        if value:
            yield f"{kind}:{value}"[:KEY_CHARACTERS_MAX]


def sound(word: Syllable) -> str:
    """How a word sounds, without marks: coarser than agreement, for keys only."""
    return folded(spoken(word.key)).replace("y", "i")


def _words(name: PersonName) -> list[str]:
    """The words that can be the given name: the last one, and in a minority name each, because the order changes."""
    words = [word for word in name.words if not word.initial and not word.unreadable]
    if name.given is None or not words:
        return []
    chosen = words if name.prefix or len(words) == 2 else words[-1:]
    return sorted({sound(word) for word in chosen})


def _birth_keys(description: Description) -> Iterable[str]:
    birth = description.birth
    if birth is None:
        return
    for word in _words(description.name):
        yield f"g:{word}:{birth.year:04d}"
    if birth.day is not None and not description.has_placeholder_birth:
        yield f"d:{birth}"
        for word in _words(description.name):
            yield f"s:{word}:{birth.month:02d}{birth.day:02d}"


def _name_keys(description: Description) -> Iterable[str]:
    """The whole name, in any order: for a date that is missing or wrong in more than one place."""
    words = sorted(sound(word) for word in description.name.words if not word.initial and not word.unreadable)
    if len(words) > 2 or (len(words) == 2 and description.name.prefix):
        decade = "" if description.birth is None else str(description.birth.year // 10)
        yield f"w:{' '.join(words)}:{decade}"


def _parent_keys(description: Description) -> Iterable[str]:
    """Both parents by their given names, and the year: finds a changed name, keeps brothers and sisters apart."""
    father, mother, birth = description.father.given, description.mother.given, description.birth
    if father is None or mother is None or birth is None or father.unreadable or mother.unreadable:
        return
    yield f"p:{sound(father)} {sound(mother)}:{birth.year:04d}"


Ref = TypeVar("Ref", str, int)


@dataclass(frozen=True, slots=True)
class Candidates(Generic[Ref]):
    """References, and the keys that were not followed because too many records share them."""

    refs: frozenset[Ref]
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class BlockIndex:
    """Keys and who has them, in memory; a node keeps the same in a table. The order of adding changes nothing."""

    _blocks: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, ref: str, description: Description) -> None:
        for key in block_keys(description):
            self._blocks[key].add(ref)

    def sharing(self, key: str) -> frozenset[str]:
        return frozenset(self._blocks.get(key, ()))

    def candidates(self, description: Description, *, apart_from: Iterable[str] = ()) -> Candidates[str]:
        """Who shares a key, small blocks first."""
        blocks = {key: self._blocks[key] for key in block_keys(description) if key in self._blocks}
        return gather(blocks, apart_from=apart_from)

    def sizes(self) -> Counter[str]:
        """Records of each key: how skewed the blocks are."""
        return Counter({key: len(refs) for key, refs in self._blocks.items()})


def gather(
    blocks: Mapping[str, Collection[Ref]],
    *,
    apart_from: Iterable[Ref] = (),
    block_max: int = BLOCK_RECORDS_MAX,
    candidates_max: int = CANDIDATES_MAX,
) -> Candidates[Ref]:
    """The union of blocks, each without repetition, within the limits. Sizes decide which are followed, then keys."""
    found: set[Ref] = set()
    left_out = []
    for size, key in sorted((len(refs), key) for key, refs in blocks.items()):
        if size > block_max or len(found.union(blocks[key])) > candidates_max:
            left_out.append(key)
        else:
            found.update(blocks[key])
    return Candidates(frozenset(found.difference(apart_from)), tuple(left_out))
