"""Rows from their holder: asked for and given by letters, believed only from the holder, put in place at the right commit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node import limits
from node.applier import Applied, GroupApplier, Work
from node.chain import Head
from node.codec import encode_batch
from node.errors import UsageError
from node.identity.keys import NodeKey
from node.identity.statements import batch_statement, rows_statement
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, RowId, Seq
from node.mail import compose
from node.quarantine import ended, tally, wanted
from node.reference import Reference
from node.replay import WHOLE_ORIGIN, triggers_off
from node.rows import LETTER_ROWS, LETTER_WANTED, ask_for_rows
from node.rows_wire import (
    Answer,
    Content,
    RowsWanted,
    SentRow,
    decode_answer,
    decode_content,
    encode_answer,
    encode_content,
    encode_wanted,
)
from node.schema import COLUMN_NAMES
from tests.identities import Member
from tests.sessions import drain
from tests.unit.node.exchange import NOW_MS, Exchange
from tests.unit.node.stores import add_persons, people

REQUEST = b"q" * 16


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    yield world
    world.close()


@pytest.fixture
def rotten(world: Exchange) -> RowId:
    """A row of the district's copy that has rotted; two commits on it are held back."""
    row = world.person("An")
    world.climb()
    world.rot(world.d, row, "rot")
    world.phone("1", row)
    world.phone("2", row)
    world.climb()
    assert world.seqs(world.d) == [3, 4]
    return row


# --- the exchange ------------------------------------------------------------------------------------------------------


def test_rows_come_from_their_holder_and_end_what_they_held_back(world: Exchange, rotten: RowId) -> None:
    assert world.ask(world.d).node_id == "c"
    assert wanted(world.d.store.connection, world.origin) == {("person", rotten): (NOW_MS, "c")}
    world.climb()
    assert world.seqs(world.d) == [] and world.equal()
    assert wanted(world.d.store.connection, world.origin) == {}
    assert [(item.seq, item.how, item.by, item.at_seq) for item in ended(world.d.store.connection)] == [
        (4, "replaced", "c", 4),
        (3, "replaced", "c", 4),
    ]
    assert world.codes(world.d)[-1] == "rows_replaced"
    assert world.mail(world.d).unread() == world.mail(world.c).unread() == 0


def test_a_commune_that_only_drains_answers_in_the_same_session(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    assert drain(world.c, world.parents["d"]) == "done"
    assert world.seqs(world.d) == [] and people(world.d.store, world.origin)[rotten] == ("An", "2")


def test_a_row_that_is_gone_comes_back_and_one_that_never_was_goes(world: Exchange) -> None:
    gone, stray = world.person("An"), RowId(b"x" * 16)
    world.climb()
    world.rot(world.d, gone, None)
    with world.d.store.database.transaction() as connection, triggers_off(connection):
        connection.execute("INSERT INTO person (origin, id) VALUES (?, ?)", (world.origin, stray))
    assert not world.equal(world.d.store) and not world.seqs(world.d)
    world.ask(world.d, [("person", gone), ("person", stray)])
    world.climb()
    assert world.equal()


def test_what_the_commune_writes_meanwhile_is_not_undone(world: Exchange, rotten: RowId) -> None:
    """The answer stands at an older commit than the log of the asker when it comes."""
    world.ask(world.d)
    answer = _answer_of(world, rotten)
    world.phone("3", rotten)
    other = world.person("Bình")
    world.phone("9", rotten, other)
    world.climb()
    assert world.equal()
    world.rot(world.d, rotten, "rot again")
    world.ask(world.d, [("person", rotten)])
    world.mail(world.d).take(answer)  # the older answer comes first
    world.parents["d"].hub.letters.read()
    assert people(world.d.store, world.origin)[rotten] == ("An", "9")
    assert world.equal(world.d.store)


def _answer_of(world: Exchange, row: RowId, **changes: Any) -> Any:
    """A letter as the commune writes it, at its head, about the rows as it has them."""
    store = world.c.store
    store_row = store.connection.execute(
        "SELECT * FROM person WHERE origin = ? AND id = ?", (world.origin, row)
    ).fetchall()
    values = tuple(store_row[0]) if store_row else None
    return letter(world, [SentRow("person", row, values)], **changes)  # type: ignore[arg-type]


def letter(
    world: Exchange,
    rows: list[SentRow],
    *,
    head: Head | None = None,
    signer: str = "c",
    key: NodeKey | None = None,
    statement: Callable[[Head, bytes], bytes] | None = None,
    asker: OriginId | None = None,
    to: OriginId | None = None,
    digest: Hash | None = None,
    content: bytes | None = None,
) -> Any:
    """An answer of the commune; what is changed is all that is wrong with it."""
    store = world.c.store
    address = world.d.store.own_origin()
    at = head or store.head(world.origin)
    data = content
    if data is None:
        whole = digest or store.digest(world.origin).value
        data = encode_content(Content(asker or address, REQUEST, whole, tuple(rows)))
    what = hashlib.sha256(data).digest()
    signed = statement(at, what) if statement else rows_statement(at.origin, at.seq, at.hash, what)
    body = encode_answer(Answer(at, NodeId(signer), (key or world.c.key).sign(signed), data))
    return compose(to or address, LETTER_ROWS, body)


def take(world: Exchange, item: Any, member: Member | None = None) -> None:
    """A letter comes to the district (or to ``member``) and is read."""
    receiver = member or world.d
    world.mail(receiver).take(item)
    if receiver is world.c:
        session = world.parents["d"].meet(world.c, follow=True).start().run()
        session.child_end.link_lost()
        session.parent_end.link_lost()
    else:
        world.parents[receiver.identity.node_id].hub.letters.read()


def test_an_answer_waits_until_the_log_has_come_as_far(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    world.phone("3", rotten)
    take(world, _answer_of(world, rotten))
    assert world.states(world.d)[-1] == (LETTER_ROWS, "") and world.seqs(world.d) == [3, 4]
    world.climb(("c", "d"))
    assert world.seqs(world.d) == [] and world.equal(world.d.store)


def test_an_answer_of_another_history_changes_nothing_and_says_so(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    here = world.c.store.head(world.origin)
    take(world, _answer_of(world, rotten, head=Head(world.origin, here.seq, Hash(b"x" * 32))))
    assert world.seqs(world.d) == [3, 4]
    assert world.codes(world.d)[-1] == "rows_not_taken"
    world.ask(world.d)
    world.climb()
    assert world.equal(), "asking again is enough"


def test_an_answer_for_commits_that_never_come_is_given_up(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    far = Head(world.origin, Seq(99), Hash(b"x" * 32))
    take(world, _answer_of(world, rotten, head=far))
    assert world.states(world.d)[-1] == (LETTER_ROWS, "")
    world.clock.advance_ms(limits.LETTER_PATIENCE_MS + 1)
    world.parents["d"].hub.letters.read()
    assert world.states(world.d)[-1] == (LETTER_ROWS, "read") and world.codes(world.d)[-1] == "rows_not_taken"


def test_rows_that_nobody_asked_for_are_not_taken(world: Exchange, rotten: RowId) -> None:
    before = people(world.d.store, world.origin)
    take(world, _answer_of(world, rotten))
    assert people(world.d.store, world.origin) == before and world.seqs(world.d) == [3, 4]
    assert world.states(world.d)[-1] == (LETTER_ROWS, "read")


def test_the_same_answer_twice_changes_nothing(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    item = _answer_of(world, rotten)
    take(world, item)
    world.phone("5", rotten)
    world.climb()
    take(world, item)
    take(world, letter(world, [SentRow("person", rotten, None)]))
    assert world.equal() and len(ended(world.d.store.connection)) == 2


def test_many_rows_go_in_several_letters(world: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROWS_PER_LETTER_MAX", 3)
    monkeypatch.setattr(limits, "ROWS_BYTES_TARGET", 60)
    world.person(*(f"Nguyễn {number}" for number in range(8)))
    world.climb()
    rows = sorted(people(world.d.store, world.origin))
    for row in rows:
        world.rot(world.d, row, "rot")
    world.phone("1", *rows)
    world.climb()
    (item,) = world.held(world.d)
    assert len(item.keys) == 8
    assert world.ask(world.d).rows == 8
    world.climb()
    assert world.equal() and world.seqs(world.d) == []
    kinds = [kind for kind, _ in world.states(world.d)]
    assert kinds.count(LETTER_WANTED) == 3 and kinds.count(LETTER_ROWS) > 3
    assert tally(world.d.store.connection).ended["replaced"] == 1, "one commit, in several steps"
    assert "digest_differs" not in world.codes(world.d), "nothing is compared before all rows have come"


@pytest.mark.usefixtures("rotten")
def test_a_copy_that_still_differs_afterwards_is_told(world: Exchange) -> None:
    other = world.person("Bình")
    world.climb()
    world.rot(world.d, other, "rot too")
    world.ask(world.d)
    world.climb()
    assert world.seqs(world.d) == [] and world.codes(world.d)[-2:] == ["digest_differs", "rot_repaired"]
    assert world.equal()


def test_a_copy_is_mended_that_differs_though_nothing_is_held_back(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.rot(world.p, row, "rot")
    asked = world.ask(world.p, [("person", row)])
    assert asked.node_id == "c"
    world.climb()
    world.climb()
    assert world.equal(), "the letter went down two hops, and the answer up"
    assert tally(world.p.store.connection).ended["replaced"] == 0


def test_a_commit_that_does_not_fit_the_holders_rows_is_held_back_again(world: Exchange, rotten: RowId) -> None:
    """Somebody changed the row where it is written, in no commit: the log goes on from another value."""
    world.ask(world.d)
    item = _answer_of(world, rotten)
    world.rot(world.c, rotten, "behind the log")
    world.phone("6", rotten)
    with world.d.store.database.transaction() as connection:
        connection.execute("UPDATE letter SET state = 'sent'")  # on its way for long
    world.climb(("c", "d"))
    take(world, item)
    assert [entry.reason for entry in world.held(world.d)] == ["conflict"]
    world.ask(world.d)
    world.climb()
    assert world.equal(world.d.store), "and the next answer mends that too"


def test_reference_data_are_mended_by_the_authority(world: Exchange) -> None:
    reference = world.p.store.reference_origin()
    assert reference is not None
    node = Reference(world.p.store).node(NodeId("c"))
    assert node is not None
    with world.d.store.database.transaction() as connection, triggers_off(connection):
        connection.execute("UPDATE registered_node SET tier = 'rot' WHERE id = ?", (node.row_id,))
    asked = ask_for_rows(world.d.store, world.mail(world.d), reference, [("registered_node", node.row_id)])
    assert asked.node_id == "p"
    world.climb()
    assert world.d.store.digest(reference) == world.p.store.digest(reference)
    assert world.parents["d"].hub.reference.node(NodeId("c")) == node, "who had read them reads them again"


# --- who may ask -------------------------------------------------------------------------------------------------------


def test_nobody_can_be_asked_for_rows_of_the_nodes_own_register(world: Exchange) -> None:
    with pytest.raises(UsageError, match=r"writes the register .* itself"):
        world.ask(world.c, [("person", RowId(bytes(16)))])


def test_a_node_beside_the_holder_cannot_ask(world: Exchange) -> None:
    other = world.tree.add("e", "d")
    world.climb()
    session = world.parents["d"].meet(other).start().run()
    session.parent_end.link_lost()
    with pytest.raises(UsageError, match="not below this node"):
        world.ask(other, [("person", RowId(bytes(16)))])


def test_what_cannot_be_named_by_rows_cannot_be_asked_for(world: Exchange) -> None:
    with pytest.raises(UsageError, match="All of the register"):
        world.ask(world.d, [WHOLE_ORIGIN])


def test_an_origin_that_nobody_is_known_to_hold_cannot_be_asked_for(world: Exchange) -> None:
    world.origin = OriginId(b"n" * 16)
    with pytest.raises(UsageError, match="Nobody is known"):
        world.ask(world.d, [("person", RowId(bytes(16)))])


def asks(world: Exchange, **changes: Any) -> Any:
    """A request to the commune."""
    head = changes.pop("head", None) or world.d.store.head(world.origin)
    asker = changes.pop("asker", None) or world.d.store.own_origin()
    rows = changes.pop("rows", (("person", RowId(bytes(16))),))
    return compose(
        changes.pop("to", world.origin), LETTER_WANTED, encode_wanted(RowsWanted(asker, head, REQUEST, rows))
    )


def test_a_node_that_is_not_above_the_holder_gets_no_rows(world: Exchange) -> None:
    other = world.tree.add("e", "d")
    world.climb()
    row = world.person("An")
    take(world, asks(world, asker=other.store.own_origin(), rows=(("person", row),)), world.c)
    assert world.codes(world.c) == ["letter_refused"]
    assert "is not above this node" in world.details(world.c, "letter_refused")[0]
    assert (LETTER_WANTED, "unreadable") in world.states(world.c)
    assert all(kind != LETTER_ROWS for kind, _ in world.states(world.c)), "nothing leaves"


def test_a_node_that_was_revoked_gets_no_rows(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    world.tree.authority.revoke(NodeId("d"), by="lan", reason="stolen")
    world.c.store.trust(*_authority(world))
    with world.p.store.database.snapshot():
        commits = world.p.store.read_commits(_authority(world)[0], Seq(0))
    previous = world.c.store.head(_authority(world)[0])
    header, payload = encode_batch(previous, commits[previous.seq :], signer=NodeId("p"))
    header = replace(header, signature=world.p.key.sign(batch_statement(header.origin, header.seq, header.hash)))
    (outcome,) = GroupApplier(world.c.store, Reference(world.c.store)).apply(
        [Work(NodeId("d"), header, payload, down=True)]
    )
    assert isinstance(outcome, Applied)
    take(world, asks(world, rows=(("person", row),)), world.c)
    assert "was revoked" in world.details(world.c, "letter_refused")[0]


def _authority(world: Exchange) -> tuple[OriginId, bytes]:
    reference = world.p.store.reference_origin()
    assert reference is not None
    return reference, world.p.key.public


def test_a_request_that_knows_more_than_the_holder_waits_for_it_to_be_restored(world: Exchange) -> None:
    here = world.c.store.head(world.origin)
    take(world, asks(world, head=replace(here, seq=Seq(here.seq + 5))), world.c)
    assert (LETTER_WANTED, "") in world.states(world.c)
    world.clock.advance_ms(limits.LETTER_PATIENCE_MS + 1)
    world.climb()
    assert (LETTER_WANTED, "read") in world.states(world.c), "in the end it is answered as things stand"


def test_what_is_held_back_at_the_holder_is_not_given(world: Exchange) -> None:
    row = world.person("An")
    world.climb()
    with world.c.store.database.transaction() as connection:
        connection.execute("INSERT INTO quarantine VALUES (?, 2, 'person', ?, 'conflict', '', 0)", (world.origin, row))
    take(world, asks(world, rows=(("person", row),)), world.c)
    assert all(kind != LETTER_ROWS for kind, _ in world.states(world.c))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": (("gossip", RowId(bytes(16))),)}, "a table that there is not"),
        ({"head": Head(OriginId(b"n" * 16), Seq(0), GENESIS_HASH)}, "another register than the one"),
        ({"rows": tuple(("person", RowId(number.to_bytes(16, "big"))) for number in range(501))}, "asks for 501 rows"),
        ({"rows": ()}, "asks for 0 rows"),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused(world: Exchange, changes: dict[str, Any], words: str) -> None:
    take(world, asks(world, **changes), world.c)
    assert words in world.details(world.c, "letter_refused")[0]


# --- who is believed ---------------------------------------------------------------------------------------------------

Wrong = Callable[[Exchange, RowId], dict[str, Any]]
WRONG: dict[str, tuple[Wrong, str]] = {
    "a relay's key": (lambda w, _r: {"key": w.d.key}, "has not signed"),
    "a relay's name": (lambda w, _r: {"signer": "d", "key": w.d.key}, "does not hold it"),
    "a stranger's name": (lambda _w, _r: {"signer": "nobody"}, "does not hold it"),
    "the signature of a batch": (
        lambda _w, _r: {"statement": lambda head, _what: batch_statement(head.origin, head.seq, head.hash)},
        "has not signed",
    ),
    "the signature at another commit": (
        lambda _w, _r: {
            "statement": lambda head, what: rows_statement(head.origin, Seq(head.seq - 1), head.hash, what)
        },
        "has not signed",
    ),
    "the signature on other rows": (
        lambda _w, _r: {"statement": lambda head, _what: rows_statement(head.origin, head.seq, head.hash, bytes(32))},
        "has not signed",
    ),
    "an answer to somebody else": (lambda w, _r: {"asker": w.p.store.own_origin()}, "another node has asked for"),
    "rows of an origin that nobody holds": (
        lambda _w, _r: {"head": Head(OriginId(b"n" * 16), Seq(1), Hash(b"h" * 32))},
        "does not hold it",
    ),
    "noise for content": (lambda _w, _r: {"content": b"\xff\xff\xff"}, "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_answer_that_is_not_the_holders_word_changes_nothing(name: str, world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    before = people(world.d.store, world.origin)
    changes, words = WRONG[name][0](world, rotten), WRONG[name][1]
    take(world, _answer_of(world, rotten, **changes))
    assert people(world.d.store, world.origin) == before and world.seqs(world.d) == [3, 4]
    assert world.states(world.d)[-1] == (LETTER_ROWS, "unreadable"), "it is kept whole, for a person"
    assert words in world.details(world.d, "letter_refused")[-1]
    world.climb()
    assert world.equal(), "and the true answer is taken all the same"


Rows = Callable[[Exchange, RowId], SentRow]


def _values(world: Exchange, row: RowId, **changes: Any) -> tuple[Any, ...]:
    (found,) = world.c.store.connection.execute("SELECT * FROM person WHERE id = ?", (row,)).fetchall()
    return tuple(changes.get(name, value) for name, value in zip(COLUMN_NAMES["person"], found, strict=True))


ODD_ROWS: dict[str, tuple[Rows, str]] = {
    "of another origin": (
        lambda w, r: SentRow("person", r, _values(w, r, origin=w.d.store.own_origin())),
        "belongs to another register",
    ),
    "under another id": (lambda w, r: SentRow("person", r, _values(w, r, id=b"y" * 16)), "belongs to another register"),
    "of no table": (lambda _w, r: SentRow("gossip", r, (b"",)), "a table that there is not"),
    "of a table of bookkeeping": (lambda _w, r: SentRow("letter", r, (b"",)), "a table that there is not"),
    "with a number for a name": (lambda w, r: SentRow("person", r, _values(w, r, full_name=7)), ""),
    "without a name": (lambda w, r: SentRow("person", r, _values(w, r, full_name=None)), "does not take"),
    "with a text for an id": (lambda w, r: SentRow("person", r, _values(w, r, household_id="x")), "does not take"),
}


@pytest.mark.parametrize("name", [name for name in ODD_ROWS if ODD_ROWS[name][1]])
def test_a_row_that_no_table_takes_changes_nothing(name: str, world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    before = people(world.d.store, world.origin)
    take(world, letter(world, [ODD_ROWS[name][0](world, rotten)]))
    assert ODD_ROWS[name][1] in world.details(world.d, "letter_refused")[-1]
    assert people(world.d.store, world.origin) == before and world.seqs(world.d) == [3, 4]
    assert ("person", rotten) in wanted(world.d.store.connection, world.origin)


def test_rows_of_a_newer_schema_wait_and_those_of_an_older_one_are_filled_up(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    values = _values(world, rotten)
    take(world, letter(world, [SentRow("person", rotten, (*values, "nickname"))]))
    assert world.states(world.d)[-1] == (LETTER_ROWS, "")
    take(world, letter(world, [SentRow("person", rotten, values[:-1])]))
    assert world.seqs(world.d) == [] and world.equal(world.d.store)
    world.clock.advance_ms(limits.LETTER_PATIENCE_MS + 1)
    world.parents["d"].hub.letters.read()
    assert world.states(world.d)[-1][1] != "", "nobody waits for ever"


def test_a_node_takes_no_rows_of_the_register_that_it_writes(world: Exchange) -> None:
    row = world.person("An")
    take(world, letter(world, [SentRow("person", row, None)], to=world.origin, asker=world.origin), world.c)
    assert "writes itself" in world.details(world.c, "letter_refused")[0]
    assert row in people(world.c.store, world.origin)


def test_a_former_holder_is_not_believed(world: Exchange, rotten: RowId) -> None:
    world.ask(world.d)
    item = _answer_of(world, rotten)
    heir = world.tree.add("c2", "d")
    world.climb()
    world.tree.authority.hand_over(world.origin, NodeId("c2"), by="lan")
    world.climb(("d", "p"))
    world.rot(world.d, rotten, "rot")
    world.ask(world.d, [("person", rotten)])
    take(world, letter(world, [SentRow("person", rotten, None)]))
    assert "does not hold it" in world.details(world.d, "letter_refused")[-1]
    assert item.kind == LETTER_ROWS and rotten in people(world.d.store, world.origin)
    for _ in range(3):
        session = world.parents["d"].meet(heir, follow=True).start().run()
        for _ in range(4):
            session.parent_end.tick()
            session.child_end.tick()
            session.run()
        session.child_end.link_lost()
        session.parent_end.link_lost()
    assert people(world.d.store, world.origin)[rotten] == ("An", "2"), "the new holder has answered"


def test_the_last_holder_speaks_for_a_retired_register_and_nobody_behind_its_end(
    world: Exchange, rotten: RowId
) -> None:
    world.tree.authority.retire(world.origin, by="lan")
    world.climb(("d", "p"))
    here = world.c.store.head(world.origin)
    world.ask(world.d)
    take(world, _answer_of(world, rotten, head=Head(world.origin, Seq(here.seq - 1), GENESIS_HASH)))
    assert "retired" in world.details(world.d, "letter_refused")[-1]
    world.climb()
    assert world.equal(world.d.store) and world.seqs(world.d) == []


# --- messages ----------------------------------------------------------------------------------------------------------


def test_what_was_encoded_is_decoded(world: Exchange) -> None:
    row = world.person("An")
    values = _values(world, row)
    content = Content(
        world.origin, REQUEST, Hash(b"d" * 32), (SentRow("person", row, values), SentRow("event", row, None))
    )
    assert decode_content(encode_content(content)) == content
    answer = Answer(world.c.store.head(world.origin), NodeId("c"), b"sig", encode_content(content))
    assert decode_answer(encode_answer(answer)) == answer
    assert add_persons(world.d.store, ["Bình"]), "the district still writes its own"
