"""A synthetic province with the truth beside it: a bundle as FORMAT describes it, and who its records really are.

``generate`` first makes the population, commune by commune, and writes it as it goes; only households to which
something happens stay in memory. Then it lets them live: ``stories`` says what truly happens, ``reports`` what the two
sides write down about it, ``misspelling`` and ``defects`` how wrongly. Same configuration, same bytes.
"""

from ops.synth.config import SynthConfig
from ops.synth.generator import SynthSummary, generate

__all__ = ["SynthConfig", "SynthSummary", "generate"]
