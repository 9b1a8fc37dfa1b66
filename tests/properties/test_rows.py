"""Whatever a commune writes, whichever rows rot at the parent and in whatever order answers come: in the end the copy is
the commune's, and every commit that was held back has a record of how that ended.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from node.quarantine import ended
from tests.unit.node.exchange import Exchange
from tests.unit.node.stores import people

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("person"), st.integers(1, 3)),
        st.tuples(st.just("phone"), st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)),
        st.tuples(st.just("rot"), st.integers(0, 5)),
        st.tuples(st.just("gone"), st.integers(0, 5)),
        st.tuples(st.just("climb"), st.just(0)),
        st.tuples(st.just("retry"), st.just(0)),
        st.tuples(st.just("ask"), st.integers(0, 5)),
    ),
    max_size=14,
)


@settings(max_examples=40)
@given(steps=STEPS)
def test_a_copy_ends_equal_and_nothing_ends_without_a_record(steps: list[tuple[str, int | list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = Exchange(Path(folder))
        ever: set[int] = set()
        try:
            world.person("first")
            world.climb(("c", "d"))
            for number, (what, which) in enumerate(steps):
                _perform(world, number, what, which)
                ever.update(world.seqs(world.d))
            rows = people(world.c.store, world.origin).keys() | people(world.d.store, world.origin)
            world.climb(("c", "d"))
            ever.update(world.seqs(world.d))
            world.ask(world.d, [("person", row) for row in sorted(rows)])
            world.climb(("c", "d"))
            assert world.seqs(world.d) == [] and world.equal(world.d.store)
            over = {item.seq for item in ended(world.d.store.connection) if item.rest == 0}
            assert ever <= over
            assert "letter_refused" not in world.codes(world.c) + world.codes(world.d)
        finally:
            world.close()


def _perform(world: Exchange, number: int, what: str, which: int | list[int]) -> None:
    at_commune = sorted(people(world.c.store, world.origin))
    at_district = sorted(people(world.d.store, world.origin))
    match what, which:
        case "person", int(count):
            world.person(*(f"person {number} {position}" for position in range(count)))
        case "phone", list(positions):
            rows = dict.fromkeys(at_commune[position % len(at_commune)] for position in positions)
            world.phone(f"phone {number}", *rows)
        case (("rot" | "gone"), int(position)) if at_district:
            row = at_district[position % len(at_district)]
            world.rot(world.d, row, f"rot {number}" if what == "rot" else None)
        case "climb", _:
            world.climb(("c", "d"))
        case "retry", _:
            world.d.store.retry_quarantined()
        case "ask", int(position):
            world.ask(world.d, [("person", at_commune[position % len(at_commune)])])
        case _:
            pass
