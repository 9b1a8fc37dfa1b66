from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(_message.Message):
    __slots__ = ("signer", "signature", "content")
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    signer: str
    signature: bytes
    content: bytes
    def __init__(self, signer: _Optional[str] = ..., signature: _Optional[bytes] = ..., content: _Optional[bytes] = ...) -> None: ...

class DecisionContent(_message.Message):
    __slots__ = ("authority_origin", "to_origin", "unit", "question", "decision_id", "case_ref", "state", "outcome", "decided_by", "authority", "depth", "score", "parameters_version", "parameters_hash", "as_of", "undoes", "evidence")
    AUTHORITY_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    TO_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    CASE_REF_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_VERSION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_HASH_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    UNDOES_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    authority_origin: bytes
    to_origin: bytes
    unit: str
    question: bool
    decision_id: str
    case_ref: str
    state: str
    outcome: str
    decided_by: str
    authority: str
    depth: int
    score: str
    parameters_version: int
    parameters_hash: str
    as_of: str
    undoes: str
    evidence: str
    def __init__(self, authority_origin: _Optional[bytes] = ..., to_origin: _Optional[bytes] = ..., unit: _Optional[str] = ..., question: _Optional[bool] = ..., decision_id: _Optional[str] = ..., case_ref: _Optional[str] = ..., state: _Optional[str] = ..., outcome: _Optional[str] = ..., decided_by: _Optional[str] = ..., authority: _Optional[str] = ..., depth: _Optional[int] = ..., score: _Optional[str] = ..., parameters_version: _Optional[int] = ..., parameters_hash: _Optional[str] = ..., as_of: _Optional[str] = ..., undoes: _Optional[str] = ..., evidence: _Optional[str] = ...) -> None: ...
