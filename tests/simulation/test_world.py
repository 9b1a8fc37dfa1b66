"""The seeded world: guarantees hold, every fault fires, a seed replays, and broken variants are caught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import apsw
import pytest

from hub import session
from hub.desk import decisions
from node import changelog, database, decision_letters, quarantine, verification
from node import store as store_module
from node.applier import Applied, Work
from node.chain import Commit, Head
from node.errors import StoreError
from node.healing import Healer
from node.mail import MailLink
from node.pruning import Pruner
from node.redoing import Redoing
from node.rows import RowDesk
from node.store import Store
from tests.simulation.model import Violation
from tests.simulation.world import Rates, World

STEPS = 400
SEEDS = 60
BUSY = Rates(
    record=6,
    connect=3,
    advance=4,
    cut=1.2,
    tick=1.5,
    tick_ms=(100, 3_000),
    rot=2,
    mend=5,
    power=0.1,
    kill=0.1,
    fuse=0.1,
    hand_over=0,
    retire=0,
    backup=0,
    restore=0,
    reimage=0,
    dissolve=0,
)
"""Rows rot and are asked for while much is recorded: answers come late, and at older commits than the log has."""
RESTORED = Rates(
    record=8,
    connect=4,
    fuse=0.2,
    power=0.2,
    tick=1,
    restore=1.0,
    backup=1.2,
    rot=0,
    mend=0,
    hand_over=0,
    retire=0,
    reimage=0,
    dissolve=0,
)
"""Stores become older copies of themselves while people write on the same rows on both sides."""
REPLACED = Rates(reimage=0.6)
"""Machines lose their whole disk, and restore from their parents."""
DISSOLVED = Rates(record=6, dissolve=0.6, cut=1.5)
"""Districts end with communes, letters and commits under way."""
PRUNED = Rates(prune=1.5, restore=1.0, backup=1.0)
"""What is put back is older than what others have kept."""

DECIDING = Rates(
    record=5,
    decide=8,
    casework=1,
    connect=4,
    advance=3,
    restore=0.8,
    backup=1,
    rot=0,
    mend=0,
    anew=0,
    reimage=0,
    dissolve=0,
)
"""Hubs decide while stores become older copies of themselves, registers change hands and communes get other parents."""


def test_the_log_guarantees_hold_over_many_seeds_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = World(seed)
        try:
            world.run(STEPS)
        except Exception as error:
            raise AssertionError(f"replay with World({seed}).run({STEPS})") from error
        fired += world.fired
    for fault in (
        "dropped",
        "doubled",
        "delayed",
        "cut",
        "power-loss",
        "power-loss-inside",
        "killed",
        "half-open",
        "finished",
        "hand-over",
        "retire",
        "former-holder-unaware",
        "former-holder-refused",
        "backup",
        "restore",
        "clone",
        "healed-restored",
        "healed-trunk",
        "healed-fork",
        "healed-branch",
        "row-gone",
        "row-rotten",
        "asked-for-rows",
        "reimaged",
        "restored-from-parent",
        "dissolved",
        "drained",
    ):
        assert fired[fault] > 0, f"{fault} never happened: {fired}"


def test_rows_that_rot_are_mended_while_everybody_works() -> None:
    fired: Counter[str] = Counter()
    for seed in range(15):
        world = World(seed, BUSY)
        try:
            world.run(STEPS * 2)
        except Exception as error:
            raise AssertionError(f"replay with World({seed}, BUSY).run({STEPS * 2})") from error
        fired += world.fired
    for fault in (
        "row-gone",
        "row-rotten",
        "still-in-the-way",
        "asked-for-rows",
        "quarantine-retry",
        "quarantine-replaced",
    ):
        assert fired[fault] > 0, f"{fault} never happened: {fired}"


def test_every_decision_reaches_every_register_that_it_asks_exactly_once() -> None:
    fired: Counter[str] = Counter()
    for seed in range(25):
        world = World(seed, DECIDING)
        try:
            world.run(STEPS)
        except Exception as error:
            raise AssertionError(f"replay with World({seed}, DECIDING).run({STEPS})") from error
        fired += world.fired
    for what in ("decided", "told", "restore", "clone", "cut", "moved", "hand-over", "power-loss-inside"):
        assert fired[what] > 0, f"{what} never happened: {fired}"


@pytest.mark.parametrize(
    ("rates", "seeds", "faults"),
    [
        pytest.param(REPLACED, (0, 1, 2, 3, 5), ("reimaged", "restored-from-parent"), id="disks are lost"),
        pytest.param(DISSOLVED, (0, 1, 2, 3, 15), ("dissolved", "drained"), id="districts end"),
        pytest.param(PRUNED, (0, 1, 20, 33, 35), ("pruned", "restore"), id="much is pruned and put back"),
    ],
)
def test_the_guarantees_hold_where_one_thing_happens_often(
    rates: Rates, seeds: tuple[int, ...], faults: tuple[str, ...]
) -> None:
    fired: Counter[str] = Counter()
    for seed in seeds:
        world = World(seed, rates)
        try:
            world.run(STEPS)
        except Exception as error:
            raise AssertionError(f"replay with World({seed}, {rates}).run({STEPS})") from error
        fired += world.fired
    for fault in faults:
        assert fired[fault] > 0, f"{fault} never happened: {fired}"


def test_a_seed_replays_to_the_same_trace() -> None:
    for seed in range(5):
        first, second = World(seed), World(seed)
        first.run(STEPS)
        second.run(STEPS)
        assert first.trace.hexdigest() == second.trace.hexdigest(), f"seed {seed}"


@pytest.mark.soak
def test_soak(seed_count: int) -> None:
    for seed in range(1_000, 1_000 + seed_count):
        try:
            World(seed).run(STEPS * 2)
        except Exception as error:
            raise AssertionError(f"replay with World({seed}).run({STEPS * 2})") from error


# --- broken variants: each check has been seen to fail -----------------------------------------------------------------


def _caught_within(seeds: int, rates: Rates | None = None) -> int | None:
    for seed in range(seeds):
        try:
            World(seed, rates).run(STEPS * 2 if rates is BUSY else STEPS)
        except (Violation, AssertionError, StoreError, apsw.ConstraintError):
            return seed
    return None


def acknowledges_before_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    late: dict[int, list[Work]] = {}
    apply_group = session.Hub.apply_group

    def eager(self: session.Hub) -> list[Head]:
        works = late.pop(id(self), [])
        for item in self._queue:
            head, count = item.work.header.head, item.work.header.commits
            item.endpoint.answered(item.batch, Applied(head, count, 0, 0))
        late[id(self)] = [item.work for item in self._queue]
        self._queue.clear()
        self._applier.apply(works)
        return apply_group(self)

    monkeypatch.setattr(session.Hub, "apply_group", eager)


def syncs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pragma = database._pragma
    monkeypatch.setattr(
        database, "_pragma", lambda c, name, value: pragma(c, name, 1 if name == "synchronous" else value)
    )


def lets_a_former_holder_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "require_holder", lambda *_: None)


def advances_the_head_in_another_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = changelog.advance_head

    def early(connection: object, commit: Commit, **arguments: object) -> None:
        connection.execute("COMMIT")  # type: ignore[attr-defined]
        connection.execute("BEGIN IMMEDIATE")  # type: ignore[attr-defined]
        advance(connection, commit, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(changelog, "advance_head", early)


def writes_the_witness_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Store.capture

    @contextmanager
    def leading(self: Store, **arguments: object) -> Iterator[object]:
        head = self.head(self.own_origin())
        self.witness.record(Head(head.origin, type(head.seq)(head.seq + 1), head.hash))
        with capture(self, **arguments) as inside:  # type: ignore[arg-type]
            yield inside

    monkeypatch.setattr(Store, "capture", leading)


def drops_what_only_the_child_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Healer, "_redo", lambda self, _, origin, *__, **___: Redoing(self._store.connection, origin, side_wins=True)
    )


def sends_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Healer, "_send_side", lambda *_: None)


def takes_a_ticket_for_the_letters_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MailLink, "begin", lambda *_: None)


def reports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redoing, "findings", property(lambda _: [], lambda *_: None), raising=False)


def _mends_nothing_by_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that only rows from their holder put right what rots: what is wrong with them would not stay otherwise."""
    monkeypatch.setattr(verification, "mend", lambda *_: 0)


def takes_rows_and_forgets_what_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    _mends_nothing_by_the_log(monkeypatch)
    monkeypatch.setattr(RowDesk, "_do_again", lambda *_: None)


def ends_quarantine_without_applying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "try_to_apply", lambda *_: None)


def never_answers_for_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    _mends_nothing_by_the_log(monkeypatch)
    monkeypatch.setattr(RowDesk, "_answers", lambda *_: iter(()))


def restores_nothing_from_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "restoring", property(lambda _: False))


def leaves_at_a_dissolved_node_what_it_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Healer, "send_branch", lambda *_: None)
    monkeypatch.setattr(Healer, "give_what_nobody_confirmed", lambda *_: None)


def prunes_what_nobody_has_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pruner, "_confirmed", lambda _self, _connection, state: state.head.seq)


def forgets_whom_a_decision_asks_when_it_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "note_unsent", lambda *_: None)


def applies_a_decision_whenever_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision_letters, "_KNOWN", "SELECT 1 WHERE ?1 IS NULL AND ?2 IS NULL")


VARIANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "acknowledges before commit": acknowledges_before_commit,
    "syncs nothing": syncs_nothing,
    "lets a former holder write": lets_a_former_holder_write,
    "advances the head in another transaction": advances_the_head_in_another_transaction,
    "writes the witness before the commit": writes_the_witness_before_the_commit,
    "drops what only the child had": drops_what_only_the_child_had,
    "sends no letters": sends_no_letters,
    "takes a ticket for the letters after it": takes_a_ticket_for_the_letters_after_it,
    "reports no lost values": reports_nothing,
    "takes rows and forgets what came since": takes_rows_and_forgets_what_came_since,
    "ends quarantine without applying": ends_quarantine_without_applying,
    "never answers for rows": never_answers_for_rows,
    "prunes what nobody has confirmed": prunes_what_nobody_has_confirmed,
    "forgets whom a decision asks when it comes back": forgets_whom_a_decision_asks_when_it_comes_back,
    "applies a decision whenever it comes": applies_a_decision_whenever_it_comes,
    "restores nothing from the parent": restores_nothing_from_the_parent,
    "leaves at a dissolved node what it cannot send": leaves_at_a_dissolved_node_what_it_cannot_send,
}
RATES: dict[str, Rates] = {
    "takes snapshots and forgets what is only here": Rates(record=5, prune=3, backup=1.5, restore=1.5, move=0),
    "reports no lost values": RESTORED,
    "takes a ticket for the letters after it": Rates(record=5, decide=4, casework=1, restore=1.5, backup=2),
    "takes rows and forgets what came since": BUSY,
    "ends quarantine without applying": BUSY,
    "never answers for rows": BUSY,
    "forgets whom a decision asks when it comes back": DECIDING,
    "applies a decision whenever it comes": DECIDING,
    "restores nothing from the parent": REPLACED,
    "leaves at a dissolved node what it cannot send": replace(DISSOLVED, dissolve=1.0, hand_over=2.0),
}
BUDGET = 60  # seeds; the worst variant needed 1 to 20 when this was written


@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_variant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VARIANTS[name](monkeypatch)
    assert _caught_within(BUDGET, RATES.get(name)) is not None, f"{name} was not caught in {BUDGET} seeds"
