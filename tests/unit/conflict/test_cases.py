"""One-sided cases; the numbers are those of RESOLVER 5."""

from __future__ import annotations

from datetime import date

import pytest

from conflict import cases as rules
from conflict.cases import Fact, State
from conflict.claims import Record
from conflict.policy import DEFAULT_POLICY
from tests.unit.conflict.history import TREE, claim, record

AS_OF = date(2025, 6, 30)
OUT = claim("e1", "move_out", "2025-03-01", to="E")
IN = claim("e5", "move_in", "2025-01-10", to="B")
STAY = claim("e5", "move_in", "2025-01-10", residence="temporary")

Row = tuple[str, str, str, str, str]


def rows(subject: Record, as_of: date = AS_OF) -> list[Row]:
    found = sorted(rules.cases(subject, as_of, DEFAULT_POLICY, TREE), key=lambda case: case.case)
    return [(c.state.value, c.settled_at, c.outcome.value, c.decided_by.value, " ".join(c.refs)) for c in found]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param(record(), [], id="nobody moved"),
        pytest.param(
            record(
                claim("e1", "birth", "2025-01-01"),
                claim("e2", "death", "2025-02-01"),
                claim("e3", "marriage", "2025-02-01"),
            ),
            [],
            id="births, deaths, marriages are in none",
        ),
        pytest.param(record(OUT), [("open-out", "P", "undecided", "", "A:e1")], id="2 OUT, waiting"),
        pytest.param(
            record(claim("e1", "move_out", "2024-12-01")),
            [("lapsed", "P", "lapsed", "auto", "A:e1")],
            id="2 OUT, waited",
        ),
        pytest.param(record(IN), [("open-in", "P", "undecided", "", "A:e5")], id="1 IN"),
        pytest.param(
            record(OUT, claim("e2", "move_out", "2025-03-02", to="E")),
            [("open-out", "P", "undecided", "", "A:e1 A:e2")],
            id="8 the same report twice is one case",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-08-01", to="Lào")),
            [("open-out", "P", "undecided", "", "A:e1")],
            id="abroad, before its date",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2020-03-01", to="Lào")),
            [("settled", "D", "moved", "auto", "A:e1")],
            id="57 abroad is settled, moved",
        ),
        pytest.param(
            record(STAY, residence="temporary"),
            [("settled", "D", "stayed", "auto", "A:e5")],
            id="53 a temporary stay is settled, stayed",
        ),
        pytest.param(
            record(STAY, claim("e6", "end_temporary", "2025-03-01"), residence="temporary"),
            [("settled", "D", "stayed", "auto", "A:e5 A:e6")],
            id="55 its end belongs to it",
        ),
        pytest.param(
            record(STAY, claim("e6", "move_out", "2025-03-01"), residence="temporary"),
            [("settled", "D", "stayed", "auto", "A:e5 A:e6")],
            id="53 an end told as a departure",
        ),
        pytest.param(
            record(claim("e6", "move_out", "2025-03-01"), residence="temporary"),
            [],
            id="53 the departure of a stay without arrival",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", to="E", withdrawn_by=("c9",))),
            [("cancelled", "D", "cancelled", "auto", "A:c9 A:e1")],
            id="56 cancelled after OUT",
        ),
        pytest.param(
            record(claim("e5", "move_in", "2025-01-10", to="B", withdrawn_by=("c9",))),
            [("cancelled", "D", "cancelled", "auto", "A:c9 A:e5")],
            id="56 a withdrawn arrival",
        ),
        pytest.param(
            record(claim("e0", "move_out", "2025-01-01", withdrawn_by=("c9",)), OUT),
            [("cancelled", "D", "cancelled", "auto", "A:c9 A:e0"), ("open-out", "P", "undecided", "", "A:e1")],
            id="56 and left again",
        ),
        pytest.param(
            record(OUT, claim("e3", "death", "2025-04-01")),
            [("cancelled", "D", "cancelled", "auto", "A:e1 A:e3")],
            id="48 the OUT of one who died",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2024-03-01"), claim("e3", "death", "2025-04-01")),
            [("cancelled", "D", "cancelled", "auto", "A:e1 A:e3")],
            id="48 also after it lapsed",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", to="Lào"), claim("e3", "death", "2025-04-01")),
            [("settled", "D", "moved", "auto", "A:e1 A:e3")],
            id="died abroad",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", to="Lào"), claim("e3", "death", "2025-02-01")),
            [("cancelled", "D", "cancelled", "auto", "A:e1 A:e3")],
            id="died before going abroad",
        ),
        pytest.param(
            record(IN, claim("e3", "death", "2025-04-01")),
            [("open-in", "P", "undecided", "", "A:e5")],
            id="a death does not end an arrival",
        ),
        pytest.param(
            record(OUT, claim("e3", "dispute", "2025-04-01")),
            [("disputed", "P", "undecided", "", "A:e1 A:e3")],
            id="16 still lives here",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2024-03-01"), claim("e3", "dispute", "2024-04-01")),
            [("disputed", "P", "undecided", "", "A:e1 A:e3")],
            id="16 a dispute does not lapse",
        ),
        pytest.param(
            record(
                claim("e1", "move_out", "2024-03-01"),
                claim("e3", "dispute", "2024-04-01"),
                claim("e4", "confirm", "2024-05-01"),
            ),
            [("lapsed", "P", "lapsed", "auto", "A:e1 A:e3 A:e4")],
            id="a later confirm ends it",
        ),
        pytest.param(
            record(IN, claim("e3", "dispute", "2025-02-01")),
            [("disputed", "P", "undecided", "", "A:e3 A:e5")],
            id="never came",
        ),
        pytest.param(
            record(IN, claim("e3", "dispute", "2025-02-01"), claim("e4", "confirm", "2025-02-02")),
            [("open-in", "P", "undecided", "", "A:e3 A:e4 A:e5")],
            id="lives here after all",
        ),
        pytest.param(
            record(IN, OUT, claim("e6", "confirm", "2025-02-01"), claim("e7", "dispute", "2025-04-01")),
            [("disputed", "P", "undecided", "", "A:e1 A:e7"), ("open-in", "P", "undecided", "", "A:e5 A:e6")],
            id="11 a link of a chain: two cases, each with its words",
        ),
        pytest.param(record(claim("e1", "move_out", "2025-03-01", to="A")), [], id="59 local OUT"),
        pytest.param(record(claim("e5", "move_in", "2025-03-01", to="Nhơn Lý")), [], id="59 local IN"),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", residence="absent"), residence="absent"),
            [],
            id="53 a temporary leave",
        ),
    ],
)
def test_a_one_sided_case_says_what_its_side_knows(subject: Record, expected: list[Row]) -> None:
    assert rows(subject) == expected


@pytest.mark.parametrize(("day", "expected"), [("2025-08-27", "open-out"), ("2025-08-28", "lapsed")])
def test_a_case_lapses_on_the_day_its_person_does(day: str, expected: str) -> None:
    assert rows(record(OUT), date.fromisoformat(day))[0][0] == expected


def test_score_stays_empty_and_the_tier_is_the_authority_s() -> None:
    (case,) = rules.cases(record(OUT), AS_OF, DEFAULT_POLICY, TREE)
    assert case.score is None
    assert case.tier == "province"


def test_every_pair_that_is_not_in_the_table_leaves_the_state() -> None:
    for state in (None, *State):
        for fact in Fact:
            if (state, fact) not in rules.TRANSITIONS:
                assert rules.next_state(state, fact) is state


def test_a_withdrawn_or_lapsed_case_is_never_opened_again_by_its_own_side() -> None:
    ends = {State.CANCELLED, State.LAPSED}
    assert not [pair for pair in rules.TRANSITIONS if pair[0] in ends]
