"""The one table of who may do what: complete, default deny, and in force at the command line."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import rich_click as click
from google.protobuf.descriptor import FileDescriptor

from dansync.enrolment.v1 import enrolment_pb2
from dansync.receipt.v1 import receipt_pb2
from dansync.sync.v1 import sync_pb2
from node.authorisation import CALLS, MACHINE_ROLES, PERSON_ROLES, NotAllowed, may_call, require, scope
from ops.cli.main import cli
from tests.unit.ops.cli.command_line import commune, dansync

DESCRIPTORS: tuple[FileDescriptor, ...] = (
    sync_pb2.DESCRIPTOR,
    enrolment_pb2.DESCRIPTOR,
    receipt_pb2.DESCRIPTOR,
)
ROLES = ("node", "invited", *PERSON_ROLES)

EXPECTED: dict[str, str] = {
    # call: whether node, invited, viewer, reviewer, operator, authority may make it
    "/dansync.sync.v1.SyncService/Sync": "y----y",
    "/dansync.enrolment.v1.EnrolmentService/Enrol": "yy----",
    "/dansync.enrolment.v1.EnrolmentService/Renew": "y-----",
    "/dansync.receipt.v1.ReceiptService/Confirm": "y-----",
    "status": "--yyyy",
    "log": "--yyyy",
    "log prove": "--yyyy",
    "export": "--yyyy",
    "origin list": "--yyyy",
    "node list": "--yyyy",
    "user list": "--yyyy",
    "quarantine list": "--yyyy",
    "quarantine show": "--yyyy",
    "quarantine retry": "----yy",
    "quarantine replace": "----yy",
    "verify": "--yyyy",
    "prune": "----yy",
    "resync": "----yy",
    "verify --repair": "----yy",
    "healing list": "--yyyy",
    "healing show": "--yyyy",
    "healing done": "----yy",
    "record": "----yy",
    "record ruling": "---y-y",
    "inbox list": "--yyyy",
    "inbox show": "--yyyy",
    "inbox confirm": "----yy",
    "inbox dispute": "----yy",
    "inbox answer": "----yy",
    "inbox visit": "----yy",
    "cases list": "--yyyy",
    "cases show": "--yyyy",
    "cases decide": "---y-y",
    "cases scan": "---y-y",
    "cases undo": "---y-y",
    "cases undo --import": "----yy",
    "parameters list": "--yyyy",
    "parameters estimate": "----yy",
    "parameters introduce": "-----y",
    "unit list": "--yyyy",
    "unit reform": "-----y",
    "import": "----yy",
    "init": "----yy",
    "run": "----yy",
    "drain": "----yy",
    "restore": "----yy",
    "enroll": "----yy",
    "encrypt": "----yy",
    "backup": "----yy",
    "scrub": "----yy",
    "parent": "----yy",
    "courier export": "----yy",
    "courier import": "----yy",
    "user add": "----yy",
    "user remove": "----yy",
    "ca init": "-----y",
    "node invite": "-----y",
    "node answer": "-----y",
    "node approve": "-----y",
    "node reject": "-----y",
    "node revoke": "-----y",
    "node move": "-----y",
    "node dissolve": "-----y",
    "origin handover": "-----y",
    "origin retire": "-----y",
    "demo": "--yyyy",
    "synth": "--yyyy",
    "rehearse": "--yyyy",
}
"""Written a second time, by hand: a change of the table has to be meant."""


def methods() -> list[str]:
    return [
        f"/{service.full_name}/{method.name}"
        for descriptor in DESCRIPTORS
        for service in descriptor.services_by_name.values()
        for method in service.methods
    ]


def commands() -> list[str]:
    context = click.Context(cli)
    found = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if name in ("record", "log") or not isinstance(command, click.Group):
            found.append(name)
        if isinstance(command, click.Group) and name != "record":
            found += [f"{name} {sub}" for sub in command.commands if (name, sub) != ("log", "show")]
    return found


def test_every_method_of_the_wire_and_every_command_has_a_row() -> None:
    calls = set(methods()) | set(commands())
    assert calls - set(CALLS) == set(), "a new call needs a row in node.authorisation"
    assert set(CALLS) - calls == {"record ruling", "verify --repair", "cases undo --import"}, "a row without a call"


@pytest.mark.parametrize(("call", "role"), list(itertools.product(EXPECTED, ROLES)))
def test_the_matrix(call: str, role: str) -> None:
    assert may_call(call, role) is (EXPECTED[call][ROLES.index(role)] == "y")


def test_the_matrix_is_whole() -> None:
    assert set(EXPECTED) == set(CALLS)


@pytest.mark.parametrize("role", ["", "root", "Node", "authority "])
def test_a_role_that_does_not_exist_may_do_nothing(role: str) -> None:
    assert not any(may_call(call, role) for call in CALLS)


def test_a_call_that_is_not_in_the_table_is_open_to_nobody() -> None:
    for role in ROLES:
        assert scope("format the disk", role) is None
        with pytest.raises(NotAllowed, match="takes the role of nobody"):
            require("format the disk", role, "lan")


def test_no_machine_may_use_the_command_line_and_no_person_the_wire() -> None:
    for call, row in CALLS.items():
        allowed = set(row)
        if call.startswith("/"):
            assert allowed <= MACHINE_ROLES
        else:
            assert allowed <= set(PERSON_ROLES)


WRITING = (
    ("record household", ("record", "household", "{folder}", "--id", "H1", "--author", "{user}"), "record"),
    ("user add", ("user", "add", "{folder}", "somebody", "--role", "viewer"), "user add"),
    ("status", ("status", "{folder}"), "status"),
    ("log", ("log", "{folder}"), "log"),
    ("ca init", ("ca", "init", "{folder}"), "ca init"),
)


@pytest.mark.parametrize(("arguments", "call"), [item[1:] for item in WRITING], ids=[item[0] for item in WRITING])
@pytest.mark.parametrize("role", [*PERSON_ROLES, "stranger"])
def test_the_command_line_asks_the_table(
    arguments: tuple[str, ...], call: str, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = commune(tmp_path)
    monkeypatch.setenv("DANSYNC_USER", "boss")
    assert dansync("user", "add", folder, "boss", "--role", "authority").exit_code == 0
    if role != "stranger":
        assert dansync("user", "add", folder, "lan", "--role", role).exit_code == 0
    monkeypatch.setenv("DANSYNC_USER", "lan")
    done = dansync(*(word.format(folder=folder, user="lan") for word in arguments))
    if may_call(call, role):
        assert done.exit_code == 0, done.output
    else:
        assert done.exit_code == 8
        assert "lan may not do this here" in done.output


def test_the_last_one_who_may_register_others_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = commune(tmp_path)
    monkeypatch.setenv("DANSYNC_USER", "boss")
    assert dansync("user", "add", folder, "x", "--role", "viewer").exit_code == 2, "nobody could register others"
    assert dansync("user", "add", folder, "boss", "--role", "operator").exit_code == 0
    assert dansync("user", "remove", folder, "boss").exit_code == 2
    assert dansync("user", "add", folder, "boss", "--role", "viewer").exit_code == 2
    assert dansync("user", "add", folder, "heir", "--role", "authority").exit_code == 0
    assert dansync("user", "remove", folder, "boss").exit_code == 0
    assert dansync("user", "list", folder).exit_code == 8, "boss is gone"
