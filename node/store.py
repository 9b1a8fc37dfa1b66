"""The store of a node: identity, captures, heads and the log, on one connection (DESIGN 2).

What lives here: everything a node does with its own file. Applying others' commits stands in ``node.replay``; the
register operations in ``node.register``. A store is used by one thread at a time; a second process may use the same
file.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import apsw
import sqlalchemy as sa

from node import branch, changelog, limits
from node.capture import Capture, captured_transaction, captured_work
from node.chain import KIND_PROFILE, Commit, Head
from node.clock import Clock
from node.database import Database, Mode, explained, open_database
from node.digest import OriginDigest, origin_digest
from node.encryption import StoreKey
from node.errors import StoreBusy, StoreDamaged, StoreError, UsageError
from node.holding import require_holder
from node.ids import GENESIS_HASH, ID_BYTES, Hash, Incarnation, Minter, NodeId, OriginId, RowId, Seq, id_text
from node.quarantine import Retried, RowSet, retry, tally
from node.schema import acknowledged, alarm, meta, origin_head, origin_profile, quarantine, sql
from node.witness import DiskWitnessFile, Missing, Witness, WitnessFile

PURPOSE_REGISTER: Final = ""
PURPOSE_REFERENCE: Final = "reference"  # the reference data of an authority


@dataclass(frozen=True, slots=True)
class Profile:
    """What a partition says of itself in its first commit. ``unit_code`` belongs to the era that ``unit_valid_from``
    names.
    """

    node_id: NodeId
    parent_node_id: NodeId
    tier: str
    unit_code: str
    unit_valid_from: str
    name: str
    purpose: str = PURPOSE_REGISTER


@dataclass(frozen=True, slots=True)
class OriginState:
    """One line of the store's table of heads."""

    head: Head
    own: bool
    via: str
    flow: str
    halted: str
    halted_detail: str
    recorded_at: int
    received_at: int


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """``quarantined`` commits of the origin are stored at the parent and not applied there."""

    peer: NodeId
    seq: Seq
    quarantined: int
    acknowledged_at: int


@dataclass(frozen=True, slots=True)
class Alarm:
    id: int
    raised_at: int
    code: str
    origin: OriginId | None
    detail: str


_META_REFERENCE: Final = "reference_origin"
_META_AUTHORITY: Final = "authority_key"
_META_MET: Final = "met "  # and a parent: its incarnation when we last met
_FACT: Final = "fact "  # and its name
_META_RESTORING: Final = "restoring"  # made anew for a node that exists: 'fetching' until its registers are here
_HOLD: Final = "held "  # and an origin: until when nobody writes it, Unix ms
_FETCHING: Final = b"fetching"
_RESTORED: Final = b"restored"
_SELECT_META = sql(sa.select(meta.c.value).where(meta.c.key == sa.bindparam("key")))
_UPSERT_META = (
    "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_SELECT_STATES = sql(
    sa.select(
        *(
            origin_head.c[n]
            for n in (
                *("origin", "seq", "hash", "own", "via", "flow"),
                *("halted", "halted_detail", "recorded_at", "received_at"),
            )
        )
    ).order_by(origin_head.c.own.desc(), origin_head.c.origin)
)
_SELECT_OWN = sql(sa.select(origin_head.c.origin).where(origin_head.c.own == 1).order_by(origin_head.c.origin))
_INSERT_ALARM = sql(sa.insert(alarm).values({n: sa.bindparam(n) for n in ("raised_at", "code", "origin", "detail")}))
_SELECT_ALARMS = sql(
    sa.select(alarm.c.id, alarm.c.raised_at, alarm.c.code, alarm.c.origin, alarm.c.detail)
    .where(alarm.c.cleared_at == 0)
    .order_by(alarm.c.id.desc())
    .limit(sa.bindparam("count"))
)
_SELECT_SAME_ALARM = (
    "SELECT id FROM alarm WHERE cleared_at = 0 AND code = :code AND origin IS :which AND detail = :detail LIMIT 1"
)
_INSERT_PROFILE = sql(sa.insert(origin_profile).values({c.name: sa.bindparam(c.name) for c in origin_profile.columns}))
_SELECT_PROFILES = sql(sa.select(*origin_profile.columns))
_SELECT_QUARANTINED = sql(
    sa.select(quarantine.c.table_name, quarantine.c.row_id)
    .where(quarantine.c.origin == sa.bindparam("origin"))
    .distinct()
)
_SELECT_ACKNOWLEDGED = sql(
    sa.select(
        acknowledged.c.origin,
        acknowledged.c.peer,
        acknowledged.c.seq,
        acknowledged.c.quarantined,
        acknowledged.c.acknowledged_at,
    ).order_by(acknowledged.c.acknowledged_at)
)
_COUNT_QUARANTINED = "SELECT count(*) FROM (SELECT DISTINCT origin, table_name, row_id FROM quarantine)"
_HALT = sql(
    sa.update(origin_head)
    .where(origin_head.c.origin == sa.bindparam("which"))
    .values(halted=sa.bindparam("code"), halted_detail=sa.bindparam("reason"))
)


class Store:
    """An open store. Create one with ``Store.create`` or ``Store.open``; close it when done."""

    def __init__(self, database: Database, witness: Witness, clock: Clock, source: random.Random) -> None:
        self.database = database
        self.connection = database.connection
        self.witness = witness
        self.clock = clock
        self.minter = Minter(source)
        self.witness_failures = 0
        self._node_id: NodeId | None = None
        self._reference: OriginId | None = None
        self.wanted_below: set[OriginId] = set()
        """Registers that nodes below have asked for and that are not here: they were restored, and have another parent
        than before. They ask again, so this need not outlive the process.
        """
        self._profile_rows: list[tuple[Any, ...]] = []
        self._profiles: dict[OriginId, Profile] = {}
        self.changed_over: list[OriginId] = []
        """Origins whose log was changed over to another history since the store was opened, in that order; sessions
        that began before do not know where they stand.
        """
        self.rows_changed = 0
        """Grows when rows change without a commit: held back ones are applied, or rows are taken from their holder."""
        self.statements_heard = 0
        """Grows when a holder's word on its rows has come from below: it is to be passed on."""
        self.root_heard = 0
        """Grows when more is known of what the root of the tree has: children are told."""
        self.missing: tuple[Missing, ...] = ()
        """Commits that the witness saw and the database lacks, found when the store was opened."""

    # --- opening ---------------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        profile: Profile,
        *,
        clock: Clock,
        source: random.Random,
        vfs: str | None = None,
        witness_file: WitnessFile | None = None,
        key: StoreKey | None = None,
    ) -> Store:
        """Make a store with one new origin that it owns. Called again with the same profile, after a crash or not, it
        opens what is there.

        Raises ``UsageError`` if the store already belongs to another node, and ``StoreError``.
        """
        database = open_database(path, "create", vfs=vfs, exclusive=vfs is not None, key=key)
        with _closing_on_error(database), explained(str(path)):
            store = cls(database, _open_witness(path, witness_file), clock, source)
            if store._meta("node_id") is None:
                store._found(profile)
            elif store._own_profiles() != [profile]:
                raise UsageError(
                    f"The store {path} already belongs to node {store.node_id}.",
                    hint="Use it with: dansync run, or choose another folder.",
                )
        return store

    @classmethod
    def create_anew(
        cls,
        path: str | Path,
        node_id: NodeId,
        *,
        clock: Clock,
        source: random.Random,
        vfs: str | None = None,
        witness_file: WitnessFile | None = None,
        key: StoreKey | None = None,
    ) -> Store:
        """Make a store for a node that exists and has lost its own: it begins no origin, and nothing is written in it
        before its registers have come from the parent (``node.takeover``). Called again, it opens what is there.

        Raises ``UsageError`` if there is a store that was not made so, or is another node's; and ``StoreError``.
        """
        database = open_database(path, "create", vfs=vfs, exclusive=vfs is not None, key=key)
        with _closing_on_error(database), explained(str(path)):
            store = cls(database, _open_witness(path, witness_file), clock, source)
            if store._meta("node_id") is None:
                with database.transaction():
                    store._set_meta("node_id", node_id.encode())
                    store._set_meta("incarnation", store.minter.incarnation(clock.wall_ms()))
                    store._set_meta(_META_RESTORING, _FETCHING)
            elif store.node_id != node_id or store._meta(_META_RESTORING) is None:
                raise UsageError(
                    f"There is a store of node {store.node_id} already: {path}.",
                    hint="Nothing was changed. If it is damaged, move its folder away and keep it: it may hold what "
                    "was never sent.",
                )
        return store

    @property
    def restoring(self) -> bool:
        """Whether the registers of this node are still to come from its parent."""
        return self._meta(_META_RESTORING) == _FETCHING

    def restored(self) -> None:
        """They are here: work goes on."""
        with self.database.transaction():
            self._set_meta(_META_RESTORING, _RESTORED)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        clock: Clock,
        source: random.Random,
        mode: Mode = "write",
        vfs: str | None = None,
        witness_file: WitnessFile | None = None,
        cache_kib: int = limits.STORE_CACHE_KIB,
        key: StoreKey | None = None,
    ) -> Store:
        """Open a node's store and compare it with its witness; what is missing is alarmed and stands in ``missing``."""
        database = open_database(path, mode, vfs=vfs, exclusive=vfs is not None, cache_kib=cache_kib, key=key)
        with _closing_on_error(database), explained(str(path)):
            store = cls(database, _open_witness(path, witness_file), clock, source)
            if store._meta("node_id") is None:
                if store.states():
                    raise StoreDamaged(
                        f"The store {path} has registers and no name: it is damaged.",
                        hint="Keep the file, and restore the node: dansync restore FOLDER --from FILE",
                    )
                raise StoreDamaged(
                    f"The store {path} was never completed.", hint="Run dansync init again with the same folder."
                )
            if mode == "write":
                store._meet_witness()
                if database.upgraded:
                    store.retry_quarantined()
        return store

    def _found(self, profile: Profile) -> None:
        now = self.clock.wall_ms()
        with self.database.transaction():
            self._set_meta("node_id", profile.node_id.encode())
            self._set_meta("incarnation", self.minter.incarnation(now))
            commit = self._begin_origin(profile, now)
        self._witness(commit.head)

    def begin_origin(self, profile: Profile) -> OriginId:
        """One more origin that this node owns, described by its first commit."""
        with self.database.transaction():
            commit = self._begin_origin(profile, self.clock.wall_ms())
        self._witness(commit.head)
        return commit.origin

    def _begin_origin(self, profile: Profile, now: int) -> Commit:
        connection = self.connection
        origin = self.minter.origin_id(now)
        connection.execute(
            "INSERT INTO origin_head (origin, seq, hash, own, via) VALUES (?, 0, ?, 1, '')", (origin, GENESIS_HASH)
        )
        with captured_work(
            self.database, Capture(connection, origin, now), author="", kind=KIND_PROFILE, tag=""
        ) as capture:
            connection.execute(
                _INSERT_PROFILE,
                {
                    "origin": origin,
                    "id": origin,
                    "node_id": profile.node_id,
                    "parent_node_id": profile.parent_node_id,
                    "tier": profile.tier,
                    "unit_code": profile.unit_code,
                    "unit_valid_from": profile.unit_valid_from,
                    "name": profile.name,
                    "purpose": profile.purpose,
                },
            )
        assert capture.commit is not None
        return capture.commit

    def _meet_witness(self) -> None:
        """Compare own heads with the witness. Missing commits: alarm, new incarnation, go on working (DESIGN 2).

        What was put aside is not missing: a node that is killed while it heals has not told the witness yet.
        """
        witnessed = self.witness.heads()
        own = []
        for state in self.states():
            seen = witnessed.get(state.head.origin)
            if not state.own or seen is None:
                continue
            if branch.is_aside(self.connection, seen):
                self._reset_witness(state.head)
            else:
                own.append((state.head, changelog.hash_at(self.connection, seen.origin, seen.seq)))
        missing = self.witness.missing(own)
        if not missing:
            return
        now = self.clock.wall_ms()
        with self.database.transaction():
            self._set_meta("incarnation", self.minter.incarnation(now))
            for loss in missing:
                self._raise_alarm(
                    "commits_missing",
                    loss.found.origin,
                    f"the store ends at commit {loss.found.seq}, but commit {loss.witnessed.seq} was made here before",
                    now,
                )
        for loss in missing:
            self._reset_witness(loss.found)
        self.missing = tuple(missing)

    def _reset_witness(self, head: Head) -> None:
        try:
            self.witness.reset(head)
        except OSError:
            self.witness_failures += 1  # the next start will find the same again

    def close(self) -> None:
        self.database.close()

    # --- identity --------------------------------------------------------------------------------------------------

    def _meta(self, key: str) -> bytes | None:
        with explained(self.database.path):
            row = self.connection.execute(_SELECT_META, {"key": key}).fetchone()
        return None if row is None else bytes(row[0])

    def _set_meta(self, key: str, value: bytes) -> None:
        self.connection.execute(_UPSERT_META, {"key": key, "value": value})

    def fact(self, name: str) -> bytes | None:
        """Something about this file itself, such as when a backup of it was made; None if it was never kept."""
        return self._meta(_FACT + name)

    def keep_fact(self, name: str, value: bytes) -> None:
        """Inside the caller's transaction, or in one of its own."""
        if self.connection.in_transaction:
            self._set_meta(_FACT + name, value)
        else:
            with self.database.transaction():
                self._set_meta(_FACT + name, value)

    def forget_fact(self, name: str) -> None:
        """Inside the caller's transaction."""
        self.connection.execute("DELETE FROM meta WHERE key = ?", (_FACT + name,))

    @property
    def node_id(self) -> NodeId:
        """Written once, when the store is made."""
        if self._node_id is None:
            value = self._meta("node_id")
            assert value is not None
            self._node_id = NodeId(value.decode())
        return self._node_id

    @property
    def incarnation(self) -> Incarnation:
        value = self._meta("incarnation")
        assert value is not None and len(value) == ID_BYTES
        return Incarnation(value)

    def own_origin(self) -> OriginId:
        """The register of a node that holds exactly one. Raises ``UsageError`` if it holds several, ``StoreDamaged`` if
        none is left of what every node begins with.
        """
        reference = self.reference_origin()
        own = tuple(origin for origin in self.own_origins() if origin != reference)
        if not own and self._meta(_META_RESTORING) is None:
            raise StoreDamaged(
                f"The store {self.database.path} has a name and no register of its own: it is damaged.",
                hint="Keep the file, and restore the node: dansync restore FOLDER --from FILE",
            )
        if len(own) != 1:
            names = ", ".join(id_text(origin) for origin in own)
            raise UsageError(
                f"This node holds {len(own)} origins ({names}).", hint="Name the one you mean with --origin."
            )
        return own[0]

    def own_origin_of(self, node_id: NodeId) -> OriginId:
        """The register that ``node_id`` began, among those that this node owns."""
        profiles = self.profiles()
        for origin in self.own_origins():
            profile = profiles.get(origin)
            if profile is not None and (profile.node_id, profile.purpose) == (node_id, PURPOSE_REGISTER):
                return origin
        raise StoreDamaged(
            f"The store {self.database.path} has no register of node {node_id}.",
            hint="Put the store of this node back, or restore the node from its parent.",
        )

    def own_origins(self) -> tuple[OriginId, ...]:
        with explained(self.database.path):
            return tuple(OriginId(row[0]) for row in self.connection.execute(_SELECT_OWN))

    def reference_origin(self) -> OriginId | None:
        """The origin whose rows are this tree's reference data: an authority's own one, else the one that the node was
        given when it was enrolled. None before.
        """
        if self._reference is None:  # another process may enrol the node
            value = self._meta(_META_REFERENCE)
            self._reference = None if value is None else OriginId(value)
        return self._reference

    def authority_key(self) -> bytes | None:
        """The public key whose signature makes reference data; None before the node is enrolled."""
        return self._meta(_META_AUTHORITY)

    def trust(self, reference_origin: OriginId, authority_key: bytes) -> None:
        """Whose word on units, nodes and holdings counts here; known from the authority's certificate."""
        self._reference = None
        with self.database.transaction():
            self._set_meta(_META_REFERENCE, reference_origin)
            self._set_meta(_META_AUTHORITY, authority_key)

    def adopt(self, origin: OriginId, *, own: bool, via: str) -> None:
        """Expect an origin whose commits will come from the parent: this node has taken it over, or relays it now."""
        with self.database.transaction() as connection:
            connection.execute(
                "INSERT INTO origin_head (origin, seq, hash, own, via) VALUES (?, 0, ?, ?, ?) "
                "ON CONFLICT (origin) DO UPDATE SET own = excluded.own, via = excluded.via",
                (origin, GENESIS_HASH, int(own), via),
            )

    def renew_incarnation(self) -> None:
        """The store is not what it was: it comes from an older copy, or is one. Inside the caller's transaction, or in
        one of its own.
        """
        incarnation = self.minter.incarnation(self.clock.wall_ms())
        if self.connection.in_transaction:
            self._set_meta("incarnation", incarnation)
        else:
            with self.database.transaction():
                self._set_meta("incarnation", incarnation)

    def met(self, parent: NodeId, incarnation: Incarnation) -> bool:
        """Remember the parent's incarnation. True if it was another one before."""
        before = self._meta(_META_MET + parent)
        if before == incarnation:
            return False
        with self.database.transaction():
            self._set_meta(_META_MET + parent, incarnation)
        return before is not None

    def hold(self, origin: OriginId) -> None:
        """Let nobody write an origin while it is being healed. It ends by itself, should the healer die."""
        until = self.clock.wall_ms() + limits.HEALING_HOLD_MS
        with self.database.transaction():
            self._set_meta(_HOLD + origin.hex(), str(until).encode())

    def unhold(self, origin: OriginId) -> None:
        """Work goes on."""
        if self._meta(_HOLD + origin.hex()) is not None:
            with self.database.transaction() as connection:
                connection.execute("DELETE FROM meta WHERE key = ?", (_HOLD + origin.hex(),))

    def _require_not_held(self, origin: OriginId) -> None:
        if self.restoring:
            raise StoreBusy(
                "The registers of this node are still to come from its parent.",
                hint="Run dansync restore again, until it says that it is done.",
            )
        value = self._meta(_HOLD + origin.hex())
        if value is not None and 0 <= int(value) - self.clock.wall_ms() <= limits.HEALING_HOLD_MS:
            raise StoreBusy(
                "The register is being put together again with what the parent has of it.",
                hint="Wait a minute and try again; nothing is lost. dansync status shows how far it is.",
            )

    def saw_own(self, head: Head) -> None:
        """Commits of an own origin came back from the parent: the witness knows them too."""
        if head.origin in self.own_origins():
            self._witness(head)

    def lets_go(self, head: Head) -> None:
        """Commits of an own origin behind ``head`` leave the log on purpose, in the transaction under way. The witness
        forgets them first: it may lag, and would call them missing at the next start.
        """
        if head.origin in self.own_origins():
            try:
                self.witness.reset(head)
            except OSError:
                self.witness_failures += 1

    def profiles(self) -> dict[OriginId, Profile]:
        """What every origin known here says of itself."""
        with explained(self.database.path):
            rows: list[tuple[Any, ...]] = self.connection.execute(_SELECT_PROFILES).fetchall()
        if rows != self._profile_rows:
            self._profile_rows = rows
            self._profiles = {
                OriginId(row[0]): Profile(
                    NodeId(row[2]), NodeId(row[3]), str(row[4]), str(row[5]), str(row[6]), str(row[7]), str(row[8])
                )
                for row in rows
            }
        return dict(self._profiles)

    def _own_profiles(self) -> list[Profile]:
        profiles = self.profiles()
        return [profiles[origin] for origin in self.own_origins() if origin in profiles]

    # --- writing ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def capture(
        self, *, author: str, kind: str, recorded_at: int, tag: str = "", origin: OriginId | None = None
    ) -> Iterator[Capture]:
        """One captured transaction of an own origin (by default of the only one); see ``node.capture``."""
        which = self.own_origin() if origin is None else origin
        with captured_transaction(
            self.database, which, author=author, kind=kind, tag=tag, recorded_at=recorded_at
        ) as capture:
            self._require_writable(capture.connection, which)
            yield capture
        if capture.commit is not None:
            self._witness(capture.commit.head)

    @contextlib.contextmanager
    def capture_beside(
        self, *, author: str, kind: str, recorded_at: int, origin: OriginId, tag: str = ""
    ) -> Iterator[Capture]:
        """As ``capture``, for work that keeps something for this node too: that is kept also where no captured row
        changes.
        """
        with self.database.transaction() as connection:
            capture = Capture(connection, origin, recorded_at)
            self._require_writable(connection, origin)
            with captured_work(self.database, capture, author=author, kind=kind, tag=tag):
                yield capture
        if capture.commit is not None:
            self._witness(capture.commit.head)

    def _require_writable(self, connection: apsw.Connection, origin: OriginId) -> None:
        self._require_not_held(origin)
        reference = self.reference_origin()
        if reference is not None:
            require_holder(connection, reference, self.node_id, changelog.head_of(connection, origin))

    def _witness(self, head: Head) -> None:
        try:
            self.witness.record(head)
        except OSError:
            self.witness_failures += 1  # the commit stands; the witness may lag

    def new_row_id(self, now_ms: int) -> RowId:
        return self.minter.row_id(now_ms)

    # --- reading ---------------------------------------------------------------------------------------------------

    def states(self) -> list[OriginState]:
        """All origins known here, own ones first."""
        with explained(self.database.path):
            return [
                OriginState(
                    Head(OriginId(row[0]), Seq(row[1]), Hash(row[2])),
                    bool(row[3]),
                    row[4],
                    row[5],
                    row[6],
                    row[7],
                    row[8],
                    row[9],
                )
                for row in self.connection.execute(_SELECT_STATES)
            ]

    def data_version(self) -> int:
        """Changes when another connection has committed to the file."""
        with explained(self.database.path):
            return int(cast("int", self.connection.pragma("data_version")))

    def head(self, origin: OriginId) -> Head:
        with explained(self.database.path):
            return changelog.head_of(self.connection, origin)

    def hash_at(self, origin: OriginId, seq: Seq) -> Hash | None:
        with explained(self.database.path):
            return changelog.hash_at(self.connection, origin, seq)

    def read_commits(
        self,
        origin: OriginId,
        after: Seq,
        *,
        count: int = limits.BATCH_COMMITS_MAX,
        bytes_target: int = limits.BATCH_BYTES_TARGET,
    ) -> list[Commit]:
        """Commits after a position, in order: as many as fit a batch, at least one if there is any."""
        commits: list[Commit] = []
        size = 0
        with explained(self.database.path):
            for commit in changelog.read_commits(self.connection, origin, after, count=count):
                if commits and size + len(commit.changeset) > bytes_target:
                    break
                commits.append(commit)
                size += len(commit.changeset)
        return commits

    def quarantined(self, origin: OriginId) -> frozenset[tuple[str, RowId]]:
        """Keys (table, row id) that are held back; ('', b'') stands for the whole origin."""
        with explained(self.database.path):
            return frozenset(
                (str(row[0]), RowId(row[1])) for row in self.connection.execute(_SELECT_QUARANTINED, {"origin": origin})
            )

    def quarantined_rows(self) -> int:
        """How many row keys are held back, all origins together."""
        with explained(self.database.path):
            row = self.connection.execute(_COUNT_QUARANTINED).fetchone()
        assert row is not None
        return int(row[0])

    def retry_quarantined(self, *, by: str = "", sets: Sequence[RowSet] | None = None) -> tuple[Retried, ...]:
        """Try again to apply what is held back (default: all of it); by itself after an upgrade or a restart, or
        because somebody, ``by``, says that the cause is gone.
        """
        with explained(self.database.path):
            if sets is None and not tally(self.connection).commits:
                return ()
        now = self.clock.wall_ms()
        with self.database.transaction() as connection:
            outcomes = retry(connection, now, by=by, sets=sets)
            ended = [item.row_set for item in outcomes if item.obstacle is None]
            for origin in dict.fromkeys(row_set.origin for row_set in ended):
                count = sum(len(row_set.commits) for row_set in ended if row_set.origin == origin)
                self._raise_alarm(
                    "quarantine_ended", origin, f"{count} commits that were held back are applied now", now
                )
        self.rows_changed += 1
        return outcomes

    def size_bytes(self) -> int:
        """Size of the database file, its write-ahead log not included."""
        with explained(self.database.path):
            return int(cast("int", self.connection.pragma("page_count"))) * int(
                cast("int", self.connection.pragma("page_size"))
            )

    def digest(self, origin: OriginId) -> OriginDigest:
        """Digest of an origin's rows as they stand now, quarantined rows left out."""
        with self.database.snapshot() as connection:
            held = self.quarantined(origin)
            return origin_digest(
                connection, origin, left_out=(lambda table, row: (table, row) in held) if held else None
            )

    # --- alarms ----------------------------------------------------------------------------------------------------

    def _raise_alarm(self, code: str, origin: OriginId | None, detail: str, now: int) -> None:
        self.connection.execute(_INSERT_ALARM, {"raised_at": now, "code": code, "origin": origin, "detail": detail})

    def alarm_now(self, code: str, origin: OriginId | None, detail: str, now: int) -> None:
        """An alarm inside a transaction that the caller has begun."""
        self._raise_alarm(code, origin, detail, now)

    def raise_alarm(self, code: str, origin: OriginId | None, detail: str, *, again: bool = True) -> None:
        """Write down something an operator must see. It stays until it is cleared. Without ``again`` nothing is written
        while the same stands there already: what every session finds anew would fill the disk.
        """
        with self.database.transaction() as connection:
            same = {"code": code, "which": origin, "detail": detail}
            if again or connection.execute(_SELECT_SAME_ALARM, same).fetchone() is None:
                self._raise_alarm(code, origin, detail, self.clock.wall_ms())

    def alarms(self, count: int = 100) -> list[Alarm]:
        """Alarms that nobody has cleared, the newest first."""
        with explained(self.database.path):
            return [
                Alarm(row[0], row[1], row[2], row[3], row[4])
                for row in self.connection.execute(_SELECT_ALARMS, {"count": count})
            ]

    def halt(self, origin: OriginId, code: str, detail: str) -> None:
        """Take nothing more of an origin until an operator has looked; raises an alarm."""
        with self.database.transaction() as connection:
            connection.execute(_HALT, {"which": origin, "code": code, "reason": detail})
            self._raise_alarm(code, origin, detail, self.clock.wall_ms())

    def release(self, origin: OriginId) -> None:
        """Take back a halt whose cause is gone. The alarm that it raised stays in the list."""
        with self.database.transaction() as connection:
            connection.execute(_HALT, {"which": origin, "code": "", "reason": ""})

    def acknowledged(self, parent: NodeId | None = None) -> dict[OriginId, Acknowledgement]:
        """What a parent has confirmed to have on its disk; the newest word of all parents if none is named."""
        with explained(self.database.path):
            rows = [row for row in self.connection.execute(_SELECT_ACKNOWLEDGED) if parent is None or row[1] == parent]
        return {
            OriginId(row[0]): Acknowledgement(NodeId(row[1]), Seq(row[2]), int(row[3]), int(row[4])) for row in rows
        }


@contextlib.contextmanager
def _closing_on_error(database: Database) -> Iterator[None]:
    """Close the file if what is inside fails, without hiding why."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(apsw.Error):
            database.close()
        raise


def _open_witness(path: str | Path, file: WitnessFile | None) -> Witness:
    try:
        return Witness(file or DiskWitnessFile(f"{path}.witness"))
    except OSError as error:
        raise StoreError(
            f"The witness file {path}.witness cannot be read ({error.strerror}).",
            hint="Check that this user may read it; without it, missing commits would go unseen.",
        ) from error
