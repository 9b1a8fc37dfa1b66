"""Letters and sessions that only drain: what waits goes along, whenever it was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.mail import READ, SENT, compose
from tests.sessions import drain
from tests.unit.node.exchange import Exchange


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


def test_a_letter_that_waits_at_the_child_goes_along_with_a_session_that_only_drains(world: Exchange) -> None:
    mail = world.mail(world.c)
    with world.c.store.database.transaction():
        mail.post(compose(world.d.store.own_origin(), "question", b"to the district"))
    assert drain(world.c, world.parents["d"]) == "done"
    assert world.states(world.c) == [("question", "sent")]
    assert [kind for kind, _ in world.states(world.d)] == ["question"]


def test_a_letter_that_a_session_itself_gives_rise_to_goes_along_with_it(world: Exchange) -> None:
    """The authority was restored to before it admitted somebody: whoever has heard of it sends it the commit."""
    image = world.image("p")
    world.tree.add("x", "d")
    world.climb()
    world.put_back("p", image)
    assert drain(world.d, world.parents["p"]) == "done"
    assert world.states(world.d) == [("branch", "sent")]
    assert [kind for kind, _ in world.states(world.p)] == ["branch"]


def test_a_letter_that_was_read_here_goes_out_when_it_is_ours_to_send(world: Exchange) -> None:
    """A former holder reads back what it wrote itself, before it hears that somebody else has the register."""
    mail, letter = world.mail(world.d), compose(world.origin, "branch", b"what the district had")
    mail.take(letter)
    mail.mark(letter.id, READ)
    with world.d.store.database.transaction():
        mail.post(letter)
    assert world.states(world.d) == [("branch", "")] and mail.get(letter.id)[0] == letter
    mail.mark(letter.id, SENT)
    with world.d.store.database.transaction():
        mail.post(letter)
    assert world.states(world.d) == [("branch", "sent")], "once"


def test_a_letter_that_a_restored_parent_has_lost_is_sent_again(world: Exchange) -> None:
    image = world.image("d")
    mail = world.mail(world.c)
    with world.c.store.database.transaction():
        mail.post(compose(world.p.store.own_origin(), "question", b"to the province"))
    assert drain(world.c, world.parents["d"]) == "done"
    world.put_back("d", image)
    assert world.states(world.d) == []
    world.climb()
    assert [kind for kind, _ in world.states(world.p)] == ["question"]
