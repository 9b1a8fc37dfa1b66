"""The rows of a bundle as values, and how each value is read (FORMAT, rules of reading).

A value that cannot be read raises ``ValueRefused``; the row is then rejected and the others go on. Text is kept as
written, in Unicode normal form C, without blanks around it; NUL and other control characters are no text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from conflict.dates import parse_date
from conflict.personal_number import is_old_card
from node import limits
from node.schema import PERSON_COLUMNS

KINDS: Final = frozenset(
    {
        *("birth", "death", "marriage", "divorce", "move_out", "move_in", "cancel", "correction", "end_temporary"),
        *("confirm", "dispute", "ruling"),
    }
)
SEXES: Final = frozenset({"M", "F", ""})
RESIDENCES: Final = frozenset({"permanent", "temporary", "absent", ""})

OLD_CARD_IN_PERSONAL_ID: Final = "old_card_in_personal_id"
"""Warning: a 9-digit number stood in personal_id and was read as old_card_id."""

_CONTROL: Final = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ud800-\udfff]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# A clock may be absurd (RESOLVER 10), but its day exists in every time zone.
_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(9999, 12, 30, tzinfo=UTC)
_NODE_ID: Final = re.compile(r"[^\s:|]{1,200}")


class ValueRefused(Exception):
    """A value that cannot be read."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.column = column
        self.value = value
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TopologyRow:
    """A node of the tree. ``parent_id`` '' is a root; ``valid_from`` '' is the first recorded_at of the bundle."""

    node_id: str
    tier: str
    parent_id: str
    admin_code: str
    valid_from: str
    name: str
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class HouseholdRow:
    node_id: str
    household_id: str
    hamlet: str = ""
    address: str = ""
    head_person_id: str = ""
    warnings: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """``columns`` are the values of ``PERSON_COLUMNS``, in that order."""

    node_id: str
    person_id: str
    household_id: str
    columns: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class EventRow:
    """``recorded_at`` is kept as written; ``instant`` orders it. ``columns`` as in ``PersonRow``."""

    node_id: str
    event_id: str
    kind: str
    event_date: str
    recorded_at: str
    person_id: str
    household_id: str
    group_id: str
    other_place: str
    other_person_id: str
    reason: str
    columns: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    line: int = field(default=0, compare=False)

    @property
    def instant_ms(self) -> int:
        """Unix time of ``recorded_at`` in milliseconds, rounded down."""
        return instant_ms(self.recorded_at)

    @property
    def instant_us(self) -> int:
        """Unix time of ``recorded_at`` in microseconds."""
        return instant_us(self.recorded_at)


def read_text(column: str, value: str) -> str:
    """Text as it is kept. Raises ``ValueRefused`` for control characters, surrogates and more than TEXT_BYTES_MAX."""
    if value.isascii() and value.isprintable() and len(value) <= limits.TEXT_BYTES_MAX:
        return value.strip()
    if _CONTROL.search(value):
        raise ValueRefused(column, value, "contains a control character (NUL or alike)")
    text = unicodedata.normalize("NFC", value.strip())
    if len(text.encode()) > limits.TEXT_BYTES_MAX:
        raise ValueRefused(column, value, f"is longer than {limits.TEXT_BYTES_MAX} bytes")
    return text


def read_id(column: str, value: str) -> str:
    """An id that must be there."""
    text = read_text(column, value)
    if not text:
        raise ValueRefused(column, value, "is empty")
    return text


def read_node_id(column: str, value: str) -> str:
    """A node's id: no blanks, no ':' and no '|', because references are written node_id:id and joined by '|'."""
    text = read_id(column, value)
    if not _NODE_ID.fullmatch(text):
        raise ValueRefused(column, value, "is no node id (1 to 200 characters, no blanks, no ':' and no '|')")
    return text


def read_date(column: str, value: str) -> str:
    """A partial date, or ''."""
    text = value.strip()
    if not text:
        return ""
    try:
        return str(parse_date(text))
    except ValueError as error:
        raise ValueRefused(column, value, "is no date of the form YYYY, YYYY-MM or YYYY-MM-DD") from error


def read_required_date(column: str, value: str) -> str:
    text = read_date(column, value)
    if not text:
        raise ValueRefused(column, value, "is empty")
    return text


def read_instant(column: str, value: str) -> str:
    """ISO 8601 with offset. Kept as written, but for the forms without hyphens or with weeks: kept texts begin with
    YYYY-MM-DD, the day of writing.
    """
    text = value.strip()
    try:
        moment = _moment(text)
    except ValueError as error:
        raise ValueRefused(
            column, value, "is no time of the form 2025-01-31T08:00:00+07:00 (offset included)"
        ) from error
    day = moment.date().isoformat()
    return text if text.startswith(day) else moment.isoformat()


def instant_us(text: str) -> int:
    """Unix microseconds of an ISO 8601 time with offset, exactly: what orders events. Raises ``ValueError``."""
    return (_moment(text) - _EPOCH) // _MICROSECOND


def instant_ms(text: str) -> int:
    """Unix milliseconds of an ISO 8601 time with offset, rounded down. Raises ``ValueError``."""
    return instant_us(text) // 1000


def _moment(text: str) -> datetime:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a time has digits and signs only")  # fromisoformat overlooks a NUL at the end
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper().replace(" ", "T"):
        raise ValueError("a time needs an offset")
    if not _EARLIEST <= moment <= _LATEST:
        raise ValueError("no calendar reaches so far in every time zone")
    return moment


def _one_of(allowed: frozenset[str], words: str) -> Callable[[str, str], str]:
    def read(column: str, value: str) -> str:
        text = value.strip()
        if text not in allowed:
            raise ValueRefused(column, value, f"is none of {words}")
        return text

    return read


read_sex: Final = _one_of(SEXES, "M, F or empty")
read_residence: Final = _one_of(RESIDENCES, "permanent, temporary, absent or empty")
read_kind: Final = _one_of(KINDS, ", ".join(sorted(KINDS)))

_READERS: Final[tuple[Callable[[str, str], str], ...]] = tuple(
    {"sex": read_sex, "birth_date": read_date, "residence": read_residence}.get(column, read_text)
    for column in PERSON_COLUMNS
)
_PERSONAL_ID: Final = PERSON_COLUMNS.index("personal_id")
_OLD_CARD_ID: Final = PERSON_COLUMNS.index("old_card_id")
_NUMBERS: Final = (_PERSONAL_ID, _OLD_CARD_ID, PERSON_COLUMNS.index("insurance_id"))


def read_person_columns(values: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The PERSON columns (given in order) and warnings."""
    columns = [
        read(column, value) if value else ""
        for read, column, value in zip(_READERS, PERSON_COLUMNS, values, strict=True)
    ]
    warnings: tuple[str, ...] = ()
    for position in _NUMBERS:
        if columns[position]:
            columns[position] = columns[position].replace(" ", "").replace(".", "")
    if is_old_card(columns[_PERSONAL_ID]):
        warnings = (OLD_CARD_IN_PERSONAL_ID,)
        if not columns[_OLD_CARD_ID] or columns[_OLD_CARD_ID] == columns[_PERSONAL_ID]:
            columns[_OLD_CARD_ID] = columns[_PERSONAL_ID]
            columns[_PERSONAL_ID] = ""
    return tuple(columns), warnings
