"""A disk that forgets, fails and loses power: named files, faults armed by number, the power switch. SQLite: ``vfs``.

There is one folder, modelled simply. Syncing a file makes its own name durable. Syncing the folder makes all names and
all deletions durable; SQLite does so with the first sync of a new journal or log, and with a deletion where it asks to.
A power loss flips a coin for every other name that is new or deleted. There is no rename.
"""

from __future__ import annotations

import errno
import random
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.simulation.media import Fault, StoredFile, Survival


class PowerLoss(BaseException):
    """The machine is off. No ``except Exception`` of the code under test stops it, as none survives the real thing."""


class Call(StrEnum):
    OPEN = "open"
    READ = "read"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    DELETE = "delete"


class IoErrorKind(StrEnum):
    """Which error ``io_error_at`` brings, and so which calls it counts.

    SQLite promises a consistent store after all but SHORT: it takes the missing half of a page for zeros, and what it
    writes then may rest on them, with integrity_check satisfied. Like rot, that is for digests to find.
    """

    ERROR = "error"  # every call; it does nothing
    FULL = "full"  # writes that make a file longer; half of the data is written
    SHORT = "short"  # reads; half comes back
    SYNC = "sync"  # syncs; see StoredFile.fail_sync


_COUNTED: Final = {
    IoErrorKind.ERROR: (frozenset(Call), Fault.IO_ERROR),
    IoErrorKind.FULL: (frozenset({Call.WRITE}), Fault.IO_FULL),
    IoErrorKind.SHORT: (frozenset({Call.READ}), Fault.IO_SHORT),
    IoErrorKind.SYNC: (frozenset({Call.SYNC}), Fault.IO_SYNC),
}


class DeviceError(OSError):
    """A call failed as armed. ``call`` says which, ``errno`` why (EIO or ENOSPC)."""

    def __init__(self, number: int, call: Call, name: str) -> None:
        super().__init__(number, f"simulated failure of {call}", name)
        self.call = call


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a disk as a backup sees them: name and content."""

    files: dict[str, bytes]


class Device:
    """The files of one machine and what may go wrong with them. Single-threaded, as the simulator is."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.rng = rng
        self.on = True
        self.epoch = 0
        """Raised by everything that ends the running process; files opened before are dead."""
        self.operations = 0
        """Writes, truncates, syncs and deletions so far: what ``fuse`` counts. A sweep strikes at each of them."""
        self.struck: str | None = None
        """The call at which the last fuse struck, for a failure's message."""
        self.counters: Counter[Fault] = Counter()
        self.io_error_kind = IoErrorKind.ERROR
        self.io_error_sticky = False
        self.calls_counted = 0
        """Calls of the armed kind since ``io_error_at`` was set."""
        self._io_error_at: int | None = None
        self._fuse_at = -1
        self._names: dict[str, StoredFile] = {}
        self._durable_names: dict[str, StoredFile] = {}

    # What will go wrong.

    @property
    def fuse(self) -> int | None:
        """Operations until the power goes, None if no fuse is armed. The last one may or may not survive."""
        return self._fuse_at - self.operations if self._fuse_at >= 0 else None

    @fuse.setter
    def fuse(self, operations: int | None) -> None:
        assert operations is None or operations >= 1
        self._fuse_at = -1 if operations is None else self.operations + operations

    @property
    def io_error_at(self) -> int | None:
        """The n-th call after setting fails as ``io_error_kind`` says; if ``io_error_sticky``, all later ones too."""
        return self._io_error_at

    @io_error_at.setter
    def io_error_at(self, calls: int | None) -> None:
        assert calls is None or calls >= 1
        self._io_error_at = calls
        self.calls_counted = 0

    def fails(self, call: Call) -> IoErrorKind | None:
        """Whether this call, now, is one that fails. Asked once per call, and only while an error is armed."""
        calls, fault = _COUNTED[self.io_error_kind]
        if self._io_error_at is None or call not in calls:
            return None
        self.calls_counted += 1
        if self.calls_counted < self._io_error_at:
            return None
        if not self.io_error_sticky:
            self._io_error_at = None
        self.counters[fault] += 1
        return self.io_error_kind

    def flip_bit(self, name: str, rng: random.Random) -> int:
        """Rot one bit of a file. Returns its number, counted from the file's start."""
        file = self._names[name]
        bit = rng.randrange(8 * len(file.view))
        file.flip(bit)
        self.counters[Fault.BIT_FLIP] += 1
        return bit

    # The power switch.

    def require_power(self) -> None:
        if not self.on:
            raise PowerLoss(f"{self.name} is off")

    def done(self, call: Call, name: str) -> None:
        """Count an operation that has just reached the cache, and cut the power if it is the one."""
        self.operations += 1
        if self.operations == self._fuse_at:
            self.struck = f"{call} {name}"
            self.cut_power()
            raise PowerLoss(f"{self.name} lost power at: {self.struck}")

    def cut_power(self) -> None:
        """Off, now. Nothing is decided yet: ``power_on`` or ``restart`` says what was left."""
        assert self.on
        self.on = False
        self.epoch += 1
        self._fuse_at = -1
        self.io_error_at = None

    def power_on(self, rng: random.Random, survival: Survival | None = None) -> None:
        """Come back from a power loss: what was pending survives as ``rng`` picks, and what is then read is durable."""
        assert not self.on
        self.counters[Fault.POWER_LOSS] += 1
        chosen = survival or Survival()
        names = sorted(self._names.keys() | self._durable_names.keys())
        files = {name: file for name in names if (file := self._entry(name, rng)) is not None}
        for file in files.values():
            file.survive(rng, chosen, self.counters)
        self._names = files
        self._durable_names = dict(files)
        self.on = True

    def restart(self) -> None:
        """Come back after only the process died (kill -9): all that was written is there, and still pending."""
        if self.on:
            self.cut_power()
        self.counters[Fault.PROCESS_KILL] += 1
        self.on = True

    def _entry(self, name: str, rng: random.Random) -> StoredFile | None:
        now, durable = self._names.get(name), self._durable_names.get(name)
        if now is durable or rng.random() < 0.5:
            return now
        self.counters[Fault.LOST_CREATION if durable is None else Fault.UNDONE_DELETION] += 1
        return durable

    # Backups.

    def snapshot(self) -> Snapshot:
        """A backup of all files, as they read now."""
        self.require_power()
        return Snapshot({name: bytes(file.view) for name, file in self._names.items()})

    def restore(self, snapshot: Snapshot) -> None:
        """Put a backup, this disk's or another's, in the place of everything. The running process dies; power is on."""
        if self.on:
            self.cut_power()
        self._names = {name: StoredFile(content) for name, content in snapshot.files.items()}
        self._durable_names = dict(self._names)
        self.counters[Fault.RESTORE] += 1
        self.on = True

    # Files.

    @property
    def names(self) -> list[str]:
        self.require_power()
        return sorted(self._names)

    def exists(self, name: str) -> bool:
        self.require_power()
        return name in self._names

    def file(self, name: str, *, create: bool) -> StoredFile:
        """Find a file or make an empty one. Raises ``DeviceError`` and ``FileNotFoundError``."""
        self.require_power()
        if self._io_error_at is not None and self.fails(Call.OPEN):
            raise DeviceError(errno.EIO, Call.OPEN, name)
        if name not in self._names:
            if not create:
                raise FileNotFoundError(errno.ENOENT, "no such file on the simulated disk", name)
            self._names[name] = StoredFile()
        return self._names[name]

    def delete(self, name: str, *, sync_folder: bool) -> None:
        self.require_power()
        if self._io_error_at is not None and self.fails(Call.DELETE):
            raise DeviceError(errno.EIO, Call.DELETE, name)
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, "no such file on the simulated disk", name)
        del self._names[name]
        self.done(Call.DELETE, name)
        if sync_folder:
            self.sync_folder()

    def sync_folder(self) -> None:
        """All names and deletions are durable."""
        self._durable_names = dict(self._names)

    def keep_name(self, name: str, file: StoredFile) -> None:
        """The file was synced, and so was its name, if it still has one."""
        if self._names.get(name) is file:
            self._durable_names[name] = file


class OpenFile:
    """A file in the hands of one process. A call raises ``PowerLoss`` once that is gone, ``DeviceError`` if armed."""

    __slots__ = ("device", "epoch", "file", "folder_unsynced", "name")

    def __init__(self, device: Device, name: str, file: StoredFile, *, folder_unsynced: bool = False) -> None:
        """``folder_unsynced``: the first sync is to sync the folder as well."""
        self.device = device
        self.folder_unsynced = folder_unsynced
        self.name = name
        self.file = file
        self.epoch = device.epoch

    def read(self, offset: int, amount: int) -> bytes:
        device = self.device
        if self.epoch != device.epoch:
            raise PowerLoss(f"{device.name} lost power while this file was open")
        data = bytes(self.file.view[offset : offset + amount])
        if device.io_error_at is not None and (kind := device.fails(Call.READ)):
            if kind is IoErrorKind.SHORT:
                return data[: len(data) // 2]
            raise DeviceError(errno.EIO, Call.READ, self.name)
        return data

    def write(self, offset: int, data: bytes) -> None:
        device = self.device
        if self.epoch != device.epoch:
            raise PowerLoss(f"{device.name} lost power while this file was open")
        if device.io_error_at is not None:
            self._fail_write(offset, data)
        self.file.write(offset, data)
        device.done(Call.WRITE, self.name)

    def _fail_write(self, offset: int, data: bytes) -> None:
        grows = offset + len(data) > len(self.file.view)
        if self.device.io_error_kind is IoErrorKind.FULL and not grows:
            return
        match self.device.fails(Call.WRITE):
            case None:
                return
            case IoErrorKind.FULL:
                self.file.write(offset, data[: len(data) // 2])
                raise DeviceError(errno.ENOSPC, Call.WRITE, self.name)
            case IoErrorKind.ERROR | IoErrorKind.SHORT | IoErrorKind.SYNC:
                raise DeviceError(errno.EIO, Call.WRITE, self.name)

    def truncate(self, size: int) -> None:
        device = self.device
        if self.epoch != device.epoch:
            raise PowerLoss(f"{device.name} lost power while this file was open")
        if device.io_error_at is not None and device.fails(Call.TRUNCATE):
            raise DeviceError(errno.EIO, Call.TRUNCATE, self.name)
        self.file.truncate(size)
        device.done(Call.TRUNCATE, self.name)

    def sync(self) -> None:
        """A sync that the power loss strikes has done nothing for certain."""
        device = self.device
        if self.epoch != device.epoch:
            raise PowerLoss(f"{device.name} lost power while this file was open")
        if device.io_error_at is not None and device.fails(Call.SYNC):
            self.file.fail_sync(device.rng)
            raise DeviceError(errno.EIO, Call.SYNC, self.name)
        device.done(Call.SYNC, self.name)
        self.file.sync()
        if self.folder_unsynced:
            device.sync_folder()
            self.folder_unsynced = False
        else:
            device.keep_name(self.name, self.file)

    def size(self) -> int:
        if self.epoch != self.device.epoch:
            raise PowerLoss(f"{self.device.name} lost power while this file was open")
        return len(self.file.view)
