"""Runs the command line inside the test's process, as the console script would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ops.cli.main import cli

COMMUNE = ("--node-id", "tran-phu", "--tier", "commune", "--unit-code", "21550")


def dansync(*arguments: object, language: str = "en", environment: dict[str, str] | None = None) -> Result:
    runner = CliRunner(env={"DANSYNC_LANG": language, "COLUMNS": "80", **(environment or {})})
    return runner.invoke(cli, [str(argument) for argument in arguments])


def document(*arguments: object) -> Any:
    """The JSON of a command that must succeed."""
    result = dansync(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def commune(folder: Path) -> Path:
    """A new node."""
    assert dansync("init", folder, *COMMUNE).exit_code == 0
    return folder
