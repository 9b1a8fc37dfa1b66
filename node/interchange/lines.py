"""The physical lines of a file: numbered, bounded, and given back when the row that took them turned out to be none.

One stray quotation mark makes a CSV reader take the following rows for one long value. The row that it stands in is
lost, but not those behind it: they are read again, from the second line on.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final, TextIO

from node import limits

_TOO_LONG: Final = None
"""Stands for a line that was longer than a row may be; its content was skipped."""


class Lines(Iterator[str]):
    """The lines of a file opened with ``newline=""``, for ``csv.reader``.

    Raises ``csv.Error`` for a line, or for lines of one row, of more than ``limits.CSV_ROW_CHARACTERS_MAX``.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[str | None] = deque()
        self._taken: list[str | None] = []
        self._size = 0
        self.first = 1
        """Number of the line on which the present row begins, from 1."""

    def begin_row(self) -> None:
        """The row before is done with."""
        self.first += len(self._taken)
        self._taken.clear()
        self._size = 0

    def give_back(self) -> str:
        """Read the lines of the present row again, all but its first one, which is returned."""
        first, *others = self._taken
        self._again.extendleft(reversed(others))
        del self._taken[1:]
        return first or ""

    @property
    def count(self) -> int:
        """How many lines the present row has taken."""
        return len(self._taken)

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self._taken.append(line)
        if line is _TOO_LONG:
            raise csv.Error(f"a line has more than {limits.CSV_ROW_CHARACTERS_MAX} characters")
        self._size += len(line)
        if self._size > limits.CSV_ROW_CHARACTERS_MAX:
            raise csv.Error(f"a row has more than {limits.CSV_ROW_CHARACTERS_MAX} characters")
        return line

    def _read(self) -> str | None:
        line = self._file.readline(limits.CSV_ROW_CHARACTERS_MAX + 1)
        if not line:
            raise StopIteration
        if len(line) <= limits.CSV_ROW_CHARACTERS_MAX:
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(limits.CSV_ROW_CHARACTERS_MAX)
        return _TOO_LONG
