"""Quarantine between real processes: a row rots at the district, so that a commune's correction cannot be applied there;
an officer looks, tries again, and takes the row from the commune over the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.quarantine import ended, held_commits
from node.replay import triggers_off
from ops.rehearsal.nodes import NodeProcess, free_port
from tests.identities import Member, Tree
from tests.integration.test_command_line import dansync
from tests.integration.test_demo import scrape
from tests.integration.test_identity import ok, wait_until


class Office:
    """root <- d <- c as processes; the stores are open here too, to spoil rows and to compare."""

    def __init__(self, folder: Path) -> None:
        root_port, district_port, self.metrics = free_port(), free_port(), free_port()
        self.tree = Tree(folder, "root")
        self.d, self.c = self.tree.add("d"), self.tree.add("c", "d")
        self.origin = self.c.store.own_origin()
        self.nodes = {
            "root": NodeProcess(self.tree.root.config(listen=f"127.0.0.1:{root_port}")),
            "d": NodeProcess(
                self.d.config(
                    parent=f"127.0.0.1:{root_port}",
                    listen=f"127.0.0.1:{district_port}",
                    metrics=f"127.0.0.1:{self.metrics}",
                )
            ),
            "c": NodeProcess(self.c.config(parent=f"127.0.0.1:{district_port}")),
        }
        for node in self.nodes.values():
            node.start()
            node.wait_ready()

    def rot(self, statement: str) -> None:
        with self.d.store.database.transaction() as connection, triggers_off(connection):
            connection.execute(statement)

    def arrived(self) -> None:
        """Wait until everybody has all that the commune wrote."""
        head = self.c.store.head(self.origin)
        wait_until(lambda: all(member.store.head(self.origin) == head for member in (self.d, self.tree.root)))

    def equal(self, *members: Member) -> bool:
        return len({member.store.digest(self.origin).value for member in (self.c, *members)}) == 1

    def close(self) -> None:
        for node in reversed(self.nodes.values()):
            node.stop()
        self.tree.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.close()


def test_a_row_that_rotted_at_the_district_is_seen_tried_and_taken_from_the_commune(office: Office) -> None:
    folder = office.d.folder
    ok("record", "person", office.c.folder, "--id", "P1", "--name", "Trần Thị Ánh", "--sex", "F")
    office.arrived()
    office.rot("UPDATE person SET phone = 'rot'")
    ok("record", "correction", office.c.folder, "--person", "P1", "--phone", "0900000001")
    ok("record", "correction", office.c.folder, "--person", "P1", "--phone", "0900000002")
    office.arrived()
    assert office.equal(office.tree.root), "the province got it all the same"
    assert not office.equal(office.d)

    held = ok("quarantine", "list", folder)["held"]
    assert isinstance(held, list)
    (line,) = held
    assert (line["reason"], line["behind"]) == ("conflict", 1)
    shown = dansync("quarantine", "show", folder, line["id"])
    assert shown.returncode == 0, shown.stderr
    assert "person Trần Thị Ánh: phone is 'rot' here; the commit found empty" in shown.stdout
    tried = dansync("quarantine", "retry", folder, "--all")
    assert tried.returncode == 4 and "phone is 'rot' here" in tried.stdout
    seen = scrape(office.metrics)
    assert (seen["dansync_quarantined_commits{}"], seen["dansync_ended_quarantines_total{how=replaced}"]) == (2, 0)
    assert seen["dansync_quarantine_seconds{}"] >= 0

    asked = dansync("quarantine", "replace", folder, "--all", "--json")
    assert asked.returncode == 0, asked.stderr
    assert [item["asked_of"] for item in json.loads(asked.stdout)["asked"]] == ["c"]
    wait_until(lambda: not held_commits(office.d.store.connection))
    assert office.equal(office.d, office.tree.root)
    assert {item.how for item in ended(office.d.store.connection)} == {"replaced"}
    seen = scrape(office.metrics)
    assert (seen["dansync_quarantined_commits{}"], seen["dansync_ended_quarantines_total{how=replaced}"]) == (0, 2)
    ok("record", "correction", office.c.folder, "--person", "P1", "--phone", "0900000003")
    office.arrived()
    assert office.equal(office.d, office.tree.root), "and it goes on"


def test_a_node_tries_again_by_itself_when_it_starts(office: Office) -> None:
    ok("record", "person", office.c.folder, "--id", "P1", "--name", "Lê Văn Bình", "--sex", "M")
    office.arrived()
    office.rot("UPDATE person SET phone = 'rot'")
    ok("record", "correction", office.c.folder, "--person", "P1", "--phone", "0900000001")
    office.arrived()
    assert held_commits(office.d.store.connection)
    office.nodes["d"].stop()
    office.rot("UPDATE person SET phone = ''")
    office.nodes["d"].start()
    office.nodes["d"].wait_ready()
    assert [(item.how, item.by) for item in ended(office.d.store.connection)] == [("retry", "")]
    assert office.equal(office.d)
