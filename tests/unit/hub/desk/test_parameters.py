"""New weights are listed before they are in force, come down as reference data, and decide nothing settled again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conflict.cases import State
from conflict.comparison import Field
from conflict.estimation import differences
from conflict.levels import Birth
from conflict.parameters import Parameters, Thresholds, current_parameters, rendered, to_document
from conflict.sampling import BEARERS_MIN
from conflict.spelling import spelling_key
from hub.authority.acts import act
from hub.authority.matching import introduce
from hub.desk.decisions import read_decisions
from hub.desk.desk import CaseDesk
from node import limits
from node.errors import UsageError
from node.matching import in_force, introduced
from node.store import Store
from tests.identities import Tree
from tests.unit.hub.desk.town import PEOPLE, Town
from tests.unit.hub.test_authority import bring_reference

LAN, HUNG = PEOPLE[0], PEOPLE[2]
STRICTER = replace(current_parameters(), version=2, source="test", thresholds=Thresholds(60.0, -30.0, 6.0))
"""Nobody is linked by these without a person who looks."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    yield found
    found.close()


def moved(town: Town, values: dict[str, str], *, said: bool = True) -> tuple[str, str]:
    """Somebody left A and is at B; ``said``: A has written it."""
    left = town.person("A", values)
    if said:
        town.event("A", "move_out", left, other_place="B")
    there = town.arrive("B", values, place="A")
    town.bring()
    return f"A:{left}", f"B:{there}"


def hashes(store: Store) -> list[str]:
    return [made.parameters.hash for made in read_decisions(store.connection) if not made.undoes]


def test_the_release_brings_the_weights_until_the_authority_introduces_others(town: Town) -> None:
    assert in_force(introduced(town.store)).parameters == current_parameters()
    introduce(town.store, STRICTER, by="lan")
    assert in_force(introduced(town.store)).parameters == STRICTER
    assert [(known.number, known.version) for known in introduced(town.store)] == [(1, 2)]


def test_introduced_weights_come_down_with_the_reference_data(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    child = tree.add("d")
    bring_reference(tree, child)
    introduce(tree.root.store, STRICTER, by="lan")
    assert in_force(introduced(child.store)).parameters == current_parameters()
    bring_reference(tree, child)
    assert in_force(introduced(child.store)).parameters == STRICTER
    assert CaseDesk(child.store)._parameters == STRICTER
    tree.close()


def test_a_desk_at_work_takes_new_weights_as_soon_as_they_are_there(town: Town) -> None:
    desk = town.desk()
    moved(town, LAN)
    desk.catch_up()
    assert [link.verdict for link in desk.links()] == ["automatic"]
    introduce(town.store, STRICTER, by="lan")
    desk.catch_up()
    assert [link.verdict for link in desk.links()] == ["review"]


def test_a_settled_case_keeps_its_decision_and_new_ones_name_the_new_weights(town: Town) -> None:
    desk = town.desk()
    moved(town, LAN)
    desk.decide()
    before = read_decisions(town.store.connection)
    milder = replace(STRICTER, thresholds=Thresholds(8.0, 0.0, 6.0))
    introduce(town.store, milder, by="lan")
    assert desk.decide() == 0
    assert read_decisions(town.store.connection) == before
    moved(town, PEOPLE[6])
    assert desk.decide() == 1
    (old,) = before
    assert len(set(hashes(town.store))) == 2 and old.parameters.hash in hashes(town.store)


def test_the_list_names_what_is_settled_and_what_is_open_and_changes_nothing(town: Town) -> None:
    desk = town.desk()
    moved(town, LAN)
    left = town.person("A", {"full_name": "Nguyễn Thị Hoa", "sex": "F", "birth_date": "1988-04-11"})
    town.event("A", "move_out", left)
    there = town.arrive("B", {"full_name": "Nguyễn Thị Hoa", "sex": "F", "birth_date": "1988"})
    town.bring()
    desk.decide()
    rows = town.store.connection.execute("SELECT * FROM candidate_link").fetchall()
    (open_before,) = desk.queue()
    assert open_before.decision.state is State.PROPOSED
    found = desk.try_out(replace(STRICTER, thresholds=Thresholds(60.0, 50.0, 6.0)))
    (settled,) = found.settled
    assert settled.before[0] is State.SETTLED
    assert {claim.partition(":")[0] for claim in settled.claims} == {"A", "B"}
    (change,) = found.open
    assert change.before[0] is State.PROPOSED and State.PROPOSED not in {state for state, _ in change.after}
    assert there and {ref.partition(":")[0] for ref in change.refs} == {"A", "B"}
    assert town.store.connection.execute("SELECT * FROM candidate_link").fetchall() == rows
    assert in_force(introduced(town.store)).parameters == current_parameters()
    assert desk.decide() == 0


def test_weights_that_change_nothing_give_an_empty_list(town: Town) -> None:
    desk = town.desk()
    moved(town, LAN)
    moved(town, HUNG, said=False)
    desk.decide()
    found = desk.try_out(replace(current_parameters(), version=2, source="the same"))
    assert (found.settled, found.open) == ((), ())
    assert found.unchanged == 2


@pytest.mark.parametrize("seed", range(3))
def test_the_links_that_were_tried_out_are_those_that_come_into_force(seed: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    town = Town(tmp_path, source)
    for _ in range(50):
        town.anything()
    town.bring()
    desk = town.desk()
    desk.catch_up()
    before = desk.links()
    milder = replace(STRICTER, thresholds=Thresholds(6.0, -6.0, 3.0))
    tried = desk.links_by(milder)
    assert desk.links() == before
    introduce(town.store, milder, by="lan")
    desk.catch_up()
    assert desk.links() == tried, f"replay with seed {seed}"
    assert tried != before
    town.close()


def test_weights_that_this_release_cannot_read_hold_the_decisions_and_nothing_else(town: Town) -> None:
    desk = town.desk()
    introduce(town.store, STRICTER, by="lan")
    with act(town.store, by="lan", what="parameters") as under_way:
        under_way.insert("matching_parameters", number=2, version=3, hash="00", document=b'{"version": 3}')
    now = in_force(introduced(town.store))
    assert (now.parameters, now.held) == (STRICTER, True)
    moved(town, LAN)
    assert desk.decide() == 0
    assert [link.verdict for link in desk.links()] == ["review"]


def test_a_document_that_is_not_what_its_hash_says_is_not_taken(town: Town) -> None:
    document = rendered(to_document(STRICTER)).encode()
    with act(town.store, by="lan", what="parameters") as under_way:
        under_way.insert("matching_parameters", number=1, version=2, hash="0" * 64, document=document)
    assert in_force(introduced(town.store)).held


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "in force already"),
        ({"version": 1, "source": "another"}, "version 1 is known already"),
        ({"version": 2, "frequencies": {Field.GIVEN: {f"x{n}": 1e-6 for n in range(60_000)}}}, "flow down to every"),
    ],
    ids=["the same", "no newer version", "too large"],
)
def test_what_cannot_be_introduced_is_refused_and_leaves_nothing(
    town: Town, changed: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        introduce(town.store, replace(current_parameters(), **changed), by="lan")  # type: ignore[arg-type]
    assert refused.value.hint
    assert introduced(town.store) == ()


def test_only_the_authority_introduces_weights(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    child = tree.add("d")
    bring_reference(tree, child)
    with pytest.raises(UsageError, match="not the authority"):
        introduce(child.store, STRICTER, by="lan")
    tree.close()


# --- learning them ---------------------------------------------------------------------------------------------------

GIVEN = ("Lan", "Hoa", "Minh", "Tuấn", "Hùng", "Bình", "Dũng", "Thảo", "Vân", "Sơn")


def crowd(town: Town, count: int) -> None:
    """So many who moved from A to B, with their numbers; every fourth has another birth date there."""
    for number in range(count):
        born = f"{1950 + number % 50}-{1 + number % 12:02d}-{1 + number % 28:02d}"
        values = {"full_name": f"Trần Văn {GIVEN[number % len(GIVEN)]}", "sex": "M", "birth_date": born}
        values |= {"personal_id": f"052{number % 10}{born[2:4]}{number:06d}"}
        home = f"h{number // 2}"
        town.person("A", values, household=home)
        town.event("A", "move_out", f"p{number}", other_place="B")
        there = values | ({"birth_date": f"{1950 + number % 50}-01-01"} if number % 4 == 0 else {})
        town.arrive("B", there, place="A")
    town.bring()


def learned(town: Town, seed: int = 1) -> Parameters:
    desk = town.desk()
    desk.catch_up()
    found, counted = desk.estimate(random.Random(seed), version=2, source="test")
    assert counted.matches >= 100
    return found


def test_weights_are_learned_from_a_register_without_being_told_who_is_who(town: Town) -> None:
    crowd(town, 120)
    found = learned(town)
    before, after = (of.chances[Field.BIRTH][Birth.SAME_DAY].same for of in (current_parameters(), found))
    assert after < before - 0.05
    assert differences(current_parameters(), found)
    assert found.thresholds == current_parameters().thresholds


def test_the_same_register_and_seed_give_the_same_file(town: Town) -> None:
    crowd(town, 110)
    assert rendered(to_document(learned(town))) == rendered(to_document(learned(town)))


def test_a_word_that_few_people_have_is_not_named_in_the_file(town: Town) -> None:
    crowd(town, 100)
    for number in range(BEARERS_MIN):
        town.person("C", {"full_name": "Zrâm Thị Zơng", "birth_date": f"19{60 + number}-02-02"})
    for _ in range(BEARERS_MIN - 1):
        town.person("C", {"full_name": "Qwêh Thị Lan"})
    town.bring()
    families = learned(town).frequencies[Field.FAMILY]
    assert spelling_key("Zrâm") in families
    assert spelling_key("Qwêh") not in families


def test_what_is_learned_fits_what_may_be_introduced(town: Town) -> None:
    crowd(town, 100)
    found = learned(town)
    assert len(rendered(to_document(found))) < limits.PARAMETERS_BYTES_MAX
    introduce(town.store, found, by="lan")
    assert in_force(introduced(town.store)).parameters == found
