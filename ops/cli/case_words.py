"""Words for cases and persons, as the ``cases`` commands say them."""

from __future__ import annotations

from typing import Final

from conflict.cases import Case, State
from conflict.standing import CanonicalPerson, Status
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


def person_words(person: CanonicalPerson) -> str:
    """Whose records are one person, and where that counts."""
    where = _(STATUSES[person.standing.status]).format(unit=person.standing.unit)
    return f"{' = '.join(person.refs)}: {where}"


def case_words(case: Case) -> str:
    return f"{case.case}: {_(STATES[case.state])}"
