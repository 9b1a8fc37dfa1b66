"""Writing what is carried by hand: messages of the stream, in as many sealed files as are asked for.

What to carry is fixed first, and gone through twice: once to see what fits into which part, once into the files. So a
header can say what follows it, no file is larger than it may be, and no more than a batch is in memory. A log only
grows, so no snapshot is held while a slow stick is written. A file has its name only once it is whole and on the disk.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from node import limits
from node.chain import Head
from node.courier.envelope import TAG_BYTES, Recipient, Sealing
from node.courier.frames import framed
from node.courier.manifest import Direction, Header, Manifest, Span
from node.courier.wire import encode_header, encode_manifest
from node.errors import StoreBusy, UsageError
from node.identity.folder import Identity
from node.identity.keys import NodeKey
from node.identity.statements import courier_statement
from node.outgoing import next_batch
from node.protocol.assembly import cut
from node.protocol.messages import BatchHeader, BatchNumber, ChildMessage, Finish, Message, ParentMessage
from node.reference import Reference
from node.schema import SCHEMA_VERSION
from node.secret import sync_folder
from node.store import Store
from node.wire import encode_request, encode_response

SUFFIX: Final = ".courier"
_NAMES: Final[dict[Direction, str]] = {"up": "cargo", "down": "receipt"}
_SMALL_BYTES: Final = 4 * limits.KIB  # around everything else
_SPAN_BYTES: Final = 128  # one origin in the header
_SHARE: Final = limits.COURIER_CHUNK_BYTES // TAG_BYTES  # one byte in so many is a chunk's tag
_NO_LETTER: Final = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who packs: a store, and who it is."""

    store: Store
    reference: Reference
    identity: Identity
    release: str


@dataclass(frozen=True, slots=True)
class Load:
    """What to pack: ``messages`` into the first part, then these commits."""

    direction: Direction
    recipient: Recipient
    messages: Sequence[Message]
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Packed:
    """The files of one export, in the order of their numbers. ``unsigned``: origins that go no further than this head,
    because nobody who may has signed what follows.
    """

    files: tuple[Path, ...]
    consignment: bytes
    spans: tuple[Span, ...]
    unsigned: tuple[Head, ...]

    @property
    def commits(self) -> int:
        return sum(span.commits for span in self.spans)


def pack(
    sender: Sender,
    load: Load,
    folder: Path,
    *,
    bytes_max: int = limits.COURIER_FILE_BYTES,
    make_key: Callable[[], NodeKey] = NodeKey.generate,
) -> Packed:
    """Write the files into ``folder``. Raises ``UsageError`` if it cannot be written, or if the parts are too small;
    ``StoreBusy`` if another process has replaced commits meanwhile.
    """
    if bytes_max < limits.COURIER_FILE_BYTES_MIN:
        raise UsageError(
            f"A part of {bytes_max} bytes is too small: one batch must fit.",
            hint=f"Give --bytes-max {limits.COURIER_FILE_BYTES_MIN} or more.",
        )
    store = sender.store
    now = store.clock.wall_ms()
    consignment = bytes(store.new_row_id(now))
    messages = [_encode(load.direction, message) for message in load.messages]
    plan = _Plan(bytes_max, sum(map(len, messages)) + 4 * len(messages))
    unsigned = tuple(end for span in load.spans if (end := plan.add(sender, span)) != span.head)
    if len(plan.parts) > limits.COURIER_PARTS_MAX:
        raise UsageError("The export needs too many parts.", hint="Give a larger --bytes-max.")
    files: list[Path] = []
    for number, spans in enumerate(plan.parts, 1):
        manifest = Manifest(
            load.direction,
            store.node_id,
            load.recipient.node_id,
            consignment,
            number,
            len(plan.parts),
            now,
            SCHEMA_VERSION,
            sender.release,
            tuple(spans),
        )
        part = _Part(sender, load.recipient, manifest, messages if number == 1 else [])
        with _new_file(folder / _file_name(manifest)) as (path, file):
            part.write(Sealing(file, load.recipient, make_key()))
        files.append(path)
    return Packed(tuple(files), consignment, tuple(span for spans in plan.parts for span in spans), unsigned)


class _Plan:
    """Which commits go into which part. ``parts``: at least one."""

    def __init__(self, bytes_max: int, first_bytes: int) -> None:
        self._bytes_max = bytes_max - bytes_max // _SHARE - _SMALL_BYTES - limits.CERTIFICATE_BYTES_MAX
        self.parts: list[list[Span]] = [[]]
        self._bytes = first_bytes

    def add(self, sender: Sender, span: Span) -> Head:
        """As much of a span as somebody has signed. Returns where it ended."""
        position = begin = span.previous
        while position.seq < span.head.seq:
            batch = _next_batch(sender, position, span)
            if batch is None:
                break
            header, payload = batch
            pieces = max(1, -(-len(payload) // limits.FRAME_PAYLOAD_BYTES_MAX))
            size = len(payload) + _SMALL_BYTES + 64 * pieces
            part = self.parts[-1]
            opened = position != begin
            if (part or opened or self._bytes) and (
                self._bytes + size + _SPAN_BYTES > self._bytes_max
                or (not opened and len(part) >= limits.COURIER_SPANS_MAX)
            ):
                if opened:
                    part.append(Span(begin, position))
                self.parts.append([])
                self._bytes, begin = 0, position
            self._bytes += size + (_SPAN_BYTES if position == begin else 0)
            position = header.head
        if position != begin:
            self.parts[-1].append(Span(begin, position))
        return position


def _next_batch(sender: Sender, position: Head, span: Span) -> tuple[BatchHeader, bytes] | None:
    return next_batch(sender.store, sender.reference, sender.identity.key, position, last=span.head.seq)


class _Part:
    """One file."""

    def __init__(self, sender: Sender, recipient: Recipient, manifest: Manifest, messages: Sequence[bytes]) -> None:
        self._sender = sender
        self._recipient = recipient
        self._manifest = manifest
        self._messages = messages

    def write(self, sealing: Sealing) -> None:
        identity = self._sender.identity
        manifest = encode_manifest(self._manifest)
        signature = identity.key.sign(courier_statement(sealing.binding, manifest))
        sealing.write(framed(encode_header(Header(manifest, (identity.certificate.der,), signature))))
        for message in self._messages:
            sealing.write(framed(message))
        direction = self._manifest.direction
        for number, (header, payload) in enumerate(self._batches(), 1):
            for frame in cut(BatchNumber(number), header, payload):
                sealing.write(framed(_encode(direction, frame)))
        sealing.write(framed(_encode(direction, Finish("done", ""))))
        sealing.finish()

    def _batches(self) -> Iterator[tuple[BatchHeader, bytes]]:
        for span in self._manifest.spans:
            position = span.previous
            while position != span.head:
                batch = _next_batch(self._sender, position, span)
                if batch is None or position.seq >= span.head.seq:
                    raise StoreBusy("The log was healed while it was packed.", hint="Run the same command again.")
                yield batch
                position = batch[0].head


def _encode(direction: Direction, message: Message) -> bytes:
    if direction == "up":
        return encode_request(cast("ChildMessage", message))
    return encode_response(cast("ParentMessage", message))


def _file_name(manifest: Manifest) -> str:
    """Names sort in the order in which things were packed; sticks and mail take plain letters only."""
    words = (
        "dansync",
        _NAMES[manifest.direction],
        *(_NO_LETTER.sub("_", name)[:40] for name in (manifest.from_node, manifest.to_node)),
        manifest.consignment.hex()[:16],
        f"{manifest.part}of{manifest.parts}",
    )
    return "-".join(words) + SUFFIX


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file that appears under its name when it is whole and synced. Raises ``UsageError``."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield path, file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be written ({error.strerror}).",
            hint="Check that the stick is there, is not write-protected and has room; then run the same command again.",
        ) from error
