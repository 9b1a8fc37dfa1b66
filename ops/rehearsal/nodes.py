"""Real node processes for rehearsals and the demo: started, killed, started again, ended by their own pid."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from node.clock import SystemClock
from node.errors import PeerUnavailable
from ops.config import NodeConfig, save_config

_CLOCK: Final = SystemClock()
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 20.0
_PORTS: Final = range(15_000, 32_000)
READY_NAME: Final = "ready"
COMMAND: Final = [sys.executable, "-m", "ops.cli.main", "run"]


class NodeProcess:
    """One `dansync run` of a node's folder."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None
        save_config(config)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it; ``wait_ready`` tells when it serves."""
        assert not self.running
        self._ready_path.unlink(missing_ok=True)
        environment = os.environ | {"DANSYNC_READY_FILE": str(self._ready_path), "GRPC_VERBOSITY": "NONE"}
        with (self.config.folder / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, str(self.config.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl+C goes to us; we end our nodes ourselves
            )

    def wait_ready(self) -> None:
        """Raises ``PeerUnavailable`` if it does not serve in time."""
        deadline = _CLOCK.monotonic_ms() / 1000 + START_SECONDS_MAX
        while _CLOCK.monotonic_ms() / 1000 < deadline:
            if self._ready_path.exists():
                return
            if not self.running:
                break
            time.sleep(0.02)
        self.stop()  # nobody waits for one that serves too late
        raise PeerUnavailable(
            f"Node {self.config.node_id} did not start.",
            hint=f"Its last words are in {self.config.folder / 'node.log'}",
        )

    def wait(self) -> int:
        """Wait until it ends by itself; returns the exit code."""
        assert self._process is not None
        return self._process.wait(START_SECONDS_MAX)

    def kill(self) -> None:
        """As if the plug had been pulled on the process: kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int | None:
        """SIGTERM, and kill -9 if that does not help. Returns the exit code."""
        if self._process is None:
            return None
        if self.running:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(STOP_SECONDS_MAX)
            self._process.kill()
        return self._process.wait()

    @property
    def _ready_path(self) -> Path:
        return self.config.folder / READY_NAME


def free_port() -> int:
    """A port of the loopback that nobody listens on now, below those that the system gives to outgoing connections: one
    of these could take it before its node does.
    """
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
