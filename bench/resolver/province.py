"""A bundle as the linking sees it: parties with descriptions, who arrived, and beside it the truth."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conflict.blocking import BlockIndex
from conflict.claims import claim_day
from conflict.description import describe
from conflict.linking import Party
from conflict.places import Place, PlaceBook
from node.schema import PERSON_COLUMNS

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Province:
    """``parties`` by reference, the standing ones and those that births and arrivals made; ``arrivals`` those that
    arrivals made, and births, which may have been reported twice: whom the case desk looks for.
    """

    parties: Mapping[str, Party]
    arrivals: tuple[str, ...]
    truth: Mapping[str, str]
    """True person of each reference."""
    twins: Mapping[str, frozenset[str]]
    """True persons to those of the same household and birth date: merging them is the mistake to avoid."""

    def index(self) -> BlockIndex:
        index = BlockIndex()
        for ref, party in self.parties.items():
            index.add(ref, party.description)
        return index


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _values(row: Row) -> Row:
    return {column: row[column] for column in PERSON_COLUMNS}


def read_province(folder: Path) -> Province:
    """Everything that the bundle says in the end; departures that were withdrawn do not count."""
    places = PlaceBook(
        Place(r["node_id"], r["parent_id"], r["tier"], r["admin_code"], r["valid_from"], r["name"])
        for r in _rows(folder / "topology.csv")
    )
    events = _rows(folder / "events.csv")
    withdrawn = {f"{event['node_id']}:{event['reason']}" for event in events if event["kind"] == "cancel"}
    values: dict[str, Row] = {}
    household: dict[str, str] = {}
    sheet: dict[str, str] = {}
    origin: dict[str, str] = {}
    destination: dict[str, str] = {}
    arrivals = []
    for row in _rows(folder / "persons.csv"):
        ref = f"{row['node_id']}:{row['person_id']}"
        values[ref], household[ref] = _values(row), f"{row['node_id']}:{row['household_id']}"
    for event in sorted(events, key=lambda event: (event["recorded_at"], event["event_id"])):
        node, ref = event["node_id"], f"{event['node_id']}:{event['person_id']}"
        day = claim_day(event["event_date"], event["recorded_at"])
        match event["kind"]:
            case "birth" | "move_in":
                values[ref] = _values(event)
                household[ref] = f"{node}:{event['household_id']}" if event["household_id"] else ""
                arrivals.append(ref)
                if event["kind"] == "move_in":
                    origin[ref] = places.named(event["other_place"], day).node_id
                    paper = event["group_id"] or f"{event['household_id']} {event['recorded_at']}"
                    sheet[ref] = f"{node}:{paper}"
            case "correction" if ref in values:
                values[ref].update({column: event[column] for column in PERSON_COLUMNS if event[column]})
            case "move_out" if f"{node}:{event['event_id']}" not in withdrawn:
                destination[ref] = places.named(event["other_place"], day).node_id
    parties = {
        ref: Party(
            ref,
            describe(
                said,
                unit=ref.partition(":")[0],
                origin=origin.get(ref, ""),
                departed=None if ref in origin and ref not in destination else ref in destination,
                destination=destination.get(ref, ""),
            ),
            sheet.get(ref, ""),
            household.get(ref, ""),
        )
        for ref, said in values.items()
    }
    truth = {row["ref"]: row["true_person"] for row in _rows(folder / "truth" / "persons.csv")}
    return Province(parties, tuple(sorted(set(arrivals))), truth, _twins(parties, truth))


def _twins(parties: Mapping[str, Party], truth: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    born: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for ref, party in parties.items():
        description = party.description
        if party.household and description.birth is not None and description.birth.day and not party.sheet:
            born[party.household, str(description.birth)].add(truth[ref])
    twins: defaultdict[str, set[str]] = defaultdict(set)
    for persons in born.values():
        if len(persons) > 1:
            for person in persons:
                twins[person] |= persons - {person}
    return {person: frozenset(others) for person, others in twins.items()}
