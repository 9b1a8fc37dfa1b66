"""Why two records are or are not one person, in words for the person who rules: one line a field, with its bits."""

from __future__ import annotations

from typing import Final

from conflict.comparison import Field
from conflict.score import Evidence, Score
from ops.i18n import N_, _

FIELDS: Final = {
    Field.FAMILY: N_("family name"),
    Field.MIDDLE: N_("middle name"),
    Field.GIVEN: N_("given name"),
    Field.ORDER: N_("order of the name"),
    Field.BIRTH: N_("birth date"),
    Field.NUMBER: N_("personal number"),
    Field.OLD_CARD: N_("old card"),
    Field.INSURANCE: N_("insurance number"),
    Field.SEX: N_("sex"),
    Field.FATHER: N_("father's name"),
    Field.MOTHER: N_("mother's name"),
    Field.ETHNICITY: N_("ethnicity"),
    Field.PHONE: N_("telephone"),
    Field.ORIGIN: N_("place left"),
    Field.DEPARTURE: N_("departure"),
    Field.COMPANIONS: N_("those who came along"),
}
LEVELS: Final = {
    "same": N_("the same"),
    "initial": N_("abbreviated"),
    "unmarked": N_("the same but for marks that were left out"),
    "homophone": N_("a regional form"),
    "spoken": N_("written as it is spoken"),
    "tone": N_("another tone"),
    "marks": N_("other marks"),
    "letter": N_("one letter differs"),
    "alike": N_("similar letters"),
    "different": N_("different"),
    "dropped": N_("words were left out"),
    "partial": N_("one word agrees"),
    "kept": N_("as usual"),
    "changed": N_("the same words in another order"),
    "same_day": N_("the same day"),
    "same_month": N_("the same month, the day is open"),
    "same_year": N_("the same year, the day is open"),
    "swapped": N_("day and month exchanged"),
    "lunar": N_("20 to 50 days apart, as a lunar date is"),
    "slip": N_("a slip of a digit"),
    "year_near": N_("a year or two apart, the day is open"),
    "same_year_only": N_("the same year, another day"),
    "explained": N_("different, and a part of the name explains it"),
    "variant": N_("the same name in another form"),
    "similar": N_("one part differs"),
    "named": N_("is where the record is kept"),
    "elsewhere": N_("another place"),
    "here": N_("to this place"),
    "open": N_("to a place that nobody named"),
    "none": N_("none"),
    "shared": N_("come from the same household"),
}
REMARKS: Final = {
    "shared_number": N_("Alarm: one personal number stands on two people. Find out who bears it."),
    "two_numbers": N_("Each has a sound personal number of their own, and another given name or birth date."),
    "twins": N_("Born on one day, with another given name and another number: twins."),
    "changed_name": N_("One personal number and another given name: ask whether the name was changed."),
    "other_number": N_("All else agrees, but each has a sound personal number of their own."),
    "other_family": N_("Another family name, and no personal number in common: ask whether it is the same person."),
    "first": N_("By its own digits the first personal number is mistyped: they contradict sex or year of birth."),
    "second": N_("By its own digits the second personal number is mistyped: they contradict sex or year of birth."),
}


def field_words(item: Evidence) -> str:
    """One field: what it is, how it compares, and how many bits that is worth against strangers."""
    return _("{0}: {1} ({2} bits)").format(_(FIELDS[item.field]), _(LEVELS[item.level]), f"{item.bits:+.1f}")


def score_words(score: Score) -> list[str]:
    """The whole explanation: remarks first, then the personal fields, then those of the household, each by weight."""
    remarks = [_(REMARKS[code]) for code in (*score.hard, *score.doubts, score.mistyped) if code]
    ranked = sorted(score.evidence, key=lambda item: (not item.personal, -abs(item.bits), item.field))
    lines = [*remarks, *map(field_words, ranked)]
    if score.among_members < -0.05:
        lines.append(_("It could be another member of the household: {0} bits").format(f"{score.among_members:+.1f}"))
    lines.append(
        _("Altogether {0} bits; without any evidence it would be {1}").format(
            f"{score.bits:+.1f}", f"{score.prior:+.1f}"
        )
    )
    return lines
