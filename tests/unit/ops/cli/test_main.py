from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from node.errors import DansyncError
from ops.cli.main import cli
from ops.cli.output import moment, printable, size, span
from tests.unit.ops.cli.command_line import commune, dansync


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = list(commands())


def is_group(path: tuple[str, ...]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in ALL)


class _Failing(click.Command):
    def __init__(self, error: BaseException) -> None:
        super().__init__("failing")
        self.error = error

    def invoke(self, ctx: click.Context) -> Any:
        raise self.error


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> _Failing:
    command = _Failing(ValueError("never expected"))
    monkeypatch.setattr(type(cli), "get_command", lambda *_: command)
    return command


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    result = dansync(*path, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout and "dansync " + " ".join(path) in " ".join(result.stdout.split())


@pytest.mark.parametrize("path", [path for path in ALL if not is_group(path)], ids=" ".join)
def test_every_command_takes_json(path: tuple[str, ...]) -> None:
    assert "--json" in dansync(*path, "--help").stdout


def test_help_fits_eighty_columns() -> None:
    for path in [(), *ALL]:
        assert max(len(line) for line in dansync(*path, "--help").stdout.splitlines()) <= 80, path


def test_no_colours_where_no_terminal_is(tmp_path: Path) -> None:
    folder = commune(tmp_path)
    for arguments in (("--help",), ("status", folder), ("log", folder), ("status", "nowhere")):
        assert "\x1b" not in dansync(*arguments).output


@pytest.mark.parametrize("arguments", [(), ("record",)])
def test_no_arguments_give_the_help(arguments: tuple[str, ...]) -> None:
    result = dansync(*arguments)
    assert result.exit_code == 0
    assert result.stdout.strip() == dansync(*arguments, "--help").stdout.strip()


def test_a_mistyped_command_is_answered_with_the_likely_one() -> None:
    result = dansync("statu")
    assert result.exit_code == 2
    assert "'status'" in result.stderr


def test_a_wrong_call_is_two_lines() -> None:
    result = dansync("status")
    assert result.exit_code == 2
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["Error", "What to do"]


def test_a_wrong_call_with_json_is_one_document() -> None:
    result = dansync("status", "--json")
    assert json.loads(result.stdout)["error"]["exit_code"] == 2
    assert not result.stderr


@pytest.mark.usefixtures("failing")
def test_what_nobody_expected_shows_a_traceback_only_on_request() -> None:
    quiet, loud = dansync("status"), dansync("--debug", "status")
    assert quiet.exit_code == loud.exit_code == 1
    assert "never expected" in quiet.stderr and "Traceback" not in quiet.stderr
    assert "Traceback" in loud.stderr
    assert "Traceback" in dansync("status", environment={"DANSYNC_DEBUG": "1"}).stderr


def test_an_error_of_ours_ends_with_its_exit_code(failing: _Failing) -> None:
    class Teapot(DansyncError):
        exit_code = 5

    failing.error = Teapot("No coffee here.", hint="Ask for tea.")
    result = dansync("status")
    assert result.exit_code == 5
    assert result.stderr == "Error: No coffee here.\nWhat to do: Ask for tea.\n"


def test_ctrl_c_ends_with_130_and_comfort(failing: _Failing) -> None:
    failing.error = KeyboardInterrupt()
    result = dansync("status")
    assert result.exit_code == 130
    assert "safe" in result.stderr and "Traceback" not in result.stderr


def test_a_reader_who_leaves_is_no_error(failing: _Failing) -> None:
    failing.error = BrokenPipeError()
    result = dansync("status")
    assert result.exit_code == 0 and not result.output


def test_text_of_others_cannot_command_the_terminal(failing: _Failing) -> None:
    failing.error = DansyncError("a\x1b[2Jb [red]c[/red] :smile:")
    assert "a\\x1b[2Jb [red]c[/red] :smile:" in dansync("status").stderr


def test_times_and_sizes_are_for_people() -> None:
    assert moment(0) == "-"
    assert moment(1_700_000_000_000) == "2023-11-15 05:13:20"
    assert moment(1 << 62)
    assert [span(ms) for ms in (-5, 1_000, 61_000, 7_200_000, 400_000_000)] == [
        *("0 seconds", "1 second", "1 minute", "2 hours", "4 days")
    ]
    assert [size(count) for count in (0, 94_208, 12_300_000, 5_000_000_000)] == ["0 kB", "94 kB", "12.3 MB", "5.0 GB"]
    assert printable("Trần\x07") == "Trần\\x07"
