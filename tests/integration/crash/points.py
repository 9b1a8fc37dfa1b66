"""The table of points at which a process is killed: what is under way, who dies, and where.

To add one: name the function, and a workload in which it is called (``workloads``). A name that is not there any more,
and a point that is never reached, fail with what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.integration.crash.fuse import Fuse, When
from tests.integration.crash.workloads import COMMAND


@dataclass(frozen=True, slots=True)
class Point:
    """``node`` dies, or the command line; ``second``: it dies there once more while it comes back."""

    name: str
    workload: str
    node: str
    fuse: Fuse
    second: Fuse | None = None

    @property
    def side(self) -> str:
        """Which end of a link, or whether it is no end at all."""
        return {COMMAND: "command line", "root": "root", "d": "parent and child"}.get(self.node, "child")


COMMIT = "node.database:Database.transaction"
CHILD = "node.session:ChildEndpoint"
PARENT = "hub.session:ParentEndpoint"
GROUP = "hub.session:Hub.apply_group"
MAIN = "tests.integration.crash.disk:MainFile"
LOG = "tests.integration.crash.disk:LogFile"
TO_PARENT = "node.session:encode_request"
TO_CHILD = "hub.session:encode_response"


class _Table:
    """Collects points of one workload and one process."""

    def __init__(self) -> None:
        self.points: list[Point] = []

    def add(
        self,
        workload: str,
        node: str,
        name: str,
        when: When,
        where: str,
        *,
        call: int = 1,
        within: str = "",
        about: str = "",
        second: Fuse | None = None,
    ) -> None:
        title = f"{workload}: {name}" + ("" if node == COMMAND else f" ({node})")
        self.points.append(Point(title, workload, node, Fuse(where, when, call, within, about), second))


def _recording(table: _Table) -> None:
    def add(name: str, when: When, where: str, *, call: int = 1, within: str = "") -> None:
        table.add("record", COMMAND, name, when, where, call=call, within=within)

    capture = "node.store:Store.capture"
    add("before any row", "before", "node.register.recorder:Recorder.write")
    add("rows, but no commit", "after", "node.register.recorder:Recorder.write")
    add("the commit in the log, but the head not moved", "before", "node.changelog:advance_head", within=capture)
    add("before COMMIT", "leaving", COMMIT, within=capture)
    add("the log file written, not synced", "before", f"{LOG}.xSync", within=COMMIT)
    add("the log file half written", "after", f"{LOG}.xWrite", call=3, within=COMMIT)
    add("after COMMIT, before the witness", "before", "node.store:Store._witness")
    add("the witness written, not synced", "before", "os:fsync", within="node.witness:DiskWitnessFile.write")
    add("after the witness", "after", "node.witness:Witness.record")
    add("before the store is closed", "before", "node.store:Store.close")
    add("a checkpoint, half of the pages", "after", f"{MAIN}.xWrite", call=2)
    add("a checkpoint, written and not synced", "before", f"{MAIN}.xSync")
    add("a checkpoint, the log file not removed yet", "before", "tests.integration.crash.disk:WatchedDisk.xDelete")


def _importing(table: _Table) -> None:
    def add(name: str, when: When, where: str, *, call: int = 1, within: str = "", second: Fuse | None = None) -> None:
        table.add("import", COMMAND, name, when, where, call=call, within=within, second=second)

    one = "node.register.importing:NodeImport._commit"
    add("before the first commit", "leaving", COMMIT, within=one)
    add("between two commits", "after", one)
    add("after a commit, before its witness", "before", "node.store:Store._witness", call=2)
    add("killed in the second try too", "after", one, second=Fuse(one, "after", 2))
    add("all recorded, nothing said", "before", "node.interchange.writing:write_csv")
    add("rejected.csv written beside", "before", "pathlib:Path.replace", within="node.interchange.writing:write_csv")
    add("rejected.csv in its place", "after", "node.interchange.writing:write_csv")


def _climbing_child(table: _Table) -> None:
    """A commune that sends two commits up."""

    def add(
        name: str,
        when: When,
        where: str,
        *,
        call: int = 1,
        within: str = "",
        about: str = "",
        second: Fuse | None = None,
    ) -> None:
        table.add("climb", "c", name, when, where, call=call, within=within, about=about, second=second)

    keep = f"{CHILD}._keep_acknowledged"
    add("before the store is opened", "before", "node.store:Store.open")
    add("the witness compared", "after", "node.store:Store._meet_witness")
    add("ready", "after", "ops.cli.node:_announce")
    add("before Hello", "before", f"{CHILD}.start")
    add("Hello made, not sent", "before", "node.transport:CallStream.write")
    add("Hello sent", "after", "node.transport:CallStream.write")
    add("welcomed", "before", f"{CHILD}.receive", about="Welcome")
    add("the parent's heads are here", "before", f"{CHILD}.receive", about="Heads")
    add("a batch loaded", "after", f"{CHILD}._load")
    add("a batch sent", "after", "node.transport:CallStream.write", call=3)
    add("an acknowledgement received", "before", f"{CHILD}.receive", about="Acknowledge")
    add("an acknowledgement being kept", "leaving", COMMIT, within=keep)
    add("an acknowledgement kept", "after", COMMIT, within=keep)
    add("before Drained", "before", TO_PARENT, about="Drained")
    add("a ticket received", "before", f"{CHILD}.receive", about="Ticket")
    add("a ticket being kept", "after", "node.tickets:keep")
    add("a ticket kept, not said", "before", TO_PARENT, about="TicketStored")
    add(
        "dead once more while it opens",
        "after",
        f"{CHILD}._load",
        second=Fuse("node.store:Store._meet_witness", "after"),
    )


def _climbing_parent(table: _Table) -> None:
    """A district that takes them, and relays them."""

    def add(
        name: str,
        when: When,
        where: str,
        *,
        node: str = "d",
        call: int = 1,
        within: str = "",
        about: str = "",
        second: Fuse | None = None,
    ) -> None:
        table.add("climb", node, name, when, where, call=call, within=within, about=about, second=second)

    add("a stream opened", "before", "hub.server:HubServer._sync")
    add("Hello received", "before", f"{PARENT}.receive", about="Hello")
    add("looked up", "after", f"{PARENT}._look_up")
    add("before Welcome", "before", TO_CHILD, about="Welcome")
    add("a batch received", "before", f"{PARENT}.receive", about="BatchFrame")
    add("a batch in the queue", "after", "hub.session:Hub.enqueue")
    add("commits stored, nothing applied", "before", "node.applier:_Group.finish", within=GROUP)
    add("applied, before COMMIT", "after", "node.applier:_Group.finish", within=GROUP)
    add("the log file written, not synced", "before", f"{LOG}.xSync", within=GROUP)
    add("after COMMIT, before the answer", "after", "node.applier:GroupApplier.apply", within=GROUP)
    add("a receipt signed, not sent", "before", TO_CHILD, about="Acknowledge")
    add("Drained received", "before", f"{PARENT}.receive", about="Drained")
    add("a ticket being minted", "leaving", COMMIT, within=f"{PARENT}._mint")
    add("a ticket minted, not sent", "before", TO_CHILD, about="Ticket")
    add("the child has its ticket", "before", f"{PARENT}.receive", about="TicketStored")
    add("a ticket being confirmed", "after", "node.tickets:confirm")
    add("a batch to relay loaded", "after", f"{CHILD}._load")
    add("acknowledged from above", "before", f"{CHILD}.receive", about="Acknowledge")
    add(
        "dead once more while it opens",
        "after",
        "node.applier:GroupApplier.apply",
        within=GROUP,
        second=Fuse("node.store:Store.retry_quarantined", "before"),
    )
    add("applied, before COMMIT", "after", "node.applier:_Group.finish", within=GROUP, node="root")
    add("after COMMIT, before the answer", "after", "node.applier:GroupApplier.apply", within=GROUP, node="root")
    add("a receipt signed, not sent", "before", TO_CHILD, about="Acknowledge", node="root")


def _news(table: _Table) -> None:
    """Reference data come down."""

    def add(
        name: str, when: When, where: str, *, node: str = "d", call: int = 1, within: str = "", about: str = ""
    ) -> None:
        table.add("news", node, name, when, where, call=call, within=within, about=about)

    down = f"{CHILD}._take_down"
    add("asked for", "before", f"{PARENT}._offer", node="root")
    add("loaded, not sent", "before", TO_CHILD, about="BatchFrame", node="root")
    add("said to be taken", "before", f"{PARENT}.receive", about="Taken", node="root")
    add("received", "before", f"{CHILD}.receive", about="BatchFrame")
    add("before COMMIT", "leaving", COMMIT, within=down)
    add("after COMMIT", "after", "node.applier:GroupApplier.apply", within=down)
    add("taken, not said", "before", TO_PARENT, about="Taken")
    add("asked for by a commune", "before", f"{PARENT}._offer")
    add("before COMMIT", "leaving", COMMIT, within=down, node="c")
    add("taken, not said", "before", TO_PARENT, about="Taken", node="c")


def _healing(table: _Table) -> None:
    """A store that comes from an older copy, with and without work of its own."""
    restored = "restored"
    table.add(restored, "c", "the ticket is stale", "before", "node.store:Store.renew_incarnation")
    table.add(restored, "c", "before it says what is wrong", "before", f"{CHILD}._heal")
    table.add(restored, "c", "held, nothing fetched", "after", f"{CHILD}._heal")
    table.add(restored, "c", "some commits are back", "after", f"{CHILD}._take_down")
    table.add(restored, "c", "all are back, no report", "before", "node.healing:Healer.restored")
    table.add(restored, "c", "all are back, the report written", "after", "node.healing:Healer.restored")
    table.add(restored, "d", "asked for what is missing", "before", f"{PARENT}._offer")
    forked = "forked"
    table.add(forked, "c", "before the spool", "before", f"{CHILD}._put_aside")
    table.add(forked, "c", "a batch in the spool, before COMMIT", "after", "node.branch:spool")
    table.add(forked, "c", "a batch in the spool", "after", f"{CHILD}._put_aside")
    table.add(forked, "c", "all is spooled", "before", "node.healing:Healer.switch")
    table.add(forked, "c", "changed over, nothing done again", "after", "node.branch:change_over")
    table.add(forked, "c", "done again, before COMMIT", "leaving", COMMIT, within="node.healing:Healer.switch")
    table.add(forked, "c", "after COMMIT, before the witness", "before", "node.store:Store.saw_own")
    table.add(forked, "c", "healed, writing still held", "after", "node.healing:Healer.switch")
    table.add(forked, "d", "asked for its history", "before", f"{PARENT}._offer")
    table.add(forked, "d", "what was done again comes", "after", "node.applier:GroupApplier.apply", within=GROUP)
    table.add(
        forked,
        "c",
        "dead once more in the same place",
        "after",
        "node.branch:change_over",
        second=Fuse("node.branch:change_over", "after"),
    )


def _handing_over(table: _Table) -> None:
    """A register goes to another machine; what the old one had not sent follows by letter."""

    def add(node: str, name: str, when: When, where: str, *, call: int = 1, within: str = "", about: str = "") -> None:
        table.add("handover", node, name, when, where, call=call, within=within, about=about)

    add("c", "a letter posted, before COMMIT", "after", "node.mail:Mail.post")
    add("c", "a letter loaded", "after", "node.mail:MailLink.next")
    add("c", "a letter stored above, not marked", "before", "node.mail:MailLink.sent")
    add("c", "a letter marked as sent", "after", "node.mail:MailLink.sent")
    add("d", "a letter received", "before", "node.mail:Mail.take")
    add("d", "a letter stored, not said", "before", TO_CHILD, about="MailStored")
    add("d", "a letter going down", "before", TO_CHILD, about="MailFrame")
    add("d", "a letter stored below, not marked", "before", "node.mail:MailLink.sent")
    add("n", "the register expected", "after", "node.store:Store.adopt")
    add("n", "the register fetched", "after", f"{CHILD}._take_down", call=2)
    add("n", "a letter stored, not read", "after", "node.mail:Mail.take")
    add("n", "a letter read, before COMMIT", "after", "node.healing:Healer._take")
    add(
        "n",
        "a letter read, before the witness",
        "before",
        "node.store:Store.saw_own",
        within="node.healing:Healer.read_branch",
    )
    add("n", "a letter read, not said", "before", TO_PARENT, about="MailStored")


def _holding_back(table: _Table) -> None:
    """A row rots at the district."""
    group = "node.applier:GroupApplier.apply"
    table.add("rot", "d", "held back, before COMMIT", "after", "node.replay:store_quarantine", within=group)
    table.add("rot", "d", "held back, before the answer", "after", group, within=GROUP)
    table.add("retry", COMMAND, "before a retry", "before", "node.quarantine:retry")
    table.add("retry", COMMAND, "retried, before COMMIT", "after", "node.quarantine:retry")
    table.add("retry", COMMAND, "retried", "after", "node.store:Store.retry_quarantined")
    table.add("replace", COMMAND, "asked, before COMMIT", "leaving", COMMIT, within="node.rows:ask_for_rows")
    table.add("replace", COMMAND, "asked", "after", "node.rows:ask_for_rows")
    table.add("replace", "c", "the wish is here", "before", "node.rows:RowDesk.read_wanted")
    table.add("replace", "c", "answered, before COMMIT", "leaving", COMMIT, within="node.rows:RowDesk.read_wanted")
    table.add("replace", "c", "answered", "after", "node.rows:RowDesk.read_wanted")
    table.add("replace", "d", "the rows are here", "before", "node.rows:RowDesk.read_rows")
    table.add("replace", "d", "the rows in place, before COMMIT", "after", "node.rows:RowDesk._take")
    table.add("replace", "d", "the rows in place", "after", "node.rows:RowDesk.read_rows")


def _deciding(table: _Table) -> None:
    """The district decides on a move between two communes, and both apply it."""
    decide, read = "hub.desk.desk:CaseDesk.decide_some", "node.decision_letters:DecisionReader.read"
    witness = "node.store:Store._witness"
    table.add("decide", "d", "decided, nobody told", "before", "hub.desk.outbox:Outbox._post", within=decide)
    table.add("decide", "d", "one is told, the other is not", "before", "node.mail:Mail.post", call=2, within=decide)
    table.add("decide", "d", "told, before COMMIT", "after", "node.mail:Mail.post", call=2, within=decide)
    table.add("decide", "d", "decided and told", "before", witness, within=decide)
    table.add("decide", "d", "a letter about to go", "before", TO_CHILD, about="MailFrame")
    table.add("decide", "d", "a letter has arrived", "before", f"{PARENT}.receive", about="MailStored")
    table.add("decide", "c", "the letter is here", "before", f"{CHILD}.receive", about="MailFrame")
    table.add("decide", "c", "about to apply it", "before", read)
    table.add("decide", "c", "applied, before COMMIT", "leaving", COMMIT, within=read)
    table.add("decide", "c", "applied, before the witness", "before", witness, within=read)
    table.add("decide", "c", "applied, not said", "after", read)
    table.add(
        "decide",
        "c",
        "applied, and dead again",
        "after",
        read,
        second=Fuse("node.session:ChildEndpoint.start", "before"),
    )


def _taking_part(table: _Table) -> None:
    """Enrolment, the authority and its acts."""

    def add(
        workload: str, name: str, when: When, where: str, *, node: str = COMMAND, call: int = 1, within: str = ""
    ) -> None:
        table.add(workload, node, name, when, where, call=call, within=within)

    store = "node.identity.folder:IdentityFolder.store"
    add("enrol", "the file of the key is empty", "before", "os:fdopen", within="node.identity.keys:NodeKey.save")
    add("enrol", "the key written, not synced", "before", "os:fsync", within="node.identity.keys:NodeKey.save")
    add("enrol", "the key beside its place", "before", "node.secret:_name")
    add("enrol", "the key in its place, and beside it", "after", "node.secret:_name")
    add("enrol", "the key is there", "after", "node.identity.folder:IdentityFolder.new_key")
    add("enrol", "the request not sent", "before", "ops.enrolment:unary")
    add("enrol", "answered, nothing kept", "after", "ops.enrolment:unary")
    add("enrol", "the authority trusted, no certificate", "before", store)
    add("enrol", "the roots kept", "after", "node.identity.folder:_replace", call=1)
    add("enrol", "the authority's certificate kept", "after", "node.identity.folder:_replace", call=2)
    add("enrol", "the certificate kept, the key not in place", "after", "node.identity.folder:_replace", call=3)
    add("enrol", "all is kept", "after", store)
    add("enrol", "the call is passed on", "before", "node.uplink:Uplink.call", node="d")
    add("enrol", "the answer is passed back", "after", "node.uplink:Uplink.call", node="d")
    add("enrol", "before it is decided", "before", "hub.enrolment:EnrolmentDesk.handle", node="root")
    add("enrol", "certified, before COMMIT", "after", "hub.authority.authority:Authority._certify", node="root")
    add("enrol", "decided, not said", "after", "hub.enrolment:EnrolmentDesk.handle", node="root")

    add("init", "settings written beside", "before", "pathlib:Path.replace", within="ops.config:save_config")
    add("init", "settings, no store", "after", "ops.config:save_config")
    add("init", "tables being made", "leaving", COMMIT, within="node.database:run_steps")
    add("init", "tables, no origin", "after", "node.database:run_steps")
    add("init", "an origin, before COMMIT", "after", "node.store:Store._begin_origin")
    add("init", "an origin, no witness", "before", "node.store:Store._witness")
    add("init", "a store that is whole", "after", "node.store:Store._found")

    keep = "node.identity.folder:AuthorityFolder.keep"
    add("found", "the key of the authority, no certificate", "before", "node.identity.folder:_replace", within=keep)
    add("found", "an authority, nothing begun", "after", keep)
    add("found", "the reference origin, before COMMIT", "after", "node.store:Store._begin_origin")
    add("found", "the reference origin begun", "after", "node.store:Store.begin_origin")
    add("found", "trusted, not founded", "after", "node.store:Store.trust")
    add("found", "founded, before COMMIT", "leaving", "hub.authority.acts:act")
    add("found", "founded, no identity", "before", store)
    add("found", "an identity, the key not in place", "after", "node.identity.folder:_replace", call=3, within=store)

    joining = "node.courier.joining:write_joining"
    add("request", "the request not written", "before", joining)
    add("request", "the request written", "after", joining)
    add("answer", "decided, before COMMIT", "after", "hub.authority.authority:Authority._certify")
    add("answer", "decided, not written", "before", joining)
    add("answer", "written", "after", joining)
    add("take answer", "trusted, no certificate", "after", "node.store:Store.trust")
    add("take answer", "the authority's certificate kept", "after", "node.identity.folder:_replace", call=2)
    add("take answer", "the certificate kept, the key not in place", "after", "node.identity.folder:_replace", call=3)

    add("renew", "answered, nothing kept", "before", store, node="c")
    add("renew", "the authority's certificate kept", "after", "node.identity.folder:_replace", call=2, node="c")
    add("renew", "the certificate kept", "after", store, node="c")
    add("renew", "the call of a commune is passed on", "before", "node.uplink:Uplink.call", node="d")
    add("renew", "the certificate kept", "after", store, node="d")
    add("renew", "renewed, before COMMIT", "leaving", "hub.authority.acts:act", node="root")
    add("renew", "renewed, not said", "after", "hub.authority.authority:Authority.renew", node="root")

    add("invite", "before COMMIT", "leaving", "hub.authority.acts:act")
    add("invite", "after COMMIT, before the witness", "before", "node.store:Store._witness")
    add("invite", "invited, no file", "before", "node.secret:write_secret")
    add("invite", "the token written, not synced", "before", "os:fsync", within="node.secret:write_secret")
    add("revoke", "before COMMIT", "leaving", "hub.authority.acts:act")
    add("revoke", "after COMMIT, before the witness", "before", "node.store:Store._witness")
    add("hand over", "before COMMIT", "leaving", "hub.authority.acts:act")
    add("hand over", "after COMMIT", "after", "hub.authority.authority:Authority.hand_over")
    for workload in ("user", "retire"):
        add(workload, "before COMMIT", "leaving", COMMIT, within="node.store:Store.capture")
        add(workload, "after COMMIT, before the witness", "before", "node.store:Store._witness")
    add("approve", "before COMMIT", "leaving", "hub.authority.acts:act")
    add("approve", "after COMMIT, before the witness", "before", "node.store:Store._witness")


def _by_hand(table: _Table) -> None:
    """Files on a stick, and files of results."""

    def add(workload: str, name: str, when: When, where: str, *, call: int = 1, within: str = "") -> None:
        table.add(workload, COMMAND, name, when, where, call=call, within=within)

    new = "node.courier.packing:_new_file"
    add("give", "a file written beside", "before", "pathlib:Path.replace", within=new)
    add("give", "a file in its place, not noted", "before", "node.courier.trips:note")
    add("pack", "a file half written", "after", "node.courier.envelope:Sealing.write")
    add("pack", "a file written beside", "before", "pathlib:Path.replace", within=new)
    add("pack", "a file in its place", "after", new)
    add("take", "a cargo looked at", "after", "node.courier.parcel:Parcel.check")
    add("take", "applied, before COMMIT", "after", "node.applier:_Group.finish")
    add("take", "applied", "after", "node.applier:GroupApplier.apply")
    add("take", "taken, no receipt", "after", "hub.courier:take_cargo")
    add("take", "a receipt written beside", "before", "pathlib:Path.replace", within=new)
    add("take back", "a receipt looked at", "after", "node.courier.parcel:Parcel.check")
    add("take back", "a receipt being kept", "leaving", COMMIT, within="node.courier.delivery:_Delivery._keep_words")
    add("take back", "a receipt kept", "after", "node.courier.delivery:_Delivery._keep_words")
    add("take back", "news taken", "after", "node.courier.delivery:_Delivery._take")
    add("take back", "noted", "after", "node.courier.trips:note")
    add(
        "results",
        "a file written beside",
        "before",
        "pathlib:Path.replace",
        within="node.interchange.writing:write_csv",
    )
    add("results", "some files in their place", "after", "node.interchange.writing:write_csv", call=2)


def _compared(table: _Table) -> None:
    """Copies that are compared with their holder's word and put right; logs that are pruned, copies taken anew."""
    verify = "node.verification:Verifier.verify"
    table.add("climb", "c", "the rows stated, not said", "before", TO_PARENT, about="States")
    table.add("climb", "c", "told how the rows compare", "before", f"{CHILD}.receive", about="Verified")
    table.add("climb", "d", "a statement being kept", "leaving", COMMIT, within=verify)
    table.add("climb", "d", "compared, not said", "after", verify)
    table.add("repair", "d", "rows put right, before COMMIT", "after", "node.rebuild:put_right")
    table.add("repair", "d", "rows put right, not said", "after", verify)
    table.add("prune", COMMAND, "a snapshot made, before COMMIT", "after", "node.snapshots:make")
    table.add("prune", COMMAND, "a snapshot, the log whole", "after", "node.snapshot_desk:make_proved")
    table.add("prune", COMMAND, "the log begins later, before COMMIT", "leaving", COMMIT, call=2)
    table.add("prune", COMMAND, "the log begins later, commits still there", "after", COMMIT, call=2)
    table.add("prune", COMMAND, "commits gone, before COMMIT", "leaving", COMMIT, call=3)
    desk = "node.snapshot_desk:SnapshotDesk"
    table.add("resync", "c", "asked for rows", "before", f"{desk}.chunk")
    table.add("resync", "d", "a snapshot expected", "after", f"{desk}.open")
    table.add("resync", "d", "a part of it here", "after", f"{desk}.store_chunk")
    table.add("resync", "d", "all of it here", "before", f"{desk}.install")
    table.add("resync", "d", "in place, before COMMIT", "after", f"{desk}._put_in_place")
    table.add("resync", "d", "in place, not said", "after", f"{desk}.install")


def _the_store(table: _Table) -> None:
    """A release with a schema step more, and encryption of a store that exists."""
    steps = "node.database:run_steps"
    for node in ("c", "root"):
        table.add("upgrade", node, "before the step", "before", steps)
        table.add("upgrade", node, "the step done, before COMMIT", "leaving", COMMIT, within=steps)
        table.add("upgrade", node, "the step done", "after", steps)
        table.add("upgrade", node, "what was held back not tried yet", "before", "node.store:Store.retry_quarantined")
    for node in ("c", "d", "root"):
        table.add("checkpoint", node, "a page in the database", "after", f"{MAIN}.xWrite")
        table.add("checkpoint", node, "pages written, not synced", "before", f"{MAIN}.xSync")
        table.add("checkpoint", node, "the database synced", "after", f"{MAIN}.xSync")
        table.add("checkpoint", node, "the log file begun anew", "after", f"{LOG}.xWrite", call=8)
    table.add("drain", COMMAND, "an acknowledgement kept", "after", COMMIT, within=f"{CHILD}._keep_acknowledged")
    table.add("drain", COMMAND, "before its Finish", "before", TO_PARENT, about="Finish")
    table.add("drain", COMMAND, "the parent has finished", "before", f"{CHILD}.receive", about="Finish")
    table.add("drain", "d", "before its Finish", "before", TO_CHILD, about="Finish")
    again = Fuse(COMMIT, "leaving", within=steps)
    table.add("upgrade", "d", "killed in it twice", "leaving", COMMIT, within=steps, second=again)

    def add(name: str, when: When, where: str, *, call: int = 1, within: str = "") -> None:
        table.add("encrypt", COMMAND, name, when, where, call=call, within=within)

    replace = "ops.cli.encrypt:_replace"
    add("the key not synced", "before", "os:fsync", within="node.encryption:make_key")
    add("the key made", "after", "node.encryption:make_key")
    add("a copy made, nothing compared", "before", "ops.cli.encrypt:_compare")
    add("compared", "after", "ops.cli.encrypt:_compare")
    add("before it takes its place", "before", "pathlib:Path.replace", within=replace)
    add("in its place, leftovers beside it", "after", "pathlib:Path.replace", within=replace)
    add("in its place, not in the settings", "after", replace)
    add("in the settings", "after", "ops.config:save_config")
    table.add("init encrypted", COMMAND, "the key not synced", "before", "os:fsync", within="node.encryption:make_key")
    table.add("init encrypted", COMMAND, "the key made", "after", "node.encryption:make_key")
    table.add("init encrypted", COMMAND, "tables being made", "leaving", COMMIT, within=steps)
    table.add("init encrypted", COMMAND, "tables, no origin", "after", steps)


def _all_points() -> tuple[Point, ...]:
    table = _Table()
    for chapter in (
        _recording,
        _importing,
        _climbing_child,
        _climbing_parent,
        _news,
        _healing,
        _handing_over,
        _holding_back,
        _deciding,
        _taking_part,
        _by_hand,
        _compared,
        _the_store,
    ):
        chapter(table)
    return tuple(table.points)


POINTS: Final = _all_points()
