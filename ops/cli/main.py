"""The entry point: one group of commands, its language, and what becomes of errors.

Exit codes: 0 done; 1 unexpected; 2 the call was wrong; 3 the store cannot be used; 4 the data were refused; 5 a peer
broke a rule; 6 the parent cannot be reached; 7 done, but rows were rejected; 8 not enrolled, not allowed, or another
node's register; 130 interrupted with Ctrl+C.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import rich_click as click
from click.exceptions import Abort, Exit, NoArgsIsHelpError, NoSuchCommand

from node.errors import DansyncError
from ops import i18n
from ops.cli.command import Group, language_options, localise
from ops.cli.output import Output
from ops.i18n import N_, _, translated
from ops.release import RELEASE

EXIT_UNEXPECTED: Final = 1
EXIT_INTERRUPTED: Final = 130
HELP_WIDTH_MAX: Final = 100
COMPLETION: Final = "_DANSYNC_COMPLETE"

COMMANDS: Final = (
    (
        N_("A node"),
        {
            "init": "node:init",
            "run": "node:run",
            "drain": "drain:drain",
            "status": "status:status",
            "log": "log:log",
            "courier": "courier:courier",
            "quarantine": "quarantine:quarantine",
            "verify": "verify:verify",
            "resync": "resync:resync",
            "prune": "prune:prune",
            "healing": "healing:healing",
            "encrypt": "encrypt:encrypt",
            "backup": "backup:backup",
            "restore": "restore:restore",
            "scrub": "scrub:scrub_command",
        },
    ),
    (
        N_("Who takes part"),
        {
            "ca": "authority:ca",
            "node": "authority:node",
            "enroll": "enroll:enroll",
            "parent": "moving:parent",
            "origin": "origin:origin",
            "unit": "unit:unit",
            "user": "user:user",
        },
    ),
    (
        N_("The register"),
        {
            "record": "record:record",
            "inbox": "inbox:inbox",
            "cases": "cases:cases",
            "parameters": "parameters:parameters",
            "import": "data:import_",
            "export": "data:export",
        },
    ),
    (
        N_("Trying it out"),
        {"demo": "trial:demo", "synth": "trial:synth", "rehearse": "trial:rehearse_command"},
    ),
)
"""The commands by their group in the help, and where they stand: module of ops.cli, attribute.

They are loaded when they are needed: showing a status takes half the time without the network's libraries, and a
commune's machine need not have what makes synthetic provinces.
"""
_PLACES: Final = {name: place for _group, commands in COMMANDS for name, place in commands.items()}


class Dansync(Group):
    """The whole command line. ``main`` decides on language, errors and exit codes, also under a ``CliRunner``."""

    def main(  # type: ignore[override]  # click's overloads say when it returns: never here
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **_extra: Any
    ) -> NoReturn:
        given = list(sys.argv[1:] if args is None else args)
        _speak_utf8()
        i18n.use(i18n.wanted_language(given, os.environ))
        self._localise()
        output = Output(json_mode="--json" in given)
        try:
            code = self._perform(given)
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_pipe()
            sys.exit(0)
        except (KeyboardInterrupt, Abort):
            _explain(
                output,
                "Interrupted",
                _("Interrupted."),
                _("What was recorded before is safe; run the same command again."),
                EXIT_INTERRUPTED,
            )
        except DansyncError as error:
            _explain(output, type(error).__name__, translated(error.message), translated(error.hint), error.exit_code)
        except click.ClickException as error:
            _explain(output, "UsageError", *_of_click(error), error.exit_code)
        except Exception as error:  # noqa: BLE001  the border of the program
            if "--debug" in given or os.environ.get("DANSYNC_DEBUG"):
                traceback.print_exc()
            message = _("Something unexpected happened: {error}").format(error=f"{type(error).__name__}: {error}")
            hint = _("Run the same command with --debug and report what it says.")
            _explain(output, "Unexpected", message, hint, EXIT_UNEXPECTED)
        sys.exit(code if isinstance(code, int) else 0)

    def _perform(self, given: list[str]) -> object:
        """What click's ``main`` does, but for the errors: it would take a pipe that nobody reads for a failure."""
        if COMPLETION in os.environ:  # a shell asks how a line could go on
            return super().main(args=given, prog_name="dansync", standalone_mode=False)
        try:
            with self.make_context("dansync", list(given)) as context:
                return self.invoke(context)
        except Exit as error:
            return error.exit_code
        except NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help())
            return 0

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        module, _colon, attribute = place.partition(":")
        command: click.Command = getattr(import_module(f"ops.cli.{module}"), attribute)
        localise(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _PLACES:
            raise NoSuchCommand(args[0], possibilities=_PLACES, ctx=ctx)  # click would look among the loaded ones
        return super().resolve_command(ctx, args)

    def _localise(self) -> None:
        localise(self)
        settings = click.rich_click
        settings.MAX_WIDTH = HELP_WIDTH_MAX
        settings.TEXT_MARKUP = None
        settings.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"
        settings.PADDING_HELPTEXT_FIRST_LINE = (0, 0, 1, 0)
        settings.SHOW_ARGUMENTS = True
        settings.ARGUMENTS_PANEL_TITLE = _("Arguments")
        settings.OPTIONS_PANEL_TITLE = _("Options")
        settings.COMMANDS_PANEL_TITLE = _("Commands")
        settings.REQUIRED_LONG_STRING = _("[required]")
        settings.DEFAULT_STRING = _("[default: {}]")
        settings.COMMAND_GROUPS = {
            "dansync": [{"name": _(name), "commands": list(commands)} for name, commands in COMMANDS]
        }


@click.group(
    cls=Dansync,
    help=N_(
        "Keep a population register in step: every commune writes its own, online or not, and every tier above holds a "
        "provably equal copy.\n\nEach command explains itself: dansync COMMAND --help"
    ),
    epilog=N_(
        "Exit codes: 0 done, 1 unexpected, 2 wrong call, 3 store, 4 data refused, 5 a peer broke a rule, 6 parent "
        "not reachable, 7 done but rows rejected, 8 not enrolled or not allowed, 130 interrupted. "
        "Language: --lang, DANSYNC_LANG or the system's."
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(
    RELEASE, prog_name="dansync", message="%(prog)s %(version)s", help=N_("Show the version and end.")
)
@language_options
def cli() -> None:
    """Its help stands in the decorator, where it is marked for translation."""


def _of_click(error: click.ClickException) -> tuple[str, str]:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dansync"
    return error.format_message(), _("See: {command} --help").format(command=path)


def _explain(output: Output, kind: str, message: str, hint: str, code: int) -> NoReturn:
    output.document({"error": {"kind": kind, "message": message, "hint": hint, "exit_code": code}})
    if not output.json_mode:
        output.error(message, hint)
    sys.exit(code)


def _speak_utf8() -> None:
    """A pipe or an old console that cannot write Vietnamese gets UTF-8, or a replacement, never a crash."""
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "")
        reconfigure = getattr(stream, "reconfigure", None)
        if encoding != "utf8" and reconfigure is not None:
            reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def _leave_pipe() -> None:
    """Nobody reads any more: keep Python from complaining about it while it shuts down."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """The console script ``dansync``."""
    cli.main()


if __name__ == "__main__":
    main()
