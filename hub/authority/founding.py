"""Founding an authority: the root of a tree begins its reference data and certifies itself."""

from __future__ import annotations

from dataclasses import replace

from hub.authority.acts import Act, act
from node import limits
from node.identity.certificates import Certificate, CertificateAuthority
from node.ids import GENESIS_HASH, OriginId
from node.reference import ROLE_AUTHORITY, Reference
from node.store import PURPOSE_REFERENCE, Profile, Store


def found(
    store: Store,
    authority: CertificateAuthority,
    public_key: bytes,
    *,
    by: str,
    life_ms: int = limits.CERTIFICATE_LIFE_MS,
    serial: int | None = None,
) -> Certificate:
    """Make this node the authority; returns its certificate. After a crash, called again, it goes on where it
    stopped.
    """
    register = store.own_origin_of(store.node_id)  # a try before this one may have begun the reference origin too
    profile = store.profiles()[register]
    origin = _reference_origin(store, profile)
    store.trust(origin, public_key)
    now_ms = store.clock.wall_ms()
    certificate = authority.issue(
        store.node_id, ROLE_AUTHORITY, public_key, now_ms=now_ms, life_ms=life_ms, serial=serial
    )
    if Reference(store).node(store.node_id) is not None:
        return certificate_of(store, certificate, by)
    with act(store, by=by, what="found") as found_act:
        if profile.unit_code:
            found_act.insert(
                "unit",
                code=profile.unit_code,
                valid_from=profile.unit_valid_from,
                tier=profile.tier,
                name=profile.name,
            )
        found_act.insert(
            "registered_node",
            node_id=store.node_id,
            parent_node_id=profile.parent_node_id,
            tier=profile.tier,
            role=ROLE_AUTHORITY,
        )
        enrol(found_act, certificate)
        for subject in (origin, register):
            found_act.insert(
                "registered_origin",
                subject=subject,
                unit_code=profile.unit_code,
                unit_valid_from=profile.unit_valid_from,
            )
            found_act.insert("holding", subject=subject, node_id=store.node_id, from_seq=0, from_hash=GENESIS_HASH)
    return certificate


def certificate_of(store: Store, certificate: Certificate, by: str) -> Certificate:
    """Register one more certificate of the authority itself."""
    with act(store, by=by, what="renew") as renew_act:
        enrol(renew_act, certificate)
    return certificate


def enrol(under_way: Act, certificate: Certificate) -> None:
    """Register a certificate that was issued."""
    under_way.insert(
        "enrolment",
        node_id=certificate.node_id,
        serial=certificate.serial,
        public_key=certificate.public_key,
        not_before_ms=certificate.not_before_ms,
        not_after_ms=certificate.not_after_ms,
    )


def _reference_origin(store: Store, profile: Profile) -> OriginId:
    """The one that a try before this one began, or a new one."""
    for origin, known in store.profiles().items():
        if known.purpose == PURPOSE_REFERENCE and origin in store.own_origins():
            return origin
    return store.begin_origin(replace(profile, purpose=PURPOSE_REFERENCE))
