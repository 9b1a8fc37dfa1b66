"""What really happened, kept beside the reports: which records stand for whom, which reports belong to which move."""

from __future__ import annotations

from dataclasses import dataclass, field

from ops.province.people import Person

README = """The truth behind the bundle beside this folder.

persons.csv    true_person, ref                  every record (node_id:person_id) that stands for a true person
moves.csv      true_person, out_ref, in_ref, from_node, to_node, date, kind, defects
               one line for each true move of a person; out_ref and in_ref are the events (node_id:event_id) that
               report its two halves, empty where a half was never reported or has no commune (abroad, outside);
               kind: commune (within one), district (between communes), province (between districts), country
               (between provinces), abroad, outside (from beyond the tree), stay (temporary);
               defects: what went wrong in the reports, joined by |
residents.csv  true_person, unit, status         where each true person lives on the as-of day of the bundle;
               status: resident, abroad, dead, gone (left the tree)
"""


@dataclass(slots=True)
class TrueMove:
    person: int
    out_ref: str
    in_ref: str
    from_node: str
    to_node: str
    date: str
    kind: str
    defects: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Truth:
    """``refs``: (true person, ref) in the order in which the records came to be."""

    refs: list[tuple[int, str]] = field(default_factory=list)
    moves: list[TrueMove] = field(default_factory=list)

    def record(self, person: Person, node_id: str, person_id: str) -> None:
        self.refs.append((person.number, f"{node_id}:{person_id}"))


def status_of(person: Person) -> tuple[str, str]:
    """(unit, status) of a true person."""
    match person.status:
        case "here":
            return person.node, "resident"
        case "abroad":
            return "", "abroad"
        case "dead":
            return "", "dead"
        case "gone":
            return "", "gone"
