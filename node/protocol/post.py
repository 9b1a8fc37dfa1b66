"""Letters on one link, in both directions, one at a time each way: sent in pieces, kept, confirmed, forgotten.

A letter is sent again until it was confirmed, so it may come twice; whoever it is for takes it once. The same machine
stands on both sides of a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from node import limits
from node.errors import FrameRefused
from node.ids import LetterId, OriginId
from node.protocol.messages import Letter, MailFrame


def cut_letter(letter: Letter) -> Iterator[MailFrame]:
    """The frames of one letter, each within ``FRAME_BYTES_MAX``."""
    size, body = limits.FRAME_PAYLOAD_BYTES_MAX, letter.body
    for offset in range(0, max(len(body), 1), size):
        piece, last = body[offset : offset + size], offset + size >= len(body)
        if offset == 0:
            yield MailFrame(letter.id, letter.to_origin, letter.kind, len(body), piece, last)
        else:
            yield MailFrame(letter.id, None, "", 0, piece, last)


@dataclass(frozen=True, slots=True)
class _Opening:
    id: LetterId
    to_origin: OriginId
    kind: str
    body_bytes: int


class Post:
    """``waiting``: the shell has a letter for the other side, or may have."""

    def __init__(self) -> None:
        self.waiting = False
        self._loading = False
        self._sent: LetterId | None = None
        self._opening: _Opening | None = None
        self._body = bytearray()

    # --- outgoing ----------------------------------------------------------------------------------------------------

    def next(self) -> bool:
        """Whether the next letter is to be loaded now."""
        if not self.waiting or self._loading or self._sent is not None:
            return False
        self._loading = True
        return True

    def loaded(self, letter: Letter | None) -> Iterator[MailFrame]:
        """The letter that ``next`` asked for; None if there is none."""
        self._loading = False
        if letter is None:
            self.waiting = False
            return iter(())
        self._sent = letter.id
        return cut_letter(letter)

    def stored(self, letter_id: LetterId) -> bool:
        """The other side has it. False if it is not the one that was sent."""
        if self._sent != letter_id:
            return False
        self._sent = None
        return True

    @property
    def under_way(self) -> bool:
        """A letter was sent and is not confirmed."""
        return self._sent is not None

    @property
    def idle(self) -> bool:
        return not self.waiting and not self._loading and self._sent is None

    # --- incoming ----------------------------------------------------------------------------------------------------

    def add(self, frame: MailFrame) -> Letter | None:
        """The letter that this frame completes, else None. Raises ``FrameRefused``."""
        opening = self._opening
        if opening is None:
            if frame.to_origin is None:
                raise FrameRefused("malformed", "A letter begins without saying whom it is for.")
            if frame.body_bytes > limits.LETTER_BYTES_MAX:
                raise FrameRefused("oversized", f"A letter announces {frame.body_bytes} bytes.")
            opening = self._opening = _Opening(frame.id, frame.to_origin, frame.kind, frame.body_bytes)
        elif frame.id != opening.id or frame.to_origin is not None:
            raise FrameRefused("out_of_order", "A piece of another letter came while one was expected.")
        if len(self._body) + len(frame.payload) > opening.body_bytes:
            raise FrameRefused("oversized", "A letter has more bytes than it announced.")
        if not frame.last and not frame.payload:
            raise FrameRefused("malformed", "A piece of a letter is empty.")
        self._body += frame.payload
        if not frame.last:
            return None
        body = bytes(self._body)
        if len(body) != opening.body_bytes:
            raise FrameRefused("malformed", f"A letter has {len(body)} bytes and announced {opening.body_bytes}.")
        self._opening = None
        self._body = bytearray()
        return Letter(opening.id, opening.to_origin, opening.kind, body)
