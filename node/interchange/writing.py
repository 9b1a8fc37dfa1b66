"""The CSV files that leave: exact headers, UTF-8, LF, RFC 4180, each written whole or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from node.interchange.table import Reject

RESIDENTS: Final = ("person", "unit", "status", "refs")
CASES: Final = ("case", "state", "settled_at", "tier", "outcome", "score", "decided_by", "refs")
BALANCE: Final = ("unit", "tier", "month", "flow", "other_unit", "count")
REPLICAS: Final = ("node_id", "origin", "head_seq", "head_hash", "rows", "digest", "quarantined")
REJECTED: Final = ("file", "line", "column", "value", "reason")

VALUE_CHARACTERS_MAX: Final = 200  # of a rejected value: enough to find it again


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a file through a temporary one and a rename; returns the number of rows. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            plain = csv.writer(file, lineterminator="\n")
            quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            plain.writerow(header)
            for row in rows:
                assert len(row) == len(header)
                # Before Python 3.11.9 and 3.12.3 csv leaves a lone CR unquoted when lines end with LF (python/cpython,
                # issue 67044), and no reader puts such a row together again.
                (quoting if any(isinstance(value, str) and "\r" in value for value in row) else plain).writerow(row)
                count += 1
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def write_rejected(path: Path, rejects: Iterable[Reject]) -> int:
    """rejected.csv; control characters in values are shown as escapes."""
    return write_csv(
        path,
        REJECTED,
        (
            (r.file, r.line, r.column, _shown(r.value), r.reason)
            for r in sorted(rejects, key=lambda r: (r.file, r.line, r.column))
        ),
    )


def _shown(value: str) -> str:
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[: VALUE_CHARACTERS_MAX - 1] + "…"
