"""Every reason and every request has words, in both languages, and they name nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conflict.decisions import Action, Ask
from conflict.explanation import RULES, Reason
from ops.explaining import ASKS, REASONS, ask_words, decision_words, reason_words
from ops.i18n import use
from tests.unit.conflict.settling import arrival, out, record, settle


@pytest.fixture(autouse=True)
def _english_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LANGUAGE", "en")
    yield
    use("en")


def test_every_reason_and_every_request_has_a_sentence() -> None:
    assert set(REASONS) == set(RULES)
    assert set(ASKS) == set(Action)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_sentence_can_be_said_without_a_day_and_about_nobody(language: str) -> None:
    use(language)
    for code, rule in RULES.items():
        assert "{" not in reason_words(Reason(code, rule))
    for action in Action:
        assert "{" not in ask_words(Ask("A", action, record("A:p").ref))


@pytest.mark.parametrize(
    ("language", "first", "last"),
    [
        (
            "en",
            "2025-05-03: the arrival B:e2 was written down. [RESOLVER 3]",
            "B: the person counts here, by B:n.",
        ),
        ("vi", "2025-05-03: đã ghi việc chuyển đến B:e2. [RESOLVER 3]", "B: người này được tính ở đây, theo B:n."),
    ],
)
def test_a_decision_is_told_step_by_step_with_its_rules(language: str, first: str, last: str) -> None:
    use(language)
    (decision,) = settle(
        record("A:p", out("e1", "05-01", "B")), record("B:n", arrival("e2", "05-03", "A")), links="A:p B:n"
    ).decisions
    words = decision_words(decision)
    assert words[0] == first
    assert words[-1] == last
