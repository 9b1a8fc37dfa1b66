"""A node that lost its store and gets a new one from its parent; and the machine that was this node before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain import Head
from node.changelog import floor_of
from node.clock import ManualClock
from node.errors import StoreBusy, UsageError
from node.identity.certificates import make_request
from node.identity.folder import Identity
from node.identity.keys import NodeKey
from node.identity.statements import join_statement
from node.ids import GENESIS_HASH, NodeId, Seq
from node.mail import Mail, compose
from node.proof import prove
from node.pruning import Budget, Pruner
from node.reference import Reference
from node.store import Store
from node.takeover import held_here
from ops.config import STORE_NAME
from ops.daemon import Daemon
from tests.identities import Member, Tree
from tests.sessions import Parent, drain
from tests.unit.hub.test_session import write

NOW_MS = 1_790_000_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path, "p", clock=ManualClock(NOW_MS))
    yield tree
    tree.close()


def enrolled(tree: Tree, name: str, folder: Path, store: Store, *, reopen: bool = False) -> Member:
    """The machine with this store is node ``name`` from now on: invited again, with a key of its own."""
    known = tree.authority.reference.node(NodeId(name))
    assert known is not None
    token = tree.authority.invite(NodeId(name), known.parent_node_id, known.tier, by="lan", reopen=reopen)
    key = NodeKey.generate()
    request = make_request(key, NodeId(name))
    answer = tree.authority.enrol(token.certificate, request, token.key.sign(join_statement(request)), ())
    assert answer.certificate is not None
    reference = tree.root.store.reference_origin()
    assert reference is not None
    store.trust(reference, tree.root.key.public)
    roots, authority = tree.certificates.certificate, tree.root.identity.certificate
    return Member(folder, store, Identity(NodeId(name), key, answer.certificate, roots, authority))


def anew(tree: Tree, name: str, *, reopen: bool = False) -> Member:
    """A new machine with an empty store for a node that exists."""
    folder = tree.folder / f"{name} anew"
    folder.mkdir()
    store = Store.create_anew(folder / STORE_NAME, NodeId(name), clock=tree.clock, source=random.Random(7))
    return enrolled(tree, name, folder, store, reopen=reopen)


def test_a_new_store_gets_the_register_and_work_goes_on(tree: Tree) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    origin = child.store.own_origin()
    write(child.store, 20)
    drain(child, parent)
    new = anew(tree, "c")
    assert drain(new, parent) == "done"
    new.store.restored()
    assert new.store.digest(origin) == child.store.digest(origin)
    assert new.store.own_origin() == origin
    write(new.store, 1)
    assert drain(new, parent) == "done"
    assert tree.root.store.digest(origin) == new.store.digest(origin)
    assert not new.store.alarms(), "that the parent knew another store is as it should be"
    assert not [state for state in new.store.states() if state.halted]
    new.store.close()


def test_nobody_writes_before_all_of_it_is_here_and_a_cut_changes_nothing(tree: Tree) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    origin = child.store.own_origin()
    write(child.store, 1_200)
    drain(child, parent)
    new = anew(tree, "c")
    session = parent.meet(new).start()
    while new.store.head(origin).seq == 0:  # the first of three batches
        if session.child_end.outbox:
            session.parent_end.receive_frame(session.child_end.encode(session.child_end.outbox.popleft()))
        else:
            session.child_end.receive_frame(session.parent_end.encode(session.parent_end.outbox.popleft()))
    session.child_end.link_lost()
    session.parent_end.link_lost()
    assert 0 < new.store.head(origin).seq < 1_201
    with pytest.raises(StoreBusy, match="still to come"):
        write(new.store, 1, origin=origin)
    assert drain(new, parent) == "done"
    assert new.store.head(origin) == child.store.head(origin)
    new.store.close()


def test_a_register_that_is_handed_on_before_it_came_is_not_waited_for(tree: Tree) -> None:
    """Else the restore would never be done, and nobody could write what the node still holds."""
    child, other, parent = tree.add("c"), tree.add("c2"), Parent(tree.root)
    origin = child.store.own_origin()
    write(child.store, 3)
    drain(child, parent)
    drain(other, parent)
    new = anew(tree, "c")
    session = parent.meet(new).start()
    while not new.store.own_origins():
        if session.child_end.outbox:
            session.parent_end.receive_frame(session.child_end.encode(session.child_end.outbox.popleft()))
        else:
            session.child_end.receive_frame(session.parent_end.encode(session.parent_end.outbox.popleft()))
    session.child_end.link_lost()
    session.parent_end.link_lost()
    reference = Reference(new.store)
    assert held_here(new.store, reference) == [Head(origin, Seq(0), GENESIS_HASH)]
    tree.authority.hand_over(origin, NodeId("c2"), by="lan")
    assert drain(new, parent) == "done"
    assert held_here(new.store, Reference(new.store)) == []
    new.store.close()


def test_a_new_store_below_another_parent_gets_the_register_through_it(tree: Tree) -> None:
    old, heir, child = tree.add("d"), tree.add("e"), tree.add("c", "d")
    origin, root = child.store.own_origin(), Parent(tree.root)
    drain(old, root)
    write(child.store, 3)
    drain(child, Parent(old))
    drain(old, root)
    tree.authority.move(NodeId("c"), NodeId("e"), by="lan")
    new = anew(tree, "c")
    drain(heir, root)
    assert drain(new, Parent(heir)) == "done"
    assert new.store.head(origin).seq == 0, "nobody has it there"
    assert drain(heir, root) == "done"
    assert drain(new, Parent(heir)) == "done"
    new.store.restored()
    assert new.store.head(origin) == child.store.head(origin) == heir.store.head(origin)
    write(new.store, 1)
    assert drain(new, Parent(heir)) == drain(heir, root) == "done"
    assert tree.root.store.digest(origin) == new.store.digest(origin)
    new.store.close()


def test_a_hub_gets_what_is_below_it_too(tree: Tree) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    root = Parent(tree.root)
    drain(district, root)
    write(commune.store, 5)
    drain(commune, Parent(district))
    drain(district, root)
    new = anew(tree, "d")
    assert drain(new, root) == "done"
    new.store.restored()
    states = {state.head.origin: (state.own, state.via, state.head.seq) for state in new.store.states()}
    assert states[commune.store.own_origin()] == (False, "c", 6)
    assert states[district.store.own_origin()] == (True, "", 1)
    write(commune.store, 2)
    assert drain(commune, Parent(new)) == "done"
    assert drain(new, root) == "done"
    assert tree.root.store.digest(commune.store.own_origin()) == commune.store.digest(commune.store.own_origin())
    new.store.close()


def test_the_machine_of_before_gets_in_no_more_and_what_it_signed_stays_good(tree: Tree) -> None:
    district = tree.add("d")
    child = tree.add("c", "d")
    root = Parent(tree.root)
    drain(district, root)
    write(child.store, 3)
    middle = Parent(district)
    drain(child, middle)
    session = middle.meet(child, follow=True).start().run()
    new = anew(tree, "c")
    assert drain(district, root) == "done", "commits that the old machine has signed still climb"
    session.parent_end.tick()
    assert session.run().end() == "superseded_key"
    assert drain(child, middle) == "superseded_key"
    assert drain(new, middle) == "done"
    assert new.store.head(child.store.own_origin()).seq == 4
    new.store.close()


def test_an_answer_that_was_lost_supersedes_nothing_when_it_is_asked_for_again(tree: Tree) -> None:
    child = tree.add("c")
    member = enrolled(tree, "c", child.folder, child.store)
    reference = tree.authority.reference
    assert reference.standing(child.identity.certificate.serial, NodeId("c")) == "superseded"
    assert reference.standing(member.identity.certificate.serial, NodeId("c")) == "good"
    renewed = tree.authority.renew(make_request(member.key, NodeId("c")))
    assert renewed.certificate is not None
    assert reference.standing(member.identity.certificate.serial, NodeId("c")) == "good", "a renewal keeps the key"


def test_what_only_the_old_disk_has_is_done_again_when_it_turns_up(tree: Tree) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    origin = child.store.own_origin()
    write(child.store, 3)
    drain(child, parent)
    write(child.store, 2)  # never sent
    new = anew(tree, "c")
    drain(new, parent)
    new.store.restored()
    write(new.store, 4)
    drain(new, parent)
    back = enrolled(tree, "c", child.folder, child.store)
    assert drain(back, parent) == "done"
    assert tree.root.store.digest(origin) == back.store.digest(origin)
    count = tree.root.store.connection.execute("SELECT count(*) FROM person").fetchall()
    assert count == [(9,)], "nothing lost, nothing twice"
    assert [alarm.code for alarm in back.store.alarms() if alarm.code == "healed"] == ["healed"]
    assert drain(new, parent) == "superseded_key"
    again = enrolled(tree, "c", new.folder, new.store)
    assert drain(again, parent) == "done"
    assert again.store.digest(origin) == back.store.digest(origin), "and the new one can be it again"
    new.store.close()


def test_letters_that_the_old_machine_had_taken_come_again(tree: Tree) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    drain(child, parent)
    mail = Mail(tree.root.store, Reference(tree.root.store))
    with tree.root.store.database.transaction():
        mail.post(compose(child.store.own_origin(), "greeting", b"x"))
    session = parent.meet(child, follow=True).start().run()
    session.parent_end.tick()
    session.run()
    session.child_end.link_lost()
    session.parent_end.link_lost()
    assert mail.unread() == 0
    new = anew(tree, "c")
    for whole in (False, True):
        if whole:
            new.store.restored()
        session = parent.meet(new, follow=True).start().run()
        for _ in range(2):
            session.parent_end.tick()
            session.child_end.tick()
            session.run()
        session.child_end.link_lost()
        session.parent_end.link_lost()
        codes = [alarm.code for alarm in new.store.alarms()]
        assert codes == (["letter_refused"] if whole else []), "it came again, and is read when the register is whole"
    new.store.close()


def test_a_store_that_was_not_made_anew_is_left_alone(tree: Tree) -> None:
    child = tree.add("c")
    with pytest.raises(UsageError, match="There is a store of node c already"):
        Store.create_anew(child.folder / STORE_NAME, NodeId("c"), clock=tree.clock, source=random.Random(1))


def test_a_daemon_does_not_start_on_a_store_that_is_not_whole_yet(tree: Tree) -> None:
    tree.add("c")
    new = anew(tree, "c")
    config = new.config(parent="127.0.0.1:1")
    new.store.close()
    with pytest.raises(UsageError, match="is being restored from its parent"):
        asyncio.run(Daemon(config).run())


def test_a_parent_whose_log_was_pruned_gives_the_state(tree: Tree) -> None:
    """Own registers and those of communes below come as signed snapshots and what follows them."""
    district, commune = tree.add("d"), tree.add("c", "d")
    root = Parent(tree.root)
    drain(district, root)
    for store in (district.store, commune.store):
        write(store, 5)
    drain(commune, Parent(district))
    drain(district, root)
    drain(district, root)
    pruner = Pruner(tree.root.store, root.hub.verifier, has_parent=False)
    for plan in pruner.plans(Budget(0)):
        for _ in pruner.carry_out(plan):
            pass
    origins = [store.own_origin() for store in (district.store, commune.store)]
    for origin in origins:
        assert floor_of(tree.root.store.connection, origin).seq == 6
    write(commune.store, 1)
    drain(commune, Parent(district))
    drain(district, root)
    new = anew(tree, "d")
    assert drain(new, root) == "done"
    for origin in origins:
        assert new.store.digest(origin) == tree.root.store.digest(origin)
        assert new.store.head(origin) == tree.root.store.head(origin)
    new.store.restored()
    write(commune.store, 1)
    write(new.store, 1)
    drain(commune, Parent(new))
    assert drain(new, root) == "done"
    for origin in origins:
        assert new.store.digest(origin) == tree.root.store.digest(origin)
    new.store.close()


def test_what_was_pruned_is_not_handed_on_and_the_rest_is(tree: Tree) -> None:
    child, root = tree.add("c"), Parent(tree.root)
    origin = child.store.own_origin()
    write(child.store, 5)
    drain(child, root)
    pruner = Pruner(tree.root.store, root.hub.verifier, has_parent=False)
    for plan in pruner.plans(Budget(0)):
        for _ in pruner.carry_out(plan):
            pass
    write(child.store, 2)
    drain(child, root)
    assert floor_of(tree.root.store.connection, origin).seq == 6
    after, head = Head(origin, Seq(0), GENESIS_HASH), tree.root.store.head(origin)
    root.hub.healer.send_branch(after, head)
    assert Mail(tree.root.store, Reference(tree.root.store)).unread() == 1
    assert not root.hub.healer.branch_is_sent(after, head)


# --- keys in wrong hands ---------------------------------------------------------------------------------------------


def revoke(tree: Tree, name: str) -> None:
    tree.authority.revoke(NodeId(name), by="lan", reason="stolen")


def test_the_register_of_a_stolen_pc_goes_on_at_another_node(tree: Tree) -> None:
    stolen, heir, parent = tree.add("c"), tree.add("h"), Parent(tree.root)
    origin = stolen.store.own_origin()
    write(stolen.store, 700)
    drain(stolen, parent)
    revoke(tree, "c")
    tree.authority.hand_over(origin, NodeId("h"), by="lan")
    assert drain(heir, parent) == "done"
    assert heir.store.head(origin).seq == 701, "what the authority had is good, though the key is not any more"
    write(heir.store, 1, origin=origin)
    assert drain(heir, parent) == "done"
    assert tree.root.store.digest(origin) == heir.store.digest(origin)
    assert not heir.store.alarms()


def test_the_register_of_a_stolen_pc_goes_on_at_a_new_one_of_the_same_name(tree: Tree) -> None:
    stolen, parent = tree.add("c"), Parent(tree.root)
    origin = stolen.store.own_origin()
    write(stolen.store, 5)
    drain(stolen, parent)
    revoke(tree, "c")
    new = anew(tree, "c", reopen=True)
    assert drain(new, parent) == "done"
    new.store.restored()
    assert new.store.digest(origin) == stolen.store.digest(origin)
    write(new.store, 2)
    assert drain(new, parent) == "done"
    assert tree.root.store.head(origin).seq == 8
    write(stolen.store, 1)
    assert drain(stolen, parent) == "revoked"
    new.store.close()


def test_what_a_stolen_key_signed_and_the_authority_had_not_is_put_aside_for_a_person(tree: Tree) -> None:
    """It may be what the clerk wrote, or what the thief did: nobody can tell, so it does not go on by itself."""
    district, stolen = tree.add("d"), tree.add("c", "d")
    root, middle = Parent(tree.root), Parent(district)
    origin = stolen.store.own_origin()
    drain(district, root)
    write(stolen.store, 3)
    drain(stolen, middle)
    drain(district, root)
    write(stolen.store, 2)
    drain(stolen, middle)  # the district has these two, the root not
    revoke(tree, "c")
    drain(district, root)
    assert district.store.head(origin).seq == 6, "a revocation alone takes nothing out of a log"
    assert tree.root.store.head(origin).seq == 4, "and lets nothing more in"
    new = anew(tree, "c", reopen=True)
    for _ in range(2):
        drain(district, root)
    assert drain(new, middle) == "done"
    new.store.restored()
    assert new.store.head(origin).seq == 4
    write(new.store, 1)
    assert drain(new, middle) == "done"
    assert drain(district, root) == "done"
    assert tree.root.store.digest(origin) == new.store.digest(origin) == district.store.digest(origin)
    session = middle.meet(new, follow=True).start().run()
    for _ in range(2):
        session.parent_end.tick()
        session.child_end.tick()
        session.run()
    assert [alarm.code for alarm in new.store.alarms()] == ["letter_refused"]
    assert tree.root.store.head(origin).seq == 5
    new.store.close()


def test_a_revocation_takes_nothing_out_of_a_register_that_had_changed_hands_before(tree: Tree) -> None:
    first, second, parent = tree.add("a"), tree.add("b"), Parent(tree.root)
    origin = first.store.own_origin()
    write(first.store, 2)
    drain(first, parent)
    tree.authority.hand_over(origin, NodeId("b"), by="lan")
    drain(second, parent)
    write(second.store, 4, origin=origin)
    drain(second, parent)
    revoke(tree, "b")
    parent.hub.healer.give_up_what_is_others()
    assert tree.root.store.head(origin).seq == 7


def test_a_log_that_a_revoked_node_has_signed_is_still_whole(tree: Tree) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    write(child.store, 3)
    drain(child, parent)
    revoke(tree, "c")
    proof = prove(tree.root.store, tree.authority.reference, child.store.own_origin())
    assert proof.verdict == "whole"
