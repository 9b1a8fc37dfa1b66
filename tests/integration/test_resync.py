"""Verification, pruning, snapshots and resync between real processes; rows are compared by another SQLite in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import changelog
from node.verification import checks
from tests.identities import Member
from tests.integration.test_command_line import dansync
from tests.integration.test_identity import ok, wait_until
from tests.integration.test_quarantine import Office

READ = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
origin = bytes.fromhex(sys.argv[2])
tables = ("origin_profile", "household", "person", "event")
rows = {t: [repr(r) for r in connection.execute(f"SELECT * FROM {t} WHERE origin = ? ORDER BY id", (origin,))] for t in tables}
print(json.dumps(rows))
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    for number in range(3):
        ok("record", "person", office.c.folder, "--id", f"P{number}", "--name", f"Trần Thị Ánh {number}", "--sex", "F")
    office.arrived()
    yield office
    office.close()


def read(office: Office, member: Member) -> dict[str, list[str]]:
    """The commune's rows as the standard library's SQLite sees them."""
    command = [sys.executable, "-c", READ, str(member.folder / "store.db"), office.origin.hex()]
    found: dict[str, list[str]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def equal_everywhere(office: Office) -> bool:
    first = read(office, office.c)
    assert len(first["person"]) >= 3
    return all(read(office, member) == first for member in (office.d, office.tree.root))


def restart(office: Office, name: str) -> None:
    """A session that ends is followed by one that drains and compares."""
    office.nodes[name].stop()
    office.nodes[name].start()
    office.nodes[name].wait_ready()


def compared(office: Office, member: Member) -> bool:
    head = office.c.store.head(office.origin)
    return any((c.origin, c.peer, c.hash) == (office.origin, "", head.hash) for c in checks(member.store))


def in_step(office: Office) -> None:
    """Everybody has compared, and the commune and the district know that the root has it all."""
    head = office.c.store.head(office.origin)

    def known(member: Member) -> bool:
        return any(
            (row[0], row[1]) == (head.hash, head.seq)
            for row in member.store.connection.execute(
                "SELECT hash, root_seq FROM verification WHERE origin = ? AND peer <> ''", (office.origin,)
            )
        )

    restart(office, "c")
    wait_until(lambda: compared(office, office.d))
    restart(office, "d")
    wait_until(lambda: compared(office, office.tree.root) and known(office.d))
    wait_until(lambda: known(office.c))


def test_rot_is_found_and_put_right_at_the_end_of_the_next_drained_session(office: Office) -> None:
    restart(office, "c")
    wait_until(lambda: compared(office, office.d))
    office.rot("UPDATE person SET full_name = 'rot' WHERE source_id = 'P1'")
    assert not equal_everywhere(office)
    ok("record", "person", office.c.folder, "--id", "P9", "--name", "Lê Văn Bình", "--sex", "M")
    restart(office, "c")
    wait_until(lambda: equal_everywhere(office))
    assert "rot_repaired" in {alarm.code for alarm in office.d.store.alarms()}
    found = ok("verify", office.d.folder)
    assert found["sound"]


def test_a_copy_whose_log_has_rotted_too_is_taken_anew_while_both_run(office: Office) -> None:
    in_step(office)
    office.rot("UPDATE person SET full_name = 'rot' WHERE source_id = 'P1'")
    office.rot("UPDATE change_log SET author = 'rot' WHERE kind = 'register' AND seq = 2")
    assert dansync("verify", office.d.folder, "--origin", "c", "--repair").returncode == 3
    result = dansync("resync", office.d.folder, "--origin", "c", "--mode", "snapshot", "--wait", "60")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "The copy was taken anew: c." in result.stdout
    assert equal_everywhere(office)
    ok("record", "person", office.c.folder, "--id", "P9", "--name", "Lê Văn Bình", "--sex", "M")
    office.arrived()
    assert equal_everywhere(office), "and it goes on"


def test_pruned_nodes_go_on_and_a_district_without_the_history_gets_the_state(office: Office) -> None:
    in_step(office)
    for member in (office.c, office.d, office.tree.root):
        registers = ok("prune", member.folder, "--keep-days", "0")["registers"]
        assert isinstance(registers, list)
        assert next(item for item in registers if item["name"] == "c")["gone"] == 4
        assert changelog.floor_of(member.store.connection, office.origin).seq == 4
    ok("record", "person", office.c.folder, "--id", "P9", "--name", "Lê Văn Bình", "--sex", "M")
    office.arrived()
    assert equal_everywhere(office)
    for member in (office.c, office.d, office.tree.root):
        proof = dansync("log", "prove", member.folder, "--origin", "c")
        assert proof.returncode == 0 and "snapshot, signed by the holder" in proof.stdout
