"""Who may do what: one table, default deny (RELIABILITY D).

A row is a call: of the wire, or of the command line. A column is a role: of a machine, as its certificate says
(``node``, ``authority``, ``invited``), or of a person at a node (``viewer``, ``reviewer``, ``operator``,
``authority``). What stands there is the scope: whose rows the call may touch. A call or a role that is not in the table
may do nothing.
"""

from __future__ import annotations

from typing import Final, Literal

from node.enrolment_wire import ENROL_METHOD, RENEW_METHOD
from node.errors import DansyncError
from node.receipts_wire import CONFIRM_METHOD
from node.wire import SYNC_METHOD

Role = Literal["node", "invited", "viewer", "reviewer", "operator", "authority"]
Scope = Literal["own", "below", "tree"]
"""``own``: origins that the node holds; ``below``: also those of nodes below it; ``tree``: the reference data."""

MACHINE_ROLES: Final = frozenset({"node", "authority", "invited"})
PERSON_ROLES: Final = ("viewer", "reviewer", "operator", "authority")

_LOOK: Final[dict[Role, Scope]] = {"viewer": "below", "reviewer": "below", "operator": "below", "authority": "below"}
_WRITE: Final[dict[Role, Scope]] = {"operator": "own", "authority": "own"}
_KEEP: Final[dict[Role, Scope]] = {"operator": "own", "authority": "own"}
_CARRY: Final[dict[Role, Scope]] = {"operator": "below", "authority": "below"}
_MEND: Final[dict[Role, Scope]] = {"operator": "below", "authority": "below"}
_RULE: Final[dict[Role, Scope]] = {"authority": "tree"}

CALLS: Final[dict[str, dict[Role, Scope]]] = {
    SYNC_METHOD: {"node": "below", "authority": "below"},
    ENROL_METHOD: {"invited": "tree", "node": "tree"},
    RENEW_METHOD: {"node": "tree"},
    CONFIRM_METHOD: {"node": "below"},
    "status": _LOOK,
    "log": _LOOK,
    "log prove": _LOOK,
    "export": _LOOK,
    "origin list": _LOOK,
    "node list": _LOOK,
    "user list": _LOOK,
    "quarantine list": _LOOK,
    "quarantine show": _LOOK,
    "healing list": _LOOK,
    "healing show": _LOOK,
    "healing done": _MEND,
    "quarantine retry": _MEND,
    "quarantine replace": _MEND,
    "verify": _LOOK,
    "prune": _KEEP,
    "resync": _MEND,
    "verify --repair": _MEND,
    "record": _WRITE,
    "record ruling": {"reviewer": "own", "authority": "own"},
    "inbox list": _LOOK,
    "inbox show": _LOOK,
    "inbox confirm": _WRITE,
    "inbox dispute": _WRITE,
    "inbox answer": _WRITE,
    "inbox visit": _WRITE,
    "cases list": _LOOK,
    "cases show": _LOOK,
    "cases decide": {"reviewer": "own", "authority": "own"},
    "cases scan": {"reviewer": "own", "authority": "own"},
    "cases undo": {"reviewer": "own", "authority": "own"},
    "cases undo --import": _WRITE,
    "parameters list": _LOOK,
    "parameters estimate": _CARRY,
    "parameters introduce": _RULE,
    "unit list": _LOOK,
    "unit reform": _RULE,
    "import": _WRITE,
    "init": _KEEP,
    "run": _KEEP,
    "drain": _KEEP,
    "restore": _KEEP,
    "enroll": _KEEP,
    "encrypt": _KEEP,
    "backup": _KEEP,
    "scrub": _MEND,
    "parent": _KEEP,
    "courier export": _CARRY,
    "courier import": _CARRY,
    "user add": _KEEP,
    "user remove": _KEEP,
    "ca init": _RULE,
    "node invite": _RULE,
    "node answer": _RULE,
    "node approve": _RULE,
    "node reject": _RULE,
    "node revoke": _RULE,
    "node move": _RULE,
    "node dissolve": _RULE,
    "origin handover": _RULE,
    "origin retire": _RULE,
    "demo": _LOOK,
    "synth": _LOOK,
    "rehearse": _LOOK,
}


class NotAllowed(DansyncError):
    """The role of whoever asks has no such call in the table."""

    exit_code = 8


def scope(call: str, role: str) -> Scope | None:
    """Whose rows a call may touch in a role; None: it may not be made."""
    row = CALLS.get(call, {})
    return next((value for known, value in row.items() if known == role), None)


def may_call(call: str, role: str) -> bool:
    return scope(call, role) is not None


def require(call: str, role: str, who: str) -> None:
    """Raises ``NotAllowed``."""
    if not may_call(call, role):
        roles = [known for known in CALLS.get(call, {}) if known in PERSON_ROLES]
        raise NotAllowed(
            f"{who} may not do this here: {call} takes the role {' or '.join(roles) or 'of nobody'}.",
            hint="Ask an operator of this node: dansync user list FOLDER",
        )
