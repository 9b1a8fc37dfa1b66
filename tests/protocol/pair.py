"""The two machines joined in memory: shells that keep a log of words instead of a store, and a link that is two queues.

What the shells keep (logs, tickets, acknowledgements) survives a cut; machines and queues do not. Time is a number that
``tick`` moves. ``journal`` holds what every side took and did, for those who want to print it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from node import limits
from node.chain import Head
from node.ids import GENESIS_HASH, Hash, NodeId, OriginId, Seq
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
    SnapshotAction,
    StoreChunk,
    Switch,
    TakeDown,
    TakeLetter,
    Verify,
)
from node.protocol.child import ChildSession
from node.protocol.messages import (
    BatchHeader,
    ChildMessage,
    Letter,
    Message,
    Outcome,
    ParentMessage,
    Refuse,
    SnapshotOffer,
    StateStatement,
    TicketVerdict,
)
from node.protocol.parent import LookedUp, Offered, ParentSession
from node.protocol.transitions import ChildState
from tests.protocol.words import header, hello, letter, link, refuse, welcome

CHILD_NAME = NodeId("c1")


class Log:
    """The chains of some origins; a commit is a word."""

    def __init__(self) -> None:
        self._words: dict[OriginId, list[str]] = {}
        self._hashes: dict[OriginId, list[Hash]] = {}
        self.floors: dict[OriginId, int] = {}
        """Up to here the words are known as a state, not as commits."""
        self.bare = False
        """There is no snapshot where the log begins."""

    def append(self, which: OriginId, words: Iterable[str] = ()) -> None:
        hashes = self._hashes.setdefault(which, [GENESIS_HASH])
        for word in words:
            self._words.setdefault(which, []).append(word)
            hashes.append(link(hashes[-1], word))

    def replace(self, which: OriginId, words: Iterable[str]) -> None:
        """Another history: what a restore or a fork leaves."""
        self._words.pop(which, None)
        self._hashes.pop(which, None)
        self.append(which, words)

    @property
    def origins(self) -> list[OriginId]:
        return list(self._hashes)

    def head(self, which: OriginId) -> Head:
        hashes = self._hashes.get(which, [GENESIS_HASH])
        return Head(which, Seq(len(hashes) - 1), hashes[-1])

    def hash_at(self, which: OriginId, seq: int) -> Hash | None:
        hashes = self._hashes.get(which, [GENESIS_HASH])
        return hashes[seq] if seq == 0 or self.floors.get(which, 0) <= seq < len(hashes) else None

    def commits(self, which: OriginId, after: int, count: int) -> list[str]:
        """Those that follow a commit, if the log still has them."""
        return [] if after < self.floors.get(which, 0) else self.words(which, after, count)

    def words(self, which: OriginId, after: int = 0, count: int | None = None) -> list[str]:
        words = self._words.get(which, [])
        return words[after : None if count is None else after + count]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Log) and self._words == other._words

    __hash__ = None  # type: ignore[assignment]


class Child:
    """What a child keeps through all its sessions."""

    def __init__(self) -> None:
        self.log = Log()
        self.own: set[OriginId] = set()
        self.schema_version = 1
        self.ticket = b""
        self.acknowledged: dict[OriginId, Head] = {}
        self.quarantined: dict[OriginId, int] = {}
        self.halted: dict[OriginId, str] = {}
        self.alarms: list[str] = []
        self.departed: set[OriginId] = set()
        self.handed_on: dict[OriginId, Head] = {}  # behind which commit letters were written
        self.spool: dict[OriginId, tuple[int, list[str]]] = {}
        self.letters: list[Letter] = []
        self.got: list[Letter] = []
        self.chunks: dict[Head, list[bytes]] = {}
        self.rotten: set[OriginId] = set()
        self.verified: dict[OriginId, Outcome] = {}

    def states(self) -> list[StateStatement]:
        """A chain of words has its own hash for a digest, unless the rows have rotted."""
        return [
            StateStatement(
                head, Hash(b"r" * 32) if head.origin in self.rotten else head.hash, head.seq, 0, CHILD_NAME, b"s"
            )
            for head in map(self.log.head, self.log.origins)
            if head.seq
        ]

    def hear(self, head: Head, outcome: Outcome) -> None:
        self.verified[head.origin] = outcome
        if outcome == "differs":
            self.rotten.discard(head.origin)  # its own log says how they were

    def heads(self) -> tuple[list[Head], list[Head]]:
        every = [self.log.head(which) for which in self.log.origins]
        return [h for h in every if h.origin in self.own], [h for h in every if h.origin not in self.own]


class Parent:
    """What a parent keeps through all its sessions. ``quarantines`` are words that it cannot apply."""

    def __init__(self) -> None:
        self.log = Log()
        self.schema_version = 1
        self.via: dict[OriginId, str] = {}
        self.objections: dict[OriginId, str] = {}
        self.quarantines: set[str] = set()
        self.tickets: list[bytes] = []
        self.minted = 0
        self.applied: list[tuple[str, str]] = []  # (origin's letter, word), in order
        self.alarms: list[str] = []
        self.letters: list[Letter] = []
        self.got: list[Letter] = []
        self.rotten: set[OriginId] = set()
        self.chunks: dict[Head, list[bytes]] = {}
        self.busy = False

    def compare(self, statement: StateStatement) -> Outcome:
        """A row that is not what the log says is put right."""
        head, which = statement.head, statement.head.origin
        if self.log.head(which) != head:
            return "elsewhere"
        if self.quarantines.intersection(self.log.words(which)):
            return "held_back"
        if statement.digest != head.hash:
            return "differs"
        if which not in self.rotten:
            return "equal"
        self.rotten.discard(which)
        return "repaired"

    def verdict(self, presented: bytes) -> TicketVerdict:
        if not self.tickets:
            return "none_yet"
        if presented == self.tickets[-1]:
            return "current"
        return "previous" if presented in self.tickets else "stale"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: a message that a side took, or an action that it was told to do."""

    side: str
    taken: Message | None = None
    action: ChildAction | ParentAction | None = None


def _offer_of(log: Log, after: Head, *, anew: bool) -> SnapshotOffer | None:
    """At the floor, or at the head: two words in a chunk."""
    which = after.origin
    floor = log.head(which).seq if anew else log.floors.get(which, 0)
    value = log.hash_at(which, floor)
    if log.bare or floor <= after.seq or value is None:
        return None
    head = Head(which, Seq(floor), value)
    return SnapshotOffer(StateStatement(head, value, floor, 0, CHILD_NAME, b"s"), (floor + 1) // 2, value, 1)


def _chunk_of(log: Log, head: Head, chunk: int) -> bytes:
    return "\n".join(log.words(head.origin, 0, head.seq)[2 * chunk : 2 * chunk + 2]).encode()


def _install(log: Log, offer: SnapshotOffer, chunks: list[bytes]) -> bool:
    """Whether the words are those that lead to the commit."""
    which, words = offer.head.origin, "\n".join(chunk.decode() for chunk in chunks).split("\n")
    value = GENESIS_HASH
    for word in words:
        value = link(value, word)
    if value != offer.head.hash:
        return False
    log.replace(which, words)
    log.floors[which] = offer.head.seq
    return True


class Pair:
    """A child, its parent and the link between them. ``batch_commits``: how many commits the child puts in a batch."""

    def __init__(self, *, batch_commits: int = 2) -> None:
        self.now_ms = 1_000_000
        self.batch_commits = batch_commits
        self.child = Child()
        self.parent = Parent()
        self.journal: list[Entry] = []
        self.child_session: ChildSession | None = None
        self.parent_session: ParentSession | None = None
        self.child_closed: Close | None = None
        self.parent_closed: Close | None = None
        self.up: deque[ChildMessage] = deque()
        self.down: deque[ParentMessage] = deque()
        self.queue: deque[Apply] = deque()

    # --- what happens at the child ------------------------------------------------------------------------------------

    def record(self, which: OriginId, words: Iterable[str], *, own: bool = True) -> None:
        """New commits at the child; a running session hears of them."""
        if own:
            self.child.own.add(which)
        self.child.log.append(which, words)
        if self.child_session is not None and self.child_session.state is not ChildState.NEW:
            self._child(self.child_session.advanced(*self.child.heads(), self.now_ms))

    def connect(self, *, follow: bool = False) -> None:
        self.cut()
        self.child_session = ChildSession(follow=follow)
        self.parent_session = ParentSession(self.now_ms)
        self.child_closed = self.parent_closed = None
        greeting = hello(schema_version=self.child.schema_version, ticket=self.child.ticket)
        self._child(self.child_session.start(greeting, *self.child.heads(), self.now_ms))
        if self.child.letters:
            self._child(self.child_session.mail_waits(self.now_ms))
        if self.parent.letters:
            self._parent(self.parent_session.mail_waits())

    # --- what happens on the link -------------------------------------------------------------------------------------

    def cut(self) -> None:
        """Everything under way is lost, and both sides forget the session."""
        self.child_session = self.parent_session = None
        self.up.clear()
        self.down.clear()
        self.queue.clear()

    def deliver_up(self) -> None:
        message = self.up.popleft()
        assert self.parent_session is not None
        self.journal.append(Entry("parent", taken=message))
        self._parent(self.parent_session.receive(message, self.now_ms))

    def deliver_down(self) -> None:
        message = self.down.popleft()
        assert self.child_session is not None
        self.journal.append(Entry("child", taken=message))
        self._child(self.child_session.receive(message, self.now_ms))

    def tick(self, by_ms: int) -> None:
        self.now_ms += by_ms
        if self.child_session is not None:
            self._child(self.child_session.tick(self.now_ms))
        if self.parent_session is not None:
            self._parent(self.parent_session.tick(self.now_ms))

    def stop(self, code: str) -> None:
        assert self.child_session is not None
        self._child(self.child_session.stop(code))

    def settle(self, *, frames: int | None = None, apply: bool = True) -> int:
        """Deliver and apply until nothing moves, or until ``frames`` messages have arrived; returns how many did."""
        delivered = 0
        while frames is None or delivered < frames:
            if self.up:
                self.deliver_up()
            elif self.down:
                self.deliver_down()
            elif self.queue and apply:
                self.apply()
                continue
            else:
                break
            delivered += 1
        return delivered

    def drain(self) -> None:
        """A whole session without a fault."""
        self.connect()
        self.settle()

    # --- what happens at the parent -----------------------------------------------------------------------------------

    def apply(self) -> None:
        """Store and answer the oldest batch that waits."""
        action = self.queue.popleft()
        session = self.parent_session
        assert session is not None
        which = action.header.origin
        refusal = "" if session.refusal_of(which) is not None else self._store(action.header, action.payload)
        if refusal is None:
            bad = sum(word in self.parent.quarantines for word in action.payload.decode().split("\n"))
            self._parent(session.applied(action.batch, bad, self.now_ms))
        else:
            self._parent(session.refused(action.batch, refusal, "", self.now_ms))

    def _store(self, batch: BatchHeader, payload: bytes) -> str | None:
        """None, or why the batch cannot be stored."""
        log, which = self.parent.log, batch.origin
        words = payload.decode().split("\n")
        have = log.head(which)
        if batch.previous_seq > have.seq:
            return "gap"
        value = batch.previous_hash
        for seq, word in enumerate(["", *words], batch.previous_seq):
            value = link(value, word) if word else value
            if seq <= have.seq and log.hash_at(which, seq) != value:
                return "wrong_chain"
        assert value == batch.hash
        fresh = words[have.seq - batch.previous_seq :]
        log.append(which, fresh)
        self.parent.via.setdefault(which, CHILD_NAME)
        self.parent.applied += [(letter(which), word) for word in fresh]
        return None

    def _look_up(self, action: LookUp) -> LookedUp:
        parent = self.parent
        named = [*action.own, *action.relayed]
        refused: list[Refuse] = []
        answer: list[Head] = []
        for head in named:
            code = parent.objections.get(head.origin)
            if code is None:
                answer.append(parent.log.head(head.origin))
            else:
                refused.append(refuse(head.origin, code))
        if action.first:
            known = {head.origin for head in named}
            answer += [parent.log.head(which) for which in parent.via if which not in known]
        greeting = welcome(schema_version=parent.schema_version, ticket_verdict=parent.verdict(action.hello.ticket))
        return LookedUp(greeting, tuple(answer), tuple(refused))

    def _mint(self) -> bytes:
        assert self.parent_session is not None and self.parent_session.child is not None
        self.parent.minted += 1
        ticket = f"t{self.parent.minted}".encode()
        presented = self.parent_session.child.ticket
        known = self.parent.tickets
        beside = presented if not known or presented in known else known[-1]
        self.parent.tickets = [beside, ticket]
        return ticket

    # --- the shells ---------------------------------------------------------------------------------------------------

    def _child(self, actions: list[ChildAction]) -> None:  # noqa: C901  one case for each kind
        session = self.child_session
        assert session is not None
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            self.journal.append(Entry("child", action=action))
            match action:
                case Send():
                    self.up.append(action.message)  # type: ignore[arg-type]
                case Load():
                    queue.extend(self._load(session, action.previous))
                case Locate():
                    found = {head.origin: self.child.log.hash_at(head.origin, head.seq) for head in action.heads}
                    opening = session.state is ChildState.LOCATING
                    older = {which: self._older(which) for which in found}
                    session.let_go(frozenset(self.child.departed))
                    queue.extend(session.located(found, older, self.now_ms))
                    if opening:
                        queue.extend(session.advanced(*self.child.heads(), self.now_ms))
                case KeepAcknowledged():
                    which = action.head.origin
                    assert self.parent.log.hash_at(which, action.head.seq) == action.head.hash, "kept, and not there"
                    self.child.acknowledged[which] = action.head
                    self.child.quarantined[which] = self.child.quarantined.get(which, 0) + action.quarantined
                case TakeDown():
                    queue.extend(self._take_down(session, action))
                case Switch():
                    queue.extend(session.switched(self._switch(action.trunk), action.trunk, self.now_ms))
                case Heal():
                    self.child.halted[action.origin] = action.code
                case LoadLetter():
                    queue.extend(session.letter_loaded(next(iter(self.child.letters), None), self.now_ms))
                case TakeLetter():
                    self.child.got.append(action.letter)
                    queue.extend(session.letter_taken(action.letter, self.now_ms))
                case ForgetLetter():
                    assert self.child.letters.pop(0).id == action.letter_id
                case LoadSnapshot() | LoadChunk() | OpenSnapshot() | StoreChunk() | InstallSnapshot():
                    queue.extend(self._child_snapshot(session, action))
                case KeepTicket():
                    self.child.ticket = action.ticket
                case Attest():
                    queue.extend(session.attested(self.child.states(), self.now_ms))
                case KeepVerified():
                    self.child.hear(action.head, action.outcome)
                case Halt():
                    self.child.halted[action.origin] = action.code
                case Release():
                    self.child.halted.pop(action.origin, None)
                case HandOn():
                    self.child.handed_on[action.after.origin] = action.after
                case Alarm():
                    self.child.alarms.append(action.code)
                case Close():
                    self.child_closed = action

    def _load(self, session: ChildSession, previous: Head) -> list[ChildAction]:
        return session.loaded(*self._batch(self.child.log, previous), self.now_ms)

    def _batch(self, log: Log, previous: Head) -> tuple[BatchHeader | None, bytes]:
        which = previous.origin
        words = log.commits(which, previous.seq, min(self.batch_commits, limits.BATCH_COMMITS_MAX))
        value = log.hash_at(which, previous.seq + len(words))
        if not words or value is None:
            return None, b""
        payload = "\n".join(words).encode()
        to = Head(which, Seq(previous.seq + len(words)), value)
        sizes = {"raw_bytes": len(payload), "wire_bytes": len(payload)}
        return header(previous, to, **sizes), payload

    def want(self, *wanted: OriginId) -> None:
        """The child asks for what comes from above."""
        assert self.child_session is not None
        heads = [self.child.log.head(which) for which in wanted]
        self._child(self.child_session.want(heads, self.now_ms))

    def give(self, which: OriginId, words: Iterable[str]) -> None:
        """New commits at the parent, of an origin that comes from above; a running session hears of them."""
        self.parent.log.append(which, words)
        if self.parent_session is not None:
            self._parent(self.parent_session.advanced(self.parent.log.head(which)))

    def _take_down(self, session: ChildSession, action: TakeDown) -> list[ChildAction]:
        which = action.header.origin
        words = action.payload.decode().split("\n")
        if action.aside:
            start, spooled = self.child.spool.get(which, (-1, []))
            if start + len(spooled) != action.header.previous_seq:
                start, spooled = action.header.previous_seq, []
            self.child.spool[which] = (start, [*spooled, *words])
            return session.taken(action.batch, self.now_ms)
        if self.child.log.head(which) != action.header.previous:
            return session.not_taken(action.batch, "wrong_chain", "")
        self.child.log.append(which, words)
        return session.taken(action.batch, self.now_ms)

    def _older(self, which: OriginId) -> tuple[Head, ...]:
        """Every commit of the child's chain, the newest first; before them, how far the parent's history was put aside."""
        log = self.child.log
        start, spooled = self.child.spool.get(which, (0, []))
        aside = Seq(start + len(spooled))
        value = self.parent.log.hash_at(which, aside)
        first = (Head(which, aside, value),) if spooled and value is not None else ()
        found = [
            Head(which, Seq(seq), value) for seq in range(log.head(which).seq) if (value := log.hash_at(which, seq))
        ]
        return (*first, *reversed(found))

    def _switch(self, trunk: Head) -> Head:
        """The parent's words, and behind them those that only the child had, if it writes the origin."""
        which, log = trunk.origin, self.child.log
        if log.hash_at(which, trunk.seq) == trunk.hash:
            return log.head(which)
        start, spooled = self.child.spool.pop(which)
        mine, theirs = log.words(which), [*log.words(which)[:start], *spooled]
        common = next((n for n, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), len(theirs))
        log.replace(which, theirs)
        if which in self.child.own:
            log.append(which, mine[common:])
        return log.head(which)

    def _parent(self, actions: list[ParentAction]) -> None:
        session = self.parent_session
        assert session is not None
        queue = deque(actions)
        while queue:
            action = queue.popleft()
            self.journal.append(Entry("parent", action=action))
            match action:
                case Send():
                    self.down.append(action.message)  # type: ignore[arg-type]
                case Apply():
                    self.queue.append(action)
                case LookUp():
                    queue.extend(session.looked_up(self._look_up(action), self.now_ms))
                case Offer():
                    queue.extend(session.offered(action.have, self._offer(action), self.now_ms))
                case LoadDown():
                    queue.extend(session.loaded(*self._batch(self.parent.log, action.previous), self.now_ms))
                case LoadSnapshot() | LoadChunk() | OpenSnapshot() | StoreChunk() | InstallSnapshot():
                    queue.extend(self._parent_snapshot(session, action))
                case Verify():
                    outcome = self.parent.compare(action.statement)
                    queue.extend(session.verified(action.statement.head, outcome, Seq(0), self.now_ms))
                case MintTicket():
                    queue.extend(session.minted(self._mint(), self.now_ms))
                case LoadLetter():
                    queue.extend(session.letter_loaded(next(iter(self.parent.letters), None), self.now_ms))
                case TakeLetter():
                    self.parent.got.append(action.letter)
                    queue.extend(session.letter_taken(action.letter, self.now_ms))
                case ForgetLetter():
                    assert self.parent.letters.pop(0).id == action.letter_id
                case ConfirmTicket():
                    self.parent.tickets = [ticket for ticket in self.parent.tickets if ticket == action.ticket]
                case Alarm():
                    self.parent.alarms.append(action.code)
                case Close():
                    self.parent_closed = action

    def _offer(self, action: Offer) -> Offered | Refuse:
        which = action.have.origin
        code = self.parent.objections.get(which)
        if code is not None:
            return refuse(which, code)
        ours = self.parent.log.head(which)
        for head in (action.have, *action.older):
            if head.seq <= ours.seq and self.parent.log.hash_at(which, head.seq) == head.hash:
                return Offered(head, head, point_only=True) if action.point_only else Offered(ours, head)
        return Offered(ours, action.have)

    # --- snapshots ----------------------------------------------------------------------------------------------------

    def ask_for_state(self, which: OriginId) -> None:
        assert self.parent_session is not None
        self._parent(self.parent_session.ask_for_state(which))

    def _child_snapshot(self, session: ChildSession, action: SnapshotAction) -> list[ChildAction]:
        log, spool = self.child.log, self.child.chunks
        match action:
            case LoadSnapshot():
                return session.snapshot_loaded(_offer_of(log, action.after, anew=action.anew), self.now_ms)
            case LoadChunk():
                return session.chunk_loaded(_chunk_of(log, action.head, action.chunk), self.now_ms)
            case OpenSnapshot():
                return session.snapshot_opened(len(spool.setdefault(action.offer.head, [])), self.now_ms)
            case StoreChunk():
                spool[action.head].append(action.payload)
                return session.chunk_stored(action.chunk, self.now_ms)
            case InstallSnapshot():
                if _install(log, action.offer, spool.pop(action.offer.head)):
                    return session.snapshot_installed(self.now_ms)
                return session.snapshot_refused("snapshot_false", "")

    def _parent_snapshot(self, session: ParentSession, action: SnapshotAction) -> list[ParentAction]:
        log, spool = self.parent.log, self.parent.chunks
        match action:
            case LoadSnapshot():
                return session.snapshot_loaded(_offer_of(log, action.after, anew=action.anew), self.now_ms)
            case LoadChunk():
                return session.chunk_loaded(_chunk_of(log, action.head, action.chunk), self.now_ms)
            case OpenSnapshot():
                if self.parent.busy:
                    return session.snapshot_put_off(limits.SNAPSHOT_WAIT_MS, self.now_ms)
                return session.snapshot_opened(len(spool.setdefault(action.offer.head, [])), self.now_ms)
            case StoreChunk():
                spool[action.head].append(action.payload)
                return session.chunk_stored(action.chunk, self.now_ms)
            case InstallSnapshot():
                if _install(log, action.offer, spool.pop(action.offer.head)):
                    self.parent.via.setdefault(action.offer.head.origin, CHILD_NAME)
                    return session.snapshot_installed(self.now_ms)
                return session.snapshot_refused("snapshot_false", "", self.now_ms)

    # --- letters --------------------------------------------------------------------------------------------------------

    def write_up(self, item: Letter) -> None:
        """The child has a letter for the parent."""
        self.child.letters.append(item)
        if self.child_session is not None:
            self._child(self.child_session.mail_waits(self.now_ms))

    def write_down(self, item: Letter) -> None:
        """The parent has a letter for the child."""
        self.parent.letters.append(item)
        if self.parent_session is not None:
            self._parent(self.parent_session.mail_waits())
