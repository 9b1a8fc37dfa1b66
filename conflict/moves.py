"""One move with both sides in sight: what was written at the old place and at the new one, and what follows from it
(RESOLVER 3, 6).

The arrival drives settlement. It counts at once; it is settled when the old place wrote the departure down or
confirmed it, or stayed silent for the waiting time. When an office says otherwise, everything counts where it was
settled by what is dated before that word, until the office gives way. Arrivals at several places that no departure
puts in order contend in one move.

The words of all offices are read in the order of their days, and each is turned into facts of the one table in
``cases``; nothing else decides the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from conflict.cases import Fact, State, next_state
from conflict.claims import CONFIRM, DISPUTE, Claim, EventRef
from conflict.places import PlaceBook
from conflict.policy import Policy
from conflict.reforms import NO_SUCCESSIONS, Successions
from conflict.stays import Stay


@dataclass(frozen=True, slots=True)
class Move:
    """``origins`` are the stays that were left, several if the person was registered twice, none if nobody knows.
    ``arrivals`` are where the person went; more than one contend.

    ``returned``: came back from abroad, so the old departure is a move of its own (RESOLVER 57). ``until`` is when the
    next move began: what the new place says from then on is about that one.
    """

    origins: tuple[Stay, ...]
    arrivals: tuple[Stay, ...]
    returned: bool = False
    until: date = date.max


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked before a move was judged. ``searched``: the whole tree, for records like the arrival's.
    ``ruled_apart``: a person ruled that the arrival is none of those found.
    """

    searched: bool = True
    ruled_apart: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """``holder`` is the stay where the person counts by this move: an arrival, or None: where they counted before.

    ``claims`` are all that belong to the case; ``agreed_by`` the word of the old place that ended the waiting.
    """

    state: State
    holder: Stay | None
    facts: tuple[tuple[date, Fact], ...]
    claims: tuple[Claim, ...]
    agreed_by: Claim | None
    is_same_office: bool
    contested_by: Claim | None = None


class _Said(StrEnum):
    ARRIVED = "arrived"
    LEFT = "left"  # by the old place: the departure, or "has left"
    STILL_HERE = "still here"  # by the old place: a dispute, or a departure taken back
    LIVES_HERE = "lives here"
    NEVER_CAME = "never came"


@dataclass(frozen=True, slots=True, order=True)
class _Word:
    day: date
    recorded: datetime
    ref: EventRef
    said: _Said
    at: int = field(default=-1)
    """Which of the arrivals says it; -1: the old place."""


def judge(
    move: Move,
    day: date,
    policy: Policy,
    places: PlaceBook,
    asked: Asked = Asked(),
    successions: Successions = NO_SUCCESSIONS,
) -> Judgement:
    """What a move amounts to at the end of ``day``. Its stays hold only claims that count by then."""
    is_same_office = same_office(move, successions) is not None
    # Whatever the old place of a second form says of leaving is about a later move.
    words = sorted({*(() if is_same_office else _of_origins(move)), *_of_arrivals(move)})
    hearing = _Hearing(move, policy, places, asked, is_same_office=is_same_office)
    for word in words:
        hearing.hear(word)
    hearing.wait_until(day, is_end=True)
    assert hearing.state is not None, "a move has an arrival"
    used = {word.ref for word in words}
    claims = {c.ref: c for stay in (*move.origins, *move.arrivals) for c in stay.record.claims if c.ref in used}
    return Judgement(
        hearing.state,
        hearing.holder(),
        tuple(hearing.facts),
        tuple(claims[ref] for ref in sorted(claims)),
        claims.get(hearing.agreed_by) if hearing.agreed_by else None,
        hearing.is_same_office,
        claims.get(hearing.contested_by) if hearing.contested_by else None,
    )


def silent_day(arrival: Claim, policy: Policy) -> date:
    """The day from which an old place that has not answered is taken as agreeing."""
    wait = policy.on(arrival.day).silence_days
    return arrival.day + timedelta(days=wait) if (date.max - arrival.day).days >= wait else date.max


def same_office(move: Move, successions: Successions) -> Stay | None:
    """The record that an arrival found at its own office, where nobody had closed it: the arrival is a second form
    (RESOLVER 31).
    """
    for origin in move.origins:
        for stay in move.arrivals:
            is_closed = any(c.stands and c.day <= stay.begins[0] for c in origin.departures)
            if successions.is_one_place(origin.unit, stay.unit) and not is_closed:
                return origin
    return None


# --- who says what ----------------------------------------------------------------------------------------------------


def _of_origins(move: Move) -> Iterator[_Word]:
    arrived = min(stay.begins[0] for stay in move.arrivals)
    for origin in () if move.returned else move.origins:
        for out in origin.departures:
            taken_back = out.withdrawn_day or out.day
            if out.stands or taken_back >= arrived:
                yield _Word(out.day, out.recorded, out.ref, _Said.LEFT)
            if not out.stands and taken_back >= arrived:
                # The cancel is a word of its own, heard on its day; it is named by the departure that it withdraws.
                yield _Word(taken_back, out.recorded, out.ref, _Said.STILL_HERE)
        for claim in leaving_words(origin, arrived):
            said = _Said.LEFT if claim.kind == CONFIRM else _Said.STILL_HERE
            yield _Word(claim.day, claim.recorded, claim.ref, said)


def leaving_words(stay: Stay, arrived: date) -> Iterator[Claim]:
    """The confirms and disputes of a stay that are about its end; ``arrived`` is when the next one began.

    Those before it began to end are about its beginning; at a home, where nobody arrived, an early "has left" is a
    report of leaving, and an early "still lives here" is no answer to a move that came later.
    """
    for claim in stay.words:
        if claim.day >= arrived or stay.has_begun_to_end(claim) or (stay.arrival is None and claim.kind == CONFIRM):
            yield claim


def _of_arrivals(move: Move) -> Iterator[_Word]:
    for index, stay in enumerate(move.arrivals):
        for claim in stay.arrivals:
            yield _Word(claim.day, claim.recorded, claim.ref, _Said.ARRIVED, index)
        for claim in stay.words:
            if claim.day < move.until and not stay.has_begun_to_end(claim):
                said = _Said.NEVER_CAME if claim.kind == DISPUTE else _Said.LIVES_HERE
                yield _Word(claim.day, claim.recorded, claim.ref, said, index)


# --- what follows -----------------------------------------------------------------------------------------------------


class _Hearing:
    """Hears the words of a move in the order of their days and keeps what they amount to so far."""

    def __init__(self, move: Move, policy: Policy, places: PlaceBook, asked: Asked, *, is_same_office: bool) -> None:
        self._move = move
        self._policy = policy
        self._places = places
        self._asked = asked
        self.is_same_office = is_same_office
        self.state: State | None = None
        self.facts: list[tuple[date, Fact]] = []
        self.agreed_by: EventRef | None = None
        self.contested_by: EventRef | None = None
        self._has_agreed = move.returned or is_same_office
        self._is_still_there = False
        self._here: list[int] = []  # arrivals that say that the person is there
        self._refuted: set[int] = set()
        self._held: int | None = None  # the arrival that was settled when the dispute began

    def hear(self, word: _Word) -> None:
        self.wait_until(word.day - timedelta(days=1) if word.day > date.min else word.day, is_end=False)
        was_settled = self._settled_one(word.day)
        match word.said:
            case _Said.LEFT:
                self._has_agreed, self._is_still_there, self.agreed_by = True, False, word.ref
            case _Said.STILL_HERE:
                self._has_agreed, self._is_still_there, self.agreed_by = False, True, None
            case _Said.ARRIVED:
                if word.at not in self._here and word.at not in self._refuted:
                    self._here.append(word.at)
            case _Said.LIVES_HERE:
                self._refuted.discard(word.at)
                if word.at not in self._here:
                    self._here.append(word.at)
            case _Said.NEVER_CAME:
                self._refuted.add(word.at)
                if word.at in self._here:
                    self._here.remove(word.at)
        self._draw(word, was_settled)

    def _draw(self, word: _Word, was_settled: int | None) -> None:
        """Turn what was heard into facts."""
        if self.state is None:
            if word.said is not _Said.ARRIVED:
                return  # a case begins with an arrival, whoever spoke first
            self._add(word.day, Fact.ARRIVED)
            if self._has_origin:
                self._add(word.day, Fact.FOUND)
        is_contested = self._is_still_there or len(self._here) != 1
        if is_contested and self.state is not State.DISPUTED:
            self._held = was_settled
            self.contested_by = word.ref
            self._add(word.day, Fact.CONTESTED)
        elif not is_contested and self.state is State.DISPUTED:
            self._held, self.contested_by = None, None
            self._add(word.day, Fact.CLEARED if self._has_origin else Fact.IN_CONFIRMED)
        if self._has_agreed and self.state is State.MATCHED:
            self._add(word.day, Fact.AGREED)

    def wait_until(self, day: date, *, is_end: bool) -> None:
        """Let the days pass up to the end of ``day``: silence becomes agreement.

        An arrival that names nobody who could be asked is settled when it was searched for in vain; but whoever
        contests it within the waiting time has found somebody.
        """
        if self.state is None or len(self._here) != 1:
            return
        leader = self._move.arrivals[self._here[0]]
        arrival = leader.arrivals[0] if leader.arrivals else None
        if arrival is None:
            return
        silent = silent_day(arrival, self._policy)
        if self.state is State.MATCHED and day >= silent:
            self._add(silent, Fact.SILENT)
        elif self.state is State.OPEN_IN and self._asked.searched:
            named = arrival.place.node_id in self._places
            waits = not is_end or (named and not self._asked.ruled_apart)
            if not waits or day >= silent:
                self._add(silent if waits else arrival.day, Fact.SEARCHED)

    def holder(self) -> Stay | None:
        if self.state is not State.DISPUTED:
            return self._move.arrivals[self._here[0]]
        return None if self._held is None else self._move.arrivals[self._held]

    @property
    def _has_origin(self) -> bool:
        return bool(self._move.origins)

    def _settled_one(self, day: date) -> int | None:
        """The arrival that is settled by what is dated before a day."""
        if self.state is not State.SETTLED or len(self._here) != 1:
            return None
        at = self._here[0]
        return at if self._move.arrivals[at].begins[0] <= day else None

    def _add(self, day: date, fact: Fact) -> None:
        self.facts.append((day, fact))
        self.state = next_state(self.state, fact)


def latest_seen(stays: Iterable[Stay]) -> Stay:
    """Where nothing was settled before: the stay with the latest dated evidence of presence, then of the smaller
    claim id (RESOLVER 3).
    """
    seen = [(stay.last_seen(), stay) for stay in stays]
    latest = max(day for (day, _), _ in seen)
    return min(((ref, stay) for (day, ref), stay in seen if day == latest), key=lambda pair: pair[0])[1]
