"""Introducing weights: the authority writes a set of parameters into its reference data, from where it flows down."""

from __future__ import annotations

from conflict.parameters import Parameters, rendered, to_document
from hub.authority.acts import act
from node import limits
from node.errors import UsageError
from node.matching import Introduced, in_force, introduced
from node.store import Store


def require_new(store: Store, parameters: Parameters) -> None:
    """Raises ``UsageError`` if these parameters were introduced before, are no newer than those in force, or are too
    large to be sent.
    """
    sets = introduced(store)
    now = in_force(sets).parameters
    if parameters.hash == now.hash:
        raise UsageError("These parameters are in force already.", hint="There is nothing to do.")
    newest = max([now.version, *(known.version for known in sets)])
    if parameters.version <= newest:
        raise UsageError(
            f"The file is version {parameters.version}, and version {newest} is known already.",
            hint="A set of parameters never changes: estimate a new one, or give the file the next version.",
        )
    size = len(_document(parameters))
    if size > limits.PARAMETERS_BYTES_MAX:
        raise UsageError(
            f"The parameters take {size} bytes; at most {limits.PARAMETERS_BYTES_MAX} flow down to every node.",
            hint="Leave rare words out of the frequencies.",
        )


def introduce(store: Store, parameters: Parameters, *, by: str) -> Introduced:
    """Put parameters into force, here now and below when they get there. Raises ``UsageError``, also where this node is
    not the authority.
    """
    require_new(store, parameters)
    number = max((known.number for known in introduced(store)), default=0) + 1
    with act(store, by=by, what="parameters") as under_way:
        under_way.insert(
            "matching_parameters",
            number=number,
            version=parameters.version,
            hash=parameters.hash,
            document=_document(parameters),
        )
    return introduced(store)[-1]


def _document(parameters: Parameters) -> bytes:
    return rendered(to_document(parameters)).encode()
