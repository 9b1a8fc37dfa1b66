"""Starting product processes from a launcher that runs already, and waiting for how they end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.crash.fuse import Fuse

ROOT = Path(__file__).parents[3]
SECONDS_MAX = 60.0  # for anything at all: only something that hangs takes as long


class Hangs(AssertionError):
    """A process did not do in a minute what takes a second."""


class Child:
    """One product process."""

    def __init__(self, nursery: Nursery, pid: int, output: Path, errors: Path) -> None:
        self._nursery = nursery
        self.pid = pid
        self._output = output
        self._errors = errors
        self._descriptor = os.pidfd_open(pid)
        self.code: int | None = None

    @property
    def running(self) -> bool:
        return self.code is None and not self._ended(0)

    def _ended(self, seconds: float) -> bool:
        return bool(select.select([self._descriptor], [], [], seconds)[0])

    def wait(self) -> int:
        """The exit code, or minus the signal."""
        if self.code is None:
            if not self._ended(SECONDS_MAX):
                raise Hangs(f"process {self.pid} does not end; it said: {self.said}")
            self.code = self._nursery.reap(self.pid)
            os.close(self._descriptor)
        return self.code

    def kill(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            self.wait()

    def stop(self) -> int:
        """SIGTERM, and wait for an end in good order."""
        if self.code is None:
            os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    @property
    def said(self) -> str:
        """All of its output and its complaints."""
        return self._output.read_text(encoding="utf-8") + self._errors.read_text(encoding="utf-8")

    @property
    def document(self) -> dict[str, Any]:
        """What it said with --json."""
        found: dict[str, Any] = json.loads(self._output.read_text(encoding="utf-8"))
        return found


class Nursery:
    """One launcher. ``first``: folders in front of the product's on the path."""

    def __init__(self, *first: Path) -> None:
        paths = os.pathsep.join(map(str, (*first, ROOT, ROOT / "proto")))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "DANSYNC"))}
        self._environment = kept | {"PYTHONPATH": paths, "GRPC_VERBOSITY": "NONE", "DANSYNC_USER": "lan"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.crash.launcher"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=ROOT,
            env=self._environment,
        )
        self._answer()

    def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the launcher has ended"
        answer: dict[str, int] = json.loads(line)
        return answer

    def _ask(self, request: dict[str, Any]) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def start(
        self,
        arguments: list[str],
        output: Path,
        *,
        fuse: Fuse | None = None,
        mark: Path | None = None,
        variants: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> Child:
        errors = output.with_suffix(".errors")
        for path in (output, errors):
            path.write_bytes(b"")
        answer = self._ask(
            {
                "do": "start",
                "arguments": arguments,
                "environment": self._environment | (environment or {}),
                "output": str(output),
                "errors": str(errors),
                "fuse": None if fuse is None else fuse.document(),
                "mark": str(mark or ""),
                "variants": variants,
            }
        )
        return Child(self, answer["pid"], output, errors)

    def reap(self, pid: int) -> int:
        return self._ask({"do": "reap", "pid": pid})["code"]

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS_MAX)
        self._process.stdout.close()
