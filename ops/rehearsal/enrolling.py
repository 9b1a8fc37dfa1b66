"""The identities of a rehearsal: every root is the authority of its tree and admits the nodes below it.

Keys, serial numbers and dates follow from the bundle, so that the reference data of two rehearsals are equal row for
row; such keys protect nothing but a rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.authority import Authority, found
from node import limits
from node.clock import ManualClock
from node.enrolment import OriginClaim
from node.identity.certificates import CertificateAuthority
from node.identity.folder import AuthorityFolder, Identity, IdentityFolder
from node.identity.keys import NodeKey
from node.ids import NodeId, UnitCode
from node.store import Store
from ops.rehearsal.plan import AUTHOR, Plan

_BEGIN_MS: Final = 1_577_836_800_000  # 2020-01-01: before every bundle and before today, so that TLS takes it
_LIFE_MS: Final = 200 * 366 * limits.DAY_MS
_SERIAL_BITS: Final = 100


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a node of the rehearsal is; ``authority`` only at a root."""

    identity: Identity
    authority: tuple[bytes, NodeKey] | None

    def write(self, folder: Path) -> None:
        """Put the files where the node's daemon looks for them."""
        place = IdentityFolder(folder)
        place.take_key(self.identity.key)
        place.store(self.identity.certificate, self.identity.roots_pem, self.identity.authority)
        if self.authority is not None:
            AuthorityFolder(folder).keep(*self.authority)


def enrol_tree(plan: Plan, path_of: Callable[[str], Path]) -> dict[str, Credentials]:
    """Enrol all nodes of a plan whose stores have been made."""
    clock = ManualClock(min(plan.start_ms, _BEGIN_MS))
    result: dict[str, Credentials] = {}
    for root in plan.topology.roots:
        key, signing = _key(plan, root, "key"), _key(plan, root, "authority")
        certificates = CertificateAuthority.create(f"authority of {root}", clock.wall_ms(), signing, life_ms=_LIFE_MS)
        source = plan.chance(root, "reference")
        store = Store.open(path_of(root), clock=clock, source=source)
        try:
            own = found(store, certificates, key.public, by=AUTHOR, life_ms=_LIFE_MS, serial=_serial(plan, root))
            roots = certificates.certificate
            result[root] = Credentials(Identity(NodeId(root), key, own, roots, own), (roots, signing))
            authority = Authority(store, certificates, life_ms=_LIFE_MS)
            reference = store.reference_origin()
            assert reference is not None
            for row in plan.topology.top_down():
                if root not in plan.topology.ancestors(row.node_id):
                    continue
                node_key = _key(plan, row.node_id, "key")
                child = Store.open(path_of(row.node_id), clock=clock, source=plan.chance(row.node_id, "opening"))
                try:
                    origin = child.own_origin()
                    profile = child.profiles()[origin]
                    child.trust(reference, key.public)
                finally:
                    child.close()
                certificate = authority.admit(
                    NodeId(row.node_id),
                    NodeId(row.parent_id),
                    row.tier,
                    node_key.public,
                    [OriginClaim(origin, UnitCode(profile.unit_code), profile.unit_valid_from)],
                    by=AUTHOR,
                    serial=_serial(plan, row.node_id),
                )
                identity = Identity(NodeId(row.node_id), node_key, certificate, roots, own)
                result[row.node_id] = Credentials(identity, None)
        finally:
            store.close()
    return result


def _key(plan: Plan, node_id: str, what: str) -> NodeKey:
    return NodeKey.derived(plan.chance(node_id, what))


def _serial(plan: Plan, node_id: str) -> int:
    return 1 + plan.chance(node_id, "serial").getrandbits(_SERIAL_BITS)
