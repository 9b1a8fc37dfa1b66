"""Letters with decisions: who may write them, what is done with those that cannot be read, and that each counts once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conflict.claims import PersonRef
from conflict.decisions import Action, Ask, Decision
from node import limits
from node.chain import KIND_DECISION
from node.decision_letters import DecisionReader, decision_letter
from node.decisions_wire import Notice, decode_notice, decode_signed, encode_signed
from node.errors import LetterRefused
from node.identity.keys import NodeKey
from node.identity.statements import decision_statement
from node.ids import NodeId, Seq
from node.mail import Mail, compose
from node.protocol.messages import Letter
from node.reference import Reference
from tests.unit.conflict.test_instructions import DAY, made
from tests.unit.hub.desk.town import PEOPLE
from tests.unit.hub.desk.valley import Valley


@pytest.fixture
def valley(tmp_path: Path) -> Iterator[Valley]:
    found = Valley(tmp_path)
    found.person("a", "p0", PEOPLE[0])
    found.travel()
    yield found
    found.close()


NAMED = replace(made("11" * 32, "a:e1 c:e2"), authority="p")


def letter(
    valley: Valley, item: Decision = NAMED, *, signer: str = "p", to: str = "a", unit: str = "a", key: NodeKey | None = None
) -> Letter:  # fmt: skip
    member = valley.member(signer)
    notice = Notice(valley.origin(signer), valley.origin(to), unit, False, item, DAY)
    return decision_letter(notice, NodeId(signer), key or member.key)


def bring(valley: Valley, item: Letter, name: str = "a") -> None:
    """The letter comes to a commune, which reads it."""
    store = valley.member(name).store
    Mail(store, Reference(store)).take(item)
    valley.visit(name)


def tags(valley: Valley) -> list[str]:
    commits = valley.member("a").store.read_commits(valley.origin("a"), Seq(0))
    return [commit.tag for commit in commits if commit.kind == KIND_DECISION]


def later(valley: Valley) -> None:
    """So long that nobody waits any more."""
    valley.clock.advance_ms(limits.LETTER_PATIENCE_MS + 1)
    valley.visit("a")


def test_a_decision_is_a_commit_with_its_name_and_the_name_of_who_decided(valley: Valley) -> None:
    bring(valley, letter(valley))
    (commit,) = [
        c for c in valley.member("a").store.read_commits(valley.origin("a"), Seq(0)) if c.kind == KIND_DECISION
    ]
    assert (commit.tag, commit.author) == (NAMED.id, "p")
    assert valley.lines("a") == [("close", "a:p0", "applied")]


def test_a_decision_that_comes_again_in_whatever_letter_is_not_applied_again(valley: Valley) -> None:
    bring(valley, letter(valley))
    bring(valley, letter(valley))
    other = letter(valley, replace(NAMED, score=7.0))  # the same decision, other bytes
    bring(valley, other)
    assert tags(valley) == [NAMED.id]
    assert valley.alarms("a") == []


def test_another_key_than_that_of_the_authority_decides_nothing(valley: Valley) -> None:
    bring(valley, letter(valley, key=NodeKey.generate()))
    later(valley)
    assert tags(valley) == []
    assert valley.alarms("a") == ["letter_refused"]


@pytest.mark.parametrize("signer", ["b", "c", "d2"])
def test_a_node_that_does_not_stand_above_the_register_decides_nothing(valley: Valley, signer: str) -> None:
    bring(valley, letter(valley, replace(NAMED, authority=signer), signer=signer))
    later(valley)
    assert tags(valley) == []
    assert valley.alarms("a") == ["letter_refused"]


def test_a_node_that_stood_above_the_register_before_counts(valley: Valley) -> None:
    valley.tree.authority.move(NodeId("a"), NodeId("d2"), by="tester")
    item = letter(valley, replace(NAMED, authority="d1"), signer="d1")
    bring(valley, item)
    assert tags(valley) == [NAMED.id]


def test_a_revoked_authority_decides_nothing(valley: Valley) -> None:
    item = letter(valley, replace(NAMED, authority="d1"), signer="d1")
    valley.tree.authority.revoke(NodeId("d1"), by="tester", reason="stolen")
    store = valley.member("p").store
    reader = DecisionReader(store, Mail(store, Reference(store)))  # where the word of the authority is known
    with pytest.raises(LetterRefused, match="revoked"):
        reader.read(item, patient=False)


def test_a_decision_in_the_name_of_another_is_refused(valley: Valley) -> None:
    bring(valley, letter(valley, replace(NAMED, authority="d1")))
    assert tags(valley) == []
    assert valley.alarms("a") == ["letter_refused"]


def test_a_letter_for_another_register_is_not_taken_for_one_for_this(valley: Valley) -> None:
    item = letter(valley, to="b", unit="b")
    bring(valley, Letter(item.id, valley.origin("a"), item.kind, item.body))
    later(valley)
    assert tags(valley) == []
    assert valley.alarms("a") == ["letter_refused"]


def test_a_decision_on_somebody_who_is_not_here_yet_waits(valley: Valley) -> None:
    item = letter(valley, replace(NAMED, asks=(Ask("a", Action.CLOSE, PersonRef("a:p9"), PersonRef("c:n0")),)))
    bring(valley, item)
    assert tags(valley) == []
    valley.person("a", "p9", PEOPLE[1])
    valley.visit("a")
    assert tags(valley) == [NAMED.id]


def test_a_decision_on_somebody_who_never_comes_is_kept_without_a_record(valley: Valley) -> None:
    item = letter(valley, replace(NAMED, asks=(Ask("a", Action.CLOSE, PersonRef("a:p9"), PersonRef("c:n0")),)))
    bring(valley, item)
    later(valley)
    assert tags(valley) == [NAMED.id]
    assert [line.person_id for line in valley.inbox("a")] == [None]


def test_a_decision_waits_while_the_register_is_being_put_together_again(valley: Valley) -> None:
    store = valley.member("a").store
    store.hold(valley.origin("a"))
    bring(valley, letter(valley))
    assert tags(valley) == []
    store.unhold(valley.origin("a"))
    valley.visit("a")
    assert tags(valley) == [NAMED.id]


def test_words_that_a_newer_release_uses_are_kept_for_it(valley: Valley) -> None:
    item = letter(valley)
    signed = decode_signed(item.body)
    assert decode_notice(signed.content).decision == NAMED
    strange = signed.content.replace(b"settled", b"sottled")
    member = valley.member("p")
    statement = decision_statement(NodeId("p"), valley.origin("a"), hashlib.sha256(strange).digest())
    body = encode_signed(replace(signed, content=strange, signature=member.key.sign(statement)))
    bring(valley, compose(valley.origin("a"), "decision", body))
    assert tags(valley) == []
    assert valley.alarms("a") == ["letter_refused"]
    assert ("decision", "unreadable") in valley.letters("a")
