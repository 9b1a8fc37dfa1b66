"""Reading a bundle: what is taken, what is rejected and where, what refuses a file."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conflict.text import TCVN3
from node.errors import BundleError
from node.interchange.bundle import EVENTS, HOUSEHOLDS, PERSONS, TOPOLOGY, Bundle
from node.interchange.table import Columns, Reject, rows
from node.interchange.values import OLD_CARD_IN_PERSONAL_ID, ValueRefused, instant_ms, read_date, read_text
from node.interchange.writing import REJECTED, write_rejected
from node.schema import PERSON_COLUMNS

TREE = [("p", "province", "", "52", "Bình Định", ""), ("c", "commune", "p", "21550", "Trần Phú", "2024-01-01")]


def write(folder: Path, name: str, columns: Columns, content: list[dict[str, str]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns.names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(content)
    path = folder / name
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def bundle_folder(folder: Path, **files: list[dict[str, str]]) -> Path:
    tree = [
        dict(zip(("node_id", "tier", "parent_id", "admin_code", "name", "valid_from"), row, strict=True))
        for row in TREE
    ]
    write(folder, "topology.csv", TOPOLOGY, files.get("topology", tree))
    write(folder, "households.csv", HOUSEHOLDS, files.get("households", []))
    write(folder, "persons.csv", PERSONS, files.get("persons", []))
    write(folder, "events.csv", EVENTS, files.get("events", []))
    return folder


def person(person_id: str, **values: str) -> dict[str, str]:
    return {"node_id": "c", "person_id": person_id, "household_id": "H1", **values}


def event(event_id: str, recorded_at: str, **values: str) -> dict[str, str]:
    return {
        "node_id": "c",
        "event_id": event_id,
        "kind": "death",
        "event_date": "2024-05-01",
        "recorded_at": recorded_at,
        "person_id": "P1",
        **values,
    }


def read_persons(folder: Path) -> tuple[list[str], list[Reject]]:
    rejects: list[Reject] = []
    found = [row.person_id for row in Bundle(folder, rejects.append).persons()]
    return found, rejects


def test_a_sound_bundle_is_read_whole(tmp_path: Path) -> None:
    folder = bundle_folder(
        tmp_path,
        households=[{"node_id": "c", "household_id": "H1", "hamlet": "Thôn 1", "head_person_id": "P1"}],
        persons=[person("P1", full_name="Nguyễn Văn An", sex="M", birth_date="1980")],
        events=[event("E2", "2024-06-01T09:00:00+07:00"), event("E1", "2024-06-01T02:00:00+00:00")],
    )
    rejects: list[Reject] = []
    bundle = Bundle(folder, rejects.append)
    assert [row.household_id for row in bundle.households()] == ["H1"]
    assert [row.columns[PERSON_COLUMNS.index("birth_date")] for row in bundle.persons()] == ["1980"]
    assert [row.event_id for row in bundle.events()] == ["E1", "E2"], "equal instants are ordered by their ids"
    assert bundle.first_day() == "2024-06-01"
    assert bundle.topology.roots == ("p",)
    assert bundle.topology.ancestors("c") == ("p",)
    assert rejects == []


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"full_name": "Nguyễn\0An"}, "full_name"),
        ({"sex": "nam"}, "sex"),
        ({"birth_date": "31/12/1980"}, "birth_date"),
        ({"birth_date": "1980-02-30"}, "birth_date"),
        ({"residence": "thường trú"}, "residence"),
        ({"node_id": "nobody"}, "node_id"),
        ({"person_id": ""}, "person_id"),
        ({"address": "x"}, ""),
    ],
)
def test_a_row_that_cannot_be_read_is_rejected_and_the_others_go_on(
    tmp_path: Path, values: dict[str, str], column: str
) -> None:
    if column == "":  # a row with one value too many
        folder = bundle_folder(tmp_path, persons=[person("P1")])
        with (folder / "persons.csv").open("a", encoding="utf-8") as file:
            file.write("c,P2,H1" + "," * 20 + "\nc,P3,H1" + "," * 13 + "\n")
    else:
        folder = bundle_folder(tmp_path, persons=[person("P1"), person("P2") | values, person("P3")])
    found, rejects = read_persons(folder)
    assert found == ["P1", "P3"]
    assert [(reject.file, reject.line, reject.column) for reject in rejects] == [("persons.csv", 3, column)]


def test_lines_are_counted_through_quoted_line_ends(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path, persons=[person("P1", full_name="An\nBình"), person("P2", sex="?"), person("P3")])
    found, rejects = read_persons(folder)
    assert found == ["P1", "P3"]
    assert [reject.line for reject in rejects] == [4]


def test_an_unknown_column_is_named_once_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    (folder / "persons.csv").write_text(
        "religion,person_id,node_id,household_id," + ",".join(PERSON_COLUMNS) + "\nx,P1,c,H1" + "," * 13 + "\n",
        encoding="utf-8",
    )
    found, rejects = read_persons(folder)
    assert found == ["P1"]
    assert [(reject.line, reject.column) for reject in rejects] == [(1, "religion")]


def test_a_missing_column_refuses_the_file_and_names_it(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    (folder / "persons.csv").write_text("node_id,person_id\nc,P1\n", encoding="utf-8")
    with pytest.raises(BundleError, match="lacks the columns household_id, full_name"):
        read_persons(folder)


def test_bom_and_crlf_are_accepted(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path, persons=[person("P1", full_name="Đặng Ánh")])
    path = folder / "persons.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_persons(folder) == (["P1"], [])


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-16", "UTF-16"),
        ("tcvn3", "TCVN3"),
        ("vni", "VNI"),
        ("cp1258", "Windows-1258"),
        ("damaged", "UTF-8 with damaged"),
    ],
)
def test_a_file_in_another_encoding_is_refused_with_a_guess(tmp_path: Path, encoding: str, name: str) -> None:
    folder = bundle_folder(
        tmp_path, persons=[person("P1", full_name="Nguyễn Văn Hùng"), person("P2", full_name="Trần Thị Lộc")]
    )
    path = folder / "persons.csv"
    text = path.read_text(encoding="utf-8")
    letters = {meant: written for written, meant in TCVN3.items()}
    data = {
        "utf-16": lambda: text.encode("utf-16"),
        "tcvn3": lambda: "".join(letters.get(letter, letter) for letter in text).encode("latin-1"),
        "vni": lambda: (
            text.replace("Nguyễn Văn Hùng", "Nguyeãn Vaên Huøng")
            .replace("Trần Thị Lộc", "Traàn Thò Loäc")
            .encode("latin-1")
        ),
        "cp1258": lambda: (
            text.replace("Nguyễn Văn Hùng", "Nguyê\u0303n Văn Hu\u0300ng")
            .replace("Trần Thị Lộc", "Trâ\u0300n Thi\u0323 Lô\u0323c")
            .encode("cp1258")
        ),
        "damaged": lambda: text.encode().replace("ễ".encode(), b"\xe1\xbb"),
    }[encoding]()
    path.write_bytes(data)
    with pytest.raises(BundleError, match=name) as caught:
        read_persons(folder)
    assert "UTF-8" in caught.value.hint


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([("a", "x", "b", "", "A", ""), ("b", "x", "a", "", "B", "")], "cycle"),
        ([("a", "x", "z", "", "A", "")], "the parent z of a"),
        ([("a", "x", "", "", "A", ""), ("a", "y", "", "", "A", "")], "twice"),
        ([("a", "x", "", "5", "A", "")], "no administrative code"),
        ([], "names no node"),
    ],
)
def test_a_topology_that_is_no_forest_is_refused(tmp_path: Path, tree: list[tuple[str, ...]], message: str) -> None:
    names = ("node_id", "tier", "parent_id", "admin_code", "name", "valid_from")
    folder = bundle_folder(tmp_path, topology=[dict(zip(names, row, strict=True)) for row in tree])
    with pytest.raises(BundleError, match=message):
        Bundle(folder, lambda _: None)


def test_the_as_of_leaves_out_clocks_ten_years_off(tmp_path: Path) -> None:
    folder = bundle_folder(
        tmp_path,
        events=[
            event(str(n), f"{year}-06-01T08:00:00+07:00") for n, year in enumerate((1970, 2023, 2024, 2024, 2025, 2036))
        ],
    )
    assert Bundle(folder, lambda _: None).as_of_ms() == instant_ms("2025-06-01T08:00:00+07:00")


def test_a_nine_digit_number_is_read_as_an_old_card_with_a_warning(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path, persons=[person("P1", personal_id="211 234 567")])
    row = next(Bundle(folder, lambda _: None).persons())
    assert row.columns[PERSON_COLUMNS.index("old_card_id")] == "211234567"
    assert row.columns[PERSON_COLUMNS.index("personal_id")] == ""
    assert row.warnings == (OLD_CARD_IN_PERSONAL_ID,)


def test_an_endless_field_is_rejected_and_does_not_fill_the_memory(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path, persons=[person("P1"), person("P2", full_name="x" * 100_000), person("P3")])
    found, rejects = read_persons(folder)
    assert found == ["P1", "P3"]
    assert [reject.line for reject in rejects] == [3]


@given(st.text(), st.sampled_from([read_text, read_date]))
def test_any_text_is_read_or_refused(value: str, read: Callable[[str, str], str]) -> None:
    text = None
    with contextlib.suppress(ValueRefused):
        text = read("column", value)
    if text is not None:
        assert "\0" not in text
        assert text.encode() is not None, "no lone surrogate is left"


@given(st.binary(max_size=300))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "households.csv"
    path.write_bytes(b"node_id,household_id,hamlet,address,head_person_id\n" + data)
    with contextlib.suppress(BundleError):
        for line, row in rows(path, HOUSEHOLDS, lambda _: None):
            assert line > 1
            assert len(row) == 5


def test_rejects_are_written_so_that_a_person_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    write_rejected(
        path, [Reject("persons.csv", 7, "full_name", "a\0b", "bad"), Reject("persons.csv", 2, "sex", "x" * 999, "bad")]
    )
    with path.open(encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert tuple(header) == REJECTED
    assert first[1] == "2" and len(first[3]) == 200
    assert second[3] == "a\\x00b"
