"""Variants of the product, made in the process that is to run them: broken ones, which the checks must notice, and
some that bring rare things about at once.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from node import capture, changelog, database, limits
from node.applier import Applied, GroupApplier, Work
from node.applier import Outcome as Applying
from node.chain import Commit
from node.identity import keys
from node.identity.certificates import Certificate
from node.protocol.messages import Outcome
from node.register.working import Table
from node.replay import Replay
from node.schema import STEPS, SchemaStep
from node.store import Store
from node.verification import Verifier
from ops import renewal


def _later_release() -> None:
    """One schema step more."""
    step = SchemaStep(STEPS[-1].to_version + 1, ("CREATE TABLE later (a INTEGER NOT NULL) STRICT",))
    database.run_steps.__defaults__ = ((*STEPS, step),)


def _short_log() -> None:
    """A log file that is copied into the database with every commit, so that a checkpoint is never far."""
    vars(limits)["WAL_AUTOCHECKPOINT_PAGES"] = 1


def _old_certificates() -> None:
    """Every certificate is past a third of its life: each session begins with a renewal."""

    def due(_certificate: Certificate, _now_ms: int) -> bool:
        return True

    vars(renewal)["due_for_renewal"] = due


def _answers_first() -> None:
    """A parent says that it has what it stores one group later."""
    honest = GroupApplier.apply
    promised: list[Work] = []

    def apply(self: GroupApplier, works: Sequence[Work]) -> list[Applying]:
        if any(work.down for work in works):
            return honest(self, works)
        due, promised[:] = list(promised), list(works)
        if due:
            honest(self, due)
        return [Applied(work.header.head, 0, 0, 0) for work in works]

    GroupApplier.apply = apply  # type: ignore[method-assign]


def _witness_leads() -> None:
    """The witness is written before COMMIT."""
    honest, advance = Store.capture, changelog.advance_head
    writing: list[Store] = []

    @contextlib.contextmanager
    def noticed(self: Store, **named: Any) -> Iterator[capture.Capture]:
        writing.append(self)
        with honest(self, **named) as value:
            yield value

    def advanced(connection: Any, commit: Commit, **named: Any) -> None:
        advance(connection, commit, **named)
        if writing:
            writing[-1].witness.record(commit.head)

    Store.capture = noticed  # type: ignore[method-assign]
    vars(capture)["advance_head"] = advanced


def _stores_without_applying() -> None:
    """A parent whose log is whole and whose rows are not, and which never compares them."""

    def apply(self: Replay, commits: Iterable[Commit]) -> None:
        """Nothing at all."""

    def verify(*_anything: object) -> Outcome:
        return "equal"

    Replay.apply = apply  # type: ignore[method-assign]
    Verifier.verify = verify  # type: ignore[method-assign,assignment]


def _forgets_names() -> None:
    """A report that comes again is not known again."""

    def named(self: Table[Any], name: str) -> None:
        """Nobody."""

    Table.named = named  # type: ignore[method-assign]


def _writes_in_place() -> None:
    """A secret file has its name before it is whole."""

    def write(path: Path, data: bytes) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    vars(keys)["write_secret"] = write


VARIANTS: Final[dict[str, Callable[[], None]]] = {
    "later release": _later_release,
    "short log": _short_log,
    "old certificates": _old_certificates,
    "answers first": _answers_first,
    "witness leads": _witness_leads,
    "stores without applying": _stores_without_applying,
    "forgets names": _forgets_names,
    "writes in place": _writes_in_place,
}
