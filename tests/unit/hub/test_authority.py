"""What an authority decides, and that every node which has the reference data comes to the same answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.authority import Answer, Authority, found
from node import limits
from node.applier import Applied, GroupApplier, Refused, Work
from node.chain import KIND_ADMINISTRATION, KIND_REGISTER, Head
from node.clock import ManualClock
from node.codec import encode_batch
from node.enrolment import OriginClaim
from node.errors import HoldingError, UsageError
from node.identity.certificates import CertificateAuthority, make_request
from node.identity.invitation import Invitation, read_invitation
from node.identity.keys import NodeKey
from node.identity.statements import batch_statement, join_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, Seq, UnitCode
from node.outgoing import next_batch
from node.reference import Reference
from node.store import PURPOSE_REFERENCE, Profile, Store
from tests.identities import Member, Tree

NOW_MS = 1_790_000_000_000
INSERT = "INSERT INTO person (origin, id, full_name) VALUES (?,?,?)"


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path, "root", clock=ManualClock(NOW_MS))
    yield tree
    tree.close()


def clock_of(tree: Tree) -> ManualClock:
    assert isinstance(tree.clock, ManualClock)
    return tree.clock


def ask(authority: Authority, invitation: Invitation, key: NodeKey, *claims: OriginClaim, name: str = "") -> Answer:
    request = make_request(key, NodeId(name or invitation.node_id))
    proof = invitation.key.sign(join_statement(request))
    return authority.enrol(invitation.certificate, request, proof, claims)


def claim(number: int) -> OriginClaim:
    return OriginClaim(OriginId(number.to_bytes(16, "big")), UnitCode("21550"), "2020-01-01")


def write(store: Store, count: int, *, origin: OriginId | None = None) -> None:
    for number in range(count):
        which = store.own_origin() if origin is None else origin
        with store.capture(author="clerk", kind=KIND_REGISTER, recorded_at=number, origin=which) as capture:
            capture.connection.execute(INSERT, (which, store.new_row_id(NOW_MS), f"Trần {number}"))


def signed(member: Member, after: Head, *, key: NodeKey | None = None, signer: str = "") -> Work:
    """The commits behind ``after``, signed by the member."""
    store = member.store
    commits = store.read_commits(after.origin, after.seq)
    last = commits[-1].head
    signature = (key or member.key).sign(batch_statement(last.origin, last.seq, last.hash))
    name = NodeId(signer or store.node_id)
    return Work(store.node_id, *encode_batch(after, commits, signer=name, signature=signature))


def start_of(origin: OriginId) -> Head:
    return Head(origin, Seq(0), GENESIS_HASH)


# --- founding and joining --------------------------------------------------------------------------------------------


def test_founding_is_one_act_and_can_be_done_again(tree: Tree) -> None:
    store = tree.root.store
    reference = store.reference_origin()
    assert reference is not None
    before = store.head(reference)
    found(store, tree.certificates, tree.root.key.public, by="tester")
    assert store.reference_origin() == reference
    assert store.head(reference).seq == before.seq + 1, "one more certificate"
    assert len(tree.authority.reference.nodes()) == 1
    assert {item.node_id for item in tree.authority.reference.current_holdings()} == {"root"}


def test_founding_goes_on_where_a_killed_try_had_only_begun_the_reference_data(tmp_path: Path) -> None:
    key = NodeKey.generate()
    profile = Profile(NodeId("r"), NodeId(""), "province", "52", "", "r")
    store = Store.create(tmp_path / "r.db", profile, clock=ManualClock(0), source=random.Random(0))
    begun = store.begin_origin(replace(profile, purpose=PURPOSE_REFERENCE))
    found(store, CertificateAuthority.create("test", 0), key.public, by="tester")
    assert store.reference_origin() == begun
    assert [node.node_id for node in Reference(store).nodes()] == ["r"]
    store.close()


def test_every_act_stands_in_the_log_with_its_author(tree: Tree) -> None:
    authority, store = tree.authority, tree.root.store
    reference = store.reference_origin()
    assert reference is not None
    after = store.head(reference).seq
    ask(authority, authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan"), NodeKey.generate(), claim(1))
    authority.revoke(NodeId("c"), by="minh", reason="stolen")
    acts = [(commit.author, commit.tag) for commit in store.read_commits(reference, after)]
    assert acts == [("lan", "invite"), ("node c", "enrol"), ("minh", "revoke")]
    assert all(commit.kind == KIND_ADMINISTRATION for commit in store.read_commits(reference, after))


def test_an_invited_node_gets_a_certificate_and_its_origins(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = read_invitation(authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan").text)
    answer = ask(authority, invitation, key, claim(1), claim(2))
    assert answer.state == "issued" and answer.certificate is not None
    assert (answer.certificate.node_id, answer.certificate.public_key) == ("c", key.public)
    reference = authority.reference
    assert reference.standing(answer.certificate.serial, NodeId("c")) == "good"
    for number in (1, 2):
        holding = reference.holder(claim(number).origin)
        assert holding is not None and (holding.node_id, holding.from_seq) == ("c", 0)
    assert [item.code for item in reference.units()].count(UnitCode("21550")) == 1


def test_an_invitation_is_good_for_one_key_and_again_for_that_key(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    assert ask(authority, invitation, key).state == "issued"
    assert ask(authority, invitation, key).state == "issued", "the answer was lost"
    assert ask(authority, invitation, NodeKey.generate()).code == "used"


def test_what_is_wrong_with_a_request_is_named(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    old = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    new = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    assert ask(authority, old, key).code == "withdrawn"
    assert ask(authority, new, key, name="d").code == "identity"
    request = make_request(key, NodeId("c"))
    assert (
        authority.enrol(new.certificate, request, old.key.sign(join_statement(request)), ()).code == "wrong_signature"
    )
    assert authority.enrol(new.certificate, b"garbage", b"", ()).code == "malformed"
    foreign = CertificateAuthority.create("x", NOW_MS)
    copy = foreign.issue(NodeId("c"), "invited", new.key.public, now_ms=NOW_MS, life_ms=limits.DAY_MS)
    assert ask(authority, replace(new, certificate=copy), key).code == "unknown"
    as_node = tree.certificates.issue(NodeId("c"), "node", new.key.public, now_ms=NOW_MS, life_ms=limits.DAY_MS)
    assert ask(authority, replace(new, certificate=as_node), key).code == "unknown"
    clock_of(tree).advance_ms(limits.INVITATION_LIFE_MS + 1)
    assert ask(authority, new, key).code == "expired"
    assert not authority.reference.public_keys(NodeId("c"))


def test_an_origin_that_somebody_holds_cannot_be_claimed(tree: Tree) -> None:
    authority = tree.authority
    ask(authority, authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan"), NodeKey.generate(), claim(1))
    thief = authority.invite(NodeId("d"), NodeId("root"), "commune", by="lan")
    answer = ask(authority, thief, NodeKey.generate(), claim(1))
    assert (answer.state, answer.code) == ("refused", "held")
    holding = authority.reference.holder(claim(1).origin)
    assert holding is not None and holding.node_id == "c"
    assert ask(authority, thief, NodeKey.generate(), claim(2)).state == "issued", "the invitation is not burnt"


def test_a_person_may_have_to_approve(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan", needs_approval=True)
    assert ask(authority, invitation, key).state == "pending"
    assert ask(authority, invitation, key).state == "pending"
    assert ask(authority, invitation, NodeKey.generate()).code == "used"
    authority.approve(NodeId("c"), by="minh")
    assert ask(authority, invitation, key).state == "issued"
    with pytest.raises(UsageError, match="does not wait"):
        authority.approve(NodeId("c"), by="minh")


def test_a_person_may_say_no(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan", needs_approval=True)
    ask(authority, invitation, key)
    authority.reject(NodeId("c"), by="minh", reason="not one of ours")
    answer = ask(authority, invitation, key)
    assert (answer.code, answer.detail) == ("rejected", "not one of ours")


def test_a_node_renews_for_the_key_that_it_has_and_for_no_other(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    ask(authority, authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan"), key)
    first = authority.reference.enrolments()[-1]
    clock_of(tree).advance_ms(300 * limits.DAY_MS)
    answer = authority.renew(make_request(key, NodeId("c")))
    assert answer.certificate is not None and answer.certificate.not_after_ms > first.not_after_ms
    assert authority.renew(make_request(NodeKey.generate(), NodeId("c"))).code == "wrong_key"
    assert authority.renew(make_request(key, NodeId("d"))).code == "not_enrolled"
    authority.revoke(NodeId("c"), by="lan", reason="")
    assert authority.renew(make_request(key, NodeId("c"))).code == "revoked"


def test_nobody_gets_certificates_by_the_thousand(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    states = [ask(authority, invitation, key).state for _ in range(4)]
    states += [authority.renew(make_request(key, NodeId("c"))).state for _ in range(4)]
    assert states.count("issued") == limits.CERTIFICATES_PER_DAY_MAX
    assert authority.renew(make_request(key, NodeId("c"))).code == "too_many"
    clock_of(tree).advance_ms(2 * limits.DAY_MS)
    assert authority.renew(make_request(key, NodeId("c"))).state == "issued"


def test_a_revoked_node_comes_back_only_when_it_is_let_in_again(tree: Tree) -> None:
    authority, key = tree.authority, NodeKey.generate()
    invitation = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    issued = ask(authority, invitation, key, claim(1)).certificate
    assert issued is not None
    open_one = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    authority.revoke(NodeId("c"), by="lan", reason="stolen")
    assert authority.reference.standing(issued.serial, NodeId("c")) == "revoked"
    assert not authority.reference.public_keys(NodeId("c"))
    assert ask(authority, open_one, key).code == "withdrawn"
    with pytest.raises(UsageError, match=r"was revoked \(stolen\)"):
        authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan")
    again = authority.invite(NodeId("c"), NodeId("root"), "commune", by="lan", reopen=True)
    new_key = NodeKey.generate()
    assert ask(authority, again, new_key, claim(1)).state == "issued", "its own origin is still its own"
    assert authority.reference.public_keys(NodeId("c")) == (new_key.public,)
    assert authority.reference.standing(issued.serial, NodeId("c")) == "revoked", "the stolen one stays so"


@pytest.mark.parametrize(
    "work",
    [
        lambda a: a.invite(NodeId("x"), NodeId("nobody"), "commune", by="lan"),
        lambda a: a.invite(NodeId("root"), NodeId("c"), "province", by="lan"),
        lambda a: a.move(NodeId("d"), NodeId("c"), by="lan"),
        lambda a: a.revoke(NodeId("root"), by="lan", reason=""),
        lambda a: a.revoke(NodeId("nobody"), by="lan", reason=""),
        lambda a: a.hand_over(OriginId(bytes(16)), NodeId("c"), by="lan"),
        lambda a: a.retire(OriginId(bytes(16)), by="lan"),
    ],
    ids=["unknown parent", "root below a child", "a circle", "the authority", "nobody", "no origin", "none to retire"],
)
def test_an_act_that_makes_no_sense_is_refused_and_leaves_nothing(work: object, tree: Tree) -> None:
    tree.add("d")
    tree.add("c", "d")
    reference = tree.root.store.reference_origin()
    assert reference is not None
    before = tree.root.store.head(reference)
    with pytest.raises(UsageError) as caught:
        work(tree.authority)  # type: ignore[operator]
    assert caught.value.hint
    assert tree.root.store.head(reference) == before


def test_only_the_authority_acts(tree: Tree) -> None:
    child = tree.add("c")
    bring_reference(tree, child)
    with pytest.raises(UsageError, match="not the authority"):
        Authority(child.store, tree.certificates).invite(NodeId("x"), NodeId("c"), "commune", by="lan")


# --- holdings and signatures -----------------------------------------------------------------------------------------


def test_the_holder_s_signature_counts_and_nobody_else_s(tree: Tree) -> None:
    child, other = tree.add("c"), tree.add("d")
    write(child.store, 3)
    origin = child.store.own_origin()
    applier = GroupApplier(tree.root.store, tree.authority.reference)
    start = start_of(origin)

    def code(work: Work) -> str:
        (outcome,) = applier.apply([work])
        return outcome.code if isinstance(outcome, Refused) else "applied"

    work = signed(child, start)
    assert code(replace(work, header=replace(work.header, signature=b""))) == "unsigned"
    assert code(signed(child, start, key=other.key)) == "wrong_signature"
    assert code(signed(child, start, key=other.key, signer="d")) == "not_holder"
    assert code(signed(child, start, key=NodeKey.generate())) == "wrong_signature"
    assert tree.root.store.head(origin).seq == 0, "nothing of it was stored"
    assert {alarm.code for alarm in tree.root.store.alarms()} == {"unsigned", "wrong_signature", "not_holder"}
    assert code(work) == "applied"
    assert code(work) == "applied", "the same again is no news"
    tree.authority.revoke(NodeId("c"), by="lan", reason="stolen")
    write(child.store, 1)
    assert code(signed(child, tree.root.store.head(origin))) == "wrong_signature", "its keys count no more"


def test_a_log_that_was_cut_at_a_handover_goes_on_being_passed_on_without_a_signature(tree: Tree) -> None:
    """The holder had signed a later commit, which left the log; the holding names the one that is the last now."""
    child, heir, middle = tree.add("c"), tree.add("d"), tree.add("e")
    write(child.store, 3)
    origin = child.store.own_origin()
    GroupApplier(tree.root.store, tree.authority.reference).apply([signed(child, start_of(origin))])
    tree.authority.hand_over(origin, NodeId("d"), by="lan")
    for member in (heir, middle):
        bring_reference(tree, member)
    point = tree.root.store.head(origin)
    with tree.root.store.database.transaction() as connection:
        connection.execute("DELETE FROM batch_signature WHERE origin = ?", (origin,))
    found = next_batch(tree.root.store, tree.authority.reference, tree.root.key, start_of(origin))
    assert found is not None
    header, payload = found
    assert (header.head, header.signature) == (point, b"")
    (outcome,) = GroupApplier(middle.store, Reference(middle.store)).apply(
        [Work(NodeId("root"), header, payload, down=True)]
    )
    assert isinstance(outcome, Applied)
    assert next_batch(middle.store, Reference(middle.store), middle.key, start_of(origin)) == found
    commits = child.store.read_commits(origin, Seq(0), count=2)
    unsigned = Work(NodeId("root"), *encode_batch(start_of(origin), commits, signer=NodeId("c"), signature=b""))
    (refused,) = GroupApplier(heir.store, Reference(heir.store)).apply([unsigned])
    assert isinstance(refused, Refused) and refused.code == "unsigned"


def test_alarms_do_not_pile_up_when_the_same_wrong_batch_comes_again(tree: Tree) -> None:
    child = tree.add("c")
    write(child.store, 1)
    applier = GroupApplier(tree.root.store, tree.authority.reference)
    for _ in range(5):
        applier.apply([signed(child, start_of(child.store.own_origin()), key=NodeKey.generate())])
    assert len(tree.root.store.alarms()) == 1


def test_after_a_handover_the_new_holder_writes_and_the_old_one_is_refused(tree: Tree) -> None:
    old, new = tree.add("c"), tree.add("c2")
    origin = old.store.own_origin()
    write(old.store, 4)
    applier = GroupApplier(tree.root.store, tree.authority.reference)
    applier.apply([signed(old, start_of(origin))])
    write(old.store, 1)  # not sent
    holding = tree.authority.hand_over(origin, NodeId("c2"), by="lan")
    assert (holding.from_seq, holding.number) == (5, 1)
    bring_reference(tree, old)
    bring_reference(tree, new)
    with pytest.raises(HoldingError, match="written by node c2"):
        write(old.store, 1)
    new.store.adopt(origin, own=True, via="")
    with pytest.raises(HoldingError, match="still on its way"):
        write(new.store, 1, origin=origin)
    down = GroupApplier(new.store, Reference(new.store))
    first = signed(Member(old.folder, tree.root.store, old.identity), start_of(origin), key=old.key, signer="c")
    (outcome,) = down.apply([replace(first, down=True)])
    assert isinstance(outcome, Applied), outcome
    write(new.store, 2, origin=origin)
    (late,) = applier.apply([signed(old, tree.root.store.head(origin))])
    assert isinstance(late, Refused) and late.code == "not_holder"
    (good,) = applier.apply([signed(new, tree.root.store.head(origin))])
    assert isinstance(good, Applied)
    assert tree.root.store.digest(origin) == new.store.digest(origin)
    assert old.store.head(origin).seq == 6, "what was not sent is kept"


def test_a_retired_origin_takes_nothing_more(tree: Tree) -> None:
    child = tree.add("c")
    origin = child.store.own_origin()
    write(child.store, 1)
    applier = GroupApplier(tree.root.store, tree.authority.reference)
    applier.apply([signed(child, start_of(origin))])
    tree.authority.retire(origin, by="lan")
    write(child.store, 1)  # it has not heard of it
    (late,) = applier.apply([signed(child, tree.root.store.head(origin))])
    assert isinstance(late, Refused) and late.code == "retired"
    bring_reference(tree, child)
    with pytest.raises(HoldingError, match="retired"):
        write(child.store, 1)
    with pytest.raises(UsageError, match="retired"):
        tree.authority.retire(origin, by="lan")


def bring_reference(tree: Tree, member: Member) -> None:
    """What the uplink does: the reference data come down, signed by the authority."""
    reference = tree.root.store.reference_origin()
    assert reference is not None
    applier = GroupApplier(member.store, Reference(member.store))
    while member.store.head(reference) != tree.root.store.head(reference):
        work = signed(tree.root, member.store.head(reference))
        (outcome,) = applier.apply([replace(work, down=True)])
        assert isinstance(outcome, Applied), outcome


def test_reference_data_that_the_authority_has_not_signed_are_refused(tree: Tree) -> None:
    child, district = tree.add("c"), tree.add("d")
    reference = tree.root.store.reference_origin()
    assert reference is not None
    applier = GroupApplier(child.store, Reference(child.store))
    forged = signed(tree.root, start_of(reference), key=district.key, signer="d")
    (outcome,) = applier.apply([replace(forged, down=True)])
    assert isinstance(outcome, Refused) and outcome.code == "wrong_signature"
    assert child.store.head(reference).seq == 0


def test_rows_of_the_reference_tables_in_another_origin_mean_nothing(tree: Tree) -> None:
    child = tree.add("c")
    origin, victim = child.store.own_origin(), tree.root.store.own_origin()
    with child.store.capture(author="mallory", kind=KIND_REGISTER, recorded_at=0) as capture:
        capture.connection.execute(
            "INSERT INTO holding (origin, id, subject, number, node_id, from_seq, from_hash) VALUES (?,?,?,?,?,?,?)",
            (origin, child.store.new_row_id(0), victim, 9, "c", 0, GENESIS_HASH),
        )
    applier = GroupApplier(tree.root.store, tree.authority.reference)
    (outcome,) = applier.apply([signed(child, start_of(origin))])
    assert isinstance(outcome, Applied) and not outcome.quarantined
    holder = tree.authority.reference.holder(victim)
    assert holder is not None and holder.node_id == "root"


NAMES = ("a", "b", "c", "d")
ACTS = st.lists(
    st.tuples(
        st.sampled_from(("invite", "enrol", "steal", "renew", "revoke", "reopen", "hand over", "retire", "move")),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
    ),
    max_size=25,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_the_authority_does_the_laws_hold_and_a_copy_answers_alike(
    acts: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = Tree(tmp_path_factory.mktemp("tree"), "root", clock=ManualClock(NOW_MS))
    authority = tree.authority
    invitations: dict[str, Invitation] = {}
    keys: dict[str, NodeKey] = {}
    burnt: dict[str, bytes] = {}
    for number, (what, name, other) in enumerate(acts):
        node, origin = NodeId(name), claim(NAMES.index(name) + 1).origin
        try:
            if what in ("invite", "reopen"):
                invitations[name] = authority.invite(node, NodeId("root"), "x", by="q", reopen=what == "reopen")
            elif what in ("enrol", "steal") and name in invitations:
                key = NodeKey.derived(random.Random(number))
                answer = ask(authority, invitations[name], key, claim(NAMES.index(name) + 1))
                if answer.state == "issued":
                    serial = invitations[name].certificate.serial
                    assert burnt.setdefault(serial, key.public) == key.public, "an invitation gave two keys"
                    keys[name] = key
            elif what == "renew" and name in keys:
                answer = authority.renew(make_request(keys[name], node))
                known = authority.reference.node(node)
                assert known is not None
                assert not (known.state == "revoked" and answer.state == "issued"), "a revoked node was renewed"
            elif what == "revoke":
                authority.revoke(node, by="q", reason="")
            elif what == "hand over":
                authority.hand_over(origin, NodeId(other), by="q")
            elif what == "retire":
                authority.retire(origin, by="q")
            elif what == "move":
                authority.move(node, NodeId(other), by="q")
        except UsageError:
            continue
    copy_store = Store.create(
        tree.folder / "copy.db",
        Profile(NodeId("copy"), NodeId("root"), "x", "", "", "copy"),
        clock=tree.clock,
        source=random.Random(0),
    )
    origin_of_reference = tree.root.store.reference_origin()
    assert origin_of_reference is not None
    copy_store.trust(origin_of_reference, tree.root.key.public)
    copy = Member(tree.folder, copy_store, tree.root.identity)
    bring_reference(tree, copy)
    there, here = Reference(copy_store), authority.reference
    for name in (*NAMES, "root"):
        assert there.node(NodeId(name)) == here.node(NodeId(name))
        assert there.public_keys(NodeId(name)) == here.public_keys(NodeId(name))
        for other in NAMES:
            subject = claim(NAMES.index(other) + 1).origin
            assert there.objection(subject, NodeId(name)) == here.objection(subject, NodeId(name))
    for number in range(1, 5):
        holdings = here.holdings(claim(number).origin)
        assert [item.number for item in holdings] == list(range(len(holdings))), "one holding in force at a time"
        assert there.holdings(claim(number).origin) == holdings
    copy_store.close()
    tree.close()
