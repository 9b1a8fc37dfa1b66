"""How much of what is said the linking may see: a register has it all, a poorer one has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from bench.resolver.province import Province
from conflict.description import Description
from conflict.names import NO_NAME


def _all(description: Description) -> Description:
    return description


def _without_places(description: Description) -> Description:
    """No origin, no departure: a move that only its destination reports, to a tier that has not heard of the other."""
    return replace(description, origin="", departed=None, destination="")


def _without_numbers(description: Description) -> Description:
    return replace(description, personal_id="", number=None, old_card="", insurance="", phone="")


def _names_and_dates(description: Description) -> Description:
    """The mover's view: name, sex and birth date, nothing else."""
    poor = _without_numbers(_without_places(description))
    return replace(poor, father=NO_NAME, mother=NO_NAME, ethnicity="")


def _narrowed(view: Callable[[Description], Description], *, alone: bool) -> Callable[[Province], Province]:
    def narrowed(province: Province) -> Province:
        parties = {
            ref: replace(party, description=view(party.description), sheet="" if alone else party.sheet)
            for ref, party in province.parties.items()
        }
        return replace(province, parties=MappingProxyType(parties))

    return narrowed


VIEWS: MappingProxyType[str, Callable[[Province], Province]] = MappingProxyType(
    {
        "all that is said": _narrowed(_all, alone=False),
        "no places": _narrowed(_without_places, alone=False),
        "no numbers": _narrowed(_without_numbers, alone=False),
        "names and dates": _narrowed(_names_and_dates, alone=True),
    }
)
