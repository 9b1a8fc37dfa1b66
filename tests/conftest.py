"""What all tests share: the hypothesis profiles and the number of simulator seeds. Markers stand in pyproject.toml."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The default draws the same examples in every run: a red build is about the change, not about luck. A failure prints the
# blob that replays it.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
# HYPOTHESIS_PROFILE=explore looks for new examples; what it finds is written down as an example before it is mended.
settings.register_profile("explore", deadline=None, print_blob=True, max_examples=1000)
# HYPOTHESIS_PROFILE=soak is for machines that have a night: tests/properties/test_trees.py draws thousands of trees.
settings.register_profile("soak", deadline=None, print_blob=True, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=20, help="how many seeds each simulation marked `soak` runs through")


@pytest.fixture(scope="session")
def seed_count(pytestconfig: pytest.Config) -> int:
    """The number of seeds that a soak test runs through (`make sim SEEDS=500`)."""
    count = pytestconfig.getoption("seeds")
    assert isinstance(count, int)
    return count
