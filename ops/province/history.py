"""Months of life: births, deaths, marriages, divorces, corrections, moves, day by day, and what is reported of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final

from ops.province.config import SynthConfig
from ops.province.moves import Movers
from ops.province.people import Person, Population
from ops.province.reports import Office
from ops.province.units import Unit

# a thousand persons a year
BIRTHS: Final = 14.0
DEATHS: Final = 6.0
MARRIAGES: Final = 5.5
DIVORCES: Final = 0.6
CORRECTIONS: Final = 9.0
STAYS: Final = 6.0
TWIN_MOVES: Final = 0.24  # of the moves: one twin or both go, so that pairs are at risk of being merged
RETURNS: Final = 0.04  # of the moves: back to where they came from
TOGETHER: Final = 0.35  # of the moves: a household or a part of it
MOVERS_A_MOVE: Final = 1.9  # measured: persons who move at a time, households and their parts included
MARRY_AGE: Final = (19, 45)

Happening = tuple[date, int, Callable[[date], None]]


class History:
    """Runs the months. ``people`` grows by newborns and by those who come from outside."""

    def __init__(
        self, config: SynthConfig, people: list[Person], leaves: Sequence[Unit], movers: Movers, office: Office,
        population: Population, rng: random.Random,
    ) -> None:  # fmt: skip
        self._config = config
        self._people = people
        self._leaves = list(leaves)
        self._movers = movers
        self._office = office
        self._population = population
        self._rng = rng
        self._days = round(config.months * 30.44)
        self._came_from: dict[int, str] = {}
        self._households: dict[tuple[str, str], list[Person]] = {}
        for person in people:
            self._households.setdefault((person.node, person.household), []).append(person)
        self._women = [p for p in people if p.sex == "F" and 19 <= p.age(config.start) <= 40]
        self._twins = [pair for pair in population.twins if pair[0].age(config.start) < 30]
        self.twin_pairs_moved: set[tuple[int, int]] = set()

    def run(self, progress: Callable[[int, int], None]) -> None:
        plan: list[Happening] = []
        deeds: tuple[tuple[float, Callable[[date], None]], ...] = (
            (BIRTHS, self._birth),
            (DEATHS, self._death),
            (MARRIAGES, self._marriage),
            (DIVORCES, self._divorce),
            (CORRECTIONS, self._correction),
            (STAYS, self._stay),
        )
        years = self._days / 365
        thousands = len(self._people) / 1000
        for rate, deed in deeds:
            plan.extend(self._planned(round(rate * thousands * years), deed))
        plan.extend(self._planned(round(self._config.moves / MOVERS_A_MOVE), self._move))
        plan.sort(key=lambda item: item[:2])
        done_moves = len(plan)
        for number, (day, _order, deed) in enumerate(plan):
            deed(day)
            if number % 500 == 0:
                progress(number, done_moves)
        progress(done_moves, done_moves)

    def _planned(self, count: int, deed: Callable[[date], None]) -> list[Happening]:
        rng = self._rng
        return [
            (self._config.start + timedelta(days=rng.randrange(self._days)), rng.getrandbits(48), deed)
            for _ in range(count)
        ]

    def _somebody(self, fit: Callable[[Person], bool]) -> Person | None:
        for _ in range(60):
            person = self._rng.choice(self._people)
            if person.status == "here" and person.ref and fit(person):
                return person
        return None

    # --- what happens ------------------------------------------------------------------------------------------------

    def _birth(self, day: date) -> None:
        mother = next(
            (m for m in (self._rng.choice(self._women) for _ in range(40)) if m.status == "here" and m.ref), None
        ) if self._women else None  # fmt: skip
        if mother is None:
            return
        child = self._population.newborn(mother, day)
        self._register_birth(child, mother, day)
        if self._rng.random() < self._config.twin_rate:
            twin = self._population.newborn(mother, day, twin_of=child)
            self._register_birth(twin, mother, day)

    def _register_birth(self, child: Person, mother: Person, day: date) -> None:
        rng, office = self._rng, self._office
        self._people.append(child)
        child.personal_id = self._population.numbers.personal(self._birth_code(mother.node), child.sex, day)
        node, reported_mother = mother.node, mother.ref
        if rng.random() < 0.03:  # born at the mother's parents' home and reported there
            node, reported_mother = rng.choice(self._leaves).node_id, ""
        child.ref = office.new_record(child, node)
        columns = child.columns()
        if rng.random() < 0.04:
            columns["full_name"] = "Trai" if child.sex == "M" else "Gái"  # no name yet
            columns["personal_id"] = ""
        event = office.report(
            node, "birth", day, child.ref,
            not_before=mother.known_at if node == mother.node else "", columns=columns,
            household_id=mother.household if node == mother.node else "", other_person_id=reported_mother,
        )  # fmt: skip
        child.known_at = event["recorded_at"]
        if node != mother.node:
            child.ref, child.known_at = "", ""  # the mother's commune does not know the child
        self._households.setdefault((child.node, child.household), []).append(child)

    def _death(self, day: date) -> None:
        person = self._somebody(lambda p: self._rng.random() < _mortality(p.age(day)))
        if person is None:
            return
        person.status = "dead"
        self._office.report(person.node, "death", day, person.ref, not_before=person.known_at)
        if person.spouse is not None:
            person.spouse.marital = "widowed"

    def _marriage(self, day: date) -> None:
        low, high = MARRY_AGE
        first = self._somebody(lambda p: p.marital == "single" and low <= p.age(day) <= high)
        if first is None:
            return
        second = self._somebody(
            lambda p: (
                p.marital == "single"
                and p.sex != first.sex
                and low <= p.age(day) <= high
                and p.household != first.household
            )
        )
        if second is None:
            return
        first.marital = second.marital = "married"
        first.spouse, second.spouse = second, first
        same = first.node == second.node
        not_before = max(first.known_at, second.known_at if same else "")
        self._office.report(
            first.node, "marriage", day, first.ref, not_before=not_before, other_person_id=second.ref if same else ""
        )
        if not same and self._rng.random() < 0.6:
            mover = first if first.sex == "F" else second
            stays = second if mover is first else first
            self._movers.move_to([mover], stays.node, day + timedelta(days=self._rng.randrange(1, 20)))

    def _divorce(self, day: date) -> None:
        person = self._somebody(lambda p: p.marital == "married" and p.spouse is not None and p.spouse.status == "here")
        if person is None or person.spouse is None:
            return
        other = person.spouse
        same = person.node == other.node and bool(other.ref)
        not_before = max(person.known_at, other.known_at if same else "")
        self._office.report(
            person.node, "divorce", day, person.ref, not_before=not_before, other_person_id=other.ref if same else ""
        )
        person.marital = other.marital = "divorced"
        person.spouse = other.spouse = None

    def _correction(self, day: date) -> None:
        person = self._somebody(lambda _: True)
        if person is None:
            return
        rng = self._rng
        if not person.personal_id and rng.random() < 0.6:
            person.personal_id = self._population.numbers.personal(
                self._birth_code(person.node), person.sex, person.birth
            )
            columns = {"personal_id": person.personal_id}
        else:
            person.phone = self._population.numbers.phone()
            columns = {"phone": person.phone}
        event = self._office.report(
            person.node, "correction", day, person.ref, not_before=person.known_at, columns=columns
        )
        if rng.random() < 0.02:
            self._office.report(
                person.node, "cancel", day, person.ref, not_before=event["recorded_at"], reason=event["event_id"]
            )

    def _stay(self, day: date) -> None:
        person = self._somebody(lambda p: 17 <= p.age(day) <= 60)
        target = self._rng.choice(self._leaves)
        if person is not None and target.node_id != person.node:
            self._movers.temporary_stay(person, target, day, self._rng.randrange(30, 300))

    def _move(self, day: date) -> None:
        rng = self._rng
        kind = self._movers.kind()
        if kind == "outside":
            self._newcomer(day)
            return
        person = self._twin(day) if rng.random() < TWIN_MOVES else None
        if person is None and rng.random() < RETURNS and self._came_from:
            person = self._somebody(lambda p: p.number in self._came_from)
        if person is None:
            person = self._somebody(lambda p: rng.random() < _mobility(p.age(day)))
        if person is None:
            return
        people = [person]
        if kind != "abroad" and rng.random() < TOGETHER:
            people.extend(
                member
                for member in self._households.get((person.node, person.household), ())
                if member is not person
                and member.status == "here"
                and member.node == person.node
                and rng.random() < 0.85
            )
        self._note_twins(people)
        origin = person.node
        old = {member.number: (member.node, member.household) for member in people}
        self._movers.move(people, kind, day)
        for member in people:
            if member.node and (member.node, member.household) != old[member.number]:
                self._households.setdefault((member.node, member.household), []).append(member)
                self._came_from[member.number] = origin

    def _twin(self, day: date) -> Person | None:
        for _ in range(20):
            if not self._twins:
                return None
            person = self._rng.choice(self._rng.choice(self._twins))
            if person.status == "here" and person.ref:
                return person
        return None

    def _note_twins(self, people: Sequence[Person]) -> None:
        for person in people:
            if person.twin is not None and person.twin.status == "here":
                low, high = sorted((person.number, person.twin.number))
                self.twin_pairs_moved.add((low, high))

    def _newcomer(self, day: date) -> None:
        target = self._rng.choice(self._leaves)
        household = next(self._population.commune(target, 1))
        person = household[0]
        person.household = ""
        self._movers.from_outside(person, target, day)
        self._people.append(person)
        self._households.setdefault((person.node, person.household), []).append(person)

    def _birth_code(self, node_id: str) -> str:
        return next((leaf.birth_code for leaf in self._leaves if leaf.node_id == node_id), "052")


def _mortality(age: int) -> float:
    """Relative, not a rate: how much likelier the old die."""
    return 0.02 if 1 <= age < 40 else 0.1 if age < 60 else 0.35 if age < 75 else 1.0


def _mobility(age: int) -> float:
    """Relative: the young move."""
    return 1.0 if 17 <= age < 32 else 0.5 if age < 45 else 0.15
