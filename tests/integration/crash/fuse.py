"""A fuse: kill -9 of the own process at a named step of the product, which knows nothing of it.

A step is a function or method by its name. It is wrapped in the process that is to die, before that process begins its
work; whoever has imported it under another name gets the wrapped one too.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "leaving", "after"]


class NoSuchStep(Exception):
    """A name in the table of points stands for nothing any more."""


@dataclass(frozen=True, slots=True)
class Fuse:
    """Where it burns through: at the ``call``-th call of ``where`` ("module:qualname").

    ``when``: before the call, after it has returned, or, for a context manager, when its body is done and it is being
    left. ``within``: only calls that another function has under way count. ``about``: only calls count that have a
    value of a type of this name among their arguments.
    """

    where: str
    when: When = "before"
    call: int = 1
    within: str = ""
    about: str = ""

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that has a name: ``name`` in ``owner``, a module or a class, where ``raw`` stands."""

    owner: Any
    name: str
    raw: Any


def found(where: str) -> Step:
    """Raises ``NoSuchStep``."""
    module, _, qualname = where.partition(":")
    try:
        owner: Any = import_module(module)
        *classes, name = qualname.split(".")
        for part in classes:
            owner = getattr(owner, part)
        return Step(owner, name, inspect.getattr_static(owner, name))
    except (ImportError, AttributeError) as error:
        raise NoSuchStep(
            f"{where} is not there any more ({error}): say in tests/integration/crash/points.py where this step is now"
        ) from error


class Burning:
    """A fuse that is in place. ``mark`` is written just before the end: a fuse that never burnt left none."""

    def __init__(self, fuse: Fuse, mark: Path) -> None:
        self._fuse = fuse
        self._mark = mark
        self._calls = 0
        self._inside = 0

    def place(self) -> None:
        step = found(self._fuse.where)
        self._put(step, self._with_fuse)
        if self._fuse.within:
            self._put(found(self._fuse.within), self._noticed)

    def _put(self, step: Step, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        raw = step.raw
        if isinstance(raw, (staticmethod, classmethod)):
            setattr(step.owner, step.name, type(raw)(wrap(raw.__func__)))
            return
        if isinstance(raw, property):
            assert raw.fget is not None
            setattr(step.owner, step.name, property(wrap(raw.fget)))
            return
        wrapped = wrap(raw)
        setattr(step.owner, step.name, wrapped)
        if inspect.ismodule(step.owner):
            _replace_everywhere(raw, wrapped)

    def _counts(self, arguments: tuple[Any, ...]) -> bool:
        if self._fuse.within and not self._inside:
            return False
        if self._fuse.about and all(type(item).__name__ != self._fuse.about for item in arguments):
            return False
        self._calls += 1
        return self._calls == self._fuse.call

    def burn(self) -> None:
        self._mark.write_text(self._fuse.where, encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)

    def _with_fuse(self, work: Callable[..., Any]) -> Callable[..., Any]:
        when = self._fuse.when

        def passed(arguments: tuple[Any, ...], moment: When) -> bool:
            due = self._counts(arguments)
            if due and moment == when:
                self.burn()
            return due

        if _is_manager(work):

            @functools.wraps(work)
            @contextlib.contextmanager
            def managed(*arguments: Any, **named: Any) -> Iterator[Any]:
                due = passed(arguments, "before")
                with work(*arguments, **named) as value:
                    yield value
                    if due and when == "leaving":
                        self.burn()
                if due:
                    self.burn()

            return managed
        if inspect.iscoroutinefunction(work):

            @functools.wraps(work)
            async def awaited(*arguments: Any, **named: Any) -> Any:
                due = passed(arguments, "before")
                value = await work(*arguments, **named)
                if due:
                    self.burn()
                return value

            return awaited

        @functools.wraps(work)
        def called(*arguments: Any, **named: Any) -> Any:
            due = passed(arguments, "before")
            value = work(*arguments, **named)
            if due:
                self.burn()
            return value

        return called

    def _noticed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Counts how often ``work`` is under way."""
        if _is_manager(work):

            @functools.wraps(work)
            @contextlib.contextmanager
            def managed(*arguments: Any, **named: Any) -> Iterator[Any]:
                with self._under_way(), work(*arguments, **named) as value:
                    yield value

            return managed

        @functools.wraps(work)
        def called(*arguments: Any, **named: Any) -> Any:
            with self._under_way():
                return work(*arguments, **named)

        return called

    @contextlib.contextmanager
    def _under_way(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


def _is_manager(work: Callable[..., Any]) -> bool:
    inner = inspect.unwrap(work)
    return inner is not work and inspect.isgeneratorfunction(inner)


def _replace_everywhere(raw: object, wrapped: object) -> None:
    """Whoever wrote ``from module import name`` before holds the bare function."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or not str(getattr(module, "__name__", "")).startswith(("node", "hub", "ops")):
            continue
        for name, value in list(names.items()):
            if value is raw:
                names[name] = wrapped
