"""``verify``: are the rows here what their log says, and what their holder says?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from node.errors import StoreDamaged
from node.ids import OriginId, id_text
from node.mending import Inspection, inspect, repair
from node.rebuild import RowDifference
from node.schema import COLUMN_NAMES
from node.store import Store
from node.verification import Checked, checks, statement_of
from ops.cli.command import Command, command_options
from ops.cli.held_documents import ROWS_SHOWN, register_names
from ops.cli.held_words import row_name, shown
from ops.cli.options import folder_argument, named_origin, opened
from ops.cli.output import Output, moment
from ops.i18n import N_, _, ngettext


@click.command(
    cls=Command,
    help=N_(
        "Compare the rows of a node with its log and with what their holders have signed, down to the row.\n\n"
        "Every row is read and every hash is computed anew. With --repair, rows that are not what the log says are put "
        "right by it. The exit code is 3 if something differs in the end.\n\n"
        "A node does the same by itself: each time a child has sent everything, and anew after a day."
    ),
    examples=("dansync verify /srv/an-lao", "dansync verify /srv/an-lao --origin tran-phu --repair"),
)
@folder_argument
@click.option("--origin", "origin_name", default="", help=N_("Whose register (default: all that are known here)."))
@click.option("--repair", "mends", is_flag=True, help=N_("Put right what is not as the log says."))
@command_options
def verify(folder: Path, *, origin_name: str, mends: bool, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    call, mode = ("verify --repair", "write") if mends else ("verify", "read")
    documents = []
    sound = True
    with opened(folder, "write" if mode == "write" else "read", call=call) as (_config, store):
        origins = [named_origin(store, origin_name)] if origin_name else [s.head.origin for s in store.states()]
        told = {(item.origin, item.peer): item for item in checks(store)}
        names = register_names(store)
        with output.progress({"verify": _("Comparing")}) as progress:
            for number, origin in enumerate(origins, 1):
                repaired = repair(store, origin) if mends and not store.quarantined(origin) else 0
                found = _look(store, origin)
                sound = sound and found.sound
                documents.append(_document(store, names, found, repaired, told))
                progress("verify", number, len(origins))
    _show(output, documents)
    output.document({"sound": sound, "origins": documents})
    return 0 if sound else StoreDamaged.exit_code


def _look(store: Store, origin: OriginId) -> Inspection:
    with store.database.snapshot() as connection:
        return inspect(store, origin, statement_of(connection, origin))


def _document(
    store: Store,
    names: dict[OriginId, str],
    found: Inspection,
    repaired: int,
    told: dict[tuple[OriginId, Any], Checked],
) -> dict[str, Any]:
    origin = found.head.origin
    stated = found.stated
    return {
        "origin": id_text(origin),
        "name": names.get(origin, id_text(origin)),
        "seq": found.head.seq,
        "rows": found.rows,
        "digest": found.digest.hex(),
        "stated_digest": stated.digest.hex() if stated else "",
        "stated_by": stated.signer if stated else "",
        "stated_at": stated.stated_at_ms if stated else 0,
        "log_digest": found.log_digest.hex() if found.log_digest else "",
        "held_back_rows": found.held_back,
        "repaired_rows": repaired,
        "sound": found.sound,
        "parents": {
            item.peer: {"seq": item.seq, "outcome": item.outcome, "at": item.checked_at}
            for (which, peer), item in told.items()
            if which == origin and peer
        },
        "differing_rows": [_row(store, origin, item) for item in found.found],
    }


def _row(store: Store, origin: OriginId, item: RowDifference) -> dict[str, Any]:
    table, row_id = item.key
    names = COLUMN_NAMES[table]
    here = dict(zip(names, item.here, strict=True)) if item.here else {}
    there = dict(zip(names, item.there, strict=True)) if item.there else {}
    return {
        "table": table,
        "id": id_text(row_id),
        "name": row_name(store.connection, origin, item.key),
        "kind": "missing" if item.here is None else "stray" if item.there is None else "differs",
        "values": {name: {"here": shown(here[name]), "log": shown(there[name])} for name in item.columns},
    }


def _show(output: Output, documents: list[dict[str, Any]]) -> None:
    output.table(
        (_("Register"), _("Commit"), _("Rows"), _("As its holder says"), _("As the log says")),
        [(d["name"], d["seq"], d["rows"], _holder_word(d), _log_word(d)) for d in documents],
        right=(1, 2),
    )
    for document in documents:
        if document["repaired_rows"]:
            output.line(
                ngettext(
                    "{name}: {count} row was put right.",
                    "{name}: {count} rows were put right.",
                    document["repaired_rows"],
                ).format(name=document["name"], count=document["repaired_rows"])
            )
        _show_rows(output, document)


def _show_rows(output: Output, document: dict[str, Any]) -> None:
    words = {
        "missing": _("{name}: is missing here"),
        "stray": _("{name}: stands here and not in the log"),
        "differs": _("{name}: differs"),
    }
    for row in document["differing_rows"][:ROWS_SHOWN]:
        output.line(f"  {words[row['kind']].format(name=row['name'])}", style="bold red")
        for column, values in row["values"].items():
            output.line(
                "    "
                + _("{column}: here {here}, in the log {there}").format(
                    column=column, here=values["here"], there=values["log"]
                )
            )
    rest = len(document["differing_rows"]) - ROWS_SHOWN
    if rest > 0:
        output.line(_("  ... and {count} more rows; --json lists all.").format(count=rest))


def _holder_word(document: dict[str, Any]) -> str:
    if document["held_back_rows"]:
        return _("not compared, {count} rows are held back").format(count=document["held_back_rows"])
    if not document["stated_digest"]:
        return _("nothing is known of this commit")
    same = document["stated_digest"] == document["digest"]
    said = _("equal") if same else _("DIFFERS")
    return _("{said} ({node}, {time})").format(
        said=said, node=document["stated_by"], time=moment(document["stated_at"])
    )


def _log_word(document: dict[str, Any]) -> str:
    if document["held_back_rows"]:
        return "-"
    if not document["log_digest"]:
        return _("the log does not reach back to the beginning")
    count = len(document["differing_rows"])
    if not count:
        return _("equal")
    return ngettext("{count} row DIFFERS", "{count} rows DIFFER", count).format(count=count)
