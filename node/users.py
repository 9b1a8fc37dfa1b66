"""The people at a node and what they may do: rows of the node's own register origin, so that every change has an author
and climbs like everything else.

While nobody is registered, whoever can open the store is its authority: the first command after ``init`` has to be
somebody's. There are no passwords: the operating system says who is at the keyboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from node.authorisation import PERSON_ROLES, may_call, require
from node.chain import KIND_ADMINISTRATION
from node.errors import UsageError
from node.ids import OriginId, RowId
from node.schema import local_user, sql
from node.store import Store

FOUNDER_ROLE: Final = "authority"
_REMOVED: Final = "removed"
_SELECT: Final = sql(
    sa.select(local_user.c.id, local_user.c.name, local_user.c.role)
    .where(local_user.c.origin == sa.bindparam("origin"), local_user.c.state != sa.literal(_REMOVED))
    .order_by(local_user.c.name)
)
_INSERT: Final = sql(
    sa.insert(local_user).values({name: sa.bindparam(name) for name in ("origin", "id", "name", "role")})
)
_UPDATE: Final = sql(
    sa.update(local_user)
    .where(local_user.c.origin == sa.bindparam("which_origin"), local_user.c.id == sa.bindparam("which_id"))
    .values(role=sa.bindparam("new_role"), state=sa.bindparam("new_state"))
)


@dataclass(frozen=True, slots=True)
class User:
    row_id: RowId
    name: str
    role: str


def users(store: Store) -> tuple[User, ...]:
    """Everybody who is registered at this node, by name."""
    with store.database.snapshot() as connection:
        rows = list(connection.execute(_SELECT, {"origin": _home(store)}))
    return tuple(User(RowId(row[0]), str(row[1]), str(row[2])) for row in rows)


def role_of(store: Store, name: str) -> str:
    """The role of a person; '' if others are registered and this one is not."""
    registered = users(store)
    if not registered:
        return FOUNDER_ROLE
    return next((user.role for user in registered if user.name == name), "")


def require_role(store: Store, call: str, name: str) -> None:
    """Raises ``NotAllowed`` unless this person may make the call here."""
    require(call, role_of(store, name), name)


def set_role(store: Store, name: str, role: str, *, by: str) -> None:
    """Register a person, or give one another role. The first one registers with the role of those who may register.

    Raises ``UsageError`` for a role that does not exist, or if nobody would be left who may register others.
    """
    if role not in PERSON_ROLES:
        raise UsageError(f"{role} is no role.", hint=f"Roles are: {', '.join(PERSON_ROLES)}.")
    registered = users(store)
    known = next((user for user in registered if user.name == name), None)
    _require_keeper([role if user.name == name else user.role for user in registered] + ([] if known else [role]))
    origin = _home(store)
    now_ms = store.clock.wall_ms()
    with store.capture(author=by, kind=KIND_ADMINISTRATION, tag="user", recorded_at=now_ms, origin=origin) as capture:
        if known is None:
            row_id = store.new_row_id(now_ms)
            capture.connection.execute(_INSERT, {"origin": origin, "id": row_id, "name": name, "role": role})
        else:
            _change(capture.connection.execute, origin, known, role, "")


def remove(store: Store, name: str, *, by: str) -> None:
    """Raises ``UsageError`` if there is no such person, or nobody would be left who may register others."""
    registered = users(store)
    known = next((user for user in registered if user.name == name), None)
    if known is None:
        raise UsageError(f"{name} is not registered here.", hint="See who is with: dansync user list")
    rest = [user.role for user in registered if user is not known]
    _require_keeper(rest)
    origin = _home(store)
    with store.capture(
        author=by, kind=KIND_ADMINISTRATION, tag="user", recorded_at=store.clock.wall_ms(), origin=origin
    ) as capture:
        _change(capture.connection.execute, origin, known, known.role, _REMOVED)


def _change(execute: object, origin: OriginId, user: User, role: str, state: str) -> None:
    execute(  # type: ignore[operator]
        _UPDATE, {"which_origin": origin, "which_id": user.row_id, "new_role": role, "new_state": state}
    )


def _require_keeper(roles: list[str]) -> None:
    if not any(may_call("user add", role) for role in roles):
        raise UsageError(
            "Then nobody here could register people any more.",
            hint="Give the role operator to somebody first: dansync user add",
        )


def _home(store: Store) -> OriginId:
    return store.own_origin_of(store.node_id)
