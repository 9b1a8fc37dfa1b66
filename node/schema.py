"""The tables of a store, defined once; SQLAlchemy Core builds the SQL, APSW runs it (DESIGN 2).

Captured tables hold what anybody decides: the register (``household``, ``person``, ``event``), what a partition says of
itself (``origin_profile``), who works at a node (``local_user``), the reference data of an authority (units, nodes,
enrolments, holdings), what a hub decides on cases (``decision``), and what of that has reached a register
(``applied_decision``). Every row belongs to an origin, the first column
of its primary key, and reaches other nodes only as part of that origin's commits. All other tables are this node's own
bookkeeping and never travel. Schema steps may only append columns with constant defaults to captured tables: a column
in the middle would put names into dates when an older changeset is applied.

Missing text is the empty string, so that two stores cannot differ by NULL against ''; missing references are NULL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.base import Executable

SCHEMA_VERSION: Final = 1
APPLICATION_ID: Final = 0x44534E43  # 'DSNC' in the database header

PERSON_COLUMNS: Final = (
    "full_name",
    "sex",
    "birth_date",
    "personal_id",
    "old_card_id",
    "insurance_id",
    "ethnicity",
    "relationship",
    "marital_status",
    "father_name",
    "mother_name",
    "phone",
    "residence",
)

metadata = sa.MetaData()


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False, server_default=sa.text("x''"))


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=sa.text("0"))


def _reference(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=True)


def _captured(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name,
        metadata,
        sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
        sa.Column("id", sa.LargeBinary, primary_key=True, nullable=False),
        *columns,
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _local(name: str, *columns: sa.schema.SchemaItem, with_rowid: bool = False) -> sa.Table:
    return sa.Table(name, metadata, *columns, sqlite_strict=True, sqlite_with_rowid=with_rowid)


origin_profile = _captured(
    "origin_profile",  # one row, id = origin: who this partition says it is; its first commit writes it
    _text("node_id"),
    _text("parent_node_id"),
    _text("tier"),
    _text("unit_code"),
    _text("unit_valid_from"),
    _text("name"),
    _text("purpose"),  # '' a register, 'reference' the reference data of an authority
)

household = _captured(
    "household",
    _text("source_id"),
    _text("hamlet"),
    _text("address"),
    _reference("head_person_id"),
    _text("state"),  # '' or 'void'
    _text("warnings"),
    _text("entered"),  # JSON: the values as first entered of those columns that were changed since; '' if none was
    sa.Index("household_by_source", "origin", "source_id", sqlite_where=sa.text("source_id <> ''")),
)

person = _captured(
    "person",
    _text("source_id"),
    _reference("household_id"),
    *(_text(name) for name in PERSON_COLUMNS),
    _text("state"),  # '' registered here, 'left', 'dead', 'void'
    _text("warnings"),
    _reference("created_by"),  # the birth or arrival that brought this person; NULL for one who was entered
    _text("entered"),  # JSON: the values as first entered of those columns that events changed since; '' if none did
    sa.Index("person_by_source", "origin", "source_id", sqlite_where=sa.text("source_id <> ''")),
    sa.Index("person_by_household", "origin", "household_id", sqlite_where=sa.text("household_id IS NOT NULL")),
)

event = _captured(
    "event",  # insert-only: an event is withdrawn by another event
    _text("source_id"),
    _text("kind"),
    _text("event_date"),
    _text("recorded_at"),
    _reference("person_id"),
    _reference("household_id"),
    _text("group_id"),
    _text("other_place"),
    _reference("other_person_id"),
    _reference("target_event_id"),  # the event that a cancel withdraws
    _text("person_ref"),  # of a ruling: node_id:person_id, as written
    _text("other_person_ref"),
    _text("reason"),
    *(_text(name) for name in PERSON_COLUMNS),
    _text("warnings"),
    sa.Index("event_by_source", "origin", "source_id", sqlite_where=sa.text("source_id <> ''")),
    sa.Index("event_by_person", "origin", "person_id", sqlite_where=sa.text("person_id IS NOT NULL")),
    sa.Index("event_by_other_person", "origin", "other_person_id", sqlite_where=sa.text("other_person_id IS NOT NULL")),
    sa.Index("event_by_target", "origin", "target_event_id", sqlite_where=sa.text("target_event_id IS NOT NULL")),
    sa.Index("event_by_group", "origin", "group_id", sqlite_where=sa.text("group_id <> ''")),
    sa.Index("event_ruling", "origin", sqlite_where=sa.text("kind = 'ruling'")),
    sa.Index("event_ruling_of", "person_ref", sqlite_where=sa.text("kind = 'ruling'")),
    sa.Index("event_ruling_with", "other_person_ref", sqlite_where=sa.text("kind = 'ruling'")),
)


def _decision_columns() -> tuple[sa.Column[Any], ...]:
    """What a decision says, in the log of whoever decided and where it has come to."""
    return (
        _text("decision_id"),  # hexadecimal (conflict.decisions)
        _text("case_ref"),  # node_id:event_id
        _text("state"),
        _text("outcome"),
        _text("decided_by"),  # auto, person or ''
        _text("authority"),  # node id of whoever decided
        _integer("depth"),  # of the authority in the tree, 1 at the root
        _text("score"),  # in bits, '' where nothing was compared
        _integer("parameters_version"),
        _text("parameters_hash"),
        _text("as_of"),  # YYYY-MM-DD
        _text("undoes"),  # the decision that it takes back
        _text("evidence"),  # JSON: claims, asks, reasons
    )


decision = _captured(
    "decision",  # insert-only: what a hub has decided on a case; id = the first half of decision_id, so never twice
    *_decision_columns(),
)

applied_decision = _captured(
    "applied_decision",  # insert-only: a decision, or a question, that reached this partition; id as of the decision
    *_decision_columns(),
    _blob("authority_origin"),
    _integer("question"),  # 1: nothing is decided yet, and decision_id is the name of the question
)

applied_ask = _captured(
    "applied_ask",  # insert-only: what one of them says of one record of this partition
    _blob("decision"),  # the id of the row in applied_decision
    _reference("person_id"),  # NULL: there is no such record here
    _text("action"),  # count, close, answer, visit, hold, reopen
    _text("ref"),  # node_id:person_id
    _text("successor"),  # the record to which later entries go
    sa.Index("applied_ask_by_person", "origin", "person_id", sqlite_where=sa.text("person_id IS NOT NULL")),
    sa.Index("applied_ask_by_decision", "origin", "decision"),
)

local_user = _captured(
    "local_user",  # who may do what at this node; in the node's own origin
    _text("name"),
    _text("role"),  # viewer, reviewer, operator, authority
    _text("state"),  # '' or 'removed'
)

# --- reference data: rows of an authority's reference origin, which flows down to every node below (DESIGN 3) ---------
unit = _captured(
    "unit",  # an administrative place: a code means something only together with its valid-from
    _text("code"),
    _text("valid_from"),
    _text("tier"),
    _text("name"),
)

registered_node = _captured(
    "registered_node",  # a machine that may take part
    _text("node_id"),
    _text("parent_node_id"),
    _text("tier"),
    _text("role"),  # node or authority
    _text("state"),  # '', 'revoked', or 'dissolved': nobody belongs below it any more
    _text("reason"),
    _text("parent_address"),  # host:port where its parent listens, as the authority has said; '' it has not
    _text("former_parents"),  # node ids with blanks between, the oldest first: whose copies of its log may still climb
)

invitation = _captured(
    "invitation",  # a one-time token for one node; its private key is with whoever was invited, never here
    _text("node_id"),
    _text("serial"),  # of the invitation certificate, hexadecimal
    _blob("public_key"),  # SubjectPublicKeyInfo, DER
    _integer("not_after_ms"),
    _integer("needs_approval"),
    _text("state"),  # open, used, withdrawn
)

enrolment_request = _captured(
    "enrolment_request",  # an invited node that waits for a person, or did
    _text("node_id"),
    _text("invitation_serial"),
    _blob("public_key"),
    _text("state"),  # pending, approved, rejected
    _text("reason"),
)

enrolment = _captured(
    "enrolment",  # one certificate of one node
    _text("node_id"),
    _text("serial"),  # of the certificate, hexadecimal
    _blob("public_key"),
    _integer("not_before_ms"),
    _integer("not_after_ms"),
    _text("state"),  # '', 'revoked', or 'superseded': another machine has enrolled as this node since
    _text("reason"),
)

registered_origin = _captured(
    "registered_origin",  # a partition that may climb
    _blob("subject"),  # the origin
    _text("unit_code"),
    _text("unit_valid_from"),
    _text("state"),  # '' or 'retired'
)

matching_parameters = _captured(
    "matching_parameters",  # weights by which records are compared; the newest one is in force (node.matching)
    _integer("number"),  # 1, 2, 3 ... in the order of the authority's acts; ids have no order
    _integer("version"),
    _text("hash"),  # of the canonical form, hexadecimal (conflict.parameters)
    _blob("document"),  # JSON, UTF-8
)

unit_succession = _captured(
    "unit_succession",  # a unit took over from another one, wholly or in part, as a reform ordered it (node.reform)
    _text("old_code"),
    _text("old_valid_from"),
    _text("new_code"),
    _text("new_valid_from"),
)

holding = _captured(
    "holding",  # from this commit on, only this node may extend the subject; the newest one counts
    _blob("subject"),
    _integer("number"),  # 0, 1, 2 ... of the subject, in the order of the authority's acts; ids have no order
    _text("node_id"),
    _integer("from_seq"),  # the last commit before the holding
    _blob("from_hash"),
    sa.Index("holding_by_subject", "origin", "subject"),
)

meta = _local(
    "meta",
    sa.Column("key", sa.Text, primary_key=True, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
)


def _commit_columns(*, key: tuple[str, ...]) -> tuple[sa.Column[Any], ...]:
    """A commit as it is stored, wherever that is; ``key`` are the columns of the primary key."""
    kinds: tuple[tuple[str, type[sa.types.TypeEngine[Any]]], ...] = (
        ("origin", sa.LargeBinary),
        ("seq", sa.Integer),
        ("schema_version", sa.Integer),
        ("recorded_at", sa.Integer),  # Unix ms where the commit was made
        ("author", sa.Text),
        ("kind", sa.Text),
        ("tag", sa.Text),  # import id, decision id
        ("changeset", sa.LargeBinary),
        ("hash", sa.LargeBinary),
    )
    return tuple(sa.Column(name, kind, primary_key=name in key, nullable=False) for name, kind in kinds)


COMMIT_FIELDS: Final = tuple(column.name for column in _commit_columns(key=()))
"""The fields of a ``Commit`` in order, as every table that keeps commits has them."""

change_log = _local(
    "change_log",
    sa.Column("arrival", sa.Integer, primary_key=True),  # grows in the order in which commits were stored here
    *_commit_columns(key=()),
    sa.Column("received_at", sa.Integer, nullable=False),  # Unix ms here; not part of the hash
    sa.UniqueConstraint("origin", "seq"),
    with_rowid=True,
)

origin_head = _local(
    "origin_head",
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("own", sa.Integer, nullable=False),  # 1: this node holds the origin and may extend it
    _text("via"),  # node id of the neighbour through which the origin comes; '' for own
    _text("flow"),  # '' climbs, 'down' comes from the parent and goes to the children
    _text("halted"),  # '' or the code of the reason why nothing more is taken
    _text("halted_detail"),
    _integer("floor"),  # up to here the log need not be whole: a snapshot stands there (node.snapshots)
    sa.Column("recorded_at", sa.Integer, nullable=False, server_default=sa.text("0")),  # of the head commit
    sa.Column("received_at", sa.Integer, nullable=False, server_default=sa.text("0")),
)

batch_signature = _local(
    "batch_signature",  # the holder's signatures on heads, relayed as received
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True, nullable=False),
    sa.Column("signer", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

acknowledged = _local(
    "acknowledged",  # what a parent has confirmed to have on its disk
    sa.Column("peer", sa.Text, primary_key=True, nullable=False),
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("quarantined", sa.Integer, nullable=False),
    sa.Column("acknowledged_at", sa.Integer, nullable=False),
    _integer("receipt_seq"),  # up to where the parent has signed that it has everything
    _blob("receipt_hash"),
    _integer("receipt_at_ms"),  # when it did
    _blob("receipt"),  # its signature; x'' if it gave none
)

ticket = _local(
    "ticket",  # minted at the end of a session, kept by both ends, the last two (DESIGN 3)
    sa.Column("peer", sa.Text, primary_key=True, nullable=False),
    sa.Column("position", sa.Integer, primary_key=True, nullable=False),  # grows; the two largest are kept
    sa.Column("ticket", sa.LargeBinary, nullable=False),
)

quarantine = _local(
    "quarantine",  # stored and relayed, not applied; row_id x'' and table '' = the whole origin
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True, nullable=False),
    sa.Column("table_name", sa.Text, primary_key=True, nullable=False),
    sa.Column("row_id", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("quarantined_at", sa.Integer, nullable=False),
)

quarantine_end = _local(
    "quarantine_end",  # how what was held back ended; the commits themselves stay in the log, or are put aside
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("origin", sa.LargeBinary, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("quarantined_at", sa.Integer, nullable=False),
    sa.Column("ended_at", sa.Integer, nullable=False),
    sa.Column("how", sa.Text, nullable=False),  # retry, replaced, left_log
    _text("by"),  # who tried again; replaced: the node whose rows were taken; '' the node itself
    _integer("rows"),  # rows of the commit that this ended
    _integer("rest"),  # rows of the commit that are still held back
    _integer("at_seq"),  # replaced: the rows are as they were at this commit of the holder
    with_rowid=True,
)

row_wanted = _local(
    "row_wanted",  # rows that the holder was asked for and has not sent (node.rows)
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("table_name", sa.Text, primary_key=True, nullable=False),
    sa.Column("row_id", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("asked_at", sa.Integer, nullable=False),
    sa.Column("asked_seq", sa.Integer, nullable=False),  # how far our log was
    _text("asked_of"),  # the holder, as we knew it
)

letter = _local(
    "letter",  # on its way to the holder of an origin, or here for us (node.mail)
    sa.Column("position", sa.Integer, primary_key=True),  # grows in the order in which letters came
    sa.Column("id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("to_origin", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),  # x'' once it was read
    sa.Column("came_at", sa.Integer, nullable=False),
    sa.Column("comings", sa.Integer, nullable=False, server_default="0"),  # how often it came again
    _text("state"),  # '' waits, 'sent' the next hop has it, 'read' was read here, 'unreadable'
    _text("sent_to"),  # the neighbour that has it
    sa.Column("sent_under", sa.Integer, nullable=False, server_default="0"),  # the newest ticket of that link then
    sa.Index("letter_waiting", "to_origin", "position", sqlite_where=sa.text("state = ''")),
    sa.Index("letter_sent", "sent_to", "to_origin", "sent_under", sqlite_where=sa.text("state = 'sent'")),
    with_rowid=True,
)

spooled_commit = _local(
    "spooled_commit",  # of the parent's history of an origin, while it comes (node.branch)
    *_commit_columns(key=("origin", "seq")),
    _text("signer"),  # of a batch that ends here; '' : none does
    _blob("signature"),
)

side_commit = _local(
    "side_commit",  # commits that are not on the trunk: kept for ever, done again by the holder (node.branch)
    *_commit_columns(key=("origin", "hash")),
    sa.Column("healing", sa.Integer, nullable=False),  # which healing put it aside
    _integer("redone_seq"),  # the holder's commit that did it again; 0: none, or nothing was left to do
)

healing = _local(
    "healing",  # what was done when an origin here and the parent's were not the same (node.healing)
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("origin", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # restored, fork, trunk, branch
    sa.Column("healed_at", sa.Integer, nullable=False),
    sa.Column("common_seq", sa.Integer, nullable=False),  # the last commit that both had
    sa.Column("trunk_seq", sa.Integer, nullable=False),  # what came from the parent, up to here
    sa.Column("trunk_hash", sa.LargeBinary, nullable=False),
    sa.Column("side_seq", sa.Integer, nullable=False),  # what only this store had, up to here
    sa.Column("side_hash", sa.LargeBinary, nullable=False),
    _integer("redone"),  # commits of it that were done again
    _text("detail"),
    with_rowid=True,
)

healing_finding = _local(
    "healing_finding",  # what a person should look at
    sa.Column("healing", sa.Integer, primary_key=True, nullable=False),
    sa.Column("number", sa.Integer, primary_key=True, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # lost_value, typed_twice, not_done_again
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("row_id", sa.LargeBinary, nullable=False),
    _text("column_name"),
    _text("kept"),
    _text("lost"),
    _blob("other_row_id"),  # typed twice: the row of the other branch
)

origin_state = _local(
    "origin_state",  # the newest word of the holder on how its rows stand (node.verification); relayed as it is
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("stated_at", sa.Integer, nullable=False),  # Unix ms at the holder
    sa.Column("signer", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)

verification = _local(
    "verification",  # the last comparison of a copy with its holder's word
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("peer", sa.Text, primary_key=True, nullable=False),  # '' by this node; else the parent that has told us
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),  # what the holder says
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("checked_at", sa.Integer, nullable=False),
    _integer("equal_at"),  # Unix ms; 0: never
    _integer("repaired_rows"),
    _integer("root_seq"),  # of a parent: up to where the root has the origin, as far as it knows
)

snapshot = _local(
    "snapshot",  # the rows of an origin at a commit, proved by the holder's word (node.snapshots)
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("stated_at", sa.Integer, nullable=False),  # Unix ms at the holder
    sa.Column("signer", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("chunks", sa.Integer, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),  # SHA-256 over the SHA-256 of each chunk
    sa.Column("made_at", sa.Integer, nullable=False),
    sa.Column("whole", sa.Integer, nullable=False),  # 0: it is still coming from a neighbour
)

pruned_hash = _local(
    "pruned_hash",  # of commits that were let go: any head that anybody ever had is recognised
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

snapshot_chunk = _local(
    "snapshot_chunk",
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, primary_key=True, nullable=False),
    sa.Column("chunk", sa.Integer, primary_key=True, nullable=False),  # 0, 1, 2 ...
    sa.Column("payload", sa.LargeBinary, nullable=False),
)

scrubbed = _local(
    "scrubbed",  # what the last scrub found of an origin (node.scrub)
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),  # the commit at which its rows were looked at
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),  # of its rows then; x'' unless they were sound
    sa.Column("verdict", sa.Text, nullable=False),  # sound, unproven, rot, log_rot, held
    sa.Column("rotten", sa.Integer, nullable=False),  # rows
    sa.Column("scrubbed_at", sa.Integer, nullable=False),
)

finding_seen = _local(
    "finding_seen",  # a person has looked at it (node.reports)
    sa.Column("healing", sa.Integer, primary_key=True, nullable=False),
    sa.Column("number", sa.Integer, primary_key=True, nullable=False),  # of the finding; 0: the healing itself
    sa.Column("seen_at", sa.Integer, nullable=False),
    sa.Column("seen_by", sa.Text, nullable=False),
)

row_epoch = _local(
    "row_epoch",  # grows when rows change otherwise than by the commits that follow in the log (node.epochs)
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)

# --- the case desk of a hub (hub.desk): derived from the rows, can be dropped and made anew ---------------------------
desk_mark = _local(
    "desk_mark",  # how far the desk has read an origin
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
)

desk_unread = _local(
    "desk_unread",  # persons of whom something has changed that the desk has not looked at
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("person_id", sa.LargeBinary, primary_key=True, nullable=False),
)

desk_party = _local(
    "desk_party",  # a record that can be found by its keys
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("origin", sa.LargeBinary, nullable=False),
    sa.Column("person_id", sa.LargeBinary, nullable=False),
    sa.Column("arrival", sa.Integer, nullable=False),  # 1: an arrival made it
    sa.Column("sheet", sa.Integer, nullable=False),  # the key of those who were written down together; 0: nobody
    sa.Column("keys", sa.LargeBinary, nullable=False),  # 8 bytes each, as in block_key; x'' of one who is void or gone
    _integer("left_out"),  # keys that were not followed when its candidates were looked for: too many share them
    _integer("candidates"),  # of an arrival: who shares a key, when they were looked for and at most since
    _text("glance"),  # what it says in short (conflict.glance)
    sa.UniqueConstraint("origin", "person_id"),
    sa.Index("desk_party_by_sheet", "sheet", sqlite_where=sa.text("sheet <> 0")),
    with_rowid=True,
)

block_key = _local(
    "block_key",  # where to look for somebody (conflict.blocking); a key is the hash of its text
    sa.Column("key", sa.Integer, primary_key=True, nullable=False),
    sa.Column("arrival", sa.Integer, primary_key=True, nullable=False),
    sa.Column("party", sa.Integer, primary_key=True, nullable=False),
    sa.Column("hint", sa.Integer, nullable=False),  # what the party says in shortest (conflict.sieve)
)

desk_waiting = _local(
    "desk_waiting",  # parties whose links have to be looked at again
    sa.Column("party", sa.Integer, primary_key=True),
    with_rowid=True,
)

desk_unsettled = _local(
    "desk_unsettled",  # persons whose cases have to be looked at again, from a day on
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("person_id", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("day", sa.Text, nullable=False),  # YYYY-MM-DD; '' at once
    sa.Index("desk_unsettled_by_day", "day"),
)

desk_decision = _local(
    "desk_decision",  # which decisions rest on a claim
    sa.Column("claim", sa.Text, primary_key=True, nullable=False),  # node_id:event_id
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("decision", sa.LargeBinary, primary_key=True, nullable=False),
)

desk_unsent = _local(
    "desk_unsent",  # decisions that somebody may have to be told of (hub.desk.outbox)
    sa.Column("origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("decision", sa.LargeBinary, primary_key=True, nullable=False),
)

desk_asked = _local(
    "desk_asked",  # what was told to whom
    sa.Column("decision", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("to_origin", sa.LargeBinary, primary_key=True, nullable=False),
    sa.Column("case_ref", sa.Text, nullable=False),
    _text("question"),  # of a question: JSON of its row, to take it back by; '' of a decision
    _text("withdrawn"),  # the name of what took the question back
    _integer("reminders"),
    _integer("due_at"),  # when to look whether the receipt has come, Unix ms; 0: it has
    sa.Index("desk_asked_by_case", "case_ref"),
    sa.Index("desk_asked_due", "due_at", sqlite_where=sa.text("due_at > 0")),
)

candidate_link = _local(
    "candidate_link",  # what the comparison says of two parties; the one with the smaller ref is a
    sa.Column("a", sa.Integer, primary_key=True, nullable=False),
    sa.Column("b", sa.Integer, primary_key=True, nullable=False),
    sa.Column("bits", sa.REAL, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),  # automatic, review, apart; taken: apart as long as links stand so
    sa.Column("hard", sa.Text, nullable=False),  # facts that forbid merging, with blanks between
    sa.Index("candidate_link_by_b", "b"),
)

alarm = _local(
    "alarm",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("raised_at", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("origin", sa.LargeBinary, nullable=True),
    sa.Column("detail", sa.Text, nullable=False),
    _integer("cleared_at"),  # a person has seen to what it says; 0: nobody has
    _text("cleared_by"),
    with_rowid=True,
)

REGISTER_TABLES: Final = (household, person, event)
REFERENCE_TABLES: Final = (
    *(unit, registered_node, invitation, enrolment_request, enrolment, registered_origin, holding),
    *(matching_parameters, unit_succession),
)
APPLIED_TABLES: Final = (applied_decision, applied_ask)
CAPTURED_TABLES: Final = (origin_profile, *REGISTER_TABLES, local_user, *REFERENCE_TABLES, decision, *APPLIED_TABLES)
INSERT_ONLY_TABLES: Final = frozenset(
    {"event", "holding", "decision", "matching_parameters", "unit_succession", "applied_decision", "applied_ask"}
)
CAPTURED_NAMES: Final = tuple(table.name for table in CAPTURED_TABLES)
COLUMN_NAMES: Final = {table.name: tuple(column.name for column in table.columns) for table in CAPTURED_TABLES}
COLUMN_COUNTS: Final = {table.name: len(table.columns) for table in CAPTURED_TABLES}


def _default(column: sa.Column[object]) -> str | bytes | int | None:
    if column.nullable:
        return None
    if column.server_default is None:
        return b""
    if isinstance(column.type, sa.Text):
        return ""
    return b"" if isinstance(column.type, sa.LargeBinary) else 0


COLUMN_DEFAULTS: Final = {table.name: tuple(_default(column) for column in table.columns) for table in CAPTURED_TABLES}
"""What a row has where nothing was said; b'' for a column that always has to be given."""

_DIALECT = sqlite.dialect(paramstyle="named")


@lru_cache(maxsize=512)
def _sql(statement: Executable) -> str:
    compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
    text = str(compiled)
    for name, bind in compiled.binds.items():
        if bind.required:
            continue  # a parameter of the caller
        # A constant of the statement, such as the OFFSET 0 that the dialect puts behind every LIMIT.
        text = re.sub(rf":{re.escape(name)}\b", compiled.render_literal_bindparam(bind), text)
    return text


def sql(statement: Executable) -> str:
    """The SQLite text of a Core statement, with ``:name`` parameters for APSW. Build statements once, in a module."""
    return _sql(statement)


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """Statements that bring a store from version ``to_version`` - 1 to ``to_version``, run in one transaction."""

    to_version: int
    statements: tuple[str, ...]


def create_statements() -> tuple[str, ...]:
    """The DDL of version 1: tables, indexes and guards."""
    statements: list[str] = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=_DIALECT)))
        statements.extend(
            str(CreateIndex(index).compile(dialect=_DIALECT)) for index in sorted(table.indexes, key=_index_name)
        )
    for table in CAPTURED_TABLES:
        statements.extend(guard_statements(table.name))
    return tuple(statements)


def _index_name(index: sa.Index) -> str:
    return str(index.name)


def guard_statements(table: str) -> tuple[str, ...]:
    """Triggers that let a row of a captured table change only inside a capture of its own origin (DESIGN 2).

    ``dansync_guard`` exists only on our own connections and raises outside a capture, so a stray tool fails closed ("no
    such function"). Rows are never deleted, events never changed.
    """
    guard = (
        f"CREATE TRIGGER {table}_guard_{{when}} BEFORE {{event}} ON {table} BEGIN SELECT dansync_guard(NEW.origin); END"
    )
    update = (
        guard.format(when="update", event="UPDATE")
        if table not in INSERT_ONLY_TABLES
        else f"CREATE TRIGGER {table}_guard_update BEFORE UPDATE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
    )
    delete = (
        f"CREATE TRIGGER {table}_guard_delete BEFORE DELETE ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'register rows are never deleted'); END"
    )
    return (
        guard.format(when="insert", event="INSERT"),
        update,
        delete,
    )


STEPS: Final = (SchemaStep(1, create_statements()),)
