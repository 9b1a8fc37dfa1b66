from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_UP: _ClassVar[Direction]
    DIRECTION_DOWN: _ClassVar[Direction]
DIRECTION_UNSPECIFIED: Direction
DIRECTION_UP: Direction
DIRECTION_DOWN: Direction

class Header(_message.Message):
    __slots__ = ("manifest", "certificates", "signature")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    manifest: bytes
    certificates: _containers.RepeatedScalarFieldContainer[bytes]
    signature: bytes
    def __init__(self, manifest: _Optional[bytes] = ..., certificates: _Optional[_Iterable[bytes]] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Manifest(_message.Message):
    __slots__ = ("direction", "from_node", "to_node", "consignment", "part", "parts", "made_at_ms", "schema_version", "release", "spans")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    FROM_NODE_FIELD_NUMBER: _ClassVar[int]
    TO_NODE_FIELD_NUMBER: _ClassVar[int]
    CONSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    direction: Direction
    from_node: str
    to_node: str
    consignment: bytes
    part: int
    parts: int
    made_at_ms: int
    schema_version: int
    release: str
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    def __init__(self, direction: _Optional[_Union[Direction, str]] = ..., from_node: _Optional[str] = ..., to_node: _Optional[str] = ..., consignment: _Optional[bytes] = ..., part: _Optional[int] = ..., parts: _Optional[int] = ..., made_at_ms: _Optional[int] = ..., schema_version: _Optional[int] = ..., release: _Optional[str] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("origin", "previous_seq", "previous_hash", "seq", "hash")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SEQ_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HASH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    previous_seq: int
    previous_hash: bytes
    seq: int
    hash: bytes
    def __init__(self, origin: _Optional[bytes] = ..., previous_seq: _Optional[int] = ..., previous_hash: _Optional[bytes] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ...) -> None: ...
