"""Plays the demo: records at the communes, follows the script, keeps every node running, and proves at the end that
the copies are equal and that everybody counts once.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from node.errors import PeerUnavailable, UsageError
from node.identity.folder import IdentityFolder
from node.ids import id_text
from ops.cli.cases import show_case
from ops.demo.cast import Member, places_of, write_cast
from ops.demo.counting import Count, StoryRow, count, desk_on, explained, story, told
from ops.demo.script import Act, script
from ops.demo.stage import Stage, seconds_now
from ops.i18n import _
from ops.rehearsal.plan import Plan
from ops.rehearsal.processes import ProcessTree
from ops.rehearsal.verify import Copy, compare
from ops.synth import SynthConfig, generate

SLICE_EVENTS_MAX: Final = 4
FRAME_SECONDS: Final = 0.25
ORIGIN_CHARACTERS: Final = 8
TELLING_SECONDS_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``seconds``: how long the communes record; starting and the proof come on top. ``keep``: where the bundle and the
    nodes' folders stay; None: nowhere.
    """

    seed: int = 2
    persons: int = 1_200
    moves: int = 90
    seconds: float = 30
    districts: int = 2
    communes: int = 2
    keep: Path | None = None


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One node in the last table. ``lag_seconds``: the longest time in which its parent lacked something."""

    node_id: str
    tier: str
    origin: str
    origins: int
    rows: int
    head: int
    equal: bool
    lag_seconds: float
    bytes_sent: int
    bytes_a_second: float


@dataclass(frozen=True, slots=True)
class DemoResult:
    """``equal``: every copy is its owner's. ``count`` and ``story``: who counts where, in the view of the root."""

    rows: tuple[DemoRow, ...]
    equal: bool
    count: Count
    story: tuple[StoryRow, ...]

    @property
    def proved(self) -> bool:
        return self.equal and self.count.adds_up and all(row.is_right for row in self.story)


def run_demo(options: DemoOptions, console: Console, *, quiet: bool = False) -> DemoResult:
    """Play it on ``console``. Raises ``PeerUnavailable`` if a node does not start or the tree does not drain."""
    with _work_folder(options.keep) as work:
        config = SynthConfig(
            seed=options.seed,
            persons=options.persons,
            moves=options.moves,
            districts=options.districts,
            communes=options.communes,
        )
        generate(config, work / "bundle")
        members = write_cast(work / "bundle", Plan(work / "bundle").topology, config.last_day)
        plan = Plan(work / "bundle")
        tree = ProcessTree(plan, work / "nodes", options.seed)
        stage = Stage(console, plan.topology, tree, quiet=quiet)
        try:
            with stage.live():
                return _Play(options, plan, tree, stage, members).run()
        finally:
            tree.close()


@contextlib.contextmanager
def _work_folder(keep: Path | None) -> Iterator[Path]:
    """Raises ``UsageError`` if the folder that is to stay has something in it."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="dansync-demo-") as folder:
            yield Path(folder)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty.", hint="Name a folder that does not exist yet.")
    yield keep


class _Play:
    def __init__(
        self, options: DemoOptions, plan: Plan, tree: ProcessTree, stage: Stage, members: tuple[Member, ...]
    ) -> None:
        self._members = members
        self._options = options
        self._plan = plan
        self._tree = tree
        self._stage = stage
        self._down: set[str] = set()
        self._restarts: Counter[str] = Counter()
        self._behind_since: dict[str, float] = {}
        self._lags: dict[str, float] = {}

    def run(self) -> DemoResult:
        tree, stage = self._tree, self._stage
        stage.say(
            _("{0} nodes start: the nation, two provinces, their districts and communes.").format(
                len(self._plan.topology)
            )
        )
        tree.found()
        tree.invite(lambda _what, _done, _total: stage.draw())
        stage.say(_("Every node was invited, made its key and got its certificate; they speak mutual TLS only."))
        started = seconds_now()
        self._record(started)
        stage.say(_("Everything is recorded. What was held up climbs now."))
        self._climb()
        self._settle()
        seconds = seconds_now() - started
        stage.draw()
        tree.stop()
        copies = compare(self._plan.topology, tree.stores)
        rows = tuple(self._row(row.node_id, copies, seconds) for row in self._plan.topology.top_down())
        equal = all(row.equal for row in rows)
        stage.finish(rows, self._verdict(copies, equal=equal))
        return self._tell(rows, equal=equal)

    def _tell(self, rows: tuple[DemoRow, ...], *, equal: bool) -> DemoResult:
        """Who counts where, in the view of the root on the last day of the story, and one case whole."""
        (root,) = (self._tree.stores[node_id] for node_id in self._plan.topology.roots)
        desk = desk_on(root, self._plan.as_of)
        found, persons = count(root, self._tree.work.parent / "bundle" / "truth", self._plan.as_of)
        rows_of_story = story(root, desk, self._members, persons)
        self._stage.tell(rows_of_story, found, self._plan.as_of)
        case = explained(rows_of_story)
        file = desk.case_file(case)
        assert file is not None, "who has moved is in a case"
        output = self._stage.output()
        output.line(_("One case in full, as dansync cases show has it:"))
        output.line()
        show_case(output, file)
        return DemoResult(rows, equal, found, rows_of_story)

    def _settle(self) -> None:
        """Let the hubs decide, from the bottom up, as of the story's last day, and wait until all whom they tell have
        it. Their daemons would do the same as of today, which lies long after the story.
        """
        hubs = [row.node_id for row in self._plan.topology.top_down() if self._plan.topology.children(row.node_id)]
        made = 0
        for node_id in reversed(hubs):
            key = IdentityFolder(self._tree.nodes[node_id].config.folder).load().key
            made += desk_on(self._tree.stores[node_id], self._plan.as_of, key).decide()
            self._stage.draw()
        deadline = seconds_now() + TELLING_SECONDS_MAX
        while any(asked != taken for asked, taken in self._told(hubs)):
            if seconds_now() > deadline:
                raise PeerUnavailable(
                    f"Not every register has its decisions after {TELLING_SECONDS_MAX:.0f} seconds.",
                    hint="The machine may be busy: try again with fewer persons: dansync demo --persons 600",
                )
            self._supervise()
            self._stage.draw()
            time.sleep(FRAME_SECONDS)
        self._tree.wait_drained(lambda _what, _done, _total: self._stage.draw())
        messages = sum(taken for _asked, taken in self._told(hubs))
        self._stage.say(
            _("The hubs put the halves of moves together: {0} decisions. {1} messages reached those concerned.").format(
                made, messages
            )
        )

    def _told(self, hubs: list[str]) -> list[tuple[int, int]]:
        return [told(self._tree.stores[node_id]) for node_id in hubs]

    def _record(self, started: float) -> None:
        recordings = self._tree.recordings(SLICE_EVENTS_MAX)
        total = sum(len(self._plan.rows[node_id].events) for node_id in recordings)
        waiting = sorted(recordings)
        for node_id in waiting:
            recordings[node_id].step()  # the standing register
            self._supervise()
        self._stage.say(
            _("{0} communes have entered their registers; now life goes on: {1} events.").format(len(waiting), total)
        )
        places = places_of(self._plan.topology)
        acts = script(self._plan.topology, self._options.seed, (places.home, places.province))
        waiting = [node_id for node_id in waiting if not recordings[node_id].done]
        began, turn, done = seconds_now(), 0, 0
        while waiting or acts:
            passed = (seconds_now() - began) / self._options.seconds
            while acts and acts[0].at <= passed:
                self._perform(acts.pop(0))
            # record as much as the clock allows, in turn
            while waiting and (done < total * passed or passed >= 1.0):
                node_id = waiting[turn % len(waiting)]
                done += recordings[node_id].step()
                turn += 1
                if recordings[node_id].done:
                    waiting.remove(node_id)
            self._supervise()
            self._note_lags()
            self._stage.draw(recorded=done, total=total)
            time.sleep(FRAME_SECONDS)

    def _climb(self) -> None:
        for node_id, cable in self._tree.cables.items():
            if not cable.plugged:
                cable.plug()
                self._stage.say(_("{0} has its link again.").format(self._stage.name(node_id)))
        self._down.clear()

        def progress(_what: str, _done: int, _total: int) -> None:
            self._supervise()
            self._note_lags()
            self._stage.draw()

        self._tree.wait_drained(progress)
        self._note_lags()

    def _note_lags(self) -> None:
        """How long each node has had something that its parent lacked, at the longest."""
        now = seconds_now()
        for node_id, backlog in self._stage.backlogs().items():
            if backlog:
                since = self._behind_since.setdefault(node_id, now)
                self._lags[node_id] = max(self._lags.get(node_id, 0.0), now - since)
            else:
                self._behind_since.pop(node_id, None)

    def _perform(self, act: Act) -> None:
        name, tree = self._stage.name(act.node_id), self._tree
        match act.deed:
            case "unplug":
                tree.cables[act.node_id].unplug()
                self._stage.say(_("{0} loses its link, and goes on recording.").format(name))
            case "plug":
                tree.cables[act.node_id].plug()
                self._stage.say(_("{0} has its link again.").format(name))
            case "kill":
                self._down.add(act.node_id)
                tree.nodes[act.node_id].kill()
                self._stage.say(_("The power fails at {0}: kill -9.").format(name))
            case "start":
                self._down.discard(act.node_id)
                if not tree.nodes[act.node_id].running:
                    tree.nodes[act.node_id].start()
                self._stage.say(_("{0} starts again and looks what it has.").format(name))

    def _supervise(self) -> None:
        """Whoever is killed by the viewer is started again."""
        for node_id, node in self._tree.nodes.items():
            if not node.running and node_id not in self._down:
                self._restarts[node_id] += 1
                node.start()
                self._stage.say(_("{0} was killed from outside; it starts again.").format(self._stage.name(node_id)))

    def _row(self, node_id: str, copies: list[Copy], seconds: float) -> DemoRow:
        store = self._tree.stores[node_id]
        held = [copy for copy in copies if copy.node_id == node_id]
        of_mine = [copy for copy in copies if copy.owner == node_id]
        cable = self._tree.cables.get(node_id)
        sent = cable.bytes_up if cable is not None else 0
        origin = store.own_origin()
        return DemoRow(
            node_id,
            self._plan.topology[node_id].tier,
            id_text(origin)[-ORIGIN_CHARACTERS:],
            len(held),
            sum(copy.rows for copy in held),
            store.head(origin).seq,
            all(copy.equal for copy in (*held, *of_mine)),
            self._lags.get(node_id, 0.0),
            sent,
            sent / seconds,
        )

    def _verdict(self, copies: list[Copy], *, equal: bool) -> str:
        commits = sum(store.head(origin).seq for store in self._tree.stores.values() for origin in store.own_origins())
        if not equal:
            return _("NOT EQUAL: some copies differ from their owners'.")
        return _("{0} commits, {1} copies, every one equal to its owner's.").format(commits, len(copies))
