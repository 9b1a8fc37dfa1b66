from __future__ import annotations

import pytest

from node.ids import Hash
from node.protocol.codes import CODES
from node.protocol.relation import EXPLANATIONS, Relation, relate
from tests.protocol.words import head

OTHER = Hash(b"x" * 32)


@pytest.mark.parametrize(
    ("local", "parent", "here", "own", "expected"),
    [
        # here: "same" = our log has the parent's hash there, "other" = another one, "nothing" = no such commit
        (0, 0, "same", True, Relation.RESUME),
        (3, 0, "same", True, Relation.RESUME),
        (3, 2, "same", True, Relation.RESUME),
        (3, 3, "same", True, Relation.RESUME),
        (3, 3, "same", False, Relation.RESUME),
        (3, 2, "other", True, Relation.FORK),
        (3, 3, "other", True, Relation.FORK),
        (3, 2, "nothing", True, Relation.FORK),
        (3, 2, "other", False, Relation.DIVERGED),
        (3, 3, "nothing", False, Relation.DIVERGED),
        (2, 3, "nothing", True, Relation.RESTORED),
        (0, 3, "nothing", True, Relation.RESTORED),
        (2, 3, "nothing", False, Relation.RELAY_BEHIND),
        (0, 1, "nothing", False, Relation.RELAY_BEHIND),
    ],
)
def test_the_relation_of_two_heads(local: int, parent: int, here: str, own: bool, expected: Relation) -> None:
    theirs = head("a", parent)
    found = {"same": theirs.hash, "other": OTHER, "nothing": None}[here]
    assert relate(head("a", local), theirs, found, own=own) is expected


def test_a_relation_that_stops_an_origin_has_a_code_and_an_explanation() -> None:
    stopping = set(Relation) - {Relation.RESUME, Relation.RELAY_BEHIND}  # what is missing comes from the parent
    assert set(EXPLANATIONS) == stopping
    assert {relation.value for relation in stopping} <= CODES
