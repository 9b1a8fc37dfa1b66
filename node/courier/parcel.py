"""Reading one file that was carried by hand: who packed it, for whom, and what is in it, with the limits of the wire.

A file is read twice: ``check`` goes through all of it before anything is believed, so that a file which is cut or
damaged anywhere changes nothing; then ``items`` gives what is inside. No more than one batch is in memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.chain import Head
from node.courier.envelope import Opening
from node.courier.frames import frames
from node.courier.manifest import Manifest
from node.courier.wire import decode_header, decode_manifest
from node.errors import CourierRefused, FrameRefused, IdentityError, SenderRefused, UsageError
from node.identity.certificates import Certificate, chains, read_certificate
from node.identity.folder import Identity
from node.identity.keys import verifies
from node.identity.statements import courier_statement
from node.ids import OriginId
from node.protocol.assembly import Assembly
from node.protocol.messages import Acknowledge, BatchFrame, BatchHeader, Finish, Message, Refuse, Want
from node.wire import decode_request, decode_response

Item = Want | Acknowledge | Refuse | tuple[BatchHeader, bytes]

_MESSAGES: Final[dict[str, tuple[type[Message], ...]]] = {
    "up": (Want, BatchFrame, Finish),
    "down": (Acknowledge, Refuse, BatchFrame, Finish),
}
_ROLES: Final = frozenset({"node", "authority"})


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file whose sender is proved. Whether that sender may send here is for its reader to say."""

    path: Path
    manifest: Manifest
    certificate: Certificate
    here: Identity

    @classmethod
    def open(cls, path: Path, here: Identity) -> Parcel:
        """Read the header of a file. Raises ``CourierRefused``, ``SenderRefused``, ``UsageError``."""
        with _reading(path, here) as (manifest, certificate, _frames):
            return cls(path, manifest, certificate, here)

    @property
    def order(self) -> tuple[int, bytes, int]:
        """Sorted by this, files are in the order in which they were packed."""
        return self.manifest.made_at_ms, self.manifest.consignment, self.manifest.part

    def check(self) -> None:
        """Raises ``CourierRefused`` if anything in the file is not as it should be."""
        for _item in self.items():
            pass

    def items(self) -> Iterator[Item]:
        """What is inside, batches put together again. Raises ``CourierRefused``."""
        with _reading(self.path, self.here) as (manifest, _certificate, rest):
            if manifest != self.manifest:
                raise _malformed("The file was changed while it was read.")
            decode = decode_request if manifest.direction == "up" else decode_response
            known = _MESSAGES[manifest.direction]
            assembly, course = Assembly(), _Course(manifest)
            ended = False
            for frame in rest:
                message = decode(frame)
                if ended or not isinstance(message, known):
                    raise _malformed(f"A message {type(message).__name__} does not belong into this file.")
                if isinstance(message, BatchFrame):
                    batch = assembly.add(message)
                    if batch is not None:
                        course.meet(batch[0])
                        yield batch
                elif isinstance(message, Finish):
                    ended = True
                elif isinstance(message, Want | Acknowledge | Refuse):
                    yield message
            if not ended:
                raise _malformed("The file ends without its last message.")
            course.end()


class _Course:
    """Whether the batches are those that the header names, all of them and in order."""

    def __init__(self, manifest: Manifest) -> None:
        self._ends = {span.head.origin: span.head for span in manifest.spans}
        self._positions: dict[OriginId, Head] = {span.head.origin: span.previous for span in manifest.spans}

    def meet(self, header: BatchHeader) -> None:
        if self._positions.get(header.origin) != header.previous or header.seq > self._ends[header.origin].seq:
            raise _malformed("A batch in the file is not the one that its header names.")
        self._positions[header.origin] = header.head

    def end(self) -> None:
        if self._positions != self._ends:
            raise _malformed("The file has fewer commits than its header names.")


@contextlib.contextmanager
def _reading(path: Path, here: Identity) -> Iterator[tuple[Manifest, Certificate, Iterator[bytes]]]:
    """An open file: its header, proved, and the frames behind it."""
    try:
        with path.open("rb") as file:
            opening = Opening(file, here.node_id, here.key)
            rest = frames(opening.chunks())
            first = next(rest, None)
            if first is None:
                raise _malformed("The file is empty.")
            header = decode_header(first)
            manifest = decode_manifest(header.manifest)
            certificate = _certificate(header.certificates[0], here)
            statement = courier_statement(opening.binding, header.manifest)
            if certificate.node_id != manifest.from_node or not verifies(
                certificate.public_key, statement, header.signature
            ):
                raise SenderRefused(
                    "wrong_signature",
                    f"The file says that it comes from node {manifest.from_node}, and that node has not signed it.",
                    hint="Do not take it; ask at that node whether somebody there has exported it.",
                )
            if manifest.to_node != here.node_id:
                raise _malformed("The file is sealed for this node and addressed to another one.")
            yield manifest, certificate, rest
    except FrameRefused as error:
        raise CourierRefused(
            error.code, error.message, hint="Install the same release at both ends and export again."
        ) from error
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read ({error.strerror}).",
            hint="Check the stick, or copy the file to this computer first.",
        ) from error


def _certificate(der: bytes, here: Identity) -> Certificate:
    """The sender's. Dates and revocation are for the reader."""
    try:
        certificate = read_certificate(der)
    except IdentityError as error:
        raise _malformed("The certificate in the file cannot be read.") from error
    if certificate.role not in _ROLES or not chains(certificate, here.roots_pem):
        raise SenderRefused(
            "wrong_authority",
            f"The file comes from {certificate.node_id}, which the authority of this tree has not enrolled.",
            hint="Take files of nodes of this tree only.",
        )
    return certificate


def _malformed(message: str) -> CourierRefused:
    return CourierRefused("malformed", message, hint="Install the same release at both ends and export again.")
