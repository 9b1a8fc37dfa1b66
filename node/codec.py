"""The body of a batch: commits beside each other in columns, compressed with zstd.

Hashes, origins and sequence numbers of single commits do not travel: the receiver computes them from the header, and
the head's hash proves all of it. Decompression is bounded twice, because python-zstandard ignores ``max_output_size``
when the frame declares a size (RELIABILITY 0.6).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import zstandard
from google.protobuf.message import DecodeError

from dansync.sync.v1 import sync_pb2
from node import limits
from node.chain import Commit, Head, commit_hash
from node.errors import CommitRefused, FrameRefused
from node.ids import NodeId, Seq
from node.protocol.messages import BatchHeader

_COMPRESSOR_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    limits.ZSTD_LEVEL, write_checksum=True, write_content_size=True, enable_ldm=False
)

# A word travels once and is stored with every commit that names it.
_WORD_BYTES_MAX = max(limits.AUTHOR_BYTES_MAX, limits.TAG_BYTES_MAX)


def encode_batch(
    previous: Head, commits: Sequence[Commit], *, signer: NodeId, signature: bytes = b""
) -> tuple[BatchHeader, bytes]:
    """Header and compressed body of consecutive commits that follow ``previous``."""
    assert commits and commits[0].seq == previous.seq + 1
    words: dict[str, int] = {}

    def index(word: str) -> int:
        return words.setdefault(word, len(words))

    steps = [
        commits[0].recorded_at,
        *(b.recorded_at - a.recorded_at for a, b in itertools.pairwise(commits)),
    ]
    body = sync_pb2.BatchBody(
        schema_version=[commit.schema_version for commit in commits],
        recorded_at_step=steps,
        author=[index(commit.author) for commit in commits],
        kind=[index(commit.kind) for commit in commits],
        tag=[index(commit.tag) for commit in commits],
        changeset_bytes=[len(commit.changeset) for commit in commits],
        changesets=b"".join(commit.changeset for commit in commits),
    )
    body.words.extend(words)
    raw = body.SerializeToString()
    payload = zstandard.ZstdCompressor(compression_params=_COMPRESSOR_PARAMETERS).compress(raw)
    last = commits[-1]
    header = BatchHeader(
        origin=last.origin,
        previous_seq=previous.seq,
        previous_hash=previous.hash,
        seq=last.seq,
        hash=last.hash,
        commits=len(commits),
        raw_bytes=len(raw),
        wire_bytes=len(payload),
        signer=signer,
        signature=signature,
    )
    return header, payload


def decompress(payload: bytes, raw_bytes: int) -> bytes:
    """Exactly ``raw_bytes`` of content, or ``FrameRefused('bomb' or 'malformed')``; no memory beyond that is ever
    taken. How well it compressed does not matter: a household that says the same 500 times compresses like a bomb, and
    the size of a batch bounds both.
    """
    if raw_bytes > limits.BATCH_BYTES_MAX:
        raise FrameRefused("oversized", f"A batch claims {raw_bytes} bytes; the limit is {limits.BATCH_BYTES_MAX}.")
    try:
        parameters = zstandard.get_frame_parameters(payload)
        if parameters.content_size != raw_bytes or parameters.window_size > max(limits.ZSTD_WINDOW_BYTES_MAX, 1 << 10):
            raise FrameRefused("bomb", "The compressed size of a batch does not agree with its header.")
        # One call into a buffer of the declared size: a streaming reader would go on past it until the last block.
        return zstandard.ZstdDecompressor(max_window_size=limits.ZSTD_WINDOW_BYTES_MAX).decompress(
            payload, read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise FrameRefused("malformed", f"The body of a batch cannot be decompressed ({error}).") from error


def compress(raw: bytes) -> bytes:
    """One zstd frame that says how long its content is."""
    return zstandard.ZstdCompressor(compression_params=_COMPRESSOR_PARAMETERS).compress(raw)


def decompress_at_most(payload: bytes, bytes_max: int) -> bytes:
    """The content of a frame that says how long it is. Raises ``FrameRefused``; see ``decompress``."""
    try:
        raw_bytes = zstandard.get_frame_parameters(payload).content_size
    except zstandard.ZstdError as error:
        raise FrameRefused("malformed", f"A compressed piece cannot be read ({error}).") from error
    if raw_bytes > bytes_max:  # also where the frame does not say: that is the largest number
        raise FrameRefused("oversized", "A compressed piece is larger than its limit.")
    return decompress(payload, raw_bytes)


def decode_batch(header: BatchHeader, payload: bytes) -> list[Commit]:
    """The commits of a batch, with the hashes computed here; the last one must be the header's.

    Raises ``FrameRefused`` if the body breaks the wire rules and ``CommitRefused('wrong_chain')`` if the hashes do not
    lead to the header's head.
    """
    body = sync_pb2.BatchBody()
    try:
        body.ParseFromString(decompress(payload, header.raw_bytes))
    except (DecodeError, RecursionError) as error:
        raise FrameRefused("malformed", f"The body of a batch cannot be read ({error}).") from error
    columns = (body.schema_version, body.recorded_at_step, body.author, body.kind, body.tag, body.changeset_bytes)
    if any(len(column) != header.commits for column in columns):
        raise FrameRefused("malformed", "The lists of a batch differ in length from its number of commits.")
    if sum(body.changeset_bytes) != len(body.changesets):
        raise FrameRefused("malformed", "The changesets of a batch do not add up to its body.")
    words, content = list(body.words), body.changesets
    if any(len(word.encode()) > _WORD_BYTES_MAX for word in words):
        raise CommitRefused("oversized", "The author, the kind or the tag of a commit is too long.")
    commits: list[Commit] = []
    value, seq, recorded_at, offset = header.previous_hash, header.previous_seq, 0, 0
    for version, step, author, kind, tag, size in zip(*columns, strict=True):
        if max(author, kind, tag) >= len(words):
            raise FrameRefused("malformed", "A commit of a batch names a word that is not there.")
        if size == 0:
            raise CommitRefused("malformed", "A commit of a batch changes nothing.")
        if size > limits.COMMIT_BYTES_MAX:
            raise CommitRefused("oversized", f"A commit has {size} bytes; the limit is {limits.COMMIT_BYTES_MAX}.")
        recorded_at += step
        if not -(1 << 63) <= recorded_at < 1 << 63:
            raise FrameRefused("malformed", "A commit's time is beyond all calendars.")
        seq = Seq(seq + 1)
        changeset = content[offset : offset + size]
        offset += size
        value = commit_hash(
            value, header.origin, seq, version, recorded_at, words[author], words[kind], words[tag], changeset
        )
        commits.append(
            Commit(header.origin, seq, version, recorded_at, words[author], words[kind], words[tag], changeset, value)
        )
    if value != header.hash:
        raise CommitRefused("wrong_chain", "The commits of a batch do not lead from its first hash to its last one.")
    return commits
