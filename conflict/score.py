"""How likely two descriptions are one person, in bits, and why (Fellegi and Sunter; RESOLVER 4).

The odds compare "the same person" with three others that it can be: a stranger out of the whole population, another
member of the right household, a twin. What agrees in the household makes strangers unlikely and says nothing
between its members, so the total never rises above what the personal fields alone decide. A rare name says more than
a common one: for strangers the frequency of the word takes the place of the level's average.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

from conflict.comparison import HERE, NAMED, PART_SEPARATOR, PERSONAL, Compared, Field, compare
from conflict.description import Description
from conflict.levels import Birth, Number, Parent, is_sound, mistyped_side
from conflict.links import Link, Verdict
from conflict.names import DROPPED, PARTIAL
from conflict.parameters import PROBABILITY_MIN, Parameters
from conflict.syllables import COMPATIBLE, Likeness

SHARED_NUMBER: Final = "shared_number"
TWO_NUMBERS: Final = "two_numbers"
TWINS: Final = "twins"
HARD_FACTS: Final = (SHARED_NUMBER, TWO_NUMBERS, TWINS)
"""shared_number: one personal number with another name and another birth date: an alarm, not a match. two_numbers: each
side has a sound personal number of its own, and the given name or the birth date is another. twins: born on one day,
another given name, another number."""

CHANGED_NAME: Final = "changed_name"
OTHER_NUMBER: Final = "other_number"
OTHER_FAMILY: Final = "other_family"
DOUBTS: Final = (CHANGED_NAME, OTHER_NUMBER, OTHER_FAMILY)
"""What a person has to look at, whatever the bits: one number and two given names; two sound numbers and all else the
same; another family name without a number in common, which in a name that puts the clan last is another given name."""

_PARENT_FLOOR: Final = 1e-5  # parents of one name are found in one village more often than chance has it
_BIRTHS_APART: Final = frozenset({Birth.DIFFERENT, Birth.SAME_YEAR_ONLY, Birth.YEAR_NEAR})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One field of the explanation: its level, and its bits against strangers."""

    field: Field
    level: str
    bits: float

    @property
    def personal(self) -> bool:
        return self.field in PERSONAL


@dataclass(frozen=True, slots=True)
class Score:
    """``bits`` is the whole: prior, evidence, and what the household takes away. 0 is as likely as not."""

    bits: float
    prior: float
    evidence: tuple[Evidence, ...]
    among_members: float
    """What the possibility of another member or a twin takes away; never positive."""
    hard: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    mistyped: str = ""
    """Which of two numbers its own structure shows to be wrong: first, second or ''."""

    @property
    def personal_bits(self) -> float:
        return sum(item.bits for item in self.evidence if item.personal)

    @property
    def household_bits(self) -> float:
        return sum(item.bits for item in self.evidence if not item.personal)

    @property
    def is_renamed(self) -> bool:
        """One number and one day of birth under another name: however little the rest says, a person looks at it, or
        both halves of the move say so (RESOLVER 6).
        """
        return not self.hard and CHANGED_NAME in self.doubts and self._level(Field.BIRTH) == Birth.SAME_DAY

    @property
    def halves_agree(self) -> bool:
        """The arrival names the place of the record, and the departure there names the place of the arrival."""
        return self._level(Field.ORIGIN) == NAMED and self._level(Field.DEPARTURE) == HERE

    @property
    def may_be_twin(self) -> bool:
        """Whether all of the names but the given ones are one: a twin may carry the number of the other."""
        middle = self._level(Field.MIDDLE)
        return self._level(Field.FAMILY) in COMPATIBLE and (middle is None or middle in {*COMPATIBLE, DROPPED, PARTIAL})

    def _level(self, field: Field) -> str | None:
        return next((item.level for item in self.evidence if item.field == field), None)

    @property
    def alarm(self) -> bool:
        """One number on two people: somebody has to be told."""
        return SHARED_NUMBER in self.hard


def score(one: Description, other: Description, parameters: Parameters, *, companions: bool | None = None) -> Score:
    """The score of two descriptions, the same whichever comes first."""
    found = compare(one, other, companions=companions)
    weighed = weigh(found, parameters)
    levels = {item.field: item.level for item in found}
    sound = is_sound(one) and is_sound(other)
    slip = levels.get(Field.NUMBER) == Number.SLIP
    return Score(
        weighed.bits,
        weighed.prior,
        weighed.evidence,
        weighed.among_members,
        hard_facts(levels, both_sound=sound),
        _doubts(levels, both_sound=sound),
        mistyped_side(one, other) if slip else "",
    )


def weigh(found: Sequence[Compared], parameters: Parameters) -> Score:
    """What the levels amount to. No hard facts, which need the descriptions."""
    same = stranger = member = twin = 0.0
    evidence = []
    for item in sorted(found, key=lambda compared: compared.field):
        chances = parameters.chances[item.field][item.level]
        chance = _stranger_chance(item, parameters)
        same += log2(chances.same)
        stranger += log2(chance)
        member += log2(chances.member)
        twin += log2(chances.twin)
        evidence.append(Evidence(item.field, item.level, log2(chances.same) - log2(chance)))
    strangers = stranger + log2(parameters.population)
    others = _log_sum((strangers, member + log2(parameters.members), twin + log2(parameters.twins)))
    return Score(same - others, -log2(parameters.population), tuple(evidence), strangers - others)


def _log_sum(values: Iterable[float]) -> float:
    """The logarithm of the sum of powers of two, without leaving the range of floats."""
    known = list(values)
    highest = max(known)
    return highest + log2(sum(2.0 ** (value - highest) for value in known))


def _stranger_chance(item: Compared, parameters: Parameters) -> float:
    """How probable a level is among strangers; a name or a people by how common it is."""
    chances = parameters.chances[item.field][item.level]
    match item.field:
        case Field.FAMILY | Field.MIDDLE | Field.GIVEN | Field.ETHNICITY if item.level == Likeness.SAME:
            chance = max(parameters.frequency(item.field, word) for word in item.words)
        case Field.FAMILY | Field.MIDDLE | Field.GIVEN if item.level == Likeness.UNMARKED:
            chance = max(parameters.frequency(item.field, word, unmarked=True) for word in item.words)
        case Field.FATHER | Field.MOTHER if item.level == Parent.SAME:
            chance = max(parent_chance(item.field, words, parameters) for words in item.words)
        case _:
            return chances.stranger
    return min(max(chance, PROBABILITY_MIN), chances.same)


def parent_chance(name: Field, words: str, parameters: Parameters) -> float:
    """Of a parent's whole name. A father's family name is the child's, and counts there."""
    given, middle, family = words.split(PART_SEPARATOR)
    chance = parameters.frequency(Field.GIVEN, given)
    if middle:
        chance *= parameters.frequency(Field.MIDDLE, middle)
    if name is Field.MOTHER:
        chance *= parameters.frequency(Field.FAMILY, family)
    return max(chance, _PARENT_FLOOR)


def hard_facts(levels: dict[Field, str], *, both_sound: bool) -> tuple[str, ...]:
    """Which facts forbid merging. ``both_sound``: each personal number agrees with its own side."""
    number, birth, given = (levels.get(name) for name in (Field.NUMBER, Field.BIRTH, Field.GIVEN))
    other_name = given is not None and given not in COMPATIBLE
    other_birth = birth in _BIRTHS_APART
    found = []
    if number == Number.SAME and given == Likeness.DIFFERENT and other_birth:
        found.append(SHARED_NUMBER)
    if number == Number.DIFFERENT and both_sound and (other_name or other_birth):
        found.append(TWO_NUMBERS)
    if number in {Number.SLIP, Number.DIFFERENT} and birth == Birth.SAME_DAY and given == Likeness.DIFFERENT:
        found.append(TWINS)
    return tuple(found)


def _doubts(levels: dict[Field, str], *, both_sound: bool) -> tuple[str, ...]:
    number, given = levels.get(Field.NUMBER), levels.get(Field.GIVEN)
    found = []
    # Twins are called Phụng and Phượng: one letter under one number is no slip until a person says so. Another tone,
    # which is a common slip, passes where the birth date agrees.
    tone = given == Likeness.TONE and levels.get(Field.BIRTH) == Birth.SAME_DAY
    if number == Number.SAME and given is not None and given not in COMPATIBLE and not tone:
        found.append(CHANGED_NAME)
    if number == Number.DIFFERENT and both_sound:
        found.append(OTHER_NUMBER)
    if levels.get(Field.FAMILY) == Likeness.DIFFERENT and number != Number.SAME:
        found.append(OTHER_FAMILY)
    return tuple(found)


def verdict(result: Score, parameters: Parameters, *, margin: float | None = None) -> Verdict:
    """``margin``: by how many bits it leads over the next candidate who is somebody else; None for no such one.
    Nothing is rejected but what a hard fact forbids or what lies below the lower threshold. Who has another name under
    one number and date of birth is never below it (RESOLVER 6).
    """
    thresholds = parameters.thresholds
    if result.hard or (result.bits < thresholds.review and not result.is_renamed):
        return "apart"
    is_sure = not result.doubts and result.bits >= thresholds.automatic
    if result.is_renamed and result.doubts == (CHANGED_NAME,):
        is_sure = result.halves_agree and not result.may_be_twin
    if not is_sure:
        return "review"
    return "automatic" if margin is None or margin >= thresholds.margin else "review"


def link(a: str, b: str, result: Score, parameters: Parameters, *, margin: float | None = None) -> Link:
    return Link(a, b, result.bits, verdict(result, parameters, margin=margin), result.hard)
