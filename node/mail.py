"""Letters: from any node to whoever holds an origin, wherever that is (DESIGN 4).

Each hop stores a letter before it says so: at least once on the wire. Its id follows from what it says, so the holder
reads it once, however often it comes. The way is looked up when a letter is sent, in the reference data: after a
handover or under a new parent it finds the new way. What was sent is kept, and sent again to a neighbour whose store
turns out to come from an older copy, or to another one once the way leads there.

A ticket (``node.tickets``) is minted when no letter is under way, so a disk that has it has all letters before it. One
that was put back to where a ticket was the newest may have lost those after it, and no ticket tells: they go again at
the beginning of the next session, until a newer ticket has been presented.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Literal, Protocol, cast

import sqlalchemy as sa

from node import limits, tickets
from node.chain import Head
from node.database import explained
from node.ids import ID_BYTES, LetterId, NodeId, OriginId
from node.protocol.messages import Letter
from node.reference import Reference
from node.schema import letter, sql
from node.store import Store

WAITS: Final = ""
SENT: Final = "sent"
READ: Final = "read"  # its id stays, so that it is not read again
UNREADABLE: Final = "unreadable"  # kept whole, for a person
_UP: Final = NodeId("")

Reading = Literal["grown", "read", "waits"]
"""What became of a letter: a log has grown by it; it was read; or it stays unread until more is known here."""


class Handler(Protocol):
    """Reads letters of one kind. ``patient``: the letter has not waited for long. A handler marks what it has read, in
    the transaction of what it does. Raises ``LetterRefused``, ``FrameRefused`` or ``CommitRefused`` if it cannot be
    read.
    """

    def __call__(self, item: Letter, *, patient: bool) -> Reading: ...


_COLUMNS = (letter.c.id, letter.c.to_origin, letter.c.kind, letter.c.body)
_SELECT_ADDRESSES = sql(sa.select(letter.c.to_origin).where(letter.c.state == "").distinct())
_INSERT = "INSERT INTO letter (id, to_origin, kind, body, came_at) VALUES (?,?,?,?,?) ON CONFLICT (id) "
_SELECT_IDS = sql(
    sa.select(letter.c.id, letter.c.comings)
    .where(letter.c.state == "", letter.c.to_origin == sa.bindparam("which"))
    .order_by(letter.c.position)
)
_SELECT_LETTER = sql(sa.select(*_COLUMNS, letter.c.came_at).where(letter.c.id == sa.bindparam("which")))
_SELECT_STATE = sql(sa.select(letter.c.state).where(letter.c.id == sa.bindparam("which")))
_POST = _INSERT + "DO UPDATE SET state = '', body = excluded.body WHERE letter.state = 'read'"
_POST_AGAIN = _INSERT + "DO UPDATE SET state = '', body = excluded.body WHERE letter.state IN ('read', 'sent')"
_TAKE = _INSERT + "DO UPDATE SET state = iif(state = 'sent', '', state), comings = comings + 1"
_SET_SENT = (
    "UPDATE letter SET state = 'sent', sent_to = :peer, "
    "sent_under = coalesce((SELECT max(position) FROM ticket WHERE peer = :peer), 0) "
    "WHERE id = :which AND state = '' AND comings = :comings"
)
_SEND_AGAIN_SINCE = "UPDATE letter SET state = '' WHERE state = 'sent' AND sent_to = :peer AND sent_under >= :place"
_SELECT_SENT = sql(sa.select(letter.c.to_origin, letter.c.sent_to).where(letter.c.state == "sent").distinct())
_SEND_ANOTHER_WAY = "UPDATE letter SET state = '' WHERE state = 'sent' AND to_origin = :which AND sent_to = :peer"
_SEND_AGAIN = "UPDATE letter SET state = '' WHERE state = 'sent'"
_SET_STATE = "UPDATE letter SET state = :state, body = iif(:state = 'read', x'', body) WHERE id = :which"
_COUNT = sql(sa.select(sa.func.count()).select_from(letter).where(letter.c.state == sa.bindparam("which")))


def letter_id(to_origin: OriginId, kind: str, body: bytes) -> LetterId:
    """The first 16 bytes of SHA-256 over the origin, the length of the kind (one byte), the kind and the body."""
    name = kind.encode()
    return LetterId(hashlib.sha256(to_origin + bytes([len(name)]) + name + body).digest()[:ID_BYTES])


def compose(to_origin: OriginId, kind: str, body: bytes) -> Letter:
    """A new letter; the same words make the same letter."""
    assert len(body) <= limits.LETTER_BYTES_MAX
    return Letter(letter_id(to_origin, kind, body), to_origin, kind, body)


class Mail:
    """The letters of one store."""

    def __init__(self, store: Store, reference: Reference) -> None:
        self._store = store
        self._reference = reference
        self._routed: Head | None = None

    @property
    def reference(self) -> Reference:
        """Where the way of a letter is looked up."""
        return self._reference

    def post(self, item: Letter, *, again: bool = False) -> None:
        """A letter of our own, inside the caller's transaction. One that was posted before changes nothing, unless it
        is to be sent ``again``; one that we read when it was for us, and send now that another node has the register,
        goes out.
        """
        self._store.connection.execute(_POST_AGAIN if again else _POST, self._values(item))

    def take(self, item: Letter) -> None:
        """A letter from a neighbour: durable on return."""
        with self._store.database.transaction() as connection:
            connection.execute(_TAKE, self._values(item))

    def _values(self, item: Letter) -> tuple[bytes, bytes, str, bytes, int]:
        return item.id, item.to_origin, item.kind, item.body, self._store.clock.wall_ms()

    def send_again(self) -> None:
        """A neighbour has lost what it had: it may have lost letters too."""
        with self._store.database.transaction() as connection:
            connection.execute(_SEND_AGAIN)

    def reroute(self) -> None:
        """Letters that were given to a neighbour go again where their way is another one by now: whoever has them may
        be out of reach, or gone. Cheap while the reference data stay as they are.
        """
        here = self._reference.head()
        if here == self._routed:
            return
        with self._store.database.snapshot() as connection:
            sent = [(OriginId(row[0]), NodeId(str(row[1]))) for row in connection.execute(_SELECT_SENT)]
        parent = self._reference.parent_of(self._store.node_id) or _UP
        astray = [(origin, peer) for origin, peer in sent if peer and peer != (self.way(origin) or parent)]
        if astray:
            with self._store.database.transaction() as connection:
                for origin, peer in astray:
                    connection.execute(_SEND_ANOTHER_WAY, {"which": origin, "peer": peer})
        self._routed = here

    def mark(self, which: LetterId, state: str) -> None:
        """A letter to us was read, or cannot be. Inside the caller's transaction or alone."""
        if self._store.connection.in_transaction:
            self._store.connection.execute(_SET_STATE, {"which": which, "state": state})
        else:
            with self._store.database.transaction() as connection:
                connection.execute(_SET_STATE, {"which": which, "state": state})

    def link(self, child: NodeId | None, *, parent: NodeId = _UP) -> MailLink:
        """The mail of one session with a child; None as child: with the parent, of that name as far as it is known."""
        return MailLink(self._store, self._reference, self, child, parent)

    def here(self, may_read: Callable[[OriginId], bool]) -> list[LetterId]:
        """Unread letters to origins that this node holds and that may be read now, the oldest first."""
        with self._store.database.snapshot() as connection:
            origins = [OriginId(row[0]) for row in connection.execute(_SELECT_ADDRESSES)]
            return [
                LetterId(row[0])
                for origin in origins
                if self.way(origin) == self._store.node_id and may_read(origin)
                for row in connection.execute(_SELECT_IDS, {"which": origin})
            ]

    def get(self, which: LetterId) -> tuple[Letter, int]:
        """A letter, and when it came (Unix ms)."""
        with self._store.database.snapshot() as connection:
            row = connection.execute(_SELECT_LETTER, {"which": which}).fetchone()
        assert row is not None
        return Letter(LetterId(row[0]), OriginId(row[1]), str(row[2]), bytes(row[3])), int(row[4])

    def is_sent(self, which: LetterId) -> bool:
        """Whether the next hop has a letter."""
        with self._store.database.snapshot() as connection:
            row = connection.execute(_SELECT_STATE, {"which": which}).fetchone()
        return row is not None and row[0] == SENT

    def unread(self) -> int:
        """Letters that wait here, for us or for the next hop."""
        with explained(self._store.database.path):
            return cast("int", self._store.connection.execute(_COUNT, {"which": WAITS}).fetchall()[0][0])

    def way(self, to_origin: OriginId) -> NodeId:
        """The child, this node itself, or '' for up."""
        store = self._store
        if to_origin == store.reference_origin():
            return store.node_id if to_origin in store.own_origins() else _UP
        holder = next((held.node_id for held in reversed(self._reference.holdings(to_origin)) if held.node_id), None)
        if holder is None:
            return _UP
        if holder == store.node_id:
            return holder
        return self._reference.next_hop(store.node_id, holder) or _UP


class MailLink:
    """The letters that go over one link, during one session.

    What came over it does not go back over it, unless reference data that came later say that its way leads there:
    two nodes that know different holders would play ball. And a letter that comes while it is on its way out counts as
    one that waits, whatever the other side says of the copy that met it half-way.
    """

    def __init__(self, store: Store, reference: Reference, mail: Mail, child: NodeId | None, parent: NodeId) -> None:
        self.peer = child or parent
        self._store = store
        self._reference = reference
        self._mail = mail
        self._hop = child or _UP
        self._came: dict[LetterId, Head | None] = {}
        self._out: dict[LetterId, int] = {}

    @property
    def waits(self) -> bool:
        """Whether there is a letter whose way leads over this link; cheap, for it is asked at every turn."""
        return self._oldest() is not None

    def next(self) -> Letter | None:
        """The oldest letter whose way leads over this link."""
        found = self._oldest()
        if found is None:
            return None
        which, self._out[which] = found
        return self._mail.get(which)[0]

    def _oldest(self) -> tuple[LetterId, int] | None:
        here = self._reference.head()
        with self._store.database.snapshot() as connection:
            for origin in [OriginId(row[0]) for row in connection.execute(_SELECT_ADDRESSES)]:
                if self._mail.way(origin) != self._hop:
                    continue
                for row in connection.execute(_SELECT_IDS, {"which": origin}):
                    which = LetterId(row[0])
                    if which not in self._came or self._came[which] != here:
                        return which, int(row[1])
        return None

    def begin(self, ticket: bytes) -> None:
        """A session begins under a ticket: what was sent after it may be lost at the other end."""
        with self._store.database.transaction() as connection:
            place = tickets.place(connection, self.peer, ticket)
            connection.execute(_SEND_AGAIN_SINCE, {"peer": self.peer, "place": place})

    def take(self, item: Letter) -> None:
        """A letter that came: durable on return. One that was read here changes nothing; one that we had sent on goes
        again, for whoever sends it again has reason to.
        """
        self._mail.take(item)
        self._came[item.id] = self._reference.head()

    def sent(self, which: LetterId) -> None:
        """The next hop has on its disk what ``next`` returned."""
        with self._store.database.transaction() as connection:
            comings = self._out.pop(which, -1)
            connection.execute(_SET_SENT, {"which": which, "peer": self.peer, "comings": comings})
