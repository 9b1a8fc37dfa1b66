"""Copies are compared with the word of their holder, on every hop, and put right by the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import limits
from node.errors import UsageError
from node.identity.statements import state_statement
from node.ids import Hash, NodeId, Seq
from node.mending import inspect, mend, repair
from node.protocol.messages import StateStatement
from node.reference import Reference
from node.replay import triggers_off
from node.verification import Verifier, checks, statement_of
from tests.identities import Member
from tests.unit.node.exchange import Exchange


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


def verifier(member: Member) -> Verifier:
    return Verifier(member.store, Reference(member.store), member.key)


def stated(world: Exchange, member: Member) -> StateStatement:
    found = statement_of(member.store.connection, world.origin)
    assert found is not None
    return found


def outcome(world: Exchange, member: Member, peer: str = "") -> str:
    """Of the last comparison of the commune's register."""
    return next(c.outcome for c in checks(member.store) if (c.origin, c.peer) == (world.origin, peer))


def signed(statement: StateStatement, by: Member) -> StateStatement:
    head = statement.head
    words = state_statement(head.origin, head.seq, head.hash, statement.digest, statement.rows, statement.stated_at_ms)
    return replace(statement, signer=by.store.node_id, signature=by.key.sign(words))


def test_the_word_of_the_holder_climbs_and_every_copy_is_compared(world: Exchange) -> None:
    world.person("An", "Bình")
    world.climb()
    for member in (world.d, world.p):
        assert outcome(world, member) == "equal"
        assert stated(world, member) == stated(world, world.c)
    assert stated(world, world.c).rows == 2
    assert outcome(world, world.c, "d") == outcome(world, world.d, "p") == "equal"
    assert world.parents["p"].hub.counts.comparisons["equal"] > 0


@pytest.mark.parametrize("phone", ["rot", None], ids=["changed", "gone"])
def test_a_row_that_rots_in_a_copy_is_put_right_by_the_log_there(world: Exchange, phone: str | None) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.p, row, phone)
    world.person("Bình")
    world.climb()
    assert world.equal()
    assert world.details(world.p, "rot_repaired") == ["1 rows were not what the log says, and are again (person 1)"]
    assert outcome(world, world.p) == "equal", "the next comparison"
    assert next(c for c in checks(world.p.store) if c.origin == world.origin).repaired_rows == 1
    assert not world.seqs(world.p)


def test_a_row_that_nobody_wrote_goes(world: Exchange) -> None:
    world.person("An")
    world.climb()
    with world.d.store.database.transaction() as connection, triggers_off(connection):
        connection.execute("INSERT INTO person (origin, id) VALUES (?, ?)", (world.origin, b"x" * 16))
    world.person("Bình")
    world.climb()
    assert world.equal() and "rot_repaired" in world.codes(world.d)


def test_a_row_that_rots_where_it_is_written_is_put_right_there(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.c, row, "rot")
    world.person("Bình")
    world.climb()
    assert world.equal()
    assert world.codes(world.d)[-1] == "digest_differs" and world.codes(world.c)[-1] == "rot_repaired"
    assert outcome(world, world.d) == outcome(world, world.p) == "equal"


def test_what_is_equal_is_compared_anew_after_a_day(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.climb()
    assert not world.equal(world.d.store), "nothing was written, and it was compared a moment ago"
    world.clock.advance_ms(limits.VERIFY_AGAIN_MS)
    world.climb()
    assert world.equal() and "rot_repaired" in world.codes(world.d)


def test_rows_that_are_held_back_are_not_compared(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.climb()
    assert outcome(world, world.d) == "held_back" and world.seqs(world.d) == [3]
    assert outcome(world, world.c, "d") == "held_back"
    with pytest.raises(UsageError, match="held back"):
        repair(world.d.store, world.origin)


def test_a_copy_at_another_commit_is_not_compared(world: Exchange) -> None:
    world.person("An")
    world.climb()
    before = stated(world, world.c)
    world.person("Bình")
    world.climb()
    assert verifier(world.d).verify(before) == "elsewhere"
    assert stated(world, world.d).head.seq == before.head.seq + 1, "the newer word stays"


@pytest.mark.parametrize("kind", ["digest", "rows", "signature", "not the holder", "nobody"])
def test_what_the_holder_has_not_said_is_refused(world: Exchange, kind: str) -> None:
    world.person("An")
    world.climb()
    true = stated(world, world.c)
    false = {
        "digest": replace(true, digest=Hash(b"x" * 32)),
        "rows": replace(true, rows=9),
        "signature": replace(true, signature=b""),
        "not the holder": signed(replace(true, digest=Hash(b"x" * 32)), world.d),
        "nobody": replace(true, signer=NodeId("nobody")),
    }[kind]
    assert verifier(world.d).verify(false) == "refused"
    assert stated(world, world.d) == true and world.codes(world.d)[-1] == "statement_refused"
    assert outcome(world, world.d) == "equal"


def test_the_authority_speaks_for_the_reference_data_only_downward(world: Exchange) -> None:
    reference = world.c.store.reference_origin()
    assert reference is not None
    world.climb()
    assert all(statement.head.origin != reference for statement in verifier(world.c).attest())


def test_a_log_that_has_rotted_itself_mends_nothing(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    with world.d.store.database.transaction() as connection:
        connection.execute("UPDATE change_log SET author = 'x' WHERE origin = ? AND seq = 2", (world.origin,))
    world.rot(world.d, row, "rot")
    assert mend(world.d.store, world.d.store.head(world.origin), None) == 0
    world.person("Bình")
    world.climb()
    assert outcome(world, world.d) == "differs" and world.codes(world.d)[-1] == "digest_differs"


def test_a_difference_is_told_once(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    with world.d.store.database.transaction() as connection:
        connection.execute("UPDATE change_log SET author = 'x' WHERE origin = ? AND seq = 2", (world.origin,))
    world.rot(world.d, row, "rot")
    world.phone("2", world.person("Bình"))
    world.climb()
    world.climb()
    assert world.codes(world.d).count("digest_differs") == 1


def test_a_look_says_which_row_and_which_column(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    found = inspect(world.d.store, world.origin, stated(world, world.d))
    assert not found.sound and found.log_digest == stated(world, world.d).digest != found.digest
    assert [(item.key, item.columns) for item in found.found] == [(("person", row), ("phone",))]
    assert repair(world.d.store, world.origin) == 1
    assert inspect(world.d.store, world.origin, stated(world, world.d)).sound


def test_the_word_of_a_former_holder_does_not_count(world: Exchange) -> None:
    world.person("An")
    world.climb()
    later = replace(stated(world, world.c), head=replace(stated(world, world.c).head, seq=Seq(9)))
    assert verifier(world.p).verify(signed(later, world.d)) == "refused"


def test_a_word_that_comes_after_a_relay_has_drained_climbs_all_the_same(world: Exchange) -> None:
    """Sessions that stay: the district has said that all is sent before the commune says how its rows stand."""
    world.climb()
    up = world.parents["p"].meet(world.d, follow=True).start().run()
    world.person("An")
    down = world.parents["d"].meet(world.c, follow=True).start().run()
    assert outcome(world, world.d) == "equal"
    up.run()
    for _ in range(3):
        world.clock.advance_ms(limits.TICKET_INTERVAL_MS // 2)
        for session in (up, down, up):
            session.child_end.wake()
            session.child_end.tick()
            session.run()
    assert stated(world, world.p) == stated(world, world.c)
    for session in (up, down):
        session.child_end.link_lost()
        session.parent_end.link_lost()
