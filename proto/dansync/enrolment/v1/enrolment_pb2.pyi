from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrolmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLMENT_STATE_UNSPECIFIED: _ClassVar[EnrolmentState]
    ENROLMENT_STATE_ISSUED: _ClassVar[EnrolmentState]
    ENROLMENT_STATE_PENDING: _ClassVar[EnrolmentState]
    ENROLMENT_STATE_REFUSED: _ClassVar[EnrolmentState]
ENROLMENT_STATE_UNSPECIFIED: EnrolmentState
ENROLMENT_STATE_ISSUED: EnrolmentState
ENROLMENT_STATE_PENDING: EnrolmentState
ENROLMENT_STATE_REFUSED: EnrolmentState

class EnrolRequest(_message.Message):
    __slots__ = ("invitation", "request", "proof", "origins", "release")
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    invitation: bytes
    request: bytes
    proof: bytes
    origins: _containers.RepeatedCompositeFieldContainer[OriginClaim]
    release: str
    def __init__(self, invitation: _Optional[bytes] = ..., request: _Optional[bytes] = ..., proof: _Optional[bytes] = ..., origins: _Optional[_Iterable[_Union[OriginClaim, _Mapping]]] = ..., release: _Optional[str] = ...) -> None: ...

class OriginClaim(_message.Message):
    __slots__ = ("origin", "unit_code", "unit_valid_from")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    UNIT_CODE_FIELD_NUMBER: _ClassVar[int]
    UNIT_VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    unit_code: str
    unit_valid_from: str
    def __init__(self, origin: _Optional[bytes] = ..., unit_code: _Optional[str] = ..., unit_valid_from: _Optional[str] = ...) -> None: ...

class EnrolResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: EnrolmentAnswer
    def __init__(self, answer: _Optional[_Union[EnrolmentAnswer, _Mapping]] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    def __init__(self, request: _Optional[bytes] = ...) -> None: ...

class RenewResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: EnrolmentAnswer
    def __init__(self, answer: _Optional[_Union[EnrolmentAnswer, _Mapping]] = ...) -> None: ...

class EnrolmentAnswer(_message.Message):
    __slots__ = ("state", "code", "detail", "certificate", "roots", "authority", "reference_origin")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    state: EnrolmentState
    code: str
    detail: str
    certificate: bytes
    roots: bytes
    authority: bytes
    reference_origin: bytes
    def __init__(self, state: _Optional[_Union[EnrolmentState, str]] = ..., code: _Optional[str] = ..., detail: _Optional[str] = ..., certificate: _Optional[bytes] = ..., roots: _Optional[bytes] = ..., authority: _Optional[bytes] = ..., reference_origin: _Optional[bytes] = ...) -> None: ...
