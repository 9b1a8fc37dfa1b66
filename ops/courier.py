"""Taking what lies on a stick: files of children and of the parent, in their order, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hub.courier import CargoTaken, take_cargo
from node.courier.delivery import Delivered, take_delivery
from node.courier.packing import SUFFIX, Sender
from node.courier.parcel import Parcel
from node.errors import CourierRefused, DansyncError, UsageError
from node.ids import NodeId

FOR_ANOTHER: Final = "wrong_recipient"


@dataclass(frozen=True, slots=True)
class Found:
    """A file to take. ``named``: somebody gave its name; else it lay in a folder, among files for others."""

    path: Path
    named: bool


def found_at(path: Path) -> list[Found]:
    """The files behind one argument. Raises ``UsageError``."""
    if not path.is_dir():
        return [Found(path, named=True)]
    files = sorted(path.glob(f"*{SUFFIX}"))
    if not files:
        raise UsageError(
            f"The folder {path} has no files of dansync courier.", hint="Give the folder where they are, or the files."
        )
    return [Found(item, named=False) for item in files]


@dataclass(slots=True)
class Import:
    """What one call has taken, and what it could not take."""

    here: Sender
    cargo: dict[NodeId, list[tuple[Parcel, CargoTaken]]] = field(default_factory=dict)
    deliveries: list[tuple[Parcel, Delivered]] = field(default_factory=list)
    failures: list[tuple[Path, DansyncError]] = field(default_factory=list)

    def take(self, files: Sequence[Found]) -> None:
        """All files, the parent's first, because it may say who the children are; then in the order in which they were
        packed. One that is refused does not hold up the others.
        """
        parcels: list[Parcel] = []
        for file in files:
            try:
                parcels.append(Parcel.open(file.path, self.here.identity))
            except DansyncError as error:
                if file.named or getattr(error, "code", "") != FOR_ANOTHER:
                    self.failures.append((file.path, error))
        for parcel in sorted(parcels, key=lambda parcel: (parcel.manifest.direction == "up", parcel.order)):
            try:
                if parcel.manifest.direction == "up":
                    taken = take_cargo(self.here, parcel)
                    self.cargo.setdefault(taken.child, []).append((parcel, taken))
                else:
                    self.deliveries.append((parcel, take_delivery(self.here, parcel)))
            except CourierRefused as error:
                self.failures.append((parcel.path, error))

    @property
    def refused(self) -> bool:
        """Whether something in files that were taken was not taken."""
        cargo = (item for files in self.cargo.values() for _parcel, taken in files for item in taken.origins)
        return any(item.code for item in cargo) or any(delivered.notes for _parcel, delivered in self.deliveries)
