"""Splink on the same two files and the same pairs, as its own guide sets it up: comparisons for names and dates of
birth, term frequencies, u by random sampling, m by EM over three blocking rules.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from typing import Any

from bench.resolver.febrl import Pair, Persons


def splink_scores(persons: Persons, pairs: Iterable[Pair]) -> dict[Pair, float]:
    """Match weights of those of the pairs that splink compares. Call ``febrl.load`` first: it makes the packages
    reachable.
    """
    import pandas as pd  # noqa: PLC0415 - these three lie in a folder of their own
    import splink.comparison_library as cl  # noqa: PLC0415
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on  # noqa: PLC0415

    logging.getLogger("splink").setLevel(logging.ERROR)
    rules = [
        block_on("given_name"),
        block_on("surname"),
        block_on("date_of_birth"),
        "l.given_name = r.surname",
        "l.surname = r.given_name",
        *(
            f"substr(l.{a}, 1, 2) = substr(r.{b}, 1, 2) and {date.format('l')} = {date.format('r')}"
            for a in ("given_name", "surname")
            for b in ("given_name", "surname")
            for date in ("substr({}.date_of_birth, 1, 4)", "substr({}.date_of_birth, 5)")
        ),
    ]
    settings = SettingsCreator(
        link_type="link_only",
        probability_two_random_records_match=1 / len(persons.right),
        blocking_rules_to_generate_predictions=rules,
        comparisons=_comparisons(cl),
    )
    api = DuckDBAPI()
    frames = [
        api.register(
            pd.DataFrame([{"unique_id": ref, **{k: v or None for k, v in row.items()}} for ref, row in side.items()]),
            table_name=name,
        )
        for name, side in (("left_side", persons.left), ("right_side", persons.right))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linker = Linker(frames, settings)
        linker.training.estimate_u_using_random_sampling(max_pairs=2_000_000, seed=4)
        for column in ("given_name", "surname", "date_of_birth"):
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))
        found = linker.inference.predict().as_pandas_dataframe()
    wanted = set(pairs)
    scores: dict[Pair, float] = {}
    for one, other, weight in zip(found["unique_id_l"], found["unique_id_r"], found["match_weight"], strict=True):
        pair = (one, other) if one in persons.left else (other, one)
        if pair in wanted:
            scores[pair] = float(weight)
    return scores


def _comparisons(library: Any) -> list[Any]:
    return [
        library.NameComparison("given_name").configure(term_frequency_adjustments=True),
        library.NameComparison("surname").configure(term_frequency_adjustments=True),
        library.DateOfBirthComparison(
            "date_of_birth", input_is_string=True, datetime_format="%Y%m%d", invalid_dates_as_null=False
        ),
    ]
