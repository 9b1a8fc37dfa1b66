"""Members of a household to each other, all at once: one to one, the best total, and by how much it is the best.

Two brothers on one sheet may each look like one record; together there is one way that fits best. The margin of a pair
is what the best total loses if that pair is forbidden: a small one means that the household could as well be put
together in another way, and then a person looks (RESOLVER 4). Larger groups than ``SIDE_MAX`` are not solved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

SIDE_MAX: Final = 24
"""Members on either side: with margins the work grows with the fourth power; a barracks goes to review."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A pair of the best total, and what the total loses without it."""

    row: str
    column: str
    margin: float


def assign(
    rows: Sequence[str], columns: Sequence[str], gains: Mapping[tuple[str, str], float]
) -> list[Assigned] | None:
    """The pairs of the best total by (row, column), gains in bits above leaving both alone; pairs that are missing or
    gain nothing are not made. None if there are too many members. The order of rows and columns changes nothing.
    """
    rows, columns = sorted(rows), sorted(columns)
    if len(rows) > SIDE_MAX or len(columns) > SIDE_MAX:
        return None
    matrix = [[max(gains.get((row, column), 0.0), 0.0) for column in columns] for row in rows]
    best, pairs = _solve(matrix)
    found = []
    for at, to in pairs:
        kept = matrix[at][to]
        matrix[at][to] = 0.0  # leaving both alone is always possible
        found.append(Assigned(rows[at], columns[to], best - _solve(matrix)[0]))
        matrix[at][to] = kept
    return found


def _solve(matrix: Sequence[Sequence[float]]) -> tuple[float, list[tuple[int, int]]]:
    """(best total, its pairs with a gain): the Hungarian method with potentials, row by row."""
    if not matrix or not matrix[0]:
        return 0.0, []
    if len(matrix) > len(matrix[0]):
        total, turned = _solve([list(column) for column in zip(*matrix, strict=True)])
        return total, sorted((column, row) for row, column in turned)
    width = len(matrix[0])
    row_price, column_price = [0.0] * (len(matrix) + 1), [0.0] * (width + 1)
    taken_by = [0] * (width + 1)  # column -> row, both from 1 on; column 0 holds the row that looks for a place
    for row in range(1, len(matrix) + 1):
        taken_by[0] = row
        came_from = _augmenting_path(matrix, row_price, column_price, taken_by)
        column = came_from.pop()
        while column:
            taken_by[column], column = taken_by[came_from[column]], came_from[column]
    pairs = sorted((taken_by[column] - 1, column - 1) for column in range(1, width + 1) if taken_by[column])
    made = [(row, column) for row, column in pairs if matrix[row][column] > 0]
    return sum(matrix[row][column] for row, column in made), made


def _augmenting_path(
    matrix: Sequence[Sequence[float]], row_price: list[float], column_price: list[float], taken_by: list[int]
) -> list[int]:
    """The cheapest way to a free column, as the column before each; that free column is appended as the last item."""
    width = len(column_price) - 1
    slack, came_from, used = [inf] * (width + 1), [0] * (width + 1), [False] * (width + 1)
    column = 0
    while taken_by[column]:
        used[column] = True
        row, step, following = taken_by[column], inf, 0
        for other in range(1, width + 1):
            if used[other]:
                continue
            cost = -matrix[row - 1][other - 1] - row_price[row] - column_price[other]
            if cost < slack[other]:
                slack[other], came_from[other] = cost, column
            if slack[other] < step:
                step, following = slack[other], other
        for other in range(width + 1):
            if used[other]:
                row_price[taken_by[other]] += step
                column_price[other] -= step
            else:
                slack[other] -= step
        column = following
    return [*came_from, column]
