"""The codes under which sessions end, batches are refused and origins are halted: one closed set, because they become
metric labels.

A peer may say any word; what is not in the set is counted as ``other``.
"""

from __future__ import annotations

from typing import Final

OTHER: Final = "other"

CODES: Final = frozenset(
    {
        *("done", "shutdown", "superseded", "link_lost", "store", "internal"),
        *("hello_timeout", "ack_timeout", "idle_timeout", "too_many_frames", "window"),
        *(
            "out_of_turn",
            "out_of_order",
            "malformed",
            "oversized",
            "bomb",
            "protocol_version",
            "parent_older",
            "schema_newer",
        ),
        *("foreign", "gap", "wrong_chain", "owned_here", "not_enrolled", "halted"),
        *("unsigned", "wrong_signature", "not_holder", "retired", "forbidden"),
        *("identity", "revoked", "superseded_key", "expired", "second_incarnation"),
        *("moved", "not_below"),
        *("restored", "fork", "relay_behind", "diverged", "log_missing", "stale_ticket", "origin_unknown_here"),
        *("no_common_commit", "rewound", "given_up"),
        *("snapshot_false", "snapshot_gone", "statement_refused"),
    }
)


def known_code(code: str) -> str:
    """The code itself, or ``other``."""
    return code if code in CODES else OTHER
