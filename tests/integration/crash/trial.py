"""One point from its beginning to its end; what was wrong comes back as complaints."""

from __future__ import annotations

from tests.integration.crash.checks import Look, calm, equal, honest, kept, whole
from tests.integration.crash.fuse import Fuse
from tests.integration.crash.points import Point
from tests.integration.crash.workloads import COMMAND, WORKLOADS, Workload, all_running
from tests.integration.crash.world import AFTERWARDS, World

EXIT_STORE = 3


def tried(world: World, point: Point, *, variants: tuple[str, ...] = ()) -> list[str]:
    """Kill a process at a point, let it come back, let everybody go on; returns what does not hold.

    Raises ``AssertionError`` if the point was not reached, or if something does not go on at all.
    """
    workload = WORKLOADS[point.workload]
    workload.prepare(world)
    world.allowed |= workload.allowed
    before = {} if workload.cipher else world.look()
    workload.step(world, point.node, point.fuse, variants)
    at_kill = {} if workload.cipher else world.look()
    complaints = [*honest(at_kill), *kept(before, at_kill)]
    workload.mend(world, point.node, point.second)
    return [*complaints, *_at_the_end(world, workload, at_kill)]


def swept(world: World, name: str, node: str, fuse: Fuse) -> tuple[bool, list[str]]:
    """A kill anywhere in a workload without commands; also tells whether the fuse has burnt at all."""
    workload = WORKLOADS[name]
    assert workload.command is None
    workload.prepare(world)
    world.allowed |= workload.allowed
    before = world.look()
    for starting in workload.nodes:
        world.start(starting, fuse if starting == node else None)
    child = world.running.pop(node)
    world.until(lambda: not child.running or world.settled(), "the fuse burns, or nothing is left to do")
    burnt = not child.running
    if burnt:
        world.burnt(child)
    else:
        child.kill()  # nothing was left to do for it
    at_kill = world.look()
    complaints = [*honest(at_kill), *kept(before, at_kill)]
    workload.mend(world, node)
    return burnt, [*complaints, *_at_the_end(world, workload, at_kill)]


def undisturbed(world: World, name: str) -> list[str]:
    """The same where nobody is killed."""
    workload = WORKLOADS[name]
    workload.prepare(world)
    world.allowed |= workload.allowed
    workload.step(world, COMMAND, None)
    if workload.again is not None:
        world.ok(*workload.again(world))
    workload.after(world)
    return _at_the_end(world, workload, {})


def _at_the_end(world: World, workload: Workload, at_kill: dict[str, Look]) -> list[str]:
    """Let everybody go on, and compare."""
    complaints: list[str] = []
    if workload.whole_tree:
        all_running(world)
        origin = world.origins[world.holder_of]
        world.until(world.settled, "all copies are the same as before")
        world.until(lambda: _recorded(world, origin), "the register can be written")
        world.until(lambda: world.settled() and world.acknowledged(), "all copies are the same")
    after = world.look()
    complaints += [*honest(after), *kept(at_kill, after), *calm(world.base, after, world.allowed)]
    if workload.whole_tree:
        for origin, nodes in world.copies():
            complaints += equal(after, origin, nodes)
            complaints += whole(
                after[nodes[0]], origin, world.expected if origin == world.origins[world.holder_of] else ()
            )
        for name, child in world.running.items():
            if not child.running:
                complaints.append(f"{name} did not go on: {child.said}")
    elif not workload.cipher:
        (origin,) = [entry[0] for entry in after[world.holder]["profiles"] if not entry[2]]
        complaints += whole(after[world.holder], origin, world.expected)
    return complaints


def _recorded(world: World, origin: str) -> bool:
    """Record one household more. Only while a register is healed nobody may write."""
    child = world.command("record", "household", world.path(world.holder), "--id", AFTERWARDS, "--origin", _id(origin))
    if child.code == EXIT_STORE and child.document["error"]["kind"] == "StoreBusy":
        return False
    assert child.code == 0, child.said
    world.expected.add(f"household {AFTERWARDS}")
    return True


def _id(origin: str) -> str:
    return "-".join((origin[:8], origin[8:12], origin[12:16], origin[16:20], origin[20:]))
