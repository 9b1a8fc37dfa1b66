"""What is held back as documents: what ``--json`` prints, and what the tables and pages for people are made from."""

from __future__ import annotations

from typing import Any, Final

from node.chain import Commit
from node.ids import OriginId, RowId, id_text
from node.quarantine import BEHIND, Held, RowSet, commit_of, differences, wanted
from node.replay import RowKey
from node.store import PURPOSE_REFERENCE, Store
from ops.cli.held_words import does_not_fit, row_name

ROWS_SHOWN: Final = 20
"""Rows of one commit that are named; to name one may take a walk through the log."""


def register_names(store: Store) -> dict[OriginId, str]:
    """What people call a register: the node that began it, where it began only one."""
    profiles = store.profiles()
    registers = [profile.node_id for profile in profiles.values() if not profile.purpose]
    found: dict[OriginId, str] = {
        origin: profile.node_id
        for origin, profile in profiles.items()
        if not profile.purpose and registers.count(profile.node_id) == 1
    }
    reference = store.reference_origin()
    if reference is not None:
        found[reference] = PURPOSE_REFERENCE
    return found


def held_id(names: dict[OriginId, str], held: Held) -> str:
    return f"{names.get(held.origin) or id_text(held.origin)}:{held.seq}"


def cause_of(row_set: RowSet) -> Held:
    """The first commit that does not only wait for another one."""
    return next((item for item in row_set.commits if item.reason != BEHIND), row_set.commits[0])


def set_document(store: Store, names: dict[OriginId, str], row_set: RowSet) -> dict[str, Any]:
    """One line of the list. Times are Unix milliseconds."""
    first = cause_of(row_set)
    asked = wanted(store.connection, row_set.origin)
    pending = [asked[key] for key in row_set.keys if key in asked]
    return {
        "id": held_id(names, first),
        "origin": id_text(row_set.origin),
        "seq": first.seq,
        "reason": first.reason,
        "detail": first.detail,
        "quarantined_at": first.quarantined_at,
        "rows": len(row_set.keys),
        "whole_register": row_set.whole_origin,
        "behind": len(row_set.commits) - 1,
        "asked_of": pending[0][1] if pending else "",
        "asked_at": max((at for at, _node in pending), default=0),
        "commits": [item.seq for item in row_set.commits],
    }


def commit_line(store: Store, names: dict[OriginId, str], held: Held) -> dict[str, Any]:
    commit = commit_of(store.connection, held.origin, held.seq)
    return {
        "id": held_id(names, held),
        "seq": held.seq,
        "author": commit.author,
        "recorded_at": commit.recorded_at,
        "reason": held.reason,
        "detail": held.detail,
    }


def commit_document(store: Store, names: dict[OriginId, str], held: Held, commit: Commit) -> dict[str, Any]:
    connection = store.connection
    called: dict[RowKey, str] = {}

    def name(table: str, row_id: RowId) -> str:
        if (table, row_id) not in called:
            called[table, row_id] = row_name(connection, held.origin, (table, row_id))
        return called[table, row_id]

    return commit_line(store, names, held) | {
        "origin": id_text(held.origin),
        "kind": commit.kind,
        "tag": commit.tag,
        "quarantined_at": held.quarantined_at,
        "rows": [
            {
                "table": table,
                "id": id_text(row_id) if row_id else "",
                "name": name(table, row_id) if number < ROWS_SHOWN else "",
            }
            for number, (table, row_id) in enumerate(held.keys)
        ],
        "does_not_fit": [
            does_not_fit(item, name(item.table, item.row_id))
            for item in differences(connection, commit, held.keys)[:ROWS_SHOWN]
        ],
    }
