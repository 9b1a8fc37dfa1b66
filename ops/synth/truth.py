"""The truth beside the bundle: who the records are, how people moved, and where everybody counts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ops.synth.lives import Life, Move, Standing, registered
from ops.synth.people import Person, iso
from ops.synth.writing import RowFile

PERSONS: Final = ("true_person", "ref")
MOVES: Final = ("true_person", "out_ref", "in_ref", "from_node", "to_node", "date", "kind", "defects")
RESIDENTS: Final = ("true_person", "unit", "status", "known_unit", "known_status")

README: Final = """\
The truth about the bundle in the folder above. Nothing here may be read by what is being tested.

persons.csv    true_person, ref
    One row for each record of the registers: ref is node_id:person_id, true_person whom it stands for. Records are the
    rows of persons.csv and those that birth and move_in events gave, withdrawn and temporary ones too.

moves.csv      true_person, out_ref, in_ref, from_node, to_node, date, kind, defects
    One row for each true move of one person. out_ref and in_ref (node_id:event_id) are its first reports, empty where
    the bundle has none (for moves inside a commune perhaps both). from_node is empty for those who come from outside
    the tree, to_node for those who go abroad. date: the true arrival (abroad: departure). kind: within_commune,
    between_communes, between_districts, between_provinces, abroad, from_outside. defects, joined by |: out: and in: say
    whose report has it (missing; date; place; place_empty; name:...; birth_date:...; personal_id:...; sex; ...); those
    without a side concern the move (duplicate, disputed, edited_at_origin).

residents.csv  true_person, unit, status, known_unit, known_status
    Where each true person counts when the bundle ends (its as-of). unit and status say what is so; known_unit and
    known_status what can be concluded at best from the reports of the bundle, by somebody who knows which records are
    one person: a move without an arrival's report, for example, is in_transit or lapsed. The words are those of the
    result bundle. Somebody who never had a record in the tree, nor a report, has no known_status.

Reports that are no moves (temporary stays, withdrawn reports, departures of people who stayed) are in no row of
moves.csv.
"""


class TruthFiles:
    def __init__(self, folder: Path) -> None:
        self._persons = RowFile(folder / "persons.csv", PERSONS)
        self._moves = RowFile(folder / "moves.csv", MOVES)
        self._residents = RowFile(folder / "residents.csv", RESIDENTS)
        (folder / "README.txt").write_text(README, encoding="utf-8", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._persons, self._moves, self._residents):
            file.close()

    @property
    def person_count(self) -> int:
        return self._residents.count

    @staticmethod
    def day(day: int) -> str:
        return iso(day)

    def unmoved(self, person: Person, node_id: str) -> None:
        """Somebody to whom nothing happens."""
        self._persons.write((_name(person), f"{node_id}:{person.person_id}"))
        if person.is_doubled:
            self._persons.write((_name(person), f"{node_id}:{person.person_id}b"))
        standing = registered(person, node_id)
        self._resident(person, standing, standing)

    def lives(self, lives: Iterable[Life], as_of: int) -> None:
        for life in lives:
            for ref in life.refs:
                self._persons.write((_name(life.person), ref))
            self._resident(life.person, life.truth(), life.known(as_of))

    def moves(self, moves: Iterable[Move]) -> None:
        for move in moves:
            self._moves.write(
                (
                    _name(move.life.person),
                    "" if move.leaving is None else move.leaving.ref,
                    "" if move.arrival is None else move.arrival.ref,
                    move.from_node,
                    move.to_node,
                    iso(move.day),
                    move.kind,
                    "|".join(move.defects),
                )
            )

    def _resident(self, person: Person, truth: Standing, known: Standing) -> None:
        self._residents.write((_name(person), truth.unit, truth.status, known.unit, known.status))


def _name(person: Person) -> str:
    return f"t{person.number:08d}"
