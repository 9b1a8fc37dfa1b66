"""The language of everything that a person reads: English in the source, Vietnamese from the catalogue.

``--lang`` wins, then DANSYNC_LANG, then the usual LC_ALL, LC_MESSAGES, LANG; English is the default. Messages of
``ops`` are marked with ``_`` (said now) or ``N_`` (said later).

``node``, ``hub`` and ``conflict`` know nothing of this: their errors, alarms and reasons are finished English
sentences. Each of them stands in the catalogue as a *shape* with numbered values (``There is no store at {0}.``).
``translated`` finds the shape that a sentence has, puts the values into its translation, and leaves a sentence of
unknown shape as it is. ``ops.messages`` collects both kinds from the source,
``python -m ops.catalogue`` brings the files up to date.
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

DOMAIN: Final = "dansync"
LOCALE_FOLDER: Final = Path(__file__).with_name("locale")
ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "vi")
_ENVIRONMENT: Final = ("DANSYNC_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_VALUE: Final = re.compile(r"\{(\d+)\}")


class _Speaker:
    """The catalogue in use; one a process."""

    __slots__ = ("catalogue", "language")

    def __init__(self) -> None:
        self.language = ENGLISH
        self.catalogue: gettext.NullTranslations = gettext.NullTranslations()


_speaker: Final = _Speaker()


def wanted_language(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language that a command line and its environment ask for; English if it is none that we have."""
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == "--lang" and position + 1 < len(arguments):
            return _known(arguments[position + 1])
        if argument.startswith("--lang="):
            return _known(argument.partition("=")[2])
    return next((_known(environment[name]) for name in _ENVIRONMENT if environment.get(name)), ENGLISH)


def _known(text: str) -> str:
    language = re.split(r"[_.@-]", text.lower(), maxsplit=1)[0]
    return language if language in LANGUAGES else ENGLISH


def use(language: str) -> None:
    """Speak this language from now on, click's own sentences included (it asks the process-wide gettext domain)."""
    _speaker.language = language
    _speaker.catalogue = (
        gettext.NullTranslations()
        if language == ENGLISH
        else gettext.translation(DOMAIN, LOCALE_FOLDER, languages=[language], fallback=True)
    )
    gettext.bindtextdomain(DOMAIN, str(LOCALE_FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = language  # what gettext.gettext() looks at first; our child processes inherit it, too
    _shapes.cache_clear()


def language() -> str:
    return _speaker.language


def _(message: str) -> str:
    """The message in the language of the user."""
    return _speaker.catalogue.gettext(message) if message else ""


def N_(message: str) -> str:  # noqa: N802  the name that every gettext tool knows
    """Marks a message that is translated where it is shown."""
    return message


def ngettext(one: str, many: str, count: int) -> str:
    """The form for a number."""
    return _speaker.catalogue.ngettext(one, many, count)


@lru_cache(maxsize=1)
def _shapes() -> tuple[tuple[tuple[re.Pattern[str], ...], str], ...]:
    """Messages with numbered values as patterns, those with the most fixed text first.

    Two patterns each, because only the values say where one ends and the next begins ("The person 'P1'"): in one the
    first values are as long as can be, in the other as short.
    """
    known: Mapping[object, str] = getattr(_speaker.catalogue, "_catalog", {})
    found = []
    for message in known:
        if isinstance(message, str) and _VALUE.search(message):
            parts = _VALUE.split(message)
            found.append((sum(len(part) for part in parts[::2]), _patterns(parts), message))
    return tuple((patterns, message) for _fixed, patterns, message in sorted(found, key=lambda shape: -shape[0]))


def _patterns(parts: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    """``parts``: fixed text and numbers of values in turn."""
    return tuple(
        re.compile(
            "".join(
                re.escape(part) if position % 2 == 0 else f"(?P<v{part}>{value})" for position, part in enumerate(parts)
            ),
            re.DOTALL,
        )
        for value in (".*", ".*?")
    )


def translated(text: str) -> str:
    """A finished English sentence of ``node``, ``hub`` or ``conflict`` in the language of the user.

    A value that is itself a message ("The person") is translated, too.
    """
    if not text or _speaker.language == ENGLISH:
        return text
    whole = _(text)
    if whole != text:
        return whole
    for patterns, message in _shapes():
        matches = [match for match in (pattern.fullmatch(text) for pattern in patterns) if match is not None]
        if matches:
            return _filled(_(message), max((_values(match) for match in matches), key=_translated_count))
    return text


_Values = dict[str, tuple[str, str]]
"""What stands in a sentence, and its translation, by the number in the shape."""


def _values(match: re.Match[str]) -> _Values:
    return {name[1:]: (value, translated(value)) for name, value in match.groupdict().items()}


def _translated_count(values: _Values) -> int:
    return sum(value != translation for value, translation in values.values())


def _filled(message: str, values: _Values) -> str:
    return _VALUE.sub(lambda found: values[found.group(1)][1] if found.group(1) in values else found.group(), message)
