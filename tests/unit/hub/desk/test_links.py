"""Keys and links of the case desk: brought up to date piece by piece they are what one look at everything says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from conflict.blocking import BLOCK_RECORDS_MAX, block_keys, gather
from conflict.linking import find_links
from conflict.links import Link
from conflict.parameters import current_parameters
from conflict.places import PlaceBook
from hub.desk.descriptions import Described, Descriptions
from hub.desk.desk import CaseDesk
from hub.views.tree import places_seen
from node.epochs import rows_moved
from node.ids import OriginId, RowId
from node.interchange.values import EventRow
from node.reference import Reference
from node.register.operations import record_event
from node.replay import triggers_off
from node.store import PURPOSE_REGISTER, Store
from tests.unit.hub.desk.town import PEOPLE, Town, columns

LAN = PEOPLE[0]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(tmp_path, random.Random(1))
    yield found
    found.close()


def described(store: Store) -> dict[str, Described]:
    """Everybody in a store who may be compared, read without the desk's tables."""
    profiles = store.profiles()
    nodes = {origin: p.node_id for origin, p in profiles.items() if p.purpose == PURPOSE_REGISTER}
    places = PlaceBook(places_seen(profiles.values(), Reference(store)))
    reader = Descriptions(store.connection, nodes, places)
    rows = store.connection.execute("SELECT origin, id FROM person").fetchall()
    found = [reader.read(OriginId(bytes(origin)), RowId(bytes(row_id))) for origin, row_id in rows]  # type: ignore[arg-type]
    return {one.party.ref: one for one in found if one is not None}


def at_once(store: Store, block_max: int = BLOCK_RECORDS_MAX) -> tuple[Link, ...]:
    """The links by one judgement of all arrivals, from an index in memory."""
    everybody = described(store)
    blocks: dict[str, set[str]] = {}
    for ref, one in everybody.items():
        for key in block_keys(one.description):
            blocks.setdefault(key, set()).add(ref)
    candidates = {
        ref: gather(
            {key: blocks[key] for key in block_keys(one.description)}, apart_from=[ref], block_max=block_max
        ).refs
        for ref, one in everybody.items()
        if one.is_newcomer
    }
    parties = {ref: one.party for ref, one in everybody.items()}
    return tuple(find_links(parties, candidates, current_parameters()))


@pytest.mark.parametrize("block_max", [BLOCK_RECORDS_MAX, 6])
@pytest.mark.parametrize("seed", range(4))
def test_links_kept_piece_by_piece_are_those_of_one_judgement(seed: int, block_max: int, tmp_path: Path) -> None:
    source = random.Random(seed)
    town = Town(tmp_path, source)
    desk = town.desk(block_max=block_max)
    for _ in range(60):
        town.anything()
        if source.random() < 0.4:
            town.bring(source.choice("ABC"), count=source.randint(1, 4))
        if source.random() < 0.5:
            desk.step()
    town.bring()
    desk.catch_up()
    expected = at_once(town.store, block_max)
    assert desk.links() == expected, f"replay with seed {seed}"
    assert any(link.verdict == "automatic" for link in expected)
    desk.forget()
    assert desk.links() == ()
    desk.catch_up()
    assert desk.links() == expected
    town.close()


def test_a_move_is_linked_whichever_half_comes_first(town: Town) -> None:
    desk = town.desk()
    town.arrive("B", LAN, place="A")
    town.bring("B")
    desk.catch_up()
    assert desk.links() == ()
    person = town.person("A", LAN)
    town.event("A", "move_out", person, other_place="B")
    town.bring("A")
    desk.catch_up()
    assert [(link.a, link.b, link.verdict) for link in desk.links()] == [("A:p0", "B:n0", "automatic")]


def _with_one_correction(town: Town) -> CaseDesk:
    """A desk that has looked at everybody, before it looks at what came then."""
    desk = town.desk()
    for values in PEOPLE:
        town.person("A", values)
    town.bring()
    desk.catch_up()
    town.event("A", "correction", "p3", {"phone": "0905999999"})
    town.bring()
    return desk


def test_only_those_of_whom_something_came_are_read_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.desk.desk.LITTLE", 1)  # each step by itself
    desk = _with_one_correction(town)
    assert desk.step()
    assert desk.backlog().unread == 1


def test_a_desk_that_has_looked_already_knows_a_commune_that_joins_later(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.bring()
    desk.catch_up()
    late = town.communes["D"] = town.district.commune("D")
    row = EventRow(
        *("D", "e1", "move_in", "2025-06-01", "2025-06-01T08:00:00+07:00", "n1", "", "", "A", "", ""),
        columns=columns(LAN),
    )
    record_event(late.store, row, author="clerk")
    town.bring(["D"])
    desk.catch_up()
    assert [(link.a, link.b, link.verdict) for link in desk.links()] == [("A:p0", "D:n1", "automatic")]


def test_nothing_new_is_nothing_to_do(town: Town) -> None:
    town.person("A", LAN)
    town.arrive("B", LAN)
    town.bring()
    desk = town.desk()
    desk.catch_up()
    assert not desk.step()
    assert not CaseDesk(town.store).step()


def test_an_arrival_that_was_withdrawn_is_linked_to_nobody_and_again_once_that_is_withdrawn(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    arrival = town.event("B", "move_in", "n0", LAN, other_place="A")
    cancel = town.event("B", "cancel", "", reason=arrival)
    town.bring()
    desk.catch_up()
    assert desk.links() == ()
    town.event("B", "cancel", "", reason=cancel)
    town.bring()
    desk.catch_up()
    assert [link.verdict for link in desk.links()] == ["automatic"]


def test_a_correction_breaks_a_link_and_gives_the_place_to_somebody_else(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.arrive("B", LAN, place="A")
    town.bring()
    desk.catch_up()
    assert [link.b for link in desk.links()] == ["B:n0"]
    town.event("B", "correction", "n0", dict(PEOPLE[6]) | {"sex": "M", "personal_id": "052075000001"})
    town.bring()
    desk.catch_up()
    assert [link for link in desk.links() if link.verdict != "apart"] == []
    assert desk.links() == at_once(town.store)


def test_rows_that_move_without_a_commit_are_read_again(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.arrive("B", {"full_name": "Phạm Minh Tuấn", "sex": "M", "birth_date": "1960-01-02"})
    town.bring()
    desk.catch_up()
    assert desk.links() == ()
    with town.store.database.transaction() as connection, triggers_off(connection):
        values = [LAN[name] for name in ("full_name", "sex", "birth_date", "personal_id")]
        connection.execute(
            "UPDATE person SET full_name = ?, sex = ?, birth_date = ?, personal_id = ? WHERE source_id = 'n0'", values
        )
        rows_moved(connection, town.communes["B"].origin)
    desk.catch_up()
    assert [link.verdict for link in desk.links()] == ["automatic"]


def test_a_place_that_gets_a_node_of_its_name_is_looked_at_again(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.arrive("B", LAN, place="D")
    town.bring()
    desk.catch_up()
    before = desk.links()
    commune = town.district.commune("D")
    town.district.applied(commune.work())
    desk.catch_up()
    assert desk.links() == at_once(town.store) != before


BY_BIRTH = {name: LAN[name] for name in ("full_name", "sex", "birth_date")}
BY_NUMBER = {"full_name": "Trần Hồng Lan", "personal_id": LAN["personal_id"]}
"""Two arrivals that share no key and want the same record."""


def test_who_wants_the_same_record_is_judged_together_though_they_share_no_key(town: Town) -> None:
    desk = town.desk()
    town.person("A", LAN)
    town.arrive("B", BY_BIRTH, place="A")
    town.bring()
    desk.catch_up()
    alone = desk.links()
    town.arrive("C", BY_NUMBER, place="A")
    town.bring()
    desk.catch_up()
    assert {(link.a, link.b) for link in desk.links()} == {("A:p0", "B:n0"), ("A:p0", "C:n0")}
    assert alone[0] not in desk.links()
    assert desk.links() == at_once(town.store)
    town.event("C", "correction", "n0", {"full_name": "Hồ Quang", "birth_date": "1950-01-09", "sex": "M"})
    town.event("C", "correction", "n0", {"personal_id": "052050000001"})
    town.bring()
    desk.catch_up()
    assert desk.links() == at_once(town.store) == alone


def test_a_block_that_grows_too_large_is_left_by_those_who_were_in_it(town: Town) -> None:
    desk = town.desk(block_max=2)
    town.person("A", PEOPLE[6])
    town.arrive("B", PEOPLE[6], place="A")
    town.bring()
    desk.catch_up()
    assert desk.links() != ()
    town.person("C", {"full_name": PEOPLE[6]["full_name"], "birth_date": "1975-05-05", "old_card_id": "211223344"})
    town.bring()
    desk.catch_up()
    assert desk.links() == at_once(town.store, 2) == ()


def test_keys_that_too_many_share_are_not_followed_and_that_is_told(town: Town) -> None:
    desk = town.desk(block_max=3)
    for name in "AAAABBBB":
        town.person(name, PEOPLE[2])
    town.arrive("C", PEOPLE[2])
    town.bring()
    desk.catch_up()
    assert desk.backlog().overflowing == 1
    assert desk.links() == at_once(town.store, 3)


NEWBORN = {"full_name": "Trần Gia Hân", "sex": "F", "birth_date": "2025-02-03", "mother_name": "Lê Thị Xuân"}


def test_case_46_a_birth_that_two_communes_registered_is_linked(tmp_path: Path) -> None:
    town = Town(tmp_path, random.Random(1))
    for name in "AB":
        town.event(name, "birth", "b1", {**NEWBORN, "father_name": "Trần Văn Bình", "insurance_id": "5253111221"})
    town.bring()
    desk = town.desk()
    desk.catch_up()
    assert [(link.a, link.b, link.verdict) for link in desk.links()] == [("A:b1", "B:b1", "automatic")]
    town.close()


def test_case_19_newborns_without_a_name_of_other_parents_are_not_linked(tmp_path: Path) -> None:
    town = Town(tmp_path, random.Random(1))
    for name, mother in (("A", "Lê Thị Xuân"), ("B", "Phạm Thị Thu")):
        town.event(name, "birth", "b1", {**NEWBORN, "full_name": "Gái", "mother_name": mother})
    town.bring()
    desk = town.desk()
    desk.catch_up()
    assert not [link for link in desk.links() if link.verdict != "apart"]
    town.close()


def test_twins_that_one_commune_registered_are_not_linked(tmp_path: Path) -> None:
    town = Town(tmp_path, random.Random(1))
    for person, given in (("b1", "Trần Gia Hân"), ("b2", "Trần Gia Hưng"), ("b3", "Trần Gia Hường")):
        town.event("A", "birth", person, {**NEWBORN, "full_name": given})
    town.bring()
    desk = town.desk()
    desk.catch_up()
    assert not [link for link in desk.links() if link.verdict == "automatic"]
    town.close()


def test_what_is_little_is_done_in_one_step(town: Town) -> None:
    """Each transaction waits for the disk, and somebody waits for the answer."""
    desk = _with_one_correction(town)
    assert desk.step()
    assert not desk.step()
