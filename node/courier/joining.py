"""Enrolling without a link: the request of a node and the authority's answer as files.

Both prove themselves (``node.enrolling``): a request is signed with the key of the invitation and holds nothing secret,
an answer is believed only as far as the authority has signed it. A file only says what it is, and whether it is whole.

    "DSNCJOIN" | what (1 byte) | first 8 bytes of SHA-256 of the message | the message of dansync.enrolment.v1
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, Literal

from node import limits
from node.errors import IdentityError, UsageError

What = Literal["request", "answer"]

_MAGIC: Final = b"DSNCJOIN"
_MARKS: Final[dict[What, bytes]] = {"request": b"?", "answer": b"!"}
_CHECK_BYTES: Final = 8
_HEAD_BYTES: Final = len(_MAGIC) + 1 + _CHECK_BYTES


def write_joining(path: Path, what: What, message: bytes) -> None:
    """Raises ``UsageError`` if there is a file already, or if it cannot be written."""
    try:
        with path.open("xb") as file:
            file.write(_MAGIC + _MARKS[what] + hashlib.sha256(message).digest()[:_CHECK_BYTES] + message)
    except FileExistsError:
        raise UsageError(f"The file {path} exists already.", hint="Choose another name; nothing was changed.") from None
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be written ({error.strerror}).",
            hint="Check that the stick is there, is not write-protected and has room; then run the same command again.",
        ) from error


def read_joining(path: Path, what: What) -> bytes:
    """The message of a file. Raises ``IdentityError`` for any other file, ``UsageError`` if it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_HEAD_BYTES + limits.FRAME_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(
            f"The file {path} cannot be read ({error.strerror}).",
            hint="Check the stick, or copy the file to this computer first.",
        ) from error
    head, message = data[:_HEAD_BYTES], data[_HEAD_BYTES:]
    if not head.startswith(_MAGIC + _MARKS[what]):
        raise IdentityError(
            f"The file {path} is no request to be enrolled."
            if what == "request"
            else f"The file {path} is no answer to a request to be enrolled.",
            hint="See how it goes: dansync enroll --help",
        )
    if hashlib.sha256(message).digest()[:_CHECK_BYTES] != head[-_CHECK_BYTES:]:
        raise IdentityError(f"The file {path} is damaged or was cut.", hint="Copy it again, or write it again.")
    return message
