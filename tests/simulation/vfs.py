# ruff: noqa: N802  SQLite names the methods of a VFS
"""SQLite on a simulated disk: an APSW VFS without a base, so no call reaches the real file system, clock or sleep.

There is no shared memory: write-ahead logging needs ``locking_mode=exclusive``, rollback journals need nothing. APSW
raises what a callback raised even where SQLite swallows the code (a checkpoint that fails after its commit is durable):
``PowerLoss`` always comes through, and after an I/O error at COMMIT the commit is in doubt.
"""

from __future__ import annotations

import contextlib
import errno
import random
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, cast

import apsw

from tests.simulation.device import Call, Device, DeviceError, OpenFile
from tests.simulation.media import StoredFile

_REPORTED_SECTOR_BYTES: Final = 4096  # what SQLite's unix VFS reports; the disk itself tears at 512
_JULIAN_EPOCH_MS: Final = (
    210_866_760_000_000  # 1970-01-01 in milliseconds since noon of November 24, 4714 BC (sqlite3_vfs.xCurrentTimeInt64)
)
_DAY_MS: Final = 86_400_000
_NONE, _SHARED, _RESERVED, _PENDING, _EXCLUSIVE = range(5)  # https://sqlite.org/c3ref/c_lock_exclusive.html

_JOURNALS: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
"""Opened to be created, these have the folder synced with their first sync (os_unix.c, UNIXFILE_DIRSYNC)."""

_CODES: Final = {
    Call.READ: apsw.SQLITE_IOERR_READ,
    Call.WRITE: apsw.SQLITE_IOERR_WRITE,
    Call.TRUNCATE: apsw.SQLITE_IOERR_TRUNCATE,
    Call.SYNC: apsw.SQLITE_IOERR_FSYNC,
    Call.DELETE: apsw.SQLITE_IOERR_DELETE,
}


class _Coded(Exception):
    """Carries the codes as APSW's own errors do; APSW hands ``extendedresult`` to SQLite."""

    def __init__(self, message: str, extended_code: int) -> None:
        super().__init__(message)
        self.result = extended_code & 0xFF
        self.extendedresult = extended_code


class SimulatedIOError(_Coded, apsw.IOError):
    pass


class SimulatedFullError(_Coded, apsw.FullError):
    pass


class SimulatedCantOpenError(_Coded, apsw.CantOpenError):
    pass


def _as_sqlite(error: OSError) -> apsw.Error:
    if error.errno == errno.ENOSPC:
        return SimulatedFullError(str(error), apsw.SQLITE_FULL)
    if not isinstance(error, DeviceError) or error.call is Call.OPEN:
        return SimulatedCantOpenError(str(error), apsw.SQLITE_CANTOPEN)
    return SimulatedIOError(str(error), _CODES[error.call])


class DiskVFS(apsw.VFS):
    """Registered as ``name``. Its maker keeps it until the last connection is closed: SQLite has only a pointer."""

    def __init__(self, name: str, device: Device, now_ms: Callable[[], int]) -> None:
        self.device = device
        self.handles: set[DatabaseFile] = set()
        self._now_ms = now_ms
        super().__init__(name, None)

    def excepthook(
        self, etype: type[BaseException] | None, evalue: BaseException | None, etraceback: TracebackType | None
    ) -> bool:
        raise AssertionError("a callback that cannot report raised") from evalue

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        flags[1] = flags[0]
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        try:
            if path is None:  # a temporary file: it has no name, and nobody looks for it after a crash
                self.device.require_power()
                handle = DatabaseFile(self, "temporary file", StoredFile())
            else:
                create = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
                file = self.device.file(path, create=create)
                handle = DatabaseFile(self, path, file, folder_unsynced=create and bool(flags[0] & _JOURNALS))
        except OSError as error:
            raise _as_sqlite(error) from error
        self.handles.add(handle)
        return cast("apsw.VFSFile", handle)  # APSW asks for the methods only; its own base class would need a base VFS

    def xAccess(self, pathname: str, flags: int) -> bool:
        return self.device.exists(pathname)

    def xFullPathname(self, name: str) -> str:
        return name

    def xDelete(self, filename: str, syncdir: bool) -> None:
        try:
            self.device.delete(filename, sync_folder=syncdir)
        except FileNotFoundError as error:
            raise SimulatedIOError(str(error), apsw.SQLITE_IOERR_DELETE_NOENT) from error
        except OSError as error:
            raise _as_sqlite(error) from error

    def xRandomness(self, numbytes: int) -> bytes:
        return self.device.rng.randbytes(numbytes)

    def xCurrentTime(self) -> float:
        return self.xCurrentTimeInt64() / _DAY_MS

    def xCurrentTimeInt64(self) -> int:
        return _JULIAN_EPOCH_MS + self._now_ms()

    def xGetLastError(self) -> tuple[int, str | None]:
        return 0, None  # asked after every I/O error; the error itself says enough

    def xSleep(self, microseconds: int) -> int:
        return microseconds


class DatabaseFile(OpenFile):
    """What SQLite holds of one open file: the calls of ``OpenFile`` under APSW's names, and locks between handles."""

    __slots__ = ("_level", "_vfs")

    def __init__(self, vfs: DiskVFS, name: str, file: StoredFile, *, folder_unsynced: bool = False) -> None:
        super().__init__(vfs.device, name, file, folder_unsynced=folder_unsynced)
        self._vfs = vfs
        self._level = _NONE

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            return self.read(offset, amount)
        except DeviceError as error:
            raise _as_sqlite(error) from error

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            self.write(offset, bytes(data))
        except DeviceError as error:
            raise _as_sqlite(error) from error

    def xTruncate(self, newsize: int) -> None:
        try:
            self.truncate(newsize)
        except DeviceError as error:
            raise _as_sqlite(error) from error

    def xSync(self, flags: int) -> None:
        try:
            self.sync()
        except DeviceError as error:
            raise _as_sqlite(error) from error

    def xFileSize(self) -> int:
        return self.size()

    def xClose(self) -> None:
        self._vfs.handles.discard(self)

    def xLock(self, level: int) -> None:
        """Locks of a dead process do not count, as the kernel drops them."""
        if self._level >= level:
            return
        others = max((other._level for other in self._vfs.handles if self._rivals(other)), default=_NONE)
        if level == _EXCLUSIVE:
            if others >= _RESERVED:
                raise apsw.BusyError("another connection is writing")
            self._level = _PENDING
            if others >= _SHARED:
                raise apsw.BusyError("another connection is reading")
        elif others >= (_PENDING if level == _SHARED else _RESERVED):
            raise apsw.BusyError("another connection is writing")
        self._level = level

    def _rivals(self, other: DatabaseFile) -> bool:
        return other is not self and other.file is self.file and other.epoch == self.epoch

    def xUnlock(self, level: int) -> None:
        self._level = min(self._level, level)

    def xCheckReservedLock(self) -> bool:
        return any(
            other._level >= _RESERVED
            for other in self._vfs.handles
            if other.file is self.file and other.epoch == self.epoch
        )

    def xFileControl(self, op: int, ptr: int) -> bool:
        return False

    def xSectorSize(self) -> int:
        return _REPORTED_SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE  # as SQLite's unix VFS says


class _SeededVFS(apsw.VFS):
    """The system's own VFS with randomness of ours."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self._rng = rng
        super().__init__(name, "", makedefault=True)

    def xRandomness(self, numbytes: int) -> bytes:
        return self._rng.randbytes(numbytes)


@contextlib.contextmanager
def seeded_sqlite(rng: random.Random) -> Iterator[None]:
    """Make SQLite's own random numbers (salts of the write-ahead log, nonces of journals) repeat.

    SQLite seeds one generator a process from the default VFS, whatever VFS a connection uses; so the default is
    replaced meanwhile.
    """
    before = apsw.vfs_names()[0]  # the default stands first
    seeded = _SeededVFS("dansync-seeded", rng)
    try:
        apsw.randomness(0)  # forget the state: the next number asks the default VFS for a seed
        yield
    finally:
        apsw.set_default_vfs(before)
        apsw.randomness(0)
        seeded.unregister()
