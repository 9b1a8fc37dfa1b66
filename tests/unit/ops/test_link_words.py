"""Every field, level and remark of a score has words, in both languages."""

from __future__ import annotations

from conflict.comparison import LEVELS, Field
from conflict.parameters import current_parameters
from conflict.score import DOUBTS, HARD_FACTS, score
from ops import link_words
from ops.link_words import score_words
from tests.unit.conflict.people import LAN, arrived, at_home


def test_every_field_and_level_has_words() -> None:
    assert set(link_words.FIELDS) == set(Field)
    assert set(link_words.LEVELS) == {level for levels in LEVELS.values() for level in levels}
    assert set(link_words.REMARKS) == {*HARD_FACTS, *DOUBTS, "first", "second"}


def test_an_explanation_names_each_field_and_the_whole() -> None:
    result = score(arrived(LAN | {"personal_id": "052148003417"}), at_home(LAN), current_parameters())
    words = score_words(result)
    assert words[0].startswith("By its own digits the first personal number is mistyped")
    assert len(words) >= len(result.evidence) + 2
    assert words[-1].startswith("Altogether +")


def test_an_alarm_comes_first() -> None:
    other = LAN | {"full_name": "Phạm Minh Tuấn", "sex": "M", "birth_date": "1961-11-02"}
    assert score_words(score(arrived(other), at_home(LAN), current_parameters()))[0].startswith("Alarm:")
