"""The envelope of a file that is carried by hand: sealed to one recipient, cut anywhere and it shows. Pure, no store.

A new P-256 key for each file, ECDH with the recipient's, HKDF-SHA256, then ChaCha20-Poly1305 in chunks with a counter
and a mark on the last one (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015; age uses the same).
Only one chunk is ever in memory. Who sealed it is not said here: the sender signs ``binding`` in the first frame.

    "DSNCCOUR" | format (u16) | key of this file (91 bytes) | SHA-256 of the recipient's key (32 bytes)
    | length (u16) name of the recipient | chunks of 64 KiB + 16, the last one may be shorter

Keys are SubjectPublicKeyInfo in DER; integers are big-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from node import limits
from node.errors import CourierRefused
from node.identity.keys import NodeKey, is_public_key
from node.ids import NodeId

FORMAT: Final = 1
TAG_BYTES: Final = 16
_MAGIC: Final = b"DSNCCOUR"
_KEY_BYTES: Final = 91  # SubjectPublicKeyInfo of P-256, the point not compressed
_FIXED: Final = struct.Struct(f">8sH{_KEY_BYTES}s32sH")
_NONCE: Final = struct.Struct(">7xIB")  # the key is good for one file, so the counter alone makes a nonce unique
_INFO: Final = b"dansync courier 1\0"
_CHUNKS_MAX: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open a file. ``public_key``: SubjectPublicKeyInfo, DER."""

    node_id: NodeId
    public_key: bytes


def _cipher(secret: bytes, binding: bytes, recipient_key: bytes) -> ChaCha20Poly1305:
    """Everything that stands in the clear goes into the key: whoever changes a byte of it changes the key."""
    info = _INFO + binding + recipient_key
    return ChaCha20Poly1305(HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret))


class Sealing:
    """Writes one sealed file. ``key`` is made for this file and used for nothing else."""

    __slots__ = ("_cipher", "_counter", "_target", "_waiting", "binding")

    def __init__(self, target: BinaryIO, recipient: Recipient, key: NodeKey) -> None:
        name = recipient.node_id.encode()
        assert len(key.public) == _KEY_BYTES
        fingerprint = hashlib.sha256(recipient.public_key).digest()
        preamble = _FIXED.pack(_MAGIC, FORMAT, key.public, fingerprint, len(name)) + name
        self.binding: bytes = hashlib.sha256(preamble).digest()
        self._cipher = _cipher(key.agree(recipient.public_key), self.binding, recipient.public_key)
        self._target = target
        self._waiting = bytearray()
        self._counter = 0
        target.write(preamble)

    def write(self, data: bytes) -> None:
        """Raises ``OSError``."""
        self._waiting += data
        while len(self._waiting) > limits.COURIER_CHUNK_BYTES:
            self._put(bytes(self._waiting[: limits.COURIER_CHUNK_BYTES]), last=False)
            del self._waiting[: limits.COURIER_CHUNK_BYTES]

    def finish(self) -> None:
        """Without this the file is cut. Raises ``OSError``."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, chunk: bytes, *, last: bool) -> None:
        assert self._counter < _CHUNKS_MAX
        self._target.write(self._cipher.encrypt(_NONCE.pack(self._counter, last), chunk, None))
        self._counter += 1


class Opening:
    """Reads one sealed file. Raises ``CourierRefused``, and ``OSError`` if the stick cannot be read."""

    __slots__ = ("_cipher", "_source", "binding")

    def __init__(self, source: BinaryIO, here: NodeId, key: NodeKey) -> None:
        fixed = source.read(_FIXED.size)
        if not fixed.startswith(_MAGIC):
            raise CourierRefused(
                "no_courier_file",
                "This is not a file of dansync courier.",
                hint="Give the files that dansync courier export or import has written.",
            )
        if len(fixed) < _FIXED.size:
            raise _cut()
        _magic, version, file_key, fingerprint, name_bytes = _FIXED.unpack(fixed)
        if version != FORMAT:
            raise CourierRefused(
                "format",
                f"The file has format {version}; this release reads format {FORMAT}.",
                hint="Install the release of the sender here, or the release of this node there.",
            )
        if name_bytes > limits.TEXT_FIELD_BYTES_MAX:
            raise _damaged()
        name = source.read(name_bytes)
        if len(name) < name_bytes:
            raise _cut()
        if name != here.encode():
            raise CourierRefused(
                "wrong_recipient",
                f"The file is for node {name.decode(errors='replace')}; this is node {here}.",
                hint="Take it to the node that it is for; nobody else can open it.",
            )
        if fingerprint != hashlib.sha256(key.public).digest():
            raise CourierRefused(
                "wrong_key",
                f"The file is sealed for another key of node {here} than the one that it has now.",
                hint="Bring the sender a newer file of this node first (dansync courier export FOLDER --for NODE); "
                "then let it export again.",
            )
        if not is_public_key(file_key):
            raise _damaged()
        self.binding: bytes = hashlib.sha256(fixed + name).digest()
        self._source = source
        self._cipher = _cipher(key.agree(file_key), self.binding, key.public)

    def chunks(self) -> Iterator[bytes]:
        """What was sealed, piece by piece; the last piece comes only if the file is whole."""
        size = limits.COURIER_CHUNK_BYTES + TAG_BYTES
        block = self._source.read(size)
        for counter in range(_CHUNKS_MAX):
            following = self._source.read(size)
            yield self._open(block, counter, last=not following)
            if not following:
                return
            block = following
        raise _damaged()

    def _open(self, block: bytes, counter: int, *, last: bool) -> bytes:
        if len(block) < TAG_BYTES:
            raise _cut()
        try:
            return self._cipher.decrypt(_NONCE.pack(counter, last), block, None)
        except InvalidTag:
            pass
        if last and self._fits(block, counter):
            raise _cut()
        raise _damaged()

    def _fits(self, block: bytes, counter: int) -> bool:
        """Whether a block is sound and should not have been the last one."""
        try:
            self._cipher.decrypt(_NONCE.pack(counter, False), block, None)
        except InvalidTag:
            return False
        return True


def _cut() -> CourierRefused:
    return CourierRefused(
        "cut",
        "The file ends too early: copying it was interrupted, or the stick was pulled out.",
        hint="Copy it again, or export again; nothing is lost, and nothing of it was taken.",
    )


def _damaged() -> CourierRefused:
    return CourierRefused(
        "damaged",
        "The file is damaged or was changed on the way.",
        hint="Copy it again, or export again; nothing is lost, and nothing of it was taken.",
    )
