"""How bad the reports are: one row of rates for each level of difficulty.

A rate is the share of the reports (or of the values) that it befalls. The levels differ in these numbers only. "real"
follows what the sources say of paper registers: slips come monthly, about one half in twenty never arrives, a tenth of
the names is written in another way, and a tenth of the people has no number at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rates:
    # --- the halves of a move ---
    missing_out: float
    missing_in: float
    member_missing: float
    """One member of a moving household is left off a sheet."""
    late_days_mean: float
    monthly_slips: float
    """Waits for the first days of the next month."""
    date_off: float
    date_off_days_max: int
    place_empty: float
    place_wrong: float
    duplicate: float
    # --- what is written about the person ---
    out_values: float
    """A departure that repeats the person's values at all."""
    name: float
    birth_date: float
    number_missing: float
    number_typo: float
    insurance_missing: float
    sex: float
    sex_with_prefix: float
    parent_missing: float
    parent_name: float
    phone_missing: float
    phone_new: float
    other_missing: float
    """Ethnicity and marital status, each."""
    damaged_text: float
    copied_share: float
    """Errors in a departure, which is copied from the register, relative to those of an arrival."""
    # --- what did not happen, and what was said about it ---
    cancelled: float
    """Withdrawn departures and arrivals, relative to moves."""
    false_out: float
    confirmed: float
    disputed: float
    doubled: float
    """Persons who stand in their commune's register twice."""
    weird: float


EASY: Final = Rates(
    missing_out=0.01,
    missing_in=0.002,
    member_missing=0.002,
    late_days_mean=5.0,
    monthly_slips=0.1,
    date_off=0.05,
    date_off_days_max=2,
    place_empty=0.01,
    place_wrong=0.0,
    duplicate=0.005,
    out_values=0.9,
    name=0.03,
    birth_date=0.01,
    number_missing=0.02,
    number_typo=0.002,
    insurance_missing=0.3,
    sex=0.0,
    sex_with_prefix=0.01,
    parent_missing=0.15,
    parent_name=0.03,
    phone_missing=0.2,
    phone_new=0.05,
    other_missing=0.03,
    damaged_text=0.0,
    copied_share=0.2,
    cancelled=0.01,
    false_out=0.002,
    confirmed=0.05,
    disputed=0.002,
    doubled=0.0,
    weird=0.0,
)
REAL: Final = Rates(
    missing_out=0.05,
    missing_in=0.01,
    member_missing=0.005,
    late_days_mean=12.0,
    monthly_slips=0.35,
    date_off=0.25,
    date_off_days_max=6,
    place_empty=0.08,
    place_wrong=0.02,
    duplicate=0.02,
    out_values=0.6,
    name=0.12,
    birth_date=0.05,
    number_missing=0.10,
    number_typo=0.012,
    insurance_missing=0.5,
    sex=0.002,
    sex_with_prefix=0.05,
    parent_missing=0.3,
    parent_name=0.08,
    phone_missing=0.3,
    phone_new=0.2,
    other_missing=0.1,
    damaged_text=0.001,
    copied_share=0.2,
    cancelled=0.02,
    false_out=0.004,
    confirmed=0.10,
    disputed=0.005,
    doubled=0.0001,
    weird=0.001,
)
HARD: Final = Rates(
    missing_out=0.12,
    missing_in=0.03,
    member_missing=0.02,
    late_days_mean=22.0,
    monthly_slips=0.5,
    date_off=0.4,
    date_off_days_max=15,
    place_empty=0.2,
    place_wrong=0.06,
    duplicate=0.05,
    out_values=0.4,
    name=0.28,
    birth_date=0.13,
    number_missing=0.3,
    number_typo=0.04,
    insurance_missing=0.7,
    sex=0.008,
    sex_with_prefix=0.12,
    parent_missing=0.5,
    parent_name=0.18,
    phone_missing=0.5,
    phone_new=0.35,
    other_missing=0.2,
    damaged_text=0.02,
    copied_share=0.35,
    cancelled=0.04,
    false_out=0.01,
    confirmed=0.10,
    disputed=0.02,
    doubled=0.0005,
    weird=0.006,
)

LEVELS: Final = {"easy": EASY, "real": REAL, "hard": HARD}
