"""Decisions as rows: in the log of whoever decided, and in the registers whose persons they are about.

A decision is named by what it rests on, and its row by that name, so nobody can write the same twice. A question (whose
case has not come to an end) decides nothing and has no row in the log of whoever asks; where it is received it has a
name of its own, because the decision that follows may rest on the same claims.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

from conflict.cases import DecidedBy, Outcome, State
from conflict.claims import EventRef, PersonRef
from conflict.decisions import Action, Ask, Decision, Parameters
from conflict.explanation import Reason
from node.ids import ID_BYTES, OriginId, RowId
from node.schema import decision

COLUMNS: Final = tuple(column.name for column in decision.columns)
_QUESTION: Final = b"dansync question 1\0"


def row_id(decision_id: str) -> bytes:
    """The id of the row of a decision. Raises ``ValueError`` if that is no name of one."""
    value = bytes.fromhex(decision_id)[:ID_BYTES]
    if len(value) != ID_BYTES:
        raise ValueError("no name of a decision")
    return value


def ask_id(which: bytes, ask: Ask) -> RowId:
    """The id of the row of what one decision asks for one record: the first half of SHA-256 over both."""
    return RowId(hashlib.sha256(b"\0".join((which, ask.action.encode(), ask.ref.encode()))).digest()[:ID_BYTES])


def as_question(made: Decision) -> Decision:
    """The draft of a decision under the name of the question that it is: another state or request is another one."""
    words = json.dumps([made.id, made.state.value, [[a.unit, a.action.value, a.ref, a.successor] for a in made.asks]])
    return replace(made, id=hashlib.sha256(_QUESTION + words.encode()).hexdigest())


def to_row(made: Decision, origin: OriginId, as_of: date) -> dict[str, Any]:
    evidence = {
        "claims": list(made.claims),
        "asks": [[ask.unit, ask.action.value, ask.ref, ask.successor] for ask in made.asks],
        "reasons": [
            [why.code, why.rule, "" if why.day is None else why.day.isoformat(), *why.about] for why in made.reasons
        ],
    }
    return {
        "origin": origin,
        "id": row_id(made.id),
        "decision_id": made.id,
        "case_ref": made.case,
        "state": made.state.value,
        "outcome": made.outcome.value,
        "decided_by": made.decided_by.value,
        "authority": made.authority,
        "depth": made.depth,
        "score": "" if made.score is None else repr(made.score),
        "parameters_version": made.parameters.version,
        "parameters_hash": made.parameters.hash,
        "as_of": as_of.isoformat(),
        "undoes": made.undoes,
        "evidence": json.dumps(evidence, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
    }


def from_row(row: Mapping[str, Any]) -> Decision:
    """Raises ``ValueError`` if it cannot be read: it may be of a newer release."""
    try:
        evidence = json.loads(row["evidence"])
        return Decision(
            row["decision_id"],
            EventRef(row["case_ref"]),
            tuple(EventRef(ref) for ref in evidence["claims"]),
            Parameters(row["parameters_version"], row["parameters_hash"]),
            State(row["state"]),
            Outcome(row["outcome"]),
            DecidedBy(row["decided_by"]),
            row["authority"],
            row["depth"],
            float(row["score"]) if row["score"] else None,
            tuple(
                Ask(unit, Action(action), PersonRef(ref), PersonRef(successor))
                for unit, action, ref, successor in evidence["asks"]
            ),
            tuple(
                Reason(code, rule, date.fromisoformat(day) if day else None, tuple(about))
                for code, rule, day, *about in evidence["reasons"]
            ),
            row["undoes"],
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a decision lacks {error}") from error
