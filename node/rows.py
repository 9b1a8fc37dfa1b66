"""Taking rows from whoever holds them: asked for and given by letters (DESIGN 3).

Where a commit cannot be applied, or a copy is found to differ, a node asks the holder of the origin for the rows as
they are now. The holder answers at its own head and signs; the asker waits until its log has come as far, puts the rows
in place and goes on from there with its own log, so an answer may be late or come again. Only rows that were asked for
are taken, only from the node that holds the origin now, and given only to nodes above it (reference data to everybody).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

import apsw

from node import limits, quarantine
from node.chain import Head
from node.epochs import rows_moved
from node.errors import LetterRefused, UsageError
from node.identity.keys import NodeKey, verifies
from node.identity.statements import rows_statement
from node.ids import NodeId, OriginId, id_text
from node.mail import READ, Mail, Reading, compose
from node.protocol.messages import Letter
from node.reference import REVOKED, Reference
from node.replay import Quarantined, RowKey, current_row, inspect, store_quarantine, triggers_off, try_to_apply
from node.rows_wire import (
    Answer,
    Content,
    RowsWanted,
    SentRow,
    Value,
    decode_answer,
    decode_content,
    decode_wanted,
    encode_answer,
    encode_content,
    encode_wanted,
)
from node.schema import COLUMN_COUNTS, COLUMN_NAMES
from node.store import Store
from node.takeover import departed_origins

LETTER_WANTED: Final = "rows_wanted"
LETTER_ROWS: Final = "rows"

_WANT = (
    "INSERT INTO row_wanted (origin, table_name, row_id, asked_at, asked_seq, asked_of) VALUES (?,?,?,?,?,?) "
    "ON CONFLICT (origin, table_name, row_id) DO UPDATE SET "
    "asked_at = excluded.asked_at, asked_seq = excluded.asked_seq, asked_of = excluded.asked_of"
)
_WANT_NO_MORE = "DELETE FROM row_wanted WHERE origin = ? AND table_name = ? AND row_id = ?"
_DELETE_ROW: Final = {name: f"DELETE FROM {name} WHERE origin = ? AND id = ?" for name in COLUMN_NAMES}


@dataclass(frozen=True, slots=True)
class Asked:
    """``rows`` rows were asked of node ``node_id``."""

    node_id: NodeId
    rows: int


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Whose word on the rows of an origin counts; ``end``: where the origin was retired."""

    node_id: NodeId
    end: Head | None


def _speaker(reference: Reference, origin: OriginId) -> _Speaker | None:
    holdings = reference.holdings(origin)
    last = next((held for held in reversed(holdings) if held.node_id), None)
    if last is None:
        return None
    newest = holdings[-1]
    return _Speaker(last.node_id, None if newest.node_id else Head(origin, newest.from_seq, newest.from_hash))


def ask_for_rows(store: Store, mail: Mail, origin: OriginId, rows: Iterable[RowKey]) -> Asked:
    """Ask the holder of an origin for rows as they are now: durable on return. The answer comes by letter, and what was
    asked for is put in place then. Asking again is no fault: the newest answer counts.

    Raises ``UsageError`` if nobody can be asked. Inside the caller's transaction, or in one of its own.
    """
    keys = tuple(dict.fromkeys(rows))
    holder = _holder_to_ask(store, mail.reference, origin, keys)
    address = _address(store, mail)
    now = store.clock.wall_ms()
    if store.connection.in_transaction:
        _post_wishes(store.connection, mail, store.head(origin), keys, address, holder, store.new_row_id(now), now)
    else:
        with store.database.transaction() as connection:
            _post_wishes(connection, mail, store.head(origin), keys, address, holder, store.new_row_id(now), now)
    return Asked(holder, len(keys))


def _holder_to_ask(store: Store, reference: Reference, origin: OriginId, keys: Collection[RowKey]) -> NodeId:
    if any(table not in COLUMN_NAMES for table, _ in keys):
        raise UsageError(
            f"All of the register {id_text(origin)} is held back: which rows a commit touches cannot be told.",
            hint="Install the newest release of dansync and try again: dansync quarantine retry FOLDER --all",
        )
    speaker = _speaker(reference, origin)
    if speaker is None:
        raise UsageError(
            f"Nobody is known here who writes the register {id_text(origin)}.",
            hint="Let this node meet its parent once, so that it knows who holds what, and ask again.",
        )
    if speaker.node_id == store.node_id:
        raise UsageError(
            f"This node writes the register {id_text(origin)} itself: nobody else knows its rows better.",
            hint="Mend the cause and try again: dansync quarantine retry FOLDER",
        )
    if origin != store.reference_origin() and reference.next_hop(store.node_id, speaker.node_id) is None:
        raise UsageError(
            f"The register {id_text(origin)} is written by node {speaker.node_id}, which is not below this node.",
            hint="Its copy here is not kept up any more; the nodes above its holder have the register.",
        )
    return speaker.node_id


def _address(store: Store, mail: Mail) -> OriginId:
    """An origin of this node by which letters find it."""
    reference = store.reference_origin()
    for origin in store.own_origins():
        if origin != reference and mail.reference.holdings(origin) and mail.way(origin) == store.node_id:
            return origin
    raise UsageError(
        "This node holds no register of its own that others know: no answer would find it.",
        hint="Let this node meet its parent once, so that it knows who holds what, and ask again.",
    )


def _post_wishes(
    connection: apsw.Connection,
    mail: Mail,
    head: Head,
    keys: Sequence[RowKey],
    address: OriginId,
    holder: NodeId,
    request: bytes,
    now: int,
) -> None:
    for first in range(0, len(keys), limits.ROWS_PER_LETTER_MAX):
        part = tuple(keys[first : first + limits.ROWS_PER_LETTER_MAX])
        mail.post(compose(head.origin, LETTER_WANTED, encode_wanted(RowsWanted(address, head, request, part))))
    connection.executemany(_WANT, ((head.origin, table, row_id, now, head.seq, holder) for table, row_id in keys))


class RowDesk:
    """Answers who asks for rows of this node's origins, and takes what it has asked for. ``key`` signs answers."""

    def __init__(self, store: Store, mail: Mail, key: NodeKey) -> None:
        self._store = store
        self._mail = mail
        self._reference = mail.reference
        self._key = key

    # --- the holder --------------------------------------------------------------------------------------------------

    def read_wanted(self, item: Letter, *, patient: bool) -> Reading:
        """Somebody above asks for rows: answer as they stand now. A request that knows more of the register than this
        store waits: it is being restored.
        """
        wanted = decode_wanted(item.body)
        origin = wanted.head.origin
        if origin != item.to_origin:
            raise LetterRefused("a letter asks for rows of another register than the one it is addressed to")
        if any(table not in COLUMN_NAMES for table, _ in wanted.rows):
            raise LetterRefused("a letter asks for rows of a table that there is not")
        asker = _speaker(self._reference, wanted.asker_origin)
        if asker is None or origin not in self._store.own_origins():
            if patient:
                return "waits"
            raise LetterRefused("a letter asks for rows, and who asks, or the register, is not known here")
        if origin != self._store.reference_origin():
            self._require_above(asker.node_id, origin)
        if patient and wanted.head.seq > self._store.head(origin).seq:
            return "waits"
        with self._store.database.transaction() as connection:
            self._mail.mark(item.id, READ)
            for body in self._answers(connection, wanted):
                self._mail.post(compose(wanted.asker_origin, LETTER_ROWS, body))
        return "read"

    def _require_above(self, asker: NodeId, origin: OriginId) -> None:
        """Rows go to nodes that have them anyway, wherever a request says that it comes from."""
        node = self._reference.node(asker)
        if node is None or node.state == REVOKED or self._reference.next_hop(asker, self._store.node_id) is None:
            raise LetterRefused(f"node {asker} asks for rows and is not above this node, or was revoked: it gets none")
        speaker = _speaker(self._reference, origin)
        if speaker is None or speaker.node_id != self._store.node_id:
            raise LetterRefused("a letter asks for rows of a register that another node writes now")
        if speaker.end is not None and self._store.head(origin) != speaker.end:
            raise LetterRefused("a letter asks for rows of a register that was retired before its last commits here")

    def _answers(self, connection: apsw.Connection, wanted: RowsWanted) -> Iterator[bytes]:
        """The rows as they stand at our head, each letter signed; what is held back here is left out."""
        origin = wanted.head.origin
        head = self._store.head(origin)
        held = self._store.quarantined(origin)
        digest = self._store.digest(origin).value
        part: list[SentRow] = []
        size = 0
        for key in dict.fromkeys(wanted.rows):
            if key in held:
                continue
            values = cast("tuple[Value, ...] | None", current_row(connection, origin, key))
            weight = sum(len(value) if isinstance(value, str | bytes) else 8 for value in values or ())
            if part and size + weight > limits.ROWS_BYTES_TARGET:
                yield self._signed(head, Content(wanted.asker_origin, wanted.request, digest, tuple(part)))
                part, size = [], 0
            part.append(SentRow(*key, values))
            size += weight
        if part:
            yield self._signed(head, Content(wanted.asker_origin, wanted.request, digest, tuple(part)))

    def _signed(self, head: Head, content: Content) -> bytes:
        data = encode_content(content)
        statement = rows_statement(head.origin, head.seq, head.hash, hashlib.sha256(data).digest())
        return encode_answer(Answer(head, self._store.node_id, self._key.sign(statement), data))

    # --- the asker ---------------------------------------------------------------------------------------------------

    def read_rows(self, item: Letter, *, patient: bool) -> Reading:
        """Rows that the holder has sent: put in place those that were asked for, once our log has come as far."""
        answer = decode_answer(item.body)
        self._require_word_of_holder(answer)
        content = decode_content(answer.content)
        if content.asker_origin != item.to_origin:
            raise LetterRefused("a letter holds rows that another node has asked for")
        store, origin = self._store, answer.head.origin
        for row in content.rows:
            _require_row_of(origin, row)
        if patient and any(row.values and len(row.values) > COLUMN_COUNTS[row.table] for row in content.rows):
            return "waits"  # the holder has a newer schema
        with store.database.snapshot() as connection:
            wanted = quarantine.wanted(connection, origin)
        rows = [row for row in content.rows if row.key in wanted]
        known = store.hash_at(origin, answer.head.seq)
        behind = known is None and store.head(origin).seq < answer.head.seq
        if patient and rows and behind and origin not in departed_origins(store, self._reference):
            return "waits"
        with store.database.transaction() as connection:
            self._mail.mark(item.id, READ)
            if rows and known == answer.head.hash:
                self._take(connection, answer, content, rows)
            elif rows:
                store.alarm_now(
                    "rows_not_taken",
                    origin,
                    f"rows came as they stood at commit {answer.head.seq}, which is not in the log here: ask again",
                    store.clock.wall_ms(),
                )
        return "read"

    def _require_word_of_holder(self, answer: Answer) -> None:
        origin = answer.head.origin
        speaker = _speaker(self._reference, origin)
        if speaker is None or speaker.node_id != answer.signer:
            raise LetterRefused(f"rows of a register came from node {answer.signer}, which does not hold it")
        if speaker.node_id == self._store.node_id:
            raise LetterRefused("rows came of a register that this node writes itself")
        if speaker.end is not None and answer.head != speaker.end:
            raise LetterRefused("rows came of a register that was retired before they were so")
        keys: Iterable[bytes] = self._reference.public_keys(answer.signer)
        if origin == self._store.reference_origin():
            keys = [key for key in (self._store.authority_key(),) if key is not None]
        digest = hashlib.sha256(answer.content).digest()
        statement = rows_statement(origin, answer.head.seq, answer.head.hash, digest)
        if not any(verifies(key, statement, answer.signature) for key in keys):
            raise LetterRefused(f"rows came that node {answer.signer} has not signed")

    def _take(self, connection: apsw.Connection, answer: Answer, content: Content, rows: Sequence[SentRow]) -> None:
        """Inside the transaction: the rows as the holder has them, then what our log says of them since then."""
        store, origin, now = self._store, answer.head.origin, self._store.clock.wall_ms()
        keys = frozenset(row.key for row in rows)
        with triggers_off(connection):
            for row in rows:
                _set_row(connection, origin, row)
            ended = quarantine.replaced(connection, origin, keys, answer.head.seq, now, by=answer.signer)
            self._do_again(connection, answer.head, keys, now)
        connection.executemany(_WANT_NO_MORE, ((origin, table, row_id) for table, row_id in keys))
        connection.execute("DELETE FROM scrubbed WHERE origin = ?", (origin,))  # the rows are not those of then
        rows_moved(connection, origin)
        sets = quarantine.row_sets(quarantine.held_commits(connection, origin))
        quarantine.retry(connection, now, sets=sets)
        store.rows_changed += 1
        store.alarm_now(
            "rows_replaced",
            origin,
            f"{len(rows)} rows were taken from node {answer.signer} as they stood at its commit {answer.head.seq}; "
            f"{ended} commits are not held back any more",
            now,
        )
        self._compare(connection, answer, content, now)

    def _do_again(self, connection: apsw.Connection, after: Head, keys: frozenset[RowKey], now: int) -> None:
        """Changes of the rows by commits behind the holder's head that were applied here before."""
        origin = after.origin
        held = {item.seq: item for item in quarantine.held_commits(connection, origin)}
        blocked: set[RowKey] = set()
        last = after.seq
        while page := self._store.read_commits(origin, last):
            last = page[-1].seq
            for commit in page:
                known = held.get(commit.seq)
                if known is not None and known.whole_origin:
                    continue
                over = keys.intersection(inspect(commit).keys).difference(known.keys if known is not None else ())
                if not over:
                    continue
                refusal: tuple[str, str] | None = (quarantine.BEHIND, _BEHIND_DETAIL)
                if blocked.isdisjoint(over):
                    refusal = try_to_apply(connection, commit, over)
                if refusal is not None:
                    blocked |= over
                    store_quarantine(connection, [Quarantined(commit, *refusal, tuple(sorted(over)))], now)

    def _compare(self, connection: apsw.Connection, answer: Answer, content: Content, now: int) -> None:
        """Where nothing else is under way, our copy must be the holder's now."""
        store, origin = self._store, answer.head.origin
        if store.head(origin) != answer.head or store.quarantined(origin) or quarantine.wanted(connection, origin):
            return
        if store.digest(origin).value != content.origin_digest:
            store.alarm_now(
                "digest_differs",
                origin,
                f"after rows were taken from node {answer.signer}, other rows still differ from the ones it has",
                now,
            )


_BEHIND_DETAIL: Final = "an earlier commit on the same rows is held back"


def _require_row_of(origin: OriginId, row: SentRow) -> None:
    if row.table not in COLUMN_NAMES:
        raise LetterRefused("rows came of a table that there is not")
    if row.values is not None and row.values[:2] != (origin, row.row_id):
        raise LetterRefused("a row came that belongs to another register than the letter says")


def _set_row(connection: apsw.Connection, origin: OriginId, row: SentRow) -> None:
    """The row as it was sent, in the place of ours; columns that the sender does not know have their defaults."""
    connection.execute(_DELETE_ROW[row.table], (origin, row.row_id))
    if row.values is None:
        return
    names = COLUMN_NAMES[row.table][: len(row.values)]
    if len(names) < len(row.values):
        raise LetterRefused("rows came with columns that this release does not know: install the newer one")
    marks = ", ".join("?" * len(names))
    try:
        connection.execute(f"INSERT INTO {row.table} ({', '.join(names)}) VALUES ({marks})", row.values)
    except apsw.ConstraintError as error:
        raise LetterRefused(f"a row came with values that its table does not take ({error})") from error
