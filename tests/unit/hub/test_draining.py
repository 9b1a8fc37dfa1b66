"""Receipts on request, and what a node that is to go still has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import branch, changelog
from node.draining import Remains, older_points, points, remains, rest_is_sent, send_rest
from node.healing import Healer
from node.ids import Hash, NodeId, Seq
from node.receipts import Receipt, confirm, keep, kept, sound
from node.reference import Reference
from tests.identities import Member
from tests.unit.hub.test_reparenting import Province
from tests.unit.hub.test_session import write


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    province = Province(tmp_path)
    yield province
    province.tree.close()


def look(province: Province, member: Member, *, parent: Member | None = None) -> Remains:
    """One round of asking, as ``dansync drain`` does after a session."""
    above = parent or province.p
    store, reference = member.store, Reference(member.store)
    healer = Healer(store, reference, member.key)
    name = above.identity.node_id
    confirmed = confirm(above.store, above.key, points(store))
    keep(store, name, confirmed)
    older = older_points(store, reference, name)
    if older:
        again = confirm(above.store, above.key, older)
        keep(store, name, again)
        send_rest(store, reference, healer, [*confirmed, *again])
    return remains(store, reference, healer, name)


def standing(found: Remains) -> dict[str, tuple[str, int, int]]:
    return {line.name: (line.standing, line.head.seq, line.signed_seq) for line in found.lines}


def test_a_parent_confirms_what_is_on_its_chain_and_nothing_else(province: Province) -> None:
    head = province.c.store.head(province.origin)
    other = replace(head, hash=Hash(bytes(32)))
    ahead = replace(head, seq=Seq(head.seq + 1))
    (receipt,) = confirm(province.p.store, province.p.key, [head, other, ahead, replace(head, seq=Seq(0))])
    assert receipt.head == head
    reference = Reference(province.c.store)
    assert sound(reference, NodeId("p"), receipt)
    assert not sound(reference, NodeId("d"), receipt), "it is signed by its parent, nobody else"
    assert not sound(reference, NodeId("p"), replace(receipt, at_ms=receipt.at_ms + 1))


def test_an_older_receipt_takes_no_newer_ones_place(province: Province) -> None:
    store = province.d.store
    old = province.p.store.hash_at(province.origin, Seq(2))
    assert old is not None
    before = kept(store, NodeId("p"))[province.origin]
    keep(store, NodeId("p"), [Receipt(replace(before.head, seq=Seq(2), hash=old), 1, b"x")])
    assert kept(store, NodeId("p"))[province.origin] == before


def test_a_receipt_for_what_has_left_the_log_gives_way(province: Province) -> None:
    """Else the node would never hear that its parent has all of it; found by small worlds in which districts end."""
    store = province.d.store
    before = kept(store, NodeId("p"))[province.origin]
    old = province.p.store.hash_at(province.origin, Seq(2))
    assert old is not None
    older = Receipt(replace(before.head, seq=Seq(2), hash=old), 1, b"x")
    with store.database.transaction() as connection:
        (last,) = changelog.read_commits(connection, province.origin, Seq(before.head.seq - 1), count=1)
        branch.keep_aside(connection, [last], 0)
    keep(store, NodeId("p"), [older])
    assert kept(store, NodeId("p"))[province.origin] == before, "it stands in the log as well"
    with store.database.transaction() as connection:
        connection.execute("DELETE FROM change_log WHERE origin = ? AND seq > 2", (province.origin,))
        connection.execute("UPDATE origin_head SET seq = 2, hash = ? WHERE origin = ?", (old, province.origin))
    keep(store, NodeId("p"), [older])
    assert kept(store, NodeId("p"))[province.origin] == older


def test_a_letter_from_further_back_than_the_receipt_counts(province: Province) -> None:
    """The parent confirms less than it once signed for, where it has let go what lies between, and the rest is sent from
    there; found by a small world in which much is pruned and put back.
    """
    member = province.d
    store, reference = member.store, Reference(member.store)
    healer = Healer(store, reference, member.key)
    head = store.head(province.origin)
    points = [point for point in branch.older_heads(store.connection, head) if point.seq]
    healer.send_branch(points[-1], head)
    store.connection.execute("UPDATE letter SET state = 'sent'")
    with store.database.snapshot():
        assert not healer.branch_is_sent(points[0], head)
    assert rest_is_sent(store, healer, points[0], head)


def test_a_receipt_that_was_lost_is_asked_for_and_kept(province: Province) -> None:
    with province.d.store.database.transaction() as connection:
        connection.execute("DELETE FROM acknowledged")
    found = look(province, province.d)
    assert standing(found) == {"d": ("signed", 1, 1), "c": ("signed", 6, 6)}
    assert not found.left and not found.final, "nothing is left, but it may still get more"
    assert (found.children, found.holds) == ((NodeId("c"),), 1)


def test_what_the_parent_has_not_is_left(province: Province) -> None:
    write(province.c.store, 2)
    province.drain("c", "d")
    found = look(province, province.d)
    assert found.left
    assert standing(found)["c"] == ("left", 8, 6)


def test_a_forged_receipt_proves_nothing(province: Province) -> None:
    write(province.c.store, 2)
    province.drain("c", "d")
    head = province.d.store.head(province.origin)
    keep(province.d.store, NodeId("p"), [Receipt(head, 1_790_000_000_000, b"forged")])
    store = province.d.store
    reference = Reference(store)
    found = remains(store, reference, Healer(store, reference, province.d.key), NodeId("p"))
    assert standing(found)["c"] == ("left", 8, 0)


def test_a_dissolved_district_with_nothing_left_is_done_for_good(province: Province) -> None:
    province.move("p")
    province.tree.authority.dissolve(NodeId("d"), by="lan")
    province.drain("d", "p")
    found = look(province, province.d)
    assert (found.left, found.final, found.children, found.holds) == (False, True, (), 0)


def test_what_a_dissolved_district_wrote_itself_after_the_word_goes_to_its_parent_as_letters(
    province: Province,
) -> None:
    province.move("p")
    write(province.d.store, 2)  # it has not heard of anything
    province.tree.authority.dissolve(NodeId("d"), by="lan")
    province.drain("d", "p")
    found = look(province, province.d)
    assert not found.left and not found.letters, "one session writes the letters and takes them along"
    assert standing(found)["d"] == ("signed", 3, 3), "its parent has put them where they were"
    people = province.p.store.connection.execute("SELECT count(*) FROM person").fetchall()
    assert people == [(7,)], "five of the commune, and the two of the district"


def test_a_copy_that_parted_from_the_one_above_goes_to_the_holder_from_where_they_part(province: Province) -> None:
    """The district had two commits that the commune lost with its disk before the province had them; the commune went
    on, under another parent.
    """
    backup = province.tree.folder / "backup.db"
    province.c.store.connection.execute("VACUUM INTO ?", (str(backup),))
    write(province.c.store, 2)
    province.drain("c", "d")
    province.move("p")
    # What the commune has now is what the backup had, and two other commits.
    with province.c.store.database.transaction() as connection:
        connection.execute("DELETE FROM change_log WHERE origin = ? AND seq > 6", (province.origin,))
        head = province.p.store.head(province.origin)
        connection.execute(
            "UPDATE origin_head SET seq = ?, hash = ? WHERE origin = ?", (head.seq, head.hash, province.origin)
        )
        connection.execute("DROP TRIGGER person_guard_delete")
        connection.execute(
            "DELETE FROM person WHERE origin = ? AND id IN "
            "(SELECT id FROM person WHERE origin = ? ORDER BY id DESC LIMIT 2)",
            (province.origin, province.origin),
        )
    province.c.store.renew_incarnation()
    write(province.c.store, 3)
    assert province.drain("c", "p") == "done"
    province.drain("d", "p")
    first = look(province, province.d)
    assert first.left and standing(first)["c"][0] == "left"
    for _ in range(2):
        province.visit("d", "p")
        province.visit("c", "p")
    found = look(province, province.d)
    assert standing(found)["c"] == ("letters", 8, 6)
    assert not found.left
    province.visit("c", "p")
    people = province.p.store.connection.execute("SELECT count(*) FROM person").fetchall()
    assert people == [(10,)], "five of before, three of the commune and the two that only the district had"
