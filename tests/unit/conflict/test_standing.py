"""The counting rules, one record at a time; the numbers are those of RESOLVER 5."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from conflict.claims import Record
from conflict.policy import DEFAULT_POLICY, Policy, WaitingTimes
from conflict.standing import CanonicalPerson, Standing, Status, standing, stay_verify_day
from tests.unit.conflict.history import claim, record

AS_OF = date(2025, 6, 30)


def status(subject: Record, as_of: date = AS_OF, *, day: date | None = None) -> tuple[str, str] | None:
    found = standing(subject, as_of, DEFAULT_POLICY, day=day)
    return None if found is None else (found.unit, found.status.value)


OUT = claim("e1", "move_out", "2025-03-01", to="B")
MOTHER_LEFT = record(claim("e9", "move_out", "2025-05-01", to="B"))
MOTHER_LAPSED = record(claim("e9", "move_out", "2024-05-01", to="B"))
MOTHER_ABROAD = record(claim("e9", "move_out", "2025-05-01", to="đi nước ngoài"))
BORN = claim("e2", "birth", "2025-05-20")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param(record(), ("A", "resident"), id="registered"),
        pytest.param(record(residence=""), ("A", "resident"), id="registered, nothing said"),
        pytest.param(record(residence="absent"), ("A", "away"), id="temporarily absent stays in"),
        pytest.param(record(residence="temporary"), ("", "temporary"), id="a temporary stay stays out"),
        pytest.param(record(OUT), ("A", "in_transit"), id="2 an open OUT counts at the origin"),
        pytest.param(record(claim("e1", "move_out", "2024-12-01")), ("", "lapsed"), id="2 it lapses"),
        pytest.param(
            record(claim("e1", "move_out", "2024-12-01", recorded="2025-06-29T08:00:00")),
            ("", "lapsed"),
            id="6 reported late: its date counts",
        ),
        pytest.param(
            record(OUT, claim("e3", "move_out", "2025-03-01", to="B")),
            ("A", "in_transit"),
            id="8 the same report twice",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", recorded="1970-01-01T00:00:00")),
            ("A", "in_transit"),
            id="10 absurd clock, long ago",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-03-01", recorded="2099-01-01T00:00:00")),
            ("A", "in_transit"),
            id="10 absurd clock, far ahead",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-08-01", to="B")), ("A", "resident"), id="a paper in hand, not left"
        ),
        pytest.param(
            record(OUT, claim("e3", "dispute", "2025-04-01")), ("A", "resident"), id="16 still says: lives here"
        ),
        pytest.param(
            record(claim("e1", "move_out", "2024-03-01"), claim("e3", "dispute", "2025-04-01")),
            ("A", "resident"),
            id="16 also after it lapsed",
        ),
        pytest.param(
            record(OUT, claim("e3", "dispute", "2025-04-01"), claim("e4", "confirm", "2025-05-01")),
            ("A", "in_transit"),
            id="a later confirm ends the dispute",
        ),
        pytest.param(
            record(claim("e3", "dispute", "2025-02-01"), OUT),
            ("A", "in_transit"),
            id="a dispute before the OUT is not about it",
        ),
        pytest.param(record(OUT, claim("e3", "death", "2025-04-01")), ("", "dead"), id="48 death before arrival"),
        pytest.param(
            record(claim("e3", "death", "2025-04-01"), claim("e4", "move_out", "2025-05-01")),
            ("", "dead"),
            id="49 a move of the dead",
        ),
        pytest.param(
            record(claim("e3", "death", "2025-04-01", withdrawn_by=("c",))), ("A", "resident"), id="a death withdrawn"
        ),
        pytest.param(
            record(claim("e3", "death", "2052-04-01", recorded="2025-04-02T08:00:00")),
            ("", "dead"),
            id="a death dated in the future by mistake",
        ),
        pytest.param(
            record(claim("e3", "death", "2025-08-01", recorded="2025-08-02T08:00:00")),
            ("A", "resident"),
            id="a death after the day asked about",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-05-01", to="B")), ("A", "resident"), id="an arrival counts at its place"
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-07-20", to="B")),
            ("A", "resident"),
            id="intent to settle counts at once",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-05-01", residence="temporary"), residence="temporary"),
            ("", "temporary"),
            id="53 a temporary stay is no move",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-05-01", residence="temporary"), residence=""),
            ("", "temporary"),
            id="54 as the arrival declared it",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2020-05-01", residence="temporary"), residence="temporary"),
            ("", "temporary"),
            id="55 never permanent by itself",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-05-01", residence="temporary"), residence="permanent"),
            ("A", "resident"),
            id="55 but by a correction",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-05-01", withdrawn_by=("c",))),
            ("", "void"),
            id="56 the arrival is withdrawn",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2024-03-01", withdrawn_by=("c",))),
            ("A", "resident"),
            id="56 the OUT is withdrawn",
        ),
        pytest.param(
            record(claim("e1", "birth", "2025-05-01", withdrawn_by=("c",))), ("", "void"), id="the birth is withdrawn"
        ),
        pytest.param(record(state="void"), ("", "void"), id="72 voided with its batch"),
        pytest.param(record(claim("e1", "move_out", "2025-03-01", to="Nước ngoài")), ("", "abroad"), id="57 abroad"),
        pytest.param(
            record(claim("e1", "move_out", "2020-03-01", to="Hàn Quốc")), ("", "abroad"), id="57 abroad never lapses"
        ),
        pytest.param(
            record(claim("e1", "move_out", "2025-08-01", to="Hàn Quốc")),
            ("A", "resident"),
            id="57 not abroad before its date",
        ),
        pytest.param(
            record(claim("e1", "move_out", "2020-03-01", to="A")), ("A", "resident"), id="59 inside one commune"
        ),
        pytest.param(
            record(claim("e1", "move_out", "2020-03-01", to="21550")), ("A", "resident"), id="59 named by its code"
        ),
        pytest.param(
            record(claim("e1", "move_out", "2020-03-01", residence="temporary"), residence="absent"),
            ("A", "away"),
            id="a leave that says it is temporary",
        ),
        pytest.param(record(BORN), ("A", "resident"), id="a newborn of a mother elsewhere"),
        pytest.param(record(BORN, mother=MOTHER_LEFT), ("A", "in_transit"), id="45 a newborn follows the mother"),
        pytest.param(record(BORN, mother=MOTHER_ABROAD), ("", "abroad"), id="45 wherever she counts"),
        pytest.param(record(BORN, mother=MOTHER_LAPSED), ("A", "resident"), id="45 the mother lapsed"),
        pytest.param(
            record(BORN, claim("e3", "move_out", "2025-06-01", to="Lào"), mother=MOTHER_LEFT),
            ("", "abroad"),
            id="45 until a move of its own",
        ),
        pytest.param(
            record(BORN, claim("e3", "death", "2025-06-01"), mother=MOTHER_LEFT),
            ("", "dead"),
            id="45 a newborn's own death",
        ),
    ],
)
def test_a_record_counts_where_the_rules_say(subject: Record, expected: tuple[str, str]) -> None:
    assert status(subject) == expected


@pytest.mark.parametrize(
    ("day", "expected"), [("2025-08-27", "in_transit"), ("2025-08-28", "lapsed"), ("2025-08-29", "lapsed")]
)
def test_an_out_lapses_180_days_after_its_date(day: str, expected: str) -> None:
    found = status(record(OUT), date.fromisoformat(day))
    assert found is not None
    assert found[1] == expected


def test_a_departure_waits_as_long_as_the_policy_of_its_day_said() -> None:
    policy = Policy((WaitingTimes(date.min, 180, 30, 6), WaitingTimes(date(2025, 3, 1), 30, 30, 6)))
    before = record(claim("e1", "move_out", "2025-02-28"))
    assert standing(before, AS_OF, policy) == Standing("A", Status.IN_TRANSIT)
    assert standing(record(OUT), AS_OF, policy) == Standing("", Status.LAPSED)


def test_a_policy_needs_ascending_days() -> None:
    row = DEFAULT_POLICY.rows[0]
    for rows in ((), (row, row)):
        with pytest.raises(ValueError):
            Policy(rows)


def test_an_arrival_does_not_exist_before_its_day() -> None:
    subject = record(claim("e1", "move_in", "2025-05-10"))
    assert status(subject, day=date(2025, 5, 9)) is None
    assert status(subject, day=date(2025, 5, 10)) == ("A", "resident")


def test_the_past_is_read_with_what_is_known_now() -> None:
    left = record(
        claim("e1", "move_out", "2025-01-10"), claim("e2", "death", "2025-02-10", recorded="2025-06-20T08:00:00")
    )
    assert status(left, day=date(2025, 1, 9)) == ("A", "resident")
    assert status(left, day=date(2025, 2, 9)) == ("A", "in_transit")
    assert status(left, day=date(2025, 2, 10)) == ("", "dead")


def test_the_order_of_claims_does_not_matter() -> None:
    claims = (
        OUT,
        claim("e3", "dispute", "2025-04-01"),
        claim("e4", "confirm", "2025-04-01", recorded="2025-04-02T08:00:00"),
        BORN,
    )
    assert len({status(record(*order)) for order in permutations(claims)}) == 1


def test_mothers_in_a_circle_of_bad_data_end() -> None:
    subject = record(BORN)
    for _ in range(20):
        subject = record(BORN, mother=subject)
    assert status(subject) == ("A", "resident")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        pytest.param(
            record(claim("e1", "move_in", "2025-08-31", residence="temporary"), residence="temporary"),
            date(2026, 2, 28),
            id="55 six months, a shorter month",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-01-15", residence="temporary"), residence="temporary"),
            date(2025, 7, 15),
            id="55 six months",
        ),
        pytest.param(
            record(
                claim("e1", "move_in", "2025-01-15"), claim("e2", "end_temporary", "2025-02-01"), residence="temporary"
            ),
            None,
            id="ended",
        ),
        pytest.param(
            record(claim("e1", "move_in", "2025-01-15"), claim("e2", "move_out", "2025-02-01"), residence="temporary"),
            None,
            id="left",
        ),
        pytest.param(record(claim("e1", "move_in", "2025-01-15")), None, id="no stay"),
        pytest.param(record(residence="temporary"), None, id="nobody knows since when"),
    ],
)
def test_a_long_temporary_stay_becomes_a_task(subject: Record, expected: date | None) -> None:
    assert stay_verify_day(subject, date(2026, 6, 1), DEFAULT_POLICY) == expected


def test_a_canonical_person_is_named_by_the_smallest_ref() -> None:
    subject = record()
    other = Record(type(subject.ref)("B:p7"), "B")
    person = CanonicalPerson((subject.ref, other.ref), Standing("B", Status.RESIDENT))
    assert person.person == "A:p1"
