"""Conversations as text files: commands, and below ``----`` what both sides then said and did.

The manner is that of etcd/raft's datadriven tests. ``REWRITE_SCENARIOS=1`` writes what happens now into the files; read the
difference before you commit it. Blocks are separated by empty lines; lines that begin with ``#`` are comments.

A chain is written ``a:3`` (the commits a1 a2 a3 of origin a) or ``a:2/4x`` (two in common, then up to the fourth on another
branch x); a head is shown the same way, ``a:4x``; ``a:5!`` is one that was made anew while healing. Names of origins are single letters.

    child own a:3 b:1     the child's chains; also `child relayed c:2`. Given again: another history (restore, fork)
    child lost b          relayed origins whose holder belongs elsewhere by now
    child schema 2        its schema version; `child ticket t1` what it will present (`-` for none)
    parent has a:2        chains that the parent got from this child
    parent schema 2       `parent above r:3`, `parent refuses c not_enrolled`, `parent admits c`, `parent tickets t1 t2`, `parent quarantines a2`
    batch 1               how many commits the child puts in a batch (2)
    connect [follow]      a new session; the child says Hello
    commit a 2 [relayed]  two more commits of a at the child
    write up a | down a   a letter to the holder of a, upward or downward
    want r                the child asks for what comes from above (`parent above r:3` is what the parent has of it)
    give r 2              two more commits of r at the parent, from above
    deliver [n]           let everything that was sent arrive, also the answers to it; at most n messages
    apply [n]             the parent stores and answers what waits, at most n batches
    settle                deliver and apply until nothing moves
    tick 1000             time passes, then both sides look at their deadlines
    prune child a 3 | prune parent a 3   the log of a begins behind the third commit; a snapshot stands there
    parent busy | parent free   it takes no snapshot, or does again
    ask a                 somebody wants the parent's copy of a to be taken anew
    strip child           the snapshot at the floor is gone, too
    lose parent a         the parent has nothing of a any more
    rot child a | rot parent a   a row of a is not what it was written as
    drop up | drop down   the next message in that direction is lost; `double down` makes it arrive twice
    stop code             the child ends the session
    cut                   the link breaks
    show                  what both sides keep

``child`` and ``parent`` lines say what a side took, indented lines what it did: ``->`` to the parent, ``<-`` to the child.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain import Head
from node.ids import Hash, OriginId
from node.protocol.actions import (
    Alarm,
    Apply,
    Attest,
    ChildAction,
    Close,
    ConfirmTicket,
    ForgetLetter,
    Halt,
    HandOn,
    Heal,
    InstallSnapshot,
    KeepAcknowledged,
    KeepTicket,
    KeepVerified,
    Load,
    LoadChunk,
    LoadDown,
    LoadLetter,
    LoadSnapshot,
    Locate,
    LookUp,
    MintTicket,
    Offer,
    OpenSnapshot,
    ParentAction,
    Release,
    Send,
    StoreChunk,
    Switch,
    TakeDown,
    TakeLetter,
    Verify,
)
from node.protocol.messages import (
    Acknowledge,
    BatchFrame,
    BatchHeader,
    Drained,
    Finish,
    Heads,
    Heartbeat,
    Hello,
    MailFrame,
    MailStored,
    Message,
    Refuse,
    SnapshotAsk,
    SnapshotChunk,
    SnapshotLater,
    SnapshotOffer,
    SnapshotStored,
    SnapshotTaken,
    SnapshotWant,
    States,
    Taken,
    Ticket,
    TicketStored,
    Verified,
    Want,
    Welcome,
)
from tests.protocol.pair import CHILD_NAME, Log, Pair
from tests.protocol.words import letter, letter_to, link, origin, zero

FOLDER = Path(__file__).parents[1] / "scenarios"
REWRITE = os.environ.get("REWRITE_SCENARIOS") == "1"
CHAIN = re.compile(r"([a-z]):(\d+)(?:/(\d+)([a-z]))?")


class Scenario:
    """One pair and its commands; each returns the lines of what happened."""

    def __init__(self) -> None:
        self.pair = Pair()
        self.names: dict[Hash, str] = {}
        self.branches: dict[OriginId, str] = {}
        self.letters = 0

    def run(self, command: str) -> list[str]:
        verb, *words = command.split()
        self.pair.journal.clear()
        handler = getattr(self, f"do_{verb}", None)
        assert handler is not None, f"unknown command: {command}"
        handler(*words)
        return self._kept() if verb == "show" else list(self._happened())

    # --- commands -------------------------------------------------------------------------------------------------------

    def do_child(self, what: str, *words: str) -> None:
        child = self.pair.child
        match what:
            case "lost":
                child.departed = {origin(word) for word in words}
            case "own" | "relayed":
                for which, chain, branch in map(self._chain, words):
                    child.log.replace(which, chain)
                    self.branches[which] = branch
                    if what == "own":
                        child.own.add(which)
            case "schema":
                child.schema_version = int(words[0])
            case "ticket":
                child.ticket = b"" if words[0] == "-" else words[0].encode()
            case _:
                raise AssertionError(f"unknown word: {what}")

    def do_parent(self, what: str, *words: str) -> None:
        parent = self.pair.parent
        match what:
            case "has":
                for which, chain, _ in map(self._chain, words):
                    parent.log.replace(which, chain)
                    parent.via[which] = CHILD_NAME
            case "schema":
                parent.schema_version = int(words[0])
            case "refuses":
                parent.objections[origin(words[0])] = words[1]
            case "admits":
                del parent.objections[origin(words[0])]
            case "tickets":
                parent.tickets = [word.encode() for word in words]
            case "busy" | "free":
                parent.busy = what == "busy"
            case "quarantines":
                parent.quarantines.update(words)
            case "above":
                for which, chain, _ in map(self._chain, words):
                    parent.log.replace(which, chain)
            case _:
                raise AssertionError(f"unknown word: {what}")

    def do_batch(self, commits: str) -> None:
        self.pair.batch_commits = int(commits)

    def do_connect(self, *words: str) -> None:
        self.pair.connect(follow=words == ("follow",))

    def do_commit(self, name: str, count: str, *words: str) -> None:
        which = origin(name)
        seq, branch = self.pair.child.log.head(which).seq, self.branches.get(which, "")
        new = [f"{name}{number}{branch}" for number in range(seq + 1, seq + 1 + int(count))]
        self._learn(which, [*self.pair.child.log.words(which), *new])
        self.pair.record(which, new, own=words != ("relayed",))

    def do_want(self, *names: str) -> None:
        self.pair.want(*map(origin, names))

    def do_give(self, name: str, count: str) -> None:
        which = origin(name)
        seq = self.pair.parent.log.head(which).seq
        new = [f"{name}{number}" for number in range(seq + 1, seq + 1 + int(count))]
        self._learn(which, [*self.pair.parent.log.words(which), *new])
        self.pair.give(which, new)

    def do_write(self, direction: str, which: str) -> None:
        self.letters += 1
        item = letter_to(origin(which), number=self.letters)
        (self.pair.write_up if direction == "up" else self.pair.write_down)(item)

    def do_deliver(self, count: str = "") -> None:
        self.pair.settle(frames=int(count) if count else None, apply=False)

    def do_apply(self, count: str = "") -> None:
        for _ in range(int(count) if count else len(self.pair.queue)):
            self.pair.apply()

    def do_settle(self) -> None:
        self.pair.settle()

    def do_tick(self, by_ms: str) -> None:
        self.pair.tick(int(by_ms))

    def do_prune(self, side: str, name: str, seq: str) -> None:
        (self.pair.child if side == "child" else self.pair.parent).log.floors[origin(name)] = int(seq)

    def do_ask(self, name: str) -> None:
        self.pair.ask_for_state(origin(name))

    def do_strip(self, side: str) -> None:
        (self.pair.child if side == "child" else self.pair.parent).log.bare = True

    def do_lose(self, side: str, name: str) -> None:
        log = (self.pair.child if side == "child" else self.pair.parent).log
        log.replace(origin(name), [])
        log.floors.pop(origin(name), None)

    def do_rot(self, side: str, name: str) -> None:
        (self.pair.child if side == "child" else self.pair.parent).rotten.add(origin(name))

    def do_drop(self, direction: str) -> None:
        queue = self.pair.up if direction == "up" else self.pair.down
        queue.popleft()

    def do_double(self, direction: str) -> None:
        if direction == "up":
            self.pair.up.appendleft(self.pair.up[0])
        else:
            self.pair.down.appendleft(self.pair.down[0])

    def do_stop(self, code: str) -> None:
        self.pair.stop(code)

    def do_cut(self) -> None:
        self.pair.cut()

    def do_show(self) -> None:
        """Answered by ``run``."""

    # --- what is written ------------------------------------------------------------------------------------------------

    def _chain(self, text: str) -> tuple[OriginId, list[str], str]:
        found = CHAIN.fullmatch(text)
        assert found is not None, f"no chain: {text}"
        name, common, last, branch = found.groups()
        words = [f"{name}{number}" for number in range(1, int(common) + 1)]
        words += [f"{name}{number}{branch}" for number in range(int(common) + 1, int(last or 0) + 1)]
        which = origin(name)
        self._learn(which, words)
        return which, words, branch or ""

    def _learn(self, which: OriginId, words: list[str]) -> None:
        """Remember how the heads of a chain are shown."""
        value = zero(which).hash
        for word in words:
            value = link(value, word)
            self.names[value] = f"{word[0]}:{word[1:]}"

    def _head(self, head: Head) -> str:
        if head.seq == 0:
            return f"{letter(head.origin)}:0"
        return self.names.get(head.hash, f"{letter(head.origin)}:{head.seq}!")  # done again behind the trunk

    def _heads(self, heads: tuple[Head, ...]) -> str:
        return " ".join(map(self._head, heads)) or "nothing"

    def _happened(self) -> Iterator[str]:
        for entry in self.pair.journal:
            if entry.taken is not None:
                yield f"{entry.side} takes {type(entry.taken).__name__}"
            if entry.action is not None:
                yield f"  {self._action(entry.side, entry.action)}"

    def _action(self, side: str, action: ChildAction | ParentAction) -> str:  # noqa: C901  one line for each kind
        match action:
            case Send():
                return f"{'->' if side == 'child' else '<-'} {self._message(action.message)}"
            case Close():
                return f"closes: {action.code}{', clean' if action.clean else ''}"
            case Alarm():
                return f"alarms: {action.code}{f' {letter(action.origin)}' if action.origin else ''}"
            case Locate():
                return f"locates {self._heads(action.heads)}"
            case Load():
                return f"loads behind {self._head(action.previous)}"
            case KeepAcknowledged():
                held = f", {action.quarantined} quarantined" if action.quarantined else ""
                return f"keeps {self._head(action.head)} as acknowledged{held}"
            case TakeDown():
                aside = ", aside" if action.aside else ""
                return f"takes down batch {action.batch}: {self._batch(action.header)}{aside}"
            case Switch():
                return f"changes over to {self._head(action.trunk)}"
            case Heal():
                return f"heals {letter(action.origin)}: {action.code}"
            case LoadLetter():
                return "looks for a letter"
            case TakeLetter():
                return f"takes letter {action.letter.id[0]} to {letter(action.letter.to_origin)}"
            case ForgetLetter():
                return f"forgets letter {action.letter_id[0]}"
            case HandOn():
                return f"hands on to the holder what is behind {self._head(action.after)}"
            case Offer(point_only=True):
                return f"where does {self._heads((action.have, *action.older))} leave our chain?"
            case Offer():
                return f"may it have what follows {self._heads((action.have, *action.older))}?"
            case LoadDown():
                return f"loads for the child behind {self._head(action.previous)}"
            case LoadSnapshot():
                return f"looks for a snapshot behind {self._head(action.after)}"
            case LoadChunk():
                return f"loads chunk {action.chunk} of {self._head(action.head)}"
            case OpenSnapshot():
                return f"opens a snapshot at {self._head(action.offer.head)}"
            case StoreChunk():
                return f"stores chunk {action.chunk} of {self._head(action.head)}"
            case InstallSnapshot():
                return f"installs the snapshot at {self._head(action.offer.head)}"
            case Attest():
                return "says how its rows stand"
            case KeepVerified():
                return f"hears of {self._head(action.head)}: {action.outcome}"
            case Verify():
                return f"compares {self._head(action.statement.head)}"
            case KeepTicket():
                return f"keeps ticket {action.ticket.decode()}"
            case Halt():
                return f"halts {letter(action.origin)}: {action.code}"
            case Release():
                return f"releases {letter(action.origin)}"
            case LookUp():
                return f"looks up {self._heads((*action.own, *action.relayed))}"
            case Apply():
                return f"queues batch {action.batch}: {self._batch(action.header)}"
            case MintTicket():
                return "mints a ticket"
            case ConfirmTicket():
                return f"confirms ticket {action.ticket.decode()}"

    def _batch(self, header: BatchHeader) -> str:
        return f"{self._head(header.previous)} to {self._head(header.head)}"

    def _message(self, message: Message) -> str:  # noqa: C901  one line for each kind
        match message:
            case Hello():
                return f"Hello schema {message.schema_version}, ticket {message.ticket.decode() or '-'}"
            case Welcome():
                return f"Welcome schema {message.schema_version}, ticket {message.ticket_verdict}"
            case Heads():
                more = "" if message.last else ", more follows"
                if message.own:
                    return f"Heads own {self._heads(message.own)}, relayed {self._heads(message.relayed)}{more}"
                return f"Heads {self._heads(message.relayed)}{more}"
            case BatchFrame():
                what = "goes on" if message.header is None else self._batch(message.header)
                return f"Batch {message.batch}: {what}{'' if message.last else ', more follows'}"
            case Acknowledge():
                held = f", {message.quarantined} quarantined" if message.quarantined else ""
                return f"Acknowledge {message.batch}: {self._head(message.head)}, {message.applied} applied{held}"
            case Refuse():
                batch = "" if message.batch is None else f" {message.batch}"
                return f"Refuse{batch}: {letter(message.origin)} {message.code}"
            case SnapshotAsk():
                return f"SnapshotAsk {letter(message.origin)}"
            case SnapshotOffer():
                return f"SnapshotOffer {self._head(message.head)}, {message.chunks} chunks"
            case SnapshotWant():
                return f"SnapshotWant {self._head(message.head)} from chunk {message.chunk}"
            case SnapshotLater():
                return f"SnapshotLater {self._head(message.head)}: in {message.wait_ms} ms"
            case SnapshotChunk():
                return f"SnapshotChunk {letter(message.origin)} {message.chunk}"
            case SnapshotStored():
                return f"SnapshotStored {letter(message.origin)} {message.chunk}"
            case SnapshotTaken():
                return f"SnapshotTaken {self._head(message.head)}"
            case States():
                return f"States {self._heads(tuple(state.head for state in message.states))}"
            case Verified():
                return f"Verified {self._head(message.head)}: {message.outcome}"
            case Want(point_only=True):
                return f"Want only the point among {self._heads((message.have, *message.older))}"
            case Want():
                return f"Want behind {self._heads((message.have, *message.older))}"
            case MailFrame():
                return f"Mail {message.id[0]}{'' if message.last else ', more follows'}"
            case MailStored():
                return f"MailStored {message.id[0]}"
            case Taken():
                return f"Taken {message.batch}: {self._head(message.head)}"
            case Ticket() | TicketStored():
                return f"{type(message).__name__} {message.ticket.decode()}"
            case Finish():
                return f"Finish {message.code}{f' ({message.detail})' if message.detail else ''}"
            case Drained() | Heartbeat():
                return type(message).__name__

    def _kept(self) -> list[str]:
        child, parent = self.pair.child, self.pair.parent
        halted = " ".join(f"{letter(which)}={code}" for which, code in child.halted.items())
        tickets = " ".join(ticket.decode() or "-" for ticket in parent.tickets)
        acknowledged = self._heads(tuple(child.acknowledged.values()))
        ticket = child.ticket.decode() or "-"
        alarms = " ".join(child.alarms) or "none"
        return [
            f"child: {self._log(child.log)}; acknowledged {acknowledged}; halted {halted or 'nothing'}; ticket {ticket}; alarms {alarms}",
            f"parent: {self._log(parent.log)}; tickets {tickets or 'none'}; alarms {' '.join(parent.alarms) or 'none'}",
        ]

    def _log(self, log: Log) -> str:
        return self._heads(tuple(log.head(which) for which in log.origins))


def blocks(text: str) -> Iterator[list[str]]:
    """What stands above the ``----`` of each block: commands and comments."""
    for block in re.split(r"\n{2,}", text.strip()):
        yield block.partition("\n----")[0].split("\n")


def play(text: str) -> str:
    """The same text with what happens now below each ``----``."""
    scenario = Scenario()
    parts: list[str] = []
    for commands in blocks(text):
        said = [line for line in commands if not line.startswith("#")]
        happened = [line for command in said for line in scenario.run(command)]
        parts.append("\n".join([*commands, "----", *(happened or ["ok"])] if said else commands))
    return "\n\n".join(parts) + "\n"


FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_conversation_goes_as_it_is_written(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    happened = play(text)
    if REWRITE:
        path.write_text(happened, encoding="utf-8")
    else:
        assert happened == text, "REWRITE_SCENARIOS=1 writes what happens now into the files"


def test_there_are_conversations() -> None:
    assert len(FILES) >= 10


def test_an_unknown_command_fails() -> None:
    with pytest.raises(AssertionError, match="unknown command"):
        play("dance\n----\n")
