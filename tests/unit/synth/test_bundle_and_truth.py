"""Laws of what the generator writes, told from its files alone: the bundle holds together, and the truth fits it."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from conflict.personal_number import disagreements, parse
from node.interchange.bundle import FILES, Bundle
from node.interchange.table import Reject
from node.schema import PERSON_COLUMNS
from ops.synth import SynthConfig, generate

THREE = SynthConfig(seed=5, persons=3_000, moves=300, provinces=2, districts=2, communes=3)
TWO = replace(THREE, tiers="two")
ARRIVALS = ("birth", "move_in")
STATUSES = {"resident", "in_transit", "away", "lapsed", "abroad", "temporary", "proposed", "dead", "void", "gone"}
Row = dict[str, str]


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Province:
    folder: Path
    topology: list[Row]
    households: list[Row]
    persons: list[Row]
    events: list[Row]
    refs: list[Row]
    moves: list[Row]
    residents: list[Row]

    @classmethod
    def read(cls, folder: Path) -> Province:
        bundle = [table(folder / name) for name in FILES]
        truth = [table(folder / "truth" / f"{name}.csv") for name in ("persons", "moves", "residents")]
        return cls(folder, *bundle, *truth)

    def in_order(self) -> Iterator[Row]:
        """Events as they happen at their nodes (FORMAT): by recorded_at, then event_id."""
        return iter(sorted(self.events, key=lambda row: (datetime.fromisoformat(row["recorded_at"]), row["event_id"])))


@pytest.fixture(scope="module", params=[THREE, TWO], ids=["three tiers", "two tiers"])
def province(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Province:
    folder = tmp_path_factory.mktemp("synth")
    generate(request.param, folder)
    return Province.read(folder)


def person_ref(row: Row) -> str:
    return f"{row['node_id']}:{row['person_id']}"


def event_ref(row: Row) -> str:
    return f"{row['node_id']}:{row['event_id']}"


# --- the same configuration, the same bytes --------------------------------------------------------------------------


def test_the_same_configuration_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    config = replace(THREE, persons=800, moves=80)
    for name, made in (("one", config), ("same", config), ("other", replace(config, seed=6))):
        generate(made, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert {str(path) for path in files} >= {*FILES, "truth/persons.csv", "truth/moves.csv", "truth/README.txt"}
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "same" / path).read_bytes(), path
    assert (tmp_path / "one" / "persons.csv").read_bytes() != (tmp_path / "other" / "persons.csv").read_bytes()


def test_the_summary_counts_the_rows_and_progress_reaches_its_total(tmp_path: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}
    config = replace(THREE, persons=800, moves=80)
    summary = generate(config, tmp_path, progress=lambda what, done, total: seen.__setitem__(what, (done, total)))
    made = Province.read(tmp_path)
    assert (summary.nodes, summary.persons) == (len(made.topology), len(made.persons))
    assert (summary.households, summary.events) == (len(made.households), len(made.events))
    assert seen and all(done == total for done, total in seen.values())


# --- the bundle ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("difficulty", ["easy", "real", "hard"])
def test_no_row_is_rejected_by_the_reader(difficulty: str, tmp_path: Path) -> None:
    generate(SynthConfig(seed=9, persons=1_500, moves=200, districts=2, communes=2, difficulty=difficulty), tmp_path)
    rejects: list[Reject] = []
    bundle = Bundle(tmp_path, rejects.append)
    rows = (sum(1 for _ in bundle.households()), sum(1 for _ in bundle.persons()), len(bundle.events()))
    assert all(rows) and rejects == []


def test_only_leaves_of_the_tree_have_rows(province: Province) -> None:
    inner = {row["parent_id"] for row in province.topology}
    leaves = {row["node_id"] for row in province.topology} - inner
    for rows in (province.households, province.persons):
        assert {row["node_id"] for row in rows} == leaves
    assert {row["node_id"] for row in province.events if row["kind"] != "ruling"} <= leaves


def test_ids_are_given_once_in_their_node(province: Province) -> None:
    standing = Counter(map(person_ref, province.persons))
    assert max(standing.values()) == 1
    arrived: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in province.events:
        if row["kind"] in ARRIVALS:
            arrived[person_ref(row)].add(tuple(row[column] for column in PERSON_COLUMNS))
    assert not arrived.keys() & standing.keys()
    assert max(map(len, arrived.values())) == 1  # the same report may come twice, but then it says the same
    assert max(Counter(map(event_ref, province.events)).values()) == 1
    assert max(Counter((row["node_id"], row["household_id"]) for row in province.households).values()) == 1


def test_the_register_refers_to_households_and_heads_that_are_there(province: Province) -> None:
    households = {(row["node_id"], row["household_id"]) for row in province.households}
    members = {(row["node_id"], row["household_id"], row["person_id"]) for row in province.persons}
    assert {(row["node_id"], row["household_id"]) for row in province.persons} == households
    headed = [row for row in province.households if row["head_person_id"]]  # a dormitory has none
    assert {(row["node_id"], row["household_id"], row["head_person_id"]) for row in headed} <= members
    assert len(headed) > 0.9 * len(province.households)


def test_every_event_refers_to_what_its_node_knows_by_then(province: Province) -> None:
    known = {person_ref(row) for row in province.persons}
    written: set[str] = set()
    for row in province.in_order():
        node = row["node_id"]
        if row["kind"] == "ruling":
            assert {row["person_id"], row["other_person_id"]} <= known
        elif row["kind"] in ARRIVALS:
            known.add(person_ref(row))
        else:
            assert person_ref(row) in known, row
        if row["other_person_id"] and row["kind"] != "ruling":
            assert f"{node}:{row['other_person_id']}" in known, row
        if row["kind"] == "cancel":
            assert f"{node}:{row['reason']}" in written, row
        written.add(event_ref(row))


def test_a_group_is_one_household_on_one_side_of_one_move(province: Province) -> None:
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in province.events:
        if row["group_id"]:
            groups[row["node_id"], row["group_id"]].append(row)
    assert groups
    assert all(len({row["kind"] for row in rows}) == 1 for rows in groups.values())
    assert {rows[0]["kind"] for rows in groups.values()} == {"move_out", "move_in"}
    assert max(len({row["person_id"] for row in rows}) for rows in groups.values()) >= 3


def test_all_kinds_of_events_happen(tmp_path: Path) -> None:
    generate(SynthConfig(seed=3, persons=12_000, moves=1_500), tmp_path)
    kinds = {row["kind"] for row in table(tmp_path / "events.csv")}
    lives = {"birth", "death", "marriage", "divorce", "correction"}
    assert kinds >= lives | {"move_out", "move_in", "end_temporary", "cancel", "confirm", "dispute"}


def test_recorded_at_has_the_offset_of_vietnam_and_is_not_before_the_event(province: Province) -> None:
    assert all(row["recorded_at"].endswith("+07:00") for row in province.events)
    early = [row for row in province.events if row["recorded_at"][: len(row["event_date"])] < row["event_date"]]
    assert early == []


# --- Vietnam's shapes ------------------------------------------------------------------------------------------------


def test_households_have_about_3_6_persons(province: Province) -> None:
    assert 3.3 <= len(province.persons) / len(province.households) <= 3.9


def test_family_names_have_their_shares(province: Province) -> None:
    families = Counter(row["full_name"].split()[0] for row in province.persons if row["ethnicity"] == "Kinh")
    total = sum(families.values())
    assert 0.34 <= families["Nguyễn"] / total <= 0.43
    assert 0.72 <= sum(count for _, count in families.most_common(7)) / total <= 0.88


def test_personal_numbers_follow_the_rule_and_are_given_once(province: Province) -> None:
    numbers = [row["personal_id"] for row in province.persons if row["personal_id"]]
    assert len(numbers) > 0.6 * len(province.persons)
    assert all(parse(number) is not None for number in numbers)
    assert sum(count - 1 for count in Counter(numbers).values()) <= 2  # one who stands in a register twice
    for row in province.persons:
        assert disagreements(row["personal_id"], row["sex"], row["birth_date"]) == [], row


def test_parents_in_the_household_bear_the_names_their_children_give(province: Province) -> None:
    names: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in province.persons:
        names[row["node_id"], row["household_id"]].add(row["full_name"])
    children = [row for row in province.persons if row["relationship"] == "con" and row["mother_name"]]
    found = sum(row["mother_name"] in names[row["node_id"], row["household_id"]] for row in children)
    assert found > 0.9 * len(children) > 500


def test_codes_and_names_are_the_real_ones_of_their_era(province: Province) -> None:
    spec = importlib.util.find_spec("vietnamadminunits")
    assert spec is not None and spec.origin is not None
    legacy = any(row["tier"] == "district" for row in province.topology)
    path = Path(spec.origin).parent / "data" / ("parser_legacy.json" if legacy else "parser_from_2025.json")
    real: set[tuple[str, str]] = set()
    unread: list[object] = [json.loads(path.read_text(encoding="utf-8"))]
    while unread:
        value = unread.pop()
        if isinstance(value, dict):
            unread.extend(value.values())
            real.update((str(value.get(f"{t}Code")), str(value.get(t))) for t in ("province", "district", "ward"))
    units = {(row["admin_code"], row["name"]) for row in province.topology if row["tier"] != "nation"}
    assert units <= real
    assert {len(code) for code, _ in units} == ({2, 3, 5} if legacy else {2, 5})
    assert all(row["node_id"].isascii() for row in province.topology)
    assert ("52", "Tỉnh Bình Định" if legacy else "Tỉnh Gia Lai") in units


@pytest.mark.parametrize("nation", [True, False])
def test_small_trees_have_the_asked_form(nation: bool, tmp_path: Path) -> None:
    generate(SynthConfig(persons=400, moves=20, provinces=2, districts=2, communes=2, nation=nation), tmp_path)
    tiers = Counter(row["tier"] for row in table(tmp_path / "topology.csv"))
    assert [tiers[tier] for tier in ("nation", "province", "district", "commune")] == [int(nation), 2, 4, 8]


# --- the truth -------------------------------------------------------------------------------------------------------


def test_every_record_stands_for_exactly_one_true_person(province: Province) -> None:
    made = [*province.persons, *(row for row in province.events if row["kind"] in ARRIVALS)]
    refs = [row["ref"] for row in province.refs]
    assert len(refs) == len(set(refs))
    assert set(refs) == set(map(person_ref, made))


def test_every_true_person_is_in_exactly_one_row_of_residents(province: Province) -> None:
    numbers = Counter(row["true_person"] for row in province.residents)
    assert max(numbers.values()) == 1
    assert {row["true_person"] for row in (*province.refs, *province.moves)} <= numbers.keys()
    leaves = {row["node_id"] for row in province.households}
    assert {row["unit"] for row in province.residents} <= {*leaves, ""}
    assert {row["status"] for row in province.residents} <= STATUSES
    assert all(row["unit"] for row in province.residents if row["status"] == "resident")


def test_the_halves_of_a_true_move_are_reports_about_its_person(province: Province) -> None:
    owner = {row["ref"]: row["true_person"] for row in province.refs}
    events = {event_ref(row): row for row in province.events}
    for move in province.moves:
        for half, kind, place in (("out_ref", "move_out", "from_node"), ("in_ref", "move_in", "to_node")):
            if move[half]:
                event = events[move[half]]
                assert (event["kind"], event["node_id"]) == (kind, move[place]), move
                assert owner[person_ref(event)] == move["true_person"], move


def test_both_halves_may_be_missing_and_either_may_come_first(province: Province) -> None:
    recorded = {event_ref(row): row["recorded_at"] for row in province.events}
    both = [move for move in province.moves if move["out_ref"] and move["in_ref"]]
    first = Counter(recorded[move["in_ref"]] < recorded[move["out_ref"]] for move in both)
    assert first[True] and first[False]
    inside = [move for move in province.moves if move["from_node"] and move["to_node"]]
    assert any(move["in_ref"] and not move["out_ref"] for move in inside)
    assert any(move["out_ref"] and not move["in_ref"] for move in inside)


def test_moves_go_near_and_far_and_about_as_many_as_asked(province: Province) -> None:
    above = {row["node_id"]: row["parent_id"] for row in province.topology}
    real = [move for move in province.moves if move["kind"] not in {"stay", "temporary"}]
    inside = [move for move in real if move["from_node"] and move["to_node"]]
    assert any(move["from_node"] == move["to_node"] for move in inside)
    assert any(above[move["from_node"]] != above[move["to_node"]] for move in inside)
    assert any(not move["to_node"] for move in real) and any(not move["from_node"] for move in real)
    assert 0.7 * THREE.moves <= len(real) <= 1.35 * THREE.moves


# --- what cannot be made ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"provinces": 0}, {"moves": -1}, {"months": 0}, {"persons": 0}])
def test_what_cannot_be_made_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        replace(THREE, **wrong)  # type: ignore[arg-type]
