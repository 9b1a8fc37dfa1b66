from __future__ import annotations

import csv
import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

import ops.synth
from ops.synth import SynthConfig, generate
from ops.synth.config import REFORM
from tests.unit.synth.format_rules import Row, table, violations

SMALL = {"persons": 3_000, "moves": 300, "districts": 2, "communes": 2}


def made(tmp_path_factory: pytest.TempPathFactory, **settings: object) -> Path:
    folder = tmp_path_factory.mktemp("province")
    generate(SynthConfig(**{**SMALL, **settings}), folder)  # type: ignore[arg-type]
    return folder


@pytest.fixture(scope="module", params=["three", "two"])
def province(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory, tiers=request.param, twin_pairs_at_risk=25, rulings=10)


# --- the bundle ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", ["easy", "real", "hard"])
@pytest.mark.parametrize("tiers", ["three", "two"])
def test_a_reader_that_knows_only_the_format_finds_nothing_wrong(
    tiers: str, difficulty: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = made(tmp_path_factory, tiers=tiers, difficulty=difficulty, rulings=5, seed=11)
    assert violations(folder) == []


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("move_out", "person_id", "p999999"),
        ("cancel", "reason", "e999999"),
        ("move_in", "person_id", "p000001"),
        ("move_in", "birth_date", "1990-02-30"),
        ("death", "recorded_at", "2020-01-01T08:00:00+07:00"),
    ],
)
def test_that_reader_does_find_what_is_wrong(kind: str, column: str, value: str, tmp_path: Path) -> None:
    generate(SynthConfig(**SMALL), tmp_path)  # type: ignore[arg-type]
    rows = table(tmp_path / "events.csv")
    next(row for row in rows if row["kind"] == kind)[column] = value
    with (tmp_path / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert violations(tmp_path) != []


def test_the_bytes_depend_on_the_configuration_alone_not_on_how_python_orders_sets(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ops.synth import SynthConfig, generate; "
        "generate(SynthConfig(persons=600, moves=60, districts=2, communes=2, difficulty='hard', rulings=3, "
        "twin_pairs_at_risk=5), Path(sys.argv[1]))"
    )
    root = str(Path(ops.synth.__file__).parents[2])
    digests = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root}
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True, env=environment)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        digests.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])
    assert digests[0] == digests[1]
    assert len(digests[0]) == 8


def test_ids_of_events_rise_with_the_time_of_writing(province: Path) -> None:
    for one, other in pairwise(table(province / "events.csv")):
        if one["node_id"] == other["node_id"]:
            assert one["recorded_at"] <= other["recorded_at"]
            assert one["event_id"] < other["event_id"]


def test_history_lies_on_one_side_of_the_reform(province: Path) -> None:
    reform = REFORM.isoformat()
    days = {row["event_date"] for row in table(province / "events.csv") if row["kind"] in {"move_out", "move_in"}}
    three = any(row["tier"] == "district" for row in table(province / "topology.csv"))
    assert max(days) < reform if three else min(days) >= reform


def test_a_household_that_moves_has_one_group_on_each_side_and_different_ones(province: Path) -> None:
    events = {f"{row['node_id']}:{row['event_id']}": row for row in table(province / "events.csv")}
    sheets: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    for move in table(province / "truth" / "moves.csv"):
        if move["out_ref"] and move["in_ref"]:
            out, arrival = events[move["out_ref"]], events[move["in_ref"]]
            if arrival["group_id"] and out["group_id"]:
                sheets[arrival["node_id"], arrival["group_id"]].add((out["node_id"], out["group_id"]))
    assert max(map(len, sheets.values())) <= 2  # two: a household on several sheets


# --- people ----------------------------------------------------------------------------------------------------------


def test_numbers_agree_with_sex_and_birth_year_and_nobody_has_anothers(province: Path) -> None:
    numbers = Counter[str]()
    for row in table(province / "persons.csv"):
        number = row["personal_id"]
        if not number or row["person_id"].endswith("b"):
            continue
        numbers[number] += 1
        assert len(number) == 12
        assert int(number[3]) % 2 == (row["sex"] == "F")
        assert 1900 + 100 * (int(number[3]) // 2) + int(number[4:6]) == int(row["birth_date"][:4])
    assert max(numbers.values()) == 1
    at_home = sum(number[:3] in {"051", "052", "064"} for number in numbers)
    assert at_home > 0.8 * len(numbers)


def test_ages_make_a_pyramid(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = table(made(tmp_path_factory, persons=8_000) / "persons.csv")
    ages = [2024 - int(row["birth_date"][:4]) for row in rows]
    assert 0.19 <= sum(age < 15 for age in ages) / len(ages) <= 0.29
    assert 0.06 <= sum(age >= 65 for age in ages) / len(ages) <= 0.13
    assert 3.4 <= len(rows) / len(table_of_households(rows)) <= 3.8


def table_of_households(rows: list[Row]) -> set[tuple[str, str]]:
    return {(row["node_id"], row["household_id"]) for row in rows}


def test_minorities_name_in_their_own_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = made(tmp_path_factory, persons=9_000, districts=0, communes=1)
    names: defaultdict[str, list[Row]] = defaultdict(list)
    for row in table(folder / "persons.csv"):
        names[row["ethnicity"]].append(row)
    assert {"Kinh", "Ba Na", "Gia Rai", "Hrê", "Chăm", "Ê Đê"} <= names.keys()
    women = [row["full_name"] for row in names["Gia Rai"] if row["sex"] == "F"]
    assert 0.2 <= sum("H'" in name for name in women) / len(women) <= 0.9


def test_twins_share_a_birthday_and_a_mother_and_stand_in_one_household(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = made(tmp_path_factory, persons=2_000, twin_rate=1.0)
    births: defaultdict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in table(folder / "persons.csv"):
        if row["relationship"] == "con" and row["mother_name"]:
            births[row["node_id"], row["household_id"], row["mother_name"], row["birth_date"]].append(row)
    pairs = [rows for rows in births.values() if len(rows) == 2]
    assert len(pairs) > 200
    assert all(one["full_name"] != other["full_name"] for one, other in pairs)
    assert not any(one["personal_id"] and one["personal_id"] == other["personal_id"] for one, other in pairs)


def test_as_many_twin_pairs_are_at_risk_as_asked(tmp_path: Path) -> None:
    summary = generate(SynthConfig(persons=6_000, moves=400, twin_pairs_at_risk=50), tmp_path)
    assert summary.twin_pairs_at_risk >= 50


# --- the truth -------------------------------------------------------------------------------------------------------


def test_every_record_and_every_person_stands_in_the_truth_once(province: Path) -> None:
    refs = [row["ref"] for row in table(province / "truth" / "persons.csv")]
    made_by_events = {
        f"{row['node_id']}:{row['person_id']}"
        for row in table(province / "events.csv")
        if row["kind"] in {"birth", "move_in"}
    }
    standing = {f"{row['node_id']}:{row['person_id']}" for row in table(province / "persons.csv")}
    assert len(refs) == len(set(refs))
    assert set(refs) == standing | made_by_events
    residents = [row["true_person"] for row in table(province / "truth" / "residents.csv")]
    assert len(residents) == len(set(residents))


def test_moves_are_as_many_as_asked_and_their_kinds_are_what_their_places_say(province: Path) -> None:
    moves = table(province / "truth" / "moves.csv")
    above = {row["node_id"]: row["parent_id"] for row in table(province / "topology.csv")}
    tiers = {row["node_id"]: row["tier"] for row in table(province / "topology.csv")}
    assert len(moves) == 300
    for move in moves:
        start, end = move["from_node"], move["to_node"]
        if not start or not end:
            expected = "abroad" if start else "from_outside"
        elif start == end:
            expected = "within_commune"
        elif above[start] == above[end]:
            expected = "between_communes"
        elif tiers[above[start]] == "district" and above[above[start]] == above[above[end]]:
            expected = "between_districts"
        else:
            expected = "between_provinces"
        assert move["kind"] == expected, move


def test_what_can_be_known_differs_from_the_truth_only_where_a_report_is_missing_or_late(province: Path) -> None:
    missing = {
        row["true_person"]
        for row in table(province / "truth" / "moves.csv")
        if not row["in_ref"] and row["kind"] != "within_commune"
    }
    for row in table(province / "truth" / "residents.csv"):
        if row["unit"] != row["known_unit"]:
            assert row["true_person"] in missing or "dead" in {row["status"], row["known_status"]}, row


def test_where_one_counts_is_where_the_last_move_led(province: Path) -> None:
    last: dict[str, Row] = {row["true_person"]: row for row in table(province / "truth" / "moves.csv")}
    counted = {row["true_person"]: row for row in table(province / "truth" / "residents.csv")}
    for person, move in last.items():
        now = counted[person]
        if now["status"] == "resident":
            assert now["unit"] == move["to_node"]
        elif now["status"] == "in_transit":
            assert now["unit"] == move["from_node"]
        else:
            assert now["unit"] == ""


def test_harder_levels_miss_more_and_misspell_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    counts = []
    for difficulty in ("easy", "real", "hard"):
        moves = table(made(tmp_path_factory, difficulty=difficulty, moves=600) / "truth" / "moves.csv")
        defects = Counter(defect for move in moves for defect in move["defects"].split("|"))
        names = sum(count for defect, count in defects.items() if ":name:" in defect)
        counts.append((defects["out:missing"], names, defects["in:personal_id:missing"]))
    assert all(one < other for easier, harder in pairwise(counts) for one, other in zip(easier, harder, strict=True))


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"tiers": "four"},
        {"difficulty": "impossible"},
        {"twin_rate": 2.0},
        {"persons": 0},
        {"moves": 40_000},
        {"start": date(2024, 12, 1)},  # with districts, until after they were dissolved
        {"tiers": "two", "start": date(2024, 1, 1)},
    ],
)
def test_a_configuration_that_makes_no_province_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        SynthConfig(**settings)  # type: ignore[arg-type]


def test_without_moves_and_with_one_commune_there_is_still_a_province(tmp_path: Path) -> None:
    summary = generate(
        SynthConfig(persons=30, moves=2, provinces=1, districts=1, communes=1, nation=False, months=1), tmp_path
    )
    assert summary.nodes == 3
    assert violations(tmp_path) == []
