"""What ``cases scan`` says of the records that it has found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hub.desk.scanning import Double
from ops.cli.output import Output
from ops.i18n import _
from ops.link_words import score_words


def show_doubles(output: Output, folder: Path, doubles: Sequence[Double], *, recorded: bool) -> None:
    """Each pair with what was compared, and what to do about it."""
    for double in doubles:
        output.line(f"{double.a} - {double.b}")
        output.line(
            "  " + (_("one person by number, name and date of birth") if double.sure else _("may be one person"))
        )
        for text in score_words(double.scored):
            output.line(f"  {text}")
    sure = sum(double.sure for double in doubles)
    if not doubles:
        output.line(_("Nobody was found who stands in the registers twice."))
    elif recorded and sure:
        output.line(
            _("{count} pairs are ruled to be one person each. See: dansync cases list {folder}").format(
                count=sure, folder=folder
            )
        )
    elif sure:
        output.line(_("To rule that the sure ones are one person each: the same call with --record"))
    if len(doubles) > sure:
        output.line(
            _("To rule on one of the others: dansync record ruling {folder} --person A --other B --says same").format(
                folder=folder
            )
        )
    output.document(
        {
            "doubles": [
                {"a": double.a, "b": double.b, "bits": double.scored.bits, "sure": double.sure} for double in doubles
            ],
            "recorded": sure if recorded else 0,
        }
    )
