"""One launcher, one reader and one tree for all tests of a worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.crash.nursery import Nursery
from tests.integration.crash.world import Reader, World, build

CIPHER = Path(sys.prefix) / "cipher"


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def template(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    build(folder, nursery)
    return folder


@pytest.fixture(scope="session")
def cipher() -> Iterator[Nursery]:
    """A launcher with the SQLite that can encrypt."""
    nursery = Nursery(CIPHER)
    yield nursery
    nursery.close()


@pytest.fixture
def make_world(nursery: Nursery, reader: Reader, template: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Copies of the tree; with other processes than the usual ones if a nursery is given."""
    made: list[World] = []

    def make(other: Nursery | None = None) -> World:
        made.append(World(other or nursery, reader, template, tmp_path / f"w{len(made)}"))
        return made[-1]

    yield make
    for world in made:
        world.close()
