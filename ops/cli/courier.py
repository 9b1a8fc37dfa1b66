"""``courier``: what the link would carry, on a stick, where there is no link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from hub.courier import pack_receipt
from node import limits
from node.courier.cargo import pack_cargo
from node.courier.packing import Packed, Sender
from node.courier.parcel import Parcel
from node.errors import CourierRefused
from node.identity.folder import IdentityFolder
from node.ids import NodeId, id_text
from node.reference import Reference
from node.store import Store
from ops.cli.command import Group, command_options
from ops.cli.options import folder_argument, opened
from ops.cli.output import Output, size
from ops.config import NodeConfig
from ops.courier import Import, found_at
from ops.i18n import N_, _, ngettext, translated
from ops.release import RELEASE

EXIT_REFUSED = CourierRefused.exit_code

_bytes_option = click.option(
    "--bytes-max",
    type=int,
    default=limits.COURIER_FILE_BYTES,
    show_default=True,
    metavar="BYTES",
    help=N_("Largest size of one file; what is more goes into further files."),
)


@click.group(
    cls=Group,
    help=N_(
        "Carry a node's commits on a stick where there is no link, and the receipts back.\n\n"
        "Files are signed, and only the node that they are for can open them. A lost stick loses nothing, a file that "
        "is taken twice changes nothing, and a link goes on where the stick has stopped."
    ),
    examples=(
        "dansync courier export /srv/tran-phu --to /media/stick",
        "dansync courier import /srv/binh-dinh /media/stick",
        "dansync courier import /srv/tran-phu /media/stick",
    ),
)
def courier() -> None:
    """The group."""


@courier.command(
    name="export",
    help=N_(
        "Write what the parent lacks, or with --for what a child is to get, into files for a stick.\n\n"
        "What was exported is not acknowledged yet: that is what the receipt is for, which the parent writes when it "
        "imports the files."
    ),
    examples=(
        "dansync courier export /srv/tran-phu --to /media/stick",
        "dansync courier export /srv/binh-dinh --for tran-phu --to /media/stick",
    ),
)
@folder_argument
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help=N_("The folder that the files go to."),
)
@click.option("--for", "child", default="", metavar="NODE", help=N_("A child: reference data and receipts for it."))
@click.option(
    "--everything", is_flag=True, help=N_("From the first commit on, whatever the parent is known to have already.")
)
@_bytes_option
@command_options
def export(folder: Path, *, target: Path, child: str, everything: bool, bytes_max: int, json_mode: bool) -> None:
    output = Output(json_mode=json_mode)
    with opened(folder, call="courier export") as (config, store):
        sender = _here(config, store)
        if child:
            packed = pack_receipt(sender, NodeId(child), target, bytes_max=bytes_max)
        else:
            packed = pack_cargo(sender, target, bytes_max=bytes_max, everything=everything)
    _show_files(output, packed)
    for head in packed.unsigned:
        output.warn(
            _("Origin {origin} goes up to commit {seq} only: nobody who may has signed what follows.").format(
                origin=id_text(head.origin), seq=head.seq
            )
        )
    if not child:
        output.line(_("Next: dansync courier import FOLDER FILE ... at the parent, and bring the receipt back."))
    output.document(_packed(packed))


@courier.command(
    name="import",
    help=N_(
        "Take files that were carried by hand: those of children, or the parent's answer.\n\n"
        "For children a receipt is written that goes back on the stick. Files may come in any order, twice, or late. "
        "The node may be running."
    ),
    examples=(
        "dansync courier import /srv/binh-dinh /media/stick",
        "dansync courier import /srv/tran-phu /media/stick",
    ),
)
@folder_argument
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
    help=N_("The files, in any order; of a folder, all that are for this node."),
)
@click.option(
    "--to",
    "target",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    help=N_("The folder that receipts go to (default: where the files are)."),
)
@_bytes_option
@command_options
def import_(folder: Path, files: tuple[Path, ...], *, target: Path | None, bytes_max: int, json_mode: bool) -> int:
    output = Output(json_mode=json_mode)
    with opened(folder, call="courier import") as (config, store):
        work = Import(_here(config, store))
        work.take([found for path in files for found in found_at(path)])
        receipts = [
            pack_receipt(
                work.here,
                child,
                target or taken[-1][0].path.parent,
                cargo=[cargo for _parcel, cargo in taken],
                public_key=taken[-1][0].certificate.public_key,
                bytes_max=bytes_max,
            )
            for child, taken in work.cargo.items()
        ]
    if len(work.failures) == 1 and not (work.cargo or work.deliveries):
        raise work.failures[0][1]
    _show_import(output, work, receipts)
    if work.failures:
        return work.failures[0][1].exit_code
    return EXIT_REFUSED if work.refused else 0


def _here(config: NodeConfig, store: Store) -> Sender:
    return Sender(store, Reference(store), IdentityFolder(config.folder).load(), RELEASE)


# --- for people ------------------------------------------------------------------------------------------------------


def _show_files(output: Output, packed: Packed) -> None:
    for path in packed.files:
        output.line(f"{path} ({size(path.stat().st_size)})")
    count = ngettext("{count} commit", "{count} commits", packed.commits).format(count=packed.commits)
    output.line(_("{commits} of {origins}.").format(commits=count, origins=_count(len(_origins(packed)))))


def _show_import(output: Output, work: Import, receipts: list[Packed]) -> None:
    for files in work.cargo.values():
        for parcel, taken in files:
            output.line(_summary(parcel, taken.commits))
            for item in taken.origins:
                if item.quarantined:
                    output.warn(
                        _("Origin {origin}: {count} commits are stored and held back.").format(
                            origin=id_text(item.origin), count=item.quarantined
                        )
                    )
                if item.code:
                    _show_refusal(output, item.origin, item.code, item.detail)
    for parcel, delivered in work.deliveries:
        output.line(_summary(parcel, delivered.commits))
        output.line(_("The parent has confirmed {origins}.").format(origins=_count(delivered.acknowledged)))
        for note in delivered.notes:
            _show_refusal(output, note.origin, note.code, note.detail)
    for packed in receipts:
        for path in packed.files:
            output.line(_("Receipt, to be brought back: {file}").format(file=path))
    if not (work.cargo or work.deliveries or work.failures):
        output.line(_("There is nothing for this node."))
    for path, error in work.failures:
        output.error(f"{path}: {translated(error.message)}", translated(error.hint))
    output.document(_taken(work, receipts))


def _count(origins: int) -> str:
    return ngettext("{count} origin", "{count} origins", origins).format(count=origins)


def _summary(parcel: Parcel, commits: int) -> str:
    manifest = parcel.manifest
    count = (
        ngettext("{count} new commit", "{count} new commits", commits).format(count=commits)
        if commits
        else _("nothing new")
    )
    return _("{file} from {node}, part {part} of {parts}: {what}").format(
        file=parcel.path.name, node=manifest.from_node, part=manifest.part, parts=manifest.parts, what=count
    )


def _show_refusal(output: Output, origin: bytes, code: str, detail: str) -> None:
    output.warn(
        _("Origin {origin} was not taken ({code}): {detail}").format(
            origin=id_text(origin), code=code, detail=translated(detail)
        )
    )
    if code == "gap":
        output.warn(
            _(
                "Import the parts that come before; where there are none, take the receipt back: the next export "
                "begins where this node stands."
            )
        )


# --- for programs ----------------------------------------------------------------------------------------------------


def _origins(packed: Packed) -> set[bytes]:
    return {span.head.origin for span in packed.spans}


def _packed(packed: Packed) -> dict[str, Any]:
    return {
        "consignment": id_text(packed.consignment),
        "files": [str(path) for path in packed.files],
        "commits": packed.commits,
        "origins": [id_text(origin) for origin in sorted(_origins(packed))],
        "unsigned": [id_text(head.origin) for head in packed.unsigned],
    }


def _taken(work: Import, receipts: list[Packed]) -> dict[str, Any]:
    taken: list[dict[str, Any]] = [
        _file(parcel)
        | {
            "commits": cargo.commits,
            "origins": [
                {
                    "origin": id_text(item.origin),
                    "commits": item.commits,
                    "quarantined": item.quarantined,
                    "code": item.code,
                    "detail": item.detail,
                }
                for item in cargo.origins
            ],
        }
        for files in work.cargo.values()
        for parcel, cargo in files
    ]
    taken += [
        _file(parcel)
        | {
            "commits": delivered.commits,
            "acknowledged": delivered.acknowledged,
            "notes": [
                {"origin": id_text(note.origin), "code": note.code, "detail": note.detail} for note in delivered.notes
            ],
        }
        for parcel, delivered in work.deliveries
    ]
    return {
        "files": taken,
        "receipts": [str(path) for packed in receipts for path in packed.files],
        "refused": [
            {"file": str(path), "kind": type(error).__name__, "code": getattr(error, "code", ""), "message": str(error)}
            for path, error in work.failures
        ],
    }


def _file(parcel: Parcel) -> dict[str, Any]:
    manifest = parcel.manifest
    return {
        "file": str(parcel.path),
        "direction": manifest.direction,
        "from": manifest.from_node,
        "part": manifest.part,
        "parts": manifest.parts,
    }
