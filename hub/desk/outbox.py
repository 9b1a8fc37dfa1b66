"""What a hub tells the registers below it: its decisions, and what it asks while a case is open (DESIGN 4).

A letter is posted in the transaction that writes the decision, one for each register that is asked. The outbox is
derived: a decision that came back from the parent after a restore, or that another process wrote, is found when the
log is read, and whoever has its letter is written to no second time. Questions are in no log, for they follow from the
rows and the day; what a register was asked is kept, and withdrawn once nobody asks it any more.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import apsw

from conflict.cases import State
from conflict.claims import EventRef
from conflict.decisions import Action, Ask, Decision, decision_id, in_force, seen_by, supersedes
from hub.desk.families import keys_of
from node import limits
from node.decision_letters import decision_letter
from node.decision_rows import COLUMNS, as_question, from_row, row_id, to_row
from node.decisions_wire import Notice
from node.identity.keys import NodeKey
from node.ids import NodeId, OriginId
from node.mail import Mail
from node.store import Store

ENDED: Final = frozenset({State.SETTLED, State.CANCELLED, State.LAPSED})
"""The states in which a case asks for a decision. All others ask questions, which are no decisions."""

DECISIONS_AT_ONCE: Final = 100
WITHDRAWAL: Final = "withdrawal "
"""Before the name of what took a question back, among the claims of a question that is asked again."""
_AGAIN_MAX: Final = 20
_FACT_KEY: Final = "outbox key"  # whose signature the letters carry: with another key they are written anew

_NOTE = "INSERT INTO desk_unsent (origin, decision) VALUES (?,?) ON CONFLICT DO NOTHING"
_NOTE_ALL = (
    "INSERT INTO desk_unsent (origin, decision) SELECT origin, id FROM decision WHERE origin = ? ON CONFLICT DO NOTHING"
)
_UNSENT = "SELECT origin, decision FROM desk_unsent ORDER BY origin, decision LIMIT ?"
_LOOKED_AT = "DELETE FROM desk_unsent WHERE origin = ? AND decision = ?"
_ONE = f"SELECT {', '.join(COLUMNS)} FROM decision WHERE origin = ? AND id = ?"
_ABOUT = (
    f"SELECT {', '.join(f'd.{name}' for name in COLUMNS)} FROM desk_decision AS c "
    "JOIN decision AS d ON d.origin = c.origin AND d.id = c.decision WHERE c.claim = ? AND c.origin = ?"
)
_ASKED = "SELECT to_origin FROM desk_asked WHERE decision = ?"
_SET_ASKED = (
    "INSERT INTO desk_asked (decision, to_origin, case_ref, question, due_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING"
)
_DUE = (
    "SELECT a.decision, a.to_origin, a.question, a.reminders, a.withdrawn, d.id IS NOT NULL FROM desk_asked AS a "
    "INDEXED BY desk_asked_due LEFT JOIN applied_decision AS d ON d.origin = a.to_origin AND d.id = a.decision "
    "WHERE a.due_at > 0 AND a.due_at <= ? ORDER BY a.due_at LIMIT ?"
)
_SET_DUE = "UPDATE desk_asked SET due_at = ?, reminders = ? WHERE decision = ? AND to_origin = ?"
_QUESTIONS = "SELECT DISTINCT question FROM desk_asked WHERE case_ref = ? AND question <> '' AND withdrawn = ''"
_WITHDRAWN = "SELECT withdrawn FROM desk_asked WHERE decision = ? AND withdrawn <> ''"
_SET_WITHDRAWN = "UPDATE desk_asked SET withdrawn = ? WHERE decision = ?"
_RECEIPTS = (
    "SELECT a.to_origin, a.question <> '', d.id IS NOT NULL FROM desk_asked AS a LEFT JOIN applied_decision AS d "
    "ON d.origin = a.to_origin AND d.id = a.decision WHERE a.decision = ? ORDER BY a.to_origin"
)


def note_unsent(connection: apsw.Connection, origin: OriginId, which: bytes) -> None:
    """A decision was written, or came: somebody may have to be told."""
    connection.execute(_NOTE, (origin, which))


@dataclass(frozen=True, slots=True)
class Delivery:
    """A register that was told of a decision or asked a question; ``received``: its own log says that it came, which is
    when a decision is applied.
    """

    to_origin: OriginId
    is_question: bool
    received: bool


def deliveries(connection: apsw.Connection, decision: str) -> tuple[Delivery, ...]:
    """Who was told of a decision or asked a question, by its name."""
    rows: list[tuple[Any, ...]] = connection.execute(_RECEIPTS, (row_id(decision),)).fetchall()
    return tuple(Delivery(OriginId(to_origin), bool(question), bool(there)) for to_origin, question, there in rows)


def deliveries_of_case(connection: apsw.Connection, origin: OriginId, case: EventRef) -> tuple[Delivery, ...]:
    """Who was told of what counts for a case by the decisions of this node, and whom it asks."""
    made = decided_on(connection, origin, case)
    told = () if made is None else deliveries(connection, made.id)
    asked: list[Delivery] = []
    for (text,) in connection.execute(_QUESTIONS, (case,)).fetchall():
        asked += deliveries(connection, json.loads(str(text))["decision_id"])
    return (*told, *asked)


class Outbox:
    """The outbox of one hub inside a transaction. ``origin`` is its own register, ``nodes`` says whose each register
    is, ``key`` signs.
    """

    def __init__(
        self,
        store: Store,
        connection: apsw.Connection,
        mail: Mail,
        key: NodeKey,
        origin: OriginId,
        nodes: Mapping[OriginId, NodeId],
    ) -> None:
        self._store = store
        self._connection = connection
        self._mail = mail
        self._key = key
        self._origin = origin
        self._nodes = dict(nodes)
        self.posted = 0

    # --- decisions ---------------------------------------------------------------------------------------------------

    def send_some(self, count: int = DECISIONS_AT_ONCE) -> bool:
        """Write to everybody who has to be told of decisions that were noted. False: there was nothing to look at."""
        self._meet_key()
        rows: list[tuple[Any, ...]] = self._connection.execute(_UNSENT, (count,)).fetchall()
        for origin, which in rows:
            if origin == self._origin:
                self._send(which)
            self._connection.execute(_LOOKED_AT, (origin, which))
        return bool(rows)

    def _meet_key(self) -> None:
        digest = hashlib.sha256(self._key.public).digest()
        known = self._store.fact(_FACT_KEY)
        if known == digest:
            return
        if known is not None:
            self._connection.execute("DELETE FROM desk_asked WHERE question = ''")
            self._connection.execute(_NOTE_ALL, (self._origin,))
        self._store.keep_fact(_FACT_KEY, digest)

    def _send(self, which: bytes) -> None:
        rows = self._connection.execute(_ONE, (self._origin, which)).fetchall()
        for values in rows:
            row = dict(zip(COLUMNS, values, strict=True))
            try:
                made, as_of = from_row(row), date.fromisoformat(str(row["as_of"]))
            except ValueError:
                continue  # of a newer release, which had told everybody before it was taken back
            self._post(made, as_of, is_question=False)

    def _post(self, made: Decision, as_of: date, *, is_question: bool) -> None:
        which = row_id(made.id)
        told = {bytes(row[0]) for row in self._connection.execute(_ASKED, (which,)).fetchall()}  # type: ignore[arg-type]
        asks = made.asks if is_question else (*made.asks, *self._asks_before(made))
        for to_origin in self._registers_of(asks):
            if to_origin in told:
                continue
            unit = self._nodes[to_origin]
            notice = Notice(self._origin, to_origin, unit, is_question, seen_by(made, unit), as_of)
            self._mail.post(decision_letter(notice, self._store.node_id, self._key))
            row = _written(made, self._origin, as_of) if is_question else ""
            due_at = self._store.clock.wall_ms() + limits.REMINDER_MS
            self._connection.execute(_SET_ASKED, (which, to_origin, made.case, row, due_at))
            self.posted += 1

    def _asks_before(self, made: Decision) -> list[Ask]:
        """What was asked by decisions that this one takes back, or takes the place of: whoever heard of those hears of
        it, also where nothing is asked of them any more.
        """
        found: list[Ask] = []
        for claim in made.claims:
            for values in self._connection.execute(_ABOUT, (claim, self._origin)).fetchall():
                before = from_row(dict(zip(COLUMNS, values, strict=True)))
                if supersedes(made, before):
                    found += before.asks
        return found

    # --- receipts ----------------------------------------------------------------------------------------------------

    def remind_some(self, count: int = DECISIONS_AT_ONCE) -> bool:
        """Write once more to registers that have not said for long that something came: a store on the way, or theirs,
        may have become an older copy of itself and lost the letter without anybody seeing it. False: nobody is due.
        """
        now = self._store.clock.wall_ms()
        rows: list[tuple[Any, ...]] = self._connection.execute(_DUE, (now, count)).fetchall()
        for which, to_origin, question, reminders, withdrawn, has_it in rows:
            over = has_it or self._is_silent(to_origin, reminders) or not self._counts(which, question, withdrawn)
            due_at = 0
            if not over and self._remind(which, to_origin, question):
                due_at = now + (limits.REMINDER_MS << min(reminders, limits.REMINDERS_DOUBLED_MAX))
            self._connection.execute(_SET_DUE, (due_at, reminders + 1, which, to_origin))
        return bool(rows)

    def _is_silent(self, to_origin: OriginId, reminders: int) -> bool:
        """Whether no receipt can come, as far as is known here: the register ended, or goes on below others by now.
        The latter are written to a few times all the same.
        """
        reference = self._mail.reference
        holder = reference.last_holder(to_origin)
        if holder is None or reference.is_retired(to_origin):
            return True
        is_below = holder == self._store.node_id or reference.next_hop(self._store.node_id, holder) is not None
        return not is_below and reminders >= limits.REMINDERS_DEPARTED_MAX

    def _counts(self, which: bytes, question: str, withdrawn: str) -> bool:
        """A question that was withdrawn is not asked any more; what withdrew it has to arrive."""
        return not question or not withdrawn or row_id(withdrawn) == which

    def _remind(self, which: bytes, to_origin: OriginId, question: str) -> bool:
        values = self._connection.execute(_ONE, (self._origin, which)).fetchall()
        row = json.loads(question) if question else dict(zip(COLUMNS, values[0], strict=True)) if values else None
        unit = self._nodes.get(to_origin)
        if row is None or unit is None:
            return False
        made, as_of = from_row(row), date.fromisoformat(str(row["as_of"]))
        notice = Notice(self._origin, to_origin, unit, bool(question), seen_by(made, unit), as_of)
        self._mail.post(decision_letter(notice, self._store.node_id, self._key), again=True)
        self.posted += 1
        return True

    def _registers_of(self, asks: Iterable[Ask]) -> list[OriginId]:
        """The registers that the records stand in; a reviewer here is asked by the list of cases."""
        by_unit: dict[str, set[OriginId]] = defaultdict(set)
        for origin, node in self._nodes.items():
            by_unit[node].add(origin)
        found: set[OriginId] = set()
        for ask in asks:
            if ask.action is Action.RULE:
                continue
            there = {origin for origin, _ in keys_of(self._connection, self._nodes, (ask.ref,))}
            found |= (there & by_unit[ask.unit]) or set(sorted(by_unit[ask.unit])[:1])
        return sorted(found)

    # --- questions ---------------------------------------------------------------------------------------------------

    def ask(self, drafts: Iterable[Decision], names: Iterable[str], as_of: date) -> None:
        """Ask what the open cases among the ``drafts`` of a family ask for, and withdraw what was asked before and is
        not any more. ``names``: all claims and records of the family, of which every case of it bears one as its name.
        """
        still_open = (draft for draft in drafts if draft.state not in ENDED)
        now = {question.id: question for question in map(self._named_anew, still_open)}
        for question in now.values():
            self._post(question, as_of, is_question=True)
        for before, asked_on in self._asked_before(names):
            if before.id not in now:
                self._take_back(before, now.values(), max(as_of, asked_on))

    def _named_anew(self, draft: Decision) -> Decision:
        """A question under a name that was not withdrawn: one that is asked again rests on that, too."""
        question = as_question(draft)
        for _ in range(_AGAIN_MAX):
            rows = self._connection.execute(_WITHDRAWN, (row_id(question.id),)).fetchall()
            if not rows:
                break
            claims = tuple(sorted({*draft.claims, EventRef(f"{WITHDRAWAL}{rows[0][0]}")}))
            draft = replace(draft, id=decision_id(draft.case, claims, draft.parameters), claims=claims)
            question = as_question(draft)
        return question

    def _asked_before(self, names: Iterable[str]) -> list[tuple[Decision, date]]:
        found: dict[str, tuple[Decision, date]] = {}
        for name in set(names):
            for (text,) in self._connection.execute(_QUESTIONS, (name,)).fetchall():
                row = json.loads(str(text))
                made = from_row(row)
                found[made.id] = (made, date.fromisoformat(row["as_of"]))
        return [found[name] for name in sorted(found)]

    def _take_back(self, before: Decision, questions: Iterable[Decision], as_of: date) -> None:
        """A question that nobody asks any more. Whoever was asked, and hears something later that rests on more, knows
        it by that (``conflict.instructions``).
        """
        told, knew = set(self._registers_of(before.asks)), set(before.claims)
        later = [question for question in questions if set(question.claims) > knew]
        later += [made for made in self._decided(before.case) if set(made.claims) >= knew]
        for other in later:
            if told <= set(self._registers_of(other.asks)):
                self._connection.execute(_SET_WITHDRAWN, (other.id, row_id(before.id)))
                return
        claims = tuple(sorted({*before.claims, EventRef(f"{WITHDRAWAL}{before.id}")}))
        draft = replace(before, id=decision_id(before.case, claims, before.parameters), claims=claims, undoes=before.id)
        asks = tuple(sorted({Ask(ask.unit, Action.REOPEN, ask.ref) for ask in before.asks}))
        taken_back = as_question(replace(draft, asks=asks))
        self._post(taken_back, as_of, is_question=True)
        for which in (before, taken_back):
            self._connection.execute(_SET_WITHDRAWN, (taken_back.id, row_id(which.id)))

    def _decided(self, case: EventRef) -> list[Decision]:
        """The decisions in the log that count and rest on the claim by which a case is named."""
        rows = self._connection.execute(_ABOUT, (case, self._origin)).fetchall()
        made = [from_row(dict(zip(COLUMNS, values, strict=True))) for values in rows]
        return [one for one in in_force(made) if not one.undoes]


def _written(made: Decision, origin: OriginId, as_of: date) -> str:
    row = to_row(made, origin, as_of)
    return json.dumps({name: value for name, value in row.items() if name not in {"origin", "id"}}, ensure_ascii=False)


def decided_on(connection: apsw.Connection, origin: OriginId, case: EventRef) -> Decision | None:
    """The decision of this node that counts for a case; None if it has decided nothing."""
    rows = connection.execute(_ABOUT, (case, origin)).fetchall()
    made = [from_row(dict(zip(COLUMNS, values, strict=True))) for values in rows]
    found = [one for one in in_force(made) if one.case == case]
    return min(found, key=lambda one: bool(one.undoes), default=None)
