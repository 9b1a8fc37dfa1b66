"""Letters and sessions that only drain: what waits goes along, whenever it was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node import limits
from node.mail import READ, SENT, compose
from node.protocol.messages import MailFrame, Ticket
from tests.identities import Member
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


def _post(world: Exchange, sender: Member, holder: Member, body: bytes) -> None:
    with sender.store.database.transaction():
        world.mail(sender).post(compose(holder.store.own_origin(), "question", body))


@pytest.mark.parametrize(("sender", "holder"), [("d", "c"), ("c", "d")])
def test_a_letter_that_was_confirmed_after_the_ticket_of_an_image_goes_again(
    world: Exchange, sender: str, holder: str
) -> None:
    """The ticket of the image is still the newest, so neither side sees that a disk was put back."""
    session = world.parents["d"].meet(world.c, follow=True).start().run()
    image, members = world.image(holder), world.tree.members
    _post(world, members[sender], members[holder], b"to whoever was put back")
    session.parent_end.tick()
    session.child_end.tick()
    session.run()
    session.child_end.link_lost()
    session.parent_end.link_lost()
    assert world.states(members[sender]) == [("question", "sent")]
    assert [kind for kind, _ in world.states(members[holder])] == ["question"]
    world.put_back(holder, image)
    assert world.states(members[holder]) == []
    assert drain(members["c"], world.parents["d"]) == "done"
    assert [kind for kind, _ in world.states(members[holder])] == ["question"]
    assert "stale_ticket" not in world.codes(members[sender]), "nothing else would have told"


def test_letters_before_a_ticket_are_not_sent_again(world: Exchange) -> None:
    """A ticket says that all before it is on both disks: an ordinary cut costs no letter twice."""
    _post(world, world.d, world.c, b"down")
    _post(world, world.c, world.d, b"up")
    assert drain(world.c, world.parents["d"]) == "done"
    session = world.parents["d"].meet(world.c).start().run()
    assert session.end() == "done"
    assert not [message for message in session.seen if isinstance(message, MailFrame)]


def test_a_letter_in_a_session_that_goes_on_makes_a_ticket_due(world: Exchange) -> None:
    """Else it would be sent again at the beginning of every session, until somebody writes something."""
    session = world.parents["d"].meet(world.c, follow=True).start().run()
    for post, end in (
        ((world.d, world.c, b"down"), session.parent_end),
        ((world.c, world.d, b"up"), session.child_end),
    ):
        _post(world, *post)
        end.tick()
        session.run()
        session.seen.clear()
        for _ in range(0, limits.TICKET_INTERVAL_MS, limits.HEARTBEAT_INTERVAL_MS):
            world.clock.advance_ms(limits.HEARTBEAT_INTERVAL_MS + 1)
            session.parent_end.tick()
            session.child_end.tick()
            session.run()
        assert [message for message in session.seen if isinstance(message, Ticket)]


def test_a_parent_that_knows_of_no_session_has_lost_the_letters_of_all(world: Exchange) -> None:
    """It was made anew, or put back to before this child first came: there is no ticket that it could find old."""
    _post(world, world.c, world.d, b"to the district")
    assert drain(world.c, world.parents["d"]) == "done"
    with world.d.store.database.transaction() as connection:
        connection.execute("DELETE FROM ticket")
        connection.execute("DELETE FROM letter")
    assert drain(world.c, world.parents["d"]) == "done"
    assert [kind for kind, _ in world.states(world.d)] == ["question"]
