"""What the small trees of ``test_trees`` have found, as the few steps that it took; each is played to its end there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.properties.test_trees import Trees


@contextmanager
def small_tree(tree: dict[str, str]) -> Iterator[Trees]:
    """A tree whose numbers are those of its nodes; at the end everybody meets, and what must hold is checked."""
    trees = Trees()
    trees.begin(tree)
    yield trees
    trees.teardown()


def test_reference_data_that_come_as_a_snapshot_come_before_all_that_is_judged_by_them() -> None:
    """An empty machine that is restored from the backup of its first minute, below a root whose log was pruned."""
    with small_tree({"n0": "", "n1": "n0"}) as trees:
        trees.lose(number=0, seldom=0)
        trees.copy_all()
        trees.prune(number=0)
        trees.restore(number=1, records=0, seed=0, sent=True, which=0)


def test_what_a_snapshot_takes_out_of_a_log_is_kept_beside_it() -> None:
    """A holder that has forked gets a snapshot, and its disk is copied before it has read its own letter."""
    with small_tree({"n0": "", "n1": "n0", "n2": "n0", "n3": "n1"}) as trees:
        trees.swap(number=3, records=1, seed=0, sent=True, which=0)
        trees.prune(number=1)
        trees.everybody_records(seed=0)
        trees.swap(number=1, records=0, seed=0, sent=True, which=0)
        trees.everybody_records(seed=0)
        trees.copy_all()
        trees.swap(number=3, records=0, seed=0, sent=False, which=1)


def test_a_commit_that_a_parent_confirmed_and_gave_up_leaves_the_log_when_a_snapshot_comes() -> None:
    """The relay was restored and took it, and learned from the pruned root that there is another commit of that number."""
    with small_tree({"n0": "", "n1": "n0", "n2": "n0", "n3": "n2"}) as trees:
        trees.swap(number=3, records=1, seed=0, sent=True, which=0)
        trees.prune(number=0)
        trees.swap(number=2, records=0, seed=0, sent=False, which=0)
