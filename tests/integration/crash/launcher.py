"""The process that all others are forked from: it has loaded the product and done nothing yet, so that a node or a command
starts in milliseconds. Each child gets its arguments, its environment and perhaps a fuse, and is then a `dansync` like any
other.

Speaks lines of JSON: requests on standard input, answers on standard output. When its input ends, it ends what still runs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from ops.cli.main import COMMANDS, cli
from tests.integration.crash import variants
from tests.integration.crash.fuse import Burning, Fuse, NoSuchStep

EXIT_NO_SUCH_STEP = 99
DISK = "tests.integration.crash.disk"


def become(request: dict[str, Any]) -> NoReturn:
    """In the child: turn into `dansync` with these arguments."""
    os.setsid()
    descriptor = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    errors = os.open(request["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (descriptor, 1), (errors, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(request["environment"])
    code = 1
    try:
        for name in request["variants"]:
            variants.VARIANTS[name]()
        if request["fuse"] is not None:
            fuse = Fuse(**request["fuse"])
            if fuse.where.startswith(DISK):
                import_module(DISK).watch()
            Burning(fuse, Path(request["mark"])).place()
        cli.main(args=request["arguments"])
    except NoSuchStep as error:
        sys.stderr.write(f"{error}\n")
        code = EXIT_NO_SUCH_STEP
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for _group, commands in COMMANDS:
        for place in commands.values():
            import_module(f"ops.cli.{place.partition(':')[0]}")
    alive: set[int] = set()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    answers.write("{}\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            pid = os.fork()
            if pid == 0:
                answers.close()
                become(request)
            alive.add(pid)
            said: dict[str, int] = {"pid": pid}
        else:  # the exit code of one that has ended
            _, status = os.waitpid(request["pid"], 0)
            alive.discard(request["pid"])
            said = {"code": os.waitstatus_to_exitcode(status)}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
