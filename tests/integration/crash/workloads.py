"""What is under way when a process dies: what comes before, the step in which one process has the fuse, and how that
process goes on after it was started again.

A workload is run by ``test_points``: ``prepare``, ``step``, and after the kill ``mend``. Whatever runs besides stays
up, and must go on by itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.integration.crash.checks import PRUNED
from tests.integration.crash.fuse import Fuse
from tests.integration.crash.world import World
from tests.integration.small_bundle import write_small_bundle

COMMAND: Final = "command"  # in the place of a node: the command line has the fuse
TWIN: Final = "c.twin"  # a copy of c in which nobody is killed
LATER: Final = 6  # the exit code of a call whose end comes with the next contact
REFUSED: Final = 2  # the exit code of a call that has nothing to do any more


def nothing(world: World) -> None:
    """Nothing comes before, or afterwards."""


@dataclass(frozen=True, slots=True)
class Workload:
    """``nodes`` are started one after the other; then ``command`` is called, if there is one. After the kill of a node
    it is started again, after the kill of a command it is called again, with an exit code of ``codes``.

    ``after`` runs when the killed process is back. ``whole_tree`` is false where the node takes part in no tree yet.
    """

    nodes: tuple[str, ...] = ()
    prepare: Callable[[World], None] = nothing
    command: Callable[[World], list[object]] | None = None
    codes: tuple[int, ...] = (0,)
    after: Callable[[World], None] = nothing
    whole_tree: bool = True
    again: Callable[[World], list[object]] | None = None
    """What is called in the place of ``command`` after the kill."""
    cipher: bool = False
    """It needs the SQLite that can encrypt."""
    allowed: frozenset[str] = field(default_factory=frozenset)
    """Alarms that the workload itself deserves, with or without a kill."""

    def step(self, world: World, node: str, fuse: Fuse | None, variants: tuple[str, ...] = ()) -> None:
        """Run it with a fuse in one process; returns when that has died. Without a fuse: to its end."""
        for name in self.nodes:
            world.start(name, fuse if name == node else None, variants=variants if name == node else ())
        if self.command is None:
            assert fuse is None or node in self.nodes
        elif node == COMMAND:
            child = world.command(*self.command(world), fuse=fuse, variants=variants)
            if fuse is not None:
                world.burnt(child)
            return
        else:  # it may fail for want of the node that dies
            world.command(*self.command(world))
        if fuse is not None:
            world.burnt(world.running.pop(node))

    def mend(self, world: World, node: str, fuse: Fuse | None = None) -> None:
        """Once more without the fuse; with one, it dies again."""
        if node != COMMAND:
            world.start(node, fuse)
            if fuse is not None:
                world.burnt(world.running.pop(node))
                world.start(node)
        again = self.again or self.command
        if again is not None:
            if node == COMMAND and fuse is not None:
                world.burnt(world.command(*again(world), fuse=fuse))
            world.ok(*again(world), codes=self.codes)
        self.after(world)


def all_running(world: World) -> None:
    """Start what does not run yet, the parents first."""
    for name in ("root", "d", "c", "n", "x"):
        if name in world.members and name not in world.running:
            world.start(name)


# --- at the commune, without a network -------------------------------------------------------------------------------


def _person(world: World) -> list[object]:
    world.expected.add("person P9")
    return [
        "record",
        "person",
        world.path("c"),
        "--id",
        "P9",
        "--household",
        "H1",
        "--name",
        "Lê Văn Bình",
        "--sex",
        "M",
    ]


def _bundle(world: World) -> None:
    """A bundle with one row that is rejected, and what comes of it where nobody is killed."""
    folder = write_small_bundle(world.path("bundle"), persons=40, events=25)
    with (folder / "persons.csv").open("a", encoding="utf-8") as file:
        file.write("c0,P900,H0,Ánh\0" + "," * 12 + "\n")
    shutil.copytree(world.path("c"), world.path(TWIN))
    world.ok(*_import_into(world, TWIN))
    twin = world.reader.everything({TWIN: world.path(TWIN) / "store.db"})[TWIN]
    world.expected |= set(twin["ids"][world.origins["c"]])
    assert len(world.expected) > 70 and len(twin["commits"][world.origins["c"]]) > 5


def _import(world: World) -> list[object]:
    return _import_into(world, "c")


def _import_into(world: World, name: str) -> list[object]:
    return ["import", world.path(name), world.path("bundle"), "--node", "c0"]


def _rejected_is_whole(world: World) -> None:
    assert (world.path("c") / "rejected.csv").read_bytes() == (world.path(TWIN) / "rejected.csv").read_bytes()


# --- between processes -----------------------------------------------------------------------------------------------


def _two_households(world: World) -> None:
    world.household("H10")
    world.household("H11")


def _an_act(world: World) -> None:
    world.ok("node", "invite", world.path("root"), "z", "--tier", "commune", "--parent", "d")


def _restored(world: World) -> None:
    world.replace_by_older()


def _forked(world: World) -> None:
    world.replace_by_older()
    world.household("F1")
    world.household("F2")


def _handed_over(world: World) -> None:
    world.household("U1")
    world.ok("origin", "handover", world.path("root"), "c", "--to", "n")
    world.members = ["n", "c", "d", "root"]
    world.base = world.look()
    world.holder = "n"


def _rotten(world: World) -> None:
    with world.spoiling("d") as execute:
        execute("UPDATE person SET phone = 'rot' WHERE source_id = 'P1'")
    for phone in ("0900000001", "0900000002"):
        world.ok("record", "correction", world.path("c"), "--person", "P1", "--phone", phone)


def _held(world: World) -> None:
    """Run until the district holds the corrections back, and stop."""
    _rotten(world)
    for name in ("root", "d", "c"):
        world.start(name)
    _wait_for_held(world)
    for name in ("c", "d", "root"):
        assert world.running.pop(name).stop() == 0


def _wait_for_held(world: World) -> None:
    world.until(
        lambda: bool(world.reader.heads({"d": world.path("d") / "store.db"})["d"]["held"]), "rows are held back"
    )


def _take_rows(world: World) -> None:
    _wait_for_held(world)
    world.ok("quarantine", "replace", world.path("d"), "--all")


def _cause_gone(world: World) -> None:
    _held(world)
    with world.spoiling("d") as execute:
        execute("UPDATE person SET phone = '' WHERE source_id = 'P1'")


def _retry(world: World) -> list[object]:
    return ["quarantine", "retry", world.path("d"), "--all"]


def _replace(world: World) -> list[object]:
    return ["quarantine", "replace", world.path("d"), "--all"]


def _moved(world: World) -> None:
    """Lan left c and is at n, and both say so: the district decides, and tells both."""
    who = ("--name", "Trần Thị Hồng Lan", "--sex", "F", "--birth-date", "1984-07-19", "--personal-id", "052184003417")
    world.ok("record", "person", world.path("c"), "--id", "P7", *who)
    left = ("--id", "E7", "--person", "P7", "--date", "2026-03-01", "--to", "n")
    world.ok("record", "move-out", world.path("c"), *left)
    arrived = ("--id", "E8", "--person", "P8", "--date", "2026-03-02", "--from", "c")
    world.ok("record", "move-in", world.path("n"), *arrived, *who)
    world.expected |= {"person P7", "event E7"}


def _both_are_told(world: World) -> None:
    def applied(name: str) -> list[str]:
        said = json.loads(world.ok("inbox", "list", world.path(name)).said)
        return [item["action"] for item in said["items"] if item["standing"] == "applied"]

    world.until(lambda: applied("c") == ["close"] and applied("n") == ["count"], "both communes have the decision")


# --- who takes part --------------------------------------------------------------------------------------------------


def _enrol(world: World) -> list[object]:
    return ["enroll", world.path("x"), world.path("x.invitation")]


def _joined(world: World) -> None:
    """The new node takes part: what it has recorded climbs."""
    world.members = ["x", *world.members]
    world.start("x")
    world.household("X1", node="x")
    world.expected.discard("household X1")

    def arrived() -> bool:
        seen = world.reader.heads({name: world.path(name) / "store.db" for name in ("x", "d", "root")})
        (own,) = seen["x"]["own"]
        return len({str(look["heads"].get(own)) for look in seen.values()}) == 1

    world.until(arrived, "the register of x is at the root")


def _init(world: World) -> list[object]:
    return ["init", world.path("y"), "--node-id", "y", "--tier", "commune", "--unit-code", "21550"]


def _only_y(world: World) -> None:
    world.members = ["y"]
    world.holder = world.holder_of = "y"
    world.household("Y1")
    world.expected = {"household Y1"}


def _new_root(world: World) -> None:
    world.ok("init", world.path("r"), "--node-id", "r", "--tier", "province", "--unit-code", "52")


def _found(world: World) -> list[object]:
    return ["ca", "init", world.path("r")]


def _founded(world: World) -> None:
    world.ok("node", "invite", world.path("r"), "q", "--tier", "commune", "--out", world.path("q.invitation"))
    world.ok("node", "list", world.path("r"))
    world.start("r")
    world.members = ["r"]
    world.holder = world.holder_of = "r"
    world.household("R1")
    world.expected = {"household R1"}


def _invite(world: World) -> list[object]:
    return _invite_into(world, "x-2.invitation")


def _invite_into(world: World, name: str) -> list[object]:
    return ["node", "invite", world.path("root"), "x", "--tier", "commune", "--parent", "d", "--out", world.path(name)]


def _invite_again(world: World) -> list[object]:
    return _invite_into(world, "x-3.invitation")  # a file that is there already is not written over


def _use_invitation(world: World) -> None:
    for name in ("root", "d"):
        world.start(name)
    world.ok("enroll", world.path("x"), world.path("x-3.invitation"))
    _joined(world)


def _retire(world: World) -> list[object]:
    return ["origin", "retire", world.path("root"), "n"]


def _revoke(world: World) -> list[object]:
    return ["node", "revoke", world.path("root"), "n", "--reason", "stolen"]


def _hand_over(world: World) -> list[object]:
    return ["origin", "handover", world.path("root"), "c", "--to", "n"]


def _holder_is_n(world: World) -> None:
    world.members = ["n", *world.members]
    world.holder = "n"


def _approval(world: World) -> None:
    """x has asked, and waits for a person."""
    token = world.path("x-4.invitation")
    world.ok(*_invite_into(world, token.name), "--needs-approval")
    request, answer = world.path("x.request"), world.path("x.answer")
    world.ok("enroll", world.path("x"), token, "--request", request)
    world.ok("node", "answer", world.path("root"), request, "--out", answer)


def _approve(world: World) -> list[object]:
    return ["node", "approve", world.path("root"), "x"]


def _approved(world: World) -> None:
    for name in ("root", "d"):
        world.start(name)
    world.ok("enroll", world.path("x"), world.path("x-4.invitation"))
    _joined(world)


# --- by hand ---------------------------------------------------------------------------------------------------------


def _stick(world: World) -> Path:
    return world.path("stick")


def _pack(world: World) -> list[object]:
    return ["courier", "export", world.path("c"), "--to", _stick(world)]


def _packed(world: World) -> None:
    _two_households(world)
    world.ok(*_pack(world))


def _take(world: World) -> list[object]:
    return ["courier", "import", world.path("d"), _stick(world)]


def _taken(world: World) -> None:
    _an_act(world)
    for name in ("root", "d"):
        world.start(name)
    world.until(
        lambda: len({str(look["heads"][world.origins["reference"]]) for look in _seen(world, "root", "d")}) == 1,
        "the act is at d",
    )
    for name in ("d", "root"):
        world.running.pop(name).stop()
    _packed(world)
    world.ok(*_take(world))


def _seen(world: World, *names: str) -> list[dict[str, dict[str, object]]]:
    return list(world.reader.heads({name: world.path(name) / "store.db" for name in names}).values())


def _take_back(world: World) -> list[object]:
    return ["courier", "import", world.path("c"), _stick(world)]


def _there_and_back(world: World) -> None:
    """The rest of the trip goes well, whatever was interrupted."""
    world.ok(*_take(world))
    world.ok(*_take_back(world))


def _back(world: World) -> None:
    world.ok(*_take_back(world))


def _give(world: World) -> list[object]:
    return ["courier", "export", world.path("d"), "--for", "c", "--to", _stick(world)]


def _request(world: World) -> list[object]:
    return _request_into(world, "first.request")


def _request_into(world: World, name: str) -> list[object]:
    return ["enroll", world.path("x"), world.path("x.invitation"), "--request", world.path(name)]


def _request_again(world: World) -> list[object]:
    return _request_into(world, "second.request")  # a file that is there already is not written over


def _answer_into(world: World, name: str) -> list[object]:
    return ["node", "answer", world.path("root"), world.path("second.request"), "--out", world.path(name)]


def _requested(world: World) -> None:
    world.ok(*_request_again(world))


def _answer(world: World) -> list[object]:
    return _answer_into(world, "first.answer")


def _answer_again(world: World) -> list[object]:
    return _answer_into(world, "second.answer")


def _answered(world: World) -> None:
    _requested(world)
    world.ok(*_answer_again(world))


def _take_answer(world: World) -> list[object]:
    return ["enroll", world.path("x"), world.path("x.invitation"), "--answer", world.path("second.answer")]


def _go_on_with_request(world: World) -> None:
    world.ok(*_answer_again(world))
    _go_on_with_answer(world)


def _go_on_with_answer(world: World) -> None:
    world.ok(*_take_answer(world))
    _start_and_join(world)


def _start_and_join(world: World) -> None:
    for name in ("root", "d"):
        world.start(name)
    _joined(world)


def _prune(world: World) -> list[object]:
    return ["prune", world.path("d"), "--keep-days", "0"]


def _pruned(world: World) -> None:
    (look,) = world.reader.everything({"d": world.path("d") / "store.db"}).values()
    assert PRUNED in look["commits"][world.origins["c"]], "nothing was pruned"


def _resync(world: World) -> list[object]:
    return ["resync", world.path("d"), "--origin", "c", "--mode", "snapshot", "--wait", "0"]


def _taken_anew(world: World) -> None:
    paths = {"d": world.path("d") / "store.db"}
    origin = world.origins["c"]
    world.until(lambda: PRUNED in world.reader.everything(paths)["d"]["commits"][origin], "the copy was taken anew")


def _rot(world: World) -> None:
    """A row that no later commit touches: only comparing shows it."""
    with world.spoiling("d") as execute:
        execute("UPDATE household SET hamlet = 'rot' WHERE source_id = 'H1'")
    _two_households(world)


def _put_right(world: World) -> None:
    """Copies are compared when a session has drained, which is later than that their heads are the same."""
    paths = {name: world.path(name) / "store.db" for name in ("c", "d")}
    origin = world.origins["c"]

    def same() -> bool:
        seen = world.reader.everything(paths)
        return bool(seen["c"]["rows"][origin]["household"] == seen["d"]["rows"][origin]["household"])

    world.until(same, "the row was put right")


def _write_results(world: World) -> list[object]:
    return ["export", world.path("d"), world.path("result"), "--as-of", "2026-01-01"]


def _results_are_whole(world: World) -> None:
    world.ok("export", world.path("d"), world.path("expected"), "--as-of", "2026-01-01")
    for path in sorted(world.path("expected").iterdir()):
        assert (world.path("result") / path.name).read_bytes() == path.read_bytes(), path.name
    assert not list(world.path("result").glob(".*")), "half a file was left behind"


# --- the store itself ------------------------------------------------------------------------------------------------


def _later_release(world: World) -> None:
    """From now on every process is of a release that has one schema step more."""
    _two_households(world)
    world.variants = ("later release",)


def _short_log(world: World) -> None:
    """Checkpoints come with every few commits."""
    _two_households(world)
    world.variants = ("short log",)


def _old_certificates(world: World) -> None:
    """Certificates are renewed at every contact."""
    _two_households(world)
    world.variants = ("old certificates",)


def _drain(world: World) -> list[object]:
    return ["run", world.path("c"), "--drain"]


def _add_user(world: World) -> list[object]:
    return ["user", "add", world.path("c"), "lan", "--role", "authority"]


def _encrypt(world: World) -> list[object]:
    return ["encrypt", world.path("c"), "--key", f"file:{world.path('c.key')}"]


def _is_encrypted(world: World) -> None:
    """The reader cannot read it any more; what it has shows above."""
    world.ok("log", world.path("c"), "--verify")
    assert b"SQLite format 3" not in (world.path("c") / "store.db").read_bytes()
    assert not [path for path in world.path("c").iterdir() if "encrypting" in path.name], "a copy was left behind"
    world.members.remove("c")
    world.start("c")


def _init_encrypted(world: World) -> list[object]:
    return [*_init(world), "--encrypt", f"file:{world.path('y.key')}"]


def _only_encrypted_y(world: World) -> None:
    world.ok("record", "household", world.path("y"), "--id", "Y1")
    world.ok("log", world.path("y"), "--verify")
    world.members = []


TREE: Final = ("root", "d", "c")

WORKLOADS: Final[dict[str, Workload]] = {
    "record": Workload(command=_person),
    "import": Workload(prepare=_bundle, command=_import, after=_rejected_is_whole),
    "climb": Workload(TREE, _two_households),
    "news": Workload(TREE, _an_act),
    "restored": Workload(TREE, _restored, allowed=frozenset({"stale_ticket", "own_behind", "restored"})),
    "forked": Workload(TREE, _forked, allowed=frozenset({"stale_ticket", "fork", "healed"})),
    "handover": Workload(
        ("root", "d", "n", "c"),
        _handed_over,
        # The old holder says how its rows stand behind the handover.
        allowed=frozenset({"not_holder", "branch_done_again", "restored", "statement_refused"}),
    ),
    "rot": Workload(
        TREE, _rotten, after=_take_rows, allowed=frozenset({"quarantined", "quarantine_ended", "rows_replaced"})
    ),
    "retry": Workload(
        prepare=_cause_gone, command=_retry, allowed=frozenset({"quarantined", "quarantine_ended", "rows_replaced"})
    ),
    "replace": Workload(
        TREE, _held, command=_replace, allowed=frozenset({"quarantined", "quarantine_ended", "rows_replaced"})
    ),
    "decide": Workload((*TREE, "n"), _moved, after=_both_are_told),
    "enrol": Workload(("root", "d"), command=_enrol, after=_joined),
    "init": Workload(command=_init, codes=(0, REFUSED), after=_only_y, whole_tree=False),
    "found": Workload(prepare=_new_root, command=_found, after=_founded, whole_tree=False),
    "invite": Workload(command=_invite, again=_invite_again, after=_use_invitation),
    "request": Workload(command=_request, again=_request_again, after=_go_on_with_request),
    "answer": Workload(prepare=_requested, command=_answer, again=_answer_again, after=_go_on_with_answer),
    "take answer": Workload(prepare=_answered, command=_take_answer, after=_start_and_join),
    "renew": Workload(TREE, _old_certificates),
    "user": Workload(command=_add_user),
    "retire": Workload(command=_retire, codes=(0, REFUSED)),
    # What the revoked node had said of its rows goes on climbing, and nobody believes it any more.
    "revoke": Workload(command=_revoke, codes=(0, REFUSED), allowed=frozenset({"statement_refused"})),
    "hand over": Workload(
        command=_hand_over, codes=(0, REFUSED), after=_holder_is_n, allowed=frozenset({"not_holder"})
    ),
    "approve": Workload(prepare=_approval, command=_approve, codes=(0, REFUSED), after=_approved),
    "give": Workload(prepare=_an_act, command=_give, after=_back),
    "pack": Workload(prepare=_two_households, command=_pack, after=_there_and_back),
    "take": Workload(prepare=_packed, command=_take, after=_back),
    "take back": Workload(prepare=_taken, command=_take_back),
    "prune": Workload(command=_prune, after=_pruned),
    "resync": Workload(
        TREE, command=_resync, codes=(0, LATER), after=_taken_anew, allowed=frozenset({"snapshot_taken"})
    ),
    "repair": Workload(TREE, _rot, after=_put_right, allowed=frozenset({"rot_repaired"})),
    "drain": Workload(("root", "d"), _two_households, command=_drain),
    "checkpoint": Workload(TREE, _short_log),
    "upgrade": Workload(TREE, _later_release),
    "encrypt": Workload(
        prepare=_two_households, command=_encrypt, codes=(0, REFUSED), after=_is_encrypted, cipher=True
    ),
    "init encrypted": Workload(
        command=_init_encrypted, codes=(0, REFUSED), after=_only_encrypted_y, whole_tree=False, cipher=True
    ),
    "results": Workload(command=_write_results, after=_results_are_whole),
}
