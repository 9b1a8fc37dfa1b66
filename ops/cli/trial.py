"""``synth``, ``rehearse`` and ``demo``: trying the system out without a real commune."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import rich_click as click

from node.errors import UsageError
from node.ids import id_text
from ops.cli.command import Command, command_options
from ops.cli.data import EXIT_REJECTED, bundle_argument, strict_option
from ops.cli.options import Day
from ops.cli.output import Output
from ops.demo import DemoOptions, run_demo
from ops.i18n import N_, _
from ops.rehearsal.plan import RehearsalOptions
from ops.rehearsal.rehearse import rehearse
from ops.synth import SynthConfig, generate

_DEFAULT = SynthConfig()
_DEMO = DemoOptions()
_COUNT = click.IntRange(min=0)
SYNTH_LABELS: Final = {
    "population": N_("Making people"),
    "history": N_("Letting them live"),
    "moves": N_("Letting them move"),
    "write": N_("Writing"),
}
"""What ``generate`` calls its kinds of work, in words."""


@click.command(
    cls=Command,
    help=N_(
        "Make a synthetic province, with the truth beside it.\n\n"
        "Names, ages, households and moves are as they are in Vietnam; reports come late, misspelled or not at all. "
        "The bundle has the form that import and rehearse read; the folder truth/ says what really happened."
    ),
    examples=(
        "dansync synth province/ --persons 5000 --moves 400",
        "dansync synth hard/ --difficulty hard --tiers two --seed 7",
    ),
)
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), help=N_("Where the bundle goes."))
@click.option("--persons", type=_COUNT, default=_DEFAULT.persons, show_default=True, help=N_("Persons at the start."))
@click.option("--moves", type=_COUNT, default=_DEFAULT.moves, show_default=True, help=N_("True moves."))
@click.option(
    "--seed", type=int, default=_DEFAULT.seed, show_default=True, help=N_("The same seed gives the same files.")
)
@click.option("--provinces", type=_COUNT, default=_DEFAULT.provinces, show_default=True, help=N_("Provinces."))
@click.option(
    "--districts", type=_COUNT, default=_DEFAULT.districts, show_default=True, help=N_("Districts in each province.")
)
@click.option(
    "--communes", type=_COUNT, default=_DEFAULT.communes, show_default=True, help=N_("Communes in each district.")
)
@click.option(
    "--tiers",
    type=click.Choice(["three", "two"]),
    default=_DEFAULT.tiers,
    show_default=True,
    help=N_("With districts (three), or without them as since July 2025 (two)."),
)
@click.option(
    "--difficulty",
    type=click.Choice(["easy", "real", "hard"]),
    default=_DEFAULT.difficulty,
    show_default=True,
    help=N_("How bad the reports are."),
)
@click.option(
    "--nation/--no-nation", default=_DEFAULT.nation, show_default=True, help=N_("A node above the provinces.")
)
@command_options
def synth(out: Path, *, json_mode: bool, **choices: Any) -> None:
    output = Output(json_mode=json_mode)
    try:
        config = SynthConfig(**choices)
    except ValueError as error:
        raise UsageError(f"{error}.", hint="See what can be chosen with: dansync synth --help") from error
    labels = {what: _(label) for what, label in SYNTH_LABELS.items()}
    with output.progress(labels) as progress:
        summary = generate(config, out, progress=progress)
    output.line(
        _("{persons} persons, {households} households and {events} events at {nodes} nodes are in {folder}").format(
            persons=summary.persons,
            households=summary.households,
            events=summary.events,
            nodes=summary.nodes,
            folder=out,
        )
    )
    output.line(_("Next: dansync rehearse {folder} --out result/ --in-process").format(folder=out))
    output.document(
        {
            "out": str(out),
            "persons": summary.persons,
            "households": summary.households,
            "events": summary.events,
            "nodes": summary.nodes,
        }
    )


@click.command(
    name="rehearse",
    cls=Command,
    help=N_(
        "Run a whole tree from a bundle, until everything is at the top.\n\n"
        "Links go up and down and nodes fail as the seed says; then every copy is proved equal to its owner's, and the "
        "result bundle is written. For every seed, residents.csv, cases.csv and the digests come out the same."
    ),
    examples=(
        "dansync rehearse province/ --out result/ --in-process",
        "dansync rehearse province/ --out result/ --seed 7 --as-of 2026-01-01",
    ),
)
@bundle_argument
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=N_("Where the result bundle goes."),
)
@click.option("--seed", type=int, default=0, show_default=True, help=N_("Which way the links go up and down."))
@click.option("--in-process", is_flag=True, help=N_("All nodes in this process, links in memory: for large trees."))
@click.option("--as-of", type=Day(), default=None, help=N_("The day as of which to count (default: the bundle's)."))
@strict_option
@command_options
def rehearse_command(
    bundle: Path, *, out: Path, seed: int, in_process: bool, as_of: date | None, strict: bool, json_mode: bool
) -> int:
    output = Output(json_mode=json_mode)
    labels = {"start": _("Starting nodes"), "record": _("Recording"), "drain": _("Climbing")}
    with output.progress(labels) as progress:
        result = rehearse(RehearsalOptions(bundle, out, seed=seed, in_process=in_process, as_of=as_of), progress)
    output.line(
        _("{nodes} nodes, {copies} copies, all equal to their owners'.").format(
            nodes=result.nodes, copies=len(result.copies)
        )
    )
    output.line(
        _("{residents} residents and {cases} cases as of {day} are in {folder}").format(
            residents=result.counts.residents, cases=result.counts.cases, day=result.as_of.isoformat(), folder=out
        )
    )
    if result.rejected:
        output.warn(
            _("{count} rows were rejected; where and why stands in {file}").format(
                count=result.rejected, file=out / "rejected.csv"
            )
        )
    output.document(
        {
            "out": str(out),
            "nodes": result.nodes,
            "as_of": result.as_of.isoformat(),
            "residents": result.counts.residents,
            "cases": result.counts.cases,
            "rejected": result.rejected,
            "copies": [
                {
                    "node_id": copy.node_id,
                    "owner": copy.owner,
                    "origin": id_text(copy.origin),
                    "seq": copy.seq,
                    "rows": copy.rows,
                    "digest": copy.digest.hex(),
                }
                for copy in result.copies
            ],
        }
    )
    return EXIT_REJECTED if result.rejected and strict else 0


@click.command(
    cls=Command,
    help=N_(
        "Watch a small tree of two provinces at work, for about a minute.\n\n"
        "Real processes: communes record, people move, links are cut and restored, a node is killed and comes back. In "
        "the end every copy proves itself equal to its owner's, and everybody who moved counts in one place. The exit "
        "code is 1 if not."
    ),
    examples=("dansync demo", "dansync demo --seconds 10 --lang vi", "dansync demo --keep look/"),
)
@click.option("--seed", type=int, default=_DEMO.seed, show_default=True, help=N_("Another seed, another history."))
@click.option(
    "--persons", type=_COUNT, default=_DEMO.persons, show_default=True, help=N_("Persons in the two provinces.")
)
@click.option("--seconds", type=_COUNT, default=30, show_default=True, help=N_("How long the communes record."))
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help=N_("Leave the bundle and the nodes' folders here, to look around with other commands."),
)
@command_options
def demo(*, seed: int, persons: int, seconds: int, keep: Path | None, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    options = DemoOptions(seed=seed, persons=persons, seconds=seconds, keep=keep)
    result = run_demo(options, output.console, quiet=json_mode)
    found = result.count
    output.document(
        {
            "proved": result.proved,
            "equal": result.equal,
            "persons": found.persons,
            "communes": found.communes,
            "stock": found.stock,
            "truth": {"living": found.living, "elsewhere": list(found.missing), "twice": list(found.twice)},
            "moved": [
                {
                    "records": list(row.member.refs),
                    "names": [line.name for line in row.lines],
                    "counts_at": row.unit,
                    "lives_at": row.member.unit,
                    "why": row.why,
                    "event": row.member.event,
                }
                for row in result.story
            ],
            "nodes": [
                {"node_id": row.node_id, "tier": row.tier, "origins": row.origins, "rows": row.rows, "equal": row.equal}
                for row in result.rows
            ],
        }
    )
    return 0 if result.proved else 1
