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

from conflict.text import guess_encoding, looks_like_utf16
from node import limits
from node.errors import BundleError
from node.interchange.lines import Lines

ENCODING_NAMES: Final = {
    "utf-8": "UTF-8 with damaged characters",
    "utf-16": "UTF-16",
    "tcvn3": "TCVN3 (ABC fonts)",
    "vni": "VNI",
    "cp1258": "Windows-1258",
    "unknown": "an encoding that could not be recognised",
}
_CHUNK_BYTES: Final = 1 << 20
_SAMPLE_BYTES: Final = 1 << 15
_VALUE_CHARACTERS_MAX: Final = 1_000  # of a whole line in a reject; rejected.csv shows less


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
            start = file.read(_CHUNK_BYTES)
            if looks_like_utf16(start[:_SAMPLE_BYTES]):
                raise _not_utf8(path, start[:_SAMPLE_BYTES])
            decoder.decode(start)
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # What stands around the first strange byte tells most: before it there may be nothing but ASCII.
        raise _not_utf8(path, error.object[max(0, error.start - _SAMPLE_BYTES) : error.start + _SAMPLE_BYTES]) from None
    except OSError as error:
        raise _unreadable(path, error) from error


def _not_utf8(path: Path, sample: bytes) -> BundleError:
    return BundleError(
        f"{path.name} is not UTF-8; it seems to be {ENCODING_NAMES[guess_encoding(sample)]}. Nothing of it was read.",
        hint="Save it as UTF-8 (in a spreadsheet: CSV UTF-8) and run the same command again.",
    )


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(
        f"{path} cannot be read ({error.strerror}).",
        hint="A bundle is a folder with topology.csv, households.csv, persons.csv and events.csv.",
    )


def rows(path: Path, columns: Columns, rejected: RejectSink) -> Iterator[tuple[int, Sequence[str]]]:
    """(line, values in the order of ``columns.names``) of each row that has the form of the header.

    Raises ``BundleError`` if the file is not UTF-8, empty, or lacks a required column.
    """
    require_utf8(path)
    csv.field_size_limit(limits.CSV_FIELD_BYTES_MAX)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = Lines(file)
        reader = csv.reader(lines, strict=True)
        header = _header(path, reader, columns, rejected)
        width = len(header)
        # Missing optional columns read as empty: the position behind the header is an empty text put behind each row.
        positions = [header.index(name) if name in header else width for name in columns.names]
        while True:
            lines.begin_row()
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                rejected(Reject(path.name, lines.first, "", _cut(lines.give_back()), f"is no CSV row: {error}"))
                continue
            except OSError as error:
                raise _unreadable(path, error) from error
            if len(values) == width:
                values.append("")
                yield lines.first, [values[position] for position in positions]
            elif "".join(values).strip() or len(values) > 1:  # else an empty line
                # A stray quotation mark may have made one row of many: those behind the first line are read again.
                reason = f"has {len(values)} values, the header has {width}"
                rejected(Reject(path.name, lines.first, "", _cut(lines.give_back()), reason))


def _cut(line: str) -> str:
    return line[:_VALUE_CHARACTERS_MAX].rstrip("\r\n")


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
    twice = [name for name in columns.names if header.count(name) > 1]
    if twice:
        raise BundleError(f"{path.name} names the column {twice[0]} twice.", hint="Name each column once.")
    for name in dict.fromkeys(header):
        if name not in columns.names:
            rejected(Reject(path.name, 1, name, name, "is an unknown column; the rest of the file is read without it"))
    return header
