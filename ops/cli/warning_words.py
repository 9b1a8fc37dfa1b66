"""The warnings that stand beside a row, in words."""

from __future__ import annotations

from typing import Final

from ops.i18n import N_, _

WORDS: Final = {
    "future_date": N_("the event is dated after it was written down"),
    "future_birth": N_("the birth date lies after the day of writing"),
    "before_birth": N_("the event is dated before the person's birth"),
    "before_arrival": N_("the event is dated before the person's arrival"),
    "second_death": N_("a death of the person is recorded already"),
    "second_move_out": N_("a departure of the person is recorded already"),
    "person_dead": N_("the person is recorded as dead"),
    "person_left": N_("the person is recorded as having left"),
    "person_void": N_("the person's arrival was withdrawn"),
    "person_known": N_("the person is in the register already"),
    "other_person_dead": N_("the other person is recorded as dead"),
    "other_person_void": N_("the other person's arrival was withdrawn"),
    "spouse_is_self": N_("the spouse is the person"),
    "already_married": N_("the person is recorded as married"),
    "not_married": N_("the person is not recorded as married"),
    "mother_not_female": N_("the mother is recorded as male"),
    "mother_too_young": N_("the mother would have been a child"),
    "birth_date_differs": N_("the newborn's birth date is not the date of the birth"),
    "not_temporary": N_("the person has no temporary stay"),
    "empty_correction": N_("the correction corrects nothing"),
    "already_withdrawn": N_("the event is withdrawn already"),
    "withdraws_cancel": N_("a withdrawal is withdrawn"),
    "other_persons_event": N_("the withdrawn event concerns another person"),
    "settled_elsewhere": N_("by a decision the person counts elsewhere; this goes to the record there"),
    "personal_id_form": N_("the personal number does not have 12 digits"),
    "personal_id_sex": N_("the personal number disagrees with the sex"),
    "personal_id_birth_year": N_("the personal number disagrees with the year of birth"),
    "old_card_in_personal_id": N_("a 9-digit number was read as an old card"),
    "legacy_encoding": N_("the text seems to be in an old encoding (TCVN3 or VNI)"),
}


def warning_words(code: str) -> str:
    """A warning's sentence; the code itself if it is not known here."""
    return _(WORDS.get(code, code))
