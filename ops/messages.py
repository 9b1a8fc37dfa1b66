"""Collects every message from the source; ``ops.catalogue`` keeps the translations in step with them.

Two kinds, read from the syntax trees and never by running anything:

- what stands in ``_()``, ``N_()`` and ``ngettext()`` in ``ops``, as it stands there;
- *shapes*: the sentences of errors, alarms and reasons in ``node``, ``hub``, ``conflict`` and ``ops``. Their f-strings
  become templates with numbered values; a choice between two texts (``{'s' if many else ''}``) becomes two templates.

A few sentences of click are added, because people meet them in our commands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("node", "hub", "conflict", "ops")
MARKS: Final = frozenset({"_", "N_"})
ERRORS_HOME: Final = "node/errors.py"
SENTENCE_CALLS: Final = frozenset(
    {
        *("Reject", "ValueRefused", "_one_of", "raise_alarm", "_raise_alarm", "alarm_now", "_alarm", "halt"),
        *("Alarm", "Halt", "Refuse", "Close", "Finish", "_finish"),
        *("Note", "_note"),
        *("Objection", "Explanation", "Finding", "_refused", "_clock", "_not_believed", "Refused", "violated", "stop"),
        "OriginScrub",
    }
)
"""Beside the error classes: calls whose texts reach a person."""
SENTENCE_TABLES: Final = frozenset({"EXPLANATIONS", "ENCODING_NAMES"})
"""Tables of modules whose values reach a person."""
FIXED_LETTERS_MIN: Final = 8
"""A shape with less text of its own than this would match almost anything."""

_NUMBER: Final = re.compile(r"\{(\d+)\}")

CLICK: Final = (
    "Usage:",
    "Show this message and exit.",
    "Missing argument",
    "Missing option",
    "Missing parameter",
    "Missing command.",
    "Missing parameter: {param_name}",
    "No such option {name!r}.",
    "No such command {name!r}.",
    "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}",
    "Choose from:\n\t{choices}",
    "{value!r} is not a valid {number_type}.",
    "integer",
    "integer range",
    "{value} is not in the range {range}.",
    "{name} {filename!r} is a file.",
    "{name} {filename!r} does not exist.",
    "Option {name!r} does not take a value.",
    "directory",
    "file",
)


CLICK_PLURALS: Final = (
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
)


@dataclass(frozen=True, slots=True)
class Message:
    """``plural`` is '' for all but ``ngettext``. ``places`` are path:line, sorted."""

    text: str
    plural: str
    places: tuple[str, ...]


def collect(root: Path = ROOT) -> list[Message]:
    """Every message, sorted by its text."""
    trees = {
        path.relative_to(root).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    errors = _error_classes(trees.values())
    found: dict[tuple[str, str], set[str]] = {}
    for place, tree in trees.items():
        for text, plural, line in _of_module(tree, errors, marks=place.startswith("ops/")):
            found.setdefault((text, plural), set()).add(f"{place}:{line}")
    for text, plural in (*((text, "") for text in CLICK), *CLICK_PLURALS):
        found.setdefault((text, plural), set()).add("click:0")
    plurals = {text for text, plural in found if plural}
    return [
        Message(text, plural, tuple(sorted(places)))
        for (text, plural), places in sorted(found.items())
        if plural or text not in plurals
    ]


def _error_classes(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Names of ``DansyncError`` and of everything that is derived from it."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"DansyncError"}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return frozenset(found)


def _of_module(tree: ast.Module, errors: frozenset[str], *, marks: bool) -> Iterator[tuple[str, str, int]]:
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    makers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id in errors
    }
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Dict):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if isinstance(target, ast.Name) and target.id in SENTENCE_TABLES:
                for value in statement.value.values:
                    yield from _sentences(value, constants)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in makers:  # puts its sentences together in steps
            for inner in ast.walk(node):
                if isinstance(inner, ast.Assign):
                    yield from _sentences(inner.value, constants)
        if not isinstance(node, ast.Call):
            continue
        name = _called(node)
        if marks and name in MARKS and node.args:
            yield from ((text, "", node.lineno) for text in _texts(node.args[0], constants))
        elif marks and name == "ngettext":
            forms = [text for argument in node.args[:2] for text in _texts(argument, constants)]
            if len(forms) == 2:
                yield forms[0], forms[1], node.lineno
        elif name in errors or name in makers or name in SENTENCE_CALLS:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from _sentences(argument, constants)


def _called(node: ast.Call) -> str:
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _sentences(node: ast.expr, constants: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    """Shapes that are sentences: codes and column names have no blank, and a frame of values has no text of its own."""
    for text in _texts(node, constants):
        fixed = _NUMBER.sub("", text)
        if " " in text.strip() and sum(letter.isalpha() for letter in fixed) >= FIXED_LETTERS_MIN:
            yield text, "", node.lineno


def _shifted(shape: str, by: int) -> str:
    """A shape inside another one: its values are numbered on from those before it."""
    return _NUMBER.sub(lambda found: f"{{{int(found.group(1)) + by}}}", shape)


def _texts(node: ast.expr, constants: dict[str, str]) -> Iterator[str]:
    """All texts that an expression can be, its values numbered; nothing if it is no text in the source."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Name(id=name) if name in constants:
            yield constants[name]
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body, constants)
            yield from _texts(orelse, constants)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for one, two in product(tuple(_texts(left, constants)), tuple(_texts(right, constants))):
                yield one + two
        case ast.JoinedStr(values=values):
            yield from _templates(values, constants)
        case ast.Call(func=ast.Attribute(value=inner, attr="strip")):
            yield from _texts(inner, constants)
        case _:
            return


def _templates(values: list[ast.expr], constants: dict[str, str]) -> Iterator[str]:
    parts: list[tuple[str, ...]] = []
    number = 0
    for value in values:
        if isinstance(value, ast.Constant):
            parts.append((str(value.value),))
            continue
        assert isinstance(value, ast.FormattedValue)
        choices = tuple(_texts(value.value, constants)) if isinstance(value.value, ast.IfExp) else ()
        if len(choices) == 2:
            inside = max((len(_NUMBER.findall(choice)) for choice in choices), default=0)
            parts.append(tuple(_shifted(choice, number) for choice in choices))
            number += inside
        else:
            parts.append((f"{{{number}}}",))
            number += 1
    yield from ("".join(choice) for choice in product(*parts))
