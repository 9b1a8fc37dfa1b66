"""What the machines ask their shells to do. A shell performs actions in order; where an action has an answer, the shell
feeds it back to the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.chain import Head
from node.ids import LetterId, OriginId, Seq
from node.protocol.messages import (
    BatchHeader,
    BatchNumber,
    Hello,
    Letter,
    Message,
    Outcome,
    SnapshotOffer,
    StateStatement,
)


@dataclass(frozen=True, slots=True)
class Send:
    message: Message


@dataclass(frozen=True, slots=True)
class Close:
    """The session is over. ``clean`` if both sides said Finish; else the link should be tried again."""

    code: str
    detail: str
    clean: bool


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something an operator must see."""

    code: str
    origin: OriginId | None
    detail: str


@dataclass(frozen=True, slots=True)
class LoadLetter:
    """Read the next letter for the other side; answer with ``letter_loaded``."""


@dataclass(frozen=True, slots=True)
class TakeLetter:
    """Store a letter durably, for us or for whoever is next; answer with ``letter_taken``."""

    letter: Letter


@dataclass(frozen=True, slots=True)
class ForgetLetter:
    """The other side has it on its disk."""

    letter_id: LetterId


@dataclass(frozen=True, slots=True)
class LoadSnapshot:
    """The other side stands at this head and our log has nothing that follows: what can be offered instead? Answer with
    ``snapshot_loaded``. ``anew``: it has asked for the state as it is now, whatever it has.
    """

    after: Head
    anew: bool = False


@dataclass(frozen=True, slots=True)
class LoadChunk:
    """Read one chunk of the snapshot that was offered; answer with ``chunk_loaded``."""

    head: Head
    chunk: int


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A snapshot is offered: is it the holder's word, is there room, and how much of it is here already? Answer with
    ``snapshot_opened``, ``snapshot_put_off`` or ``snapshot_refused``.
    """

    offer: SnapshotOffer


@dataclass(frozen=True, slots=True)
class StoreChunk:
    """Store one chunk durably; answer with ``chunk_stored``."""

    head: Head
    chunk: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """All chunks are here: prove the whole and put the rows in place; answer with ``snapshot_installed`` or
    ``snapshot_refused``.
    """

    offer: SnapshotOffer


# --- child ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Locate:
    """Find the parent's heads in our log; answer with ``ChildSession.located``."""

    heads: tuple[Head, ...]


@dataclass(frozen=True, slots=True)
class Load:
    """Read and encode the next batch after this head; answer with ``ChildSession.loaded``."""

    previous: Head


@dataclass(frozen=True, slots=True)
class KeepAcknowledged:
    """Write down that the parent has everything up to ``head``, and its receipt if it gave one."""

    head: Head
    quarantined: int
    receipt_at_ms: int = 0
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class Attest:
    """Say how the rows of each origin stand at its head; answer with ``ChildSession.attested``."""


@dataclass(frozen=True, slots=True)
class KeepVerified:
    """Write down what came of the parent's comparison; where it differs, look at our own rows."""

    head: Head
    outcome: Outcome
    root_seq: Seq


@dataclass(frozen=True, slots=True)
class KeepTicket:
    """Store the ticket durably before anything else is sent."""

    ticket: bytes


@dataclass(frozen=True, slots=True)
class TakeDown:
    """Check, store and apply a batch of the parent durably; answer with ``ChildSession.taken`` or ``not_taken``.

    ``aside``: it belongs to another history than ours; it is kept beside the log until all of it is here.
    """

    batch: BatchNumber
    header: BatchHeader
    payload: bytes
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """The parent's history of the origin is here, up to ``trunk``: take it in the place of ours, and do again what only
    ours had; answer with ``ChildSession.switched``.
    """

    trunk: Head


@dataclass(frozen=True, slots=True)
class Heal:
    """The origin here is not what the parent has; what is missing comes now. Say so, and hold work on it."""

    origin: OriginId
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Halt:
    """The origin does not climb any more until somebody looks: mark it, and alarm unless it was marked so before."""

    origin: OriginId
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class HandOn:
    """What is behind this commit in our log of an origin that has another way now, the parent has not: its holder gets
    it, as letters.
    """

    after: Head


@dataclass(frozen=True, slots=True)
class Release:
    """The origin climbs: take back a mark that an earlier session left."""

    origin: OriginId


# --- parent --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LookUp:
    """Say what we have of these origins and which of them this child may bring; answer with
    ``ParentSession.looked_up``.
    """

    hello: Hello
    own: tuple[Head, ...]
    relayed: tuple[Head, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class Apply:
    """Check, store and apply a batch durably; answer with ``ParentSession.applied`` or ``ParentSession.refused``."""

    batch: BatchNumber
    header: BatchHeader
    payload: bytes


@dataclass(frozen=True, slots=True)
class Verify:
    """Compare our copy of an origin with what its holder says; answer with ``ParentSession.verified``."""

    statement: StateStatement


@dataclass(frozen=True, slots=True)
class MintTicket:
    """Mint and store a ticket beside the one the child presented; answer with ``ParentSession.minted``."""


@dataclass(frozen=True, slots=True)
class ConfirmTicket:
    """The child has stored this ticket."""

    ticket: bytes


@dataclass(frozen=True, slots=True)
class Offer:
    """May the child have what follows the first of these heads that is on our chain? Answer with
    ``ParentSession.offered``. ``point_only``: it only wants to know which that is.
    """

    have: Head
    older: tuple[Head, ...] = ()
    point_only: bool = False


@dataclass(frozen=True, slots=True)
class LoadDown:
    """Read and encode the next batch for the child after this head; answer with ``ParentSession.loaded``."""

    previous: Head


MailAction = LoadLetter | TakeLetter | ForgetLetter
SnapshotAction = LoadSnapshot | LoadChunk | OpenSnapshot | StoreChunk | InstallSnapshot
ChildAction = (
    Send
    | Close
    | Alarm
    | Locate
    | Load
    | KeepAcknowledged
    | Attest
    | KeepVerified
    | KeepTicket
    | TakeDown
    | Switch
    | Heal
    | Halt
    | Release
    | HandOn
    | MailAction
    | SnapshotAction
)
ParentAction = (
    Send
    | Close
    | Alarm
    | LookUp
    | Apply
    | Verify
    | MintTicket
    | ConfirmTicket
    | Offer
    | LoadDown
    | MailAction
    | SnapshotAction
)
