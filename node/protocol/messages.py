"""The messages of a session, as our own types. ``node.wire`` turns them into protobuf and back; nothing else knows
protobuf.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NewType

from node.chain import Head
from node.ids import Hash, Incarnation, LetterId, NodeId, OriginId, Seq, UnitCode

PROTOCOL_VERSION_MIN: Final = 1
PROTOCOL_VERSION_MAX: Final = 1

BatchNumber = NewType("BatchNumber", int)  # 1, 2, 3 ... in one session
TicketVerdict = Literal["none_yet", "current", "previous", "stale"]
Outcome = Literal["equal", "repaired", "differs", "held_back", "elsewhere", "refused"]
"""What came of comparing a copy with its holder's statement: the rows are equal; they were not and are now; they are
not; some are held back; the copy stands at another commit; the statement is not the holder's.
"""


@dataclass(frozen=True, slots=True)
class Hello:
    protocol_version_min: int
    protocol_version_max: int
    schema_version: int
    node_id: NodeId
    incarnation: Incarnation
    reference_hash: bytes
    ticket: bytes
    unit_code: UnitCode
    unit_valid_from: str
    release: str


@dataclass(frozen=True, slots=True)
class Welcome:
    protocol_version: int
    schema_version: int
    node_id: NodeId
    incarnation: Incarnation
    reference_hash: bytes
    ticket_verdict: TicketVerdict
    release: str


@dataclass(frozen=True, slots=True)
class Heads:
    """Follows Hello and Welcome, in as many pieces as it takes; later a child announces new origins so, and is answered
    so.
    """

    own: tuple[Head, ...]
    relayed: tuple[Head, ...]
    last: bool


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """Consecutive commits of one origin: ``commits`` of them after ``previous`` up to ``head``; sizes in bytes."""

    origin: OriginId
    previous_seq: Seq
    previous_hash: Hash
    seq: Seq
    hash: Hash
    commits: int
    raw_bytes: int
    wire_bytes: int
    signer: NodeId
    signature: bytes

    @property
    def previous(self) -> Head:
        return Head(self.origin, self.previous_seq, self.previous_hash)

    @property
    def head(self) -> Head:
        return Head(self.origin, self.seq, self.hash)


@dataclass(frozen=True, slots=True)
class BatchFrame:
    """A piece of a batch; the first one carries the header."""

    batch: BatchNumber
    header: BatchHeader | None
    payload: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Everything up to ``head`` is on the parent's disk. ``applied`` + ``quarantined`` = the batch's commits.

    ``receipt`` is the parent's signature over that, with its time; empty if it gives none.
    """

    batch: BatchNumber
    head: Head
    applied: int
    quarantined: int
    receipt_at_ms: int = 0
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The parent takes nothing more of this origin in this session, or gives nothing of it. ``batch`` is None if no
    batch is meant.
    """

    origin: OriginId
    code: str
    detail: str
    batch: BatchNumber | None


@dataclass(frozen=True, slots=True)
class StateStatement:
    """The holder of an origin: "at this commit of mine, the rows have this digest" (``node.digest``). ``rows`` counts
    those of the register. Relays pass it on as it is.
    """

    head: Head
    digest: Hash
    rows: int
    stated_at_ms: int
    signer: NodeId
    signature: bytes


@dataclass(frozen=True, slots=True)
class States:
    """What the holders say of the origins that the child has brought. Comes before Drained, in as many pieces as it
    takes.
    """

    states: tuple[StateStatement, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """The parent has compared its copy at ``head`` with what the holder said; one for each statement.

    ``root_seq``: up to where the root of the tree has the origin, as far as the parent knows.
    """

    head: Head
    outcome: Outcome
    root_seq: Seq = Seq(0)  # noqa: RUF009  a Seq is an int


@dataclass(frozen=True, slots=True)
class Drained:
    """The child has sent everything it has, and all of it is acknowledged."""


@dataclass(frozen=True, slots=True)
class Ticket:
    ticket: bytes


@dataclass(frozen=True, slots=True)
class TicketStored:
    ticket: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The sender lives. A ``probe`` other than 0 is sent back as ``answer``."""

    probe: int = 0
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Want:
    """Send what comes after ``have``, or after the first of ``older`` that is on your chain, and go on with what is new
    until the session ends. ``point_only``: send nothing, only say which of them it is.
    """

    have: Head
    older: tuple[Head, ...] = ()
    point_only: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The child has a batch of the parent on its disk, up to ``head``."""

    batch: BatchNumber
    head: Head


@dataclass(frozen=True, slots=True)
class Letter:
    """Something for the holder of an origin, passed on from hop to hop (``node.mail``)."""

    id: LetterId
    to_origin: OriginId
    kind: str
    body: bytes


@dataclass(frozen=True, slots=True)
class MailFrame:
    """A piece of a letter. The first one carries ``to_origin``, ``kind`` and ``body_bytes``, others none of them."""

    id: LetterId
    to_origin: OriginId | None
    kind: str
    body_bytes: int
    payload: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class MailStored:
    """The letter is on the receiver's disk."""

    id: LetterId


@dataclass(frozen=True, slots=True)
class SnapshotOffer:
    """The rows of an origin as they stood at a commit, for whoever lacks the history before it. ``root``: SHA-256 over
    the hashes of the chunks. The statement is the holder's and proves the whole. ``after``: the receiver's commit, on
    the sender's chain, behind which it comes; None in a store.
    """

    statement: StateStatement
    chunks: int
    root: Hash
    schema_version: int
    after: Head | None = None

    @property
    def head(self) -> Head:
        return self.statement.head


@dataclass(frozen=True, slots=True)
class SnapshotWant:
    """Send it, from this chunk on (0, 1, 2 ...); as many as it has: all of it is here."""

    head: Head
    chunk: int


@dataclass(frozen=True, slots=True)
class SnapshotLater:
    """There is no room now: offer it again after this time."""

    head: Head
    wait_ms: int


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    origin: OriginId
    chunk: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class SnapshotStored:
    """The chunk is on the disk."""

    origin: OriginId
    chunk: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The rows are in place; commits may go on behind ``head``."""

    head: Head


@dataclass(frozen=True, slots=True)
class SnapshotAsk:
    """A parent whose copy somebody wants to take anew: offer what you have now."""

    origin: OriginId


@dataclass(frozen=True, slots=True)
class Finish:
    """The explicit end. A stream that ends without it was cut (RELIABILITY 0.5)."""

    code: str
    detail: str


MailMessage = MailFrame | MailStored
SnapshotMessage = SnapshotOffer | SnapshotWant | SnapshotLater | SnapshotChunk | SnapshotStored | SnapshotTaken
ChildMessage = (
    Hello
    | Heads
    | BatchFrame
    | States
    | Drained
    | TicketStored
    | Heartbeat
    | Want
    | Taken
    | MailMessage
    | SnapshotMessage
    | Finish
)
ParentMessage = (
    Welcome
    | Heads
    | Acknowledge
    | Refuse
    | Verified
    | Ticket
    | Heartbeat
    | BatchFrame
    | MailMessage
    | SnapshotMessage
    | SnapshotAsk
    | Finish
)
Message = ChildMessage | ParentMessage
