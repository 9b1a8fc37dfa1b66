"""What is said when a node asks for a certificate, as our own types; ``node.enrolment_wire`` turns them into frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from node.ids import OriginId, UnitCode

State = Literal["issued", "pending", "refused"]


@dataclass(frozen=True, slots=True)
class OriginClaim:
    """A partition that a joining node has begun."""

    origin: OriginId
    unit_code: UnitCode
    unit_valid_from: str


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """``invitation``: its certificate (DER); ``request``: PKCS #10 (DER); ``proof``: the invitation's key on it."""

    invitation: bytes
    request: bytes
    proof: bytes
    origins: tuple[OriginClaim, ...]
    release: str


@dataclass(frozen=True, slots=True)
class RenewRequest:
    request: bytes


@dataclass(frozen=True, slots=True)
class EnrolAnswer:
    """``certificate`` and ``authority`` are DER, ``roots`` is PEM; all are empty unless the state is ``issued``."""

    state: State
    code: str
    detail: str
    certificate: bytes = b""
    roots: bytes = b""
    authority: bytes = b""
    reference_origin: bytes = b""
