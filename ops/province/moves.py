"""People move: what truly happens, and the two halves that communes report, each late, wrong or missing in its way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ops.province.config import Difficulty
from ops.province.people import Person
from ops.province.reports import Office
from ops.province.truth import TrueMove, Truth
from ops.province.units import Unit

KINDS: Final = {"commune": 7, "district": 30, "province": 21, "country": 30, "abroad": 4, "outside": 8}
ABROAD: Final = ("nước ngoài", "Nhật Bản", "Hàn Quốc", "Đài Loan", "xuất cảnh")
OUTSIDE: Final = ("Thành phố Hồ Chí Minh", "Bình Dương", "Đồng Nai", "Đắk Lắk", "Hà Nội", "79", "")


@dataclass(frozen=True, slots=True)
class MoveRates:
    """Chances for each half of a move."""

    out_missing: float
    in_missing: float
    out_bare: float  # the OUT names the person and nothing else
    doubled: float
    days_apart: float
    wrong_place: float
    confirmed: float
    disputed: float
    cancelled: float


RATES: Final[dict[Difficulty, MoveRates]] = {
    "easy": MoveRates(0.02, 0.02, 0.2, 0.0, 0.05, 0.0, 0.0, 0.0, 0.0),
    "real": MoveRates(0.14, 0.10, 0.4, 0.015, 0.3, 0.03, 0.05, 0.004, 0.01),
    "hard": MoveRates(0.25, 0.18, 0.6, 0.03, 0.5, 0.08, 0.05, 0.01, 0.02),
}


class Movers:
    """Moves persons and whole households between communes."""

    def __init__(
        self,
        leaves: Sequence[Unit],
        units: dict[str, Unit],
        office: Office,
        truth: Truth,
        rng: random.Random,
        difficulty: Difficulty,
    ) -> None:
        self._units = units
        self._office = office
        self._truth = truth
        self._rng = rng
        self._rates = RATES[difficulty]
        self._leaves = list(leaves)
        self._province = {leaf.node_id: self._province_of(leaf) for leaf in leaves}

    def _province_of(self, unit: Unit) -> str:
        while unit.parent_id and self._units[unit.parent_id].tier != "nation":
            unit = self._units[unit.parent_id]
        return unit.node_id

    def kind(self) -> str:
        return self._rng.choices(list(KINDS), list(KINDS.values()))[0]

    def destination(self, origin: str, kind: str) -> Unit | None:
        """A commune at the right distance; None if the tree has none."""
        here = self._units[origin]
        match kind:
            case "commune":
                return here
            case "district":
                near = [leaf for leaf in self._leaves if leaf.parent_id == here.parent_id and leaf.node_id != origin]
            case "province":
                province = self._province[origin]
                near = [
                    leaf
                    for leaf in self._leaves
                    if self._province[leaf.node_id] == province and leaf.parent_id != here.parent_id
                ]
            case _:
                near = [leaf for leaf in self._leaves if self._province[leaf.node_id] != self._province[origin]]
        return self._rng.choice(near) if near else None

    # --- a move ------------------------------------------------------------------------------------------------------

    def move(self, people: Sequence[Person], kind: str, day: date) -> None:
        """``people`` of one commune move together; what the registers learn of it depends on luck."""
        target = None if kind == "abroad" else self.destination(people[0].node, kind)
        if kind == "abroad" or target is not None:
            self._go(people, target, kind, day)

    def move_to(self, people: Sequence[Person], node_id: str, day: date) -> None:
        """``people`` of one commune move to a certain commune, for example to a spouse."""
        origin = self._units[people[0].node]
        target = self._units[node_id]
        if origin.parent_id == target.parent_id:
            kind = "district"
        else:
            kind = "province" if self._province[origin.node_id] == self._province[node_id] else "country"
        self._go(people, target, kind, day)

    def _go(self, people: Sequence[Person], target: Unit | None, kind: str, day: date) -> None:
        rng = self._rng
        origin = people[0].node
        together = len(people) > 1
        out_group = self._office.new_group() if together else ""
        in_group = self._office.new_group() if together else ""
        household = self._office.new_household(target.node_id) if target is not None else ""
        out_missing = rng.random() < self._rates.out_missing
        in_missing = target is None or rng.random() < self._rates.in_missing
        for person in people:
            move = TrueMove(person.number, "", "", origin, target.node_id if target else "", day.isoformat(), kind)
            self._truth.moves.append(move)
            if not out_missing or rng.random() < 0.05:
                self._out(person, target, day, out_group, move)
            else:
                move.defects.append("out_missing")
            died = kind != "abroad" and rng.random() < 0.002
            if died:
                self._death_on_the_way(person, day, move)
                continue
            self._arrive(person, target, day, in_group, household, move, in_missing=in_missing)

    def _out(self, person: Person, target: Unit | None, day: date, group: str, move: TrueMove) -> None:
        if not person.ref:
            move.defects.append("unknown_at_origin")
            return
        rng, office = self._rng, self._office
        columns, defects = (None, []) if rng.random() < self._rates.out_bare else office.distorted(person)
        if columns is not None:
            columns["residence"] = ""
        place = office.place_as_written(target) if target is not None else rng.choice(ABROAD)
        if target is not None and rng.random() < self._rates.wrong_place:
            place = office.place_as_written(rng.choice(self._leaves))
            move.defects.append("wrong_place")
        written = day + timedelta(days=rng.randint(-6, 6)) if rng.random() < self._rates.days_apart else day
        event = office.report(
            person.node, "move_out", written, person.ref,
            not_before=person.known_at, columns=columns,
            household_id=person.household, group_id=group, other_place=place,
        )  # fmt: skip
        move.out_ref = f"{person.node}:{event['event_id']}"
        move.defects.extend(defects)
        if rng.random() < self._rates.doubled:
            office.report(
                person.node, "move_out", written, person.ref, not_before=event["recorded_at"], other_place=place
            )
            move.defects.append("out_doubled")
        elif rng.random() < self._rates.disputed:
            office.report(
                person.node,
                "dispute",
                day + timedelta(days=20),
                person.ref,
                not_before=event["recorded_at"],
                reason="vẫn còn ở đây",
            )
            move.defects.append("disputed")

    def _death_on_the_way(self, person: Person, day: date, move: TrueMove) -> None:
        person.status = "dead"
        move.defects.append("died_before_arrival")
        if person.ref:
            self._office.report(person.node, "death", day + timedelta(days=2), person.ref, not_before=person.known_at)

    def _arrive(
        self,
        person: Person,
        target: Unit | None,
        day: date,
        group: str,
        household: str,
        move: TrueMove,
        *,
        in_missing: bool,
    ) -> None:
        office, rng = self._office, self._rng
        origin, old_ref, old_known = person.node, person.ref, person.known_at
        if target is None:
            person.status, person.node = "abroad", ""
            return
        changed_province = self._province[origin] != self._province[target.node_id]
        person.node, person.household = target.node_id, household
        person.ref, person.known_at = "", ""
        if in_missing:
            move.defects.append("in_missing")
            return
        columns, defects = office.distorted(person, new_province=changed_province)
        move.defects.extend(f"in_{defect}" for defect in defects)
        written = day + timedelta(days=rng.randint(0, 5)) if rng.random() < self._rates.days_apart else day
        place = office.place_as_written(self._units[origin])
        person.ref = office.new_record(person, target.node_id)
        event = office.report(
            target.node_id, "move_in", written, person.ref,
            columns=columns, household_id=household, group_id=group, other_place=place,
        )  # fmt: skip
        person.known_at = event["recorded_at"]
        move.in_ref = f"{target.node_id}:{event['event_id']}"
        self._aftermath(person, target, written, columns, place, origin, old_ref, old_known, move, event["recorded_at"])

    def _aftermath(
        self, person: Person, target: Unit, day: date, columns: dict[str, str], place: str, origin: str, old_ref: str,
        old_known: str, move: TrueMove, recorded_at: str,
    ) -> None:  # fmt: skip
        """The same report again; the origin confirms; an arrival is withdrawn and written anew."""
        office, rng = self._office, self._rng
        chance = rng.random()
        if chance < self._rates.doubled:
            again = office.new_record(person, target.node_id)
            office.report(
                target.node_id, "move_in", day, again, not_before=recorded_at, columns=columns, other_place=place
            )
            move.defects.append("in_doubled")
        elif chance < self._rates.doubled + self._rates.cancelled:
            withdrawn = move.in_ref.partition(":")[2]
            cancel = office.report(target.node_id, "cancel", day, person.ref, not_before=recorded_at, reason=withdrawn)
            person.ref = office.new_record(person, target.node_id)
            event = office.report(
                target.node_id, "move_in", day, person.ref,
                not_before=cancel["recorded_at"], columns=person.columns() | {"residence": "permanent"},
                other_place=place,
            )  # fmt: skip
            person.known_at = event["recorded_at"]
            move.in_ref = f"{target.node_id}:{event['event_id']}"
            move.defects.append("in_rewritten")
        elif old_ref and rng.random() < self._rates.confirmed:
            later = max(old_known, recorded_at)
            office.report(origin, "confirm", day + timedelta(days=9), old_ref, not_before=later, reason="đã chuyển đi")

    def from_outside(self, person: Person, target: Unit, day: date) -> None:
        """Somebody comes from beyond the tree; nobody in the tree reports a departure."""
        move = TrueMove(person.number, "", "", "", target.node_id, day.isoformat(), "outside")
        self._truth.moves.append(move)
        columns, defects = self._office.distorted(person)
        move.defects.extend(f"in_{defect}" for defect in defects)
        person.node, person.household = target.node_id, self._office.new_household(target.node_id)
        person.ref = self._office.new_record(person, target.node_id)
        event = self._office.report(
            target.node_id, "move_in", day, person.ref,
            columns=columns, household_id=person.household, other_place=self._rng.choice(OUTSIDE),
        )  # fmt: skip
        person.known_at = event["recorded_at"]
        move.in_ref = f"{target.node_id}:{event['event_id']}"

    def temporary_stay(self, person: Person, target: Unit, day: date, days: int) -> None:
        """A stay that is no move: the person counts at home."""
        move = TrueMove(person.number, "", "", person.node, target.node_id, day.isoformat(), "stay")
        self._truth.moves.append(move)
        columns, defects = self._office.distorted(person)
        columns["residence"] = "temporary"
        ref = self._office.new_record(person, target.node_id)
        event = self._office.report(
            target.node_id,
            "move_in",
            day,
            ref,
            columns=columns,
            other_place=self._office.place_as_written(self._units[person.node]),
        )
        move.in_ref = f"{target.node_id}:{event['event_id']}"
        move.defects.extend(f"in_{defect}" for defect in defects)
        if self._rng.random() < 0.75:  # the others are never closed
            self._office.report(
                target.node_id, "end_temporary", day + timedelta(days=days), ref, not_before=event["recorded_at"]
            )
