"""Pruned logs, snapshots in both directions, and what is rebuilt from them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import changelog, limits, snapshots
from node.healing import Healer
from node.ids import Hash, OriginId, Seq
from node.mending import inspect
from node.proof import prove
from node.protocol.messages import SnapshotOffer
from node.pruning import Budget, Plan, Pruner, log_sizes
from node.reference import Reference
from node.scrub import finish, scrub
from node.snapshot_desk import SnapshotDesk, SnapshotRefused
from node.store import Store
from node.verification import Verifier, statement_of
from tests.identities import Member
from tests.unit.node.exchange import NOW_MS, Exchange
from tests.unit.node.stores import people

DAY = limits.DAY_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    for number in range(5):
        world.person(f"An {number}", f"Bình {number}")
    world.climb()
    yield world
    world.close()


def verifier(member: Member) -> Verifier:
    return Verifier(member.store, Reference(member.store), member.key)


def desk(member: Member) -> SnapshotDesk:
    reference = Reference(member.store)
    return SnapshotDesk(member.store, verifier(member), Healer(member.store, reference, member.key))


def pruner(member: Member) -> Pruner:
    return Pruner(member.store, verifier(member), has_parent=member.store.node_id != "p")


def prune(member: Member, keep_days: int = 0) -> list[Plan]:
    plans = pruner(member).plans(Budget(keep_days * DAY))
    for plan in plans:
        for _ in pruner(member).carry_out(plan):
            pass
    return plans


def plan_of(plans: list[Plan], origin: OriginId) -> Plan:
    return next(plan for plan in plans if plan.head.origin == origin)


def commits(store: Store, origin: OriginId) -> int:
    sizes = log_sizes(store.connection)
    return sizes[origin].commits if origin in sizes else 0


def lose(member: Member, origin: OriginId) -> None:
    """A store that never had the register."""
    connection = member.store.connection
    with member.store.database.transaction():
        connection.config(1003, 0)  # triggers off
        for table in ("person", "household", "event", "origin_profile"):
            connection.execute(f"DELETE FROM {table} WHERE origin = ?", (origin,))
        connection.config(1003, 1)
        for table in ("change_log", "origin_head", "batch_signature", "acknowledged", "origin_state", "verification"):
            connection.execute(f"DELETE FROM {table} WHERE origin = ?", (origin,))


# --- pruning ------------------------------------------------------------------------------------------------------------


def test_confirmed_commits_go_and_the_rows_stay(world: Exchange) -> None:
    before = world.c.store.digest(world.origin)
    plan = plan_of(prune(world.c), world.origin)
    assert (plan.commits, plan.floor.seq, plan.obstacle) == (6, 6, "")
    assert commits(world.c.store, world.origin) == 0
    assert world.c.store.digest(world.origin) == before and world.equal()
    assert changelog.floor_of(world.c.store.connection, world.origin) == world.c.store.head(world.origin)


def test_what_no_parent_has_confirmed_stays(world: Exchange) -> None:
    world.person("Chi")
    plan = plan_of(prune(world.c), world.origin)
    assert (plan.commits, plan.obstacle) == (0, "not_confirmed") and commits(world.c.store, world.origin) == 7


def test_what_the_root_does_not_have_stays(world: Exchange) -> None:
    """A handover begins at what the root has: nobody may have pruned behind that."""
    world.person("Chi")
    world.climb(("c", "d"))
    for member in (world.c, world.d):
        plan = plan_of(prune(member), world.origin)
        assert (plan.commits, plan.obstacle) == (0, "not_confirmed"), "the district has it, the province not"
    world.climb()
    assert plan_of(prune(world.c), world.origin).commits == 7


def test_what_was_not_compared_stays(world: Exchange) -> None:
    with world.d.store.database.transaction() as connection:
        connection.execute("DELETE FROM verification WHERE peer = ''")
    plan = plan_of(prune(world.d), world.origin)
    assert (plan.commits, plan.obstacle) == (0, "not_compared")


def test_rows_that_are_held_back_keep_their_log(world: Exchange) -> None:
    row = world.person("Chi")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.climb()
    assert plan_of(prune(world.d), world.origin).obstacle == "held_back"
    assert commits(world.d.store, world.origin) == 8


def test_rows_that_rot_before_the_snapshot_are_not_what_is_kept(world: Exchange) -> None:
    row = next(iter(people(world.d.store, world.origin)))
    world.rot(world.d, row, "rot")
    prune(world.d)
    assert commits(world.d.store, world.origin) == 6, "nothing went"
    assert not snapshots.kept(world.d.store.connection, world.origin)


def test_commits_go_when_they_and_the_snapshot_behind_them_are_old_enough(world: Exchange) -> None:
    assert plan_of(prune(world.c, 100), world.origin).obstacle == "young"
    world.clock.advance_ms(60 * DAY)
    assert plan_of(prune(world.c, 100), world.origin).snapshot
    world.clock.advance_ms(60 * DAY)
    world.person("Chi")
    world.climb()
    assert plan_of(prune(world.c, 100), world.origin).commits == 0, "the snapshot is sixty days old"
    world.clock.advance_ms(60 * DAY)
    plan = plan_of(prune(world.c, 100), world.origin)
    assert (plan.commits, plan.floor.seq) == (6, 6) and commits(world.c.store, world.origin) == 1


def test_a_budget_that_is_nearly_used_up_makes_commits_go_at_once(world: Exchange) -> None:
    total = sum(size.bytes for size in log_sizes(world.c.store.connection).values())
    budget = Budget(400 * DAY, total)
    plans = pruner(world.c).plans(budget)
    assert plan_of(plans, world.origin).commits == 6
    assert not any(plan.commits for plan in pruner(world.c).plans(Budget(400 * DAY, 2 * total)))


def test_a_budget_that_cannot_be_kept_alarms_and_says_why(world: Exchange) -> None:
    world.person("Chi")
    budget = Budget(400 * DAY, 100)
    plans = pruner(world.c).plans(budget)
    pruner(world.c).warn(budget, plans)
    (detail,) = world.details(world.c, "log_budget")
    assert "of its budget of 100" in detail and "not_confirmed" in detail


def test_a_log_that_begins_at_a_snapshot_is_proved_and_mended_from_it(world: Exchange) -> None:
    prune(world.d)
    row = world.person("Chi")
    world.climb()
    proof = prove(world.d.store, Reference(world.d.store), world.origin)
    assert proof.verdict == "whole" and proof.head.seq == 7
    assert ("snapshot", "c", 6, True) in [(a.kind, a.by, a.seq, a.sound) for a in proof.anchors]
    first = next(key for key in people(world.d.store, world.origin) if key != row)
    world.rot(world.d, first, "rot")
    world.rot(world.d, row, None)
    assert len(inspect(world.d.store, world.origin, None).found) == 2
    world.person("Dung")
    world.climb()
    assert world.equal() and "rot_repaired" in world.codes(world.d)


def test_a_snapshot_whose_word_was_forged_is_no_proof(world: Exchange) -> None:
    prune(world.d)
    with world.d.store.database.transaction() as connection:
        connection.execute("UPDATE snapshot SET digest = ?", (b"x" * 32,))
    assert prove(world.d.store, Reference(world.d.store), world.origin).verdict == "rewritten"


# --- upward -------------------------------------------------------------------------------------------------------------


def test_a_parent_without_the_history_gets_the_state_and_what_follows(world: Exchange) -> None:
    prune(world.c)
    world.person("Chi")
    lose(world.d, world.origin)
    world.climb(("c", "d"))
    assert world.equal(world.d.store) and world.d.store.head(world.origin).seq == 7
    assert commits(world.d.store, world.origin) == 1
    assert "snapshot_taken" in world.codes(world.d)
    world.climb()
    assert world.equal(), "the province still has the whole history"
    world.person("Dung")
    world.climb()
    assert world.equal()


def test_it_climbs_on_from_a_parent_that_has_only_the_snapshot(world: Exchange) -> None:
    prune(world.c)
    for member in (world.d, world.p):
        lose(member, world.origin)
    world.person("Chi")
    world.climb(("c", "d"))
    world.climb()
    assert world.equal() and commits(world.p.store, world.origin) == 1


def test_rows_that_were_held_back_come_right_with_the_snapshot(world: Exchange) -> None:
    row = world.person("Chi")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.climb()
    assert world.seqs(world.d) == [8]
    offer = _offer(world, world.c)
    _take(world, world.d, offer)
    assert world.seqs(world.d) == [] and world.equal(world.d.store)


# --- downward -----------------------------------------------------------------------------------------------------------


def test_a_holder_that_was_restored_to_before_the_floor_gets_its_register_back(world: Exchange, tmp_path: Path) -> None:
    """And what it recorded meanwhile is done again, though the parent cannot say where the histories part."""
    image = tmp_path / "image.db"
    world.c.store.connection.execute("VACUUM INTO ?", (str(image),))
    world.person("Chi")
    world.climb()
    for member in (world.d, world.p):
        prune(member)
    store = Store.open(image, clock=world.clock, source=random.Random("restored"))
    world.c.store.close()
    world.c = world.tree.members["c"] = replace(world.c, store=store)
    world.person("Only here")
    world.climb()
    world.climb()
    names = {name for name, _ in people(world.c.store, world.origin).values()}
    assert {"Chi", "Only here"} <= names
    assert world.equal() and world.mail(world.c).unread() == 0


# --- what is not taken --------------------------------------------------------------------------------------------------


def _offer(world: Exchange, member: Member) -> SnapshotOffer:
    prune(member)
    (item,) = snapshots.whole(member.store.connection, world.origin)
    return item.offer


def _take(world: Exchange, member: Member, offer: SnapshotOffer, spoil: int | None = None) -> None:
    taker = desk(member)
    assert taker.open(offer) == 0
    for chunk in range(offer.chunks):
        payload = desk(world.c).chunk(offer.head, chunk)
        assert payload is not None
        taker.store_chunk(offer.head, chunk, payload[:-1] + b"x" if chunk == spoil else payload)
    taker.install(offer, peer=world.c.store.node_id, down=False)


def test_a_snapshot_that_its_holder_has_not_signed_is_not_opened(world: Exchange) -> None:
    offer = _offer(world, world.c)
    with pytest.raises(SnapshotRefused, match="not signed"):
        desk(world.d).open(replace(offer, statement=replace(offer.statement, digest=Hash(b"x" * 32))))
    with pytest.raises(SnapshotRefused, match="upgrade it first"):
        desk(world.d).open(replace(offer, schema_version=99))


def test_a_damaged_chunk_is_found_and_all_is_sent_anew(world: Exchange) -> None:
    offer = _offer(world, world.c)
    before = world.d.store.digest(world.origin)
    with pytest.raises(SnapshotRefused, match="damaged"):
        _take(world, world.d, offer, spoil=0)
    assert world.d.store.digest(world.origin) == before
    assert desk(world.d).open(offer) == 0, "nothing of it was kept"


def test_rows_that_are_not_the_signed_ones_are_not_put_in_place(world: Exchange) -> None:
    """Whoever relays can give other chunks and another root; the digest is the holder's."""
    true = _offer(world, world.c)
    row = next(iter(people(world.c.store, world.origin)))
    world.rot(world.c, row, "made up")
    stated = statement_of(world.c.store.connection, world.origin)
    assert stated is not None
    with world.c.store.database.transaction() as connection:
        snapshots.forget(connection, true.head)
        false = snapshots.make(connection, stated, NOW_MS).offer
    with pytest.raises(SnapshotRefused, match="not those that node c signed"):
        _take(world, world.d, false)


def test_a_snapshot_goes_on_where_a_session_was_cut(world: Exchange) -> None:
    offer = _offer(world, world.c)
    taker = desk(world.d)
    assert taker.open(offer) == 0
    payload = desk(world.c).chunk(offer.head, 0)
    assert payload is not None
    taker.store_chunk(offer.head, 0, payload)
    assert desk(world.d).open(offer) == 1
    other = replace(offer, statement=replace(offer.statement))
    assert desk(world.d).open(other) == 1, "the same words"


def test_memory_for_a_snapshot_is_one_chunk(world: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_CHUNK_BYTES", 200)
    offer = _offer(world, world.c)
    assert offer.chunks > 3
    _take(world, world.d, offer)
    assert world.equal(world.d.store)
    assert changelog.floor_of(world.d.store.connection, world.origin) == offer.head


def test_a_parent_that_has_no_room_says_when_to_come(world: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    prune(world.c)
    lose(world.d, world.origin)
    monkeypatch.setattr(limits, "SNAPSHOTS_AT_ONCE_MAX", 0)
    session = world.parents["d"].meet(world.c, follow=True).start().run()
    assert world.d.store.head(world.origin).seq == 0
    monkeypatch.setattr(limits, "SNAPSHOTS_AT_ONCE_MAX", 1)
    session.child_end.tick()
    session.run()
    assert world.d.store.head(world.origin).seq == 0, "it is not time yet"
    world.clock.advance_ms(limits.SNAPSHOT_WAIT_MS)
    session.child_end.tick()
    session.run()
    assert world.equal(world.d.store)
    session.child_end.link_lost()
    session.parent_end.link_lost()


def test_a_scrub_of_a_pruned_log_begins_at_the_snapshot(world: Exchange) -> None:
    prune(world.d)
    row = next(iter(people(world.d.store, world.origin)))
    found = next(item for item in finish(scrub(world.d.store)).origins if item.origin == world.origin)
    assert found.verdict == "sound"
    world.rot(world.d, row, "rot")
    found = next(item for item in finish(scrub(world.d.store, thorough=True)).origins if item.origin == world.origin)
    assert found.verdict == "rot" and [item.row_id for item in found.rotten] == [row]


def test_a_batch_ends_where_the_log_below_its_floor_has_a_gap(world: Exchange) -> None:
    """A parent that had the beginning took a snapshot: what it has of the history is not all of it."""
    offer = _offer(world, world.c)
    connection = world.d.store.connection
    with world.d.store.database.transaction():
        for statement in (
            "DELETE FROM change_log WHERE origin = ? AND seq > 3",
            "DELETE FROM batch_signature WHERE origin = ?",
        ):
            connection.execute(statement, (world.origin,))
        connection.execute("UPDATE origin_head SET seq = 3 WHERE origin = ?", (world.origin,))
    _take(world, world.d, offer)
    world.person("Chi")
    world.climb()
    assert [commit.seq for commit in world.d.store.read_commits(world.origin, Seq(1))] == [2, 3]
    lose(world.p, world.origin)
    world.climb()
    assert world.equal()


def test_a_snapshot_that_makes_room_for_a_newer_one_while_it_is_sent_is_offered_anew(
    world: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SNAPSHOT_CHUNK_BYTES", 200)
    prune(world.c)
    world.person("Chi")
    world.climb()
    lose(world.d, world.origin)
    session = world.parents["d"].meet(world.c, follow=True).start()
    while not snapshots.kept(world.d.store.connection, world.origin):
        if session.child_end.outbox:
            session.parent_end.receive_frame(session.child_end.encode(session.child_end.outbox.popleft()))
        else:
            session.child_end.receive_frame(session.parent_end.encode(session.parent_end.outbox.popleft()))
    prune(world.c)
    session.run()
    assert session.end() == "snapshot_gone"
    world.climb(("c", "d"))
    assert world.equal(world.d.store)
