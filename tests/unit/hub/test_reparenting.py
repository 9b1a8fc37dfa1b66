"""Nodes that get another parent: what each side says while the word has not reached everybody, and that nothing of what
the old parent has is lost, done twice or asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node import limits
from node.clock import ManualClock
from node.errors import UsageError
from node.ids import NodeId, OriginId
from node.mail import Mail, compose
from node.reference import Reference
from node.store import Store
from node.takeover import departed_origins
from tests.identities import Member, Tree
from tests.sessions import Parent, drain
from tests.unit.hub.test_session import write

NOW_MS = 1_790_000_000_000


class Province:
    """p above the districts d and e; the commune c belongs to d."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOW_MS)
        self.tree = Tree(folder, "p", clock=self.clock)
        self.p = self.tree.root
        self.d, self.e, self.c = self.tree.add("d"), self.tree.add("e"), self.tree.add("c", "d")
        self.hubs = {"p": Parent(self.p), "d": Parent(self.d), "e": Parent(self.e)}
        self.origin: OriginId = self.c.store.own_origin()
        self.drain("d", "p")
        self.drain("e", "p")
        write(self.c.store, 5)
        assert self.drain("c", "d") == "done"
        assert self.drain("d", "p") == "done"

    def drain(self, child: str, parent: str) -> str:
        return drain(self.tree.members[child], self.hubs[parent])

    def visit(self, child: str, parent: str) -> None:
        """A session with time to look for letters."""
        session = self.hubs[parent].meet(self.tree.members[child], follow=True).start().run()
        for _ in range(2):
            session.parent_end.tick()
            session.child_end.tick()
            session.run()
        session.child_end.link_lost()
        session.parent_end.link_lost()

    def move(self, parent: str, *, address: str = "") -> None:
        self.tree.authority.move(NodeId("c"), NodeId(parent), by="lan", address=address)

    def equal(self, *members: Member) -> bool:
        return len({member.store.digest(self.origin).value for member in (self.c, *members)}) == 1

    def reference_is_the_same(self, *members: Member) -> bool:
        reference = self.p.store.reference_origin()
        assert reference is not None
        return len({member.store.head(reference) for member in (self.p, *members)}) == 1


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    province = Province(tmp_path)
    yield province
    province.tree.close()


def codes(store: Store) -> list[str]:
    return [alarm.code for alarm in store.alarms()]


# --- what the authority decides --------------------------------------------------------------------------------------


def test_a_move_stands_in_the_reference_data_with_the_address_and_the_parent_of_before(province: Province) -> None:
    province.move("e", address="10.1.0.5:7000")
    node = province.tree.authority.reference.node(NodeId("c"))
    assert node is not None
    assert (node.parent_node_id, node.parent_address, node.former_parents) == ("e", "10.1.0.5:7000", "d")
    province.move("d")
    node = province.tree.authority.reference.node(NodeId("c"))
    assert node is not None
    assert (node.parent_node_id, node.parent_address, node.former_parents) == ("d", "", "e")


def test_parents_of_before_are_remembered_in_their_order_and_not_without_end(province: Province) -> None:
    names = [f"x{number}" for number in range(limits.FORMER_PARENTS_MAX + 3)]
    for name in names:
        province.tree.add(name)
        province.move(name)
    node = province.tree.authority.reference.node(NodeId("c"))
    assert node is not None
    assert node.former_parents.split() == names[:-1][-limits.FORMER_PARENTS_MAX :]


def test_the_same_parent_again_changes_its_address_and_nothing_changes_nothing(province: Province) -> None:
    province.move("d", address="10.1.0.9:7000")
    node = province.tree.authority.reference.node(NodeId("c"))
    assert node is not None and (node.parent_address, node.former_parents) == ("10.1.0.9:7000", "")
    with pytest.raises(UsageError, match="belongs below d already"):
        province.move("d", address="10.1.0.9:7000")


@pytest.mark.parametrize(
    ("node", "parent", "why"),
    [
        ("c", "nobody", "not known here"),
        ("nobody", "p", "not known here"),
        ("c", "gone", "was revoked"),
        ("gone", "p", "was revoked"),
        ("d", "c", "lies below d"),
        ("d", "d", "lies below d"),
        ("p", "d", "lies below p"),
        ("c", "over", "was dissolved"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(node: str, parent: str, why: str, province: Province) -> None:
    province.tree.add("gone")
    province.tree.add("over")
    province.tree.authority.revoke(NodeId("gone"), by="lan", reason="x")
    province.tree.authority.dissolve(NodeId("over"), by="lan")
    with pytest.raises(UsageError, match=why):
        province.tree.authority.move(NodeId(node), NodeId(parent), by="lan")


def test_a_district_with_children_is_not_dissolved(province: Province) -> None:
    with pytest.raises(UsageError, match="1 nodes still belong below d: c"):
        province.tree.authority.dissolve(NodeId("d"), by="lan")
    province.move("p")
    province.tree.authority.dissolve(NodeId("d"), by="lan", reason="Act 72/2025")
    reference = province.tree.authority.reference
    node = reference.node(NodeId("d"))
    assert node is not None and (node.state, node.reason) == ("dissolved", "Act 72/2025")
    holder = reference.holder(province.d.store.own_origin())
    assert holder is not None and holder.node_id == "p", "its own register goes on at its parent"
    assert reference.standing(f"{province.d.identity.certificate.serial}", NodeId("d")) == "good"


def test_a_district_that_is_dissolved_may_end_its_own_register_too(province: Province) -> None:
    province.tree.authority.dissolve(NodeId("e"), by="lan", retire=True)
    assert province.tree.authority.reference.is_retired(province.e.store.own_origin())


# --- the two parents -------------------------------------------------------------------------------------------------


def test_the_old_parent_gives_the_word_of_the_move_and_then_takes_nothing_more(province: Province) -> None:
    province.move("e", address="10.1.0.5:7000")
    province.drain("d", "p")
    write(province.c.store, 2)
    assert province.drain("c", "d") == "moved"
    assert province.reference_is_the_same(province.c), "it knows now where it belongs"
    assert Reference(province.c.store).parent_of(NodeId("c")) == "e"
    assert province.d.store.head(province.origin).seq == 6, "and has brought nothing more"
    assert not codes(province.c.store) and not codes(province.d.store), "that is no trouble"


def test_an_open_session_at_the_old_parent_ends_once_the_child_has_the_word(province: Province) -> None:
    session = province.hubs["d"].meet(province.c, follow=True).start().run()
    province.move("e")
    session.parent_end.tick()
    assert session.run().end() == "", "the old parent has not heard of it"
    province.drain("d", "p")
    session.parent_end.tick()
    assert session.end() == "", "the child is told first"
    session.parent_end.wake()
    assert session.run().end() == "moved"
    assert province.reference_is_the_same(province.c)


def test_a_child_that_takes_no_reference_data_is_not_waited_for(province: Province) -> None:
    session = province.hubs["d"].meet(province.c, follow=True).start().run()
    province.move("e")
    province.drain("d", "p")
    session.parent_end.tick()
    province.clock.advance_ms(limits.MOVED_TIMEOUT_MS + 1)
    session.parent_end.tick()
    assert session.parent_end.closed is not None and session.parent_end.closed.code == "moved"


def test_a_new_parent_that_has_not_heard_lets_the_child_wait(province: Province) -> None:
    province.move("e")
    province.drain("d", "p")
    province.drain("c", "d")
    assert province.drain("c", "e") == "not_below"
    assert not codes(province.c.store) and not codes(province.e.store), "that is no trouble"
    province.drain("e", "p")
    assert province.drain("c", "e") == "done"


def test_a_child_that_has_not_heard_and_dials_the_new_parent_is_taken(province: Province) -> None:
    """The old parent is gone for ever: somebody tells the child by hand where to dial."""
    province.move("e")
    province.drain("e", "p")
    write(province.c.store, 3)
    assert province.drain("c", "e") == "done"
    assert province.reference_is_the_same(province.c)
    assert province.drain("e", "p") == "done"
    assert province.equal(province.e, province.p)


def test_a_child_at_a_stranger_without_any_move_is_told_whose_it_is(province: Province) -> None:
    assert province.drain("c", "e") == "moved"
    assert Reference(province.c.store).parent_of(NodeId("c")) == "d"


# --- what was on the way ---------------------------------------------------------------------------------------------


def test_nothing_is_lost_or_twice_there_and_back_again(province: Province) -> None:
    for parent in ("e", "p", "d", "e", "d"):
        write(province.c.store, 2)
        province.move(parent)
        for district in ("d", "e"):
            province.drain(district, "p")
        assert province.drain("c", parent) == "done"
        if parent != "p":
            assert province.drain(parent, "p") == "done"
        assert province.equal(province.p)
    people = province.p.store.connection.execute("SELECT count(*) FROM person").fetchall()
    assert people == [(15,)]
    assert not codes(province.c.store), "coming back to an earlier parent is not taken for a copy"
    assert not codes(province.d.store) + codes(province.e.store) + codes(province.p.store)


def test_what_the_old_parent_had_not_sent_yet_still_climbs(province: Province) -> None:
    write(province.c.store, 4)
    province.drain("c", "d")  # the district has it, the province not
    province.move("e")
    assert province.drain("d", "p") == "done"
    assert province.p.store.head(province.origin) == province.c.store.head(province.origin)
    assert departed_origins(province.d.store, Reference(province.d.store)) == {province.origin}


def test_the_old_parent_asks_for_nothing_that_came_by_the_new_way(province: Province) -> None:
    before = province.d.store.head(province.origin)
    province.move("e")
    province.drain("e", "p")
    write(province.c.store, 4)
    province.drain("c", "e")
    province.drain("e", "p")
    for _ in range(2):
        assert province.drain("d", "p") == "done"
    assert province.d.store.head(province.origin) == before, "a register goes to those above its holder only"
    assert not codes(province.d.store)
    assert not [state for state in province.d.store.states() if state.halted]


def test_an_old_parent_cannot_have_what_was_below_it_even_if_it_asks(province: Province) -> None:
    province.move("e")
    province.drain("e", "p")
    write(province.c.store, 4)
    province.drain("c", "e")
    province.drain("e", "p")
    session = province.hubs["p"].meet(province.d, follow=True).start().run()
    end = session.child_end
    end._perform(end.session.want([province.d.store.head(province.origin)], 0))
    session.run()
    assert province.d.store.head(province.origin).seq == 6
    assert not codes(province.d.store) and not [state for state in province.d.store.states() if state.halted]


def test_copies_that_part_after_a_move_are_seen_and_not_healed_downwards(province: Province) -> None:
    """The district has commits that the commune lost with its disk; the commune wrote others and brought them by the
    new way.
    """
    write(province.c.store, 2)
    province.drain("c", "d")
    province.move("e")
    province.drain("e", "p")
    lost = province.d.store.head(province.origin)
    with province.p.store.database.transaction() as connection:  # another history at the province
        connection.execute("UPDATE origin_head SET hash = zeroblob(32) WHERE origin = ?", (province.origin,))
        connection.execute("UPDATE change_log SET hash = zeroblob(32) WHERE origin = ? AND seq = 6", (province.origin,))
    for _ in range(2):  # in the first session it hears of the move
        province.drain("d", "p")
    assert province.d.store.head(province.origin) == lost
    assert not [state for state in province.d.store.states() if state.halted]
    letters = province.d.store.connection.execute("SELECT kind FROM letter WHERE to_origin = ?", (province.origin,))
    assert set(letters.fetchall()) == {("branch",)}, "its holder gets what only the district has"


def test_a_copy_goes_on_to_climb_though_its_holder_moved_and_then_lost_the_register_to_another(
    province: Province,
) -> None:
    write(province.c.store, 2)
    province.drain("c", "d")  # the district has them, the province not
    province.move("p")
    heir = province.tree.add("h")
    province.tree.authority.hand_over(province.origin, NodeId("h"), by="lan")
    for _ in range(2):
        province.drain("d", "p")
        drain(heir, province.hubs["p"])
    assert not [state for state in province.d.store.states() if state.halted]
    for _ in range(2):
        province.visit("d", "p")
        province.visit("h", "p")
    people = province.p.store.connection.execute("SELECT count(*) FROM person").fetchall()
    assert people == [(7,)], "they were made before the word: the new holder does them again"


# --- letters ---------------------------------------------------------------------------------------------------------


def test_a_letter_that_was_given_to_the_old_parent_goes_the_new_way_too(province: Province) -> None:
    """The old parent took it and is gone."""
    mail = Mail(province.p.store, Reference(province.p.store))
    with province.p.store.database.transaction():
        mail.post(compose(province.origin, "greeting", b"x"))
    province.visit("d", "p")
    assert mail.unread() == 0
    province.move("e")
    for _ in range(2):
        province.visit("e", "p")
        province.visit("c", "e")
    assert codes(province.c.store) == ["letter_refused"], "it came, and nobody there reads letters of that kind"
    assert mail.unread() == 0


def test_a_letter_upward_goes_to_the_new_parent_too(province: Province) -> None:
    target = province.p.store.own_origin()
    mail = Mail(province.c.store, Reference(province.c.store))
    with province.c.store.database.transaction():
        mail.post(compose(target, "greeting", b"x"))
    province.visit("c", "d")
    assert mail.unread() == 0
    province.move("p")
    for _ in range(2):
        province.visit("c", "p")
    assert codes(province.p.store) == ["letter_refused"], "it came"
    assert mail.unread() == 0
