"""Giving and taking snapshots in a session: what can be offered, whether an offer is the holder's word, and putting it
in place of what is here.

Nothing that is here is thrown away: commits that only this store has go to the holder as letters first, and those that
both have stay in the log, below the floor.
"""

from __future__ import annotations

from dataclasses import replace

import apsw

from node import changelog, quarantine, snapshots
from node.chain import Head
from node.epochs import rows_moved
from node.errors import DansyncError, FrameRefused
from node.healing import Healer
from node.ids import NodeId, OriginId, Seq
from node.protocol.messages import SnapshotOffer
from node.replay import triggers_off
from node.schema import COLUMN_NAMES, SCHEMA_VERSION
from node.snapshots import Snapshot
from node.store import Store
from node.verification import Verifier

_DELETE_ROWS = {name: f"DELETE FROM {name} WHERE origin = ?" for name in COLUMN_NAMES}
_CUT = (
    "DELETE FROM change_log WHERE origin = :which AND seq > :after",
    "DELETE FROM batch_signature WHERE origin = :which AND seq > :after",
    "UPDATE acknowledged SET seq = min(seq, :after) WHERE origin = :which",
)
_SET_HEAD = (
    "INSERT INTO origin_head (origin, seq, hash, own, via, flow, floor, recorded_at, received_at) "
    "VALUES (:which, :seq, :hash, 0, :via, :flow, :seq, :stated_at, :now) "
    "ON CONFLICT (origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, floor = excluded.floor, "
    "via = iif(excluded.via <> '' AND own = 0, excluded.via, via), "
    "recorded_at = excluded.recorded_at, received_at = excluded.received_at"
)
_SET_ACKNOWLEDGED = "UPDATE acknowledged SET seq = ?, hash = ? WHERE origin = ? AND peer = ?"
_SELECT_ACKNOWLEDGED = "SELECT max(seq) FROM acknowledged WHERE origin = :which"


_ASKED = "anew "  # and an origin: in ``meta``
_ASK = "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING"
_ASK_NO_MORE = "DELETE FROM meta WHERE key = ?"
_SELECT_ASKED = "SELECT key FROM meta WHERE key >= ? AND key < ? ORDER BY key"


class SnapshotRefused(DansyncError):
    """What was offered cannot be taken; ``code`` says why, for the other side."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SnapshotDesk:
    """Snapshots of one store, for all its sessions."""

    def __init__(self, store: Store, verifier: Verifier, healer: Healer) -> None:
        self._store = store
        self._verifier = verifier
        self._healer = healer

    # --- giving ------------------------------------------------------------------------------------------------------

    def offer_behind(self, after: Head, *, anew: bool = False) -> SnapshotOffer | None:
        """What can be offered to whoever stands at ``after``: the newest from which our log goes on.

        ``anew``: the state as it is now, if its holder has said how it is.
        """
        if anew:
            head = self._store.head(after.origin)
            if head.seq > self._verifier.root_seq(after.origin):
                return None  # what the authority decides may go back behind it, and then its commits are needed
            made = make_proved(self._store, self._verifier, head)
            return None if made is None else made.offer
        with self._store.database.snapshot() as connection:
            floor = changelog.floor_of(connection, after.origin)
            for item in snapshots.whole(connection, after.origin):
                if item.head.seq >= floor.seq and item.head.seq > after.seq:
                    return item.offer
        return None

    def chunk(self, head: Head, chunk: int) -> bytes | None:
        """None if it is not there any more: the log was pruned further meanwhile."""
        with self._store.database.snapshot() as connection:
            return snapshots.find_chunk(connection, head, chunk)

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask_anew(self, origin: OriginId) -> None:
        """Take the copy of an origin anew from the child that brings it, at the next contact: durable on return."""
        with self._store.database.transaction() as connection:
            connection.execute(_ASK, (_ASKED + origin.hex(), b""))

    def asked_anew(self) -> list[OriginId]:
        """What is to be taken anew and has not come yet."""
        with self._store.database.snapshot() as connection:
            rows = connection.execute(_SELECT_ASKED, (_ASKED, _ASKED + "~"))
            return [OriginId(bytes.fromhex(str(row[0])[len(_ASKED) :])) for row in rows]

    # --- taking ------------------------------------------------------------------------------------------------------

    def open(self, offer: SnapshotOffer) -> int:
        """How many chunks of it are here. Raises ``SnapshotRefused`` if it is not to be taken."""
        store, head = self._store, offer.head
        if offer.schema_version > SCHEMA_VERSION:
            raise SnapshotRefused(
                "schema_newer",
                f"a snapshot of schema version {offer.schema_version} came, this node knows {SCHEMA_VERSION}: "
                "upgrade it first",
            )
        objection = self._verifier.objection(offer.statement)
        if objection is not None:
            raise SnapshotRefused(*objection)
        with store.database.transaction() as connection:
            for item in snapshots.kept(connection, head.origin):
                if item.offer == replace(offer, after=None):
                    return snapshots.chunks_here(connection, head)
                if not item.whole:
                    snapshots.forget(connection, item.head)
            snapshots.begin(connection, offer, store.clock.wall_ms())
        return 0

    def store_chunk(self, head: Head, chunk: int, payload: bytes) -> None:
        """Durable on return."""
        with self._store.database.transaction() as connection:
            snapshots.store_chunk(connection, head, chunk, payload)

    def install(self, offer: SnapshotOffer, *, peer: NodeId, down: bool) -> None:
        """Prove it and put it in place. Raises ``SnapshotRefused``; then the chunks are forgotten, to be sent anew."""
        store, head = self._store, offer.head
        now = store.clock.wall_ms()
        try:
            self._prove(offer)
        except SnapshotRefused:
            with store.database.transaction() as connection:
                snapshots.forget(connection, head)
            raise
        with store.database.transaction() as connection:
            local = changelog.head_of(connection, head.origin)
            if not down and local.seq > head.seq:
                raise SnapshotRefused(
                    "snapshot_false", f"a snapshot at commit {head.seq} came, and commit {local.seq} is here already"
                )
            if down:
                self._give_up_what_is_only_here(connection, offer, local, now)
            self._put_in_place(connection, offer, now)
            rows_moved(connection, head.origin)
            snapshots.complete(connection, offer)
            connection.execute(_ASK_NO_MORE, (_ASKED + head.origin.hex(),))
            values = {
                "which": head.origin,
                "seq": head.seq,
                "hash": head.hash,
                "via": "" if down else peer,
                "flow": "down" if down else "",
                "stated_at": offer.statement.stated_at_ms,
                "now": now,
            }
            connection.execute(_SET_HEAD, values)
            if down:
                connection.execute(_SET_ACKNOWLEDGED, (head.seq, head.hash, head.origin, peer))
            store.alarm_now(
                "snapshot_taken",
                head.origin,
                f"node {peer} has not the history of this register before commit {head.seq}: "
                f"its {offer.statement.rows} rows came as they stood there, as node {offer.statement.signer} signed",
                now,
            )
        store.rows_changed += 1
        store.changed_over.append(head.origin)
        store.saw_own(head)

    def _prove(self, offer: SnapshotOffer) -> None:
        """Raises ``SnapshotRefused`` if what came is not what was signed."""
        with self._store.database.snapshot() as connection:
            if snapshots.root_of(connection, offer) != offer.root:
                raise SnapshotRefused(
                    "snapshot_false", f"a snapshot at commit {offer.head.seq} was damaged on its way; it is sent again"
                )
            try:
                found = snapshots.digest_of(connection, offer)
            except FrameRefused as error:
                raise SnapshotRefused("snapshot_false", error.message) from error
        if (found.value, found.rows) != (offer.statement.digest, offer.statement.rows):
            raise SnapshotRefused(
                "snapshot_false", f"the rows of a snapshot are not those that node {offer.statement.signer} signed"
            )

    def _give_up_what_is_only_here(
        self, connection: apsw.Connection, offer: SnapshotOffer, local: Head, now: int
    ) -> None:
        """Commits that the other side did not find on its chain leave the log. The holder gets those that no parent
        ever confirmed, and does them again on what stands now; of the others it hears from whoever confirmed them.
        """
        origin = local.origin
        common = self._last_common(connection, offer, local)
        row = connection.execute(_SELECT_ACKNOWLEDGED, {"which": origin}).fetchone()
        confirmed = max(common.seq, min(row[0] or 0 if row else 0, local.seq))
        value = changelog.hash_at(connection, origin, Seq(confirmed))
        if common.seq < local.seq and value is not None:
            self._healer.give_up_side(common, Head(origin, Seq(confirmed), value), offer.head, local, now)
            for statement in _CUT:
                connection.execute(statement, {"which": origin, "after": common.seq})

    def _last_common(self, connection: apsw.Connection, offer: SnapshotOffer, local: Head) -> Head:
        """Up to where our log surely is on the chain of the other side. Behind it nothing may stay in the log: what
        comes back in a letter would be taken for what is there.
        """
        points = [changelog.floor_of(connection, local.origin)]
        points += [point for point in (offer.after, offer.head) if point is not None and point.seq <= local.seq]
        known = [p for p in points if changelog.hash_at(connection, p.origin, p.seq) == p.hash]
        return max(known, key=lambda point: point.seq)

    def _put_in_place(self, connection: apsw.Connection, offer: SnapshotOffer, now: int) -> None:
        origin = offer.head.origin
        with triggers_off(connection):
            for statement in _DELETE_ROWS.values():
                connection.execute(statement, (origin,))
            snapshots.copy_rows(connection, offer, connection)
        for held in quarantine.held_commits(connection, origin):
            quarantine.replaced(connection, origin, held.keys, offer.head.seq, now, by=offer.statement.signer)


def make_proved(store: Store, verifier: Verifier, head: Head) -> Snapshot | None:
    """A snapshot at the head of an origin, if its holder has said how the rows are there and they are so: durable on
    return.
    """
    statement = verifier.proved(head)
    if statement is None:
        return None
    with store.database.transaction() as connection:
        if store.head(head.origin) != head or store.quarantined(head.origin):
            return None
        known = next((item for item in snapshots.whole(connection, head.origin) if item.head == head), None)
        if known is not None:
            return known
        if store.digest(head.origin).value != statement.digest:
            return None
        return snapshots.make(connection, statement, store.clock.wall_ms())
