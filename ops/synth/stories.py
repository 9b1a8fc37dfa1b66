"""Who moves, why and with whom: the stories behind the moves. Each takes a household and plays until its moves are
made.

The names in brackets are the cases of RESOLVER 5 that a story brings about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ops.synth.aftermath import newborn, report_death, say_something_later
from ops.synth.destinations import ABROAD, FROM_OUTSIDE, TREE_KINDS, WITHIN, Destinations
from ops.synth.lives import Life, Move
from ops.synth.nearby import move_nearby
from ops.synth.people import MARITAL_STATUS, Household, Person
from ops.synth.stays import register_stay
from ops.synth.travel import emigrate, immigrate, set_out, travel
from ops.synth.vital import marry
from ops.synth.world import World


@dataclass(slots=True)
class Stage:
    """A household in its commune, and what is still to be moved."""

    world: World
    destinations: Destinations
    household: Household

    @property
    def lives(self) -> list[Life]:
        return [self.life(person) for person in self.household.members]

    def life(self, person: Person) -> Life:
        return self.world.lives.of(person, self.world.commune(self.household).node_id)

    def go(
        self,
        group: Sequence[Life],
        day: int,
        *,
        kinds: Sequence[str] = TREE_KINDS,
        sheets: int = 1,
        with_host: bool = False,
    ) -> list[Move]:
        """Move a group that lives together to wherever the plan needs somebody next; ``with_host``: into a
        household.
        """
        world, destinations = self.world, self.destinations
        group = group[: destinations.left]
        if not group or not group[0].node_id:
            return []
        origin = world.commune_of(group[0].node_id)
        kind = destinations.next_kind(origin, kinds)
        if not kind:
            return []
        destinations.done(kind, len(group))
        if kind == ABROAD:
            return emigrate(world, group, day)
        destination = destinations.choose(origin, kind)
        hosts = world.hosts.get(destination.index, ()) if with_host else ()
        host = world.rng.choice(hosts) if hosts else None
        moves = travel(world, group, destination, day, kind, host=host, sheets=sheets)
        for move in moves:
            say_something_later(world, move)
        return moves


Story = Callable[[Stage], object]


def somebody(stage: Stage) -> object:
    """One adult goes for work or study, perhaps abroad."""
    rng = stage.world.rng
    adults = [p for p in stage.household.members if 16 <= p.age(stage.world.first) < 50] or stage.household.members[:1]
    return stage.go([stage.life(rng.choice(adults))], stage.world.a_day(), kinds=(*TREE_KINDS, ABROAD))


def everybody(stage: Stage) -> object:
    """The whole household [36], sometimes on several sheets [40]."""
    sheets = 2 if len(stage.household.members) > 2 and stage.world.rng.random() < 0.1 else 1
    kinds = (*TREE_KINDS, ABROAD) if stage.world.rng.random() < 0.1 else TREE_KINDS
    return stage.go(stage.lives, stage.world.a_day(), kinds=kinds, sheets=sheets)


def a_part(stage: Stage) -> object:
    """Some of the household [37], the head among them or not [38]."""
    rng = stage.world.rng
    members = stage.household.members
    adults = [person for person in members if person.age(stage.world.first) >= 18]
    leader = rng.choice(adults or members)
    others = [person for person in members if person is not leader and rng.random() < 0.45]
    return stage.go([stage.life(person) for person in (leader, *others)], stage.world.a_day())


def two_destinations(stage: Stage) -> object:
    """A household breaks up [39]."""
    day = stage.world.a_day()
    half = (len(stage.household.members) + 1) // 2
    lives = stage.lives
    first, second = stage.go(lives[:half], day), stage.go(lives[half:], day)
    children = [move for move in first[1:] if move.arrival is not None and move.life.person.age(day) < 16]
    if children and second and second[0].to_node != children[0].to_node and stage.world.rng.random() < 0.3:
        _claimed_twice(stage.world, children[0].life, second[0])
    return first, second


def _claimed_twice(world: World, child: Life, move: Move) -> None:
    """The other parent's sheet lists the child as well [42]."""
    there, place = world.commune_of(move.to_node), world.commune_of(move.from_node).name
    register_stay(world, child, there, move.day, place, residence="permanent")


def to_spouse(stage: Stage) -> object:
    """Marries somebody elsewhere and moves there [41]; the register office there writes the marriage down."""
    world, rng = stage.world, stage.world.rng
    young = [p for p in stage.household.members if _marriageable(p, world.first)]
    person = rng.choice(young)
    day = world.a_day(margin=30)
    moves = stage.go([stage.life(person)], day + 10)
    for move in moves:
        there = world.hosts.get(world.commune_of(move.to_node).index, [])
        spouses = [
            p
            for host in there
            for p in host.members
            if _marriageable(p, world.first) and p.sex != person.sex and p.number not in world.married
        ]
        record = move.life.record
        if spouses and record is not None and rng.random() < 0.7:
            marry(world, world.lives.of(rng.choice(spouses), move.to_node), day, other=record)
        elif record is not None:
            marry(world, move.life, day)
    return moves


def child_to_grandparents(stage: Stage) -> object:
    """A child moves in with an existing household [43]."""
    world, rng = stage.world, stage.world.rng
    children = [p for p in stage.household.members if 1 <= p.age(world.first) < 13]
    return stage.go([stage.life(rng.choice(children))], world.a_day(), with_host=True)


def there_and_back(stage: Stage) -> object:
    """A, B, A within the waiting time [13]."""
    world, rng = stage.world, stage.world.rng
    adults = [p for p in stage.household.members if 16 <= p.age(world.first) < 60] or stage.household.members[:1]
    life = stage.life(rng.choice(adults))
    home = world.commune_of(life.node_id)
    day = world.a_day(margin=120)
    moves = stage.go([life], day)
    if moves and stage.destinations.left:
        away = world.commune_of(life.node_id)
        kind = stage.destinations.relation(away, home)
        stage.destinations.done(kind)
        back = min(day + rng.randrange(30, 120), world.last)
        moves += travel(world, [life], home, back, kind, host=stage.household)
    return moves


def chain(stage: Stage) -> object:
    """A, B, C [11], perhaps with nothing heard from B [12]."""
    world, rng = stage.world, stage.world.rng
    adults = [p for p in stage.household.members if 16 <= p.age(world.first) < 50] or stage.household.members[:1]
    group = [stage.life(rng.choice(adults))]
    day = world.a_day(margin=100)
    if not stage.go(group, day):
        return None
    return stage.go(group, min(day + rng.randrange(20, 150), world.last))


def abroad_and_back(stage: Stage) -> object:
    """[57]"""
    world, rng = stage.world, stage.world.rng
    adults = [p for p in stage.household.members if 18 <= p.age(world.first) < 45] or stage.household.members[:1]
    life = stage.life(rng.choice(adults))
    home = world.commune_of(life.node_id)
    day = world.a_day(margin=150)
    if not stage.go([life], day, kinds=(ABROAD,)) or not stage.destinations.left:
        return None
    stage.destinations.done(FROM_OUTSIDE)
    return immigrate(world, [life], home, min(day + rng.randrange(60, 200), world.last), abroad=True)


def still_under_way(stage: Stage) -> object:
    """Has left shortly before the bundle ends, and has not arrived."""
    world, destinations = stage.world, stage.destinations
    life = stage.lives[0]
    origin = world.commune_of(life.node_id)
    kind = destinations.next_kind(origin, TREE_KINDS)
    if not kind:
        return None
    destinations.done(kind)
    return set_out(world, life, destinations.choose(origin, kind), kind)


def with_a_birth(stage: Stage) -> object:
    """A child is born between the departure and the arrival [45], is reported twice [46], or comes along as one more
    [47].
    """
    world, rng = stage.world, stage.world.rng
    mother = next(p for p in stage.household.members if _may_bear(p, world.first))
    day = world.a_day(margin=40)
    before = stage.life(mother).record
    moves = stage.go(stage.lives, day)
    mine = [move for move in moves if move.life.person is mother]
    if mine:
        newborn(world, mine[0], before, day + rng.randrange(1, 12))
    return moves


def with_a_death(stage: Stage) -> object:
    """The oldest one dies on the way [48], or soon after the arrival, and the old commune is told [49]."""
    world, rng = stage.world, stage.world.rng
    day = world.a_day(margin=40)
    oldest = min(stage.household.members, key=lambda person: person.birth)
    before = stage.life(oldest).record
    moves = stage.go(stage.lives if rng.random() < 0.6 else [stage.life(oldest)], day)
    mine = [move for move in moves if move.life.person is oldest]
    if mine:
        report_death(world, mine[0], before, mine[0].day + rng.randrange(1, 20))
    return moves


def within_the_commune(stage: Stage) -> object:
    """[59]"""
    world = stage.world
    lives = stage.lives if world.rng.random() < 0.5 else stage.lives[:1]
    lives = lives[: stage.destinations.left]
    stage.destinations.done(WITHIN, len(lives))
    return move_nearby(world, lives)


def _marriageable(person: Person, day: int) -> bool:
    return person.values[MARITAL_STATUS] == "single" and 19 <= person.age(day) < 34


def _may_bear(person: Person, day: int) -> bool:
    return person.sex == "F" and person.values[MARITAL_STATUS] == "married" and 20 <= person.age(day) < 40


def anybody(_stage: Stage) -> bool:
    return True


def several(stage: Stage) -> bool:
    return len(stage.household.members) >= 3


def has_child(stage: Stage) -> bool:
    return any(1 <= p.age(stage.world.first) < 13 for p in stage.household.members)


def has_young(stage: Stage) -> bool:
    return any(_marriageable(p, stage.world.first) for p in stage.household.members)


def has_mother(stage: Stage) -> bool:
    return any(_may_bear(p, stage.world.first) for p in stage.household.members)


def has_old(stage: Stage) -> bool:
    return any(p.age(stage.world.first) >= 62 for p in stage.household.members)
