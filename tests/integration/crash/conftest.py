"""One launcher, one reader and one tree for all tests of a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.crash.nursery import Nursery
from tests.integration.crash.world import Reader, World, build


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


@pytest.fixture
def world(nursery: Nursery, reader: Reader, template: Path, tmp_path: Path) -> Iterator[World]:
    world = World(nursery, reader, template, tmp_path / "w")
    yield world
    world.close()


@pytest.fixture
def new_world(nursery: Nursery, reader: Reader, template: Path, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """For tests that need more than one."""
    made: list[World] = []

    def make() -> World:
        made.append(World(nursery, reader, template, tmp_path / f"w{len(made)}"))
        return made[-1]

    yield make
    for world in made:
        world.close()
