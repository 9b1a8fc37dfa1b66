"""Words for what the settlement decided: each reason and each request of a decision as one sentence, in the language of
the user.

``conflict`` gives reasons as data, a code with the rule and what it is about. Every code has a sentence here. Nobody's
name or number can stand in one: a reason does not carry them (RESOLVER 73).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conflict.cases import Fact
from conflict.decisions import Action, Ask, Decision
from conflict.explanation import Reason, Why
from ops.i18n import N_, _

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Fact.DEPARTED: N_("A departure was written down."),
        Fact.ARRIVED: N_("{day}: the arrival {about} was written down."),
        Fact.STAYS: N_("It is a temporary stay."),
        Fact.EMIGRATED: N_("The departure was to another country."),
        Fact.WITHDRAWN: N_("The report was withdrawn."),
        Fact.DIED: N_("The person died."),
        Fact.OUT_CONFIRMED: N_("The old office says that the person has left."),
        Fact.OUT_DISPUTED: N_("The old office says that the person still lives there."),
        Fact.IN_CONFIRMED: N_("{day}: the new office says that the person lives there."),
        Fact.IN_DISPUTED: N_("The new office says that the person never came."),
        Fact.WAITED: N_("The waiting time of the departure is over."),
        Fact.FOUND: N_("The record that the person left behind was found: {about}."),
        Fact.AGREED: N_("{day}: the old office agrees ({about})."),
        Fact.SILENT: N_("{day}: the old office was asked and has not answered in time; that counts as agreement."),
        Fact.SEARCHED: N_("{day}: nobody like this was found anywhere, so this is somebody new."),
        Fact.CONTESTED: N_("{day}: an office says otherwise ({about})."),
        Fact.CLEARED: N_("{day}: whoever said otherwise has given way."),
        Fact.DOUBTED: N_("This may be somebody who is already counted: {about}."),
        Why.CLOSING: N_("Equal personal numbers, or the place that was named, are enough for {about} to decide."),
        Why.CLIMBED: N_("Below {about} the evidence is not enough, so it decides."),
        Why.RULED_SAME: N_("A reviewer ruled that it is the same person: {about}."),
        Why.RULED_DIFFERENT: N_("A reviewer ruled that they are different persons: {about}."),
        Why.REOPENED: N_("Since a reviewer ruled, there is new evidence about the person: {about}."),
        Why.REFUSED: N_("Joining these would contradict a fact or a ruling: {about}."),
        Why.DEATH_BEFORE: N_("{day}: a death is dated before the arrival ({about})."),
        Why.RECORDED_DEAD: N_("{day}: the person was recorded dead before the arrival ({about})."),
        Why.RIVALS: N_("The person stands in several registers, and no departure explains it: {about}."),
        Why.DUPLICATE: N_("The person had more than one record: {about}."),
        Why.SHEET: N_("These members of one household went together: {about}."),
        Why.VISIT: N_("The old office took a temporary stay for a move: {about}."),
        Why.FROM_ABROAD: N_("The person came back from another country."),
    }
)

ASKS: Final[Mapping[Action, str]] = MappingProxyType(
    {
        Action.COUNT: N_("{unit}: the person counts here, by {ref}."),
        Action.CLOSE: N_("{unit}: close {ref}; later entries go to {successor}."),
        Action.ANSWER: N_("{unit}: say whether the person of {ref} has left."),
        Action.VISIT: N_("{unit}: visit the home of {ref}; two offices contradict each other."),
        Action.HOLD: N_("{unit}: do not count {ref} until it is ruled on."),
        Action.RULE: N_("{unit}: rule whether {ref} is somebody who is already counted."),
        Action.REOPEN: N_("{unit}: open {ref} again; later entries go back to it."),
    }
)


def reason_words(reason: Reason) -> str:
    """One sentence, without the rule's number."""
    day = "" if reason.day is None else reason.day.isoformat()
    return _(REASONS[reason.code]).format(day=day, about=", ".join(reason.about))


def ask_words(ask: Ask) -> str:
    """What an office is asked to do, as one sentence."""
    return _(ASKS[ask.action]).format(unit=ask.unit, ref=ask.ref, successor=ask.successor or "-")


def decision_words(decision: Decision) -> tuple[str, ...]:
    """Why, with the rule of each step, and then what is asked of whom."""
    why = (f"{reason_words(reason)} [{reason.rule}]" for reason in decision.reasons)
    return (*why, *(ask_words(ask) for ask in decision.asks))
