"""Nodes that meet by stick in tests: packing and taking files of members of a tree."""

from __future__ import annotations

from pathlib import Path

from hub.courier import CargoTaken, pack_receipt, take_cargo
from node import limits
from node.courier.cargo import pack_cargo
from node.courier.delivery import Delivered, take_delivery
from node.courier.packing import Packed, Sender
from node.courier.parcel import Parcel
from node.ids import NodeId, OriginId
from node.reference import Reference
from tests.identities import Member


def sender(member: Member) -> Sender:
    return Sender(member.store, Reference(member.store), member.identity, "test")


def cargo(
    child: Member, stick: Path, *, bytes_max: int = limits.COURIER_FILE_BYTES, everything: bool = False
) -> Packed:
    return pack_cargo(sender(child), stick, bytes_max=bytes_max, everything=everything)


def take(parent: Member, path: Path) -> CargoTaken:
    return take_cargo(sender(parent), Parcel.open(path, parent.identity))


def receipt(parent: Member, child: Member, stick: Path, *taken: CargoTaken) -> Packed:
    return pack_receipt(sender(parent), NodeId(child.identity.node_id), stick, cargo=taken)


def deliver(child: Member, packed: Packed) -> list[Delivered]:
    return [take_delivery(sender(child), Parcel.open(path, child.identity)) for path in packed.files]


def trip(child: Member, parent: Member, stick: Path) -> list[CargoTaken]:
    """Up with a cargo, back with the receipt."""
    taken = [take(parent, path) for path in cargo(child, stick).files]
    deliver(child, receipt(parent, child, stick, *taken))
    return taken


def same(one: Member, other: Member, origin: OriginId) -> bool:
    """Both have the origin, with equal rows."""
    return one.store.head(origin) == other.store.head(origin) and one.store.digest(origin) == other.store.digest(origin)
