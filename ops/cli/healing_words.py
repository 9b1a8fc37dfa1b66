"""Healings and what they found, in words for an officer."""

from __future__ import annotations

from typing import Any, Final

from ops.cli.held_words import shown
from ops.cli.output import moment
from ops.i18n import N_, _

HAPPENED: Final = {
    "restored": N_("{came} commits that were missing here came back"),
    "fork": N_("{came} commits came from the parent; of {aside} that only this node had, {redone} were done again"),
    "trunk": N_("{came} commits came from the parent; {aside} others go to the node that writes the register"),
    "branch": N_("of {aside} commits that another store had, {redone} were done again here"),
}


def happened(line: dict[str, Any]) -> str:
    """What a healing did (a document of ``ops.cli.report_documents``)."""
    return _(HAPPENED[line["kind"]]).format(came=line["came"], aside=line["aside"], redone=line["redone"])


def finding_words(item: dict[str, Any]) -> str:
    """What a finding says, and what a person can do about it."""
    name, column = item["name"], item["column"]
    match item["kind"]:
        case "lost_value":
            return _("{row}: {column} was left at {kept}; {lost} was written too").format(
                row=name, column=column, kept=shown(item["kept"]), lost=shown(item["lost"])
            )
        case "typed_twice":
            return _(
                "{row}: it may have been typed in twice, as {one} and as {other}. If so, withdraw one with: "
                "dansync record cancel"
            ).format(row=name, one=item["row"], other=item["other_row"])
        case _ if item["table"]:
            return _("{row}: {column} was to become {lost}, and there is no such row").format(
                row=name, column=column, lost=shown(item["lost"])
            )
        case _:
            return _("a commit could not be done again: {detail}").format(detail=item["lost"])


def commit_words(commit: dict[str, Any]) -> str:
    """A commit that was put aside."""
    made = f"{commit['seq']}, {commit['author'] or '-'}, {moment(commit['recorded_at'])}"
    if commit["redone_seq"]:
        return _("{commit}: done again as commit {redone}").format(commit=made, redone=commit["redone_seq"])
    return made
