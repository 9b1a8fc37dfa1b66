"""What a damaged row costs: itself, never the rows behind it, and no memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node import limits
from node.errors import BundleError
from node.interchange.bundle import HOUSEHOLDS
from node.interchange.table import Reject, rows
from node.interchange.writing import write_csv

HEADER = ",".join(HOUSEHOLDS.names) + "\n"


def read(folder: Path, content: str | bytes) -> tuple[dict[int, str], list[tuple[int, str]]]:
    """The household ids by line, and (line, reason) of the rejects."""
    path = folder / "households.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    rejects: list[Reject] = []
    found = {line: row[1] for line, row in rows(path, HOUSEHOLDS, rejects.append)}
    return found, [(reject.line, reject.reason) for reject in rejects]


@pytest.mark.parametrize(
    ("content", "found", "lines"),
    [
        ('c,H1,"Thon 1,,\nc,H2,,,\nc,H3,,,\nc,H4,"Thon 2",,\nc,H5,,,\n', {3: "H2", 4: "H3", 5: "H4", 6: "H5"}, [2]),
        ('c,H1,,,\nc,H2,"x,,\nc,H3,,,\n', {2: "H1", 4: "H3"}, [3]),
        ('c,H1,"a"b,,\nc,H2,,,\n', {3: "H2"}, [2]),
        ('c,H1,"a\nb",,\nc,H2,"x,,\nc,H3,,,\n', {2: "H1", 5: "H3"}, [4]),
        ('c,H1,"x\n"\nc,H2,,,\n', {4: "H2"}, [2, 3]),
        ('c,H1,"a ""b"" c",,\nc,H2,,,', {2: "H1", 3: "H2"}, []),
        ("\n  \nc,H1,,,\n\n", {4: "H1"}, []),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_line(
    tmp_path: Path, content: str, found: dict[int, str], lines: list[int]
) -> None:
    got, rejects = read(tmp_path, HEADER + content)
    assert got == found
    assert [line for line, _ in rejects] == lines


@given(st.integers(0, 9), st.integers(0, 7), st.sampled_from(["\n", "\r\n"]))
def test_one_mark_anywhere_loses_one_row_at_most(
    tmp_path_factory: pytest.TempPathFactory, row: int, place: int, end: str
) -> None:
    content = [f"c,H{n},,,{end}" for n in range(10)]
    content[row] = content[row][:place] + '"' + content[row][place:]
    got, _ = read(tmp_path_factory.mktemp("mark"), HEADER + "".join(content))
    assert {line: name for line, name in got.items() if line != row + 2} == {
        n + 2: f"H{n}" for n in range(10) if n != row
    }


def test_a_line_without_end_is_rejected_and_never_held(tmp_path: Path) -> None:
    content = HEADER + "c,H1,,,\n" + "x" * 20_000_000 + "\nc,H2,,,\n"
    path = tmp_path / "households.csv"
    path.write_text(content, encoding="utf-8")
    rejects: list[Reject] = []
    tracemalloc.start()
    found = [row[1] for _, row in rows(path, HOUSEHOLDS, rejects.append)]
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["H1", "H2"]
    assert [reject.line for reject in rejects] == [3]
    assert peak_bytes < 40 * limits.CSV_ROW_CHARACTERS_MAX


def test_a_row_of_endless_lines_is_rejected_and_never_held(tmp_path: Path) -> None:
    many = '"' + "\n" + '","\n' * (limits.CSV_ROW_CHARACTERS_MAX // 4)
    got, rejects = read(tmp_path, HEADER + many + "c,H9,,,\n")
    assert list(got.values()) == ["H9"]
    assert rejects[0] == (2, f"is no CSV row: a row has more than {limits.CSV_ROW_CHARACTERS_MAX} characters")


def test_unknown_columns_without_a_name_or_named_twice_are_left_out(tmp_path: Path) -> None:
    got, rejects = read(tmp_path, HEADER[:-1] + ",,,note,note\nc,H1,,,,,,a,b\n")
    assert got == {2: "H1"}
    assert [line for line, _ in rejects] == [1, 1], "the nameless one and `note`, once each"


def test_a_known_column_twice_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="names the column hamlet twice"):
        read(tmp_path, HEADER[:-1] + ",hamlet\nc,H1,,,,\n")


def test_old_letters_far_behind_in_a_file_are_recognised(tmp_path: Path) -> None:
    ascii_rows = "".join(f"c,H{n},,,\n" for n in range(20_000))
    with pytest.raises(BundleError, match="TCVN3"):
        read(tmp_path, (HEADER + ascii_rows).encode() + "c,X,NguyÔn V¨n Hïng,TrÇn ThÞ Léc,\n".encode("latin-1"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_utf16_is_named_with_and_without_its_mark(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(BundleError, match="UTF-16"):
        read(tmp_path, (HEADER + "c,H1,Thon 1,,\n").encode(encoding))


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=5, max_size=5), max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, content: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("round") / "households.csv"
    assert write_csv(path, HOUSEHOLDS.names, content) == len(content)
    rejects: list[Reject] = []
    assert [list(row) for _, row in rows(path, HOUSEHOLDS, rejects.append)] == content
    assert rejects == []


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", '"', ",", "\r", " a ", "\0"])
def test_every_sign_survives_writing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "households.csv"
    write_csv(path, HOUSEHOLDS.names, [("c", "H1", text, "", ""), ("c", "H2", "", "", "")])
    assert [row[1:3] for _, row in rows(path, HOUSEHOLDS, lambda _: None)] == [["H1", text], ["H2", ""]]
    assert path.read_bytes().endswith(b"c,H2,,,\n"), "lines end with LF"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "households.csv"
    write_csv(path, HOUSEHOLDS.names, [("c", "H1", "", "", "")])
    before = path.read_bytes()

    def broken() -> list[tuple[str, ...]]:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_csv(path, HOUSEHOLDS.names, (row for part in (broken,) for row in part()))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["households.csv"]
