"""The errors that the world can cause. Each says what is wrong and what the operator does next (STYLE 15).

Our own bugs are ``assert`` failures and are never caught. ``exit_code`` is what the command line returns for the error;
the table of exit codes stands in the README.
"""

from __future__ import annotations


class DansyncError(Exception):
    """Something outside our control is wrong. ``hint`` names the next step; ``retry`` says whether trying again may
    help.
    """

    exit_code = 1
    retry = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(DansyncError):
    """The operator asked for something that cannot be done; the input must change."""

    exit_code = 2


class StoreError(DansyncError):
    """The store cannot be opened or written."""

    exit_code = 3


class StoreBusy(StoreError):
    """Another process holds the store's write lock or its daemon lock."""

    retry = True


class StoreFull(StoreError):
    """The disk is full: nothing was written, reading still works, and writing heals by itself when space returns."""

    retry = True


class StoreBroken(StoreError):
    """The disk failed. Whether the last step was recorded stays open until the store is opened again; this connection
    is not used any more (RELIABILITY F12).
    """


class StoreTooNew(StoreError):
    """The store was written by a newer release than this one; there is no downgrade."""


class StoreDamaged(StoreError):
    """The file is not a dansync store, or its content contradicts itself."""


class RegisterError(DansyncError):
    """A register operation was rejected: a value cannot be read or a reference does not exist (FORMAT, rules of
    reading).
    """

    exit_code = 4

    def __init__(self, message: str, *, column: str = "", value: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.column = column
        self.value = value


class BundleError(DansyncError):
    """A whole interchange bundle or file is refused (FORMAT): not UTF-8, a cycle in the topology, a missing file."""

    exit_code = 4


class CommitRefused(DansyncError):
    """A commit cannot be stored: its chain, size or owner is wrong. ``code`` is a word of a small closed set, used as a
    metric label.
    """

    exit_code = 5

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class FrameRefused(DansyncError):
    """A message from a peer breaks a wire rule (too large, cut, a bomb, malformed). ``code`` is from a small closed
    set.
    """

    exit_code = 5

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class LetterRefused(DansyncError):
    """A letter to this node breaks a rule, or comes from somebody who may not write it. It is kept whole, for a person,
    and changes nothing.
    """

    exit_code = 5


class CourierRefused(DansyncError):
    """A file that was carried by hand is not taken: damaged, cut, for somebody else, or breaking a rule. Nothing of it
    was stored. ``code`` is from a small closed set.
    """

    exit_code = 4

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class SenderRefused(CourierRefused):
    """A file that was carried by hand is whole, and comes from somebody who may not send it here."""

    exit_code = 8


class IdentityError(DansyncError):
    """A key, a certificate or an invitation is missing, damaged, or not what it should be."""

    exit_code = 8


class HoldingError(DansyncError):
    """The node may not write that register: another one holds it, or it was retired."""

    exit_code = 8


class PeerUnavailable(DansyncError):
    """The parent cannot be reached now; work goes on locally and the link is tried again."""

    exit_code = 6
    retry = True
