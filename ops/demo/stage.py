"""What the viewer of the demo sees: a live table on a terminal, plain lines elsewhere, and the table at the end."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from node.clock import SystemClock
from node.interchange.topology import Topology
from ops.cli.output import Output
from ops.i18n import _
from ops.rehearsal.processes import ProcessTree

if TYPE_CHECKING:
    from ops.demo.counting import Count, StoryRow
    from ops.demo.play import DemoRow

LINES_SHOWN: Final = 8
WIDE: Final = 96
"""Columns of a terminal on which all columns of the last table have room."""
_CLOCK: Final = SystemClock()


def seconds_now() -> float:
    """Monotonic seconds."""
    return _CLOCK.monotonic_ms() / 1000


class Stage:
    """Draws the tree. ``quiet``: nothing at all, for --json."""

    def __init__(self, console: Console, topology: Topology, tree: ProcessTree, *, quiet: bool) -> None:
        self._console = console
        self._topology = topology
        self._tree = tree
        self._quiet = quiet
        self._began = seconds_now()
        self._lines: deque[str] = deque(maxlen=LINES_SHOWN)
        self._live: Live | None = None
        self._share = ""

    @contextlib.contextmanager
    def live(self) -> Iterator[None]:
        """While inside, ``draw`` shows the tree if there is a terminal."""
        if self._quiet or not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def name(self, node_id: str) -> str:
        """What a person calls the node."""
        row = self._topology[node_id]
        return f"{row.name} ({row.tier})"

    def say(self, text: str) -> None:
        """One line about what has just happened."""
        line = f"{seconds_now() - self._began:5.1f} s  {text}"
        self._lines.append(line)
        if self._quiet:
            return
        if self._live is None:
            self._console.print(escape(line), soft_wrap=True)
        else:
            self.draw()

    def backlogs(self) -> dict[str, int]:
        """For each node with a parent: commits that the parent does not have yet."""
        result: dict[str, int] = {}
        heads = {
            node_id: {state.head.origin: state.head.seq for state in store.states()}
            for node_id, store in self._tree.stores.items()
        }
        for node_id in self._tree.cables:
            above = heads[self._topology[node_id].parent_id]
            result[node_id] = sum(seq - above.get(origin, 0) for origin, seq in heads[node_id].items())
        return result

    def draw(self, *, recorded: int | None = None, total: int = 0) -> None:
        """Show the tree as it stands now."""
        if recorded is not None:
            self._share = _("{0} of {1} events recorded").format(recorded, total)
        if self._live is None or not self._tree.stores:
            return
        backlogs = self.backlogs()
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        for heading in (_("node"), _("tier"), _("state"), _("own commits"), _("copies"), _("not yet at the parent")):
            table.add_column(heading, justify="left" if heading in (_("node"), _("tier"), _("state")) else "right")
        for row in self._topology.top_down():
            states = self._tree.stores[row.node_id].states()
            depth = len(self._topology.ancestors(row.node_id))
            backlog = backlogs.get(row.node_id, 0)
            table.add_row(
                "  " * depth + escape(row.name),
                row.tier,
                self._state(row.node_id),
                str(sum(state.head.seq for state in states if state.own)),
                str(sum(not state.own for state in states)),
                Text(str(backlog), style="yellow" if backlog else "green") if row.parent_id else Text("-"),
            )
        self._live.update(Group(table, Text(self._share), Text("\n".join(self._lines))), refresh=True)

    def _state(self, node_id: str) -> Text:
        if not self._tree.nodes[node_id].running:
            return Text(_("no power"), style="bold red")
        cable = self._tree.cables.get(node_id)
        if cable is not None and not cable.plugged:
            return Text(_("no link"), style="yellow")
        return Text(_("works"), style="green")

    def finish(self, rows: Sequence[DemoRow], verdict: str) -> None:
        """The table of the nodes, which stays. A narrow terminal gets it without ids and speeds."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            for line in self._lines:
                self._console.print(escape(line), soft_wrap=True)
        is_wide = self._console.width >= WIDE
        first, last = ((_("origin"),), (_("bytes\n/s"),)) if is_wide else ((), ())
        headings = (
            *(_("node"), _("tier"), *first, _("rows"), _("head"), _("digest\nequal")),
            *(_("lag\ns"), _("bytes\nsent"), *last),
        )
        table = _table(headings, left=(0, 1, 2, 5) if is_wide else (0, 1, 4))
        for row in rows:
            depth = len(self._topology.ancestors(row.node_id))
            table.add_row(
                "  " * depth + escape(self._topology[row.node_id].name),
                row.tier,
                *([row.origin] if is_wide else ()),
                f"{row.rows:,}",
                f"{row.head:,}",
                Text(_("yes ({0})").format(row.origins), style="green")
                if row.equal
                else Text(_("NO"), style="bold red"),
                f"{row.lag_seconds:.1f}",
                f"{row.bytes_sent:,}",
                *([f"{row.bytes_a_second:,.0f}"] if is_wide else ()),
            )
        self._show(table, verdict)

    def tell(self, story: Sequence[StoryRow], found: Count, day: date) -> None:
        """Where the people of the story were written down, and where each of them counts."""
        self._line("")
        self._line(_("Some of those who moved, as {0} sees them on {1}:").format(self.name(found.by), day.isoformat()))
        table = _table((_("written down as"), _("in the register of"), _("counts"), _("why")), left=(0, 1, 2, 3))
        for row in story:
            for number, line in enumerate(row.lines):
                counts = Text(_("here"), style="green") if line.counts else Text("-", style="dim")
                why = "" if number else row.why
                table.add_row(escape(line.name), escape(self._topology[line.node_id].name), counts, escape(why))
            table.add_section()
        communes = _table((_("commune"), _("persons")), left=(0,))
        for node_id, persons in found.communes.items():
            communes.add_row(escape(self._topology[node_id].name), f"{persons:,}")
        communes.add_section()
        communes.add_row(_("all together"), f"{sum(found.communes.values()):,}")
        self._show(table)
        self._line("")
        self._show(communes, *counted_words(found))
        self._line("")

    def output(self) -> Output:
        """For what the commands show, at the width of the stage."""
        return Output(json_mode=self._quiet, console=self._console)

    def _show(self, table: Table, *lines: str) -> None:
        if not self._quiet:
            self._console.print(table)
        for line in lines:
            self._line(line)

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._console.print(escape(text))


def _table(headings: Sequence[str], *, left: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="left" if position in left else "right")
    return table


def counted_words(found: Count) -> tuple[str, ...]:
    """The proof in words."""
    if not found.adds_up:
        return (_("NOT EQUAL: the communes do not add up to the persons."),)
    persons, stock, living = (f"{number:,}" for number in (found.persons, found.stock, found.living))
    return (
        _("{0} persons count, each in one commune; the register balance comes to {1}.").format(persons, stock),
        _("The truth beside the bundle knows {0}: {1} are counted elsewhere or nowhere, {2} twice.").format(
            living, len(found.missing), len(found.twice)
        ),
    )
