from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.protocol.codes import CODES, known_code

ROOT = Path(__file__).parents[2]
CODE_FIRST = {"FrameRefused", "CommitRefused", "Refused", "Close", "_finish", "_close", "violated", "give_up"}
CODE_SECOND = {"Halt", "Refuse"}
SHELLS = (
    "node/protocol",
    "node/wire.py",
    "node/codec.py",
    "node/chain.py",
    "node/session.py",
    "node/applier.py",
    "hub",
)


def sources() -> Iterator[Path]:
    for name in SHELLS:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path] * path.exists()


def codes_in(path: Path) -> Iterator[str]:
    """The words that a module says as codes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        position = 0 if name in CODE_FIRST else 1 if name in CODE_SECOND else None
        if position is not None and len(node.args) > position:
            argument = node.args[position]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value:
                yield argument.value


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_code_that_is_said_is_in_the_closed_set(path: Path) -> None:
    assert set(codes_in(path)) <= CODES


def test_the_search_finds_the_codes() -> None:
    found = {code for path in sources() for code in codes_in(path)}
    assert {"out_of_turn", "hello_timeout", "not_enrolled", "malformed", "wrong_chain", "log_missing"} <= found


@pytest.mark.parametrize(("said", "counted"), [("gap", "gap"), ("done", "done"), ("anything", "other"), ("", "other")])
def test_a_word_of_a_peer_is_counted_only_if_it_is_known(said: str, counted: str) -> None:
    assert known_code(said) == counted
