"""A hint drops nearly all strangers and nobody else. That it never promises less than the glance: ``test_glance``."""

from __future__ import annotations

from pathlib import Path

from bench.resolver.province import read_province
from conflict.description import describe
from conflict.gains import Gains
from conflict.glance import Ceiling, glance
from conflict.parameters import current_parameters
from conflict.sieve import Sieve, hint, is_standing
from ops.synth.config import SynthConfig
from ops.synth.generator import generate

GAINS = Gains(current_parameters())
HOA = {
    "full_name": "Lê Thị Hoa",
    "sex": "F",
    "birth_date": "1990-02-01",
    "personal_id": "052190003417",
    "insurance_id": "5212345678",
    "father_name": "Lê Văn Hùng",
    "mother_name": "Trần Thị Lan",
}


def test_a_hint_is_the_same_number_for_ever() -> None:
    """It stands in stores: another number would hide those who came before from those who come after."""
    assert hint(glance(describe(HOA, unit="a", departed=False))) == 5063847593380500847
    assert hint(glance(describe({}))) == 0


def test_a_hint_tells_who_stands() -> None:
    assert is_standing(hint(glance(describe(HOA, unit="a", departed=False))))
    assert not is_standing(hint(glance(describe(HOA, unit="a", departed=True, destination="b"))))
    assert not is_standing(hint(glance(describe(HOA, unit="a", origin="b"))))
    assert not is_standing(hint(glance(describe(HOA))))


def test_nearly_all_strangers_of_a_block_are_dropped(tmp_path: Path) -> None:
    generate(SynthConfig(seed=9, persons=4_000, moves=300, difficulty="real"), tmp_path)
    province = read_province(tmp_path)
    index = province.index()
    strangers = dropped = persons = 0
    for ref in province.arrivals:
        text = glance(province.parties[ref].description)
        sieve = Sieve(Ceiling(text, GAINS))
        for other in index.candidates(province.parties[ref].description, apart_from=(ref,)).refs:
            passes = bool(sieve.sift({1: hint(glance(province.parties[other].description))}, 0.0))
            if province.truth[ref] == province.truth[other]:
                persons += passes
            else:
                strangers += 1
                dropped += not passes
    assert strangers > 300 and persons > 100
    assert dropped > 0.6 * strangers
