"""Words for cases and persons, as the ``cases`` commands say them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conflict.cases import Case, State
from conflict.links import Link
from conflict.rulings import Ruling
from conflict.standing import CanonicalPerson, Status
from hub.desk.docket import CaseFile
from ops.i18n import N_, _

STATES: Final = {
    State.OPEN_OUT: N_("left, arrived nowhere yet"),
    State.OPEN_IN: N_("arrived, found nowhere yet"),
    State.PROPOSED: N_("waits for a ruling"),
    State.MATCHED: N_("both halves found, the old office was asked"),
    State.SETTLED: N_("settled"),
    State.DISPUTED: N_("in dispute"),
    State.CANCELLED: N_("cancelled"),
    State.LAPSED: N_("waiting time over"),
}
STATUSES: Final = {
    Status.RESIDENT: N_("counts at {unit}"),
    Status.IN_TRANSIT: N_("has left, counts at {unit} until an arrival is settled"),
    Status.AWAY: N_("temporarily absent, counts at {unit}"),
    Status.LAPSED: N_("left for an unknown place, counts nowhere"),
    Status.ABROAD: N_("abroad"),
    Status.TEMPORARY: N_("a temporary stay, counts nowhere by itself"),
    Status.PROPOSED: N_("waits for a ruling, is not counted"),
    Status.DEAD: N_("dead"),
    Status.VOID: N_("taken back"),
}

VERDICTS: Final = {
    "automatic": N_("linked by themselves"),
    "review": N_("a person has to look"),
    "apart": N_("not one person"),
}
COLUMNS: Final = {
    "full_name": N_("Name"),
    "sex": N_("Sex"),
    "birth_date": N_("Date of birth"),
    "personal_id": N_("Personal number"),
    "old_card_id": N_("Old card"),
    "insurance_id": N_("Insurance number"),
    "ethnicity": N_("Ethnicity"),
    "relationship": N_("To the head"),
    "marital_status": N_("Marital status"),
    "father_name": N_("Father"),
    "mother_name": N_("Mother"),
    "phone": N_("Telephone"),
    "residence": N_("Residence"),
}


def person_words(person: CanonicalPerson) -> str:
    """Whose records are one person, and where that counts."""
    where = _(STATUSES[person.standing.status]).format(unit=person.standing.unit)
    return f"{' = '.join(person.refs)}: {where}"


def case_words(case: Case) -> str:
    return f"{case.case}: {_(STATES[case.state])}"


def link_words(link: Link) -> str:
    """Two records, and what the comparison says of them."""
    verdict = N_("cannot be one person") if link.verdict == "apart" and link.hard else VERDICTS[link.verdict]
    return f"{link.a} - {link.b}: {_(verdict)}"


def ruling_words(ruling: Ruling) -> str:
    """Who has ruled what on two records."""
    text = (
        _("{authority} ruled that {a} and {b} are one person ({ruling}).")
        if ruling.same
        else _("{authority} ruled that {a} and {b} are different persons ({ruling}).")
    )
    return text.format(authority=ruling.authority, a=ruling.a, b=ruling.b, ruling=ruling.ref)


def next_words(found: CaseFile, folder: Path) -> Iterator[str]:
    """What a reviewer can do about a case."""
    case = found.case
    open_pairs = [comparison.link for comparison in found.comparisons if comparison.link.verdict == "review"]
    match case.state:
        case State.PROPOSED:
            which = "" if len(open_pairs) == 1 else " --one NODE:PERSON --other NODE:PERSON"
            yield _("To rule: dansync cases decide {folder} {case} same{which} (or: different)").format(
                folder=folder, case=case.case, which=which
            )
        case State.DISPUTED:
            yield _("It ends when one of the offices gives way: dansync record confirm, dispute or cancel, there.")
            yield _(
                "If two of the records are different persons: dansync cases decide {folder} {case} different "
                "--one NODE:PERSON --other NODE:PERSON"
            ).format(folder=folder, case=case.case)
        case State.SETTLED | State.MATCHED if found.rulings or any(len(person.refs) > 1 for person in found.persons):
            yield _("To take back what joined or parted them: dansync cases undo {folder} {case} --dry-run").format(
                folder=folder, case=case.case
            )
        case _:
            pass
