"""The states of both sides of a session and which message each state takes, as a table.

A message that the table does not list for the present state breaks the protocol: the session is finished with the code
``out_of_turn``.
"""

from __future__ import annotations

import enum
from typing import Final

from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    ChildMessage,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    MailFrame,
    MailStored,
    Message,
    ParentMessage,
    Refuse,
    SnapshotAsk,
    SnapshotChunk,
    SnapshotLater,
    SnapshotMessage,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
    States,
    Taken,
    Ticket,
    TicketStored,
    Verified,
    Want,
    Welcome,
)

SNAPSHOTS: Final[frozenset[type[SnapshotMessage]]] = frozenset(
    {SnapshotChunk, SnapshotLater, SnapshotOffer, SnapshotStored, SnapshotTaken, SnapshotWant}
)


class ChildState(enum.Enum):
    NEW = "new"
    GREETED = "greeted"  # Hello and Heads sent
    WELCOMED = "welcomed"  # Welcome received, the parent's heads not all yet
    LOCATING = "locating"  # the store compares heads
    STREAMING = "streaming"
    FINISHING = "finishing"  # Finish sent, the parent's not yet here
    CLOSED = "closed"


class ParentState(enum.Enum):
    NEW = "new"
    GREETED = "greeted"  # Hello received, the child's heads not all yet
    LOOKING_UP = "looking_up"  # the store collects its heads
    STREAMING = "streaming"
    CLOSED = "closed"


_CHILD_STREAMS: Final[frozenset[type[ParentMessage]]] = frozenset(
    {
        *(Heads, Acknowledge, Refuse, Verified, Ticket, BatchFrame),
        *(MailFrame, MailStored, *SNAPSHOTS, SnapshotAsk, Heartbeat, Finish),
    }
)
CHILD_TAKES: Final[dict[ChildState, frozenset[type[ParentMessage]]]] = {
    ChildState.NEW: frozenset(),
    ChildState.GREETED: frozenset({Welcome, Heartbeat, Finish}),
    ChildState.WELCOMED: frozenset({Heads, Heartbeat, Finish}),
    ChildState.LOCATING: frozenset({Heartbeat, Finish}),
    ChildState.STREAMING: _CHILD_STREAMS,
    ChildState.FINISHING: frozenset(
        {
            Welcome,
            Heads,
            Acknowledge,
            Refuse,
            Verified,
            Ticket,
            BatchFrame,
            MailFrame,
            MailStored,
            *SNAPSHOTS,
            Heartbeat,
            Finish,
        }
    ),
    ChildState.CLOSED: frozenset(),
}

PARENT_TAKES: Final[dict[ParentState, frozenset[type[ChildMessage]]]] = {
    ParentState.NEW: frozenset({Hello, Finish}),
    ParentState.GREETED: frozenset({Heads, Heartbeat, Finish}),
    ParentState.LOOKING_UP: frozenset({Heartbeat, Finish}),
    ParentState.STREAMING: frozenset(
        {
            Heads,
            BatchFrame,
            States,
            Drained,
            TicketStored,
            Want,
            Taken,
            MailFrame,
            MailStored,
            *SNAPSHOTS,
            Heartbeat,
            Finish,
        }
    ),
    ParentState.CLOSED: frozenset(),
}


def child_takes(state: ChildState, message: Message) -> bool:
    return type(message) in CHILD_TAKES[state]


def parent_takes(state: ParentState, message: Message) -> bool:
    return type(message) in PARENT_TAKES[state]
