"""A parent and its children in one process: who gets in, who is cut off, what a cheating relay can do, what comes down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import limits
from node.chain import KIND_REGISTER
from node.clock import ManualClock
from node.errors import HoldingError
from node.ids import NodeId, OriginId
from node.store import Store
from node.takeover import missing_origins
from tests.identities import Member, Tree
from tests.sessions import Parent, drain

NOW_MS = 1_790_000_000_000
INSERT = "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path, "p", clock=ManualClock(NOW_MS))
    yield tree
    tree.close()


def clock_of(tree: Tree) -> ManualClock:
    assert isinstance(tree.clock, ManualClock)
    return tree.clock


def write(store: Store, count: int = 1, *, origin: OriginId | None = None) -> None:
    which = store.own_origin() if origin is None else origin
    for number in range(count):
        with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=number, origin=which) as capture:
            capture.connection.execute(INSERT, (which, store.new_row_id(NOW_MS), f"Trần {number}"))


# --- the way up and the way down -------------------------------------------------------------------------------------


def test_reference_data_come_down_before_a_drained_session_ends(tree: Tree) -> None:
    child = tree.add("c")
    reference = tree.root.store.reference_origin()
    assert reference is not None
    assert drain(child, Parent(tree.root)) == "done"
    assert child.store.head(reference) == tree.root.store.head(reference)
    assert child.store.digest(reference) == tree.root.store.digest(reference)


def test_reference_data_flow_on_in_an_open_session_and_through_a_district(tree: Tree) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    root, middle = Parent(tree.root), Parent(district)
    reference = tree.root.store.reference_origin()
    assert reference is not None
    upper = root.meet(district, follow=True).start().run()
    lower = middle.meet(commune, follow=True).start().run()
    tree.authority.invite(NodeId("x"), NodeId("p"), "commune", by="lan")
    upper.parent_end.wake()
    upper.run()
    lower.parent_end.wake()
    lower.run()
    assert commune.store.head(reference) == tree.root.store.head(reference)


def test_what_a_commune_wrote_climbs_with_its_own_signature_and_comes_with_a_receipt(tree: Tree) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    drain(district, Parent(tree.root))
    write(commune.store, 700)
    assert drain(commune, Parent(district)) == "done"
    assert drain(district, Parent(tree.root)) == "done"
    origin = commune.store.own_origin()
    assert tree.root.store.digest(origin) == commune.store.digest(origin)
    signers = {
        row[0]
        for row in tree.root.store.connection.execute("SELECT signer FROM batch_signature WHERE origin = ?", (origin,))
    }
    assert signers == {"c"}
    receipt = commune.store.connection.execute(
        "SELECT peer, receipt_seq, length(receipt) > 60 FROM acknowledged WHERE origin = ?", (origin,)
    ).fetchall()
    assert receipt == [("d", 701, 1)]


# --- who gets in -----------------------------------------------------------------------------------------------------


def test_a_node_that_this_parent_does_not_know_yet_is_sent_away_and_tries_again(tree: Tree) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    middle = Parent(district)
    assert drain(commune, middle) == "not_enrolled", "the district has not heard of anything"
    assert not commune.store.alarms(), "that is no trouble"
    drain(district, Parent(tree.root))
    assert drain(commune, middle) == "done"


def test_a_revoked_node_is_cut_off_at_the_next_look_and_does_not_get_in_again(tree: Tree) -> None:
    child = tree.add("c")
    parent = Parent(tree.root)
    session = parent.meet(child, follow=True).start().run()
    assert session.end() == ""
    tree.authority.revoke(NodeId("c"), by="lan", reason="stolen")
    clock_of(tree).advance_ms(1_000)
    session.parent_end.tick()
    assert session.run().end() == "revoked"
    assert drain(child, parent) == "revoked"


def test_a_certificate_that_ends_while_the_stream_is_open_ends_the_session(tree: Tree) -> None:
    child = tree.add("c")
    session = Parent(tree.root).meet(child, follow=True).start().run()
    clock_of(tree).set_wall_ms(child.peer.not_after_ms - 1)
    session.parent_end.tick()
    assert session.run().end() == ""
    clock_of(tree).set_wall_ms(child.peer.not_after_ms)
    session.parent_end.tick()
    assert session.run().end() == "expired"


def test_a_greeting_in_another_name_than_the_certificate_s_is_refused(tree: Tree) -> None:
    child, other = tree.add("c"), tree.add("d")
    session = Parent(tree.root).meet(Member(child.folder, child.store, other.identity)).start().run()
    assert session.end() == "identity"


# --- one node, one machine -------------------------------------------------------------------------------------------


def test_two_live_machines_with_one_identity_the_second_is_refused_and_alarmed(tree: Tree) -> None:
    child = tree.add("c")
    parent = Parent(tree.root)
    first = parent.meet(child, follow=True).start().run()
    second = parent.meet(child, follow=True).start().run()
    assert second.end() == "" and second.child_end.session.parent is None, "it waits"
    first.run()  # the first one answers
    second.parent_end.tick()
    assert second.run().end() == "second_incarnation"
    assert [alarm.code for alarm in tree.root.store.alarms()] == ["second_incarnation"]
    write(child.store)
    first.child_end.wake()
    assert first.run().end() == "", "the first one goes on"


def test_a_session_on_a_dead_link_gives_way_to_the_new_one(tree: Tree) -> None:
    child = tree.add("c")
    parent = Parent(tree.root)
    first = parent.meet(child, follow=True).start().run()
    first.child_end.link_lost()  # the parent has not noticed
    second = parent.meet(child, follow=True).start().run()
    clock_of(tree).advance_ms(limits.PROBE_TIMEOUT_MS + 1)
    second.parent_end.tick()
    second.run()
    assert second.child_end.opened and first.parent_end.closed is not None
    assert first.parent_end.closed.code == "superseded"
    assert not tree.root.store.alarms()
    assert parent.hub.sessions == {"c": second.parent_end}


def test_a_node_that_ended_its_session_may_come_back_at_once(tree: Tree) -> None:
    child = tree.add("c")
    parent = Parent(tree.root)
    for _ in range(3):
        assert drain(child, parent) == "done"


# --- a district that cheats ------------------------------------------------------------------------------------------


@pytest.fixture
def district_with_commune(tree: Tree) -> tuple[Member, Member]:
    district, commune = tree.add("d"), tree.add("c", "d")
    drain(district, Parent(tree.root))
    write(commune.store, 5)
    drain(commune, Parent(district))
    return district, commune


def test_a_district_that_invents_a_commune_s_commits_is_caught(
    tree: Tree, district_with_commune: tuple[Member, Member]
) -> None:
    district, commune = district_with_commune
    origin = commune.store.own_origin()
    drain(district, Parent(tree.root))
    district.store.adopt(origin, own=True, via="")  # it writes as if it were the holder
    district.store.connection.execute("DELETE FROM meta WHERE key = 'reference_origin'")
    district.store._reference = None
    write(district.store, 1, origin=origin)
    reference = tree.root.store.reference_origin()
    assert reference is not None
    district.store.trust(reference, tree.root.key.public)
    assert drain(district, Parent(tree.root)) != ""
    assert tree.root.store.head(origin) == commune.store.head(origin)


def test_a_district_that_signs_for_a_commune_is_caught(
    tree: Tree, district_with_commune: tuple[Member, Member]
) -> None:
    district, commune = district_with_commune
    origin = commune.store.own_origin()
    district.store.connection.execute(
        "UPDATE batch_signature SET signature = ?, signer = 'd' WHERE origin = ?", (district.key.sign(b"x"), origin)
    )
    drain(district, Parent(tree.root))
    assert tree.root.store.head(origin).seq == 0
    assert {alarm.code for alarm in tree.root.store.alarms()} == {"not_holder"}


def test_a_district_that_alters_a_commune_s_commits_is_caught(
    tree: Tree, district_with_commune: tuple[Member, Member]
) -> None:
    district, commune = district_with_commune
    origin = commune.store.own_origin()
    district.store.connection.execute(
        "UPDATE change_log SET author = 'mallory' WHERE origin = ? AND seq = 3", (origin,)
    )
    drain(district, Parent(tree.root))
    assert tree.root.store.head(origin).seq == 0
    assert {alarm.code for alarm in tree.root.store.alarms()} == {"wrong_chain"}


def test_what_a_district_withholds_shows_as_missing_and_as_silence(
    tree: Tree, district_with_commune: tuple[Member, Member]
) -> None:
    district, commune = district_with_commune
    origin = commune.store.own_origin()
    root = tree.root.store
    absent = missing_origins(tree.authority.reference, NodeId("p"), root.states())
    assert (origin, NodeId("d")) in absent, "it never brought it"
    drain(district, Parent(tree.root))
    assert not missing_origins(tree.authority.reference, NodeId("p"), root.states())
    heard = {state.head.origin: state.received_at for state in root.states()}
    clock_of(tree).advance_ms(3_600_000)
    write(district.store)
    write(commune.store)
    drain(commune, Parent(district))
    district.store.halt(origin, "halted", "withheld")  # it keeps the commune's and sends its own
    district.store.connection.execute("UPDATE origin_head SET flow = 'down' WHERE origin = ?", (origin,))
    drain(district, Parent(tree.root))
    later = {state.head.origin: state.received_at for state in root.states()}
    assert later[origin] == heard[origin] < later[district.store.own_origin()]


# --- registers that change hands -------------------------------------------------------------------------------------


def test_a_register_changes_hands_across_districts(tree: Tree) -> None:
    west, east = tree.add("west"), tree.add("east")
    old, new = tree.add("old", "west"), tree.add("new", "east")
    root, west_hub, east_hub = Parent(tree.root), Parent(west), Parent(east)
    for district in (west, east):
        drain(district, root)
    origin = old.store.own_origin()
    write(old.store, 10)
    for child, parent in ((old, west_hub), (west, root), (new, east_hub), (east, root)):
        assert drain(child, parent) == "done"
    tree.authority.hand_over(origin, NodeId("new"), by="lan")
    for _ in range(2):  # down to east, then to the new holder
        for child, parent in ((east, root), (new, east_hub)):
            drain(child, parent)
    assert new.store.head(origin) == tree.root.store.head(origin)
    write(new.store, 3, origin=origin)
    for child, parent in ((new, east_hub), (east, root)):
        assert drain(child, parent) == "done"
    assert tree.root.store.digest(origin) == new.store.digest(origin)
    write(old.store, 2)  # it was away and has not heard of it
    drain(west, root)
    drain(old, west_hub)
    assert {state.halted for state in old.store.states() if state.head.origin == origin} == {"not_holder"}
    with pytest.raises(HoldingError):
        write(old.store)
    assert old.store.head(origin).seq == 13, "kept for healing"
    assert tree.root.store.head(origin) == new.store.head(origin)


def test_a_stranger_gets_nobody_s_register(tree: Tree) -> None:
    holder, curious = tree.add("c"), tree.add("d")
    write(holder.store, 3)
    drain(holder, Parent(tree.root))
    origin = holder.store.own_origin()
    session = Parent(tree.root).meet(curious, follow=True).start().run()
    endpoint = session.child_end
    endpoint._perform(
        endpoint.session.want([replace(holder.store.head(origin), seq=type(holder.store.head(origin).seq)(0))], 0)
    )
    session.run()
    assert curious.store.head(origin).seq == 0
    assert [alarm.code for alarm in curious.store.alarms()] == ["not_holder"]
