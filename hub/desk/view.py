"""The view of stores with the links of their desks: both halves of a move are one case, and its records one person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from conflict.links import Link
from conflict.policy import DEFAULT_POLICY, Policy
from hub.desk.desk import CaseDesk
from hub.views.results import View
from hub.views.tree import parent_of
from node.reference import Reference
from node.store import PURPOSE_REGISTER, Store


def view_of(stores: Sequence[Store], as_of: date, policy: Policy = DEFAULT_POLICY) -> View:
    """What the stores see, once their desks are up to date. A commune, which has nobody below it, sees its own side
    only: the other half of its moves is not there.
    """
    hubs = [store for store in stores if is_hub(store) or is_top(store)]
    if len(hubs) < len(stores):
        return View(stores, as_of, policy)
    links: list[Link] = []
    for store in hubs:
        desk = CaseDesk(store)
        desk.catch_up()
        links.extend(desk.links())
    return View(stores, as_of, policy, links, searched=all(is_top(store) for store in stores))


def is_hub(store: Store) -> bool:
    """Whether others' registers are here."""
    profiles = store.profiles()
    registers = {origin for origin, profile in profiles.items() if profile.purpose == PURPOSE_REGISTER}
    return any(not state.own and not state.flow and state.head.origin in registers for state in store.states())


def is_top(store: Store) -> bool:
    """Whether nobody is above this node, so that nobody could know more."""
    own = set(store.own_origins())
    founded = [profile.parent_node_id for origin, profile in store.profiles().items() if origin in own]
    return not parent_of(store.node_id, next(iter(founded), ""), Reference(store))
