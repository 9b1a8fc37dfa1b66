"""``unit``: administrative units as the reference data have them, and telling a reform."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

import rich_click as click

from conflict.reforms import Succession, Unit, since
from hub.authority.reforms import introduce_reform, news
from node.errors import BundleError, UsageError
from node.reference import Reference
from ops.cli.command import Group, command_options
from ops.cli.options import acting_user, folder_argument, opened
from ops.cli.output import Output
from ops.i18n import N_, _

COLUMNS: Final = ("old_code", "old_valid_from", "old_name", "new_code", "new_valid_from", "new_name")
CODE_DIGITS: Final = frozenset({2, 3, 5})
ROWS_MAX: Final = 100_000
FILE_BYTES_MAX: Final = 32 * 1024 * 1024


@click.group(
    cls=Group,
    help=N_(
        "Administrative units. A code means something only together with the day from which it is in force: 52 was "
        "Bình Định, and is Gia Lai."
    ),
    examples=("dansync unit list /srv/binh-dinh", "dansync unit reform /srv/binh-dinh reform-2025.csv --dry-run"),
)
def unit() -> None:
    """The group."""


@unit.command(
    name="list",
    help=N_("Show the units that are known here, and which took over from which."),
    examples=("dansync unit list /srv/binh-dinh",),
)
@folder_argument
@command_options
def unit_list(folder: Path, *, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, "read", call="unit list") as (_config, store):
        reference = Reference(store)
        units = sorted(reference.units(), key=lambda item: (item.code, item.valid_from))
        successions = sorted(reference.reform().successions)
    heirs = {unit: [s.new for s in successions if s.old == unit] for unit in {s.old for s in successions}}
    lines = [
        {
            "code": item.code,
            "valid_from": item.valid_from,
            "tier": item.tier,
            "name": item.name,
            "became": [f"{new.code}@{new.valid_from}" for new in heirs.get(Unit(item.code, item.valid_from), [])],
        }
        for item in units
    ]
    output.table(
        (_("Code"), _("In force from"), _("Tier"), _("Name"), _("Became")),
        [(*(line[key] for key in ("code", "valid_from", "tier", "name")), ", ".join(line["became"])) for line in lines],
    )
    output.document({"units": lines, "successions": len(successions)})


@unit.command(
    help=N_(
        "Tell which units took over from which, at the root. It flows down as reference data.\n\n"
        "FILE is a CSV table with the columns old_code, old_valid_from, old_name, new_code, new_valid_from, new_name; "
        "one row for each old unit and each one that took over from it, wholly or in part. Reports that still name an "
        "old unit then mean the one that took over, and nobody moves because only the unit has changed. What is known "
        "already is left out."
    ),
    examples=("dansync unit reform /srv/binh-dinh reform-2025.csv",),
)
@folder_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help=N_("The table."))
@click.option("--dry-run", is_flag=True, help=N_("Only show what would be told."))
@command_options
def reform(folder: Path, file: Path, *, dry_run: bool, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    successions, names = read_reform_file(file)
    with opened(folder, call="unit reform") as (_config, store):
        found = news(store, successions, names)
        if not dry_run:
            introduce_reform(store, found, by=acting_user())
    output.line(
        _("New: {successions} successions and {units} units; {known} successions were known.").format(
            successions=len(found.successions),
            units=len(found.units),
            known=len(successions) - len(found.successions),
        )
    )
    if dry_run:
        output.line(_("Nothing was told (--dry-run)."))
    output.document(
        {
            "successions": [
                {"old": f"{s.old.code}@{s.old.valid_from}", "new": f"{s.new.code}@{s.new.valid_from}"}
                for s in found.successions
            ],
            "units": [f"{unit.code}@{unit.valid_from}" for unit, _name in found.units],
            "told": not dry_run,
        }
    )


def read_reform_file(path: Path) -> tuple[frozenset[Succession], dict[Unit, str]]:
    """The successions and the names of a table. Raises ``UsageError`` or ``BundleError``, with the line."""
    try:
        data = path.read_bytes()
        if len(data) > FILE_BYTES_MAX:
            raise UsageError(f"{path} has {len(data)} bytes.", hint=f"At most {FILE_BYTES_MAX} are read at once.")
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BundleError(f"{path} cannot be read ({error}).", hint="It has to be a CSV table in UTF-8.") from error
    if not rows or set(COLUMNS) - {name for name in rows[0] if name is not None}:
        raise BundleError(
            f"{path} lacks columns, or has no row.", hint="Its first line has to be: " + ",".join(COLUMNS)
        )
    if len(rows) > ROWS_MAX:
        raise UsageError(f"{path} has {len(rows)} rows.", hint=f"At most {ROWS_MAX} are taken at once.")
    successions: set[Succession] = set()
    names: dict[Unit, str] = {}
    for number, row in enumerate(rows, 2):
        values = {name: (row[name] or "").strip() for name in COLUMNS}
        old, new = (
            _unit(path, number, side, values[f"{side}_code"], values[f"{side}_valid_from"]) for side in ("old", "new")
        )
        if old == new:
            raise _refused(path, number, f"{old.code} from {old.valid_from} would take over from itself")
        successions.add(Succession(old, new))
        for unit, name in ((old, values["old_name"]), (new, values["new_name"])):
            if name and names.setdefault(unit, name) != name:
                raise _refused(path, number, f"{unit.code} from {unit.valid_from} has two names")
    return frozenset(successions), names


def _unit(path: Path, number: int, side: str, code: str, valid_from: str) -> Unit:
    if not (code.isascii() and code.isdigit() and len(code) in CODE_DIGITS):
        raise _refused(path, number, f"{side}_code is {code!r}, and a code has 2, 3 or 5 digits")
    if since(valid_from) is None:
        raise _refused(path, number, f"{side}_valid_from is {valid_from!r}, and has to be a day such as 2025-07-01")
    return Unit(code, valid_from)


def _refused(path: Path, number: int, why: str) -> BundleError:
    return BundleError(f"{path}, line {number}: {why}. Nothing was told.", hint="Correct the line and call again.")
