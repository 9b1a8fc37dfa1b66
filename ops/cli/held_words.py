"""What is held back, in words for an officer: why, which rows, and what does not fit."""

from __future__ import annotations

from typing import Final

import apsw

from node.ids import ID_BYTES, OriginId, id_text
from node.quarantine import Difference, first_version
from node.replay import WHOLE_ORIGIN, RowKey, Value, current_row
from node.schema import COLUMN_NAMES
from ops.i18n import N_, _

REASONS: Final = {
    "conflict": N_(
        "The rows here are not as the commit found them: something has changed them here, or where the register is "
        "written, that is in no commit."
    ),
    "count": N_("Applying it changed another number of rows than it names, so nothing of it was kept."),
    "schema_newer": N_("A newer release made it. Once this node is upgraded it is applied by itself."),
    "malformed": N_("Its content cannot be read, so nobody can tell which rows it changes."),
    "unknown_table": N_("It changes a table that this release does not know."),
    "columns": N_("It has columns that this release does not know."),
    "foreign_row": N_("It would change a row of another register, which no commit may do."),
    "deletion": N_("It would delete a row of the register, which no commit may do."),
    "rewritten": N_("It would change an entry that is never changed once it is made."),
    "behind_quarantine": N_("It changes rows that an earlier commit, which is held back, changes too."),
}


def why(reason: str, detail: str) -> str:
    """The reason in words; one that this page does not know, as it was written down."""
    return _(REASONS[reason]) if reason in REASONS else f"{reason}: {detail}"


def row_name(connection: apsw.Connection, origin: OriginId, key: RowKey) -> str:
    """A row as people call it: as it stands here, or as the log first had it."""
    if key == WHOLE_ORIGIN:
        return _("all of the register")
    table, row_id = key
    here = current_row(connection, origin, key) if table in COLUMN_NAMES else None
    row = first_version(connection, origin, key) if here is None else dict(zip(COLUMN_NAMES[table], here, strict=True))
    name = _described(table, row or {})
    return name or _("row {id} of {table}").format(id=id_text(row_id), table=table)


def _described(table: str, row: dict[str, Value]) -> str:
    def value(column: str) -> str:
        found = row.get(column)
        return found if isinstance(found, str) else ""

    match table:
        case "person" if value("full_name"):
            born = _(", born {date}").format(date=value("birth_date")) if value("birth_date") else ""
            return _("person {name}").format(name=value("full_name")) + born
        case "household" if value("address") or value("hamlet"):
            return _("household {place}").format(place=", ".join(filter(None, (value("address"), value("hamlet")))))
        case "event" if value("kind"):
            name = f" {value('full_name')}" if value("full_name") else ""
            return _("event {kind} of {date}").format(kind=value("kind"), date=value("event_date") or "?") + name
        case _:
            return ""


def does_not_fit(difference: Difference, name: str) -> str:
    """One thing that keeps a commit from being applied."""
    match difference.kind:
        case "missing":
            return _("{row}: there is no such row here").format(row=name)
        case "exists":
            return _("{row}: it should be new, and is here already").format(row=name)
        case "differs":
            return _("{row}: {column} is {found} here; the commit found {expected}").format(
                row=name, column=difference.column, found=shown(difference.found), expected=shown(difference.expected)
            )


def shown(value: Value) -> str:
    """A value between quotes, an id as ids are written."""
    if value is None or value == "":
        return _("empty")
    if isinstance(value, bytes):
        return id_text(value) if len(value) == ID_BYTES else value.hex()
    return f"'{value}'"
