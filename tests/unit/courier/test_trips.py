"""Sticks between members of a tree, and links beside them: nothing lost, nothing twice, no false alarm."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from node import limits
from node.applier import GroupApplier, Work
from node.chain import Head
from node.clock import ManualClock
from node.courier.cargo import pack_cargo
from node.courier.delivery import take_delivery
from node.courier.envelope import Recipient
from node.courier.manifest import Span
from node.courier.packing import Load, pack
from node.courier.parcel import Parcel
from node.courier.trips import trips
from node.errors import CourierRefused, SenderRefused, StoreFull, UsageError
from node.identity.certificates import CertificateAuthority
from node.identity.folder import Identity
from node.identity.keys import NodeKey
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq
from node.outgoing import next_batch
from node.protocol.messages import Acknowledge, BatchFrame, BatchNumber, Drained, Message, Want
from node.store import Store
from tests.identities import Member, Tree
from tests.sessions import Parent, drain
from tests.unit.courier.carrying import cargo, deliver, receipt, same, sender, take, trip
from tests.unit.node.stores import NOW_MS, add_persons, change_phone


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path, clock=ManualClock(NOW_MS))
    yield made
    made.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"


def own(member: Member) -> OriginId:
    return member.store.own_origin()


def reference(member: Member) -> OriginId:
    origin = member.store.reference_origin()
    assert origin is not None
    return origin


def acknowledged(member: Member) -> dict[OriginId, int]:
    return {origin: word.seq for origin, word in member.store.acknowledged().items()}


def codes(member: Member) -> list[str]:
    return [alarm.code for alarm in member.store.alarms()]


def log(member: Member, table: str = "change_log") -> list[tuple[object, ...]]:
    """A table without the times of arrival."""
    times = {"received_at", "arrival", "acknowledged_at"}
    rows = member.store.connection.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in member.store.connection.execute(f"SELECT * FROM {table}").get_description()]
    kept = [i for i, name in enumerate(names) if name not in times]
    return sorted((tuple(row[i] for i in kept) for row in rows), key=repr)


def test_a_commune_that_only_travels_by_stick_is_equal_at_every_tier(tree: Tree, stick: Path) -> None:
    district = tree.add("d")
    commune = tree.add("c", "d")
    drain(district, Parent(tree.root))  # the district knows its communes
    deliver(commune, receipt(district, commune, stick))
    ids = add_persons(commune.store, ["An", "Bình"])
    trip(commune, district, stick)
    change_phone(commune.store, ids[0], "1")
    trip(commune, district, stick)
    trip(district, tree.root, stick)
    for member in (district, tree.root):
        assert same(commune, member, own(commune))
    assert same(commune, tree.root, reference(commune))
    assert acknowledged(commune)[own(commune)] == 3 and acknowledged(district)[own(commune)] == 3
    assert not any(codes(member) for member in (commune, district, tree.root))


def test_a_receipt_moves_what_is_acknowledged_and_an_export_does_not(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    add_persons(child.store, ["An"])
    assert cargo(child, stick).commits == 2
    again = cargo(child, stick)
    assert again.commits == 2 and not acknowledged(child)
    deliver(child, receipt(tree.root, child, stick, take(tree.root, again.files[0])))
    assert acknowledged(child) == {own(child): 2}
    assert cargo(child, stick).commits == 0
    assert cargo(child, stick, everything=True).commits == 2


def test_stick_then_wire_then_stick(tree: Tree, stick: Path) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    add_persons(child.store, ["An"])
    trip(child, tree.root, stick)
    add_persons(child.store, ["Bình"])
    session = parent.meet(child).start().run()
    assert session.end() == "done"
    sent = [m.header for m in session.seen if isinstance(m, BatchFrame) and m.header and m.header.origin == own(child)]
    assert [(header.previous_seq, header.seq) for header in sent] == [(2, 3)], "nothing goes twice"
    add_persons(child.store, ["Châu"])
    assert [taken.commits for taken in trip(child, tree.root, stick)] == [1]
    session = parent.meet(child).start().run()
    assert session.end() == "done"
    assert not [m for m in session.seen if isinstance(m, BatchFrame)], "and the link has nothing left to carry"
    assert same(child, tree.root, own(child))
    assert not codes(child) and not codes(tree.root)
    assert not any(state.halted for member in (child, tree.root) for state in member.store.states())


def test_a_session_without_the_receipt_goes_on_where_the_stick_has_stopped(tree: Tree, stick: Path) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    drain(child, parent)
    add_persons(child.store, ["An"])
    packed = cargo(child, stick)
    assert take(tree.root, packed.files[0]).commits == 1
    add_persons(child.store, ["Bình"])
    session = parent.meet(child).start().run()
    sent = [m.header for m in session.seen if isinstance(m, BatchFrame) and m.header]
    assert [(header.previous_seq, header.seq) for header in sent] == [(2, 3)]
    assert acknowledged(child)[own(child)] == 3
    assert not codes(child) and not codes(tree.root)


def test_a_session_that_is_open_while_a_stick_comes_goes_on(tree: Tree, stick: Path) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    session = parent.meet(child, follow=True).start().run()
    add_persons(child.store, ["An"])
    deliver(child, receipt(tree.root, child, stick, take(tree.root, cargo(child, stick).files[0])))
    tree.add("another")  # reference data that come both ways
    deliver(child, receipt(tree.root, child, stick))
    add_persons(child.store, ["Bình"])
    session.child_end.advanced()
    session.run()
    assert same(child, tree.root, own(child)) and same(child, tree.root, reference(child))
    assert session.child_end.closed is None and session.parent_end.closed is None
    assert not codes(child) and not codes(tree.root)


def test_the_same_data_by_wire_and_by_stick_give_the_same_stores(tmp_path: Path) -> None:
    stores = []
    for way in ("wire", "stick"):
        tree = Tree(tmp_path / way, clock=ManualClock(NOW_MS))
        child = tree.add("c")
        # The same bytes below: ids come from seeds, keys do not matter for what is stored of commits.
        ids = add_persons(child.store, ["An", "Bình"])
        for number in range(1_200):
            change_phone(child.store, ids[number % 2], str(number))
        if way == "wire":
            assert drain(child, Parent(tree.root)) == "done"
        else:
            trip(child, tree.root, tmp_path / "stick")
        mine = [row for row in log(tree.root) if row[0] == own(child)]
        heads = [row for row in log(tree.root, "origin_head") if row[0] == own(child)]
        signed = [row[:3] for row in log(tree.root, "batch_signature") if row[0] == own(child)]
        stores.append((mine, heads, signed, log(tree.root, "person"), tree.root.store.digest(own(child))))
        assert acknowledged(child) == {own(child): 1_202}
        tree.close()
    assert len(stores[0][0]) == 1_202 and len(stores[0][2]) == 3
    assert stores[0] == stores[1]


def test_parts_come_in_any_order_and_any_number_of_times(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    noise = random.Random(0)
    for _ in range(24):
        add_persons(child.store, [noise.randbytes(2_000).hex() for _ in range(300)])
    packed = cargo(child, stick, bytes_max=limits.COURIER_FILE_BYTES_MIN)
    first, *rest = packed.files
    assert len(rest) >= 1
    assert all(path.stat().st_size <= limits.COURIER_FILE_BYTES_MIN for path in packed.files)
    early = take(tree.root, rest[0])
    assert [(item.commits, item.code) for item in early.origins] == [(0, "gap")]
    delivered = deliver(child, receipt(tree.root, child, stick, early))
    assert not delivered[0].notes and not child.store.states()[0].halted, "a missing part is no fault of the register"
    for path in (first, first, *rest, first, *rest):
        take(tree.root, path)
    assert same(child, tree.root, own(child))
    assert not codes(tree.root) and not codes(child)


def test_what_is_recorded_while_a_stick_is_written_goes_with_the_next_one(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    add_persons(child.store, ["An"])

    def slowly() -> NodeKey:
        add_persons(child.store, ["in between"])
        return NodeKey.generate()

    packed = pack_cargo(sender(child), stick, make_key=slowly)
    assert packed.commits == 2
    assert take(tree.root, packed.files[0]).commits == 2
    assert [taken.commits for taken in trip(child, tree.root, stick)] == [1]
    assert same(child, tree.root, own(child))


def test_an_old_stick_after_the_wire_has_moved_on_changes_nothing(tree: Tree, stick: Path) -> None:
    child, parent = tree.add("c"), Parent(tree.root)
    add_persons(child.store, ["An"])
    old = cargo(child, stick)
    old_receipt = receipt(tree.root, child, stick, take(tree.root, old.files[0]))
    add_persons(child.store, ["Bình"])
    drain(child, parent)
    before = log(tree.root)
    assert take(tree.root, old.files[0]).commits == 0
    deliver(child, old_receipt)
    assert log(tree.root) == before
    assert acknowledged(child)[own(child)] == 3, "an older word takes nothing back"
    assert drain(child, parent) == "done"
    assert not codes(child) and not codes(tree.root)


def test_every_order_of_old_and_new_files_ends_the_same(tmp_path: Path) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        tree = Tree(tmp_path / str(number), clock=ManualClock(NOW_MS))
        child = tree.add("c")
        files: list[Path] = []
        for name in ("An", "Bình", "Châu"):
            add_persons(child.store, [name])
            files += cargo(child, tmp_path / str(number)).files
        for index in order:
            take(tree.root, files[index])
        assert same(child, tree.root, own(child)), order
        assert not codes(tree.root)
        tree.close()


def test_files_of_others_are_refused_with_what_to_do(tree: Tree, stick: Path) -> None:
    district, other = tree.add("d"), tree.add("e")
    commune = tree.add("c", "d")
    for member in (district, other, commune):
        drain(member, Parent(tree.root))
    mine = cargo(commune, stick)
    with pytest.raises(CourierRefused, match="for node d; this is node e") as caught:
        take(other, mine.files[0])
    assert caught.value.code == "wrong_recipient" and caught.value.hint
    back = receipt(district, commune, stick, take(district, mine.files[0]))
    with pytest.raises(CourierRefused, match="for node c; this is node hub"):
        take(tree.root, back.files[0])


def forged(packer: Member, identity: Identity, to: Member, stick: Path, *, direction: str = "up") -> Path:
    """A file that anybody could make who knows the recipient's public key."""
    here = sender(Member(packer.folder, packer.store, identity))
    load = Load(direction, Recipient(to.identity.node_id, to.key.public), (), ())  # type: ignore[arg-type]
    return pack(here, load, stick).files[0]


def test_a_sender_must_be_a_child_that_is_enrolled_and_not_revoked(tree: Tree, stick: Path) -> None:
    child, district = tree.add("c"), tree.add("d")
    grandchild = tree.add("g", "d")
    drain(district, Parent(tree.root))
    stolen = cargo(child, stick)
    stranger = CertificateAuthority.create("other", NOW_MS)
    cases = {
        "wrong_authority": forged(child, tree.certify("c", certificates=stranger), tree.root, stick),
        "not_enrolled": forged(child, tree.certify("c"), tree.root, stick),
        "not_child": forged(grandchild, grandchild.identity, tree.root, stick),
        "wrong_signature": forged(
            child,
            Identity(NodeId("c"), NodeKey.generate(), child.identity.certificate, b"", child.identity.authority),
            tree.root,
            stick,
        ),
    }
    tree.authority.revoke(NodeId("c"), by="lan", reason="stolen")
    cases["revoked"] = stolen.files[0]
    for code, path in cases.items():
        with pytest.raises(SenderRefused) as caught:
            take(tree.root, path)
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert own(child) not in {state.head.origin for state in tree.root.store.states()}, "nothing of it was stored"


def test_an_invited_certificate_packs_nothing(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    with pytest.raises(SenderRefused, match="not enrolled"):
        take(tree.root, forged(child, tree.certify("c", role="invited"), tree.root, stick))


def test_an_invited_certificate_of_the_parents_name_packs_nothing_either(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    path = forged(tree.root, tree.certify("hub", role="invited"), child, stick, direction="down")
    with pytest.raises(SenderRefused) as caught:
        take_delivery(sender(child), Parcel.open(path, child.identity))
    assert caught.value.code == "wrong_authority"


def packed_down(parent: Member, child: Member, stick: Path, *messages: Message, starts: Sequence[Head] = ()) -> Path:
    spans = [Span(start, parent.store.head(start.origin)) for start in starts]
    load = Load("down", Recipient(child.identity.node_id, child.key.public), messages, spans)
    return pack(sender(parent), load, stick).files[0]


def test_a_receipt_counts_only_with_the_parents_signature(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    head = child.store.head(own(child))
    path = packed_down(tree.root, child, stick, Acknowledge(BatchNumber(0), head, 0, 0, NOW_MS, b"somebody's"))
    with pytest.raises(CourierRefused) as caught:
        take_delivery(sender(child), Parcel.open(path, child.identity))
    assert caught.value.code == "wrong_signature"
    assert not acknowledged(child)


def test_a_child_takes_no_register_from_above_that_it_does_not_want(tree: Tree, stick: Path) -> None:
    child, other = tree.add("c"), tree.add("o")
    drain(other, Parent(tree.root))
    trip(child, tree.root, stick)
    start = Head(own(other), Seq(0), GENESIS_HASH)
    delivered = take_delivery(
        sender(child), Parcel.open(packed_down(tree.root, child, stick, starts=[start]), child.identity)
    )
    assert [(note.origin, note.code) for note in delivered.notes] == [(own(other), "out_of_turn")]
    assert own(other) not in {state.head.origin for state in child.store.states()}


def test_a_child_is_given_no_register_of_others(tree: Tree, stick: Path) -> None:
    child, other = tree.add("c"), tree.add("o")
    drain(other, Parent(tree.root))
    want = Want(Head(own(other), Seq(0), GENESIS_HASH))
    load = Load("up", Recipient(NodeId("hub"), tree.root.key.public), (want,), ())
    taken = take(tree.root, pack(sender(child), load, stick).files[0])
    assert taken.wants == (want,)
    packed = receipt(tree.root, child, stick, taken)
    assert {span.head.origin for span in packed.spans} == {reference(child)}


def test_an_acknowledgement_of_another_chain_is_not_where_an_export_begins(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    add_persons(child.store, ["An"])
    trip(child, tree.root, stick)
    with child.store.database.transaction() as connection:
        connection.execute("UPDATE acknowledged SET hash = ?", (b"\1" * 32,))
    assert cargo(child, stick).commits == 2


def test_a_damaged_file_changes_nothing_however_large_it_is(tree: Tree, stick: Path) -> None:
    noise = random.Random(0)
    old, new = tree.add("old"), tree.add("new")
    for _ in range(7):
        add_persons(old.store, [noise.randbytes(40_000).hex() for _ in range(45)])
    up = cargo(old, stick).files[0]
    assert up.stat().st_size > limits.GROUP_BYTES_MAX / 2, "the first group would be applied long before the end"
    data = up.read_bytes()
    up.write_bytes(data[:-1])
    with pytest.raises(CourierRefused):
        take(tree.root, up)
    assert own(old) not in {state.head.origin for state in tree.root.store.states()}
    up.write_bytes(data)
    take(tree.root, up)
    tree.authority.hand_over(own(old), NodeId("new"), by="lan")
    down = receipt(tree.root, new, stick)
    whole = down.files[0].read_bytes()
    down.files[0].write_bytes(whole[:-1])
    with pytest.raises(CourierRefused):
        deliver(new, down)
    assert [state.head.origin for state in new.store.states()] == [own(new)]
    down.files[0].write_bytes(whole)
    deliver(new, down)
    assert new.store.head(own(old)) == tree.root.store.head(own(old))
    assert new.store.witness.heads()[own(old)].seq == 8, "the witness knows what was taken over"


def test_a_child_takes_files_of_its_parent_only(tree: Tree, stick: Path) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    drain(district, Parent(tree.root))
    deliver(commune, receipt(district, commune, stick))
    path = forged(tree.root, tree.root.identity, commune, stick, direction="down")
    with pytest.raises(SenderRefused, match="from node hub; the parent of this node is d") as caught:
        deliver(commune, type(receipt(district, commune, stick))((path,), b"", (), ()))
    assert caught.value.code == "not_parent"


def test_a_damaged_file_changes_nothing(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    add_persons(child.store, [f"{i:0>900}" for i in range(500)])
    path = cargo(child, stick).files[0]
    data = path.read_bytes()
    assert len(data) > 600
    for spoilt in (data[:-1], data[:-40] + bytes(40), data + b"x", data[: len(data) // 2]):
        path.write_bytes(spoilt)
        with pytest.raises(CourierRefused) as caught:
            take(tree.root, path)
        assert caught.value.code in {"cut", "damaged"}
        assert own(child) not in {state.head.origin for state in tree.root.store.states()}
    path.write_bytes(data)
    assert take(tree.root, path).commits == 2


def test_a_file_with_what_its_header_does_not_name_is_refused_whole(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    here = sender(child)
    to = Recipient(NodeId("hub"), tree.root.key.public)
    cases = [
        Load("up", to, (Drained(),), ()),
        Load("up", to, tuple(Want(child.store.head(own(child))) for _ in range(limits.WANTS_MAX + 1)), ()),
    ]
    for load in cases:
        with pytest.raises(CourierRefused) as caught:
            take(tree.root, pack(here, load, stick).files[0])
        assert caught.value.code in {"malformed", "oversized"}


def test_a_foreign_register_in_a_file_is_refused_and_the_rest_is_taken(tree: Tree, stick: Path) -> None:
    child, other = tree.add("c"), tree.add("o")
    add_persons(other.store, ["An"])
    drain(other, Parent(tree.root))
    # The child has the register of another commune: a relay that claims what it does not hold.
    child.store.adopt(own(other), own=False, via="x")
    there = sender(other)
    batch = next_batch(other.store, there.reference, other.key, Head(own(other), Seq(0), GENESIS_HASH))
    assert batch is not None
    deliver(child, receipt(tree.root, child, stick))
    GroupApplier(child.store, sender(child).reference).apply([Work(NodeId("x"), *batch)])
    taken = take(tree.root, cargo(child, stick).files[0])
    assert {item.origin: item.code for item in taken.origins} == {own(child): "", own(other): "not_holder"}
    (delivered,) = deliver(child, receipt(tree.root, child, stick, taken))
    assert [(note.origin, note.code) for note in delivered.notes] == [(own(other), "not_holder")]
    assert acknowledged(child)[own(child)] == 1


def test_a_child_below_a_district_needs_a_file_of_it_first(tree: Tree, stick: Path) -> None:
    district, commune = tree.add("d"), tree.add("c", "d")
    drain(district, Parent(tree.root))
    with pytest.raises(UsageError, match="key of the parent d is not known") as caught:
        cargo(commune, stick)
    assert "courier export" in caught.value.hint
    deliver(commune, receipt(district, commune, stick))
    assert cargo(commune, stick).commits == 1


def test_a_root_has_nobody_to_export_for(tree: Tree, stick: Path) -> None:
    with pytest.raises(UsageError, match="is a root"):
        cargo(tree.root, stick)
    with pytest.raises(UsageError, match="not enrolled as a child"):
        receipt(tree.root, tree.root, stick)


def test_a_restored_child_is_told_so_by_the_receipt(tree: Tree, stick: Path, tmp_path: Path) -> None:
    child = tree.add("c")
    trip(child, tree.root, stick)
    (tmp_path / "copy").mkdir()
    child.store.connection.execute("VACUUM INTO ?", (str(tmp_path / "copy" / "store.db"),))
    add_persons(child.store, ["An"])
    trip(child, tree.root, stick)
    old = Member(
        tmp_path / "copy",
        Store.open(tmp_path / "copy" / "store.db", clock=tree.clock, source=random.Random(5)),
        child.identity,
    )
    taken = take(tree.root, cargo(old, stick).files[0])
    (delivered,) = deliver(old, receipt(tree.root, old, stick, taken))
    assert [note.code for note in delivered.notes] == ["restored"]
    assert codes(old) == ["restored"]
    deliver(old, receipt(tree.root, old, stick, taken))
    assert codes(old) == ["restored"], "said once"
    old.store.close()


def test_a_restored_parent_is_sent_again_what_it_has_lost(tree: Tree, stick: Path, tmp_path: Path) -> None:
    child = tree.add("c")
    trip(child, tree.root, stick)
    (tmp_path / "copy").mkdir()
    tree.root.store.connection.execute("VACUUM INTO ?", (str(tmp_path / "copy" / "store.db"),))
    add_persons(child.store, ["An"])
    trip(child, tree.root, stick)
    add_persons(child.store, ["Bình"])
    tree.clock.advance_ms(1_000)  # type: ignore[attr-defined]
    store = Store.open(tmp_path / "copy" / "store.db", clock=tree.clock, source=random.Random(5))
    restored = Member(tmp_path / "copy", store, tree.root.identity)
    assert [item.code for item in trip(child, restored, stick)[0].origins] == ["gap"]
    assert acknowledged(child)[own(child)] == 1, "a later word may take something back"
    assert [item.code for item in trip(child, restored, stick)[0].origins] == [""]
    assert same(child, restored, own(child))
    assert not codes(child)
    store.close()


def test_a_certificate_that_has_expired_packs_nothing_any_more(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    up, down = cargo(child, stick), receipt(tree.root, child, stick)
    tree.clock.advance_ms(limits.CERTIFICATE_LIFE_MS + limits.DAY_MS)  # type: ignore[attr-defined]
    with pytest.raises(SenderRefused) as there:
        take(tree.root, up.files[0])
    with pytest.raises(SenderRefused) as back:
        deliver(child, down)
    assert there.value.code == back.value.code == "expired"


def test_an_import_that_a_full_disk_has_stopped_goes_on(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    for _ in range(3):
        add_persons(child.store, [f"{i:0>900}" for i in range(450)])
    path = cargo(child, stick).files[0]
    connection = tree.root.store.connection
    pages = connection.pragma("page_count")
    assert isinstance(pages, int)
    connection.pragma("max_page_count", pages + 10)
    with pytest.raises(StoreFull):
        take(tree.root, path)
    connection.pragma("max_page_count", 1 << 30)
    assert take(tree.root, path).commits == 4
    assert same(child, tree.root, own(child))


@pytest.mark.parametrize("below", [False, True])
def test_a_register_that_was_handed_over_comes_by_stick(below: bool, tree: Tree, stick: Path) -> None:
    district = tree.add("d")
    parent = district if below else tree.root
    old, new = (tree.add(name, "d" if below else "") for name in ("old", "new"))
    above = Parent(tree.root)
    drain(district, above)
    deliver(old, receipt(parent, old, stick))
    add_persons(old.store, ["An"])
    trip(old, parent, stick)
    drain(district, above)
    deliver(new, receipt(parent, new, stick))
    origin = own(old)
    add_persons(old.store, ["not sent before it went elsewhere"])
    stale = cargo(old, stick)
    tree.authority.hand_over(origin, NodeId("new"), by="lan")
    drain(district, above)
    trip(new, parent, stick)
    assert same(new, tree.root, origin), "one trip brings who holds it and what is in it"
    with new.store.capture(author="x", kind="register", recorded_at=NOW_MS, origin=origin) as capture:
        capture.connection.execute(
            "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)", (origin, new.store.new_row_id(NOW_MS), "B")
        )
    trip(new, parent, stick)
    drain(district, above)
    assert same(new, tree.root, origin) and tree.root.store.head(origin).seq == 3
    assert not any(codes(member) for member in (new, district, tree.root))
    # The old machine's stick turns up, and then the machine itself.
    taken = take(parent, stale.files[0])
    assert [(item.origin, item.commits, item.code) for item in taken.origins] == [(origin, 0, "not_holder")]
    back = receipt(parent, old, stick, taken)
    (delivered,) = deliver(old, back)
    assert [note.code for note in delivered.notes] == ["not_holder"]
    assert not [item for item in Parcel.open(back.files[0], old.identity).items() if isinstance(item, Acknowledge)]
    late = cargo(old, stick, everything=True)
    assert [head.origin for head in late.unsigned] == [origin], "it knows by now that its signature is worth nothing"
    assert take(parent, late.files[0]).origins == ()
    assert old.store.head(origin).seq == 3, "what it had not sent is kept"


def test_status_knows_the_last_trips(tree: Tree, stick: Path) -> None:
    child = tree.add("c")
    trip(child, tree.root, stick)
    assert [(item.way, item.peer, item.commits) for item in trips(child.store)] == [
        ("given", "hub", 1),
        ("taken", "hub", tree.root.store.head(reference(child)).seq),
    ]
    assert [(item.way, item.peer) for item in trips(tree.root.store)] == [("given", "c"), ("taken", "c")]


def test_a_part_that_is_too_small_for_a_batch_is_not_begun(tree: Tree, stick: Path) -> None:
    with pytest.raises(UsageError, match="too small"):
        cargo(tree.add("c"), stick, bytes_max=limits.COURIER_FILE_BYTES_MIN - 1)


def test_a_stick_that_cannot_be_written_leaves_nothing_behind(tree: Tree, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        cargo(tree.add("c"), blocked)
    with pytest.raises(UsageError, match="cannot be read"):
        Parcel.open(tmp_path / "no such file", tree.root.identity)
