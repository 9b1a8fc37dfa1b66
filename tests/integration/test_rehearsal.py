"""A whole tree from a bundle: the way that commits take leaves no trace in the result."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from node.errors import BundleError
from node.schema import CAPTURED_NAMES
from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import RehearsalResult, rehearse
from ops.synth import SynthConfig, generate
from tests.integration.small_bundle import COMMUNES, write_small_bundle

RESULT_FILES = ("residents.csv", "cases.csv", "balance.csv", "replicas.csv", "rejected.csv")


def run(bundle: Path, out: Path, **options: object) -> RehearsalResult:
    return rehearse(RehearsalOptions(bundle, out, in_process=True, **options))  # type: ignore[arg-type]


def contents(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in RESULT_FILES}


def test_twenty_link_seeds_end_in_equal_results(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle")
    run(bundle, tmp_path / "first", seed=0)
    expected = contents(tmp_path / "first")
    for seed in range(1, 20):
        run(bundle, tmp_path / "other", seed=seed)
        assert contents(tmp_path / "other") == expected, f"replay with link seed {seed}"


def test_moves_are_settled_alike_whichever_way_their_halves_come(tmp_path: Path) -> None:
    config = SynthConfig(persons=260, moves=60, districts=2, communes=2, provinces=1)
    generate(config, tmp_path / "bundle")
    run(tmp_path / "bundle", tmp_path / "first", seed=0)
    expected = contents(tmp_path / "first")
    cases = list(csv.DictReader((tmp_path / "first" / "cases.csv").read_text(encoding="utf-8").splitlines()))
    both = [case for case in cases if case["outcome"] == "moved" and case["score"] and "|" in case["refs"]]
    assert len(both) >= 20
    residents = (tmp_path / "first" / "residents.csv").read_text(encoding="utf-8").splitlines()
    assert sum("|" in row["refs"] for row in csv.DictReader(residents)) >= len(both) // 2
    for seed in range(1, 20):
        run(tmp_path / "bundle", tmp_path / "other", seed=seed)
        assert contents(tmp_path / "other") == expected, f"replay with link seed {seed}"


def test_another_bundle_gives_another_result(tmp_path: Path) -> None:
    run(write_small_bundle(tmp_path / "a", seed=1), tmp_path / "ra")
    run(write_small_bundle(tmp_path / "b", seed=2), tmp_path / "rb")
    assert contents(tmp_path / "ra")["residents.csv"] != contents(tmp_path / "rb")["residents.csv"]


def test_real_processes_end_in_the_same_result_as_one_process(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle", persons=20, events=15)
    run(bundle, tmp_path / "in")
    rehearse(RehearsalOptions(bundle, tmp_path / "out", seed=3, work=tmp_path / "work"))
    assert contents(tmp_path / "out") == contents(tmp_path / "in")


def test_every_ref_stands_in_exactly_one_row(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle")
    run(bundle, tmp_path / "out")
    expected = set()
    for name, kinds in (("persons.csv", None), ("events.csv", {"birth", "move_in"})):
        with (bundle / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if kinds is None or row["kind"] in kinds:
                    expected.add(f"{row['node_id']}:{row['person_id']}")
    with (tmp_path / "out" / "residents.csv").open(encoding="utf-8", newline="") as file:
        refs = [ref for row in csv.DictReader(file) for ref in row["refs"].split("|")]
    assert len(refs) == len(set(refs))
    assert set(refs) == expected


def test_a_forest_has_one_result_for_all_its_roots(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle", nation=False)
    result = run(bundle, tmp_path / "out")
    assert result.counts.residents > 4 * 40
    with (tmp_path / "out" / "residents.csv").open(encoding="utf-8", newline="") as file:
        nodes = {row["person"].partition(":")[0] for row in csv.DictReader(file)}
    assert nodes == set(COMMUNES)


def test_rows_that_cannot_be_read_are_listed_and_the_others_climb(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle")
    with (bundle / "persons.csv").open("a", encoding="utf-8") as file:
        file.write("c0,P0,H0,Somebody Else" + "," * 12 + "\n")  # an id used twice with other content
        file.write("c9,P1,H0,Nobody" + "," * 12 + "\n")  # an unknown node
        file.write("c1,P900,H0,Ánh\0" + "," * 12 + "\n")
    with (bundle / "events.csv").open("a", encoding="utf-8") as file:
        file.write("c1,E900,death,2024-01-01,2024-01-02T08:00:00+07:00,P12345" + "," * 18 + "\n")  # an unknown person
        file.write("c1,E901,death,2030-01-01,2024-01-02T08:00:00+07:00,P3" + "," * 18 + "\n")  # dated ahead: recorded
    result = run(bundle, tmp_path / "out")
    with (tmp_path / "out" / "rejected.csv").open(encoding="utf-8", newline="") as file:
        rejected = {(row["file"], row["column"]) for row in csv.DictReader(file)}
    assert result.rejected == 4
    assert rejected == {
        ("persons.csv", "person_id"),
        ("persons.csv", "node_id"),
        ("persons.csv", "full_name"),
        ("events.csv", "person_id"),
    }
    assert all(copy.equal for copy in result.copies)


def test_a_bundle_that_is_none_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"topology\.csv") as caught:
        run(tmp_path, tmp_path / "out")
    assert "events.csv" in caught.value.hint
    bundle = write_small_bundle(tmp_path / "bundle")
    path = bundle / "persons.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    with pytest.raises(BundleError, match="UTF-16"):
        run(bundle, tmp_path / "out")


READER = """
import json, sqlite3, sys
rows = {}
for path in sys.argv[2:]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows[path] = {
        table: [
            [value.hex() if isinstance(value, bytes) else value for value in row]
            for row in db.execute(f"SELECT * FROM {table} ORDER BY origin, id")
        ]
        for table in sys.argv[1].split(",")
    }
print(json.dumps(rows))
"""


def test_an_independent_reader_finds_every_table_equal_at_every_tier(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle")
    work = tmp_path / "work"
    run(bundle, tmp_path / "out", work=work, seed=5)
    parents = {
        "c0": ("p1d", "p1", "nation"),
        "c1": ("p2d", "p2", "nation"),
        "c2": ("p1d", "p1", "nation"),
        "c3": ("p2d", "p2", "nation"),
    }
    paths = [str(work / f"{node}.db") for node in {*parents, *(up for ups in parents.values() for up in ups)}]
    # another process, another SQLite library, read only: nothing of the product is trusted here
    done = subprocess.run(
        [sys.executable, "-c", READER, ",".join(CAPTURED_NAMES), *paths], capture_output=True, check=True, text=True
    )
    found = json.loads(done.stdout)
    compared = 0
    for commune, ancestors in parents.items():
        own = found[str(work / f"{commune}.db")]
        origin = own["origin_profile"][0][0]
        for ancestor in ancestors:
            copy = found[str(work / f"{ancestor}.db")]
            for table in CAPTURED_NAMES:
                expected = [row for row in own[table] if row[0] == origin]
                assert [row for row in copy[table] if row[0] == origin] == expected, (
                    f"{table} of {commune} at {ancestor}"
                )
                compared += len(expected)
    assert compared > 4 * 40 * 3
