"""The simulator's disk, in memory: a VFS for SQLite and plain files, with power loss at any operation, I/O errors, bit
rot and old backups.

    disk = MemoryDisk("commune-1", random.Random(seed))
    database = open_database("store.db", "create", vfs=disk.vfs, exclusive=True)
    disk.fuse = 17                                  # the 17th write, truncate, sync or deletion from now is the last
    try:
        with disk.running():
            ...                                     # code of the node
    except PowerLoss:
        bury(database.connection)
        disk.power_on(rng)                          # or disk.restart(): only the process died

One disk is one machine. All chance comes from the ``rng`` given, so a seed replays a run.
"""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

import apsw

from tests.simulation.device import Call, Device, DeviceError, IoErrorKind, OpenFile, PowerLoss, Snapshot
from tests.simulation.media import SECTOR_BYTES, Fault, Outcome, Survival
from tests.simulation.vfs import DiskVFS, seeded_sqlite

__all__ = [
    "SECTOR_BYTES",
    "Call",
    "DeviceError",
    "DiskWitness",
    "Fault",
    "IoErrorKind",
    "MemoryDisk",
    "Outcome",
    "PowerLoss",
    "Snapshot",
    "Survival",
    "bury",
    "seeded_sqlite",
]

_DEFAULT_NOW_MS: Final = 1_735_689_600_000  # 2025-01-01T00:00Z

_registered: dict[str, DiskVFS] = {}
"""Keeps every VFS alive while SQLite may point to it, also when a test drops its disk."""

_serials = itertools.count(1)


class MemoryDisk(Device):
    """A ``Device`` that SQLite can use, through the VFS named ``vfs``. Close it after its last connection."""

    def __init__(self, name: str, rng: random.Random, *, now_ms: Callable[[], int] | None = None) -> None:
        """``now_ms``: the clock behind SQL's date functions, milliseconds since 1970; stands still if not given."""
        super().__init__(name, rng)
        self.vfs = f"{name}#{next(_serials)}"
        """Never used twice in a process: SQLite would silently replace the older VFS of that name."""
        _registered[self.vfs] = DiskVFS(self.vfs, self, now_ms or (lambda: _DEFAULT_NOW_MS))

    def close(self) -> None:
        """Unregister the VFS. A second close does nothing."""
        vfs = _registered.get(self.vfs)
        if vfs is None:
            return
        if vfs.handles:
            names = ", ".join(sorted(handle.name for handle in vfs.handles))
            raise RuntimeError(f"disk {self.name} still has open files ({names}): bury() their connections first")
        vfs.unregister()
        del _registered[self.vfs]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(RuntimeError):  # do not hide the error by one about what it left open
                self.close()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run code of the machine. Raises ``PowerLoss`` if the power went, also if the code swallowed or renamed it."""
        self.require_power()
        epoch = self.epoch
        try:
            yield
        except Exception as error:
            if self.epoch != epoch:
                raise PowerLoss(f"{self.name} lost power at: {self.struck}") from error
            raise
        if self.epoch != epoch:
            raise PowerLoss(f"{self.name} lost power at: {self.struck}")

    # Plain files, on the same platters and fuse as the database.

    def read(self, name: str) -> bytes:
        """The whole content. Raises ``FileNotFoundError``, ``DeviceError``."""
        file = self.file(name, create=False)
        return OpenFile(self, name, file).read(0, len(file.view))

    def write(self, name: str, data: bytes, *, sync: bool = True) -> None:
        """Make this the whole content, in place: truncate, write, sync. A power loss may leave the old, the new, a part
        or nothing. Raises ``DeviceError``.
        """
        opened = OpenFile(self, name, self.file(name, create=True))
        opened.truncate(0)
        opened.write(0, data)
        if sync:
            opened.sync()

    def witness(self, name: str) -> DiskWitness:
        """The witness file of the process that runs now; dead after a power loss, like a connection."""
        return DiskWitness(self, name)


class DiskWitness:
    """A ``node.witness.WitnessFile`` on a simulated disk."""

    __slots__ = ("_disk", "_epoch", "_name")

    def __init__(self, disk: MemoryDisk, name: str) -> None:
        self._disk = disk
        self._name = name
        self._epoch = disk.epoch

    def read(self) -> bytes:
        self._require_process()
        return self._disk.read(self._name) if self._disk.exists(self._name) else b""

    def write(self, offset: int, data: bytes) -> None:
        """Durable when it returns: a write and a sync. Raises ``DeviceError`` (an ``OSError``)."""
        self._require_process()
        opened = OpenFile(self._disk, self._name, self._disk.file(self._name, create=True))
        opened.write(offset, data)
        opened.sync()

    def _require_process(self) -> None:
        if self._epoch != self._disk.epoch:
            raise PowerLoss(f"{self._disk.name} lost power while this file was open")


def bury(connection: apsw.Connection) -> None:
    """Close a connection whose process is dead. What SQLite still tries on the way out fails, which is right."""
    with contextlib.suppress(PowerLoss, apsw.Error):
        connection.close(True)
    connection.close(True)  # a close that raised has closed; one that has not would raise again, loudly
