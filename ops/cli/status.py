"""``status``: what a node knows of itself, its parent and its children, whether its daemon runs or not."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rich_click as click

from node import reports
from node.backup import backed_up_at
from node.courier.trips import Trip, trips
from node.findings import ROTTEN, Known, known_scrubs, scrubbed_at
from node.identity.folder import Identity
from node.ids import NodeId, OriginId, id_text
from node.inbox import open_requests
from node.mail import Mail
from node.parentage import Parent, parent_of
from node.quarantine import Tally, tally
from node.reference import Reference
from node.store import Acknowledgement, Alarm, OriginState, Profile, Store
from node.takeover import missing_origins
from ops.cli.command import Command, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, moment, size, span
from ops.cli.presence import Presence, presence
from ops.config import NodeConfig
from ops.enrolment import identity_or_none
from ops.i18n import N_, _, ngettext, translated
from ops.parents import parents_to_dial

ALARMS_SHOWN = 5
ALARMS_COUNTED_MAX = 1_000
CHILDREN_SHOWN = 50
HASH_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the parent has not acknowledged. ``oldest_at``: Unix ms at which the oldest of it was recorded, or 0."""

    commits: int
    oldest_at: int


@dataclass(frozen=True, slots=True)
class Child:
    """What came through one child. Unix ms: ``recorded_at`` of its newest commit there, ``received_at`` of it here,
    ``quiet_since`` of the origin that has sent nothing for longest: a relay that withholds one shows there.
    ``missing``: origins that are registered below it and never came.
    """

    node_id: str
    origins: int
    commits: int
    recorded_at: int
    received_at: int
    quiet_since: int
    quiet_origin: str
    missing: int


@dataclass(frozen=True, slots=True)
class Status:
    """All that ``status`` shows, of one moment (``now``, Unix ms)."""

    config: NodeConfig
    presence: Presence | None  # None: no daemon runs
    identity: Identity | None  # None: not enrolled
    reference: OriginState | None
    profiles: dict[OriginId, Profile]
    parent: NodeId  # whose child it is, as far as is known here; '' at a root
    dials: tuple[Parent, ...]
    own: tuple[OriginState, ...]
    acknowledged: dict[OriginId, Acknowledgement]
    backlog: Backlog | None  # None: a root
    children: tuple[Child, ...]
    halted: tuple[OriginState, ...]
    quarantined_rows: int
    quarantine: Tally
    healings: reports.Tally
    requests: int  # in the inbox, that wait for a person
    letters: int  # that wait, for this node or for the next one
    alarms: tuple[Alarm, ...]
    store_bytes: int
    trips: tuple[Trip, ...]
    backed_up_at: int | None  # Unix ms; None: never
    scrubbed_at: int | None
    rotten: tuple[Known, ...]
    now: int


@click.command(
    cls=Command,
    help=N_(
        "Show how a node stands: its own log, what its parent has acknowledged and what still waits, its children, and "
        "everything that needs attention.\n\nWorks while the daemon runs and while it does not."
    ),
    examples=("dansync status /srv/tran-phu", "dansync status /srv/tran-phu --json"),
)
@folder_argument
@command_options
def status(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="status") as (config, store):
        found = collect(config, store)
    output.facts(_facts(found))
    if found.children:
        output.line()
        _show_children(output, found)
    _show_troubles(output, found)
    output.document(_document(found))


def collect(config: NodeConfig, store: Store) -> Status:
    """Read a node's status in one snapshot of its store."""
    with store.database.snapshot():
        origin = store.reference_origin()
        reference = Reference(store)
        known = store.states()
        states = [state for state in known if state.head.origin != origin]
        acknowledged = store.acknowledged(parent_of(store, reference))
        alarms = store.alarms(ALARMS_COUNTED_MAX)
        return Status(
            config,
            presence(config),
            identity_or_none(config.folder),
            next((state for state in known if state.head.origin == origin), None),
            store.profiles(),
            parent_of(store, reference),
            parents_to_dial(config, store, reference),
            tuple(state for state in states if state.own),
            acknowledged,
            _backlog(store, states, acknowledged) if parent_of(store, reference) else None,
            _children(store, reference, states),
            tuple(state for state in known if state.halted),
            store.quarantined_rows(),
            tally(store.connection),
            reports.tally(store.connection),
            open_requests(store.connection, [state.head.origin for state in states if state.own]),
            Mail(store, reference).unread(),
            tuple(alarms),
            store.size_bytes(),
            trips(store),
            backed_up_at(store),
            scrubbed_at(store),
            tuple(known for known in known_scrubs(store.connection).values() if known.verdict in ROTTEN),
            store.clock.wall_ms(),
        )


def _backlog(store: Store, states: list[OriginState], acknowledged: dict[OriginId, Acknowledgement]) -> Backlog:
    commits, oldest = 0, 0
    for state in states:
        known = acknowledged.get(state.head.origin)
        after = known.seq if known is not None else type(state.head.seq)(0)
        if state.head.seq <= after:
            continue
        commits += state.head.seq - after
        waiting = store.read_commits(state.head.origin, after, count=1)
        if waiting:
            oldest = min(oldest or waiting[0].recorded_at, waiting[0].recorded_at)
    return Backlog(commits, oldest)


def _children(store: Store, reference: Reference, states: list[OriginState]) -> tuple[Child, ...]:
    by_child: dict[str, list[OriginState]] = defaultdict(list)
    for state in states:
        if not state.own:
            by_child[state.via].append(state)
    absent = Counter(hop for _subject, hop in missing_origins(reference, store.node_id, states))
    profiles = store.profiles()

    def name(state: OriginState) -> str:
        profile = profiles.get(state.head.origin)
        return profile.node_id if profile else id_text(state.head.origin)

    return tuple(
        Child(
            child,
            len(group),
            sum(state.head.seq for state in group),
            max(state.recorded_at for state in group),
            max(state.received_at for state in group),
            min(state.received_at for state in group),
            name(min(group, key=lambda state: state.received_at)),
            absent[NodeId(child)],
        )
        for child, group in sorted(by_child.items())
    )


# --- for people ------------------------------------------------------------------------------------------------------


def _facts(found: Status) -> list[tuple[str, str]]:
    config = found.config
    profile = found.profiles.get(found.own[0].head.origin) if found.own else None
    rows = [(_("Node"), _name(config, profile)), (_("Daemon"), _daemon(found))]
    rows.append((_("Parent"), _parent(found)))
    rows.append((_("Identity"), _identity(found)))
    if found.reference is not None:
        rows.append((_("Reference data"), _own_log(found.reference)))
    for state in found.own:
        rows.append((_("Own log"), _own_log(state)))
        if found.backlog is not None:
            rows.append((_("Acknowledged"), _acknowledged(found, state)))
    if found.backlog is not None:
        rows.append((_("Backlog"), _waiting(found.backlog, found.now)))
    if found.letters:
        text = ngettext(
            "{count} waits, for this node or for the next one on its way",
            "{count} wait, for this node or for the next one on their way",
            found.letters,
        )
        rows.append((_("Letters"), text.format(count=found.letters)))
    rows += _sticks(found.trips)
    rows.append((_("Store"), size(found.store_bytes)))
    rows.append((_("Backup"), _ago(found.backed_up_at, found.now) or _("never (make one with: dansync backup)")))
    rows.append((_("Scrub"), _ago(found.scrubbed_at, found.now) or _("not yet (a running node does it by itself)")))
    if not _troubled(found):
        rows.append((_("Troubles"), _("none")))
    return rows


def _ago(at: int | None, now: int) -> str:
    """'' for never."""
    return "" if at is None else _("{time}, {age} ago").format(time=moment(at), age=span(now - at))


def _troubled(found: Status) -> bool:
    to_look_at = found.healings.open_findings or found.requests
    return bool(found.halted or found.quarantined_rows or to_look_at or found.alarms or found.rotten)


def _name(config: NodeConfig, profile: Profile | None) -> str:
    if profile is None:
        return config.node_id
    words = [profile.tier, profile.name if profile.name != config.node_id else "", profile.unit_code]
    return f"{config.node_id} ({', '.join(word for word in words if word)})"


def _parent(found: Status) -> str:
    if not found.dials:
        return found.parent or _("none: this is a root")
    dials = ", ".join(_("{node} at {address}").format(node=way.node_id, address=way.address) for way in found.dials)
    if found.parent and found.parent not in {way.node_id for way in found.dials}:
        return _("{parent}, where it listens is not known here (dansync parent); meanwhile {others}").format(
            parent=found.parent, others=dials
        )
    return dials


def _daemon(found: Status) -> str:
    there = found.presence
    if there is None:
        return _("not running (start it with: dansync run {folder})").format(folder=found.config.folder)
    text = _("running, pid {pid}, since {since}").format(pid=there.pid, since=moment(there.started_at))
    return text + (_(", listens on {address}").format(address=there.listen) if there.listen else "")


def _identity(found: Status) -> str:
    identity = found.identity
    if identity is None:
        return _("not enrolled (dansync enroll, or dansync ca init at the root)")
    until = moment(identity.certificate.not_after_ms)
    if found.now >= identity.certificate.not_after_ms:
        return _("EXPIRED on {until}: ask the authority for an invitation").format(until=until)
    return _("enrolled until {until}, authority {authority}").format(until=until, authority=identity.authority.node_id)


def _own_log(state: OriginState) -> str:
    count = ngettext("{count} commit", "{count} commits", state.head.seq).format(count=state.head.seq)
    return _("{commits}, the last one {time}, hash {hash}").format(
        commits=count, time=moment(state.recorded_at), hash=state.head.hash.hex()[:HASH_CHARACTERS]
    )


def _acknowledged(found: Status, state: OriginState) -> str:
    known = found.acknowledged.get(state.head.origin)
    if known is None:
        return _("nothing yet")
    text = _("up to commit {seq}, by {node}, {time}").format(
        seq=known.seq, node=known.peer, time=moment(known.acknowledged_at)
    )
    if known.quarantined:
        text += _(" ({count} held back there)").format(count=known.quarantined)
    return text


def _waiting(backlog: Backlog, now: int) -> str:
    if not backlog.commits:
        return _("none: the parent has everything")
    count = ngettext("{count} commit", "{count} commits", backlog.commits).format(count=backlog.commits)
    return _("{commits}, the oldest waits for {age}").format(commits=count, age=span(now - backlog.oldest_at))


def _sticks(made: tuple[Trip, ...]) -> list[tuple[str, str]]:
    """The last one each way."""
    rows = []
    for way, label in (("given", _("Stick given")), ("taken", _("Stick taken"))):
        last = max((trip for trip in made if trip.way == way), key=lambda trip: trip.at_ms, default=None)
        if last is not None:
            count = ngettext("{count} commit", "{count} commits", last.commits).format(count=last.commits)
            text = _("to {node}, {time}, {commits}") if way == "given" else _("from {node}, {time}, {commits}")
            rows.append((label, text.format(node=last.peer, time=moment(last.at_ms), commits=count)))
    return rows


def _show_children(output: Output, found: Status) -> None:
    rows = [
        (
            child.node_id,
            child.origins,
            child.commits,
            moment(child.recorded_at),
            _("{age} ago").format(age=span(found.now - child.received_at)),
            _("{origin}, {age} ago").format(origin=child.quiet_origin, age=span(found.now - child.quiet_since)),
            child.missing or "-",
        )
        for child in found.children[:CHILDREN_SHOWN]
    ]
    headings = (
        *(_("Child"), _("Origins"), _("Commits"), _("Newest commit made"), _("Last received")),
        *(_("Quiet longest"), _("Missing")),
    )
    output.table(headings, rows, right=(1, 2, 6))
    if len(found.children) > CHILDREN_SHOWN:
        output.line(_("... and {count} more; --json lists all.").format(count=len(found.children) - CHILDREN_SHOWN))


def _show_troubles(output: Output, found: Status) -> None:
    """To standard output: for `status` they are the result."""
    if _troubled(found):
        output.line()
    if found.rotten:
        count = len(found.rotten)
        output.line(
            ngettext(
                "Rot: {count} register is not what its log says. Put it right with: dansync scrub {folder} --repair",
                "Rot: {count} registers are not what their logs say. Put them right with: dansync scrub {folder} "
                "--repair",
                count,
            ).format(count=count, folder=found.config.folder),
            style="bold red",
        )
    for state in found.halted:
        profile = found.profiles.get(state.head.origin)
        output.line(
            _("Halted: {origin} at commit {seq} ({code}). {detail}").format(
                origin=f"{profile.node_id} {id_text(state.head.origin)}" if profile else id_text(state.head.origin),
                seq=state.head.seq,
                code=state.halted,
                detail=translated(state.halted_detail),
            ),
            style="bold red",
        )
    if found.quarantined_rows:
        rows = found.quarantined_rows
        count = found.quarantine.commits
        age = span(found.now - found.quarantine.oldest_at)
        output.line(
            ngettext(
                "Quarantine: {count} commit is not applied, {rows} rows are held back, for {age} by now. "
                "Look at it with: dansync quarantine list {folder}",
                "Quarantine: {count} commits are not applied, {rows} rows are held back, the oldest for {age} by now. "
                "Look at them with: dansync quarantine list {folder}",
                count,
            ).format(count=count, rows=rows, age=age, folder=found.config.folder),
            style="yellow",
        )
    if found.healings.open_findings:
        output.line(_to_look_at(found), style="yellow")
    if found.requests:
        output.line(
            ngettext(
                "{count} request waits in the inbox: dansync inbox list {folder}",
                "{count} requests wait in the inbox: dansync inbox list {folder}",
                found.requests,
            ).format(count=found.requests, folder=found.config.folder),
            style="yellow",
        )
    for alarm in found.alarms[:ALARMS_SHOWN]:
        output.line(
            _("Alarm {time} ({code}): {detail}").format(
                time=moment(alarm.raised_at), code=alarm.code, detail=translated(alarm.detail)
            ),
            style="red",
        )
    if len(found.alarms) > ALARMS_SHOWN:
        output.line(_("... and {count} older alarms.").format(count=len(found.alarms) - ALARMS_SHOWN))


def _to_look_at(found: Status) -> str:
    healings = ngettext("{count} healing", "{count} healings", found.healings.open_healings).format(
        count=found.healings.open_healings
    )
    findings = ngettext("{count} finding", "{count} findings", found.healings.open_findings).format(
        count=found.healings.open_findings
    )
    return _("{healings} with {findings} to look at: dansync healing list {folder}").format(
        healings=healings, findings=findings, folder=found.config.folder
    )


# --- for programs ----------------------------------------------------------------------------------------------------


def _document(found: Status) -> dict[str, Any]:
    """Times are Unix milliseconds."""
    profile = found.profiles.get(found.own[0].head.origin) if found.own else None
    return {
        "node_id": found.config.node_id,
        "now": found.now,
        "tier": profile.tier if profile else "",
        "name": profile.name if profile else "",
        "unit_code": profile.unit_code if profile else "",
        "parent_node_id": found.parent,
        "parent_address": found.dials[0].address if found.dials else "",
        "dials": [asdict(way) for way in found.dials],
        "enrolled_until": found.identity.certificate.not_after_ms if found.identity else 0,
        "authority": found.identity.authority.node_id if found.identity else "",
        "reference": _origin(found.reference, found) if found.reference else None,
        "running": found.presence is not None,
        "daemon": asdict(found.presence) if found.presence else None,
        "own": [_origin(state, found) for state in found.own],
        "backlog": asdict(found.backlog) if found.backlog else None,
        "children": [asdict(child) for child in found.children],
        "halted": [_origin(state, found) for state in found.halted],
        "quarantined_rows": found.quarantined_rows,
        "quarantine": asdict(found.quarantine),
        "healings": asdict(found.healings),
        "inbox": {"to_do": found.requests},
        "letters": found.letters,
        "alarms": [
            {
                "raised_at": alarm.raised_at,
                "code": alarm.code,
                "origin": id_text(alarm.origin) if alarm.origin else "",
                "detail": alarm.detail,
            }
            for alarm in found.alarms
        ],
        "store_bytes": found.store_bytes,
        "backed_up_at": found.backed_up_at,
        "scrubbed_at": found.scrubbed_at,
        "rotten": [
            {"origin": id_text(known.head.origin), "verdict": known.verdict, "rows": known.rotten}
            for known in found.rotten
        ],
        "sticks": [asdict(trip) for trip in found.trips],
    }


def _origin(state: OriginState, found: Status) -> dict[str, Any]:
    known = found.acknowledged.get(state.head.origin)
    return {
        "origin": id_text(state.head.origin),
        "seq": state.head.seq,
        "hash": state.head.hash.hex(),
        "recorded_at": state.recorded_at,
        "acknowledged": {
            "seq": known.seq,
            "by": known.peer,
            "at": known.acknowledged_at,
            "quarantined": known.quarantined,
        }
        if known
        else None,
        "halted": state.halted,
        "halted_detail": state.halted_detail,
    }
