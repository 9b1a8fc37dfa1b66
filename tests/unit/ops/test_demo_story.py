"""The story of the demo: who lives where, which communes lose their link meanwhile, and that it is told in any tree."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from node.interchange.topology import Topology
from ops.demo.cast import places_of, write_cast
from ops.demo.script import script
from ops.rehearsal.plan import Plan
from ops.synth import SynthConfig, generate


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    generate(SynthConfig(persons=60, moves=4, districts=2, communes=2), folder)
    return folder


@pytest.fixture(scope="module")
def topology(bundle: Path) -> Topology:
    return Plan(bundle).topology


def district(topology: Topology, node_id: str) -> str:
    return topology[node_id].parent_id


def province(topology: Topology, node_id: str) -> str:
    return topology[district(topology, node_id)].parent_id


def test_people_move_next_door_to_another_district_and_to_another_province(topology: Topology) -> None:
    places = places_of(topology)
    home = places.home
    assert len({home, places.next_door, places.district, places.province, places.far_end}) == 5
    assert district(topology, places.next_door) == district(topology, home)
    assert district(topology, places.district) != district(topology, home)
    assert province(topology, places.district) == province(topology, home)
    assert province(topology, places.province) == province(topology, places.far_end) != province(topology, home)


@pytest.mark.parametrize("seed", range(5))
def test_the_communes_between_which_people_move_lose_their_link_and_get_it_back(seed: int, topology: Topology) -> None:
    places = places_of(topology)
    acts = script(topology, seed, (places.home, places.province))
    for node_id in (places.home, places.province):
        assert [act.deed for act in acts if act.node_id == node_id] == ["unplug", "plug"]
    assert [act.at for act in acts] == sorted(act.at for act in acts)
    down = [act.node_id for act in acts if act.deed == "kill"]
    assert down == [act.node_id for act in acts if act.deed == "start"] and len(set(down)) == 2


def test_everybody_of_the_story_is_in_the_bundle_and_in_its_truth_once(bundle: Path, topology: Topology) -> None:
    config = SynthConfig(persons=60, moves=4, districts=2, communes=2)
    members = write_cast(bundle, topology, config.last_day)
    plan = Plan(bundle)
    assert plan.rejects == []

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((bundle / name).read_text(encoding="utf-8").splitlines()))

    standing = [f"{row['node_id']}:{row['person_id']}" for row in rows("persons.csv")]
    came = [f"{row['node_id']}:{row['person_id']}" for row in rows("events.csv") if row["kind"] in {"move_in", "birth"}]
    for member in members:
        assert all((standing + came).count(ref) == 1 for ref in member.refs), member.true_person
    truth = [row["ref"] for row in rows("truth/persons.csv")]
    assert len(truth) == len(set(truth))
    assert {ref for member in members for ref in member.refs} <= set(truth)
    assert {member.unit for member in members} <= set(communes_of(topology))


def communes_of(topology: Topology) -> list[str]:
    """The communes."""
    return [row.node_id for row in topology.top_down() if not topology.children(row.node_id)]
