"""Sessions between two members in one process: the product's endpoints, and a link that hands frames over when told."""

from __future__ import annotations

import random
from collections.abc import Callable

from hub.session import Hub, ParentEndpoint
from node.session import ChildEndpoint
from tests.identities import Member


class Parent:
    """A member as a hub."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.hub = Hub(member.store, member.key, random.Random(0), "test")

    def meet(self, child: Member, *, follow: bool = False) -> Session:
        return Session(self, child, follow=follow)


class Session:
    """One session; ``run`` carries frames until nobody has anything to say."""

    def __init__(self, parent: Parent, child: Member, *, follow: bool) -> None:
        self.parent = parent
        name = parent.member.identity.node_id
        self.child_end = ChildEndpoint(child.store, key=child.key, follow=follow, release="test", parent=name)
        self.parent_end = ParentEndpoint(parent.hub, child.peer)
        self.seen: list[object] = []

    def start(self) -> Session:
        self.child_end.start()
        return self

    def run(self, *, spoil: Callable[[bytes], bytes] = lambda frame: frame) -> Session:
        """``spoil`` may change what goes up, as somebody in between would."""
        while True:
            if self.child_end.outbox:
                message = self.child_end.outbox.popleft()
                self.seen.append(message)
                self.parent_end.receive_frame(spoil(self.child_end.encode(message)))
            elif self.parent_end.outbox:
                message = self.parent_end.outbox.popleft()
                self.seen.append(message)
                self.child_end.receive_frame(self.parent_end.encode(message))
            elif self.parent.hub.queued:
                self.parent.hub.apply_group()
            else:
                return self

    def end(self) -> str:
        """How the child's side ended; '' while it is open."""
        return self.child_end.closed.code if self.child_end.closed else ""


def drain(child: Member, parent: Parent) -> str:
    """One whole session; returns how it ended."""
    session = parent.meet(child).start().run()
    if session.child_end.closed is None:
        session.child_end.link_lost()
    session.parent_end.link_lost()
    return session.end()
