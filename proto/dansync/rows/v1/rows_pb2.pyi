from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RowKey(_message.Message):
    __slots__ = ("table", "id")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    table: str
    id: bytes
    def __init__(self, table: _Optional[str] = ..., id: _Optional[bytes] = ...) -> None: ...

class RowsWanted(_message.Message):
    __slots__ = ("asker_origin", "origin", "seq", "hash", "request", "rows")
    ASKER_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    asker_origin: bytes
    origin: bytes
    seq: int
    hash: bytes
    request: bytes
    rows: _containers.RepeatedCompositeFieldContainer[RowKey]
    def __init__(self, asker_origin: _Optional[bytes] = ..., origin: _Optional[bytes] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ..., request: _Optional[bytes] = ..., rows: _Optional[_Iterable[_Union[RowKey, _Mapping]]] = ...) -> None: ...

class Rows(_message.Message):
    __slots__ = ("origin", "seq", "hash", "signer", "signature", "content")
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    origin: bytes
    seq: int
    hash: bytes
    signer: str
    signature: bytes
    content: bytes
    def __init__(self, origin: _Optional[bytes] = ..., seq: _Optional[int] = ..., hash: _Optional[bytes] = ..., signer: _Optional[str] = ..., signature: _Optional[bytes] = ..., content: _Optional[bytes] = ...) -> None: ...

class RowsContent(_message.Message):
    __slots__ = ("asker_origin", "request", "origin_digest", "rows")
    ASKER_ORIGIN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    asker_origin: bytes
    request: bytes
    origin_digest: bytes
    rows: _containers.RepeatedCompositeFieldContainer[Row]
    def __init__(self, asker_origin: _Optional[bytes] = ..., request: _Optional[bytes] = ..., origin_digest: _Optional[bytes] = ..., rows: _Optional[_Iterable[_Union[Row, _Mapping]]] = ...) -> None: ...

class RowsChunk(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[Row]
    def __init__(self, rows: _Optional[_Iterable[_Union[Row, _Mapping]]] = ...) -> None: ...

class Row(_message.Message):
    __slots__ = ("table", "id", "values")
    TABLE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    table: str
    id: bytes
    values: _containers.RepeatedCompositeFieldContainer[Value]
    def __init__(self, table: _Optional[str] = ..., id: _Optional[bytes] = ..., values: _Optional[_Iterable[_Union[Value, _Mapping]]] = ...) -> None: ...

class Value(_message.Message):
    __slots__ = ("text", "blob", "integer")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    text: str
    blob: bytes
    integer: int
    def __init__(self, text: _Optional[str] = ..., blob: _Optional[bytes] = ..., integer: _Optional[int] = ...) -> None: ...
