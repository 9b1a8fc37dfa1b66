"""Reading the letters that came for this node: each kind has its handler, in one table."""

from __future__ import annotations

from typing import Final

from node import limits
from node.decision_letters import LETTER_DECISION, DecisionReader
from node.errors import CommitRefused, FrameRefused, LetterRefused
from node.healing import LETTER_BRANCH, Healer
from node.ids import OriginId
from node.mail import UNREADABLE, Handler, Mail, Reading
from node.protocol.messages import Letter
from node.rows import LETTER_ROWS, LETTER_WANTED, RowDesk
from node.store import Store


class LetterReader:
    """Reads what came for the origins of one store."""

    def __init__(self, store: Store, mail: Mail, healer: Healer, desk: RowDesk) -> None:
        self._store = store
        self._mail = mail
        self._healer = healer
        self._handlers: Final[dict[str, Handler]] = {
            LETTER_BRANCH: healer.read_branch,
            LETTER_WANTED: desk.read_wanted,
            LETTER_ROWS: desk.read_rows,
            LETTER_DECISION: DecisionReader(store, mail).read,
        }

    def read(self) -> bool:
        """Read all that can be read now. True if a log has grown. One letter may be what another one waits for."""
        grown = False
        progress = True
        while progress:
            progress = False
            for which in self._mail.here(self._is_here):
                item, came_at = self._mail.get(which)
                patient = self._store.clock.wall_ms() - came_at < limits.LETTER_PATIENCE_MS
                outcome = self._read(item, patient=patient)
                progress |= outcome != "waits"
                grown |= outcome == "grown"
        if grown:
            self._healer.give_up_what_is_others()
        return grown

    def _is_here(self, origin: OriginId) -> bool:
        """Whether a register that was taken over has come as far as it was handed over, or all of it if the store was
        made anew.
        """
        if self._store.restoring:
            return False
        holding = self._mail.reference.holder(origin)
        return holding is None or not holding.node_id or self._store.head(origin).seq >= holding.from_seq

    def _read(self, item: Letter, *, patient: bool) -> Reading:
        try:
            handler = self._handlers.get(item.kind)
            if handler is None:
                raise LetterRefused(f"letters of kind {item.kind} are not known here")
            return handler(item, patient=patient)
        except (FrameRefused, CommitRefused, LetterRefused) as error:
            with self._store.database.transaction():
                self._mail.mark(item.id, UNREADABLE)
                now = self._store.clock.wall_ms()
                self._store.alarm_now("letter_refused", item.to_origin, error.message, now)
            return "read"
