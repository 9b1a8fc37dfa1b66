"""How our commands differ from click's: help in the language of the user, examples below it, options that all share.

Decorators run when modules are imported, before anybody knows the language, so they hold English (marked with ``N_``);
``localise`` puts the translation in place before a command line is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import rich_click as click

from ops.i18n import LANGUAGES, N_, _

AnyCallback = TypeVar("AnyCallback", bound=Callable[..., Any])

_english: Final[WeakKeyDictionary[click.Command | click.Parameter, tuple[str, str]]] = WeakKeyDictionary()
"""Help and epilog as they stand in the source, of every command and parameter that was translated."""


class Command(click.RichCommand):
    """A command whose help ends in examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)


class Group(click.RichGroup):
    """A group of such commands."""

    command_class = Command

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)


def localise(command: click.Command) -> None:
    """Put the help of a command, of its parameters and of its subcommands into the language in use."""
    text, epilog = _english.setdefault(command, (command.help or "", command.epilog or ""))
    command.help = _help(text, getattr(command, "examples", ()))
    command.epilog = _(epilog)
    for child in getattr(command, "commands", {}).values():
        localise(child)
    for parameter in command.params:
        text, _epilog = _english.setdefault(parameter, (getattr(parameter, "help", None) or "", ""))
        if text:
            parameter.help = _(text)


def _help(english: str, examples: Sequence[str]) -> str:
    if not examples:
        return _(english)
    heading = _("Example:") if len(examples) == 1 else _("Examples:")
    return "\n\n".join((_(english), "\b\n" + "\n".join((heading, *(f"  {example}" for example in examples)))))


def language_options(callback: AnyCallback) -> AnyCallback:
    """--lang and --debug, before or behind the command's name; ``Dansync.main`` looks at them before click does."""
    for option in (
        click.option(
            "--debug", is_flag=True, expose_value=False, help=N_("Show a traceback if something unexpected happens.")
        ),
        click.option(
            "--lang",
            type=click.Choice(LANGUAGES),
            expose_value=False,
            help=N_("Language of messages (default: DANSYNC_LANG, then the system's)."),
        ),
    ):
        callback = option(callback)
    return callback


json_option = click.option(
    "--json", "json_mode", is_flag=True, help=N_("One JSON document on standard output, nothing else there.")
)


def command_options(callback: AnyCallback) -> AnyCallback:
    """The options that every command has."""
    return json_option(language_options(callback))
