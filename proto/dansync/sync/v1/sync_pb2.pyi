from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TicketVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TICKET_VERDICT_UNSPECIFIED: _ClassVar[TicketVerdict]
    TICKET_VERDICT_NONE_YET: _ClassVar[TicketVerdict]
    TICKET_VERDICT_CURRENT: _ClassVar[TicketVerdict]
    TICKET_VERDICT_PREVIOUS: _ClassVar[TicketVerdict]
    TICKET_VERDICT_STALE: _ClassVar[TicketVerdict]

class VerifyOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERIFY_OUTCOME_UNSPECIFIED: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_EQUAL: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_REPAIRED: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_DIFFERS: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_HELD_BACK: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_ELSEWHERE: _ClassVar[VerifyOutcome]
    VERIFY_OUTCOME_REFUSED: _ClassVar[VerifyOutcome]
TICKET_VERDICT_UNSPECIFIED: TicketVerdict
TICKET_VERDICT_NONE_YET: TicketVerdict
TICKET_VERDICT_CURRENT: TicketVerdict
TICKET_VERDICT_PREVIOUS: TicketVerdict
TICKET_VERDICT_STALE: TicketVerdict
VERIFY_OUTCOME_UNSPECIFIED: VerifyOutcome
VERIFY_OUTCOME_EQUAL: VerifyOutcome
VERIFY_OUTCOME_REPAIRED: VerifyOutcome
VERIFY_OUTCOME_DIFFERS: VerifyOutcome
VERIFY_OUTCOME_HELD_BACK: VerifyOutcome
VERIFY_OUTCOME_ELSEWHERE: VerifyOutcome
VERIFY_OUTCOME_REFUSED: VerifyOutcome

class SyncRequest(_message.Message):
    __slots__ = ("hello", "heads", "batch", "drained", "heartbeat", "finish", "ticket_stored", "want", "taken", "mail", "mail_stored", "states", "snapshot")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    DRAINED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    TICKET_STORED_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    MAIL_FIELD_NUMBER: _ClassVar[int]
    MAIL_STORED_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    heads: Heads
    batch: BatchFrame
    drained: Drained
    heartbeat: Heartbeat
    finish: Finish
    ticket_stored: TicketStored
    want: Want
    taken: Taken
    mail: MailFrame
    mail_stored: MailStored
    states: States
    snapshot: Snapshot
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., heads: _Optional[_Union[Heads, _Mapping]] = ..., batch: _Optional[_Union[BatchFrame, _Mapping]] = ..., drained: _Optional[_Union[Drained, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., ticket_stored: _Optional[_Union[TicketStored, _Mapping]] = ..., want: _Optional[_Union[Want, _Mapping]] = ..., taken: _Optional[_Union[Taken, _Mapping]] = ..., mail: _Optional[_Union[MailFrame, _Mapping]] = ..., mail_stored: _Optional[_Union[MailStored, _Mapping]] = ..., states: _Optional[_Union[States, _Mapping]] = ..., snapshot: _Optional[_Union[Snapshot, _Mapping]] = ...) -> None: ...

class SyncResponse(_message.Message):
    __slots__ = ("welcome", "heads", "acknowledge", "refuse", "ticket", "heartbeat", "finish", "batch", "mail", "mail_stored", "verified", "snapshot")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    REFUSE_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    MAIL_FIELD_NUMBER: _ClassVar[int]
    MAIL_STORED_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    heads: Heads
    acknowledge: Acknowledge
    refuse: Refuse
    ticket: Ticket
    heartbeat: Heartbeat
    finish: Finish
    batch: BatchFrame
    mail: MailFrame
    mail_stored: MailStored
    verified: Verified
    snapshot: Snapshot
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., heads: _Optional[_Union[Heads, _Mapping]] = ..., acknowledge: _Optional[_Union[Acknowledge, _Mapping]] = ..., refuse: _Optional[_Union[Refuse, _Mapping]] = ..., ticket: _Optional[_Union[Ticket, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., batch: _Optional[_Union[BatchFrame, _Mapping]] = ..., mail: _Optional[_Union[MailFrame, _Mapping]] = ..., mail_stored: _Optional[_Union[MailStored, _Mapping]] = ..., verified: _Optional[_Union[Verified, _Mapping]] = ..., snapshot: _Optional[_Union[Snapshot, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version_min", "protocol_version_max", "schema_version", "node_id", "incarnation", "reference_hash", "ticket", "unit", "release")
    PROTOCOL_VERSION_MIN_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_MAX_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_HASH_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    protocol_version_min: int
    protocol_version_max: int
    schema_version: int
    node_id: str
    incarnation: bytes
    reference_hash: bytes
    ticket: bytes
    unit: Unit
    release: str
    def __init__(self, protocol_version_min: _Optional[int] = ..., protocol_version_max: _Optional[int] = ..., schema_version: _Optional[int] = ..., node_id: _Optional[str] = ..., incarnation: _Optional[bytes] = ..., reference_hash: _Optional[bytes] = ..., ticket: _Optional[bytes] = ..., unit: _Optional[_Union[Unit, _Mapping]] = ..., release: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("protocol_version", "schema_version", "node_id", "incarnation", "reference_hash", "ticket_verdict", "release")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_HASH_FIELD_NUMBER: _ClassVar[int]
    TICKET_VERDICT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    schema_version: int
    node_id: str
    incarnation: bytes
    reference_hash: bytes
    ticket_verdict: TicketVerdict
    release: str
    def __init__(self, protocol_version: _Optional[int] = ..., schema_version: _Optional[int] = ..., node_id: _Optional[str] = ..., incarnation: _Optional[bytes] = ..., reference_hash: _Optional[bytes] = ..., ticket_verdict: _Optional[_Union[TicketVerdict, str]] = ..., release: _Optional[str] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("code", "valid_from")
    CODE_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    code: str
    valid_from: str
    def __init__(self, code: _Optional[str] = ..., valid_from: _Optional[str] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("origin", "seq", "hash")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    seq: int
    hash: bytes
    def __init__(self, origin: _Optional[bytes] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ...) -> None: ...

class Heads(_message.Message):
    __slots__ = ("own", "relayed", "last")
    OWN_FIELD_NUMBER: _ClassVar[int]
    RELAYED_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    own: _containers.RepeatedCompositeFieldContainer[Head]
    relayed: _containers.RepeatedCompositeFieldContainer[Head]
    last: bool
    def __init__(self, own: _Optional[_Iterable[_Union[Head, _Mapping]]] = ..., relayed: _Optional[_Iterable[_Union[Head, _Mapping]]] = ..., last: _Optional[bool] = ...) -> None: ...

class Holding(_message.Message):
    __slots__ = ("origin", "node_id", "from_seq", "from_hash", "signature")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    FROM_HASH_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    node_id: str
    from_seq: int
    from_hash: bytes
    signature: bytes
    def __init__(self, origin: _Optional[bytes] = ..., node_id: _Optional[str] = ..., from_seq: _Optional[int] = ..., from_hash: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class BatchHeader(_message.Message):
    __slots__ = ("origin", "previous_seq", "previous_hash", "seq", "hash", "commits", "raw_bytes", "wire_bytes", "signer", "signature")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SEQ_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    RAW_BYTES_FIELD_NUMBER: _ClassVar[int]
    WIRE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    previous_seq: int
    previous_hash: bytes
    seq: int
    hash: bytes
    commits: int
    raw_bytes: int
    wire_bytes: int
    signer: str
    signature: bytes
    def __init__(self, origin: _Optional[bytes] = ..., previous_seq: _Optional[int] = ..., previous_hash: _Optional[bytes] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ..., commits: _Optional[int] = ..., raw_bytes: _Optional[int] = ..., wire_bytes: _Optional[int] = ..., signer: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class BatchFrame(_message.Message):
    __slots__ = ("batch", "header", "payload", "last")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    batch: int
    header: BatchHeader
    payload: bytes
    last: bool
    def __init__(self, batch: _Optional[int] = ..., header: _Optional[_Union[BatchHeader, _Mapping]] = ..., payload: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class BatchBody(_message.Message):
    __slots__ = ("words", "schema_version", "recorded_at_step", "author", "kind", "tag", "changeset_bytes", "changesets")
    WORDS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_STEP_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    CHANGESET_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANGESETS_FIELD_NUMBER: _ClassVar[int]
    words: _containers.RepeatedScalarFieldContainer[str]
    schema_version: _containers.RepeatedScalarFieldContainer[int]
    recorded_at_step: _containers.RepeatedScalarFieldContainer[int]
    author: _containers.RepeatedScalarFieldContainer[int]
    kind: _containers.RepeatedScalarFieldContainer[int]
    tag: _containers.RepeatedScalarFieldContainer[int]
    changeset_bytes: _containers.RepeatedScalarFieldContainer[int]
    changesets: bytes
    def __init__(self, words: _Optional[_Iterable[str]] = ..., schema_version: _Optional[_Iterable[int]] = ..., recorded_at_step: _Optional[_Iterable[int]] = ..., author: _Optional[_Iterable[int]] = ..., kind: _Optional[_Iterable[int]] = ..., tag: _Optional[_Iterable[int]] = ..., changeset_bytes: _Optional[_Iterable[int]] = ..., changesets: _Optional[bytes] = ...) -> None: ...

class Acknowledge(_message.Message):
    __slots__ = ("batch", "head", "applied", "quarantined", "receipt_at_ms", "receipt")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_AT_MS_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    batch: int
    head: Head
    applied: int
    quarantined: int
    receipt_at_ms: int
    receipt: bytes
    def __init__(self, batch: _Optional[int] = ..., head: _Optional[_Union[Head, _Mapping]] = ..., applied: _Optional[int] = ..., quarantined: _Optional[int] = ..., receipt_at_ms: _Optional[int] = ..., receipt: _Optional[bytes] = ...) -> None: ...

class Refuse(_message.Message):
    __slots__ = ("origin", "code", "detail", "batch")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    code: str
    detail: str
    batch: int
    def __init__(self, origin: _Optional[bytes] = ..., code: _Optional[str] = ..., detail: _Optional[str] = ..., batch: _Optional[int] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("head", "digest", "rows", "stated_at_ms", "signer", "signature")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    STATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    head: Head
    digest: bytes
    rows: int
    stated_at_ms: int
    signer: str
    signature: bytes
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., digest: _Optional[bytes] = ..., rows: _Optional[int] = ..., stated_at_ms: _Optional[int] = ..., signer: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class States(_message.Message):
    __slots__ = ("states",)
    STATES_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedCompositeFieldContainer[State]
    def __init__(self, states: _Optional[_Iterable[_Union[State, _Mapping]]] = ...) -> None: ...

class Verified(_message.Message):
    __slots__ = ("head", "outcome", "root_seq")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ROOT_SEQ_FIELD_NUMBER: _ClassVar[int]
    head: Head
    outcome: VerifyOutcome
    root_seq: int
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., outcome: _Optional[_Union[VerifyOutcome, str]] = ..., root_seq: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("offer", "want", "later", "chunk", "stored", "taken", "ask")
    OFFER_FIELD_NUMBER: _ClassVar[int]
    WANT_FIELD_NUMBER: _ClassVar[int]
    LATER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    offer: SnapshotOffer
    want: SnapshotWant
    later: SnapshotLater
    chunk: SnapshotChunk
    stored: SnapshotStored
    taken: SnapshotTaken
    ask: SnapshotAsk
    def __init__(self, offer: _Optional[_Union[SnapshotOffer, _Mapping]] = ..., want: _Optional[_Union[SnapshotWant, _Mapping]] = ..., later: _Optional[_Union[SnapshotLater, _Mapping]] = ..., chunk: _Optional[_Union[SnapshotChunk, _Mapping]] = ..., stored: _Optional[_Union[SnapshotStored, _Mapping]] = ..., taken: _Optional[_Union[SnapshotTaken, _Mapping]] = ..., ask: _Optional[_Union[SnapshotAsk, _Mapping]] = ...) -> None: ...

class SnapshotOffer(_message.Message):
    __slots__ = ("state", "chunks", "root", "schema_version", "after")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    state: State
    chunks: int
    root: bytes
    schema_version: int
    after: Head
    def __init__(self, state: _Optional[_Union[State, _Mapping]] = ..., chunks: _Optional[int] = ..., root: _Optional[bytes] = ..., schema_version: _Optional[int] = ..., after: _Optional[_Union[Head, _Mapping]] = ...) -> None: ...

class SnapshotWant(_message.Message):
    __slots__ = ("head", "chunk")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    head: Head
    chunk: int
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., chunk: _Optional[int] = ...) -> None: ...

class SnapshotLater(_message.Message):
    __slots__ = ("head", "wait_ms")
    HEAD_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    head: Head
    wait_ms: int
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class SnapshotChunk(_message.Message):
    __slots__ = ("origin", "chunk", "payload")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    chunk: int
    payload: bytes
    def __init__(self, origin: _Optional[bytes] = ..., chunk: _Optional[int] = ..., payload: _Optional[bytes] = ...) -> None: ...

class SnapshotStored(_message.Message):
    __slots__ = ("origin", "chunk")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    chunk: int
    def __init__(self, origin: _Optional[bytes] = ..., chunk: _Optional[int] = ...) -> None: ...

class SnapshotTaken(_message.Message):
    __slots__ = ("head",)
    HEAD_FIELD_NUMBER: _ClassVar[int]
    head: Head
    def __init__(self, head: _Optional[_Union[Head, _Mapping]] = ...) -> None: ...

class SnapshotAsk(_message.Message):
    __slots__ = ("origin",)
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    def __init__(self, origin: _Optional[bytes] = ...) -> None: ...

class Drained(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("ticket",)
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ticket: bytes
    def __init__(self, ticket: _Optional[bytes] = ...) -> None: ...

class TicketStored(_message.Message):
    __slots__ = ("ticket",)
    TICKET_FIELD_NUMBER: _ClassVar[int]
    ticket: bytes
    def __init__(self, ticket: _Optional[bytes] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("probe", "answer")
    PROBE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    probe: int
    answer: int
    def __init__(self, probe: _Optional[int] = ..., answer: _Optional[int] = ...) -> None: ...

class Want(_message.Message):
    __slots__ = ("have", "older", "point_only")
    HAVE_FIELD_NUMBER: _ClassVar[int]
    OLDER_FIELD_NUMBER: _ClassVar[int]
    POINT_ONLY_FIELD_NUMBER: _ClassVar[int]
    have: Head
    older: _containers.RepeatedCompositeFieldContainer[Head]
    point_only: bool
    def __init__(self, have: _Optional[_Union[Head, _Mapping]] = ..., older: _Optional[_Iterable[_Union[Head, _Mapping]]] = ..., point_only: _Optional[bool] = ...) -> None: ...

class MailFrame(_message.Message):
    __slots__ = ("id", "to_origin", "kind", "body_bytes", "payload", "last")
    ID_FIELD_NUMBER: _ClassVar[int]
    TO_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    to_origin: bytes
    kind: str
    body_bytes: int
    payload: bytes
    last: bool
    def __init__(self, id: _Optional[bytes] = ..., to_origin: _Optional[bytes] = ..., kind: _Optional[str] = ..., body_bytes: _Optional[int] = ..., payload: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class MailStored(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    def __init__(self, id: _Optional[bytes] = ...) -> None: ...

class Taken(_message.Message):
    __slots__ = ("batch", "head")
    BATCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    batch: int
    head: Head
    def __init__(self, batch: _Optional[int] = ..., head: _Optional[_Union[Head, _Mapping]] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("code", "detail")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...
