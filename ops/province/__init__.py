"""A synthetic province with the truth beside it: an interchange bundle as communes would write it, late and misspelled.

``generate`` writes the bundle and ``truth/``. The same configuration gives the same bytes. Sources: name shares after
the 2019 census and Lê Trung Hoa, "Họ và tên người Việt Nam" (Nguyễn near 38 %, seven family names near 80 %); household
size and rates of birth, death and marriage after the statistics office's yearbooks, rounded; units and codes from
vietnamadminunits.
"""

from ops.province.config import SynthConfig, SynthSummary
from ops.province.generate import generate

__all__ = ["SynthConfig", "SynthSummary", "generate"]
