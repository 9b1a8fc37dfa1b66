"""The group-commit applier: what is stored, what is applied, what is refused, and that the counts add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import limits
from node.applier import Applied, Refused
from node.chain import Head
from node.errors import StoreFull
from node.ids import GENESIS_HASH, Hash, Seq
from node.schema import SCHEMA_VERSION
from tests.unit.hub.district import District, start


@pytest.fixture
def district(tmp_path: Path) -> Iterator[District]:
    district = District(tmp_path)
    yield district
    district.close()


# --- what is sound ----------------------------------------------------------------------------------------------------


def test_a_group_of_several_children_is_stored_and_applied(district: District) -> None:
    one, two, three = (district.commune(name) for name in ("c1", "c2", "c3"))
    one.record("An", "Bình")
    row = two.record("Chi")
    two.rename(row, "Chí")
    three.record(*(f"{number}" for number in range(30)))
    outcomes = district.applied(one.work(), two.work(0, 2), three.work(), two.work(2))
    assert outcomes == [(3, 3, 0), (2, 2, 0), (31, 31, 0), (3, 1, 0)]
    for commune in (one, two, three):
        assert district.head(commune) == commune.store.head(commune.origin)
        assert district.store.digest(commune.origin).value == commune.store.digest(commune.origin).value
        assert district.store.read_commits(commune.origin, Seq(0)) == commune.commits()
    assert district.names(two) == ["Chí"]


def test_a_new_origin_is_remembered_with_the_child_that_brought_it(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    (state,) = (state for state in district.store.states() if state.head.origin == commune.origin)
    assert (state.own, state.via, state.halted) == (False, "c1", "")


def test_one_origin_may_come_in_many_batches_of_a_group(district: District) -> None:
    commune = district.commune("c1")
    commune.record(*"abcdefgh")
    works = [commune.work(seq, 1) for seq in range(9)]
    assert district.applied(*works) == [(seq, 1, 0) for seq in range(1, 10)]
    assert district.names(commune) == list("abcdefgh")


def test_nothing_to_do_is_no_error(district: District) -> None:
    assert district.apply() == []


# --- what comes again -------------------------------------------------------------------------------------------------


def test_a_repeated_batch_changes_nothing_and_is_acknowledged(district: District) -> None:
    commune = district.commune("c1")
    commune.record("An", "Bình")
    district.applied(commune.work())
    before = district.store.connection.execute("SELECT * FROM change_log ORDER BY arrival").fetchall()
    assert district.applied(commune.work()) == [(3, 0, 0)]
    assert district.store.connection.execute("SELECT * FROM change_log ORDER BY arrival").fetchall() == before
    assert district.names(commune) == ["An", "Bình"]
    assert district.codes() == []


def test_a_batch_twice_in_one_group_counts_once(district: District) -> None:
    commune = district.commune("c1")
    commune.record("An")
    assert district.applied(commune.work(), commune.work()) == [(2, 2, 0), (2, 0, 0)]


def test_a_batch_that_overlaps_brings_only_what_is_new(district: District) -> None:
    commune = district.commune("c1")
    commune.record(*"abcde")
    district.applied(commune.work(0, 3))
    assert district.applied(commune.work(1)) == [(6, 3, 0)]
    assert district.names(commune) == list("abcde")


def test_an_older_batch_does_not_take_the_head_back(district: District) -> None:
    commune = district.commune("c1")
    commune.record(*"abcde")
    district.applied(commune.work())
    assert district.applied(commune.work(1, 2)) == [(3, 0, 0)]
    assert district.head(commune).seq == 6


def test_a_repeated_batch_does_not_count_its_quarantine_again(district: District) -> None:
    commune = district.commune("c1")
    work = commune.work_of(start(commune), [*commune.commits(), *commune.forged(commune.head_at(1), b"junk")])
    assert district.applied(work) == [(2, 2, 1)]
    assert district.applied(work) == [(2, 0, 0)]
    assert district.codes() == ["quarantined"]


# --- what is refused --------------------------------------------------------------------------------------------------


def refusal(district: District, *works: object) -> Refused:
    outcome = district.apply(*works)[-1]  # type: ignore[arg-type]
    assert isinstance(outcome, Refused)
    return outcome


def test_a_gap_is_refused_and_is_nobody_fault(district: District) -> None:
    commune = district.commune("c1")
    commune.record(*"abc")
    district.applied(commune.work(0, 1))
    refused = refusal(district, commune.work(2))
    assert (refused.code, refused.fault) == ("gap", False)
    assert district.head(commune).seq == 1
    assert district.codes() == []


def test_another_history_is_refused_unstored_with_one_alarm(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    fork = commune.forged(Head(commune.origin, Seq(0), GENESIS_HASH), b"another first commit", b"another second one")
    work = commune.work_of(start(commune), fork)
    for _ in range(3):
        refused = refusal(district, work)
        assert (refused.code, refused.fault) == ("wrong_chain", True)
    assert district.head(commune) == commune.head_at(1)
    assert district.store.read_commits(commune.origin, Seq(0)) == commune.commits()
    assert district.codes() == ["wrong_chain"]
    (state,) = (state for state in district.store.states() if state.head.origin == commune.origin)
    assert state.halted == "wrong_chain"


def test_commits_that_follow_another_head_are_refused(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    other = Head(commune.origin, Seq(1), Hash(b"x" * 32))
    assert refusal(district, commune.work_of(other, commune.forged(other, b"second"))).code == "wrong_chain"


def test_commits_that_do_not_lead_to_the_announced_head_are_refused(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    commune.record("An")
    refused = refusal(district, commune.work(1, hash=Hash(b"x" * 32)))
    assert (refused.code, refused.fault) == ("wrong_chain", True)
    assert district.head(commune).seq == 1


def test_a_wrong_chain_of_an_unknown_origin_alarms_once(district: District) -> None:
    commune = district.commune("c1")
    for _ in range(3):
        assert refusal(district, commune.work(hash=Hash(b"x" * 32))).code == "wrong_chain"
    assert district.codes() == ["wrong_chain"]
    assert [state.head.origin for state in district.store.states() if not state.own] == []


def test_sound_commits_take_the_mark_of_a_wrong_chain_back(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    commune.record("An")
    assert refusal(district, commune.work(1, hash=Hash(b"x" * 32))).fault
    district.applied(commune.work(1))
    assert {state.halted for state in district.store.states()} == {""}
    assert refusal(district, commune.work(1, hash=Hash(b"x" * 32))).fault
    assert district.codes() == ["wrong_chain", "wrong_chain"]


def test_a_mark_of_the_uplink_stays(district: District) -> None:
    commune = district.commune("c1")
    district.applied(commune.work())
    district.store.halt(commune.origin, "diverged", "the parent's copy differs")
    commune.record("An")
    district.applied(commune.work(1))
    assert {state.halted for state in district.store.states() if not state.own} == {"diverged"}


def test_commits_of_a_newer_schema_are_refused_until_the_parent_is_upgraded(district: District) -> None:
    commune = district.commune("c1")
    newer = commune.forged(start(commune), b"content of tomorrow", schema_version=SCHEMA_VERSION + 1)
    refused = refusal(district, commune.work_of(start(commune), newer))
    assert (refused.code, refused.fault) == ("schema_newer", False)
    assert district.head(commune).seq == 0
    assert district.codes() == []


@pytest.mark.parametrize("code", ["malformed", "bomb"])
def test_a_body_that_cannot_be_read_is_refused_without_an_alarm(district: District, code: str) -> None:
    commune = district.commune("c1")
    work = commune.work()
    spoilt = replace(work, payload=work.payload[:-1]) if code == "malformed" else commune.work(raw_bytes=7)
    refused = refusal(district, spoilt)
    assert (refused.code, refused.fault) == (code, False)
    assert district.codes() == []


def test_a_refused_batch_does_not_touch_the_others_of_its_group(district: District) -> None:
    one, two = district.commune("c1"), district.commune("c2")
    one.record("An")
    two.record("Bình")
    outcomes = district.apply(two.work(0, 1), one.work(1), two.work(1), one.work(hash=Hash(b"x" * 32)))
    assert [type(outcome) for outcome in outcomes] == [Applied, Refused, Applied, Refused]
    assert district.names(two) == ["Bình"]
    assert district.head(one).seq == 0


# --- what is held back ------------------------------------------------------------------------------------------------


def foreign(district: District) -> bytes:
    """A changeset that writes another commune's row."""
    other = district.commune("c9")
    other.record("a stranger")
    return other.commits(1)[0].changeset


def test_a_foreign_row_is_stored_relayed_and_not_applied(district: District) -> None:
    commune = district.commune("c1")
    bad = commune.forged(commune.head_at(1), foreign(district), b"junk")
    assert district.applied(commune.work(), commune.work_of(commune.head_at(1), bad)) == [(1, 1, 0), (3, 2, 2)]
    assert district.store.read_commits(commune.origin, Seq(1)) == bad  # what goes on to the next parent
    assert district.store.connection.execute("SELECT count(*) FROM person").fetchall() == [(0,)]
    reasons = district.store.connection.execute("SELECT seq, reason FROM quarantine ORDER BY seq").fetchall()
    assert reasons == [(2, "foreign_row"), (3, "behind_quarantine")]
    assert district.codes() == ["quarantined"]


@pytest.mark.parametrize("groups", [[4], [1, 3], [2, 2], [3, 1], [1, 1, 1, 1]], ids=str)
def test_what_is_held_back_does_not_depend_on_how_commits_are_grouped(district: District, groups: list[int]) -> None:
    """A commit that cannot be applied holds back what follows it on the same rows, never what came before."""
    commune = district.commune("c1")
    commune.record("An", "Bình")
    again = commune.forged(commune.head_at(3), commune.commits(2, 1)[0].changeset)  # inserts Bình a second time
    commits = [*commune.commits(), *again]
    previous, works = start(commune), []
    for size in groups:
        works.append(commune.work_of(previous, commits[:size]))
        previous, commits = commits[size - 1].head, commits[size:]
    outcomes = [district.applied(work)[0] for work in works]
    assert sum(quarantined for _, _, quarantined in outcomes) == 1
    assert district.names(commune) == ["An", "Bình"]
    assert district.store.connection.execute("SELECT seq, reason FROM quarantine").fetchall() == [(4, "conflict")]


@pytest.mark.parametrize("content", ["junk", "foreign"])
def test_a_commit_before_one_that_cannot_be_applied_is_applied(district: District, content: str) -> None:
    commune = district.commune("c1")
    commune.record("An")
    bad = commune.forged(commune.head_at(2), b"junk" if content == "junk" else foreign(district))
    assert district.applied(commune.work_of(start(commune), [*commune.commits(), *bad])) == [(3, 3, 1)]
    assert district.names(commune) == ["An"]
    later = commune.forged(bad[0].head, b"junk")
    assert district.applied(commune.work_of(bad[0].head, later)) == [(4, 1, 1)]


def test_rows_that_are_held_back_stay_so_in_later_groups(district: District) -> None:
    commune = district.commune("c1")
    commune.rename(commune.record("An"), "Ân")
    insert, rename = (commit.changeset for commit in commune.commits(1))
    early = commune.forged(commune.head_at(1), rename)  # a row that is not there yet
    assert district.applied(commune.work(0, 1), commune.work_of(commune.head_at(1), early)) == [(1, 1, 0), (2, 1, 1)]
    later = commune.forged(early[0].head, insert)
    assert district.applied(commune.work_of(early[0].head, later)) == [(3, 1, 1)]
    assert district.names(commune) == []
    reasons = district.store.connection.execute("SELECT seq, reason FROM quarantine ORDER BY seq").fetchall()
    assert reasons == [(2, "conflict"), (3, "behind_quarantine")]
    assert district.codes() == ["quarantined"]


def test_other_rows_of_the_origin_go_on(district: District) -> None:
    commune = district.commune("c1")
    commune.record("An", "Bình")
    again = commune.forged(commune.head_at(2), commune.commits(1, 1)[0].changeset)  # inserts An a second time
    district.applied(commune.work(0, 2), commune.work_of(commune.head_at(2), again))
    later = commune.forged(again[0].head, commune.commits(2, 1)[0].changeset)
    assert district.applied(commune.work_of(again[0].head, later)) == [(4, 1, 0)]
    assert district.names(commune) == ["An", "Bình"]


def test_each_batch_of_a_group_counts_what_was_held_back_of_it(district: District) -> None:
    commune = district.commune("c1")
    bad = commune.forged(commune.head_at(1), b"junk", b"more junk", b"and more")
    works = [commune.work(), commune.work_of(commune.head_at(1), bad[:1]), commune.work_of(bad[0].head, bad[1:])]
    assert district.applied(*works) == [(1, 1, 0), (2, 1, 1), (4, 2, 2)]


def test_the_counts_of_a_group_add_up(district: District) -> None:
    one, two = district.commune("c1"), district.commune("c2")
    one.record(*"abcd")
    two.record(*"ef")
    bad = two.forged(two.head_at(3), foreign(district), b"junk", b"more")
    works = [one.work(0, 2), two.work(0, 1), one.work(2), two.work(1), two.work_of(two.head_at(3), bad)]
    before = district.store.connection.execute("SELECT count(*) FROM change_log").fetchall()[0][0]
    outcomes = district.apply(*works)
    held = district.store.connection.execute("SELECT count(DISTINCT origin || seq) FROM quarantine").fetchall()[0][0]
    stored = district.store.connection.execute("SELECT count(*) FROM change_log").fetchall()[0][0]
    applied = [outcome for outcome in outcomes if isinstance(outcome, Applied)]
    assert sum(outcome.quarantined for outcome in applied) == held == 3
    assert sum(outcome.commits for outcome in applied) == stored - before  # type: ignore[operator]
    assert all(0 <= outcome.quarantined <= outcome.commits for outcome in applied)


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_a_full_disk_in_the_middle_of_a_group_leaves_nothing_of_it(district: District) -> None:
    one, two = district.commune("c1"), district.commune("c2")
    one.record("An")
    two.record(*("x" * limits.TEXT_BYTES_MAX + str(number) for number in range(60)))
    district.applied(one.work(0, 1))
    connection = district.store.connection
    pages = connection.pragma("page_count")
    assert isinstance(pages, int)
    connection.pragma("max_page_count", pages + 4)
    with pytest.raises(StoreFull):
        district.apply(one.work(1), two.work())
    assert not connection.in_transaction
    assert (district.head(one).seq, district.head(two).seq) == (1, 0)
    assert district.names(one) == district.names(two) == []
    of_children = "SELECT count(*) FROM change_log WHERE origin IN (?, ?)"
    assert connection.execute(of_children, (one.origin, two.origin)).fetchall() == [(1,)]
    connection.pragma("max_page_count", 1 << 30)
    assert district.applied(one.work(1), two.work()) == [(2, 1, 0), (61, 61, 0)]
    assert district.store.digest(two.origin).value == two.store.digest(two.origin).value


def test_a_signature_is_kept_with_the_head_that_it_signs(district: District) -> None:
    commune = district.commune("c1")
    work = commune.work()
    district.applied(work)
    rows = district.store.connection.execute("SELECT origin, seq, signer, signature FROM batch_signature").fetchall()
    assert rows == [(commune.origin, 1, "c1", work.header.signature)]
