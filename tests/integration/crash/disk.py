# ruff: noqa: N802  SQLite names the methods of a VFS
"""SQLite's own files, so that a fuse can lie between any two of its writes and syncs. Only for processes with such a fuse."""

from __future__ import annotations

import apsw

NAME = "crash"
SYSTEM = "unix"  # named, because the default is soon this one


class WatchedFile(apsw.VFSFile):
    """A file as the system's VFS has it. The methods stand here to have names."""

    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__(SYSTEM, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)


class MainFile(WatchedFile):
    """The database."""

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)


class LogFile(WatchedFile):
    """The write-ahead log."""

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)


class WatchedDisk(apsw.VFS):
    """The system's VFS with files that are watched."""

    def __init__(self) -> None:
        super().__init__(NAME, SYSTEM, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            return MainFile(name, flags)
        if flags[0] & apsw.SQLITE_OPEN_WAL:
            return LogFile(name, flags)
        return WatchedFile(name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)


_kept: list[WatchedDisk] = []  # APSW drops a VFS that nobody holds


def watch() -> None:
    """From now on in this process."""
    _kept.append(WatchedDisk())
