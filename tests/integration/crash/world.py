"""A small real tree on disk: set up once, copied for every point, run as processes, looked at by the independent reader.

root (the authority) <- d (a district) <- c and n (communes). Beside them x, which is invited and not enrolled yet.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from node.clock import SystemClock
from node.limits import RECONNECT_DELAY_MIN_MS
from node.replay import triggers_off
from node.schema import CAPTURED_NAMES
from node.store import Store
from ops.config import load_config, save_config
from ops.rehearsal.nodes import free_port
from tests.identities import Tree
from tests.integration.crash.fuse import Fuse
from tests.integration.crash.nursery import SECONDS_MAX, Child, Hangs, Nursery
from tests.sessions import Parent, drain

PARENTS: Final = {"d": "root", "c": "d", "n": "d", "x": "d"}
TIERS: Final = ("root", "d", "c", "n")  # the order in which nodes are started
OLDER: Final = "c.older"  # c as it was before its last commits
AFTERWARDS: Final = "AFTER"  # the household that is recorded when all is over
REFERENCE: Final = "reference"
_CLOCK: Final = SystemClock()


class Reader:
    """The reader's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("reader.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def _ask(self, do: str, paths: dict[str, Path]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"do": do, "paths": {name: str(path) for name, path in paths.items()}, "tables": CAPTURED_NAMES}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the reader has ended"
        found: dict[str, Any] = json.loads(line)
        return found

    def heads(self, paths: dict[str, Path]) -> dict[str, Any]:
        return self._ask("heads", paths)

    def everything(self, paths: dict[str, Path]) -> dict[str, Any]:
        return self._ask("all", paths)

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(SECONDS_MAX)
        self._process.stdout.close()


def build(folder: Path, nursery: Nursery) -> None:
    """The tree that every point begins with: in step, and at rest. Its register has H1, P1, H2 and P2."""
    tree = Tree(folder, "root")
    for name in ("d", "c", "n"):
        tree.add(name, PARENTS[name])
    for name, member in tree.members.items():
        member.config(
            parent="127.0.0.1:1" if name in PARENTS else "", listen="127.0.0.1:1" if name in {"root", "d"} else ""
        )

    def record(number: int) -> None:
        _done(nursery, folder, ["record", "household", folder / "c", "--id", f"H{number}"])
        person = ["--id", f"P{number}", "--household", f"H{number}", "--name", "Trần Thị Ánh", "--sex", "F"]
        _done(nursery, folder, ["record", "person", folder / "c", *person])

    def meet() -> None:
        for name in ("d", "c", "n", "d"):  # first who takes part comes down, at last what the communes wrote goes up
            ended = drain(tree.members[name], Parent(tree.members[PARENTS[name]]))
            assert ended == "done", ended

    record(1)
    meet()
    # At rest and without the shared memory, which belongs to the process: what a copy of the files would be.
    shutil.copytree(folder / "c", folder / OLDER, ignore=shutil.ignore_patterns("*-shm"))
    record(2)
    _done(
        nursery,
        folder,
        [
            "init",
            folder / "x",
            "--node-id",
            "x",
            "--tier",
            "commune",
            "--parent-node-id",
            "d",
            "--parent",
            "127.0.0.1:1",
        ],
    )
    _done(
        nursery,
        folder,
        [
            "node",
            "invite",
            folder / "root",
            "x",
            "--tier",
            "commune",
            "--parent",
            "d",
            "--out",
            folder / "x.invitation",
        ],
    )
    meet()
    tree.close()


def _done(nursery: Nursery, folder: Path, arguments: list[object]) -> None:
    child = nursery.start([*map(str, arguments), "--json"], folder / "command.out")
    assert child.wait() == 0, child.said


class World:
    """One copy of the tree. ``members`` take part in what is compared at the end."""

    def __init__(self, nursery: Nursery, reader: Reader, template: Path, folder: Path) -> None:
        shutil.copytree(template, folder)
        self.folder = folder
        self.nursery = nursery
        self.reader = reader
        self.running: dict[str, Child] = {}
        self.members = ["c", "d", "root"]  # children first: a parent may only grow while it is looked at
        self.allowed: set[str] = set()
        self.expected = {"household H1", "household H2", "person P1", "person P2"}
        self.holder = "c"  # who writes the register that is looked at
        self.holder_of = "c"  # who began it
        self.variants: tuple[str, ...] = ()
        self._addresses = {name: f"127.0.0.1:{free_port()}" for name in ("root", "d")}
        for name in ("root", "d", "c", "n", "x", OLDER):
            self._give_address(name)
        self.base = self.look()
        profiles = [profile for look in self.base.values() for profile in look["profiles"]]
        self.origins = {REFERENCE if purpose else node: origin for origin, node, purpose in profiles}

    def _give_address(self, name: str) -> None:
        parent = PARENTS.get(name.partition(".")[0], "")
        config = load_config(self.folder / name)
        save_config(
            replace(
                config,
                folder=self.folder / name,
                parent_address=self._addresses.get(parent, ""),
                listen=self._addresses.get(name, ""),
                reconnect_ms_max=RECONNECT_DELAY_MIN_MS,
            )
        )

    def path(self, name: str) -> Path:
        return self.folder / name

    # --- what is done -------------------------------------------------------------------------------------------------

    def command(
        self,
        *arguments: object,
        fuse: Fuse | None = None,
        variants: tuple[str, ...] = (),
    ) -> Child:
        """One call of the command line, to its end."""
        child = self.nursery.start(
            [*map(str, arguments), "--json"],
            self.folder / "command.out",
            fuse=fuse,
            mark=self._mark,
            variants=(*self.variants, *variants),
        )
        child.wait()
        return child

    def ok(self, *arguments: object, codes: Iterable[int] = (0,)) -> Child:
        child = self.command(*arguments)
        assert child.code in set(codes), f"{arguments}: {child.code} {child.said}"
        return child

    def household(self, name: str, *, node: str = "", origin: str = "") -> None:
        self.ok(
            "record",
            "household",
            self.path(node or self.holder),
            "--id",
            name,
            *(("--origin", origin) if origin else ()),
        )
        self.expected.add(f"household {name}")

    def start(self, name: str, fuse: Fuse | None = None, *, variants: tuple[str, ...] = ()) -> None:
        """Start a node and wait until it is ready; one with a fuse may end before that."""
        ready = self.path(name) / "ready"
        ready.unlink(missing_ok=True)
        child = self.running[name] = self.nursery.start(
            ["run", str(self.path(name)), "--json"],
            self.path(name) / "node.out",
            fuse=fuse,
            mark=self._mark,
            environment={"DANSYNC_READY_FILE": str(ready)},
            variants=(*self.variants, *variants),
        )
        self.until(lambda: ready.exists() or not child.running, f"{name} is ready")
        assert fuse is not None or ready.exists(), f"{name} did not start: {child.said}"

    def burnt(self, child: Child) -> None:
        """The process has died at its fuse. Raises ``AssertionError`` if the step was never reached."""
        try:
            code = child.wait()
        except Hangs:
            raise AssertionError(f"the fuse never burnt: the step was not reached\n{child.said}") from None
        assert self._mark.exists(), f"the fuse never burnt: the process ended with {code}\n{child.said}"
        assert code == -9, f"the process ended with {code}\n{child.said}"
        self._mark.unlink()

    @property
    def _mark(self) -> Path:
        return self.folder / "burnt"

    def replace_by_older(self) -> None:
        """c comes back from a copy of its folder."""
        shutil.rmtree(self.path("c"))
        self.path(OLDER).rename(self.path("c"))

    @contextmanager
    def spoiling(self, name: str) -> Iterator[Callable[[str], None]]:
        """Change rows of a store that nobody has open, past its guards."""
        store = Store.open(self.path(name) / "store.db", clock=_CLOCK, source=random.Random(0))
        try:
            with store.database.transaction() as connection, triggers_off(connection):
                yield lambda statement: list(connection.execute(statement)).clear()
        finally:
            store.close()

    # --- what is seen -------------------------------------------------------------------------------------------------

    def _paths(self, names: Iterable[str] = ()) -> dict[str, Path]:
        return {name: self.path(name) / "store.db" for name in names or self.members}

    def look(self) -> dict[str, Any]:
        """All members, the children first."""
        return self.reader.everything(self._paths())

    def until(self, happens: Callable[[], bool], what: str) -> None:
        """Wait for what real processes do; only something that hangs takes the whole time."""
        end_ms = _CLOCK.monotonic_ms() + SECONDS_MAX * 1000
        while not happens():
            said = {name: child.said for name, child in self.running.items()}
            assert _CLOCK.monotonic_ms() < end_ms, (
                f"it did not happen: {what}\n{self.reader.heads(self._paths())}\n{said}"
            )
            time.sleep(0.01)

    def way_up(self, node: str) -> list[str]:
        """The node and all above it."""
        found = [node]
        while found[-1] in PARENTS:
            found.append(PARENTS[found[-1]])
        return [name for name in found if name in self.members]

    def copies(self) -> list[tuple[str, list[str]]]:
        """Every origin that is looked at, and where it must be the same; its holder first."""
        found = [(self.origins[self.holder_of], self.way_up(self.holder)), (self.origins["d"], ["d", "root"])]
        return [*found, (self.origins[REFERENCE], ["root", *(name for name in self.members if name != "root")])]

    def settled(self) -> bool:
        """Everything is everywhere where it belongs, and nothing is under way."""
        seen = self.reader.heads(self._paths())
        under_way = (look[what] for look in seen.values() for what in ("letters", "spooled", "wanted", "held"))
        return not any(under_way) and all(
            len({json.dumps(seen[name]["heads"].get(origin)) for name in nodes}) == 1 for origin, nodes in self.copies()
        )

    def acknowledged(self) -> bool:
        """The parent has confirmed all of the register."""
        if self.holder not in self.members:  # its store is encrypted
            root = self.reader.everything(self._paths(["root"]))["root"]
            ids: list[str] = root["ids"][self.origins[self.holder_of]]
            return f"household {AFTERWARDS}" in ids
        seen = self.reader.heads(self._paths())
        head = seen[self.holder]["heads"][self.origins[self.holder_of]]
        told: dict[tuple[str, str], object] = {
            (peer, origin): [seq, value] for peer, origin, seq, value in seen[self.holder]["acknowledged"]
        }
        return bool(told.get((PARENTS[self.holder], self.origins[self.holder_of])) == head)

    def close(self) -> None:
        for child in reversed(self.running.values()):
            child.kill()
