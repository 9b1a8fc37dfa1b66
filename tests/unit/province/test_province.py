"""The synthetic province: the same bytes for the same seed, Vietnam's shapes, and a truth that fits the bundle."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from conflict.personal_number import disagreements, parse
from node.interchange.bundle import Bundle
from node.interchange.table import Reject
from node.schema import PERSON_COLUMNS
from ops.province import SynthConfig, generate
from ops.province.units import units
from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import rehearse

SMALL = SynthConfig(persons=2_400, moves=260, districts=2, communes=3)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("province")
    generate(SMALL, out)
    return out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(small: Path, tmp_path: Path) -> None:
    generate(SMALL, tmp_path / "again")
    generate(replace(SMALL, seed=2), tmp_path / "other")
    names = sorted(path.relative_to(small) for path in small.rglob("*.csv"))
    assert len(names) == 7
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (small / name).read_bytes()
    assert (tmp_path / "other" / "persons.csv").read_bytes() != (small / "persons.csv").read_bytes()


def test_the_bundle_is_read_without_a_reject(small: Path) -> None:
    rejects: list[Reject] = []
    bundle = Bundle(small, rejects.append)
    assert sum(1 for _ in bundle.households()) > 500
    assert sum(1 for _ in bundle.persons()) >= SMALL.persons
    assert {event.kind for event in bundle.events()} >= {
        *("birth", "death", "marriage", "move_out", "move_in", "correction", "end_temporary"),
    }
    assert rejects == []


@pytest.mark.parametrize("difficulty", ["easy", "real", "hard"])
@pytest.mark.parametrize("tiers", ["three", "two"])
def test_no_commune_rejects_a_row(difficulty: str, tiers: str, tmp_path: Path) -> None:
    config = replace(SMALL, persons=800, moves=120, communes=2, difficulty=difficulty, tiers=tiers)  # type: ignore[arg-type]
    generate(config, tmp_path / "bundle")
    result = rehearse(RehearsalOptions(tmp_path / "bundle", tmp_path / "out", in_process=True))
    assert table(tmp_path / "out" / "rejected.csv") == []
    assert all(copy.equal for copy in result.copies)


def test_households_and_names_have_their_real_shapes(small: Path) -> None:
    persons = table(small / "persons.csv")
    households = table(small / "households.csv")
    assert 3.3 <= len(persons) / len(households) <= 3.9
    families = Counter(row["full_name"].split()[0] for row in persons if row["ethnicity"] == "Kinh")
    total = sum(families.values())
    assert 0.30 <= families["Nguyễn"] / total <= 0.46
    assert 0.70 <= sum(count for _, count in families.most_common(7)) / total <= 0.90


def test_personal_numbers_follow_the_rule_and_are_given_once(small: Path) -> None:
    numbers = Counter(row["personal_id"] for row in table(small / "persons.csv") if row["personal_id"])
    assert numbers.most_common(1)[0][1] == 1
    assert all(parse(number) is not None for number in numbers)
    assert all(
        disagreements(row["personal_id"], row["sex"], row["birth_date"]) == [] for row in table(small / "persons.csv")
    )


def test_every_record_stands_for_exactly_one_true_person(small: Path) -> None:
    refs = [f"{row['node_id']}:{row['person_id']}" for row in table(small / "persons.csv")]
    refs += [
        f"{row['node_id']}:{row['person_id']}"
        for row in table(small / "events.csv")
        if row["kind"] in ("birth", "move_in")
    ]
    truth = [row["ref"] for row in table(small / "truth" / "persons.csv")]
    assert sorted(truth) == sorted(refs)
    assert len(set(truth)) == len(truth)
    persons = [row["true_person"] for row in table(small / "truth" / "residents.csv")]
    assert len(set(persons)) == len(persons)
    assert {row["true_person"] for row in table(small / "truth" / "persons.csv")} <= set(persons)


def test_the_halves_of_true_moves_are_events_of_the_bundle(small: Path) -> None:
    events = {f"{row['node_id']}:{row['event_id']}": row["kind"] for row in table(small / "events.csv")}
    moves = table(small / "truth" / "moves.csv")
    for move in moves:
        assert not move["out_ref"] or events[move["out_ref"]] == "move_out"
        assert not move["in_ref"] or events[move["in_ref"]] == "move_in"
    kinds = Counter(move["kind"] for move in moves)
    assert set(kinds) == {"commune", "district", "province", "country", "abroad", "outside", "stay"}
    halves = Counter(
        (bool(move["out_ref"]), bool(move["in_ref"])) for move in moves if move["kind"] in ("district", "country")
    )
    assert all(halves[shape] for shape in ((True, True), (True, False), (False, True)))
    assert abs(sum(kinds.values()) - kinds["stay"] - SMALL.moves) < 0.35 * SMALL.moves


def test_reports_are_late_and_never_before_what_they_report(small: Path) -> None:
    lags = []
    for row in table(small / "events.csv"):
        assert row["recorded_at"].endswith("+07:00")
        lags.append(row["recorded_at"][:10] >= row["event_date"])
    assert sum(lags) / len(lags) > 0.97  # a few dates are written down wrong


def test_the_units_are_real_and_carry_their_era() -> None:
    old = units(SynthConfig(tiers="three"))
    new = units(SynthConfig(tiers="two"))
    assert [unit.name for unit in old if unit.tier == "province"] == ["Tỉnh Bình Định", "Tỉnh Gia Lai"]
    assert [unit.name for unit in new if unit.tier == "province"] == ["Tỉnh Gia Lai", "Tỉnh Quảng Ngãi"]
    assert {unit.code for unit in old if unit.tier == "province"} == {"52", "64"}
    assert {unit.code for unit in new if unit.tier == "province"} == {"52", "51"}, "one code, two units by date"
    assert {len(unit.code) for unit in old if unit.tier == "district"} == {3}
    assert {len(unit.code) for unit in (*old, *new) if unit.tier == "commune"} == {5}
    for tree in (old, new):
        assert len({unit.node_id for unit in tree}) == len(tree)


@pytest.mark.parametrize("wrong", [{"persons": 10}, {"provinces": 0}, {"communes": 999}, {"moves": -1}])
def test_what_cannot_be_made_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must|few"):
        replace(SMALL, **wrong)  # type: ignore[arg-type]


def test_person_columns_are_the_formats() -> None:
    assert PERSON_COLUMNS[0] == "full_name"
    assert len(PERSON_COLUMNS) == 13
