"""``resync``: bring copies into step by hand. It says first what it would do; interrupted, it goes on when it is called
again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import rich_click as click

from node import snapshots
from node.errors import PeerUnavailable, StoreDamaged, UsageError
from node.healing import Healer
from node.identity.folder import IdentityFolder
from node.ids import OriginId, id_text
from node.mending import inspect, repair
from node.reference import Reference
from node.snapshot_desk import SnapshotDesk
from node.store import OriginState, Store
from node.verification import Verifier, statement_of
from ops.cli.command import Command, command_options
from ops.cli.held_documents import register_names
from ops.cli.options import folder_argument, named_origin, opened
from ops.cli.output import Output, ReportProgress
from ops.cli.presence import presence
from ops.config import NodeConfig
from ops.daemon import run_until_stopped
from ops.i18n import N_, _

Mode = Literal["tail", "verify", "snapshot"]
Whose = Literal["own", "relayed", "above"]
POLL_SECONDS: Final = 0.3
WAIT_SECONDS: Final = 60
EXIT_NOT_YET: Final = PeerUnavailable.exit_code


@dataclass(frozen=True, slots=True)
class Step:
    """What would be done with one origin. ``goes``: something is to be done; ``count``: commits or rows."""

    origin: OriginId
    name: str
    whose: Whose
    seq: int
    count: int
    peer: str
    goes: bool


@click.command(
    cls=Command,
    help=N_(
        "Bring copies into step by hand: say what would be done, then do it and show how far it is.\n\n"
        "tail sends what the parent has not confirmed. verify compares every row with the log and with what its holder "
        "has signed, and puts right what has rotted; the parent compares anew at the next contact. snapshot takes a "
        "copy anew, as a whole, from the child that brings it; what is here stays in use until the new one is "
        "proved.\n\n"
        "It can be interrupted and called again. A node does all this by itself; this is for when somebody wants it "
        "now."
    ),
    examples=(
        "dansync resync /srv/an-lao --dry-run",
        "dansync resync /srv/binh-dinh --origin tran-phu --mode verify",
        "dansync resync /srv/binh-dinh --origin tran-phu --mode snapshot",
    ),
)
@folder_argument
@click.option("--origin", "origin_name", default="", help=N_("Whose register (default: all that are known here)."))
@click.option(
    "--mode",
    type=click.Choice(("tail", "verify", "snapshot")),
    default="tail",
    show_default=True,
    help=N_("What to do."),
)
@click.option("--dry-run", is_flag=True, help=N_("Say what would be done, and do nothing."))
@click.option(
    "--wait",
    "wait_seconds",
    type=click.IntRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help=N_("Seconds to wait for the other node."),
)
@command_options
def resync(folder: Path, *, origin_name: str, mode: Mode, dry_run: bool, wait_seconds: int, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    with opened(folder, "read" if dry_run else "write", call="resync") as (config, store):
        steps = _plan(store, origin_name, mode)
        if mode == "snapshot" and not origin_name and not dry_run:
            raise UsageError(
                "A copy is taken anew only if it is named.", hint="Name it with --origin, or look with --dry-run."
            )
        _announce(output, steps, mode)
        code = 0
        if not dry_run:
            match mode:
                case "verify":
                    code = _verify(output, store, steps)
                case "snapshot":
                    code = _snapshot(output, config, store, steps, wait_seconds)
                case "tail":
                    code = _tail(output, config, store, wait_seconds)
        output.document(
            {
                "mode": mode,
                "dry_run": dry_run,
                "done": not dry_run and code == 0,
                "steps": [_document(s) for s in steps],
            }
        )
    return code


def _document(step: Step) -> dict[str, Any]:
    return {
        "origin": id_text(step.origin),
        "name": step.name,
        "whose": step.whose,
        "seq": step.seq,
        "count": step.count,
        "peer": step.peer,
        "does": step.goes,
    }


# --- what would be done ---------------------------------------------------------------------------------------------


def _plan(store: Store, origin_name: str, mode: Mode) -> list[Step]:
    with store.database.snapshot():
        names = register_names(store)
        acknowledged = store.acknowledged()
        only = named_origin(store, origin_name) if origin_name else None
        found = []
        for state in store.states():
            origin = state.head.origin
            if only not in {None, origin}:
                continue
            whose = _whose(state)
            known = acknowledged.get(origin)
            waiting = state.head.seq - (known.seq if known else 0)
            goes, count, peer = {
                "tail": (whose != "above" and waiting > 0, waiting, known.peer if known else ""),
                "verify": (True, store.digest(origin).rows if mode == "verify" else 0, ""),
                "snapshot": (whose == "relayed", _rows(store, origin), state.via),
            }[mode]
            name = names.get(origin, id_text(origin))
            found.append(Step(origin, name, whose, state.head.seq, count, peer, goes))
        return found


def _rows(store: Store, origin: OriginId) -> int:
    stated = statement_of(store.connection, origin)
    return stated.rows if stated else 0


def _whose(state: OriginState) -> Whose:
    if state.own:
        return "own"
    return "above" if state.flow else "relayed"


def _announce(output: Output, steps: list[Step], mode: Mode) -> None:
    output.table(
        (_("Register"), _("Commit"), _("What is to be done")),
        [(step.name, step.seq, _words(step, mode)) for step in steps],
        right=(1,),
    )


def _words(step: Step, mode: Mode) -> str:
    match mode:
        case "tail" if step.goes:
            return _("send {count} commits to the parent").format(count=step.count)
        case "tail":
            return _("nothing: it comes from above") if step.whose == "above" else _("nothing: the parent has it all")
        case "verify":
            return _("compare {count} rows with the log and with its holder").format(count=step.count)
        case "snapshot" if step.goes:
            return _("take it anew from node {node}, about {count} rows").format(node=step.peer, count=step.count)
        case "snapshot" if step.whose == "own":
            return _("nothing: it is written here; see dansync verify, and dansync restore")
        case _:
            return _("nothing: it comes from above; see dansync verify --repair")


# --- doing it -------------------------------------------------------------------------------------------------------


def _verify(output: Output, store: Store, steps: list[Step]) -> int:
    sound = True
    with output.progress({"verify": _("Comparing")}) as progress:
        for number, step in enumerate(steps, 1):
            count = 0 if store.quarantined(step.origin) else repair(store, step.origin)
            with store.database.snapshot() as connection:
                found = inspect(store, step.origin, statement_of(connection, step.origin))
            sound = sound and found.sound
            if count:
                output.line(_("{name}: {count} rows were put right.").format(name=step.name, count=count))
            if not found.sound:
                output.line(_("{name}: still DIFFERS; see dansync verify").format(name=step.name), style="bold red")
            with store.database.transaction() as connection:
                connection.execute("DELETE FROM verification WHERE origin = ? AND peer = ''", (step.origin,))
                if step.whose == "own":  # said anew, so that the parent compares anew
                    connection.execute("DELETE FROM origin_state WHERE origin = ?", (step.origin,))
            progress("verify", number, len(steps))
    if sound:
        output.line(_("All rows are what their logs say."))
    return 0 if sound else StoreDamaged.exit_code


def _snapshot(output: Output, config: NodeConfig, store: Store, steps: list[Step], wait_seconds: int) -> int:
    wanted = [step for step in steps if step.goes]
    if not wanted:
        raise UsageError(
            "There is nothing to take anew: only registers that a child brings can be.",
            hint="For others: dansync verify FOLDER --repair, or dansync restore",
        )
    reference = Reference(store)
    key = IdentityFolder(config.folder).load().key
    desk = SnapshotDesk(store, Verifier(store, reference, key), Healer(store, reference, key))
    for step in wanted:
        desk.ask_anew(step.origin)
    names = {step.origin: step.name for step in wanted}

    def pending(progress: ReportProgress) -> bool:
        left = [origin for origin in desk.asked_anew() if origin in names]
        with store.database.snapshot() as connection:
            for origin in left:
                for item in snapshots.kept(connection, origin):
                    if not item.whole:
                        progress("snapshot", snapshots.chunks_here(connection, item.head), item.offer.chunks)
        return bool(left)

    if _wait(output, store, {"snapshot": _("Chunks")}, pending, wait_seconds):
        output.line(_("The copy was taken anew: {names}.").format(names=", ".join(names.values())))
        return 0
    nodes = ", ".join(sorted({step.peer for step in wanted}))
    output.warn(_("It has not come yet: it comes by itself at the next contact with {nodes}.").format(nodes=nodes))
    return EXIT_NOT_YET


def _tail(output: Output, config: NodeConfig, store: Store, wait_seconds: int) -> int:
    if not config.parent_address:
        output.line(_("This node has no parent: what is below comes when the children have contact."))
        return 0
    if presence(config) is None:
        asyncio.run(run_until_stopped(config, drain=True))
    first = _backlog(store)

    def pending(progress: ReportProgress) -> bool:
        left = _backlog(store)
        progress("tail", first - left, first)
        return left > 0

    if _wait(output, store, {"tail": _("Sending")}, pending, wait_seconds):
        output.line(_("The parent has everything."))
        return 0
    output.warn(_("{count} commits still wait for the parent; the running node goes on.").format(count=_backlog(store)))
    return EXIT_NOT_YET


def _backlog(store: Store) -> int:
    acknowledged = store.acknowledged()
    states = [state for state in store.states() if not state.flow and state.head.origin != store.reference_origin()]
    known = {origin: item.seq for origin, item in acknowledged.items()}
    return sum(max(state.head.seq - known.get(state.head.origin, 0), 0) for state in states)


def _wait(
    output: Output,
    store: Store,
    labels: dict[str, str],
    pending: Callable[[ReportProgress], bool],
    wait_seconds: int,
) -> bool:
    """Whether nothing is pending any more before the time is over."""
    until = store.clock.monotonic_ms() + wait_seconds * 1000
    pause = threading.Event()
    with output.progress(labels) as progress:
        while pending(progress):
            if store.clock.monotonic_ms() >= until:
                return False
            pause.wait(POLL_SECONDS)
    return True
