"""Decisions that come down: applied as a commit of the register they are about, once (DESIGN 4).

The letter is the authority's word, signed by it, so no hop can make one up; it counts if the authority stands above
whoever holds the register, or did. To apply a decision is to write down that it came and what it asks for each record:
nothing that the office wrote is changed by it, and what holds for a record follows from all decisions that came
(``node.inbox``). The commit climbs and is the receipt; it is never evidence.
"""

from __future__ import annotations

import hashlib
from typing import Final

import apsw

from conflict.decisions import Ask
from node.chain import KIND_DECISION
from node.decision_rows import COLUMNS, ask_id, row_id, to_row
from node.decisions_wire import Notice, Signed, decode_notice, decode_signed, encode_notice, encode_signed
from node.errors import HoldingError, LetterRefused, StoreBusy
from node.identity.keys import NodeKey, verifies
from node.identity.statements import decision_statement
from node.ids import NodeId, OriginId, RowId
from node.mail import READ, Mail, Reading, compose
from node.protocol.messages import Letter
from node.reference import REVOKED
from node.register.lookup import Lookup
from node.register.records import PersonRecord, source_text
from node.store import Store

LETTER_DECISION: Final = "decision"

_VALUES: Final = (*COLUMNS, "authority_origin", "question")
_INSERT = f"INSERT INTO applied_decision ({', '.join(_VALUES)}) VALUES ({', '.join(f':{name}' for name in _VALUES)})"
_INSERT_ASK = (
    "INSERT INTO applied_ask (origin, id, decision, person_id, action, ref, successor) VALUES (?,?,?,?,?,?,?) "
    "ON CONFLICT DO NOTHING"
)
_KNOWN = "SELECT 1 FROM applied_decision WHERE origin = ? AND id = ?"


def decision_letter(notice: Notice, signer: NodeId, key: NodeKey) -> Letter:
    """What an authority writes to a register; the same decision makes the same letter."""
    content = encode_notice(notice)
    statement = decision_statement(signer, notice.to_origin, hashlib.sha256(content).digest())
    return compose(notice.to_origin, LETTER_DECISION, encode_signed(Signed(signer, key.sign(statement), content)))


class DecisionReader:
    """Applies the decisions that came for the registers of one store."""

    def __init__(self, store: Store, mail: Mail) -> None:
        self._store = store
        self._mail = mail

    def read(self, item: Letter, *, patient: bool) -> Reading:
        """One letter. It waits for the reference data that say who its authority is, and for the records that it is
        about, as long as there is hope. Raises ``LetterRefused``, ``FrameRefused``.
        """
        signed = decode_signed(item.body)
        objection = self._objection(signed, item.to_origin)
        if objection and patient:
            return "waits"
        if objection:
            raise LetterRefused(objection)
        notice = decode_notice(signed.content)
        if notice.to_origin != item.to_origin:
            raise LetterRefused("a letter holds a decision for another register than the one it is addressed to")
        if notice.decision.authority != signed.signer:
            raise LetterRefused(f"node {signed.signer} sent a decision in the name of {notice.decision.authority}")
        try:
            return self._apply(item, notice, signed.signer, patient=patient)
        except StoreBusy:
            return "waits"  # the register is being put together again
        except HoldingError as error:
            raise LetterRefused(f"a decision came for a register that nobody may write: {error.message}") from error

    def _objection(self, signed: Signed, to_origin: OriginId) -> str:
        """Why this is not the word of somebody who may decide here, as far as is known; '' if it is."""
        reference, signer = self._mail.reference, signed.signer
        node = reference.node(signer)
        if node is None or node.state == REVOKED:
            return f"a decision came from node {signer}, which is not known here or was revoked"
        holders = {held.node_id for held in reference.holdings(to_origin) if held.node_id} | {self._store.node_id}
        if signer not in holders and not any(reference.was_below(signer, holder) for holder in holders):
            return f"a decision came from node {signer}, which is not above this register and never was"
        statement = decision_statement(signer, to_origin, hashlib.sha256(signed.content).digest())
        if not any(verifies(key, statement, signed.signature) for key in reference.public_keys(signer)):
            return f"a decision came that node {signer} has not signed, or not for this register"
        return ""

    def _apply(self, item: Letter, notice: Notice, signer: NodeId, *, patient: bool) -> Reading:
        store, now, origin = self._store, self._store.clock.wall_ms(), item.to_origin
        made = notice.decision
        with store.database.snapshot() as connection:
            persons = self._persons(connection, notice)
        asks = _asks_of(notice)
        if patient and any(ask.ref not in persons for ask in asks):
            return "waits"
        with store.capture_beside(
            author=signer, kind=KIND_DECISION, recorded_at=now, origin=origin, tag=made.id
        ) as capture:
            connection = capture.connection
            self._mail.mark(item.id, READ)
            which = row_id(made.id)
            if connection.execute(_KNOWN, (origin, which)).fetchone() is None:
                row = to_row(made, origin, notice.as_of)
                more = {"authority_origin": notice.authority_origin, "question": int(notice.is_question)}
                connection.execute(_INSERT, row | more)
                for ask in asks:
                    person_id = persons.get(ask.ref)
                    values = (person_id, ask.action.value, ask.ref, ask.successor)
                    connection.execute(_INSERT_ASK, (origin, ask_id(which, ask), which, *values))
        return "read" if capture.commit is None else "grown"

    def _persons(self, connection: apsw.Connection, notice: Notice) -> dict[str, RowId]:
        """The rows of the records that are spoken of, by their refs; those that are there."""
        prefix = f"{notice.unit}:"
        names = {ask.ref.removeprefix(prefix) for ask in _asks_of(notice)}
        found: list[PersonRecord] = Lookup(connection, notice.to_origin).persons(names)
        return {prefix + source_text(record): record.id for record in found}


def _asks_of(notice: Notice) -> list[Ask]:
    """What is asked of this register, one request for each record and action."""
    mine = {(ask.ref, ask.action): ask for ask in notice.decision.asks if ask.unit == notice.unit}
    return [mine[key] for key in sorted(mine)]
