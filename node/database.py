"""Opens a store's file through APSW; no other module opens a database (DESIGN 2: one SQLite library per file and
process).

Pragmas are set one at a time and read back, because ``execute`` is lazy and an ignored pragma is silent. Every
connection made here carries a ``Guard``; the triggers on captured tables ask it, so a change outside a capture fails
closed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import apsw

from node import limits, schema
from node.encryption import CIPHER, PLAIN_HEADER, StoreKey, header_of, require_cipher
from node.errors import StoreBroken, StoreBusy, StoreDamaged, StoreError, StoreFull, StoreTooNew, UsageError
from node.ids import OriginId

Mode = Literal["create", "write", "read", "copy", "inspect"]
"""``copy`` and ``inspect`` (which only reads) are for files that no node works on, such as backups: they may be of an
older schema, and stay one file, without a write-ahead log beside it.
"""
RESTORING_SUFFIX: Final = ".restoring"
"""Behind the store's name while a restore puts another file in its place; see ``node.restoring``."""

_FLAGS: Final = {
    "create": apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE,
    "write": apsw.SQLITE_OPEN_READWRITE,
    "read": apsw.SQLITE_OPEN_READONLY,
    "copy": apsw.SQLITE_OPEN_READWRITE,
    "inspect": apsw.SQLITE_OPEN_READONLY,
}


RESTORE_HINT: Final = (
    "Nothing was changed. Restore the node from its backup: dansync restore FOLDER --from FILE "
    "(the damaged file is kept)."
)


class ForeignRow(Exception):
    """A captured row was about to change outside a capture of its origin: our bug, or a stray tool. Nothing was
    written.
    """


class Guard:
    """Which origin this connection may write right now. The triggers call it for every captured row."""

    __slots__ = ("origin",)

    def __init__(self) -> None:
        self.origin: OriginId | None = None

    def __call__(self, *values: object) -> None:
        (row_origin,) = values
        if row_origin != self.origin or self.origin is None:
            raise ForeignRow("a register row may only change inside a capture of its own origin")


class Database:
    """One connection, its guard, and transactions. Not for use by two threads at once."""

    __slots__ = ("connection", "guard", "path", "upgraded")

    def __init__(self, connection: apsw.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self.upgraded = False
        """Schema steps were run when the store was opened."""
        self.guard = Guard()
        connection.create_scalar_function("dansync_guard", self.guard, 1)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """BEGIN IMMEDIATE (a deferred upgrade would fail at once and ignore the busy timeout), COMMIT or ROLLBACK."""
        with explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                self.rollback()
                raise

    def rollback(self) -> None:
        """Leave no transaction open. A failed rollback means that SQLite has already rolled back or lost its disk."""
        if self.connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self.connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[apsw.Connection]:
        """A consistent view for several reads."""
        with explained(self.path):
            if self.connection.in_transaction:
                yield self.connection
                return
            self.connection.execute("BEGIN")
            try:
                yield self.connection
            finally:
                self.rollback()

    def close(self) -> None:
        self.connection.close()


def sqlite_version() -> tuple[int, ...]:
    """The version of the SQLite library that APSW carries."""
    return tuple(int(part) for part in apsw.sqlite_lib_version().split("."))


def require_sqlite(version: tuple[int, ...]) -> None:
    """Refuse a SQLite that can lose committed data. Raises ``StoreError``."""
    if version < limits.SQLITE_VERSION_MIN:
        wanted = ".".join(map(str, limits.SQLITE_VERSION_MIN))
        have = ".".join(map(str, version))
        raise StoreError(
            f"The SQLite library in use is {have}; releases before {wanted} can lose committed data (WAL-reset bug).",
            hint="Install a newer apsw: pip install --upgrade apsw",
        )


@contextlib.contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn what SQLite raises into an error that says what to do. Other exceptions pass."""
    try:
        yield
    except apsw.BusyError as error:
        raise StoreBusy(
            f"The store {path} is being written by another process.", hint="Wait a moment and try again."
        ) from error
    except apsw.FullError as error:
        raise _full(path) from error
    except (apsw.ReadOnlyError, apsw.PermissionsError, apsw.CantOpenError) as error:
        raise StoreError(
            f"The store {path} cannot be opened for this use ({error}).",
            hint="Check that the file and its folder exist and may be written by this user.",
        ) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreDamaged(
            f"The store {path} is damaged or is not a dansync store ({error}).", hint=RESTORE_HINT
        ) from error
    except apsw.SQLError as error:
        if "no such function" not in str(error):
            raise  # a mistake of ours
        raise StoreDamaged(
            f"The store {path} is damaged: the description of a table is not what it should be ({error}).",
            hint=RESTORE_HINT,
        ) from error
    except UnicodeDecodeError as error:  # SQLite gives out a text in which bits flipped as it stands
        raise StoreDamaged(
            f"The store {path} is damaged: a text in it cannot be read ({error}).", hint=RESTORE_HINT
        ) from error
    except apsw.IOError as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE:  # no room for the file beside the store
            raise _full(path) from error
        raise StoreBroken(
            f"The disk under {path} reported an error ({error}). The last step may or may not have been recorded.",
            hint="Check the disk and start again: the store then shows what is there, and nothing is sent twice.",
        ) from error


def _full(path: str) -> StoreFull:
    return StoreFull(
        f"The disk that holds {path} is full. Nothing of this step was written; what was recorded before is safe.",
        hint="Free some space and run the same command again; it goes on where it stopped.",
    )


def open_database(
    path: str | Path,
    mode: Mode,
    *,
    vfs: str | None = None,
    exclusive: bool = False,
    cache_kib: int = limits.STORE_CACHE_KIB,
    key: StoreKey | None = None,
) -> Database:
    """Open a store's file and bring its schema up to date (``create`` and ``write``).

    With a ``key`` the file is encrypted, or is refused. ``vfs`` and ``exclusive`` are for the simulator's disk, which
    has no shared memory. Raises ``StoreError`` and its kinds.
    """
    require_sqlite(sqlite_version())
    name = str(path)
    if vfs is None:
        _require_file(Path(name), mode)
    _check_encryption(Path(name), key)
    with explained(name):
        connection = apsw.Connection(name, flags=_FLAGS[mode], vfs=vfs, statementcachesize=200)
        try:
            if key is not None:
                _unlock(connection, name, key)
            _configure(connection, mode, exclusive=exclusive, cache_kib=cache_kib)
            _check_identity(connection, name, mode)
            database = Database(connection, name)
            if mode in {"write", "create"}:
                before = int(connection.pragma("user_version"))
                database.upgraded = run_steps(database) > before > 0
                _check_encryption(Path(name), key)
            elif int(connection.pragma("user_version")) not in _versions(mode):
                _refuse_version(name, int(connection.pragma("user_version")))
            _check_columns(connection, name)
            return database
        except BaseException:
            connection.close()
            raise


def _versions(mode: Mode) -> range:
    """Schema versions that may be looked at; a copy may be an older one, whoever works on it brings it up to date."""
    return range(1 if mode in {"copy", "inspect"} else schema.SCHEMA_VERSION, schema.SCHEMA_VERSION + 1)


def _require_file(path: Path, mode: Mode) -> None:
    """A store that was here before is missed, never made anew in silence."""
    size = path.stat().st_size if path.exists() else None
    if size:
        return
    if path.with_name(path.name + RESTORING_SUFFIX).exists():
        raise StoreError(
            f"A restore of the store {path} was interrupted.",
            hint="Run it again, it goes on: dansync restore FOLDER --from FILE",
        )
    if path.with_name(f"{path.name}.witness").exists():
        raise StoreDamaged(
            f"The store {path} is {'gone' if size is None else 'empty'}, and there was one before.",
            hint="Put the file back, or restore the node from its backup: dansync restore FOLDER --from FILE",
        )
    if mode == "create":
        return
    if size is None:
        raise StoreError(f"There is no store at {path}.", hint="Create one with: dansync init")
    raise StoreDamaged(f"The store {path} was never completed.", hint="Run dansync init again with the same folder.")


def require_unused(path: Path, key: StoreKey | None) -> None:
    """Raises ``StoreBusy`` if another process has the store open. Changes nothing in it; one that cannot be read at
    all is taken for unused.
    """
    if not path.exists():
        return
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        if key is not None:
            _unlock(connection, str(path), key)
        connection.pragma("locking_mode", "exclusive")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("ROLLBACK")
    except apsw.BusyError as error:
        raise StoreBusy(
            f"The store {path} is in use by another process.", hint="Let it come to its end, and try again."
        ) from error
    except (apsw.Error, StoreError):
        return
    finally:
        connection.close()


def scratch_database() -> Database:
    """An empty store in memory, to work something out in. No other process and no disk ever sees it."""
    database = Database(apsw.Connection(":memory:"), ":memory:")
    run_steps(database)
    return database


def _check_encryption(path: Path, key: StoreKey | None) -> None:
    """Whether the file is what the settings say: a plain file where encryption is configured would stay plain."""
    header = header_of(path)
    if key is not None:
        require_cipher(apsw)
        if header == PLAIN_HEADER:
            raise StoreError(
                f"Encryption is configured, and the store {path} is a plain file. It was not opened.",
                hint="Make an encrypted copy with dansync encrypt, or take the setting encryption out of node.toml.",
            )
    elif len(header) == len(PLAIN_HEADER) and header != PLAIN_HEADER:
        raise StoreDamaged(
            f"The store {path} is encrypted or is not a dansync store.",
            hint='If it is encrypted, name its key in node.toml: encryption = "file:PATH" or "keyring:SERVICE". '
            "If not, the file is damaged: dansync restore FOLDER --from FILE (the damaged file is kept).",
        )


def _unlock(connection: apsw.Connection, name: str, key: StoreKey) -> None:
    """Before anything else is done with the connection."""
    connection.pragma("cipher", CIPHER)
    if connection.pragma("cipher") != CIPHER:
        raise StoreError(f"SQLite did not accept the cipher {CIPHER}.", hint="Install the locked apsw-sqlite3mc.")
    connection.pragma("key", key.pragma_value)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.NotADBError as error:
        raise StoreDamaged(
            f"The store {name} cannot be read with this key, or is damaged.",
            hint="Check which key the setting encryption in node.toml names. The file was not changed.",
        ) from error


def _configure(connection: apsw.Connection, mode: Mode, *, exclusive: bool, cache_kib: int) -> None:
    connection.set_busy_timeout(limits.BUSY_TIMEOUT_MS)
    if exclusive:
        _pragma(connection, "locking_mode", "exclusive")
    if mode == "copy":
        _pragma(connection, "journal_mode", "delete")
    elif mode in {"write", "create"}:
        _pragma(connection, "journal_mode", "wal")
        _pragma(
            connection, "synchronous", 2
        )  # FULL: NORMAL loses acknowledged commits in a power loss (RELIABILITY 0.1)
        _pragma(connection, "wal_autocheckpoint", limits.WAL_AUTOCHECKPOINT_PAGES)
    _pragma(connection, "foreign_keys", 0)  # an older changeset may arrive before what it refers to
    _pragma(connection, "recursive_triggers", 1)  # REPLACE must meet the delete guard
    _pragma(connection, "cell_size_check", 1)
    _pragma(connection, "temp_store", 2)
    _pragma(connection, "cache_size", -cache_kib)


def _pragma(connection: apsw.Connection, name: str, value: str | int) -> None:
    connection.pragma(name, value)
    found = connection.pragma(name)
    if found != value:
        raise StoreError(
            f"SQLite did not accept the setting {name} = {value} (it is {found}).",
            hint="The store must lie on a local disk that supports write-ahead logging, not on a network share.",
        )


def _check_identity(connection: apsw.Connection, name: str, mode: Mode) -> None:
    application_id = connection.pragma("application_id")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
    if application_id == 0 and tables == 0 and mode == "create":
        return
    if application_id != schema.APPLICATION_ID:
        raise StoreDamaged(
            f"The file {name} is not a dansync store.",
            hint="Put the store's own file back, or restore it: dansync restore FOLDER --from FILE",
        )


_SELECT_COLUMNS: Final = (
    "SELECT m.name, p.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS p WHERE m.type = 'table' "
    "ORDER BY m.name, p.cid"
)
_COLUMNS: Final = {
    table.name: tuple(column.name for column in table.columns) for table in schema.metadata.sorted_tables
}


def _check_columns(connection: apsw.Connection, name: str) -> None:
    """A bit that flips where the names of tables and columns stand makes every later error a riddle."""
    if connection.pragma("user_version") != schema.SCHEMA_VERSION:
        return  # a copy of an older one
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(_SELECT_COLUMNS):
        found.setdefault(str(table), []).append(str(column))
    for table, columns in _COLUMNS.items():
        if tuple(found.get(table, ())) != columns:
            raise StoreDamaged(
                f"The store {name} is damaged: the description of its table {table} is not what it should be.",
                hint=RESTORE_HINT,
            )


def _refuse_version(name: str, version: int) -> None:
    if version > schema.SCHEMA_VERSION:
        raise StoreTooNew(
            f"The store {name} has schema version {version}; this release knows version {schema.SCHEMA_VERSION}. "
            "Nothing was changed.",
            hint="Install the newer release of dansync; there is no way down.",
        )
    raise UsageError(
        f"The store {name} has schema version {version} and must first be brought to {schema.SCHEMA_VERSION}.",
        hint="Start its node once with: dansync run",
    )


def run_steps(database: Database, steps: tuple[schema.SchemaStep, ...] = schema.STEPS) -> int:
    """Run the schema steps that are missing, each in one transaction. Returns the version reached.

    Raises ``StoreTooNew`` if the store is ahead of this release. A crash leaves the store at a whole version.
    """
    connection = database.connection
    version = int(connection.pragma("user_version"))
    if version > steps[-1].to_version:
        _refuse_version(database.path, version)
    for step in steps:
        if step.to_version <= version:
            continue
        with database.transaction():
            if int(connection.pragma("user_version")) >= step.to_version:
                continue  # another process was faster
            for statement in step.statements:
                connection.execute(statement)
            connection.pragma("application_id", schema.APPLICATION_ID)
            connection.pragma("user_version", step.to_version)
        version = step.to_version
    return version
