"""One CSV file of a bundle: header in any order, RFC 4180, UTF-8 with or without BOM, LF or CRLF, rows one by one.

What is wrong with a row goes to the sink of rejects and the others go on; what is wrong with the file refuses it
(``BundleError``). Nothing is held in memory but the present row.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conflict.text import guess_encoding
from node import limits
from node.errors import BundleError

ENCODING_NAMES: Final = {
    "utf-8": "UTF-8 with damaged characters",
    "utf-16": "UTF-16",
    "tcvn3": "TCVN3 (ABC fonts)",
    "vni": "VNI",
    "cp1258": "Windows-1258",
    "unknown": "an encoding that could not be recognised",
}
_CHUNK_BYTES: Final = 1 << 20
_SAMPLE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, or a column, that is not imported. ``line`` is the line of the file on which the row begins, from 1."""

    file: str
    line: int
    column: str
    value: str
    reason: str


RejectSink = Callable[[Reject], None]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file: those that must be there and those that may be missing."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.required, *self.optional)


def require_utf8(path: Path) -> None:
    """Refuse a file that is not UTF-8, with a guess of what it is. Raises ``BundleError``."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        with path.open("rb") as file:
            sample = file.read(_SAMPLE_BYTES)
        raise BundleError(
            f"{path.name} is not UTF-8; it seems to be {ENCODING_NAMES.get(guess_encoding(sample), 'damaged')}. "
            "Nothing of it was read.",
            hint="Save it as UTF-8 (in a spreadsheet: CSV UTF-8) and run the same command again.",
        ) from None
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}).",
            hint="A bundle is a folder with topology.csv, households.csv, persons.csv and events.csv.",
        ) from error


def rows(path: Path, columns: Columns, rejected: RejectSink) -> Iterator[tuple[int, Sequence[str]]]:
    """(line, values in the order of ``columns.names``) of each row that has the form of the header.

    Raises ``BundleError`` if the file is not UTF-8, empty, or lacks a required column.
    """
    require_utf8(path)
    csv.field_size_limit(limits.CSV_FIELD_BYTES_MAX)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = _header(path, reader, columns, rejected)
        width = len(header)
        # Missing optional columns read as empty: index -1 is an empty text put behind each row.
        positions = [header.index(name) if name in header else width for name in columns.names]
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                rejected(Reject(path.name, line, "", "", f"is no CSV row: {error}"))
                continue
            if not values:
                continue  # an empty line
            if len(values) != width:
                rejected(
                    Reject(path.name, line, "", ",".join(values), f"has {len(values)} values, the header has {width}")
                )
                continue
            values.append("")
            yield line, [values[position] for position in positions]


def _header(path: Path, reader: Iterator[list[str]], columns: Columns, rejected: RejectSink) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except (StopIteration, csv.Error):
        raise BundleError(
            f"{path.name} has no header row.", hint=f"Its first line must name the columns: {', '.join(columns.names)}"
        ) from None
    missing = [name for name in columns.required if name not in header]
    if missing:
        raise BundleError(
            f"{path.name} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}. "
            "Nothing of it was read.",
            hint=f"Its first line must name the columns: {', '.join(columns.names)}",
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BundleError(f"{path.name} names the column {twice[0]} twice.", hint="Name each column once.")
    for name in header:
        if name not in columns.names:
            rejected(Reject(path.name, 1, name, name, "is an unknown column; the rest of the file is read without it"))
    return header
