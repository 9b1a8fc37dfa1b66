"""Messages to frames and back: the only module that knows both protobuf and our own types.

Decoding checks size before parsing and the form of every field after it; unknown fields are ignored, so that a newer
peer may say more. Errors are ``FrameRefused`` with a code from a small closed set.
"""

from __future__ import annotations

import re
from typing import Final

from google.protobuf.message import DecodeError

from dansync.sync.v1 import sync_pb2
from node import limits
from node.chain import Head
from node.errors import FrameRefused
from node.fields import at_most, exact, parse, text
from node.ids import HASH_BYTES, ID_BYTES, Hash, Incarnation, LetterId, NodeId, OriginId, Seq, UnitCode
from node.protocol.assembly import check_header
from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    BatchHeader,
    BatchNumber,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    MailFrame,
    MailStored,
    Outcome,
    ParentMessage,
    Refuse,
    SnapshotAsk,
    SnapshotChunk,
    SnapshotLater,
    SnapshotMessage,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
    States,
    StateStatement,
    Taken,
    Ticket,
    TicketStored,
    TicketVerdict,
    Verified,
    Want,
    Welcome,
)

SYNC_METHOD: Final = "/dansync.sync.v1.SyncService/Sync"

_VERDICTS: Final[dict[TicketVerdict, sync_pb2.TicketVerdict]] = {
    "none_yet": sync_pb2.TICKET_VERDICT_NONE_YET,
    "current": sync_pb2.TICKET_VERDICT_CURRENT,
    "previous": sync_pb2.TICKET_VERDICT_PREVIOUS,
    "stale": sync_pb2.TICKET_VERDICT_STALE,
}
_OUTCOMES: Final[dict[Outcome, sync_pb2.VerifyOutcome]] = {
    "equal": sync_pb2.VERIFY_OUTCOME_EQUAL,
    "repaired": sync_pb2.VERIFY_OUTCOME_REPAIRED,
    "differs": sync_pb2.VERIFY_OUTCOME_DIFFERS,
    "held_back": sync_pb2.VERIFY_OUTCOME_HELD_BACK,
    "elsewhere": sync_pb2.VERIFY_OUTCOME_ELSEWHERE,
    "refused": sync_pb2.VERIFY_OUTCOME_REFUSED,
}
_OUTCOME_OF: Final = {number: outcome for outcome, number in _OUTCOMES.items()}
_VERDICT_OF: Final = {number: verdict for verdict, number in _VERDICTS.items()}
_NODE_ID: Final = re.compile(r"[^\s:|\x00-\x1f]{1,200}")
_SEQ_MAX: Final = (1 << 63) - 1  # SQLite's integers are signed
_TICKET_BYTES_MAX: Final = 64
_SIGNATURE_BYTES_MAX: Final = 512
_REFERENCE_BYTES: Final = (0, HASH_BYTES)


# --- encoding --------------------------------------------------------------------------------------------------------


def encode_request(message: ChildMessage) -> bytes:
    """One frame from the child."""
    frame = sync_pb2.SyncRequest()
    match message:
        case Hello():
            frame.hello.protocol_version_min = message.protocol_version_min
            frame.hello.protocol_version_max = message.protocol_version_max
            frame.hello.schema_version = message.schema_version
            frame.hello.node_id = message.node_id
            frame.hello.incarnation = message.incarnation
            frame.hello.reference_hash = message.reference_hash
            frame.hello.ticket = message.ticket
            frame.hello.unit.code = message.unit_code
            frame.hello.unit.valid_from = message.unit_valid_from
            frame.hello.release = message.release
        case Heads():
            _write_heads(frame.heads, message)
        case BatchFrame():
            _write_batch(frame.batch, message)
        case SnapshotOffer() | SnapshotWant() | SnapshotLater() | SnapshotChunk() | SnapshotStored() | SnapshotTaken():
            _write_snapshot(frame.snapshot, message)
        case States():
            frame.states.SetInParent()
            for statement in message.states:
                _write_state(frame.states.states.add(), statement)
        case Drained():
            frame.drained.SetInParent()
        case TicketStored():
            frame.ticket_stored.ticket = message.ticket
        case Heartbeat():
            _write_heartbeat(frame.heartbeat, message)
        case Want():
            _write_head(frame.want.have, message.have)
            for head in message.older:
                _write_head(frame.want.older.add(), head)
            frame.want.point_only = message.point_only
        case Taken():
            frame.taken.batch = message.batch
            _write_head(frame.taken.head, message.head)
        case MailFrame():
            _write_mail(frame.mail, message)
        case MailStored():
            frame.mail_stored.id = message.id
        case Finish():
            frame.finish.SetInParent()
            frame.finish.code = message.code
            frame.finish.detail = _cut(message.detail)
    return _checked(frame.SerializeToString())


def encode_response(message: ParentMessage) -> bytes:
    """One frame from the parent."""
    frame = sync_pb2.SyncResponse()
    match message:
        case Welcome():
            frame.welcome.protocol_version = message.protocol_version
            frame.welcome.schema_version = message.schema_version
            frame.welcome.node_id = message.node_id
            frame.welcome.incarnation = message.incarnation
            frame.welcome.reference_hash = message.reference_hash
            frame.welcome.ticket_verdict = _VERDICTS[message.ticket_verdict]
            frame.welcome.release = message.release
        case Heads():
            _write_heads(frame.heads, message)
        case Acknowledge():
            frame.acknowledge.batch = message.batch
            _write_head(frame.acknowledge.head, message.head)
            frame.acknowledge.applied = message.applied
            frame.acknowledge.quarantined = message.quarantined
            frame.acknowledge.receipt_at_ms = message.receipt_at_ms
            frame.acknowledge.receipt = message.receipt
        case Refuse():
            frame.refuse.origin = message.origin
            frame.refuse.code = message.code
            frame.refuse.detail = _cut(message.detail)
            frame.refuse.batch = message.batch or 0
        case SnapshotOffer() | SnapshotWant() | SnapshotLater() | SnapshotChunk() | SnapshotStored() | SnapshotTaken():
            _write_snapshot(frame.snapshot, message)
        case SnapshotAsk():
            frame.snapshot.ask.origin = message.origin
        case Verified():
            _write_head(frame.verified.head, message.head)
            frame.verified.outcome = _OUTCOMES[message.outcome]
            frame.verified.root_seq = message.root_seq
        case Ticket():
            frame.ticket.ticket = message.ticket
        case Heartbeat():
            _write_heartbeat(frame.heartbeat, message)
        case BatchFrame():
            _write_batch(frame.batch, message)
        case MailFrame():
            _write_mail(frame.mail, message)
        case MailStored():
            frame.mail_stored.id = message.id
        case Finish():
            frame.finish.SetInParent()
            frame.finish.code = message.code
            frame.finish.detail = _cut(message.detail)
    return _checked(frame.SerializeToString())


def _checked(frame: bytes) -> bytes:
    assert len(frame) <= limits.FRAME_BYTES_MAX, "our own frame is too large"
    return frame


def _cut(text: str) -> str:
    """A detail may quote the world, also a path that is no UTF-8; it is shortened to its limit, never refused."""
    return text.encode(errors="replace")[: limits.TEXT_FIELD_BYTES_MAX].decode(errors="ignore")


def _write_head(target: sync_pb2.Head, head: Head) -> None:
    target.origin = head.origin
    target.seq = head.seq
    target.hash = head.hash


def _write_heartbeat(target: sync_pb2.Heartbeat, message: Heartbeat) -> None:
    target.SetInParent()
    target.probe = message.probe
    target.answer = message.answer


def _write_heads(target: sync_pb2.Heads, message: Heads) -> None:
    target.SetInParent()
    for head in message.own:
        _write_head(target.own.add(), head)
    for head in message.relayed:
        _write_head(target.relayed.add(), head)
    target.last = message.last


def _write_state(target: sync_pb2.State, statement: StateStatement) -> None:
    _write_head(target.head, statement.head)
    target.digest = statement.digest
    target.rows = statement.rows
    target.stated_at_ms = statement.stated_at_ms
    target.signer = statement.signer
    target.signature = statement.signature


def _write_snapshot(target: sync_pb2.Snapshot, message: SnapshotMessage) -> None:
    match message:
        case SnapshotOffer():
            _write_state(target.offer.state, message.statement)
            target.offer.chunks = message.chunks
            target.offer.root = message.root
            target.offer.schema_version = message.schema_version
            if message.after is not None:
                _write_head(target.offer.after, message.after)
        case SnapshotWant():
            _write_head(target.want.head, message.head)
            target.want.chunk = message.chunk
        case SnapshotLater():
            _write_head(target.later.head, message.head)
            target.later.wait_ms = message.wait_ms
        case SnapshotChunk():
            target.chunk.origin = message.origin
            target.chunk.chunk = message.chunk
            target.chunk.payload = message.payload
        case SnapshotStored():
            target.stored.origin = message.origin
            target.stored.chunk = message.chunk
        case SnapshotTaken():
            _write_head(target.taken.head, message.head)


def _write_mail(target: sync_pb2.MailFrame, message: MailFrame) -> None:
    target.id = message.id
    target.to_origin = message.to_origin or b""
    target.kind = message.kind
    target.body_bytes = message.body_bytes
    target.payload = message.payload
    target.last = message.last


def _write_batch(target: sync_pb2.BatchFrame, message: BatchFrame) -> None:
    target.batch = message.batch
    target.payload = message.payload
    target.last = message.last
    header = message.header
    if header is not None:
        target.header.origin = header.origin
        target.header.previous_seq = header.previous_seq
        target.header.previous_hash = header.previous_hash
        target.header.seq = header.seq
        target.header.hash = header.hash
        target.header.commits = header.commits
        target.header.raw_bytes = header.raw_bytes
        target.header.wire_bytes = header.wire_bytes
        target.header.signer = header.signer
        target.header.signature = header.signature


def encode_side_batch(header: BatchHeader, payload: bytes) -> bytes:
    """A batch in a letter: the same message as on the stream, in one piece."""
    frame = sync_pb2.BatchFrame()
    _write_batch(frame, BatchFrame(BatchNumber(1), header, payload, last=True))
    return frame.SerializeToString()


# --- decoding --------------------------------------------------------------------------------------------------------


def decode_request(data: bytes) -> ChildMessage:
    """A frame from a child. Raises ``FrameRefused`` with code ``oversized`` or ``malformed``."""
    frame = sync_pb2.SyncRequest()
    parse(frame.ParseFromString, data)
    match frame.WhichOneof("frame"):
        case "hello":
            hello = frame.hello
            return Hello(
                protocol_version_min=hello.protocol_version_min,
                protocol_version_max=hello.protocol_version_max,
                schema_version=hello.schema_version,
                node_id=_node_id(hello.node_id),
                incarnation=Incarnation(exact(hello.incarnation, (ID_BYTES,), "incarnation")),
                reference_hash=exact(hello.reference_hash, _REFERENCE_BYTES, "reference_hash"),
                ticket=at_most(hello.ticket, _TICKET_BYTES_MAX, "ticket"),
                unit_code=UnitCode(text(hello.unit.code, "unit")),
                unit_valid_from=text(hello.unit.valid_from, "unit"),
                release=text(hello.release, "release"),
            )
        case "heads":
            return _read_heads(frame.heads)
        case "batch":
            return _read_batch(frame.batch)
        case "snapshot":
            return _read_snapshot(frame.snapshot)
        case "states":
            if len(frame.states.states) > limits.STATES_PER_FRAME_MAX:
                raise FrameRefused("oversized", "A frame holds too many statements.")
            return States(tuple(map(_read_state, frame.states.states)))
        case "drained":
            return Drained()
        case "ticket_stored":
            return TicketStored(at_most(frame.ticket_stored.ticket, _TICKET_BYTES_MAX, "ticket"))
        case "heartbeat":
            return Heartbeat(frame.heartbeat.probe, frame.heartbeat.answer)
        case "want":
            if len(frame.want.older) > limits.OLDER_MAX:
                raise FrameRefused("oversized", "A frame names too many heads.")
            want = frame.want
            return Want(_read_head(want.have), tuple(map(_read_head, want.older)), want.point_only)
        case "taken":
            return Taken(BatchNumber(frame.taken.batch), _read_head(frame.taken.head))
        case "mail":
            return _read_mail(frame.mail)
        case "mail_stored":
            return MailStored(_letter_id(frame.mail_stored.id))
        case "finish":
            return Finish(text(frame.finish.code, "code"), text(frame.finish.detail, "detail"))
        case _:
            raise FrameRefused("malformed", "A frame carries no message that this release knows.")


def decode_response(data: bytes) -> ParentMessage:
    """A frame from a parent. Raises ``FrameRefused`` with code ``oversized`` or ``malformed``."""
    frame = sync_pb2.SyncResponse()
    parse(frame.ParseFromString, data)
    match frame.WhichOneof("frame"):
        case "welcome":
            welcome = frame.welcome
            verdict = _VERDICT_OF.get(welcome.ticket_verdict)
            if verdict is None:
                raise FrameRefused("malformed", "The parent's word on the ticket is not known.")
            return Welcome(
                protocol_version=welcome.protocol_version,
                schema_version=welcome.schema_version,
                node_id=_node_id(welcome.node_id),
                incarnation=Incarnation(exact(welcome.incarnation, (ID_BYTES,), "incarnation")),
                reference_hash=exact(welcome.reference_hash, _REFERENCE_BYTES, "reference_hash"),
                ticket_verdict=verdict,
                release=text(welcome.release, "release"),
            )
        case "heads":
            return _read_heads(frame.heads)
        case "acknowledge":
            message = frame.acknowledge
            if message.applied + message.quarantined > limits.BATCH_COMMITS_MAX:
                raise FrameRefused("malformed", "The parent acknowledges more commits than a batch holds.")
            return Acknowledge(
                BatchNumber(message.batch),
                _read_head(message.head),
                message.applied,
                message.quarantined,
                message.receipt_at_ms,
                at_most(message.receipt, _SIGNATURE_BYTES_MAX, "receipt"),
            )
        case "refuse":
            refuse = frame.refuse
            return Refuse(
                OriginId(exact(refuse.origin, (ID_BYTES,), "origin")),
                text(refuse.code, "code"),
                text(refuse.detail, "detail"),
                BatchNumber(refuse.batch) if refuse.batch else None,
            )
        case "snapshot" if frame.snapshot.WhichOneof("step") == "ask":
            return SnapshotAsk(OriginId(exact(frame.snapshot.ask.origin, (ID_BYTES,), "origin")))
        case "snapshot":
            return _read_snapshot(frame.snapshot)
        case "verified":
            outcome = _OUTCOME_OF.get(frame.verified.outcome)
            if outcome is None:
                raise FrameRefused("malformed", "The parent's word on a comparison is not known.")
            if frame.verified.root_seq > _SEQ_MAX:
                raise FrameRefused("malformed", "A sequence number is beyond its range.")
            return Verified(_read_head(frame.verified.head), outcome, Seq(frame.verified.root_seq))
        case "ticket":
            return Ticket(at_most(frame.ticket.ticket, _TICKET_BYTES_MAX, "ticket"))
        case "heartbeat":
            return Heartbeat(frame.heartbeat.probe, frame.heartbeat.answer)
        case "batch":
            return _read_batch(frame.batch)
        case "mail":
            return _read_mail(frame.mail)
        case "mail_stored":
            return MailStored(_letter_id(frame.mail_stored.id))
        case "finish":
            return Finish(text(frame.finish.code, "code"), text(frame.finish.detail, "detail"))
        case _:
            raise FrameRefused("malformed", "A frame carries no message that this release knows.")


def decode_side_batch(body: bytes) -> tuple[BatchHeader, bytes]:
    """A batch out of a letter. Raises ``FrameRefused``."""
    if len(body) > limits.LETTER_BYTES_MAX:
        raise FrameRefused("oversized", f"A letter has {len(body)} bytes.")
    message = sync_pb2.BatchFrame()
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise FrameRefused("malformed", f"A letter cannot be read ({error}).") from error
    frame = _read_batch(message)
    if frame.header is None or not frame.last:
        raise FrameRefused("malformed", "A letter holds a piece of a batch.")
    check_header(frame.header)
    return frame.header, frame.payload


def _letter_id(value: bytes) -> LetterId:
    return LetterId(exact(value, (ID_BYTES,), "id"))


def _read_mail(frame: sync_pb2.MailFrame) -> MailFrame:
    to_origin = exact(frame.to_origin, (0, ID_BYTES), "to_origin")
    return MailFrame(
        _letter_id(frame.id),
        OriginId(to_origin) if to_origin else None,
        text(frame.kind, "kind"),
        frame.body_bytes,
        frame.payload,
        frame.last,
    )


def _read_head(head: sync_pb2.Head) -> Head:
    if head.seq > _SEQ_MAX:
        raise FrameRefused("malformed", "A sequence number is beyond its range.")
    return Head(
        OriginId(exact(head.origin, (ID_BYTES,), "origin")),
        Seq(head.seq),
        Hash(exact(head.hash, (HASH_BYTES,), "hash")),
    )


def _read_state(state: sync_pb2.State) -> StateStatement:
    if state.rows > _SEQ_MAX:
        raise FrameRefused("malformed", "A number of rows is beyond its range.")
    return StateStatement(
        _read_head(state.head),
        Hash(exact(state.digest, (HASH_BYTES,), "digest")),
        state.rows,
        state.stated_at_ms,
        _node_id(state.signer),
        at_most(state.signature, _SIGNATURE_BYTES_MAX, "signature"),
    )


def _read_snapshot(snapshot: sync_pb2.Snapshot) -> SnapshotMessage:
    match snapshot.WhichOneof("step"):
        case "offer":
            offer = snapshot.offer
            root = Hash(exact(offer.root, (HASH_BYTES,), "root"))
            after = _read_head(offer.after) if offer.HasField("after") else None
            return SnapshotOffer(_read_state(offer.state), offer.chunks, root, offer.schema_version, after)
        case "want":
            return SnapshotWant(_read_head(snapshot.want.head), snapshot.want.chunk)
        case "later":
            return SnapshotLater(_read_head(snapshot.later.head), snapshot.later.wait_ms)
        case "chunk":
            chunk = snapshot.chunk
            return SnapshotChunk(OriginId(exact(chunk.origin, (ID_BYTES,), "origin")), chunk.chunk, chunk.payload)
        case "stored":
            stored = snapshot.stored
            return SnapshotStored(OriginId(exact(stored.origin, (ID_BYTES,), "origin")), stored.chunk)
        case "taken":
            return SnapshotTaken(_read_head(snapshot.taken.head))
        case _:
            raise FrameRefused("malformed", "A frame carries no step of a snapshot that this release knows.")


def _read_heads(heads: sync_pb2.Heads) -> Heads:
    if len(heads.own) + len(heads.relayed) > limits.HEADS_PER_FRAME_MAX:
        raise FrameRefused("oversized", "A frame names too many heads.")
    return Heads(tuple(map(_read_head, heads.own)), tuple(map(_read_head, heads.relayed)), heads.last)


def _read_batch(frame: sync_pb2.BatchFrame) -> BatchFrame:
    header: BatchHeader | None = None
    if frame.HasField("header"):
        value = frame.header
        if value.seq > _SEQ_MAX or value.previous_seq > _SEQ_MAX:
            raise FrameRefused("malformed", "A sequence number is beyond its range.")
        header = BatchHeader(
            origin=OriginId(exact(value.origin, (ID_BYTES,), "origin")),
            previous_seq=Seq(value.previous_seq),
            previous_hash=Hash(exact(value.previous_hash, (HASH_BYTES,), "hash")),
            seq=Seq(value.seq),
            hash=Hash(exact(value.hash, (HASH_BYTES,), "hash")),
            commits=value.commits,
            raw_bytes=value.raw_bytes,
            wire_bytes=value.wire_bytes,
            signer=NodeId(text(value.signer, "signer")),
            signature=at_most(value.signature, _SIGNATURE_BYTES_MAX, "signature"),
        )
    return BatchFrame(BatchNumber(frame.batch), header, frame.payload, frame.last)


def _node_id(value: str) -> NodeId:
    """A node's id becomes a metric label and part of references: no blanks, no ':' and no '|' (FORMAT)."""
    if not _NODE_ID.fullmatch(value):
        raise FrameRefused("malformed", "A node's id is not of the form that ids have.")
    return NodeId(value)
