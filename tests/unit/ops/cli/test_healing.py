"""``healing`` as an officer meets it: which values stood against each other, what was typed in twice, who has looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from node.authorisation import PERSON_ROLES
from node.ids import OriginId, RowId
from node.mail import Mail, compose
from node.redoing import Finding
from node.reference import Reference
from node.reports import KINDS
from node.users import set_role
from ops.cli.healing_words import HAPPENED, finding_words
from ops.daemon import Daemon
from ops.i18n import use
from ops.metrics import NodeMetrics
from tests.unit.node.exchange import NOW_MS, Exchange
from tests.unit.ops.cli.command_line import dansync, document

INSERT_BIRTH = "INSERT INTO event (origin, id, kind, event_date, full_name, birth_date) VALUES (?,?,?,?,?,?)"


def birth(world: Exchange, name: str) -> RowId:
    row = world.c.store.new_row_id(world.clock.wall_ms())
    world.write((INSERT_BIRTH, (world.origin, row, "birth", "2026-01-02", name, "2026-01-02")))
    return row


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Exchange]:
    world = Exchange(tmp_path)
    for member in world.tree.members.values():
        member.config()
    yield world
    world.close()


@pytest.fixture
def forked(world: Exchange) -> Exchange:
    """The commune's store became an older copy of itself; people typed in again what they missed; it has healed."""
    row = world.person("Trần Thị Ánh")
    world.climb()
    image = world.image("c")
    world.phone("0901", row)
    birth(world, "Lê Văn Bình")
    world.climb()
    world.put_back("c", image)
    world.phone("0902", row)
    birth(world, "Le Van Binh")
    world.clock.advance_ms(60_000)
    world.climb()
    assert world.equal()
    return world


def test_a_node_where_nothing_was_healed_says_so(world: Exchange) -> None:
    assert "Nothing had to be healed." in dansync("healing", "list", world.c.folder).output
    assert document("healing", "list", world.c.folder) == {"healings": []}
    assert "Nothing is left to look at." in dansync("healing", "done", world.c.folder, "--all").output
    assert "to look at" not in dansync("status", world.c.folder).output


def test_the_list_says_what_happened_and_how_much_there_is_to_look_at(forked: Exchange) -> None:
    text = dansync("healing", "list", forked.c.folder).output
    assert "2 commits came from the parent; of 2 that only this node" in " ".join(text.split())
    assert "2 are left" in text and "dansync healing show" in text
    (line,) = document("healing", "list", forked.c.folder)["healings"]
    assert (line["id"], line["register"], line["kind"], line["common_seq"]) == (1, "c", "fork", 2)
    assert (line["came"], line["aside"], line["redone"]) == (2, 2, 2)
    assert (line["findings"], line["open_findings"], line["seen_at"], line["seen_by"]) == (2, 2, 0, "")
    assert line["healed_at"] == NOW_MS + 60_000


def test_show_names_the_person_both_values_and_what_may_be_there_twice(forked: Exchange) -> None:
    text = dansync("healing", "show", forked.c.folder, "1").output
    assert "1.1  person Trần Thị Ánh: phone was left at '0902'; '0901' was written too" in text
    assert "1.2  event birth of 2026-01-02 Le Van Binh: it may have been typed in twice" in text
    assert "dansync record cancel" in text and "dansync healing done" in text
    assert "3, clerk, 2026-" in text and "done again as commit 5" in text
    found = document("healing", "show", forked.c.folder, "1")
    assert [item["kind"] for item in found["found"]] == ["lost_value", "typed_twice"]
    assert (found["found"][0]["kept"], found["found"][0]["lost"]) == ("0902", "0901")
    assert found["found"][1]["other_name"] == "event birth of 2026-01-02 Lê Văn Bình"
    assert [(item["seq"], item["redone_seq"]) for item in found["put_aside"]] == [(3, 5), (4, 6)]


def test_status_speaks_of_findings_until_somebody_has_looked(forked: Exchange) -> None:
    folder = forked.c.folder
    text = dansync("status", folder).output
    assert "1 healing with 2 findings to look at: dansync healing list" in text and "Alarm" in text
    assert document("status", folder)["healings"] == {
        "healings": {"restored": 0, "fork": 1, "trunk": 0, "branch": 0},
        "open_healings": 1,
        "open_findings": 2,
    }
    who = {"DANSYNC_USER": "lan"}
    one = dansync("healing", "done", folder, "1.2", environment=who)
    assert one.exit_code == 0 and "Healing 1: 1 finding is left to look at." in one.output
    assert "1 healing with 1 finding to look at" in dansync("status", folder).output
    assert "Alarm" in dansync("status", folder).output
    rest = dansync("healing", "done", folder, "1.1", environment={"DANSYNC_USER": "minh"})
    assert "Healing 1 was looked at by minh." in rest.output
    text = dansync("status", folder).output
    assert "to look at" not in text and "Alarm" not in text and "none" in text
    found = document("healing", "show", folder, "1")
    assert [item["seen_by"] for item in found["found"]] == ["minh", "lan"] and found["seen_by"] == "minh"
    assert "(looked at by lan)" in dansync("healing", "show", folder, "1").output


def test_a_healing_is_done_as_a_whole_and_who_was_first_stays_on_record(forked: Exchange) -> None:
    folder = forked.c.folder
    dansync("healing", "done", folder, "1.1", environment={"DANSYNC_USER": "lan"})
    dansync("healing", "done", folder, "1", environment={"DANSYNC_USER": "minh"})
    dansync("healing", "done", folder, "1", environment={"DANSYNC_USER": "later"})
    assert [item["seen_by"] for item in document("healing", "show", folder, "1")["found"]] == ["lan", "minh"]
    assert document("healing", "list", folder)["healings"][0]["seen_by"] == "minh"
    assert "minh" in dansync("healing", "list", folder).output


def test_all_of_it_is_done_at_once_and_the_register_does_not_change(forked: Exchange) -> None:
    head = forked.c.store.head(forked.origin)
    result = document("healing", "done", forked.c.folder, "--all")
    assert [(item["id"], item["open_findings"]) for item in result["done"]] == [(1, 0)]
    assert document("healing", "done", forked.c.folder, "--all") == {"done": []}
    assert forked.c.store.head(forked.origin) == head


def test_alarms_that_came_later_or_say_something_else_stay(forked: Exchange) -> None:
    store = forked.c.store
    forked.clock.advance_ms(1)
    store.raise_alarm("fork", forked.origin, "a later one")
    with store.database.transaction():
        store.alarm_now("letter_refused", forked.origin, "another matter", NOW_MS)
    dansync("healing", "done", forked.c.folder, "1")
    assert {alarm.detail for alarm in store.alarms()} == {"a later one", "another matter"}
    cleared = store.connection.execute("SELECT DISTINCT cleared_by FROM alarm WHERE cleared_at > 0").fetchall()
    assert len(cleared) == 1, "what was cleared is still there, with who did it"


def test_a_restored_store_tells_what_came_back_and_has_nothing_to_look_at(world: Exchange) -> None:
    image = world.image("c")
    world.person("Trần Thị Ánh")
    world.climb()
    world.put_back("c", image)
    world.climb()
    assert "1 commits that were missing here came back" in dansync("healing", "list", world.c.folder).output
    assert "Nothing stands against anything else." in dansync("healing", "show", world.c.folder, "1").output
    assert "to look at" not in dansync("status", world.c.folder).output
    assert "Alarm" in dansync("status", world.c.folder).output
    dansync("healing", "done", world.c.folder, "1")
    assert "Alarm" not in dansync("status", world.c.folder).output


@pytest.mark.parametrize("which", ["0", "x", "1.", "1.x", ".1", "1.0", "-1", "9" * 30, "7", "1.3", "²"])
@pytest.mark.parametrize("call", ["show", "done"])
def test_what_is_no_number_is_refused_with_a_hint(forked: Exchange, call: str, which: str) -> None:
    result = dansync("healing", call, forked.c.folder, "--", which)
    assert result.exit_code == 2 and "What to do:" in result.output, result.output
    assert document("status", forked.c.folder)["healings"]["open_findings"] == 2


def test_one_or_all_has_to_be_said(forked: Exchange) -> None:
    for arguments in ([], ["1", "--all"]):
        result = dansync("healing", "done", forked.c.folder, *arguments)
        assert result.exit_code == 2 and "Name one healing" in result.output


def test_one_finding_is_shown_with_its_healing(forked: Exchange) -> None:
    result = dansync("healing", "show", forked.c.folder, "1.2")
    assert result.exit_code == 2 and "dansync healing show FOLDER 1" in result.output


def test_it_speaks_vietnamese(forked: Exchange) -> None:
    for arguments in (("list",), ("show", "1"), ("done", "1.1"), ("done", "1")):
        english = dansync("healing", arguments[0], forked.c.folder, *arguments[1:]).output
        said = dansync("healing", arguments[0], forked.c.folder, *arguments[1:], language="vi").output
        assert said != english and "commit" not in said and "look" not in said, said


@pytest.mark.parametrize("role", PERSON_ROLES)
def test_everybody_may_look_and_operators_say_that_it_is_done(forked: Exchange, role: str) -> None:
    set_role(forked.c.store, "keeper", "operator", by="tester")
    set_role(forked.c.store, "lan", role, by="tester")
    who = {"DANSYNC_USER": "lan"}
    assert dansync("healing", "list", forked.c.folder, environment=who).exit_code == 0
    assert dansync("healing", "show", forked.c.folder, "1", environment=who).exit_code == 0
    allowed = role in ("operator", "authority")
    assert (dansync("healing", "done", forked.c.folder, "1", environment=who).exit_code == 0) is allowed


def test_metrics_count_healings_by_kind_open_findings_and_letters_that_wait(forked: Exchange) -> None:
    store = forked.c.store
    with store.database.transaction():
        Mail(store, Reference(store)).post(compose(OriginId(b"x" * 16), "branch", b"to somebody"))
    daemon = SimpleNamespace(config=forked.c.config(parent="127.0.0.1:1"), uplink=None, server=None)
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in NodeMetrics(cast("Daemon", daemon)).collect()
        for sample in metric.samples
    }
    assert samples["dansync_healings_total", "fork"] == 1 and samples["dansync_healings_total", "branch"] == 0
    assert samples["dansync_open_findings",] == 2 and samples["dansync_waiting_letters",] == 1
    assert "1 waits, for this node or for the next one" in dansync("status", forked.c.folder).output


def test_every_kind_and_every_finding_has_its_words() -> None:
    use("en")
    assert set(HAPPENED) == set(KINDS)
    nothing = {"table": "", "name": "", "column": "malformed", "kept": "", "lost": "commit 7: it cannot be read"}
    assert finding_words({"kind": "not_done_again", **nothing}) == (
        "a commit could not be done again: commit 7: it cannot be read"
    )
    gone = Finding("not_done_again", "person", RowId(b""), "phone", "", "0901")
    words = finding_words({"kind": gone.kind, "table": gone.table, "name": "person An", "column": "phone", "lost": "1"})
    assert words == "person An: phone was to become '1', and there is no such row"
