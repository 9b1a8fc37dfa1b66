"""What an authority decides: invitations, enrolments, revocations, holdings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hub.authority.acts import Act, act
from hub.authority.founding import enrol as register_certificate
from node import limits, takeover
from node.enrolment import OriginClaim
from node.errors import IdentityError, UsageError
from node.holding import Holding
from node.identity.certificates import Certificate, CertificateAuthority, chains, check_request
from node.identity.invitation import Invitation
from node.identity.keys import NodeKey, verifies
from node.identity.statements import join_statement
from node.ids import GENESIS_HASH, NodeId, OriginId, id_text
from node.reference import DISSOLVED, REVOKED, SUPERSEDED, IssuedInvitation, Reference, RegisteredNode
from node.store import Store

_NAMES_SHOWN: Final = 5
OPEN, USED, WITHDRAWN = "open", "used", "withdrawn"
PENDING, APPROVED, REJECTED = "pending", "approved", "rejected"


@dataclass(frozen=True, slots=True)
class Answer:
    """To a node that asked for a certificate."""

    state: Literal["issued", "pending", "refused"]
    code: str = ""
    detail: str = ""
    certificate: Certificate | None = None


def _refused(code: str, detail: str) -> Answer:
    return Answer("refused", code, detail)


class Authority:
    """The authority's acts on one store. ``by`` names who acts."""

    def __init__(
        self, store: Store, certificates: CertificateAuthority, *, life_ms: int = limits.CERTIFICATE_LIFE_MS
    ) -> None:
        self.store = store
        self.certificates = certificates
        self.reference = Reference(store)
        self._life_ms = life_ms

    # --- inviting --------------------------------------------------------------------------------------------------

    def invite(
        self,
        node_id: NodeId,
        parent_node_id: NodeId,
        tier: str,
        *,
        by: str,
        needs_approval: bool = False,
        life_ms: int = limits.INVITATION_LIFE_MS,
        reopen: bool = False,
        key: NodeKey | None = None,
    ) -> Invitation:
        """A one-time token for a node, new or known. Older open ones of the node are withdrawn.

        A node that was revoked and is let in again holds its registers anew, from the last commit that is known here:
        what it had signed before with a key that counts no more is vouched for so, up to there and no further.

        Raises ``UsageError`` if the parent is unknown, or the node was revoked and is not to be let in again.
        """
        self._require_parent(parent_node_id)
        known = self.reference.node(node_id)
        if known is not None and known.state and not reopen:
            raise UsageError(
                f"Node {node_id} was {known.state} ({known.reason or 'no reason was given'}).",
                hint="If it is to be let in again, add: --reopen",
            )
        if self._reaches(parent_node_id, node_id):
            raise UsageError(
                f"Node {parent_node_id} lies below {node_id}.", hint="Name a parent that is nearer to the root."
            )
        now_ms = self.store.clock.wall_ms()
        key = key or NodeKey.generate()
        certificate = self.certificates.issue(node_id, "invited", key.public, now_ms=now_ms, life_ms=life_ms)
        with act(self.store, by=by, what="reopen" if reopen else "invite") as under_way:
            if known is None:
                under_way.insert(
                    "registered_node", node_id=node_id, parent_node_id=parent_node_id, tier=tier, role="node"
                )
            else:
                under_way.update(
                    "registered_node", known.row_id, **_below(known, parent_node_id), tier=tier, state="", reason=""
                )
                if known.state == REVOKED:
                    for held in self.reference.current_holdings():
                        if held.node_id == node_id:
                            self._insert_holding(under_way, held.subject, node_id)
            self._withdraw(under_way, node_id)
            under_way.insert(
                "invitation",
                node_id=node_id,
                serial=certificate.serial,
                public_key=key.public,
                not_after_ms=certificate.not_after_ms,
                needs_approval=int(needs_approval),
                state=OPEN,
            )
        return Invitation(node_id, parent_node_id, self.certificates.certificate, certificate, key)

    def withdraw(self, node_id: NodeId, *, by: str) -> int:
        """Make open invitations of a node worthless; returns how many there were."""
        if not any(item.node_id == node_id and item.state == OPEN for item in self.reference.invitations()):
            return 0
        with act(self.store, by=by, what="withdraw") as under_way:
            return self._withdraw(under_way, node_id)

    def _withdraw(self, under_way: Act, node_id: NodeId) -> int:
        open_ones = [item for item in self.reference.invitations() if item.node_id == node_id and item.state == OPEN]
        for item in open_ones:
            under_way.update("invitation", item.row_id, state=WITHDRAWN)
        return len(open_ones)

    # --- enrolling -------------------------------------------------------------------------------------------------

    def enrol(self, invitation: Certificate, request: bytes, proof: bytes, origins: Sequence[OriginClaim]) -> Answer:
        """An invited node asks for its certificate. The invitation is burnt in the transaction that issues; the same
        key may ask again, because the answer may have been lost.
        """
        try:
            node_id, public_key = check_request(request)
        except IdentityError as error:
            return _refused("malformed", error.message)
        with act(self.store, by=f"node {node_id}", what="enrol") as under_way:
            return self._enrol(under_way, invitation, node_id, public_key, request, proof, origins)

    def _enrol(
        self,
        under_way: Act,
        invitation: Certificate,
        node_id: NodeId,
        public_key: bytes,
        request: bytes,
        proof: bytes,
        origins: Sequence[OriginClaim],
    ) -> Answer:
        issued = next((item for item in self.reference.invitations() if item.serial == invitation.serial), None)
        objection = self._invitation_objection(invitation, issued, node_id)
        if objection is not None:
            return objection
        assert issued is not None
        if not verifies(issued.public_key, join_statement(request), proof):
            return _refused("wrong_signature", "the request is not signed with the key of the invitation")
        if issued.state == USED:
            return self._once_more(under_way, node_id, public_key)
        held = self._held_by_others(node_id, origins)
        if held:
            return _refused("held", f"the origin {id_text(held[0].origin)} is held by another node; hand it over first")
        if issued.needs_approval:
            waiting = self._approval(under_way, issued, node_id, public_key)
            if waiting is not None:
                return waiting
        under_way.update("invitation", issued.row_id, state=USED)
        self._register_origins(under_way, node_id, origins)
        self._supersede(under_way, node_id, public_key)
        return self._certify(under_way, node_id, public_key)

    def _supersede(self, under_way: Act, node_id: NodeId, public_key: bytes) -> None:
        """A node is one machine: certificates for other keys let nobody in any more. What was signed with these keys
        stays good, because it has to be passed on; a key that may be in wrong hands is revoked.
        """
        for item in self.reference.enrolments():
            if item.node_id == node_id and not item.state and item.public_key != public_key:
                under_way.update("enrolment", item.row_id, state=SUPERSEDED, reason="another machine has enrolled")

    def _invitation_objection(
        self, invitation: Certificate, issued: IssuedInvitation | None, node_id: NodeId
    ) -> Answer | None:
        if invitation.role != "invited" or not chains(invitation, self.certificates.certificate) or issued is None:
            return _refused("unknown", "this invitation was not issued here")
        if issued.node_id != node_id or invitation.node_id != node_id:
            return _refused("identity", f"the invitation is for node {issued.node_id}, the request for {node_id}")
        if issued.state == WITHDRAWN:
            return _refused("withdrawn", "this invitation was withdrawn; ask for a new one")
        if issued.state == OPEN and self.store.clock.wall_ms() >= issued.not_after_ms:
            return _refused("expired", "this invitation has expired; ask for a new one")
        node = self.reference.node(node_id)
        if node is None or node.state == REVOKED:
            return _refused("revoked", f"node {node_id} was revoked")
        return None

    def _once_more(self, under_way: Act, node_id: NodeId, public_key: bytes) -> Answer:
        """An invitation that was used: whoever used it may have its answer again, nobody else."""
        if public_key not in self.reference.public_keys(node_id):
            return _refused("used", "this invitation was used already, with another key; ask for a new one")
        return self._too_many(node_id) or self._certify(under_way, node_id, public_key)

    def _too_many(self, node_id: NodeId) -> Answer | None:
        """Every certificate is a commit that goes to every node: nobody gets them by the thousand."""
        since_ms = self.store.clock.wall_ms() - limits.CERTIFICATE_BACKDATE_MS - limits.DAY_MS
        recent = [
            item for item in self.reference.enrolments() if item.node_id == node_id and item.not_before_ms > since_ms
        ]
        if len(recent) < limits.CERTIFICATES_PER_DAY_MAX:
            return None
        return _refused("too_many", f"node {node_id} got {len(recent)} certificates within a day; try again tomorrow")

    def _approval(self, under_way: Act, issued: IssuedInvitation, node_id: NodeId, public_key: bytes) -> Answer | None:
        """None when a person has agreed."""
        asked = next((item for item in self.reference.requests() if item.invitation_serial == issued.serial), None)
        if asked is None:
            under_way.insert(
                "enrolment_request",
                node_id=node_id,
                invitation_serial=issued.serial,
                public_key=public_key,
                state=PENDING,
            )
            return Answer("pending", "pending", "the authority has been asked; a person decides")
        if asked.public_key != public_key:
            return _refused("used", "this invitation was used already, with another key; ask for a new one")
        if asked.state == PENDING:
            return Answer("pending", "pending", "the authority has been asked; a person decides")
        if asked.state == REJECTED:
            return _refused("rejected", asked.reason or "the authority has said no")
        return None

    def _held_by_others(self, node_id: NodeId, origins: Sequence[OriginClaim]) -> list[OriginClaim]:
        found = []
        for claim in origins:
            holder = self.reference.holder(claim.origin)
            was = {item.node_id for item in self.reference.holdings(claim.origin)}
            if holder is not None and node_id not in was:
                found.append(claim)
        return found

    def _register_origins(self, under_way: Act, node_id: NodeId, origins: Sequence[OriginClaim]) -> None:
        """Origins that nobody has heard of belong to the node that began them."""
        units = {(item.code, item.valid_from) for item in self.reference.units()}
        node = self.reference.node(node_id)
        for claim in origins:
            if self.reference.holder(claim.origin) is not None:
                continue
            if claim.unit_code and (claim.unit_code, claim.unit_valid_from) not in units:
                under_way.insert(
                    "unit",
                    code=claim.unit_code,
                    valid_from=claim.unit_valid_from,
                    tier=node.tier if node else "",
                    name=node_id,
                )
                units.add((claim.unit_code, claim.unit_valid_from))
            under_way.insert(
                "registered_origin",
                subject=claim.origin,
                unit_code=claim.unit_code,
                unit_valid_from=claim.unit_valid_from,
            )
            under_way.insert("holding", subject=claim.origin, node_id=node_id, from_seq=0, from_hash=GENESIS_HASH)

    def renew(self, request: bytes) -> Answer:
        """A node with a certificate asks for a newer one, for a key that it has."""
        try:
            node_id, public_key = check_request(request)
        except IdentityError as error:
            return _refused("malformed", error.message)
        with act(self.store, by=f"node {node_id}", what="renew") as under_way:
            node = self.reference.node(node_id)
            if node is None:
                return _refused("not_enrolled", f"node {node_id} is not known here")
            if node.state == REVOKED:
                return _refused("revoked", f"node {node_id} was revoked")
            if public_key not in self.reference.public_keys(node_id):
                return _refused("wrong_key", "a renewal keeps the key; with another key the node is enrolled anew")
            return self._too_many(node_id) or self._certify(under_way, node_id, public_key)

    def _certify(self, under_way: Act, node_id: NodeId, public_key: bytes) -> Answer:
        now_ms = self.store.clock.wall_ms()
        certificate = self.certificates.issue(node_id, "node", public_key, now_ms=now_ms, life_ms=self._life_ms)
        register_certificate(under_way, certificate)
        return Answer("issued", certificate=certificate)

    def admit(
        self,
        node_id: NodeId,
        parent_node_id: NodeId,
        tier: str,
        public_key: bytes,
        origins: Sequence[OriginClaim],
        *,
        by: str,
        serial: int | None = None,
    ) -> Certificate:
        """Register and certify a node whose key is at hand, without an invitation: trees that are set up in one go."""
        self._require_node(parent_node_id)
        now_ms = self.store.clock.wall_ms()
        certificate = self.certificates.issue(
            node_id, "node", public_key, now_ms=now_ms, life_ms=self._life_ms, serial=serial
        )
        with act(self.store, by=by, what="admit") as under_way:
            under_way.insert("registered_node", node_id=node_id, parent_node_id=parent_node_id, tier=tier, role="node")
            register_certificate(under_way, certificate)
            self._register_origins(under_way, node_id, origins)
        return certificate

    # --- ruling ----------------------------------------------------------------------------------------------------

    def approve(self, node_id: NodeId, *, by: str) -> None:
        """Let a node in that waits. Raises ``UsageError`` if it does not wait."""
        self._rule(node_id, APPROVED, "", by)

    def reject(self, node_id: NodeId, *, by: str, reason: str) -> None:
        """Do not let a node in that waits. Raises ``UsageError`` if it does not wait."""
        self._rule(node_id, REJECTED, reason, by)

    def _rule(self, node_id: NodeId, state: str, reason: str, by: str) -> None:
        waiting = [item for item in self.reference.requests() if item.node_id == node_id and item.state == PENDING]
        if not waiting:
            raise UsageError(
                f"Node {node_id} does not wait for an answer.", hint="See who does with: dansync node list --waiting"
            )
        with act(self.store, by=by, what=state) as under_way:
            for item in waiting:
                under_way.update("enrolment_request", item.row_id, state=state, reason=reason)

    def revoke(self, node_id: NodeId, *, by: str, reason: str) -> None:
        """Let a node in no more, from now on: its certificates, its signatures and its open invitations count nothing.

        Its origins keep their place; hand them over to the machine that takes its work.
        """
        node = self._require_node(node_id, revoked=True)
        if node_id == self.store.node_id:
            raise UsageError("The authority cannot revoke itself.", hint="Found a new tree instead.")
        if node.state == REVOKED:
            raise UsageError(f"Node {node_id} is revoked already.", hint="There is nothing to do.")
        with act(self.store, by=by, what="revoke") as under_way:
            under_way.update("registered_node", node.row_id, state=REVOKED, reason=reason)
            for item in self.reference.enrolments():
                if item.node_id == node_id and item.state != REVOKED:
                    under_way.update("enrolment", item.row_id, state=REVOKED, reason=reason)
            self._withdraw(under_way, node_id)

    def move(self, node_id: NodeId, parent_node_id: NodeId, *, by: str, address: str = "") -> None:
        """The node belongs below another parent from now on, which listens at ``address`` ('': not said; the node is
        told at its own machine, or knows it). Naming the parent that it has changes the address.

        Raises ``UsageError`` if one of the two is not known or was revoked, the parent was dissolved or lies below the
        node, or nothing would change.
        """
        node = self._require_node(node_id)
        self._require_parent(parent_node_id)
        if self._reaches(parent_node_id, node_id):
            raise UsageError(
                f"Node {parent_node_id} lies below {node_id}.", hint="Name a parent that is nearer to the root."
            )
        if (node.parent_node_id, node.parent_address) == (parent_node_id, address):
            raise UsageError(f"Node {node_id} belongs below {parent_node_id} already.", hint="There is nothing to do.")
        with act(self.store, by=by, what="move") as under_way:
            below = {**_below(node, parent_node_id), "parent_address": address}
            under_way.update("registered_node", node.row_id, **below)

    def dissolve(self, node_id: NodeId, *, by: str, reason: str = "", retire: bool = False) -> tuple[Holding, ...]:
        """Nobody belongs below the node any more. What it has written itself goes on at its parent, or ends with
        ``retire``; it keeps its certificate, so that it can send what it still has. Done again, it goes on.

        Raises ``UsageError`` if it is not known, was revoked, is the authority, or has children.
        """
        node = self._require_node(node_id)
        if node_id == self.store.node_id:
            raise UsageError("The authority cannot be dissolved.", hint="Found a new tree instead.")
        children = self.reference.children_of(node_id)
        if children:
            names = ", ".join(child.node_id for child in children[:_NAMES_SHOWN])
            raise UsageError(
                f"{len(children)} nodes still belong below {node_id}: {names}.",
                hint=f"Give each a new parent first: dansync node move FOLDER NODE --to {node.parent_node_id}",
            )
        held = [item.subject for item in self.reference.current_holdings() if item.node_id == node_id]
        heir = NodeId("") if retire else node.parent_node_id
        if node.state != DISSOLVED:
            with act(self.store, by=by, what="dissolve") as under_way:
                under_way.update("registered_node", node.row_id, state=DISSOLVED, reason=reason)
        return tuple(self._hold(subject, heir, by, "retire" if retire else "hand over") for subject in held)

    def hand_over(self, subject: OriginId, node_id: NodeId, *, by: str) -> Holding:
        """From the last commit that is known here, ``node_id`` writes the origin.

        Raises ``UsageError`` if it does already, is not enrolled, or the origin is not known or was retired.
        """
        holder = self._require_origin(subject)
        self._require_node(node_id)
        if holder.node_id == node_id:
            raise UsageError(f"Node {node_id} holds this origin already.", hint="There is nothing to do.")
        if not self.reference.public_keys(node_id):
            raise UsageError(
                f"Node {node_id} has no certificate yet.",
                hint="Let it enrol first: dansync node invite, dansync enroll",
            )
        return self._hold(subject, node_id, by, "hand over")

    def retire(self, subject: OriginId, *, by: str) -> Holding:
        """Nobody writes the origin any more; what is there stays. Raises ``UsageError``."""
        self._require_origin(subject)
        return self._hold(subject, NodeId(""), by, "retire")

    def _hold(self, subject: OriginId, node_id: NodeId, by: str, what: str) -> Holding:
        with act(self.store, by=by, what=what) as under_way:
            self._insert_holding(under_way, subject, node_id)
            if not node_id:
                for item in self.reference.origins():
                    if item.subject == subject:
                        under_way.update("registered_origin", item.row_id, state="retired")
        holding = self.reference.holder(subject)
        assert holding is not None
        if node_id == self.store.node_id:  # a root has no session in which it would hear of it
            takeover.prepare(self.store, self.reference)
        return holding

    def _insert_holding(self, under_way: Act, subject: OriginId, node_id: NodeId) -> None:
        head = self.store.head(subject)
        number = len(self.reference.holdings(subject))
        under_way.insert(
            "holding", subject=subject, number=number, node_id=node_id, from_seq=head.seq, from_hash=head.hash
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    def _require_node(self, node_id: NodeId, *, revoked: bool = False) -> RegisteredNode:
        node = self.reference.node(node_id)
        if node is None:
            raise UsageError(f"Node {node_id} is not known here.", hint="See the nodes with: dansync node list")
        if node.state == REVOKED and not revoked:
            raise UsageError(f"Node {node_id} was revoked.", hint="Let it in again with: dansync node invite --reopen")
        return node

    def _require_parent(self, node_id: NodeId) -> None:
        node = self._require_node(node_id)
        if node.state == DISSOLVED:
            raise UsageError(
                f"Node {node_id} was dissolved: nobody can belong below it.",
                hint="Name another parent; see the nodes with: dansync node list",
            )

    def _require_origin(self, subject: OriginId) -> Holding:
        holder = self.reference.holder(subject)
        if holder is None or subject == self.store.reference_origin():
            raise UsageError(
                f"The origin {id_text(subject)} is not one that can be handed over.",
                hint="See the origins with: dansync origin list",
            )
        if not holder.node_id:
            raise UsageError(f"The origin {id_text(subject)} was retired.", hint="There is nothing more to do.")
        return holder

    def _reaches(self, node_id: NodeId, above: NodeId) -> bool:
        """Whether ``above`` is the node itself or lies on its way to the root."""
        return node_id == above or self.reference.next_hop(above, node_id) is not None


def _below(node: RegisteredNode, parent_node_id: NodeId) -> dict[str, str]:
    """The columns that say whose child a node is, with another parent. A parent's address is not that of the next."""
    if node.parent_node_id == parent_node_id:
        return {"parent_node_id": parent_node_id}
    left = (parent_node_id, node.parent_node_id, "")
    former = [name for name in node.former_parents.split() if name not in left]
    kept = [*former, *([node.parent_node_id] if node.parent_node_id else [])][-limits.FORMER_PARENTS_MAX :]
    return {"parent_node_id": parent_node_id, "parent_address": "", "former_parents": " ".join(kept)}
