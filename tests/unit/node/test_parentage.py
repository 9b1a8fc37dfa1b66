"""Whom a node dials: what the authority says, before that what was set here, and what stays when both are of use."""

from __future__ import annotations

import pytest

from node.ids import NodeId, RowId
from node.parentage import Parent, ways
from node.reference import RegisteredNode

HERE = Parent("a:1", NodeId("d"))
NOBODY = Parent("", NodeId(""))


def node(parent: str, address: str = "") -> RegisteredNode:
    return RegisteredNode(RowId(b""), NodeId("c"), NodeId(parent), "commune", "node", "", "", address, "")


@pytest.mark.parametrize(
    ("registered", "here", "by_hand", "expected"),
    [
        (None, HERE, False, ["d a:1"]),  # not enrolled yet
        (node("d"), HERE, False, ["d a:1"]),
        (node("e", "b:2"), HERE, False, ["e b:2"]),  # moved, and told where
        (node("e"), HERE, False, ["d a:1"]),  # moved, and not told where: it stays until it is
        (node("d"), Parent("b:2", NodeId("e")), True, ["e b:2"]),  # told by hand, the word has not come
        (node("e"), Parent("b:2", NodeId("e")), True, ["e b:2"]),
        (node("e", "c:3"), Parent("b:2", NodeId("e")), True, ["e c:3", "e b:2"]),  # two addresses of one parent
        (node("e", "c:3"), Parent("c:3", NodeId("e")), True, ["e c:3"]),
        (node("f", "c:3"), Parent("b:2", NodeId("e")), True, ["f c:3", "e b:2"]),  # moved on since the hand's word
        (node("d", "b:2"), HERE, False, ["d b:2", "d a:1"]),  # the same parent at another address
        (node("d", "b:2"), NOBODY, False, ["d b:2"]),  # it travelled by stick and gets a link
        (node(""), NOBODY, False, []),  # a root
        (None, NOBODY, False, []),
        (node("d"), Parent("", NodeId("d")), False, []),  # only ever by stick
    ],
)
def test_whom_a_node_dials(registered: RegisteredNode | None, here: Parent, by_hand: bool, expected: list[str]) -> None:
    assert [f"{way.node_id} {way.address}" for way in ways(registered, here, by_hand=by_hand)] == expected
