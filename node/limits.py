"""Every limit, in one place, with its unit and its reason (STYLE 6; RELIABILITY D).

A limit is checked before the memory it guards is taken. Where both ends of a link must agree, the wire rules in
proto/README.md cite the name.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# --- the store -------------------------------------------------------------------------------------------------------
SQLITE_VERSION_MIN: Final = (3, 51, 3)  # older releases have the WAL-reset corruption bug (DESIGN 2)
# daemon and command line write from two processes; a bulk import commits every 500 rows
BUSY_TIMEOUT_MS: Final = 10_000
# 4 MiB of WAL: a flipped bit in the WAL drops all that follows, so keep it short
WAL_AUTOCHECKPOINT_PAGES: Final = 1_000
STORE_CACHE_KIB: Final = 16 * KIB  # page cache of a node
PARENT_CACHE_KIB: Final = 64 * KIB  # page cache of a node that applies others' commits

# --- scrub -----------------------------------------------------------------------------------------------------------
SCRUB_INTERVAL_S: Final = 86_400  # a running node looks at all its rows once a day
SCRUB_START_DELAY_MS: Final = 300_000  # not while everything else begins too
SCRUB_SLICE_COMMITS: Final = 500  # of a log in one read of the store
SCRUB_SLICE_ROWS: Final = 2_000  # compared in one read of the store: about 40 ms
SCRUB_PAUSE_SHARE: Final = 2  # a running node pauses that many times as long as a slice took: a third of one core
SCRUB_PAUSE_MIN_MS: Final = 5
SCRUB_BUSY_PAUSE_MS: Final = 1_000  # while children's batches wait to be applied

# --- the case desk ----------------------------------------------------------------------------------------------------
CASE_INTERVAL_S: Final = 1  # how soon a running hub looks at what has come
SCRUB_ROTTEN_MAX: Final = 10_000  # rows of an origin that are named and can be put back at once

# --- commits ---------------------------------------------------------------------------------------------------------
COMMIT_BYTES_MAX: Final = 4 * MIB  # one transaction's changeset; larger work is split into several commits
IMPORT_ROWS_PER_COMMIT_MAX: Final = 500  # a bulk import's unit of undo and of resume
PARAMETERS_BYTES_MAX: Final = 1 * MIB  # one table of weights, with how common words are: 30 KB of 800 words
TEXT_BYTES_MAX: Final = 4 * KIB  # one text value of a register row
AUTHOR_BYTES_MAX: Final = 200
TAG_BYTES_MAX: Final = 200

# --- batches and frames -----------------------------------------------------------------------------------------------
FRAME_BYTES_MAX: Final = 256 * KIB  # one message on the wire, all included
FRAME_PAYLOAD_BYTES_MAX: Final = 192 * KIB  # a chunk of a batch inside a frame; leaves room for the envelope
GRPC_MESSAGE_BYTES_MAX: Final = 512 * KIB  # what gRPC itself lets in; our own check comes first
BATCH_COMMITS_MAX: Final = 500  # commits of one origin in one batch
BATCH_BYTES_TARGET: Final = 1 * MIB  # a batch is closed once its commits reach this size (raw)
BATCH_BYTES_MAX: Final = COMMIT_BYTES_MAX + 1 * MIB  # raw size of a batch: one largest commit and its envelope
BATCH_WIRE_BYTES_MAX: Final = BATCH_BYTES_MAX + 64 * KIB  # compressed size: never much larger than raw
ZSTD_WINDOW_BYTES_MAX: Final = 8 * MIB
ZSTD_LEVEL: Final = 6
WINDOW_BATCHES_MAX: Final = 4  # batches sent and not yet acknowledged
WINDOW_BYTES_MAX: Final = 2 * BATCH_BYTES_MAX
HEADS_PER_FRAME_MAX: Final = 2_000  # heads (56 bytes each) in one Hello or Welcome frame; more go into further frames
OLDER_MAX: Final = 64  # heads in a Want, in steps that double: enough for any chain
LETTER_BYTES_MAX: Final = BATCH_WIRE_BYTES_MAX + 64 * KIB  # a letter may hold a batch of a branch
STATES_PER_FRAME_MAX: Final = 150  # holders' statements (up to 1.4 KB each) in one frame
CONFIRM_POINTS_MAX: Final = 1_000  # receipts asked for in one call; with a signature each, half a frame
HEADS_MAX: Final = 100_000  # origins in one session: nine times the communes of the country
WANTS_MAX: Final = 20_000  # origins that one child is given from above; a restored hub wants all that it relays
TEXT_FIELD_BYTES_MAX: Final = 1 * KIB  # a name or a reason in a message

# --- a session --------------------------------------------------------------------------------------------------------
HELLO_TIMEOUT_MS: Final = 10_000  # from the opened stream to a complete Hello
ACK_TIMEOUT_MS: Final = 10_000  # from the last frame sent to any frame received, while batches are unacknowledged
IDLE_TIMEOUT_MS: Final = 45_000  # without any frame from the peer, heartbeats included
CALL_TIMEOUT_MS: Final = 10_000  # a short call, such as asking for a certificate
HEARTBEAT_INTERVAL_MS: Final = 15_000  # an idle side says that it lives
BUSY_HEARTBEAT_INTERVAL_MS: Final = 3_000  # a parent that is applying says so well before ACK_TIMEOUT_MS
PROBE_TIMEOUT_MS: Final = 4_000  # an older session of the same node that does not answer within this gives way
MOVED_TIMEOUT_MS: Final = 10_000  # a child that belongs elsewhere now is told so first, and then its session ends
TICKET_INTERVAL_MS: Final = 60_000  # a following child asks for a new ticket at most this often: each costs two syncs
VERIFY_AGAIN_MS: Final = 86_400_000  # rows that were equal are compared anew after this: the scrub for bit rot, too
FRAMES_PER_SECOND_MAX: Final = 2_000  # from one peer; above it the stream is closed

# --- identity ---------------------------------------------------------------------------------------------------------
DAY_MS: Final = 86_400_000
CA_LIFE_MS: Final = 3_653 * DAY_MS  # ten years
CERTIFICATE_LIFE_MS: Final = 800 * DAY_MS  # longer than the longest time offline: an expired node cannot even renew
RENEW_AFTER_SHARE: Final = 1 / 3  # of the life: from then on at every contact
INVITATION_LIFE_MS: Final = 14 * DAY_MS
CERTIFICATE_BACKDATE_MS: Final = 2 * DAY_MS  # a PC whose clock is a day behind can still join
CERTIFICATES_PER_DAY_MAX: Final = 5  # of one node; each is a commit that flows to every node
CERTIFICATE_BYTES_MAX: Final = 8 * KIB
FORMER_PARENTS_MAX: Final = 32  # parents of before that are remembered of one node; each name in every copy of its row
ORIGINS_PER_NODE_MAX: Final = 1_000  # origins that one enrolment may name

# --- files that are carried by hand -----------------------------------------------------------------------------------
COURIER_CHUNK_BYTES: Final = 64 * KIB  # what is sealed in one piece; nothing is believed before its piece is whole
COURIER_FILE_BYTES: Final = 1 * 1024 * MIB  # of one part, unless another size is asked for; FAT32 ends at 4 GiB
COURIER_FILE_BYTES_MIN: Final = 8 * MIB  # a part holds at least one largest batch
COURIER_PARTS_MAX: Final = 10_000  # of one export
COURIER_SPANS_MAX: Final = 1_000  # origins in one part (110 bytes each in its header); more go into further parts
COURIER_CERTIFICATES_MAX: Final = 4  # the sender's own and those above it

# --- group commit -----------------------------------------------------------------------------------------------------
GROUP_BATCHES_MAX: Final = 64  # batches of all children applied in one transaction
GROUP_BYTES_MAX: Final = 16 * MIB  # raw
# a commit with at most this many rows is merged with its neighbours; larger ones apply plainly
MERGE_ROWS_MAX: Final = 8
MERGE_GROUP_COMMITS_MAX: Final = 1_000  # commits merged into one changeset
APPLY_QUEUE_BATCHES_MAX: Final = 256  # waiting for the writer; beyond it the server stops reading from its streams
QUARANTINE_ROWS_MAX: Final = 50_000  # row keys kept for one quarantined commit; a larger one blocks its whole origin

# --- reconnecting -----------------------------------------------------------------------------------------------------
RECONNECT_DELAY_MIN_MS: Final = 500
RECONNECT_DELAY_MAX_MS: Final = 30_000  # full jitter up to here: 3,321 communes come back at once (RELIABILITY F32)
FOLLOW_POLL_INTERVAL_MS: Final = 200  # how soon a running node notices a commit of another process
SHUTDOWN_TIMEOUT_MS: Final = 5_000
STREAMS_MAX: Final = 4_000  # concurrent children of one parent

# --- pruning ----------------------------------------------------------------------------------------------------------
LOG_KEEP_DAYS: Final = 400  # longer than anybody is away, and than a year's audit asks for
LOG_KEEP_DAYS_MIN: Final = 30  # in the settings; the command line may say less
LOG_BUDGET_ALARM_SHARE: Final = 0.8  # of the budget in bytes: from here on commits go early, and an alarm if none may
PRUNE_INTERVAL_MS: Final = 86_400_000  # how often a running node looks
PRUNE_COMMITS_AT_ONCE: Final = 2_000  # deleted in one transaction, so that nobody waits long for the disk

# --- snapshots --------------------------------------------------------------------------------------------------------
SNAPSHOT_CHUNK_BYTES: Final = 64 * KIB  # of rows in one chunk, before another one is begun: a screenful of people
SNAPSHOT_CHUNK_BYTES_MAX: Final = 184 * KIB  # of one chunk: the largest row more; fits a frame, however it compresses
SNAPSHOT_CHUNKS_MAX: Final = 100_000  # of one snapshot: 16 GB raw, ten times the largest province
SNAPSHOT_WINDOW_CHUNKS: Final = 4  # sent and not yet stored
SNAPSHOTS_AT_ONCE_MAX: Final = 4  # that one parent takes at a time; others are told when to come
SNAPSHOT_WAIT_MS: Final = 15_000  # ... and when
SNAPSHOT_WAIT_MIN_MS: Final = 1_000
SNAPSHOT_WAIT_MAX_MS: Final = 600_000

HEALING_HOLD_MS: Final = 60_000  # writing waits while an origin is healed; set anew with every batch

LETTER_PATIENCE_MS: Final = 7 * DAY_MS  # a branch waits this long for the one that it goes on from

# --- decisions on the way down ----------------------------------------------------------------------------------------
DECISION_BYTES_MAX: Final = 1 * MIB  # a decision in a letter: a household of hundreds with all its claims
REMINDER_MS: Final = DAY_MS  # who has not said for so long that it came is written to again; then after 2, 4 ... days
REMINDERS_DOUBLED_MAX: Final = 5  # ... up to a month
REMINDERS_DEPARTED_MAX: Final = 2  # where the receipt goes another way by now and cannot come here

# --- rows that a parent takes from their holder -----------------------------------------------------------------------
ROWS_PER_LETTER_MAX: Final = 500  # rows asked for, or given, in one letter
ROWS_WANTED_BYTES_MAX: Final = 64 * KIB  # a request: 500 keys of a table's name and 16 bytes
ROWS_BYTES_TARGET: Final = 1 * MIB  # rows in one letter, before another one is begun
ROW_COLUMNS_MAX: Final = 200  # ten times the widest table

# --- keepalive (RELIABILITY 0, 4 and D) -------------------------------------------------------------------------------
KEEPALIVE_TIME_MS: Final = 30_000
KEEPALIVE_TIMEOUT_MS: Final = 10_000
PING_TIMEOUT_MS: Final = 10_000
SERVER_PING_INTERVAL_MIN_MS: Final = 15_000
CONNECTION_AGE_MAX_MS: Final = 6 * 3_600_000
CONNECTION_AGE_GRACE_MS: Final = 10_000

# --- interchange bundles ----------------------------------------------------------------------------------------------
CSV_FIELD_BYTES_MAX: Final = 64 * KIB
CSV_ROW_CHARACTERS_MAX: Final = 256 * KIB  # all lines of one row; 24 texts of TEXT_BYTES_MAX are 96 KiB
