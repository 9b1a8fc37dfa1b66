"""Nodes with an identity for tests: an authority, and stores that it has admitted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from hub.authority import Authority, found
from hub.session import Peer
from node import limits
from node.clock import Clock, SystemClock
from node.enrolment import OriginClaim
from node.identity.certificates import CertificateAuthority, Role
from node.identity.folder import AuthorityFolder, Identity, IdentityFolder
from node.identity.keys import NodeKey
from node.ids import NodeId, UnitCode
from node.store import Profile, Store
from ops.config import STORE_NAME, NodeConfig, save_config


@dataclass(frozen=True, slots=True)
class Member:
    """A store and who it is."""

    folder: Path
    store: Store
    identity: Identity

    def config(self, *, parent: str = "", listen: str = "", metrics: str = "") -> NodeConfig:
        """Settings for a daemon in the member's folder, and its identity where the daemon looks for it."""
        place = IdentityFolder(self.folder)
        if not place.path.exists():
            place.take_key(self.key)
            place.store(self.identity.certificate, self.identity.roots_pem, self.identity.authority)
        config = NodeConfig(self.folder, self.identity.node_id, parent, listen, metrics, reconnect_ms_max=1_000)
        save_config(config)
        return config

    @property
    def key(self) -> NodeKey:
        return self.identity.key

    @property
    def peer(self) -> Peer:
        certificate = self.identity.certificate
        return Peer(certificate.node_id, certificate.serial, certificate.not_after_ms)


class Tree:
    """A root that is the authority, and nodes below it, each with a folder of its own below ``folder``."""

    def __init__(self, folder: Path, root: str = "hub", *, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        signing = NodeKey.generate()
        founded_ms = self.clock.wall_ms() - 400 * limits.DAY_MS  # so that certificates of the past can be issued
        self.certificates = CertificateAuthority.create("test", founded_ms, signing)
        AuthorityFolder(folder / root).keep(self.certificates.certificate, signing)
        key = NodeKey.generate()
        store = self._store(root, "")
        certificate = found(store, self.certificates, key.public, by="tester")
        roots = self.certificates.certificate
        self.root = Member(folder / root, store, Identity(NodeId(root), key, certificate, roots, certificate))
        self.authority = Authority(store, self.certificates)
        self.members: dict[str, Member] = {root: self.root}

    def _store(self, name: str, parent: str) -> Store:
        profile = Profile(NodeId(name), NodeId(parent), "commune", "21550", "2020-01-01", name)
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        path = self.folder / name / STORE_NAME
        return Store.create(path, profile, clock=self.clock, source=random.Random(name))

    def add(self, name: str, parent: str = "") -> Member:
        """A node below ``parent`` (default: the root), admitted, with an empty register."""
        parent = parent or self.root.identity.node_id
        store = self._store(name, parent)
        key = NodeKey.generate()
        claim = OriginClaim(store.own_origin(), UnitCode("21550"), "2020-01-01")
        certificate = self.authority.admit(NodeId(name), NodeId(parent), "commune", key.public, [claim], by="tester")
        reference = self.root.store.reference_origin()
        assert reference is not None
        store.trust(reference, self.root.key.public)
        identity = Identity(
            NodeId(name), key, certificate, self.certificates.certificate, self.root.identity.certificate
        )
        member = self.members[name] = Member(self.folder / name, store, identity)
        return member

    def certify(
        self,
        name: str,
        *,
        role: Role = "node",
        certificates: CertificateAuthority | None = None,
        begins_ms: int | None = None,
        life_ms: int = 100 * limits.DAY_MS,
    ) -> Identity:
        """A certificate of that name that the authority's register does not know."""
        issuer = certificates or self.certificates
        key = NodeKey.generate()
        at = self.clock.wall_ms() if begins_ms is None else begins_ms
        certificate = issuer.issue(NodeId(name), role, key.public, now_ms=at, life_ms=life_ms)
        roots = self.certificates.certificate
        return Identity(NodeId(name), key, certificate, roots, self.root.identity.certificate)

    def close(self) -> None:
        for member in self.members.values():
            member.store.close()
