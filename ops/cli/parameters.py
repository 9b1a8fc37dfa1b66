"""``parameters``: the weights by which records are compared: learning new ones, seeing what they would change, and
putting them into force.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Final

import rich_click as click

from conflict.cases import Outcome as CaseOutcome
from conflict.cases import State
from conflict.estimation import Difference as Weight
from conflict.estimation import differences
from conflict.parameters import Parameters, current_parameters, from_document, from_text, rendered, rounded, to_document
from hub.authority.acts import require_authority
from hub.authority.matching import introduce as put_into_force
from hub.authority.matching import require_new
from hub.desk.desk import CaseDesk
from hub.desk.trial import Trial
from node import limits
from node.errors import StoreError, UsageError
from node.interchange.bundle import local_day
from node.matching import in_force, introduced
from node.store import Store
from ops.cli.case_words import STATES
from ops.cli.command import Group, command_options
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output
from ops.i18n import N_, _
from ops.link_words import FIELDS, LEVELS

WEIGHTS_SHOWN: Final = 20
CASES_SHOWN: Final = 50
MATCHES_FEW: Final = 1_000
"""The parameters that the release brought stand on some thousands."""
BITS_MIN: Final = 0.5
"""A weight that moved by less is not told."""


@click.group(
    cls=Group,
    help=N_(
        "The weights by which it is judged whether two records are one person.\n\n"
        "New ones are estimated from a register, without anybody telling which pairs are right, and are one file that "
        "never changes. Nothing is decided otherwise before the root has introduced them; what they would change is "
        "listed first, and settled cases keep their decision."
    ),
    examples=(
        "dansync parameters list /srv/binh-dinh",
        "dansync parameters estimate /srv/binh-dinh --out weights-2.json",
        "dansync parameters introduce /srv/binh-dinh weights-2.json --dry-run",
    ),
)
def parameters() -> None:
    """The group."""


@parameters.command(
    name="list",
    help=N_("Show the weights that were introduced, and which are in force here."),
    examples=("dansync parameters list /srv/binh-dinh",),
)
@folder_argument
@command_options
def parameters_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="parameters list") as (_config, store):
        sets = introduced(store)
        now = in_force(sets)
    brought = current_parameters()
    lines: list[dict[str, Any]] = [_line(0, brought.version, brought.hash, brought, now.parameters)]
    lines += [_line(known.number, known.version, known.hash, known.parameters(), now.parameters) for known in sets]
    output.table(
        (_("Number"), _("Version"), _("Hash"), _("In force"), _("Learned from")),
        [
            (
                line["number"] or _("release"),
                line["version"],
                line["hash"][:12],
                _("yes") if line["in_force"] else _("no"),
                _("cannot be read by this release") if line["source"] is None else line["source"],
            )
            for line in lines
        ],
        right=(1,),
    )
    if now.held:
        output.warn(
            _(
                "Newer weights are in force that this release cannot read: "
                "no case is decided here before it is upgraded."
            )
        )
    output.document({"parameters": lines, "held": now.held})


def _line(number: int, version: int, hash_: str, found: Parameters | None, now: Parameters) -> dict[str, Any]:
    return {
        "number": number,
        "version": version,
        "hash": hash_,
        "in_force": found is not None and found.hash == now.hash,
        "source": None if found is None else found.source,
    }


@parameters.command(
    help=N_(
        "Learn new weights from the register here, and write them to a new file.\n\n"
        "What is learned: how often one person's two records agree in a field, and strangers'; how common names are. "
        "The file holds shares alone, and names no word that fewer than five people have. The same register and seed "
        "give the same file."
    ),
    examples=("dansync parameters estimate /srv/binh-dinh --out weights-2.json",),
)
@folder_argument
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help=N_("The new file."))
@click.option("--seed", type=int, default=1, show_default=True, help=N_("Which pairs are drawn where there are many."))
@command_options
def estimate(folder: Path, *, out: Path, seed: int, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    if out.exists():
        raise UsageError(f"There is already a file {out}. It was not touched.", hint="Give another name with --out")
    with opened(folder, call="parameters estimate") as (_config, store):
        desk = _desk(store)
        sets = introduced(store)
        old = in_force(sets).parameters
        version = max([old.version, *(known.version for known in sets)]) + 1
        day = local_day(store.clock.wall_ms()).isoformat()
        source = f"EM on the register of {store.node_id}, {day}"
        found, counted = desk.estimate(random.Random(seed), version=version, source=source)
    if not counted.matches:
        raise UsageError(
            "Nobody here seems to have two records: there is nothing to learn from.",
            hint="Estimate at a node where the registers of several communes come together.",
        )
    document = rounded(to_document(found))
    new = from_document(document)
    _write_new(out, rendered(document))
    weights = differences(old, new, bits_min=BITS_MIN)
    output.line(
        _("Version {version} ({hash}) is in {file}, from {count} pairs that are probably one person.").format(
            version=new.version, hash=new.hash[:12], file=out, count=counted.matches
        )
    )
    if counted.matches < MATCHES_FEW:
        output.warn(_("That is few: learned from a larger register the weights would be better."))
    _show_weights(output, weights)
    output.line(
        _("Next, at the root: dansync parameters introduce {folder} {file} --dry-run").format(folder=folder, file=out)
    )
    output.document(
        {
            "file": str(out),
            "version": new.version,
            "hash": new.hash,
            "pairs": counted.matches,
            "weights": [_weight_document(change) for change in weights],
        }
    )


@parameters.command(
    help=N_(
        "Put weights from a file into force, at the root. First the cases are listed that they would decide "
        "otherwise.\n\n"
        "They flow down as reference data; every hub decides new cases by them as soon as they are there. Settled "
        "cases keep their decision until somebody says something new about them. Where a case would change, the list "
        "has to be accepted: --yes."
    ),
    examples=(
        "dansync parameters introduce /srv/binh-dinh weights-2.json --dry-run",
        "dansync parameters introduce /srv/binh-dinh weights-2.json --yes",
    ),
)
@folder_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help=N_("The file."))
@click.option("--dry-run", is_flag=True, help=N_("Only show the list."))
@click.option("--yes", is_flag=True, help=N_("The list was read and is accepted."))
@command_options
def introduce(folder: Path, file: Path, *, dry_run: bool, yes: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    new = _read(file)
    number = None
    with opened(folder, call="parameters introduce") as (_config, store):
        require_authority(store)
        require_new(store, new)
        old = in_force(introduced(store)).parameters
        found = _desk(store).try_out(new)
        weights = differences(old, new, bits_min=BITS_MIN)
        _show_weights(output, weights)
        _show_trial(output, found)
        if not dry_run:
            if (found.settled or found.open) and not yes:
                raise UsageError(
                    f"{len(found.settled) + len(found.open)} cases would be decided otherwise. Nothing was introduced.",
                    hint="Read the list above, then call again with: --yes",
                )
            number = put_into_force(store, new, by=acting_user()).number
    if number is None:
        output.line(_("Nothing was introduced (--dry-run)."))
    else:
        output.line(
            _("Version {version} ({hash}) is in force here and flows down to every node.").format(
                version=new.version, hash=new.hash[:12]
            )
        )
    output.document(
        {
            "version": new.version,
            "hash": new.hash,
            "number": number,
            "weights": [_weight_document(change) for change in weights],
            "settled": [_change(d.case, d.claims, d.before, d.after) for d in found.settled],
            "open": [_change(c.case, c.refs, c.before, c.after) for c in found.open],
            "unchanged": found.unchanged,
        }
    )


def _desk(store: Store) -> CaseDesk:
    desk = CaseDesk(store)
    desk.catch_up()
    return desk


def _read(file: Path) -> Parameters:
    try:
        data = file.read_bytes()
        if len(data) > limits.PARAMETERS_BYTES_MAX:
            raise ValueError(f"it has {len(data)} bytes, at most {limits.PARAMETERS_BYTES_MAX} are taken")
        return from_text(data.decode())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{file} holds no parameters: {error}.", hint="Give a file that was made by: dansync parameters estimate"
        ) from error


def _write_new(path: Path, text: str) -> None:
    """A file that nobody writes to again. Raises ``StoreError``."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}).",
            hint="Check that its folder exists, and that this user may write there.",
        ) from error


def _show_weights(output: Output, weights: tuple[Weight, ...]) -> None:
    if not weights:
        output.line(_("No weight moves by more than half a bit."))
        return
    output.table(
        (_("Field"), _("Level"), _("Bits before"), _("Bits after")),
        [
            (_(FIELDS[change.field]), _(LEVELS[change.level]), f"{change.before:+.1f}", f"{change.after:+.1f}")
            for change in weights[:WEIGHTS_SHOWN]
        ],
        right=(2, 3),
    )
    _tell_rest(output, len(weights) - WEIGHTS_SHOWN)


def _show_trial(output: Output, found: Trial) -> None:
    output.line(
        _("Settled cases that these weights would decide otherwise: {count}. They keep their decision.").format(
            count=len(found.settled)
        )
    )
    _show_cases(output, [(change.case, change.before, change.after) for change in found.settled])
    output.line(_("Open cases that would change: {count}.").format(count=len(found.open)))
    _show_cases(output, [(change.case, change.before, change.after) for change in found.open])
    output.line(_("All others stay as they are: {count}.").format(count=found.unchanged))


_Judged = tuple[State, CaseOutcome]


def _show_cases(output: Output, rows: list[tuple[str, _Judged, tuple[_Judged, ...]]]) -> None:
    if not rows:
        return
    output.table(
        (_("Case"), _("Is now"), _("Would be")),
        [(case, _(STATES[before[0]]), _after_words(before, after)) for case, before, after in rows[:CASES_SHOWN]],
    )
    _tell_rest(output, len(rows) - CASES_SHOWN)


def _after_words(before: _Judged, after: tuple[_Judged, ...]) -> str:
    if not after:
        return _("no case at all")
    if all(judged == before for judged in after):
        return _("the same, with other records")
    return ", ".join(_(STATES[state]) for state, _outcome in after)


def _tell_rest(output: Output, rest: int) -> None:
    if rest > 0:
        output.line(_("... and {count} more; all of them with --json").format(count=rest))


def _weight_document(change: Weight) -> dict[str, Any]:
    return {"field": change.field.value, "level": change.level, "before": change.before, "after": change.after}


def _change(case: str, claims: tuple[str, ...], before: _Judged, after: tuple[_Judged, ...]) -> dict[str, Any]:
    return {
        "case": case,
        "claims": list(claims),
        "before": {"state": before[0].value, "outcome": before[1].value},
        "after": [{"state": state.value, "outcome": outcome.value} for state, outcome in after],
    }
