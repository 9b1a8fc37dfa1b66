"""Reports of healings as documents: what ``--json`` prints, and what the tables and pages for people are made from.

Times are Unix milliseconds.
"""

from __future__ import annotations

from typing import Any

import apsw

from node.chain import Commit
from node.ids import OriginId, RowId, Seq, id_text
from node.reports import Listed, Report
from ops.cli.held_words import row_name


def report_document(names: dict[OriginId, str], item: Report) -> dict[str, Any]:
    """One line of the list."""
    return {
        "id": item.id,
        "origin": id_text(item.origin),
        "register": names.get(item.origin) or id_text(item.origin),
        "kind": item.kind,
        "healed_at": item.healed_at,
        "common_seq": item.common_seq,
        "trunk_seq": item.trunk_seq,
        "side_seq": item.side_seq,
        "came": item.came,
        "aside": item.aside,
        "redone": item.redone,
        "findings": item.findings,
        "open_findings": item.unseen,
        "seen_at": item.seen_at,
        "seen_by": item.seen_by,
    }


def finding_document(connection: apsw.Connection, of: Report, item: Listed) -> dict[str, Any]:
    """One finding, its rows as people call them."""
    finding = item.finding

    def name(row_id: RowId) -> str:
        return row_name(connection, of.origin, (finding.table, row_id)) if row_id and finding.table else ""

    return {
        "number": item.number,
        "kind": finding.kind,
        "table": finding.table,
        "row": id_text(finding.row_id) if finding.row_id else "",
        "name": name(finding.row_id),
        "column": finding.column,
        "kept": finding.kept,
        "lost": finding.lost,
        "other_row": id_text(finding.other_row_id) if finding.other_row_id else "",
        "other_name": name(finding.other_row_id),
        "seen_at": item.seen_at,
        "seen_by": item.seen_by,
    }


def aside_document(commit: Commit, redone: Seq) -> dict[str, Any]:
    """A commit that was put aside; ``redone_seq``: 0, or the commit that did it again."""
    return {
        "seq": commit.seq,
        "author": commit.author,
        "recorded_at": commit.recorded_at,
        "kind": commit.kind,
        "tag": commit.tag,
        "hash": commit.hash.hex(),
        "redone_seq": redone,
    }
