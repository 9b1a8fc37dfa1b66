"""What commands print: for people (lines, tables, progress), or one JSON document and nothing else on stdout.

Results go to standard output; warnings, progress and errors to standard error. Nothing that comes from data is ever
taken for markup or for a control sequence of the terminal. Colour only where a terminal is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from node.interchange.bundle import VIETNAM
from ops.i18n import _, ngettext

PLAIN_WIDTH: Final = 120
"""Columns of a table that does not go to a terminal: nobody folds it there."""


class ReportProgress(Protocol):
    """Takes the kind of work, how much of it is done and how much there is; safe to call very often."""

    def __call__(self, what: str, done: int, total: int, /) -> None: ...


class Output:
    """One command's way to speak. With ``json_mode`` people's lines are left out and ``document`` is printed."""

    def __init__(self, *, json_mode: bool, console: Console | None = None) -> None:
        """``console``: where the result goes, as wide as it is; by default standard output."""
        self.json_mode = json_mode
        self.console = console or Console(highlight=False, emoji=False, markup=False)
        self.errors = Console(stderr=True, highlight=False, emoji=False, markup=False)
        if console is None and not self.console.is_terminal:
            self.console.width = max(self.console.width, PLAIN_WIDTH)

    # --- for people --------------------------------------------------------------------------------------------------

    def line(self, text: str = "", *, style: str = "") -> None:
        """A line of the result."""
        if not self.json_mode:
            self.console.print(Text(printable(text), style=style), soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something that needs attention and is not the result: to standard error, in both modes."""
        self.errors.print(Text(_("Note: "), style="bold yellow") + Text(printable(text)), soft_wrap=True)

    def error(self, message: str, hint: str) -> None:
        """One line what is wrong, one line what to do next."""
        self.errors.print(Text(_("Error: "), style="bold red") + Text(printable(message)), soft_wrap=True)
        if hint:
            self.errors.print(Text(_("What to do: "), style="bold") + Text(printable(hint)), soft_wrap=True)

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Labels and what there is to say about them, one below the other."""
        if self.json_mode:
            return
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for label, value in rows:
            grid.add_row(Text(label), Text(printable(value)))
        self._print_table(grid)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
        """``right``: positions of the columns that are numbers. What is too long for the terminal is folded."""
        if self.json_mode:
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for position, heading in enumerate(headings):
            table.add_column(Text(heading), justify="right" if position in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(str(value))) for value in row))
        self._print_table(table)

    def _print_table(self, table: Table) -> None:
        """Without the blanks that fill lines up to the width: they only get in the way of what is piped and copied."""
        with self.console.capture() as capture:
            self.console.print(table)
        for text in capture.get().splitlines():
            self.console.file.write(text.rstrip() + "\n")
        self.console.file.flush()

    @contextmanager
    def progress(self, labels: dict[str, str]) -> Iterator[ReportProgress]:
        """Bars on standard error, only on a terminal. ``labels``: what people read for each kind of work."""
        if self.json_mode or not self.errors.is_terminal:
            yield lambda _what, _done, _total: None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.errors, transient=True, expand=True) as bars:
            tasks: dict[str, TaskID] = {}

            def report(what: str, done: int, total: int, /) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(labels.get(what, what), total=None)
                bars.update(tasks[what], completed=done, total=total or None)

            yield report

    # --- for programs ------------------------------------------------------------------------------------------------

    def document(self, content: object) -> None:
        """The result of the command as JSON; at once, also through a pipe."""
        if self.json_mode:
            json.dump(content, sys.stdout, ensure_ascii=False, indent=2)
            sys.stdout.write("\n")
            sys.stdout.flush()


def printable(text: str) -> str:
    """Text whose control characters a terminal shows instead of obeying."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def moment(unix_ms: int) -> str:
    """A time as clocks in Vietnam show it; '-' for none."""
    if not unix_ms:
        return "-"
    try:
        return (datetime(1970, 1, 1, 7, tzinfo=VIETNAM) + timedelta(milliseconds=unix_ms)).strftime("%Y-%m-%d %H:%M:%S")
    except OverflowError:
        return str(unix_ms)  # a clock beyond all calendars


def span(milliseconds: int) -> str:
    """A length of time in the unit that matters."""
    seconds = max(milliseconds, 0) // 1000
    if seconds < 60:
        return ngettext("{count} second", "{count} seconds", seconds).format(count=seconds)
    if seconds < 3_600:
        return ngettext("{count} minute", "{count} minutes", seconds // 60).format(count=seconds // 60)
    if seconds < 2 * 86_400:
        return ngettext("{count} hour", "{count} hours", seconds // 3_600).format(count=seconds // 3_600)
    return ngettext("{count} day", "{count} days", seconds // 86_400).format(count=seconds // 86_400)


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.1f} MB"
    return f"{count / 1_000_000_000:.1f} GB"
