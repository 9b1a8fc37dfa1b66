"""``import`` and ``export``: bundles into a node and out of it."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Final

import rich_click as click

from node.errors import DansyncError, UsageError
from node.interchange.bundle import Bundle, local_day
from node.interchange.table import Reject
from node.interchange.values import EventRow, HouseholdRow, PersonRow
from node.interchange.writing import write_rejected
from node.register.importing import ImportReport, NodeImport
from node.store import Store
from ops.cli.command import Command, command_options
from ops.cli.options import Day, author_option, folder_argument, opened
from ops.cli.output import Output, ReportProgress
from ops.cli.warning_words import warning_words
from ops.config import NodeConfig
from ops.i18n import N_, _, ngettext, translated
from ops.rehearsal.plan import FILE_OF
from ops.result import write_result

EXIT_REJECTED: Final = 7
WARNINGS_SHOWN: Final = 8
NODES_NAMED: Final = 5
TABLE_NAMES: Final = {"household": N_("Households"), "person": N_("Persons"), "event": N_("Events")}

bundle_argument = click.argument(
    "bundle", type=click.Path(path_type=Path, file_okay=False), help=N_("The folder with the four CSV files.")
)
strict_option = click.option(
    "--strict", is_flag=True, help=N_("Exit with code 7 if a row was rejected (all others are still recorded).")
)


@click.command(
    name="import",
    cls=Command,
    help=N_(
        "Import a node's rows of an interchange bundle.\n\n"
        "What cannot be read goes to rejected.csv in the node's folder, with file, line, column and reason; everything "
        "else is recorded, at most 500 rows a commit. If it was interrupted, run the same command again: what is there "
        "already is skipped. The exit code is 0 also when rows were rejected; --strict makes it 7."
    ),
    examples=(
        "dansync import /srv/tran-phu bundle/",
        "dansync import /srv/tran-phu bundle/ --node commune-17 --author import-2026 --strict",
    ),
)
@folder_argument
@bundle_argument
@click.option("--node", "node_name", default="", help=N_("Whose rows to take (default: this node's own name)."))
@author_option
@strict_option
@command_options
def import_(folder: Path, bundle: Path, *, node_name: str, author: str, strict: bool, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    rejects: dict[Reject, None] = {}  # a file that is read twice says everything twice

    def seen(reject: Reject) -> None:
        rejects[reject] = None

    with opened(folder, call="import", user=author) as (config, store):
        labels = {"read": _("Reading"), "record": _("Recording")}
        try:
            with output.progress(labels) as progress:
                source = Bundle(bundle, seen)
                which = node_name or config.node_id
                _require_node(source, which)
                report = _import_rows(store, source, which, author, rejects, progress)
        except (DansyncError, KeyboardInterrupt):
            with contextlib.suppress(OSError):  # the first error is the one to show
                _write_rejects(config, rejects)
            raise
    try:
        _write_rejects(config, rejects)
    except OSError as error:
        raise UsageError(
            f"The list of rejected rows cannot be written to {config.rejected_path} ({error.strerror}).",
            hint="The other rows are recorded. Make room there and run the same command again.",
        ) from error
    _show_import(output, config, report, len(rejects))
    return EXIT_REJECTED if rejects and strict else 0


def _require_node(bundle: Bundle, node_id: str) -> None:
    if node_id in bundle.topology:
        return
    names = bundle.topology.top_down_ids()
    shown = ", ".join(names[:NODES_NAMED]) + (" ..." if len(names) > NODES_NAMED else "")
    raise UsageError(
        f"The bundle has no rows for a node called {node_id}.",
        hint=f"Choose one of its nodes with --node NAME: {shown}",
    )


def _import_rows(
    store: Store, bundle: Bundle, node_id: str, author: str, rejects: dict[Reject, None], progress: ReportProgress
) -> ImportReport:
    """Read the rows of one node, then record them; so there is a total to be measured against."""
    households: list[HouseholdRow] = []
    persons: list[PersonRow] = []
    for household in bundle.households(node_id):
        households.append(household)
        progress("read", len(households), 0)
    for person in bundle.persons(node_id):
        persons.append(person)
        progress("read", len(households) + len(persons), 0)
    events = bundle.events(node_id)
    total = len(households) + len(persons) + len(events)
    progress("read", total, total)

    def rejected(row: HouseholdRow | PersonRow | EventRow, error: DansyncError) -> None:
        column, value = getattr(error, "column", ""), getattr(error, "value", "")
        rejects.setdefault(Reject(FILE_OF[type(row)], row.line, column, value, error.message))

    def show(report: ImportReport) -> None:
        counts = report.counts.values()
        progress("record", sum(count.new + count.unchanged + count.rejected for count in counts), total)

    run = NodeImport(store, author=author, rejected=rejected, progress=show)
    run.households(households)
    run.persons(persons)
    run.events(events).feed()
    return run.finish()


def _write_rejects(config: NodeConfig, rejects: dict[Reject, None]) -> None:
    """rejected.csv as this run leaves it; a list of an earlier run would mislead."""
    if rejects:
        write_rejected(config.rejected_path, (replace(reject, reason=translated(reject.reason)) for reject in rejects))
    else:
        config.rejected_path.unlink(missing_ok=True)


def _show_import(output: Output, config: NodeConfig, report: ImportReport, rejected: int) -> None:
    output.table(
        (_("Table"), _("New"), _("Unchanged"), _("Rejected")),
        [(_(TABLE_NAMES[table]), c.new, c.unchanged, c.rejected) for table, c in report.counts.items()],
        right=(1, 2, 3),
    )
    count = ngettext("{count} commit", "{count} commits", report.commits).format(count=report.commits)
    output.line(_("Import {id}: {commits}.").format(id=report.import_id, commits=count))
    for code, times in report.warnings.most_common(WARNINGS_SHOWN):
        output.warn(
            _("recorded with a warning, {count} times: {warning}").format(count=times, warning=warning_words(code))
        )
    if len(report.warnings) > WARNINGS_SHOWN:
        output.warn(
            _("... and {count} other warnings; --json lists all.").format(count=len(report.warnings) - WARNINGS_SHOWN)
        )
    if rejected:
        output.warn(
            _("{count} rows were rejected; where and why stands in {file}").format(
                count=rejected, file=config.rejected_path
            )
        )
    output.document(
        {
            "import_id": report.import_id,
            "commits": report.commits,
            "counts": {table: asdict(counts) for table, counts in report.counts.items()},
            "warnings": dict(report.warnings),
            "rejected": rejected,
            "rejected_file": str(config.rejected_path) if rejected else "",
        }
    )


@click.command(
    cls=Command,
    help=N_(
        "Write the result bundle for what a node sees of its subtree.\n\n"
        "That is residents.csv (who counts where), cases.csv, balance.csv (the register balance of every unit) and "
        "replicas.csv (every copy with its digest)."
    ),
    examples=("dansync export /srv/binh-dinh result/", "dansync export /srv/binh-dinh result/ --as-of 2026-01-01"),
)
@folder_argument
@click.argument("out", type=click.Path(path_type=Path, file_okay=False), help=N_("Where the files go."))
@click.option("--as-of", type=Day(), default=None, help=N_("The day as of which to count (default: today)."))
@command_options
def export(folder: Path, out: Path, *, as_of: date | None, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="export") as (_config, store):  # for writing: links are brought up to date
        day = as_of or local_day(store.clock.wall_ms())
        try:
            counts = write_result(out, [store], [store], day)
        except OSError as error:
            raise UsageError(
                f"The result cannot be written to {out} ({error.strerror}).",
                hint="Choose a folder where you may write and where there is room.",
            ) from error
    output.table((_("File"), _("Rows")), [(f"{name}.csv", rows) for name, rows in asdict(counts).items()], right=(1,))
    output.line(_("As of {day}, in {folder}").format(day=day.isoformat(), folder=out))
    output.document({"as_of": day.isoformat(), "out": str(out), **asdict(counts)})
