"""Puts it together: tree, population, history, files. One seed, one set of bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from node.interchange.bundle import FILES
from node.interchange.writing import write_csv
from node.schema import PERSON_COLUMNS
from ops.province.config import SynthConfig, SynthSummary
from ops.province.history import History
from ops.province.moves import Movers
from ops.province.people import Person, Population
from ops.province.reports import Office
from ops.province.truth import README, Truth, status_of
from ops.province.units import Unit, units

Progress = Callable[[str, int, int], None]
TRUTH: Final = "truth"


def generate(config: SynthConfig, out: Path, *, progress: Progress | None = None) -> SynthSummary:
    """Write the bundle and its truth into ``out``. Raises ``UsageError`` without the data of the units, and
    ``OSError``.
    """
    report = progress or (lambda _what, _done, _total: None)
    rng = random.Random(f"dansync synth {config.seed}")
    tree = units(config)
    leaves = [unit for unit in tree if unit.tier == "commune"]
    truth = Truth()
    population = Population(config, rng)
    by_id = {unit.node_id: unit for unit in tree}
    office = Office(by_id, config.difficulty, rng, truth, population.numbers)
    people: list[Person] = []
    standing: list[list[str]] = []
    households = _settle(config, leaves, population, office, people, rng, report)
    standing.extend(_person_row(person) for person in people)
    registered = len(people)
    movers = Movers(leaves, by_id, office, truth, rng, config.difficulty)
    history = History(config, people, leaves, movers, office, population, rng)
    history.run(lambda done, total: report("history", done, total))
    _write(out, tree, households, standing, office, truth, people)
    return SynthSummary(
        nodes=len(tree),
        persons=registered,
        households=len(households),
        events=len(office.events),
        moves=sum(move.kind != "stay" for move in truth.moves),
        twin_pairs_at_risk=len(history.twin_pairs_moved),
    )


def _settle(
    config: SynthConfig, leaves: list[Unit], population: Population, office: Office, people: list[Person],
    rng: random.Random, report: Progress,
) -> list[tuple[str, str, str, str, str]]:  # fmt: skip
    """The standing register: every commune gets its share of persons, uneven as communes are."""
    weights = [rng.uniform(0.6, 1.6) for _ in leaves]
    households: list[tuple[str, str, str, str, str]] = []
    for number, (leaf, weight) in enumerate(zip(leaves, weights, strict=True), 1):
        share = round(config.persons * weight / sum(weights))
        for members in population.commune(leaf, max(share, 10)):
            household = office.new_household(leaf.node_id)
            for person in members:
                person.household = household
                person.ref = office.new_record(person, leaf.node_id)
            hamlet = f"Thôn {rng.randint(1, 9)}"
            address = (
                f"{rng.randint(1, 300)} {rng.choice(('Trần Phú', 'Lê Lợi', 'Quang Trung', 'Nguyễn Huệ', ''))}".strip()
            )
            households.append((leaf.node_id, household, hamlet, address, members[0].ref))
            people.extend(members)
        report("population", number, len(leaves))
    return households


def _person_row(person: Person) -> list[str]:
    columns = person.columns()
    return [person.node, person.ref, person.household, *(columns[name] for name in PERSON_COLUMNS)]


def _write(
    out: Path, tree: list[Unit], households: Iterable[tuple[str, ...]], standing: Iterable[list[str]], office: Office,
    truth: Truth, people: list[Person],
) -> None:  # fmt: skip
    def bundle_file(name: str, rows: Iterable[Iterable[str]]) -> None:
        write_csv(out / name, FILES[name].names, (list(row) for row in rows))

    bundle_file("topology.csv", ((u.node_id, u.tier, u.parent_id, u.code, u.name, u.valid_from) for u in tree))
    bundle_file("households.csv", households)
    bundle_file("persons.csv", standing)
    names = FILES["events.csv"].names
    # In the order of writing: files of real software come so, and readers must not rely on it.
    ordered = sorted(office.events, key=lambda event: (event["recorded_at"], event["node_id"], event["event_id"]))
    bundle_file("events.csv", ([event.get(name, "") for name in names] for event in ordered))
    folder = out / TRUTH
    write_csv(folder / "persons.csv", ("true_person", "ref"), truth.refs)
    write_csv(
        folder / "moves.csv",
        ("true_person", "out_ref", "in_ref", "from_node", "to_node", "date", "kind", "defects"),
        (
            (m.person, m.out_ref, m.in_ref, m.from_node, m.to_node, m.date, m.kind, "|".join(m.defects))
            for m in truth.moves
        ),
    )
    write_csv(folder / "residents.csv", ("true_person", "unit", "status"), ((p.number, *status_of(p)) for p in people))
    (folder / "README.txt").write_text(README, encoding="utf-8")
